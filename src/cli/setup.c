/* Models and sampling from the command line. */
#include "cli/setup.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "cli/model_name.h"
#include "cli/term.h"
#include "sys/file.h"

/* $AUTARKY_THREADS, for machines that are shared; 0, all processors, when it is not set or no number that there can be. */
static int64_t default_threads(void)
{
    const char *s = getenv("AUTARKY_THREADS");
    char *end;
    long n = s ? strtol(s, &end, 10) : 0;
    if (s && *s && (*end || n < 1 || n > POOL_MOST)) {
        fprintf(stderr, "autarky: AUTARKY_THREADS is \"%.40s\", expected 1 to %d: it is not used\n", s, POOL_MOST);
        return 0;
    }
    return n;
}

static const char *const attention_names[] = {"absorbed", "plain", NULL};
static const char *const thinking_names[] = {"default", "off", "on", NULL}; /* enum chat_thinking */
static const char *const compute_names[] = {"auto", "f32", "bf16", "int8", NULL}; /* enum engine_compute */
static const char *const cache_names[] = {"auto", "f32", "bf16", "q8_0", NULL};   /* enum engine_cache */

void model_args_add(struct opts *o, struct model_args *m)
{
    *m = (struct model_args){.threads = default_threads()};
    opts_heading(o, "Model and machine:");
    opts_add(o, (struct opt){"ctx", 'c', OPT_I64, &m->ctx, 1, 1 << 24,
                             .help = "tokens of context (default: the model's, or the most that fits)"});
    opts_add(o, (struct opt){"threads", 't', OPT_I64, &m->threads, 1, POOL_MOST,
                             .help = "threads (default: AUTARKY_THREADS, else all processors that may be used)"});
    opts_add(o, (struct opt){"memory", 0, OPT_I64, &m->memory, 1, 1e18, .arg = "BYTES",
                             .help = "refuse to take more, as 500M or 8G (default: what is free)"});
    opts_choice(o, "compute", &m->compute, compute_names, "numbers of products");
    opts_choice(o, "cache", &m->cache, cache_names,
                "numbers of what is remembered (auto: bf16; with f32 products f32; latents with int8 products q8_0)");
    opts_choice(o, "attention", &m->attention, attention_names, "of latents: how it is computed");
    opts_add(o, (struct opt){"level", 0, OPT_STR, &m->level, .arg = "NAME",
                             .help = "kernels: c, avx2, ... (default: the best)"});
    opts_flag(o, "no-panels", 0, &m->no_panels, "keep no file of packed weights");
    opts_add(o, (struct opt){"chunk", 0, OPT_I64, &m->chunk, 1, 4096, .help = "prompt tokens evaluated at once (256 or fewer)"});
}

void model_args_window(struct opts *o, const char *help)
{
    for (int i = 0; i < o->n; i++)
        if (o->rows[i].name && !strcmp(o->rows[i].name, "ctx"))
            o->rows[i].help = help;
}

void chat_args_add(struct opts *o, struct model_args *m)
{
    opts_add(o, (struct opt){"template", 0, OPT_STR, &m->template_name, .arg = "NAME",
                             .help = "form of chats: chatml, llama-3, ..., or a file (default: the model's own)"});
    opts_choice(o, "think", &m->thinking, thinking_names, "thinking before the answer, where the model leaves the choice");
    opts_add(o, (struct opt){"date", 0, OPT_STR, &m->date, .arg = "YYYY-MM-DD",
                             .help = "the day that templates tell the model, where they do (today)"});
}

int chat_args_day(const struct model_args *m, struct tm *day, struct err *e)
{
    time_t now = time(NULL);
    *day = (struct tm){.tm_isdst = -1};
    if (!m->date) {
        localtime_r(&now, day);
        return OK;
    }
    char *end = strptime(m->date, "%Y-%m-%d", day);
    if (!end || *end) FAIL(e, ERR_USAGE, "--date is \"%.40s\", expected a day as 2026-11-30", m->date);
    return OK;
}

