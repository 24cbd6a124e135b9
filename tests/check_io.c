/* Files of tensors: what we write we read back, what the official packages wrote we read (tests/fixtures/io, made by
 * tools/make_io_fixtures.py), equal input gives equal bytes, misuse and lack of memory are errors that leave nothing
 * behind. Hostile files are in check_io_hostile.c. */
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/mem.h"
#include "io/tensor_file.h"
#include "base/utf8.h"
#include "sys/file.h"
#include "tests/folder.h"

enum { MAX_BYTES = 4096 };

/* Element i of every tensor of the fixtures. */
static float rule(int64_t i) { return (float)(i % 61 - 30); }

/* clang-format off */
static const struct {
    const char *name;
    enum dtype dtype;
    int nd;
    int64_t ne[TF_MAX_DIMS];
} wanted[] = {
    {"scalar", DT_F32, 0, {0}},        {"vector.f32", DT_F32, 1, {5}},     {"matrix.f16", DT_F16, 2, {3, 7}},
    {"cube.bf16", DT_BF16, 3, {2, 1, 3}}, {"four.i32", DT_I32, 4, {1, 2, 3, 1}}, {"weights.q8_0", DT_Q8_0, 2, {3, 64}},
    {"n\xc3\xa4me \"quoted\"\\\x01", DT_F32, 1, {1}},
};
/* clang-format on */

/* The bytes of tensor i: any pattern will do. Returns how many. */
static size_t make_data(uint8_t *out, size_t i)
{
    int64_t n = 1;
    for (int k = 0; k < wanted[i].nd; k++) n *= wanted[i].ne[k];
    size_t bytes = format_bytes(wanted[i].dtype, n);
    for (size_t k = 0; k < bytes; k++) out[k] = (uint8_t)(k * 7 + i * 31 + 1);
    return bytes;
}

static bool storable(bool gguf, size_t i) { return gguf || formats[wanted[i].dtype].safetensors_name; }

static int write_metadata(struct tf_writer *w, bool gguf, struct err *e)
{
    static const char *const strs[] = {"a", "", "b\0c", "\xff"};
    static const size_t lens[] = {1, 0, 3, 1};
    static const int32_t ints[] = {INT32_MIN, -1, 0, INT32_MAX};
    static const float floats[] = {0.5f, -INFINITY};
    TRY(tf_writer_kv_str(w, "format", "autarky \"quoted\" \\ \n \xe4\xbd\xa0", e));
    TRY(tf_writer_kv_str(w, "empty", "", e));
    if (!gguf) return OK;
    TRY(tf_writer_kv_u32(w, "x.u32", UINT32_MAX, e));
    TRY(tf_writer_kv_f32(w, "x.f32", 0.1f, e));
    TRY(tf_writer_kv_bool(w, "x.yes", true, e));
    TRY(tf_writer_kv_bool(w, "x.no", false, e));
    TRY(tf_writer_kv_str_array(w, "x.strs", strs, lens, 4, e));
    TRY(tf_writer_kv_str_array(w, "x.none", NULL, NULL, 0, e));
    TRY(tf_writer_kv_i32_array(w, "x.ints", ints, 4, e));
    return tf_writer_kv_f32_array(w, "x.floats", floats, 2, e);
}

/* piece: data come in pieces of this many bytes; 0: one piece per tensor. */
static int write_body(struct tf_writer *w, bool gguf, size_t piece, struct err *e)
{
    uint8_t data[MAX_BYTES];
    TRY(write_metadata(w, gguf, e));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (storable(gguf, i)) TRY(tf_writer_declare(w, wanted[i].name, wanted[i].dtype, wanted[i].nd, wanted[i].ne, e));
    TRY(tf_writer_begin(w, e));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!storable(gguf, i)) continue;
        size_t n = make_data(data, i);
        for (size_t k = 0, len; k < n; k += len) {
            len = piece && piece < n - k ? piece : n - k;
            TRY(tf_writer_data(w, data + k, len, e));
        }
    }
    return OK;
}

