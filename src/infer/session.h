/* Decoder and sessions: evaluating tokens with a cache.
 *
 * A decoder owns the cache (slots x context rows), the memory of one forward pass and the arrays of one batch. A
 * session is one timeline of tokens in one slot. Rows of several sessions can be evaluated in one pass; the logits of
 * a session do not depend on who else is in it, on the chunk size, on the threads, nor on what was reused.
 *
 * Invariants of a session: 0 <= n <= context; the cache holds rows [0, n) of its slot, evaluated from ids[0 .. n);
 * logits belong to row n - 1 when has_logits. Nothing is allocated after opening. */
#ifndef INFER_SESSION_H
#define INFER_SESSION_H

#include <signal.h>
#include "infer/engine.h"

struct decoder {
    const struct engine *en; /* borrowed */
    struct cache cache;
    struct run run;
    int64_t chunk; /* rows that session_eval evaluates at once */
    int64_t rows;  /* most rows of one pass */
    int64_t context;
    int slots;
    bool all_logits;
    bool *used;                /* (slots) */
    int32_t *ids, *pos, *last; /* (rows) */
    struct segment *segs;      /* (slots) */
};

enum { DECODER_CHUNK = 256, DECODER_SCORED = 64 }; /* chunks by default; all logits of a row are many */
/* Puts defaults where chunk and slots are 0, and checks them. */
int decoder_complete(struct decoder_options *o, struct err *e);
/* o->context at most en->positions. */
int decoder_open(struct decoder *d, const struct engine *en, const struct decoder_options *o, struct err *e);
void decoder_close(struct decoder *d); /* accepts a zeroed or half-opened decoder */
/* Bytes that one forward pass needs at most, for a network whose numbers need not be there. */
int decoder_measure(struct run_size *size, const struct engine *en, const struct decoder_options *o, struct err *e);
/* What a session keeps beside its part of the cache. */
uint64_t session_bytes(const struct engine *en, const struct decoder_options *o);

struct session {
    struct decoder *dec; /* borrowed; NULL: closed */
    int slot;
    int32_t *ids; /* (context) */
    int64_t n;
    float *logits; /* (V) */
    bool has_logits;
    /* Looked at between passes, NULL allowed: evaluation stops with ERR_INTERRUPTED, what is done stays. */
    const volatile sig_atomic_t *interrupt;
    /* Called between passes of a long evaluation. */
    void (*progress)(void *ctx, int64_t done, int64_t total);
    void *progress_ctx;
};

int session_open(struct session *s, struct decoder *d, struct err *e); /* ERR_LIMIT when no slot is free */
void session_close(struct session *s);

/* One pass: pieces of different sessions, n_pieces <= slots, together at most `rows` tokens. Fails without having
 * changed anything. */
struct piece {
    struct session *s;
    const int32_t *ids; /* (n) to append; must not point into s->ids unless it is s->ids + s->n */
    int64_t n;
    bool logits; /* wanted: of the last row, into s->logits */
};
int decoder_eval(struct decoder *d, const struct piece *pieces, int n_pieces, struct err *e);

/* Appends ids (n) to the session, in chunks; logits of the last. */
int session_eval(struct session *s, const int32_t *ids, int64_t n, struct err *e);
/* Makes the timeline ids (n): keeps the longest common prefix, evaluates the rest. *reused (NULL allowed): tokens
 * that were not evaluated again. */
int session_sync(struct session *s, const int32_t *ids, int64_t n, int64_t *reused, struct err *e);
/* Appends ids (n) and hands out the logits of every row, a pass at a time: rows [first, first + rows) of ids, `stride`
 * numbers apart, valid during the call. Needs a decoder with all_logits. */
typedef int logits_fn(void *ctx, int64_t first, int64_t rows, const float *logits, int64_t stride, struct err *e);
int session_logits(struct session *s, const int32_t *ids, int64_t n, logits_fn *fn, void *ctx, struct err *e);
/* Appends ids (n) and tells how well each row predicted what came: nats[i] = -log p(targets[i] after ids[i]); targets
 * below 0 are not looked at and give 0. Needs a decoder with all_logits. */
int session_score(struct session *s, const int32_t *ids, int64_t n, const int32_t *targets, double *nats,
                  struct err *e);
/* -log of the probability that logits (vocab) give to target, 0 <= target < vocab. */
double session_nats(const float *logits, int64_t vocab, int32_t target);
/* Forgets tokens from position n on. */
void session_rewind(struct session *s, int64_t n);

#endif
