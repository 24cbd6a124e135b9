/* autarky tokenize: the tokens of a text, one by one. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "model/vocab.h"
#include "sys/file.h"

enum { MAX_TEXT = 1 << 30 };

struct tokenize {
    bool ids, line, json, special, bos;
    const char *file; /* the text is in it; NULL: on the command line, or on stdin */
    struct tokenizer *tok;
    struct tokens out;
    size_t bytes; /* of the text */
};

static int read_stdin(struct buf *b, struct err *e)
{
    char block[1 << 16];
    size_t n;
    while ((n = term_read(block, sizeof block)) > 0) buf_add(b, block, n);
    if (ferror(stdin)) FAIL(e, ERR_IO, "stdin: cannot read: %s", strerror(errno));
    return buf_check(b, "stdin", e);
}

static int read_file(struct buf *b, const char *path, struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, MAX_TEXT, e));
    buf_add(b, text, len);
    mem_free(text);
    return buf_check(b, path, e);
}

/* ---- control tokens spelled out ---- */

/* The longest control token that s begins with; -1: none. ids: all control tokens. */
static int32_t special_at(const struct tokenizer *t, const struct tokens *ids, const char *s, size_t n, size_t *len)
{
    int32_t best = -1;
    *len = 0;
    for (size_t i = 0; i < ids->n; i++) {
        size_t k;
        const char *spelling = tokenizer_bytes(t, ids->ids[i], &k);
        if (k > *len && k <= n && *spelling == *s && !memcmp(spelling, s, k)) {
            best = ids->ids[i];
            *len = k;
        }
    }
    return best;
}

/* Control tokens, and what the tokenizer looks up like them: <think>. */
static bool is_special(const struct tokenizer *t, int32_t id, const char *s, size_t len)
{
    char spelling[256];
    if (tokenizer_is_control(t, id)) return true;
    if (len >= sizeof spelling) return false;
    memcpy(spelling, s, len);
    spelling[len] = 0;
    return strlen(spelling) == len && tokenizer_special(t, spelling) == id;
}

static int list_specials(const struct tokenizer *t, struct tokens *ids, bool first[256], struct err *e)
{
    for (int32_t id = 0; id < tokenizer_vocab(t); id++) {
        size_t len;
        const char *spelling = tokenizer_bytes(t, id, &len);
        if (!len || !is_special(t, id, spelling, len)) continue;
        TRY(tokens_add(ids, id, e));
        first[(unsigned char)*spelling] = true;
    }
    return OK;
}

static int encode_special(struct tokenize *z, const char *s, size_t n, struct err *e)
{
    struct tokens ids = {0};
    bool first[256] = {false};
    size_t from = 0;
    int rc = list_specials(z->tok, &ids, first, e);
    for (size_t i = 0, len; i < n && !rc; i++) {
        if (!first[(unsigned char)s[i]]) continue;
        int32_t id = special_at(z->tok, &ids, s + i, n - i, &len);
        if (id < 0) continue;
        size_t to = i - tokenizer_takes(z->tok, id, true, s + from, i - from);
        if (to > from) rc = tokenizer_encode(z->tok, s + from, to - from, &z->out, e);
        if (!rc) rc = tokens_add(&z->out, id, e);
        from = i + len;
        from += tokenizer_takes(z->tok, id, false, s + from, n - from);
        i = from - 1;
    }
    if (!rc && from < n) rc = tokenizer_encode(z->tok, s + from, n - from, &z->out, e);
    tokens_free(&ids);
    return rc;
}

/* ---- output ---- */

/* The bytes of a token between quotation marks, with what cannot be shown as escapes. */
static void add_quoted(struct buf *b, const char *s, size_t n)
{
    buf_add_byte(b, '"');
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + i, n - i, &cp);
        if (len == 0) {
            buf_printf(b, "\\x%02x", (unsigned char)s[i]);
            len = 1;
        } else if (cp == '\n') buf_add_str(b, "\\n");
        else if (cp == '\t') buf_add_str(b, "\\t");
        else if (cp == '"' || cp == '\\') buf_printf(b, "\\%c", (char)cp);
        else if (!utf8_is_safe(cp)) buf_printf(b, "\\u{%x}", (unsigned)cp);
        else buf_add(b, s + i, len);
    }
    buf_add_byte(b, '"');
}

static void add_token(const struct tokenize *z, struct buf *b, int32_t id)
{
    size_t len;
    const char *s = tokenizer_bytes(z->tok, id, &len);
    if (z->ids) {
        buf_printf(b, "%s%d", b->len ? " " : "", id);
    } else if (z->line) {
        buf_printf(b, "%s%d:", b->len ? " " : "", id);
        add_quoted(b, s, len);
    } else {
        buf_printf(b, "%8d  %5zu  ", id, len);
        add_quoted(b, s, len);
        buf_add_str(b, tokenizer_is_control(z->tok, id) ? "  control\n" : "\n");
    }
}

