/* From the blocks of a file to panels (qpanel.h). The blocks' layouts are ggml's. A dword of a panel holds four
 * consecutive elements of one row, as the bytes of the files do, so packing moves dwords and never single elements. */
#include "kernel/qpanel.h"
#include <string.h>
#include "format/grids.h"
#include "kernel/qlayout.h"

/* One block of a file into row `row` of a unit. */
typedef void pack_fn(unsigned char *unit, int row, const unsigned char *block);

static inline uint32_t get32(const unsigned char *p)
{
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

static inline uint64_t get64(const unsigned char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static inline void put32(unsigned char *vectors, int v, int row, uint32_t w) { memcpy(vectors + 64 * v + 4 * row, &w, 4); }
static inline void put_scale(unsigned char *unit, int at, int row, const unsigned char *f16)
{
    memcpy(unit + 32 * at + 2 * row, f16, 2);
}

/* 16 bytes, low nibbles elements 0 to 15, high nibbles 16 to 31: as they are in the panel. */
static inline void put_nibbles(unsigned char *vectors, int row, const unsigned char *q)
{
    for (int v = 0; v < 4; v++) put32(vectors, v, row, get32(q + 4 * v));
}

/* Element e in the nibble at `shift` of byte q[e]. */
static inline void put_split_nibbles(unsigned char *vectors, int row, const unsigned char *q, int shift)
{
    for (int v = 0; v < 4; v++) {
        uint32_t low = get32(q + 4 * v) >> shift & 0x0f0f0f0f, high = get32(q + 16 + 4 * v) >> shift & 0x0f0f0f0f;
        put32(vectors, v, row, low | high << 4);
    }
}

/* Element e in the two bits at `shift` of byte q[e]. */
static inline void put_pairs(unsigned char *vectors, int row, const unsigned char *q, int shift)
{
    for (int h = 0; h < 2; h++) {
        uint32_t w = 0;
        for (int g = 0; g < 4; g++) w |= (get32(q + 16 * h + 4 * g) >> shift & 0x03030303) << 2 * g;
        put32(vectors, h, row, w);
    }
}

/* Element e in the bit at `shift` of byte q[e]. */
static inline void put_bits(unsigned char *vector, int row, const unsigned char *q, int shift)
{
    uint32_t w = 0;
    for (int g = 0; g < 8; g++) w |= (get32(q + 4 * g) >> shift & 0x01010101) << g;
    put32(vector, 0, row, w);
}

/* Bits 4 g of both halves of x, brought together: bits g. */
static inline uint64_t every_fourth(uint64_t x)
{
    x &= 0x1111111111111111;
    x = (x | x >> 3) & 0x0303030303030303;
    x = (x | x >> 6) & 0x000f000f000f000f;
    return (x | x >> 12) & 0x000000ff000000ff;
}

/* Element e in bit e of a dword. */
static inline void put_bit_row(unsigned char *vector, int row, uint32_t bits)
{
    uint64_t w = bits, even = every_fourth(w | w >> 2 << 32), odd = every_fourth(w >> 1 | w >> 3 << 32);
    uint64_t both = even | odd << 8; /* bytes 0 and 1, in the upper half 2 and 3 */
    put32(vector, 0, row, (uint32_t)(both | both >> 16));
}

static void pack_q8_0(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int g = 0; g < 8; g++) put32(unit + 32, g, row, get32(s + 2 + 4 * g));
}

/* Q4_0 and IQ4_NL. */
static void pack_q4_0(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    put_nibbles(unit + 32, row, s + 2);
}

static void pack_q4_1(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    put_scale(unit, 1, row, s + 2);
    put_nibbles(unit + 64, row, s + 4);
}

static void pack_q5_0(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    put_nibbles(unit + 32, row, s + 6);
    put_bit_row(unit + 32 + 256, row, get32(s + 2));
}

static void pack_q5_1(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    put_scale(unit, 1, row, s + 2);
    put_nibbles(unit + 64, row, s + 8);
    put_bit_row(unit + 64 + 256, row, get32(s + 4));
}

static void pack_mxfp4(unsigned char *unit, int row, const unsigned char *s)
{
    unit[row] = s[0];
    put_nibbles(unit + 16, row, s + 1);
}

/* d, dmin and the packed 6-bit scales and minima of Q4_K and Q5_K. */
static void pack_k_scales(unsigned char *unit, int row, const unsigned char *s)
{
    const unsigned char *a = s + 4;
    put_scale(unit, 0, row, s);
    put_scale(unit, 1, row, s + 2);
    for (int j = 0; j < 4; j++) {
        unit[64 + 16 * j + row] = a[j] & 63;
        unit[192 + 16 * j + row] = a[j + 4] & 63;
        unit[64 + 16 * (j + 4) + row] = (unsigned char)((a[j + 8] & 15) | a[j] >> 6 << 4);
        unit[192 + 16 * (j + 4) + row] = (unsigned char)(a[j + 8] >> 4 | a[j + 4] >> 6 << 4);
    }
}

static void pack_q4_k(unsigned char *unit, int row, const unsigned char *s)
{
    pack_k_scales(unit, row, s);
    for (int b = 0; b < 8; b++) put_split_nibbles(unit + 320 + 256 * b, row, s + 16 + b / 2 * 32, b % 2 * 4);
}

static void pack_q5_k(unsigned char *unit, int row, const unsigned char *s)
{
    pack_k_scales(unit, row, s);
    for (int b = 0; b < 8; b++) {
        put_split_nibbles(unit + 320 + 320 * b, row, s + 48 + b / 2 * 32, b % 2 * 4);
        put_bits(unit + 320 + 320 * b + 256, row, s + 16, b);
    }
}

static void pack_q6_k(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s + 208);
    for (int b = 0; b < 8; b++) {
        for (int h = 0; h < 2; h++) unit[32 + 32 * b + 16 * h + row] = s[192 + 2 * b + h];
        put_split_nibbles(unit + 288 + 384 * b, row, s + b / 4 * 64 + b % 2 * 32, b % 4 / 2 * 4);
        put_pairs(unit + 288 + 384 * b + 256, row, s + 128 + b / 4 * 32, b % 4 * 2);
    }
}

