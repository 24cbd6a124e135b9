/* Hot inner loops behind one run-time table.
 *
 * A kernel sees raw pointers and counts: no tensors, no threads, no allocation, no errors. The C version is the
 * definition; src/kernel/x86/ and src/kernel/arm/ hold variants. tests/check_kernel.c checks every variant against C.
 *
 * Numerics contract (docs/ARCHITECTURE.md, "Same bits"):
 *  - Every f32 kernel performs the same IEEE operations in the same order in every variant, so that results are
 *    equal to the bit on every level. "chain": acc = fma(a[i], b[i], acc) for increasing i. "lanes": 16 partial
 *    sums, element i goes to lane i % 16, then the fixed tree
 *    lane[j] += lane[j + 8] (j < 8), += lane[j + 4] (j < 4), += lane[j + 2] (j < 2), += lane[1].
 *  - The bf16 GEMM of level avx512-bf16 uses vdpbf16ps (pairs; its own rounding), so bf16 results are a property of
 *    the machine's level; they still do not depend on m, on the blocking or on the threads. Below that level bf16
 *    GEMM rounds its inputs to bf16 and then follows the f32 chain, k padded with zeros to an even number.
 *  - Pointers need no alignment. Inputs may not overlap outputs unless said otherwise. n may be 0. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "format/format.h"
#include "kernel/qpanel.h"
#include "sys/cpu.h"

/* Micro-kernel of the packed GEMM. Packed A: panels of mr rows, packed B: panels of nr columns, both along k, padded
 * with zeros to full panels and to a multiple of k_step. A panel of A is [k / k_step][mr][k_step] elements, a panel
 * of B is [k / k_step][nr][k_step]. */
struct gemm_kernel {
    int mr, nr, k_step;
    int a_bytes, b_bytes; /* bytes of an element of packed A, of packed B */
    int mc, kc, nc; /* cache blocks: mc x kc of A stays in L2, kc x nr of B in L1; kc is a multiple of k_step */
    /* rows <= mr, kc elements; element (i, k) at src[i * rs + k * cs]. Rounds to bf16 if the kernel is a bf16 one. */
    void (*pack_a)(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc);
    /* cols <= nr; element (k, j) at src[k * rs + j * cs]; src is f32 or bf16. */
    void (*pack_b)(void *dst, const void *src, enum dtype src_type, int64_t rs, int64_t cs, int cols, int64_t kc);
    /* c[i * ldc + j], mr x nr: chain over kc, starting from c when accumulate, else from 0. */
    void (*tile)(int64_t kc, const void *a, const void *b, float *c, int64_t ldc, bool accumulate);
    /* One row against `panels` panels of B that lie panel_bytes apart: c[nr * panels], the same chain as tile.
     * a: the row as kc floats (already rounded by round_bf16 if the kernel is a bf16 one). */
    void (*row)(int64_t kc, const float *a, const void *b, size_t panel_bytes, int panels, float *c, bool accumulate);
    /* For measuring: `rounds` times the kernel's multiply-add on as many registers as keep it busy, no memory. Returns
     * the number of operations (a multiply-add is two per lane). x: factors in x[0], x[1]; the result is put there too. */
    double (*peak)(int64_t rounds, float x[2]);
};

/* One product of attention: C (m, n) = A (m, k) B (k, n), or C += when accumulate; rows of A, B and C are contiguous. */
struct product {
    int64_t m, n, k;
    const float *a;
    int64_t lda;
    const void *b; /* floats, or bf16 for product_bf16 */
    int64_t ldb;
    float *c;
    int64_t ldc;
    bool accumulate;
};
enum { KEY_PANEL = 32 }; /* keys in a panel of pack_keys */

struct adamw_args {
    float lr, beta1, beta2, eps, weight_decay; /* decoupled: w -= lr * weight_decay * w */
    float bias1, bias2;                        /* 1 - beta^t */
    float grad_scale;                          /* clipping: every gradient is multiplied by it first */
};

struct kernels {
    enum cpu_level level;
    struct gemm_kernel gemm_f32, gemm_bf16;
    void (*round_bf16)(float *dst, const float *src, int64_t n);   /* to bf16 values, kept as f32; may be in place */
    /* One row of struct qacts, n a multiple of 32. Per block: d = max|x| / 127, q = round half away (x / d), 0 for NaN;
     * d == 0 gives q = 0. */
    void (*quantize_acts)(int8_t *q, float *d, float *sx, int16_t *half, const float *x, int64_t n);
    qmul_fn *qmul[DT_COUNT]; /* products with panels (qpanel.h), exactly its chains; NULL: the format has no panels */

