/* Models in several files: GGUF in parts, folders with shards and with links, as the hub's cache has them; every type of
 * both containers by its name; opening time and memory for very large models. */
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "io/reader.h"
#include "tests/folder.h"


static void add_str(struct buf *b, const char *s)
{
    buf_u64(b, strlen(s));
    buf_add_str(b, s);
}

static void add_u32(struct buf *b, const char *key, uint32_t v)
{
    add_str(b, key);
    buf_u32(b, 4);
    buf_u32(b, v);
}

static void add_u16(struct buf *b, const char *key, uint16_t v)
{
    add_str(b, key);
    buf_u32(b, 2);
    buf_u16(b, v);
}

/* One part: two tensors of 8 f32 each, PREFIX.a and PREFIX.b, filled with the part's number. A key is left out when its
 * number is negative. */
struct case_part {
    int no, count, total;
    const char *prefix; /* NULL: no tensors */
    uint32_t align;     /* 0: no key */
};

static void make_part(struct buf *b, const struct case_part *p)
{
    uint32_t align = p->align ? p->align : 32;
    int n_kv = (p->no >= 0) + (p->count >= 0) + (p->total >= 0) + (p->align > 0) + 1;
    buf_clear(b);
    buf_add_str(b, "GGUF");
    buf_u32(b, 3);
    buf_u64(b, p->prefix ? 2 : 0);
    buf_u64(b, (uint64_t)n_kv);
    add_u32(b, p->no > 0 ? "of.a.part" : "of.the.model", 7);
    if (p->align) add_u32(b, "general.alignment", p->align);
    if (p->no >= 0) add_u16(b, "split.no", (uint16_t)p->no);
    if (p->count >= 0) add_u16(b, "split.count", (uint16_t)p->count);
    if (p->total >= 0) add_u32(b, "split.tensors.count", (uint32_t)p->total);
    for (int i = 0; p->prefix && i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%c", p->prefix, 'a' + i);
        add_str(b, name);
        buf_u32(b, 1);
        buf_u64(b, 8);
        buf_u32(b, 0);
        buf_u64(b, i == 0 ? 0 : round_up(32, align));
    }
    while (b->len % align) buf_add_byte(b, 0);
    if (!p->prefix) return;
    for (size_t i = 0; i < round_up(32, align) + 32; i++) buf_add_byte(b, p->no);
}

enum { MAX_PARTS = 4 };

/* A set of parts in memory under /m. */
struct set {
    struct buf bytes[MAX_PARTS];
    struct io_memory files[MAX_PARTS];
    size_t n;
};

static void set_make(struct set *s, const struct case_part *parts, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        make_part(&s->bytes[i], &parts[i]);
        s->files[i] = (struct io_memory){names[i], s->bytes[i].data, s->bytes[i].len};
    }
    s->n = n;
}

static void set_free(struct set *s)
{
    for (size_t i = 0; i < MAX_PARTS; i++) buf_free(&s->bytes[i]);
}

static const char *const names3[] = {"/m/x-00001-of-00003.gguf", "/m/x-00002-of-00003.gguf", "/m/x-00003-of-00003.gguf"};
static const struct case_part good3[] = {{0, 3, 6, "one", 0}, {1, 3, 6, "two", 64}, {2, 3, 6, "three", 0}};

