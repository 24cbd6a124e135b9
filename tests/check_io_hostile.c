/* Hostile model files: each known class of attack on loaders as a small change of a good file, truncation at every
 * byte, every flipped bit. Refusals must name the file and the place. Nothing may crash, hang or leak. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "io/tensor_file.h"
#include "sys/file.h"
#include "tests/test.h"

/* Places in the good GGUF file that the cases change. */
enum mark {
    M_MAGIC,
    M_VERSION,
    M_N_TENSORS,
    M_N_KV,
    M_KEY,        /* length of the key "general.alignment"; the bytes follow */
    M_ALIGN_TYPE, /* then the value */
    M_STR,        /* length of the value of "a.str" */
    M_STRS_KEY,
    M_STRS_ELEM, /* then the count, then the strings */
    M_BOOL_TYPE, /* then the value */
    M_INTS_KEY,
    M_INTS_ELEM,
    M_BOOLS,  /* first element of an array of bools */
    M_NAME_W, /* length of the name of tensor "w" */
    M_DIMS_W, /* number of dimensions, then two dimensions of 4 and 2 */
    M_TYPE_W, /* then the offset */
    M_NAME_V,
    M_DIMS_V, /* one dimension of 32 */
    M_TYPE_V,
    M_DATA,
    MARKS
};

static size_t marks[MARKS];

static void add_str(struct buf *b, const char *s)
{
    buf_u64(b, strlen(s));
    buf_add_str(b, s);
}

static void add_kv_head(struct buf *b, const char *key, uint32_t type)
{
    add_str(b, key);
    buf_u32(b, type);
}

static void good_metadata(struct buf *b)
{
    marks[M_KEY] = b->len;
    add_kv_head(b, "general.alignment", 4);
    marks[M_ALIGN_TYPE] = b->len - 4;
    buf_u32(b, 32);
    add_kv_head(b, "a.str", 8);
    marks[M_STR] = b->len;
    add_str(b, "hello");
    marks[M_STRS_KEY] = b->len;
    add_kv_head(b, "b.strs", 9);
    marks[M_STRS_ELEM] = b->len;
    buf_u32(b, 8);
    buf_u64(b, 2);
    add_str(b, "x");
    add_str(b, "yz");
    add_kv_head(b, "c.bool", 7);
    marks[M_BOOL_TYPE] = b->len - 4;
    buf_add_byte(b, 1);
    marks[M_INTS_KEY] = b->len;
    add_kv_head(b, "d.ints", 9);
    marks[M_INTS_ELEM] = b->len;
    buf_u32(b, 5);
    buf_u64(b, 3);
    for (uint32_t i = 0; i < 3; i++) buf_u32(b, i);
    add_kv_head(b, "e.bools", 9);
    buf_u32(b, 7);
    buf_u64(b, 2);
    marks[M_BOOLS] = b->len;
    buf_add(b, "\0\1", 2);
}

/* Two tensors: w f32 (2, 4) at 0, v q8_0 (32) at 32; the file ends with the last byte of v. */
static void good_gguf(struct buf *b)
{
    static const char zeros[128];
    buf_add_str(b, "GGUF");
    marks[M_VERSION] = b->len;
    buf_u32(b, 3);
    marks[M_N_TENSORS] = b->len;
    buf_u64(b, 2);
    marks[M_N_KV] = b->len;
    buf_u64(b, 6);
    good_metadata(b);
    marks[M_NAME_W] = b->len;
    add_str(b, "w");
    marks[M_DIMS_W] = b->len;
    buf_u32(b, 2);
    buf_u64(b, 4);
    buf_u64(b, 2);
    marks[M_TYPE_W] = b->len;
    buf_u32(b, 0);
    buf_u64(b, 0);
    marks[M_NAME_V] = b->len;
    add_str(b, "v");
    marks[M_DIMS_V] = b->len;
    buf_u32(b, 1);
    buf_u64(b, 32);
    marks[M_TYPE_V] = b->len;
    buf_u32(b, 8);
    buf_u64(b, 32);
    buf_add(b, zeros, round_up(b->len, 32) - b->len);
    marks[M_DATA] = b->len;
    buf_add(b, zeros, 32 + 34);
}

/* A file in memory with these bytes; the same path each time. */
static const char *memory_file(const void *data, size_t n)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("hostile", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, n, 0) == (ssize_t)n, "cannot write %zu bytes into memory",
          n);
    return path;
}