static void pack_q2_k(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s + 80);
    put_scale(unit, 1, row, s + 82);
    for (int b = 0; b < 8; b++) {
        memcpy(unit + 64 + 32 * b + 2 * row, s + 2 * b, 2);
        put_pairs(unit + 320 + 128 * b, row, s + 16 + b / 4 * 32, b % 4 * 2);
    }
}

static void pack_iq4_xs(unsigned char *unit, int row, const unsigned char *s)
{
    int high = s[2] | s[3] << 8;
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        int ls = (s[4 + b / 2] >> b % 2 * 4 & 15) | (high >> 2 * b & 3) << 4;
        unit[32 + 16 * b + row] = (unsigned char)(ls - 32);
        put_nibbles(unit + 160 + 256 * b, row, s + 8 + 16 * b);
    }
}

/* The rest goes through the codes of a block of 32, eight a word and a byte each. */
static void put_codes(enum dtype t, unsigned char *unit, int b, int row, const uint64_t c[4])
{
    unsigned char *vectors = unit + (qlayout_integers(t, unit, b) - unit);
    int bits = qlayouts[t].bits;
    for (int i = 0; bits == 2 && i < 2; i++) { /* the upper half of a word goes two bits up */
        uint64_t first = c[2 * i] | c[2 * i] >> 30, second = c[2 * i + 1] | c[2 * i + 1] >> 30;
        put32(vectors, i, row, (uint32_t)first | (uint32_t)second << 4);
    }
    for (int i = 0; bits == 3 && i < 3; i++) { /* the upper half four bits up, and one bit of each code of the last word */
        uint64_t rest = c[3] >> i & 0x0101010101010101u;
        put32(vectors, i, row, (uint32_t)(c[i] | c[i] >> 28 | rest << 3 | rest >> 25));
    }
    for (int i = 0; bits == 4 && i < 2; i++) { /* groups 2 i, 2 i + 1 and those four behind them */
        uint64_t w = c[i] | c[i + 2] << 4;
        put32(vectors, 2 * i, row, (uint32_t)w);
        put32(vectors, 2 * i + 1, row, (uint32_t)(w >> 32));
    }
}

