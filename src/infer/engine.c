/* Opening a model: configuration, memory check, kernels, threads, weights, tokenizer. */
#include "infer/engine.h"
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "infer/sample.h"
#include "infer/session.h"
#include "model/arch.h"
#include "model/chat_template.h"
#include "model/vocab.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { MAX_CONTEXT = 1 << 24, LITTLE = 32 << 20 };

/* Whether a tensor is stored in blocks that integer products take. */
static bool is_quantised(const struct tf_tensor *t)
{
    return t->known && t->nd >= 2 && qpanel_bytes(t->dtype, 1, t->ne[t->nd - 1]) > 0;
}

static bool has_quantised(const struct tf *f)
{
    for (size_t i = 0; i < f->n_tensors; i++)
        if (is_quantised(&f->tensors[i])) return true;
    return false;
}

const char *engine_compute_name(const struct engine *en)
{
    return en->int8 ? "int8" : en->compute == COMPUTE_BF16 ? "bf16" : "f32";
}

static enum dtype cache_type(const struct engine *en, enum engine_cache wanted)
{
    static const enum dtype types[] = {
        [ENGINE_CACHE_F32] = DT_F32, [ENGINE_CACHE_BF16] = DT_BF16, [ENGINE_CACHE_Q8_0] = DT_Q8_0};
    const struct config *c = &en->net.config;
    if (wanted != ENGINE_CACHE_AUTO) return types[wanted];
    if (!en->int8) return en->compute == COMPUTE_F32 ? DT_F32 : DT_BF16;
    bool blocks = c->kv_lora_rank % QP_BLOCK == 0 && c->qk_rope_dim % QP_BLOCK == 0;
    return c->arch->mla && en->net.absorbed && blocks ? DT_Q8_0 : DT_BF16;
}

/* The context of the decoder that is wanted, before what fits is known. */
static int choose_context(int64_t *out, const struct engine_options *o, const struct config *c, struct err *e)
{
    int64_t wanted = o->decoder.context, context = wanted ? wanted : c->context;
    if (wanted < 0 || wanted > c->context)
        FAIL(e, ERR_LIMIT, "a context of %lld is asked for, the model holds 1 to %lld", (long long)wanted,
             (long long)c->context);
    if (!wanted && o->context_most > 0) context = min_i64(context, o->context_most);
    if (context > MAX_CONTEXT && o->shorten && !wanted) context = MAX_CONTEXT;
    if (context > MAX_CONTEXT && !wanted)
        FAIL(e, ERR_LIMIT, "the model promises a context of %lld tokens, this program holds at most %d: name one (--ctx)",
             (long long)c->context, MAX_CONTEXT);
    *out = context;
    return OK;
}

/* Everything but the numbers: level, threads, sizes; options checked. Needs en->net.config. */
static int set_options(struct engine *en, const struct engine_options *o, bool quantised, struct err *e)
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
    TRY(choose_context(&en->positions, o, c, e));
    kernels_init(&en->ks, level);
    en->model_context = c->context;
    en->compute = o->compute == ENGINE_BF16 ? COMPUTE_BF16 : COMPUTE_F32;
    en->int8 = o->compute == ENGINE_INT8 || (o->compute == ENGINE_AUTO && quantised);
    en->net.absorbed = !o->plain;
    en->cache = cache_type(en, o->cache);
    en->net.int8 = en->int8;
    return pool_open(&en->pool, o->threads > 0 ? o->threads : cpu_count(), e);
}

static double mib(uint64_t bytes) { return (double)bytes / (1 << 20); }

/* Adds up what a context costs; false when that is more than it may be. */
static bool add_up(struct engine_memory *m)
{
    uint64_t sum;
    if (!add_u64(m->weights, m->cache, &sum) || !add_u64(sum, m->run, &m->total)) m->total = UINT64_MAX;
    else m->total -= m->there;
    return m->available == 0 || m->total <= m->available;
}

