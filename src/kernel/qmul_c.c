/* Products of panels with quantised activations in C: the definition (the chains of qpanel.h, written down). */
#include "kernel/qlayout.h"
#include "kernel/variants.h"

/* One block of 32 of a panel's rows. */
struct block {
    int16_t n[QP_ROWS][QP_BLOCK];
    float s[QP_ROWS][2], m[QP_ROWS];  /* S of the two halves, equal except in form TWO; M of form MIN, T of form HALVES */
    int c[QP_ROWS][2], e[QP_ROWS][2]; /* form HALVES */
};

static float half_at(const unsigned char *p, int i)
{
    uint16_t h;
    memcpy(&h, p + 2 * i, 2);
    return f16_to_f32(h);
}

/* 2^(e - 128), also where that is subnormal. */
static float e8m0_half(unsigned char e) { return bits_float(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23); }

static inline int pair_at(const unsigned char *p, int g, int at) { return p[64 * (g / 4) + at] >> 2 * (g % 4) & 3; }
/* Bit `bit` of three bytes, the first the lowest. */
static inline int spread_at(const unsigned char *p, int bit, int at)
{
    return (p[at] >> bit & 1) | (p[64 + at] >> bit & 1) << 1 | (p[128 + at] >> bit & 1) << 2;
}
static inline int nibble_at(const unsigned char *p, int g, int at) { return p[64 * (g % 4) + at] >> 4 * (g / 4) & 15; }

/* The stored integer of group g; `at` is 4 * row + k % 4. */
static inline int stored(int bits, const unsigned char *p, int g, int at)
{
    switch (bits) {
    case 1: return 2 * (p[at] >> g & 1);
    case 2: return pair_at(p, g, at);
    case 3: return g < 6 ? p[64 * (g / 2) + at] >> 4 * (g % 2) & 7 : spread_at(p, g == 6 ? 3 : 7, at);
    case 4: return nibble_at(p, g, at);
    case 5: return nibble_at(p, g, at) | (p[256 + at] >> g & 1) << 4;
    case 6: return nibble_at(p, g, at) | pair_at(p + 256, g, at) << 4;
    default: return (int8_t)p[64 * g + at];
    }
}

static inline void block_integers(struct block *o, enum dtype t, const unsigned char *p)
{
    for (int g = 0; g < 8; g++)
        for (int at = 0; at < 64; at++) {
            int n = stored(qlayouts[t].bits, p, g, at);
            if (qlayouts[t].table) n = qtables[qlayouts[t].table][n];
            if (qlayout_exact_zero(t)) n -= (int)qlayouts[t].zero;
            o->n[at / 4][4 * g + at % 4] = (int16_t)n;
        }
}

/* E4M3 without its sign; every code is a number. */
static float ue4m3(unsigned char code)
{
    int exp = code >> 3 & 15, man = code & 7;
    return exp ? ldexpf((float)(8 + man), exp - 10) : ldexpf((float)man, -9);
}

/* Block b of unit u, row r. */
static inline void block_scales(struct block *o, enum dtype t, const unsigned char *u, int b, int r)
{
    const struct qlayout *l = &qlayouts[t];
    const unsigned char *own = qlayout_block_scales(t, u, b);
    int n = 0;
    for (int h = 0; h < 2; h++) {
        float s;
        switch (l->scale) {
        case QS_E8M0: s = e8m0_half(u[r]); break;
        case QS_INT8: s = half_at(u, r) * (int8_t)own[r]; break;
        case QS_INT8_TWO: s = half_at(u, r) * (int8_t)own[16 * h + r]; break;
        case QS_K: s = half_at(u, r) * own[r]; break;
        case QS_ODD:
        case QS_DELTA:
            n = own[r] >> b % 2 * 4 & 15;
            s = l->step * half_at(u, r) * (float)(2 * (l->scale == QS_DELTA ? n & 7 : n) + 1);
            break;
        case QS_ODD_TWO: s = l->step * half_at(u, r) * (float)(2 * (own[r] >> 4 * h & 15) + 1); break;
        case QS_UE4M3: s = l->step * ue4m3(own[16 * h + r]); break;
        default: s = half_at(u, r);
        }
        o->s[r][h] = s;
        if (l->scale == QS_NIBBLES) o->c[r][h] = own[2 * r + h] & 15, o->e[r][h] = own[2 * r + h] >> 4;
    }
    switch (l->scale) {
    case QS_D_M: o->m[r] = half_at(u + 32, r); break;
    case QS_K: o->m[r] = -(half_at(u + 32, r) * own[16 * (l->block / QP_BLOCK) + r]); break;
    case QS_NIBBLES: o->m[r] = -half_at(u + 32, r); break;
    case QS_DELTA: o->m[r] = o->s[r][0] * (n & 8 ? -1.125f : -0.875f); break;
    default: o->m[r] = -l->zero * o->s[r][0];
    }
}

