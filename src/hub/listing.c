/* Listings of both hubs. What a server says here is checked before anything else sees it. */
#include "hub/listing.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/utf8.h"

enum { FILES_MAX = 100000, PAGES_MAX = 1000, MODELSCOPE_CUT = 3000 };
static const int64_t size_max = INT64_C(1) << 50;

void listing_free(struct hub_listing *l)
{
    for (size_t i = 0; i < l->n; i++) mem_free(l->files[i].path);
    mem_free(l->files);
    *l = (struct hub_listing){0};
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct hub_file *)a)->path, ((const struct hub_file *)b)->path);
}

const struct hub_file *listing_find(const struct hub_listing *l, const char *path)
{
    for (size_t lo = 0, hi = l->n; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(path, l->files[mid].path);
        if (c == 0) return &l->files[mid];
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}

int listing_add(struct hub_listing *l, const char *path, int64_t size, const char *hash, const char *where,
                struct err *e)
{
    char shown[160];
    utf8_printable(shown, sizeof shown, path, strlen(path));
    if (!hub_path_ok(path))
        FAIL(e, ERR_FORMAT, "%s: \"%s\" cannot be the name of a file in a folder: refused", where, shown);
    if (size < 0 || size > size_max)
        FAIL(e, ERR_FORMAT, "%s: %s: size is %" PRId64 ", expected 0 to %" PRId64, where, shown, size, size_max);
    if (!hub_hash_ok(hash)) FAIL(e, ERR_FORMAT, "%s: %s: the hash is not 40 or 64 hexadecimal digits", where, shown);
    if (l->n == FILES_MAX) FAIL(e, ERR_LIMIT, "%s: more than %d files", where, FILES_MAX);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct hub_file *f = mem_grow(l->files, l->cap * sizeof *f, cap * sizeof *f);
        if (!f) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu files", where, cap);
        l->files = f;
        l->cap = cap;
    }
    struct hub_file *f = &l->files[l->n];
    *f = (struct hub_file){.path = mem_strdup(path), .size = (uint64_t)size};
    if (!f->path) FAIL(e, ERR_MEMORY, "%s: out of memory", where);
    snprintf(f->hash, sizeof f->hash, "%s", hash);
    l->n++;
    return OK;
}

int listing_finish(struct hub_listing *l, const char *where, struct err *e)
{
    if (l->n > 0) qsort(l->files, l->n, sizeof *l->files, by_path);
    for (size_t i = 1; i < l->n; i++)
        if (!strcmp(l->files[i - 1].path, l->files[i].path))
            FAIL(e, ERR_FORMAT, "%s: \"%s\" is listed twice", where, l->files[i].path);
    return OK;
}

/* ---- addresses ---- */

void hub_page_url(struct buf *b, const struct hub_net *n, const struct hub_ref *ref)
{
    buf_add_str(b, n->endpoint);
    buf_add_str(b, ref->source == HUB_MODELSCOPE ? "/models/" : "/");
    buf_add_str(b, ref->repo);
}

static const char *revision_of(const struct hub_ref *ref)
{
    if (ref->revision[0]) return ref->revision;
    return ref->source == HUB_MODELSCOPE ? "master" : "main";
}

void hub_file_url(struct buf *b, const struct hub_net *n, const struct hub_ref *ref, const struct hub_listing *l,
                  const char *path)
{
    if (ref->source == HUB_MODELSCOPE) {
        buf_printf(b, "%s/api/v1/models/%s/repo?Revision=", n->endpoint, ref->repo);
        web_add_path(b, revision_of(ref), false);
        buf_add_str(b, "&FilePath=");
        web_add_path(b, path, false);
    } else {
        buf_printf(b, "%s/%s/resolve/%s/", n->endpoint, ref->repo, l->commit);
        web_add_path(b, path, true);
    }
}

/* ---- Hugging Face ---- */

static int add_hf_entry(struct hub_listing *l, const json_t *v, const char *where, struct err *e)
{
    const char *type = NULL, *path = NULL, *oid = "";
    int64_t size = -1;
    const json_t *lfs = json_object_get(v, "lfs");
    TRY(json_opt_str(v, "type", &type, where, e));
    if (type && strcmp(type, "file") != 0) return OK; /* folders follow from the paths of files */
    TRY(json_opt_str(v, "path", &path, where, e));
    if (!path) FAIL(e, ERR_FORMAT, "%s: an entry without \"path\"", where);
    if (!json_is_object(lfs)) lfs = v;
    TRY(json_get_i64(lfs, "size", 0, size_max, &size, where, e));
    TRY(json_opt_str(lfs, "oid", &oid, where, e));
    if (lfs != v && strlen(oid) != 64)
        FAIL(e, ERR_FORMAT, "%s: the \"oid\" in \"lfs\" has %zu characters, expected 64", where, strlen(oid));
    return listing_add(l, path, size, oid, where, e);
}

static int add_hf_page(struct hub_listing *l, const json_t *page, const char *where, struct err *e)
{
    const json_t *v;
    size_t i;
    if (!json_is_array(page)) FAIL(e, ERR_FORMAT, "%s: not a list of files", where);
    json_array_foreach(page, i, v) TRY(add_hf_entry(l, v, where, e));
    return OK;
}

/* The next page always comes from the endpoint in use: a mirror may pass on its origin's address, and a token must not
 * follow an address that a server made up. */
static bool next_page(struct buf *url, const struct hub_net *n, const struct web_reply *r)
{
    const char *path = strstr(r->next, "/api/models/");
    if (!path) return false;
    buf_clear(url);
    buf_add_str(url, n->endpoint);
    buf_add_str(url, path);
    return true;
}

