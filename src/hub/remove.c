/* Removing models from the shared cache: first it is worked out what goes and what must stay, then asked, then done.
 * Order of deletion: ref, links, blobs. A crash in between leaves bytes that nothing names, never a name without bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "hub/cache.h"
#include "hub/local.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"

struct link {
    char commit[HUB_HASH];
    char *path; /* inside the snapshot; owned */
    char blob[HUB_HASH]; /* "": a file and not a link */
    uint64_t size;
    bool goes, frees; /* removed; and the last user of its blob among those that go */
};

struct lock {
    char hash[HUB_HASH];
    int fd;
};

struct removal {
    struct hub_cache c;
    const struct hub_ref *ref;
    struct link *v;
    size_t n, cap;
    char only[HUB_HASH]; /* commit of the revision; "" all */
    struct lock *locks;  /* held */
    size_t n_locks, cap_locks;
};

static void removal_free(struct removal *m)
{
    for (size_t i = 0; i < m->n; i++) mem_free(m->v[i].path);
    mem_free(m->v);
    for (size_t i = 0; i < m->n_locks; i++) file_unlock(m->locks[i].fd);
    mem_free(m->locks);
}

static int add_link(struct removal *m, const char *commit, const struct hub_file *f, bool goes, struct err *e)
{
    char path[PATH_MAX], to[PATH_MAX];
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 64;
        struct link *w = mem_grow(m->v, m->cap * sizeof *w, cap * sizeof *w);
        if (!w) FAIL(e, ERR_MEMORY, "out of memory for %zu files", cap);
        m->v = w;
        m->cap = cap;
    }
    struct link *k = &m->v[m->n];
    *k = (struct link){.path = mem_strdup(f->path), .size = f->size, .goes = goes};
    if (!k->path) FAIL(e, ERR_MEMORY, "out of memory for the list of files");
    m->n++;
    snprintf(k->commit, sizeof k->commit, "%s", commit);
    TRY(cache_snapshot(path, &m->c, commit, f->path, e));
    struct file_look at = file_look(path, false);
    TRY(file_known(&at, path, e)); /* else the blob of one that stays would count as nobody's */
    if (at.kind != FILE_LINK) return OK;
    TRY(file_link_target(to, sizeof to, path, e));
    const char *slash = strrchr(to, '/');
    if (slash && hub_hash_ok(slash + 1)) snprintf(k->blob, sizeof k->blob, "%s", slash + 1);
    return OK;
}

/* The files of one snapshot, each marked whether it goes. */
static int add_snapshot(struct removal *m, const char *commit, struct err *e)
{
    struct hub_listing l;
    struct hub_choice c = {0};
    char dir[PATH_MAX];
    bool here = !m->only[0] || !strcmp(m->only, commit);
    const char *pick = m->ref->pick;
    TRY(cache_snapshot(dir, &m->c, commit, "", e));
    TRY(local_files(&l, dir, e));
    if (here && *pick && hub_choose(&c, &l, pick, m->ref->repo, NULL) != OK)
        here = false; /* another snapshot may have it */
    int rc = OK;
    for (size_t i = 0; !rc && i < l.n; i++) {
        bool goes = here && (!c.main || hub_same_split(c.main, l.files[i].path));
        rc = add_link(m, commit, &l.files[i], goes, e);
    }
    choice_free(&c);
    listing_free(&l);
    return rc;
}

static int by_blob(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    int c = strcmp(x->blob, y->blob);
    return c ? c : (int)y->goes - (int)x->goes;
}

/* When the last model goes, the texts about it go, too. */
static void take_texts(struct removal *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->v[i].goes && (str_ends_with(m->v[i].path, ".gguf") || str_ends_with(m->v[i].path, ".safetensors"))) return;
    for (size_t i = 0; i < m->n; i++) m->v[i].goes = true;
}

/* Marks the links whose blob nobody else needs, and counts. */
static void count(struct removal *m, struct hub_removal *r)
{
    if (m->n > 0) qsort(m->v, m->n, sizeof *m->v, by_blob);
    for (size_t i = 0; i < m->n; i++) {
        struct link *k = &m->v[i];
        bool last = i + 1 == m->n || !k->blob[0] || strcmp(m->v[i + 1].blob, k->blob) != 0; /* stayers come last */
        k->frees = k->goes && last;
        if (k->goes) r->files++;
        else r->kept++;
        if (k->frees) r->bytes += k->size;
    }
}

