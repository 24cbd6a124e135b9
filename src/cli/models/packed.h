/* Files of packed weights (model/panels.h), for list and rm. */
#ifndef CLI_PACKED_H
#define CLI_PACKED_H

#include <jansson.h>
#include "hub/local.h"
#include "model/panels_place.h"

/* Those of a model on this machine; the file at [i] belongs to model[i]. */
struct packed {
    struct packed_file {
        char *path, *model; /* owned; the model as it was named */
    } *v;
    size_t n, cap;
    uint64_t bytes; /* together */
};
/* Of what ref means in the caches that rm may change; what goes with its model's folder anyway is left out. */
int packed_of_ref(struct packed *p, const struct hub_places *places, const struct hub_ref *ref, struct err *e);
/* Removes those whose model is gone (all: every one); *freed gets their bytes. */
int packed_drop(const struct packed *p, bool all, uint64_t *freed, struct err *e);
void packed_free(struct packed *p);

uint64_t packed_bytes(const char *model);
/* The cache of packed weights as JSON. */
int packed_json(json_t **out, struct err *e);
/* Tells of those that nothing uses any more. */
int packed_tell_stale(struct err *e);

/* rm --packed: of the model `name` only what was packed of it; NULL: all whose model is gone. */
int packed_remove(const char *name, bool yes, bool json, struct err *e);

#endif
