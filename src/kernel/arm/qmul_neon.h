/* Products of panels with quantised activations, written once for the three levels of Advanced SIMD; the features of the
 * file that includes this choose how bytes are multiplied:
 *   neon          SMLAL: products of bytes into 16 bits, a lane for each k, summed there as long as they fit (`per`)
 *   neon-dotprod  SDOT by element: a group of four k of four rows times that of a token
 *   neon-i8mm     SMMLA, from three tokens on: eight k of two rows times those of two tokens. The layout of panels has
 *                 four k of a row side by side, so two groups are zipped when a panel is unpacked
 *
 * One or two tokens: weights are unpacked in registers while they stream by (`few`). More: a panel is unpacked to bytes
 * for 256 elements of k at a time, 4 KB, and multiplied with all tokens of a block of them (`many`). */
#ifndef KERNEL_ARM_QMUL_NEON_H
#define KERNEL_ARM_QMUL_NEON_H

#include "kernel/arm/qunpack_neon.h"

#if defined(__ARM_FEATURE_MATMUL_INT8)
enum { ZIPPED = 1, TILE = 4 };
#elif defined(__ARM_FEATURE_DOTPROD)
enum { ZIPPED = 0, TILE = 4 };
#else
enum { ZIPPED = 0, TILE = 2 };
#endif
enum { TOKENS = 128, PASS_BYTES = 192 << 10, AHEAD = 2048, CHUNK = 8 };

/* 256 elements of k of a panel, unpacked: [block][group][16 rows][4], or zipped [block][two groups][16 rows][8]. */
struct chunk {
    _Alignas(64) int8_t n[CHUNK][8][64];
    struct scales scales[CHUNK];
};

/* What one token and four rows have summed up in a block. total: the results after group 7, of form TWO one for each
 * half, else the first. */
INLINE bool by_halves(enum qform form) { return form == QF_TWO || form == QF_HALVES; }

/* After groups 3 and 7: `sum` is that of the half, or that of all where the form has no halves. */
INLINE void end_of_half(int32x4_t total[2], enum qform form, int g, int32x4_t sum, const struct scales *scales, int q)
{
    if (g == 3 && form == QF_HALVES) total[0] = vmulq_s32(sum, scales->c[0][q]);
    if (g == 3 && form == QF_TWO) total[0] = sum;
    if (g < 7) return;
    if (form == QF_HALVES) total[0] = vmlaq_s32(total[0], sum, scales->c[1][q]);
    else total[form == QF_TWO] = sum;
}

#if defined(__ARM_FEATURE_DOTPROD)
struct part {
    int32x4_t sum, total[2];
};

INLINE int32x4_t dot_lane(int32x4_t sum, int8x16_t w, int8x16_t x, int lane)
{
    if (lane == 0) return vdotq_laneq_s32(sum, w, x, 0);
    if (lane == 1) return vdotq_laneq_s32(sum, w, x, 1);
    if (lane == 2) return vdotq_laneq_s32(sum, w, x, 2);
    return vdotq_laneq_s32(sum, w, x, 3);
}

/* Group g of four rows times that of a token; x: groups g / 4 * 4 to + 3; scales: of the rows' quarter q. */
INLINE void add_group(struct part *p, enum qform form, int g, int8x16_t w, int8x16_t x, const struct scales *scales,
                      int q)
{
    p->sum = dot_lane(g == 0 || (by_halves(form) && g == 4) ? vdupq_n_s32(0) : p->sum, w, x, g % 4);
    end_of_half(p->total, form, g, p->sum, scales, q);
}
#else
struct part {
    int16x8_t lo, hi;     /* rows 0 and 1, rows 2 and 3: four k each */
    int32x4_t sum0, sum1; /* the same in 32 bits, k and k + 1 added  */
    int32x4_t total[2];
};

