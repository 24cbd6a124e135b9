/* Products of panels with quantised activations for VNNI: a vector is the 16 rows of a panel, vpdpbusd multiplies four
 * unsigned by four signed bytes per row and adds exactly. Signed weights go in as w + 128; what that adds, 128 times the
 * sum of the activations, is taken off in advance, and so is the zero of forms ONE and TWO.
 *
 * One or two tokens: weights are unpacked in registers while they stream by (`few`). More: a panel is unpacked to bytes
 * for 256 elements of k at a time, 4 KB, and multiplied with all tokens of a block of them (`many`). */
#include "kernel/qlayout.h"
#include "kernel/x86/simd512.h"

enum { TILE = 8, TOKENS = 128, PASS_BYTES = 256 << 10, AHEAD = 3072, CHUNK = 8 };

/* S of the two halves, equal except in form TWO, and M or T; form HALVES: the pairs c and e. */
struct scales {
    __m512 s[2], m;
    __m512i c, e;
};

/* 256 elements of k of a panel, unpacked. */
struct chunk {
    _Alignas(64) unsigned char n[CHUNK][8][64]; /* [block][group][16 rows][4]; form HALVES: times c */
    int offset;                                 /* what n have too much */
    float s[CHUNK][2][16], m[CHUNK][16];
    int16_t e[CHUNK][32];
};

INLINE __m512i load512(const void *p) { return _mm512_loadu_si512(p); }

/* Every byte with its bits moved from place `from` to place `to`, then masked. */
INLINE __m512i field(__m512i v, int from, int to, int mask)
{
    if (from > to) v = _mm512_srli_epi16(v, (unsigned)(from - to));
    if (from < to) v = _mm512_slli_epi16(v, (unsigned)(to - from));
    return _mm512_and_si512(v, _mm512_set1_epi8((char)mask));
}

INLINE __m512i lookup(const int8_t table[16], __m512i index)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table)), index);
}

/* Codes of three bits: two groups a vector, and two whose bits are in the fourth bits of nibbles. */
INLINE __m512i three_bits(const unsigned char *n, int g)
{
    int place = g == 6 ? 3 : 7;
    if (g < 6) return field(load512(n + 64 * (g / 2)), g % 2 * 4, 0, 7);
    __m512i low = _mm512_or_si512(field(load512(n), place, 0, 1), field(load512(n + 64), place, 1, 2));
    return _mm512_or_si512(low, field(load512(n + 128), place, 2, 4));
}

/* What is added to numbers so that none is negative. */
INLINE int raised(enum dtype t) { return qlayouts[t].least < 0 ? 128 : 0; }

/* What the products have too much of the activations' sums. */
INLINE int offset_of(enum dtype t) { return raised(t) + (qlayout_exact_zero(t) ? (int)qlayouts[t].zero : 0); }

/* The integers of group g, raised. */
INLINE __m512i integers(enum dtype t, const unsigned char *n, int g)
{
    const __m512i top = _mm512_set1_epi8(-128);
    int bits = qlayouts[t].bits;
    __m512i v;
    if (bits == 8) v = load512(n + 64 * g);
    else if (bits == 1) v = field(load512(n), g, 1, 2);
    else if (bits == 2) v = field(load512(n + 64 * (g / 4)), 2 * (g % 4), 0, 3);
    else if (bits == 3) v = three_bits(n, g);
    else v = field(load512(n + 64 * (g % 4)), g / 4 * 4, 0, 15);
    if (bits == 5) v = _mm512_or_si512(v, field(load512(n + 256), g, 4, 16));
    if (bits == 6) v = _mm512_or_si512(v, field(load512(n + 256 + 64 * (g / 4)), 2 * (g % 4), 4, 48));
    if (qlayouts[t].table) v = lookup(qtables[qlayouts[t].table], v);
    return raised(t) ? _mm512_xor_si512(v, top) : v;
}

