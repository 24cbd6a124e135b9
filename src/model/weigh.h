/* What the weights of a network take, by kind, known without reading a number: from a file, or from a configuration and a
 * choice of formats. One layout serves this, loading and the measure of speed: load_weights.c. */
#ifndef MODEL_WEIGH_H
#define MODEL_WEIGH_H

#include "model/net.h"

enum weight_kind {
    WEIGHT_EMBEDDING,
    WEIGHT_OUTPUT, /* also the packed table of a tied head */
    WEIGHT_ATTENTION,
    WEIGHT_MLP,
    WEIGHT_SHARED, /* shared experts */
    WEIGHT_EXPERTS,
    WEIGHT_SMALL,  /* norms, routers, what turns positions */
    WEIGHT_MTP,
    WEIGHT_KINDS
};
extern const char *const weight_kind_names[WEIGHT_KINDS];

/* Sums over parameters. */
struct weight_sum {
    int64_t params;
    uint64_t stored; /* in the file */
    uint64_t memory; /* laid out for the products; a table that is read where it lies in the file is not */
    uint64_t token;  /* read for one token: of the routed experts those in use, of the embedding a row, nothing of MTP */
};
struct weights {
    struct weight_sum of[WEIGHT_KINDS], all;
    bool panels;     /* most of it are integer panels: a file of them is kept */
    int slow;        /* matrices in blocks that no integer product takes: computed as f32 */
    char slow_name[96], slow_type[16]; /* the first of them */
};

/* The format that a file would have for the rows of a matrix: cols numbers, name as in GGUF. */
typedef enum dtype weight_type_fn(void *ctx, const char *name, int64_t cols);

int net_weigh(struct weights *w, struct model_file *m, const struct load_options *o, struct err *e);
/* Of a network in a GGUF that does not exist. */
int net_weigh_shape(struct weights *w, const struct config *c, weight_type_fn *type, void *ctx, const struct load_options *o,
                    struct err *e);
/* Bytes that one token reads of a network that was loaded for inference. */
uint64_t net_token_bytes(const struct net *net);

#endif
