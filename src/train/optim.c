/* AdamW. */
#include "train/optim.h"
#include <math.h>
#include "base/checked.h"
#include "base/mem.h"

enum { CHUNK = 1 << 14 }; /* numbers per task: 64 KiB of each array, about one L2 */

static void add_chunks(struct optim *o, struct param *p, int at)
{
    int64_t n = tensor_count(&p->t);
    for (int64_t i = 0; i < n; i += CHUNK)
        o->chunks[o->n_chunks++] = (struct optim_chunk){
            tensor_f32(&p->t) + i, p->t.grad + i, o->m[at] + i, o->v[at] + i, min_i64(CHUNK, n - i), p->decay,
        };
}

static int init(struct optim *o, struct net *net, struct err *e)
{
    size_t bytes = 0, n_params = (size_t)net->n_params;
    int64_t chunks = 0;
    for (int i = 0; i < net->n_params; i++) {
        if (!net->params[i].trained) continue;
        int64_t n = tensor_count(&net->params[i].t);
        bytes += 2 * round_up((size_t)n * sizeof(float), 64);
        chunks += ceil_div(n, CHUNK);
    }
    TRY(arena_init(&o->mem, bytes, "optimiser moments", e));
    o->m = mem_array(n_params, sizeof *o->m);
    o->v = mem_array(n_params, sizeof *o->v);
    o->chunks = mem_array((size_t)chunks, sizeof *o->chunks);
    o->partial = mem_array((size_t)chunks, sizeof *o->partial);
    if (!o->m || !o->v || !o->chunks || !o->partial) FAIL(e, ERR_MEMORY, "out of memory for %d parameters", net->n_params);
    float **moments[2] = {o->m, o->v};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < net->n_params; i++)
            if (net->params[i].trained)
                moments[k][i] = arena_alloc(&o->mem, (size_t)tensor_count(&net->params[i].t) * sizeof(float));
    for (int i = 0; i < net->n_params; i++)
        if (net->params[i].trained) add_chunks(o, &net->params[i], i);
    return OK;
}

int optim_init(struct optim *o, struct net *net, struct err *e)
{
    *o = (struct optim){.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    int rc = init(o, net, e);
    if (rc) optim_free(o);
    return rc;
}

void optim_free(struct optim *o)
{
    arena_free(&o->mem);
    mem_free(o->m);
    mem_free(o->v);
    mem_free(o->chunks);
    mem_free(o->partial);
    *o = (struct optim){0};
}

struct job {
    struct optim *o;
    const struct kernels *ks;
    struct adamw_args args;
};

static void norm_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct optim_chunk *c = &j->o->chunks[task];
    j->o->partial[task] = j->ks->sum_sq(c->g, c->n);
}

double optim_grad_norm(struct optim *o, const struct kernels *ks, struct pool *pool)
{
    struct job j = {.o = o, .ks = ks};
    pool_for(pool, o->n_chunks, norm_task, &j);
    double sum = 0;
    for (int64_t i = 0; i < o->n_chunks; i++) sum += o->partial[i];
    return sqrt(sum);
}

static void step_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct optim_chunk *c = &j->o->chunks[task];
    struct adamw_args a = j->args;
    if (!c->decay) a.weight_decay = 0;
    j->ks->adamw(c->w, c->m, c->v, c->g, c->n, &a);
}

void optim_step(struct optim *o, const struct kernels *ks, struct pool *pool, int64_t t, double lr, double grad_scale)
{
    struct job j = {.o = o, .ks = ks};
    j.args = (struct adamw_args){
        .lr = (float)lr,
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .eps = (float)o->eps,
        .weight_decay = (float)o->weight_decay,
        .bias1 = (float)(1 - pow(o->beta1, (double)t)),
        .bias2 = (float)(1 - pow(o->beta2, (double)t)),
        .grad_scale = (float)grad_scale,
    };
    pool_for(pool, o->n_chunks, step_task, &j);
}

void optim_move_bias(struct tensor *bias, const int64_t *load, double gamma)
{
    int64_t n = tensor_count(bias), sum = 0;
    float *b = tensor_f32(bias), step = (float)gamma;
    for (int64_t i = 0; i < n; i++) sum += load[i];
    for (int64_t i = 0; i < n; i++) /* mean - load has the sign of sum - n load: no rounding */
        if (sum != n * load[i]) b[i] += sum > n * load[i] ? step : -step;
}