static inline int dot(const int16_t *n, const int8_t *x, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++) sum += n[i] * x[i];
    return sum;
}

/* One step of the chain of row r with the block `at` of the activations. */
static inline float step(enum qform form, const struct block *w, int r, const struct qacts *x, int64_t at, float acc)
{
    const int8_t *q = x->q + at * QP_BLOCK;
    const int *c = w->c[r], *e = w->e[r];
    const float *s = w->s[r];
    float d = x->d[at];
    int first = dot(w->n[r], q, 16), second = dot(w->n[r] + 16, q + 16, 16);
    switch (form) {
    case QF_MIN: return fmaf(w->m[r], x->sx[at], fmaf(s[0] * d, (float)(first + second), acc));
    case QF_TWO: return fmaf(s[1] * d, (float)second, fmaf(s[0] * d, (float)first, acc));
    case QF_HALVES:
        acc = fmaf(s[0] * d, (float)(c[0] * first + c[1] * second), acc);
        return fmaf(w->m[r] * d, (float)(e[0] * x->half[2 * at] + e[1] * x->half[2 * at + 1]), acc);
    default: return fmaf(s[0] * d, (float)(first + second), acc);
    }
}

/* t is a constant in each instance below. y holds the chains while k advances. */
INLINE void mul(enum dtype t, const void *panels, int64_t n, int64_t k, const struct qacts *x, int64_t m, float *y, int64_t ldy)
{
    const unsigned char *unit = panels;
    struct block w;
    int per_unit = qlayouts[t].block / QP_BLOCK;
    for (int64_t j = 0; j < n; j += QP_ROWS) {
        int rows = n - j < QP_ROWS ? (int)(n - j) : QP_ROWS;
        for (int64_t i = 0; i < m; i++)
            for (int r = 0; r < rows; r++) y[i * ldy + j + r] = 0;
        for (int64_t at = 0; at < k / QP_BLOCK; at++) {
            int b = (int)(at % per_unit);
            block_integers(&w, t, qlayout_integers(t, unit, b));
            for (int r = 0; r < rows; r++) block_scales(&w, t, unit, b, r);
            for (int64_t i = 0; i < m; i++) {
                float *out = y + i * ldy + j;
                for (int r = 0; r < rows; r++) out[r] = step(qlayouts[t].form, &w, r, x, i * (k / QP_BLOCK) + at, out[r]);
            }
            if (b == per_unit - 1) unit += qlayout_unit(t);
        }
    }
}

QMUL_TABLE(qmul_table);

static void quantize_acts_c(int8_t *q, float *d, float *sx, int16_t *half, const float *x, int64_t n)
{
    for (int64_t b = 0; b < n / QP_BLOCK; b++, x += QP_BLOCK, q += QP_BLOCK) {
        uint32_t top = 0; /* as an integer, so that a NaN counts as large */
        int sum[2] = {0, 0};
        for (int j = 0; j < QP_BLOCK; j++) {
            uint32_t a = float_bits(x[j]) & 0x7fffffffu;
            if (a > top) top = a;
        }
        d[b] = bits_float(top) / 127.0f;
        for (int j = 0; j < QP_BLOCK; j++) {
            q[j] = d[b] == 0 ? 0 : q8_scalar(x[j], d[b]);
            sum[j / 16] += q[j];
        }
        half[2 * b] = (int16_t)sum[0];
        half[2 * b + 1] = (int16_t)sum[1];
        sx[b] = d[b] * (float)(sum[0] + sum[1]);
    }
}

void qmul_init_c(struct kernels *k)
{
    memcpy(k->qmul, qmul_table, sizeof qmul_table);
    k->quantize_acts = quantize_acts_c;
}
