/* Quantised weights in panels of 16 rows, and their products with activations quantised to 8 bits. One layout for
 * every level, so that a file of panels serves every processor; the integer sums are exact and the float chain is
 * fixed, so results are equal to the bit on every level, for any m, any cutting of rows and any number of threads.
 *
 * Activations: blocks of 32 along k. q = round half away (x / d), d = max|x| / 127; half[0], half[1] = sums of q over
 * the two halves of the block; sx = d * (float)(half[0] + half[1]).
 *
 * Product: for each output one chain over the blocks b of 32 in increasing order, acc from 0. n are the stored unsigned
 * (or signed) integers of the block, z the one that stands for 0, x the quantised activations; sum_0 and sum_1 are those of
 * the two halves of the block:
 *   form MIN:    acc = fma(S * d, (float)sum(n x), acc);        acc = fma(M, sx, acc)
 *   form ONE:    acc = fma(S * d, (float)sum((n - z) x), acc)
 *   form TWO:    acc = fma(S0 * d, (float)sum_0((n - z) x), acc);  acc = fma(S1 * d, (float)sum_1((n - z) x), acc)
 *   form HALVES: acc = fma(S * d, (float)(c0 sum_0(n x) + c1 sum_1(n x)), acc);
 *                acc = fma(T * d, (float)(e0 half0 + e1 half1), acc)
 * S * d and T * d are rounded products. S, M, T are f32 values, exact products of what the file stores. s are the scales of
 * a format's sub-blocks as whole numbers, g the values of a codebook:
 *
 *   format            form    n                        S                 M, or T and c, e
 *   q8_0              ONE     q                        d
 *   q4_0              MIN     0..15                    d                 M = -8 d
 *   q4_1              MIN     0..15                    d                 M = m
 *   q5_0              MIN     0..31                    d                 M = -16 d
 *   q5_1              MIN     0..31                    d                 M = m
 *   q4_k              MIN     0..15                    d sc              M = -(dmin m)
 *   q5_k              MIN     0..31                    d sc              M = -(dmin m)
 *   mxfp4             MIN     2 v + 12: 0..24          2^(e-128)         M = -12 S
 *   nvfp4             TWO     2 v + 12, z = 12         E4M3 / 2
 *   iq4_nl            ONE     table                    d
 *   iq4_xs            ONE     table                    d (ls - 32)
 *   q6_k              TWO     0..63, z = 32            d s
 *   q3_k              TWO     0..7, z = 4              d (s - 32)
 *   q2_k              HALVES  0..3                     d                 T = -dmin, c = scale & 15, e = scale >> 4
 *   iq3_xxs           ONE     62 + g: 0..124, z = 62   d (2 s + 1) / 4
 *   iq3_s             MIN     (15 + g) / 2: 0..15      2 d (2 s + 1)     M = -15/2 S
 *   iq2_xxs           ONE     43 + g: 0..86, z = 43    d (2 s + 1) / 8
 *   iq2_xs, iq2_s     TWO     43 + g: 0..86, z = 43    d (2 s + 1) / 8
 *   iq1_s             MIN     1 + g: 0..2              d (2 s + 1)       M = (+-1/8 - 1) S
 *   iq1_m             TWO     9 + 8 g +- 1, z = 9      d (2 s + 1) / 8
 *   tq1_0, tq2_0,
 *   q2_0              ONE     0..3, z = 1              d
 *   q1_0              ONE     0 or 2, z = 1            d
 *
 * mxfp8 has no panels: as integers its numbers have 18 bits.
 *
 * Layout: a panel is the units of 16 rows one after another along k; a unit is one block of the format (32 to 256
 * elements of k) of the 16 rows. Inside a unit first the scales, [16] each, then for each block of 32 its integers. A vector
 * is 64 bytes [16 rows][4 k]; group g (0..7) of a block is k = 4 g .. 4 g + 3. Rows past the end of a matrix are zeros.
 *   4 bits: 4 vectors, vector v: low nibbles group v, high nibbles group v + 4
 *   5 bits: the same and one vector whose bit g is the fifth bit of group g
 *   6 bits: the same as 4 bits and two vectors, vector h: bits 2 (g % 4) of group g, g / 4 == h
 *   2 bits: two such vectors
 *   3 bits: 3 vectors, vector v: bits 0 to 2 group 2 v, bits 4 to 6 group 2 v + 1, bit 3 bit v of group 6, bit 7 that of group 7
 *   8 bits: 8 vectors, group by group;  1 bit: one vector whose bit g is that of group g, set for n = 2
 * Which format has which, and how its scales are stored: the table of kernel/qlayout.h. */
#ifndef KERNEL_QPANEL_H
#define KERNEL_QPANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "format/format.h"

enum { QP_ROWS = 16, QP_BLOCK = 32 };

/* m rows of quantised activations, each array row after row. */
struct qacts {
    const int8_t *q;     /* (m, k)         */
    const float *d, *sx; /* (m, k / 32)    */
    const int16_t *half; /* (m, k / 32, 2) */
};

/* y[i * ldy + j] for rows i < m of x and rows j < n of W, whose panels start at `panels` (n counted from the first row
 * of the first panel). k is a multiple of the format's block. */
typedef void qmul_fn(const void *panels, int64_t n, int64_t k, const struct qacts *x, int64_t m, float *y, int64_t ldy);

/* Bytes of the panels of W (n, k); 0 when the format has no panels or k does not suit it. No overflow for products of
 * n and k below 2^55. */
size_t qpanel_bytes(enum dtype t, int64_t n, int64_t k);
/* n rows as the file stores them (contiguous) into panels. Rows are independent: panels can be packed apart. */
void qpanel_pack(enum dtype t, void *dst, const void *w, int64_t n, int64_t k);
/* The same for rows that lie row_bytes apart. */
void qpanel_pack_rows(enum dtype t, void *dst, const void *w, size_t row_bytes, int64_t n, int64_t k);

#endif