static int write_file(const char *path, bool gguf, size_t piece, struct err *e)
{
    struct tf_writer *w;
    TRY(gguf ? tf_writer_gguf(&w, path, e) : tf_writer_safetensors(&w, path, e));
    int rc = write_body(w, gguf, piece, e);
    if (rc) {
        tf_writer_abort(w);
        return rc;
    }
    return tf_writer_commit(w, e);
}

static void check_written_tensors(const struct tf *f, bool gguf)
{
    uint8_t data[MAX_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!storable(gguf, i)) {
            CHECK(!tf_find(f, wanted[i].name), "%s should not be there", wanted[i].name);
            continue;
        }
        n++;
        const struct tf_tensor *t = tf_find(f, wanted[i].name);
        CHECK(t != NULL, "%s is missing", wanted[i].name);
        if (!t) continue;
        size_t bytes = make_data(data, i);
        bool scalar_as_vector = gguf && wanted[i].nd == 0;
        CHECK(t->known && t->dtype == wanted[i].dtype, "%s: type %d", t->name, (int)t->dtype);
        CHECK(t->nd == (scalar_as_vector ? 1 : wanted[i].nd), "%s: %d dimensions", t->name, t->nd);
        for (int k = 0; k < wanted[i].nd; k++) CHECK(t->ne[k] == wanted[i].ne[k], "%s: dimension %d", t->name, k);
        CHECK(t->bytes == bytes && !memcmp(t->data, data, bytes), "%s: data differ", t->name);
        CHECK(!gguf || t->offset % 32 == 0, "%s: at %llu", t->name, (unsigned long long)t->offset);
        CHECK(!strcmp(tf_file_of(f, t), f->path), "%s: in %s", t->name, tf_file_of(f, t));
    }
    CHECK(f->n_tensors == n, "%zu tensors, wrote %zu", f->n_tensors, n);
    CHECK(!tf_find(f, "") && !tf_find(f, "vector") && !tf_find(f, "zzz"), "found what is not there");
}

static void check_written_metadata(const struct tf *f, bool gguf)
{
    struct err e;
    bool found, b = false;
    int64_t v = 0;
    double d = 0;
    char *s = NULL;
    CHECK_OK(tf_kv_str(f, "format", &s, &found, &e), &e);
    CHECK(found && s && !strcmp(s, "autarky \"quoted\" \\ \n \xe4\xbd\xa0"), "format is %s", s ? s : "missing");
    mem_free(s);
    CHECK(f->n_kv == (gguf ? 10u : 2u), "%zu metadata entries", f->n_kv);
    if (!gguf) return;
    CHECK(!strcmp(f->kv[0].key, "format") && !strcmp(f->kv[9].key, "x.floats"), "the order changed");
    CHECK(tf_kv_i64(f, "x.u32", 0, UINT32_MAX, &v, &found, &e) == OK && found && v == UINT32_MAX, "x.u32 is %lld",
          (long long)v);
    CHECK(tf_kv_i64(f, "x.u32", 0, UINT32_MAX - 1, &v, &found, &e) == ERR_FORMAT, "x.u32 above its limit");
    CHECK(tf_kv_i64(f, "format", 0, 1, &v, &found, &e) == ERR_FORMAT && strstr(e.msg, "is a string"), "text as a number");
    CHECK(tf_kv_i64(f, "nothing", 0, 1, &v, &found, &e) == OK && !found, "a key that is not there");
    CHECK(tf_kv_f64(f, "x.f32", &d, &found, &e) == OK && found && d == (double)0.1f, "x.f32 is %g", d);
    CHECK(tf_kv_f64(f, "x.u32", &d, &found, &e) == OK && d == UINT32_MAX, "an integer as a number");
    CHECK(tf_kv_f64(f, "x.yes", &d, &found, &e) == ERR_FORMAT, "a bool as a number");
    CHECK(tf_kv_bool(f, "x.yes", &b, &found, &e) == OK && found && b, "x.yes");
    CHECK(tf_kv_bool(f, "x.no", &b, &found, &e) == OK && found && !b, "x.no");
    CHECK(tf_kv_bool(f, "x.u32", &b, &found, &e) == ERR_FORMAT, "a number as a bool");
    CHECK(tf_kv_str(f, "x.u32", &s, &found, &e) == ERR_FORMAT, "a number as text");
}

