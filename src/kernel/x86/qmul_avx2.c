/* Products of panels with quantised activations for AVX2. vpmaddubsw multiplies unsigned by signed bytes and adds pairs
 * into 16 bits. As long as n is small, several groups of k are summed there before vpmaddwd widens them: with n <= 15 all
 * 8 groups of a block (15 * 127 * 16 < 2^15), with n <= 31 four, with n <= 63 two. Signed weights go in as |w|, their sign
 * to x: |w| <= 128 and |x| <= 127, so one pair fits.
 *
 * One or two tokens: weights are unpacked in registers while they stream by (`few`). More: a panel is unpacked to bytes
 * for 256 elements of k at a time, 4 KB, and multiplied with all tokens of a block of them (`many`). */
#include "kernel/x86/qmul256.h"

enum { TILE = 4, TOKENS = 128, PASS_BYTES = 192 << 10, AHEAD = 3072 };

/* 256 elements of k of a panel, unpacked: its integers are at `at`, blocks `step` bytes apart. */
struct chunk {
    const unsigned char *at;
    size_t step;
    _Alignas(64) unsigned char n[QP_CHUNK][8][64]; /* [block][group][16 rows][4]; unused where they are bytes already */
    int offset; /* what n have too much */
    float s[QP_CHUNK][2][16], m[QP_CHUNK][16];
    int16_t c[QP_CHUNK][2][32], e[QP_CHUNK][32];
};

/* Numbers that are not signed go into vpmaddubsw as they are. */
INLINE bool has_signs(enum dtype t) { return qlayouts[t].least < 0; }

/* Groups that are summed in 16 bits. */
INLINE int groups_per_sum(enum dtype t)
{
    int largest = has_signs(t) ? -qlayouts[t].least : qlayouts[t].most, fit = 32767 / (2 * 127 * largest);
    bool whole = qlayouts[t].form == QF_MIN || qlayouts[t].form == QF_ONE;
    return fit >= 8 && whole ? 8 : fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}
INLINE int offset_of(enum dtype t) { return qlayout_exact_zero(t) ? (int)qlayouts[t].zero : 0; }

/* Sums of a block that have a link of their own. */
INLINE int parts_of(enum qform form) { return form == QF_TWO ? 2 : 1; }

