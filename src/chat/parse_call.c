/* Calls of tools that are JSON: NAME and an object, in the five ways that forms write them. The arguments are sent as
 * they come, up to the bracket that closes them. */
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "chat/parse.h"

enum { NAME_MAX_BYTES = 256 };

/* ---- sending ---- */

int parse_name(struct chat_parser *p, const char *s, size_t len)
{
    p->calls++;
    buf_clear(&p->arguments);
    p->depth = 0;
    p->in_string = p->escaped = false;
    return parse_send(p, CHAT_EV_CALL, s, len, false);
}

int parse_arguments(struct chat_parser *p, const char *s, size_t len)
{
    if (len == 0) return OK;
    buf_add(&p->arguments, s, len);
    return parse_send(p, CHAT_EV_ARGUMENTS, s, len, false);
}

int parse_call_done(struct chat_parser *p, bool malformed)
{
    json_t *v = NULL;
    struct err ignored;
    TRY(buf_check(&p->arguments, "arguments", p->e));
    const char *s = p->arguments.len ? p->arguments.data : "";
    malformed |= json_parse(&v, s, p->arguments.len, "arguments", &ignored) != OK || !json_is_object(v);
    json_decref(v);
    return parse_send(p, CHAT_EV_CALL_END, NULL, 0, malformed);
}

/* ---- the head ---- */

enum match { MATCH_MORE, MATCH_NO, MATCH_YES };

struct cursor {
    const char *s;
    size_t len, at;
};

static void skip_space(struct cursor *c)
{
    while (c->at < c->len && c->s[c->at] && strchr(" \t\r\n", c->s[c->at])) c->at++;
}

static enum match literal(struct cursor *c, const char *what)
{
    size_t n = strlen(what), left = c->len - c->at;
    if (memcmp(c->s + c->at, what, n < left ? n : left) != 0) return MATCH_NO;
    if (left < n) return MATCH_MORE;
    c->at += n;
    return MATCH_YES;
}

/* A JSON string without escapes, which is what names of tools are. */
static enum match plain_string(struct cursor *c, struct chat_span *out)
{
    enum match m = literal(c, "\"");
    if (m != MATCH_YES) return m;
    size_t from = c->at;
    for (; c->at < c->len; c->at++) {
        char x = c->s[c->at];
        if (x == '\\' || (unsigned char)x < 32 || c->at - from > NAME_MAX_BYTES) return MATCH_NO;
        if (x != '"') continue;
        *out = (struct chat_span){c->s + from, c->at++ - from};
        return out->len ? MATCH_YES : MATCH_NO;
    }
    return MATCH_MORE;
}

static enum match key(struct cursor *c, const char *a, const char *b)
{
    struct chat_span k;
    skip_space(c);
    enum match m = plain_string(c, &k);
    if (m != MATCH_YES) return m;
    bool is = (k.len == strlen(a) && !memcmp(k.s, a, k.len)) || (b && k.len == strlen(b) && !memcmp(k.s, b, k.len));
    if (!is) return MATCH_NO;
    skip_space(c);
    m = literal(c, ":");
    skip_space(c);
    return m;
}

/* {"name": "NAME", "arguments": and the bracket after it. */
static enum match object_head(struct cursor *c, struct chat_span *name)
{
    enum match m;
    skip_space(c);
    if ((m = literal(c, "{")) != MATCH_YES || (m = key(c, "name", NULL)) != MATCH_YES) return m;
    if ((m = plain_string(c, name)) != MATCH_YES) return m;
    skip_space(c);
    if ((m = literal(c, ",")) != MATCH_YES || (m = key(c, "arguments", "parameters")) != MATCH_YES) return m;
    m = literal(c, "{");
    if (m == MATCH_YES) c->at--;
    return m;
}

/* function<sep>NAME, a line end, an opened fence, and the bracket. */
static enum match fenced_head(const struct chat_parser *p, struct cursor *c, struct chat_span *name)
{
    if (!p->sep) return MATCH_MORE;
    c->at = p->sep;
    const char *end = memchr(c->s + c->at, '\n', c->len - c->at);
    size_t len = (end ? (size_t)(end - c->s) : c->len) - c->at;
    if (len > NAME_MAX_BYTES || (end && len == 0)) return MATCH_NO;
    if (!end) return MATCH_MORE;
    *name = chat_trim(c->s + c->at, len);
    c->at += len;
    skip_space(c);
    enum match m = literal(c, "```json");
    if (m == MATCH_MORE) return m;
    skip_space(c);
    m = literal(c, "{");
    if (m == MATCH_YES) c->at--;
    return name->len ? m : MATCH_NO;
}

/* NAME<sep> and the bracket. */
static enum match sep_head(const struct chat_parser *p, struct cursor *c, struct chat_span *name)
{
    if (!p->sep) return MATCH_MORE;
    size_t from = c->at;
    *name = chat_trim(c->s + from, p->sep - strlen(DS_SEP) - from);
    c->at = p->sep;
    skip_space(c);
    enum match m = literal(c, "{");
    if (m == MATCH_YES) c->at--;
    return name->len && name->len <= NAME_MAX_BYTES ? m : MATCH_NO;
}

static enum match head(const struct chat_parser *p, struct cursor *c, struct chat_span *name)
{
    switch (p->f->calls) {
    case CALLS_FENCED: return fenced_head(p, c, name);
    case CALLS_SEP: return sep_head(p, c, name);
    default: return object_head(c, name);
    }
}

/* ---- the rest ---- */

