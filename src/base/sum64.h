/* A checksum at the speed of memory, against accidents: a change of any 8 bytes alone is always noticed, others but for one in
 * 2^64. It does not withstand intent; SHA-256 does. */
#ifndef BASE_SUM64_H
#define BASE_SUM64_H

#include <stddef.h>
#include <stdint.h>

uint64_t sum64(const void *data, size_t n);

#endif
