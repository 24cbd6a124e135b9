/* Speed figures. */
#include "train/speed.h"
#include "base/mem.h"
#include "sys/clock.h"

double speed_flops_per_token(const struct config *c, int64_t seq_len)
{
    int64_t active;
    config_params(c, &active);
    double keys = (double)(seq_len + 1) / 2, layers = (double)(c->layers + c->mtp_layers);
    double attention = 2 * keys * (double)(c->heads * (config_key_width(c) + config_value_width(c))) * layers;
    return 6 * (double)active + 3 * attention;
}

struct peak {
    const struct gemm_kernel *g;
    char *mem;
    size_t a_bytes, b_bytes, worker_bytes;
    int64_t rounds;
};

static void peak_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct peak *p = ctx;
    char *a = p->mem + (size_t)task * p->worker_bytes, *b = a + p->a_bytes;
    float *c = (float *)(void *)(b + p->b_bytes);
    for (int64_t i = 0; i < p->rounds; i++) p->g->tile(p->g->kc, a, b, c, p->g->nr, false);
}

double speed_kernel_peak(const struct kernels *ks, struct pool *pool, enum compute compute)
{
    const struct gemm_kernel *g = compute == COMPUTE_BF16 ? &ks->gemm_bf16 : &ks->gemm_f32;
    int threads = pool_threads(pool);
    struct peak p = {.g = g,
                     .a_bytes = (size_t)g->mr * (size_t)g->kc * (size_t)g->a_bytes,
                     .b_bytes = (size_t)g->nr * (size_t)g->kc * (size_t)g->b_bytes};
    p.a_bytes = (p.a_bytes + 63) / 64 * 64;
    p.b_bytes = (p.b_bytes + 63) / 64 * 64;
    p.worker_bytes = (p.a_bytes + p.b_bytes + (size_t)g->mr * (size_t)g->nr * sizeof(float) + 4095) / 4096 * 4096;
    p.mem = mem_array((size_t)threads, p.worker_bytes);
    if (!p.mem) return 0;
    double flops = 2.0 * g->mr * g->nr * g->kc, best = 0, end = clock_seconds() + 0.05;
    p.rounds = (int64_t)(2e7 / flops) + 1;
    do {
        double t0 = clock_seconds();
        pool_for(pool, threads, peak_task, &p);
        double rate = flops * (double)p.rounds * threads / (clock_seconds() - t0);
        if (rate > best) best = rate;
    } while (clock_seconds() < end);
    mem_free(p.mem);
    return best;
}
