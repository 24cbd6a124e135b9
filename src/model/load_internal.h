/* What the two halves of loading share: load.c finds and checks the tensors of the file, load_weights.c puts their
 * numbers where the run wants them. Internal to model/. */
#ifndef MODEL_LOAD_INTERNAL_H
#define MODEL_LOAD_INTERNAL_H

#include "model/net.h"

/* The tensors of the file that make up one parameter: one; or with FORM_EXPERTS in a folder one per expert; or with
 * FORM_KV_B in GGUF two, the transposed keys and the values. */
struct sources {
    const struct tf_tensor **t; /* inside load.all */
    int64_t n;
};

struct load {
    struct net *net;
    const struct load_options *o;
    struct tf file;
    bool gguf;
    bool *used;                   /* per tensor of the file */
    const struct tf_tensor **all; /* sources of all parameters, one after the other */
    struct sources *src;          /* per parameter */
    float *scratch;               /* one assembled W_kvb */
};

/* Gives every parameter its memory and its numbers; needs net, o, file, src. */
int load_weights(struct load *l, struct err *e);

#endif
