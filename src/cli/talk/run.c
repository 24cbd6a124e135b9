/* autarky run: one prompt, one answer. stdout carries the answer and nothing else. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/talk/ask.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "sys/file.h"

enum { MAX_PROMPT = ASK_MAX_BYTES, EXIT_LENGTH = 8 };

struct run_args {
    struct model_args model;
    struct sample_params sample;
    struct look_args look;
    struct sample_given given;
    struct opts_seen seen;
    bool limited; /* max_tokens was given */
    bool force, raw, json, jsonl, stats, ignore_end, fail_on_length, special;
    int64_t max_tokens;
    const char *trace;
    struct opt_list files, stops;
    struct ask ask;
};

static void add_rows(struct opts *o, struct run_args *a)
{
    opts_add(o, (struct opt){"max-tokens", 'n', OPT_I64, &a->max_tokens, -1, 1 << 24, .given = &a->limited,
                             .help = "end after N tokens (-1: when the context is full)"});
    opts_add(o, (struct opt){"file", 'f', OPT_LIST, &a->files, .arg = "FILE",
                             .help = "put FILE before the prompt (repeatable)"});
    ask_args_add(o, &a->ask);
    opts_flag(o, "raw", 0, &a->raw, "continue the text as it is, not as a chat");
    opts_add(o, (struct opt){"stop", 0, OPT_LIST, &a->stops, .arg = "TEXT", .help = "end before TEXT (repeatable)"});
    opts_flag(o, "ignore-end", 0, &a->ignore_end, "go on after the model's end token");
    opts_flag(o, "special", 0, &a->special, "spell out control tokens");
    opts_flag(o, "json", 0, &a->json, "one JSON object with the answer and figures");
    opts_flag(o, "jsonl", 0, &a->jsonl, "a JSON object for every piece, figures last");
    opts_flag(o, "stats", 0, &a->stats, "figures on stderr also when not on a terminal");
    opts_flag(o, "fail-on-length", 0, &a->fail_on_length, "exit code 8 when a limit cut the answer");
    opts_add(o, (struct opt){"trace", 0, OPT_STR, &a->trace, .arg = "FILE",
                             .help = "write every operation to FILE, for chrome://tracing or Perfetto"});
    opts_flag(o, "force", 0, &a->force, "replace the file of --trace without asking");
    look_args_add(o, &a->look);
    sample_args_add(o, &a->sample, &a->given);
    model_args_add(o, &a->model);
    chat_args_add(o, &a->model);
}

/* ---- the prompt ---- */

static int add_part(struct buf *out, const char *text, size_t len, struct err *e)
{
    if (out->len > 0) buf_add_str(out, "\n\n");
    buf_add(out, text, len);
    if (out->len > MAX_PROMPT) FAIL(e, ERR_LIMIT, "the prompt has more than %d bytes", MAX_PROMPT);
    return buf_check(out, "the prompt", e);
}

static int add_stdin(struct buf *out, struct err *e)
{
    struct buf in = {0};
    char block[1 << 16];
    size_t n;
    int rc = OK;
    while ((n = term_read(block, sizeof block)) > 0 && in.len <= MAX_PROMPT) buf_add(&in, block, n);
    if (term_interrupted) rc = err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__, "interrupted");
    else if (ferror(stdin)) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "stdin: cannot read");
    while (in.len > 0 && (in.data[in.len - 1] == '\n' || in.data[in.len - 1] == '\r')) in.len--;
    if (!rc && in.len > 0) rc = add_part(out, in.data, in.len, e);
    if (!rc) rc = buf_check(&in, "the prompt", e);
    buf_free(&in);
    return rc;
}

static int add_file(struct buf *out, const char *path, struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, MAX_PROMPT, e));
    int rc = add_part(out, text, len, e);
    mem_free(text);
    return rc;
}

/* A pipe or a file is read; a terminal, /dev/null or a socket that a service inherited is not. */
static bool stdin_piped(void)
{
    struct stat st;
    return fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode));
}

