/* Eight lanes of xor, rotation and multiplication by an odd number, each of which can be undone: a lane forgets nothing. */
#include "base/sum64.h"
#include <string.h>

enum { LANES = 8, BLOCK = 64 };
static const uint64_t factor = 0x9e3779b97f4a7c15u; /* 2^64 over the golden ratio, odd */

static uint64_t mix(uint64_t h, uint64_t word)
{
    h ^= word;
    return (h << 31 | h >> 33) * factor;
}

static void add_block(uint64_t h[LANES], const unsigned char *p)
{
    for (int i = 0; i < LANES; i++) {
        uint64_t word;
        memcpy(&word, p + 8 * i, 8);
        h[i] = mix(h[i], word);
    }
}

uint64_t sum64(const void *data, size_t n)
{
    const unsigned char *p = data;
    unsigned char last[BLOCK] = {0};
    uint64_t h[LANES], sum = mix(factor, n);
    for (int i = 0; i < LANES; i++) h[i] = (uint64_t)(i + 1) * factor;
    for (; n >= BLOCK; p += BLOCK, n -= BLOCK) add_block(h, p);
    if (n > 0) {
        memcpy(last, p, n);
        add_block(h, last);
    }
    for (int i = 0; i < LANES; i++) sum = mix(sum, h[i]);
    return sum ^ sum >> 32;
}
