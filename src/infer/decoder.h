/* A decoder: the cache with its pages, the memory of one forward pass, the arrays of one batch. Rows of several sessions can be
 * evaluated in one pass: long pieces of prompts and single rows side by side.
 *
 * How many sessions there are is not limited; how many are in one pass (slots), how many rows it has, and how many pages there
 * are, is. Nothing is allocated after opening. */
#ifndef INFER_DECODER_H
#define INFER_DECODER_H

#include "infer/engine.h"
#include "infer/pages.h"
#include "tensor/run.h"

struct decoder {
    const struct engine *en; /* borrowed */
    struct cache cache;
    struct pages pages; /* of the cache: who has them */
    struct run run;
    int64_t chunk; /* rows that session_eval evaluates at once */
    int64_t rows;  /* most rows of one pass */
    int64_t context;
    int slots; /* most sessions of one pass */
    int64_t most_logits; /* rows of one pass whose logits can be wanted */
    struct tensor *logits, *hidden; /* of the last pass: of the rows that wanted them, in order; of all rows */
    int32_t *ids, *pos, *last; /* (rows) */
    struct segment *segs;      /* (slots) */
};

enum { DECODER_CHUNK = 256, DECODER_SCORED = 64 }; /* chunks by default; all logits of a row are many */
/* Puts defaults where chunk and slots are 0, and checks them. */
int decoder_complete(struct decoder_options *o, struct err *e);
/* The pages of a decoder with this shape, whose context is known. */
int64_t decoder_pages(const struct decoder_options *o);
/* o->context at most en->positions. */
int decoder_open(struct decoder *d, const struct engine *en, const struct decoder_options *o, struct err *e);
void decoder_close(struct decoder *d); /* accepts a zeroed or half-opened decoder; its sessions were closed before */
/* Bytes that one forward pass needs at most, for a network whose numbers need not be there. */
int decoder_measure(struct run_size *size, const struct engine *en, const struct decoder_options *o, struct err *e);

/* The error for a cache with fewer free pages than something lacks. */
int decoder_no_pages(const struct decoder *d, int64_t lacks, struct err *e);

/* One pass: pieces of different sessions, n_pieces <= slots, together at most `rows` tokens. Fails without having
 * changed anything: with ERR_LIMIT when there are not enough free pages for all of them. */
struct session;
struct piece {
    struct session *s;
    const int32_t *ids; /* (n) to append; must not point into s->ids unless it is s->ids + s->n */
    int64_t n;
    int64_t logits; /* wanted of so many rows, the last ones; of the last of all into s->logits, too */
    double *sum;    /* (width) the hidden rows are added to it, in order of position; NULL: not wanted */
};
int decoder_eval(struct decoder *d, const struct piece *pieces, int n_pieces, struct err *e);
/* Until the next pass: the logits of row i of those that were wanted, counted over all pieces. */
const float *decoder_logits(const struct decoder *d, int64_t i);

#endif
