/* The panels of qpanel.h as the kernels see them: one row per format, and each of its properties a column. A constant
 * index folds away, so that kernels written once over enum dtype become one machine routine per format. Internal to
 * kernel/. */
#ifndef KERNEL_QLAYOUT_H
#define KERNEL_QLAYOUT_H

#include "kernel/qpanel.h"

/* The chain of a product, see qpanel.h. */
enum qform { QF_NONE, QF_MIN, QF_ONE, QF_TWO, QF_HALVES, QF_COUNT };

/* How scales are stored, for 16 rows; a unit's come first, then those of its blocks of 32. What they give:
 *   D          d f16[16]                                                S = d
 *   D_M        d, m f16[16]                                             S = d, M = m
 *   E8M0       e u8[16]                                                 S = 2^(e - 128)
 *   INT8       d f16[16];        per block c int8[16]                   S = d c
 *   INT8_TWO   d f16[16];        per block c int8[2][16]                S = d c of each half
 *   K          d, dmin f16[16];  all sc u8[16], then all m u8[16]       S = d sc, M = -(dmin m)
 *   NIBBLES    d, dmin f16[16];  per block u8[16][2]                    S = d, T = -dmin, c = low nibbles, e = high ones
 *   ODD        d f16[16];        per two blocks u8[16], low nibble first    S = step d (2 s + 1)
 *   ODD_TWO    d f16[16];        per block u8[16], low nibble first half    S = step d (2 s + 1) of each half
 *   DELTA      as ODD, s three bits; the fourth is set for M = -9/8 S, else M = -7/8 S
 *   UE4M3                        per block u8[2][16]                    S = step E4M3 (without signs, codes or NaN) of each half
 * Where the form wants M and nothing else is said, M = -zero S. */
enum qscale { QS_D, QS_D_M, QS_E8M0, QS_INT8, QS_INT8_TWO, QS_K, QS_NIBBLES, QS_ODD, QS_ODD_TWO, QS_DELTA, QS_UE4M3, QS_COUNT };

static const struct qscale_bytes {
    int unit, block;
} qscale_bytes[QS_COUNT] = {
    [QS_D] = {32, 0},    [QS_D_M] = {64, 0},      [QS_E8M0] = {16, 0}, [QS_INT8] = {32, 16},    [QS_INT8_TWO] = {32, 32},
    [QS_K] = {64, 32},   [QS_NIBBLES] = {64, 32}, [QS_ODD] = {32, 8},  [QS_ODD_TWO] = {32, 16}, [QS_DELTA] = {32, 8},
    [QS_UE4M3] = {0, 32},
};

/* What codes stand for, where they are not the numbers themselves. */
enum qtable { QT_NONE, QT_IQ4, QT_E2M1, QT_IQ3, QT_IQ2, QT_IQ1, QT_COUNT };

static const int8_t qtables[QT_COUNT][16] = {
    [QT_IQ4] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
    [QT_E2M1] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0}, /* 12 + twice the value */
    [QT_IQ3] = {66, 74, 82, 90, 98, 106, 114, 124, 58, 50, 42, 34, 26, 18, 10, 0}, /* 62 + and - 4, 12, .. 52, 62 */
    [QT_IQ2] = {51, 68, 86, 86, 35, 18, 0, 0},                                     /* 43 + and - 8, 25, 43        */
    [QT_IQ1] = {2, 10, 18, 18, 0, 8, 16, 16}, /* 9 + 8 g + 1, 9 + 8 g - 1 for g = -1, 0, 1 */
};

/* Every format with panels: its packer in qpanel.c, form, bits of a stored code, table, scales, elements of k in a unit,
 * step, zero (the n that stands for 0), least and most n. A stored code of one bit is n = 0 or 2. */
