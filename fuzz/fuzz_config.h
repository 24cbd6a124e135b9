/* For fuzz targets of configurations: what was accepted is used in the way a caller would, and must survive being written
 * and read again. */
#ifndef FUZZ_CONFIG_H
#define FUZZ_CONFIG_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/net.h"

enum { FUZZ_MAX_LAYERS = 4 }; /* more are only slower */

static inline void fuzz_check(bool ok)
{
    if (!ok) __builtin_trap();
}

/* The parameter table: sizes only, no numbers. */
static inline void fuzz_build(const struct config *c)
{
    struct net net = {0};
    struct err e;
    if (c->layers > FUZZ_MAX_LAYERS) return;
    if (net_build(&net, c, &e) == OK) {
        int64_t n = 0, active;
        for (int i = 0; i < net.n_params; i++) n += tensor_count(&net.params[i].t);
        fuzz_check(n == config_params(c, &active) && active <= n);
    }
    net_free(&net);
}

static inline void fuzz_look_at_config(const struct config *c)
{
    double freq[512], magnitude;
    int64_t active, n = config_params(c, &active);
    fuzz_check(n > 0 && active > 0);
    fuzz_check(config_cache_width(c) > 0 && config_rope_width(c) <= 1024 && isfinite(config_softmax_scale(c)));
    config_rope_freq(c, freq, &magnitude);
    config_rope_freq_local(c, freq);
    for (int64_t i = 0; i < c->layers; i++) config_is_local(c, i);
    fuzz_build(c);
    struct buf one = {0}, two = {0};
    struct config again;
    struct err e;
    json_t *root = NULL;
    if (config_to_json(c, &one, &e) == OK) {
        fuzz_check(json_parse(&root, one.data, one.len, "again", &e) == OK);
        fuzz_check(config_from_json(&again, root, "again", &e) == OK);
        fuzz_check(config_to_json(&again, &two, &e) == OK && one.len == two.len && !memcmp(one.data, two.data, one.len));
    }
    json_decref(root);
    buf_free(&one);
    buf_free(&two);
}

#endif
