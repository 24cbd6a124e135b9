/* Engine: a loaded model with everything that is shared by all who use it: network, tokenizer, kernels, threads.
 * Immutable after opening. Owner of all its parts. It may have several decoders (infer/decoder.h), of different shapes; the
 * thread pool serves one evaluation at a time, so all of them are driven by one thread. */
#ifndef INFER_ENGINE_H
#define INFER_ENGINE_H

#include "infer/form_choice.h"
#include "model/generation.h"
#include "model/weigh.h"
#include "sys/meminfo.h"
#include "text/tokenizer.h"

/* What products are computed in. AUTO: INT8 when the file has weights in blocks, else F32; both give equal bits on every
 * processor. */
enum engine_compute { ENGINE_AUTO, ENGINE_F32, ENGINE_BF16, ENGINE_INT8 };

/* What the cache holds numbers in. AUTO: F32 for products in f32, so that they equal training's to the bit; Q8_0 for the
 * latent of absorbed MLA with INT8, whose heads then share products in 8 bits: the time of long contexts goes there; else
 * BF16. Whatever is stored as Q8_0 is multiplied in 8 bits with INT8, except in layers with a window. */
enum engine_cache { ENGINE_CACHE_AUTO, ENGINE_CACHE_F32, ENGINE_CACHE_BF16, ENGINE_CACHE_Q8_0 };

/* A model that need not exist, for engine_plan: its configuration, and the format of each matrix. */
struct engine_shape {
    const struct config *config;
    bool quantised; /* some matrices are in blocks */
    weight_type_fn *type;
    void *ctx;
};

/* The shape of a decoder. */
struct decoder_options {
    int64_t context; /* of a sequence; 0: the most that the engine holds */
    int64_t chunk;   /* rows evaluated at once; 0: 256, fewer where that takes much memory */
    int slots;       /* sequences in one pass; 0: 1 */
    int64_t pages;   /* of PAGE_ROWS tokens: all that the cache has, whoever shares them; 0: for slots times context */
    bool all_logits; /* memory for the logits of every row of a pass: session_score */
    int64_t more_logits; /* else: of so many rows of a pass beside the last of each sequence */
};

struct engine_options {
    const char *model; /* file or folder */
    struct model_file *file; /* the same, opened by the caller, who closes it; NULL: it is opened for the call.
                              * engine_open takes its tensors over */
    const struct engine_shape *shape; /* engine_plan only: instead of the file; NULL: the file */
    enum engine_compute compute;
    enum engine_cache cache;
    bool plain;        /* plain MLA instead of absorbed */
    int threads;       /* 0: all processors of this process */
    const char *level; /* of kernels, by name; NULL: the best of this machine */
    struct decoder_options decoder; /* the decoder that there will be beside the weights: memory is planned for both */
    int64_t context_most; /* with decoder.context 0: no more than this; 0: no limit */
    bool shorten;      /* with decoder.context 0: the longest that fits, where the model's does not; a warning says so */
    uint64_t memory;   /* bytes it may take; 0: what is free */
    const char *form_name; /* the form of chats by name, or a file with a template; NULL: the model's own */
    const struct panels_rule *panels; /* where files of panels may lie (model/panels_place.h); NULL: none is kept */
    const volatile sig_atomic_t *stop; /* looked at while weights are packed: ERR_INTERRUPTED. NULL allowed */
    void (*warn)(void *ctx, const char *message); /* NULL allowed */
    void (*progress)(void *ctx, int64_t done, int64_t total); /* while weights are packed; NULL allowed */
    void *ctx;
};

struct engine {
    struct kernels ks;
    struct pool *pool;
    struct net net;
    struct tokenizer *tok; /* NULL only for engine_from_net */
    struct form_choice chat; /* the form of its chats */
    struct tokens stops;   /* ids that end an answer: of the form and of the files */
    struct generation advice; /* what the files say about generating */
    enum compute compute;
    enum dtype cache;      /* of the rows of a decoder's cache */
    bool int8;
    char *path;
    int64_t positions;     /* that the rotary tables hold: the longest context of a decoder */
    int64_t model_context; /* the most that the model allows */
    double load_seconds;
};

/* What a model needs, in bytes, known before any of it is allocated. */
struct engine_memory {
    struct weights parts;
    int64_t context;    /* of each sequence */
    int64_t wanted;     /* the same, before it was shortened */
    uint64_t weights;   /* as numbers for the products; what is only mapped from the file is not counted */
    uint64_t cache;     /* with the tables of positions */
    uint64_t run;       /* one forward pass and what sessions keep */
    uint64_t there;     /* of the weights: a file of panels that lies in memory (tmpfs) already */
    uint64_t total;     /* what it takes more: the sum, less that */
    uint64_t available; /* what it may take; 0: the system does not tell */
    char available_from[CGROUP_FILE]; /* who says so: a file of the system, or the option */
    uint64_t token_cache; /* bytes of the cache for one more token of one sequence */
    int64_t fits;       /* the largest context with which it fits; 0: none. Found by engine_plan, or when it does not fit */
    uint64_t disk;      /* of the file of panels; 0: none is kept */
    enum dtype cache_type;
    bool int8;
};

/* Opens a model. Refused with ERR_MEMORY and figures when it and its decoder do not fit into the memory that is free, and a
 * shorter context does not help or may not be taken. *fits (NULL allowed): the decoder that was planned, for decoder_open. */
int engine_open(struct engine *en, const struct engine_options *o, struct decoder_options *fits, struct err *e);
void engine_close(struct engine *en); /* accepts a zeroed or half-opened engine */
/* The figures alone, with nothing that is large allocated; ERR_MEMORY when they are too much, with *m filled in. It says yes
 * where engine_open with these options does. */
int engine_plan(const struct engine_options *o, struct engine_memory *m, struct err *e);
/* An engine around a network that is already in memory; takes it over (*net is zeroed), also on failure. Decoders have at most
 * o->decoder.context. */
int engine_from_net(struct engine *en, struct net *net, const struct engine_options *o, struct err *e);

/* The error for a result that is not a finite number, with the tensor that is the cause where there is one: all weights are
 * looked at. `what` names the result. */
int engine_fail_numeric(const struct engine *en, const char *what, struct err *e);

struct sample_params;
/* The defaults, with what the model's makers advise in place of ours. */
void engine_sampling(const struct engine *en, struct sample_params *p);

const char *engine_compute_name(const struct engine *en); /* "f32", "bf16", "int8" */

#endif
