/* Slash commands of the chat. What they print goes to stderr: stdout carries answers only. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "cli/talk/chat.h"
#include "cli/confirm.h"
#include "cli/term.h"

/* To the person: on a terminal broken between words. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    term_say(stderr, text, strlen(text));
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
        {.name = "max", .type = OPT_I64, .target = &c->max_tokens, .lo = -1, .hi = 1 << 24},
    };
    memcpy(rows, all, sizeof all);
}

static int do_system(struct chat *c, const char *arg, struct err *e);

static void show_settings(struct chat *c)
{
    const struct sample_params *p = &c->sample;
    say("temp %g  top_k %" PRId64 "  top_p %g  min_p %g  repeat %g  repeat_window %" PRId64 "  max %" PRId64
        "  seed %" PRIu64 "\n",
        p->temp, p->top_k, p->top_p, p->min_p, p->repeat, p->repeat_window, c->max_tokens, p->seed);
}

/* Names of other programs. */
static const char *own_name(const char *name)
{
    static const char *const pairs[][2] = {{"temperature", "temp"},     {"repeat_penalty", "repeat"},
                                           {"repeat_last_n", "repeat_window"}, {"num_predict", "max"},
                                           {"max_tokens", "max"},       {"n_predict", "max"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (!strcmp(name, pairs[i][0])) return pairs[i][1];
    return name;
}

/* "/set parameter temperature 0.5", as Ollama has it, and what it sets otherwise. */
static int set_of_others(struct chat *c, const char **arg, bool *done, struct err *e)
{
    size_t len = strcspn(*arg, " =");
    *done = len == 6 && !memcmp(*arg, "system", 6);
    if (*done) return do_system(c, *arg + 6 + strspn(*arg + 6, " "), e);
    if (len == 9 && !memcmp(*arg, "parameter", 9)) *arg += 9 + strspn(*arg + 9, " ");
    if (!strncmp(*arg, "num_ctx", 7)) FAIL(e, ERR_USAGE, "the context is chosen at the start: autarky chat --ctx");
    return OK;
}

static int do_set(struct chat *c, const char *arg, struct err *e)
{
    struct opt rows[SET_ROWS];
    const char *names[SET_ROWS];
    char name[32] = "";
    bool done;
    TRY(set_of_others(c, &arg, &done, e));
    if (done) return OK;
    size_t len = strcspn(arg, " ="), n = 0;
    set_rows(c, rows);
    if (*arg) {
        for (size_t i = 0; i < len && i < sizeof name - 1; i++) name[i] = arg[i] == '-' ? '_' : arg[i];
        const char *value = arg + len + strspn(arg + len, " =");
        while (rows[n].name && strcmp(own_name(name), rows[n].name) != 0) n++;
        if (!rows[n].name) {
            for (size_t i = 0; i < n; i++) names[i] = rows[i].name;
            const char *near = nearest_name(name, names, n);
            FAIL(e, ERR_USAGE, "there is no setting \"%.*s\"%s%s%s", (int)min_i64((int64_t)len, 100), arg,
                 near ? "; did you mean " : "; there are temp top_k top_p min_p repeat repeat_window seed max", near ? near : "",
                 near ? "?" : "");
        }
        if (!*value) FAIL(e, ERR_USAGE, "/set %s needs a value", name);
        bool random = rows[n].target == &c->sample.seed && (!strcmp(value, "random") || !strcmp(value, "-1"));
        if (random) c->sample.seed = random_seed();
        else TRY(opt_set(&rows[n], name, value, e));
    }
    show_settings(c);
    return OK;
}

static int do_show(struct chat *c, const char *arg, struct err *e)
{
    const struct engine *en = &c->t.engine;
    int64_t active, params = config_params(&en->net.config, &active);
    const char *system = chat_log_get_system(&c->log);
    if (*arg && strcmp(arg, "system") != 0 && strcmp(arg, "parameters") != 0 && strcmp(arg, "info") != 0)
        FAIL(e, ERR_USAGE, "/show takes no \"%.60s\": autarky show tells what is in a model's file", arg);
    if (system) {
        say("system message: ");
        term_write(stderr, system, strlen(system));
        say("\n");
    }
    say("model %s: %.1f million parameters, %.1f used per token, %" PRId64 " layers\n", en->path, (double)params / 1e6,
        (double)active / 1e6, en->net.config.layers);
    say("context %" PRId64 " tokens, %" PRId64 " in use; kernels %s, products %s, cache %s, attention %s, %d threads\n",
        c->t.decoder.context, c->t.session.n, cpu_level_name(en->ks.level), engine_compute_name(en),
        formats[en->cache].name, en->net.absorbed ? "absorbed" : "plain", pool_threads(en->pool));
    show_settings(c);
    return OK;
}

/* ---- names of files ---- */

bool chat_file_name(char out[SETUP_PATH], const char *typed)
{
    size_t n = strlen(typed), at = 0;
    const char *home = getenv("HOME");
    while (n > 0 && strchr(" \t", typed[n - 1])) n--;
    char quote = n > 0 && strchr("\"'", typed[0]) ? typed[0] : 0;
    if (quote) {
        if (n < 2 || typed[n - 1] != quote) return false;
        typed++;
        n -= 2;
    }
    if (!quote && n >= 1 && typed[0] == '~' && (n == 1 || typed[1] == '/') && home) {
        at = (size_t)snprintf(out, SETUP_PATH, "%s", home);
        typed++;
        n--;
    }
    if (at + n + 1 > SETUP_PATH) return false;
    for (size_t i = 0; i < n; i++) { /* outside quotes, '\' takes the meaning of what follows away */
        if (!quote && typed[i] == '\\' && i + 1 < n) i++;
        out[at++] = typed[i];
    }
    out[at] = 0;
    return at > 0;
}

static int file_argument(char out[SETUP_PATH], const char *arg, struct err *e)
{
    if (chat_file_name(out, arg)) return OK;
    FAIL(e, ERR_USAGE, "%.200s is no name of a file: too long, or a quote is not closed", arg);
}

/* ---- the conversation ---- */

static int do_new(struct chat *c, const char *arg, struct err *e)
{
    (void)arg;
    (void)e;
    chat_log_clear(&c->log);
    say("a new chat begins\n");
    return OK;
}

/* Takes back the newest answer, if the newest message is one. */
static bool drop_answer(struct chat *c)
{
    bool is = chat_log_turns(&c->log) > 0 && c->log.v[c->log.n - 1].role == CHAT_ASSISTANT;
    if (is) chat_log_pop(&c->log);
    return is;
}

static int do_undo(struct chat *c, const char *arg, struct err *e)
{
    (void)arg;
    if (chat_log_turns(&c->log) == 0) FAIL(e, ERR_USAGE, "there is nothing to take back");
    drop_answer(c);
    if (chat_log_turns(&c->log) > 0) chat_log_pop(&c->log);
    say("the last question and its answer are taken back; %zu messages are left\n", chat_log_turns(&c->log));
    return OK;
}

static int do_regen(struct chat *c, const char *arg, struct err *e)
{
    (void)arg;
    if (chat_log_turns(&c->log) == 0) FAIL(e, ERR_USAGE, "there is no question to answer again");
    struct buf old = {0};
    const struct chat_entry *last = &c->log.v[c->log.n - 1];
    buf_add(&old, last->text, last->len);
    bool had = drop_answer(c);
    size_t n = c->log.n;
    c->sample.seed++; /* the same seed would give the same answer */
    int rc = chat_answer(c, e);
    if (rc && had && c->log.n == n && chat_log_add(&c->log, CHAT_ASSISTANT, old.data, old.len, NULL))
        say("the old answer is lost, too\n");
    buf_free(&old);
    return rc;
}

static int do_system(struct chat *c, const char *arg, struct err *e)
{
    if (!*arg) {
        const char *s = chat_log_get_system(&c->log);
        if (s) term_write(stderr, s, strlen(s));
        say(s ? "\n" : "there is no system message; /system TEXT sets one, /system - removes it\n");
        return OK;
    }
    bool set = strcmp(arg, "-") != 0;
    TRY(chat_log_system(&c->log, set ? arg : NULL, e));
    say("the system message is %s; it holds from the next answer on\n", set ? "set" : "removed");
    return OK;
}

static int do_save(struct chat *c, const char *arg, struct err *e)
{
    char path[SETUP_PATH];
    if (!*arg) FAIL(e, ERR_USAGE, "/save needs a file name");
    TRY(file_argument(path, arg, e));
    if (strcmp(path, c->saved) != 0) TRY(confirm_replace_or(path, "save under another name", e));
    TRY(chat_log_save(&c->log, path, e));
    memcpy(c->saved, path, sizeof path);
    say("%zu messages written to ", c->log.n);
    term_write(stderr, path, strlen(path));
    say("\n");
    return OK;
}

static int do_load(struct chat *c, const char *arg, struct err *e)
{
    char path[SETUP_PATH];
    struct chat_log l = {0};
    if (!*arg) FAIL(e, ERR_USAGE, "/load needs a file name");
    TRY(file_argument(path, arg, e));
    TRY(chat_log_load(&l, path, e));
    chat_log_free(&c->log);
    c->log = l;
    say("%zu messages read from ", c->log.n);
    term_write(stderr, path, strlen(path));
    say("\n");
    return OK;
}

static int do_tokens(struct chat *c, const char *arg, struct err *e)
{
    struct tokens ids = {0};
    (void)arg;
    int rc = chat_encode_log(c, &ids, e);
    if (!rc)
        say("the chat has %zu tokens in %zu messages; the context holds %" PRId64 ", %" PRId64 " are left\n", ids.n,
            c->log.n, c->t.decoder.context, max_i64(0, c->t.decoder.context - (int64_t)ids.n));
    tokens_free(&ids);
    return rc;
}

static int do_stats(struct chat *c, const char *arg, struct err *e)
{
    (void)arg;
    if (!c->has_last) FAIL(e, ERR_USAGE, "there is no answer yet");
    answer_stats(&c->last, &c->t.session);
    say("in all: %" PRId64 " tokens in %.1f s; loading took %.2f s\n", c->total_tokens, c->total_seconds,
        c->t.engine.load_seconds);
    return OK;
}

static int do_bye(struct chat *c, const char *arg, struct err *e)
{
    (void)arg;
    (void)e;
    c->done = true;
    return OK;
}

static int do_help(struct chat *c, const char *arg, struct err *e);

static const struct slash {
    const char *name, *help; /* help NULL: another name of the one before */
    int (*run)(struct chat *c, const char *arg, struct err *e);
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
const char *const chat_slash_on_files[] = {"/save", "/load", NULL};

static void say_help(const struct slash *s)
{
    char text[200];
    if (!s->help) return;
    int n = snprintf(text, sizeof text, "  %-9s%s\n", s->name, s->help);
    term_say_row(stderr, text, (size_t)n, 11);
}

static int do_help(struct chat *c, const char *arg, struct err *e)
{
    (void)c;
    (void)arg;
    (void)e;
    static const struct slash keys[] = {
        {"\"\"\"", "begins and ends a text of several lines; Alt-Enter also makes a new line", NULL},
        {"//...", "a message that begins with a slash", NULL},
        {"Ctrl-C", "stops an answer, twice within a second ends", NULL},
        {"Tab", "completes commands and files; Ctrl-R searches what was typed before", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(slashes); i++) say_help(&slashes[i]);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) say_help(&keys[i]);
    return OK;
}

int chat_slash(struct chat *c, const char *line, struct err *e)
{
    char name[16];
    const char *names[ARRAY_LEN(slashes)];
    size_t len = strcspn(line, " \t");
    const char *arg = line + len + strspn(line + len, " \t");
    snprintf(name, sizeof name, "%.*s", (int)(len < 15 ? len : 15), line);
    for (size_t i = 0; i < ARRAY_LEN(slashes); i++) {
        names[i] = slashes[i].name;
        if (!strcmp(name, slashes[i].name)) return slashes[i].run(c, arg, e);
    }
    const char *near = nearest_name(name, names, ARRAY_LEN(slashes));
    FAIL(e, ERR_USAGE, "there is no command %.*s; %s%s (not sent to the model)", (int)min_i64((int64_t)len, 100), line,
         near ? "did you mean " : "/help lists them", near ? near : "");
}