/* Whichever part is opened, the same model comes. */
static void check_good_parts(void)
{
    struct set s = {0};
    struct err e;
    struct tf f;
    static const char *const order[] = {"one.a", "one.b", "two.a", "two.b", "three.a", "three.b"};
    set_make(&s, good3, names3, 3);
    for (size_t k = 0; k < 3; k++) {
        int64_t live = mem_live();
        if (tf_open_memory(&f, names3[k], s.files, s.n, &e)) {
            CHECK(false, "%s", e.msg);
            continue;
        }
        CHECK(f.n_tensors == 6 && f.n_maps == 3 && f.alignment == 32, "%zu tensors, %zu files", f.n_tensors, f.n_maps);
        CHECK(f.n_kv == 1 && tf_find_kv(&f, "of.the.model") && !tf_find_kv(&f, "split.no"), "%zu metadata entries", f.n_kv);
        CHECK(!strcmp(f.path, names3[k]), "path is %s", f.path);
        for (size_t i = 0; i < 6; i++) {
            const struct tf_tensor *t = tf_find(&f, order[i]);
            CHECK(t == &f.tensors[i], "%s is not number %zu", order[i], i);
            CHECK(t && t->bytes == 32 && t->data[0] == i / 2 && t->data[31] == i / 2, "%s: data of another part", order[i]);
            CHECK(t && !strcmp(tf_file_of(&f, t), names3[i / 2]), "%s: in %s", order[i], t ? tf_file_of(&f, t) : "");
        }
        tf_close(&f);
        CHECK(mem_live() == live, "%lld blocks leaked", (long long)(mem_live() - live));
    }
    /* A first part without tensors, as some writers make. */
    static const struct case_part empty[] = {{0, 2, 2, NULL, 0}, {1, 2, 2, "two", 0}};
    static const char *const names2[] = {"/m/x-00001-of-00002.gguf", "/m/x-00002-of-00002.gguf"};
    set_make(&s, empty, names2, 2);
    CHECK_OK(tf_open_memory(&f, names2[1], s.files, s.n, &e), &e);
    const struct tf_tensor *t = tf_find(&f, "two.a");
    CHECK(f.n_tensors == 2 && t && !strcmp(tf_file_of(&f, t), names2[1]), "tensors of the second part");
    tf_close(&f);
    /* One part of one, and a file that only has such a name. */
    static const char *const name1[] = {"/m/x.gguf", "/m/x-00002-of-00003.gguf"};
    set_make(&s, &(struct case_part){0, 1, 2, "one", 0}, name1, 1);
    CHECK_OK(tf_open_memory(&f, name1[0], s.files, s.n, &e), &e);
    tf_close(&f);
    set_make(&s, &(struct case_part){-1, -1, -1, "one", 0}, name1 + 1, 1);
    CHECK_OK(tf_open_memory(&f, name1[1], s.files, s.n, &e), &e);
    tf_close(&f);
    set_free(&s);
}

