/* base/: checked arithmetic, errors, memory, arenas, buffers, random numbers, JSON, SHA-256. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/hmac.h"
#include "base/sha256.h"
#include "base/sum64.h"
#include "tests/test.h"
#include <math.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_checked(void)
{
    uint64_t u;
    int64_t i;
    size_t z;
    CHECK(add_u64(UINT64_MAX - 1, 1, &u) && u == UINT64_MAX, "%llu", (unsigned long long)u);
    CHECK(!add_u64(UINT64_MAX, 1, &u), "overflow not seen");
    CHECK(mul_u64(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, &u) && u == UINT64_MAX - UINT32_MAX, "%llx", (unsigned long long)u);
    CHECK(!mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &u), "overflow not seen");
    CHECK(add_size(0, SIZE_MAX, &z) && z == SIZE_MAX, "%zu", z);
    CHECK(!add_size(1, SIZE_MAX, &z), "overflow not seen");
    CHECK(!mul_size(3, SIZE_MAX / 2, &z), "overflow not seen");
    CHECK(mul_i64(INT64_MIN / 2, 2, &i) && i == INT64_MIN, "%lld", (long long)i);
    CHECK(!mul_i64(INT64_MIN, -1, &i), "overflow not seen");
    CHECK(!add_i64(INT64_MAX, 1, &i), "overflow not seen");
    CHECK(align_u64(65, 64, &u) && u == 128, "%llu", (unsigned long long)u);
    CHECK(align_u64(64, 64, &u) && u == 64, "%llu", (unsigned long long)u);
    CHECK(!align_u64(UINT64_MAX - 5, 64, &u), "overflow not seen");
    CHECK(range_ok(0, 10, 10) && range_ok(10, 0, 10), "the whole and the empty end are inside");
    CHECK(!range_ok(1, 10, 10) && !range_ok(11, 0, 10), "outside accepted");
    CHECK(!range_ok(UINT64_MAX, 2, 10) && !range_ok(2, UINT64_MAX, 10), "a sum that overflows accepted");
    CHECK(round_up(0, 64) == 0 && round_up(1, 64) == 64 && ceil_div(7, 3) == 3 && ceil_div(6, 3) == 2, "rounding");
}

static int fails_with_path(const char *path, struct err *e) { FAIL(e, ERR_FORMAT, "%s: offset %d", path, 12); }

static int forwards(struct err *e)
{
    TRY(fails_with_path("x.bin", e));
    return OK;
}

static void check_err(void)
{
    struct err e = {0};
    char path[2000];
    CHECK(forwards(&e) == ERR_FORMAT && e.code == ERR_FORMAT && e.line > 0 && !strcmp(e.msg, "x.bin: offset 12"), "%s", e.msg);
    err_prefix(&e, "%s", "while loading");
    CHECK(!strcmp(e.msg, "while loading: x.bin: offset 12"), "%s", e.msg);
    CHECK(forwards(NULL) == ERR_FORMAT, "without a struct err the code is still returned");
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = 0;
    fails_with_path(path, &e);
    CHECK(strlen(e.msg) == sizeof e.msg - 1, "a message is cut at the end of its buffer, here %zu", strlen(e.msg));
    err_prefix(&e, "%s", path);
    CHECK(strlen(e.msg) < sizeof e.msg && strstr(e.msg, ": ppp"), "a long prefix is cut and the message survives");
}

/* Runs fn in a child that must die of abort(); what it prints is thrown away. */
static bool aborts(void (*fn)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        fn();
        _exit(0);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void allocate_in_guard(void)
{
    mem_guard_begin("decode");
    mem_free(mem_alloc(1));
}

static void check_mem(void)
{
    int64_t live = mem_live();
    uint64_t count = mem_count();
    struct err e;
    char *p = mem_alloc(100);
    int sum = 0;
    for (int i = 0; i < 100; i++) sum |= p[i];
    CHECK(p && (uintptr_t)p % 64 == 0 && sum == 0, "aligned to 64 and zeroed");
    memset(p, 7, 100);
    p = mem_grow(p, 100, 1000);
    CHECK(p[99] == 7 && p[100] == 0 && p[999] == 0, "grown: the old part is kept, the new part is zero");
    mem_free(p);
    p = mem_alloc(0);
    CHECK(p, "zero bytes give a valid pointer");
    mem_free(p);
    mem_free(NULL);
    CHECK(!mem_array(SIZE_MAX / 2, 3) && !mem_alloc(SIZE_MAX) && !mem_alloc(SIZE_MAX - 64), "impossible sizes accepted");
    p = mem_strndup("abcdef", 3);
    CHECK(p && !strcmp(p, "abc"), "%s", p);
    mem_free(p);
    mem_fail_at(2);
    char *a = mem_alloc(1), *b = mem_alloc(1), *c = mem_alloc(1);
    CHECK(a && !b && c, "exactly the second allocation fails");
    mem_free(a);
    mem_free(c);
    void *q;
    mem_fail_at(1);
    CHECK(mem_new(&q, 77, "a test", &e) == ERR_MEMORY && !q && strstr(e.msg, "77 bytes for a test"), "%s", e.msg);
    mem_fail_at(0);
    CHECK(mem_live() == live && mem_count() > count, "%lld blocks live, %lld before", (long long)mem_live(), (long long)live);
    CHECK(aborts(allocate_in_guard), "an allocation in a guarded phase must abort");
    mem_guard_begin("decode");
    mem_guard_end();
    mem_free(mem_alloc(1));
}

/* One pattern of use for a measuring and a real arena: returns the peak. */
static size_t use_arena(struct arena *a, bool *aligned)
{
    *aligned = true;
    for (size_t n = 0; n < 200; n += 13) {
        size_t mark = arena_mark(a);
        char *p = arena_alloc(a, n), *q = arena_alloc_raw(a, 3 * n);
        if (a->base) {
            for (size_t i = 0; i < n; i++) *aligned &= p[i] == 0;
            *aligned &= (uintptr_t)p % 64 == 0 && (uintptr_t)q % 64 == 0;
            memset(p, 1, n);
            memset(q, 2, 3 * n);
        }
        if (n % 2) arena_reset(a, mark);
    }
    return a->peak;
}

static void overrun_arena(void)
{
    struct arena a;
    if (arena_init(&a, 64, "test", NULL)) return;
    arena_alloc(&a, 65);
}

static void check_arena(void)
{
    struct arena measure, real;
    struct err e;
    bool aligned;
    arena_measure(&measure, "test");
    size_t want = use_arena(&measure, &aligned);
    CHECK(want > 0 && !measure.base && arena_alloc(&measure, 1) == NULL, "measuring hands out nothing");
    CHECK_OK(arena_init(&real, want, "test", &e), &e);
    size_t got = use_arena(&real, &aligned);
    CHECK(aligned, "every pointer is aligned to 64 and arena_alloc zeroes, also after a reset");
    CHECK(got == want && real.used <= real.peak && real.peak <= real.cap, "measured %zu, used %zu", want, got);
    arena_free(&real);
    arena_free(&real);
    arena_free(&measure);
    CHECK(aborts(overrun_arena), "running over the end must abort");
    mem_fail_at(1);
    CHECK(arena_init(&real, 1000, "weights", &e) == ERR_MEMORY && strstr(e.msg, "weights"), "%s", e.msg);
    mem_fail_at(0);
    arena_free(&real);
}

static void check_buf(void)
{
    struct buf b = {0};
    struct err e;
    int64_t live = mem_live();
    buf_add_str(&b, "ab");
    buf_add_byte(&b, 'c');
    buf_printf(&b, "%d-%s", 42, "x");
    CHECK(b.len == 7 && !strcmp(b.data, "abc42-x"), "%s", b.data);
    buf_clear(&b);
    buf_u16(&b, 0x1234);
    buf_u32(&b, 0x89abcdef);
    buf_u64(&b, UINT64_C(0x0123456789abcdef));
    CHECK(b.len == 14 && !memcmp(b.data, "\x34\x12\xef\xcd\xab\x89\xef\xcd\xab\x89\x67\x45\x23\x01", 14), "little-endian");
    for (int i = 0; i < 10000; i++) buf_add(&b, "0123456789", 10);
    CHECK(b.len == 100014 && b.data[b.len] == 0 && !memcmp(b.data + 100004, "0123456789", 10), "%zu", b.len);
    CHECK_OK(buf_check(&b, "a test", &e), &e);
    buf_reserve(&b, SIZE_MAX);
    CHECK(b.failed && buf_check(&b, "a test", &e) == ERR_MEMORY && strstr(e.msg, "a test"), "%s", e.msg);
    buf_add(&b, "z", 1);
    CHECK(b.len == 100014, "a failed buffer takes nothing more");
    buf_free(&b);
    mem_fail_at(1);
    buf_add_str(&b, "x");
    mem_fail_at(0);
    CHECK(b.failed && b.len == 0 && !b.data, "a failed allocation sticks");
    buf_free(&b);
    CHECK(mem_live() == live, "%lld blocks leaked", (long long)(mem_live() - live));
}

/* Philox4x32-10, the known-answer vectors of Random123 (kat_vectors): zeros, ones, digits of pi. */
static void check_philox(void)
{
    static const struct {
        uint64_t seed, stream, position; /* key; counter words 2 and 3; counter words 0 and 1 */
        uint32_t want[4];
    } kat[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(kat); i++) {
        uint32_t w[4];
        rng_philox(kat[i].seed, kat[i].stream, kat[i].position, w);
        CHECK(!memcmp(w, kat[i].want, sizeof w), "vector %zu: %08x %08x %08x %08x", i, w[0], w[1], w[2], w[3]);
    }
    CHECK(rng_u64(0, 0, 0) == 0xe169c58d6627e8d5, "%llx", (unsigned long long)rng_u64(0, 0, 0));
    CHECK(rng_stream("") == 0xcbf29ce484222325 && rng_stream("a") == 0xaf63dc4c8601ec8c, "FNV-1a");
}

/* Moments of 2^16 draws. The bounds are five standard errors; the numbers are fixed, so this cannot flicker. */
static void check_distributions(void)
{
    enum { N = 1 << 16 };
    double sum = 0, sq = 0, fourth = 0, usum = 0, umin = 1, umax = 0;
    int hist[7] = {0};
    struct rng r = {.seed = 1, .stream = 2};
    for (uint64_t i = 0; i < N; i++) {
        double x = rng_normal(9, 1, i), u = rng_uniform(9, 2, i);
        sum += x;
        sq += x * x;
        fourth += x * x * x * x;
        usum += u;
        umin = fmin(umin, u);
        umax = fmax(umax, u);
        hist[rng_next_below(&r, 7)]++;
    }
    CHECK(fabs(sum / N) < 5 / sqrt(N), "mean of the normal %g", sum / N);
    CHECK(fabs(sq / N - 1) < 5 * sqrt(2.0 / N), "variance of the normal %g", sq / N);
    CHECK(fabs(fourth / N - 3) < 5 * sqrt(96.0 / N), "fourth moment of the normal %g", fourth / N);
    CHECK(fabs(usum / N - 0.5) < 5 * sqrt(1.0 / 12 / N), "mean of the uniform %g", usum / N);
    CHECK(umin >= 0 && umax < 1, "uniform: from %g to %g", umin, umax);
    CHECK(r.pos == N, "a cursor moves by one");
    for (int i = 0; i < 7; i++) CHECK(abs(hist[i] - N / 7) < 5 * 90, "value %d: %d times of %d", i, hist[i], N);
    for (uint64_t i = 0; i < 100; i++) CHECK(rng_below(3, 4, i, 1) == 0, "below 1 there is only 0");
}

static int parse(const char *text, size_t len, struct err *e)
{
    json_t *v;
    int rc = json_parse(&v, text, len, "t.json", e);
    if (!rc) json_decref(v);
    return rc;
}

static void check_json_strict(void)
{
    static const char *const bad[] = {"", " ", "{", "{\"a\":1,\"a\":2}", "[1,]", "{\"a\":1}x", "nul", "[01]", "[1.]",
                                      "['a']", "{a:1}", "[\"\x01\"]", "[\"\xff\"]", "[\"\\ud800\"]", "[NaN]", "[1e999]", "// c\n[]"};
    static const char *const good[] = {"{}", "[]", " {\"a\": [1, 2.5, true, null, \"\\u00e9\\ud83d\\ude00\"]} \n",
                                       "{\"a\":{\"a\":1}}", "[\"[[[[{{{{\\\"[[[\"]"};
    struct err e;
    char deep[1000];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int rc = parse(bad[i], strlen(bad[i]), &e);
        CHECK(rc == ERR_FORMAT, "%s: accepted", bad[i]);
        CHECK(!strncmp(e.msg, "t.json: line ", 13), "%s: the place is missing in: %s", bad[i], e.msg);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) CHECK_OK(parse(good[i], strlen(good[i]), &e), &e);
    memset(deep, '[', 500);
    memset(deep + 500, ']', 500);
    CHECK(parse(deep, 1000, &e) == ERR_LIMIT && strstr(e.msg, "offset 128"), "%s", e.msg);
    CHECK_OK(parse(deep + 372, 256, &e), &e); /* 128 levels are accepted */
    CHECK(parse("[1]\0", 4, &e) == ERR_FORMAT, "bytes after the text accepted");
}

