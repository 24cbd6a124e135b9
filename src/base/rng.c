/* Philox4x32-10. Checked against the known-answer vectors of Random123 in tests/check_base.c. */
#include "base/rng.h"
#include <math.h>

void rng_philox(uint64_t seed, uint64_t stream, uint64_t position, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)position, c1 = (uint32_t)(position >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint64_t rng_u64(uint64_t seed, uint64_t stream, uint64_t position)
{
    uint32_t w[4];
    rng_philox(seed, stream, position, w);
    return (uint64_t)w[1] << 32 | w[0];
}

uint64_t rng_below(uint64_t seed, uint64_t stream, uint64_t position, uint64_t n)
{
    return (uint64_t)((unsigned __int128)rng_u64(seed, stream, position) * n >> 64);
}

double rng_uniform(uint64_t seed, uint64_t stream, uint64_t position)
{
    return (double)(rng_u64(seed, stream, position) >> 11) * 0x1p-53;
}

double rng_normal(uint64_t seed, uint64_t stream, uint64_t position)
{
    uint32_t w[4];
    rng_philox(seed, stream, position, w);
    double u1 = ((double)((uint64_t)w[1] << 21 | w[0] >> 11) + 0.5) * 0x1p-53; /* in (0, 1): the log is finite */
    double u2 = (double)((uint64_t)w[3] << 21 | w[2] >> 11) * 0x1p-53;
    return sqrt(-2.0 * log(u1)) * cos(6.283185307179586 * u2);
}

uint64_t rng_stream(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}
