/* autarky chat: reading, answering, streaming. */
#include "cli/talk/chat.h"
#include "cli/model_name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "autarky.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/term.h"

enum { FORGET_ROOM = 64 }; /* tokens kept free for the answer when old turns are dropped */

static const char *const forget_names[] = {"never", "oldest", NULL};

/* ---- answering ---- */

int chat_encode_log(struct chat *c, struct tokens *ids, struct err *e)
{
    TRY(chat_log_request(&c->log, &c->request, e));
    return chat_form_encode(c->t.engine.chat.form, c->t.engine.tok, &c->request, ids, NULL, e);
}

/* Tokens of the newest message with the system message and nothing else. */
static int last_alone(struct chat *c, int64_t *n, struct err *e)
{
    struct chat_log l = {0};
    struct chat_request q = c->request;
    struct tokens ids = {0};
    const struct chat_entry *last = &c->log.v[c->log.n - 1];
    int rc = chat_log_system(&l, chat_log_get_system(&c->log), e);
    if (!rc) rc = chat_log_add(&l, last->role, last->text, last->len, e);
    if (!rc) rc = chat_log_request(&l, &q, e);
    if (!rc) rc = chat_form_encode(c->t.engine.chat.form, c->t.engine.tok, &q, &ids, NULL, e);
    *n = (int64_t)ids.n;
    tokens_free(&ids);
    chat_log_free(&l);
    return rc;
}

/* Encodes the chat; with --forget oldest drops turns until the answer has room, else an over-long chat is an error. */
static int encode(struct chat *c, struct tokens *ids, struct err *e)
{
    int64_t context = c->t.decoder.context;
    size_t dropped = 0, before = c->log.n;
    TRY(chat_encode_log(c, ids, e));
    int64_t room = c->forget && context > 4 * FORGET_ROOM ? FORGET_ROOM : 1;
    while (c->forget && (int64_t)ids->n + room > context && chat_log_turns(&c->log) > 1) {
        chat_log_drop_oldest(&c->log);
        ids->n = 0;
        TRY(chat_encode_log(c, ids, e));
        dropped = before - c->log.n;
    }
    if (dropped > 0) fprintf(stderr, "the context is full: the %zu oldest messages are forgotten\n", dropped);
    if ((int64_t)ids->n + room <= context) return OK;
    int64_t alone;
    TRY(last_alone(c, &alone, e));
    if (alone + room > context)
        FAIL(e, ERR_LIMIT,
             "this message alone has %lld tokens%s, and the context holds %lld: shorten it, or begin with a larger --ctx where "
             "the model allows it",
             (long long)alone, chat_log_get_system(&c->log) ? " with the system message" : "", (long long)context);
    FAIL(e, ERR_LIMIT,
             "the chat has %zu tokens and the context holds %lld: /new begins a new chat, /undo takes back a turn, and "
             "--forget oldest drops old turns by itself",
             ids->n, (long long)context);
}

/* What is said after an answer that did not end by itself. */
static void tell_end(const struct generate_result *r)
{
    const char *why = r->stop == STOP_INTERRUPTED ? "[stopped]"
                      : r->stop == STOP_LENGTH    ? "[cut: no more is allowed by -n or /set max]"
                      : r->stop == STOP_CONTEXT   ? "[cut: the context is full; /new begins a new chat]"
                                                  : NULL;
    if (why) fprintf(stderr, "%s%s%s\n", term_dim(stderr), why, term_reset(stderr));
}

static int keep_answer(struct chat *c, struct generate_result *r, struct err *e)
{
    if (r->stop == STOP_INTERRUPTED && r->text.len == 0) {
        fprintf(stderr, "there is no answer yet: the question is taken back\n");
        chat_log_pop(&c->log);
        return OK;
    }
    TRY(chat_log_add(&c->log, CHAT_ASSISTANT, r->text.data ? r->text.data : "", r->text.len, e));
    c->log.v[c->log.n - 1].stopped = r->stop != STOP_END;
    c->total_tokens += r->tokens;
    c->total_seconds += r->prompt_seconds + r->seconds;
    c->last = *r;
    c->last.text = c->last.reasoning = (struct buf){0};
    c->last.calls = NULL;
    c->last.n_calls = 0;
    c->has_last = true;
    return OK;
}

int chat_answer(struct chat *c, struct err *e)
{
    struct tokens ids = {0};
    struct generate_result r = {0};
    struct generate_params p = {.reasoning = c->json ? NULL : answer_reasoning,
                                .w = {.sample = c->sample,
                                      .max_tokens = c->max_tokens,
                                      .form = c->t.engine.chat.form,
                                      .request = &c->request}};
    struct answer view;
    int rc = encode(c, &ids, e);
    answer_begin(&view);
    term_echo(false);
    if (!rc) rc = generate(&r, &c->t.session, ids.ids, (int64_t)ids.n, &p, c->json ? NULL : answer_piece, &view, e);
    tokens_free(&ids);
    term_status_end();
    view.newline |= rc || c->json || r.text.len == 0; /* nothing was shown: no line to end */
    answer_end(&view);
    term_echo(true);
    if (!rc && c->json) rc = answer_json(&r, &c->t.session, &c->sample, true, e);
    if (!rc && !term_flush()) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    if (!rc) {
        term_clear_interrupt();
        tell_end(&r);
        rc = keep_answer(c, &r, e);
        if (c->stats) answer_stats(&r, &c->t.session);
    }
    generate_result_free(&r);
    return rc;
}

