/* What was packed of models, and what of it nothing uses any more. */
#include "cli/models/packed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/confirm.h"
#include "cli/hub_env.h"
#include "cli/model_name.h"
#include "sys/dir.h"
#include "sys/file.h"

void packed_free(struct packed *p)
{
    for (size_t i = 0; i < p->n; i++) {
        mem_free(p->v[i].path);
        mem_free(p->v[i].model);
    }
    mem_free(p->v);
    *p = (struct packed){0};
}

static int add(struct packed *p, const char *path, const char *model, uint64_t bytes, struct err *e)
{
    for (size_t i = 0; i < p->n; i++)
        if (!strcmp(p->v[i].path, path)) return OK;
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        struct packed_file *v = mem_grow(p->v, p->cap * sizeof *v, cap * sizeof *v);
        if (!v) FAIL(e, ERR_MEMORY, "out of memory for the list of packed weights");
        p->v = v;
        p->cap = cap;
    }
    struct packed_file *f = &p->v[p->n++];
    *f = (struct packed_file){mem_strdup(path), mem_strdup(model)};
    if (!f->path || !f->model) FAIL(e, ERR_MEMORY, "out of memory for the list of packed weights");
    p->bytes += bytes;
    return OK;
}

/* "x.gguf.panels", and what earlier versions left behind when they were ended while they packed: "x.gguf.panels.123.tmp". */
static bool is_packed_name(const char *name)
{
    const char *at = strstr(name, ".panels");
    if (!at) return false;
    at += strlen(".panels");
    size_t digits = *at == '.' ? strspn(at + 1, "0123456789") : 0;
    return !*at || (digits > 0 && !strcmp(at + 1 + digits, ".tmp"));
}

/* What earlier versions left beside a model. */
static int add_leftovers(struct packed *p, const char *model, struct err *e)
{
    char real[PATH_MAX], dir[PATH_MAX], path[PATH_MAX], **names;
    size_t n;
    if (!realpath(model, real) || path_dir(dir, sizeof dir, real, NULL) || dir_names(&names, &n, dir, is_packed_name, NULL))
        return OK;
    const char *base = strrchr(real, '/') + 1;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        bool of_it = !strncmp(names[i], base, strlen(base)) && !strncmp(names[i] + strlen(base), ".panels.", 8);
        if (!of_it || path_join(path, sizeof path, dir, names[i], NULL)) continue;
        struct file_look l = file_look(path, false);
        if (l.kind == FILE_REGULAR) rc = add(p, path, model, l.size, e);
    }
    names_free(names, n);
    return rc;
}

static int add_model(struct packed *p, const char *model, struct err *e)
{
    struct panels_found f;
    size_t n = strlen(model);
    panels_find(&f, model, panels_rule());
    for (int i = 0; i < f.n; i++) {
        bool inside = !strncmp(f.path[i], model, n) && f.path[i][n] == '/';
        if (!inside) TRY(add(p, f.path[i], model, file_look(f.path[i], false).size, e));
    }
    return add_leftovers(p, model, e);
}

/* "org/name", or with a pick or revision behind it. */
static bool of_repo(const char *name, const char *repo)
{
    size_t n = strlen(repo);
    return !strncmp(name, repo, n) && (!name[n] || name[n] == ':' || name[n] == '@');
}

int packed_of_ref(struct packed *p, const struct hub_places *places, const struct hub_ref *ref, struct err *e)
{
    struct hub_models m;
    *p = (struct packed){0};
    TRY(hub_models_list(&m, places, e));
    int rc = OK;
    for (size_t i = 0; !rc && i < m.n; i++)
        if ((m.v[i].place == PLACE_HF || m.v[i].place == PLACE_OWN) && of_repo(m.v[i].name, ref->repo))
            rc = add_model(p, m.v[i].path, e);
    hub_models_free(&m);
    if (rc) packed_free(p);
    return rc;
}

int packed_drop(const struct packed *p, bool all, uint64_t *freed, struct err *e)
{
    *freed = 0;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t bytes = file_look(p->v[i].path, false).size;
        if (!all && !file_absent(p->v[i].model)) continue;
        TRY(file_remove(p->v[i].path, e));
        *freed += bytes;
    }
    return OK;
}