/* Bytes of s up to and with the bracket that closes the arguments; *closed: it is there. */
static size_t arguments_end(struct chat_parser *p, const char *s, size_t len, bool *closed)
{
    *closed = false;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (p->escaped) p->escaped = false;
        else if (p->in_string) {
            p->escaped = c == '\\';
            p->in_string = c != '"';
        } else if (c == '"') p->in_string = true;
        else if (c == '{' || c == '[') p->depth++;
        else if ((c == '}' || c == ']') && --p->depth <= 0) {
            *closed = true;
            return i + 1;
        }
    }
    return len;
}

/* What follows the arguments is as the form writes it. */
static bool tail_fits(const struct chat_parser *p, bool ended)
{
    struct chat_span x = chat_trim(p->call.data + p->at, p->call.len - p->at);
    const char *want = p->f->calls == CALLS_FENCED ? "```" : p->f->calls == CALLS_SEP ? "" : "}";
    return (x.len == strlen(want) && !memcmp(x.s, want, x.len)) || (x.len == 0 && ended);
}

/* A call that could not be read: its text is content. */
static int give_up(struct chat_parser *p, const char *marker, bool malformed)
{
    if (marker) buf_add_str(&p->call, marker);
    TRY(buf_check(&p->call, "a call", p->e));
    p->state = p->f->calls == CALLS_HERMES || p->f->calls == CALLS_BARE ? STATE_CONTENT : STATE_BLOCK;
    p->lines = 0;
    int rc = parse_content(p, p->call.data, p->call.len, malformed);
    buf_clear(&p->call);
    return rc;
}

/* Keys in another order, arguments in a string: an object that has become whole. False: it is no call. */
static bool whole_object(struct chat_parser *p, const char *s, size_t len, int *rc)
{
    json_t *v = NULL, *args;
    struct err ignored;
    struct buf again = {0};
    const char *text;
    size_t n = 0;
    bool fits = json_parse(&v, s, len, "a call", &ignored) == OK && json_is_string(json_object_get(v, "name"));
    args = fits ? json_object_get(v, "arguments") : NULL;
    if (fits && !args) args = json_object_get(v, "parameters");
    if (json_is_string(args)) {
        text = json_string_value(args);
        n = json_string_length(args);
    } else {
        if (args && !json_is_null(args)) chat_json_dump(&again, args, 0);
        else buf_add_str(&again, "{}");
        text = again.data;
        n = again.len;
    }
    if (fits) {
        *rc = parse_name(p, json_string_value(json_object_get(v, "name")), json_string_length(json_object_get(v, "name")));
        if (!*rc) *rc = buf_check(&again, "arguments", p->e);
        if (!*rc) *rc = parse_arguments(p, text, n);
        if (!*rc) *rc = parse_call_done(p, false);
    }
    buf_free(&again);
    json_decref(v);
    return fits;
}

int parse_call_begin(struct chat_parser *p, const struct chat_span *before, bool marked)
{
    buf_clear(&p->call);
    if (before && before->len) buf_add(&p->call, before->s, before->len);
    p->at = p->call.len;
    p->sep = 0;
    p->part = PART_HEAD;
    p->marked = marked;
    p->state = STATE_CALL;
    return OK;
}

int parse_call_sep(struct chat_parser *p)
{
    buf_add_str(&p->call, DS_SEP);
    TRY(buf_check(&p->call, "a call", p->e));
    if (!p->sep && p->part == PART_HEAD) p->sep = p->call.len;
    return OK;
}

/* The head is complete: what of the call came after it is read. */
static int head_text(struct chat_parser *p)
{
    struct cursor c = {p->call.data, p->call.len, p->at};
    struct chat_span name = {0};
    switch (head(p, &c, &name)) {
    case MATCH_MORE: return OK;
    case MATCH_NO: /* between markers it is looked at again at its end */
        if (p->marked) return OK;
        p->state = STATE_CONTENT;
        p->at = 0;
        p->reread = true;
        return OK;
    case MATCH_YES: break;
    }
    p->part = PART_ARGUMENTS;
    p->at = c.at;
    return parse_name(p, name.s, name.len);
}

int parse_call_text(struct chat_parser *p, const char *s, size_t len, size_t *used)
{
    buf_add(&p->call, s, len);
    TRY(buf_check(&p->call, "a call", p->e));
    if (p->part == PART_HEAD) TRY(head_text(p));
    if (p->state != STATE_CALL || p->part == PART_HEAD) return OK;
    if (p->part == PART_ARGUMENTS) {
        bool closed;
        size_t n = arguments_end(p, p->call.data + p->at, p->call.len - p->at, &closed);
        TRY(parse_arguments(p, p->call.data + p->at, n));
        p->at += n;
        if (closed) p->part = PART_TAIL;
    }
    if (p->part != PART_TAIL || p->marked) return OK;
    struct chat_span rest = chat_trim(p->call.data + p->at, p->call.len - p->at);
    if (rest.len == 0) return OK;
    *used = len - (size_t)(p->call.data + p->call.len - rest.s) + (rest.s[0] == '}');
    p->state = STATE_BLOCK;
    return parse_call_done(p, false);
}

int parse_call_end(struct chat_parser *p, const char *marker)
{
    bool bare = p->f->calls == CALLS_BARE, json = bare || p->f->calls == CALLS_HERMES;
    int rc = OK;
    size_t open = p->at;
    TRY(buf_check(&p->call, "a call", p->e));
    if (p->part == PART_HEAD) {
        if (!json || !whole_object(p, p->call.data + open, p->call.len - open, &rc)) return give_up(p, marker, !bare);
    } else {
        bool done = p->part == PART_TAIL, fits = done && tail_fits(p, !marker);
        TRY(parse_call_done(p, !done));
        if (done && !fits) rc = parse_content(p, p->call.data + p->at, p->call.len - p->at, true);
    }
    p->state = json && !bare ? STATE_CONTENT : STATE_BLOCK;
    p->skip_lines = true;
    return rc;
}
