/* Paths and links of the shared cache. */
#include "hub/cache.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "sys/file.h"
#include "sys/store.h"

int cache_at(struct hub_cache *c, const char *root, const char *repo, struct err *e)
{
    const char *slash = strchr(repo, '/');
    int org = slash ? (int)(slash - repo) : 0;
    char folder[HUB_REPO + 20];
    c->root = root;
    snprintf(folder, sizeof folder, "models--%.*s%s%s", org, repo, slash ? "--" : "", slash ? slash + 1 : repo);
    int a = snprintf(c->repo, sizeof c->repo, "%s/%s", root, folder);
    int b = snprintf(c->locks, sizeof c->locks, "%s/.locks/%s", root, folder);
    if (a >= PATH_MAX || b >= PATH_MAX) FAIL(e, ERR_LIMIT, "path is too long: %s/%s", root, folder);
    return OK;
}

bool cache_repo_name(char out[HUB_REPO], const char *folder)
{
    if (strncmp(folder, "models--", 8) != 0 || strlen(folder + 8) >= HUB_REPO) return false;
    const char *name = folder + 8, *dashes = strstr(name, "--");
    if (dashes) snprintf(out, HUB_REPO, "%.*s/%s", (int)(dashes - name), name, dashes + 2);
    else snprintf(out, HUB_REPO, "%s", name);
    return hub_repo_ok(out);
}

static int format_path(char out[PATH_MAX], int n, struct err *e)
{
    if (n < 0 || n >= PATH_MAX) FAIL(e, ERR_LIMIT, "path is too long: %s", out);
    return OK;
}

int cache_blob(char out[PATH_MAX], const struct hub_cache *c, const char *hash, const char *suffix, struct err *e)
{
    return format_path(out, snprintf(out, PATH_MAX, "%s/blobs/%s%s", c->repo, hash, suffix), e);
}

int cache_snapshot(char out[PATH_MAX], const struct hub_cache *c, const char *commit, const char *path, struct err *e)
{
    return format_path(out, snprintf(out, PATH_MAX, "%s/snapshots/%s%s%s", c->repo, commit, *path ? "/" : "", path), e);
}

int cache_make(const struct hub_cache *c, struct err *e)
{
    static const char mark[] = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache: it can be fetched again.\n";
    static const char *const folders[] = {"blobs", "snapshots", "refs"};
    char path[PATH_MAX];
    bool there;
    TRY(file_mkdirs(c->root, e));
    TRY(path_join(path, sizeof path, c->root, "CACHEDIR.TAG", e));
    TRY(file_is_there(&there, path, e));
    if (!there) TRY(file_replace(path, mark, sizeof mark - 1, e));
    for (int i = 0; i < 3; i++) {
        TRY(path_join(path, sizeof path, c->repo, folders[i], e));
        TRY(file_mkdirs(path, e));
    }
    return file_mkdirs(c->locks, e);
}

int cache_try_lock(int *fd, const struct hub_cache *c, const char *hash, struct err *e)
{
    char path[PATH_MAX];
    TRY(format_path(path, snprintf(path, sizeof path, "%s/%s.lock", c->locks, hash), e));
    return file_try_lock(fd, path, e);
}

int cache_link(const struct hub_cache *c, const char *commit, const char *path, const char *hash, struct err *e)
{
    char link[PATH_MAX], dir[PATH_MAX], target[HUB_PATH + 200];
    int n = 0;
    TRY(cache_snapshot(link, c, commit, path, e));
    TRY(path_dir(dir, sizeof dir, link, e));
    TRY(file_mkdirs(dir, e));
    for (const char *s = path; (s = strchr(s, '/')); s++) n += snprintf(target + n, sizeof target - (size_t)n, "../");
    snprintf(target + n, sizeof target - (size_t)n, "../../blobs/%s", hash);
    return file_link(target, link, e);
}

static int ref_path(char out[PATH_MAX], const struct hub_cache *c, const char *revision, struct err *e)
{
    return format_path(out, snprintf(out, PATH_MAX, "%s/refs/%s", c->repo, revision), e);
}

int cache_set_ref(const struct hub_cache *c, const char *revision, const char *commit, struct err *e)
{
    char path[PATH_MAX], dir[PATH_MAX];
    if (!strcmp(revision, commit)) return OK;
    TRY(ref_path(path, c, revision, e));
    TRY(path_dir(dir, sizeof dir, path, e));
    TRY(file_mkdirs(dir, e));
    return file_replace(path, commit, strlen(commit), e); /* without a line end, as the hub's library has it */
}

int cache_read_ref(bool *found, char commit[HUB_HASH], const struct hub_cache *c, const char *revision, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t n;
    struct err why = {0};
    *found = false;
    TRY(ref_path(path, c, revision, e));
    int rc = file_read(&text, &n, path, 200, &why);
    if (rc == ERR_IO || rc == ERR_MEMORY) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    if (!rc) {
        text[strcspn(text, "\r\n")] = 0;
        *found = hub_hash_ok(text);
        if (*found) snprintf(commit, HUB_HASH, "%s", text);
        mem_free(text);
    }
    if (*found || !hub_hash_ok(revision) || cache_snapshot(path, c, revision, "", NULL) != OK || !file_is_dir(path)) return OK;
    snprintf(commit, HUB_HASH, "%s", revision);
    *found = true;
    return OK;
}

bool cache_get_ref(char commit[HUB_HASH], const struct hub_cache *c, const char *revision)
{
    bool found;
    return cache_read_ref(&found, commit, c, revision, NULL) == OK && found;
}
