/* A GGUF in several files, as other programs divide large ones:
 *
 *   NAME-00001-of-00003.gguf   split.no 0, split.count 3, split.tensors.count (of all parts); the metadata of the model
 *   NAME-00002-of-00003.gguf   split.no 1, ...; often no other metadata
 *
 * Each part is a whole GGUF file. The names of the parts are made from that of the one that was opened, never from
 * its contents, so that a file cannot name another elsewhere. */
#include "base/mem.h"
#include "io/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char part_end[] = "-00001-of-00003.gguf"; /* of a part's name: the shape, not the numbers */

static bool five_digits(const char *s, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

/* The part that a path names: no counts from 0. False when its end is not that of a part's name. */
static bool name_of_part(const char *path, int64_t *no, int64_t *count)
{
    size_t n = strlen(path), k = strlen(part_end);
    if (n <= k) return false;
    const char *s = path + n - k;
    bool good = s[0] == '-' && five_digits(s + 1, no) && !memcmp(s + 6, "-of-", 4) && five_digits(s + 10, count) &&
                !memcmp(s + 15, ".gguf", 5);
    if (good) --*no;
    return good;
}

/* The file of part `no` (from 0) beside path, which is a part's name: owned by the caller. */
static char *path_of_part(const char *path, int64_t no, int64_t count)
{
    char *s = mem_strdup(path), end[48];
    snprintf(end, sizeof end, "-%05d-of-%05d.gguf", (int)no + 1, (int)count);
    if (s) memcpy(s + strlen(path) - strlen(part_end), end, strlen(part_end)); /* IO_MAX_PARTS has five digits */
    return s;
}

bool tf_first_part(char *out, size_t cap, const char *path)
{
    int64_t no, count;
    size_t n = strlen(path);
    if (n >= cap || !name_of_part(path, &no, &count)) return false;
    memcpy(out, path, n + 1);
    memcpy(out + n - strlen(part_end) + 1, "00001", 5);
    return true;
}

static void free_places(struct gguf_part *p)
{
    mem_free(p->where_kv);
    mem_free(p->where_t);
    p->where_kv = p->where_t = NULL;
}

/* Forgets everything that was read: the parts are read again from the first on. */
static void start_again(struct tf *f)
{
    struct io_index *x = f->index;
    for (size_t i = 0; i < f->n_maps; i++) {
        io_unmap(f, &f->maps[i].map);
        mem_free(f->maps[i].path);
    }
    mem_free(f->maps);
    mem_free(f->tensors);
    mem_free(f->kv);
    io_strings_free(&x->strings);
    x->tensor_cap = 0;
    f->maps = NULL;
    f->tensors = NULL;
    f->kv = NULL;
    f->n_maps = f->n_tensors = f->n_kv = 0;
}

/* The keys that say which part this is are no property of the model. */
static void drop_part_keys(struct tf *f)
{
    size_t k = 0;
    for (size_t i = 0; i < f->n_kv; i++)
        if (strncmp(f->kv[i].key, "split.", 6) != 0) f->kv[k++] = f->kv[i];
    f->n_kv = k;
}

/* What a part says of itself must agree with its name and with the first part. */
static int check_part(const struct gguf_part *p, const struct gguf_part *want, const char *path, struct err *e)
{
    if (p->count != want->count)
        FAIL(e, ERR_FORMAT, "%s: metadata \"split.count\" is %" PRId64 ", expected %" PRId64, path, p->count, want->count);
    if (p->no != want->no)
        FAIL(e, ERR_FORMAT, "%s: metadata \"split.no\" is %" PRId64 ", expected %" PRId64 " from the file's name", path, p->no,
             want->no);
    if (p->tensors != want->tensors)
        FAIL(e, ERR_FORMAT, "%s: metadata \"split.tensors.count\" is %" PRId64 ", expected %" PRId64 " as in the first part",
             path, p->tensors, want->tensors);
    return OK;
}

/* Maps and reads part want->no. The first part sets want->tensors. */
static int open_part(struct tf *f, struct gguf_part *want, struct err *e)
{
    struct gguf_part p = {0};
    char *path = path_of_part(f->path, want->no, want->count);
    if (!path) FAIL(e, ERR_MEMORY, "%s: out of memory", f->path);
    int rc;
    if (!io_exists(f, path))
        rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__,
                     "%s: part %" PRId64 " of %" PRId64 " is missing, expected beside the others", path, want->no + 1,
                     want->count);
    else rc = io_add_map(f, path, e);
    if (!rc) rc = gguf_read(f, &p, e);
    free_places(&p);
    if (want->no == 0) want->tensors = p.tensors;
    if (!rc) rc = check_part(&p, want, path, e);
    mem_free(path);
    return rc;
}

static int open_parts(struct tf *f, const struct gguf_part *found, struct err *e)
{
    struct gguf_part want = {.count = found->count};
    int64_t no, count;
    if (!name_of_part(f->path, &no, &count))
        FAIL(e, ERR_USAGE,
             "%s: file is part %" PRId64 " of %" PRId64 " by its metadata, expected a name that ends in -%05d-of-%05d.gguf, "
             "so that the other parts can be found", f->path, found->no + 1, found->count, (int)found->no + 1, (int)found->count);
    want.no = no;
    want.tensors = found->tensors;
    want.count = count;
    TRY(check_part(found, &want, f->path, e));
    start_again(f);
    for (want.no = 0; want.no < want.count; want.no++) TRY(open_part(f, &want, e));
    if (f->n_tensors != (size_t)want.tensors)
        FAIL(e, ERR_FORMAT,
             "%s: metadata \"split.tensors.count\" is %" PRId64 ", but the parts have %zu tensors, expected as many",
             f->maps[0].path, want.tensors, f->n_tensors);
    drop_part_keys(f);
    return io_index_build(f, NULL, NULL, e);
}

int gguf_open(struct tf *f, struct err *e)
{
    struct gguf_part p = {0};
    int rc = gguf_read(f, &p, e);
    if (!rc && p.count == 1) rc = io_index_build(f, p.where_kv, p.where_t, e);
    free_places(&p);
    return rc || p.count == 1 ? rc : open_parts(f, &p, e);
}
