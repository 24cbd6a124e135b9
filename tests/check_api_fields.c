/* The tables of fields: what each number, word, flag and text refuses, on every route; memory that runs short; and that
 * docs/API.md says what the tables say. `check_api_fields docs` prints what belongs there. */
#include "api/inside.h"
#include "tests/api_script.h"

static struct script s;

/* What a body needs besides the field that is looked at. */
static const struct {
    const char *path, *members;
} bodies[] = {
    {"/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"},
    {"/chat/completions/input_tokens", "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"},
    {"/apply-template", "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"},
    {"/completions", "\"prompt\":\"a\""},
    {"/completion", "\"prompt\":\"a\""},
    {"/infill", "\"input_prefix\":\"a\""},
    {"/embeddings", "\"input\":\"a\""},
    {"/responses", "\"input\":\"a\""},
    {"/responses/input_tokens", "\"input\":\"a\""},
    {"/messages", "\"model\":\"toy\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"},
    {"/messages/count_tokens", "\"model\":\"toy\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"},
    {"/api/chat", "\"model\":\"toy\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"},
    {"/api/generate", "\"model\":\"toy\",\"prompt\":\"a\""},
    {"/api/embed", "\"model\":\"toy\",\"input\":\"a\""},
    {"/api/embeddings", "\"model\":\"toy\",\"prompt\":\"a\""},
    {"/api/show", "\"model\":\"toy\""},
    {"/api/pull", "\"model\":\"toy\""},
    {"/api/delete", "\"model\":\"toy\""},
    {"/api/copy", "\"source\":\"toy\",\"destination\":\"b\""},
    {"/tokenize", "\"content\":\"a\""},
    {"/detokenize", "\"tokens\":[1]"},
    {"/chat/completions/control", "\"id\":\"a\",\"action\":\"reasoning_end\""},
    {"/models/load", "\"model\":\"toy\""},
    {"/models/unload", "\"model\":\"toy\""},
};

static const char *members_of(const char *path)
{
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        if (!strcmp(bodies[i].path, path)) return bodies[i].members;
    CHECK(0, "no body for %s: say one in the table", path);
    return "";
}

/* Sends a body in which the field at `before` + name + `after` has this value; in place of what the table of bodies gives it. */
static void with(const struct api_route *r, const char *before, const char *name, const char *after, const char *value)
{
    char body[4000], key[120];
    const char *members = members_of(r->path);
    snprintf(key, sizeof key, "\"%s\":", name);
    bool twice = !*before && strstr(members, key);
    snprintf(body, sizeof body, "{%s%s%s\"%s\":%s%s}", twice ? "" : members, twice ? "" : ",", before, name, value,
             after);
    script_send(&s, r->method, r->path, body);
}

static bool refused(const char *where)
{
    CHECK(s.a.status != 500, "%s: %s", where, script_out(&s));
    return s.a.ended && s.a.failed && s.a.status == 400;
}

static void check_number(const struct api_route *r, const struct api_field *f, const char *before, const char *after,
                         const char *where)
{
    bool whole = f->type != FIELD_REAL;
    char text[64];
    static const char *const wrong[] = {"\"1\"", "true", "[1]", "{}", "NaN", "Infinity", "1e999", "\"NaN\""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        with(r, before, f->name, after, wrong[i]);
        CHECK(refused(where), "%s accepts %s", where, wrong[i]);
    }
    if (whole) {
        with(r, before, f->name, after, "1.5");
        CHECK(refused(where), "%s accepts 1.5", where);
    }
    for (int high = 0; high < 2; high++) {
        double edge = high ? f->hi : f->lo, step = whole ? 1 : 0.01, out = high ? edge + step : edge - step;
        if (fabs(edge) > 1e15) continue;
        snprintf(text, sizeof text, "%.10g", out);
        with(r, before, f->name, after, text);
        CHECK(f->clamp || refused(where), "%s accepts %s", where, text);
        snprintf(text, sizeof text, "%.10g", edge);
        with(r, before, f->name, after, text);
        CHECK(f->read || !s.a.failed, "%s refuses %s: %s", where, text, script_out(&s));
    }
}

