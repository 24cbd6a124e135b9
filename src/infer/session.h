/* Sessions: timelines of tokens that are evaluated with the cache of a decoder (infer/decoder.h). The logits of a session do
 * not
 * depend on who else is in a pass, on the chunk size, on the threads, on which pages it has, nor on what was reused.
 *
 * Invariants of a session: 0 <= n <= context; the cache holds rows [0, n), evaluated from ids[0 .. n), in the pages of its
 * list,
 * PAGE_ROWS in each; logits belong to row n - 1 when has_logits. A page that others have too is never written. Nothing is
 * allocated after opening. */
#ifndef INFER_SESSION_H
#define INFER_SESSION_H

#include <signal.h>
#include "infer/decoder.h"

struct session {
    struct decoder *dec; /* borrowed; NULL: closed */
    int32_t *ids;   /* (context) */
    int64_t n;
    int32_t *pages; /* (pages of context): the first n_pages are its own, or shared */
    int32_t n_pages;
    int64_t reserved; /* rows for which it keeps pages, also when it is rewound */
    float *logits;  /* (V) */
    bool has_logits;
    /* Looked at between passes, NULL allowed: evaluation stops with ERR_INTERRUPTED, what is done stays. */
    const volatile sig_atomic_t *interrupt;
    /* Called between passes of a long evaluation. */
    void (*progress)(void *ctx, int64_t done, int64_t total);
    void *progress_ctx;
};

int session_open(struct session *s, struct decoder *d, struct err *e);
void session_close(struct session *s); /* gives its pages back; accepts a zeroed session */
/* What a session keeps beside its pages. */
uint64_t session_bytes(const struct engine *en, const struct decoder_options *o);

/* Pages for n rows in all, n <= context: taken now, kept until the session is closed or this is called with a smaller n, so
 * that no pass up to there can lack one. A pass takes what it lacks by itself; whoever drives several sessions reserves before
 * he accepts one. ERR_LIMIT when there are not enough, with nothing changed. The promise holds as long as the session is not
 * rewound into pages that others share by then: writing there takes a page more, to be reserved anew. */
int session_reserve(struct session *s, int64_t n, struct err *e);
/* Pages that are missing for n rows: those of the list, and one for each that others share and that would be written. */
int64_t session_lacks(const struct session *s, int64_t n);
/* Pages that would be free if it gave all of its own back. */
int64_t session_frees(const struct session *s);
/* Takes what it lacks: there are as many free ones. Shared pages that would be written are copied. */
void session_take_pages(struct session *s, int64_t n);

/* dst becomes the first n rows of src, another session of the same decoder: whole pages are shared, a last one that is cut is
 * copied; the logits too, where n is all of src. What dst had, and had reserved, is given back. ERR_LIMIT when there is no page
 * for the copy, with nothing changed. */
int session_fork(struct session *dst, const struct session *src, int64_t n, struct err *e);
/* Rows that others have evaluated become part of s, which has no logits afterwards. ids: the text, of which s has the first s->n
 * rows. session_share: the page with the rows up to the next multiple of PAGE_ROWS, shared; one that s kept there is given back.
 * session_copy: rows up to n, no further than that, copied into the page that s keeps there for itself (session_reserve).
 * session_took: rows up to n, which were written into such a page. */
void session_share(struct session *s, const int32_t *ids, int32_t page);
void session_copy(struct session *s, const int32_t *ids, int32_t page, int64_t n);
void session_took(struct session *s, const int32_t *ids, int64_t n);

/* Appends ids (n) to the session, in chunks; logits of the last. ERR_LIMIT before anything is evaluated when there are not
 * enough
 * pages for all. */
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
/* Forgets all, and gives back its pages and what it had reserved. */
void session_reset(struct session *s);
/* Forgets tokens from position n on, and gives back the pages behind it that are not reserved. */
void session_rewind(struct session *s, int64_t n);

#endif