static int get_hf_commit(const struct hub_net *n, const struct hub_ref *ref, struct hub_listing *l, const char *page,
                         struct err *e)
{
    struct buf url = {0};
    struct web_reply r;
    const char *sha = "";
    json_t *v = NULL;
    char what[HUB_REPO + HUB_REVISION + 2];
    snprintf(what, sizeof what, "%s%s%s", ref->repo, ref->revision[0] ? "@" : "", ref->revision);
    buf_printf(&url, "%s/api/models/%s/revision/", n->endpoint, ref->repo);
    web_add_path(&url, revision_of(ref), false);
    int rc = buf_check(&url, "an address", e);
    if (!rc) rc = net_get_json(n, &v, url.data, what, page, &r, e);
    if (!rc) rc = json_opt_str(v, "sha", &sha, what, e);
    if (!rc && !hub_hex_ok(sha, 40))
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: the hub names no commit (40 hexadecimal digits)", what);
    if (!rc) snprintf(l->commit, sizeof l->commit, "%s", sha);
    json_decref(v);
    buf_free(&url);
    return rc;
}

static int get_hf_tree(const struct hub_net *n, const struct hub_ref *ref, struct hub_listing *l, const char *page,
                       struct err *e)
{
    struct buf url = {0};
    struct web_reply r;
    char where[HUB_REPO + 40];
    snprintf(where, sizeof where, "the list of files of %s", ref->repo);
    buf_printf(&url, "%s/api/models/%s/tree/%s?recursive=true", n->endpoint, ref->repo, l->commit);
    int rc = buf_check(&url, "an address", e);
    for (int pages = 1; !rc; pages++) {
        json_t *v = NULL;
        rc = net_get_json(n, &v, url.data, ref->repo, page, &r, e);
        if (!rc) rc = add_hf_page(l, v, where, e);
        json_decref(v);
        if (rc || !next_page(&url, n, &r)) break;
        rc = buf_check(&url, "an address", e);
        if (!rc && pages == PAGES_MAX)
            rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "%s: more than %d pages", where, PAGES_MAX);
    }
    buf_free(&url);
    return rc ? rc : listing_finish(l, where, e);
}

int hub_list_hf(const struct hub_net *n, const struct hub_ref *ref, struct hub_listing *l, struct err *e)
{
    struct buf page = {0};
    *l = (struct hub_listing){0};
    hub_page_url(&page, n, ref);
    int rc = buf_check(&page, "an address", e);
    if (!rc) rc = get_hf_commit(n, ref, l, page.data, e);
    if (!rc) rc = get_hf_tree(n, ref, l, page.data, e);
    if (rc) listing_free(l);
    buf_free(&page);
    return rc;
}

/* ---- ModelScope ---- */

static int add_ms_entries(struct hub_listing *l, const json_t *files, const char *where, struct err *e)
{
    const json_t *v;
    size_t i;
    if (!json_is_array(files)) FAIL(e, ERR_FORMAT, "%s: no list in \"Data\".\"Files\"", where);
    json_array_foreach(files, i, v)
    {
        const char *type = "blob", *path = NULL, *hash = "";
        int64_t size = -1;
        TRY(json_opt_str(v, "Type", &type, where, e));
        if (!strcmp(type, "tree")) continue;
        TRY(json_opt_str(v, "Path", &path, where, e));
        if (!path) FAIL(e, ERR_FORMAT, "%s: an entry without \"Path\"", where);
        TRY(json_get_i64(v, "Size", 0, size_max, &size, where, e));
        TRY(json_opt_str(v, "Sha256", &hash, where, e));
        if (strlen(hash) != 64)
            FAIL(e, ERR_FORMAT, "%s: a \"Sha256\" has %zu characters, expected 64", where, strlen(hash));
        TRY(listing_add(l, path, size, hash, where, e));
    }
    return OK;
}

static int name_snapshot(struct hub_listing *l, struct err *e)
{
    struct buf all = {0};
    char hex[SHA256_HEX];
    for (size_t i = 0; i < l->n; i++) buf_printf(&all, "%s %s\n", l->files[i].hash, l->files[i].path);
    int rc = buf_check(&all, "a list of files", e);
    if (!rc) rc = sha256_of(all.data ? all.data : "", all.len, hex, e);
    if (!rc) snprintf(l->commit, sizeof l->commit, "%.40s", hex);
    buf_free(&all);
    return rc;
}

int hub_list_modelscope(const struct hub_net *n, const struct hub_ref *ref, struct hub_listing *l, struct err *e)
{
    struct buf url = {0}, page = {0};
    struct web_reply r;
    json_t *v = NULL;
    char where[HUB_REPO + 40];
    *l = (struct hub_listing){0};
    snprintf(where, sizeof where, "the list of files of %s", ref->repo);
    hub_page_url(&page, n, ref);
    buf_printf(&url, "%s/api/v1/models/%s/repo/files?Recursive=True&Revision=", n->endpoint, ref->repo);
    web_add_path(&url, revision_of(ref), false);
    int rc = buf_check(&url, "an address", e);
    if (!rc) rc = buf_check(&page, "an address", e);
    if (!rc) rc = net_get_json(n, &v, url.data, ref->repo, page.data, &r, e);
    if (!rc) rc = add_ms_entries(l, json_object_get(json_object_get(v, "Data"), "Files"), where, e);
    if (!rc && l->n >= MODELSCOPE_CUT)
        net_say(n, "%s has %zu entries; ModelScope cuts lists at %d, so some files may be missing", where, l->n,
                MODELSCOPE_CUT);
    if (!rc) rc = listing_finish(l, where, e);
    if (!rc) rc = name_snapshot(l, e);
    if (rc) listing_free(l);
    json_decref(v);
    buf_free(&url);
    buf_free(&page);
    return rc;
}