void sample_args_add(struct opts *o, struct sample_params *p, struct sample_given *given)
{
    sample_defaults(p);
    opts_heading(o, "Choice of the next word (defaults: what the model's files advise, else those in brackets):");
    opts_add(o, (struct opt){"temp", 0, OPT_F64, &p->temp, 0, 5, .arg = "T",
                             .help = "temperature, 0: always the likeliest (0.7)",
                             .given = &given->temp});
    opts_add(o, (struct opt){"top-k", 0, OPT_I64, &p->top_k, 0, 1 << 20, .arg = "K",
                             .help = "only the K likeliest, 0: off (0)",
                             .given = &given->top_k});
    opts_add(o, (struct opt){"top-p", 0, OPT_F64, &p->top_p, 0, 1, .arg = "P",
                             .help = "the likeliest with P together, 1: off (0.95)",
                             .given = &given->top_p});
    opts_add(o, (struct opt){"min-p", 0, OPT_F64, &p->min_p, 0, 1, .arg = "P",
                             .help = "at least P times the likeliest, 0: off (0.05)",
                             .given = &given->min_p});
    opts_add(o, (struct opt){"repeat", 0, OPT_F64, &p->repeat, 0.5, 3, .arg = "R",
                             .help = "penalty for repeating, 1: off (1); none at --temp 0",
                             .given = &given->repeat});
    opts_add(o, (struct opt){"repeat-window", 0, OPT_I64, &p->repeat_window, 0, 1 << 24,
                             .help = "tokens it looks back (64)"});
    opts_add(o, (struct opt){"seed", 0, OPT_U64, &p->seed, .help = "same seed, same answer (default: random)",
                             .given = &given->seed});
}

void sample_args_advise(struct sample_params *p, const struct sample_given *given, const struct engine *en)
{
    struct sample_params advised;
    engine_sampling(en, &advised);
    if (!given->temp) p->temp = advised.temp;
    if (!given->top_k) p->top_k = advised.top_k;
    if (!given->top_p) p->top_p = advised.top_p;
    if (!given->min_p) p->min_p = advised.min_p;
    if (!given->repeat) p->repeat = advised.repeat;
    if (p->temp == 0 && given->repeat && p->repeat != 1)
        fprintf(stderr,
                "autarky: --repeat has no effect at temperature 0, which takes the likeliest token; --top-k 1 --temp 1 takes "
                        "the likeliest after the penalty\n");
}

void look_args_add(struct opts *o, struct look_args *l)
{
    *l = (struct look_args){0};
    opts_choice(o, "color", &l->color, term_color_names, "colours (auto)");
    opts_flag(o, "plain", 0, &l->plain, "no colours, nothing that moves the cursor");
}

uint64_t random_seed(void)
{
    uint64_t v;
    if (getrandom(&v, sizeof v, 0) != sizeof v) v = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
    return v & ((UINT64_C(1) << 53) - 1);
}

bool xdg_path(char out[SETUP_PATH], const char *variable, const char *fallback, const char *rest)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    int n;
    if (base && base[0] == '/') n = snprintf(out, SETUP_PATH, "%s/%s", base, rest);
    else if (home && home[0] == '/') n = snprintf(out, SETUP_PATH, "%s/%s/%s", home, fallback, rest);
    else return false;
    return n > 0 && n < SETUP_PATH;
}

static void tell_warning(void *ctx, const char *message)
{
    (void)ctx;
    log_warn("%s", message);
}

static void tell_packing(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    term_status("packing weights, once for this model: %" PRId64 "%%", 100 * done / total);
}

struct engine_options model_engine_options(const char *path, const struct model_args *m)
{
    return (struct engine_options){.model = path,
                                   .compute = (enum engine_compute)m->compute,
                                   .cache = (enum engine_cache)m->cache,
                                   .plain = m->attention == 1,
                                   .threads = (int)m->threads,
                                   .level = m->level,
                                   .decoder = {.context = m->ctx, .chunk = m->chunk},
                                   .memory = (uint64_t)m->memory,
                                   .form_name = m->template_name,
                                   .panels = m->no_panels ? NULL : panels_rule(),
                                   .stop = &term_interrupted,
                                   .warn = tell_warning,
                                   .progress = tell_packing};
}

/* A long path loses its beginning. */
static void tell_loading(const char *path)
{
    size_t n = strlen(path), room = (size_t)term_columns();
    room = room < 40 ? 20 : room > 400 ? 380 : room - 20;
    bool cut = n > room;
    if (cut) path += n - room;
    while (cut && ((unsigned char)*path & 0xc0) == 0x80) path++; /* not amid a character */
    term_status("loading %s%s ...", cut ? "..." : "", path);
}

int talker_open_with(struct talker *t, const struct engine_options *o, struct err *e)
{
    struct decoder_options fits;
    *t = (struct talker){0};
    TRY(engine_open(&t->engine, o, &fits, e));
    TRY(decoder_open(&t->decoder, &t->engine, &fits, e));
    TRY(session_open(&t->session, &t->decoder, e));
    t->session.interrupt = &term_interrupted;
    return OK;
}

int talker_open(struct talker *t, const char *path, const struct model_args *m, struct err *e)
{
    char found[SETUP_PATH];
    *t = (struct talker){0};
    TRY(model_resolve(found, path, e));
    struct engine_options o = model_engine_options(found, m);
    o.shorten = true;
    tell_loading(found);
    int rc = talker_open_with(t, &o, e);
    term_status_end();
    return rc;
}

void talker_close(struct talker *t)
{
    session_close(&t->session);
    decoder_close(&t->decoder);
    engine_close(&t->engine);
}
