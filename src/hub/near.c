/* Models of this program itself: those that ship with it (FOLDER/NAME/NAME.gguf), and what its training runs have made in the
 * current folder (runs/NAME/model.gguf, or the folder runs/NAME/model). */
#include <stdio.h>
#include <string.h>
#include "hub/local.h"
#include "sys/dir.h"
#include "sys/file.h"

static const char runs_prefix[] = "runs/";

bool hub_run_model(char out[PATH_MAX], const char *run, struct file_look *look)
{
    static const char *const made[] = {"model.gguf", "model"};
    char config[PATH_MAX];
    for (int i = 0; i < 2; i++) {
        if (path_join(out, PATH_MAX, run, made[i], NULL) != OK) return false;
        *look = file_look(out, true);
        if (look->kind == FILE_REGULAR) return true;
        if (look->kind == FILE_FOLDER && path_join(config, sizeof config, out, "config.json", NULL) == OK &&
            file_look(config, true).kind == FILE_REGULAR)
            return true;
    }
    return false;
}

static bool shipped_path(char out[PATH_MAX], const char *root, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s/%s/%s.gguf", root, name, name);
    return n > 0 && n < PATH_MAX && file_look(out, true).kind == FILE_REGULAR;
}

static int add(struct hub_models *m, enum hub_place place, const char *name, char *path, struct file_look look, struct err *e)
{
    char label[PATH_MAX];
    snprintf(label, sizeof label, "%s%.200s", place == PLACE_RUNS ? runs_prefix : "", name);
    return models_add(m,
                      (struct hub_model){.place = place,
                                         .format = look.kind == FILE_FOLDER ? HUB_SAFETENSORS : HUB_GGUF,
                                         .name = label,
                                         .path = path,
                                         .size = look.size,
                                         .modified = look.modified},
                      e);
}

static int scan(struct hub_models *m, enum hub_place place, const char *root, struct err *e)
{
    char **names, path[PATH_MAX], dir[PATH_MAX];
    size_t n;
    if (!local_names(&names, &n, root)) return OK;
    int rc = OK;
    for (size_t i = 0; !rc && i < n; i++) {
        struct file_look look;
        if (!hub_path_ok(names[i])) continue;
        if (place == PLACE_SHIPPED && shipped_path(path, root, names[i])) look = file_look(path, true);
        else if (place == PLACE_SHIPPED || path_join(dir, sizeof dir, root, names[i], NULL) != OK ||
                 !hub_run_model(path, dir, &look))
            continue;
        rc = add(m, place, names[i], path, look, e);
    }
    names_free(names, n);
    return rc;
}

int shipped_scan(struct hub_models *m, const char *root, struct err *e) { return scan(m, PLACE_SHIPPED, root, e); }
int runs_scan(struct hub_models *m, const char *root, struct err *e) { return scan(m, PLACE_RUNS, root, e); }

int shipped_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    if (!ref->pick[0] && !ref->revision[0] && shipped_path(out, root, ref->repo)) return OK;
    FAIL(e, ERR_NOTFOUND, "%s is not in %s", ref->repo, root);
}

int runs_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e)
{
    size_t skip = strncmp(ref->repo, runs_prefix, sizeof runs_prefix - 1) ? 0 : sizeof runs_prefix - 1;
    struct file_look look;
    char dir[PATH_MAX];
    TRY(path_join(dir, sizeof dir, root, ref->repo + skip, e));
    if (!ref->pick[0] && !ref->revision[0] && hub_run_model(out, dir, &look)) return OK;
    FAIL(e, ERR_NOTFOUND, "%s has no finished model", dir);
}