/* Each damaged set must be refused with a message that names the file and says what was wanted. */
static void check_bad_parts(void)
{
    static const struct {
        const char *what;
        int changed; /* this part of the good set... */
        struct case_part part; /* ...becomes this; count -2: it is missing */
        const char *say;
    } cases[] = {
        {"missing first part", 0, {0, -2, 0, NULL, 0}, "x-00001-of-00003.gguf: part 1 of 3 is missing"},
        {"missing part", 1, {0, -2, 0, NULL, 0}, "x-00002-of-00003.gguf: part 2 of 3 is missing"},
        {"another number", 1, {2, 3, 6, "two", 0}, "x-00002-of-00003.gguf: metadata \"split.no\" is 2, expected 1"},
        {"number of the first", 1, {0, 3, 6, "two", 0}, "\"split.no\" is 0, expected 1"},
        {"number behind the last", 1, {3, 3, 6, "two", 0}, "split.no is 3, expected 0 to 2"},
        {"other count", 1, {1, 4, 6, "two", 0}, "\"split.count\" is 4, expected 3"},
        {"a whole file", 1, {-1, -1, -1, "two", 0}, "\"split.count\" is 1, expected 3"},
        {"no number", 1, {-1, 3, 6, "two", 0}, "split.no is missing"},
        {"no total", 1, {1, 3, -1, "two", 0}, "split.tensors.count is missing"},
        {"other total", 1, {1, 3, 7, "two", 0}, "\"split.tensors.count\" is 7, expected 6"},
        {"total too high", 0, {0, 3, 7, "one", 0}, "\"split.tensors.count\" is 6, expected 7"},
        {"fewer tensors", 1, {1, 3, 6, NULL, 0}, "\"split.tensors.count\" is 6, but the parts have 4 tensors"},
        {"tensor twice", 1, {1, 3, 6, "one", 0}, "x-00002-of-00003.gguf: offset "},
        {"bad alignment", 1, {1, 3, 6, "two", 33}, "alignment is 33"},
        {"too many parts", 2, {2, 20000, 6, "three", 0}, "split.count is 20000, expected 0 to 10000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct set s = {0};
        struct case_part parts[3] = {good3[0], good3[1], good3[2]};
        struct err e;
        struct tf f;
        parts[cases[i].changed] = cases[i].part;
        set_make(&s, parts, names3, 3);
        if (cases[i].part.count == -2) s.files[cases[i].changed].path = "/m/elsewhere";
        int64_t live = mem_live();
        int rc = tf_open_memory(&f, names3[2], s.files, s.n, &e);
        CHECK(rc != OK && strstr(e.msg, cases[i].say) && !strncmp(e.msg, "/m/x-0000", 9), "%s: %s", cases[i].what,
              rc ? e.msg : "accepted");
        CHECK(mem_live() == live, "%s: leak", cases[i].what);
        set_free(&s);
    }
    static const char *const wrong_names[] = {"/m/x.gguf", "/m/x-00002-of-00004.gguf", "/m/x-00001-of-00003.gguf",
                                              "/m/x-0002-of-0003.gguf", "-00002-of-00003.gguf"};
    for (size_t i = 0; i < ARRAY_LEN(wrong_names); i++) {
        struct set s = {0};
        struct err e;
        struct tf f;
        set_make(&s, &good3[1], &wrong_names[i], 1);
        int rc = tf_open_memory(&f, wrong_names[i], s.files, 1, &e);
        CHECK(rc != OK && strstr(e.msg, wrong_names[i]) == e.msg, "%s: %s", wrong_names[i], rc ? e.msg : "accepted");
        set_free(&s);
    }
}

/* The k-th allocation fails, for every k until none does. */
static void check_parts_no_memory(void)
{
    struct set s = {0};
    struct err e;
    struct tf f;
    int rc = ERR_MEMORY;
    uint64_t k = 0;
    set_make(&s, good3, names3, 3);
    while (rc && k++ < 1000) {
        int64_t live = mem_live();
        mem_fail_at(k);
        rc = tf_open_memory(&f, names3[1], s.files, s.n, &e);
        mem_fail_at(0);
        if (!rc) tf_close(&f);
        CHECK(mem_live() == live && (rc == OK || rc == ERR_MEMORY), "allocation %llu: %lld leaked, %s", (unsigned long long)k,
              (long long)(mem_live() - live), rc ? e.msg : "opened");
    }
    CHECK(rc == OK && k > 20, "ended with %d after %llu allocations", rc, (unsigned long long)k);
    set_free(&s);
}

/* ---- folders ---- */

static void write_st(const char *path, const char *header, size_t data)
{
    struct buf b = {0};
    struct err e;
    buf_u64(&b, strlen(header));
    buf_add_str(&b, header);
    for (size_t i = 0; i < data; i++) buf_add_byte(&b, (int)i);
    CHECK_OK(file_replace(path, b.data, b.len, &e), &e);
    buf_free(&b);
}

#define T(dtype, shape, off) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" off "}"
#define SHARD_1 "model-00001-of-000002.safetensors"
#define SHARD_2 "model-00002-of-000002.safetensors"

/* The layout of DeepSeek V3's folders in small: FP8 with scales, a shard with a tensor that the index does not name, files
 * as links into a folder of blobs. */
static void check_hub_folder(void)
{
    static const char *const links[][2] = {{"model.safetensors.index.json", "../../blobs/i"}, {SHARD_1, "../../blobs/1"},
                                           {SHARD_2, "../../blobs/2"}};
    static const char index[] = "{\"metadata\": {\"total_size\": 1369062772000},\n \"weight_map\": {\n"
                                "  \"a.weight\": \"" SHARD_1 "\",\n  \"a.weight_scale_inv\": \"" SHARD_1 "\",\n"
                                "  \"b.bias\": \"" SHARD_2 "\"}}\n";
    struct err e;
    struct tf f;
    CHECK_OK(file_mkdirs(in_dir("hub/blobs"), &e), &e);
    CHECK_OK(file_mkdirs(in_dir("hub/snapshots/c0ffee"), &e), &e);
    CHECK_OK(file_replace(in_dir("hub/blobs/i"), index, strlen(index), &e), &e);
    write_st(in_dir("hub/blobs/1"), "{\"a.weight\":" T("F8_E4M3", "[2,3]", "[0,6]") ",\"a.weight_scale_inv\":"
             T("F32", "[1,1]", "[6,10]") ",\"__metadata__\":{\"format\":\"pt\"}}  ", 10);
    write_st(in_dir("hub/blobs/2"), "{\"b.bias\":" T("BF16", "[2]", "[0,4]") ",\"extra\":" T("I64", "[1]", "[4,12]") "}", 12);
    const char *folder = in_dir("hub/snapshots/c0ffee");
    char path[600];
    for (int n = 0; n <= 3; n++) { /* with n of the links there */
        int rc = tf_open(&f, folder, &e);
        CHECK(n == 3 ? rc == OK : rc == ERR_NOTFOUND, "%d links: %s", n, rc ? e.msg : "opened");
        CHECK(n != 1 || strstr(e.msg, SHARD_1 ": shard is missing (1 of 2"), "%s", e.msg);
        CHECK(n != 2 || strstr(e.msg, SHARD_2 ": shard is missing (2 of 2"), "%s", e.msg);
        if (n == 3) break;
        snprintf(path, sizeof path, "%s/%s", folder, links[n][0]);
        CHECK(symlink(links[n][1], path) == 0, "symlink");
    }
    const struct tf_tensor *w = tf_find(&f, "a.weight"), *s = tf_find(&f, "a.weight_scale_inv"), *x = tf_find(&f, "extra");
    CHECK(w && w->known && w->dtype == DT_F8_E4M3 && w->bytes == 6 && w->ne[0] == 2 && w->data[1] == 1, "a.weight");
    CHECK(s && s->known && s->dtype == DT_F32 && s->nd == 2, "its scale");
    CHECK(x && !x->known && !strcmp(tf_type_name(&f, x), "I64") && f.n_tensors == 4, "a tensor that the index does not name");
    CHECK(tf_find_kv(&f, "format") && f.n_maps == 2, "metadata of the first shard");
    tf_close(&f);
    for (int n = 0; n < 3; n++) {
        snprintf(path, sizeof path, "%s/%s", folder, links[n][0]);
        CHECK_OK(file_remove(path, &e), &e);
    }
}

static void check_pickle(void)
{
    static const char *const names[] = {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth",
                                        "model.pt", "pytorch_model.bin.index.json", "x.ckpt", "a.pkl"};
    static const char *const starts[] = {"PK\3\4 and so on", "\x80\x02}q\1 and so on"};
    struct err e;
    struct tf f;
    CHECK_OK(file_mkdirs(in_dir("pickle"), &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", in_dir("pickle"), names[i]);
        CHECK_OK(file_replace(path, starts[i % 2], 10, &e), &e);
        CHECK(tf_open(&f, in_dir("pickle"), &e) == ERR_UNSUPPORTED && strstr(e.msg, "pickle is never read") &&
                  strstr(e.msg, "ask for safetensors") && strstr(e.msg, names[i]), "%s: %s", names[i], e.msg);
        CHECK(tf_open(&f, path, &e) == ERR_UNSUPPORTED && strstr(e.msg, "pickle is never read"), "%s: %s", path, e.msg);
        CHECK_OK(file_remove(path, &e), &e);
    }
    write_st(in_dir("pickle/model.safetensors"), "{\"a\":" T("U8", "[1]", "[0,1]") "}", 1);
    CHECK_OK(file_replace(in_dir("pickle/pytorch_model.bin"), "PK", 2, &e), &e);
    CHECK_OK(tf_open(&f, in_dir("pickle"), &e), &e); /* beside safetensors it does no harm */
    tf_close(&f);
    CHECK_OK(file_remove(in_dir("pickle/model.safetensors"), &e), &e);
    CHECK_OK(file_remove(in_dir("pickle/pytorch_model.bin"), &e), &e);
}

/* ---- types ---- */

/* Bytes of 3072 elements by the documentation of each type. */
static void check_safetensors_types(void)
{
    static const struct {
        const char *name;
        size_t bytes;
        bool known;
    } types[] = {{"BOOL", 3072, 0},   {"U8", 3072, 0},         {"I8", 3072, 0},         {"F8_E5M2", 3072, 0},
                 {"F8_E4M3", 3072, 1}, {"F8_E8M0", 3072, 0},    {"F8_E4M3FNUZ", 3072, 0}, {"F8_E5M2FNUZ", 3072, 0},
                 {"I16", 6144, 0},    {"U16", 6144, 0},        {"F16", 6144, 1},        {"BF16", 6144, 1},
                 {"I32", 12288, 1},   {"U32", 12288, 0},       {"F32", 12288, 1},       {"C64", 24576, 0},
                 {"F64", 24576, 0},   {"I64", 24576, 0},       {"U64", 24576, 0},       {"F4", 1536, 0},
                 {"F6_E2M3", 2304, 0}, {"F6_E3M2", 2304, 0}};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buf b = {0};
        struct err e;
        struct tf f;
        char header[200];
        int n = snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[12,256],\"data_offsets\":[0,%zu]}}",
                         types[i].name, types[i].bytes);
        buf_u64(&b, (uint64_t)n);
        buf_add_str(&b, header);
        for (size_t k = 0; k < types[i].bytes; k++) buf_add_byte(&b, 0);
        int rc = tf_open_memory(&f, "m", &(struct io_memory){"m", b.data, b.len}, 1, &e);
        CHECK_OK(rc, &e);
        CHECK(rc || (!strcmp(tf_type_name(&f, f.tensors), types[i].name) && f.tensors->known == types[i].known), "%s: known",
              types[i].name);
        if (!rc) tf_close(&f);
        buf_free(&b);
    }
}

