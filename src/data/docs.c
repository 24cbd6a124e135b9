/* Reading documents: decompression, lines, JSON, generators. */
#include "data/docs.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "stories/stories.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define SEPARATOR "<|endoftext|>"
enum { WINDOW_LOG_MAX = 27, OUT_BYTES = 1 << 17 };

/* Cuts a stream of bytes into lines. */
struct lines {
    const char *name;
    uint64_t number; /* of the line that is being read, from 1 */
    uint64_t read, total;
    struct buf line;
    int (*fn)(struct lines *l, struct err *e); /* a whole line in l->line, without its end */
    doc_fn *doc;
    void *ctx;
    struct buf text; /* .txt: the document so far */
};

static int add_piece(struct lines *l, const char *p, size_t n, struct err *e)
{
    if (n > DOC_MAX_BYTES - l->line.len)
        FAIL(e, ERR_LIMIT, "%s: line %llu: longer than %d bytes", l->name, (unsigned long long)l->number, DOC_MAX_BYTES);
    buf_add(&l->line, p, n);
    return buf_check(&l->line, l->name, e);
}

static int end_line(struct lines *l, struct err *e)
{
    if (l->line.len && l->line.data[l->line.len - 1] == '\r') l->line.data[--l->line.len] = 0;
    TRY(l->fn(l, e));
    buf_clear(&l->line);
    l->number++;
    return OK;
}

static int add_bytes(struct lines *l, const char *p, size_t n, struct err *e)
{
    while (n > 0) {
        const char *nl = memchr(p, '\n', n);
        size_t k = nl ? (size_t)(nl - p) : n;
        TRY(add_piece(l, p, k, e));
        if (!nl) return OK;
        TRY(end_line(l, e));
        p += k + 1;
        n -= k + 1;
    }
    return OK;
}

/* ---- text ---- */

static int emit_text(struct lines *l, struct err *e)
{
    size_t from = 0, to = l->text.len;
    while (to > from && l->text.data[to - 1] == '\n') to--;
    while (from < to && l->text.data[from] == '\n') from++;
    if (from == to) {
        buf_clear(&l->text);
        return OK;
    }
    struct doc d = {.text = l->text.data + from, .len = to - from, .read = l->read, .total = l->total};
    int rc = l->doc(l->ctx, &d, e);
    buf_clear(&l->text);
    return rc;
}

static int text_line(struct lines *l, struct err *e)
{
    if (l->line.len == sizeof SEPARATOR - 1 && !memcmp(l->line.data, SEPARATOR, l->line.len)) return emit_text(l, e);
    if (l->line.len + 1 > DOC_MAX_BYTES - l->text.len)
        FAIL(e, ERR_LIMIT, "%s: line %llu: the document is longer than %d bytes", l->name, (unsigned long long)l->number,
             DOC_MAX_BYTES);
    buf_add(&l->text, l->line.data, l->line.len);
    buf_add_byte(&l->text, '\n');
    return buf_check(&l->text, l->name, e);
}

/* ---- JSON lines ---- */

static int role_of(const char *name, enum chat_role *out)
{
    static const char *const names[] = {"system", "user", "assistant"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum chat_role)i;
            return OK;
        }
    return ERR_FORMAT;
}

static int emit_messages(struct lines *l, const json_t *list, const char *where, struct err *e)
{
    size_t n = json_array_size(list);
    void *p;
    if (!json_is_array(list) || n == 0 || n > DOC_MAX_MSGS)
        FAIL(e, ERR_FORMAT, "%s: \"messages\" is not a list of 1 to %d messages", where, DOC_MAX_MSGS);
    TRY(mem_new(&p, n * sizeof(struct chat_msg), "messages", e));
    struct chat_msg *m = p;
    int rc = OK;
    for (size_t i = 0; i < n && !rc; i++) {
        const json_t *x = json_array_get(list, i), *role = json_object_get(x, "role"), *content = json_object_get(x, "content");
        if (!json_is_string(role) || !json_is_string(content) || role_of(json_string_value(role), &m[i].role))
            rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__,
                         "%s: message %zu needs \"role\" (system, user or assistant) and \"content\", both strings", where, i);
        else {
            m[i].text = json_string_value(content);
            m[i].len = json_string_length(content);
        }
    }
    struct doc d = {.msgs = m, .n_msgs = n, .read = l->read, .total = l->total};
    if (!rc) rc = l->doc(l->ctx, &d, e);
    mem_free(m);
    return rc;
}

