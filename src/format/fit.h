/* Least squares for a short run of numbers: the scale, or scale and minimum, and the codes that store it with the
 * smallest weighted square error. Used by the encoders of this folder only.
 *
 * All sums are taken in a fixed order without fused operations, so an encoder gives the same bytes on every machine. */
#ifndef FORMAT_FIT_H
#define FORMAT_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FIT_MAX = 32 }; /* longest run; a run is a multiple of 8 */

/* What a code can stand for: the integers lo..hi, or 16 increasing values. */
struct levels {
    float lo, hi;
    const int8_t *table; /* NULL: integers */
    float gap;           /* distance of levels near the ends: step of the search */
};

/* A run: x ~ scale * level + min, error of element i weighted by w[i]. */
struct run {
    const float *x, *w;
    int n;
};

struct line {
    float scale, min;
};

static inline float inverse(float scale) { return scale != 0 ? 1.0f / scale : 0.0f; }
/* Importance of the elements from i on; NULL stays. */
static inline const float *importance_at(const float *importance, int64_t i) { return importance ? importance + i : NULL; }

/* The best scale of either sign for x ~ scale * level, before any rounding of it. */
float fit_scale(const struct run *r, const struct levels *lv);
/* The best line with codes 0..top. below: only min <= 0 can be stored. scale >= 0. */
struct line fit_line(const struct run *r, int top, bool below);

/* Weighted square error with exactly this scale or line and the nearest codes. */
float scale_error(const struct run *r, const struct levels *lv, float scale);
float line_error(const struct run *r, int top, struct line l);

/* Sums for refitting a scale that was rounded: adds sum w x v to xv and sum w v v to vv, v the levels chosen times
 * unit. */
void scale_sums(const struct run *r, const struct levels *lv, float scale, float unit, double *xv, double *vv);

/* The same for a line whose scale and minimum are scale * d and -min * dmin, for refitting d and dmin: sums of the run's
 * products of x, a = scale * n and b = -min. */
struct line_sums {
    double xa, xb, aa, ab, bb;
};
void line_sums(struct line_sums *s, const struct run *r, int top, struct line l, float scale, float min);

/* The codes, counted from 0. */
void scale_codes(uint8_t *codes, const struct run *r, const struct levels *lv, float scale);
void line_codes(uint8_t *codes, const struct run *r, int top, struct line l);

/* What the numbers of a block allow. */
enum block_kind {
    BLOCK_ZERO,    /* nothing that an f16 scale could hold                              */
    BLOCK_NUMBERS, /* what an encoder expects                                           */
    BLOCK_BROKEN,  /* NaN, infinity or far out of range: the block has to decode to NaN */
};
enum block_kind block_kind(const float *x, int n);
/* Weights of n elements with mean about 1; importance may be NULL, zero or nonsense (then: equal weights). An element
 * without importance keeps a small weight, so that it is stored sensibly too. */
void block_weights(float *w, const float *importance, int n);

#endif
