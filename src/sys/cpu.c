/* CPUID and the affinity mask. __builtin_cpu_supports also checks XCR0, so a level means the OS saves the registers. */
#include "sys/cpu.h"
#include <sched.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const names[CPU_LEVELS] = {"c", "avx2", "avx512", "avx512-vnni", "avx512-bf16"};

enum cpu_level cpu_detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return CPU_C;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_F16C)) return CPU_C;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512dq"))
        return CPU_AVX2;
    if (!__builtin_cpu_supports("avx512vnni")) return CPU_AVX512;
    return __builtin_cpu_supports("avx512bf16") ? CPU_AVX512_BF16 : CPU_AVX512_VNNI;
#else
    return CPU_C;
#endif
}

const char *cpu_level_name(enum cpu_level level) { return names[level]; }

bool cpu_level_parse(const char *name, enum cpu_level *out)
{
    for (int i = 0; i < CPU_LEVELS; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum cpu_level)i;
            return true;
        }
    return false;
}

void cpu_model(char out[64])
{
    strcpy(out, "unknown");
#if defined(__x86_64__)
    unsigned r[12];
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3])) return;
    memcpy(out, r, 48);
    out[48] = 0;
    for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--) out[n - 1] = 0;
#endif
}

int cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}
