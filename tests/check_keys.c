/* Keys, their limits by a clock of ours, what they have used, the chain of the audit log. */
#include <string.h>
#include <sys/stat.h>
#include "api/api.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/audit.h"
#include "serve/gate.h"
#include "tests/folder.h"

enum { NOW = 1700000000, DAY = 86400 };

/* ---- keys ---- */

static struct key usual(const char *name)
{
    struct key k = {.scopes = 1u << API_ASK, .weight = 1};
    snprintf(k.name, sizeof k.name, "%s", name);
    snprintf(k.tenant, sizeof k.tenant, "%s", name);
    return k;
}

static void test_made(void)
{
    char a[KEY_TEXT], b[KEY_TEXT];
    struct key k = usual("a"), l = usual("b");
    struct err e;
    CHECK_OK(key_make(a, &k, NOW, &e), &e);
    CHECK_OK(key_make(b, &l, NOW, &e), &e);
    CHECK(strlen(a) == KEY_TEXT - 1 && !strncmp(a, "autarky_", 8) && strcmp(a, b) != 0, "%s, %s", a, b);
    CHECK(key_is_whole(a) && !strncmp(k.hash, k.id, 12) && !strstr(a, k.id), "%s: id %s", a, k.id);
    for (size_t i = 0; i < KEY_TEXT - 1; i++) {
        char other[KEY_TEXT];
        memcpy(other, a, sizeof other);
        other[i] = other[i] == '0' ? '1' : '0';
        CHECK(!key_is_whole(other), "a mistyped key passes: %s", other);
    }
    a[KEY_TEXT - 2] = 0;
    CHECK(!key_is_whole(a) && !key_is_whole(""), "a cut key passes");
}

