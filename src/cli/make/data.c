/* `autarky data`: text to token shards, text made by rule, and what a file of text holds. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/term.h"
#include "cli/make/texts.h"
#include "data/docs.h"
#include "data/prepare.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/store.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

enum { MAX_TOKENIZER = 1 << 28, PATH_CAP = 4096, BLOCK = 1 << 20, ZSTD_LEVEL = 12 };

static const char top_help[] =
    "Usage: autarky data COMMAND ...\n\n"
    "  prepare    documents to a file of tokens, as training reads it\n"
    "  generate   simple stories, or chats about them, made by rule\n"
    "  manifest   hash, documents and bytes of files of text, as JSON\n\n"
    "Documents come from FILE.txt (parted by lines that hold only <|endoftext|>), FILE.jsonl (\"text\" or \"messages\" in\n"
    "each line), the same with .zst, or generate:stories?seed=1&count=1000. See autarky data COMMAND --help.\n";

static int usage(const char *command, const char *what)
{
    struct err e;
    err_set(&e, ERR_USAGE, __FILE__, __LINE__, "%s; see autarky %s --help", what, command);
    return exit_fail(command, &e);
}

/* A line that overwrites itself, for people who wait. */
struct progress {
    double start, last;
    bool shown;
};

static void show(struct progress *p, const char *what, uint64_t done, uint64_t total)
{
    double now = clock_seconds();
    if (!term_is_tty(stderr) || term_plain() || now - p->last < 0.2) return;
    double spent = now - p->start, left = done && total >= done ? spent * (double)(total - done) / (double)done : 0;
    fprintf(stderr, "\r\033[K%.50s: %.0f %%, %.0f s left", what, total ? 100.0 * (double)done / (double)total : 0, left);
    p->last = now;
    p->shown = true;
}

static void show_end(const struct progress *p)
{
    if (p->shown) fprintf(stderr, "\r\033[K");
}

/* ---- prepare ---- */

static int load_tokenizer(struct tokenizer **t, char hash[SHA256_HEX], const char *path, struct err *e)
{
    char inside[PATH_CAP], *json;
    size_t len;
    *t = NULL;
    if (file_is_dir(path)) {
        TRY(path_join(inside, sizeof inside, path, "tokenizer.json", e));
        path = inside;
    }
    TRY(file_read(&json, &len, path, MAX_TOKENIZER, e));
    int rc = sha256_of(json, len, hash, e);
    if (rc == OK) rc = tokenizer_from_json(t, json, len, path, e);
    mem_free(json);
    return rc;
}

static void show_input(void *ctx, const char *input, uint64_t read, uint64_t total) { show(ctx, input, read, total); }

struct prepare_flags {
    bool json, force;
};

static int prepare(const char *tokenizer, struct prepare_options *o, const struct prepare_flags *flags, struct text_args *a,
                   struct err *e)
{
    struct tokenizer *t;
    struct prepare_result r;
    char hash[SHA256_HEX];
    struct progress p = {.start = clock_seconds()};
    for (size_t i = 0; i < o->inputs->n; i++) TRY(confirm_not_input(o->out, o->inputs->v[i], e));
    TRY(confirm_not_input(o->out, tokenizer, e));
    TRY(confirm_remake(o->out, flags->force, e));
    TRY(prepare_check_space(o->out, o->inputs, 1, e));
    TRY(load_tokenizer(&t, hash, tokenizer, e));
    o->tok = t;
    o->tokenizer_hash = hash;
    o->how = text_args_how(a);
    o->progress = show_input;
    o->progress_ctx = &p;
    o->stop = &term_interrupted;
    int rc = data_prepare(o, &r, e);
    show_end(&p);
    tokenizer_free(t);
    if (rc) return rc;
    a->left_out = r.left_out;
    text_args_tell(a);
    if (flags->json)
        return answer_print_json(
            json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:s}", "file", o->out, "documents", (json_int_t)r.docs, "tokens",
                      (json_int_t)r.tokens, "bytes", (json_int_t)r.bytes, "skipped_lines", (json_int_t)r.left_out.bad_lines,
                      "empty_texts", (json_int_t)r.left_out.empty, "tokenizer_sha256", hash), e);
    fprintf(stderr, "%s: %" PRIu64 " documents, %" PRIu64 " tokens from %" PRIu64 " bytes (%.2f bytes per token) in %.1f s\n",
            o->out, r.docs, r.tokens, r.bytes, r.tokens ? (double)r.bytes / (double)r.tokens : 0, clock_seconds() - p.start);
    return OK;
}

