/* A network: configuration, parameters, and the one forward function that training, prefill, decoding, memory sizing
 * and recomputation share. Read forward.c, blocks.c and the file of an architecture for the network
 * itself.
 *
 * struct net invariants: every parameter of the table has the shape the table computes, or loading failed; immutable
 * during inference. */
#ifndef MODEL_NET_H
#define MODEL_NET_H

#include "base/arena.h"
#include "model/cache.h"
#include "model/config.h"
#include "model/model_file.h"
#include "model/panels.h"
#include "model/panels_place.h"
#include "tensor/ops.h"

struct layer {
    struct tensor *attn_norm, *wq, *wq_a, *q_norm, *wq_b, *wkv_a, *kv_norm, *wkv_b, *wo;
    struct tensor *wk, *wv, *bq, *bk, *bv, *q_head_norm, *k_head_norm; /* grouped-query attention */
    struct tensor *attn_post_norm, *ffn_post_norm;          /* Gemma */
    struct tensor *ffn_norm, *gate, *up, *down;             /* dense layers */
    struct tensor *router, *router_bias;                    /* (E, D), (E) */
    struct tensor *e_gate, *e_up, *e_down;                  /* (E, F, D), (E, F, D), (E, D, F) */
    struct tensor *s_gate, *s_up, *s_down;                  /* shared experts as one MLP */
    struct tensor *w_uk, *w_uv;   /* absorbed MLA from integer panels, else NULL: (H, R, nope), (H, W, R), in absorbed[] */
    struct tensor absorbed[2];
    struct tensor *mtp_enorm, *mtp_hnorm, *mtp_eh, *mtp_norm; /* the MTP layer only */
};

/* FIXED: zeros that no gradient moves. */
enum init_kind { INIT_NORMAL, INIT_NORMAL_OUT, INIT_ONES, INIT_ZEROS, INIT_FIXED };
/* How a parameter is laid out in files. EXPERTS: one HF tensor per expert, one stack in GGUF. KV_B: one matrix in HF,
 * in GGUF attn_k_b (transposed per head) and attn_v_b. TURNED: rows of heads that are rotated; their order follows
 * config.rope_interleaved. GGUF_ONLY: folders have no place for it. */
enum file_form { FORM_PLAIN, FORM_EXPERTS, FORM_KV_B, FORM_TURNED, FORM_GGUF_ONLY };

/* One bound parameter: a row of the table applied to one layer. */
struct param {
    struct tensor t;
    char hf_name[128], gguf_name[96]; /* FORM_EXPERTS: hf_name has %d for the expert */
    enum init_kind init;
    enum file_form form;
    bool decay;     /* AdamW weight decay applies */
    bool trained;   /* false: the router bias, moved by load and not by gradient */
    bool plus_one;  /* folders hold it less one */
    bool quantise;  /* may be stored in a block format (matrices with suitable rows) */
    int layer;      /* -1 outside layers */
};

struct net {
    struct config config;
    struct param *params; /* in file order; owned */
    int n_params;
    struct layer *layers; /* layers + mtp_layers; owned */
    struct tensor *embed, *out_norm, *head; /* tied: head == embed, or head_copy, which net_load packs */
    struct tensor head_copy;
    struct shared panels; /* the file that weights may lie over */
    struct arena weights; /* the numbers, when not mapped from a file */
    struct arena grads;   /* one contiguous block, training only */
    struct rope_table rope; /* memory for positions [0, n) from net_make_rope on; net_forward fills in what it needs */
    struct rope_table rope_local; /* of layers with a window, where they have their own; else empty */
    struct rope_table rope_q;     /* of queries, where positions have a factor for them; else empty */
    int64_t *rope_filled; /* positions that the tables hold: changes also while the network is const */
    struct tensor *rope_factors;  /* divisors of the frequencies, (rope width / 2); NULL: none */
    float softmax_scale;
    struct tf file; /* keeps the mapping alive when weights point into it */
    bool absorbed;  /* form of MLA: a property of the run */
    bool int8;      /* products of a Q8_0 cache in 8 bits: a property of the run too */
};

