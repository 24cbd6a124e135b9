/* What this processor can do. A level is a real class of machines, not a single feature bit. Levels are ordered: a level
 * includes those before it. Each architecture has its own. */
#ifndef SYS_CPU_H
#define SYS_CPU_H

#include <stdbool.h>
#include "sys/cgroup.h"

enum cpu_level {
    CPU_C, /* nothing assumed */
#if defined(__aarch64__)
    CPU_NEON,         /* Advanced SIMD: every AArch64 processor                */
    CPU_NEON_DOTPROD, /* + SDOT (Cortex-A76 and Neoverse N1 2018, Apple A13)   */
    CPU_NEON_I8MM,    /* + SMMLA (Neoverse V1 2020, Apple M2, Cortex-A710)     */
#elif defined(__x86_64__)
    CPU_AVX2,        /* AVX2 + FMA + F16C (Haswell 2013, Zen 2017)            */
    CPU_AVX512,      /* F + BW + VL + DQ (Skylake-SP 2017)                    */
    CPU_AVX512_VNNI, /* + VNNI (Cascade Lake 2019)                            */
    CPU_AVX512_BF16, /* + BF16 (Cooper Lake 2020, Zen 4 2022)                 */
#endif
    CPU_LEVELS
};

/* The highest level of this machine that the operating system also supports (XCR0, the hardware capabilities of the
 * kernel's auxiliary vector). */
enum cpu_level cpu_detect(void);
const char *cpu_level_name(enum cpu_level level);
/* Level by name; false if unknown. */
bool cpu_level_parse(const char *name, enum cpu_level *out);
/* The processor's marketing name, from CPUID or the main identification register of AArch64; else "unknown". */
void cpu_model(char out[64]);

/* How many threads can run at once. */
struct cpus {
    int count;    /* at least 1: the processors that the process may run on, or fewer where a quota gives less */
    int allowed;  /* the affinity mask, which has what a control group of kind cpuset allows */
    double quota; /* in processors, the tightest of the process's control groups; 0: none */
    char from[CGROUP_FILE]; /* the file that says so */
};
/* root: as in cgroup_read. */
void cpus_read(struct cpus *c, const char *root);
int cpu_count(void); /* cpus.count of this machine */

#endif
