/* Opening a model: configuration, memory check, kernels, threads, weights, tokenizer. */
#include "infer/engine.h"
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "infer/session.h"
#include "model/vocab.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/meminfo.h"

enum { DEFAULT_CHUNK = 64, MAX_CHUNK = 4096, MAX_SLOTS = 1024 };

int engine_read_config(struct config *c, bool *has_q8, const char *path, struct err *e)
{
    struct tf f;
    if (!file_exists(path)) FAIL(e, ERR_NOTFOUND, "%s: there is no such model", path);
    TRY(tf_open(&f, path, e));
    if (has_q8) {
        *has_q8 = false;
        for (size_t i = 0; i < f.n_tensors; i++) *has_q8 |= f.tensors[i].known && f.tensors[i].dtype == DT_Q8_0;
    }
    int rc = net_read_config(c, &f, path, e);
    tf_close(&f);
    return rc;
}

const char *engine_compute_name(const struct engine *en)
{
    return en->int8 ? "int8" : en->compute == COMPUTE_BF16 ? "bf16" : "f32";
}

/* Everything but the numbers: level, threads, sizes; options checked. Needs en->net.config. */
static int set_options(struct engine *en, const struct engine_options *o, bool has_q8, struct err *e)
{
    const struct config *c = &en->net.config;
    enum cpu_level level = kernels_max_level();
    if (o->level) {
        enum cpu_level wanted;
        if (!cpu_level_parse(o->level, &wanted)) FAIL(e, ERR_USAGE, "there is no kernel level \"%s\"", o->level);
        if (wanted > level)
            FAIL(e, ERR_UNSUPPORTED, "kernel level %s is not possible here, the highest is %s", o->level,
                 cpu_level_name(level));
        level = wanted;
    }
    if (o->context < 0 || o->context > c->context)
        FAIL(e, ERR_LIMIT, "a context of %lld is asked for, the model holds 1 to %lld", (long long)o->context,
             (long long)c->context);
    if (o->chunk < 0 || o->chunk > MAX_CHUNK)
        FAIL(e, ERR_USAGE, "chunk is %lld, expected 1 to %d", (long long)o->chunk, MAX_CHUNK);
    if (o->slots < 0 || o->slots > MAX_SLOTS)
        FAIL(e, ERR_USAGE, "%d sequences at once, expected 1 to %d", o->slots, MAX_SLOTS);
    kernels_init(&en->ks, level);
    en->context = o->context ? o->context : c->context;
    en->chunk = o->chunk ? o->chunk : DEFAULT_CHUNK;
    en->slots = o->slots ? o->slots : 1;
    en->all_logits = o->all_logits;
    en->compute = o->compute == ENGINE_BF16 ? COMPUTE_BF16 : COMPUTE_F32;
    en->int8 = o->compute == ENGINE_INT8 || (o->compute == ENGINE_AUTO && has_q8);
    en->net.absorbed = !o->plain;
    return pool_open(&en->pool, o->threads > 0 ? o->threads : cpu_count(), e);
}

/* Bytes of the weights in memory: matrices as panels of the number format of products, or of 8 bits; the rest f32. */
static uint64_t weight_bytes(const struct engine *en)
{
    uint64_t sum = 0;
    for (int i = 0; i < en->net.n_params; i++) {
        const struct param *p = &en->net.params[i];
        uint64_t n = (uint64_t)tensor_count(&p->t);
        if (!p->quantise) sum += 4 * n;
        else if (en->int8) sum += n + n / 8;
        else sum += (en->compute == COMPUTE_BF16 ? 2 : 4) * n;
    }
    return sum;
}

static double mib(uint64_t bytes) { return (double)bytes / (1 << 20); }

/* Adds up, and fails when it is too much. */
static int check_memory(const struct engine *en, const struct engine_options *o, struct engine_memory *m, struct err *e)
{
    struct meminfo info;
    meminfo_read(&info);
    m->available = o->memory ? o->memory : info.known ? info.available : 0;
    m->total = m->weights + m->cache + m->run;
    if (m->available == 0 || m->total <= m->available) return OK;
    FAIL(e, ERR_MEMORY,
         "%s does not fit: weights %.1f MiB + cache of %d x %lld tokens %.1f MiB + computing %.1f MiB = %.1f MiB, and "
         "it "
         "may take %.1f MiB; a smaller --ctx or a quantised file needs less",
         o->model, mib(m->weights), en->slots, (long long)en->context, mib(m->cache), mib(m->run), mib(m->total),
         mib(m->available));
}

/* An engine without weights, and the figures. Checked twice: before the tables of positions are made, which a hostile
 * file could ask to be huge, with what is certain; then with everything. */
static int open_shape(struct engine *en, const struct engine_options *o, struct engine_memory *m, struct err *e)
{
    struct config c;
    struct run_size size;
    bool has_q8;
    *m = (struct engine_memory){0};
    TRY(engine_read_config(&c, &has_q8, o->model, e));
    en->net.config = c;
    TRY(set_options(en, o, has_q8, e));
    bool absorbed = en->net.absorbed;
    c.context = en->context;
    m->weights = (uint64_t)config_params(&c, NULL);
    m->cache = cache_bytes(&c, en->slots, en->context) + (uint64_t)(en->context * c.qk_rope_dim) * sizeof(float);
    TRY(check_memory(en, o, m, e));
    TRY(net_build(&en->net, &c, e));
    en->net.absorbed = absorbed;
    TRY(decoder_measure(&size, en, e));
    m->weights = weight_bytes(en);
    m->run = size.meta + size.mem + size.scratch;
    return check_memory(en, o, m, e);
}

int engine_plan(const struct engine_options *o, struct engine_memory *m, struct err *e)
{
    struct engine en = {0};
    int rc = open_shape(&en, o, m, e);
    engine_close(&en);
    return rc;
}

static int load_weights(struct engine *en, const char *path, struct err *e)
{
    struct load_options lo = {.ks = &en->ks,
                              .compute = en->compute,
                              .int8 = en->int8,
                              .absorbed = en->net.absorbed,
                              .max_context = en->context,
                              .pool = en->pool};
    net_free(&en->net);
    en->net = (struct net){0};
    return net_load(&en->net, path, &lo, e);
}

static int load_tokenizer(struct engine *en, const char *path, struct err *e)
{
    TRY(model_load_tokenizer(&en->tok, path, e));
    if (tokenizer_vocab(en->tok) > en->net.config.vocab)
        FAIL(e, ERR_FORMAT, "%s: the tokenizer has %d tokens, the network %lld", path, tokenizer_vocab(en->tok),
             (long long)en->net.config.vocab);
    return OK;
}

int engine_open(struct engine *en, const struct engine_options *o, struct err *e)
{
    double t0 = clock_seconds();
    struct engine_memory m;
    *en = (struct engine){0};
    int rc = open_shape(en, o, &m, e);
    if (!rc) rc = load_weights(en, o->model, e);
    if (!rc) rc = load_tokenizer(en, o->model, e);
    if (!rc && !(en->path = mem_strdup(o->model))) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory");
    if (rc) engine_close(en);
    en->load_seconds = clock_seconds() - t0;
    return rc;
}

int engine_from_net(struct engine *en, struct net *net, const struct engine_options *o, struct err *e)
{
    *en = (struct engine){.net = *net};
    *net = (struct net){0};
    int rc = set_options(en, o, false, e);
    if (rc) engine_close(en);
    return rc;
}

void engine_close(struct engine *en)
{
    net_free(&en->net);
    tokenizer_free(en->tok);
    pool_close(en->pool);
    mem_free(en->path);
    *en = (struct engine){0};
}
