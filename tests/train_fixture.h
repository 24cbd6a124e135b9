/* What the tests of training share: a small network, shards of a simple language, the families, a folder. */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"
#include "tests/test.h"
#include "train/train.h"

enum { VOCAB = 64, SEQ = 32 };

static char folder[64];
static struct kernels ks;

/* A network with every feature: low-rank queries, a dense layer, groups of experts, a shared expert, MTP. */
#define MODEL                                                                                                          \
    "[model]\nhidden_size = 32\nnum_hidden_layers = 2\nnum_attention_heads = 2\nq_lora_rank = 16\nkv_lora_rank = 16\n" \
    "qk_nope_head_dim = 16\nqk_rope_head_dim = 8\nv_head_dim = 16\nfirst_k_dense_replace = 1\nintermediate_size = 64\n" \
    "n_routed_experts = 8\nnum_experts_per_tok = 2\nn_shared_experts = 1\nmoe_intermediate_size = 16\nn_group = 4\n"    \
    "topk_group = 2\nnorm_topk_prob = true\nrouted_scaling_factor = 1.5\nnum_nextn_predict_layers = 1\n"                \
    "max_position_embeddings = 32\ntie_word_embeddings = true\n"
#define DATA "[tokenizer]\nvocab = 512\n[data]\nsource = a weight=3 x\nsource = b weight=1 x\nval = v x\n"
#define TRAIN                                                                                                         \
    "[train]\nseq_len = 32\nbatch_tokens = 256\nmicro_batch = 4\nlr = 5e-3\nwarmup = 5\nsteps = 20\neval_every = 10\n" \
    "eval_windows = 5\ncheckpoint_every = 2\n[out]\n"

static inline const char *in_folder(const char *name)
{
    static char path[4][200];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

/* Documents of a simple language: a random start, then each token follows from the last one and the document. */
static inline void make_shard(const char *name, uint64_t seed, int docs)
{
    struct err e;
    struct shard_writer *w;
    char hash[65] = "0000000000000000000000000000000000000000000000000000000000000000";
    CHECK_OK(shard_writer_open(&w, in_folder(name), VOCAB, hash, &e), &e);
    for (int d = 0; d < docs; d++) {
        int32_t ids[80];
        size_t n = 8 + rng_below(seed, 1, (uint64_t)d, 60);
        int32_t step = 1 + (int32_t)rng_below(seed, 2, (uint64_t)d, 5);
        ids[0] = 0;
        for (size_t i = 1; i + 1 < n; i++)
            ids[i] = i == 1 ? 2 + (int32_t)rng_below(seed, 3, (uint64_t)d, 62) : 2 + (ids[i - 1] - 2 + step) % 62;
        ids[n - 1] = 1;
        CHECK_OK(shard_writer_doc(w, ids, n, &e), &e);
    }
    CHECK_OK(shard_writer_commit(w, &e), &e);
}

static inline void open_corpus(struct corpus *c, int seq_len)
{
    struct err e;
    memset(c, 0, sizeof *c);
    CHECK_OK(loader_init(&c->data, 1, seq_len, &e), &e);
    CHECK_OK(loader_init(&c->val, 1, seq_len, &e), &e);
    CHECK_OK(loader_add(&c->data, in_folder("a.tok"), "a", 3, &e), &e);
    CHECK_OK(loader_add(&c->data, in_folder("b.tok"), "b", 1, &e), &e);
    CHECK_OK(loader_add(&c->val, in_folder("v.tok"), "v", 1, &e), &e);
    CHECK_OK(corpus_hash(c, &e), &e);
}

/* The recipe with this [model]. */
static inline struct recipe *recipe_with(const char *model, const char *extra)
{
    struct err e;
    char text[4000];
    struct recipe *r = mem_alloc(sizeof *r);
    snprintf(text, sizeof text, "%s%s%s%s", model, DATA, TRAIN, extra);
    CHECK_OK(recipe_parse(r, text, strlen(text), "test.recipe", ".", &e), &e);
    return r;
}

static inline struct recipe *recipe_of(const char *extra) { return recipe_with(MODEL, extra); }

static inline void drop_recipe(struct recipe *r)
{
    recipe_free(r);
    mem_free(r);
}

/* Other architectures for the same recipe; the first key tells which. */
#define GQA "hidden_size = 32\nnum_hidden_layers = 2\nnum_attention_heads = 4\nnum_key_value_heads = 2\nhead_dim = 12\n" \
            "intermediate_size = 48\nmax_position_embeddings = 32\ntie_word_embeddings = true\n"
static const struct {
    const char *name, *model;
} architectures[] = {
    {"llama", GQA "rope_scaling.rope_type = llama3\nrope_scaling.factor = 4\n"
                  "rope_scaling.original_max_position_embeddings = 16\n"},
    {"mistral", GQA "sliding_window = 8\n"},
    {"ministral3", GQA "rope_scaling.rope_type = yarn\nrope_scaling.factor = 2\nrope_scaling.mscale = 1\n"
                       "rope_scaling.mscale_all_dim = 1\nrope_scaling.original_max_position_embeddings = 8\n"
                       "rope_scaling.llama_4_scaling_beta = 0.2\n"},
    {"smollm3", GQA "no_rope_layer_interval = 4\n"},
    {"qwen2", GQA},
    {"qwen3", GQA},
    {"qwen3_moe", GQA "num_experts = 6\nnum_experts_per_tok = 2\nmoe_intermediate_size = 16\nnorm_topk_prob = true\n"},
    {"gemma3_text", GQA "sliding_window = 8\nsliding_window_pattern = 2\n"},
    {"deepseek_v2", "hidden_size = 32\nnum_hidden_layers = 2\nnum_attention_heads = 2\nkv_lora_rank = 16\nqk_nope_head_dim = 16\n"
                    "qk_rope_head_dim = 8\nv_head_dim = 16\nfirst_k_dense_replace = 1\nintermediate_size = 64\n"
                    "n_routed_experts = 8\nnum_experts_per_tok = 2\nn_shared_experts = 1\nmoe_intermediate_size = 16\n"
                    "n_group = 4\ntopk_group = 2\nmax_position_embeddings = 32\n"},
};

/* A folder in memory where there is one: hundreds of syncs, and SIGKILL loses nothing that was written. Kernels and shards. */
static inline bool fixture_open(const char *name)
{
    snprintf(folder, sizeof folder, "%s/%s-XXXXXX", file_is_dir("/dev/shm") ? "/dev/shm" : "/tmp", name);
    if (!mkdtemp(folder)) return false;
    kernels_init(&ks, kernels_max_level());
    make_shard("a.tok", 1, 200);
    make_shard("b.tok", 2, 50);
    make_shard("v.tok", 3, 20);
    return true;
}

#endif
