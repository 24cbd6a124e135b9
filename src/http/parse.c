/* A request out of bytes. */
#include "http/parse.h"
#include <string.h>
#include "base/checked.h"

enum state { IN_HEAD, HEAD_READ, IN_BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, AT_END, BAD };
enum { CHUNK_DIGITS = 15 };

void http_parser_init(struct http_parser *p, const struct http_limits *l)
{
    *p = (struct http_parser){.limits = *l};
    if (p->limits.head > UINT16_MAX) p->limits.head = UINT16_MAX;
}

void http_parser_free(struct http_parser *p)
{
    http_head_free(&p->head);
    buf_free(&p->line);
    *p = (struct http_parser){0};
}

void http_parser_next(struct http_parser *p)
{
    struct http_limits l = p->limits;
    http_parser_free(p);
    p->limits = l;
}

static enum http_step bad(struct http_parser *p)
{
    p->state = BAD;
    return HTTP_STEP_BAD;
}

/* ---- lines ---- */

enum line { LINE_MORE, LINE_WHOLE, LINE_BAD };

/* One byte of a line: appended to text unless it is CR or LF. LINE_WHOLE: the line has ended. */
static enum line take_byte(struct http_parser *p, struct buf *text, unsigned char c, const char *where)
{
    if (p->cr && c != '\n') return http_refuse(&p->refusal, 400, "%s has a CR without LF", where), LINE_BAD;
    if (c == '\n' && !p->cr) return http_refuse(&p->refusal, 400, "%s has an LF without CR", where), LINE_BAD;
    if (c == '\n') {
        p->cr = false;
        buf_add_byte(text, '\0');
        if (!text->failed) return LINE_WHOLE;
    } else if (c == '\r') {
        p->cr = true;
    } else if (!http_is_value_byte(c)) {
        return http_refuse(&p->refusal, 400, "%s has the byte 0x%02x", where, c), LINE_BAD;
    } else {
        buf_add_byte(text, c);
    }
    if (text->failed) return http_refuse(&p->refusal, 503, "no memory for the request"), LINE_BAD;
    return LINE_MORE;
}

/* ended: the line has a NUL behind it by now. */
static bool head_fits(struct http_parser *p, bool ended)
{
    const struct http_limits *l = &p->limits;
    size_t line = p->head.text.len - p->head.line - ended;
    if (line > l->line && p->head.lines == 0)
        return http_refuse(&p->refusal, 414, "the request line is longer than %u bytes", l->line);
    if (line > l->line) return http_refuse(&p->refusal, 431, "header line %u is longer than %u bytes", p->head.lines, l->line);
    if (p->head_bytes > l->head) return http_refuse(&p->refusal, 431, "the head is longer than %u bytes", l->head);
    return true;
}

static enum http_step parse_head(struct http_parser *p, const char *data, size_t n, size_t *used)
{
    struct http_head *h = &p->head;
    while (*used < n) {
        p->begun = true;
        p->head_bytes++;
        enum line got =
            take_byte(p, &h->text, (unsigned char)data[(*used)++], h->lines == 0 ? "the request line" : "a header line");
        if (got == LINE_BAD) return bad(p);
        if (!head_fits(p, got == LINE_WHOLE)) return bad(p);
        if (got == LINE_MORE) continue;
        bool empty = h->text.len - h->line == 1;
        if (empty && h->lines == 0) { /* one is passed over: some clients send it behind a body */
            if (p->skipped) return http_refuse(&p->refusal, 400, "there are empty lines before the request"), bad(p);
            p->skipped = true;
            h->text.len = 0;
            continue;
        }
        if (empty) {
            if (!http_head_end(h, &p->refusal)) return bad(p);
            p->state = HEAD_READ;
            return HTTP_STEP_HEAD;
        }
        if (!http_head_take_line(h, &p->limits, &p->refusal)) return bad(p);
        h->line = (uint32_t)h->text.len;
    }
    return HTTP_STEP_MORE;
}

/* ---- bodies ---- */

static bool too_large(struct http_parser *p)
{
    return http_refuse(&p->refusal, 413, "the body is longer than %llu bytes", (unsigned long long)p->body_max);
}

bool http_parser_accept(struct http_parser *p, uint64_t max)
{
    const struct http_head *h = &p->head;
    if (p->state != HEAD_READ) return p->state != BAD;
    p->body_max = max;
    p->left = h->length;
    p->state = h->chunked ? CHUNK_SIZE : h->length > 0 ? IN_BODY : AT_END;
    if (p->left <= max) return true;
    p->state = BAD;
    return too_large(p);
}

/* Hands out what there is of the body or chunk. */
static enum http_step give_body(struct http_parser *p, const char *data, size_t n, size_t *used, const char **body,
                                size_t *body_len)
{
    size_t k = n - *used < p->left ? n - *used : (size_t)p->left;
    if (k == 0) return HTTP_STEP_MORE;
    *body = data + *used;
    *body_len = k;
    *used += k;
    p->left -= k;
    p->body_bytes += k;
    if (p->left == 0) p->state = p->state == IN_BODY ? AT_END : CHUNK_END;
    return HTTP_STEP_BODY;
}