/* Every type number of ggml: name, and bytes of 256 elements. */
static void check_gguf_types(void)
{
    static const struct {
        uint32_t id;
        const char *name;
        uint64_t bytes;
    } types[] = {{0, "f32", 1024},    {1, "f16", 512},      {2, "q4_0", 144},     {3, "q4_1", 160},    {6, "q5_0", 176},
                 {7, "q5_1", 192},    {8, "q8_0", 272},     {9, "q8_1", 288},     {10, "q2_k", 84},    {11, "q3_k", 110},
                 {12, "q4_k", 144},   {13, "q5_k", 176},    {14, "q6_k", 210},    {15, "q8_k", 292},   {16, "iq2_xxs", 66},
                 {17, "iq2_xs", 74},  {18, "iq3_xxs", 98},  {19, "iq1_s", 50},    {20, "iq4_nl", 144}, {21, "iq3_s", 110},
                 {22, "iq2_s", 82},   {23, "iq4_xs", 136},  {24, "i8", 256},      {25, "i16", 512},    {26, "i32", 1024},
                 {27, "i64", 2048},   {28, "f64", 2048},    {29, "iq1_m", 56},    {30, "bf16", 512},   {31, "q4_0_4_4", 160},
                 {32, "q4_0_4_8", 160}, {33, "q4_0_8_8", 160}, {34, "tq1_0", 54}, {35, "tq2_0", 66},   {36, "iq4_nl_4_4", 160},
                 {37, "iq4_nl_4_8", 160}, {38, "iq4_nl_8_8", 160}, {39, "mxfp4", 136}, {40, "nvfp4", 144}, {41, "q1_0", 36},
                 {42, "q2_0", 72},    {43, "mxfp8", 264},    {144, "iq4_ks", 160}, {399, "q8_k_r8", 288}, {77, "?", 32}};
    struct buf b = {0};
    struct err e;
    struct tf f;
    buf_add_str(&b, "GGUF");
    buf_u32(&b, 3);
    buf_u64(&b, ARRAY_LEN(types));
    buf_u64(&b, 0);
    uint64_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        add_str(&b, types[i].name);
        buf_u32(&b, 1);
        buf_u64(&b, 256);
        buf_u32(&b, types[i].id);
        buf_u64(&b, at);
        at += round_up(types[i].bytes, 32);
    }
    while (b.len % 32) buf_add_byte(&b, 0);
    for (uint64_t i = 0; i < at; i++) buf_add_byte(&b, 0);
    int rc = tf_open_memory(&f, "m", &(struct io_memory){"m", b.data, b.len}, 1, &e);
    CHECK_OK(rc, &e);
    for (size_t i = 0; !rc && i < ARRAY_LEN(types); i++) {
        const struct tf_tensor *t = &f.tensors[i];
        CHECK(t->bytes == types[i].bytes && !strcmp(tf_type_name(&f, t), types[i].name), "type %u: %llu bytes", types[i].id,
              (unsigned long long)t->bytes);
        CHECK(!t->known || t->bytes == format_bytes(t->dtype, 256), "type %u: the table of formats differs", types[i].id);
    }
    if (!rc) tf_close(&f);
    buf_free(&b);
}

