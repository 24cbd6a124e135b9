/* Finding and listing models on this machine. */
#include "hub/local.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/cache.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"

enum { DEPTH_MAX = 6, COMMIT_SHOWN = 8, COMMIT_LEAST = 7 };

const char *const hub_place_names[PLACES] = {"hugging face", "autarky", "ollama", "lm studio",
                                             "llama.cpp",    "ships",   "this folder"};
const char *const hub_format_names[] = {"gguf", "safetensors", "incomplete"};
static const char no_hash[] = "0000000000000000000000000000000000000000";

/* ---- folders as listings ---- */

struct walk {
    struct hub_listing *l;
    bool all; /* what is no file of a model is an error, not left out */
};

static int add_files(const struct walk *w, const char *dir, const char *below, int depth, struct err *e);

static int add_entry(const struct walk *w, const char *dir, const char *below, const char *name, int depth, struct err *e)
{
    char path[PATH_MAX], shown[PATH_MAX];
    if (temp_is_name(name)) return OK; /* somebody is writing it */
    bool fits = snprintf(path, sizeof path, "%s/%s", dir, name) < PATH_MAX &&
                snprintf(shown, sizeof shown, "%s%s%s", below, *below ? "/" : "", name) < PATH_MAX && hub_path_ok(shown);
    if (!fits && w->all) FAIL(e, ERR_UNSUPPORTED, "%s: \"%s\" is no name that a model's file can have", dir, name);
    if (!fits) return OK;
    struct file_look at = file_look(path, true);
    TRY(file_known(&at, path, e));
    if (at.kind == FILE_REGULAR) return listing_add(w->l, shown, (int64_t)at.size, no_hash, dir, e);
    if (at.kind == FILE_FOLDER && depth < DEPTH_MAX && file_look(path, false).kind == FILE_FOLDER)
        return add_files(w, path, shown, depth + 1, e);
    if (w->all && at.kind == FILE_MISSING) FAIL(e, ERR_NOTFOUND, "%s: a link that leads nowhere: the model is not whole", path);
    if (w->all) FAIL(e, ERR_UNSUPPORTED, "%s: neither a file nor a folder (links to folders are not followed)", path);
    return OK;
}

static int add_files(const struct walk *w, const char *dir, const char *below, int depth, struct err *e)
{
    char **names = NULL;
    size_t n = 0;
    struct err why = {0};
    int rc = file_list(&names, &n, dir, &why);
    if (rc == ERR_NOTFOUND) return OK;
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    for (size_t i = 0; !rc && i < n; i++) rc = add_entry(w, dir, below, names[i], depth, e);
    names_free(names, n);
    return rc;
}

static int list_files(struct hub_listing *l, const char *dir, bool all, struct err *e)
{
    *l = (struct hub_listing){0};
    int rc = add_files(&(struct walk){l, all}, dir, "", 0, e);
    if (!rc) rc = listing_finish(l, dir, e);
    if (rc) listing_free(l);
    return rc;
}

int local_files(struct hub_listing *l, const char *dir, struct err *e) { return list_files(l, dir, false, e); }
int local_files_all(struct hub_listing *l, const char *dir, struct err *e) { return list_files(l, dir, true, e); }

/* The file or folder that pick chooses in dir. */
static int choose(char out[PATH_MAX], const char *dir, const char *pick, const char *what, struct err *e)
{
    struct hub_listing l;
    struct hub_choice c = {0};
    TRY(local_files(&l, dir, e));
    int rc = hub_choose(&c, &l, pick, what, e);
    if (!rc && c.main) rc = path_join(out, PATH_MAX, dir, c.main, e);
    else if (!rc)
        rc = snprintf(out, PATH_MAX, "%s", dir) < PATH_MAX
                 ? OK
                 : err_set(e, ERR_LIMIT, __FILE__, __LINE__, "path is too long: %s", dir);
    choice_free(&c);
    listing_free(&l);
    return rc;
}

bool local_names(char ***names, size_t *n, const char *dir)
{
    struct err e;
    int rc = file_list(names, n, dir, &e);
    if (rc && rc != ERR_NOTFOUND) log_warn("%s", e.msg);
    return rc == OK;
}