static size_t token_length(const char *s)
{
    size_t n = 0;
    while (http_is_token_byte((unsigned char)s[n])) n++;
    return n;
}

/* ";name", ";name=value", ";name=\"any text\"", any number of them and no blanks. */
static bool is_extension(const char *s)
{
    while (*s == ';') {
        size_t n = token_length(++s);
        s += n;
        if (n == 0) return false;
        if (*s != '=') continue;
        if (*++s != '"') {
            n = token_length(s);
            s += n;
            if (n == 0) return false;
            continue;
        }
        for (s++; *s && *s != '"'; s++)
            if (*s == '\\' && *++s == '\0') return false;
        if (*s++ != '"') return false;
    }
    return *s == '\0';
}

/* "1a" or "1a;extension": the extension is passed over. */
static bool take_chunk_size(struct http_parser *p)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *s = p->line.data;
    size_t n = strspn(s, digits), rest = strlen(s + n);
    uint64_t size = 0;
    if (n == 0 || (rest > 0 && s[n] != ';'))
        return http_refuse(&p->refusal, 400, "the size of a chunk is not a hexadecimal number");
    if (!is_extension(s + n)) return http_refuse(&p->refusal, 400, "an extension of a chunk is malformed");
    if (n > CHUNK_DIGITS) return http_refuse(&p->refusal, 400, "the size of a chunk has %zu digits", n);
    for (size_t i = 0; i < n; i++) size = size * 16 + (uint64_t)(s[i] <= '9' ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
    p->extra_bytes += (uint32_t)rest;
    if (p->extra_bytes > p->limits.chunk_extra)
        return http_refuse(&p->refusal, 400, "the chunks have more than %u bytes of extensions", p->limits.chunk_extra);
    if (size > p->body_max - p->body_bytes) return too_large(p);
    p->left = size;
    p->state = size > 0 ? CHUNK_DATA : TRAILER;
    return true;
}

/* A trailer is held to the grammar of a header line, may not be about framing or rights, and is dropped. */
static bool take_trailer(struct http_parser *p)
{
    const char *s = p->line.data, *colon = strchr(s, ':');
    if (*s == '\0') p->state = AT_END;
    else if (colon && http_head_is_single(s, (size_t)(colon - s)))
        return http_refuse(&p->refusal, 400, "a trailer has a name that only the head may have");
    else if (!colon || !http_is_token(s, (size_t)(colon - s)))
        return http_refuse(&p->refusal, 400, "a trailer is no header line");
    return true;
}

/* Up to the end of one line between or behind chunks. */
static enum http_step parse_line(struct http_parser *p, const char *data, size_t n, size_t *used)
{
    static const char *const names[] = {[CHUNK_SIZE] = "the size of a chunk", [TRAILER] = "a trailer"};
    while (*used < n) {
        enum line got = take_byte(p, &p->line, (unsigned char)data[(*used)++], names[p->state]);
        if (got == LINE_BAD) return bad(p);
        if (p->state == CHUNK_SIZE && p->line.len > p->limits.chunk_line + (size_t)1)
            return http_refuse(&p->refusal, 400, "the line of a chunk is longer than %u bytes", p->limits.chunk_line), bad(p);
        if (p->state == TRAILER && ++p->trailer_bytes > p->limits.trailers)
            return http_refuse(&p->refusal, 431, "the trailers are longer than %u bytes", p->limits.trailers), bad(p);
        if (got == LINE_MORE) continue;
        bool good = p->state == CHUNK_SIZE ? take_chunk_size(p) : take_trailer(p);
        buf_clear(&p->line);
        if (!good) return bad(p);
        break;
    }
    return HTTP_STEP_MORE;
}

/* CR LF behind the bytes of a chunk. */
static enum http_step parse_chunk_end(struct http_parser *p, const char *data, size_t n, size_t *used)
{
    while (*used < n && p->state == CHUNK_END) {
        char c = data[(*used)++];
        if (c != (p->cr ? '\n' : '\r')) return http_refuse(&p->refusal, 400, "a chunk is longer than its size"), bad(p);
        if (p->cr) p->state = CHUNK_SIZE;
        p->cr = !p->cr;
    }
    return HTTP_STEP_MORE;
}

enum http_step http_parse(struct http_parser *p, const char *data, size_t n, size_t *used, const char **body, size_t *body_len)
{
    *used = 0;
    *body = NULL;
    *body_len = 0;
    for (;;) {
        enum http_step step = HTTP_STEP_MORE;
        switch (p->state) {
        case IN_HEAD: step = parse_head(p, data, n, used); break;
        case HEAD_READ:
            if (!http_parser_accept(p, p->limits.body)) return HTTP_STEP_BAD;
            continue;
        case IN_BODY:
        case CHUNK_DATA: step = give_body(p, data, n, used, body, body_len); break;
        case CHUNK_SIZE:
        case TRAILER: step = parse_line(p, data, n, used); break;
        case CHUNK_END: step = parse_chunk_end(p, data, n, used); break;
        case AT_END: return HTTP_STEP_END;
        default: return HTTP_STEP_BAD;
        }
        if (step != HTTP_STEP_MORE) return step;
        if (*used == n && p->state != AT_END) return HTTP_STEP_MORE;
    }
}
