/* Calls as elements: invoke with parameters, whose values are text or JSON. They are sent as one JSON object. */
#include <stdio.h>
#include <string.h>
#include "chat/parse.h"

#define OPEN_INVOKE "<" DSML "invoke name=\""
#define CLOSE_INVOKE "</" DSML "invoke>"
#define OPEN_PARAMETER "<" DSML "parameter name=\""
#define CLOSE_PARAMETER "</" DSML "parameter>"

enum match { MATCH_MORE, MATCH_NO, MATCH_YES };

static enum match literal(struct chat_parser *p, const char *what)
{
    size_t n = strlen(what), left = p->call.len - p->at;
    if (memcmp(p->call.data + p->at, what, n < left ? n : left) != 0) return MATCH_NO;
    if (left < n) return MATCH_MORE;
    p->at += n;
    return MATCH_YES;
}

static void skip_space(struct chat_parser *p)
{
    while (p->at < p->call.len && p->call.data[p->at] && strchr(" \t\r\n", p->call.data[p->at])) p->at++;
}

/* Text up to `end`, which is passed. */
static enum match up_to(struct chat_parser *p, const char *end, struct chat_span *out)
{
    const char *s = p->call.data + p->at, *at = chat_find(s, p->call.len - p->at, end);
    if (!at) return MATCH_MORE;
    *out = (struct chat_span){s, (size_t)(at - s)};
    p->at += out->len + strlen(end);
    return MATCH_YES;
}

static enum match tag(struct chat_parser *p, const char *open, const char *end, struct chat_span *name)
{
    size_t from = p->at;
    enum match m = literal(p, open);
    if (m == MATCH_YES) m = up_to(p, end, name);
    if (m == MATCH_YES && memchr(name->s, '\n', name->len)) m = MATCH_NO;
    if (m != MATCH_YES) p->at = from;
    return m;
}

/* Back to text, with what was not read. */
static void leave(struct chat_parser *p, size_t from)
{
    p->state = STATE_CONTENT;
    p->at = from;
    p->reread = true;
}

/* Not as it should be: the rest of the answer is content. */
static int give_up(struct chat_parser *p, size_t from)
{
    leave(p, from);
    p->broken = true;
    return p->dsml == DSML_INVOKE ? OK : parse_call_done(p, true);
}

/* An invoke element or the end of the block. *go: something was read. */
static int invoke(struct chat_parser *p, bool *go)
{
    char end[64];
    struct chat_span name;
    skip_space(p);
    size_t from = p->at;
    snprintf(end, sizeof end, "</" DSML "%s>", p->f->calls.block);
    enum match m = literal(p, end);
    if (m == MATCH_YES) {
        leave(p, p->at);
        p->skip_lines = true;
        *go = false;
        return OK;
    }
    bool partial = m == MATCH_MORE;
    m = tag(p, OPEN_INVOKE, "\">", &name);
    *go = m == MATCH_YES;
    if (m == MATCH_NO && !partial) return give_up(p, from);
    if (m != MATCH_YES) return OK;
    p->dsml = DSML_PARAMETER;
    p->sent_any = false;
    TRY(parse_name(p, name.s, name.len));
    return parse_arguments(p, "{", 1);
}

static int send_key(struct chat_parser *p, struct chat_span key, bool text)
{
    struct buf b = {0};
    if (p->sent_any) buf_add_str(&b, ", ");
    chat_json_string(&b, key.s, key.len);
    buf_add_str(&b, text ? ": \"" : ": ");
    int rc = buf_check(&b, "arguments", p->e);
    if (!rc) rc = parse_arguments(p, b.data, b.len);
    buf_free(&b);
    p->sent_any = true;
    return rc;
}

/* A parameter element or the end of invoke. */
static int parameter(struct chat_parser *p, bool *go)
{
    struct chat_span key = {0};
    *go = false;
    skip_space(p);
    size_t from = p->at;
    enum match m = literal(p, CLOSE_INVOKE);
    if (m == MATCH_YES) {
        *go = true;
        p->dsml = DSML_INVOKE;
        TRY(parse_arguments(p, "}", 1));
        return parse_call_done(p, false);
    }
    bool partial = m == MATCH_MORE;
    m = tag(p, OPEN_PARAMETER, "\" string=\"", &key);
    if (m == MATCH_NO && !partial) return give_up(p, from);
    if (m != MATCH_YES) return OK;
    enum match yes = literal(p, "true\">"), no = yes == MATCH_NO ? literal(p, "false\">") : MATCH_NO;
    if (yes == MATCH_NO && no == MATCH_NO) return give_up(p, from);
    if (yes == MATCH_MORE || no == MATCH_MORE) {
        p->at = from;
        return OK;
    }
    *go = true;
    p->dsml = yes == MATCH_YES ? DSML_STRING : DSML_VALUE;
    return send_key(p, key, yes == MATCH_YES);
}

/* Bytes at the end of s that may begin the closing tag. */
static size_t may_close(const char *s, size_t len)
{
    size_t n = strlen(CLOSE_PARAMETER) - 1;
    if (n > len) n = len;
    while (n && memcmp(s + len - n, CLOSE_PARAMETER, n) != 0) n--;
    return n;
}

/* Up to the closing tag, or as far as it cannot have begun. Whole characters: the tag begins with an ASCII one. */
static int value(struct chat_parser *p, bool *go)
{
    const char *s = p->call.data + p->at, *end = chat_find(s, p->call.len - p->at, CLOSE_PARAMETER);
    size_t len = end ? (size_t)(end - s) : p->call.len - p->at - may_close(s, p->call.len - p->at);
    bool text = p->dsml == DSML_STRING;
    struct buf b = {0};
    if (text) {
        chat_json_string(&b, s, len);
        int rc = buf_check(&b, "arguments", p->e);
        if (!rc) rc = parse_arguments(p, b.data + 1, b.len - 2);
        buf_free(&b);
        if (rc) return rc;
    } else TRY(parse_arguments(p, s, len));
    p->at += len;
    *go = end != NULL;
    if (!end) return OK;
    p->at += strlen(CLOSE_PARAMETER);
    p->dsml = DSML_PARAMETER;
    return text ? parse_arguments(p, "\"", 1) : OK;
}

/* What was read is taken off the front. */
static void shorten(struct chat_parser *p)
{
    if (p->at == 0) return;
    memmove(p->call.data, p->call.data + p->at, p->call.len - p->at);
    p->call.len -= p->at;
    p->at = 0;
}

int parse_dsml(struct chat_parser *p, bool final)
{
    TRY(buf_check(&p->call, "a call", p->e));
    for (bool go = true; go && p->state == STATE_DSML;) {
        if (p->at == p->call.len) break;
        switch (p->dsml) {
        case DSML_INVOKE: TRY(invoke(p, &go)); break;
        case DSML_PARAMETER: TRY(parameter(p, &go)); break;
        case DSML_STRING:
        case DSML_VALUE: TRY(value(p, &go)); break;
        }
    }
    if (p->state != STATE_DSML) return OK;
    shorten(p);
    if (!final || (p->call.len == 0 && p->dsml == DSML_INVOKE)) return OK;
    TRY(give_up(p, 0));
    p->reread = false;
    return parse_content(p, p->call.data, p->call.len, true);
}
