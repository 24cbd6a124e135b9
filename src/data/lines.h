/* A text file as lines: decompressed, turned into UTF-8, cut. Internal to data. */
#ifndef DATA_LINES_H
#define DATA_LINES_H

#include "data/docs.h"
#include "data/encoding.h"

/* So many lines of UTF-8 that is not ASCII are no accident: the file is UTF-8, and what is not is damage. */
enum { LINES_SURE = 3 };

struct lines {
    const char *name; /* of the file: borrowed */
    uint64_t number;  /* of the line at hand, from 1 */
    uint64_t read, total; /* bytes of the file */
    struct buf line;  /* without its end */
    bool ended;       /* a newline follows */
    bool keep_cr;     /* a carriage return before it is text */
    int utf8_lines;   /* how many lines before were UTF-8 and not ASCII, at most LINES_SURE */
    struct encoding_head head;
    int (*fn)(struct lines *l, struct err *e); /* called for each line; non-zero ends the reading */
};

/* The line at hand is UTF-8 without NUL, or the message names file, line and place, and what to do. */
int lines_check(struct lines *l, struct err *e);
/* Both call l->fn for every line; name, fn and keep_cr are set, the rest is zero. encoding: what a file is in that is not
 * UTF-8; bytes in memory are not converted. Frees what l has, in every case. */
int lines_of_file(struct lines *l, const char *path, int encoding, struct err *e);
int lines_of_memory(struct lines *l, const char *data, size_t len, struct err *e);

#endif
