/* Blocks of 256 whose sub-blocks have scales (and minima) that are small integers times one or two f16: how an encoder
 * chooses them. Used by the encoders of this folder only. */
#ifndef FORMAT_SUPERBLOCK_H
#define FORMAT_SUPERBLOCK_H

#include "format/blocks.h"
#include "format/fit.h"

/* A format with x ~ d * scale[j] * level. */
struct scale_form {
    int sub;                /* elements of a sub-block      */
    int scale_lo, scale_hi; /* range of the integer scales  */
    struct levels levels;
};
/* A format with x ~ d * scale[j] * n - dmin * min[j], n in 0..top, scale and min in 0..scale_top. */
struct line_form {
    int sub, top, scale_top;
};

/* The result; d and dmin as f16 bits. */
struct super_fit {
    uint16_t d, dmin;
    int scale[16], min[16];
    uint8_t codes[SUPER_BLOCK]; /* counted from 0 */
};

/* importance may be NULL. A block of zeros gives zeros all through; a broken block (see fit.h) gives d = NaN. */
void super_fit_scales(struct super_fit *f, const struct scale_form *form, const float *x, const float *importance);
void super_fit_lines(struct super_fit *f, const struct line_form *form, const float *x, const float *importance);

#endif
