/* Choice of the two levels of scales of a block of 256.
 *
 * First every sub-block is fitted by itself. Then the f16 factor is set so that the largest sub-scale gets the largest
 * integer, or one a little below it; each sub-block takes the best of the integers near its own optimum; the factors
 * are fitted again to all 256 elements. What has the least weighted error in the end, computed from exactly what is
 * stored, is kept. */
#include "format/superblock.h"
#include <math.h>

enum { SUBS = 16 };

static int clamp_round(float v, int lo, int hi)
{
    return v > (float)hi ? hi : v > (float)lo ? (int)lrintf(v) : lo; /* a NaN gives lo */
}

static struct run sub_run(const float *x, const float *w, int sub, int j)
{
    return (struct run){x + sub * j, w + sub * j, sub};
}

/* The integers of all sub-blocks for the factor d; returns the error. */
static float choose_scales(int scale[SUBS], const struct scale_form *form, const float *x, const float *w, const float *ideal,
                           float d)
{
    float total = 0, inv = inverse(d);
    for (int j = 0; j < SUPER_BLOCK / form->sub; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        int middle = clamp_round(ideal[j] * inv, form->scale_lo, form->scale_hi);
        float least = INFINITY;
        scale[j] = 0;
        for (int s = middle - 1; s <= middle + 1; s++) {
            if (s < form->scale_lo || s > form->scale_hi) continue;
            float e = scale_error(&r, &form->levels, d * (float)s);
            if (e < least) {
                least = e;
                scale[j] = s;
            }
        }
        total += least;
    }
    return total;
}

/* The factor that suits the integers and codes chosen with d best. */
static float refit_scale(const int scale[SUBS], const struct scale_form *form, const float *x, const float *w, float d)
{
    double xv = 0, vv = 0;
    for (int j = 0; j < SUPER_BLOCK / form->sub; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        scale_sums(&r, &form->levels, d * (float)scale[j], (float)scale[j], &xv, &vv);
    }
    return vv > 0 ? (float)(xv / vv) : d;
}

void super_fit_scales(struct super_fit *f, const struct scale_form *form, const float *x, const float *importance)
{
    enum { STARTS = 2, ROUNDS = 2 };
    float w[SUPER_BLOCK], ideal[SUBS], top = 0, least = INFINITY;
    int scale[SUBS], subs = SUPER_BLOCK / form->sub;
    *f = (struct super_fit){0};
    enum block_kind kind = block_kind(x, SUPER_BLOCK);
    if (kind != BLOCK_NUMBERS) {
        f->d = kind == BLOCK_BROKEN ? NAN_F16 : 0;
        return;
    }
    block_weights(w, importance, SUPER_BLOCK);
    for (int j = 0; j < subs; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        ideal[j] = fit_scale(&r, &form->levels);
        if (fabsf(ideal[j]) > fabsf(top)) top = ideal[j];
    }
    for (int start = 0; start < STARTS; start++) {
        float d = top / ((float)form->scale_lo * (1 - 0.04f * (float)start));
        for (int k = 0; k < ROUNDS; k++) {
            uint16_t stored = f16_saturated(d);
            d = f16_to_f32(stored);
            float e = choose_scales(scale, form, x, w, ideal, d);
            if (e < least) {
                least = e;
                f->d = stored;
                memcpy(f->scale, scale, sizeof scale);
            }
            d = refit_scale(scale, form, x, w, d);
        }
    }
    for (int j = 0; j < subs; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        scale_codes(f->codes + form->sub * j, &r, &form->levels, f16_to_f32(f->d) * (float)f->scale[j]);
    }
}

struct factors {
    float d, dmin;
};

static struct line stored_line(struct factors f, int scale, int min)
{
    return (struct line){f.d * (float)scale, -(f.dmin * (float)min)};
}

