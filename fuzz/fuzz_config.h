/* For fuzz targets of configurations: what was accepted is used in the way a caller would, and must survive being written
 * and read again. */
#ifndef FUZZ_CONFIG_H
#define FUZZ_CONFIG_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "infer/engine.h"

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

static inline enum dtype fuzz_type(void *ctx, const char *name, int64_t cols)
{
    (void)ctx;
    return strstr(name, "attn_q") ? DT_F16 : cols % 256 == 0 ? DT_Q4_K : cols % 32 == 0 ? DT_Q8_0 : DT_F32;
}

/* What it would take: sums without overflow, and the same refusal for the same figures. */
static inline void fuzz_plan(const struct config *c)
{
    struct engine_shape s = {c, true, fuzz_type, NULL};
    struct engine_options o = {.model = "fuzz", .shape = &s, .threads = 1, .memory = UINT64_C(1) << 34};
    struct engine_memory m;
    struct err e;
    if (c->layers > FUZZ_MAX_LAYERS) return;
    int rc = engine_plan(&o, &m, &e);
    fuzz_check(rc == OK || rc == ERR_MEMORY || (rc == ERR_LIMIT && c->context > 1 << 24));
    if (rc == ERR_LIMIT) return;
    fuzz_check(m.parts.all.params == config_params(c, NULL) && m.total >= m.weights && m.total >= m.cache);
    fuzz_check((rc == OK) == (m.total <= m.available) && (m.fits == m.context) == (rc == OK));
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
    fuzz_plan(c);
    struct buf one = {0}, two = {0};
    struct config again;
    struct err e;
    json_t *root = NULL;
    if (config_to_json(c, &one, &e) == OK) {
        fuzz_check(json_parse_file(&root, one.data, one.len, "again", &e) == OK);
        fuzz_check(config_from_json(&again, root, "again", &e) == OK);
        fuzz_check(config_to_json(&again, &two, &e) == OK && one.len == two.len && !memcmp(one.data, two.data, one.len));
    }
    json_decref(root);
    buf_free(&one);
    buf_free(&two);
}

#endif