INLINE int8x16_t broadcast_lane(int8x16_t x, int lane)
{
    int32x4_t v = vreinterpretq_s32_s8(x);
    if (lane == 0) return vreinterpretq_s8_s32(vdupq_laneq_s32(v, 0));
    if (lane == 1) return vreinterpretq_s8_s32(vdupq_laneq_s32(v, 1));
    if (lane == 2) return vreinterpretq_s8_s32(vdupq_laneq_s32(v, 2));
    return vreinterpretq_s8_s32(vdupq_laneq_s32(v, 3));
}

/* As many groups as fit into 16 bits: 8 of form MIN, whose n <= 31 (31 * 127 * 8 < 2^15), 4 by halves (of -43 .. 43 at most), 2
 * of form ONE (128 * 127 * 2). */
INLINE void add_group(struct part *p, enum qform form, int g, int8x16_t w, int8x16_t x, const struct scales *scales,
                      int q)
{
    int per = form == QF_MIN ? 8 : by_halves(form) ? 4 : 2;
    bool first = g % per == 0;
    int8x16_t xb = broadcast_lane(x, g % 4);
    p->lo = first ? vmull_s8(vget_low_s8(w), vget_low_s8(xb)) : vmlal_s8(p->lo, vget_low_s8(w), vget_low_s8(xb));
    p->hi = first ? vmull_high_s8(w, xb) : vmlal_high_s8(p->hi, w, xb);
    if (g % per < per - 1) return;
    bool fresh = by_halves(form) || g < per;
    p->sum0 = fresh ? vpaddlq_s16(p->lo) : vpadalq_s16(p->sum0, p->lo);
    p->sum1 = fresh ? vpaddlq_s16(p->hi) : vpadalq_s16(p->sum1, p->hi);
    if (by_halves(form) || g == 7) end_of_half(p->total, form, g, vpaddq_s32(p->sum0, p->sum1), scales, q);
}
#endif

/* The links of the chains of one block and four rows; `at` is its place in the activations. */
INLINE float32x4_t link(enum qform form, const struct scales *w, int q, const int32x4_t sum[2], struct qacts x, int64_t at,
                        float32x4_t acc)
{
    float d = x.d[at];
    acc = vfmaq_f32(acc, vmulq_n_f32(w->s[0][q], d), vcvtq_f32_s32(sum[0]));
    if (form == QF_TWO) acc = vfmaq_f32(acc, vmulq_n_f32(w->s[1][q], d), vcvtq_f32_s32(sum[1]));
    if (form == QF_MIN) acc = vfmaq_n_f32(acc, w->m[q], x.sx[at]);
    if (form == QF_HALVES) {
        int32x4_t shift = vmlaq_n_s32(vmulq_n_s32(w->e[0][q], x.half[2 * at]), w->e[1][q], x.half[2 * at + 1]);
        acc = vfmaq_f32(acc, vmulq_n_f32(w->m[q], d), vcvtq_f32_s32(shift));
    }
    return acc;
}

/* The first `cols` of sixteen rows. */
INLINE void store_rows(float *y, int64_t cols, const float *acc)
{
    if (cols >= QP_ROWS) memcpy(y, acc, QP_ROWS * sizeof *y);
    else memcpy(y, acc, (size_t)cols * sizeof *y);
}