/* ---- rows ---- */

void hub_models_free(struct hub_models *m)
{
    for (size_t i = 0; i < m->n; i++) {
        mem_free(m->v[i].name);
        mem_free(m->v[i].path);
    }
    mem_free(m->v);
    *m = (struct hub_models){0};
}

int models_add(struct hub_models *m, struct hub_model v, struct err *e)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct hub_model *w = mem_grow(m->v, m->cap * sizeof *w, cap * sizeof *w);
        if (!w) FAIL(e, ERR_MEMORY, "out of memory for the list of models");
        m->v = w;
        m->cap = cap;
    }
    v.name = mem_strdup(v.name);
    v.path = mem_strdup(v.path);
    if (!v.name || !v.path) {
        mem_free(v.name);
        mem_free(v.path);
        FAIL(e, ERR_MEMORY, "out of memory for the list of models");
    }
    m->v[m->n++] = v;
    return OK;
}

/* A word that picks `head` in l, and no other: its quantisation if that is enough, else its path. */
static const char *pick_of(const struct hub_listing *l, const char *head, char quant[32])
{
    char other[32];
    if (!hub_quant_of(head, quant)) return head;
    for (size_t i = 0; i < l->n; i++)
        if (hub_is_gguf_head(l->files[i].path) && strcmp(l->files[i].path, head) != 0 &&
            hub_quant_of(l->files[i].path, other) && !strcmp(other, quant))
            return head;
    return quant;
}

static int add_row(struct hub_models *m, enum hub_place place, enum hub_format format, const char *name,
                   const char *path, uint64_t size, struct err *e)
{
    struct hub_model v = {
        place, format, (char *)(uintptr_t)name, (char *)(uintptr_t)path, size, file_look(path, true).modified};
    return models_add(m, v, e);
}

int local_rows(struct hub_models *m, enum hub_place place, const char *dir, const char *name, struct err *e)
{
    struct hub_listing l;
    uint64_t weights = 0;
    char path[PATH_MAX], full[HUB_REPO + HUB_REVISION + HUB_PATH], quant[32];
    struct err why = {0};
    int rc = local_files(&l, dir, &why);
    if (rc && rc != ERR_MEMORY) { /* not ours to read */
        log_warn("%s", why.msg);
        return OK;
    }
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    for (size_t i = 0; !rc && i < l.n; i++) {
        const char *file = l.files[i].path;
        uint64_t size = 0;
        if (str_ends_with(file, ".safetensors") && !strchr(file, '/') && !add_u64(weights, l.files[i].size, &weights))
            weights = UINT64_MAX;
        if (!hub_is_gguf_head(file)) continue;
        for (size_t k = 0; k < l.n; k++)
            if (hub_same_split(file, l.files[k].path) && !add_u64(size, l.files[k].size, &size)) size = UINT64_MAX;
        snprintf(full, sizeof full, "%s:%s", name, pick_of(&l, file, quant));
        rc = path_join(path, sizeof path, dir, file, e);
        if (!rc) rc = add_row(m, place, HUB_GGUF, full, path, size, e);
    }
    if (!rc && weights > 0) rc = add_row(m, place, HUB_SAFETENSORS, name, dir, weights, e);
    listing_free(&l);
    return rc;
}

/* ---- the Hugging Face cache ---- */

bool local_commit(char out[HUB_HASH], const struct hub_cache *c, const char *revision)
{
    char dir[PATH_MAX], **names, ref[HUB_REVISION + 20];
    size_t n, found = 0;
    if (*revision && cache_get_ref(out, c, revision)) return true;
    if (!*revision && cache_get_ref(out, c, "main")) return true;
    snprintf(ref, sizeof ref, "modelscope-%s", *revision ? revision : "master");
    if (cache_get_ref(out, c, ref)) return true;
    if (*revision && strlen(revision) < COMMIT_LEAST) return false;
    if (cache_snapshot(dir, c, "", "", NULL) != OK || file_list(&names, &n, dir, NULL) != OK) return false;
    for (size_t i = 0; i < n; i++) {
        if (!hub_hash_ok(names[i]) || strncmp(names[i], revision, strlen(revision)) != 0) continue;
        snprintf(out, HUB_HASH, "%s", names[i]);
        found++;
    }
    names_free(names, n);
    return *revision ? found == 1 : found > 0;
}