/* ---- the loop ---- */

/* After a line that begins with three quotes: the rest of the text, up to the line that ends with three. */
static enum line_status read_block(struct chat *c, struct buf *text)
{
    struct buf line = {0};
    enum line_status st = LINE_OK;
    memmove(text->data, text->data + 3, text->len - 2); /* with the NUL */
    text->len -= 3;
    for (bool first = true; st == LINE_OK; first = false) {
        struct buf *b = first ? text : &line;
        if (!first) {
            st = line_read(c->line, "... ", &line);
            if (st != LINE_OK) break;
            if (text->len > 0) buf_add_byte(text, '\n');
        }
        bool end = b->len >= 3 && !memcmp(b->data + b->len - 3, "\"\"\"", 3);
        if (!first && b->len > 0) buf_add(text, line.data, line.len);
        if (end) {
            text->len -= 3;
            text->data[text->len] = 0;
            break;
        }
    }
    buf_free(&line);
    if (st == LINE_INTERRUPTED) st = LINE_CANCELLED; /* the block is dropped */
    return text->failed ? LINE_ERROR : st;
}

/* The input ended inside a block. A person has typed Ctrl-D: the text goes into the history, and the chat goes on. */
static int unclosed_block(struct chat *c, const struct buf *text, struct err *e)
{
    if (!line_editing(c->line)) FAIL(e, ERR_FORMAT, "the input ends inside a text that \"\"\" began: it is not sent");
    if (!text->failed && text->len > 0) line_remember(c->line, text->data);
    fprintf(stderr, "\nnot sent: the text has no closing \"\"\"; the arrow up brings it back\n");
    return OK;
}

static void trim(struct buf *b)
{
    size_t from = 0;
    while (b->len > 0 && strchr(" \t\r\n", b->data[b->len - 1])) b->len--;
    while (from < b->len && strchr(" \t\r\n", b->data[from])) from++;
    b->len -= from;
    if (!b->data) return;
    memmove(b->data, b->data + from, b->len);
    b->data[b->len] = 0;
}

/* One line of the user: a command, or a message to answer. */
static int take(struct chat *c, struct buf *text, struct err *e)
{
    if (!text->failed && text->len > 0) line_remember(c->line, text->data);
    trim(text);
    if (text->len == 0) return OK;
    if (memchr(text->data, 0, text->len)) FAIL(e, ERR_FORMAT, "the message holds a NUL byte");
    size_t skip = text->data[0] == '/';
    if (skip && text->data[1] != '/') return chat_slash(c, text->data, e);
    TRY(chat_log_add(&c->log, CHAT_USER, text->data + skip, text->len - skip, e));
    size_t n = c->log.n;
    int rc = chat_answer(c, e);
    if (rc && c->log.n == n) chat_log_pop(&c->log); /* unanswered: taken back, it is in the history */
    return rc;
}

/* What cannot be shown need not be answered. */
static bool stdout_lost(void) { return ferror(stdout) != 0; }

/* A person sees a mistake and goes on; a script must not: its next lines build on the answer. */
static int loop(struct chat *c, struct err *e)
{
    struct buf text = {0};
    int rc = OK;
    while (!c->done && !rc) {
        enum line_status st = line_read(c->line, ">>> ", &text);
        bool block = st == LINE_OK && text.len >= 3 && !memcmp(text.data, "\"\"\"", 3);
        if (block) st = read_block(c, &text);
        if (st == LINE_END && !block) break;
        if (st == LINE_END) {
            rc = unclosed_block(c, &text, e);
        } else if (st == LINE_ERROR) {
            rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "the line is too long");
        } else if (st == LINE_INTERRUPTED) {
            if (!term_is_tty(stdin)) rc = err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__, "interrupted");
            else fprintf(stderr, "\nCtrl-D or /bye ends the chat, /help lists the commands\n");
            term_clear_interrupt();
        } else if (st == LINE_CANCELLED) {
            fputc('\n', stderr);
            term_clear_interrupt();
        } else {
            rc = take(c, &text, e);
        }
        if (rc && !stdout_lost() && term_is_tty(stdin)) {
            exit_fail("chat", e);
            rc = OK;
        }
    }
    if (line_editing(c->line) && !c->done) fputc('\n', stderr);
    buf_free(&text);
    return rc;
}

/* What stands on a narrow terminal: the figures, which /show has too, give way to the hint, then the program's own name does,
 * then the end of the model's. */
