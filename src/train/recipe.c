/* Recipes: reading, checking, printing, comparing. */
#include "train/recipe.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "sys/file.h"
#include "train/recipe_keys.h"

enum { RECIPE_MAX_BYTES = 1 << 20, LINE_MAX_BYTES = 4096 };

static const char *const sections[] = {"model", "tokenizer", "data", "train", "out"};
enum { N_SECTIONS = sizeof sections / sizeof sections[0] };

static void free_sources(struct recipe_source *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(s[i].name);
        for (size_t k = 0; k < s[i].n_inputs; k++) mem_free(s[i].inputs[k]);
    }
}

void recipe_free(struct recipe *r)
{
    mem_free(r->path);
    mem_free(r->dir);
    mem_free(r->name);
    for (size_t i = 0; i < r->n_model_lines; i++) mem_free(r->model_lines[i]);
    for (size_t i = 0; i < r->n_prompts; i++) mem_free(r->prompts[i]);
    free_sources(r->sources, r->n_sources);
    free_sources(r->vals, r->n_vals);
    for (size_t i = 0; i < recipe_n_keys; i++)
        if (recipe_keys[i].type == KEY_STR || recipe_keys[i].type == KEY_CHOICE)
            mem_free(*(char **)(void *)((char *)r + recipe_keys[i].offset));
    memset(r, 0, sizeof *r);
}

static int set_model(struct recipe *r, const char *key, const char *value, const char *where, struct err *e)
{
    TRY(config_set(&r->model, key, value, where, e));
    if (r->n_model_lines == RECIPE_MAX_MODEL_KEYS)
        FAIL(e, ERR_LIMIT, "%s: more than %d keys in [model]", where, RECIPE_MAX_MODEL_KEYS);
    size_t n = strlen(key) + strlen(value) + 4;
    char *s = mem_alloc(n);
    if (!s) FAIL(e, ERR_MEMORY, "%s: out of memory", where);
    snprintf(s, n, "%s = %s", key, value);
    r->model_lines[r->n_model_lines++] = s;
    return OK;
}

/* Keys already given, one bit each, so that a second `lr = ` is an error and not a silent change. */
struct reader {
    struct recipe *r;
    const char *section;
    bool given[128];
};

static int set_key(struct reader *x, const char *key, const char *value, const char *where, struct err *e)
{
    if (!x->section) FAIL(e, ERR_USAGE, "%s: \"%s\" before the first section, expected [model] or another", where, key);
    if (!strcmp(x->section, "model")) return set_model(x->r, key, value, where, e);
    const struct recipe_key *k = recipe_key_find(key);
    if (!k) FAIL(e, ERR_USAGE, "%s: unknown key \"%s\"; the nearest known one is \"%s\"", where, key, recipe_key_nearest(key));
    if (strcmp(k->section, x->section) != 0)
        FAIL(e, ERR_USAGE, "%s: \"%s\" belongs under [%s], found under [%s]", where, key, k->section, x->section);
    bool *given = &x->given[k - recipe_keys];
    if (*given && k->type != KEY_SOURCE && k->type != KEY_PROMPT) FAIL(e, ERR_USAGE, "%s: \"%s\" is given twice", where, key);
    *given = true;
    return recipe_key_set(x->r, k, value, where, e);
}

static int read_section(struct reader *x, const char *line, const char *where, struct err *e)
{
    size_t n = strlen(line);
    for (int i = 0; i < N_SECTIONS; i++)
        if (n == strlen(sections[i]) + 2 && line[n - 1] == ']' && !strncmp(line + 1, sections[i], n - 2)) {
            x->section = sections[i];
            return OK;
        }
    FAIL(e, ERR_USAGE, "%s: unknown section %s, expected [model], [tokenizer], [data], [train] or [out]", where, line);
}

/* Cuts the comment and the blanks around. */
static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    for (char *p = s; *p; p++)
        if (*p == '#' && (p == s || p[-1] == ' ' || p[-1] == '\t')) *p = 0;
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1])) s[--n] = 0;
    return s;
}

static int read_line(struct reader *x, char *line, const char *where, struct err *e)
{
    line = trim(line);
    if (!*line) return OK;
    if (*line == '[') return read_section(x, line, where, e);
    char *eq = strchr(line, '=');
    if (!eq || eq == line) FAIL(e, ERR_USAGE, "%s: \"%.60s\", expected key = value or [section]", where, line);
    *eq = 0;
    return set_key(x, trim(line), trim(eq + 1), where, e);
}

