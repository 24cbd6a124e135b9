/* GEMM micro-kernels in C, f32 and bf16. The bf16 one keeps its rounded inputs as floats, in pairs along k, which is
 * what the hardware instructions want; the arithmetic is the same chain. */
#include "kernel/pack.h"

enum { MR = 4, NR = 16 };

static void pack_a_f32(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    pack_floats(dst, MR, 1, false, &(struct pack_source){src, DT_F32, rs, cs, rows}, 0, kc);
}

static void pack_b_f32(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_floats(dst, NR, 1, false, &(struct pack_source){src, type, cs, rs, cols}, 0, kc);
}

static void pack_a_bf16(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    pack_floats(dst, MR, 2, true, &(struct pack_source){src, DT_F32, rs, cs, rows}, 0, kc);
}

static void pack_b_bf16(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_floats(dst, NR, 2, true, &(struct pack_source){src, type, cs, rs, cols}, 0, kc);
}

static inline void tile(int step, int64_t kc, const float *a, const float *b, float *c, int64_t ldc, bool accumulate)
{
    float acc[MR][NR] = {{0}};
    for (int i = 0; accumulate && i < MR; i++)
        for (int j = 0; j < NR; j++) acc[i][j] = c[i * ldc + j];
    for (int64_t k = 0; k < kc; k += step, a += step * MR, b += step * NR)
        for (int s = 0; s < step; s++)
            for (int i = 0; i < MR; i++)
                for (int j = 0; j < NR; j++) acc[i][j] = fmaf(a[i * step + s], b[j * step + s], acc[i][j]);
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < NR; j++) c[i * ldc + j] = acc[i][j];
}

static void tile_f32(int64_t kc, const void *a, const void *b, float *c, int64_t ldc, bool accumulate)
{
    tile(1, kc, a, b, c, ldc, accumulate);
}

static void tile_bf16(int64_t kc, const void *a, const void *b, float *c, int64_t ldc, bool accumulate)
{
    tile(2, kc, a, b, c, ldc, accumulate);
}

static inline void row(int step, int64_t kc, const float *a, const float *b, float *c, bool accumulate)
{
    float acc[NR] = {0};
    if (accumulate) memcpy(acc, c, sizeof acc);
    for (int64_t k = 0; k < kc; k += step, b += step * NR)
        for (int s = 0; s < step; s++)
            for (int j = 0; j < NR; j++) acc[j] = fmaf(a[k + s], b[j * step + s], acc[j]);
    memcpy(c, acc, sizeof acc);
}

static void row_f32(int64_t kc, const float *a, const void *b, size_t panel_bytes, int panels, float *c, bool accumulate)
{
    for (int p = 0; p < panels; p++)
        row(1, kc, a, (const float *)((const char *)b + (size_t)p * panel_bytes), c + p * NR, accumulate);
}

static void row_bf16(int64_t kc, const float *a, const void *b, size_t panel_bytes, int panels, float *c, bool accumulate)
{
    for (int p = 0; p < panels; p++)
        row(2, kc, a, (const float *)((const char *)b + (size_t)p * panel_bytes), c + p * NR, accumulate);
}

static double peak(int64_t rounds, float x[2])
{
    float acc[NR] = {0};
    for (int64_t r = 0; r < rounds; r++)
        for (int j = 0; j < NR; j++) acc[j] = fmaf(acc[j], x[0], x[1]);
    for (int j = 0; j < NR; j++) x[0] += acc[j];
    return 2.0 * NR * (double)rounds;
}

void gemm_init_c(struct kernels *k)
{
    k->gemm_f32 = (struct gemm_kernel){MR, NR, 1, 4, 4, 64, 256, 256, pack_a_f32, pack_b_f32, tile_f32, row_f32, peak};
    k->gemm_bf16 = (struct gemm_kernel){MR, NR, 2, 4, 4, 64, 256, 256, pack_a_bf16, pack_b_bf16, tile_bf16, row_bf16, peak};
}
