/* Fills the kernel table, from the oldest level to the wanted one: each level overrides what it does better. */
#include "kernel/kernel.h"
#include "kernel/variants.h"

enum cpu_level kernels_max_level(void)
{
#if defined(__x86_64__) && defined(KERNEL_SIMDE_BUILD)
    return CPU_AVX512_BF16;
#else
    return cpu_detect();
#endif
}

void kernels_init(struct kernels *k, enum cpu_level level)
{
    k->level = level;
    gemm_init_c(k);
    qmul_init_c(k);
    vector_init_c(k);
    activation_init_c(k);
    attention_init_c(k);
    qcache_init_c(k);
#if defined(__x86_64__)
    if (level < CPU_AVX2) return;
    gemm_init_avx2(k);
    qmul_init_avx2(k);
    vector_init_avx2(k);
    activation_init_avx2(k);
    attention_init_avx2(k);
    qcache_init_avx2(k);
    if (level < CPU_AVX512) return;
    gemm_init_avx512(k);
    vector_init_avx512(k);
    activation_init_avx512(k);
    attention_init_avx512(k);
    if (level < CPU_AVX512_VNNI) return;
    qmul_init_avx512_vnni(k);
    if (level < CPU_AVX512_BF16) return;
    gemm_init_avx512_bf16(k);
#elif defined(__aarch64__)
    if (level < CPU_NEON) return;
    gemm_init_neon(k);
    qmul_init_neon(k);
    vector_init_neon(k);
    activation_init_neon(k);
    attention_init_neon(k);
    qcache_init_neon(k);
    if (level < CPU_NEON_DOTPROD) return;
    qmul_init_neon_dotprod(k);
    if (level < CPU_NEON_I8MM) return;
    qmul_init_neon_i8mm(k);
#endif
}

bool kernels_bf16_is_chain(enum cpu_level level)
{
#if defined(__x86_64__)
    return level < CPU_AVX512_BF16;
#else
    (void)level;
    return true;
#endif
}

float kernel_expf(float x) { return exp_scalar(x); }
