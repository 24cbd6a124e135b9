/* Chat templates against jinja2: tests/fixtures/chat/template.jsonl holds small templates with what jinja2 made of them
 * (tools/make_template_fixtures.py). Then marks of bytes, bounds, and templates drawn at random.
 * check_template --render FILE.jinja < LINES renders one JSON object of variables per line, and prints one JSON object
 * {"text": ...} or {"error": ..., "raised": true or false} each: tools/template_parity.py compares those with jinja2. */
#include <string.h>
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "chat/template/template.h"
#include "sys/file.h"
#include "tests/test.h"

enum { MAX_FIXTURE = 16 << 20 };

/* 2024-07-26 13:05:09, a Friday: what strftime_now says. */
static const struct tm now = {.tm_year = 124,
                              .tm_mon = 6,
                              .tm_mday = 26,
                              .tm_hour = 13,
                              .tm_min = 5,
                              .tm_sec = 9,
                              .tm_wday = 5,
                              .tm_yday = 207};

static void set_variables(struct template_run *r, const json_t *variables)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)variables, name, v) template_set(r, name, template_json(r, v, TEMPLATE_OUTSIDE));
    template_run_clock(r, &now);
}

/* ---- rendering for tools/template_parity.py ---- */

static void print_result(int rc, const struct template_output *out, const struct err *e)
{
    json_t *j = rc ? json_pack("{s:s,s:b}", "error", e->msg, "raised", out->raised != NULL)
                   : json_pack("{s:s#}", "text", out->text, (int)out->len);
    char *text = j ? json_text(j) : NULL;
    printf("%s\n", text ? text : "{\"error\": \"out of memory\"}");
    mem_free(text);
    json_decref(j);
}

static void render_line(const struct template *t, const char *line, size_t len)
{
    struct template_output out = {0};
    struct template_run *r = NULL;
    struct err e;
    json_t *variables = NULL;
    int rc = json_parse(&variables, line, len, "variables", &e);
    if (!rc) rc = template_run_new(&r, &e);
    if (!rc) {
        set_variables(r, variables);
        rc = template_render(r, t, &out, &e);
    }
    print_result(rc, &out, &e);
    template_run_free(r);
    json_decref(variables);
}

static int render_lines(const char *path)
{
    struct template *t = NULL;
    struct template_output none = {0};
    struct err e;
    char *source = NULL, *line = NULL;
    size_t len, cap = 0;
    ssize_t n;
    int rc = file_read(&source, &len, path, TEMPLATE_MAX_SOURCE, &e);
    if (!rc) rc = template_parse(&t, path, source, len, &e);
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (rc) print_result(rc, &none, &e);
        else render_line(t, line, (size_t)n);
    }
    template_free(t);
    mem_free(source);
    return EXIT_SUCCESS;
}

/* ---- fixtures ---- */

static void check_fixture(const json_t *f, int number)
{
    struct template *t = NULL;
    struct template_run *r = NULL;
    struct template_output out = {0};
    struct err e = {0};
    const char *source = json_string_value(json_object_get(f, "template")),
               *want = json_string_value(json_object_get(f, "text"));
    int rc = template_parse(&t, "fixture", source, json_string_length(json_object_get(f, "template")), &e);
    if (!rc && !(rc = template_run_new(&r, &e))) {
        set_variables(r, json_object_get(f, "variables"));
        rc = template_render(r, t, &out, &e);
    }
    const char *part = json_string_value(json_object_get(f, "error"));
    if (want)
        CHECK(!rc && out.len == json_string_length(json_object_get(f, "text")) &&
                  memcmp(out.text, want, out.len) == 0,
              "%d: %s\n gives %s\n not   %s", number, source, rc ? e.msg : out.text, want);
    else
        CHECK(rc && (!part || strstr(e.msg, part)), "%d: %s\n gives %s\n not an error with %s", number,
              source, rc ? e.msg : out.text, part ? part : "any words");
    template_run_free(r);
    template_free(t);
}

static void check_fixtures(void)
{
    char *text;
    size_t len;
    struct err e;
    int number = 0;
    if (file_read(&text, &len, "tests/fixtures/chat/template.jsonl", MAX_FIXTURE, &e)) {
        CHECK(false, "%s", e.msg);
        return;
    }
    for (char *line = text, *end; line < text + len; line = end + 1) {
        json_t *f = NULL;
        end = memchr(line, '\n', (size_t)(text + len - line));
        if (!end) end = text + len;
        CHECK_OK(json_parse(&f, line, (size_t)(end - line), "fixture", &e), &e);
        if (f) check_fixture(f, ++number);
        json_decref(f);
    }
    CHECK(number > 20, "only %d fixtures", number);
    mem_free(text);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--render") == 0) return render_lines(argv[2]);
    check_fixtures();
    return test_end();
}
