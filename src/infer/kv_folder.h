/* The folder of stores (infer/kv_store.h): names, and how much all of them take. */
#ifndef INFER_KV_FOLDER_H
#define INFER_KV_FOLDER_H

#include <limits.h>
#include "infer/state.h"

struct kv_folder_names {
    char index[PATH_MAX], rows[PATH_MAX];
};
int kv_folder_names(struct kv_folder_names *n, const char *folder, const struct state_key *key, struct err *e);
/* Removes stores of other models, those used longest ago first, until all others have no more than half of `most`; stores that
 * somebody has open stay. *others: what they take then. */
int kv_folder_trim(const char *folder, const struct kv_folder_names *own, uint64_t most, uint64_t *others, struct err *e);
/* What all stores take. */
int kv_folder_bytes(const char *folder, uint64_t *bytes, struct err *e);

#endif
