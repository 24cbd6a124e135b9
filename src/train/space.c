/* Room on the disk. */
#include "train/space.h"
#include <limits.h>
#include <string.h>
#include "format/format.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"

enum { BESIDE = 1 << 20 }; /* what is not numbers: states, configurations, headers */

static uint64_t count(const struct trainer *t, bool trained)
{
    uint64_t n = 0;
    for (int i = 0; i < t->net.n_params; i++)
        if (!trained || t->net.params[i].trained) n += (uint64_t)tensor_count(&t->net.params[i].t);
    return n;
}

uint64_t space_checkpoint(const struct trainer *t)
{
    return sizeof(float) * (count(t, false) + 2 * count(t, true)) + BESIDE;
}

uint64_t space_exports(const struct trainer *t)
{
    const struct recipe *r = t->o.recipe;
    const char *const names[] = {r->export_folder, r->export_gguf, r->export_gguf_f32 ? "f32" : "none"};
    uint64_t all = 0, n = count(t, false);
    enum dtype type;
    for (int i = 0; i < 3; i++)
        if (format_by_name(names[i], &type)) all += format_bytes(type, (int64_t)n) + BESIDE;
    return all;
}

static bool is_checkpoint(const char *name) { return !strncmp(name, "checkpoint-", 11); }

static int add_folder(uint64_t *bytes, const char *dir, struct err *e)
{
    char **files, path[PATH_MAX];
    size_t n;
    TRY(file_list(&files, &n, dir, e));
    int rc = OK;
    for (size_t i = 0; i < n && !rc; i++)
        if (!(rc = path_join(path, sizeof path, dir, files[i], e))) *bytes += file_look(path, false).size;
    names_free(files, n);
    return rc;
}

/* Bytes of the files in the folders RUN/checkpoint-N. */
static int existing(const char *run, uint64_t *bytes, struct err *e)
{
    char **names, dir[PATH_MAX];
    size_t n;
    *bytes = 0;
    TRY(dir_names(&names, &n, run, is_checkpoint, e));
    int rc = OK;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = path_join(dir, sizeof dir, run, names[i], e);
        if (!rc && file_is_dir(dir)) rc = add_folder(bytes, dir, e);
    }
    names_free(names, n);
    return rc;
}

uint64_t space_needed(const struct trainer *t, uint64_t *kept)
{
    const struct recipe *r = t->o.recipe;
    uint64_t made = r->checkpoint_every > 0 ? (uint64_t)(r->steps / r->checkpoint_every) + 1 : 1;
    *kept = made < (uint64_t)r->checkpoint_keep ? made : (uint64_t)r->checkpoint_keep;
    return space_checkpoint(t) * (*kept + 1) + space_exports(t);
}

int space_check(const struct trainer *t, const char *run, struct err *e)
{
    uint64_t have, there, kept, need = space_needed(t, &kept);
    TRY(file_free_space(run, &have, e));
    TRY(existing(run, &there, e));
    if (need <= have + there) return OK;
    FAIL(e, ERR_IO,
         "%s: this run needs %.2f GB on the disk (%llu checkpoints of %.2f GB and one while it is written, models of %.2f GB), "
         "there are %.2f GB; a smaller checkpoint_keep needs less, --out names another folder",
         run, 1e-9 * (double)need, (unsigned long long)kept, 1e-9 * (double)space_checkpoint(t), 1e-9 * (double)space_exports(t),
         1e-9 * (double)(have + there));
}
