/* Q8_0 products for VNNI, panels of 16 rows. vpdpbusd multiplies unsigned by signed bytes, four at a time, exactly: x is
 * made unsigned by adding 128, and 128 times the sum of the weights, kept in the panel, is taken off in advance. */
#include "kernel/x86/simd512.h"
#include "kernel/x86/q8_panel.h"

enum { NR = 16, GROUPS = Q8_BLOCK / 4, ROWS = 4 };
static const struct q8_panel panels = {NR, true};

static size_t packed_bytes_vnni(int64_t n, int64_t k) { return q8_panels_bytes(panels, n, k); }
static void pack_vnni(void *dst, const void *q8_0, int64_t n, int64_t k) { q8_pack_panels(panels, dst, q8_0, n, k); }

/* Four values of x plus 128, in every lane. */
INLINE __m512i broadcast4(const int8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return _mm512_set1_epi32((int)(v ^ 0x80808080u));
}

/* One panel against M rows of x. */
INLINE void panel_rows(int M, const char *w, int64_t k, const int8_t *xq, const float *xd, float *y, int64_t ldy, int64_t cols)
{
    int64_t blocks = k / Q8_BLOCK;
    __m512 acc[ROWS];
    UNROLL
    for (int i = 0; i < M; i++) acc[i] = _mm512_setzero_ps();
    for (int64_t b = 0; b < blocks; b++, w += NR * (Q8_BYTES + 2)) {
        __m512i sum[ROWS];
        sum[0] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(short_to_int(w + NR * Q8_BYTES), 7));
        UNROLL
        for (int i = 1; i < M; i++) sum[i] = sum[0];
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
            __m512i q = _mm512_loadu_si512((const void *)(w + 64 * g));
            UNROLL
            for (int i = 0; i < M; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], broadcast4(xq + i * k + b * Q8_BLOCK + 4 * g), q);
        }
        __m512 dw = half_to_float(w + NR * Q8_BLOCK);
        UNROLL
        for (int i = 0; i < M; i++)
            acc[i] = _mm512_fmadd_ps(_mm512_mul_ps(dw, _mm512_set1_ps(xd[i * blocks + b])), int_to_float(sum[i]), acc[i]);
    }
    UNROLL
    for (int i = 0; i < M; i++) store_first(y + i * ldy, cols, acc[i]);
}

static void mul_vnni(const void *packed, int64_t n, int64_t k, const int8_t *xq, const float *xd, int64_t m, int64_t j0,
                     int64_t j1, float *y, int64_t ldy)
{
    (void)n;
    int64_t blocks = k / Q8_BLOCK;
    for (int64_t j = j0; j < j1; j += NR) {
        const char *w = (const char *)packed + (size_t)(j / NR) * q8_panel_bytes(panels, k);
        int64_t i = 0;
        for (; i + ROWS <= m; i += ROWS) panel_rows(ROWS, w, k, xq + i * k, xd + i * blocks, y + i * ldy + j, ldy, j1 - j);
        for (; i < m; i++) panel_rows(1, w, k, xq + i * k, xd + i * blocks, y + i * ldy + j, ldy, j1 - j);
    }
}

void q8_init_avx512_vnni(struct kernels *k) { k->q8 = (struct q8_kernel){NR, packed_bytes_vnni, pack_vnni, mul_vnni}; }