INLINE __m512 minus(__m512 v)
{
    return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(v), _mm512_set1_epi32((int)0x80000000)));
}

/* 2^(e - 128): a shift makes the two subnormal ones. */
INLINE __m512 e8m0_half(const unsigned char *p)
{
    __m512i e = ubytes_to_int(p), normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
    __m512i small = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), _mm512_min_epi32(e, _mm512_set1_epi32(2)));
    return _mm512_castsi512_ps(_mm512_max_epi32(normal, small));
}

/* E4M3 without its sign, through the exponents of f16, which begin 8 lower. */
INLINE __m512 ue4m3(const unsigned char *p)
{
    __m256i h = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)p)), 7);
    return _mm512_mul_ps(half_to_float(&h), _mm512_set1_ps(256));
}

/* d times odd numbers. */
INLINE __m512 odd_scale(__m512 d, __m512i s)
{
    return _mm512_mul_ps(d, int_to_float(_mm512_add_epi32(_mm512_add_epi32(s, s), _mm512_set1_epi32(1))));
}

/* Scales of block b of the unit. */
INLINE struct scales scales_of(enum dtype t, const unsigned char *unit, int b)
{
    enum qscale kind = qlayouts[t].scale;
    const unsigned char *own = qlayout_block_scales(t, unit, b);
    const __m512i low = _mm512_set1_epi32(15);
    __m512 d = kind == QS_E8M0 ? e8m0_half(unit) : kind == QS_UE4M3 ? ue4m3(own) : half_to_float(unit);
    if (qlayouts[t].step != 1) d = _mm512_mul_ps(d, _mm512_set1_ps(qlayouts[t].step));
    struct scales o = {.s = {d, d}};
    __m512i v;
    switch (kind) {
    case QS_D_M: o.m = half_to_float(unit + 32); break;
    case QS_INT8: o.s[0] = _mm512_mul_ps(d, int_to_float(bytes_to_int(own))); break;
    case QS_INT8_TWO:
        for (int h = 0; h < 2; h++) o.s[h] = _mm512_mul_ps(d, int_to_float(bytes_to_int(own + 16 * h)));
        break;
    case QS_K:
        o.s[0] = _mm512_mul_ps(d, int_to_float(ubytes_to_int(own)));
        own += 16 * (qlayouts[t].block / QP_BLOCK);
        o.m = minus(_mm512_mul_ps(half_to_float(unit + 32), int_to_float(ubytes_to_int(own))));
        break;
    case QS_NIBBLES:
        o.m = minus(half_to_float(unit + 32));
        v = ubytes_to_short(own);
        o.c = _mm512_and_si512(v, _mm512_set1_epi16(15));
        o.e = _mm512_srli_epi16(v, 4);
        break;
    case QS_ODD:
    case QS_DELTA:
        v = _mm512_srl_epi32(ubytes_to_int(own), _mm_cvtsi32_si128(b % 2 * 4));
        o.s[0] = odd_scale(d, _mm512_and_si512(v, kind == QS_DELTA ? _mm512_set1_epi32(7) : low));
        if (kind == QS_DELTA) {
            __m512 below = int_to_float(_mm512_and_si512(v, _mm512_set1_epi32(8))); /* -(7/8) or -(7/8 + 8/32) */
            below = _mm512_fmadd_ps(below, _mm512_set1_ps(-0.03125f), _mm512_set1_ps(-0.875f));
            o.m = _mm512_mul_ps(o.s[0], below);
        }
        break;
    case QS_ODD_TWO:
        v = ubytes_to_int(own);
        o.s[0] = odd_scale(d, _mm512_and_si512(v, low));
        o.s[1] = odd_scale(d, _mm512_srli_epi32(v, 4));
        break;
    case QS_UE4M3: o.s[1] = _mm512_mul_ps(ue4m3(own + 16), _mm512_set1_ps(qlayouts[t].step)); break;
    default: break;
    }
    if (qlayouts[t].form == QF_MIN && (kind == QS_D || kind == QS_E8M0 || kind == QS_ODD))
        o.m = _mm512_mul_ps(_mm512_set1_ps(-qlayouts[t].zero), o.s[0]);
    return o;
}

