/* Products of panels with quantised activations for Advanced SIMD without dot products, and the quantising. */
#include "kernel/arm/qmul_neon.h"

static void quantize_acts_neon(int8_t *q, float *d, float *sx, int16_t *half, const float *x, int64_t n)
{
    for (int64_t b = 0; b < n / QP_BLOCK; b++, x += QP_BLOCK, q += QP_BLOCK) {
        int8x16x2_t v = quantize32(x, d + b);
        int first = vaddlvq_s8(v.val[0]), second = vaddlvq_s8(v.val[1]);
        vst1q_s8(q, v.val[0]);
        vst1q_s8(q + 16, v.val[1]);
        half[2 * b] = (int16_t)first;
        half[2 * b + 1] = (int16_t)second;
        sx[b] = d[b] * (float)(first + second);
    }
}

void qmul_init_neon(struct kernels *k)
{
    memcpy(k->qmul, qmul_table, sizeof qmul_table);
    k->quantize_acts = quantize_acts_neon;
}