/* Opens, reads every byte that open promised, closes. */
static int open_and_look(const char *path, struct err *e)
{
    struct tf f;
    volatile unsigned sum = 0;
    TRY(tf_open(&f, path, e));
    for (size_t i = 0; i < f.n_tensors; i++)
        for (uint64_t k = 0; k < f.tensors[i].bytes; k++) sum += f.tensors[i].data[k];
    for (size_t i = 0; i < f.n_kv; i++) {
        uint64_t pos = 0;
        const char *s;
        size_t len;
        while (tf_array_next_str(&f.kv[i], &pos, &s, &len))
            for (size_t k = 0; k < len; k++) sum += (unsigned char)s[k];
    }
    tf_close(&f);
    return OK;
}

/* The file must be refused with a message that names it, holds `place` and holds `say`. */
static void must_refuse(const char *what, const char *path, const char *place, const char *say)
{
    struct err e = {0};
    int64_t live = mem_live();
    int rc = open_and_look(path, &e);
    CHECK(rc != OK, "%s: was accepted", what);
    CHECK(rc == OK || !strncmp(e.msg, path, strlen(path)), "%s: message does not start with the file: %s", what, e.msg);
    CHECK(rc == OK || strstr(e.msg, place), "%s: message does not have the place \"%s\": %s", what, place, e.msg);
    CHECK(rc == OK || strstr(e.msg, say), "%s: message does not have \"%s\": %s", what, say, e.msg);
    CHECK(mem_live() == live, "%s: %lld blocks leaked", what, (long long)(mem_live() - live));
}

struct gguf_case {
    const char *what;
    enum mark mark;
    int delta;      /* bytes after the mark that are changed */
    int width;      /* bytes of value; 0: text */
    uint64_t value; /* little-endian */
    const char *text;
    int at; /* the message must give the offset mark + at; -1: any offset */
    const char *say;
};

