/* Slash commands of the chat. What they print goes to stderr: stdout carries answers only. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "cli/chat.h"
#include "cli/term.h"

#define SAY(...) fprintf(stderr, __VA_ARGS__)

static void complain(const struct err *e)
{
    term_write(stderr, e->msg, strlen(e->msg));
    fputc('\n', stderr);
}

/* ---- /set and /show ---- */

enum { SET_ROWS = 9 };

/* The rows of /set: the same ranges as on the command line. */
static void set_rows(struct chat *c, struct opt rows[SET_ROWS])
{
    struct sample_params *p = &c->sample;
    const struct opt all[SET_ROWS] = {
        {.name = "temp", .type = OPT_F64, .target = &p->temp, .hi = 5},
        {.name = "top_k", .type = OPT_I64, .target = &p->top_k, .hi = 1 << 20},
        {.name = "top_p", .type = OPT_F64, .target = &p->top_p, .hi = 1},
        {.name = "min_p", .type = OPT_F64, .target = &p->min_p, .hi = 1},
        {.name = "repeat", .type = OPT_F64, .target = &p->repeat, .lo = 0.5, .hi = 3},
        {.name = "repeat_window", .type = OPT_I64, .target = &p->repeat_window, .hi = 1 << 24},
        {.name = "seed", .type = OPT_U64, .target = &p->seed},
        {.name = "max", .type = OPT_I64, .target = &c->max_tokens, .hi = 1 << 24},
    };
    memcpy(rows, all, sizeof all);
}

static void show_settings(struct chat *c)
{
    const struct sample_params *p = &c->sample;
    SAY("temp %g  top_k %" PRId64 "  top_p %g  min_p %g  repeat %g  repeat_window %" PRId64 "  max %" PRId64
        "  seed %" PRIu64 "\n",
        p->temp, p->top_k, p->top_p, p->min_p, p->repeat, p->repeat_window, c->max_tokens, p->seed);
}

static void do_set(struct chat *c, const char *arg)
{
    struct opt rows[SET_ROWS];
    const char *names[SET_ROWS];
    struct err e = {0};
    char name[32] = "";
    size_t len = strcspn(arg, " =");
    set_rows(c, rows);
    if (!*arg) {
        show_settings(c);
        return;
    }
    for (size_t i = 0; i < len && i < sizeof name - 1; i++) name[i] = arg[i] == '-' ? '_' : arg[i];
    const char *value = arg + len + strspn(arg + len, " =");
    for (int i = 0; i < SET_ROWS && rows[i].name; i++) {
        names[i] = rows[i].name;
        if (strcmp(name, rows[i].name) != 0) continue;
        if (!*value) SAY("/set %s needs a value\n", name);
        else if (opt_set(&rows[i], name, value, &e)) complain(&e);
        else show_settings(c);
        return;
    }
    const char *near = nearest_name(name, names, SET_ROWS - 1);
    if (near) SAY("there is no setting \"%s\"; did you mean %s?\n", name, near);
    else SAY("settings: temp top_k top_p min_p repeat repeat_window seed max\n");
}

static void do_show(struct chat *c, const char *arg)
{
    const struct engine *en = &c->t.engine;
    int64_t active, params = config_params(&en->net.config, &active);
    (void)arg;
    SAY("model %s: %.1f million parameters, %.1f used per token, %" PRId64 " layers\n", en->path, (double)params / 1e6,
        (double)active / 1e6, en->net.config.layers);
    SAY("context %" PRId64 " tokens, %" PRId64 " in use; kernels %s, products %s, cache %s, attention %s, %d threads\n",
        en->context, c->t.session.n, cpu_level_name(en->ks.level), engine_compute_name(en),
        formats[en->cache].name, en->net.absorbed ? "absorbed" : "plain", pool_threads(en->pool));
    show_settings(c);
}

/* ---- the conversation ---- */

static void do_new(struct chat *c, const char *arg)
{
    (void)arg;
    chat_log_clear(&c->log);
    SAY("a new chat begins\n");
}

/* Takes back the newest answer, if the newest message is one. */
static bool drop_answer(struct chat *c)
{
    bool is = chat_log_turns(&c->log) > 0 && c->log.v[c->log.n - 1].role == CHAT_ASSISTANT;
    if (is) chat_log_pop(&c->log);
    return is;
}

static void do_undo(struct chat *c, const char *arg)
{
    (void)arg;
    if (chat_log_turns(&c->log) == 0) {
        SAY("there is nothing to take back\n");
        return;
    }
    drop_answer(c);
    if (chat_log_turns(&c->log) > 0) chat_log_pop(&c->log);
    SAY("the last question and its answer are taken back; %zu messages are left\n", chat_log_turns(&c->log));
}

static void do_regen(struct chat *c, const char *arg)
{
    struct err e = {0};
    (void)arg;
    drop_answer(c);
    if (chat_log_turns(&c->log) == 0) {
        SAY("there is no question to answer again\n");
        return;
    }
    c->sample.seed++; /* the same seed would give the same answer */
    if (chat_answer(c, &e)) complain(&e);
}