/* The integers of one sub-block near its ideal line. */
static float choose_line(int *scale, int *min, const struct line_form *form, const struct run *r, struct line ideal,
                         struct factors f)
{
    float least = INFINITY;
    *scale = *min = 0;
    int sc = clamp_round(ideal.scale * inverse(f.d), 0, form->scale_top);
    int mn = clamp_round(-ideal.min * inverse(f.dmin), 0, form->scale_top);
    for (int s = sc - 1; s <= sc + 1; s++)
        for (int m = mn - 1; m <= mn + 1; m++) {
            if (s < 0 || s > form->scale_top || m < 0 || m > form->scale_top) continue;
            float e = line_error(r, form->top, stored_line(f, s, m));
            if (e < least) {
                least = e;
                *scale = s;
                *min = m;
            }
        }
    return least;
}

/* Both factors fitted to the codes chosen with them: x ~ d * (scale n) - dmin * min. */
static struct factors refit_lines(const struct super_fit *f, const struct line_form *form, const float *x, const float *w,
                                  struct factors old)
{
    struct line_sums s = {0};
    for (int j = 0; j < SUPER_BLOCK / form->sub; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        line_sums(&s, &r, form->top, stored_line(old, f->scale[j], f->min[j]), (float)f->scale[j], (float)f->min[j]);
    }
    double det = s.aa * s.bb - s.ab * s.ab;
    struct factors n = {s.aa > 0 ? (float)(s.xa / s.aa) : old.d, old.dmin};
    if (det > 1e-9 * s.aa * s.bb)
        n = (struct factors){(float)((s.xa * s.bb - s.xb * s.ab) / det), (float)((s.aa * s.xb - s.ab * s.xa) / det)};
    return n.d > 0 && n.dmin >= 0 ? n : old;
}

/* All integers for the factors, starting from ideal lines; keeps the result in best if its error is below *least. */
static struct factors round_lines(struct super_fit *best, const struct line_form *form, const float *x, const float *w,
                                  const struct line *ideal, struct factors f, float *least)
{
    struct super_fit now = {.d = f16_saturated(f.d), .dmin = f16_saturated(f.dmin)};
    float total = 0;
    f = (struct factors){f16_to_f32(now.d), f16_to_f32(now.dmin)};
    for (int j = 0; j < SUPER_BLOCK / form->sub; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        total += choose_line(&now.scale[j], &now.min[j], form, &r, ideal[j], f);
    }
    if (total < *least) {
        *least = total;
        *best = now;
    }
    return refit_lines(&now, form, x, w, f);
}

void super_fit_lines(struct super_fit *f, const struct line_form *form, const float *x, const float *importance)
{
    enum { STARTS = 2, ROUNDS = 2 };
    float w[SUPER_BLOCK], top = 0, down = 0, least = INFINITY;
    struct line ideal[SUBS];
    int subs = SUPER_BLOCK / form->sub;
    *f = (struct super_fit){0};
    enum block_kind kind = block_kind(x, SUPER_BLOCK);
    if (kind != BLOCK_NUMBERS) {
        f->d = kind == BLOCK_BROKEN ? NAN_F16 : 0;
        return;
    }
    block_weights(w, importance, SUPER_BLOCK);
    for (int j = 0; j < subs; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        ideal[j] = fit_line(&r, form->top, true);
        top = ideal[j].scale > top ? ideal[j].scale : top;
        down = -ideal[j].min > down ? -ideal[j].min : down;
    }
    for (int start = 0; start < STARTS; start++) {
        float most = (float)form->scale_top * (1 - 0.06f * (float)start);
        struct factors now = {top / most, down / most};
        for (int k = 0; k < ROUNDS; k++) now = round_lines(f, form, x, w, ideal, now, &least);
    }
    for (int j = 0; j < subs; j++) {
        struct run r = sub_run(x, w, form->sub, j);
        struct factors best = {f16_to_f32(f->d), f16_to_f32(f->dmin)};
        line_codes(f->codes + form->sub * j, &r, form->top, stored_line(best, f->scale[j], f->min[j]));
    }
}
