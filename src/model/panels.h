/* A file of panels: the arena of integer panels as it lies in memory, made once and mapped by every later run; net_weigh tells
 * for which models, panels_place.h where it lies. It belongs to one model, one layout and one way of computing: the key is a
 * hash of all that. The file is a copy that can be deleted at any time; one with another key is replaced.
 *
 *     head (8 KiB)    struct panels_head, then zeros
 *     arena           as long as the head says
 *     sums            one of 64 bits for each MiB of the arena
 *
 * Bytes that have changed are noticed by time: the file's own time is set to one that the head holds, an even second. Where the
 * two differ, or the system has touched the file later, or a week has gone by, all sums are checked, as fast as memory can be
 * read, and the time is set anew; else the file is taken as it is, and nothing of it is read before it is needed. */
#ifndef MODEL_PANELS_H
#define MODEL_PANELS_H

#include <limits.h>
#include <stddef.h>
#include "base/err.h"
#include "base/sha256.h"
#include "sys/shared.h"

struct load;

#define PANELS_MAGIC "autarky panels 2"
enum {
    PANELS_LEAST = 16 << 20, /* bytes below which packing again is quicker than keeping a file */
    PANELS_HEAD = 8192,
    PANELS_PIECE = 1 << 20,
};

/* Little-endian, as are the panels. The sum of the head is taken with stamp and head_sum as 0. */
struct panels_head {
    char magic[16], key[64];
    int64_t stamp;        /* the file's time when all its sums were last known to be right */
    uint64_t bytes;       /* of the arena */
    uint64_t model_bytes; /* of the file that `model` names; of a folder 0 */
    uint64_t sums_sum, head_sum;
    char model[PATH_MAX]; /* the real path of the model */
};
uint64_t panels_file_bytes(uint64_t arena);
/* The head of a file that may be one; false when it is none. Opens nothing but a regular file. */
bool panels_read_head(struct panels_head *h, const char *path);

/* Nobody has touched the opened file since its sums were known to be right, less than a week before `now`. */
bool panels_fresh(const struct shared *p, const struct panels_head *h, int64_t now);

/* The key in hexadecimal: of the files' sizes, times, names, types, shapes, places, the first and last bytes of every tensor,
 * and of the layout: what the packers make of given weights, and how the arena is cut up. Needs load_place. */
int panels_key(char key[SHA256_HEX], const struct load *l, size_t need, struct err *e);
/* Maps the file of this key read-only. ERR_NOTFOUND: there is none, or it has another key; ERR_INTEGRITY: bytes have changed. */
int panels_open(struct shared *p, const struct load *l, const char *path, const char *key, size_t need, struct err *e);
/* A new file, to be written through panels_data. ERR_IO or ERR_LIMIT: do without. */
int panels_create(struct shared *p, const struct load *l, const char *path, size_t need, struct err *e);
/* Sums and head are written, and the file gets its name. */
int panels_commit(struct shared *p, const struct load *l, const char *key, size_t need, struct err *e);
void *panels_data(const struct shared *p);

#endif