/* Five to eight dimensions are listed, and not known. */
static void check_many_dimensions(void)
{
    struct err e;
    struct tf f;
    write_st(in_dir("dims"), "{\"patch\":" T("F32", "[1,3,1,2,1]", "[0,24]") ",\"eight\":" T("U8", "[1,1,1,1,1,1,1,2]", "[24,26]")
             ",\"four\":" T("F32", "[1,1,1,1]", "[26,30]") "}", 30);
    int rc = tf_open(&f, in_dir("dims"), &e);
    CHECK_OK(rc, &e);
    if (rc) return;
    const struct tf_tensor *p = tf_find(&f, "patch"), *q = tf_find(&f, "four"), *x = tf_find(&f, "eight");
    CHECK(p && p->nd == 5 && !p->known && p->ne[1] == 3 && p->ne[3] == 2 && p->bytes == 24, "five dimensions");
    CHECK(q && q->nd == 4 && q->known && x && x->nd == 8 && x->ne[7] == 2, "four and eight dimensions");
    tf_close(&f);
    CHECK_OK(file_remove(in_dir("dims"), &e), &e);
}

/* ---- size ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { N_LARGE = 100000, LARGE_BYTES = 7000000 }; /* 700 GB, all of it a hole in the file */

static void large_name(char name[96], int i)
{
    snprintf(name, 96, "model.layers.%d.mlp.experts.%d.down_proj.weight", i / 1000, i % 1000);
}

