/* Lines on stderr, each once. */
#include "base/log.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LINES = 1024, PROBES = 16 }; /* a line that finds no place is said again */

static uint64_t said[LINES]; /* hashes; 0: free */
static void (*sink)(void *ctx, const char *line);
static void *sink_ctx;

void log_to(void (*fn)(void *ctx, const char *line), void *ctx)
{
    sink = fn;
    sink_ctx = ctx;
    memset(said, 0, sizeof said);
}

/* FNV-1a. */
static uint64_t hash_of(const char *s)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *s; s++) h = (h ^ (uint8_t)*s) * 0x100000001B3u;
    return h ? h : 1;
}

static bool is_new(const char *line)
{
    uint64_t h = hash_of(line);
    for (size_t i = h % LINES, k = 0; k < PROBES; k++, i = (i + 1) % LINES) {
        uint64_t free_slot = 0;
        if (__atomic_compare_exchange_n(&said[i], &free_slot, h, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return true;
        if (free_slot == h) return false; /* what was there instead */
    }
    return true;
}

void log_warn(const char *fmt, ...)
{
    char text[1024], line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    utf8_printable(line, sizeof line, text, strlen(text)); /* names come from outside */
    if (!is_new(line)) return;
    if (sink) sink(sink_ctx, line);
    else fprintf(stderr, "warning: %s\n", line); /* one call: lines of several threads do not mix */
}
