/* Requests over HTTP: in random pieces they must give what they give whole; and whatever passes is looked at by the guard. The
 * first byte chooses the pieces. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "http/guard.h"
#include "http/parse.h"

static const struct http_limits small = {
    .line = 400, .head = 1000, .fields = 12, .chunk_line = 24, .chunk_extra = 60, .trailers = 80, .body = 300};

/* What a head says, and what the guard thinks of it. */
static void note_head(struct buf *out, const struct http_head *h)
{
    static const char *const origins[] = {"https://a.example", NULL};
    struct http_guard g = {.hosts = origins, .origins = origins};
    struct http_where w = {.to = {.port = 1}};
    struct http_route route = {
        .methods = HTTP_BIT(HTTP_GET) | HTTP_BIT(HTTP_POST), .json = true, .needs_body = true, .page = true};
    struct http_refusal r = {0};
    const char *cors;
    char value[40] = "";
    buf_printf(out, "%d %s?%s %d %s:%d %d%d%d%d %llu", h->method, h->path, h->query, h->minor, h->host, h->port, h->keep_alive,
               h->wants_continue, h->chunked, h->has_length, (unsigned long long)h->length);
    for (uint32_t i = 0; i < h->n_fields; i++)
        buf_printf(out, "|%s=%s", h->text.data + h->fields[i].name, h->text.data + h->fields[i].value);
    bool found = http_query_get(h->query, "a", value, sizeof value);
    bool passes = http_guard_site(&g, h, &w, &route, &cors, &r) && http_guard_body(h, &route, &r);
    buf_printf(out, " %d%s %d %d\n", found, value, passes, r.status);
    if (passes == (r.status != 0) || strchr(h->path, '\n') || strlen(h->path) == 0) __builtin_trap();
}

/* False after a refusal. */
static bool feed(struct http_parser *p, struct buf *out, const char *piece, size_t n)
{
    char *copy = mem_alloc(n);
    size_t at = 0, used, len;
    const char *body;
    bool good = true;
    memcpy(copy, piece, n);
    for (bool more = true; more && good;) {
        enum http_step step = http_parse(p, copy + at, n - at, &used, &body, &len);
        at += used;
        if (step == HTTP_STEP_MORE) more = at < n;
        else if (step == HTTP_STEP_HEAD) note_head(out, &p->head);
        else if (step == HTTP_STEP_BODY) buf_add(out, body, len);
        else if (step == HTTP_STEP_END) buf_add_str(out, "\n.\n"), http_parser_next(p);
        else good = false;
    }
    if (!good) buf_printf(out, "%d %s", p->refusal.status, p->refusal.reason);
    if (!good && (p->refusal.status < 400 || p->refusal.reason[0] == '\0')) __builtin_trap();
    mem_free(copy);
    return good;
}

static void parse(struct buf *out, const char *s, size_t n, const struct http_limits *l, uint64_t seed)
{
    struct http_parser p;
    struct rng r = {.seed = seed};
    http_parser_init(&p, l);
    for (size_t at = 0; at < n;) {
        size_t k = seed ? 1 + rng_next_below(&r, rng_next_below(&r, 2) ? 4 : 60) : n;
        if (k > n - at) k = n - at;
        if (!feed(&p, out, s + at, k)) break;
        at += k;
    }
    http_parser_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, pieces = {0};
    if (size == 0) return 0;
    const struct http_limits *l = data[0] & 1 ? &small : &http_limits_default;
    const char *s = (const char *)data + 1;
    parse(&whole, s, size - 1, l, 0);
    parse(&pieces, s, size - 1, l, 1 + (uint64_t)data[0]);
    if (whole.len != pieces.len || (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0)) __builtin_trap();
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