static int refuse(const struct engine_options *o, const struct decoder_options *d, const struct engine_memory *m, struct err *e)
{
    char hint[160] = "";
    if (m->fits > 0) snprintf(hint, sizeof hint, "; with --ctx %lld it fits", (long long)m->fits);
    else if (m->weights - m->there > m->available)
        snprintf(hint, sizeof hint, "; no context is small enough, a smaller format may be");
    char cache[60];
    if (d->pages) snprintf(cache, sizeof cache, "%lld pages of %d", (long long)d->pages, PAGE_ROWS);
    else snprintf(cache, sizeof cache, "%d x %lld", d->slots, (long long)m->context);
    FAIL(e, ERR_MEMORY,
         "%s does not fit: weights %.1f MiB%s + cache of %s tokens %.1f MiB + computing %.1f MiB = %.1f MiB, and "
         "it may take %.1f MiB (%.100s)%s",
         o->model, mib(m->weights), m->there ? " (there already)" : "", cache, mib(m->cache),
         mib(m->run), mib(m->total),
         mib(m->available), m->available_from, hint);
}

static struct load_options load_options_of(const struct engine *en, const struct engine_options *o,
                                           const struct panels_places *panels)
{
    return (struct load_options){.ks = &en->ks,
                                 .compute = en->compute,
                                 .int8 = en->int8,
                                 .absorbed = en->net.absorbed,
                                 .max_context = en->positions,
                                 .pool = en->pool,
                                 .panels = panels,
                                 .stop = o->stop,
                                 .warn = o->warn,
                                 .warn_ctx = o->ctx,
                                 .progress = o->progress,
                                 .progress_ctx = o->ctx};
}

/* What the cache and a pass take with a context; m->weights is there. Nothing is made. */
static int weigh_context(struct engine *en, struct decoder_options *d, int64_t context, struct engine_memory *m, struct err *e)
{
    const struct config *c = &en->net.config;
    struct run_size size;
    struct cache cache;
    en->positions = d->context = m->context = context;
    TRY(cache_shape(&cache, c, en->cache, decoder_pages(d), e));
    m->cache = cache_bytes(&cache) + net_rope_bytes(c, context);
    m->token_cache = (uint64_t)cache.layers * format_bytes(en->cache, cache.width);
    TRY(decoder_measure(&size, en, d, e));
    m->run = size.meta + size.mem + size.scratch + (uint64_t)d->slots * session_bytes(en, d);
    return OK;
}

/* The largest context that fits, by halving; the figures are those of the context before. */
static int find_fitting(struct engine *en, struct decoder_options *d, struct engine_memory *m, struct err *e)
{
    struct engine_memory wanted = *m, t = *m;
    int64_t lo = 0, hi = wanted.context + 1; /* lo fits, hi does not */
    if (add_up(&t)) lo = wanted.context;
    else if (t.weights - t.there > t.available) hi = 1;
    while (hi - lo > 1 && hi - lo > lo / 64) { /* to a 64th */
        int64_t mid = lo + (hi - lo) / 2;
        TRY(weigh_context(en, d, mid, &t, e));
        *(add_up(&t) ? &lo : &hi) = mid;
    }
    *m = wanted;
    m->fits = lo >= 1024 && lo < wanted.context ? lo / 256 * 256 : lo;
    en->positions = d->context = wanted.context;
    return OK;
}

/* A file of panels on a disk that is memory counts as used already. Its arena is as large as the weights, but for gaps. */
static uint64_t bytes_there(const struct engine_options *o, const struct engine_memory *m)
{
    struct panels_places p;
    uint64_t least = panels_file_bytes(m->weights);
    if (!o->panels || !m->parts.panels || o->shape) return 0;
    panels_places(&p, o->model, o->panels);
    for (int i = 0; i < p.n; i++) {
        uint64_t size = file_look(p.path[i], true).size;
        if (size >= least && size - least < PANELS_PIECE && file_in_memory(p.path[i])) return m->weights;
    }
    return 0;
}

static int weigh(struct engine *en, const struct engine_options *o, struct model_file *f, struct engine_memory *m,
                 struct err *e)
{
    struct load_options lo = load_options_of(en, o, NULL);
    const struct engine_shape *s = o->shape;
    TRY(s ? net_weigh_shape(&m->parts, s->config, s->type, s->ctx, &lo, e) : net_weigh(&m->parts, f, &lo, e));
    m->weights = m->parts.all.memory;
    m->there = bytes_there(o, m);
    m->disk = m->parts.panels && o->panels ? panels_file_bytes(m->weights) : 0;
    return OK;
}