/* One panel against M tokens. */
INLINE void few(enum dtype t, int M, const unsigned char *unit, int64_t k, struct qacts x, float *y, int64_t ldy,
                int64_t cols)
{
    enum qform form = qlayouts[t].form;
    int bits = qlayouts[t].bits, per_unit = qlayouts[t].block / QP_BLOCK;
    int64_t blocks = k / QP_BLOCK;
    float32x4_t acc[2][QUARTERS];
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int q = 0; q < QUARTERS; q++) acc[i][q] = vdupq_n_f32(0);
    for (int64_t b0 = 0; b0 < blocks; b0 += per_unit, unit += qlayout_unit(t))
        for (int b = 0; b < per_unit; b++) {
            const unsigned char *n = qlayout_integers(t, unit, b);
            const int8_t *xq = x.q + (b0 + b) * QP_BLOCK;
            struct scales scales;
            struct part part[2][QUARTERS];
            scales_of(&scales, t, unit, b);
            UNROLL
            for (int v = 0; v < bits; v++) /* may lie behind the end */
                __builtin_prefetch((const void *)((uintptr_t)n + AHEAD + 64 * (size_t)v));
            UNROLL
            for (int j = 0; j < 16 * QUARTERS / 2; j++) { /* two quarters at a time: fewer vectors wait in registers */
                int g = j / 2 % 8, q = j / 16 * 2 + j % 2;
                int8x16_t w = integers(t, n, g, q);
                UNROLL
                for (int i = 0; i < M; i++)
                    add_group(&part[i][q], form, g, w, vld1q_s8(xq + i * k + g / 4 * 16), &scales, q);
            }
            UNROLL
            for (int i = 0; i < M; i++)
                UNROLL
                for (int q = 0; q < QUARTERS; q++)
                    acc[i][q] = link(form, &scales, q, part[i][q].total, x, b0 + b + i * blocks, acc[i][q]);
        }
    UNROLL
    for (int i = 0; i < M; i++) {
        float out[QP_ROWS];
        UNROLL
        for (int q = 0; q < QUARTERS; q++) vst1q_f32(out + 4 * q, acc[i][q]);
        store_rows(y + i * ldy, cols, out);
    }
}

INLINE int8x16_t zip_groups(int8x16_t a, int8x16_t b, int upper)
{
    int32x4_t x = vreinterpretq_s32_s8(a), y = vreinterpretq_s32_s8(b);
    return vreinterpretq_s8_s32(upper ? vzip2q_s32(x, y) : vzip1q_s32(x, y));
}

/* `blocks` blocks of a panel into c; b0 is the first one's place along k, a multiple of CHUNK. */
INLINE void expand(enum dtype t, struct chunk *c, const unsigned char *panel, int64_t b0, int blocks)
{
    int per_unit = qlayouts[t].block / QP_BLOCK;
    const unsigned char *unit = panel + (size_t)(b0 / per_unit) * qlayout_unit(t);
    for (int b = 0; b < blocks; b++) {
        int inside = b % per_unit;
        const unsigned char *n = qlayout_integers(t, unit, inside);
        scales_of(&c->scales[b], t, unit, inside);
        UNROLL
        for (int g = 0; g < 8; g += 2)
            UNROLL
            for (int q = 0; q < QUARTERS; q++) {
                int8x16_t first = integers(t, n, g, q), second = integers(t, n, g + 1, q);
                if (ZIPPED) {
                    vst1q_s8(c->n[b][g] + 32 * q, zip_groups(first, second, 0));
                    vst1q_s8(c->n[b][g] + 32 * q + 16, zip_groups(first, second, 1));
                } else {
                    vst1q_s8(c->n[b][g] + 16 * q, first);
                    vst1q_s8(c->n[b][g + 1] + 16 * q, second);
                }
            }
        if (inside == per_unit - 1) unit += qlayout_unit(t);
    }
}