/* stdin, files, then the words; words[0 .. n). */
static int make_prompt(struct buf *out, const struct run_args *a, char **words, int n, struct err *e)
{
    struct buf line = {0};
    bool dash = false;
    int rc = OK;
    for (int i = 0; i < n; i++) {
        if (!strcmp(words[i], "-")) {
            dash = true;
            continue;
        }
        if (line.len > 0) buf_add_byte(&line, ' ');
        buf_add_str(&line, words[i]);
    }
    if (dash || stdin_piped()) rc = add_stdin(out, e);
    for (size_t i = 0; i < a->files.n && !rc; i++) rc = add_file(out, a->files.v[i], e);
    if (!rc) rc = buf_check(&line, "the prompt", e);
    if (!rc && line.len > 0) rc = add_part(out, line.data, line.len, e);
    buf_free(&line);
    if (!rc && out->len == 0 && !a->raw && !a->ask.messages)
        FAIL(e, ERR_USAGE, "there is no prompt; autarky chat is for talking");
    return rc;
}

static int encode_text(struct tokens *ids, const struct buf *prompt, const struct tokenizer *t, struct err *e)
{
    if (tokenizer_bos(t) >= 0 && (tokenizer_add_bos(t) || prompt->len == 0)) TRY(tokens_add(ids, tokenizer_bos(t), e));
    return tokenizer_encode(t, prompt->data ? prompt->data : "", prompt->len, ids, e);
}

static void tell_markers(const struct engine *en)
{
    fprintf(stderr,
            "autarky run: the model has no chat template; its vocabulary has the markers of %s, which is taken (--raw continues a "
            "text, --template takes another form)\n",
            chat_form_name(en->chat.form));
}

static int encode_prompt(struct tokens *ids, struct run_args *a, const struct buf *prompt, const struct engine *en, struct err *e)
{
    if (!a->raw && !en->chat.form) {
        if (en->chat.why.code != ERR_NOTFOUND) FAIL(e, en->chat.why.code, "%s; --raw continues a text", en->chat.why.msg);
        fprintf(stderr, "autarky run: the prompt is continued as plain text: %s\n", en->chat.why.msg);
        if (ask_needs_form(&a->ask))
            FAIL(e, ERR_USAGE, "--system, --messages and --tools need a model with a form of chats");
        a->raw = true;
    }
    if (a->raw && ask_needs_form(&a->ask))
        FAIL(e, ERR_USAGE, "--raw continues a text: --system, --messages and --tools belong to chats");
    if (a->raw && a->model.thinking) FAIL(e, ERR_USAGE, "--raw continues a text: --think belongs to chats");
    if (!a->raw && en->chat.by_markers) tell_markers(en);
    if (a->raw) return encode_text(ids, prompt, en->tok, e);
    TRY(ask_make(&a->ask, &a->model, prompt, e));
    return chat_form_encode(en->chat.form, en->tok, &a->ask.chat.q, ids, NULL, e);
}

/* ---- the answer ---- */

static int answer(const struct run_args *a, struct session *s, const struct tokens *ids, int *status, struct err *e)
{
    struct generate_result r;
    struct generate_params p = {.reasoning = a->json || a->jsonl ? NULL : answer_reasoning,
                                .w = {.form = a->raw ? NULL : s->dec->en->chat.form,
                                      .request = &a->ask.chat.q,
                                      .sample = a->sample,
                                      .max_tokens = a->max_tokens,
                                      .stops = a->stops.v,
                                      .n_stops = a->stops.n,
                                      .ignore_end = a->ignore_end,
                                      .with_special = a->special}};
    struct answer view;
    bool text = !a->json && !a->jsonl;
    piece_fn *fn = text ? answer_piece : a->jsonl ? answer_json_piece : NULL;
    s->progress = answer_progress;
    answer_begin(&view);
    int rc = generate(&r, s, ids->ids, (int64_t)ids->n, &p, fn, &view, e);
    view.newline |= rc || !text || (r.text.len == 0 && r.n_calls);
    answer_end(&view);
    if (!rc && text && a->ask.chat.q.n_tools) rc = answer_calls(&r, e);
    if (!rc && !text) rc = answer_json(&r, s, &a->sample, !a->jsonl, e);
    if (!rc && !term_flush()) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    if (!rc && (a->stats || (text && term_is_tty(stderr) && term_is_tty(stdout)))) answer_stats(&r, s);
    if (r.stop == STOP_INTERRUPTED) *status = EXIT_SIGINT;
    else if (r.stop == STOP_LENGTH || r.stop == STOP_CONTEXT) {
        bool thought = r.text.len == 0 && r.n_calls == 0 && r.reasoning.len > 0;
        if (a->fail_on_length || thought) *status = EXIT_LENGTH;
        if (thought)
            fprintf(stderr, "autarky run: all %" PRId64 " tokens went into thinking: a larger -n leaves room for the answer, "
                            "--think off does without, where the model leaves the choice\n", r.tokens);
    }
    generate_result_free(&r);
    return rc;
}

