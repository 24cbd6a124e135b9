/* Who is served in the next pass, and with how many rows: a pure function of what waits, without clock or model, so that a
 * test can run a million passes. Shares come first (infer/fair.h); among requests of one session the higher priority, then
 * who came first. */
#ifndef INFER_QUEUE_H
#define INFER_QUEUE_H

#include <stdbool.h>
#include "infer/fair.h"

struct queue_entry {
    struct fair_account *account;
    int32_t priority;
    uint64_t arrival;  /* unique */
    int64_t prompt;    /* rows of its prompt that are not evaluated yet; 0: it writes, a row a pass */
    int64_t draft;     /* more rows that it would like when it writes: guesses to be checked */
    int64_t most;      /* rows of its prompt in one pass; 0: no limit of its own */
    bool held;         /* it can do nothing now */
    int64_t rows;      /* result: rows in the next pass */
    void *user;
};

struct queue_limits {
    int64_t rows;        /* of one pass */
    int64_t prompt_rows; /* of them for prompts, while somebody writes: writing must not wait long */
    int64_t entries;     /* sequences in one pass */
};

/* Sorts entries (n), best first, and sets `rows` of each; returns the sum. */
int64_t queue_plan(struct queue_entry **entries, size_t n, const struct queue_limits *l);

#endif