static int read_text(struct reader *x, const char *text, size_t len, const char *name, struct err *e)
{
    char line[LINE_MAX_BYTES], where[300];
    size_t at = 0;
    for (int number = 1; at < len; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        snprintf(where, sizeof where, "%.280s:%d", name, number);
        if (n >= sizeof line) FAIL(e, ERR_LIMIT, "%s: a line of %zu bytes, at most %zu", where, n, sizeof line - 1);
        if (memchr(text + at, 0, n)) FAIL(e, ERR_FORMAT, "%s: a NUL byte; this is not a text file", where);
        memcpy(line, text + at, n);
        line[n] = 0;
        at += n + 1;
        TRY(read_line(x, line, where, e));
    }
    return OK;
}

static int set_name(struct recipe *r, const char *path, const char *dir, struct err *e)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    r->path = mem_strdup(path);
    r->dir = mem_strdup(dir);
    r->name = mem_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
    if (!r->path || !r->dir || !r->name) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    return OK;
}

static int parse(struct recipe *r, const char *text, size_t len, const char *name, const char *dir, struct err *e)
{
    struct reader x = {.r = r};
    _Static_assert(sizeof x.given / sizeof x.given[0] >= 64, "room for every key");
    TRY(set_name(r, name, dir, e));
    config_default(&r->model);
    for (size_t i = 0; i < recipe_n_keys; i++)
        if (recipe_keys[i].type != KEY_SOURCE && recipe_keys[i].type != KEY_PROMPT)
            TRY(recipe_key_set(r, &recipe_keys[i], recipe_keys[i].preset, "default", e));
    TRY(read_text(&x, text, len, name, e));
    return recipe_check(r, e);
}

int recipe_parse(struct recipe *r, const char *text, size_t len, const char *name, const char *dir, struct err *e)
{
    memset(r, 0, sizeof *r);
    int rc = parse(r, text, len, name, dir, e);
    if (rc) recipe_free(r);
    return rc;
}

int recipe_load(struct recipe *r, const char *path, struct err *e)
{
    char dir[PATH_MAX], *text;
    size_t len;
    memset(r, 0, sizeof *r);
    TRY(path_dir(dir, sizeof dir, path, e));
    TRY(file_read(&text, &len, path, RECIPE_MAX_BYTES, e));
    int rc = recipe_parse(r, text, len, path, dir, e);
    mem_free(text);
    return rc;
}

int recipe_advice(const struct recipe *r, struct generation *g, bool *any, struct err *e)
{
    char word[80];
    struct err why = {0};
    generation_init(g);
    *any = false;
    for (const char *s = r->advise + strspn(r->advise, " \t"); *s;) {
        size_t n = strcspn(s, " \t");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), s);
        if (generation_advise(g, word, &why)) FAIL(e, ERR_USAGE, "%s: advise: %s", r->path, why.msg);
        *any = true;
        s += n + strspn(s + n, " \t");
    }
    return OK;
}

int recipe_check(const struct recipe *r, struct err *e)
{
    struct generation advice;
    bool any;
    TRY(recipe_advice(r, &advice, &any, e));
    int64_t micro = r->micro_batch * r->seq_len;
    if (micro > 1 << 24) FAIL(e, ERR_LIMIT, "%s: micro_batch x seq_len is %" PRId64 " tokens, at most 16777216", r->path, micro);
    if (r->batch_tokens % micro != 0)
        FAIL(e, ERR_USAGE, "%s: batch_tokens = %" PRId64 ", expected a multiple of micro_batch x seq_len = %" PRId64, r->path,
             r->batch_tokens, micro);
    if (r->min_lr > r->lr) FAIL(e, ERR_USAGE, "%s: min_lr = %g is above lr = %g", r->path, r->min_lr, r->lr);
    if (r->n_sources == 0) FAIL(e, ERR_USAGE, "%s: no source under [data], expected at least one", r->path);
    for (size_t i = 0; i < r->n_vals; i++)
        for (size_t k = 0; k < r->n_sources; k++)
            if (!strcmp(r->vals[i].name, r->sources[k].name))
                FAIL(e, ERR_USAGE, "%s: val %s has the name of a source, expected another", r->path, r->vals[i].name);
    return OK;
}

void recipe_print(const struct recipe *r, struct buf *out)
{
    const char *section = "model";
    buf_add_str(out, "[model]\n");
    for (size_t i = 0; i < r->n_model_lines; i++) buf_printf(out, "%s\n", r->model_lines[i]);
    for (size_t i = 0; i < recipe_n_keys; i++) {
        if (strcmp(section, recipe_keys[i].section) != 0) {
            section = recipe_keys[i].section;
            buf_printf(out, "\n[%s]\n", section);
        }
        recipe_key_print(r, &recipe_keys[i], out);
    }
}

void recipe_print_corpus(const struct recipe *r, struct buf *out)
{
    for (size_t i = 0; i < recipe_n_keys; i++)
        if (recipe_keys[i].flags & KEY_CORPUS) recipe_key_print(r, &recipe_keys[i], out);
}