static int cmd_prepare(int argc, char **argv)
{
    const char *tokenizer = NULL;
    struct prepare_options p = {0};
    struct text_args texts = {0};
    int64_t holdout = 0;
    struct prepare_flags flags = {0};
    struct opts o = {.command = "data prepare",
                     .usage = "--tokenizer FILE.json --out FILE.tok INPUT...",
                     .summary = "Encodes documents and writes them as one file of tokens. Text becomes BOS text EOS, a chat\n"
                                "takes the form that the chat command uses. An INPUT is a .txt or .jsonl file, plain or\n"
                                ".zst, a folder or a pattern of them, or generate:stories?seed=1&count=1000 (also dialogues,\n"
                                "chats)."};
    opts_add(&o, (struct opt){"tokenizer", 't', OPT_STR, &tokenizer, .arg = "FILE", .help = "tokenizer.json, or its folder"});
    opts_add(&o, (struct opt){"out", 'o', OPT_STR, &p.out, .arg = "FILE", .help = "where to write the tokens"});
    text_args_add(&o, &texts);
    opts_add(&o, (struct opt){"holdout", 0, OPT_I64, &holdout, 0, 1e9, .arg = "N", .help = "leave out every N-th document"});
    opts_add(&o, (struct opt){"take-holdout", 0, OPT_FLAG, &p.take_holdout,
                              .help = "write only those that --holdout leaves out"});
    opts_flag(&o, "force", 0, &flags.force, "replace FILE without asking");
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &flags.json, .help = "figures as JSON on stdout"});
    int n, status;
    struct err e;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (!tokenizer) return usage(o.command, "--tokenizer is missing");
    if (!p.out) return usage(o.command, "--out is missing");
    if (n == 0) return usage(o.command, "no input is given");
    if (p.take_holdout && holdout == 0) return usage(o.command, "--take-holdout needs --holdout");
    p.holdout = (uint64_t)holdout;
    struct inputs files = {0};
    int rc = inputs_add_all(&files, argv + 1, n, &e);
    p.inputs = &files;
    if (!rc) rc = prepare(tokenizer, &p, &flags, &texts, &e);
    inputs_free(&files);
    return rc ? exit_fail(o.command, &e) : EXIT_OK;
}

/* ---- generate ---- */

struct writing {
    struct file_out out;
    ZSTD_CCtx *zstd; /* NULL: plain */
    void *packed;    /* ZSTD_CStreamOutSize() bytes */
    struct buf text; /* waits to be written */
    struct progress progress;
    uint64_t docs, bytes;
};

static int write_text(struct writing *g, bool last, struct err *e)
{
    TRY(buf_check(&g->text, "text", e));
    g->bytes += g->text.len;
    if (!g->zstd) {
        TRY(file_out_write(&g->out, g->text.data, g->text.len, e));
        buf_clear(&g->text);
        return OK;
    }
    ZSTD_inBuffer in = {g->text.data, g->text.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer o = {g->packed, ZSTD_CStreamOutSize(), 0};
        left = ZSTD_compressStream2(g->zstd, &o, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) FAIL(e, ERR_MEMORY, "%s: cannot compress: %s", g->out.path, ZSTD_getErrorName(left));
        TRY(file_out_write(&g->out, g->packed, o.pos, e));
    } while (last ? left != 0 : in.pos < in.size);
    buf_clear(&g->text);
    return OK;
}

static void add_json_string(struct buf *b, const char *s, size_t n)
{
    buf_add_byte(b, '"');
    for (size_t i = 0; i < n; i++) { /* what the generators write: ASCII, quotation marks and newlines */
        if (s[i] == '\n') buf_add(b, "\\n", 2);
        else {
            if (s[i] == '"' || s[i] == '\\') buf_add_byte(b, '\\');
            buf_add_byte(b, s[i]);
        }
    }
    buf_add_byte(b, '"');
}