#define HUGE_64 UINT64_MAX
/* clang-format off */
static const struct gguf_case gguf_cases[] = {
    {"other magic", M_MAGIC, 0, 4, 0x46554748, 0, 0, "expected GGUF"},
    {"version 0", M_VERSION, 0, 4, 0, 0, 0, "version is 0, expected 2 or 3"},
    {"version 1", M_VERSION, 0, 4, 1, 0, 0, "version is 1, expected 2 or 3"},
    {"version 4", M_VERSION, 0, 4, 4, 0, 0, "version is 4"},
    {"big-endian", M_VERSION, 0, 4, 0x03000000, 0, 0, "big-endian"},
    {"tensor count -1", M_N_TENSORS, 0, 8, HUGE_64, 0, 0, "expected at most 1048576"},
    {"tensor count that overflows a product of sizes", M_N_TENSORS, 0, 8, UINT64_MAX / 88 + 2, 0, 0, "expected at most"},
    {"tensor count for more memory than the file", M_N_TENSORS, 0, 8, 1 << 20, 0, 0, "expected at most"},
    {"tensor count one too high", M_N_TENSORS, 0, 8, 3, 0, -1, "expected"},
    {"metadata count -1", M_N_KV, 0, 8, HUGE_64, 0, 0, "expected at most 65536"},
    {"metadata count 65536", M_N_KV, 0, 8, 65536, 0, 0, "expected at most"},
    {"metadata count one too high", M_N_KV, 0, 8, 7, 0, -1, "expected"},
    {"metadata count one too low", M_N_KV, 0, 8, 5, 0, -1, "expected"},
    {"key length -1", M_KEY, 0, 8, HUGE_64, 0, 0, "length of a metadata key is 18446744073709551615"},
    {"key length 2^63", M_KEY, 0, 8, 1ull << 63, 0, 0, "length of a metadata key"},
    {"key length 2^32 (truncation to 32 bits)", M_KEY, 0, 8, 17 + (1ull << 32), 0, 0, "length of a metadata key"},
    {"empty key", M_KEY, 0, 8, 0, 0, 0, "is empty"},
    {"key with NUL", M_KEY, 10, 1, 0, 0, 0, "holds a NUL"},
    {"key that is not UTF-8", M_KEY, 10, 1, 0xff, 0, 0, "not valid UTF-8"},
    {"key with an overlong form", M_KEY, 10, 2, 0x80c0, 0, 0, "not valid UTF-8"},
    {"key with a surrogate", M_KEY, 10, 3, 0x80a0ed, 0, 0, "not valid UTF-8"},
    {"key twice", M_INTS_KEY, 8, 0, 0, "b.strs", 0, "a second time"},
    {"value type 13", M_BOOL_TYPE, 0, 4, 13, 0, 0, "is 13, expected 0 to 12"},
    {"value type -1", M_BOOL_TYPE, 0, 4, 0xffffffff, 0, 0, "expected 0 to 12"},
    {"bool 2", M_BOOL_TYPE, 4, 1, 2, 0, 4, "boolean is 2, expected 0 or 1"},
    {"string length -1", M_STR, 0, 8, HUGE_64, 0, 0, "length of a string value"},
    {"string length of the whole file", M_STR, 0, 8, 500, 0, 0, "length of a string value is 500"},
    {"nested array", M_STRS_ELEM, 0, 4, 9, 0, 0, "element type is array"},
    {"array of type 13", M_STRS_ELEM, 0, 4, 13, 0, 0, "element type is 13"},
    {"array of type -1", M_STRS_ELEM, 0, 4, 0xffffffff, 0, 0, "expected 0 to 12"},
    {"array of 2^61 strings", M_STRS_ELEM, 4, 8, 1ull << 61, 0, 4, "number of elements"},
    {"array of strings with one too many", M_STRS_ELEM, 4, 8, 3, 0, -1, "expected"},
    {"array string length -1", M_STRS_ELEM, 12, 8, HUGE_64, 0, 12, "length of a string of an array"},
    {"array string length 2^32", M_STRS_ELEM, 12, 8, 1 + (1ull << 32), 0, 12, "length of a string of an array"},
    {"array of 2^62 integers (product overflows)", M_INTS_ELEM, 4, 8, 1ull << 62, 0, 4, "number of elements"},
    {"array of -1 integers", M_INTS_ELEM, 4, 8, HUGE_64, 0, 4, "number of elements"},
    {"bool 255 in an array", M_BOOLS, 1, 1, 255, 0, 1, "boolean is 255"},
    {"alignment 0 (division)", M_ALIGN_TYPE, 4, 4, 0, 0, -1, "alignment is 0, expected a power of two"},
    {"alignment 1", M_ALIGN_TYPE, 4, 4, 1, 0, -1, "alignment is 1"},
    {"alignment 33", M_ALIGN_TYPE, 4, 4, 33, 0, -1, "alignment is 33"},
    {"alignment 2^21", M_ALIGN_TYPE, 4, 4, 1 << 21, 0, -1, "alignment is 2097152"},
    {"alignment 2^31 (padding overflows)", M_ALIGN_TYPE, 4, 4, 1u << 31, 0, -1, "alignment is 2147483648"},
    {"alignment of another type", M_ALIGN_TYPE, 0, 4, 5, 0, -1, "general.alignment is i32, expected u32"},
    {"tensor name length -1", M_NAME_W, 0, 8, HUGE_64, 0, 0, "length of a tensor name"},
    {"empty tensor name", M_NAME_W, 0, 8, 0, 0, 0, "is empty"},
    {"tensor name with NUL", M_NAME_W, 8, 1, 0, 0, 0, "holds a NUL"},
    {"tensor name that is not UTF-8", M_NAME_W, 8, 1, 0xc3, 0, 0, "not valid UTF-8"},
    {"tensor name twice", M_NAME_V, 8, 1, 'w', 0, 0, "a second time"},
    {"0 dimensions", M_DIMS_W, 0, 4, 0, 0, 0, "is 0, expected 1 to 4"},
    {"5 dimensions", M_DIMS_W, 0, 4, 5, 0, 0, "is 5, expected 1 to 4"},
    {"-1 dimensions", M_DIMS_W, 0, 4, 0xffffffff, 0, 0, "expected 1 to 4"},
    {"dimension 0", M_DIMS_W, 4, 8, 0, 0, 4, "dimension is 0"},
    {"dimension 2^63 (negative)", M_DIMS_W, 4, 8, 1ull << 63, 0, 4, "expected 1 to"},
    {"dimensions whose product overflows", M_DIMS_W, 4, 8, 1ull << 62, 0, -1, "above 2^63"},
    {"dimensions whose product wraps to a small number", M_DIMS_W, 4, 8, (1ull << 63) - 1, 0, -1, "above 2^63"},
    {"bytes that overflow", M_DIMS_W, 4, 8, 1ull << 61, 0, -1, "above 2^63"},
    {"tensor of 4 TiB in a small file", M_DIMS_W, 4, 8, 1ull << 39, 0, -1, "expected to end within the file's"},
    {"tensor one row too long", M_DIMS_V, 4, 8, 64, 0, -1, "expected to end within the file's"},
    {"row that is no multiple of the block", M_DIMS_V, 4, 8, 33, 0, -1, "is 33 elements, expected a multiple of 32"},
    {"type with larger blocks", M_TYPE_W, 0, 4, 12, 0, 0, "expected a multiple of 256"},
    {"offset that is not aligned", M_TYPE_V, 4, 8, 33, 0, 4, "is 33, expected a multiple of 32"},
    {"offset behind the end", M_TYPE_V, 4, 8, 96, 0, -1, "expected to end within the file's"},
    {"offset that overflows", M_TYPE_V, 4, 8, UINT64_MAX - 31, 0, -1, "expected to end within the file's"},
    {"offset 2^63", M_TYPE_V, 4, 8, 1ull << 63, 0, -1, "expected to end within the file's"},
    {"tensors that overlap", M_TYPE_V, 4, 8, 0, 0, -1, "starts inside that of"},
};
/* clang-format on */

