/* Finding the templates and the name of a model. */
#include "model/chat_template.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "sys/file.h"

enum { TEMPLATE_MAX = 1 << 20, TEMPLATES_MAX = 64 };
#define MAIN CHAT_TEMPLATE_MAIN
#define JINJA ".jinja"

void chat_templates_free(struct chat_templates *t)
{
    for (size_t i = 0; i < t->n; i++) {
        mem_free(t->v[i].name);
        mem_free(t->v[i].text);
    }
    mem_free(t->v);
    *t = (struct chat_templates){0};
}

static struct chat_template *find(const struct chat_templates *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->v[i].name, name)) return &t->v[i];
    return NULL;
}

const char *chat_templates_find(const struct chat_templates *t, const char *name)
{
    const struct chat_template *x = find(t, name);
    return x ? x->text : NULL;
}

/* Bytes from outside; where: the file, and what of it. */
struct piece {
    const char *s;
    size_t len;
};

static int check(const struct piece *p, const char *what, const char *where, size_t max, struct err *e)
{
    size_t at;
    if (p->len > max) FAIL(e, ERR_LIMIT, "%s: the %s has %zu bytes, at most %zu are accepted", where, what, p->len, max);
    if (memchr(p->s, 0, p->len)) FAIL(e, ERR_FORMAT, "%s: the %s holds a NUL byte, expected none", where, what);
    if (!utf8_valid(p->s, p->len, &at))
        FAIL(e, ERR_FORMAT, "%s: offset %zu of the %s: not valid UTF-8", where, at, what);
    return OK;
}

/* A template; of two with the same name the later counts. */
static int add(struct chat_templates *t, struct piece name, struct piece text, const char *where, struct err *e)
{
    TRY(check(&name, "name of a chat template", where, TF_NAME_MAX, e));
    TRY(check(&text, "chat template", where, TEMPLATE_MAX, e));
    if (!name.len) FAIL(e, ERR_FORMAT, "%s: the name of a chat template is empty", where);
    struct chat_template x = {mem_strndup(name.s, name.len), mem_strndup(text.s, text.len)};
    struct chat_template *at = x.name && x.text ? find(t, x.name) : NULL;
    struct chat_template *v = t->v;
    bool full = !at && t->n == TEMPLATES_MAX, failed = !x.name || !x.text;
    if (!at && !full && !failed) {
        v = mem_grow(t->v, t->n * sizeof *v, (t->n + 1) * sizeof *v);
        if (v) at = &(t->v = v)[t->n++];
    }
    if (at) {
        mem_free(at->name);
        mem_free(at->text);
        *at = x;
        return OK;
    }
    mem_free(x.name);
    mem_free(x.text);
    if (full) FAIL(e, ERR_LIMIT, "%s: more than %d chat templates", where, TEMPLATES_MAX);
    FAIL(e, ERR_MEMORY, "%s: out of memory for a chat template", where);
}

/* ---- GGUF ---- */

/* Nothing but the templates themselves is used. */
static void check_list(const struct chat_templates *t, const struct tf *f)
{
    const struct tf_kv *kv = tf_find_kv(f, CHAT_TEMPLATE_KEYS);
    const char *s;
    uint64_t pos = 0, n = 0;
    size_t len;
    if (!kv) return;
    for (; tf_array_next_str(kv, &pos, &s, &len); n++) {
        bool have = false;
        for (size_t i = 0; i < t->n; i++) have |= strlen(t->v[i].name) == len && !memcmp(t->v[i].name, s, len);
        if (!have)
            log_warn("%s: " CHAT_TEMPLATE_KEYS "[%llu] names a template which is not there", f->path, (unsigned long long)n);
    }
    if (kv->type != TF_ARRAY || n != kv->v.array.n)
        log_warn("%s: " CHAT_TEMPLATE_KEYS " is not an array of strings and is ignored", f->path);
}

static int from_gguf(struct chat_templates *t, const struct tf *f, struct err *e)
{
    const size_t n = strlen(CHAT_TEMPLATE_KEY);
    char where[600];
    for (size_t i = 0; i < f->n_kv; i++) {
        const struct tf_kv *kv = &f->kv[i];
        if (strncmp(kv->key, CHAT_TEMPLATE_KEY, n) != 0 || (kv->key[n] && kv->key[n] != '.')) continue;
        const char *name = kv->key[n] ? kv->key + n + 1 : MAIN;
        snprintf(where, sizeof where, "%.300s: %.200s", f->path, kv->key);
        if (kv->type != TF_STR) {
            log_warn("%s is not a string and is ignored", where);
            continue;
        }
        TRY(add(t, (struct piece){name, strlen(name)}, (struct piece){kv->v.str.s, kv->v.str.len}, where, e));
    }
    check_list(t, f);
    return OK;
}

