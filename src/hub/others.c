/* Models that other programs have fetched: read where they are, never changed.
 *
 *   Ollama      manifests/HOST/NAMESPACE/MODEL/TAG (JSON, layers by media type), blobs/sha256-HEX
 *   LM Studio   PUBLISHER/REPOSITORY/FILE.gguf
 *   llama.cpp   ORG_REPOSITORY_FILE.gguf in one folder */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "hub/local.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"

enum { MANIFEST_MAX = 1 << 20, OLLAMA_LEVELS = 4 };

/* ---- Ollama ---- */

/* The blob of the model's layer; false when the manifest is not one, or the blob is not there. */
static bool ollama_blob(char out[PATH_MAX], uint64_t *size, const char *root, const char *manifest)
{
    char *text;
    size_t n, i;
    json_t *v = NULL;
    const json_t *layer;
    bool found = false;
    if (file_read(&text, &n, manifest, MANIFEST_MAX, NULL) != OK) return false;
    if (json_parse(&v, text, n, manifest, NULL) == OK) {
        json_array_foreach(json_object_get(v, "layers"), i, layer)
        {
            const char *type = NULL, *digest = NULL;
            json_opt_str(layer, "mediaType", &type, manifest, NULL);
            json_opt_str(layer, "digest", &digest, manifest, NULL);
            if (!type || !digest || strcmp(type, "application/vnd.ollama.image.model") != 0) continue;
            if (strncmp(digest, "sha256:", 7) != 0 || !hub_hex_ok(digest + 7, 64)) continue;
            if (snprintf(out, PATH_MAX, "%s/blobs/sha256-%s", root, digest + 7) >= PATH_MAX) continue;
            struct file_look l = file_look(out, true);
            found = l.kind == FILE_REGULAR;
            *size = l.size;
            if (found) break;
        }
    }
    json_decref(v);
    mem_free(text);
    return found;
}

int ollama_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    static const char *const hosts[] = {"registry.ollama.ai/library", "registry.ollama.ai", "hf.co"};
    char path[PATH_MAX];
    uint64_t size;
    bool single = !strchr(ref->repo, '/');
    for (int i = 0; i < 3; i++) {
        if ((i == 0) != single || ref->revision[0]) continue;
        int n = snprintf(path, sizeof path, "%s/manifests/%s/%s/%s", root, hosts[i], ref->repo,
                         ref->pick[0] ? ref->pick : "latest");
        if (n < PATH_MAX && ollama_blob(out, &size, root, path)) return OK;
    }
    FAIL(e, ERR_NOTFOUND, "%s is not in %s", ref->repo, root);
}

static int ollama_row(struct hub_models *m, const char *root, const char *manifest, const char *below, struct err *e)
{
    static const char library[] = "registry.ollama.ai/library/", own[] = "registry.ollama.ai/";
    char blob[PATH_MAX], name[PATH_MAX];
    uint64_t size;
    if (!ollama_blob(blob, &size, root, manifest)) return OK;
    if (!strncmp(below, library, sizeof library - 1)) below += sizeof library - 1;
    else if (!strncmp(below, own, sizeof own - 1)) below += sizeof own - 1;
    snprintf(name, sizeof name, "%s", below);
    char *slash = strrchr(name, '/');
    if (slash) *slash = ':'; /* MODEL/TAG */
    struct hub_model v = {PLACE_OLLAMA, HUB_GGUF, name, blob, size, file_look(manifest, true).modified};
    return models_add(m, v, e);
}

static int ollama_walk(struct hub_models *m, const char *root, const char *dir, const char *below, int level,
                       struct err *e)
{
    char **names, path[PATH_MAX], shown[PATH_MAX];
    size_t n;
    if (!local_names(&names, &n, dir)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (snprintf(path, sizeof path, "%s/%s", dir, names[i]) >= PATH_MAX) continue;
        if (snprintf(shown, sizeof shown, "%s%s%s", below, *below ? "/" : "", names[i]) >= PATH_MAX ||
            !hub_path_ok(shown))
            continue;
        enum file_kind kind = file_look(path, false).kind;
        if (kind == FILE_FOLDER && level < OLLAMA_LEVELS) rc = ollama_walk(m, root, path, shown, level + 1, e);
        else if (kind == FILE_REGULAR && level == OLLAMA_LEVELS) rc = ollama_row(m, root, path, shown, e);
    }
    names_free(names, n);
    return rc;
}