static void write_large(const char *path, bool gguf)
{
    struct buf b = {0}, h = {0};
    struct err e;
    char name[96];
    for (int i = 0; i < N_LARGE; i++) {
        large_name(name, i);
        uint64_t at = (uint64_t)i * LARGE_BYTES;
        if (gguf) {
            add_str(&h, name);
            buf_u32(&h, 2);
            buf_u64(&h, LARGE_BYTES / 2000);
            buf_u64(&h, 1000);
            buf_u32(&h, 1);
            buf_u64(&h, at);
        } else {
            buf_printf(&h, "%c\"%s\":{\"dtype\":\"F16\",\"shape\":[1000,%d],\"data_offsets\":[%llu,%llu]}", i ? ',' : '{', name,
                       LARGE_BYTES / 2000, (unsigned long long)at, (unsigned long long)(at + LARGE_BYTES));
        }
    }
    if (gguf) {
        buf_add_str(&b, "GGUF");
        buf_u32(&b, 3);
        buf_u64(&b, N_LARGE);
        buf_u64(&b, 0);
    } else {
        buf_add_byte(&h, '}');
        buf_u64(&b, h.len);
    }
    buf_add(&b, h.data, h.len);
    while (gguf && b.len % 32) buf_add_byte(&b, 0);
    CHECK_OK(file_replace(path, b.data, b.len, &e), &e);
    CHECK(truncate(path, (off_t)(b.len + (uint64_t)N_LARGE * LARGE_BYTES)) == 0, "%s: cannot make a large file", path);
    buf_free(&b);
    buf_free(&h);
}

static int64_t peak_bytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (int64_t)u.ru_maxrss * 1024;
}

static int64_t resident_bytes(void)
{
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %lld", &pages) != 1) CHECK(false, "/proc/self/statm");
    if (f) fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* A header of 100,000 tensors before 700 GB of data: memory of at most four times the header (which is mapped itself), and
 * no time that grows with the square of their number, which would be hours. */
static void check_large(bool gguf)
{
    const char *path = in_dir("large");
    char name[96];
    struct err e;
    struct tf f;
    pid_t child = fork(); /* its memory is not ours */
    if (child == 0) {
        write_large(path, gguf);
        _exit(test_failed != 0);
    }
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the child that writes the file failed");
    int64_t before = resident_bytes();
    clock_t start = clock();
    int rc = tf_open(&f, path, &e);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK_OK(rc, &e);
    if (!rc) {
        int64_t header = (int64_t)(f.tensors[0].offset), grown = peak_bytes() - before;
        printf("%s: %.3f s for %d tensors, header %lld bytes, memory grew by %lld\n", f.container, seconds, N_LARGE,
               (long long)header, (long long)grown);
        CHECK(SANITIZED || grown < 5 * header, "%lld bytes for a header of %lld", (long long)grown, (long long)header);
        large_name(name, 77777);
        const struct tf_tensor *t = tf_find(&f, name);
        CHECK(t && t == &f.tensors[77777] && t->bytes == LARGE_BYTES, "%s", name);
        tf_close(&f);
    }
    CHECK_OK(file_remove(path, &e), &e);
}

static void remove_folders(void)
{
    static const char *const names[] = {"hub/blobs/i", "hub/blobs/1", "hub/blobs/2"};
    static const char *const dirs[] = {"hub/snapshots/c0ffee", "hub/snapshots", "hub/blobs", "hub", "pickle"};
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) CHECK_OK(file_remove(in_dir(names[i]), &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) CHECK(rmdir(in_dir(dirs[i])) == 0, "%s is not empty", dirs[i]);
}

int main(void)
{
    folder_make();
    check_large(true); /* first: peaks of memory are measured */
    check_large(false);
    check_good_parts();
    check_bad_parts();
    check_parts_no_memory();
    check_hub_folder();
    check_pickle();
    check_safetensors_types();
    check_gguf_types();
    check_many_dimensions();
    remove_folders();
    CHECK(rmdir(dir) == 0, "%s is not empty", dir);
    return test_end();
}