static int find_links(struct removal *m, struct err *e)
{
    char dir[PATH_MAX], **names;
    size_t n;
    TRY(cache_snapshot(dir, &m->c, "", "", e));
    struct err why = {0};
    int rc = file_list(&names, &n, dir, &why);
    if (rc == ERR_NOTFOUND) return OK;
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg); /* what is in it may need the blobs */
    for (size_t i = 0; !rc && i < n; i++)
        if (hub_hash_ok(names[i])) rc = add_snapshot(m, names[i], e);
    names_free(names, n);
    return rc;
}

/* Takes the lock of one blob, unless it is held already; refuses when another process has it. */
static int hold(struct removal *m, const char *hash, struct err *e)
{
    int fd;
    for (size_t i = 0; i < m->n_locks; i++)
        if (!strcmp(m->locks[i].hash, hash)) return OK;
    if (m->n_locks == m->cap_locks) {
        size_t cap = m->cap_locks ? 2 * m->cap_locks : 64;
        struct lock *w = mem_grow(m->locks, m->cap_locks * sizeof *w, cap * sizeof *w);
        if (!w) FAIL(e, ERR_MEMORY, "out of memory for %zu locks", cap);
        m->locks = w;
        m->cap_locks = cap;
    }
    TRY(cache_try_lock(&fd, &m->c, hash, e));
    if (fd < 0) FAIL(e, ERR_USAGE, "%s: another program is fetching it right now", m->ref->repo);
    m->locks[m->n_locks].fd = fd;
    snprintf(m->locks[m->n_locks++].hash, HUB_HASH, "%s", hash);
    return OK;
}

/* Holds a lock for each blob that a file in dir is named after: "HASH.lock", "HASH", "HASH.incomplete". */
static int hold_names(struct removal *m, const char *dir, struct err *e)
{
    char **names;
    size_t n;
    struct err why = {0};
    int rc = file_list(&names, &n, dir, &why);
    if (rc == ERR_NOTFOUND) return OK;
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    for (size_t i = 0; !rc && i < n; i++) {
        char hash[HUB_HASH] = "";
        size_t len = strcspn(names[i], ".");
        if (len < HUB_HASH) snprintf(hash, sizeof hash, "%.*s", (int)len, names[i]);
        if (hub_hash_ok(hash)) rc = hold(m, hash, e);
    }
    names_free(names, n);
    return rc;
}

/* From here until removal_free nobody begins to fetch what is about to go. Called again after the question: what somebody began
 * to fetch meanwhile, which had no name before, is refused then. */
static int hold_all(struct removal *m, bool whole, struct err *e)
{
    char blobs[PATH_MAX];
    TRY(path_join(blobs, sizeof blobs, m->c.repo, "blobs", e));
    TRY(file_mkdirs(m->c.locks, e));
    TRY(hold_names(m, m->c.locks, e));
    if (whole) return hold_names(m, blobs, e);
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].frees && m->v[i].blob[0]) TRY(hold(m, m->v[i].blob, e));
    return OK;
}

/* Removes refs below dir that name a commit without a snapshot. */
static int drop_refs(const struct removal *m, struct err *e)
{
    struct hub_listing l;
    char dir[PATH_MAX], path[PATH_MAX], commit[HUB_HASH];
    TRY(path_join(dir, sizeof dir, m->c.repo, "refs", e));
    TRY(local_files(&l, dir, e));
    int rc = OK;
    for (size_t i = 0; !rc && i < l.n; i++) {
        if (!cache_get_ref(commit, &m->c, l.files[i].path)) continue;
        bool stays = false;
        for (size_t k = 0; k < m->n; k++) stays |= !m->v[k].goes && !strcmp(m->v[k].commit, commit);
        if (stays) continue;
        rc = path_join(path, sizeof path, dir, l.files[i].path, e);
        if (!rc) rc = file_remove(path, e);
    }
    listing_free(&l);
    return rc;
}

static int drop_links(const struct removal *m, struct err *e)
{
    char path[PATH_MAX], dir[PATH_MAX], stop[PATH_MAX];
    TRY(cache_snapshot(stop, &m->c, "", "", e));
    stop[strlen(stop) - 1] = 0; /* ".../snapshots/" without its slash */
    for (size_t i = 0; i < m->n; i++) {
        if (!m->v[i].goes) continue;
        TRY(cache_snapshot(path, &m->c, m->v[i].commit, m->v[i].path, e));
        TRY(file_remove(path, e));
        for (;;) { /* folders that are empty now, up to the snapshot's own */
            TRY(path_dir(dir, sizeof dir, path, e));
            if (strlen(dir) <= strlen(stop)) break;
            dir_remove_empty(dir);
            memcpy(path, dir, sizeof path);
        }
    }
    return OK;
}