/* "No limit", as files say it; the digits of strings and of numbers that fit stay. */
static void check_json_big(void)
{
    static const char text[] = "{\"a\":[1000000000000000019884624838656,-99999999999999999999,9223372036854775807],"
                               "\"b\":\"\\\"1000000000000000019884624838656\",\"c\":1.0000000000000000001e2}";
    struct err e;
    json_t *v = NULL;
    CHECK_OK(json_parse(&v, text, sizeof text - 1, "t.json", &e), &e);
    const json_t *a = json_object_get(v, "a"), *c = json_object_get(v, "c");
    CHECK(json_real_value(json_array_get(a, 0)) == 1e30 && json_real_value(json_array_get(a, 1)) == -1e20, "too big integers");
    const char *b = json_string_value(json_object_get(v, "b"));
    CHECK(b && !strcmp(b, "\"1000000000000000019884624838656"), "a string became %s", b);
    CHECK(json_real_value(c) == 100 && json_integer_value(json_array_get(a, 2)) == INT64_MAX, "other long numbers");
    json_decref(v);
    CHECK(parse("[1e999,1000000000000000019884624838656]", 39, &e) == ERR_FORMAT, "an infinite number was accepted");
    CHECK(parse("[01000000000000000019884624838656]", 34, &e) == ERR_FORMAT, "a leading zero was accepted");
}