/* Builds the parameter list for c with no numbers, nothing that grows with the context: enough to measure, not to compute. */
int net_build(struct net *net, const struct config *c, struct err *e);
void net_free(struct net *net); /* accepts a zeroed or half-built net */
/* f32 weights and, when `training`, gradients (one contiguous arena, in the order of params, each 64-byte aligned). */
int net_alloc(struct net *net, bool training, struct err *e);
/* Random initialisation: normal with std (output projections std / sqrt(2 layers)); a pure function of (seed, name). */
void net_init(struct net *net, uint64_t seed, double std);
/* Room for the rotary tables of positions [0, n), before the first net_forward; net_rope_bytes is what it takes at most. */
int net_make_rope(struct net *net, int64_t n, struct err *e);
uint64_t net_rope_bytes(const struct config *c, int64_t n);
/* Computes what tables lack of positions [0, n); rope_factors has its numbers. net_forward does it. */
void net_fill_rope(const struct net *net, int64_t n, struct pool *pool);

typedef void warn_fn(void *ctx, const char *message);

/* Loads a model for inference. Weights are converted once: f32 and bf16 to the panels of ks and `compute`,
 * Q8_0 to integer panels when `int8` (else dequantised). Prints nothing. */
struct load_options {
    const struct kernels *ks;
    enum compute compute;
    bool int8;     /* Q8_0 weights times 8-bit activations: a property of the run */
    bool absorbed;
    int64_t max_context; /* positions there will be; 0: the file's */
    bool training; /* f32 master weights and gradients instead of panels */
    bool plain;    /* f32 weights as in training, without gradients or positions: for conversion */
    struct pool *pool;
    const struct panels_places *panels; /* where integer panels are kept (panels_place.h); NULL: in memory only */
    const volatile sig_atomic_t *stop; /* looked at while weights are packed: ERR_INTERRUPTED. NULL allowed */
    warn_fn *warn; /* such as: no room for that file; NULL allowed */
    void *warn_ctx;
    void (*progress)(void *ctx, int64_t done, int64_t total); /* while packing; NULL allowed */
    void *progress_ctx;
};
/* GGUF metadata, or config.json: a folder needs no tensors for it. */
int net_read_config(struct config *c, struct model_file *m, struct err *e);
/* For inference the network takes over the mapping of m, which is then without tensors: the embedding is read where it
 * lies. */
int net_load(struct net *net, struct model_file *m, const struct load_options *o, struct err *e);

/* Saving. weights in `type` where the parameter allows (DT_F32, DT_BF16, DT_F16, DT_Q8_0), f32 elsewhere.
 * extra writes more metadata (tokenizer) into a GGUF; NULL allowed. */
int net_save_gguf(const struct net *net, const char *path, enum dtype type,
                  int (*extra)(void *ctx, struct tf_writer *w, struct err *e), void *ctx, struct err *e);
/* What llama.cpp wants to be told of a model without a tokenizer. */
int net_save_no_tokenizer(const struct config *c, struct tf_writer *w, struct err *e);
/* folder/model.safetensors and folder/config.json, as transformers reads them. */
int net_save_folder(const struct net *net, const char *folder, enum dtype type, struct err *e);

/* What a forward pass may be asked to collect, in memory of the caller. Zeroed: nothing. Layers include MTP. */
struct forward_stats {
    int32_t *load;  /* (layers, E): rows sent to each expert in this pass; dense layers are not written */
    float *balance; /* (layers): the balance loss */
};
struct forward_args {
    const struct batch *batch;
    const struct cache *cache;   /* NULL: training or a cacheless pass */
    float balance;               /* alpha / number of windows; 0: none */
    struct forward_stats stats;
};

/* Hidden states after the final norm (N, D). *pre_norm (NULL allowed) gets those before it, for the MTP layer. */
struct tensor *net_forward(struct run *r, const struct net *net, const struct forward_args *a, struct tensor **pre_norm);
/* Logits (M, V) of rows idx (M) of the hidden states; idx NULL: all rows. */
struct tensor *net_logits(struct run *r, const struct net *net, struct tensor *hidden, const int32_t *idx, int64_t m);
/* The MTP layer: hidden states (N, D) for predicting the token after next, after its own norm. `hidden` are the trunk's
 * states after the final norm, next (N) the ids of the following tokens (-1 becomes 0: such rows must not be used). */
struct tensor *net_forward_mtp(struct run *r, const struct net *net, const struct forward_args *a,
                               struct tensor *hidden, const int32_t *next);

#endif