static void check_written_arrays(const struct tf *f)
{
    const struct tf_kv *strs = tf_find_kv(f, "x.strs"), *ints = tf_find_kv(f, "x.ints"),
                       *floats = tf_find_kv(f, "x.floats");
    const char *s;
    size_t len, total = 0;
    uint64_t pos = 0, n = 0;
    int64_t v = 1;
    double d = 0;
    CHECK(strs && ints && floats, "arrays are missing");
    if (!strs || !ints || !floats) return;
    while (tf_array_next_str(strs, &pos, &s, &len)) {
        total += len;
        CHECK(n != 2 || (len == 3 && !memcmp(s, "b\0c", 3)), "string 2");
        n++;
    }
    CHECK(n == 4 && total == 5, "%llu strings of %zu bytes", (unsigned long long)n, total);
    CHECK(tf_array_i64(ints, 0, &v) && v == INT32_MIN, "element 0 is %lld", (long long)v);
    CHECK(tf_array_i64(ints, 3, &v) && v == INT32_MAX, "element 3 is %lld", (long long)v);
    CHECK(!tf_array_i64(ints, 4, &v) && !tf_array_i64(ints, UINT64_MAX, &v), "an element behind the end");
    CHECK(tf_array_f64(ints, 1, &d) && d == -1, "an integer as a number is %g", d);
    CHECK(tf_array_f64(floats, 0, &d) && d == 0.5, "float 0 is %g", d);
    CHECK(tf_array_f64(floats, 1, &d) && d == -INFINITY, "float 1 is %g", d);
    CHECK(!tf_array_i64(floats, 0, &v) && !tf_array_i64(strs, 0, &v), "not integers");
    pos = 0;
    CHECK(!tf_array_next_str(ints, &pos, &s, &len), "not strings");
}

static void check_round_trip(bool gguf)
{
    const char *path = in_dir("a");
    struct tf f;
    struct err e;
    char *one, *two;
    size_t n1, n2;
    CHECK_OK(write_file(path, gguf, 0, &e), &e);
    if (tf_open(&f, path, &e)) {
        CHECK(false, "%s", e.msg);
        return;
    }
    CHECK(!strcmp(f.container, gguf ? "gguf" : "safetensors"), "container is %s", f.container);
    check_written_tensors(&f, gguf);
    check_written_metadata(&f, gguf);
    if (gguf) check_written_arrays(&f);
    tf_close(&f);
    tf_close(&f); /* a second time does nothing */
    CHECK_OK(file_read(&one, &n1, path, 1 << 20, &e), &e);
    CHECK_OK(write_file(path, gguf, 3, &e), &e);
    CHECK_OK(file_read(&two, &n2, path, 1 << 20, &e), &e);
    CHECK(n1 == n2 && !memcmp(one, two, n1), "the same content gives other bytes");
    mem_free(one);
    mem_free(two);
    CHECK_OK(file_remove(path, &e), &e);
}

/* Compares with the rule of the fixtures; q8_0 within its error. */
static void check_rule(const struct tf *f, const char *name, enum dtype dtype, int64_t n)
{
    const struct tf_tensor *t = tf_find(f, name);
    float x[256];
    CHECK(t && t->known && t->dtype == dtype, "%s is missing or of another type", name);
    if (!t || !t->known || t->bytes != format_bytes(dtype, n)) return;
    for (int64_t i = 0; i < n && dtype == DT_I32; i++) {
        int32_t v;
        memcpy(&v, t->data + 4 * i, 4);
        x[i] = (float)v;
    }
    if (dtype != DT_I32) formats[dtype].to_f32(x, t->data, n);
    for (int64_t i = 0; i < n; i++)
        CHECK(fabsf(x[i] - rule(i)) <= (dtype == DT_Q8_0 ? 0.13f : 0), "%s[%lld] is %g", name, (long long)i, (double)x[i]);
}