static void pack_q3_k(unsigned char *unit, int row, const unsigned char *s)
{
    const unsigned char *a = s + 96;
    put_scale(unit, 0, row, s + 108);
    for (int j = 0; j < 16; j++) {
        int low = (j < 8 ? a[j] : a[j - 8] >> 4) & 15, high = a[8 + j % 4] >> 2 * (j / 4) & 3;
        unit[32 + 16 * j + row] = (unsigned char)((low | high << 4) - 32);
    }
    for (int b = 0; b < 8; b++) {
        uint64_t c[4];
        for (int l = 0; l < 4; l++) {
            uint64_t high = get64(s + 8 * l) >> b & 0x0101010101010101u;
            c[l] = (get64(s + 32 + b / 4 * 32 + 8 * l) >> b % 4 * 2 & 0x0303030303030303u) | high << 2;
        }
        put_codes(DT_Q3_K, unit, b, row, c);
    }
}

/* Bit j becomes byte j. */
static inline uint64_t bit_bytes(uint32_t bits)
{
    uint64_t x = (bits & 0xff) * 0x0101010101010101u & 0x8040201008040201u;
    return (x + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/* Of each byte seven signs; the eighth makes their number even, as grid_signs has it for one. */
static inline uint32_t even_signs(uint32_t sevens)
{
    uint32_t x = sevens & 0x7f7f7f7f, odd = x ^ x >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return x | (odd & 0x01010101) << 7;
}

/* Four fields of seven bits into a byte each. */
static inline uint32_t seven_bytes(uint32_t w)
{
    return (w & 0x7f) | (w << 1 & 0x7f00) | (w << 2 & 0x7f0000) | (w << 3 & 0x7f000000);
}

static inline void put_nibble_scale(unsigned char *unit, int b, int row, uint32_t s)
{
    unsigned char *p = unit + 32 + b / 2 * 16 + row;
    *p = (unsigned char)(b % 2 ? *p | s << 4 : s);
}

/* A code of QT_IQ2: magnitude, and 4 where it is negative. */
static inline uint64_t iq2_codes(uint16_t grid, uint32_t signs) { return grid_spread8(grid) | bit_bytes(signs) << 2; }

static void pack_iq2_xxs(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        const unsigned char *q = s + 2 + 8 * b;
        uint32_t w = get32(q + 4), signs = even_signs(seven_bytes(w));
        uint64_t c[4];
        for (int l = 0; l < 4; l++) c[l] = iq2_codes(grid_iq2_xxs[q[l]], signs >> 8 * l);
        put_codes(DT_IQ2_XXS, unit, b, row, c);
        put_nibble_scale(unit, b, row, w >> 28);
    }
}

static void pack_iq2_xs(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        const unsigned char *q = s + 2 + 8 * b;
        uint64_t c[4];
        for (int l = 0; l < 4; l++)
            c[l] = iq2_codes(grid_iq2_xs[q[2 * l] | (q[2 * l + 1] & 1) << 8], even_signs(q[2 * l + 1] >> 1));
        put_codes(DT_IQ2_XS, unit, b, row, c);
        unit[32 + 16 * b + row] = s[66 + b];
    }
}

static void pack_iq2_s(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        uint64_t c[4];
        for (int l = 0; l < 4; l++)
            c[l] = iq2_codes(grid_iq2_s[s[2 + 4 * b + l] | (s[66 + b] >> 2 * l & 3) << 8], s[34 + 4 * b + l]);
        put_codes(DT_IQ2_S, unit, b, row, c);
        unit[32 + 16 * b + row] = s[74 + b];
    }
}