/* ---- folders ---- */

static int add_file(struct chat_templates *t, const struct model_file *m, struct piece name, const char *file, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t len;
    TRY(model_file_text(&text, &len, path, sizeof path, m, file, TEMPLATE_MAX, e));
    int rc = text ? add(t, name, (struct piece){text, len}, path, e) : OK;
    mem_free(text);
    return rc;
}

static int add_named_files(struct chat_templates *t, const struct model_file *m, struct err *e)
{
    static const char sub[] = CHAT_TEMPLATE_DIR;
    char folder[PATH_MAX], file[PATH_MAX], **names = NULL;
    struct err why = {0};
    size_t n = 0;
    TRY(path_join(folder, sizeof folder, m->folder, sub, e));
    int rc = file_list(&names, &n, folder, &why);
    if (rc == ERR_NOTFOUND) return OK;
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    for (size_t i = 0; i < n; i++) {
        struct piece name = {names[i], strlen(names[i])};
        bool is = str_ends_with(names[i], JINJA);
        if (is) name.len -= strlen(JINJA);
        if (is && !rc) rc = path_join(file, sizeof file, sub, names[i], e);
        if (is && !rc) rc = add_file(t, m, name, file, e);
        mem_free(names[i]);
    }
    mem_free(names);
    return rc;
}

static struct piece text_of(const json_t *v) { return (struct piece){json_string_value(v), json_string_length(v)}; }

/* The member of a JSON file: a text, or a list. */
static int add_member(struct chat_templates *t, struct model_file *m, enum model_json which, struct err *e)
{
    const struct model_json_file *j;
    TRY(model_file_json(&j, m, which, e));
    const json_t *v = json_object_get(j->root, "chat_template");
    if (!v || json_is_null(v)) return OK;
    if (json_is_string(v)) return add(t, (struct piece){MAIN, strlen(MAIN)}, text_of(v), j->path, e);
    if (!json_is_array(v)) FAIL(e, ERR_FORMAT, "%s: \"chat_template\" is neither a text nor a list", j->path);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *x = json_array_get(v, i), *name = json_object_get(x, "name"), *text = json_object_get(x, "template");
        if (!json_is_string(name) || !json_is_string(text))
            FAIL(e, ERR_FORMAT, "%s: \"chat_template\"[%zu] has no texts \"name\" and \"template\"", j->path, i);
        TRY(add(t, text_of(name), text_of(text), j->path, e));
    }
    return OK;
}

static int from_folder(struct chat_templates *t, struct model_file *m, struct err *e)
{
    TRY(add_file(t, m, (struct piece){MAIN, strlen(MAIN)}, CHAT_TEMPLATE_FILE, e));
    TRY(add_named_files(t, m, e));
    if (!t->n) TRY(add_member(t, m, MODEL_TOKENIZER_CONFIG, e));
    return t->n ? OK : add_member(t, m, MODEL_CHAT_TEMPLATE, e);
}

int model_chat_templates(struct chat_templates *t, struct model_file *m, struct err *e)
{
    *t = (struct chat_templates){0};
    return m->gguf ? from_gguf(t, &m->tf, e) : from_folder(t, m, e);
}

/* ---- the name ---- */

int model_name(char **out, struct model_file *m, struct err *e)
{
    const struct model_json_file *j;
    const char *name = NULL;
    bool found;
    *out = NULL;
    if (m->gguf) {
        const struct tf_kv *kv = tf_find_kv(&m->tf, "general.name");
        bool text = kv && kv->type == TF_STR && !memchr(kv->v.str.s, 0, kv->v.str.len);
        if (!kv || text) return tf_kv_str(&m->tf, "general.name", out, &found, e);
        log_warn("%s: general.name is no text and is ignored", m->path);
        return OK;
    }
    TRY(model_file_json(&j, m, MODEL_CONFIG, e));
    const json_t *v = json_object_get(j->root, "_name_or_path");
    if (json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v)) name = json_string_value(v);
    else if (v && !json_is_null(v)) log_warn("%s: \"_name_or_path\" is no text and is ignored", j->path);
    if (!name) return OK;
    *out = mem_strdup(name);
    if (!*out) FAIL(e, ERR_MEMORY, "%s: out of memory for the name", j->path);
    return OK;
}