static void check_official_gguf_values(const struct tf *f)
{
    static const struct {
        const char *key;
        int64_t value;
    } ints[] = {{"t.u8", 200},
                {"t.i8", -100},
                {"t.u16", 60000},
                {"t.i16", -30000},
                {"t.u32", 4000000000},
                {"t.i32", -2000000000},
                {"t.i64", -9000000000000000000}};
    struct err e;
    bool found, b = false;
    double d = 0;
    int64_t v;
    char *s = NULL;
    for (size_t i = 0; i < ARRAY_LEN(ints); i++)
        CHECK(tf_kv_i64(f, ints[i].key, INT64_MIN, INT64_MAX, &v, &found, &e) == OK && found && v == ints[i].value, "%s",
              ints[i].key);
    CHECK(tf_kv_i64(f, "t.u64", INT64_MIN, INT64_MAX, &v, &found, &e) == ERR_FORMAT, "t.u64 does not fit");
    CHECK(tf_find_kv(f, "t.u64") && tf_find_kv(f, "t.u64")->v.u == 18000000000000000000u, "t.u64");
    CHECK(tf_kv_f64(f, "t.f32", &d, &found, &e) == OK && d == 0.15625, "t.f32 is %g", d);
    CHECK(tf_kv_f64(f, "t.f64", &d, &found, &e) == OK && d == 0.1, "t.f64 is %g", d);
    CHECK(tf_kv_bool(f, "t.bool", &b, &found, &e) == OK && b, "t.bool");
    CHECK(tf_kv_str(f, "t.str", &s, &found, &e) == OK && s && !strcmp(s, "h\xc3\xa9llo \xe4\xbd\xa0\xe5\xa5\xbd"), "t.str");
    mem_free(s);
    const struct tf_kv *bools = tf_find_kv(f, "t.bools");
    CHECK(bools && tf_array_i64(bools, 0, &v) && v == 1 && tf_array_i64(bools, 1, &v) && v == 0, "t.bools");
}

static void check_official(void)
{
    struct tf f;
    struct err e;
    if (tf_open(&f, "tests/fixtures/io/official.gguf", &e)) CHECK(false, "%s", e.msg);
    else {
        check_official_gguf_values(&f);
        check_rule(&f, "a.f32", DT_F32, 6);
        check_rule(&f, "b.f16", DT_F16, 24);
        check_rule(&f, "c.bf16", DT_BF16, 10);
        check_rule(&f, "d.q8_0", DT_Q8_0, 128);
        check_rule(&f, "f.i32", DT_I32, 5);
        const struct tf_tensor *t = tf_find(&f, "e.q4_0");
        CHECK(t && t->known && t->dtype == DT_Q4_0 && t->raw_type == 2 && t->bytes == 36, "e.q4_0");
        CHECK(t && !strcmp(tf_type_name(&f, t), "q4_0"), "the name of its type");
        t = tf_find(&f, "b.f16");
        CHECK(t && t->nd == 3 && t->ne[0] == 2 && t->ne[1] == 3 && t->ne[2] == 4, "b.f16: order of dimensions");
        tf_close(&f);
    }
    if (tf_open(&f, "tests/fixtures/io/official.safetensors", &e)) CHECK(false, "%s", e.msg);
    else {
        check_rule(&f, "a.f32", DT_F32, 6);
        check_rule(&f, "b.f16", DT_F16, 24);
        check_rule(&f, "f.i32", DT_I32, 5);
        check_rule(&f, "scalar", DT_F32, 1);
        const struct tf_tensor *t = tf_find(&f, "mask"), *empty = tf_find(&f, "empty");
        CHECK(t && !t->known && t->bytes == 3 && !strcmp(tf_type_name(&f, t), "BOOL"), "mask");
        CHECK(empty && empty->bytes == 0 && empty->nd == 2 && empty->ne[0] == 0 && empty->ne[1] == 4, "empty");
        tf_close(&f);
    }
    if (tf_open(&f, "tests/fixtures/io/sharded", &e)) CHECK(false, "%s", e.msg);
    else {
        check_rule(&f, "x.weight", DT_F32, 12);
        check_rule(&f, "y.weight", DT_F32, 4);
        check_rule(&f, "z.weight", DT_F32, 2);
        CHECK(f.n_maps == 2 && f.n_tensors == 3 && f.n_kv == 1, "%zu files, %zu tensors", f.n_maps, f.n_tensors);
        const struct tf_tensor *t = tf_find(&f, "z.weight");
        CHECK(t && str_ends_with(tf_file_of(&f, t), "/model-00002-of-00002.safetensors"), "z.weight: its file");
        tf_close(&f);
    }
}