/* In the snapshot of the revision; without a revision also in the others, since a file that was fetched earlier may
 * belong to an earlier commit. */
static int find_hf(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    struct hub_cache c;
    char commit[HUB_HASH], dir[PATH_MAX], **names;
    size_t n;
    TRY(cache_at(&c, root, ref->repo, e));
    if (!local_commit(commit, &c, ref->revision)) FAIL(e, ERR_NOTFOUND, "%s is not in %s", ref->repo, root);
    TRY(cache_snapshot(dir, &c, commit, "", e));
    int rc = choose(out, dir, ref->pick, ref->repo, e);
    if (rc != ERR_NOTFOUND || ref->revision[0]) return rc;
    TRY(cache_snapshot(dir, &c, "", "", e));
    if (file_list(&names, &n, dir, NULL) != OK) return rc;
    for (size_t i = 0; rc == ERR_NOTFOUND && i < n; i++) {
        if (!hub_hash_ok(names[i]) || cache_snapshot(dir, &c, names[i], "", NULL) != OK) continue;
        rc = choose(out, dir, ref->pick, ref->repo, NULL);
    }
    names_free(names, n);
    return rc;
}

static int scan_snapshots(struct hub_models *m, const struct hub_cache *c, const char *repo, struct err *e)
{
    char dir[PATH_MAX], current[HUB_HASH], name[HUB_REPO + HUB_HASH], **names;
    size_t n;
    bool known = local_commit(current, c, "");
    TRY(cache_snapshot(dir, c, "", "", e));
    if (!local_names(&names, &n, dir)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (!hub_hash_ok(names[i])) continue;
        if (known && !strcmp(names[i], current)) snprintf(name, sizeof name, "%s", repo);
        else snprintf(name, sizeof name, "%s@%.*s", repo, COMMIT_SHOWN, names[i]);
        rc = cache_snapshot(dir, c, names[i], "", e);
        if (!rc) rc = local_rows(m, PLACE_HF, dir, name, e);
    }
    names_free(names, n);
    return rc;
}

static int scan_incomplete(struct hub_models *m, const struct hub_cache *c, const char *repo, struct err *e)
{
    char dir[PATH_MAX], path[PATH_MAX], **names;
    size_t n;
    TRY(path_join(dir, sizeof dir, c->repo, "blobs", e));
    if (!local_names(&names, &n, dir)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (!str_ends_with(names[i], ".incomplete")) continue;
        rc = path_join(path, sizeof path, dir, names[i], e);
        if (!rc) rc = add_row(m, PLACE_HF, HUB_INCOMPLETE, repo, path, file_look(path, true).size, e);
    }
    names_free(names, n);
    return rc;
}

static int scan_hf(struct hub_models *m, const char *root, struct err *e)
{
    struct hub_cache c;
    char **names, repo[HUB_REPO];
    size_t n;
    if (!local_names(&names, &n, root)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (!cache_repo_name(repo, names[i])) continue;
        rc = cache_at(&c, root, repo, e);
        if (!rc) rc = scan_snapshots(m, &c, repo, e);
        if (!rc) rc = scan_incomplete(m, &c, repo, e);
    }
    names_free(names, n);
    return rc;
}

/* ---- autarky's own folder: files, and folders with models ---- */

static int find_own(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    char name[HUB_URL_MAX];
    if (ref->source == HUB_URL) {
        size_t n = strcspn(ref->url, "?#"), at = n;
        while (at > 0 && ref->url[at - 1] != '/') at--;
        snprintf(name, sizeof name, "%.*s", (int)(n - at), ref->url + at);
    } else {
        snprintf(name, sizeof name, "%s", ref->repo);
    }
    if (!hub_path_ok(name)) FAIL(e, ERR_NOTFOUND, "%s is not in %s", name, root);
    TRY(path_join(out, PATH_MAX, root, name, e));
    enum file_kind kind = file_look(out, true).kind;
    if (kind == FILE_FOLDER) {
        char dir[PATH_MAX];
        memcpy(dir, out, sizeof dir);
        return choose(out, dir, ref->pick, name, e);
    }
    if (kind == FILE_REGULAR && !ref->pick[0]) return OK;
    if (snprintf(out, PATH_MAX, "%s/%s.gguf", root, name) < PATH_MAX && file_look(out, true).kind == FILE_REGULAR &&
        !ref->pick[0])
        return OK;
    FAIL(e, ERR_NOTFOUND, "%s is not in %s", name, root);
}

