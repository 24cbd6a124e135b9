/* Q8_0 products in C: the packed form is the rows of blocks as they are in the file. */
#include "kernel/variants.h"

static size_t packed_bytes_c(int64_t n, int64_t k) { return (size_t)n * (size_t)(k / Q8_BLOCK) * Q8_BYTES; }

static void pack_c(void *dst, const void *q8_0, int64_t n, int64_t k) { memcpy(dst, q8_0, packed_bytes_c(n, k)); }

static void mul_c(const void *packed, int64_t n, int64_t k, const int8_t *xq, const float *xd, int64_t m, int64_t j0, int64_t j1,
                  float *y, int64_t ldy)
{
    (void)n;
    int64_t blocks = k / Q8_BLOCK;
    for (int64_t j = j0; j < j1; j++) {
        for (int64_t i = 0; i < m; i++) {
            const unsigned char *w = (const unsigned char *)packed + j * blocks * Q8_BYTES;
            float acc = 0;
            for (int64_t b = 0; b < blocks; b++, w += Q8_BYTES) {
                uint16_t h;
                memcpy(&h, w, 2);
                const int8_t *x = xq + i * k + b * Q8_BLOCK, *q = (const int8_t *)w + 2;
                int32_t isum = 0;
                for (int e = 0; e < Q8_BLOCK; e++) isum += q[e] * x[e];
                acc = fmaf(f16_to_f32(h) * xd[i * blocks + b], (float)isum, acc);
            }
            y[i * ldy + j] = acc;
        }
    }
}

void q8_init_c(struct kernels *k) { k->q8 = (struct q8_kernel){1, packed_bytes_c, pack_c, mul_c}; }