/* All metadata of the official file, copied: every type must come out as it went in. */
static void check_copy(void)
{
    struct tf a, b;
    struct err e;
    struct tf_writer *w;
    const char *path = in_dir("copy");
    if (tf_open(&a, "tests/fixtures/io/official.gguf", &e)) return; /* reported by check_official */
    CHECK_OK(tf_writer_gguf(&w, path, &e), &e);
    for (size_t i = 0; i < a.n_kv; i++) CHECK_OK(tf_writer_kv_copy(w, &a.kv[i], &e), &e);
    CHECK_OK(tf_writer_begin(w, &e), &e);
    CHECK_OK(tf_writer_commit(w, &e), &e);
    CHECK_OK(tf_open(&b, path, &e), &e);
    CHECK(a.n_kv == b.n_kv, "%zu entries became %zu", a.n_kv, b.n_kv);
    for (size_t i = 0; i < a.n_kv && i < b.n_kv; i++) {
        const struct tf_kv *x = &a.kv[i], *y = &b.kv[i];
        bool same = !strcmp(x->key, y->key) && x->gguf_type == y->gguf_type && x->type == y->type;
        if (x->type == TF_STR) same = same && x->v.str.len == y->v.str.len && !memcmp(x->v.str.s, y->v.str.s, x->v.str.len);
        else if (x->type == TF_ARRAY)
            same = same && x->v.array.elem == y->v.array.elem && x->v.array.n == y->v.array.n &&
                   x->v.array.bytes == y->v.array.bytes && !memcmp(x->v.array.data, y->v.array.data, x->v.array.bytes);
        else if (x->type == TF_BOOL) same = same && x->v.b == y->v.b;
        else same = same && x->v.u == y->v.u;
        CHECK(same, "%s changed", x->key);
    }
    tf_close(&a);
    tf_close(&b);
    CHECK_OK(file_remove(path, &e), &e);
}

