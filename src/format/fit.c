/* Least squares fits of short runs. A scale is searched among candidates that put the largest element at, a little
 * above or below the last level; each candidate is judged by the error that remains after the scale has been fitted to
 * the codes it gives. */
#include "format/fit.h"
#include <math.h>
#include <string.h>

enum { LANES = 8 };

/* Four sums side by side: a vector of the compiler, which every machine has. Loops over plain arrays would keep their
 * sums in memory. */
typedef float lanes __attribute__((vector_size(16)));
typedef int32_t masks __attribute__((vector_size(16)));

static inline lanes four(const float *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void put(float *p, lanes v) { memcpy(p, &v, sizeof v); }

static inline lanes pick(masks m, lanes a, lanes b) { return (lanes)((m & (masks)a) | (~m & (masks)b)); }

static inline float sum_of(lanes a, lanes b)
{
    lanes s = a + b;
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* Into lo..hi, then to the nearest integer, ties to even, by arithmetic that every vector unit has (|a| < 2^22). */
static inline lanes to_integers(lanes a, float lo, float hi)
{
    lanes l = {lo, lo, lo, lo}, h = {hi, hi, hi, hi};
    a = pick(a > l, a, l);
    a = pick(a < h, a, h);
    return (a + 0x1.8p23f) - 0x1.8p23f;
}

enum { TABLE = 16 };

/* The table's entries nearest to x * inv: each middle between two entries that lies below adds their distance. */
static void to_table(float *restrict v, const float *restrict x, int n, float inv, const int8_t *table)
{
    float middle[TABLE - 1], step[TABLE - 1], first = table[0];
    for (int k = 0; k < TABLE - 1; k++) {
        middle[k] = 0.5f * (float)(table[k] + table[k + 1]);
        step[k] = (float)(table[k + 1] - table[k]);
    }
    for (int i = 0; i < n; i += 4) {
        lanes a = four(x + i) * inv, level = {first, first, first, first};
        for (int k = 0; k < TABLE - 1; k++) {
            lanes more = {step[k], step[k], step[k], step[k]};
            level += (lanes)((a > middle[k]) & (masks)more);
        }
        put(v + i, level);
    }
}

static void to_levels(float *restrict v, const float *restrict x, int n, float inv, const struct levels *lv)
{
    if (lv->table) {
        to_table(v, x, n, inv, lv->table);
        return;
    }
    for (int i = 0; i < n; i += 4) put(v + i, to_integers(four(x + i) * inv, lv->lo, lv->hi));
}

struct moments {
    float xv, vv;
};

static struct moments moments_of(const struct run *r, const float *v)
{
    lanes a[2] = {{0}}, b[2] = {{0}};
    for (int i = 0; i < r->n; i += LANES)
        for (int h = 0; h < 2; h++) {
            lanes level = four(v + i + 4 * h), wv = four(r->w + i + 4 * h) * level;
            a[h] += wv * four(r->x + i + 4 * h);
            b[h] += wv * level;
        }
    return (struct moments){sum_of(a[0], a[1]), sum_of(b[0], b[1])};
}

/* The weighted square error of x ~ scale * v + min. */
static float residual(const struct run *r, const float *v, float scale, float min)
{
    lanes s[2] = {{0}};
    for (int i = 0; i < r->n; i += LANES)
        for (int h = 0; h < 2; h++) {
            lanes e = four(r->x + i + 4 * h) - (four(v + i + 4 * h) * scale + min);
            s[h] += four(r->w + i + 4 * h) * e * e;
        }
    return sum_of(s[0], s[1]);
}

/* The element of the largest size: the anchor of the candidates. */
static float largest(const struct run *r)
{
    float top = 0, at = 0;
    for (int i = 0; i < r->n; i++)
        if (fabsf(r->x[i]) > top) {
            top = fabsf(r->x[i]);
            at = r->x[i];
        }
    return at;
}

/* Takes the scale fitted to the codes that inv gives if its error is below *least. */
static bool try_scale(const struct run *r, const struct levels *lv, float inv, float *scale, float *least)
{
    float v[FIT_MAX];
    to_levels(v, r->x, r->n, inv, lv);
    struct moments m = moments_of(r, v);
    if (!(m.vv > 0)) return false;
    float s = m.xv / m.vv, error = residual(r, v, s, 0);
    if (!(error < *least)) return false;
    *least = error;
    *scale = s;
    return true;
}

float fit_scale(const struct run *r, const struct levels *lv)
{
    enum { STEPS = 10 };
    float anchor = largest(r), least = INFINITY, scale = 0;
    if (anchor == 0) return 0;
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < STEPS; k++) {
            float edge = side ? lv->hi + lv->gap : -(lv->lo - lv->gap); /* one beyond the last level, downwards */
            float at = edge - (float)k * 0.25f * lv->gap;
            try_scale(r, lv, (side ? at : -at) / anchor, &scale, &least);
        }
    for (int k = 0; k < 4 && try_scale(r, lv, inverse(scale), &scale, &least); k++) continue;
    return scale;
}

float scale_error(const struct run *r, const struct levels *lv, float scale)
{
    float v[FIT_MAX];
    to_levels(v, r->x, r->n, inverse(scale), lv);
    return residual(r, v, scale, 0);
}

void scale_sums(const struct run *r, const struct levels *lv, float scale, float unit, double *xv, double *vv)
{
    float v[FIT_MAX];
    to_levels(v, r->x, r->n, inverse(scale), lv);
    struct moments m = moments_of(r, v);
    *xv += (double)m.xv * unit;
    *vv += (double)m.vv * unit * unit;
}

void scale_codes(uint8_t *codes, const struct run *r, const struct levels *lv, float scale)
{
    float v[FIT_MAX];
    to_levels(v, r->x, r->n, inverse(scale), lv);
    for (int i = 0; i < r->n; i++) {
        codes[i] = (uint8_t)(v[i] - lv->lo);
        if (!lv->table) continue;
        for (codes[i] = 0; (float)lv->table[codes[i]] < v[i];) codes[i]++;
    }
}

static void to_codes(float *restrict v, const float *restrict x, int n, struct line l, float top)
{
    float inv = inverse(l.scale);
    for (int i = 0; i < n; i += 4) put(v + i, to_integers((four(x + i) - l.min) * inv, 0, top));
}

struct line_moments {
    float w, x, v, xv, vv;
};

static struct line_moments line_moments(const struct run *r, const float *v)
{
    lanes sw = {0}, sx = {0}, sv = {0}, sxv = {0}, svv = {0}, none = {0};
    for (int i = 0; i < r->n; i += 4) {
        lanes w = four(r->w + i), level = four(v + i), wv = w * level, x = four(r->x + i);
        sw += w;
        sx += w * x;
        sv += wv;
        sxv += wv * x;
        svv += wv * level;
    }
    return (struct line_moments){sum_of(sw, none), sum_of(sx, none), sum_of(sv, none), sum_of(sxv, none), sum_of(svv, none)};
}

/* The line fitted to given codes. Codes that hardly differ do not determine a slope: then a constant. */
static struct line line_of(const struct run *r, const float *v, bool below)
{
    struct line_moments m = line_moments(r, v);
    float det = m.w * m.vv - m.v * m.v;
    struct line l = {0, m.w > 0 ? m.x / m.w : 0};
    if (det > 1e-5f * m.w * m.vv) l = (struct line){(m.w * m.xv - m.x * m.v) / det, (m.vv * m.x - m.v * m.xv) / det};
    if (below && l.min > 0) l = (struct line){m.vv > 0 ? m.xv / m.vv : 0, 0};
    return l;
}

/* Takes the line fitted to the codes that the line l gives if its error is below *least. */
static bool try_line(const struct run *r, int top, bool below, struct line l, struct line *best, float *least)
{
    float v[FIT_MAX];
    to_codes(v, r->x, r->n, l, (float)top);
    l = line_of(r, v, below);
    float error = residual(r, v, l.scale, l.min);
    if (!(l.scale >= 0 && error < *least)) return false;
    *least = error;
    *best = l;
    return true;
}

struct line fit_line(const struct run *r, int top, bool below)
{
    enum { STEPS = 5 };
    float lo = r->x[0], hi = r->x[0], least = INFINITY;
    for (int i = 1; i < r->n; i++) {
        lo = r->x[i] < lo ? r->x[i] : lo;
        hi = r->x[i] > hi ? r->x[i] : hi;
    }
    if (below && lo > 0) lo = 0;
    struct line best = {0, lo};
    if (!(hi > lo)) return best;
    float gap = (hi - lo) / (float)top;
    for (int a = 0; a < STEPS; a++)
        for (int b = 0; b < STEPS; b++) {
            float from = lo + ((float)a * 0.3f - 0.5f) * gap, to = hi - ((float)b * 0.3f - 0.5f) * gap;
            if (below && from > 0) from = 0;
            if (to > from) try_line(r, top, below, (struct line){(to - from) / (float)top, from}, &best, &least);
        }
    for (int k = 0; k < 4 && try_line(r, top, below, best, &best, &least); k++) continue;
    return best;
}

/* The innermost loop of the encoders: to_codes and residual in one pass. */
float line_error(const struct run *r, int top, struct line l)
{
    float inv = inverse(l.scale);
    lanes s[2] = {{0}};
    for (int i = 0; i < r->n; i += LANES)
        for (int h = 0; h < 2; h++) {
            lanes x = four(r->x + i + 4 * h), e = x - (to_integers((x - l.min) * inv, 0, (float)top) * l.scale + l.min);
            s[h] += four(r->w + i + 4 * h) * e * e;
        }
    return sum_of(s[0], s[1]);
}

/* With x ~ d * (scale n) - dmin * min, n the codes of the stored line: one run's part of the sums. */
void line_sums(struct line_sums *s, const struct run *r, int top, struct line l, float scale, float min)
{
    float v[FIT_MAX];
    to_codes(v, r->x, r->n, l, (float)top);
    struct line_moments m = line_moments(r, v);
    s->xa += (double)m.xv * scale;
    s->xb -= (double)m.x * min;
    s->aa += (double)m.vv * scale * scale;
    s->ab -= (double)m.v * scale * min;
    s->bb += (double)m.w * min * min;
}

void line_codes(uint8_t *codes, const struct run *r, int top, struct line l)
{
    float v[FIT_MAX];
    to_codes(v, r->x, r->n, l, (float)top);
    for (int i = 0; i < r->n; i++) codes[i] = (uint8_t)v[i];
}

enum block_kind block_kind(const float *x, int n)
{
    float top = 0;
    bool broken = false;
    for (int i = 0; i < n; i++) {
        float a = fabsf(x[i]);
        broken = broken || !(a <= 0x1p30f); /* no format holds more than 65504 * 127 * 31 */
        top = a > top ? a : top;
    }
    return broken ? BLOCK_BROKEN : top < 0x1p-40f ? BLOCK_ZERO : BLOCK_NUMBERS; /* the smallest f16 is 2^-24 */
}

void block_weights(float *w, const float *importance, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        float a = importance ? importance[i] : 1;
        w[i] = a >= 0 && a <= 0x1p100f ? a : 0;
        sum += w[i];
    }
    float norm = sum > 0 ? (float)((double)n / sum) : 0;
    for (int i = 0; i < n; i++) w[i] = norm > 0 && norm <= 0x1p100f ? w[i] * norm + 1e-4f : 1;
}
