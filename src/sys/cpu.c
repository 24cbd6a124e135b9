/* CPUID, hardware capabilities and the affinity mask. __builtin_cpu_supports also checks XCR0, so a level means the OS
 * saves the registers. */
#include "sys/cpu.h"
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "sys/pool.h"
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum { MOST_CPUS = 1 << 20 };

static const char *const names[CPU_LEVELS] = {
    [CPU_C] = "c",
#if defined(__aarch64__)
    [CPU_NEON] = "neon",
    [CPU_NEON_DOTPROD] = "neon-dotprod",
    [CPU_NEON_I8MM] = "neon-i8mm",
#elif defined(__x86_64__)
    [CPU_AVX2] = "avx2",
    [CPU_AVX512] = "avx512",
    [CPU_AVX512_VNNI] = "avx512-vnni",
    [CPU_AVX512_BF16] = "avx512-bf16",
#endif
};

#if defined(__aarch64__)
/* Cores by implementer and part number, from their makers' reference manuals. */
static const struct {
    unsigned implementer, part;
    const char *name;
} cores[] = {
    {0x41, 0xd03, "Cortex-A53"},  {0x41, 0xd04, "Cortex-A35"},  {0x41, 0xd05, "Cortex-A55"},  {0x41, 0xd07, "Cortex-A57"},
    {0x41, 0xd08, "Cortex-A72"},  {0x41, 0xd09, "Cortex-A73"},  {0x41, 0xd0a, "Cortex-A75"},  {0x41, 0xd0b, "Cortex-A76"},
    {0x41, 0xd0c, "Neoverse-N1"}, {0x41, 0xd0d, "Cortex-A77"},  {0x41, 0xd40, "Neoverse-V1"}, {0x41, 0xd41, "Cortex-A78"},
    {0x41, 0xd44, "Cortex-X1"},   {0x41, 0xd46, "Cortex-A510"}, {0x41, 0xd47, "Cortex-A710"}, {0x41, 0xd48, "Cortex-X2"},
    {0x41, 0xd49, "Neoverse-N2"}, {0x41, 0xd4f, "Neoverse-V2"}, {0x46, 0x001, "A64FX"},       {0x48, 0xd01, "Kunpeng 920"},
};

/* The kernel answers a read of MIDR_EL1 from user space when it says so. */
static void model_from_midr(char out[64])
{
    if (!(getauxval(AT_HWCAP) & HWCAP_CPUID)) return;
    uint64_t midr;
    __asm__("mrs %0, MIDR_EL1" : "=r"(midr));
    unsigned implementer = midr >> 24 & 0xff, part = midr >> 4 & 0xfff;
    snprintf(out, 64, "AArch64, implementer 0x%02x, part 0x%03x", implementer, part);
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        if (cores[i].implementer == implementer && cores[i].part == part) snprintf(out, 64, "%s", cores[i].name);
}
#endif

enum cpu_level cpu_detect(void)
{
#if defined(__aarch64__)
    unsigned long caps = getauxval(AT_HWCAP);
    if (!(caps & HWCAP_ASIMD)) return CPU_C;
    if (!(caps & HWCAP_ASIMDDP)) return CPU_NEON;
    return getauxval(AT_HWCAP2) & HWCAP2_I8MM ? CPU_NEON_I8MM : CPU_NEON_DOTPROD;
#elif defined(__x86_64__)
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
#elif defined(__aarch64__)
    model_from_midr(out);
#endif
}

/* The kernel refuses a mask that is smaller than its own, whose size it does not tell. */
static int count_allowed(void)
{
    for (int most = 1024; most <= MOST_CPUS; most *= 2) {
        cpu_set_t *set = CPU_ALLOC(most);
        if (!set) return 1;
        size_t bytes = CPU_ALLOC_SIZE(most);
        int rc = sched_getaffinity(0, bytes, set), no = errno, n = rc == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (rc == 0) return n > 0 ? n : 1;
        if (no != EINVAL) return 1;
    }
    return 1;
}

void cpus_read(struct cpus *c, const char *root)
{
    struct cgroup g;
    cgroup_read(&g, root);
    *c = (struct cpus){.allowed = count_allowed(), .quota = g.processors};
    c->count = c->allowed < POOL_MOST ? c->allowed : POOL_MOST;
    if (c->quota <= 0) return;
    memcpy(c->from, g.processors_file, sizeof c->from);
    if (c->quota < c->count) c->count = c->quota < 1 ? 1 : (int)c->quota; /* whole ones: a thread too many makes all wait */
}

int cpu_count(void)
{
    struct cpus c;
    cpus_read(&c, "");
    return c.count;
}