/* The answer with every operation of it in a trace file. */
static int traced_answer(const struct run_args *a, struct talker *t, const struct tokens *ids, int *status, struct err *e)
{
    struct trace **trace = &t->decoder.run.trace;
    if (a->trace) TRY(confirm_not_input(a->trace, t->engine.path, e));
    if (a->trace) TRY(confirm_remake(a->trace, a->force, e));
    if (a->trace) TRY(trace_open(trace, a->trace, true, e));
    int rc = answer(a, &t->session, ids, status, e);
    int closed = trace_close(*trace, rc ? NULL : e);
    *trace = NULL;
    return rc ? rc : closed;
}

static int run(struct run_args *a, char **words, int n, int *status, struct err *e)
{
    char path[SETUP_PATH];
    struct talker t = {0};
    struct tokens ids = {0};
    struct buf prompt = {0};
    const char *model = path;
    bool leads;
    TRY(model_leads(&leads, words, n, &a->seen, e));
    if (leads) {
        model = words[0];
        words++;
        n--;
    } else {
        TRY(model_default(path, e));
        fprintf(stderr, "autarky run: the answer is from %s, since no model is named\n", path);
    }
    int rc = make_prompt(&prompt, a, words, n, e);
    if (!rc) rc = talker_open(&t, model, &a->model, e);
    if (!rc) sample_args_advise(&a->sample, &a->given, &t.engine);
    if (!rc) rc = encode_prompt(&ids, a, &prompt, &t.engine, e);
    if (!rc) rc = traced_answer(a, &t, &ids, status, e);
    tokens_free(&ids);
    buf_free(&prompt);
    ask_free(&a->ask);
    talker_close(&t);
    return rc;
}

int cmd_run(int argc, char **argv)
{
    struct run_args a = {0};
    struct err e = {0};
    int n, status;
    struct opts o = {.command = "run",
                     .usage = "[MODEL] [PROMPT...]",
                     .summary = "Answers one prompt on stdout. What comes through a pipe stands before the prompt. Behind --\n"
                                "all words are prompt.\n\n"
                                "  autarky run \"Tell me a story about a fox.\"\n"
                                "  autarky run --raw -n 50 --temp 0 \"Once upon a time\"\n"
                                "  cat letter.txt | autarky run \"What does it say?\" --json\n"};
    add_rows(&o, &a);
    o.seen = &a.seen;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    term_setup((enum term_color)a.look.color, a.look.plain);
    if (a.limited && a.max_tokens == 0) {
        err_set(&e, ERR_USAGE, __FILE__, __LINE__, "--max-tokens is 0, expected -1 or 1 to %d", 1 << 24);
        return exit_fail("run", &e);
    }
    if (a.json && a.jsonl) {
        err_set(&e, ERR_USAGE, __FILE__, __LINE__, "--json and --jsonl exclude each other");
        return exit_fail("run", &e);
    }
    if (!a.given.seed) a.sample.seed = random_seed();
    if (run(&a, argv + 1, n, &status, &e)) return exit_fail("run", &e);
    return status;
}
