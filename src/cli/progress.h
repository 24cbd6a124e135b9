/* Progress of work that is counted in bytes, on stderr: on a terminal one line per file, rewritten at most ten times a
 * second; elsewhere, or with --plain, a line now and then. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool quiet, moving;    /* moving: a terminal */
    bool bar;              /* draw one */
    bool open;             /* the cursor stands behind an unfinished line */
    char label[600];       /* of the file that is shown */
    uint64_t first, total; /* bytes when this program began with the file; at the end, 0 if unknown */
    double begun, shown;   /* seconds */
};
void progress_init(struct progress *p, bool quiet, bool plain);
/* done of total bytes (0: unknown) of the file `name`, which is the index-th of n. */
void progress_show(struct progress *p, const char *name, size_t index, size_t n, uint64_t done, uint64_t total);
/* A line of its own, above the bar; also when quiet. text may be several lines. */
void progress_say(struct progress *p, const char *text);
/* Ends an unfinished line. */
void progress_end(struct progress *p);

/* The line itself, without the cursor's movements, in at most columns characters: for tests. */
void progress_line(const struct progress *p, uint64_t done, double now, int columns, char *out, size_t cap);

#endif