/* Each misuse is an error, and the old file stays as it was. */
static void check_misuse(void)
{
    static const int64_t one[] = {1}, bad_row[] = {2, 33}, zero[] = {0}, minus[] = {-1}, large[] = {INT64_MAX, 8};
    const char *path = in_dir("misuse");
    struct tf_writer *w;
    struct err e;
    char *text;
    size_t len;
    CHECK_OK(file_replace(path, "old", 3, &e), &e);
    CHECK_OK(tf_writer_gguf(&w, path, &e), &e);
    CHECK(tf_writer_data(w, "x", 1, &e) == ERR_USAGE, "data before begin");
    CHECK(tf_writer_kv_u32(w, "general.alignment", 64, &e) == ERR_USAGE, "another alignment");
    CHECK(tf_writer_kv_u32(w, "", 1, &e) == ERR_USAGE, "an empty key");
    CHECK(tf_writer_kv_u32(w, "a\xff", 1, &e) == ERR_USAGE, "a key that is not UTF-8");
    CHECK(tf_writer_declare(w, "", DT_F32, 1, one, &e) == ERR_USAGE, "an empty name");
    CHECK(tf_writer_declare(w, "a", DT_F32, 5, one, &e) == ERR_USAGE, "five dimensions");
    CHECK(tf_writer_declare(w, "a", DT_COUNT, 1, one, &e) == ERR_USAGE, "no such type");
    tf_writer_abort(w);
    for (int i = 0; i < 4; i++) {
        const int64_t *const shapes[] = {bad_row, zero, minus, large};
        CHECK_OK(tf_writer_gguf(&w, path, &e), &e);
        CHECK(tf_writer_declare(w, "a", i ? DT_F32 : DT_Q8_0, i == 0 || i == 3 ? 2 : 1, shapes[i], &e) == ERR_USAGE,
              "shape %d", i);
        CHECK(tf_writer_begin(w, &e) == ERR_USAGE, "begin after an error");
        CHECK(tf_writer_commit(w, &e) == ERR_USAGE, "commit after an error");
    }
    for (int i = 0; i < 4; i++) { /* twice the same key, the same name, too few data, too many */
        CHECK_OK(tf_writer_gguf(&w, path, &e), &e);
        CHECK_OK(tf_writer_kv_bool(w, "k", true, &e), &e);
        if (i == 0) CHECK_OK(tf_writer_kv_bool(w, "k", true, &e), &e);
        CHECK_OK(tf_writer_declare(w, "a", DT_F32, 1, one, &e), &e);
        if (i == 1) CHECK_OK(tf_writer_declare(w, "a", DT_F32, 1, one, &e), &e);
        int rc = tf_writer_begin(w, &e);
        CHECK((rc != OK) == (i < 2), "case %d: begin gives %d", i, rc);
        if (i == 2) CHECK_OK(tf_writer_data(w, "abc", 3, &e), &e);
        if (i == 3) CHECK(tf_writer_data(w, "abcde", 5, &e) == ERR_USAGE, "too many data");
        CHECK(tf_writer_commit(w, &e) != OK, "case %d: commit", i);
    }
    CHECK_OK(tf_writer_safetensors(&w, path, &e), &e);
    CHECK(tf_writer_kv_u32(w, "a", 1, &e) == ERR_UNSUPPORTED, "a number in safetensors");
    CHECK(tf_writer_kv_str(w, "a", "\xff", &e) == ERR_FORMAT, "text that is not UTF-8 in safetensors");
    CHECK(tf_writer_declare(w, "__metadata__", DT_F32, 1, one, &e) == ERR_USAGE, "a reserved name");
    CHECK(tf_writer_declare(w, "q", DT_Q8_0, 1, (const int64_t[]){32}, &e) == ERR_UNSUPPORTED, "q8_0 in safetensors");
    tf_writer_abort(w);
    tf_writer_abort(NULL);
    CHECK_OK(file_read(&text, &len, path, 100, &e), &e);
    CHECK(len == 3 && !memcmp(text, "old", 3), "the old file changed");
    mem_free(text);
    CHECK_OK(file_remove(path, &e), &e);
    CHECK(tf_writer_gguf(&w, "/nonexistent/a.gguf", &e) == ERR_IO && !w, "a folder that is not there");
}

/* Many tensors: every one is found, whatever the order of names. */
static void check_many(void)
{
    enum { N = 30000 };
    struct tf_writer *w;
    struct err e;
    struct tf f;
    char name[32];
    static const int64_t ne[] = {1};
    const char *path = in_dir("many");
    CHECK_OK(tf_writer_safetensors(&w, path, &e), &e);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "t.%d", i * 7919 % N);
        if (tf_writer_declare(w, name, DT_I32, 1, ne, &e)) CHECK(false, "%s", e.msg);
    }
    CHECK_OK(tf_writer_begin(w, &e), &e);
    for (int32_t i = 0; i < N; i++) tf_writer_data(w, &i, 4, &e);
    CHECK_OK(tf_writer_commit(w, &e), &e);
    CHECK_OK(tf_open(&f, path, &e), &e);
    int wrong = 0;
    for (int32_t i = 0; i < N && f.n_tensors; i++) {
        snprintf(name, sizeof name, "t.%d", i * 7919 % N);
        const struct tf_tensor *t = tf_find(&f, name);
        wrong += !t || memcmp(t->data, &i, 4) != 0;
    }
    CHECK(f.n_tensors == N && wrong == 0, "%zu tensors, %d wrong", f.n_tensors, wrong);
    tf_close(&f);
    CHECK_OK(file_remove(path, &e), &e);
}