int ollama_scan(struct hub_models *m, const char *root, struct err *e)
{
    char dir[PATH_MAX];
    TRY(path_join(dir, sizeof dir, root, "manifests", e));
    return ollama_walk(m, root, dir, "", 1, e); /* HOST, NAMESPACE, MODEL, TAG */
}

/* ---- LM Studio ---- */

int lmstudio_scan(struct hub_models *m, const char *root, struct err *e)
{
    char **orgs, dir[PATH_MAX], repo[PATH_MAX], name[HUB_REPO * 2];
    size_t n;
    if (!local_names(&orgs, &n, root)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        char **repos;
        size_t k;
        if (path_join(dir, sizeof dir, root, orgs[i], NULL) != OK || file_list(&repos, &k, dir, NULL) != OK) continue;
        for (size_t j = 0; !rc && j < k; j++) {
            int len = snprintf(name, sizeof name, "%s/%s", orgs[i], repos[j]);
            if (len >= (int)sizeof name || !hub_repo_ok(name) ||
                path_join(repo, sizeof repo, dir, repos[j], NULL) != OK)
                continue;
            rc = local_rows(m, PLACE_LMSTUDIO, repo, name, e);
        }
        names_free(repos, k);
    }
    names_free(orgs, n);
    return rc;
}

/* ---- llama.cpp ---- */

int llama_cpp_scan(struct hub_models *m, const char *root, struct err *e)
{
    char **names, path[PATH_MAX];
    size_t n;
    if (!local_names(&names, &n, root)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (!hub_path_ok(names[i]) || !hub_is_gguf_head(names[i]) ||
            path_join(path, sizeof path, root, names[i], NULL) != OK)
            continue;
        uint64_t size = 0;
        for (size_t k = 0; k < n; k++) {
            char part[PATH_MAX];
            if (hub_same_split(names[i], names[k]) && path_join(part, sizeof part, root, names[k], NULL) == OK)
                size += file_look(part, true).size;
        }
        struct hub_model v = {PLACE_LLAMA_CPP, HUB_GGUF, names[i], path, size, file_look(path, true).modified};
        rc = models_add(m, v, e);
    }
    names_free(names, n);
    return rc;
}

/* "org/name:pick" by the beginning "org_name_" and the pick in the rest; a file's own name as it is. */
int llama_cpp_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    char **names, prefix[HUB_REPO + 2];
    struct hub_listing l = {0};
    struct hub_choice c = {0};
    size_t n;
    if (!ref->pick[0] && path_join(out, PATH_MAX, root, ref->repo, NULL) == OK && str_ends_with(out, ".gguf") &&
        file_look(out, true).kind == FILE_REGULAR)
        return OK;
    snprintf(prefix, sizeof prefix, "%s_", ref->repo);
    char *slash = strchr(prefix, '/');
    if (slash) *slash = '_';
    if (!slash || ref->revision[0] || file_list(&names, &n, root, NULL) != OK)
        FAIL(e, ERR_NOTFOUND, "%s is not in %s", ref->repo, root);
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++)
        if (!strncmp(names[i], prefix, strlen(prefix)) && hub_path_ok(names[i]))
            rc = listing_add(&l, names[i], 0, "0000000000000000000000000000000000000000", root, e);
    if (!rc) rc = hub_choose(&c, &l, ref->pick, ref->repo, e); /* names are sorted already */
    if (!rc)
        rc = c.main ? path_join(out, PATH_MAX, root, c.main, e)
                    : err_set(e, ERR_NOTFOUND, __FILE__, __LINE__, "%s is not in %s", ref->repo, root);
    choice_free(&c);
    listing_free(&l);
    names_free(names, n);
    return rc;
}
