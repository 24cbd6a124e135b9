/* A model in a file as a source of the tensors of another file: found and checked by name and shape, and read a few rows at
 * a time, so that a model larger than memory can be written anew. */
#ifndef MODEL_SOURCE_H
#define MODEL_SOURCE_H

#include "model/slices.h"
#include "sys/pool.h"

struct net_source;
/* Nothing but headers is read. m must outlive it. warn (NULL allowed) hears of parts that are left out. Free with
 * net_source_close in every case (NULL allowed). */
int net_source_open(struct net_source **out, struct model_file *m, warn_fn *warn, void *ctx, struct err *e);
void net_source_close(struct net_source *s);
/* The network, its parameters without numbers. */
const struct net *net_source_net(const struct net_source *s);

/* The format of the slice's rows in the source; DT_F32 when they have to be computed from what is there. */
enum dtype net_source_type(const struct net_source *s, const struct slice *p);
/* Makes the slice's rows ready; before the three below, from one thread. */
int net_source_begin(struct net_source *s, const struct slice *p, struct pool *pool, struct err *e);
/* Rows [row, row + n) of the slice, counted through its matrices, as f32. From any thread. */
void net_source_rows(const struct net_source *s, const struct slice *p, int64_t row, int64_t n, float *dst);
/* The bytes of a row as the source has them, in net_source_type; NULL when the row is computed. */
const uint8_t *net_source_raw(const struct net_source *s, const struct slice *p, int64_t row);
/* The source's pages for this slice need not stay in memory. */
void net_source_forget(const struct net_source *s, const struct slice *p);

#endif
