/* `autarky tokenizer`: train a vocabulary, turn text into ids and back, and compare what languages cost. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "chat/chat.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/term.h"
#include "cli/make/texts.h"
#include "model/vocab.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "data/inputs.h"
#include "text/detok.h"
#include "text/tokenizer.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char top_help[] =
    "Usage: autarky tokenizer COMMAND ...\n\n"
    "  train     learn a vocabulary from text files\n"
    "  encode    text to token ids\n"
    "  decode    token ids to text\n"
    "  parity    tokens per byte and per character of several files: what each language costs\n\n"
    "TOKENIZER is a tokenizer.json, a folder that holds one, or a GGUF file. See autarky tokenizer COMMAND --help.\n";

static int usage(const char *command, const char *what)
{
    struct err e;
    err_set(&e, ERR_USAGE, __FILE__, __LINE__, "%s; see autarky %s --help", what, command);
    return exit_fail(command, &e);
}

/* All of stdin. */
static int read_stdin(struct buf *b, struct err *e)
{
    char block[1 << 16];
    size_t n;
    while ((n = term_read(block, sizeof block)) > 0) buf_add(b, block, n);
    if (ferror(stdin)) FAIL(e, ERR_IO, "stdin: cannot read: %s", strerror(errno));
    return buf_check(b, "stdin", e);
}

/* Writes b on stdout and frees it. raw: text of ours, or bytes that must arrive as they are. */
static int print(struct buf *b, bool raw, struct err *e)
{
    int rc = buf_check(b, "the output", e);
    if (rc == OK && b->len) {
        if (raw) fwrite(b->data, 1, b->len, stdout);
        else term_write(stdout, b->data, b->len);
    }
    buf_free(b);
    if (rc == OK && !term_flush())
        rc = err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write: %s", strerror(errno));
    return rc;
}

/* Prints v (consumed) as one JSON text. */
static int print_json(json_t *v, struct err *e)
{
    char *s = v ? json_text(v) : NULL;
    struct buf b = {0};
    json_decref(v);
    if (!s) return json_bad("the result", e);
    buf_add_str(&b, s);
    buf_add_byte(&b, '\n');
    mem_free(s);
    return print(&b, true, e);
}

struct train_job {
    int64_t vocab;
    const char *out, *config;
    bool many_digits;
    struct opt_list extra;
    struct text_args texts;
    bool force;
    struct bpe_trainer *trainer;
    uint64_t bytes; /* of text */
    double last;
};

static void show_progress(void *ctx, int done, int want)
{
    struct train_job *job = ctx;
    if (!term_is_tty(stderr) || term_plain() || (clock_seconds() - job->last < 0.2 && done < want)) return;
    job->last = clock_seconds();
    fprintf(stderr, "\rmerges %d of %d%s", done, want, done < want ? "" : "\n");
}

static int write_files(const struct train_job *job, const struct tokenizer *t, struct err *e)
{
    struct buf json = {0}, config = {0};
    int rc = tokenizer_to_json(t, &json, e);
    if (rc == OK) rc = tokenizer_config_to_json(t, 0, chat_template_of(t), &config, e);
    if (rc == OK) rc = file_replace(job->out, json.data, json.len, e);
    if (rc == OK && job->config) rc = file_replace(job->config, config.data, config.len, e);
    buf_free(&json);
    buf_free(&config);
    return rc;
}

static int learn_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct train_job *job = ctx;
    if (term_interrupted) FAIL(e, ERR_INTERRUPTED, "interrupted");
    if (!d->msgs) TRY(bpe_trainer_add(job->trainer, d->text, d->len, e));
    job->bytes += d->len;
    for (size_t i = 0; i < d->n_msgs; i++) {
        TRY(bpe_trainer_add(job->trainer, d->msgs[i].text, d->msgs[i].len, e));
        job->bytes += d->msgs[i].len;
    }
    return OK;
}

/* What is written is none of what is read, and replaces nothing unasked. */
static int check_outputs(const struct train_job *job, char **files, int n, struct err *e)
{
    const char *outs[] = {job->out, job->config};
    struct inputs all = {0};
    int rc = inputs_add_all(&all, files, n, e);
    for (int i = 0; i < 2 && outs[i] && !rc; i++) {
        for (size_t k = 0; k < all.n && !rc; k++) rc = confirm_not_input(outs[i], all.v[k], e);
        if (!rc) rc = confirm_remake(outs[i], job->force, e);
    }
    inputs_free(&all);
    return rc;
}