static void check_fields(const struct api_route *r, const struct api_field *fields, const char *before,
                         const char *after, const char *where)
{
    for (const struct api_field *f = fields; f->name; f++) {
        char at[200];
        snprintf(at, sizeof at, "%s %s%s%s", r->path, where, *where ? "." : "", f->name);
        if (f->type == FIELD_INT || f->type == FIELD_INT32 || f->type == FIELD_REAL)
            check_number(r, f, before, after, at);
        if (f->type == FIELD_BOOL) with(r, before, f->name, after, "1");
        if (f->type == FIELD_TEXT || f->type == FIELD_WORD) with(r, before, f->name, after, "1");
        if (f->type == FIELD_OBJECT) with(r, before, f->name, after, "[1]");
        bool typed = f->type == FIELD_BOOL || f->type == FIELD_TEXT || f->type == FIELD_WORD || f->type == FIELD_OBJECT;
        if (typed && f->fate == FIELD_MEANT) CHECK(s.a.ended && s.a.failed, "%s takes any type", at);
        if (f->fate == FIELD_REFUSED) {
            with(r, before, f->name, after, "{\"a\":1}");
            CHECK(refused(at), "%s is not refused", at);
            with(r, before, f->name, after, "false");
            CHECK(!s.a.failed, "%s: false is refused", at);
        }
        if (f->read && f->fate == FIELD_MEANT) { /* one of these is of the wrong type for every reader */
            bool some = false;
            static const char *const wrong[] = {"17.5", "[17.5]", "{\"type\":17.5}", "true", "\"\\u0000\""};
            for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                with(r, before, f->name, after, wrong[i]);
                some |= s.a.failed;
                CHECK(s.a.status != 500, "%s: %s gives %s", at, wrong[i], script_out(&s));
            }
            CHECK(some, "%s takes anything", at);
        }
        if (!f->sub) continue;
        char inner[300], tail[300];
        snprintf(inner, sizeof inner, "%s\"%s\":{", before, f->name);
        snprintf(tail, sizeof tail, "}%s", after);
        check_fields(r, f->sub, inner, tail, f->name);
    }
}

/* Every allocation fails once: the answer is an error of ours, or out.failed says it, and nothing is lost. */
static void check_memory(const struct api_route *r)
{
    char body[4000];
    snprintf(body, sizeof body, "{%s,\"stop\":[\"a\"],\"tools\":[],\"stream\":true,\"unknown\":1}",
             members_of(r->path));
    for (uint64_t k = 1; k < 400; k++) {
        struct api_request q = {.method = r->method, .path = r->path};
        struct api_fault f;
        script_free(&s);
        mem_fail_at(k);
        bool open = api_open(&s.a, &script_env, &q, &f);
        if (open) api_begin(&s.a, body, strlen(body), &s.out);
        else api_fault(&s.a, &f, &s.out);
        for (size_t i = 0; open && i < s.a.n_turns; i++) {
            ACCEPT(&s, i, 1, 0);
            TEXT(&s, i, "x");
            DONE(&s, i, TURN_END, 1, 0, 1);
        }
        bool more = mem_fail_left() == 0;
        mem_fail_at(0);
        CHECK(!more || s.a.failed || s.out.failed || s.a.task != API_REPLIED || s.a.status == 200,
              "%s: allocation %llu: %d %s", r->path, (unsigned long long)k, s.a.status, script_out(&s));
        CHECK(!s.a.failed || s.a.status >= 500 || s.a.begun, "%s: allocation %llu: %d", r->path, (unsigned long long)k,
              s.a.status);
        if (!more) break;
    }
}

static void check_docs(bool print)
{
    struct buf want = {0}, got = {0};
    char part[4096];
    size_t n;
    api_describe(&want);
    if (print) fputs(want.data, stdout);
    FILE *f = fopen("docs/API.md", "r");
    CHECK(f != NULL, "docs/API.md is missing");
    while (f && (n = fread(part, 1, sizeof part, f)) > 0) buf_add(&got, part, n);
    if (f) fclose(f);
    CHECK(got.data && want.data && strstr(got.data, want.data),
          "docs/API.md differs: put in it what `check_api_fields docs` prints");
    buf_free(&want);
    buf_free(&got);
}

int main(int argc, char **argv)
{
    size_t n;
    const struct api_route *r = api_routes(&n);
    for (size_t i = 0; i < n; i++) {
        if (!r[i].fields) continue;
        check_fields(&r[i], r[i].fields, "", "", "");
        check_memory(&r[i]);
    }
    check_docs(argc > 1 && !strcmp(argv[1], "docs"));
    script_free(&s);
    CHECK(mem_live() == 0, "%lld blocks left", (long long)mem_live());
    return test_end();
}