static int open_only(const char *path, struct err *e)
{
    struct tf f;
    TRY(tf_open(&f, path, e));
    tf_close(&f);
    return OK;
}

/* The k-th allocation fails, for every k until none does. */
static void check_no_memory(void)
{
    static const char *const paths[] = {"tests/fixtures/io/official.gguf", "tests/fixtures/io/official.safetensors",
                                        "tests/fixtures/io/sharded"};
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(paths) + 2; i++) {
        bool write = i >= ARRAY_LEN(paths);
        const char *path = write ? in_dir("memory") : paths[i];
        int rc = ERR_MEMORY;
        uint64_t k = 0;
        while (rc && k++ < 10000) {
            int64_t live = mem_live();
            mem_fail_at(k);
            rc = write ? write_file(path, i == ARRAY_LEN(paths), 0, &e) : open_only(path, &e);
            mem_fail_at(0);
            CHECK(mem_live() == live, "%s: allocation %llu fails: %lld blocks leaked", path, (unsigned long long)k,
                  (long long)(mem_live() - live));
            CHECK(rc == OK || rc == ERR_MEMORY, "%s: allocation %llu fails: %s", path, (unsigned long long)k, e.msg);
            CHECK(rc == OK || !write || file_absent(path), "%s: there in spite of an error", path);
        }
        CHECK(rc == OK && k > 5, "%s: ended with %d after %llu allocations", path, rc, (unsigned long long)k);
        if (write) CHECK_OK(file_remove(path, &e), &e);
    }
}

static void check_utf8(void)
{
    static const struct {
        const char *text;
        size_t bad; /* position of the first bad byte; the length when all is good */
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"\xc3\xa9", 2},
                 {"\xf0\x9f\x98\x80", 4},
                 {"a\x80", 1},
                 {"\xc3", 0},
                 {"\xc0\x80", 0},
                 {"\xe0\x80\x80", 0},
                 {"\xed\xa0\x80", 0},
                 {"ab\xf4\x90\x80\x80", 2},
                 {"\xf8\x88\x80\x80\x80", 0},
                 {"\xe2\x82", 0}};
    char out[16];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].text), at = n;
        bool good = utf8_valid(cases[i].text, n, &at);
        CHECK(at == cases[i].bad && good == (at == n), "case %zu: bad byte at %zu", i, at);
    }
    CHECK(utf8_printable(out, sizeof out, "a\x1b[1m\xff", 6) == 6 && !strcmp(out, "a?[1m?"), "printable: %s", out);
    CHECK(utf8_printable(out, 8, "0123456", 7) == 7 && !strcmp(out, "0123456"), "printable: %s", out);
    CHECK(utf8_printable(out, 8, "01234567", 8) == 7 && !strcmp(out, "0123..."), "printable: %s", out);
    CHECK(utf8_printable(out, 8, "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0", 9) == 4 && !strcmp(out, "\xe4\xbd\xa0..."),
          "printable: %s", out);
}

/* check_io FOLDER: writes the files of the round trips there, for another program to read. */
static int write_for_others(const char *folder)
{
    char path[512];
    struct err e = {0};
    for (int gguf = 0; gguf < 2; gguf++) {
        int rc = path_join(path, sizeof path, folder, gguf ? "ours.gguf" : "ours.safetensors", &e);
        if (!rc) rc = write_file(path, gguf, 0, &e);
        CHECK(rc == OK, "%s", e.msg);
    }
    return test_end();
}

int main(int argc, char **argv)
{
    if (argc == 2) return write_for_others(argv[1]);
    folder_make();
    check_round_trip(true);
    check_round_trip(false);
    check_official();
    check_copy();
    check_misuse();
    check_many();
    check_no_memory();
    check_utf8();
    CHECK(rmdir(dir) == 0, "%s is not empty: a temporary file was left", dir);
    return test_end();
}
