/* GEMM for Advanced SIMD: tiles of 6 x 16, 24 accumulators of the 32 registers; A is multiplied lane by lane. bf16 weights
 * stay bf16 in their panels, as pairs along k, and are widened by a shift and a mask; packed A is rounded but kept as
 * floats. */
#include "kernel/arm/pack_neon.h"

enum { MR = 6, NR = 16, VECTORS = NR / 4, ROW_GROUP = 4 };

INLINE void load_acc(float32x4_t acc[MR][VECTORS], const float *c, int64_t ldc, bool accumulate)
{
    UNROLL
    for (int i = 0; i < MR; i++)
        UNROLL
        for (int v = 0; v < VECTORS; v++) acc[i][v] = accumulate ? vld1q_f32(c + i * ldc + 4 * v) : vdupq_n_f32(0);
}

INLINE void store_acc(float32x4_t acc[MR][VECTORS], float *c, int64_t ldc)
{
    UNROLL
    for (int i = 0; i < MR; i++)
        UNROLL
        for (int v = 0; v < VECTORS; v++) vst1q_f32(c + i * ldc + 4 * v, acc[i][v]);
}

/* Number i of a vector times b. i is a constant, but only the compiler's unrolling makes it one. */
INLINE float32x4_t fma_lane(float32x4_t acc, float32x4_t b, float32x4_t a, int i)
{
    if (i == 0) return vfmaq_laneq_f32(acc, b, a, 0);
    if (i == 1) return vfmaq_laneq_f32(acc, b, a, 1);
    if (i == 2) return vfmaq_laneq_f32(acc, b, a, 2);
    return vfmaq_laneq_f32(acc, b, a, 3);
}

/* acc += the numbers first + i * step of a, times b. */
INLINE void update(float32x4_t acc[MR][VECTORS], const float32x4_t a[3], int first, int step,
                   const float32x4_t b[VECTORS])
{
    UNROLL
    for (int i = 0; i < MR; i++)
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            acc[i][v] = fma_lane(acc[i][v], b[v], a[(first + i * step) / 4], (first + i * step) % 4);
}

INLINE void load_b(float32x4_t b[VECTORS], const float *p)
{
    UNROLL
    for (int v = 0; v < VECTORS; v++) b[v] = vld1q_f32(p + 4 * v);
}

static void tile_f32(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const float *a = pa, *b = pb;
    float32x4_t acc[MR][VECTORS], x[VECTORS];
    load_acc(acc, c, ldc, accumulate);
    int64_t k = 0;
    for (; k + 2 <= kc; k += 2, a += 2 * MR, b += 2 * NR) {
        const float32x4_t y[3] = {vld1q_f32(a), vld1q_f32(a + 4), vld1q_f32(a + 8)};
        load_b(x, b);
        update(acc, y, 0, 1, x);
        load_b(x, b + NR);
        update(acc, y, MR, 1, x);
    }
    if (k < kc) {
        const float32x4_t y[3] = {vld1q_f32(a), vcombine_f32(vld1_f32(a + 4), vdup_n_f32(0))};
        load_b(x, b);
        update(acc, y, 0, 1, x);
    }
    store_acc(acc, c, ldc);
}

/* The first and the second of every pair. */
INLINE float32x4_t even(uint32x4_t pairs) { return vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16)); }
INLINE float32x4_t odd(uint32x4_t pairs) { return vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000))); }
INLINE uint32x4_t load_pair(const uint16_t *p) { return vreinterpretq_u32_u16(vld1q_u16(p)); }

static void tile_bf16(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const float *a = pa;
    const uint16_t *b = pb;
    float32x4_t acc[MR][VECTORS], x[VECTORS];
    load_acc(acc, c, ldc, accumulate);
    for (int64_t k = 0; k < kc; k += 2, a += 2 * MR, b += 2 * NR) {
        const float32x4_t y[3] = {vld1q_f32(a), vld1q_f32(a + 4), vld1q_f32(a + 8)};
        UNROLL
        for (int v = 0; v < VECTORS; v++) x[v] = even(load_pair(b + 8 * v));
        update(acc, y, 0, 2, x);
        UNROLL
        for (int v = 0; v < VECTORS; v++) x[v] = odd(load_pair(b + 8 * v));
        update(acc, y, 1, 2, x);
    }
    store_acc(acc, c, ldc);
}