#define QFORMATS(X)                                                 \
    X(Q8_0, q8_0, ONE, 8, NONE, D, 32, 1, 0, -128, 127)             \
    X(Q4_0, q4_0, MIN, 4, NONE, D, 32, 1, 8, 0, 15)                 \
    X(Q4_1, q4_1, MIN, 4, NONE, D_M, 32, 1, 0, 0, 15)               \
    X(Q5_0, q5_0, MIN, 5, NONE, D, 32, 1, 16, 0, 31)                \
    X(Q5_1, q5_1, MIN, 5, NONE, D_M, 32, 1, 0, 0, 31)               \
    X(Q2_K, q2_k, HALVES, 2, NONE, NIBBLES, 256, 1, 0, 0, 3)        \
    X(Q3_K, q3_k, TWO, 3, NONE, INT8_TWO, 256, 1, 4, 0, 7)          \
    X(Q4_K, q4_k, MIN, 4, NONE, K, 256, 1, 0, 0, 15)                \
    X(Q5_K, q5_k, MIN, 5, NONE, K, 256, 1, 0, 0, 31)                \
    X(Q6_K, q6_k, TWO, 6, NONE, INT8_TWO, 256, 1, 32, 0, 63)        \
    X(IQ4_NL, q4_0, ONE, 4, IQ4, D, 32, 1, 0, -127, 113)            \
    X(IQ4_XS, iq4_xs, ONE, 4, IQ4, INT8, 256, 1, 0, -127, 113)      \
    X(MXFP4, mxfp4, MIN, 4, E2M1, E8M0, 32, 1, 12, 0, 24)           \
    X(NVFP4, nvfp4, TWO, 4, E2M1, UE4M3, 64, 0.5f, 12, 0, 24)       \
    X(IQ3_XXS, iq3_xxs, ONE, 4, IQ3, ODD, 256, 0.25f, 62, 0, 124)   \
    X(IQ3_S, iq3_s, MIN, 4, NONE, ODD, 256, 2, 7.5f, 0, 15)         \
    X(IQ2_XXS, iq2_xxs, ONE, 3, IQ2, ODD, 256, 0.125f, 43, 0, 86)   \
    X(IQ2_XS, iq2_xs, TWO, 3, IQ2, ODD_TWO, 256, 0.125f, 43, 0, 86) \
    X(IQ2_S, iq2_s, TWO, 3, IQ2, ODD_TWO, 256, 0.125f, 43, 0, 86)   \
    X(IQ1_S, iq1_s, MIN, 2, NONE, DELTA, 256, 1, 1, 0, 2)           \
    X(IQ1_M, iq1_m, TWO, 3, IQ1, ODD_TWO, 256, 0.125f, 9, 0, 18)    \
    X(TQ1_0, tq1_0, ONE, 2, NONE, D, 256, 1, 1, 0, 3)               \
    X(TQ2_0, tq2_0, ONE, 2, NONE, D, 256, 1, 1, 0, 3)               \
    X(Q2_0, q2_0, ONE, 2, NONE, D, 64, 1, 1, 0, 3)                  \
    X(Q1_0, q1_0, ONE, 1, NONE, D, 128, 1, 1, 0, 2)

struct qlayout {
    enum qform form;
    int bits; /* of a stored code: a block of 32 takes 64 * bits bytes of the unit */
    enum qtable table;
    enum qscale scale;
    int block;
    float step, zero;
    int least, most;
};

#define QLAYOUT_ROW(T, pack, form, bits, table, scale, block, step, zero, least, most) \
    [DT_##T] = {QF_##form, bits, QT_##table, QS_##scale, block, step, zero, least, most},
static const struct qlayout qlayouts[DT_COUNT] = {QFORMATS(QLAYOUT_ROW)};

/* Whether the zero is taken off n in the integer sums. */
static inline bool qlayout_exact_zero(enum dtype t) { return qlayouts[t].form == QF_ONE || qlayouts[t].form == QF_TWO; }

/* Bytes before the integers of a unit; of a unit; of a panel. */
static inline int qlayout_scales(enum dtype t)
{
    return qscale_bytes[qlayouts[t].scale].unit + qlayouts[t].block / QP_BLOCK * qscale_bytes[qlayouts[t].scale].block;
}
static inline size_t qlayout_unit(enum dtype t)
{
    return (size_t)(qlayout_scales(t) + qlayouts[t].block / QP_BLOCK * 64 * qlayouts[t].bits);
}
static inline size_t qlayout_panel(enum dtype t, int64_t k) { return (size_t)(k / qlayouts[t].block) * qlayout_unit(t); }

/* Integers of block b of a unit, and its bytes of scales. */
static inline const unsigned char *qlayout_integers(enum dtype t, const unsigned char *unit, int b)
{
    return unit + qlayout_scales(t) + b * 64 * qlayouts[t].bits;
}
static inline const unsigned char *qlayout_block_scales(enum dtype t, const unsigned char *unit, int b)
{
    int each = qlayouts[t].scale == QS_K ? 16 : qscale_bytes[qlayouts[t].scale].block;
    return unit + qscale_bytes[qlayouts[t].scale].unit + (each == 8 ? b / 2 * 16 : b * each);
}

/* The kernel `mul` of a level, whose first argument is the format, as one function per format, and the table of them. */
#define QMUL_FUNCTION(T, ...)                                                                                              \
    static void mul_##T(const void *panels, int64_t n, int64_t k, const struct qacts *x, int64_t m, float *y, int64_t ldy) \
    {                                                                                                                      \
        mul(DT_##T, panels, n, k, x, m, y, ldy);                                                                           \
    }
#define QMUL_ENTRY(T, ...) [DT_##T] = mul_##T,
#define QMUL_TABLE(name)    \
    QFORMATS(QMUL_FUNCTION) \
    static qmul_fn *const name[DT_COUNT] = {QFORMATS(QMUL_ENTRY)}

#endif
