/* Writing models anew, seen from the command line. */
#include "cli/models/recast.h"
#include <stdio.h>
#include "cli/confirm.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/term.h"
#include "hub/choose.h"
#include "sys/cpu.h"
#include "sys/file.h"
#include "sys/pool.h"

static bool show_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct recast *c = ctx;
    progress_show(&c->progress, c->label, 1, 1, done, total);
    return term_interrupted != 0;
}

static void warn(void *ctx, const char *message)
{
    struct recast *c = ctx;
    char line[700];
    snprintf(line, sizeof line, "autarky %s: %s", c->command, message);
    progress_say(&c->progress, line);
}

static void row(void *ctx, const struct tensor_result *r)
{
    struct recast *c = ctx;
    if (c->row) c->row(c->row_ctx, r);
}

int recast_mix(const char *option, const char *name, struct mix *out, struct err *e)
{
    enum dtype type;
    if (mix_by_name(name, out)) return OK;
    if (format_to_write(option, name, &type, e) == ERR_UNSUPPORTED) return ERR_UNSUPPORTED;
    const char *near = nearest_name(name, mix_names, mix_count);
    FAIL(e, ERR_USAGE, "%s is \"%s\", which is no number format%s%s; autarky quantize -h lists them", option, name,
         near ? "; did you mean " : "", near ? near : "");
}

int recast_begin(struct recast *c, struct convert_options *o, char found[SETUP_PATH], const char *in, int64_t threads,
                 struct err *e)
{
    TRY(model_resolve(found, in, e));
    in = found;
    TRY(confirm_not_input(o->out, in, e));
    TRY(confirm_not_input(o->out, o->importance_file, e));
    TRY(confirm_replace(o->out, c->force, e));
    o->replace = true; /* as agreed */
    TRY(pool_open(&c->pool, threads ? (int)threads : cpu_count(), e));
    progress_init(&c->progress, c->quiet, false);
    c->label = o->out;
    o->in = in;
    o->write.pool = c->pool;
    o->write.progress = show_progress;
    o->write.warn = warn;
    o->write.report = row;
    o->write.ctx = c;
    return OK;
}

void recast_sizes(const struct convert_result *r, struct buf *out)
{
    char before[24], size[24];
    hub_size_text(before, r->totals.total);
    buf_printf(out, "tensors of %s, mostly %s, became %s", before, formats[r->from].name, hub_size_text(size, r->bytes));
    bool first = true;
    for (int t = 0; t < DT_COUNT; t++) {
        if (!r->of[t].tensors) continue;
        buf_printf(out, "%s%d tensor%s %s, %s", first ? ": " : "; ", r->of[t].tensors, r->of[t].tensors == 1 ? "" : "s",
                   formats[t].name, hub_size_text(size, r->of[t].bytes));
        first = false;
    }
}

json_t *recast_types(const struct convert_result *r)
{
    json_t *o = json_object();
    for (int t = 0; t < DT_COUNT && o; t++)
        if (r->of[t].tensors && json_object_set_new(o, formats[t].name,
                                                    json_pack("{s:i,s:I}", "tensors", r->of[t].tensors, "bytes",
                                                              (json_int_t)r->of[t].bytes))) {
            json_decref(o);
            o = NULL;
        }
    return o;
}

void recast_end(struct recast *c)
{
    progress_end(&c->progress);
    pool_close(c->pool);
    c->pool = NULL;
}