static int json_line(struct lines *l, struct err *e)
{
    char where[300];
    json_t *root;
    size_t blank = 0;
    while (blank < l->line.len && strchr(" \t", l->line.data[blank])) blank++;
    if (blank == l->line.len) return OK;
    snprintf(where, sizeof where, "%.250s: line %llu", l->name, (unsigned long long)l->number);
    TRY(json_parse(&root, l->line.data, l->line.len, where, e));
    const json_t *text = json_object_get(root, "text"), *messages = json_object_get(root, "messages");
    int rc;
    if (messages) rc = emit_messages(l, messages, where, e);
    else if (!json_is_string(text))
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: neither \"text\" (a string) nor \"messages\"", where);
    else if (json_string_length(text) == 0) rc = OK;
    else {
        struct doc d = {.text = json_string_value(text), .len = json_string_length(text), .read = l->read, .total = l->total};
        rc = l->doc(l->ctx, &d, e);
    }
    json_decref(root);
    return rc;
}

/* ---- files ---- */

static int finish(struct lines *l, int rc, struct err *e)
{
    if (!rc && l->line.len) rc = end_line(l, e);
    if (!rc && l->text.len) rc = emit_text(l, e);
    buf_free(&l->line);
    buf_free(&l->text);
    return rc;
}

int docs_each_jsonl(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e)
{
    struct lines l = {.name = name, .number = 1, .total = len, .read = len, .fn = json_line, .doc = fn, .ctx = ctx};
    return finish(&l, add_bytes(&l, data, len, e), e);
}

int docs_each_txt(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e)
{
    struct lines l = {.name = name, .number = 1, .total = len, .read = len, .fn = text_line, .doc = fn, .ctx = ctx};
    return finish(&l, add_bytes(&l, data, len, e), e);
}