/* Counts, learns and writes. */
static int train(struct train_job *job, char **files, int n, struct err *e)
{
    struct tokenizer *t;
    double start = clock_seconds();
    TRY(check_outputs(job, files, n, e));
    job->texts.any_name = job->texts.exact = true;
    TRY(texts_each(&job->texts, files, n, learn_doc, job, e));
    TRY(bpe_trainer_finish(job->trainer, &t, show_progress, job, e));
    int got = tokenizer_vocab(t);
    int rc = write_files(job, t, e);
    tokenizer_free(t);
    TRY(rc);
    fprintf(stderr, "%s: %d tokens from %" PRIu64 " bytes in %.1f s\n", job->out, got, job->bytes, clock_seconds() - start);
    if (got < job->vocab)
        fprintf(stderr, "the text is too small for %d tokens: no pair is left that occurs twice\n", (int)job->vocab);
    return OK;
}

static int cmd_train_tokenizer(int argc, char **argv)
{
    struct train_job job = {.vocab = 4096};
    struct opts o = {
        .command = "tokenizer train",
        .usage = "--out FILE.json FILE...",
        .summary = "Learns a byte-level BPE vocabulary from texts: .txt, .jsonl, either with .zst, folders, patterns;\n"
                   "files with other names are plain text. Ids: special tokens (those of DeepSeek's\n"
                   "chat form: begin, end, pad, User, Assistant), the 256 bytes, merges. The same texts\n"
                   "give the same vocabulary."};
    opts_add(&o, (struct opt){"vocab", 0, OPT_I64, &job.vocab, 256, TOK_MAX_VOCAB, .arg = "N",
                              .help = "number of tokens in all (default 4096)"});
    opts_add(&o, (struct opt){"out", 'o', OPT_STR, &job.out, .arg = "FILE", .help = "where to write tokenizer.json"});
    opts_add(&o, (struct opt){"config", 0, OPT_STR, &job.config, .arg = "FILE",
                              .help = "also write tokenizer_config.json, for transformers"});
    opts_add(&o, (struct opt){"no-single-digits", 0, OPT_FLAG, &job.many_digits,
                              .help = "numbers of up to three digits in one piece (DeepSeek V3's rules)"});
    opts_add(&o, (struct opt){"special", 0, OPT_LIST, &job.extra, .arg = "TEXT",
                              .help = "one more special token, after the five"});
    text_args_add(&o, &job.texts);
    opts_flag(&o, "force", 0, &job.force, "replace what exists without asking");
    int n, status;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (!job.out) return usage(o.command, "--out is missing");
    if (n == 0) return usage(o.command, "no text file is given");
    const char *specials[5 + OPT_LIST_MAX] = {CHAT_BOS, CHAT_EOS, CHAT_PAD, CHAT_USER_MARK, CHAT_ASSISTANT_MARK};
    for (size_t i = 0; i < job.extra.n; i++) specials[5 + i] = job.extra.v[i];
    struct bpe_options options = {(int32_t)job.vocab, specials, 5 + job.extra.n, !job.many_digits};
    struct err e;
    int rc = bpe_trainer_new(&job.trainer, &options, &e);
    if (rc == OK) rc = train(&job, argv + 1, n, &e);
    bpe_trainer_free(job.trainer);
    return rc ? exit_fail(o.command, &e) : EXIT_OK;
}

/* The bytes of one token as text: what is not a whole character shows as U+FFFD. */
static json_t *token_text(const struct tokenizer *t, int32_t id)
{
    struct detok d;
    struct buf b = {0};
    struct err e;
    detok_init(&d, t, true);
    if (detok_feed(&d, id, &b, &e)) buf_clear(&b);
    detok_flush(&d, &b);
    json_t *v = b.failed ? NULL : json_stringn(b.len ? b.data : "", b.len);
    buf_free(&b);
    return v;
}

static int print_ids(const struct tokenizer *t, const struct tokens *ids, bool json, struct err *e)
{
    struct buf b = {0};
    if (!json) {
        for (size_t i = 0; i < ids->n; i++) buf_printf(&b, "%s%d", i ? " " : "", ids->ids[i]);
        buf_add_byte(&b, '\n');
        return print(&b, true, e);
    }
    json_t *id = json_array(), *text = json_array();
    for (size_t i = 0; i < ids->n; i++) {
        json_add(id, json_integer(ids->ids[i]));
        json_add(text, token_text(t, ids->ids[i]));
    }
    return print_json(json_pack("{s:I, s:o, s:o}", "count", (json_int_t)ids->n, "ids", id, "tokens", text), e);
}

