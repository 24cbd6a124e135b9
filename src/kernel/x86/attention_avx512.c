/* Attention's products for AVX-512: tiles of up to 8 rows x 32 columns. */
#include "kernel/x86/simd512.h"

enum { MR = 8 };

/* M rows, V vectors of columns; V == 1: only the first `cols` of them. */
INLINE void tile(int M, int V, const struct product *p, const float *a, const float *b, float *c, int64_t cols)
{
    const int64_t lda = p->lda, ldb = p->ldb, ldc = p->ldc, kc = p->k;
    __m512 acc[MR][2], x[2];
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int v = 0; v < V; v++) {
            const float *from = c + i * ldc + 16 * v;
            acc[i][v] = !p->accumulate ? _mm512_setzero_ps() : V == 1 ? load_first(from, cols) : _mm512_loadu_ps(from);
        }
    for (int64_t k = 0; k < kc; k++, b += ldb) {
        UNROLL
        for (int v = 0; v < V; v++) x[v] = V == 1 ? load_first(b, cols) : _mm512_loadu_ps(b + 16 * v);
        UNROLL
        for (int i = 0; i < M; i++) {
            __m512 y = _mm512_set1_ps(a[i * lda + k]);
            UNROLL
            for (int v = 0; v < V; v++) acc[i][v] = _mm512_fmadd_ps(y, x[v], acc[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < M; i++)
        UNROLL
        for (int v = 0; v < V; v++) {
            float *to = c + i * ldc + 16 * v;
            if (V == 1) store_first(to, cols, acc[i][v]);
            else _mm512_storeu_ps(to, acc[i][v]);
        }
}

INLINE void tile_rows(int V, int rows, const struct product *p, const float *a, const float *b, float *c, int64_t cols)
{
    switch (rows) {
    case 1: tile(1, V, p, a, b, c, cols); break;
    case 2: tile(2, V, p, a, b, c, cols); break;
    case 3: tile(3, V, p, a, b, c, cols); break;
    case 4: tile(4, V, p, a, b, c, cols); break;
    case 5: tile(5, V, p, a, b, c, cols); break;
    case 6: tile(6, V, p, a, b, c, cols); break;
    case 7: tile(7, V, p, a, b, c, cols); break;
    default: tile(8, V, p, a, b, c, cols); break;
    }
}

static void tile_16(int rows, const struct product *p, const float *a, const float *b, float *c, int64_t cols)
{
    tile_rows(1, rows, p, a, b, c, cols);
}

static void tile_32(int rows, const struct product *p, const float *a, const float *b, float *c, int64_t cols)
{
    tile_rows(2, rows, p, a, b, c, cols);
}

static void product_avx512(const struct product *p)
{
    if (p->m <= 0) return;
    int64_t width, blocks = (p->m + MR - 1) / MR;
    for (int64_t j = 0; j < p->n; j += width) {
        int64_t left = p->n - j;
        width = left >= 32 ? 32 : 16;
        for (int64_t i = 0, block = 0; i < p->m; block++) {
            int rows = (int)((p->m - i) / (blocks - block));
            const float *a = p->a + i * p->lda, *b = (const float *)p->b + j;
            float *c = p->c + i * p->ldc + j;
            if (width == 32) tile_32(rows, p, a, b, c, 32);
            else tile_16(rows, p, a, b, c, left);
            i += rows;
        }
    }
}

void attention_init_avx512(struct kernels *k) { k->product = product_avx512; }
