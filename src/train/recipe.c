/* Recipes: printing, comparing. */
#include "train/recipe.h"
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "train/recipe_keys.h"

static void free_sources(struct recipe_source *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(s[i].name);
        mem_free(s[i].encoding);
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

int recipe_steps(const char *before, const char *dir, int64_t *steps, struct err *e)
{
    struct recipe *b = mem_alloc(sizeof *b);
    if (!b) FAIL(e, ERR_MEMORY, "out of memory while comparing recipes");
    int rc = recipe_parse(b, before, strlen(before), "the run's recipe", dir, e);
    *steps = rc ? 0 : b->steps;
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
        if (k->choices) buf_add_str(out, " (one of");
        for (int c = 0; k->choices && k->choices[c]; c++) buf_printf(out, " %s", k->choices[c]);
        if (k->choices) buf_add_byte(out, ')');
        if (*k->preset) buf_printf(out, " [%s]", k->preset);
        buf_add_byte(out, '\n');
    }
}
