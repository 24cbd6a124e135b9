/* What the two halves of loading share: load.c finds and checks the tensors of the file, load_weights.c puts their
 * numbers where the run wants them. Internal to model/. */
#ifndef MODEL_LOAD_INTERNAL_H
#define MODEL_LOAD_INTERNAL_H

#include "model/net.h"

/* The tensors of the file that make up one parameter: one; or with FORM_EXPERTS in a folder one per expert; or with
 * FORM_KV_B in GGUF two, the transposed keys and the values. */
struct sources {
    const struct tf_tensor **t; /* inside load.all */
    const struct tf_tensor *const *scale; /* FP8: the scales of each, in blocks of 128 x 128 or one; else NULL */
    int64_t n;
};

struct load {
    struct net *net;
    const struct load_options *o;
    const struct tf *file; /* of the opened model; NULL: the tensors are invented (weigh.c) */
    bool gguf;
    bool *used;                   /* per tensor of the file */
    bool scaled;                  /* some matrix is in FP8 with scales */
    const struct tf_tensor **all; /* sources of all parameters, one after the other */
    const struct tf_tensor **scales; /* of each source */
    int inner;                    /* which names a language model inside a larger one has: see hf_inner */
    struct sources *src;          /* per parameter */
    char *scratch;                /* one assembled W_kvb as f32, or per thread rows with their scales applied */
    size_t scratch_each;          /* bytes of a thread */
};

/* Finds every tensor of the network; nothing of it is read. m must outlive l. load_close in every case. */
int load_open(struct load *l, struct model_file *m, struct err *e);
void load_close(struct load *l); /* not l->net */
/* Fills t, plain or packed, from its tensors in the file. */
int load_tensor(struct load *l, const struct sources *src, struct tensor *t, struct err *e);
/* Rows [row, row + rows) of a matrix stored with one scale per block of 128 x 128, or with a single one, as f32. */
void load_scaled_rows(const struct tf_tensor *s, const struct tf_tensor *scale, int64_t row, int64_t rows, int64_t k,
                      float *dst);
/* What a file's numbers need to become a parameter's, once they are there as f32. */
void load_adjust(const struct load *l, struct param *p);
/* Gives every parameter its memory and its numbers; needs net, o, file, src. */
int load_weights(struct load *l, struct err *e);
/* Numbers for everything that load_place has placed. */
int load_fill_all(struct load *l, struct err *e);
/* The arena of `need` bytes over a file of panels: filled by an earlier run, or filled now and then kept. ERR_IO or ERR_LIMIT: do
 * without. */
int load_over_panels(struct load *l, size_t need, struct err *e);
/* ERR_INTERRUPTED when the loading is to stop. */
int load_check_stop(const struct load *l, struct err *e);
/* Gives every parameter its place in the arena, which may be measuring; inference only. */
void load_place(struct load *l, struct arena *a);
bool load_is_mapped(const struct load *l, const struct param *p); /* read where it lies in the file */
/* After load_place: stored in blocks and multiplied as f32, though products are integer. */
bool load_is_slow(const struct load *l, const struct param *p);
/* Sums of what load_weights will make for inference; leaves the net without numbers. */
struct weights;
void load_weigh(struct load *l, struct weights *w);

#endif