/* The ids of the JSON string in one line. */
static int encode_line(const struct tokenizer *t, const char *line, size_t len, size_t number, struct err *e)
{
    struct tokens ids = {0};
    json_error_t why;
    json_t *v = json_loadb(line, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json_is_string(v)) {
        json_decref(v);
        FAIL(e, ERR_FORMAT, "stdin: line %zu is not a JSON string", number);
    }
    int rc = tokenizer_encode(t, json_string_value(v), json_string_length(v), &ids, e);
    if (rc == OK) rc = print_ids(t, &ids, false, e);
    tokens_free(&ids);
    json_decref(v);
    return rc;
}

static int encode_lines(const char *path, struct err *e)
{
    struct tokenizer *t;
    struct buf in = {0};
    TRY(tokenizer_resolve(&t, path, e));
    int rc = read_stdin(&in, e);
    size_t number = 0;
    for (char *s = in.data, *end; rc == OK && s && s < in.data + in.len; s = end + 1) {
        end = memchr(s, '\n', (size_t)(in.data + in.len - s));
        if (!end) end = in.data + in.len;
        rc = encode_line(t, s, (size_t)(end - s), ++number, e);
    }
    buf_free(&in);
    tokenizer_free(t);
    return rc;
}

static int encode(const char *path, const char *text, bool json, struct err *e)
{
    struct tokenizer *t;
    struct tokens ids = {0};
    struct buf in = {0};
    TRY(tokenizer_resolve(&t, path, e));
    int rc = text ? OK : read_stdin(&in, e);
    if (rc == OK) rc = tokenizer_encode(t, text ? text : in.data, text ? strlen(text) : in.len, &ids, e);
    if (rc == OK) rc = print_ids(t, &ids, json, e);
    tokens_free(&ids);
    buf_free(&in);
    tokenizer_free(t);
    return rc;
}

static int cmd_encode(int argc, char **argv)
{
    bool json = false, lines = false;
    struct opts o = {
        .command = "tokenizer encode",
        .usage = "TOKENIZER [TEXT]",
        .summary = "Prints the token ids of TEXT, or of stdin. Special tokens spelled out in the text stay text."};
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &json, .help = "a JSON object: count, ids, tokens"});
    opts_add(&o, (struct opt){"lines", 0, OPT_FLAG, &lines,
                              .help = "stdin has one JSON string a line; one line of ids for each"});
    int n, status;
    struct err e;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n < 1 || n > 2) return usage(o.command, "expected a tokenizer and at most one text");
    if (lines && (json || n == 2)) return usage(o.command, "--lines goes with neither --json nor a text");
    int rc = lines ? encode_lines(argv[1], &e) : encode(argv[1], n == 2 ? argv[2] : NULL, json, &e);
    return rc ? exit_fail(o.command, &e) : EXIT_OK;
}

/* Adds the numbers in s, which may be separated by white space or commas. */
static int parse_ids(struct tokens *ids, const char *s, struct err *e)
{
    static const char gaps[] = " \t\r\n,[]";
    for (s += strspn(s, gaps); *s; s += strspn(s, gaps)) {
        char *end;
        errno = 0;
        long v = strtol(s, &end, 10);
        if (end == s || (*end && !strchr(gaps, *end)) || errno || v < 0 || v >= TOK_MAX_VOCAB)
            FAIL(e, ERR_USAGE, "\"%.20s\" is not a token id", s);
        TRY(tokens_add(ids, (int32_t)v, e));
        s = end;
    }
    return OK;
}

static int decode(const char *path, char **args, int n, bool special, struct err *e)
{
    struct tokenizer *t;
    struct tokens ids = {0};
    struct buf in = {0}, out = {0};
    TRY(tokenizer_resolve(&t, path, e));
    int rc = n ? OK : read_stdin(&in, e);
    if (rc == OK && in.len) rc = parse_ids(&ids, in.data, e);
    for (int i = 0; i < n && rc == OK; i++) rc = parse_ids(&ids, args[i], e);
    if (rc == OK) rc = tokenizer_decode(t, ids.ids, ids.n, special, &out, e);
    if (rc == OK && term_is_tty(stdout)) buf_add_byte(&out, '\n');
    if (rc == OK) rc = print(&out, false, e);
    buf_free(&out);
    tokens_free(&ids);
    buf_free(&in);
    tokenizer_free(t);
    return rc;
}

static int cmd_decode(int argc, char **argv)
{
    bool special = false;
    struct opts o = {.command = "tokenizer decode",
                     .usage = "TOKENIZER [ID...]",
                     .summary =
                         "Prints the text of the token ids, given as arguments or on stdin. Into a file or a pipe the\n"
                         "bytes are exact; on a terminal control characters are made harmless."};
    opts_add(&o, (struct opt){"special", 0, OPT_FLAG, &special, .help = "also print special tokens"});
    int n, status;
    struct err e;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n < 1) return usage(o.command, "no tokenizer is given");
    return decode(argv[1], argv + 2, n - 1, special, &e) ? exit_fail(o.command, &e) : EXIT_OK;
}