static int add_row(void *ctx, const struct doc *d, struct err *e)
{
    struct writing *g = ctx;
    struct buf *b = &g->text;
    if (term_interrupted) FAIL(e, ERR_INTERRUPTED, "interrupted");
    if (!d->msgs) {
        buf_add_str(b, "{\"text\": ");
        add_json_string(b, d->text, d->len);
    }
    for (size_t i = 0; i < d->n_msgs; i++) {
        buf_add_str(b, i ? ", " : "{\"messages\": [");
        buf_printf(b, "{\"role\": \"%s\", \"content\": ", d->msgs[i].role == CHAT_USER ? "user" : "assistant");
        add_json_string(b, d->msgs[i].text, d->msgs[i].len);
        buf_add_byte(b, '}');
    }
    buf_add_str(b, d->msgs ? "]}\n" : "}\n");
    g->docs++;
    show(&g->progress, "documents", d->read, d->total);
    return b->len < BLOCK ? OK : write_text(g, false, e);
}

static int generate_open(struct writing *g, const char *path, struct err *e)
{
    TRY(file_out_open(&g->out, path, e));
    if (!str_ends_with(path, ".zst")) return OK;
    g->zstd = ZSTD_createCCtx();
    TRY(mem_new(&g->packed, ZSTD_CStreamOutSize(), "compression", e));
    if (!g->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(g->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
        FAIL(e, ERR_MEMORY, "%s: out of memory for compression", path);
    return OK;
}

/* The least that is written: the disk must hold it. */
static int check_room(const char *out, uint64_t count, struct err *e)
{
    enum { TEXT_BYTES = 300, PACKED_BYTES = 20 }; /* of a document */
    uint64_t have, need = count * (str_ends_with(out, ".zst") ? PACKED_BYTES : TEXT_BYTES);
    TRY(file_free_space(out, &have, e));
    if (need <= have) return OK;
    FAIL(e, ERR_IO, "%s: %" PRIu64 " documents take %.1f GB, at least; the disk has %.1f GB left", out, count,
         1e-9 * (double)need, 1e-9 * (double)have);
}

static int write_generated(const char *kind, uint64_t seed, uint64_t count, const char *out, bool force, struct err *e)
{
    struct writing g = {.progress.start = clock_seconds()};
    char input[128];
    snprintf(input, sizeof input, "generate:%.40s?seed=%" PRIu64 "&count=%" PRIu64, kind, seed, count);
    int rc = confirm_remake(out, force, e);
    if (rc == OK) rc = check_room(out, count, e);
    if (rc == OK) rc = generate_open(&g, out, e);
    if (rc == OK) rc = docs_each(input, NULL, add_row, &g, e);
    if (rc == OK) rc = write_text(&g, true, e);
    if (rc == OK) rc = file_out_commit(&g.out, e);
    show_end(&g.progress);
    file_out_abort(&g.out); /* no effect after commit */
    ZSTD_freeCCtx(g.zstd);
    mem_free(g.packed);
    buf_free(&g.text);
    if (rc) return rc;
    fprintf(stderr, "%s: %" PRIu64 " documents, %" PRIu64 " bytes in %.1f s\n", out, g.docs, g.bytes,
            clock_seconds() - g.progress.start);
    return OK;
}

static int cmd_generate(int argc, char **argv)
{
    const char *out = NULL;
    uint64_t seed = 1;
    int64_t count = 1000;
    bool force = false;
    struct opts o = {.command = "data generate",
                     .usage = "stories|dialogues|chats --out FILE.jsonl[.zst]",
                     .summary = "Writes simple English made by rule: stories, dialogues (a request and its story, or small\n"
                                "talk), or chats (several dialogues in a row). The same seed gives the same bytes."};
    opts_add(&o, (struct opt){"seed", 0, OPT_U64, &seed, .arg = "N", .help = "which texts (default 1)"});
    opts_add(&o, (struct opt){"count", 'n', OPT_I64, &count, 1, 1e9, .arg = "N", .help = "how many (default 1000)"});
    opts_add(&o, (struct opt){"out", 'o', OPT_STR, &out, .arg = "FILE", .help = "FILE.jsonl or FILE.jsonl.zst"});
    opts_flag(&o, "force", 0, &force, "replace FILE without asking");
    int n, status;
    struct err e;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 1) return usage(o.command, "expected one of stories, dialogues, chats");
    if (!out) return usage(o.command, "--out is missing");
    if (!str_ends_with(out, ".jsonl") && !str_ends_with(out, ".jsonl.zst"))
        return usage(o.command, "--out must end in .jsonl or .jsonl.zst");
    return write_generated(argv[1], seed, (uint64_t)count, out, force, &e) ? exit_fail(o.command, &e) : EXIT_OK;
}

/* ---- manifest ---- */

struct count {
    uint64_t docs, bytes;
};

static int count_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct count *c = ctx;
    if (term_interrupted) FAIL(e, ERR_INTERRUPTED, "interrupted");
    c->docs++;
    c->bytes += d->len;
    for (size_t i = 0; i < d->n_msgs; i++) c->bytes += d->msgs[i].len;
    return OK;
}

