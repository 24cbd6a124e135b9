/* Forty lines of test helper: CHECK counts and prints, test_end prints the closing line that machines read. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int test_passed, test_failed, test_skipped;

static inline void test_fail(const char *file, int line, const char *cond, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: FAILED: %s: ", file, line, cond);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    test_failed++;
}

/* CHECK(cond, "printf format", ...): counts one check; never stops the program. */
#define CHECK(cond, ...)                                                                           \
    do {                                                                                           \
        if (cond) test_passed++;                                                                   \
        else test_fail(__FILE__, __LINE__, #cond, __VA_ARGS__);                                    \
    } while (0)
#define CHECK_OK(call, e) CHECK((call) == 0, "%s", (e)->msg)

static inline void test_skip(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    test_skipped++;
}

static inline int test_end(void)
{
    printf("%d passed, %d failed, %d skipped\n", test_passed, test_failed, test_skipped);
    return test_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