INLINE __m512i broadcast4(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

/* What the sums of one block start from; at: the block's place in the activations. */
INLINE void start_sums(enum qform form, int offset, struct qacts x, int64_t at, __m512i sum[2])
{
    const int16_t *half = x.half + 2 * at;
    sum[0] = sum[1] = _mm512_setzero_si512();
    if (form == QF_ONE) sum[0] = _mm512_set1_epi32(-offset * (half[0] + half[1]));
    if (form == QF_TWO) sum[0] = _mm512_set1_epi32(-offset * half[0]), sum[1] = _mm512_set1_epi32(-offset * half[1]);
}

/* Of form HALVES, whose sums of a half fit into 16 bits: both times their c. */
INLINE __m512i join_halves(const __m512i sum[2], __m512i c)
{
    __m512i pairs = _mm512_mask_blend_epi16(0xaaaaaaaa, sum[0], _mm512_slli_epi32(sum[1], 16));
    return madd_pairs(pairs, c);
}

/* The links of a chain of one block. sum: of the block, or of its two halves in form TWO. */
INLINE __m512 link(enum qform form, const struct scales *w, const __m512i sum[2], struct qacts x, int64_t at, __m512 acc)
{
    __m512 d = _mm512_set1_ps(x.d[at]);
    acc = _mm512_fmadd_ps(_mm512_mul_ps(w->s[0], d), int_to_float(sum[0]), acc);
    if (form == QF_MIN) acc = _mm512_fmadd_ps(w->m, _mm512_set1_ps(x.sx[at]), acc);
    if (form == QF_TWO) acc = _mm512_fmadd_ps(_mm512_mul_ps(w->s[1], d), int_to_float(sum[1]), acc);
    if (form == QF_HALVES) {
        __m512i shift = madd_pairs(w->e, broadcast4(x.half + 2 * at));
        acc = _mm512_fmadd_ps(_mm512_mul_ps(w->m, d), int_to_float(shift), acc);
    }
    return acc;
}

/* One panel against M tokens. */
INLINE void few(enum dtype t, int M, const unsigned char *unit, int64_t k, struct qacts x, float *y, int64_t ldy, int64_t cols)
{
    enum qform form = qlayouts[t].form;
    int bits = qlayouts[t].bits, per_unit = qlayouts[t].block / QP_BLOCK;
    int64_t blocks = k / QP_BLOCK;
    __m512 acc[2];
    UNROLL
    for (int i = 0; i < M; i++) acc[i] = _mm512_setzero_ps();
    for (int64_t b0 = 0; b0 < blocks; b0 += per_unit, unit += qlayout_unit(t))
        for (int b = 0; b < per_unit; b++) {
            const unsigned char *n = qlayout_integers(t, unit, b);
            struct scales scales = scales_of(t, unit, b);
            __m512i sum[2][2];
            UNROLL
            for (int v = 0; v < bits; v++) /* may lie behind the end */
                _mm_prefetch((const void *)((uintptr_t)n + AHEAD + 64 * (size_t)v), _MM_HINT_T0);
            UNROLL
            for (int i = 0; i < M; i++) start_sums(form, offset_of(t), x, i * blocks + b0 + b, sum[i]);
            UNROLL
            for (int g = 0; g < 8; g++) {
                __m512i w = integers(t, n, g);
                int half = form == QF_HALVES || form == QF_TWO ? g / 4 : 0;
                UNROLL
                for (int i = 0; i < M; i++) {
                    __m512i xb = broadcast4(x.q + (i * blocks + b0 + b) * QP_BLOCK + 4 * g);
                    sum[i][half] = _mm512_dpbusd_epi32(sum[i][half], w, xb);
                }
            }
            UNROLL
            for (int i = 0; i < M; i++) {
                if (form == QF_HALVES) sum[i][0] = join_halves(sum[i], scales.c);
                acc[i] = link(form, &scales, sum[i], x, i * blocks + b0 + b, acc[i]);
            }
        }
    UNROLL
    for (int i = 0; i < M; i++) store_first(y + i * ldy, cols, acc[i]);
}

/* Number `half` of every pair, in both places. */
INLINE __m512i twice(__m512i pairs, int half)
{
    if (half) return _mm512_mask_blend_epi16(0x55555555, pairs, _mm512_srli_epi32(pairs, 16));
    return _mm512_mask_blend_epi16(0xaaaaaaaa, pairs, _mm512_slli_epi32(pairs, 16));
}

/* `blocks` blocks of a panel into c; b0 is the first one's place along k, a multiple of CHUNK. */
INLINE void expand(enum dtype t, struct chunk *c, const unsigned char *panel, int64_t b0, int blocks)
{
    enum qform form = qlayouts[t].form;
    int per_unit = qlayouts[t].block / QP_BLOCK;
    const unsigned char *unit = panel + (size_t)(b0 / per_unit) * qlayout_unit(t);
    c->offset = offset_of(t);
    for (int b = 0; b < blocks; b++) {
        int inside = b % per_unit;
        const unsigned char *n = qlayout_integers(t, unit, inside);
        struct scales s = scales_of(t, unit, inside);
        _mm512_storeu_ps(c->s[b][0], s.s[0]);
        if (form == QF_TWO) _mm512_storeu_ps(c->s[b][1], s.s[1]);
        if (form == QF_MIN || form == QF_HALVES) _mm512_storeu_ps(c->m[b], s.m);
        if (form == QF_HALVES) _mm512_storeu_si512((void *)c->e[b], s.e);
        UNROLL
        for (int g = 0; g < 8; g++) {
            __m512i v = integers(t, n, g);
            if (form == QF_HALVES) v = _mm512_mullo_epi16(v, twice(s.c, g / 4)); /* bytes do not reach their neighbours */
            _mm512_storeu_si512((void *)c->n[b][g], v);
        }
        if (inside == per_unit - 1) unit += qlayout_unit(t);
    }
}

/* A chunk against M tokens; `at`: place of its first block in the activations of the first of them. */
INLINE void tile(enum qform form, int M, const struct chunk *c, int blocks, struct qacts x, int64_t at, int64_t row_blocks,
                 float *acc)
{
    const int8_t *xs[TILE];
    UNROLL
    for (int i = 0; i < M; i++) xs[i] = x.q + (at + i * row_blocks) * QP_BLOCK;
    for (int b = 0; b < blocks; b++) {
        __m512i sum[TILE][2];
        struct scales s = {.s = {_mm512_loadu_ps(c->s[b][0])}};
        UNROLL
        for (int i = 0; i < M; i++) start_sums(form, c->offset, x, at + b + i * row_blocks, sum[i]);
        UNROLL
        for (int g = 0; g < 8; g++) {
            __m512i w = load512(c->n[b][g]);
            int half = form == QF_TWO ? g / 4 : 0;
            UNROLL
            for (int i = 0; i < M; i++) sum[i][half] = _mm512_dpbusd_epi32(sum[i][half], w, broadcast4(xs[i] + 4 * g));
        }
        if (form == QF_TWO) s.s[1] = _mm512_loadu_ps(c->s[b][1]);
        if (form == QF_MIN || form == QF_HALVES) s.m = _mm512_loadu_ps(c->m[b]);
        if (form == QF_HALVES) s.e = load512(c->e[b]);
        UNROLL
        for (int i = 0; i < M; i++) {
            float *out = acc + 16 * i;
            _mm512_storeu_ps(out, link(form, &s, sum[i], x, at + b + i * row_blocks, _mm512_loadu_ps(out)));
            xs[i] += QP_BLOCK;
        }
    }
}

/* A chunk against `tokens` tokens. */
INLINE void multiply(enum qform form, const struct chunk *c, int blocks, struct qacts x, int64_t at, int64_t row_blocks,
                     int tokens, float *acc)
{
    int i = 0;
    for (; i + TILE <= tokens; i += TILE) tile(form, TILE, c, blocks, x, at + i * row_blocks, row_blocks, acc + 16 * i);
    for (; i + 4 <= tokens; i += 4) tile(form, 4, c, blocks, x, at + i * row_blocks, row_blocks, acc + 16 * i);
    for (; i + 2 <= tokens; i += 2) tile(form, 2, c, blocks, x, at + i * row_blocks, row_blocks, acc + 16 * i);
    for (; i < tokens; i++) tile(form, 1, c, blocks, x, at + i * row_blocks, row_blocks, acc + 16 * i);
}

typedef void multiply_fn(const struct chunk *c, int blocks, const struct qacts *x, int64_t at, int64_t row_blocks, int tokens,
                         float *acc);

/* Unpacked, formats differ in the form only. */
#define MULTIPLY(form)                                                                                                    \
    static void multiply_##form(const struct chunk *c, int blocks, const struct qacts *x, int64_t at, int64_t row_blocks, \
                                int tokens, float *acc)                                                                   \
    {                                                                                                                     \
        multiply(QF_##form, c, blocks, *x, at, row_blocks, tokens, acc);                                                  \
    }
MULTIPLY(MIN)
MULTIPLY(ONE)
MULTIPLY(TWO)
MULTIPLY(HALVES)
static multiply_fn *const multiplies[QF_COUNT] = {
    [QF_MIN] = multiply_MIN, [QF_ONE] = multiply_ONE, [QF_TWO] = multiply_TWO, [QF_HALVES] = multiply_HALVES};

/* All panels against a block of tokens. k is cut into passes, so that the activations of a pass stay in the second
 * cache while the panels go by; chains wait in y meanwhile. */
INLINE void many(enum dtype t, const unsigned char *panels, int64_t n, int64_t k, const struct qacts *x, int64_t i0, int tokens,
                 float *y, int64_t ldy)
{
    struct chunk c;
    _Alignas(64) float acc[TOKENS * 16];
    multiply_fn *const mul = multiplies[qlayouts[t].form];
    int64_t blocks = k / QP_BLOCK, pass = PASS_BYTES / QP_BLOCK / tokens / CHUNK * CHUNK;
    for (int64_t p0 = 0; p0 < blocks; p0 += pass) {
        int64_t p1 = p0 + pass < blocks ? p0 + pass : blocks;
        for (int64_t j = 0; j < n; j += QP_ROWS) {
            const unsigned char *panel = panels + (size_t)(j / QP_ROWS) * qlayout_panel(t, k);
            for (int i = 0; i < tokens; i++)
                _mm512_storeu_ps(acc + 16 * i, p0 == 0 ? _mm512_setzero_ps() : load_first(y + i * ldy + j, n - j));
            for (int64_t b = p0; b < p1; b += CHUNK) {
                int count = p1 - b < CHUNK ? (int)(p1 - b) : CHUNK;
                expand(t, &c, panel, b, count);
                mul(&c, count, x, i0 * blocks + b, blocks, tokens, acc);
            }
            for (int i = 0; i < tokens; i++) store_first(y + i * ldy + j, n - j, _mm512_loadu_ps(acc + 16 * i));
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
        if (m == 2) few(t, 2, panel, k, *x, y + j, ldy, n - j);
        if (m == 1) few(t, 1, panel, k, *x, y + j, ldy, n - j);
    }
}

QMUL_TABLE(qmul_table);

void qmul_init_avx512_vnni(struct kernels *k) { memcpy(k->qmul, qmul_table, sizeof qmul_table); }
