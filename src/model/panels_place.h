/* Where files of panels lie: beside the model (inside a folder), or, where that would be in another program's folder, or cannot
 * be written, in one folder for all, the cache. A name that is a link stands for what it leads to. */
#ifndef MODEL_PANELS_PLACE_H
#define MODEL_PANELS_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Zeroed: beside the model, or nowhere. */
struct panels_rule {
    const char *cache;          /* folder; NULL: there is none */
    const char *const *foreign; /* folders of other programs, ending with NULL; NULL: none are known. The layouts of Ollama's and
                                 * the Hugging Face hub's caches are known anywhere */
};

/* The files that a model's panels may be in, the best first. */
struct panels_places {
    char model[PATH_MAX]; /* its real path */
    char path[2][PATH_MAX];
    int n;
    const char *cache; /* of the rule: path[n - 1] lies in it; NULL: none does */
};
/* model: a file (of a divided GGUF any part) or a folder. n is 0 when it has no real path. */
void panels_places(struct panels_places *p, const char *model, const struct panels_rule *r);

/* The files of panels that a model has, also such as are of no use any more. */
struct panels_found {
    int n;
    char path[3][PATH_MAX];
    uint64_t bytes; /* together */
};
void panels_find(struct panels_found *f, const char *model, const struct panels_rule *r);

/* A file in the cache. */
struct panels_row {
    char *path, *model; /* owned; the model that its head names, "" when that cannot be read */
    uint64_t bytes;
    int64_t used; /* seconds since 1970, as far as the system keeps that */
    bool stale;   /* its model is gone, or is another by now */
};
struct panels_list {
    struct panels_row *v;
    size_t n;
};
int panels_list(struct panels_list *l, const char *cache, struct err *e); /* the least recently used first */
void panels_list_free(struct panels_list *l);
/* Makes room for one more file: stale ones go, then the least recently used, until all have no more than `most` together, which 0
 * makes a quarter of the disk. ERR_LIMIT when the new one alone is more. */
int panels_make_room(const char *cache, uint64_t bytes, uint64_t most, struct err *e);

#endif