static int scan_own(struct hub_models *m, const char *root, struct err *e)
{
    char **names, path[PATH_MAX];
    size_t n;
    if (!local_names(&names, &n, root)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (path_join(path, sizeof path, root, names[i], NULL) != OK || !hub_path_ok(names[i])) continue;
        struct file_look l = file_look(path, true);
        bool part = str_ends_with(names[i], ".incomplete");
        if (l.kind == FILE_FOLDER) rc = local_rows(m, PLACE_OWN, path, names[i], e);
        else if (l.kind == FILE_REGULAR && (part || str_ends_with(names[i], ".gguf")))
            rc = add_row(m, PLACE_OWN, part ? HUB_INCOMPLETE : HUB_GGUF, names[i], path, l.size, e);
    }
    names_free(names, n);
    return rc;
}

/* ---- all places ---- */

static int by_place_and_name(const void *a, const void *b)
{
    const struct hub_model *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    int c = strcmp(x->name, y->name);
    return c ? c : strcmp(x->path, y->path);
}

int hub_models_list(struct hub_models *m, const struct hub_places *p, struct err *e)
{
    static int (*const scan[PLACES])(struct hub_models *, const char *, struct err *) = {
        scan_hf, scan_own, ollama_scan, lmstudio_scan, llama_cpp_scan, shipped_scan, runs_scan};
    *m = (struct hub_models){0};
    int rc = OK;
    for (int i = 0; !rc && i < PLACES; i++)
        if (p->root[i]) rc = scan[i](m, p->root[i], e);
    if (!rc && p->ollama_system) rc = ollama_scan(m, p->ollama_system, e);
    if (rc) hub_models_free(m);
    else if (m->n > 0) qsort(m->v, m->n, sizeof *m->v, by_place_and_name);
    return rc;
}

static int find_lmstudio(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    char dir[PATH_MAX];
    TRY(path_join(dir, sizeof dir, root, ref->repo, e));
    if (!file_is_dir(dir)) FAIL(e, ERR_NOTFOUND, "%s is not in %s", ref->repo, root);
    return choose(out, dir, ref->pick, ref->repo, e);
}

int hub_find(char out[PATH_MAX], const struct hub_places *p, const char *name, struct err *e)
{
    static int (*const find[PLACES])(char[PATH_MAX], const char *, const struct hub_ref *, struct err *) = {
        find_hf, find_own, ollama_find, find_lmstudio, llama_cpp_find, shipped_find, runs_find};
    struct hub_ref ref;
    struct err unclear = {0};
    if (hub_ref_here(&ref, name, e) != OK) return e ? (int)(e->code = ERR_NOTFOUND) : (int)ERR_NOTFOUND;
    for (int i = 0; i <= PLACES; i++) {
        enum hub_place place = i < PLACES ? (enum hub_place)i : PLACE_OLLAMA;
        const char *root = i < PLACES ? p->root[i] : p->ollama_system;
        struct err why = {0};
        if (!root || (ref.source == HUB_URL && place != PLACE_OWN)) continue;
        if (ref.file && (place == PLACE_HF || place == PLACE_OLLAMA)) continue;
        int rc = find[place](out, root, &ref, &why);
        if (rc == OK) return OK;
        if (rc != ERR_NOTFOUND && !unclear.code) unclear = why; /* it is there, but which? Another place may know */
    }
    if (unclear.code) {
        if (e) *e = unclear;
        return unclear.code;
    }
    FAIL(e, ERR_NOTFOUND,
         "%s: there is no such model on this machine; autarky list shows those that are, autarky pull fetches one",
         name);
}
