/* Chat templates against jinja2: tests/fixtures/chat/template.jsonl holds small templates with what jinja2 made of them
 * (tools/make_template_fixtures.py). Marks and bounds: check_template_marks.c.
 * check_template --render FILE.jinja < LINES renders one JSON object of variables per line, and prints one JSON object
 * {"text": ...} or {"error": ..., "raised": true or false} each: tools/template_parity.py compares those with jinja2. */
#include "sys/file.h"
#include "tests/template_render.h"

enum { MAX_FIXTURE = 16 << 20 };

/* ---- rendering for tools/template_parity.py ---- */

static void print_result(int rc, const struct template_output *out, const struct err *e)
{
    json_t *j = rc ? json_pack("{s:s,s:b}", "error", e->msg, "raised", out->raised != NULL)
                   : json_pack("{s:s%}", "text", out->text, out->len);
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
        template_variables(r, variables);
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
    struct buf in = {0};
    struct err e;
    char *source = NULL, piece[4096];
    size_t len, n;
    int rc = file_read(&source, &len, path, TEMPLATE_MAX_SOURCE, &e);
    if (!rc) rc = template_parse(&t, path, source, len, &e);
    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0) buf_add(&in, piece, n);
    for (size_t at = 0, end; at < in.len; at = end + 1) {
        const char *newline = memchr(in.data + at, '\n', in.len - at);
        end = newline ? (size_t)(newline - in.data) : in.len;
        if (rc) print_result(rc, &none, &e);
        else render_line(t, in.data + at, end - at);
    }
    buf_free(&in);
    template_free(t);
    mem_free(source);
    return EXIT_SUCCESS;
}

/* ---- fixtures ---- */

static void check_fixture(const json_t *f, const json_t *variables, int number)
{
    const json_t *template = json_object_get(f, "template"), *text = json_object_get(f, "text");
    const char *source = json_string_value(template), *part = json_string_value(json_object_get(f, "error"));
    struct rendered d;
    render(&d, source, json_string_length(template), variables, NULL);
    if (text) {
        bool same = !d.rc && d.out.len == json_string_length(text) && memcmp(d.out.text, json_string_value(text), d.out.len) == 0;
        CHECK(same, "%d: %s\n gives %s\n not   %s", number, source, d.rc ? d.e.msg : d.out.text, json_string_value(text));
    } else {
        CHECK(d.rc && part && strstr(d.e.msg, part), "%d: %s\n gives %s\n not an error with %s", number, source,
              d.rc ? d.e.msg : d.out.text, part);
        CHECK((d.out.raised != NULL) == (d.rc == ERR_USAGE), "%d: %s: refusals are told from faults", number, source);
    }
    rendered_free(&d);
}

static void check_fixtures(void)
{
    char *text;
    size_t len;
    struct err e;
    int number = 0;
    json_t *variables = NULL; /* the first line */
    if (file_read(&text, &len, "tests/fixtures/chat/template.jsonl", MAX_FIXTURE, &e)) {
        CHECK(false, "%s", e.msg);
        return;
    }
    for (char *line = text, *end; line < text + len; line = end + 1) {
        json_t *f = NULL;
        end = memchr(line, '\n', (size_t)(text + len - line));
        if (!end) end = text + len;
        CHECK_OK(json_parse(&f, line, (size_t)(end - line), "fixture", &e), &e);
        if (f && variables) check_fixture(f, variables, ++number);
        if (!variables) variables = json_incref(f);
        json_decref(f);
    }
    json_decref(variables);
    CHECK(number > 900, "only %d fixtures", number);
    mem_free(text);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--render") == 0) return render_lines(argv[2]);
    check_fixtures();
    return test_end();
}