/* Codes of QT_IQ3: magnitude, and 8 where it is negative. */
static void pack_iq3_xxs(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        const unsigned char *q = s + 2 + 8 * b;
        uint32_t w = get32(s + 66 + 4 * b), signs = even_signs(seven_bytes(w));
        uint64_t c[4];
        for (int l = 0; l < 4; l++) {
            uint64_t high = grid_spread4(grid_iq3_xxs[q[2 * l + 1]]);
            c[l] = grid_spread4(grid_iq3_xxs[q[2 * l]]) | high << 32 | bit_bytes(signs >> 8 * l) << 3;
        }
        put_codes(DT_IQ3_XXS, unit, b, row, c);
        put_nibble_scale(unit, b, row, w >> 28);
    }
}

/* 2 n - 15 is the value: 8 + magnitude, or where it is negative 7 - magnitude. */
static void pack_iq3_s(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        const unsigned char *q = s + 2 + 8 * b;
        uint32_t high = s[66 + b];
        uint64_t c[4];
        for (int l = 0; l < 4; l++) {
            uint64_t first = grid_spread4(grid_iq3_s[q[2 * l] | (high >> 2 * l & 1) << 8]);
            uint64_t second = grid_spread4(grid_iq3_s[q[2 * l + 1] | (high >> (2 * l + 1) & 1) << 8]);
            c[l] = (first | second << 32 | 0x0808080808080808u) ^ 15 * bit_bytes(s[74 + 4 * b + l]);
        }
        put_codes(DT_IQ3_S, unit, b, row, c);
        put_nibble_scale(unit, b, row, s[106 + b / 2] >> 4 * (b % 2) & 15);
    }
}

static void pack_iq1_s(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 8; b++) {
        uint32_t h = s[34 + 2 * b] | (uint32_t)s[35 + 2 * b] << 8;
        uint64_t c[4];
        for (int l = 0; l < 4; l++) c[l] = grid_spread8(grid_iq1[s[2 + 4 * b + l] | (h >> 3 * l & 7) << 8]);
        put_codes(DT_IQ1_S, unit, b, row, c);
        put_nibble_scale(unit, b, row, h >> 12);
    }
}

/* Codes of QT_IQ1: g + 1, and 4 where the eighth is below. The bits of d are spread over the scales. */
static void pack_iq1_m(unsigned char *unit, int row, const unsigned char *s)
{
    unsigned char d[2] = {(unsigned char)(s[49] >> 4 | (s[51] & 0xf0)), (unsigned char)(s[53] >> 4 | (s[55] & 0xf0))};
    put_scale(unit, 0, row, d);
    for (int b = 0; b < 8; b++) {
        uint32_t scales = (s[48 + b / 2 * 2] | (uint32_t)s[49 + b / 2 * 2] << 8) >> 6 * (b % 2);
        uint64_t c[4];
        for (int l = 0; l < 4; l++) {
            uint32_t high = s[32 + 2 * b + l / 2] >> 4 * (l % 2);
            c[l] = grid_spread8(grid_iq1[s[4 * b + l] | (high & 7) << 8]) | (high & 8 ? 0x0404040404040404u : 0);
        }
        put_codes(DT_IQ1_M, unit, b, row, c);
        unit[32 + 16 * b + row] = (unsigned char)((scales & 7) | (scales >> 3 & 7) << 4);
    }
}

/* Trit k of each of eight bytes, 0 to 2: the whole part of three times the fraction of 256 that is left of the byte. */
static inline uint64_t trits(const unsigned char *p, int k)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    const uint64_t low = 0x00ff00ff00ff00ffu;
    uint64_t bytes = get64(p), even = (bytes & low) * power[k] & low, odd = (bytes >> 8 & low) * power[k] & low;
    return (even * 3 >> 8 & 0x0003000300030003u) | (odd * 3 & 0x0300030003000300u);
}

