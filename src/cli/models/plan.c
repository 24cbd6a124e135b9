/* autarky plan: what a model would take here, and how fast it can be at most, before anything of it is fetched or opened.
 * The figures are those by which chat, run and bench refuse: engine_plan. */
#include "cli/models/plan.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/models/packed.h"
#include "cli/term.h"
#include "hub/known.h"
#include "model/shapes.h"
#include "quant/mix.h"
#include "sys/bandwidth.h"
#include "sys/file.h"
#include "sys/store.h"

/* Formats to offer, best first. */
static const char *const offers[] = {"q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k", "q2_k"};
static const char default_format[] = "q4_k_m";

/* ---- which model ---- */

static enum dtype type_of_mix(void *ctx, const char *name, int64_t cols)
{
    const struct plan_format *f = ctx;
    enum dtype wanted;
    return mix_type(&f->mix, &f->model, name, cols, &wanted);
}

/* The shape of c in a format; f must live as long as the plan. */
static struct engine_shape shape_in(struct plan_format *f, const struct config *c)
{
    f->model = (struct mix_model){.tied = c->tied_head, .layers = c->layers};
    return (struct engine_shape){
        .config = c, .quantised = formats[f->mix.main].block > 1, .type = type_of_mix, .ctx = f};
}

/* A folder that has a configuration and no weights. */
static bool is_bare_folder(const char *path)
{
    static const char *const weights[] = {"model.safetensors", "model.safetensors.index.json"};
    char file[SETUP_PATH];
    if (!file_is_dir(path)) return str_ends_with(path, "config.json");
    for (size_t i = 0; i < ARRAY_LEN(weights); i++)
        if (path_join(file, sizeof file, path, weights[i], NULL) || !file_absent(file)) return false;
    return !path_join(file, sizeof file, path, "config.json", NULL) && !file_absent(file);
}

static int unknown(const char *name, struct err *e)
{
    const char *names[128];
    size_t n = 0;
    while (n < ARRAY_LEN(names) && shape_name(n)) {
        names[n] = shape_name(n);
        n++;
    }
    const char *near = nearest_name(name, names, n);
    if (near)
        FAIL(e, ERR_NOTFOUND, "%s: there is no such model here, and no published shape of that name; did you mean %s?",
             name, near);
    FAIL(e, ERR_NOTFOUND,
         "%s: there is no such model here, and no published shape of that name (plan --list shows them)", name);
}

/* A config.json stands for its folder. */
static int open_file(struct plan *p, struct err *e)
{
    char folder[SETUP_PATH];
    bool json = !file_is_dir(p->path) && str_ends_with(p->path, "config.json");
    if (json) TRY(path_dir(folder, sizeof folder, p->path, e));
    TRY(model_file_open(&p->file, json ? folder : p->path, e));
    return net_read_config(&p->config, &p->file, e);
}

/* Where the shape comes from: a file or folder with weights, a mere configuration, or the table of published shapes. */
static int find_model(struct plan *p, const char *name, struct err *e)
{
    char found[SETUP_PATH];
    bool here = model_resolve(found, name, NULL) == OK;
    snprintf(p->name, sizeof p->name, "%s", name);
    if (here) {
        snprintf(p->path, sizeof p->path, "%s", found);
        p->bare = is_bare_folder(p->path);
        return open_file(p, e);
    }
    p->bare = true;
    if (!shape_by_name(name, &p->config)) return unknown(name, e);
    return config_check(&p->config, name, e);
}

/* ---- figures ---- */

/* Bytes of the cache that a token reads after `depth` others: layers with a window read no more than that. */
static double cache_read(const struct plan *p, int64_t depth)
{
    const struct config *c = &p->config;
    double rows = 0, layers = (double)(c->layers + c->mtp_layers);
    for (int64_t i = 0; i < c->layers; i++) rows += (double)(config_is_local(c, i) ? min_i64(depth, c->window) : depth);
    return rows * (double)p->memory.token_cache / layers;
}

/* The probe is over before a quota makes itself felt; an answer is not. */
static double share_of_time(const struct plan *p)
{
    return p->cpus.quota > 0 && p->cpus.quota < p->threads ? p->cpus.quota / p->threads : 1;
}

double plan_speed(const struct plan *p, const struct engine_memory *m, int64_t depth)
{
    return p->bandwidth > 0 ? share_of_time(p) * p->bandwidth / ((double)m->parts.all.token + cache_read(p, depth)) : 0;
}

/* The same model in another format: fits, and up to which context. */
static int try_offer(struct plan *p, const struct engine_options *o, const char *name, struct err *e)
{
    struct plan_offer *offer = &p->offers[p->n_offers];
    struct plan_format f = {0};
    struct err refused = {0};
    if (!mix_by_name(name, &f.mix) || !strcmp(name, p->format_name)) return OK;
    struct engine_shape s = shape_in(&f, &p->config);
    struct engine_options other = *o;
    other.shape = &s;
    other.compute = p->compute == ENGINE_AUTO && s.quantised ? ENGINE_INT8 : o->compute;
    int rc = engine_plan(&other, &offer->memory, &refused);
    if (rc && rc != ERR_MEMORY) return err_set(e, refused.code, refused.file, refused.line, "%s", refused.msg);
    offer->name = name;
    p->n_offers++;
    return OK;
}