/* The sums of block n of a chunk, rows of quarters q0 and q0 + 1, with M tokens at xs. */
#if defined(__ARM_FEATURE_MATMUL_INT8)
INLINE int32x4_t low_pairs(int32x4_t a, int32x4_t b)
{
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}
INLINE int32x4_t high_pairs(int32x4_t a, int32x4_t b)
{
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

/* A vector of sums holds two tokens times two rows. A last token without a partner is its own. */
INLINE void block_sums(enum qform form, int M, int8_t n[8][64], const struct scales *scales, int q0,
                       const int8_t *const xs[], int32x4_t sum[TILE][2][2])
{
    int32x4_t s[TILE / 2][4];
    UNROLL
    for (int half = 0; half < 2; half++) {
        bool fresh = half == 0 || by_halves(form), done = half == 1 || by_halves(form);
        int32x4_t x[TILE / 2][2];
        UNROLL
        for (int i = 0; i < M; i += 2) {
            int32x4_t x0 = vreinterpretq_s32_s8(vld1q_s8(xs[i] + 16 * half));
            int32x4_t x1 = i + 1 < M ? vreinterpretq_s32_s8(vld1q_s8(xs[i + 1] + 16 * half)) : x0;
            x[i / 2][0] = low_pairs(x0, x1);
            x[i / 2][1] = high_pairs(x0, x1);
        }
        UNROLL
        for (int p = 0; p < 2; p++)
            UNROLL
            for (int r = 0; r < 4; r++) {
                int8x16_t w = vld1q_s8(n[4 * half + 2 * p] + 32 * q0 + 16 * r);
                UNROLL
                for (int i = 0; i < M; i += 2)
                    s[i / 2][r] =
                        vmmlaq_s32(fresh && p == 0 ? vdupq_n_s32(0) : s[i / 2][r], vreinterpretq_s8_s32(x[i / 2][p]), w);
            }
        if (!done) continue;
        UNROLL
        for (int i = 0; i < M; i++)
            UNROLL
            for (int q = 0; q < 2; q++) {
                int32x4_t a = s[i / 2][2 * q], b = s[i / 2][2 * q + 1], v = i % 2 ? high_pairs(a, b) : low_pairs(a, b);
                end_of_half(sum[i][q], form, 4 * half + 3, v, scales, q0 + q);
            }
    }
}
#else
INLINE void block_sums(enum qform form, int M, int8_t n[8][64], const struct scales *scales, int q0,
                       const int8_t *const xs[], int32x4_t sum[TILE][2][2])
{
    struct part part[TILE][2];
    UNROLL
    for (int g = 0; g < 8; g++)
        UNROLL
        for (int q = 0; q < 2; q++) {
            int8x16_t w = vld1q_s8(n[g] + 16 * (q0 + q));
            UNROLL
            for (int i = 0; i < M; i++) add_group(&part[i][q], form, g, w, vld1q_s8(xs[i] + g / 4 * 16), scales, q0 + q);
        }
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int q = 0; q < 2; q++) sum[i][q][0] = part[i][q].total[0], sum[i][q][1] = part[i][q].total[1];
}
#endif

/* A chunk against M tokens, eight rows at a time; `at`: place of its first block in the activations of the first token. */
INLINE void tile(enum qform form, int M, struct chunk *c, int blocks, struct qacts x, int64_t at, int64_t row_blocks,
                 float *acc)
{
    for (int q0 = 0; q0 < QUARTERS; q0 += 2) {
        const int8_t *xs[TILE];
        float32x4_t a[TILE][2];
        UNROLL
        for (int i = 0; i < M; i++) {
            xs[i] = x.q + (at + i * row_blocks) * QP_BLOCK;
            a[i][0] = vld1q_f32(acc + 16 * i + 4 * q0);
            a[i][1] = vld1q_f32(acc + 16 * i + 4 * q0 + 4);
        }
        for (int b = 0; b < blocks; b++) {
            const struct scales *scales = &c->scales[b];
            int32x4_t sum[TILE][2][2];
            block_sums(form, M, c->n[b], scales, q0, xs, sum);
            UNROLL
            for (int i = 0; i < M; i++) {
                a[i][0] = link(form, scales, q0, sum[i][0], x, at + b + i * row_blocks, a[i][0]);
                a[i][1] = link(form, scales, q0 + 1, sum[i][1], x, at + b + i * row_blocks, a[i][1]);
                xs[i] += QP_BLOCK;
            }
        }
        UNROLL
        for (int i = 0; i < M; i++) {
            vst1q_f32(acc + 16 * i + 4 * q0, a[i][0]);
            vst1q_f32(acc + 16 * i + 4 * q0 + 4, a[i][1]);
        }
    }
}

