/* Attention's products for AVX2: tiles of up to 6 rows x 16 columns, or 3 x 32, read straight from the rows of A (one
 * number of each row is broadcast) and of B. */
#include "kernel/x86/pack256.h"

enum { MR = 6, WIDE_ROWS = 3, AHEAD = 24 };

/* Eight numbers of B; the last vector of a row of floats may be shorter. */
INLINE __m256 load_b(bool bf16, int V, const void *b, int64_t i, __m256i mask)
{
    if (bf16) return load_bf16((const uint16_t *)b + i);
    return V == 1 ? _mm256_maskload_ps((const float *)b + i, mask) : _mm256_loadu_ps((const float *)b + i);
}

/* M rows, V vectors of columns from column j; V == 1: only the first `cols` of them. Values in bf16 come straight from a
 * cache (see pack_pairs). */
INLINE void tile(bool bf16, int M, int V, const struct product *p, int64_t i0, int64_t j, int64_t cols)
{
    const __m256i mask = mask8(cols);
    const int64_t lda = p->lda, ldb = p->ldb, ldc = p->ldc, kc = p->k;
    const float *a = p->a + i0 * lda;
    float *c = p->c + i0 * ldc + j;
    __m256 acc[MR][4], x[4];
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int v = 0; v < V; v++) {
            const float *from = c + i * ldc + 8 * v;
            acc[i][v] = !p->accumulate ? _mm256_setzero_ps() : V == 1 ? _mm256_maskload_ps(from, mask) : _mm256_loadu_ps(from);
        }
    for (int64_t k = 0; k < kc; k++, j += ldb) {
        UNROLL
        for (int v = 0; v < V; v++) x[v] = load_b(bf16, V, p->b, j + 8 * v, mask);
        if (bf16) __builtin_prefetch((const uint16_t *)p->b + j + AHEAD * ldb);
        UNROLL
        for (int i = 0; i < M; i++) {
            __m256 y = _mm256_broadcast_ss(a + i * lda + k);
            UNROLL
            for (int v = 0; v < V; v++) acc[i][v] = _mm256_fmadd_ps(y, x[v], acc[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int v = 0; v < V; v++) {
            float *to = c + i * ldc + 8 * v;
            if (V == 1) _mm256_maskstore_ps(to, mask, acc[i][v]);
            else _mm256_storeu_ps(to, acc[i][v]);
        }
}

INLINE void tile_rows(bool bf16, int V, int rows, const struct product *p, int64_t i, int64_t j, int64_t cols)
{
    switch (rows) {
    case 1: tile(bf16, 1, V, p, i, j, cols); break;
    case 2: tile(bf16, 2, V, p, i, j, cols); break;
    case 3: tile(bf16, 3, V, p, i, j, cols); break;
    case 4: tile(bf16, 4, V, p, i, j, cols); break;
    case 5: tile(bf16, 5, V, p, i, j, cols); break;
    default: tile(bf16, 6, V, p, i, j, cols); break;
    }
}

INLINE void tile_wide(bool bf16, int rows, const struct product *p, int64_t i, int64_t j)
{
    switch (rows) {
    case 1: tile(bf16, 1, 4, p, i, j, 32); break;
    case 2: tile(bf16, 2, 4, p, i, j, 32); break;
    default: tile(bf16, 3, 4, p, i, j, 32); break;
    }
}

/* Strips of columns, so that a strip of B stays near; rows in blocks of nearly equal height. */
INLINE void product(bool bf16, const struct product *p)
{
    int64_t width, blocks = (p->m + MR - 1) / MR;
    for (int64_t j = 0; j < p->n && p->m > 0; j += width) {
        int64_t left = p->n - j;
        bool wide = p->m <= WIDE_ROWS && left >= 32;
        width = wide ? 32 : left >= 16 ? 16 : 8;
        for (int64_t i = 0, block = 0; i < p->m; block++) {
            int rows = (int)((p->m - i) / (blocks - block));
            if (wide) tile_wide(bf16, rows, p, i, j);
            else if (width == 16) tile_rows(bf16, 2, rows, p, i, j, 16);
            else tile_rows(bf16, 1, rows, p, i, j, left);
            i += rows;
        }
    }
}

static void product_avx2(const struct product *p) { product(false, p); }
static void product_bf16_avx2(const struct product *p) { product(true, p); }

/* Full panels of bf16 in pairs: a pair of neighbours is transposed like one float, then taken apart. The rows of a cache lie
 * apart, so that hardware sees no pattern: those of the next panel are fetched meanwhile. */
static int64_t pack_pairs(float *dst, const uint16_t *src, int64_t ld, int64_t n)
{
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000);
    int64_t k = 0;
    for (; k + 16 <= n; k += 16)
        for (int h = 0; h < KEY_PANEL; h += 8) {
            __m256 r[8];
            UNROLL
            for (int i = 0; i < 8; i++) {
                r[i] = _mm256_castsi256_ps(_mm256_loadu_si256((const void *)(src + (h + i) * ld + k)));
                if (k % 32 == 0) __builtin_prefetch(src + (h + i + KEY_PANEL) * ld + k);
            }
            transpose8(r);
            UNROLL
            for (int i = 0; i < 8; i++) {
                __m256i pair = _mm256_castps_si256(r[i]);
                float *d = dst + (k + 2 * i) * KEY_PANEL + h;
                _mm256_storeu_ps(d, _mm256_castsi256_ps(_mm256_slli_epi32(pair, 16)));
                _mm256_storeu_ps(d + KEY_PANEL, _mm256_castsi256_ps(_mm256_and_si256(pair, upper)));
            }
        }
    return k;
}

static void pack_keys_avx2(float *dst, const void *src, enum dtype t, int64_t ld, int rows, int64_t n)
{
    int64_t k = t == DT_BF16 && rows == KEY_PANEL ? pack_pairs(dst, src, ld, n) : 0;
    const void *rest = (const char *)src + (size_t)k * (t == DT_F32 ? 4 : 2);
    pack_panel_f32(KEY_PANEL, dst + k * KEY_PANEL, &(struct pack_source){rest, t, ld, 1, rows}, n - k);
}

/* A block of Q8_0: an f16 scale and 32 bytes. */
static void widen_q8_0(float *dst, const uint8_t *src, int64_t n)
{
    for (int64_t i = 0; i < n; i += Q8_BLOCK, src += Q8_BYTES) {
        uint16_t half;
        memcpy(&half, src, 2);
        const __m256 d = _mm256_set1_ps(_cvtsh_ss(half));
        UNROLL
        for (int h = 0; h < Q8_BLOCK; h += 8) {
            __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(src + 2 + h)));
            _mm256_storeu_ps(dst + i + h, _mm256_mul_ps(d, _mm256_cvtepi32_ps(q)));
        }
    }
}

static void widen_avx2(float *dst, const void *src, enum dtype t, int64_t n)
{
    if (t == DT_Q8_0) {
        widen_q8_0(dst, src, n);
        return;
    }
    int64_t i = 0;
    for (; t == DT_BF16 && i + 8 <= n; i += 8) _mm256_storeu_ps(dst + i, load_bf16((const uint16_t *)src + i));
    if (i < n) formats[t].to_f32(dst + i, (const char *)src + format_bytes(t, i), n - i);
}

void attention_init_avx2(struct kernels *k)
{
    k->product = product_avx2;
    k->product_bf16 = product_bf16_avx2;
    k->pack_keys = pack_keys_avx2;
    k->widen = widen_avx2;
}