/* What it may take, and who says so. A system without anything left is not one that does not tell. */
static void read_available(struct engine_memory *m, const struct engine_options *o)
{
    struct meminfo info;
    if (o->memory) {
        m->available = o->memory;
        snprintf(m->available_from, sizeof m->available_from, "--memory");
        return;
    }
    meminfo_read(&info);
    m->available = !info.known ? 0 : info.available ? info.available : 1;
    memcpy(m->available_from, info.available_from, sizeof m->available_from);
}

/* The longest context that fits in place of one that does not. */
static int shorten(struct engine *en, struct decoder_options *d, struct engine_memory *m, struct err *e)
{
    TRY(weigh_context(en, d, m->fits, m, e));
    return add_up(m) ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "no context fits");
}

static void tell_shortened(const struct engine *en, const struct engine_options *o, const struct engine_memory *m)
{
    char text[300];
    bool capped = m->wanted == MAX_CONTEXT && en->model_context > MAX_CONTEXT;
    if (!o->warn || o->decoder.context || (m->context == m->wanted && !capped)) return;
    if (m->context == m->wanted)
        snprintf(text, sizeof text, "a context of %lld tokens is used, the most that this program holds; the model's has %lld",
                 (long long)m->context, (long long)en->model_context);
    else
        snprintf(text, sizeof text,
                 "the model's context of %lld tokens does not fit into the %.1f MiB that may be taken (%.100s): %lld tokens do, "
                 "and are used (--ctx N asks for another)",
                 (long long)m->wanted, mib(m->available), m->available_from, (long long)m->context);
    o->warn(o->ctx, text);
}

/* What a network is: out of its files, or as it is given. */
static int read_config(struct config *c, bool *quantised, const struct engine_options *o, struct model_file *f, struct err *e)
{
    if (o->shape) {
        *c = *o->shape->config;
        *quantised = o->shape->quantised;
        return OK;
    }
    TRY(net_read_config(c, f, e));
    TRY(model_file_tensors(f, e));
    *quantised = has_quantised(&f->tf);
    return OK;
}

/* An engine without weights, and the figures. What depends on the context is found without making any of it. */
static int open_shape(struct engine *en, const struct engine_options *o, struct model_file *f, struct decoder_options *d,
                      struct engine_memory *m, bool find, struct err *e)
{
    struct config c;
    bool quantised;
    *d = o->decoder;
    *m = (struct engine_memory){0};
    TRY(read_config(&c, &quantised, o, f, e));
    en->net.config = c;
    TRY(set_options(en, o, quantised, e));
    bool absorbed = en->net.absorbed, int8 = en->net.int8;
    int64_t context = d->context = en->positions;
    TRY(decoder_complete(d, e));
    read_available(m, o);
    m->cache_type = en->cache;
    m->int8 = en->int8;
    TRY(weigh(en, o, f, m, e));
    TRY(net_build(&en->net, &c, e));
    en->net.absorbed = absorbed;
    en->net.int8 = int8;
    TRY(weigh_context(en, d, context, m, e));
    while (!o->decoder.chunk && d->chunk > DECODER_SCORED && m->run > m->weights / 20 + LITTLE) { /* little beside a model */
        d->chunk /= 2;
        TRY(weigh_context(en, d, context, m, e));
    }
    bool fits = add_up(m);
    m->wanted = m->context;
    if (find || !fits) TRY(find_fitting(en, d, m, e));
    if (!fits && o->shorten && !o->decoder.context && m->fits > 0) return shorten(en, d, m, e);
    return fits ? OK : refuse(o, d, m, e);
}

/* The opened model: the caller's, or own, which is to be closed in every case. */
static int find_file(struct model_file **f, struct model_file *own, const struct engine_options *o, struct err *e)
{
    *own = (struct model_file){0};
    *f = o->file ? o->file : own;
    return o->file || o->shape ? OK : model_file_open(own, o->model, e);
}

int engine_plan(const struct engine_options *o, struct engine_memory *m, struct err *e)
{
    struct engine en = {0};
    struct decoder_options d;
    struct model_file own, *f;
    *m = (struct engine_memory){0};
    int rc = find_file(&f, &own, o, e);
    if (!rc) rc = open_shape(&en, o, f, &d, m, true, e);
    engine_close(&en);
    model_file_close(&own);
    return rc;
}