/* Of each file of a manifest. */
struct describing {
    json_t *list;
    const char *licence, *origin;
    struct text_args *texts;
};

static int describe(const struct describing *k, const char *path, struct err *e)
{
    struct file_map m;
    struct count c = {0};
    char hash[SHA256_HEX];
    struct docs_left_out left_out = {0};
    struct docs_how how = text_args_how(k->texts);
    how.left_out = &left_out;
    TRY(file_map(&m, path, e));
    size_t size = m.size;
    int rc = sha256_of(m.data, m.size, hash, e);
    file_unmap(&m);
    TRY(rc);
    TRY(docs_each(path, &how, count_doc, &c, e));
    json_t *row = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s}", "file", path, "sha256", hash, "documents",
                            (json_int_t)c.docs, "bytes", (json_int_t)c.bytes, "file_bytes", (json_int_t)size, "skipped_lines",
                            (json_int_t)left_out.bad_lines, "empty_texts", (json_int_t)left_out.empty, "origin", k->origin,
                            "licence", k->licence);
    if (!row || json_array_append_new(k->list, row)) FAIL(e, ERR_MEMORY, "%s: out of memory, or a name that is not UTF-8", path);
    return OK;
}

static int describe_all(const struct describing *k, char **inputs, int n, struct err *e)
{
    struct inputs files = {0};
    int rc = inputs_add_all(&files, inputs, n, e);
    for (size_t i = 0; i < files.n && !rc; i++) rc = describe(k, files.v[i], e);
    inputs_free(&files);
    return rc;
}

static int cmd_manifest(int argc, char **argv)
{
    const char *licence = "", *origin = "";
    struct text_args texts = {0};
    struct opts o = {.command = "data manifest",
                     .usage = "FILE...",
                     .summary = "Prints JSON on stdout: for each file its SHA-256, the number of documents, their bytes, origin\n"
                                "and licence. Keep it beside the texts, so that others can see what a model was made of."};
    opts_add(&o, (struct opt){"licence", 0, OPT_STR, &licence, .arg = "TEXT", .help = "an SPDX name, for instance CC-BY-4.0"});
    opts_add(&o, (struct opt){"origin", 0, OPT_STR, &origin, .arg = "TEXT", .help = "where the texts come from"});
    text_args_add(&o, &texts);
    int n, status;
    struct err e = {0};
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n == 0) return usage(o.command, "no file is given");
    json_t *list = json_array();
    int rc = list ? OK : err_set(&e, ERR_MEMORY, __FILE__, __LINE__, "out of memory");
    struct describing k = {list, licence, origin, &texts};
    if (rc == OK) rc = describe_all(&k, argv + 1, n, &e);
    if (rc) {
        json_decref(list);
        return exit_fail(o.command, &e);
    }
    return answer_print_json(json_pack("{s:o}", "texts", list), &e) ? exit_fail(o.command, &e) : EXIT_OK;
}

int cmd_data(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } table[] = {{"prepare", cmd_prepare}, {"generate", cmd_generate}, {"manifest", cmd_manifest}};
    bool help = argc >= 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"));
    if (argc < 2 || help) {
        fputs(top_help, help ? stdout : stderr);
        return help ? (term_flush() ? EXIT_OK : EXIT_FAILED) : EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(argv[1], table[i].name)) return table[i].run(argc - 1, argv + 1);
    struct err e;
    err_set(&e, ERR_USAGE, __FILE__, __LINE__, "there is no command \"%s\"; expected prepare, generate or manifest", argv[1]);
    return exit_fail("data", &e);
}
