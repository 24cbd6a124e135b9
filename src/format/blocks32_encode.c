/* Encoding to the formats with blocks of 32. */
#include <float.h>
#include <math.h>
#include "format/blocks.h"
#include "format/fit.h"

/* The quotients use the scale before its rounding to f16, as other programs do: the files are then the same. */
void q8_0_store(void *dst, const float *src, int64_t n)
{
    struct q8_0_block *o = dst;
    for (; n > 0; n -= SMALL_BLOCK, src += SMALL_BLOCK, o++) {
        float top = 0;
        for (int j = 0; j < 32; j++) {
            float a = fabsf(src[j]);
            if (a > top || a != a) top = a; /* a NaN stays: the scale tells of it */
        }
        float d = top / 127.0f, inv = d != 0 ? 1.0f / d : 0.0f;
        store_u16(o->d, f16_from_f32(d));
        for (int j = 0; j < 32; j++) {
            float v = roundf(src[j] * inv);
            o->q[j] = (int8_t)(v >= -127 && v <= 127 ? (int)v : v > 127 ? 127 : v < -127 ? -127 : 0);
        }
    }
}

static const struct levels levels_q4_0 = {-8, 7, NULL, 1}, levels_q5_0 = {-16, 15, NULL, 1},
                           levels_iq4 = {-127, 113, iq4_values, 20};

/* The scale of one block of 32 for levels of one sort, as it is stored at d, and the codes. Tries the scale fitted to the
 * codes that the rounded scale gives until that no longer helps. */
static void encode_scale(uint8_t codes[SMALL_BLOCK], uint8_t d[2], const float *x, const float *importance,
                         const struct levels *lv)
{
    float w[SMALL_BLOCK], least = INFINITY;
    enum block_kind kind = block_kind(x, SMALL_BLOCK);
    if (kind == BLOCK_BROKEN) {
        memset(codes, 0, SMALL_BLOCK);
        store_u16(d, NAN_F16);
        return;
    }
    block_weights(w, importance, SMALL_BLOCK);
    struct run r = {x, w, SMALL_BLOCK};
    uint16_t best = 0;
    float scale = kind == BLOCK_ZERO ? 0 : fit_scale(&r, lv);
    for (int k = 0; k < 3; k++) {
        uint16_t stored = f16_saturated(scale);
        float e = scale_error(&r, lv, f16_to_f32(stored));
        if (!(e < least)) break;
        least = e;
        best = stored;
        double xv = 0, vv = 0;
        scale_sums(&r, lv, f16_to_f32(stored), 1, &xv, &vv);
        scale = vv > 0 ? (float)(xv / vv) : 0;
    }
    scale_codes(codes, &r, lv, f16_to_f32(best));
    store_u16(d, best);
}

/* The same for d n + m, n in 0..top. */
static void encode_line(uint8_t codes[SMALL_BLOCK], uint8_t d[2], uint8_t m[2], const float *x, const float *importance, int top)
{
    float w[SMALL_BLOCK];
    enum block_kind kind = block_kind(x, SMALL_BLOCK);
    memset(codes, 0, SMALL_BLOCK);
    store_u16(d, kind == BLOCK_BROKEN ? NAN_F16 : 0);
    store_u16(m, 0);
    if (kind != BLOCK_NUMBERS) return;
    block_weights(w, importance, SMALL_BLOCK);
    struct run r = {x, w, SMALL_BLOCK};
    struct line l = fit_line(&r, top, false);
    store_u16(d, f16_saturated(l.scale));
    store_u16(m, f16_saturated(l.min));
    line_codes(codes, &r, top, (struct line){load_f16(d), load_f16(m)});
}

static void pack_halves(uint8_t q[16], const uint8_t codes[SMALL_BLOCK])
{
    for (int j = 0; j < 16; j++) q[j] = (uint8_t)((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

static void pack_fifth(uint8_t high[4], const uint8_t codes[SMALL_BLOCK])
{
    memset(high, 0, 4);
    for (int j = 0; j < 32; j++) high[j / 8] |= (uint8_t)((codes[j] >> 4 & 1) << j % 8);
}

static void store_nibbles(struct q4_0_block *b, const float *src, int64_t n, const float *importance, const struct levels *lv)
{
    uint8_t codes[SMALL_BLOCK];
    for (int64_t i = 0; i < n; i += SMALL_BLOCK, b++) {
        encode_scale(codes, b->d, src + i, importance_at(importance, i), lv);
        pack_halves(b->q, codes);
    }
}

void q4_0_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    store_nibbles(dst, src, n, importance, &levels_q4_0);
}

void iq4_nl_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    store_nibbles(dst, src, n, importance, &levels_iq4);
}

void q5_0_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q5_0_block *b = dst;
    uint8_t codes[SMALL_BLOCK];
    for (int64_t i = 0; i < n; i += SMALL_BLOCK, b++) {
        encode_scale(codes, b->d, src + i, importance_at(importance, i), &levels_q5_0);
        pack_halves(b->q, codes);
        pack_fifth(b->high, codes);
    }
}