static void check_json_getters(void)
{
    static const char text[] = "{\"n\":5,\"d\":1.5,\"b\":true,\"s\":\"str\",\"z\":null,"
                               "\"nul\":\"a\\u0000b\",\"big\":99999999999}";
    struct err e;
    json_t *v;
    int64_t n = -1;
    double d = -1;
    bool b = false;
    const char *s = "unset";
    if (json_parse(&v, text, sizeof text - 1, "t.json", &e)) {
        CHECK(false, "%s", e.msg);
        return;
    }
    CHECK_OK(json_get_i64(v, "n", 0, 10, &n, "t", &e), &e);
    CHECK(n == 5, "%lld", (long long)n);
    CHECK(json_get_i64(v, "n", 6, 10, &n, "t", &e) == ERR_FORMAT, "out of range accepted");
    CHECK(!strcmp(e.msg, "t: \"n\" is 5, expected 6 to 10"), "%s", e.msg);
    CHECK(json_get_i64(v, "big", 0, INT32_MAX, &n, "t", &e) == ERR_FORMAT, "out of range accepted");
    CHECK(json_get_i64(v, "missing", 0, 1, &n, "t", &e) == ERR_FORMAT && strstr(e.msg, "missing"), "%s", e.msg);
    CHECK(json_get_i64(v, "z", 0, 1, &n, "t", &e) == ERR_FORMAT, "null counts as missing");
    CHECK(json_get_i64(v, "d", 0, 1, &n, "t", &e) == ERR_FORMAT && strstr(e.msg, "a number"), "%s", e.msg);
    CHECK(json_opt_i64(v, "missing", 0, 1, &n, "t", &e) == OK && n == 5, "an optional one keeps the default");
    CHECK(json_opt_f64(v, "d", 0, 2, &d, "t", &e) == OK && d == 1.5, "%g", d);
    CHECK(json_opt_f64(v, "n", 0, 9, &d, "t", &e) == OK && d == 5, "an integer is a number, %g", d);
    CHECK(json_opt_f64(v, "d", 2, 3, &d, "t", &e) == ERR_FORMAT, "out of range accepted");
    CHECK(json_opt_bool(v, "b", &b, "t", &e) == OK && b, "bool");
    CHECK(json_opt_bool(v, "n", &b, "t", &e) == ERR_FORMAT && strstr(e.msg, "an integer"), "%s", e.msg);
    CHECK(json_opt_str(v, "s", &s, "t", &e) == OK && !strcmp(s, "str"), "%s", s);
    CHECK(json_opt_str(v, "nul", &s, "t", &e) == ERR_FORMAT, "a string with a NUL accepted");
    char *out = json_text(v);
    CHECK(out && !strncmp(out, "{\"n\":5,\"d\":1.5", 14), "compact, in insertion order: %s", out);
    mem_free(out);
    json_decref(v);
}