INLINE __m256i broadcast4(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

/* Compilers turn chains of integer sums into trees, which need far more registers than there are. */
INLINE __m256i in_order(__m256i v)
{
    __asm__("" : "+x"(v));
    return v;
}

/* Adds the products of group g of w, rows 0 to 7 and 8 to 15, with M tokens, to sums that begin with group `from`. `factor`
 * multiplies the sums of the groups g / per * per to g / per * per + per - 1. */
INLINE void add_group(bool signs, int per, int M, int from, int g, const __m256i w[2], const int8_t *const x[],
                      __m256i part[2][TILE], __m256i sum[2][TILE], const __m256i factor[2])
{
    __m256i size[2];
    UNROLL
    for (int h = 0; h < 2; h++) size[h] = signs ? _mm256_abs_epi8(w[h]) : w[h];
    UNROLL
    for (int i = 0; i < M; i++) {
        __m256i xb = broadcast4(x[i] + 4 * g);
        UNROLL
        for (int h = 0; h < 2; h++) {
            __m256i pair = _mm256_maddubs_epi16(size[h], signs ? _mm256_sign_epi8(xb, w[h]) : xb);
            part[h][i] = g % per == 0 ? pair : in_order(_mm256_add_epi16(part[h][i], pair));
            if (g % per < per - 1) continue;
            __m256i wide = _mm256_madd_epi16(part[h][i], factor[h]);
            sum[h][i] = g - from < per ? wide : in_order(_mm256_add_epi32(sum[h][i], wide));
        }
    }
}

/* The links of the chains of one block, or of half p of it in form TWO; `at` is its place in the activations. x is a copy, so
 * that it stays in registers. offset: what the integers have too much. */
INLINE __m256 link(enum qform form, int offset, int p, const struct scales256 *w, __m256i sum, struct qacts x, int64_t at,
                   __m256 acc)
{
    __m256 d = _mm256_broadcast_ss(x.d + at);
    const int16_t *half = x.half + 2 * at;
    if (form == QF_ONE && offset) sum = _mm256_sub_epi32(sum, _mm256_set1_epi32(offset * (half[0] + half[1])));
    if (form == QF_TWO) sum = _mm256_sub_epi32(sum, _mm256_set1_epi32(offset * half[p]));
    acc = _mm256_fmadd_ps(_mm256_mul_ps(w->s[p], d), _mm256_cvtepi32_ps(sum), acc);
    if (form == QF_MIN) acc = _mm256_fmadd_ps(w->m, _mm256_broadcast_ss(x.sx + at), acc);
    if (form == QF_HALVES) {
        __m256i shift = _mm256_madd_epi16(w->e, broadcast4(half));
        acc = _mm256_fmadd_ps(_mm256_mul_ps(w->m, d), _mm256_cvtepi32_ps(shift), acc);
    }
    return acc;
}

INLINE void store_rows(float *y, int64_t cols, __m256 lo, __m256 hi)
{
    if (cols >= 16) {
        _mm256_storeu_ps(y, lo);
        _mm256_storeu_ps(y + 8, hi);
    } else {
        _mm256_maskstore_ps(y, mask8(cols), lo);
        if (cols > 8) _mm256_maskstore_ps(y + 8, mask8(cols - 8), hi);
    }
}

/* One panel against M tokens. */
INLINE void few(enum dtype t, int M, const unsigned char *unit, int64_t k, const struct qacts *x, float *y, int64_t ldy,
                int64_t cols)
{
    enum qform form = qlayouts[t].form;
    int bits = qlayouts[t].bits, per_unit = qlayouts[t].block / QP_BLOCK, per = groups_per_sum(t), parts = parts_of(form);
    int64_t blocks = k / QP_BLOCK;
    __m256 acc[2][TILE];
    UNROLL
    for (int i = 0; i < M; i++) acc[0][i] = acc[1][i] = _mm256_setzero_ps();
    for (int64_t b0 = 0; b0 < blocks; b0 += per_unit, unit += qlayout_unit(t))
        for (int b = 0; b < per_unit; b++) {
            const unsigned char *n = qlayout_integers(t, unit, b);
            struct scales256 scales[2] = {scales_of(t, unit, b, 0), scales_of(t, unit, b, 1)};
            __m256i part[2][TILE], sum[2][TILE];
            const int8_t *xs[TILE];
            int64_t at = b0 + b;
            UNROLL
            for (int v = 0; v < bits; v++) /* may lie behind the end */
                _mm_prefetch((const void *)((uintptr_t)n + AHEAD + 64 * (size_t)v), _MM_HINT_T0);
            UNROLL
            for (int i = 0; i < M; i++) xs[i] = x->q + (at + i * blocks) * QP_BLOCK;
            UNROLL
            for (int p = 0; p < parts; p++) {
                UNROLL
                for (int g = p * 8 / parts; g < (p + 1) * 8 / parts; g++) {
                    const __m256i one = _mm256_set1_epi16(1);
                    __m256i w[2] = {integers(t, n, g), integers(t, n + 32, g)}, factor[2] = {one, one};
                    if (form == QF_HALVES) factor[0] = scales[0].c[g / 4], factor[1] = scales[1].c[g / 4];
                    add_group(has_signs(t), per, M, p * 8 / parts, g, w, xs, part, sum, factor);
                }
                UNROLL
                for (int i = 0; i < M; i++)
                    UNROLL
                    for (int h = 0; h < 2; h++)
                        acc[h][i] = link(form, offset_of(t), p, &scales[h], sum[h][i], *x, at + i * blocks, acc[h][i]);
            }
        }
    UNROLL
    for (int i = 0; i < M; i++) store_rows(y + i * ldy, cols, acc[0][i], acc[1][i]);
}

/* `blocks` blocks of a panel into c; b0 is the first one's place along k, a multiple of QP_CHUNK. */
INLINE void expand(enum dtype t, struct chunk *c, const unsigned char *panel, int64_t b0, int blocks)
{
    enum qform form = qlayouts[t].form;
    int bits = qlayouts[t].bits, per_unit = qlayouts[t].block / QP_BLOCK;
    const unsigned char *unit = panel + (size_t)(b0 / per_unit) * qlayout_unit(t);
    c->offset = offset_of(t);
    c->at = bits == 8 ? qlayout_integers(t, unit, 0) : c->n[0][0];
    c->step = bits == 8 ? qlayout_unit(t) : sizeof c->n[0];
    for (int b = 0; b < blocks; b++) {
        int inside = b % per_unit;
        const unsigned char *n = qlayout_integers(t, unit, inside);
        UNROLL
        for (int h = 0; h < 2; h++) {
            struct scales256 s = scales_of(t, unit, inside, h);
            _mm256_store_ps(c->s[b][0] + 8 * h, s.s[0]);
            if (form == QF_TWO) _mm256_store_ps(c->s[b][1] + 8 * h, s.s[1]);
            if (form == QF_MIN || form == QF_HALVES) _mm256_store_ps(c->m[b] + 8 * h, s.m);
            if (form == QF_HALVES) {
                _mm256_store_si256((void *)(c->c[b][0] + 16 * h), s.c[0]);
                _mm256_store_si256((void *)(c->c[b][1] + 16 * h), s.c[1]);
                _mm256_store_si256((void *)(c->e[b] + 16 * h), s.e);
            }
        }
        UNROLL
        for (int g = 0; g < 8 && bits < 8; g++)
            UNROLL
            for (int h = 0; h < 2; h++) _mm256_store_si256((void *)(c->n[b][g] + 32 * h), integers(t, n + 32 * h, g));
        if (inside == per_unit - 1) unit += qlayout_unit(t);
    }
}

/* A chunk against M tokens; `at`: place of its first block in the activations of the first of them. */
INLINE void tile(enum qform form, bool signs, int per, int M, const struct chunk *c, int blocks, struct qacts x, int64_t at,
                 int64_t row_blocks, float *acc)
{
    const int8_t *xs[TILE];
    UNROLL
    for (int i = 0; i < M; i++) xs[i] = x.q + (at + i * row_blocks) * QP_BLOCK;
    const unsigned char *n = c->at;
    int parts = parts_of(form), offset = signs ? 0 : c->offset;
    for (int b = 0; b < blocks; b++, n += c->step) {
        __m256i part[2][TILE], sum[2][TILE];
        UNROLL
        for (int i = 0; i < M; i++) /* for the next tile; may lie behind the end */
            _mm_prefetch((const void *)((uintptr_t)xs[i] + (size_t)(TILE * row_blocks * QP_BLOCK)), _MM_HINT_T0);
        UNROLL
        for (int p = 0; p < parts; p++) {
            UNROLL
            for (int g = p * 8 / parts; g < (p + 1) * 8 / parts; g++) {
                const __m256i one = _mm256_set1_epi16(1);
                __m256i w[2] = {load256(n + 64 * g), load256(n + 64 * g + 32)}, factor[2] = {one, one};
                if (form == QF_HALVES) factor[0] = load256(c->c[b][g / 4]), factor[1] = load256(c->c[b][g / 4] + 16);
                add_group(signs, per, M, p * 8 / parts, g, w, xs, part, sum, factor);
            }
            UNROLL
            for (int h = 0; h < 2; h++) {
                struct scales256 s;
                s.s[p] = _mm256_load_ps(c->s[b][p] + 8 * h);
                if (form == QF_MIN || form == QF_HALVES) s.m = _mm256_load_ps(c->m[b] + 8 * h);
                if (form == QF_HALVES) s.e = load256(c->e[b] + 16 * h);
                UNROLL
                for (int i = 0; i < M; i++) {
                    float *out = acc + 16 * i + 8 * h;
                    int64_t place = at + b + i * row_blocks;
                    _mm256_store_ps(out, link(form, offset, p, &s, sum[h][i], x, place, _mm256_load_ps(out)));
                }
            }
        }
        UNROLL
        for (int i = 0; i < M; i++) xs[i] += QP_BLOCK;
    }
}

/* A chunk against `tokens` tokens. */
INLINE void multiply(enum qform form, bool signs, int per, const struct chunk *c, int blocks, const struct qacts *x, int64_t at,
                     int64_t row_blocks, int tokens, float *acc)
{
    int i = 0;
    for (; i + TILE <= tokens; i += TILE)
        tile(form, signs, per, TILE, c, blocks, *x, at + i * row_blocks, row_blocks, acc + 16 * i);
    at += i * row_blocks;
    acc += 16 * i;
    if (tokens - i == 3) tile(form, signs, per, 3, c, blocks, *x, at, row_blocks, acc);
    if (tokens - i == 2) tile(form, signs, per, 2, c, blocks, *x, at, row_blocks, acc);
    if (tokens - i == 1) tile(form, signs, per, 1, c, blocks, *x, at, row_blocks, acc);
}

typedef void multiply_fn(const struct chunk *c, int blocks, const struct qacts *x, int64_t at, int64_t row_blocks, int tokens,
                         float *acc);

/* Unpacked, formats differ in these only. */
#define MULTIPLIES(X)   \
    X(MIN, false, 8)    \
    X(MIN, false, 4)    \
    X(ONE, false, 8)    \
    X(ONE, false, 1)    \
    X(TWO, false, 4)    \
    X(TWO, false, 2)    \
    X(TWO, false, 1)    \
    X(HALVES, false, 4) \
    X(ONE, true, 1)
#define MULTIPLY(form, signs, per)                                                                                      \
    static void multiply_##form##_##signs##_##per(const struct chunk *c, int blocks, const struct qacts *x, int64_t at, \
                                                  int64_t row_blocks, int tokens, float *acc)                           \
    {                                                                                                                   \
        multiply(QF_##form, signs, per, c, blocks, x, at, row_blocks, tokens, acc);                                     \
    }
MULTIPLIES(MULTIPLY)

INLINE multiply_fn *multiply_of(enum dtype t)
{
    static multiply_fn *const table[QF_COUNT][2][9] = {
#define MULTIPLY_ENTRY(form, signs, per) [QF_##form][signs][per] = multiply_##form##_##signs##_##per,
        MULTIPLIES(MULTIPLY_ENTRY)
    };
    return table[qlayouts[t].form][has_signs(t)][groups_per_sum(t)];
}

/* Chains that wait in y between passes over k. */
static void load_chains(float *acc, const float *y, int64_t ldy, int tokens, int64_t cols)
{
    __m256i lo = mask8(cols), hi = mask8(cols - 8);
    for (int i = 0; i < tokens; i++, acc += 16, y += ldy) {
        _mm256_store_ps(acc, _mm256_maskload_ps(y, lo));
        _mm256_store_ps(acc + 8, cols > 8 ? _mm256_maskload_ps(y + 8, hi) : _mm256_setzero_ps());
    }
}

/* All panels against a block of tokens. k is cut into passes, so that the activations of a pass stay in the second
 * cache while the panels go by. */
INLINE void many(enum dtype t, const unsigned char *panels, int64_t n, int64_t k, const struct qacts *x, int64_t i0, int tokens,
                 float *y, int64_t ldy)
{
    struct chunk c;
    _Alignas(64) float acc[TOKENS * 16];
    multiply_fn *const mul = multiply_of(t);
    int64_t blocks = k / QP_BLOCK, pass = PASS_BYTES / QP_BLOCK / tokens / QP_CHUNK * QP_CHUNK;
    for (int64_t p0 = 0; p0 < blocks; p0 += pass) {
        int64_t p1 = p0 + pass < blocks ? p0 + pass : blocks;
        for (int64_t j = 0; j < n; j += QP_ROWS) {
            const unsigned char *panel = panels + (size_t)(j / QP_ROWS) * qlayout_panel(t, k);
            if (p0 == 0) memset(acc, 0, (size_t)tokens * 16 * sizeof *acc);
            else load_chains(acc, y + j, ldy, tokens, n - j);
            for (int64_t b = p0; b < p1; b += QP_CHUNK) {
                int count = p1 - b < QP_CHUNK ? (int)(p1 - b) : QP_CHUNK;
                expand(t, &c, panel, b, count);
                mul(&c, count, x, i0 * blocks + b, blocks, tokens, acc);
            }
            for (int i = 0; i < tokens; i++)
                store_rows(y + i * ldy + j, n - j, _mm256_load_ps(acc + 16 * i), _mm256_load_ps(acc + 16 * i + 8));
        }
    }
}

INLINE void mul(enum dtype t, const void *panels, int64_t n, int64_t k, const struct qacts *x, int64_t m, float *y, int64_t ldy)
{
    if (m > 2) {
        for (int64_t i = 0; i < m; i += TOKENS)
            many(t, panels, n, k, x, i, m - i < TOKENS ? (int)(m - i) : TOKENS, y + i * ldy, ldy);
        return;
    }
    const unsigned char *panel = panels;
    for (int64_t j = 0; j < n; j += QP_ROWS, panel += qlayout_panel(t, k)) {
        if (m == 2) few(t, 2, panel, k, x, y + j, ldy, n - j);
        if (m == 1) few(t, 1, panel, k, x, y + j, ldy, n - j);
    }
}

QMUL_TABLE(qmul_table);

static void quantize_acts_avx2(int8_t *q, float *d, float *sx, int16_t *half, const float *x, int64_t n)
{
    for (int64_t b = 0; b < n / QP_BLOCK; b++, x += QP_BLOCK, q += QP_BLOCK) {
        __m256i all = quantize32(x, d + b);
        _mm256_storeu_si256((void *)q, all);
        __m256i four = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), all), _mm256_set1_epi16(1));
        __m128i sum = _mm_hadd_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
        sum = _mm_hadd_epi32(sum, sum);
        int first = _mm_cvtsi128_si32(sum), second = _mm_extract_epi32(sum, 1);
        half[2 * b] = (int16_t)first;
        half[2 * b + 1] = (int16_t)second;
        sx[b] = d[b] * (float)(first + second);
    }
}

void qmul_init_avx2(struct kernels *k)
{
    memcpy(k->qmul, qmul_table, sizeof qmul_table);
    k->quantize_acts = quantize_acts_avx2;
}