static int walk_zstd(struct lines *l, const struct file_map *m, ZSTD_DStream *z, char *out, struct err *e)
{
    ZSTD_inBuffer in = {m->data, m->size, 0};
    size_t left = 1;
    if (ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        FAIL(e, ERR_MEMORY, "%s: zstd refuses its settings", l->name);
    while (in.pos < in.size) {
        ZSTD_outBuffer o = {out, OUT_BYTES, 0};
        size_t at = in.pos;
        left = ZSTD_decompressStream(z, &o, &in);
        if (ZSTD_isError(left)) FAIL(e, ERR_FORMAT, "%s: offset %zu: not valid zstd: %s", l->name, at, ZSTD_getErrorName(left));
        l->read = in.pos;
        TRY(add_bytes(l, out, o.pos, e));
    }
    for (bool more = left != 0; more;) { /* what the decoder still holds back */
        ZSTD_outBuffer o = {out, OUT_BYTES, 0};
        left = ZSTD_decompressStream(z, &o, &in);
        if (ZSTD_isError(left))
            FAIL(e, ERR_FORMAT, "%s: offset %zu: not valid zstd: %s", l->name, in.pos, ZSTD_getErrorName(left));
        TRY(add_bytes(l, out, o.pos, e));
        more = left != 0 && o.pos > 0;
    }
    if (left != 0) FAIL(e, ERR_FORMAT, "%s: offset %zu: the compressed data ends in the middle", l->name, in.pos);
    return OK;
}

static int walk_file(const char *path, doc_fn *fn, void *ctx, struct err *e)
{
    bool zst = str_ends_with(path, ".zst");
    bool json = str_ends_with(path, zst ? ".jsonl.zst" : ".jsonl"), txt = str_ends_with(path, zst ? ".txt.zst" : ".txt");
    if (!json && !txt)
        FAIL(e, ERR_USAGE, "%s: expected a file named .txt, .jsonl, .txt.zst or .jsonl.zst, or generate:...", path);
    struct file_map m;
    TRY(file_map(&m, path, e));
    int rc;
    if (!zst) {
        rc = json ? docs_each_jsonl((const char *)m.data, m.size, path, fn, ctx, e)
                  : docs_each_txt((const char *)m.data, m.size, path, fn, ctx, e);
    } else {
        struct lines l = {.name = path, .number = 1, .total = m.size, .fn = json ? json_line : text_line, .doc = fn, .ctx = ctx};
        ZSTD_DStream *z = ZSTD_createDStream();
        char *out = mem_alloc(OUT_BYTES);
        if (!z || !out) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory for decompression", path);
        else rc = walk_zstd(&l, &m, z, out, e);
        ZSTD_freeDStream(z);
        mem_free(out);
        rc = finish(&l, rc, e);
    }
    file_unmap(&m);
    return rc;
}

/* ---- generators ---- */

static int walk_stories(uint64_t seed, uint64_t count, doc_fn *fn, void *ctx, struct err *e)
{
    struct buf b = {0};
    int rc = OK;
    for (uint64_t i = 0; i < count && !rc; i++) {
        buf_clear(&b);
        rc = story_generate(seed, i, &b, e);
        struct doc d = {.text = b.data, .len = b.len, .read = i + 1, .total = count};
        if (!rc) rc = fn(ctx, &d, e);
    }
    buf_free(&b);
    return rc;
}

enum { CHAT_MAX_PARTS = 4 };

/* Document i of chats: dialogues 4 i, 4 i + 1, ... as one conversation of 1 to CHAT_MAX_PARTS parts, so that a model also
 * meets long conversations that change their subject. parts == 1: dialogue i alone. */
static int compose_chat(uint64_t seed, uint64_t i, uint64_t parts, struct dialogue *g, struct chat_msg *m, size_t *n,
                        struct err *e)
{
    *n = 0;
    for (uint64_t p = 0; p < parts; p++) {
        TRY(dialogue_generate(seed, i + p, &g[p], e));
        for (size_t k = 0; k < g[p].n; k++)
            m[(*n)++] = (struct chat_msg){
                .role = k % 2 ? CHAT_ASSISTANT : CHAT_USER, .text = g[p].text[k].data, .len = g[p].text[k].len};
    }
    return OK;
}

static int walk_dialogues(uint64_t seed, uint64_t count, bool joined, doc_fn *fn, void *ctx, struct err *e)
{
    struct dialogue g[CHAT_MAX_PARTS] = {0};
    int rc = OK;
    for (uint64_t i = 0; i < count && !rc; i++) {
        struct chat_msg m[CHAT_MAX_PARTS * DIALOGUE_MAX_TURNS];
        uint64_t parts = joined ? 1 + rng_below(seed, rng_stream("parts of a chat"), i, CHAT_MAX_PARTS) : 1;
        struct doc d = {.msgs = m, .read = i + 1, .total = count};
        rc = compose_chat(seed, joined ? CHAT_MAX_PARTS * i : i, parts, g, m, &d.n_msgs, e);
        if (!rc) rc = fn(ctx, &d, e);
    }
    for (int p = 0; p < CHAT_MAX_PARTS; p++) dialogue_free(&g[p]);
    return rc;
}

static int walk_generator(const char *spec, doc_fn *fn, void *ctx, struct err *e)
{
    char kind[16];
    unsigned long long seed, count;
    int end = 0;
    if (sscanf(spec, "generate:%15[a-z]?seed=%19llu&count=%19llu%n", kind, &seed, &count, &end) != 3 || spec[end])
        FAIL(e, ERR_USAGE, "%s: expected generate:KIND?seed=S&count=N with KIND stories, dialogues or chats", spec);
    if (!strcmp(kind, "stories")) return walk_stories(seed, count, fn, ctx, e);
    if (!strcmp(kind, "dialogues")) return walk_dialogues(seed, count, false, fn, ctx, e);
    if (!strcmp(kind, "chats")) return walk_dialogues(seed, count, true, fn, ctx, e);
    FAIL(e, ERR_USAGE, "%s: there is no generator \"%s\", only stories, dialogues and chats", spec, kind);
}

int docs_each(const char *input, doc_fn *fn, void *ctx, struct err *e)
{
    return strncmp(input, "generate:", 9) ? walk_file(input, fn, ctx, e) : walk_generator(input, fn, ctx, e);
}
