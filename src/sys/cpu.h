/* What this processor can do. A level is a real class of machines, not a single CPUID bit. Levels are ordered:
 * a level includes those before it on the same architecture. */
#ifndef SYS_CPU_H
#define SYS_CPU_H

#include <stdbool.h>

enum cpu_level {
    CPU_C,           /* nothing assumed                                       */
    CPU_AVX2,        /* AVX2 + FMA + F16C (Haswell 2013, Zen 2017)            */
    CPU_AVX512,      /* F + BW + VL + DQ (Skylake-SP 2017)                    */
    CPU_AVX512_VNNI, /* + VNNI (Cascade Lake 2019)                            */
    CPU_AVX512_BF16, /* + BF16 (Cooper Lake 2020, Zen 4 2022)                 */
    CPU_LEVELS
};

/* The highest level of this machine that the operating system also supports (XCR0). */
enum cpu_level cpu_detect(void);
const char *cpu_level_name(enum cpu_level level);
/* Level by name; false if unknown. */
bool cpu_level_parse(const char *name, enum cpu_level *out);
/* The processor's marketing name, from CPUID; "unknown" elsewhere. */
void cpu_model(char out[64]);
/* Processors this process may run on (affinity mask), at least 1. */
int cpu_count(void);

#endif
