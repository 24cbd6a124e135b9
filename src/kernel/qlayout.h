/* The panels of qpanel.h as the kernels see them: one row per format. A constant index folds away, so that kernels
 * written once over enum dtype become one machine routine per format. Internal to kernel/. */
#ifndef KERNEL_QLAYOUT_H
#define KERNEL_QLAYOUT_H

#include "kernel/qpanel.h"

enum qform { QF_NONE, QF_MIN, QF_SIGNED, QF_HALVES };

struct qlayout {
    enum qform form;
    int bits;   /* of a stored integer: a block of 32 takes 64 * bits bytes of the unit  */
    int block;  /* elements of k in a unit                                               */
    int scales; /* bytes before the integers of a unit                                   */
    int most;   /* largest n where n is not negative: how many products fit into 16 bits */
};

static const struct qlayout qlayouts[DT_COUNT] = {
    [DT_Q8_0] = {QF_SIGNED, 8, 32, 32, 0},
    [DT_Q4_0] = {QF_MIN, 4, 32, 32, 15},
    [DT_Q4_1] = {QF_MIN, 4, 32, 64, 15},
    [DT_Q5_0] = {QF_MIN, 5, 32, 32, 31},
    [DT_Q5_1] = {QF_MIN, 5, 32, 64, 31},
    [DT_Q2_K] = {QF_HALVES, 2, 256, 320, 3},
    [DT_Q3_K] = {QF_HALVES, 3, 256, 288, 7},
    [DT_Q4_K] = {QF_MIN, 4, 256, 320, 15},
    [DT_Q5_K] = {QF_MIN, 5, 256, 320, 31},
    [DT_Q6_K] = {QF_HALVES, 6, 256, 288, 63},
    [DT_IQ4_NL] = {QF_SIGNED, 4, 32, 32, 0},
    [DT_IQ4_XS] = {QF_SIGNED, 4, 256, 160, 0},
    [DT_MXFP4] = {QF_MIN, 4, 32, 16, 24},
};

/* What the codes of the formats with a table stand for. */
static const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t mxfp4_values[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

static inline size_t qlayout_unit(enum dtype t)
{
    return (size_t)(qlayouts[t].scales + qlayouts[t].block / QP_BLOCK * 64 * qlayouts[t].bits);
}
static inline size_t qlayout_panel(enum dtype t, int64_t k) { return (size_t)(k / qlayouts[t].block) * qlayout_unit(t); }

#endif
