/* The audit log: a file of JSON lines, each with the hash of the one before it, so that an edit, a line taken out or moved is
 * seen. A line is {"n":N,...,"prev":"HASH","hash":"HASH"}: hash is the SHA-256 of the line before `,"hash"`. Lines that were cut
 * off the end are seen as far as the last checkpoint reaches: FILE.checkpoint says how many lines there were, and the last
 * hash. */
#ifndef SERVE_AUDIT_H
#define SERVE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/sha256.h"

enum { AUDIT_EVERY = 256 }; /* lines from one checkpoint to the next */

struct audit {
    char *path, *checkpoint; /* owned; NULL: there is no log */
    int64_t n;               /* of the last line; the first is 1 */
    char last[SHA256_HEX];   /* its hash */
    bool fresh;              /* lines have been added since the last audit_sync */
};

/* Goes on behind the last line. What a crash has left of half a line is cut off. */
int audit_open(struct audit *a, const char *path, struct err *e);
void audit_close(struct audit *a); /* a checkpoint where something is new; accepts a zeroed one */
/* fields: JSON members without braces, as `"event":"start"`. */
int audit_add(struct audit *a, const char *fields, struct err *e);
/* What was added survives a power cut. */
int audit_sync(struct audit *a, struct err *e);

struct audit_report {
    int64_t lines, checked_to; /* checked_to: the line of the checkpoint; 0: there is none */
};
/* ERR_INTEGRITY with the first line that is not as it was written. */
int audit_verify(struct audit_report *r, const char *path, struct err *e);

#endif