/* The networks as config.json, compared key by key. */
static int same_model(const struct recipe *a, const struct recipe *b, struct err *e)
{
    struct buf ta = {0}, tb = {0};
    json_t *ja = NULL, *jb = NULL;
    int rc = config_to_json(&a->model, &ta, e);
    if (!rc) rc = config_to_json(&b->model, &tb, e);
    if (!rc) rc = json_parse(&ja, ta.data, ta.len, "this recipe", e);
    if (!rc) rc = json_parse(&jb, tb.data, tb.len, "the run's recipe", e);
    const char *key;
    json_t *v;
    if (!rc) json_object_foreach(ja, key, v)
        if (!json_equal(v, json_object_get(jb, key))) {
            rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "%s: [model] %s differs from the run that is to be resumed",
                         a->path, key);
            break;
        }
    json_decref(ja);
    json_decref(jb);
    buf_free(&ta);
    buf_free(&tb);
    return rc;
}

static int same_key(const struct recipe *a, const struct recipe *b, const struct recipe_key *k, struct err *e)
{
    struct buf ta = {0}, tb = {0};
    int rc = OK;
    recipe_key_print(a, k, &ta);
    recipe_key_print(b, k, &tb);
    for (size_t i = 0; i < ta.len; i++) ta.data[i] = ta.data[i] == '\n' ? ' ' : ta.data[i]; /* for the message */
    for (size_t i = 0; i < tb.len; i++) tb.data[i] = tb.data[i] == '\n' ? ' ' : tb.data[i];
    const char *sa = ta.len ? ta.data : "", *sb = tb.len ? tb.data : "";
    if (ta.failed || tb.failed) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory while comparing recipes");
    else if (strcmp(sa, sb) != 0)
        rc = err_set(e, ERR_USAGE, __FILE__, __LINE__,
                     "%s: [%s] %s differs from the run that is to be resumed: now \"%.150s\", then \"%.150s\"", a->path,
                     k->section, k->name, sa, sb);
    buf_free(&ta);
    buf_free(&tb);
    return rc;
}

int recipe_same(const struct recipe *r, const char *before, struct err *e)
{
    struct recipe *b = mem_alloc(sizeof *b);
    if (!b) FAIL(e, ERR_MEMORY, "out of memory while comparing recipes");
    int rc = recipe_parse(b, before, strlen(before), "the run's recipe", r->dir, e);
    if (!rc) rc = same_model(r, b, e);
    for (size_t i = 0; !rc && i < recipe_n_keys; i++)
        if (!(recipe_keys[i].flags & KEY_FREE)) rc = same_key(r, b, &recipe_keys[i], e);
    recipe_free(b);
    mem_free(b);
    return rc;
}

void recipe_help(struct buf *out)
{
    buf_add_str(out, "[model]: the keys of a Hugging Face config.json\n  model_type         the first key [deepseek_v3]\n");
    config_keys_help(out);
    const char *section = "";
    for (size_t i = 0; i < recipe_n_keys; i++) {
        const struct recipe_key *k = &recipe_keys[i];
        if (strcmp(section, k->section) != 0) buf_printf(out, "[%s]\n", section = k->section);
        buf_printf(out, "  %-18s %s", k->name, k->help);
        if (k->type == KEY_INT) buf_printf(out, " (integer, %.0f to %.0f)", k->lo, k->hi);
        if (k->type == KEY_NUM) buf_printf(out, " (number, %g to %g)", k->lo, k->hi);
        if (k->type == KEY_BOOL) buf_add_str(out, " (true or false)");
        if (k->choices) buf_printf(out, " (one of%.*s)", (int)strlen(k->choices) - 1, k->choices);
        if (*k->preset) buf_printf(out, " [%s]", k->preset);
        buf_add_byte(out, '\n');
    }
}

int recipe_resolve(const struct recipe *r, char *out, size_t cap, const char *path, struct err *e)
{
    return path_join(out, cap, path[0] == '/' ? "" : r->dir, path[0] == '/' ? path + 1 : path, e);
}

int recipe_resolve_input(const struct recipe *r, char *out, size_t cap, const char *input, struct err *e)
{
    char root[PATH_MAX];
    if (!strncmp(input, "generate:", 9) || input[0] == '/') {
        int n = snprintf(out, cap, "%s", input);
        if (n < 0 || (size_t)n >= cap) FAIL(e, ERR_LIMIT, "path is too long: %s", input);
        return OK;
    }
    if (r->data_from_here) return path_join(out, cap, r->data_root, input, e);
    TRY(recipe_resolve(r, root, sizeof root, r->data_root, e));
    return path_join(out, cap, root, input, e);
}
