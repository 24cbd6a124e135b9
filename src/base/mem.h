/* The one home of malloc and free. Counts allocations, can forbid them (a step of training or decoding must
 * not allocate), and can fail the k-th one (fault injection in tests). Thread-safe. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* 64-byte aligned, zeroed; pages of a large block take memory once they are written. NULL when out of memory. n == 0 gives a
 * valid pointer. Owned: free with mem_free. */
void *mem_alloc(size_t n);
/* As mem_alloc, for count * size; NULL also when the product overflows. */
void *mem_array(size_t count, size_t size);
/* Grows p (NULL allowed) of old_bytes to new_bytes >= old_bytes; the new part is zero. On failure NULL, p stays. */
void *mem_grow(void *p, size_t old_bytes, size_t new_bytes);
void mem_free(void *p); /* NULL allowed */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);

/* From guard_begin to guard_end an allocation by this thread is a bug: it aborts with the phase's name. */
void mem_guard_begin(const char *phase);
void mem_guard_end(void);

/* Number of allocations since start (all threads), and the number not yet freed. */
uint64_t mem_count(void);
int64_t mem_live(void);

/* Tests: let the k-th allocation from now on (1 = next) return NULL, one of a library included; 0 turns it off. */
void mem_fail_at(uint64_t k);
uint64_t mem_fail_left(void); /* what k is by now */

/* Allocations of this thread that have failed so far. Code that tries something, and takes any failure for "no", would otherwise
 * come to another result when memory is short. */
uint64_t mem_shortages(void);
/* rc; but ERR_MEMORY when an allocation of this thread has failed since mem_shortages was `before`. */
int mem_verdict(int rc, uint64_t before, const char *what, struct err *e);

/* malloc and free as jansson and OpenSSL get them: counted with the others. Memory of mem_alloc and of these do not mix. */
void *mem_lib_alloc(size_t n);
void *mem_lib_grow(void *p, size_t n);
void mem_lib_free(void *p);
void mem_lib_keep(int64_t blocks); /* so many are kept until the program ends: they do not count as live */

/* out = mem_alloc(n), or FAIL with the number of bytes and what they were for. */
int mem_new(void **out, size_t n, const char *what, struct err *e);

#endif