static int load_weights(struct engine *en, const struct engine_options *o, struct model_file *f, struct err *e)
{
    struct panels_places places;
    if (o->panels) panels_places(&places, o->model, o->panels);
    struct load_options lo = load_options_of(en, o, o->panels ? &places : NULL);
    net_free(&en->net);
    return net_load(&en->net, f, &lo, e);
}

static int load_tokenizer(struct engine *en, struct model_file *f, struct err *e)
{
    TRY(model_load_tokenizer(&en->tok, f, e));
    if (tokenizer_vocab(en->tok) > en->net.config.vocab)
        log_warn("%s: the tokenizer has %d tokens, the network %lld: the others are never produced, and cannot be used",
                 f->path, tokenizer_vocab(en->tok), (long long)en->net.config.vocab);
    return OK;
}

/* The files may name more tokens that end an answer than the form knows. */
static int read_advice(struct engine *en, struct model_file *f, struct err *e)
{
    TRY(model_generation(&en->advice, f, en->net.config.vocab, e));
    for (int i = 0; i < en->advice.n_ends; i++) {
        bool known = false;
        for (size_t k = 0; k < en->stops.n; k++) known |= en->stops.ids[k] == en->advice.ends[i];
        if (!known) TRY(tokens_add(&en->stops, en->advice.ends[i], e));
    }
    return OK;
}

void engine_sampling(const struct engine *en, struct sample_params *p)
{
    const struct generation *g = &en->advice;
    sample_defaults(p);
    if (!en->path) return; /* a network that came from no file */
    if (g->temp >= 0) p->temp = g->temp;
    if (g->top_k >= 0) p->top_k = g->top_k;
    if (g->top_p >= 0) p->top_p = g->top_p;
    if (g->min_p >= 0) p->min_p = g->min_p;
    if (g->repeat >= 0) p->repeat = g->repeat;
}

int engine_fail_numeric(const struct engine *en, const char *what, struct err *e)
{
    const struct tf *f = &en->net.file;
    const char *model = en->path ? en->path : "the network";
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct tf_tensor *t = &f->tensors[i];
        int64_t n = 1;
        for (int k = 0; k < t->nd; k++) n *= t->ne[k];
        if (t->known && !format_all_finite(t->dtype, t->data, n))
            FAIL(e, ERR_NUMERIC, "%s: %s is not finite, because %s holds a number that is not", model, what, t->name);
    }
    FAIL(e, ERR_NUMERIC, "%s: %s is not finite, though all its weights are: numbers grow too large on the way", model, what);
}

/* The weights come last: whatever else is wrong with the files is told before anything is packed. */
int engine_open(struct engine *en, const struct engine_options *o, struct decoder_options *fits, struct err *e)
{
    double t0 = clock_seconds();
    struct engine_memory m;
    struct decoder_options d;
    struct model_file own, *f;
    *en = (struct engine){0};
    int rc = find_file(&f, &own, o, e);
    if (!rc) rc = open_shape(en, o, f, &d, &m, false, e);
    if (!rc) rc = load_tokenizer(en, f, e);
    if (!rc) rc = form_choose(&en->chat, f, en->tok, en->net.config.arch->hf, o->form_name, e);
    if (!rc) rc = chat_stop_ids(en->chat.form, en->tok, &en->stops, e);
    if (!rc) rc = read_advice(en, f, e);
    if (!rc) tell_shortened(en, o, &m);
    if (!rc) rc = load_weights(en, o, f, e);
    if (!rc && !(en->path = mem_strdup(o->model))) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory");
    if (rc) engine_close(en);
    model_file_close(&own);
    if (fits) *fits = d;
    en->load_seconds = clock_seconds() - t0;
    return rc;
}

int engine_from_net(struct engine *en, struct net *net, const struct engine_options *o, struct err *e)
{
    *en = (struct engine){.net = *net};
    if (net->head == &net->head_copy) en->net.head = &en->net.head_copy;
    *net = (struct net){0};
    int rc = set_options(en, o, false, e);
    if (!rc) rc = net_make_rope(&en->net, en->positions, e);
    if (rc) engine_close(en);
    return rc;
}

void engine_close(struct engine *en)
{
    net_free(&en->net);
    tokenizer_free(en->tok);
    tokens_free(&en->stops);
    form_choice_free(&en->chat);
    pool_close(en->pool);
    mem_free(en->path);
    *en = (struct engine){0};
}