struct cost {
    size_t bytes, chars, tokens;
};

/* What a file costs, by the tokens of t. */
struct counting {
    const struct tokenizer *t;
    struct tokens ids;
    struct cost *c;
};

static int count_text(struct counting *k, const char *s, size_t n, struct err *e)
{
    k->ids.n = 0;
    TRY(tokenizer_encode(k->t, s, n, &k->ids, e));
    k->c->bytes += n;
    k->c->chars += utf8_count(s, n);
    k->c->tokens += k->ids.n;
    return OK;
}

static int count_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct counting *k = ctx;
    if (term_interrupted) FAIL(e, ERR_INTERRUPTED, "interrupted");
    if (!d->msgs) TRY(count_text(k, d->text, d->len, e));
    for (size_t i = 0; i < d->n_msgs; i++)
        if (d->msgs[i].len) TRY(count_text(k, d->msgs[i].text, d->msgs[i].len, e));
    return OK;
}

static int count_file(const struct tokenizer *t, char *path, struct cost *c, struct text_args *a, struct err *e)
{
    struct counting k = {.t = t, .c = c};
    a->any_name = a->exact = true;
    *c = (struct cost){0};
    int rc = texts_each(a, &path, 1, count_doc, &k, e);
    tokens_free(&k.ids);
    return rc;
}

static double ratio(size_t a, size_t b) { return b ? (double)a / (double)b : 0; }

static int print_parity(const struct cost *c, char **files, int n, bool json, struct err *e)
{
    struct buf b = {0};
    if (json) {
        json_t *list = json_array();
        for (int i = 0; i < n; i++)
            json_add(list,
                     json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f}", "file", files[i], "bytes",
                               (json_int_t)c[i].bytes, "characters", (json_int_t)c[i].chars, "tokens",
                               (json_int_t)c[i].tokens, "tokens_per_byte", ratio(c[i].tokens, c[i].bytes),
                               "tokens_per_character", ratio(c[i].tokens, c[i].chars), "relative",
                               ratio(c[i].tokens, c[0].tokens)));
        return print_json(list, e);
    }
    buf_printf(&b, "%10s %10s %10s %8s %8s %8s  %s\n", "bytes", "chars", "tokens", "tok/byte", "tok/char", "to first",
               "file");
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%10zu %10zu %10zu %8.3f %8.3f %8.2f  %s\n", c[i].bytes, c[i].chars, c[i].tokens,
                   ratio(c[i].tokens, c[i].bytes), ratio(c[i].tokens, c[i].chars), ratio(c[i].tokens, c[0].tokens),
                   files[i]);
    return print(&b, false, e);
}

static int parity(const char *path, char **files, int n, bool json, struct text_args *a, struct err *e)
{
    struct tokenizer *t;
    struct cost *c;
    TRY(tokenizer_resolve(&t, path, e));
    int rc = mem_new((void **)&c, (size_t)n * sizeof *c, "counts", e);
    for (int i = 0; i < n && rc == OK; i++) rc = count_file(t, files[i], &c[i], a, e);
    if (rc == OK) rc = print_parity(c, files, n, json, e);
    mem_free(c);
    tokenizer_free(t);
    return rc;
}

static int cmd_parity(int argc, char **argv)
{
    bool json = false;
    struct text_args texts = {0};
    struct opts o = {.command = "tokenizer parity",
                     .usage = "TOKENIZER FILE...",
                     .summary =
                         "Tokens per byte and per character of each file, and its tokens relative to the first file.\n"
                         "With the same text in several languages the last number is what each language pays."};
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &json, .help = "a JSON array"});
    text_args_add(&o, &texts);
    int n, status;
    struct err e;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n < 2) return usage(o.command, "expected a tokenizer and at least one file");
    return parity(argv[1], argv + 2, n - 1, json, &texts, &e) ? exit_fail(o.command, &e) : EXIT_OK;
}

int cmd_tokenizer(int argc, char **argv)
{
    static const char *const names[] = {"train", "encode", "decode", "parity"};
    static int (*const run[])(int, char **) = {cmd_train_tokenizer, cmd_encode, cmd_decode, cmd_parity};
    if (argc >= 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        fputs(top_help, stdout);
        return EXIT_OK;
    }
    for (int i = 0; argc >= 2 && i < 4; i++)
        if (strcmp(argv[1], names[i]) == 0) return run[i](argc - 1, argv + 1);
    return usage("tokenizer", argc < 2 ? "a command is missing" : "unknown command");
}
