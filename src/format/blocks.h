/* The bytes of the block formats, shared by the decoders and encoders of this folder; nobody outside includes it.
 *
 * Every struct is bytes only: no padding, no alignment, so a pointer into a file may be seen as one. Numbers of two
 * bytes are little-endian; d, m and dmin are f16. Layouts are those of ggml. "Halves": byte j of q holds element j in
 * its low and element j + 16 in its high nibble. */
#ifndef FORMAT_BLOCKS_H
#define FORMAT_BLOCKS_H

#include <stdint.h>
#include <string.h>
#include "format/format.h"

enum {
    SMALL_BLOCK = 32,  /* elements of a block of the older formats */
    SUPER_BLOCK = 256, /* elements of a block of the K formats    */
    NAN_F16 = 0x7e00   /* d of a block whose numbers cannot be stored */
};

struct q8_0_block { /* d q */
    uint8_t d[2];
    int8_t q[32];
};
struct q4_0_block { /* d (n - 8), n in halves; iq4_nl: d iq4_values[n] */
    uint8_t d[2], q[16];
};
struct q4_1_block { /* d n + m */
    uint8_t d[2], m[2], q[16];
};
struct q5_0_block { /* d (n - 16), n = nibble + 16 * (bit i of the 32 in high), i the element */
    uint8_t d[2], high[4], q[16];
};
struct q5_1_block { /* d n + m */
    uint8_t d[2], m[2], high[4], q[16];
};
struct mxfp4_block { /* 2^(e - 127) * E2M1(code), codes in halves */
    uint8_t e, q[16];
};
/* K formats. Two halves h of 128 elements; 2-bit fields: element 128 h + 32 k + l lies in bits 2 k of byte 32 h + l. */
struct q2_k_block { /* 16 sub-blocks of 16: d (scales & 15) n - dmin (scales >> 4) */
    uint8_t scales[16], q[64], d[2], dmin[2];
};
struct q3_k_block { /* 16 sub-blocks of 16: d (scale - 32) (n - 4); third bit of n: bit 4 h + k of high[l] */
    uint8_t high[32], q[64], scales[12], d[2];
};
struct q4_k_block { /* 8 sub-blocks of 32: d sc n - dmin m; sub-blocks 2 p, 2 p + 1: low, high nibbles of q[32 p..] */
    uint8_t d[2], dmin[2], scales[12], q[128];
};
struct q5_k_block { /* the same; fifth bit of n: bit (sub-block) of high[l] */
    uint8_t d[2], dmin[2], scales[12], high[32], q[128];
};
struct q6_k_block { /* 16 sub-blocks of 16: d scale (n - 32); per half 64 bytes low: (0, 64), (32, 96) as nibbles */
    uint8_t low[128], high[64];
    int8_t scales[16];
    uint8_t d[2];
};
struct iq4_xs_block { /* 8 sub-blocks of 32 in halves: d (scale - 32) iq4_values[n]; scale: 4 bits of low, 2 of high */
    uint8_t d[2], scales_high[2], scales_low[4], q[128];
};
/* IQ formats, whose numbers are rows of a codebook (grids.h), eight elements or four with the signs beside them. */
struct iq2_xxs_block { /* per 32: 4 row numbers, u32 w: 4 x 7 signs, scale s = w >> 28: d (s + 1/2) / 4 */
    uint8_t d[2], q[64];
};
struct iq2_xs_block { /* u16 per 8: row number of 9 bits, 7 signs; nibble s per 16: d (s + 1/2) / 4 */
    uint8_t d[2], q[64], scales[8];
};
struct iq2_s_block { /* row number: 8 bits of q, 2 of high; all 8 signs; scales as iq2_xs */
    uint8_t d[2], q[32], signs[32], high[8], scales[8];
};
struct iq3_xxs_block { /* row numbers of 4 elements; per 32 a u32 as in iq2_xxs: d (s + 1/2) / 2 */
    uint8_t d[2], q[64], words[32];
};
struct iq3_s_block { /* row number: 8 bits of q, 1 of high; all signs; nibble s per 32: d (2 s + 1) */
    uint8_t d[2], q[64], high[8], signs[32], scales[4];
};
struct iq1_s_block { /* row number: 8 bits of q, 3 of u16 h per 32; h: bits 12.. s, 15 sign of delta: d (2 s + 1) (g +- 1/8) */
    uint8_t d[2], q[32], high[16];
};
struct iq1_m_block { /* nibble per 8: 3 bits of the row number, sign of delta; u16 scales: 4 x 3 bits, and a nibble of d */
    uint8_t q[32], high[16], scales[8];
};
/* One or two bits an element. */
struct tq1_0_block { /* d (trit - 1); five trits a byte, in high four */
    uint8_t q[48], high[4], d[2];
};
struct tq2_0_block { /* d (n - 1); 2-bit fields as the K formats */
    uint8_t q[64], d[2];
};
struct q1_0_block { /* 128: bit i set d, else -d */
    uint8_t d[2], q[16];
};
struct q2_0_block { /* 64: d (n - 1), four neighbours a byte */
    uint8_t d[2], q[16];
};
struct nvfp4_block { /* 64: sub-blocks of 16, E4M3 scale * E2M1(code), codes in halves of 8 */
    uint8_t scales[4], q[32];
};
struct mxfp8_block { /* 8 sub-blocks of 32: 2^(e - 127) * E4M3 */
    uint8_t scales[8], q[256];
};

_Static_assert(sizeof(struct q8_0_block) == 34 && sizeof(struct q4_0_block) == 18 && sizeof(struct q4_1_block) == 20 &&
                   sizeof(struct q5_0_block) == 22 && sizeof(struct q5_1_block) == 24 && sizeof(struct mxfp4_block) == 17,
               "blocks of 32 as in the files");
