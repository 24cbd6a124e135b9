/* Faults in what training writes: checkpoints, logs, recipe and configuration. The numbers are printed. */
#include "tests/faults.h"
#include "data/shard.h"
#include "kernel/kernel.h"
#include "train/checkpoint.h"
#include "train/train.h"

static struct kernels ks;

/* Checkpoints, logs, recipe, configuration: a short training, resumed where it was stopped. */
#define RECIPE                                                                                                             \
    "[model]\nmodel_type = llama\nhidden_size = 16\nnum_hidden_layers = 1\nnum_attention_heads = 2\nnum_key_value_heads = 1\n" \
    "head_dim = 8\nintermediate_size = 16\nmax_position_embeddings = 16\n[tokenizer]\nvocab = 512\n[data]\nsource = a x\n"    \
    "[train]\nseq_len = 16\nbatch_tokens = 64\nmicro_batch = 4\nsteps = 2\ncheckpoint_every = 1\ncheckpoint_keep = 1\n"      \
    "[out]\nmodel = none\ngguf = none\n"

static void make_shard(void)
{
    struct err e;
    struct shard_writer *w;
    char hash[SHA256_HEX];
    memset(hash, '0', 64);
    hash[64] = 0;
    CHECK_OK(shard_writer_open(&w, at(folder, "a.tok"), 64, hash, &e), &e);
    for (int d = 0; d < 20; d++) {
        int32_t ids[40];
        for (int i = 0; i < 40; i++) ids[i] = (d * 7 + i * 3) % 62 + 2;
        CHECK_OK(shard_writer_doc(w, ids, 40, &e), &e);
    }
    CHECK_OK(shard_writer_commit(w, &e), &e);
}

static int train(struct recipe *r, struct corpus *c, int64_t stop_after, struct err *e)
{
    struct train_result res;
    TRY(recipe_parse(r, RECIPE, sizeof RECIPE - 1, "test.recipe", ".", e));
    TRY(loader_init(&c->data, 1, 16, e));
    TRY(loader_init(&c->val, 1, 16, e));
    TRY(loader_add(&c->data, at(folder, "a.tok"), "a", 1, e));
    TRY(corpus_hash(c, e));
    struct train_options o = {.recipe = r,
                              .corpus = c,
                              .ks = &ks,
                              .run = work,
                              .quiet = true, .resume = true, .stop_after = stop_after};
    TRY(train_run(&res, &o, e));
    return res.finished || stop_after ? OK : err_set(e, ERR_USAGE, __FILE__, __LINE__, "not finished");
}

static int train_for(int64_t stop_after, struct err *e)
{
    struct corpus c = {0};
    struct recipe *r = mem_alloc(sizeof *r);
    if (!r) FAIL(e, ERR_MEMORY, "out of memory");
    int rc = train(r, &c, stop_after, e);
    corpus_close(&c);
    recipe_free(r);
    mem_free(r);
    return rc;
}

static int do_train(struct err *e) { return train_for(0, e); }
static int do_first_step(struct err *e) { return train_for(1, e); }

/* A good checkpoint, and each step reported once: the run went on and did not begin anew. */
static int is_kept(struct err *e)
{
    char path[PATH_MAX], *text;
    struct train_state s;
    size_t n, ones = 0;
    TRY(checkpoint_find(work, path, sizeof path, &s, e));
    train_state_free(&s);
    TRY(file_read(&text, &n, at(work, "metrics.jsonl"), 1 << 20, e));
    for (const char *p = text; (p = strstr(p, "{\"step\":1,\"loss\"")); p++) ones++;
    mem_free(text);
    if (ones != 1) FAIL(e, ERR_FORMAT, "step 1 was made %zu times", ones);
    return OK;
}

int main(void)
{
    static const struct piece_of_work training = {.name = "checkpoints and logs of training", .run = do_train};
    static const struct piece_of_work resuming = {
        .name = "a resumed training", .run = do_train, .prepare = do_first_step, .kept = is_kept};
    faults_begin();
    kernels_init(&ks, kernels_max_level());
    make_shard();
    check_piece(&training);
    check_piece(&resuming);
    dir_remove_tree(folder, NULL);
    return test_end();
}