static void test_models(void)
{
    static const struct {
        const char *models, *id;
        bool allowed;
    } cases[] = {{"", "any", true}, {"a", "a", true}, {"a", "ab", false}, {"ab", "a", false}, {"x,a", "a", true},
                 {"qwen*", "qwen-7b", true}, {"qwen*,a", "a", true}, {"qwen*", "qwe", false}, {"*", "any", true}, {",", "a", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key k = {0};
        snprintf(k.models, sizeof k.models, "%s", cases[i].models);
        CHECK(key_allows_model(&k, cases[i].id) == cases[i].allowed, "%s of \"%s\"", cases[i].id, cases[i].models);
    }
    unsigned bits;
    CHECK(key_scopes_read(&bits, "ask,look") && bits == (1u << API_ASK | 1u << API_LOOK), "%x", bits);
    CHECK(!key_scopes_read(&bits, "ask,all") && !key_scopes_read(&bits, "") && !key_scopes_read(&bits, "as"),
          "scopes that are none");
}

static void test_file(void)
{
    const char *path = in_dir("keys.db");
    char text[3][KEY_TEXT];
    struct db w, r;
    struct keys all;
    struct err e;
    struct stat st;
    int64_t before, after;
    CHECK_OK(keys_open(&w, path, DB_WRITE, &e), &e);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode %o", st.st_mode);
    for (int i = 0; i < 3; i++) {
        struct key k = usual(i == 2 ? "two" : "one");
        k.weight = i + 0.5;
        k.tokens_day = INT64_C(1) << (40 + i);
        CHECK_OK(key_make(text[i], &k, NOW + i, &e), &e);
        CHECK_OK(keys_add(&w, &k, &e), &e);
    }
    CHECK_OK(keys_open(&r, path, DB_READ, &e), &e);
    CHECK_OK(keys_version(&r, &before, &e), &e);
    CHECK_OK(keys_load(&all, &r, &e), &e);
    CHECK(all.n == 3 && all.key[1].weight == 1.5 && all.key[2].tokens_day == INT64_C(1) << 42, "%zu keys", all.n);
    for (size_t i = 0; i < all.n; i++) CHECK(keys_find(&all, text[i]) == &all.key[i], "key %zu is not found", i);
    text[0][20] = text[0][20] == 'a' ? 'b' : 'a';
    CHECK(!keys_find(&all, text[0]) && !keys_find(&all, "") && !keys_find(&all, all.key[0].hash), "a wrong key is found");
    const struct key *k = NULL;
    CHECK(keys_named(&k, &all, "one", &e) == ERR_USAGE && keys_named(&k, &all, "no", &e) == ERR_NOTFOUND,
          "names of several, of none");
    CHECK(!keys_named(&k, &all, "two", &e) && k == &all.key[2] && !keys_named(&k, &all, all.key[1].id, &e) && k ==
          &all.key[1], "names");
    CHECK_OK(keys_revoke(&w, all.key[0].id, NOW + 50, &e), &e);
    keys_free(&all);
    CHECK_OK(keys_version(&r, &after, &e), &e);
    CHECK(after != before, "the change is not seen");
    CHECK_OK(keys_load(&all, &r, &e), &e);
    CHECK(!key_has_ended(&all.key[0], NOW + 49) && key_has_ended(&all.key[0], NOW + 50) && !key_has_ended(&all.key[1],
                                                                                          NOW + 50), "ends");
    CHECK(keys_add(&r, &all.key[0], &e) != 0, "a file that is read is written");
    keys_free(&all);
    db_close(&w);
    db_close(&r);
    CHECK(chmod(path, 0640) == 0 && keys_open(&r, path, DB_READ, &e) == ERR_USAGE, "a file that others may read is taken");
    db_close(&r);
    CHECK(file_replace(path, "no database at all", 18, &e) == 0 && chmod(path, 0600) == 0, "%s", e.msg);
    CHECK(keys_open(&r, path, DB_READ, &e) || keys_load(&all, &r, &e) == ERR_FORMAT, "no database is taken for one: %s", e.msg);
    db_close(&r);
}

/* ---- limits ---- */

/* Asks as fast as it may, waiting as long as it is told: what was let through in a minute is the limit, and what it was told to
 * wait is never too short and never a whole request too long. */
static void test_requests(void)
{
    struct key k = usual("k");
    struct quota q = {0};
    struct quota_no why;
    double now = NOW;
    int let = 0;
    k.requests_minute = 30;
    while (now < NOW + 600) {
        if (quota_take(&q, &k, now, &why)) {
            quota_end(&q);
            let++;
            continue;
        }
        CHECK(why.wait > 0 && why.wait <= 2.0001, "told to wait %g s", why.wait);
        struct quota early = q, late = q;
        struct quota_no ignored;
        CHECK(!quota_take(&early, &k, now + 0.99 * why.wait, &ignored), "let in before its time");
        CHECK(quota_take(&late, &k, now + why.wait, &ignored), "not let in at its time");
        now += why.wait;
    }
    CHECK(let >= 30 + 299 && let <= 30 + 301, "%d requests in ten minutes, the limit is 30 a minute", let);
}

static void test_tokens(void)
{
    struct key k = usual("k");
    struct quota q = {0};
    struct quota_no why;
    k.tokens_minute = 600;
    k.tokens_day = 5000;
    CHECK(quota_take(&q, &k, NOW, &why), "the first");
    quota_spend(&q, &k, NOW, 1200);
    CHECK(!quota_take(&q, &k, NOW, &why) && why.wait > 60 && why.wait < 60.2, "overdrawn by 600: %g s", why.wait);
    CHECK(!quota_take(&q, &k, NOW + 59, &why), "too early");
    CHECK(quota_take(&q, &k, NOW + 60.2, &why), "after a minute: %s", why.text);
    quota_spend(&q, &k, NOW + 60.2, 3800);
    double much_later = NOW + 3600, midnight = (NOW / DAY + 1) * (double)DAY;
    CHECK(!quota_take(&q, &k, much_later, &why) && why.wait == midnight - much_later, "the day's: %g s", why.wait);
    CHECK(!quota_take(&q, &k, midnight - 1, &why) && quota_take(&q, &k, midnight, &why), "a new day: %s", why.text);
    quota_spend(&q, &k, NOW, 10); /* a clock that goes back */
    CHECK(quota_take(&q, &k, midnight + 1, &why), "a clock that went back: %s", why.text);
}

static void test_running(void)
{
    struct key k = usual("k");
    struct quota q = {0};
    struct quota_no why;
    k.concurrency = 2;
    CHECK(quota_take(&q, &k, NOW, &why) && quota_take(&q, &k, NOW, &why) && !quota_take(&q, &k, NOW, &why), "two at once");
    quota_end(&q);
    CHECK(quota_take(&q, &k, NOW, &why), "one has ended");
    k.concurrency = 0;
    for (int i = 2; i < QUOTA_MOST_RUNNING; i++) CHECK(quota_take(&q, &k, NOW, &why), "number %d", i);
    CHECK(!quota_take(&q, &k, NOW, &why), "no end of requests");
}

static int sum_usage(void *ctx, const char *id, int64_t day, const struct usage *u, struct err *e)
{
    struct usage *sum = ctx;
    (void)id, (void)day, (void)e;
    sum->requests += u->requests;
    sum->prompt += u->prompt;
    sum->answer += u->answer;
    return OK;
}

static void test_meter(void)
{
    const char *path = in_dir("keys.usage");
    struct meter m;
    struct err e;
    struct usage sum = {0};
    for (int start = 0; start < 3; start++) {
        CHECK_OK(meter_open(&m, path, NOW, &e), &e);
        struct account *a = meter_account(&m, "aaaaaaaaaaaa"), *b = meter_account(&m, "bbbbbbbbbbbb");
        CHECK(a != b && a == meter_account(&m, "aaaaaaaaaaaa"), "accounts");
        CHECK(a->quota.day_tokens == start * 2 * 70, "start %d: %lld used today", start, (long long)a->quota.day_tokens);
        for (int i = 0; i < 2; i++) {
            meter_add(a, NOW, &(struct usage){.requests = 1, .prompt = 100, .cached = 50, .answer = 20});
            meter_add(b, NOW, &(struct usage){.requests = 1, .prompt = 1});
            CHECK_OK(meter_write(&m, &e), &e);
        }
        meter_close(&m);
    }
    struct db d;
    CHECK_OK(db_open(&d, path, DB_READ, &e), &e);
    CHECK_OK(meter_each(&d, 0, sum_usage, &sum, &e), &e);
    CHECK(sum.requests == 12 && sum.prompt == 606 && sum.answer == 120, "%lld requests, %lld, %lld tokens",
          (long long)sum.requests,
          (long long)sum.prompt, (long long)sum.answer);
    db_close(&d);
    CHECK_OK(meter_open(&m, path, NOW + DAY, &e), &e);
    struct account *a = meter_account(&m, "aaaaaaaaaaaa");
    CHECK(a && a->quota.day_tokens == 0, "yesterday's count today");
    meter_close(&m);
}

/* ---- the audit log ---- */

enum { LINES = 300 };

static void write_log(const char *path)
{
    struct audit a;
    struct err e;
    char fields[80];
    for (int i = 0; i < LINES;) {
        CHECK_OK(audit_open(&a, path, &e), &e);
        CHECK(a.n == i, "goes on at %lld, expected %d", (long long)a.n, i);
        for (int end = i + 100; i < end; i++) {
            snprintf(fields, sizeof fields, "\"event\":\"request\",\"key\":\"%d\",\"tokens\":%d", i % 7, i * 31 % 100);
            CHECK_OK(audit_add(&a, fields, &e), &e);
        }
        audit_close(&a);
    }
}

/* One random change of the text: a byte, a line taken out, doubled or moved, the end cut off. The result may be the same text. */
static size_t change(char *out, const char *text, size_t len, struct rng *r)
{
    size_t from = rng_next_below(r, len), to;
    memcpy(out, text, len);
    switch (rng_next_below(r, 5)) {
    case 0:
        out[from] = (char)(out[from] ^ (1 + (int)rng_next_below(r, 255)));
        return len;
    case 1: return from; /* cut */
    }
    while (from > 0 && text[from - 1] != '\n') from--;
    to = (size_t)((char *)memchr(text + from, '\n', len - from) - text) + 1;
    if (rng_next_below(r, 2)) { /* taken out */
        memcpy(out + from, text + to, len - to);
        return len - (to - from);
    }
    size_t at = rng_next_below(r, len - (to - from) + 1); /* moved to any place where a line begins */
    memcpy(out + from, text + to, len - to);
    while (at > 0 && out[at - 1] != '\n') at--;
    memmove(out + at + (to - from), out + at, len - (to - from) - at);
    memcpy(out + at, text + from, to - from);
    return len;
}

static void test_audit(void)
{
    const char *path = in_dir("audit.log"), *bad = in_dir("bad.log"), *check = in_dir("bad.log.checkpoint");
    struct audit_report r;
    struct err e;
    char *text, *mark;
    size_t len, mark_len;
    int tried = 0, seen = 0;
    write_log(path);
    CHECK_OK(audit_verify(&r, path, &e), &e);
    CHECK(r.lines == LINES && r.checked_to == LINES, "%lld lines, checked to %lld", (long long)r.lines, (long long)r.checked_to);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &e), &e);
    CHECK_OK(file_read(&mark, &mark_len, in_dir("audit.log.checkpoint"), 200, &e), &e);
    CHECK_OK(file_replace(check, mark, mark_len, &e), &e);
    char *other = mem_alloc(2 * len);
    struct rng rng = {.seed = 11};
    for (int i = 0; other && i < 2000; i++) {
        size_t n = change(other, text, len, &rng);
        if (n == len && !memcmp(other, text, len)) continue;
        CHECK_OK(file_replace(bad, other, n, &e), &e);
        tried++;
        seen += audit_verify(&r, bad, &e) == ERR_INTEGRITY;
    }
    CHECK(tried > 1500 && seen == tried, "%d of %d changes were seen", seen, tried);
    fprintf(stderr, "%d of %d changes of the audit log seen\n", seen, tried);
    /* half a line, as a crash leaves it, is cut off; a line that is missing is not written over */
    struct audit a;
    CHECK_OK(file_replace(bad, text, len - 40, &e), &e);
    CHECK(audit_open(&a, bad, &e) == ERR_INTEGRITY, "goes on where a line is missing that the checkpoint knows");
    audit_close(&a);
    CHECK_OK(file_remove(check, &e), &e);
    CHECK_OK(file_replace(bad, text, len - 40, &e), &e);
    CHECK_OK(audit_open(&a, bad, &e), &e);
    CHECK(a.n == LINES - 1, "line %lld", (long long)a.n);
    CHECK_OK(audit_add(&a, "\"event\":\"start\"", &e), &e);
    audit_close(&a);
    CHECK_OK(audit_verify(&r, bad, &e), &e);
    mem_free(other);
    mem_free(text);
    mem_free(mark);
}

int main(void)
{
    folder_make();
    test_made();
    test_models();
    test_file();
    test_requests();
    test_tokens();
    test_running();
    test_meter();
    test_audit();
    folder_remove();
    return test_end();
}
