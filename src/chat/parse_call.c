/* Calls of tools that are JSON: NAME and an object, in the five ways that forms write them. The arguments are sent as
 * they come, up to the bracket that closes them. */
#include <string.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "chat/parse.h"

enum { NAME_MAX_BYTES = 256, HEAD_MAX_BYTES = 1024 };

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
static enum match object_head(const struct chat_syntax *x, struct cursor *c, struct chat_span *name)
{
    enum match m;
    if (!x->name_key) return MATCH_NO;
    skip_space(c);
    if ((m = literal(c, "{")) != MATCH_YES || (m = key(c, x->name_key, NULL)) != MATCH_YES) return m;
    if ((m = plain_string(c, name)) != MATCH_YES) return m;
    skip_space(c);
    if ((m = literal(c, ",")) != MATCH_YES || (m = key(c, "arguments", "parameters")) != MATCH_YES) return m;
    m = literal(c, "{");
    if (m == MATCH_YES) c->at--;
    return m;
}

/* Takes w off the front or the back of x; false: it is not there. */
static bool cut_plain(struct chat_span *x, struct chat_span w, bool back)
{
    w = chat_trim(w.s, w.len);
    *x = chat_trim(x->s, x->len);
    if (w.len > x->len || memcmp(back ? x->s + x->len - w.len : x->s, w.s, w.len) != 0) return false;
    x->len -= w.len;
    if (!back) x->s += w.len;
    *x = chat_trim(x->s, x->len);
    return true;
}

/* The same with CHAT_ANY in it: up to the nearest place where it goes on. */
static bool cut(struct chat_span *x, const char *what, bool back)
{
    struct chat_span w = {what ? what : "", what ? strlen(what) : 0};
    const char *any = memchr(w.s, CHAT_ANY, w.len);
    if (!any) return cut_plain(x, w, back);
    struct chat_span first = {w.s, (size_t)(any - w.s)}, last = {any + 1, w.len - first.len - 1};
    struct chat_span outer = back ? last : first, inner = back ? first : last;
    if (!cut_plain(x, outer, back) || inner.len == 0) return false;
    for (size_t n = 0; n + inner.len <= x->len; n++) {
        size_t at = back ? x->len - inner.len - n : n;
        if (memcmp(x->s + at, inner.s, inner.len) != 0) continue;
        if (back) x->len = at;
        else *x = (struct chat_span){x->s + at + inner.len, x->len - at - inner.len};
        return true;
    }
    return false;
}

/* A colon and a number. */
static void cut_count(struct chat_span *x)
{
    size_t n = x->len;
    while (n && x->s[n - 1] >= '0' && x->s[n - 1] <= '9') n--;
    if (n && n < x->len && x->s[n - 1] == ':') x->len = n - 1;
}

bool parse_named(const struct chat_syntax *x, struct chat_span *name)
{
    if (!cut(name, x->head, false) || !cut(name, x->mid, true)) return false;
    if (x->counted) cut_count(name);
    return name->len && name->len <= NAME_MAX_BYTES && !memchr(name->s, '\n', name->len);
}

/* The name, what is written around it, and the bracket. */
static enum match named_head(const struct chat_syntax *x, struct cursor *c, struct chat_span *name)
{
    const char *open = memchr(c->s + c->at, '{', c->len - c->at);
    if (!open) return c->len - c->at > HEAD_MAX_BYTES ? MATCH_NO : MATCH_MORE;
    *name = (struct chat_span){c->s + c->at, (size_t)(open - c->s) - c->at};
    c->at = (size_t)(open - c->s);
    return parse_named(x, name) ? MATCH_YES : MATCH_NO;
}