void q4_1_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q4_1_block *b = dst;
    uint8_t codes[SMALL_BLOCK];
    for (int64_t i = 0; i < n; i += SMALL_BLOCK, b++) {
        encode_line(codes, b->d, b->m, src + i, importance_at(importance, i), 15);
        pack_halves(b->q, codes);
    }
}

void q5_1_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q5_1_block *b = dst;
    uint8_t codes[SMALL_BLOCK];
    for (int64_t i = 0; i < n; i += SMALL_BLOCK, b++) {
        encode_line(codes, b->d, b->m, src + i, importance_at(importance, i), 31);
        pack_halves(b->q, codes);
        pack_fifth(b->high, codes);
    }
}

/* E2M1 code of a value measured in units of the block's scale; ties to the even code, beyond 6 to 6. */
static uint8_t e2m1_code(float v)
{
    float a = fabsf(v);
    int code = (a > 0.25f) + (a >= 0.75f) + (a > 1.25f) + (a >= 1.75f) + (a > 2.5f) + (a >= 3.5f) + (a > 5);
    return (uint8_t)(code | (v < 0 && code ? 8 : 0));
}

/* Codes for the scale 2^e relative to the values; returns the weighted error. */
static float e2m1_codes(uint8_t codes[SMALL_BLOCK], const float *v, const float *w, int e)
{
    float scale = ldexpf(1, e), inv = ldexpf(1, -e), error = 0;
    for (int j = 0; j < SMALL_BLOCK; j++) {
        codes[j] = e2m1_code(v[j] * inv);
        float d = v[j] - 0.5f * (float)mxfp4_doubles[codes[j]] * scale;
        error += w[j] * d * d;
    }
    return error;
}

/* The usual rule takes the exponent of the largest element, 2^(e - 127) = 2^(floor(log2 top) - 2), and cuts what lies
 * above 6 scales; one more never cuts but is coarser. Both and one less are tried; equal errors keep the usual one. */
static void mxfp4_encode(struct mxfp4_block *b, const float *x, const float *importance)
{
    float w[SMALL_BLOCK], v[SMALL_BLOCK], top = 0;
    uint8_t codes[SMALL_BLOCK], best[SMALL_BLOCK];
    bool finite = true;
    for (int j = 0; j < SMALL_BLOCK; j++) {
        float a = fabsf(x[j]);
        finite = finite && a <= FLT_MAX;
        top = a > top ? a : top;
    }
    memset(b, 0, sizeof *b);
    if (!finite) { /* there is no NaN: 6 * 2^128 decodes to infinity, and the rest to zero */
        b->e = 255;
        for (int j = 0; j < SMALL_BLOCK; j++) best[j] = fabsf(x[j]) <= FLT_MAX ? 0 : x[j] < 0 ? 15 : 7;
        pack_halves(b->q, best);
        return;
    }
    if (top == 0) return;
    int usual = ilogbf(top) - 2, base = usual < -127 ? -127 : usual > 125 ? 125 : usual;
    for (int j = 0; j < SMALL_BLOCK; j++) v[j] = ldexpf(x[j], -base);
    block_weights(w, importance, SMALL_BLOCK);
    float least = e2m1_codes(best, v, w, 0);
    int e = 0;
    for (int k = -1; k <= 1; k += 2) {
        if (base + k < -127 || base + k > 125) continue;
        float error = e2m1_codes(codes, v, w, k);
        if (!(error < least)) continue;
        least = error;
        e = k;
        memcpy(best, codes, sizeof best);
    }
    b->e = (uint8_t)(base + e + 127);
    pack_halves(b->q, best);
}

void mxfp4_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct mxfp4_block *b = dst;
    for (int64_t i = 0; i < n; i += SMALL_BLOCK, b++) mxfp4_encode(b, src + i, importance_at(importance, i));
}

void q4_0_store(void *dst, const float *src, int64_t n) { q4_0_store_weighted(dst, src, n, NULL); }
void q4_1_store(void *dst, const float *src, int64_t n) { q4_1_store_weighted(dst, src, n, NULL); }
void q5_0_store(void *dst, const float *src, int64_t n) { q5_0_store_weighted(dst, src, n, NULL); }
void q5_1_store(void *dst, const float *src, int64_t n) { q5_1_store_weighted(dst, src, n, NULL); }
void iq4_nl_store(void *dst, const float *src, int64_t n) { iq4_nl_store_weighted(dst, src, n, NULL); }
void mxfp4_store(void *dst, const float *src, int64_t n) { mxfp4_store_weighted(dst, src, n, NULL); }