    float (*dot)(const float *a, const float *b, int64_t n);       /* lanes of fma */
    float (*sum_sq)(const float *x, int64_t n);                    /* lanes of fma */
    float (*sum)(const float *x, int64_t n);                       /* lanes */
    float (*max)(const float *x, int64_t n);                       /* -inf for n == 0; NaN is not propagated */
    void (*axpy)(float *y, float a, const float *x, int64_t n);    /* y = fma(a, x, y) */
    void (*scale)(float *y, float a, int64_t n);                   /* y *= a */
    void (*add)(float *y, const float *a, const float *b, int64_t n); /* y = a + b; may be in place */
    void (*mul)(float *y, const float *a, const float *b, int64_t n); /* y = a * b; may be in place */

    /* y[i] = x[i] * inv * w[i], evaluated (x * inv) * w; inv = 1 / sqrt(sum_sq(x) / n + eps), returned. */
    float (*rmsnorm)(float *y, const float *x, const float *w, int64_t n, float eps);
    /* dx += inv * (dy * w - x * inv^2 * dot(dy * w, x) / n);  dw += dy * x * inv. */
    void (*rmsnorm_back)(float *dx, float *dw, const float *dy, const float *x, const float *w, float inv, int64_t n);
    /* In place x = exp(scale * x - m) with m = max(scale * x); returns the lanes sum of the results. */
    float (*exp_sum)(float *x, float scale, int64_t n, float *max_out);
    /* y = silu(g) * u, silu(z) = z * sigmoid(z). */
    void (*swiglu)(float *y, const float *g, const float *u, int64_t n);
    /* dg += dy * u * silu'(g);  du += dy * silu(g). */
    void (*swiglu_back)(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n);
    /* y = gelu(g) * u in the tanh form, gelu(z) = z * sigmoid(p(z)), p(z) = 2 sqrt(2 / pi) * (z + 0.044715 z^3). */
    void (*geglu)(float *y, const float *g, const float *u, int64_t n);
    /* dg += dy * u * gelu'(g);  du += dy * gelu(g). */
    void (*geglu_back)(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n);
    void (*sigmoid)(float *y, const float *x, int64_t n); /* may be in place */
    /* Interleaved pairs (x[2i], x[2i+1]) rotated by (cos[i], sin[i]), n even; sign = -1 turns back. In place. */
    void (*rope)(float *x, const float *cos_, const float *sin_, int64_t n, float sign);
    /* The same for pairs (x[i], x[i + n / 2]). */
    void (*rope_half)(float *x, const float *cos_, const float *sin_, int64_t n, float sign);
    /* The same chains as gemm_f32, without packing: for few rows of A, or of B. */
    void (*product)(const struct product *p);
    void (*product_bf16)(const struct product *p); /* n a multiple of 8 */
    /* dst[k * KEY_PANEL + j] = number k < n of row j < rows of src, which is F32 or BF16, ld numbers from row to row; rows
     * that are not there become 0. */
    void (*pack_keys)(float *dst, const void *src, enum dtype t, int64_t ld, int rows, int64_t n);
    void (*widen)(float *dst, const void *src, enum dtype t, int64_t n); /* BF16 or Q8_0 (n a multiple of 32) to floats */
    /* Rows of a Q8_0 cache as panels of Q8_0 (qpanel.h); rows lie row_bytes apart, their first number begins a block.
     * Keys: W (n, k) is the rows. Values: W (n, 32 tiles) is the columns of 32 * tiles rows, n a multiple of 32: a block of
     * 32 rows by 32 columns has one scale, the largest of its rows', and its integers are those of the rows times the
     * row's scale / the largest, in units of 2^-15, rounded half up. Scales are not negative. */
    void (*q8_keys)(void *panels, const void *rows, size_t row_bytes, int64_t n, int64_t k);
    void (*q8_values)(void *panels, const void *rows, size_t row_bytes, int64_t tiles, int64_t n);
    /* AdamW on one run of parameters; g is scaled by grad_scale. */
    void (*adamw)(float *w, float *m, float *v, const float *g, int64_t n, const struct adamw_args *a);
};

/* Fills the table for a level that this build can run (kernels_max_level() or lower). Every entry is set. */
void kernels_init(struct kernels *k, enum cpu_level level);
/* cpu_detect(), or the highest level there is in a build that emulates AVX-512 (make SIMDE=1). */
enum cpu_level kernels_max_level(void);
/* Whether the bf16 GEMM of a level follows the f32 chain; else its sums have the rounding of an instruction. */
bool kernels_bf16_is_chain(enum cpu_level level);

/* The float exponential that all variants share: relative error at most 2 ulp on [-87.3, 88.7], 0 below -87.34
 * (so exp(-inf) = 0), +inf above 88.72. Scalar definition, for tests and for C code. */
float kernel_expf(float x);

#endif