static enum match head(const struct chat_parser *p, struct cursor *c, struct chat_span *name)
{
    const struct chat_syntax *x = &p->f->calls;
    switch (x->kind) {
    case CALLS_NAMED: return named_head(x, c, name);
    case CALLS_OBJECT: return object_head(x, c, name);
    default: return MATCH_MORE; /* read at its end */
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

/* Goes on to the bracket that closes the object in which depth counts; true: it is there, seen is behind it. */
static bool object_closed(struct chat_parser *p)
{
    bool closed;
    p->seen += arguments_end(p, p->call.data + p->seen, p->call.len - p->seen, &closed);
    return closed;
}

/* From now on object_closed looks for the end of an object, `depth` brackets of which are open at p->at. */
static void look_for_end(struct chat_parser *p, int depth)
{
    p->seen = p->at;
    p->depth = depth;
    p->in_string = p->escaped = false;
}

/* The object goes on behind the arguments, or ends. */
static bool goes_on(const struct chat_parser *p, struct chat_span rest)
{
    return p->f->calls.kind == CALLS_OBJECT && rest.len && (rest.s[0] == '}' || rest.s[0] == ',');
}

/* What follows the arguments is as the form writes it. */
static bool tail_fits(struct chat_parser *p, bool ended)
{
    const struct chat_syntax *x = &p->f->calls;
    struct chat_span rest = chat_trim(p->call.data + p->at, p->call.len - p->at);
    if (rest.len == 0) return ended || (x->kind != CALLS_OBJECT && !x->tail);
    if (goes_on(p, rest)) return object_closed(p) && chat_trim(p->call.data + p->seen, p->call.len - p->seen).len == 0;
    struct chat_span want = x->tail ? chat_trim(x->tail, strlen(x->tail)) : (struct chat_span){"", 0};
    return rest.len == want.len && !memcmp(rest.s, want.s, want.len);
}

/* A call that could not be read: its text is content. */
static int give_up(struct chat_parser *p, const char *marker, bool malformed)
{
    if (marker) buf_add_str(&p->call, marker);
    TRY(buf_check(&p->call, "a call", p->e));
    p->state = p->f->calls.block && !p->f->calls.bare ? STATE_BLOCK : STATE_CONTENT;
    p->lines = 0;
    int rc = parse_content(p, p->call.data, p->call.len, malformed);
    buf_clear(&p->call);
    return rc;
}

/* Name and arguments of a call in an object, in whatever order; false: it is none. */
static bool object_parts(const struct chat_syntax *x, json_t *v, json_t **name, json_t **args)
{
    static const char *const names[] = {"name", "tool_name"}, *const all[] = {"arguments", "parameters"};
    json_t *inner = json_object_get(v, "function");
    if (json_is_object(inner)) v = inner;
    *name = x->name_key ? json_object_get(v, x->name_key) : NULL;
    *args = x->args_key ? json_object_get(v, x->args_key) : NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!*name) *name = json_object_get(v, names[i]);
        if (!*args) *args = json_object_get(v, all[i]);
    }
    return json_is_string(*name);
}

/* A call that is complete in s. */
static int send_whole(struct chat_parser *p, const char *name, size_t name_len, json_t *args)
{
    struct buf again = {0};
    const char *text;
    size_t n;
    if (json_is_string(args)) {
        text = json_string_value(args);
        n = json_string_length(args);
    } else {
        if (args && !json_is_null(args)) chat_json_dump(&again, args, 0);
        else buf_add_str(&again, "{}");
        text = again.data;
        n = again.len;
    }
    int rc = buf_check(&again, "arguments", p->e);
    if (!rc) rc = parse_name(p, name, name_len);
    if (!rc) rc = parse_arguments(p, text, n);
    if (!rc) rc = parse_call_done(p, false);
    buf_free(&again);
    return rc;
}

/* A call that is an object; false: it is none. */
static bool send_object(struct chat_parser *p, json_t *v, int *rc)
{
    json_t *name, *args;
    if (!json_is_object(v)) return false;
    if (object_parts(&p->f->calls, v, &name, &args))
        *rc = send_whole(p, json_string_value(name), json_string_length(name), args);
    else if (!p->f->calls.name_key && json_object_size(v) == 1) {
        const char *key = json_object_iter_key(json_object_iter(v));
        *rc = send_whole(p, key, strlen(key), json_object_get(v, key));
    } else return false;
    return true;
}

/* Keys in another order, arguments in a string, a name as key, a list of calls: what has become whole. False: it is no
 * call. */
static bool whole_object(struct chat_parser *p, const char *s, size_t len, int *rc)
{
    json_t *v = NULL, *item;
    struct err ignored;
    size_t i;
    bool fits = json_parse(&v, s, len, "a call", &ignored) == OK;
    if (fits && json_is_array(v)) {
        fits = json_array_size(v) > 0;
        json_array_foreach(v, i, item) fits = fits && *rc == OK && send_object(p, item, rc);
    } else fits = fits && send_object(p, v, rc);
    json_decref(v);
    return fits;
}