static void check_gguf_cases(void)
{
    struct buf good = {0};
    struct err e;
    good_gguf(&good);
    CHECK(open_and_look(memory_file(good.data, good.len), &e) == OK, "the good file is refused: %s", e.msg);
    for (size_t i = 0; i < ARRAY_LEN(gguf_cases); i++) {
        const struct gguf_case *c = &gguf_cases[i];
        char place[64], *copy = mem_strndup(good.data, good.len);
        size_t at = marks[c->mark] + (size_t)c->delta;
        if (c->text) memcpy(copy + at, c->text, strlen(c->text));
        for (int k = 0; k < c->width; k++) copy[at + (size_t)k] = (char)(c->value >> 8 * k);
        if (c->at < 0) snprintf(place, sizeof place, "offset ");
        else snprintf(place, sizeof place, "offset %zu:", marks[c->mark] + (size_t)c->at);
        must_refuse(c->what, memory_file(copy, good.len), place, c->say);
        mem_free(copy);
    }
    for (size_t n = 0; n < good.len; n++) {
        char what[64];
        snprintf(what, sizeof what, "GGUF cut to %zu bytes", n);
        must_refuse(what, memory_file(good.data, n), "offset ", "expected");
    }
    for (size_t bit = 0; bit < 8 * marks[M_DATA]; bit++) {
        good.data[bit / 8] ^= (char)(1 << bit % 8);
        int64_t live = mem_live();
        int rc = open_and_look(memory_file(good.data, good.len), &e);
        CHECK(mem_live() == live && (rc == OK || strstr(e.msg, "offset ")), "bit %zu flipped: leak, or message %s", bit,
              e.msg);
        good.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_free(&good);
}

/* Types that are not ggml's, or not with these bytes: the file opens, and whoever wants the tensor is told. room: bytes to
 * the next tensor, NULL: it can be read. */
static const struct {
    uint32_t type;
    uint64_t row, room;
    const char *say;
} type_cases[] = {
    {0, 64, 256, NULL},
    {0, 64, 4096, NULL}, /* a hole behind a type that all programs agree about */
    {4, 64, 32, "type 4, q4_2 that ggml has given up"},
    {31, 64, 64, "type 31, q4_0_4_4 that ggml has given up"},
    {36, 256, 96, "or i2_s of BitNet"},
    {9, 64, 96, "type 9, q8_1, which is no type to compute with"},
    {27, 64, 512, "type 27, i64, which is no type to compute with"},
    {144, 256, 160, "type 144, iq4_ks of ik_llama.cpp, which this program does not read; take the model in another quantisation"},
    {150, 256, 160, "q8_k128 of ik_llama.cpp"},
    {212, 256, 160, "q4_k_r4 of ik_llama.cpp"},
    {203, 256, 160, "type 203, a type of ik_llama.cpp"},
    {44, 256, 160, "type 44, which no program known here has given out"},
    {400, 256, 160, "type 400, which no program known here has given out"},
    {39, 256, 160, NULL},
    {40, 256, 160, NULL},
    {40, 256, 128, "type 40, nvfp4 here with 144 bytes, but the file has 128 for it: a type of another program"},
    {40, 256, 192, "type 40, nvfp4 here with 144 bytes, but the file has 192 for it"},
    {40, 32, 32, "type 40, nvfp4 here, whose blocks of 64 do not divide rows of 32"},
    {42, 4096, 1152, NULL},
    {42, 4096, 1088, "1152 bytes, but the file has 1088 for it: a type of another program, perhaps q2_0 of PrismML"},
    {43, 256, 256, "type 43, mxfp8 here with 264 bytes, but the file has 256 for it"},
    {43, 256, 288, NULL},
};

static void check_types(void)
{
    struct buf b = {0};
    struct err e = {0};
    struct tf f;
    uint64_t at = 0;
    buf_add_str(&b, "GGUF");
    buf_u32(&b, 3);
    buf_u64(&b, ARRAY_LEN(type_cases));
    buf_u64(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(type_cases); i++) {
        add_str(&b, (char[]){(char)('a' + i), 0});
        buf_u32(&b, 1);
        buf_u64(&b, type_cases[i].row);
        buf_u32(&b, type_cases[i].type);
        buf_u64(&b, at);
        at += type_cases[i].room;
    }
    while (b.len % 32) buf_add_byte(&b, 0);
    for (uint64_t i = 0; i < at; i++) buf_add_byte(&b, 0);
    int rc = tf_open(&f, memory_file(b.data, b.len), &e);
    CHECK_OK(rc, &e);
    for (size_t i = 0; !rc && i < ARRAY_LEN(type_cases); i++) {
        const struct tf_tensor *t = &f.tensors[i];
        const char *say = type_cases[i].say;
        int bad = tf_check_known(&f, t, &e);
        CHECK(t->known == !say && (bad == ERR_UNSUPPORTED) == !!say && (!say || strstr(e.msg, say)), "case %zu, type %u: %s", i,
              type_cases[i].type, bad ? e.msg : "readable");
        CHECK(t->bytes <= type_cases[i].room && (t->known || t->raw_type <= 30 || t->bytes == type_cases[i].room),
              "case %zu: %llu bytes", i, (unsigned long long)t->bytes);
    }
    if (!rc) tf_close(&f);
    buf_free(&b);
}

/* A key or name longer than the limit needs a file that is large enough. */
static void check_long_names(void)
{
    for (int tensor = 0; tensor < 2; tensor++) {
        struct buf b = {0};
        size_t n = tensor ? 256 : 65536;
        buf_add_str(&b, "GGUF");
        buf_u32(&b, 3);
        buf_u64(&b, (uint64_t)tensor);
        buf_u64(&b, (uint64_t)!tensor);
        buf_u64(&b, n);
        for (size_t i = 0; i < n + 256; i++) buf_add_byte(&b, 'n');
        must_refuse(tensor ? "name of 256 bytes" : "key of 65536 bytes", memory_file(b.data, b.len),
                    "offset 24:", "is too long");
        buf_free(&b);
    }
}

struct st_case {
    const char *what, *header;
    size_t data; /* bytes after the header */
    const char *say;
};

#define T(dtype, shape, off) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" off "}"
/* clang-format off */
static const struct st_case st_cases[] = {
    {"first byte of the header", "[]", 0, "expected GGUF or a safetensors header"},
    {"cut JSON", "{\"a\":", 0, "is not an object"},
    {"two JSON values", "{}{}", 0, "not valid JSON"},
    {"bytes after the JSON", "{} x", 0, "not valid JSON"},
    {"comment", "{/**/}", 0, "not valid JSON"},
    {"bytes that are not UTF-8", "{\"\xff\":" T("F32", "[]", "[0,4]") "}", 4, "not valid JSON"},
    {"lone surrogate", "{\"\\ud800\":" T("F32", "[]", "[0,4]") "}", 4, "not valid JSON"},
    {"name with NUL", "{\"a\\u0000b\":" T("F32", "[]", "[0,4]") "}", 4, "holds a NUL"},
    {"tensor twice", "{\"a\":" T("F32", "[]", "[0,4]") ",\"a\":" T("F32", "[]", "[4,8]") "}", 8, "a second time"},
    {"key twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "a second time"},
    {"empty name", "{\"\":" T("F32", "[]", "[0,4]") "}", 4, "is empty"},
    {"tensor is a number", "{\"a\":1}", 0, "is not an object"},
    {"tensor is null", "{\"a\":null}", 0, "is not an object"},
    {"no dtype", "{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "expected exactly dtype"},
    {"one key too many", "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}}", 4, "has key \"x\""},
    {"dtype is a number", "{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype is not a string"},
    {"unknown dtype", "{\"a\":" T("F31", "[]", "[0,4]") "}", 4, "dtype is \"F31\""},
    {"dtype with NUL", "{\"a\":" T("F32\\u0000", "[]", "[0,4]") "}", 4, "dtype is \"F32?\""},
    {"dtype with an escape sequence", "{\"a\":" T("\\u001b[2J", "[]", "[0,4]") "}", 4, "dtype is \"?[2J\""},
    {"shape is an object", "{\"a\":" T("F32", "{}", "[0,4]") "}", 4, "shape is not an array"},
    {"shape with a negative number", "{\"a\":" T("F32", "[-1]", "[0,4]") "}", 4, "is -1, expected 0 to"},
    {"shape with a fraction", "{\"a\":" T("F32", "[1.0]", "[0,4]") "}", 4, "is not an integer"},
    {"shape with 2^64", "{\"a\":" T("F32", "[18446744073709551616]", "[0,4]") "}", 4, "is 18446744073709551616, expected 0 to"},
    {"shape with true", "{\"a\":" T("F32", "[true]", "[0,4]") "}", 4, "is not an integer"},
    {"9 dimensions", "{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "has more than 8 elements"},
    {"product that overflows", "{\"a\":" T("F32", "[4611686018427387904,4]", "[0,0]") "}", 0, "overflows"},
    {"product hidden by a zero", "{\"a\":" T("F32", "[0,4611686018427387904,4]", "[0,0]") "}", 0, "overflows"},
    {"bytes that overflow", "{\"a\":" T("F64", "[4611686018427387904]", "[0,0]") "}", 0, "overflows"},
    {"half a byte", "{\"a\":" T("F4", "[3]", "[0,2]") "}", 2, "does not fill bytes"},
    {"offsets of one", "{\"a\":" T("F32", "[]", "[0]") "}", 4, "has 1 elements, expected 2"},
    {"offsets of three", "{\"a\":" T("F32", "[]", "[0,4,8]") "}", 4, "more than 2 elements"},
    {"offsets that fall", "{\"a\":" T("F32", "[]", "[4,0]") "}", 4, "expected to rise"},
    {"negative offset", "{\"a\":" T("F32", "[]", "[-4,0]") "}", 4, "is -4"},
    {"offset behind the end", "{\"a\":" T("F32", "[]", "[0,4]") "}", 3, "it has 64 bytes, its header says 65"},
    {"offset 2^63 - 1", "{\"a\":" T("F32", "[]", "[0,9223372036854775807]") "}", 4, "is 9223372036854775807 bytes"},
    {"fewer bytes than the shape", "{\"a\":" T("F32", "[2]", "[0,4]") "}", 4, "is 4 bytes, expected 8"},
    {"more bytes than the shape", "{\"a\":" T("F32", "[1]", "[0,8]") "}", 8, "is 8 bytes, expected 4"},
    {"hole at the start", "{\"a\":" T("F32", "[]", "[4,8]") "}", 8, "a hole"},
    {"hole", "{\"a\":" T("F32", "[]", "[0,4]") ",\"b\":" T("F32", "[]", "[8,12]") "}", 12, "a hole"},
    {"overlap", "{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[]", "[4,8]") "}", 8, "an overlap"},
    {"same place", "{\"a\":" T("F32", "[]", "[0,4]") ",\"b\":" T("F32", "[]", "[0,4]") "}", 4, "an overlap"},
    {"bytes after the last tensor (a second file)", "{\"a\":" T("F32", "[]", "[0,4]") "}", 5, "is 1 bytes, expected 0"},
    {"data without tensors", "{}", 1, "expected 0"},
    {"metadata is an array", "{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
    {"metadata with a number", "{\"__metadata__\":{\"a\":1}}", 0, "is not a string"},
    {"metadata with an empty key", "{\"__metadata__\":{\"\":\"x\"}}", 0, "is empty"},
    {"metadata with an object", "{\"__metadata__\":{\"a\":{}}}", 0, "is not a string"},
    {"nesting of 4", "{\"a\":{\"shape\":[[1]]}}", 0, "is not an integer"},
};
/* clang-format on */

static void add_st(struct buf *b, const char *header, size_t data)
{
    buf_u64(b, strlen(header));
    buf_add_str(b, header);
    for (size_t i = 0; i < data; i++) buf_add_byte(b, (int)i);
}

static void check_st_cases(void)
{
    struct buf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(st_cases); i++) {
        buf_clear(&b);
        add_st(&b, st_cases[i].header, st_cases[i].data);
        must_refuse(st_cases[i].what, memory_file(b.data, b.len), "offset ", st_cases[i].say);
    }
    buf_clear(&b);
    buf_u64(&b, 4 + 5000);
    buf_add_str(&b, "{\"a\":");
    for (int i = 0; i < 5000; i++) buf_add_byte(&b, '[');
    must_refuse("nesting of 5000", memory_file(b.data, b.len), "offset ", "is not an object");
    buf_clear(&b);
    buf_u64(&b, 0);
    buf_add_str(&b, "{\"");
    for (int i = 0; i < 256; i++) buf_add_byte(&b, 'n');
    buf_add_str(&b, "\":" T("F32", "[]", "[0,0]") "}");
    b.data[0] = (char)((b.len - 8) & 255);
    b.data[1] = (char)((b.len - 8) >> 8);
    must_refuse("name of 256 bytes", memory_file(b.data, b.len), "offset 9:", "is too long");
    buf_free(&b);
}

static void check_st_lengths(void)
{
    static const uint64_t lengths[] = {0, 1, 3, 1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX - 7, UINT64_MAX};
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct buf b = {0};
        buf_u64(&b, lengths[i]);
        buf_add_str(&b, "{}");
        must_refuse("header length", memory_file(b.data, b.len), "offset 0:", "header length is");
        buf_free(&b);
    }
    struct buf b = {0};
    add_st(&b,
           "{\"__metadata__\":{\"k\":\"v\"},\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("BF16", "[1,2]", "[8,12]") "}  ",
           12);
    CHECK(open_and_look(memory_file(b.data, b.len), &e) == OK, "the good file is refused: %s", e.msg);
    for (size_t n = 0; n < b.len; n++) must_refuse("safetensors cut", memory_file(b.data, n), "offset ", "");
    for (size_t bit = 0; bit < 8 * (b.len - 12); bit++) {
        b.data[bit / 8] ^= (char)(1 << bit % 8);
        int64_t live = mem_live();
        int rc = open_and_look(memory_file(b.data, b.len), &e);
        CHECK(mem_live() == live && (rc == OK || strstr(e.msg, "offset ")), "bit %zu flipped: leak, or message %s", bit,
              e.msg);
        b.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_free(&b);
}

struct folder_case {
    const char *what, *index, *say;
};
#define MAP(shard_a, shard_b) "{\"weight_map\":{\"a\":\"" shard_a "\",\"b\":\"" shard_b "\"}}"
static const struct folder_case folder_cases[] = {
    {"parent folder", MAP("../a.safetensors", "b.safetensors"), "expected a plain file name"},
    {"absolute path", MAP("/etc/a.safetensors", "b.safetensors"), "expected a plain file name"},
    {"folder inside", MAP("x/a.safetensors", "b.safetensors"), "expected a plain file name"},
    {"backslash", MAP("x\\\\a.safetensors", "b.safetensors"), "expected a plain file name"},
    {"two dots inside", MAP("a..safetensors", "b.safetensors"), "expected a plain file name"},
    {"hidden file", MAP(".a.safetensors", "b.safetensors"), "expected a plain file name"},
    {"other ending", MAP("passwd", "b.safetensors"), "expected a plain file name"},
    {"NUL", MAP("a.safetensors\\u0000.safetensors", "b.safetensors"), "expected a plain file name"},
    {"escape sequence", MAP("\\u001b[2Ja.safetensors", "b.safetensors"), "expected a plain file name"},
    {"right-to-left mark", MAP("a\\u202e.safetensors", "b.safetensors"), "expected a plain file name"},
    {"empty name", MAP("", "b.safetensors"), "expected a plain file name"},
    {"shard is a number", "{\"weight_map\":{\"a\":1}}", "is not a string"},
    {"no map", "{}", "weight_map is missing"},
    {"empty map", "{\"weight_map\":{}}", "weight_map is missing"},
    {"map is an array", "{\"weight_map\":[]}", "weight_map is not an object"},
    {"index is an array", "[]", "not an object"},
    {"index is empty", "", "not valid JSON"},
    {"shard that is not there", MAP("a.safetensors", "c.safetensors"), "shard is missing (2 of 2"},
    {"tensor in no shard", "{\"weight_map\":{\"a\":\"a.safetensors\",\"c\":\"b.safetensors\"}}", "is not in any shard"},
    {"tensor in another shard", MAP("b.safetensors", "a.safetensors"), "expected in"},
    {"same tensor in two shards", MAP("a.safetensors", "a2.safetensors"), "a second time"},
    {"tensor twice in the map", "{\"weight_map\":{\"a\":\"a.safetensors\",\"a\":\"a.safetensors\"}}", "a second time"},
    {"map twice", "{\"weight_map\":{\"a\":\"a.safetensors\"},\"weight_map\":{}}", "a second time"},
    {"more after the end", MAP("a.safetensors", "b.safetensors") "{}", "not valid JSON"},
    {"value that is no JSON", "{\"metadata\":nul}", "not valid JSON"},
    {"brackets that do not match", "{\"metadata\":[{]}}", "not valid JSON"},
    {"half a word", "{\"metadata\":[-Infinit]}", "not valid JSON"},
    {"number with a leading zero", "{\"metadata\":[01]}", "not valid JSON"},
    {"deep nesting",
     "{\"metadata\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "nesting of JSON is above 32"},
};

/* A folder with three shards (a, a again, b) and one index after the other. */
static void check_folders(const char *dir)
{
    char path[512];
    struct err e;
    static const struct {
        const char *file, *tensor;
    } shards[] = {{"a.safetensors", "a"}, {"a2.safetensors", "a"}, {"b.safetensors", "b"}};
    for (size_t i = 0; i < ARRAY_LEN(shards); i++) {
        struct buf b = {0};
        char header[128];
        snprintf(header, sizeof header, "{\"%s\":" T("F32", "[1]", "[0,4]") "}", shards[i].tensor);
        add_st(&b, header, 4);
        CHECK_OK(path_join(path, sizeof path, dir, shards[i].file, &e), &e);
        CHECK_OK(file_replace(path, b.data, b.len, &e), &e);
        buf_free(&b);
    }
    must_refuse("folder without a model", dir, "folder", "has neither");
    CHECK_OK(path_join(path, sizeof path, dir, "model.safetensors.index.json", &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(folder_cases); i++) {
        CHECK_OK(file_replace(path, folder_cases[i].index, strlen(folder_cases[i].index), &e), &e);
        must_refuse(folder_cases[i].what, dir, "/", folder_cases[i].say);
    }
    const char *good = MAP("a.safetensors", "b.safetensors");
    CHECK_OK(file_replace(path, good, strlen(good), &e), &e);
    CHECK(open_and_look(dir, &e) == OK, "the good folder is refused: %s", e.msg);
    good = "{\"metadata\":{\"total_size\":1e999,\"x\":[NaN,Infinity,-Infinity,-1,100000000000000000000]},"
           "\"weight_map\":{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}}";
    CHECK_OK(file_replace(path, good, strlen(good), &e), &e);
    CHECK(open_and_look(dir, &e) == OK, "numbers that are not read: %s", e.msg);
    CHECK_OK(file_remove(path, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(shards); i++) {
        CHECK_OK(path_join(path, sizeof path, dir, shards[i].file, &e), &e);
        CHECK_OK(file_remove(path, &e), &e);
    }
}

int main(void)
{
    char dir[] = "/tmp/check-io-XXXXXX";
    check_gguf_cases();
    check_types();
    check_long_names();
    check_st_cases();
    check_st_lengths();
    must_refuse("a device", "/dev/null", "regular file", "");
    must_refuse("no such file", "/nonexistent/model.gguf", "cannot open", "");
    CHECK(mkdtemp(dir), "mkdtemp");
    check_folders(dir);
    CHECK(rmdir(dir) == 0, "%s is not empty", dir);
    return test_end();
}