static void greet(const struct chat *c, const char *model)
{
    static const char dot[] = " \xc2\xb7 ", program[] = "autarky " AUTARKY_VERSION, hint[] = "/help";
    const struct engine *en = &c->t.engine;
    if (!term_is_tty(stdin) || !term_is_tty(stderr)) return;
    char name[200], figures[100];
    model_shown(name, sizeof name, model);
    snprintf(figures, sizeof figures, "%.1f M parameters%scontext %" PRId64 "%s",
             (double)config_params(&en->net.config, NULL) / 1e6, dot, c->t.decoder.context, dot);
    size_t columns = (size_t)term_columns(), least = utf8_count(name, strlen(name)) + strlen(dot) - 1 + strlen(hint);
    bool first = least + strlen(program) + strlen(dot) - 1 <= columns;
    bool all = least + strlen(program) + strlen(dot) - 1 + utf8_count(figures, strlen(figures)) <= columns;
    if (first) fprintf(stderr, "%s%s%s%s", term_bold(stderr), program, term_reset(stderr), dot);
    int room = (int)columns - (int)(strlen(dot) - 1 + strlen(hint));
    term_write(stderr, name, term_fit(name, strlen(name), room > 8 ? room : 8));
    fprintf(stderr, "%s%s%s\n", dot, all ? figures : "", hint);
}

struct chat_args {
    struct model_args model;
    struct look_args look;
    struct sample_given given;
    bool no_history, quiet, stats;
    int forget;
    const char *system, *load;
};

static int run(struct chat *c, const struct chat_args *a, const char *model, struct err *e)
{
    struct line_options lo = {
        .history = !a->no_history, .words = chat_slash_words, .on_files = chat_slash_on_files};
    TRY(chat_args_day(&a->model, &c->day, e));
    TRY(talker_open(&c->t, model, &a->model, e));
    sample_args_advise(&c->sample, &a->given, &c->t.engine);
    if (!c->t.engine.chat.form)
        FAIL(e, ERR_UNSUPPORTED, "%s: %s; autarky run --raw continues a text with it", model, c->t.engine.chat.why.msg);
    if (c->t.engine.chat.by_markers)
        fprintf(stderr,
                "the model has no chat template; its vocabulary has the markers of %s, which is taken (--template takes another)\n",
                chat_form_name(c->t.engine.chat.form));
    c->t.session.progress = answer_progress;
    if (a->load) TRY(chat_log_load(&c->log, a->load, e));
    if (a->load && term_is_tty(stderr)) fprintf(stderr, "%zu messages read from %s\n", c->log.n, a->load);
    if (a->system) TRY(chat_log_system(&c->log, a->system, e));
    TRY(line_open(&c->line, &lo, e));
    greet(c, model);
    return loop(c, e);
}

static void add_rows(struct opts *o, struct chat *c, struct chat_args *a)
{
    opts_add(o, (struct opt){"system", 0, OPT_STR, &a->system, .arg = "TEXT", .help = "instructions for the model"});
    opts_add(o,
             (struct opt){"load", 0, OPT_STR, &a->load, .arg = "FILE", .help = "go on with a chat that /save wrote"});
    opts_add(o,
             (struct opt){"max-tokens", 'n', OPT_I64, &c->max_tokens, -1, 1 << 24,
                           .help = "cut answers at N tokens (-1: when the context is full)"});
    opts_choice(o, "forget", &a->forget, forget_names, "when the context is full (never)");
    opts_flag(o, "no-history", 0, &a->no_history, "do not keep the lines typed");
    opts_flag(o, "stats", 0, &a->stats, "figures also when not on a terminal");
    opts_flag(o, "quiet", 'q', &a->quiet, "no figures after an answer");
    opts_flag(o, "json", 0, &c->json, "every answer as one JSON object");
    look_args_add(o, &a->look);
    sample_args_add(o, &c->sample, &a->given);
    model_args_add(o, &a->model);
    chat_args_add(o, &a->model);
}

int cmd_chat(int argc, char **argv)
{
    struct chat c = {0};
    struct chat_args a = {0};
    struct err e = {0};
    char path[SETUP_PATH];
    int n, status, rc;
    struct opts o = {.command = "chat",
                     .usage = "[MODEL]",
                     .summary = "Talks with a model. Without MODEL: with the one that ships with the program.\n"
                                "When stdin is no terminal, every line of it is a message.\n\n"
                                "  autarky chat\n"
                                "  autarky chat model.gguf --system \"Answer briefly.\" --temp 0.5\n"};
    add_rows(&o, &c, &a);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    term_setup((enum term_color)a.look.color, a.look.plain);
    if (!a.given.seed) c.sample.seed = random_seed();
    c.forget = a.forget == 1;
    c.request.thinking = (enum chat_thinking)a.model.thinking;
    c.request.now = &c.day;
    c.stats = a.stats || (!a.quiet && term_is_tty(stdin) && term_is_tty(stderr));
    if (n > 1)
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found \"%s\" after the model; autarky run takes a prompt",
                     argv[2]);
    else if (n == 1) rc = run(&c, &a, argv[1], &e);
    else if (!(rc = model_default(path, &e))) rc = run(&c, &a, path, &e);
    line_close(c.line);
    chat_log_free(&c.log);
    talker_close(&c.t);
    return rc ? exit_fail("chat", &e) : EXIT_OK;
}