uint64_t packed_bytes(const char *model)
{
    struct panels_found f;
    panels_find(&f, model, panels_rule());
    return f.bytes;
}

/* ---- the cache, and what was forgotten beside models ---- */

int packed_json(json_t **out, struct err *e)
{
    struct panels_list l = {0};
    const char *cache = panels_rule()->cache;
    *out = json_array();
    int rc = cache ? panels_list(&l, cache, e) : OK;
    for (size_t i = 0; !rc && i < l.n; i++)
        json_array_append_new(*out, json_pack("{s:s,s:s,s:I,s:b}", "path", l.v[i].path, "model", l.v[i].model, "bytes",
                                              (json_int_t)l.v[i].bytes, "stale", l.v[i].stale));
    panels_list_free(&l);
    return rc;
}

/* In autarky's own folder, beside a model that is no longer there. */
static int add_own(struct packed *p, const char *own, struct err *e)
{
    char **names, path[PATH_MAX], model[PATH_MAX];
    size_t n;
    int rc = dir_names(&names, &n, own, is_packed_name, e);
    if (rc == ERR_NOTFOUND) return OK;
    TRY(rc);
    for (size_t i = 0; !rc && i < n; i++) {
        if (path_join(path, sizeof path, own, names[i], NULL)) continue;
        snprintf(model, sizeof model, "%.*s", (int)(strstr(path + strlen(own), ".panels") - path), path);
        bool leftover = str_ends_with(path, ".tmp");
        struct file_look l = file_look(path, false);
        if ((leftover || file_absent(model)) && l.kind == FILE_REGULAR) rc = add(p, path, model, l.size, e);
    }
    names_free(names, n);
    return rc;
}

static int add_stale(struct packed *p, struct err *e)
{
    struct panels_list l = {0};
    struct hub_env h;
    const char *cache = panels_rule()->cache;
    TRY(hub_env_read(&h, e));
    int rc = cache ? panels_list(&l, cache, e) : OK;
    for (size_t i = 0; !rc && i < l.n; i++)
        if (l.v[i].stale) rc = add(p, l.v[i].path, l.v[i].model, l.v[i].bytes, e);
    panels_list_free(&l);
    if (!rc && h.places.root[PLACE_OWN]) rc = add_own(p, h.places.root[PLACE_OWN], e);
    return rc;
}

int packed_tell_stale(struct err *e)
{
    struct packed p = {0};
    char size[24];
    int rc = add_stale(&p, e);
    if (!rc && p.n)
        fprintf(stderr, "packed weights that no model uses any more: %zu file%s, %s; autarky rm --packed removes them\n", p.n,
                p.n == 1 ? "" : "s", hub_size_text(size, p.bytes));
    packed_free(&p);
    return rc;
}

/* What was packed of a model by name or path; in any place, since only what is ours goes. */
static int add_named(struct packed *p, const char *name, struct err *e)
{
    char model[SETUP_PATH];
    TRY(model_resolve(model, name, e));
    TRY(add_model(p, model, e));
    if (p->n == 0) FAIL(e, ERR_NOTFOUND, "%s: nothing is packed of it", name);
    return OK;
}

int packed_remove(const char *name, bool yes, bool json, struct err *e)
{
    struct packed p = {0};
    char size[24], question[120];
    uint64_t freed = 0;
    int rc = name ? add_named(&p, name, e) : add_stale(&p, e);
    snprintf(question, sizeof question, "remove %zu file%s of packed weights and free %s?", p.n, p.n == 1 ? "" : "s",
             hub_size_text(size, p.bytes));
    if (!rc && p.n && !yes) rc = confirm(question, "say -y", "nothing is removed", e);
    if (!rc) rc = packed_drop(&p, true, &freed, e);
    size_t n = p.n;
    packed_free(&p);
    TRY(rc);
    if (!json) {
        fprintf(stderr, "%zu file%s of packed weights removed, %s freed\n", n, n == 1 ? "" : "s", hub_size_text(size, freed));
        return OK;
    }
    json_t *o = json_pack("{s:I,s:I}", "files", (json_int_t)n, "freed_bytes", (json_int_t)freed);
    if (!o) return json_bad("the result", e);
    return answer_print_json(o, e);
}