int parse_call_begin(struct chat_parser *p, const struct chat_span *before, bool marked)
{
    buf_clear(&p->call);
    if (before && before->len) buf_add(&p->call, before->s, before->len);
    p->at = p->call.len;
    p->part = PART_HEAD;
    p->marked = marked;
    p->state = STATE_CALL;
    return OK;
}

/* No call begins like this. Between markers it is looked at again at its end, an item of a list when it is complete; behind
 * a marker it is content, since looked at again it would begin a call again. */
static int no_head(struct chat_parser *p)
{
    const struct chat_syntax *x = &p->f->calls;
    if (p->marked) return OK;
    if (x->kind == CALLS_OBJECT && !x->bare) {
        p->part = PART_WHOLE;
        look_for_end(p, 0);
        return OK;
    }
    if (x->call) return give_up(p, NULL, true);
    p->state = STATE_CONTENT;
    p->at = 0;
    p->reread = true;
    return OK;
}

/* The head is complete: what of the call came after it is read. */
static int head_text(struct chat_parser *p)
{
    struct cursor c = {p->call.data, p->call.len, p->at};
    struct chat_span name = {0};
    enum match m = head(p, &c, &name);
    if (m == MATCH_MORE) return OK;
    if (m == MATCH_NO) return no_head(p);
    p->part = PART_ARGUMENTS;
    p->at = c.at;
    return parse_name(p, name.s, name.len);
}

/* Where a call without an end marker is over; the rest of the text is not its. */
static int unmarked_end(struct chat_parser *p, size_t len, size_t *used)
{
    const struct chat_syntax *x = &p->f->calls;
    struct chat_span rest = chat_trim(p->call.data + p->at, p->call.len - p->at);
    if (rest.len == 0) return OK;
    if (!goes_on(p, rest)) p->seen = (size_t)(rest.s - p->call.data);
    else if (!object_closed(p)) return OK;
    *used = len - (p->call.len - p->seen);
    p->state = x->block || x->bare ? STATE_BLOCK : STATE_CONTENT;
    return parse_call_done(p, false);
}

/* An object of a list whose head was not as expected. */
static int whole_text(struct chat_parser *p, size_t len, size_t *used)
{
    int rc = OK;
    if (!object_closed(p)) return OK;
    *used = len - (p->call.len - p->seen);
    p->state = p->f->calls.block ? STATE_BLOCK : STATE_CONTENT;
    if (!whole_object(p, p->call.data + p->at, p->seen - p->at, &rc))
        rc = parse_content(p, p->call.data + p->at, p->seen - p->at, true);
    return rc;
}

int parse_call_text(struct chat_parser *p, const char *s, size_t len, size_t *used)
{
    buf_add(&p->call, s, len);
    TRY(buf_check(&p->call, "a call", p->e));
    if (p->part == PART_HEAD) TRY(head_text(p));
    if (p->state != STATE_CALL || p->part == PART_HEAD) return OK;
    if (p->part == PART_WHOLE) return whole_text(p, len, used);
    if (p->part == PART_ARGUMENTS) {
        bool closed;
        size_t n = arguments_end(p, p->call.data + p->at, p->call.len - p->at, &closed);
        TRY(parse_arguments(p, p->call.data + p->at, n));
        p->at += n;
        if (closed) {
            p->part = PART_TAIL;
            look_for_end(p, 1);
        }
    }
    return p->part == PART_TAIL && !p->marked ? unmarked_end(p, len, used) : OK;
}

int parse_call_end(struct chat_parser *p, const char *marker)
{
    const struct chat_syntax *x = &p->f->calls;
    int rc = OK;
    size_t open = p->at;
    TRY(buf_check(&p->call, "a call", p->e));
    if (p->part == PART_HEAD || p->part == PART_WHOLE) {
        bool read = false;
        if (x->kind == CALLS_TAGGED) read = parse_tagged(p, open, &rc);
        if (x->kind == CALLS_OBJECT) read = whole_object(p, p->call.data + open, p->call.len - open, &rc);
        if (!read) return give_up(p, marker, !x->bare);
    } else {
        bool done = p->part == PART_TAIL, fits = done && tail_fits(p, !marker);
        TRY(parse_call_done(p, !done));
        if (done && !fits) rc = parse_content(p, p->call.data + p->at, p->call.len - p->at, true);
    }
    p->state = x->block ? STATE_BLOCK : STATE_CONTENT;
    p->skip_lines = true;
    return rc;
}
