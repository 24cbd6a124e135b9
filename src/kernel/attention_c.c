/* What attention needs beyond the packed GEMM: products straight from rows, transposed panels of keys, rows of a cache as
 * floats. The definitions in C. */
#include "kernel/pack.h"

static inline void product(enum dtype t, const struct product *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            float acc = p->accumulate ? p->c[i * p->ldc + j] : 0.0f;
            for (int64_t k = 0; k < p->k; k++) acc = fmaf(p->a[i * p->lda + k], pack_load(p->b, t, k * p->ldb + j), acc);
            p->c[i * p->ldc + j] = acc;
        }
}

static void product_c(const struct product *p) { product(DT_F32, p); }
static void product_bf16_c(const struct product *p) { product(DT_BF16, p); }

static void pack_keys_c(float *dst, const void *src, enum dtype t, int64_t ld, int rows, int64_t n)
{
    pack_floats(dst, KEY_PANEL, 1, false, &(struct pack_source){src, t, ld, 1, rows}, 0, n);
}

static void widen_c(float *dst, const void *src, enum dtype t, int64_t n) { formats[t].to_f32(dst, src, n); }

void attention_init_c(struct kernels *k)
{
    k->product = product_c;
    k->product_bf16 = product_bf16_c;
    k->pack_keys = pack_keys_c;
    k->widen = widen_c;
}
