/* Whether stored numbers are all finite, at the cost of reading them: of blocks only the scales count, whose products with
 * small integers stay far below the largest float. */
#include <math.h>
#include <stddef.h>
#include "base/checked.h"
#include "format/blocks.h"

enum { ROOM = 2048 };

static bool f32_finite(const uint8_t *p, int64_t n)
{
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, p + 4 * i, 4);
        bad |= (u & 0x7f800000u) == 0x7f800000u;
    }
    return !bad;
}

/* f16, bf16: all bits of the exponent set. */
static bool u16_finite(const uint8_t *p, int64_t n, unsigned exponent)
{
    unsigned bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint16_t u;
        memcpy(&u, p + 2 * i, 2);
        bad |= (u & exponent) == exponent;
    }
    return !bad;
}

static bool f8_finite(const uint8_t *p, int64_t n)
{
    unsigned bad = 0;
    for (int64_t i = 0; i < n; i++) bad |= (p[i] & 0x7f) == 0x7f;
    return !bad;
}

/* Where a block has scales in f16; -1: no second one. */
static const struct {
    enum dtype type;
    int first, second;
} scales[] = {
    {DT_Q8_0, offsetof(struct q8_0_block, d), -1},
    {DT_Q4_0, offsetof(struct q4_0_block, d), -1},
    {DT_IQ4_NL, offsetof(struct q4_0_block, d), -1},
    {DT_Q4_1, offsetof(struct q4_1_block, d), offsetof(struct q4_1_block, m)},
    {DT_Q5_0, offsetof(struct q5_0_block, d), -1},
    {DT_Q5_1, offsetof(struct q5_1_block, d), offsetof(struct q5_1_block, m)},
    {DT_Q2_K, offsetof(struct q2_k_block, d), offsetof(struct q2_k_block, dmin)},
    {DT_Q3_K, offsetof(struct q3_k_block, d), -1},
    {DT_Q4_K, offsetof(struct q4_k_block, d), offsetof(struct q4_k_block, dmin)},
    {DT_Q5_K, offsetof(struct q5_k_block, d), offsetof(struct q5_k_block, dmin)},
    {DT_Q6_K, offsetof(struct q6_k_block, d), -1},
    {DT_IQ4_XS, offsetof(struct iq4_xs_block, d), -1},
    {DT_IQ2_XXS, offsetof(struct iq2_xxs_block, d), -1},
    {DT_IQ2_XS, offsetof(struct iq2_xs_block, d), -1},
    {DT_IQ2_S, offsetof(struct iq2_s_block, d), -1},
    {DT_IQ3_XXS, offsetof(struct iq3_xxs_block, d), -1},
    {DT_IQ3_S, offsetof(struct iq3_s_block, d), -1},
    {DT_IQ1_S, offsetof(struct iq1_s_block, d), -1},
};

static bool scale_finite(const uint8_t *p) { return ((p[1] << 8 | p[0]) & 0x7c00) != 0x7c00; }

static bool blocks_finite(const uint8_t *p, int64_t blocks, int bytes, int first, int second)
{
    bool good = true;
    for (int64_t i = 0; i < blocks; i++, p += bytes) good &= scale_finite(p + first) && (second < 0 || scale_finite(p + second));
    return good;
}

/* Every number, decoded. */
static bool decoded_finite(enum dtype t, const uint8_t *p, int64_t n)
{
    float x[ROOM];
    int64_t step = ROOM / formats[t].block * formats[t].block;
    for (int64_t i = 0; i < n; i += step) {
        int64_t k = min_i64(step, n - i);
        formats[t].to_f32(x, p + format_bytes(t, i), k);
        for (int64_t j = 0; j < k; j++)
            if (!isfinite(x[j])) return false;
    }
    return true;
}

bool format_all_finite(enum dtype t, const void *data, int64_t n)
{
    if (!formats[t].to_f32) return true;
    if (t == DT_F32) return f32_finite(data, n);
    if (t == DT_F16) return u16_finite(data, n, 0x7c00);
    if (t == DT_BF16) return u16_finite(data, n, 0x7f80);
    if (t == DT_F8_E4M3) return f8_finite(data, n);
    int64_t blocks = n / formats[t].block;
    for (size_t i = 0; i < ARRAY_LEN(scales); i++)
        if (scales[i].type == t) return blocks_finite(data, blocks, formats[t].bytes, scales[i].first, scales[i].second);
    return decoded_finite(t, data, n);
}