static double bytes_per_token(const struct tokenize *z) { return z->out.n ? (double)z->bytes / (double)z->out.n : 0; }

static int print_text(const struct tokenize *z, struct err *e)
{
    struct buf b = {0};
    if (!z->ids && !z->line) buf_add_str(&b, "      id  bytes  token\n");
    for (size_t i = 0; i < z->out.n; i++) add_token(z, &b, z->out.ids[i]);
    if (z->ids || z->line) buf_add_byte(&b, '\n');
    int rc = buf_check(&b, "the output", e);
    if (!rc) fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
    if (!rc && !term_flush()) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    if (!rc) fprintf(stderr, "%zu tokens, %zu bytes, %.2f bytes per token\n", z->out.n, z->bytes, bytes_per_token(z));
    return rc;
}

/* A token's bytes need not be whole characters: then its text is given as the list shows it. */
static json_t *token_json(const struct tokenize *z, int32_t id)
{
    struct buf b = {0};
    size_t len;
    const char *s = tokenizer_bytes(z->tok, id, &len);
    json_t *text = utf8_valid(s, len, NULL) ? json_stringn(s, len) : NULL;
    if (!text) {
        add_quoted(&b, s, len);
        text = b.failed ? NULL : json_stringn(b.data + 1, b.len - 2);
        buf_free(&b);
    }
    return json_pack("{s:i,s:o,s:I,s:b}", "id", id, "text", text, "bytes", (json_int_t)len, "control",
                     tokenizer_is_control(z->tok, id));
}

static int print_json(const struct tokenize *z, struct err *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < z->out.n; i++) json_add(list, token_json(z, z->out.ids[i]));
    json_t *o = json_pack("{s:I,s:I,s:f,s:o}", "count", (json_int_t)z->out.n, "bytes", (json_int_t)z->bytes,
                          "bytes_per_token", bytes_per_token(z), "tokens", list);
    if (!o || json_array_size(list) != z->out.n) {
        json_decref(o);
        FAIL(e, ERR_MEMORY, "out of memory for the output");
    }
    return answer_print_json(o, e);
}

static int tokenize(struct tokenize *z, const char *model, const char *text, struct err *e)
{
    struct buf in = {0};
    TRY(tokenizer_resolve(&z->tok, model, e));
    bool stdin_too = !z->file && (!text || !strcmp(text, "-"));
    if (stdin_too && term_is_tty(stdin)) fprintf(stderr, "type the text; Ctrl-D on an empty line ends it\n");
    int rc = z->file ? read_file(&in, z->file, e) : stdin_too ? read_stdin(&in, e) : OK;
    if (z->file || stdin_too) text = in.data ? in.data : "";
    z->bytes = in.data ? in.len : strlen(text);
    if (!rc && z->bos && tokenizer_bos(z->tok) < 0)
        rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "%s: no token begins a text here", model);
    if (!rc && z->bos) rc = tokens_add(&z->out, tokenizer_bos(z->tok), e);
    if (!rc)
        rc = z->special ? encode_special(z, text, z->bytes, e) : tokenizer_encode(z->tok, text, z->bytes, &z->out, e);
    if (!rc) rc = z->json ? print_json(z, e) : print_text(z, e);
    buf_free(&in);
    return rc;
}

int cmd_tokenize(int argc, char **argv)
{
    struct tokenize z = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {
        .command = "tokenize",
        .usage = "MODEL [TEXT|-]",
        .summary = "Shows the tokens of TEXT, or of what comes on stdin: id, bytes, and the piece of text. MODEL is a "
                   "model file\n"
                   "or folder, or a tokenizer.json. Control tokens spelled out in the text stay text, as they do in a\n"
                   "prompt, unless --special is given.\n"};
    opts_add(&o, (struct opt){"file", 'f', OPT_STR, &z.file, .arg = "FILE", .help = "the text is in FILE"});
    opts_flag(&o, "ids", 0, &z.ids, "only the ids, in one line");
    opts_flag(&o, "line", 0, &z.line, "ids and pieces in one line");
    opts_flag(&o, "json", 0, &z.json, "one JSON object");
    opts_flag(&o, "special", 0, &z.special, "spelled-out control tokens become those tokens");
    opts_flag(&o, "bos", 0, &z.bos, "put the token first that begins a text");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n < 1 || n > (z.file ? 1 : 2))
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "a model and %s wanted, %d words are given",
                     z.file ? "no text beside -f are" : "at most one text are", n);
    else rc = tokenize(&z, argv[1], n == 2 ? argv[2] : NULL, &e);
    tokens_free(&z.out);
    tokenizer_free(z.tok);
    return rc ? exit_fail("tokenize", &e) : EXIT_OK;
}