/* One row against P panels at once: 4 P chains hide the latency of the FMA. */
INLINE void row_group(bool bf16, int P, int64_t kc, const float *a, const char *b, size_t stride, float *c,
                      bool accumulate)
{
    float32x4_t acc[ROW_GROUP][VECTORS];
    UNROLL
    for (int p = 0; p < P; p++)
        UNROLL
        for (int v = 0; v < VECTORS; v++) acc[p][v] = accumulate ? vld1q_f32(c + p * NR + 4 * v) : vdupq_n_f32(0);
    for (int64_t k = 0; k < kc; k += bf16 ? 2 : 1) {
        UNROLL
        for (int p = 0; p < P; p++)
            UNROLL
            for (int v = 0; v < VECTORS; v++) {
                const char *from = b + (size_t)p * stride + (size_t)k * NR * (bf16 ? 2 : 4) + 16 * v;
                if (bf16) {
                    uint32x4_t pairs = vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)from));
                    acc[p][v] = vfmaq_n_f32(vfmaq_n_f32(acc[p][v], even(pairs), a[k]), odd(pairs), a[k + 1]);
                } else {
                    acc[p][v] = vfmaq_n_f32(acc[p][v], vld1q_f32((const float *)(const void *)from), a[k]);
                }
            }
    }
    UNROLL
    for (int p = 0; p < P; p++)
        UNROLL
        for (int v = 0; v < VECTORS; v++) vst1q_f32(c + p * NR + 4 * v, acc[p][v]);
}

static void row_f32(int64_t kc, const float *a, const void *b, size_t stride, int panels, float *c, bool accumulate)
{
    row_groups(row_group, ROW_GROUP, NR, false, kc, a, b, stride, panels, c, accumulate);
}

static void row_bf16(int64_t kc, const float *a, const void *b, size_t stride, int panels, float *c, bool accumulate)
{
    row_groups(row_group, ROW_GROUP, NR, true, kc, a, b, stride, panels, c, accumulate);
}

static void pack_a_f32(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    pack_panel_f32(MR, dst, &(struct pack_source){src, DT_F32, rs, cs, rows}, kc);
}

static void pack_b_f32(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_f32(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

/* [k / 2][6][2] floats, rounded. */
static int64_t pack_a_pairs(float *d, const float *src, int64_t rs, int64_t cs, int64_t kc)
{
    int64_t k = 0;
    if (rs == 1)
        for (; k + 2 <= kc; k += 2, d += 2 * MR) {
            const float *x = src + k * cs, *y = src + (k + 1) * cs;
            float32x4_t x0 = round_bf16(vld1q_f32(x)), x1 = round_bf16(vcombine_f32(vld1_f32(x + 4), vdup_n_f32(0)));
            float32x4_t y0 = round_bf16(vld1q_f32(y)), y1 = round_bf16(vcombine_f32(vld1_f32(y + 4), vdup_n_f32(0)));
            vst1q_f32(d, vzip1q_f32(x0, y0));
            vst1q_f32(d + 4, vzip2q_f32(x0, y0));
            vst1q_f32(d + 8, vzip1q_f32(x1, y1));
        }
    else if (cs == 1)
        for (; k + 4 <= kc; k += 4, d += 4 * MR) {
            UNROLL
            for (int i = 0; i < MR; i++) {
                float32x4_t r = round_bf16(vld1q_f32(src + i * rs + k));
                vst1_f32(d + 2 * i, vget_low_f32(r));
                vst1_f32(d + 2 * i + 2 * MR, vget_high_f32(r));
            }
        }
    return k;
}

static void pack_a_bf16(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    int64_t k = rows == MR ? pack_a_pairs(dst, src, rs, cs, kc) : 0;
    pack_floats(dst, MR, 2, true, &(struct pack_source){src, DT_F32, rs, cs, rows}, k, kc);
}

static void pack_b_bf16(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_bf16(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

static double peak(int64_t rounds, float x[2])
{
    enum { CHAINS = 24 };
    const float32x4_t a = vdupq_n_f32(x[0]), b = vdupq_n_f32(x[1]);
    float32x4_t acc[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++) acc[i] = vdupq_n_f32((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) acc[i] = vfmaq_f32(acc[i], a, b);
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++) x[0] += vgetq_lane_f32(acc[i], 0);
    return 2.0 * 4 * CHAINS * (double)rounds;
}

void gemm_init_neon(struct kernels *k)
{
    k->gemm_f32 = (struct gemm_kernel){MR, NR, 1, 4, 4, 144, 256, 512, pack_a_f32, pack_b_f32, tile_f32, row_f32, peak};
    k->gemm_bf16 =
        (struct gemm_kernel){MR, NR, 2, 4, 2, 144, 256, 512, pack_a_bf16, pack_b_bf16, tile_bf16, row_bf16, peak};
}