/* FIPS 180-4 examples and one million letters. */
static void check_sha256(void)
{
    static const struct {
        const char *text, *want;
    } v[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[SHA256_HEX], a[1000];
    struct err e;
    struct sha256 *s;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        CHECK_OK(sha256_of(v[i].text, strlen(v[i].text), hex, &e), &e);
        CHECK(!strcmp(hex, v[i].want), "%s", hex);
    }
    memset(a, 'a', sizeof a);
    CHECK_OK(sha256_new(&s, &e), &e);
    for (int i = 0; i < 1000; i++) sha256_add(s, a, sizeof a);
    sha256_hex(s, hex);
    CHECK(!strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"), "%s", hex);
}

static void check_hmac(void) /* the value is of Python's hmac */
{
    static const unsigned char want[HMAC_BYTES] = {
        0x27, 0x86, 0x39, 0xec, 0x02, 0x30, 0x9d, 0x3a, 0xfd, 0xed, 0x1b, 0x27, 0x3f, 0x13, 0x49, 0xba,
        0x63, 0xb9, 0x08, 0x9c, 0x12, 0x47, 0x6d, 0x71, 0x6b, 0xee, 0x3e, 0xcc, 0x94, 0x67, 0x3e, 0x9e};
    unsigned char key[32], mac[HMAC_BYTES];
    struct err e = {0};
    for (int i = 0; i < 32; i++) key[i] = (unsigned char)i;
    CHECK_OK(hmac_sha256(mac, key, "Hi ", "There", 5, &e), &e);
    CHECK(hmac_same(mac, want), "first byte %02x", mac[0]);
    mac[31] ^= 1;
    CHECK(!hmac_same(mac, want), "a changed proof accepted");
}

static void check_sum(void)
{
    static unsigned char data[4096];
    int same = 0;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)rng_below(3, 1, i, 256);
    for (size_t n = 0; n < 300; n++) {
        uint64_t sum = sum64(data, n);
        for (size_t bit = 0; bit < 8 * n; bit += n > 80 ? 37 : 1) {
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            same += sum64(data, n) == sum;
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
    }
    CHECK(same == 0, "%d bits can be turned unnoticed", same);
    uint64_t sum = sum64(data, sizeof data);
    data[63] ^= 0x80; /* the highest bits of two words that a lane takes one after the other */
    data[127] ^= 0x80;
    CHECK(sum64(data, sizeof data) != sum, "two bits cancel out");
    CHECK(sum64("", 0) != sum64("\0", 1) && sum64("\0", 1) != sum64("\0\0", 2), "zeros at the end are not counted");
}

/* What cannot be added is not left out in silence. */
static void check_json_parts(void)
{
    static const char *const bad[] = {"\xff", "\xed\xa0\x80"};
    struct err e;
    for (int i = 0; i < 4; i++) {
        json_t *list = json_array(), *o = json_object();
        if (i < 2) json_add(list, json_string(bad[i]));
        else if (i == 2) json_put(o, "x", json_real(0.0 / 0.0));
        else mem_fail_at(1);
        if (i == 3) json_add(list, json_integer(1));
        CHECK(!json_text(list) && !json_text_pretty(o), "case %d: a text with something missing", i);
        CHECK(json_bad("the list", &e) == (i == 3 ? ERR_MEMORY : ERR_FORMAT) && strstr(e.msg, "the list"),
              "case %d: %s", i, e.msg);
        json_add(list, json_string("x"));
        char *text = json_text(list);
        CHECK(text && !strcmp(text, "[\"x\"]"), "case %d: %s", i, text ? text : "nothing");
        mem_free(text);
        json_decref(list);
        json_decref(o);
    }
    json_t *v = json_integer(7); /* an empty dump is a failed one */
    mem_fail_at(1);
    char *text = json_text(v);
    mem_fail_at(0);
    CHECK(!text && json_bad("x", &e) == ERR_MEMORY, "an empty text");
    json_decref(v);
}

/* A shortage that is taken for "no" somewhere is found afterwards. */
static void check_shortage(void)
{
    struct err e;
    uint64_t before = mem_shortages();
    CHECK(mem_verdict(OK, before, "x", &e) == OK && mem_verdict(ERR_FORMAT, before, "x", &e) == ERR_FORMAT, "no shortage");
    mem_fail_at(1);
    mem_free(mem_alloc(1));
    CHECK(mem_verdict(OK, before, "it", &e) == ERR_MEMORY && strstr(e.msg, "for it"), "%s", e.msg);
    before = mem_shortages();
    mem_fail_at(1);
    mem_lib_free(mem_lib_alloc(1));
    CHECK(mem_verdict(ERR_LIMIT, before, "it", &e) == ERR_MEMORY, "a library's");
}

int main(void)
{
    check_json_parts();
    check_shortage();
    check_checked();
    check_err();
    check_mem();
    check_arena();
    check_buf();
    check_philox();
    check_distributions();
    check_json_strict();
    check_json_big();
    check_json_getters();
    check_sha256();
    check_hmac();
    check_sum();
    return test_end();
}