_Static_assert(sizeof(struct q2_k_block) == 84 && sizeof(struct q3_k_block) == 110 && sizeof(struct q4_k_block) == 144 &&
                   sizeof(struct q5_k_block) == 176 && sizeof(struct q6_k_block) == 210 && sizeof(struct iq4_xs_block) == 136,
               "blocks of 256 as in the files");
_Static_assert(sizeof(struct iq2_xxs_block) == 66 && sizeof(struct iq2_xs_block) == 74 && sizeof(struct iq2_s_block) == 82 &&
                   sizeof(struct iq3_xxs_block) == 98 && sizeof(struct iq3_s_block) == 110 &&
                   sizeof(struct iq1_s_block) == 50 && sizeof(struct iq1_m_block) == 56,
               "blocks of the IQ formats as in the files");
_Static_assert(sizeof(struct tq1_0_block) == 54 && sizeof(struct tq2_0_block) == 66 && sizeof(struct q1_0_block) == 18 &&
                   sizeof(struct q2_0_block) == 18 && sizeof(struct nvfp4_block) == 36 && sizeof(struct mxfp8_block) == 264,
               "the other blocks as in the files");

extern const int8_t iq4_values[16];   /* increasing                                  */
extern const int8_t mxfp4_doubles[16]; /* twice the value of an E2M1 code, bit 3 = sign */

static inline uint16_t load_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline void store_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline uint32_t load_u32(const uint8_t *p) { return load_u16(p) | (uint32_t)load_u16(p + 2) << 16; }
static inline float load_f16(const uint8_t *p) { return f16_to_f32(load_u16(p)); }

/* For factors: the largest number in place of infinity. */
static inline uint16_t f16_saturated(float f) { return f16_from_f32(f > 65504 ? 65504 : f < -65504 ? -65504 : f); }

/* 2 * half values by table; codes in halves. */
static inline void load_table(float *dst, const uint8_t *q, int half, const int8_t table[16], float d)
{
    for (int j = 0; j < half; j++) {
        dst[j] = d * (float)table[q[j] & 15];
        dst[j + half] = d * (float)table[q[j] >> 4];
    }
}

/* The 6-bit scale and minimum of sub-block j < 8 of q4_k and q5_k. */
static inline void scale_min_load(const uint8_t s[12], int j, int *scale, int *min)
{
    *scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
    *min = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
}

/* Conversions of the table. */
void f32_load(float *dst, const void *src, int64_t n);
void f32_store(void *dst, const float *src, int64_t n);
void f16_load(float *dst, const void *src, int64_t n);
void f16_store(void *dst, const float *src, int64_t n);
void bf16_load(float *dst, const void *src, int64_t n);
void bf16_store(void *dst, const float *src, int64_t n);
void f8_e4m3_load(float *dst, const void *src, int64_t n);
void f8_e4m3_store(void *dst, const float *src, int64_t n);
void q8_0_load(float *dst, const void *src, int64_t n);
void q4_0_load(float *dst, const void *src, int64_t n);
void q4_1_load(float *dst, const void *src, int64_t n);
void q5_0_load(float *dst, const void *src, int64_t n);
void q5_1_load(float *dst, const void *src, int64_t n);
void iq4_nl_load(float *dst, const void *src, int64_t n);
void mxfp4_load(float *dst, const void *src, int64_t n);
void q2_k_load(float *dst, const void *src, int64_t n);
void q3_k_load(float *dst, const void *src, int64_t n);
void q4_k_load(float *dst, const void *src, int64_t n);
void q5_k_load(float *dst, const void *src, int64_t n);
void q6_k_load(float *dst, const void *src, int64_t n);
void iq4_xs_load(float *dst, const void *src, int64_t n);
void iq2_xxs_load(float *dst, const void *src, int64_t n);
void iq2_xs_load(float *dst, const void *src, int64_t n);
void iq2_s_load(float *dst, const void *src, int64_t n);
void iq3_xxs_load(float *dst, const void *src, int64_t n);
void iq3_s_load(float *dst, const void *src, int64_t n);
void iq1_s_load(float *dst, const void *src, int64_t n);
void iq1_m_load(float *dst, const void *src, int64_t n);
void tq1_0_load(float *dst, const void *src, int64_t n);
void tq2_0_load(float *dst, const void *src, int64_t n);
void nvfp4_load(float *dst, const void *src, int64_t n);
void mxfp8_load(float *dst, const void *src, int64_t n);
void q1_0_load(float *dst, const void *src, int64_t n);
void q2_0_load(float *dst, const void *src, int64_t n);
void q8_0_store(void *dst, const float *src, int64_t n);
void q4_0_store(void *dst, const float *src, int64_t n);
void q4_0_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q4_1_store(void *dst, const float *src, int64_t n);
void q4_1_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q5_0_store(void *dst, const float *src, int64_t n);
void q5_0_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q5_1_store(void *dst, const float *src, int64_t n);
void q5_1_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void iq4_nl_store(void *dst, const float *src, int64_t n);
void iq4_nl_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void mxfp4_store(void *dst, const float *src, int64_t n);
void mxfp4_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q2_k_store(void *dst, const float *src, int64_t n);
void q2_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q3_k_store(void *dst, const float *src, int64_t n);
void q3_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q4_k_store(void *dst, const float *src, int64_t n);
void q4_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q5_k_store(void *dst, const float *src, int64_t n);
void q5_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void q6_k_store(void *dst, const float *src, int64_t n);
void q6_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance);
void iq4_xs_store(void *dst, const float *src, int64_t n);
void iq4_xs_store_weighted(void *dst, const float *src, int64_t n, const float *importance);

#endif
