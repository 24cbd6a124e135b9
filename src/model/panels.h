/* A file of panels beside a model: the arena of integer panels as it lies in memory, made once and mapped by every later
 * run; net_weigh tells for which models. It belongs to one model, one version of the layout and one way of computing: the
 * key is a hash of all that. The file is a copy that can be deleted at any time; one with another key is replaced. */
#ifndef MODEL_PANELS_H
#define MODEL_PANELS_H

#include <stddef.h>
#include "base/err.h"
#include "base/sha256.h"
#include "sys/shared.h"

struct load;

enum { PANELS_LEAST = 16 << 20 }; /* bytes below which packing again is quicker than keeping a file */

/* The key in hexadecimal: of the file's size, time, names, types, shapes, places, the first and last bytes of every
 * tensor, and of what the packing depends on. */
int panels_key(char key[SHA256_HEX], const struct load *l, size_t need, struct err *e);
/* Maps the file of this key read-only. ERR_NOTFOUND: there is none, or it has another key. */
int panels_open(struct shared *p, const char *path, const char *key, size_t need, struct err *e);
/* A new file, to be written through panels_data and committed with shared_commit. ERR_IO or ERR_LIMIT: do without. */
int panels_create(struct shared *p, const char *path, const char *key, size_t need, struct err *e);
void *panels_data(const struct shared *p);

#endif
