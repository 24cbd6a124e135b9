/* What convert and quantize share: the model's name, threads, progress, warnings. */
#ifndef CLI_RECAST_H
#define CLI_RECAST_H

#include "base/buf.h"
#include "base/json.h"
#include "cli/progress.h"
#include "cli/setup.h"
#include "quant/convert.h"

/* The mixture that an option names, such as "--to". */
int recast_mix(const char *option, const char *name, struct mix *out, struct err *e);

struct recast {
    const char *command;
    bool quiet, force; /* force: replace what exists without a question */
    struct progress progress;
    struct pool *pool;
    const char *label;
    void (*row)(void *ctx, const struct tensor_result *r); /* NULL: no report per tensor */
    void *row_ctx;
};
/* Sets o->in (found: room for it) and o->write. Refuses to write over what is read. recast_end in every case. */
int recast_begin(struct recast *c, struct convert_options *o, char found[SETUP_PATH], const char *in, int64_t threads,
                 struct err *e);
void recast_end(struct recast *c);

/* Appends "1.0 GiB as f16 became 530.1 MiB: 169 tensors q8_0, 529.7 MiB; 121 tensors f32, 0.4 MiB". */
void recast_sizes(const struct convert_result *r, struct buf *out);
/* {"q8_0": {"tensors": 169, "bytes": 555443}, ...}; owned; NULL without memory. */
json_t *recast_types(const struct convert_result *r);

#endif
