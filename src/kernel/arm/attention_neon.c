/* Attention's products for Advanced SIMD: tiles of up to 4 rows x 16 columns, or 2 x 32, read straight from the rows of A
 * (one number of each row is multiplied lane by lane) and of B. */
#include "kernel/arm/pack_neon.h"

enum { MR = 4, WIDE_ROWS = 2, AHEAD = 24 };

/* M rows, V vectors of columns from column j. */
INLINE void tile(enum dtype t, int M, int V, const struct product *p, int64_t i0, int64_t j)
{
    const int64_t lda = p->lda, ldb = p->ldb, ldc = p->ldc, kc = p->k;
    const float *a = p->a + i0 * lda;
    float *c = p->c + i0 * ldc + j;
    float32x4_t acc[MR][8];
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int v = 0; v < V; v++) acc[i][v] = p->accumulate ? vld1q_f32(c + i * ldc + 4 * v) : vdupq_n_f32(0);
    for (int64_t k = 0; k < kc; k++, j += ldb) {
        float32x4_t x[8];
        UNROLL
        for (int v = 0; v < V; v++) x[v] = load4(p->b, t, j + 4 * v);
        if (t == DT_BF16) __builtin_prefetch((const uint16_t *)p->b + j + AHEAD * ldb);
        UNROLL
        for (int i = 0; i < M; i++) {
            float32x4_t y = vld1q_dup_f32(a + i * lda + k);
            UNROLL
            for (int v = 0; v < V; v++) acc[i][v] = vfmaq_f32(acc[i][v], x[v], y);
        }
    }
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int v = 0; v < V; v++) vst1q_f32(c + i * ldc + 4 * v, acc[i][v]);
}

INLINE void tile_rows(enum dtype t, int V, int rows, const struct product *p, int64_t i, int64_t j)
{
    switch (rows) {
    case 1: tile(t, 1, V, p, i, j); break;
    case 2: tile(t, 2, V, p, i, j); break;
    case 3: tile(t, 3, V, p, i, j); break;
    default: tile(t, 4, V, p, i, j); break;
    }
}

INLINE void tile_wide(enum dtype t, int rows, const struct product *p, int64_t i, int64_t j)
{
    if (rows == 1) tile(t, 1, 8, p, i, j);
    else tile(t, 2, 8, p, i, j);
}

/* One column, the last three of a row of floats at most. */
static void column(const struct product *p, int64_t i0, int rows, int64_t j)
{
    for (int64_t i = i0; i < i0 + rows; i++) {
        float acc = p->accumulate ? p->c[i * p->ldc + j] : 0.0f;
        for (int64_t k = 0; k < p->k; k++) acc = fmaf(p->a[i * p->lda + k], ((const float *)p->b)[k * p->ldb + j], acc);
        p->c[i * p->ldc + j] = acc;
    }
}

/* Strips of columns, so that a strip of B stays near; rows in blocks of nearly equal height. */
INLINE void product(enum dtype t, const struct product *p)
{
    int64_t width, blocks = (p->m + MR - 1) / MR;
    for (int64_t j = 0; j < p->n && p->m > 0; j += width) {
        int64_t left = p->n - j;
        bool wide = p->m <= WIDE_ROWS && left >= 32;
        width = wide ? 32 : left >= 16 ? 16 : left >= 4 ? 4 : 1;
        for (int64_t i = 0, block = 0; i < p->m; block++) {
            int rows = (int)((p->m - i) / (blocks - block));
            if (wide) tile_wide(t, rows, p, i, j);
            else if (width == 16) tile_rows(t, 4, rows, p, i, j);
            else if (width == 4) tile_rows(t, 1, rows, p, i, j);
            else column(p, i, rows, j);
            i += rows;
        }
    }
}

static void product_neon(const struct product *p) { product(DT_F32, p); }
static void product_bf16_neon(const struct product *p) { product(DT_BF16, p); }

/* Full panels of bf16 in pairs: a pair of neighbours is transposed like one float, then taken apart. The rows of a cache lie
 * apart, so that hardware sees no pattern: those of the next panel are fetched meanwhile. */
static int64_t pack_pairs(float *dst, const uint16_t *src, int64_t ld, int64_t n)
{
    int64_t k = 0;
    for (; k + 8 <= n; k += 8)
        for (int h = 0; h < KEY_PANEL; h += 4) {
            float32x4_t r[4];
            UNROLL
            for (int i = 0; i < 4; i++) {
                r[i] = vreinterpretq_f32_u16(vld1q_u16(src + (h + i) * ld + k));
                if (k % 32 == 0) __builtin_prefetch(src + (h + i + KEY_PANEL) * ld + k);
            }
            transpose4(r);
            UNROLL
            for (int i = 0; i < 4; i++) {
                uint32x4_t pair = vreinterpretq_u32_f32(r[i]);
                float *d = dst + (k + 2 * i) * KEY_PANEL + h;
                vst1q_f32(d, vreinterpretq_f32_u32(vshlq_n_u32(pair, 16)));
                vst1q_f32(d + KEY_PANEL, vreinterpretq_f32_u32(vandq_u32(pair, vdupq_n_u32(0xffff0000))));
            }
        }
    return k;
}

static void pack_keys_neon(float *dst, const void *src, enum dtype t, int64_t ld, int rows, int64_t n)
{
    int64_t k = t == DT_BF16 && rows == KEY_PANEL ? pack_pairs(dst, src, ld, n) : 0;
    const void *rest = (const char *)src + (size_t)k * (t == DT_F32 ? 4 : 2);
    pack_panel_f32(KEY_PANEL, dst + k * KEY_PANEL, &(struct pack_source){rest, t, ld, 1, rows}, n - k);
}

/* A block of Q8_0: an f16 scale and 32 bytes. */
static void widen_q8_0(float *dst, const uint8_t *src, int64_t n)
{
    for (int64_t i = 0; i < n; i += Q8_BLOCK, src += Q8_BYTES) {
        uint16_t half;
        memcpy(&half, src, 2);
        const float32x4_t d = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half)));
        UNROLL
        for (int h = 0; h < Q8_BLOCK; h += 8) {
            int16x8_t q = vmovl_s8(vld1_s8((const int8_t *)src + 2 + h));
            vst1q_f32(dst + i + h, vmulq_f32(d, vcvtq_f32_s32(vmovl_s16(vget_low_s16(q)))));
            vst1q_f32(dst + i + h + 4, vmulq_f32(d, vcvtq_f32_s32(vmovl_s16(vget_high_s16(q)))));
        }
    }
}

static void widen_neon(float *dst, const void *src, enum dtype t, int64_t n)
{
    if (t == DT_Q8_0) {
        widen_q8_0(dst, src, n);
        return;
    }
    int64_t i = 0;
    for (; t == DT_BF16 && i + 4 <= n; i += 4) vst1q_f32(dst + i, load4(src, DT_BF16, i));
    if (i < n) formats[t].to_f32(dst + i, (const char *)src + format_bytes(t, i), n - i);
}

void attention_init_neon(struct kernels *k)
{
    k->product = product_neon;
    k->product_bf16 = product_bf16_neon;
    k->pack_keys = pack_keys_neon;
    k->widen = widen_neon;
}