static int make_plan(struct plan *p, const struct engine_options *base, struct err *e)
{
    struct engine_options o = *base;
    struct err refused = {0};
    struct engine_shape s;
    if (p->bare || p->format_name[0]) {
        if (!p->format_name[0]) snprintf(p->format_name, sizeof p->format_name, "%s", default_format);
        if (!mix_by_name(p->format_name, &p->format.mix))
            FAIL(e, ERR_USAGE, "there is no format \"%s\"", p->format_name);
        s = shape_in(&p->format, &p->config);
        o.shape = &s;
    }
    o.model = p->name;
    if (!o.shape) {
        o.model = p->path;
        o.file = &p->file;
    }
    o.shorten = true; /* as chat and run do */
    int rc = engine_plan(&o, &p->memory, &refused);
    if (rc && rc != ERR_MEMORY) return err_set(e, refused.code, refused.file, refused.line, "%s", refused.msg);
    p->fits = rc == OK;
    o.shorten = false; /* the others are shown with the same context */
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) TRY(try_offer(p, &o, offers[i], e));
    meminfo_read(&p->system);
    cpus_read(&p->cpus, "");
    if (p->path[0]) p->packed = packed_bytes(p->path);
    if (file_free_space(p->path[0] ? p->path : ".", &p->free_disk, NULL)) p->free_disk = 0;
    struct pool *pool;
    TRY(pool_open(&pool, o.threads > 0 ? o.threads : p->cpus.count, e));
    p->threads = pool_threads(pool);
    p->bandwidth = bandwidth_read(pool, p->memory.available);
    pool_close(pool);
    return OK;
}

static int list_shapes(bool json, struct err *e)
{
    json_t *list = json ? json_array() : NULL;
    for (size_t i = 0; shape_name(i); i++) {
        struct config c;
        int64_t active;
        if (!shape_by_name(shape_name(i), &c) || config_check(&c, shape_name(i), e)) return e->code;
        c.mtp_layers = 0; /* as published, and as the plan itself counts */
        int64_t all = config_params(&c, &active);
        const char *from = hub_known(shape_name(i));
        if (json) {
            json_add(list, json_pack("{s:s,s:I,s:I,s:s?}", "name", shape_name(i), "parameters", (json_int_t)all,
                                     "active", (json_int_t)active, "pull", from));
            continue;
        }
        printf("%-32s%8.2f billion parameters", shape_name(i), (double)all / 1e9);
        if (c.experts) printf(", %.2f used per token", (double)active / 1e9);
        putchar('\n');
    }
    if (!json) return term_flush() ? OK : err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    json_t *o = json_pack("{s:o}", "models", list);
    if (!o) FAIL(e, ERR_MEMORY, "out of memory for the list");
    return answer_print_json(o, e);
}

static int run(struct plan *p, const char *model, const struct model_args *a, struct err *e)
{
    char def[SETUP_PATH];
    if (!model) {
        TRY(model_default(def, e));
        model = def;
    }
    TRY(find_model(p, model, e));
    struct engine_options o = model_engine_options(p->name, a);
    p->compute = o.compute;
    o.decoder.slots = (int)p->slots;
    return make_plan(p, &o, e);
}

int cmd_plan(int argc, char **argv)
{
    static struct plan p; /* large, and there is one */
    struct model_args a;
    struct look_args look;
    struct err e = {0};
    const char *format = NULL;
    bool json = false, list = false;
    int n, status;
    struct opts o = {
        .command = "plan",
        .usage = "[MODEL]",
        .summary = "What a model would take on this machine, and how fast it can be at most, before it is fetched or\n"
                   "opened. MODEL is a file, a folder (config.json is enough) or the name of a published model, as\n"
                   "deepseek-r1 or qwen3-8b. The exit code is 0 when it fits and 4 when it does not.\n"};
    p.slots = 1;
    opts_add(&o, (struct opt){
                     "quant", 'q', OPT_STR, &format, .arg = "FORMAT",
                     .help = "as if in this format: q8_0, q4_k_m, ... (default: the file's; without a file q4_k_m)"});
    opts_add(&o, (struct opt){"slots", 0, OPT_I64, &p.slots, 1, 1024, .help = "sequences at once (1)"});
    opts_flag(&o, "list", 0, &list, "the names of published models");
    opts_flag(&o, "json", 0, &json, "one JSON object");
    look_args_add(&o, &look);
    model_args_add(&o, &a);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    term_setup((enum term_color)look.color, look.plain);
    if (n > 1) {
        err_set(&e, ERR_USAGE, __FILE__, __LINE__, "one MODEL is expected, %d are given", n);
        return exit_fail("plan", &e);
    }
    if (list) return list_shapes(json, &e) ? exit_fail("plan", &e) : EXIT_OK;
    if (format) snprintf(p.format_name, sizeof p.format_name, "%.31s", format);
    int rc = run(&p, n ? argv[1] : NULL, &a, &e);
    if (!rc) rc = json ? plan_print_json(&p, &e) : plan_print(&p, &e);
    model_file_close(&p.file);
    if (rc) return exit_fail("plan", &e);
    return p.fits ? EXIT_OK : EXIT_MEMORY;
}