static int drop_blobs(const struct removal *m, struct err *e)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < m->n; i++) {
        if (!m->v[i].frees || !m->v[i].blob[0]) continue;
        TRY(cache_blob(path, &m->c, m->v[i].blob, "", e));
        TRY(file_remove(path, e));
    }
    return OK;
}

static int drop_all(const struct removal *m, struct err *e)
{
    TRY(dir_remove_tree(m->c.repo, e));
    return dir_remove_tree(m->c.locks, e);
}

/* All bytes of the repository, with those of partial and orphaned blobs. */
static int count_blobs(const struct removal *m, struct hub_removal *r, struct err *e)
{
    struct hub_listing l;
    char dir[PATH_MAX];
    TRY(path_join(dir, sizeof dir, m->c.repo, "blobs", e));
    TRY(local_files(&l, dir, e));
    r->bytes = 0;
    for (size_t i = 0; i < l.n; i++) r->bytes += l.files[i].size;
    if (r->files < l.n) r->files = l.n;
    listing_free(&l);
    return OK;
}

static int remove_repo(struct removal *m, struct hub_removal *r,
                       int (*agree)(void *ctx, const struct hub_removal *r, struct err *e), void *ctx, struct err *e)
{
    bool whole = !m->ref->pick[0] && !m->ref->revision[0];
    TRY(find_links(m, e));
    bool some = whole;
    for (size_t i = 0; i < m->n; i++) some |= m->v[i].goes;
    if (some) take_texts(m);
    count(m, r);
    if (whole) TRY(count_blobs(m, r, e));
    else if (r->files == 0)
        FAIL(e, ERR_NOTFOUND, "%s: no such file in the cache; autarky list shows what there is", r->name);
    TRY(hold_all(m, whole || r->kept == 0, e));
    if (agree) TRY(agree(ctx, r, e));
    TRY(hold_all(m, whole || r->kept == 0, e));
    if (whole || r->kept == 0) return drop_all(m, e);
    TRY(drop_refs(m, e));
    TRY(drop_links(m, e));
    return drop_blobs(m, e);
}

static int remove_own(const char *root, const struct hub_ref *ref, struct hub_removal *r,
                      int (*agree)(void *ctx, const struct hub_removal *r, struct err *e), void *ctx, struct err *e)
{
    char path[PATH_MAX];
    struct hub_listing l;
    if (!root || ref->pick[0] || ref->revision[0] || ref->source != HUB_HF ||
        path_join(path, sizeof path, root, ref->repo, NULL) != OK || file_look(path, false).kind == FILE_MISSING)
        FAIL(e, ERR_NOTFOUND,
             "%s: there is no such model in the caches that autarky may change; autarky list shows all", r->name);
    struct file_look at = file_look(path, false);
    TRY(file_known(&at, path, e));
    r->files = 1;
    r->bytes = at.size;
    if (at.kind == FILE_FOLDER) {
        TRY(local_files(&l, path, e));
        for (size_t i = 0; i < l.n; i++) r->bytes += l.files[i].size;
        r->files = l.n;
        listing_free(&l);
    }
    if (agree) TRY(agree(ctx, r, e));
    return dir_remove_tree(path, e);
}

int hub_remove(const struct hub_places *p, const struct hub_ref *ref, struct hub_removal *r,
               int (*agree)(void *ctx, const struct hub_removal *r, struct err *e), void *ctx, struct err *e)
{
    struct removal m = {.ref = ref};
    *r = (struct hub_removal){0};
    snprintf(r->name, sizeof r->name, "%s%s%s%s%s", ref->repo, ref->revision[0] ? "@" : "", ref->revision,
             ref->pick[0] ? ":" : "", ref->pick);
    if (ref->source == HUB_URL) FAIL(e, ERR_USAGE, "%.200s: name the file as autarky list does", ref->url);
    if (!p->root[PLACE_HF] || ref->file) return remove_own(p->root[PLACE_OWN], ref, r, agree, ctx, e);
    TRY(cache_at(&m.c, p->root[PLACE_HF], ref->repo, e));
    if (file_absent(m.c.repo)) return remove_own(p->root[PLACE_OWN], ref, r, agree, ctx, e);
    if (ref->revision[0] && !local_commit(m.only, &m.c, ref->revision))
        FAIL(e, ERR_NOTFOUND, "%s: the cache does not have revision %s", ref->repo, ref->revision);
    int rc = remove_repo(&m, r, agree, ctx, e);
    removal_free(&m);
    return rc;
}