/* A chunk against `tokens` tokens. */
INLINE void multiply(enum qform form, struct chunk *c, int blocks, const struct qacts *x, int64_t at,
                     int64_t row_blocks, int tokens, float *acc)
{
    int i = 0;
    for (; i + TILE <= tokens; i += TILE)
        tile(form, TILE, c, blocks, *x, at + i * row_blocks, row_blocks, acc + 16 * i);
    at += i * row_blocks;
    acc += 16 * i;
    if (TILE > 3 && tokens - i == 3) tile(form, 3, c, blocks, *x, at, row_blocks, acc);
    if (TILE > 2 && tokens - i == 2) tile(form, 2, c, blocks, *x, at, row_blocks, acc);
    if (tokens - i == 1) tile(form, 1, c, blocks, *x, at, row_blocks, acc);
}

typedef void multiply_fn(struct chunk *c, int blocks, const struct qacts *x, int64_t at, int64_t row_blocks, int tokens,
                         float *acc);

/* Unpacked, formats differ in the form only. */
#define MULTIPLY(form)                                                                                              \
    static void multiply_##form(struct chunk *c, int blocks, const struct qacts *x, int64_t at, int64_t row_blocks, \
                                int tokens, float *acc)                                                             \
    {                                                                                                               \
        multiply(QF_##form, c, blocks, x, at, row_blocks, tokens, acc);                                             \
    }
MULTIPLY(MIN)
MULTIPLY(ONE)
MULTIPLY(TWO)
MULTIPLY(HALVES)
static multiply_fn *const multiplies[QF_COUNT] = {
    [QF_MIN] = multiply_MIN, [QF_ONE] = multiply_ONE, [QF_TWO] = multiply_TWO, [QF_HALVES] = multiply_HALVES};

/* All panels against a block of tokens. k is cut into passes, so that the activations of a pass stay in the second
 * cache while the panels go by; chains wait in y meanwhile. */
INLINE void many(enum dtype t, const unsigned char *panels, int64_t n, int64_t k, const struct qacts *x, int64_t i0,
                 int tokens, float *y, int64_t ldy)
{
    struct chunk c;
    _Alignas(64) float acc[TOKENS * QP_ROWS];
    multiply_fn *const mul = multiplies[qlayouts[t].form];
    int64_t blocks = k / QP_BLOCK, pass = PASS_BYTES / QP_BLOCK / tokens / CHUNK * CHUNK;
    for (int64_t p0 = 0; p0 < blocks; p0 += pass) {
        int64_t p1 = p0 + pass < blocks ? p0 + pass : blocks;
        for (int64_t j = 0; j < n; j += QP_ROWS) {
            const unsigned char *panel = panels + (size_t)(j / QP_ROWS) * qlayout_panel(t, k);
            size_t cols = n - j < QP_ROWS ? (size_t)(n - j) : QP_ROWS;
            memset(acc, 0, (size_t)tokens * QP_ROWS * sizeof *acc);
            for (int i = 0; p0 > 0 && i < tokens; i++) memcpy(acc + QP_ROWS * i, y + i * ldy + j, cols * sizeof *acc);
            for (int64_t b = p0; b < p1; b += CHUNK) {
                int count = p1 - b < CHUNK ? (int)(p1 - b) : CHUNK;
                expand(t, &c, panel, b, count);
                mul(&c, count, x, i0 * blocks + b, blocks, tokens, acc);
            }
            for (int i = 0; i < tokens; i++) store_rows(y + i * ldy + j, n - j, acc + QP_ROWS * i);
        }
    }
}

INLINE void mul(enum dtype t, const void *panels, int64_t n, int64_t k, const struct qacts *x, int64_t m, float *y,
                int64_t ldy)
{
    if (m > 2) {
        for (int64_t i = 0; i < m; i += TOKENS)
            many(t, panels, n, k, x, i, m - i < TOKENS ? (int)(m - i) : TOKENS, y + i * ldy, ldy);
        return;
    }
    const unsigned char *panel = panels;
    for (int64_t j = 0; j < n; j += QP_ROWS, panel += qlayout_panel(t, k)) {
        if (m == 2) few(t, 2, panel, k, *x, y + j, ldy, n - j);
        if (m == 1) few(t, 1, panel, k, *x, y + j, ldy, n - j);
    }
}

QMUL_TABLE(qmul_table);

#endif
