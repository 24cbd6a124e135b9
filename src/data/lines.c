/* Reading lines. */
#include "data/lines.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "sys/file.h"
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { WINDOW_LOG_MAX = 27, OUT_BYTES = 1 << 17, IN_BYTES = 1 << 20 };

static int add_piece(struct lines *l, const char *p, size_t n, struct err *e)
{
    if (n > DOC_MAX_BYTES - l->line.len)
        FAIL(e, ERR_LIMIT, "%s:%llu: the line is longer than %d bytes", l->name, (unsigned long long)l->number, DOC_MAX_BYTES);
    buf_add(&l->line, p, n);
    return buf_check(&l->line, l->name, e);
}

static int end_line(struct lines *l, bool ended, struct err *e)
{
    if (!l->keep_cr && l->line.len && l->line.data[l->line.len - 1] == '\r') l->line.data[--l->line.len] = 0;
    l->ended = ended;
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
        TRY(end_line(l, true, e));
        p += k + 1;
        n -= k + 1;
    }
    return OK;
}

int lines_check(struct lines *l, struct err *e)
{
    const char *s = l->line.data;
    size_t n = l->line.len, good = n ? utf8_valid_run(s, n) : 0;
    const char *zero = n ? memchr(s, 0, good) : NULL;
    if (zero) good = (size_t)(zero - s);
    if (good == n) {
        bool ascii = true;
        for (size_t i = 0; i < n && ascii && l->utf8_lines < LINES_SURE; i++) ascii = (unsigned char)s[i] < 0x80;
        l->utf8_lines += !ascii;
        return OK;
    }
    struct buf b = {0};
    if (zero) buf_printf(&b, "byte %zu of the line is NUL", good + 1);
    else buf_printf(&b, "byte %zu of the line, 0x%02x, is not UTF-8", good + 1, (unsigned char)s[good]);
    encoding_advice(&b, &l->head, zero != NULL, l->utf8_lines == LINES_SURE, l->name);
    int rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s:%llu: %s", l->name, (unsigned long long)l->number,
                     b.failed ? "not UTF-8" : b.data);
    buf_free(&b);
    return rc;
}

/* ---- files ---- */

/* What bytes go through on their way to lines. */
struct source {
    struct lines *l;
    struct file_map map;
    struct decoder_stream *decoder; /* NULL: the text is UTF-8 */
    struct buf decoded;
};

static int take_bytes(struct source *s, const char *p, size_t n, struct err *e)
{
    encoding_head_add(&s->l->head, p, n);
    if (!s->decoder) return add_bytes(s->l, p, n, e);
    buf_clear(&s->decoded);
    TRY(decoder_stream_add(s->decoder, p, n, &s->decoded, e));
    return s->decoded.len ? add_bytes(s->l, s->decoded.data, s->decoded.len, e) : OK;
}

static int walk_plain(struct source *s, struct err *e)
{
    for (size_t at = 0, n; at < s->map.size; at += n) {
        n = s->map.size - at < IN_BYTES ? s->map.size - at : IN_BYTES;
        s->l->read = at + n;
        TRY(take_bytes(s, (const char *)s->map.data + at, n, e));
    }
    return OK;
}

static int bad_zstd(const struct source *s, size_t at, size_t code, struct err *e)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        FAIL(e, ERR_MEMORY, "%s: out of memory for decompression", s->l->name);
    FAIL(e, ERR_FORMAT, "%s: offset %zu: not valid zstd: %s", s->l->name, at, ZSTD_getErrorName(code));
}

static int walk_zstd(struct source *s, ZSTD_DStream *z, char *out, struct err *e)
{
    const char *name = s->l->name;
    ZSTD_inBuffer in = {s->map.data, s->map.size, 0};
    size_t left = 1;
    if (ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        FAIL(e, ERR_MEMORY, "%s: zstd refuses its settings", name);
    while (in.pos < in.size) {
        ZSTD_outBuffer o = {out, OUT_BYTES, 0};
        size_t at = in.pos;
        left = ZSTD_decompressStream(z, &o, &in);
        if (ZSTD_isError(left)) return bad_zstd(s, at, left, e);
        s->l->read = in.pos;
        TRY(take_bytes(s, out, o.pos, e));
    }
    for (bool more = left != 0; more;) { /* what zstd still holds back */
        ZSTD_outBuffer o = {out, OUT_BYTES, 0};
        left = ZSTD_decompressStream(z, &o, &in);
        if (ZSTD_isError(left)) return bad_zstd(s, in.pos, left, e);
        TRY(take_bytes(s, out, o.pos, e));
        more = left != 0 && o.pos > 0;
    }
    if (left != 0) FAIL(e, ERR_FORMAT, "%s: offset %zu: the compressed data ends in the middle", name, in.pos);
    return OK;
}

static int walk_packed(struct source *s, struct err *e)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    char *out = mem_alloc(OUT_BYTES);
    int rc = OK;
    if (!z || !out) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory for decompression", s->l->name);
    else rc = walk_zstd(s, z, out, e);
    ZSTD_freeDStream(z);
    mem_free(out);
    return rc;
}

static int finish(struct lines *l, int rc, struct err *e)
{
    if (!rc && l->line.len) rc = end_line(l, false, e);
    buf_free(&l->line);
    return rc;
}

/* All lines of an opened file. */
static int walk(struct source *s, struct err *e)
{
    s->l->number = 1;
    s->l->read = 0;
    s->l->total = s->map.size;
    int rc = str_ends_with(s->l->name, ".zst") ? walk_packed(s, e) : walk_plain(s, e);
    if (!rc && s->decoder) rc = decoder_stream_end(s->decoder, e);
    return finish(s->l, rc, e);
}

static int check_only(struct lines *l, struct err *e) { return lines_check(l, e); }

/* Whether the file is UTF-8, be it damaged, and its head. What is wrong with it will be met again. */
static int look(const struct source *s, bool *utf8, struct encoding_head *head, struct err *e)
{
    struct lines l = {.name = s->l->name, .fn = check_only};
    struct source first = {.l = &l, .map = s->map};
    struct err why = {0};
    int rc = walk(&first, &why);
    *utf8 = rc == OK || l.utf8_lines == LINES_SURE;
    *head = l.head;
    if (!*utf8 && why.code != ERR_FORMAT) FAIL(e, why.code, "%s", why.msg);
    return OK;
}

int lines_of_file(struct lines *l, const char *path, int encoding, struct err *e)
{
    struct source s = {.l = l};
    struct encoding_head head = {.n = 0};
    bool utf8 = true;
    l->name = path;
    TRY(file_map(&s.map, path, e));
    int rc = encoding ? look(&s, &utf8, &head, e) : OK;
    if (!rc && !utf8) rc = decoder_stream_open(&s.decoder, encoding, &head, path, e);
    if (!rc) rc = walk(&s, e);
    decoder_stream_free(s.decoder);
    buf_free(&s.decoded);
    file_unmap(&s.map);
    return rc;
}

int lines_of_memory(struct lines *l, const char *data, size_t len, struct err *e)
{
    l->number = 1;
    l->read = l->total = len;
    encoding_head_add(&l->head, data, len);
    return finish(l, len ? add_bytes(l, data, len, e) : OK, e);
}
