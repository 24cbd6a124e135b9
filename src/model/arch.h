/* What distinguishes one family of networks from another: names in files, the parameter table and the block. Each
 * family is one file with its row or rows of struct arch; arch.c lists them. */
#ifndef MODEL_ARCH_H
#define MODEL_ARCH_H

#include <stddef.h>
#include "model/net.h"

/* Bits for the tables of config.c: who has a field. */
enum {
    ARCH_LLAMA = 1,
    ARCH_QWEN2 = 2,
    ARCH_QWEN3 = 4,
    ARCH_QWEN3_MOE = 8,
    ARCH_GEMMA3 = 16,
    ARCH_DEEPSEEK2 = 32,
    ARCH_DEEPSEEK3 = 64,
    ARCH_MISTRAL = 128,
    ARCH_MISTRAL3 = 256,
    ARCH_SMOLLM3 = 512,
    ARCH_DEEPSEEK = ARCH_DEEPSEEK2 | ARCH_DEEPSEEK3,
    ARCH_MISTRALS = ARCH_MISTRAL | ARCH_MISTRAL3,
    ARCH_GQA = ARCH_LLAMA | ARCH_MISTRALS | ARCH_SMOLLM3 | ARCH_QWEN2 | ARCH_QWEN3 | ARCH_QWEN3_MOE | ARCH_GEMMA3,
    ARCH_MOE = ARCH_QWEN3_MOE | ARCH_DEEPSEEK,
    ARCH_ALL = ARCH_GQA | ARCH_DEEPSEEK
};

/* Dimensions of parameters; see arch_dim. */
enum dim {
    D_NONE, D_V, D_D, D_2D,
    D_Q, D_KV, D_HEAD, D_HALF,              /* grouped-query attention: all heads, all key heads, one head, half of it */
    D_QR, D_QH, D_KVA, D_KVR, D_KVB, D_HV,  /* latent attention */
    D_F, D_E, D_EF, D_SF
};
enum present { ALWAYS, Q_LORA, Q_FULL, DENSE, MOE, MOE_BIAS, SHARED, MTP };

/* A parameter of a layer. HF names follow "model.layers.N.", GGUF names "blk.N.". */
struct param_row {
    const char *hf, *gguf;
    size_t offset; /* in struct layer */
    enum dim d0, d1, d2;
    enum init_kind init;
    enum present present;
    enum file_form form;
};
#define LAYER(field) offsetof(struct layer, field)

struct arch {
    const char *hf, *hf_class; /* model_type and class of config.json */
    const char *hf_outer;      /* model_type of one that understands pictures too and has this one inside; NULL: none */
    const char *gguf;          /* general.architecture, and the prefix of its keys */
    int bit;
    bool mla;              /* latent attention, else grouped queries */
    bool interleaved;      /* rotary pairs are neighbours in Hugging Face files */
    bool gguf_interleaved; /* and in GGUF: where the two differ, rows of W_q and W_k stand in another order */
    bool norm_plus_one;    /* Hugging Face files hold the norms' weights less one */
    bool sigmoid;          /* scores of the router, else softmax */
    bool group_pairs;      /* a group of experts counts as the sum of its two best, else as its best */
    bool embed_scaled;     /* embedding rows are multiplied by the root of dim */
    bool local_rope;       /* layers with a window have a rotary base of their own */
    const struct param_row *rows;
    size_t n_rows;
    void (*defaults)(struct config *c);      /* NULL: those of config_default */
    void (*json_defaults)(struct config *c); /* and where config.json leaves more unsaid; NULL: nothing */
    block_fn *block; /* ctx is struct block_ctx (model/blocks.h) */
};

extern const struct arch arch_llama, arch_mistral, arch_mistral3, arch_smollm3, arch_qwen2, arch_qwen3, arch_qwen3_moe,
    arch_gemma3, arch_deepseek2, arch_deepseek3;

/* NULL at the end. Of two with one name in GGUF the first is meant there: see find_arch in config_gguf.c. */
extern const struct arch *const archs[];
const struct arch *arch_by_hf(const char *model_type); /* NULL: unknown */
/* The first of those that may be inside a configuration of this model_type; NULL: none. */
const struct arch *arch_inside(const char *model_type);
/* The names of all, separated by ", ": for messages. */
void arch_names(char *out, size_t cap, bool gguf);

int64_t arch_dim(const struct config *c, enum dim d);
bool arch_present(const struct config *c, enum present p, int64_t layer);

#endif
