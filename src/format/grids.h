/* The codebooks of the IQ formats: a row is eight (iq3: four) small numbers that a block names by its index. Rows are
 * packed as in grids.c, which a script makes; they are unpacked where they are used, all elements at once. */
#ifndef FORMAT_GRIDS_H
#define FORMAT_GRIDS_H

#include <stdint.h>

extern const uint16_t grid_iq2_xxs[256], grid_iq2_xs[512], grid_iq2_s[1024]; /* 8 codes of 2 bits: 8, 25, 43      */
extern const uint16_t grid_iq3_xxs[256];                                     /* 4 of 4: 4, 12, 20, .. 52, and 62 */
extern const uint16_t grid_iq3_s[512];                                       /* 4 of 4: 1, 3, 5, .. 15           */
extern const uint16_t grid_iq1[2048];                                        /* 8 of 2: -1, 0, 1                 */

/* Eight fields of two bits, four of four, as bytes; element 0 is the lowest byte. */
static inline uint64_t grid_spread8(uint64_t row)
{
    row = (row | row << 24) & 0x000000ff000000ffu;
    row = (row | row << 12) & 0x000f000f000f000fu;
    return (row | row << 6) & 0x0303030303030303u;
}
static inline uint32_t grid_spread4(uint32_t row)
{
    row = (row | row << 8) & 0x00ff00ffu;
    return (row | row << 4) & 0x0f0f0f0fu;
}

/* The values as bytes, all of them positive; that of iq1 is the code itself, 1 more than the value. */
static inline uint64_t grid_iq2_row(uint16_t row)
{
    uint64_t c = grid_spread8(row);
    return 0x0808080808080808u + 17 * c + (c >> 1 & 0x0101010101010101u);
}
static inline uint32_t grid_iq3_xxs_row(uint16_t row)
{
    uint32_t c = grid_spread4(row);
    return 0x04040404u + 8 * c + ((c + 0x01010101u) >> 2 & 0x02020202u);
}
static inline uint32_t grid_iq3_s_row(uint16_t row) { return 0x01010101u + 2 * grid_spread4(row); }
static inline uint64_t grid_iq1_row(uint16_t row) { return grid_spread8(row); }

/* Seven signs are stored, bit j set where element j is negative; the eighth makes their number even. */
static inline uint32_t grid_signs(uint32_t seven)
{
    uint32_t x = seven & 127;
    return x | ((x ^ x >> 1 ^ x >> 2 ^ x >> 3 ^ x >> 4 ^ x >> 5 ^ x >> 6) & 1) << 7;
}

#endif