static void pack_tq1_0(unsigned char *unit, int row, const unsigned char *s)
{
    uint64_t c[32], *at = c;
    put_scale(unit, 0, row, s + 52);
    for (int k = 0; k < 5; k++)
        for (int j = 0; j < 4; j++) *at++ = trits(s + 8 * j, k);
    for (int k = 0; k < 5; k++)
        for (int j = 0; j < 2; j++) *at++ = trits(s + 32 + 8 * j, k);
    for (int k = 0; k < 4; k += 2) /* four bytes; what stands behind them is cut off */
        *at++ = (trits(s + 46, k) >> 16 & 0xffffffff) | trits(s + 46, k + 1) >> 16 << 32;
    for (int b = 0; b < 8; b++) put_codes(DT_TQ1_0, unit, b, row, c + 4 * b);
}

static void pack_tq2_0(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s + 64);
    for (int b = 0; b < 8; b++) put_pairs(unit + 32 + 128 * b, row, s + b / 4 * 32, b % 4 * 2);
}

static void pack_q2_0(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 2; b++) {
        uint64_t c[4];
        for (int l = 0; l < 4; l++) c[l] = grid_spread8(get32(s + 2 + 8 * b + 4 * (l / 2)) >> 16 * (l % 2) & 0xffff);
        put_codes(DT_Q2_0, unit, b, row, c);
    }
}

static void pack_q1_0(unsigned char *unit, int row, const unsigned char *s)
{
    put_scale(unit, 0, row, s);
    for (int b = 0; b < 4; b++) put_bit_row(unit + 32 + 64 * b, row, get32(s + 2 + 4 * b));
}

/* Eight bytes are sixteen elements, the low nibbles first. 0x7f is a zero in the file; the sign is nothing. */
static void pack_nvfp4(unsigned char *unit, int row, const unsigned char *s)
{
    for (int b = 0; b < 2; b++) {
        uint64_t c[4];
        for (int h = 0; h < 2; h++) {
            unsigned char scale = s[2 * b + h];
            unit[32 * b + 16 * h + row] = scale == 0x7f ? 0 : scale & 0x7f;
            uint64_t bytes = get64(s + 4 + 16 * b + 8 * h);
            c[2 * h] = bytes & 0x0f0f0f0f0f0f0f0fu;
            c[2 * h + 1] = bytes >> 4 & 0x0f0f0f0f0f0f0f0fu;
        }
        put_codes(DT_NVFP4, unit, b, row, c);
    }
}

#define PACKER(T, pack, ...) [DT_##T] = pack_##pack,
static pack_fn *const packers[DT_COUNT] = {QFORMATS(PACKER)};

size_t qpanel_bytes(enum dtype t, int64_t n, int64_t k)
{
    if (qlayouts[t].form == QF_NONE || n <= 0 || k <= 0 || k % qlayouts[t].block) return 0;
    return (size_t)((n + QP_ROWS - 1) / QP_ROWS) * qlayout_panel(t, k);
}

void qpanel_pack_rows(enum dtype t, void *dst, const void *w, size_t row_bytes, int64_t n, int64_t k)
{
    pack_fn *pack = packers[t];
    int64_t units = k / qlayouts[t].block;
    size_t unit_bytes = qlayout_unit(t), block_bytes = (size_t)formats[t].bytes;
    unsigned char *unit = dst;
    for (int64_t j = 0; j < n; j += QP_ROWS) {
        const unsigned char *src = (const unsigned char *)w + (size_t)j * row_bytes;
        int rows = n - j < QP_ROWS ? (int)(n - j) : QP_ROWS;
        for (int64_t u = 0; u < units; u++, unit += unit_bytes) {
            if (rows < QP_ROWS) memset(unit, 0, unit_bytes);
            for (int r = 0; r < rows; r++) pack(unit, r, src + (size_t)r * row_bytes + (size_t)u * block_bytes);
        }
    }
}

void qpanel_pack(enum dtype t, void *dst, const void *w, int64_t n, int64_t k)
{
    qpanel_pack_rows(t, dst, w, format_bytes(t, k), n, k);
}
