/* Any template over any conversation. The input is the template, a NUL, and a JSON object of variables; without the
 * latter a fixed conversation is taken, whose texts hold a character that no template is likely to make by itself: it may
 * never come out as the template's. Rendered twice, with equal results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "chat/template/template.h"

enum { FEW_STEPS = 5000 };
static const char sentinel[] = "\xf0\x9f\x91\xbe";
static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"\\ud83d\\udc7eBe brief.\"},"
    " {\"role\": \"user\", \"content\": \" Hi\\n\\ud83d\\udc7e \\ud83d\\udc7e, \\u00e9'\\\"\", \"\\ud83d\\udc7ek\": [1, 2.5, true, null]},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"function\": {\"name\": \"\\ud83d\\udc7ef\","
    " \"arguments\": {\"\\ud83d\\udc7e\": \"\\ud83d\\udc7e\", \"n\": 3}}}]}], \"add_generation_prompt\": true,"
    " \"tools\": [{\"name\": \"\\ud83d\\udc7ef\", \"parameters\": {\"type\": \"object\"}}], \"n\": 7, \"s\": \"a\\ud83d\\udc7eb c\"}";

static void broken(const char *what)
{
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static void check_output(const struct template_output *out, bool watch)
{
    size_t n = 0;
    if (!utf8_valid(out->text, out->len, NULL)) broken("the result is UTF-8");
    for (size_t i = 0; i < out->n_pieces; i++) {
        const struct template_piece *p = &out->pieces[i];
        if (p->text != out->text + n || p->len == 0) broken("the pieces are the text");
        bool same = i && p->trusted == p[-1].trusted && p->answer == p[-1].answer && p->generation == p[-1].generation;
        if (same) broken("neighbours differ");
        if (watch && p->trusted && memmem(p->text, p->len, sentinel, 4)) broken("outside bytes are not trusted");
        n += p->len;
    }
    if (n != out->len) broken("the pieces are all of the text");
}

/* Templates that may make the character out of a number or an escape. */
static bool may_make(const char *s, size_t len)
{
    return memchr(s, '\\', len) || memchr(s, '%', len) || memmem(s, len, sentinel, 4);
}

/* Most renders are given few steps: what a template does wrong it does early, and many inputs loop. One in sixteen has all of
 * them: no bound may be slow to reach. */
static uint64_t steps_of(const char *s, size_t len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++) hash = (hash ^ (uint8_t)s[i]) * 16777619u;
    return hash >> 28 ? FEW_STEPS : TEMPLATE_MAX_STEPS;
}

static void render(const struct template *t, const json_t *variables, bool watch, uint64_t steps)
{
    struct template_run *r;
    struct template_output out;
    struct err e;
    char *first = NULL;
    size_t len = 0;
    const char *name;
    json_t *v;
    if (template_run_new(&r, &e)) broken(e.msg);
    template_run_limit(r, steps);
    json_object_foreach((json_t *)variables, name, v) template_set(r, name, template_json(r, v, TEMPLATE_OUTSIDE));
    for (int pass = 0; pass < 2; pass++) {
        int rc = template_render(r, t, &out, &e);
        if (!rc) check_output(&out, watch);
        if (pass == 0 && !rc) {
            len = out.len;
            first = mem_strndup(out.text, len);
        } else if (pass && (first == NULL) != (rc != 0)) broken("two renders end alike");
        else if (pass && !rc && (len != out.len || memcmp(first, out.text, len) != 0)) broken("two renders are equal");
    }
    mem_free(first);
    template_run_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data, *end = memchr(s, 0, size);
    size_t len = end ? (size_t)(end - s) : size;
    struct template *t;
    struct err e;
    json_t *variables = NULL;
    if (template_parse(&t, "fuzz", s, len, &e)) return 0;
    bool own = end && !json_parse(&variables, end + 1, size - len - 1, "variables", &e);
    if (!own && json_parse(&variables, conversation, sizeof conversation - 1, "conversation", &e)) broken(e.msg);
    render(t, variables, !own && !may_make(s, len), steps_of(s, size));
    json_decref(variables);
    template_free(t);
    return 0;
}
