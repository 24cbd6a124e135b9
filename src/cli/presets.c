/* Presets of the server. */
#include "cli/presets.h"
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

enum { ID_MOST = 100 };

static int check_members(const json_t *v, const char *const *known, const char *where, struct err *e)
{
    const char *key;
    json_t *ignored;
    json_object_foreach((json_t *)v, key, ignored)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0) i++;
        if (!known[i]) FAIL(e, ERR_FORMAT, "%s: there is no member \"%.60s\"", where, key);
    }
    return OK;
}

static int take_words(const char *out[PRESET_WORDS + 1], const json_t *v, const char *key, const char *where, struct err *e)
{
    const json_t *list = json_object_get(v, key);
    size_t n = json_array_size(list);
    if (!list) return OK;
    if (!json_is_array(list) || n > PRESET_WORDS) FAIL(e, ERR_FORMAT, "%s: %s: expected a list of at most %d texts", where,
                                                       key, PRESET_WORDS);
    for (size_t i = 0; i < n; i++) {
        out[i] = json_string_value(json_array_get(list, i));
        if (!out[i] || !out[i][0]) FAIL(e, ERR_FORMAT, "%s: %s[%zu]: expected a text", where, key, i);
    }
    return OK;
}

/* Names are in paths, lists and logs. */
static int check_id(const char *id, const char *where, struct err *e)
{
    size_t n = strlen(id);
    bool good = n > 0 && n <= ID_MOST;
    for (size_t i = 0; i < n && good; i++) good = (unsigned char)id[i] > 0x20 && id[i] != 0x7f && id[i] != '/' && id[i] != ',';
    if (!good) FAIL(e, ERR_FORMAT, "%s: id: expected 1 to %d bytes without blanks, '/' and ','", where, ID_MOST);
    return OK;
}

static int take_one(struct preset *p, const json_t *v, const char *where, struct err *e)
{
    static const char *const known[] = {"id", "model", "aliases", "options", "pinned", "load", NULL};
    if (!json_is_object(v)) FAIL(e, ERR_FORMAT, "%s: expected an object", where);
    TRY(check_members(v, known, where, e));
    TRY(json_opt_str(v, "id", &p->id, where, e));
    TRY(json_opt_str(v, "model", &p->model, where, e));
    TRY(json_opt_bool(v, "pinned", &p->pinned, where, e));
    TRY(json_opt_bool(v, "load", &p->load, where, e));
    TRY(take_words(p->aliases, v, "aliases", where, e));
    TRY(take_words(p->options, v, "options", where, e));
    if (!p->model || !p->model[0]) FAIL(e, ERR_FORMAT, "%s: model is missing: a path or a name", where);
    return p->id ? check_id(p->id, where, e) : OK;
}

static int take_all(struct presets *p, const char *name, struct err *e)
{
    static const char *const known[] = {"models", NULL};
    const json_t *list = json_object_get(p->root, "models");
    size_t n = json_array_size(list);
    char where[300];
    if (!json_is_object(p->root) || !json_is_array(list) || n == 0 || n > PRESETS_MOST)
        FAIL(e, ERR_FORMAT, "%s: expected an object with the list \"models\" of 1 to %d", name, PRESETS_MOST);
    TRY(check_members(p->root, known, name, e));
    p->v = mem_array(n, sizeof *p->v);
    if (!p->v) FAIL(e, ERR_MEMORY, "%s: out of memory", name);
    p->n = n;
    for (size_t i = 0; i < n; i++) {
        snprintf(where, sizeof where, "%.200s: models[%zu]", name, i);
        TRY(take_one(&p->v[i], json_array_get(list, i), where, e));
    }
    return OK;
}

int presets_parse(struct presets *p, const char *text, size_t len, const char *name, struct err *e)
{
    *p = (struct presets){0};
    TRY(json_parse(&p->root, text, len, name, e));
    int rc = take_all(p, name, e);
    if (rc) presets_free(p);
    return rc;
}

void presets_free(struct presets *p)
{
    json_decref(p->root);
    mem_free(p->v);
    *p = (struct presets){0};
}