static void do_system(struct chat *c, const char *arg)
{
    struct err e = {0};
    if (!*arg) {
        const char *s = chat_log_get_system(&c->log);
        if (s) term_write(stderr, s, strlen(s));
        SAY(s ? "\n" : "there is no system message; /system TEXT sets one, /system - removes it\n");
        return;
    }
    if (chat_log_system(&c->log, strcmp(arg, "-") ? arg : NULL, &e)) complain(&e);
    else SAY("the system message is %s; it holds from the next answer on\n", strcmp(arg, "-") ? "set" : "removed");
}

static void do_save(struct chat *c, const char *arg)
{
    struct err e = {0};
    if (!*arg) SAY("/save needs a file name\n");
    else if (chat_log_save(&c->log, arg, &e)) complain(&e);
    else SAY("%zu messages written to %s\n", c->log.n, arg);
}

static void do_load(struct chat *c, const char *arg)
{
    struct err e = {0};
    struct chat_log l = {0};
    if (!*arg) {
        SAY("/load needs a file name\n");
    } else if (chat_log_load(&l, arg, &e)) {
        complain(&e);
    } else {
        chat_log_free(&c->log);
        c->log = l;
        SAY("%zu messages read from %s\n", c->log.n, arg);
    }
}

static void do_tokens(struct chat *c, const char *arg)
{
    struct err e = {0};
    struct tokens ids = {0};
    (void)arg;
    if (chat_encode_log(c, &ids, &e)) complain(&e);
    else
        SAY("the chat has %zu tokens in %zu messages; the context holds %" PRId64 ", %" PRId64 " are left\n", ids.n,
            c->log.n, c->t.engine.context, max_i64(0, c->t.engine.context - (int64_t)ids.n));
    tokens_free(&ids);
}

static void do_stats(struct chat *c, const char *arg)
{
    (void)arg;
    if (!c->has_last) {
        SAY("there is no answer yet\n");
        return;
    }
    answer_stats(&c->last, &c->t.session);
    SAY("in all: %" PRId64 " tokens in %.1f s; loading took %.2f s\n", c->total_tokens, c->total_seconds,
        c->t.engine.load_seconds);
}

static void do_bye(struct chat *c, const char *arg)
{
    (void)arg;
    c->done = true;
}

static void do_help(struct chat *c, const char *arg);

static const struct slash {
    const char *name, *help; /* help NULL: another name of the one before */
    void (*run)(struct chat *c, const char *arg);
} slashes[] = {
    {"/help", "this list", do_help},
    {"/?", NULL, do_help},
    {"/new", "begin a new chat (also /clear); the system message stays", do_new},
    {"/clear", NULL, do_new},
    {"/regen", "another answer to the last question (the seed goes up by one)", do_regen},
    {"/undo", "take back the last question and its answer", do_undo},
    {"/system", "TEXT: set the system message; - removes it", do_system},
    {"/set", "NAME VALUE: temp top_k top_p min_p repeat repeat_window seed max", do_set},
    {"/show", "the model and the settings", do_show},
    {"/stats", "figures of the last answer", do_stats},
    {"/tokens", "how full the context is", do_tokens},
    {"/save", "FILE: write the chat as JSON", do_save},
    {"/load", "FILE: go on with a saved chat", do_load},
    {"/bye", "end (also /exit, /quit, Ctrl-D)", do_bye},
    {"/exit", NULL, do_bye},
    {"/quit", NULL, do_bye},
};

const char *const chat_slash_words[] = {"/help",  "/new",    "/clear", "/regen", "/undo", "/system", "/set",  "/show",
                                        "/stats", "/tokens", "/save",  "/load",  "/bye",  "/exit",   "/quit", NULL};

static void do_help(struct chat *c, const char *arg)
{
    (void)c;
    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(slashes); i++)
        if (slashes[i].help) SAY("  %-9s%s\n", slashes[i].name, slashes[i].help);
    SAY("  \"\"\"      begins and ends a text of several lines; Alt-Enter also makes a new line\n"
        "  //...    a message that begins with a slash\n"
        "  Ctrl-C   stops an answer, twice within a second ends; Tab completes commands; Ctrl-R searches\n");
}

void chat_slash(struct chat *c, const char *line)
{
    char name[16];
    const char *names[ARRAY_LEN(slashes)];
    size_t len = strcspn(line, " \t");
    const char *arg = line + len + strspn(line + len, " \t");
    snprintf(name, sizeof name, "%.*s", (int)(len < 15 ? len : 15), line);
    for (size_t i = 0; i < ARRAY_LEN(slashes); i++) {
        names[i] = slashes[i].name;
        if (strcmp(name, slashes[i].name) != 0) continue;
        slashes[i].run(c, arg);
        return;
    }
    const char *near = nearest_name(name, names, ARRAY_LEN(slashes));
    SAY("there is no command ");
    term_write(stderr, line, len);
    if (near) SAY("; did you mean %s? (not sent to the model)\n", near);
    else SAY("; /help lists them (not sent to the model)\n");
}
