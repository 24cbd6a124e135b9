/* Answers of the model that come back in a conversation: as the ids that it wrote, not as what their text would be cut into.
 *
 * A client sends back the text of an answer, or a call whose arguments it has parsed and printed again; the template renders
 * it, and the ids are others from the first difference on: everything behind would be evaluated again. What the model wrote is
 * still there, in the trees of what is kept (infer/prefix_cache.h), behind the same beginning. Where that says the same, read
 * by the form's own parser, it takes the place of the rendered answer. */
#include <string.h>
#include "base/checked.h"
#include "base/json.h"
#include "worker/inside.h"

enum { MOST_READ = 64 /* answers of the past that are parsed for one prompt */, SLACK = 64, LONG_NUMBER = 15 };

/* ---- what an answer says ---- */

struct said {
    struct buf text, reasoning, calls, arguments; /* arguments: of the call under way */
};

static void said_free(struct said *s)
{
    buf_free(&s->text);
    buf_free(&s->reasoning);
    buf_free(&s->calls);
    buf_free(&s->arguments);
}

/* Numbers that no double holds are compared as they are written. */
static bool has_long_number(const struct buf *b)
{
    size_t run = 0;
    for (size_t i = 0; i < b->len && run <= LONG_NUMBER; i++) run = b->data[i] >= '0' && b->data[i] <= '9' ? run + 1 : 0;
    return run > LONG_NUMBER;
}

static int add_bytes(const char *s, size_t n, void *to)
{
    buf_add(to, s, n);
    return 0;
}

/* Arguments count as the value that they are: not the order of their keys, nor their blanks. */
static void end_call(struct said *s)
{
    json_t *v = NULL;
    struct err ignored;
    bool whole = s->arguments.len && !has_long_number(&s->arguments) &&
                 !json_parse_any(&v, s->arguments.data, s->arguments.len, "arguments", &ignored);
    size_t before = s->calls.len;
    if (!whole || json_dump_callback(v, add_bytes, &s->calls, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY)) {
        s->calls.len = before;
        buf_add(&s->calls, s->arguments.data, s->arguments.len);
    }
    buf_add_byte(&s->calls, 0);
    buf_clear(&s->arguments);
    json_decref(v);
}

static int on_event(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct said *s = ctx;
    (void)e;
    switch (ev->kind) {
    case CHAT_EV_REASONING: buf_add(&s->reasoning, ev->text, ev->len); break;
    case CHAT_EV_CONTENT: buf_add(&s->text, ev->text, ev->len); break;
    case CHAT_EV_CALL:
        buf_add(&s->calls, ev->text, ev->len);
        buf_add_byte(&s->calls, 0);
        break;
    case CHAT_EV_ARGUMENTS: buf_add(&s->arguments, ev->text, ev->len); break;
    case CHAT_EV_CALL_END: end_call(s); break;
    case CHAT_EV_END: break;
    }
    return OK;
}

static int read_answer(struct said *s, const struct request *r, const int32_t *ids, int64_t n, struct err *e)
{
    struct chat_parser *p;
    const struct engine *en = &r->w->en;
    *s = (struct said){0};
    TRY(chat_parser_new(&p, en->chat.form, en->tok, &r->turn.chat, (struct chat_sink){on_event, s}, e));
    int rc = OK;
    for (int64_t i = 0; !rc && i < n; i++) rc = chat_parser_feed(p, ids[i], e);
    if (!rc) rc = chat_parser_finish(p, e);
    chat_parser_free(p);
    if (!rc) rc = buf_check(&s->text, "an answer", e);
    if (!rc) rc = buf_check(&s->reasoning, "an answer", e);
    if (!rc) rc = buf_check(&s->calls, "an answer", e);
    if (rc) said_free(s);
    return rc;
}

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/* But for blanks at the borders, which templates take away. */
static bool same_text(const struct buf *x, const struct buf *y)
{
    size_t a = 0, b = 0, n = x->len, m = y->len;
    while (a < n && is_blank(x->data[a])) a++;
    while (b < m && is_blank(y->data[b])) b++;
    while (n > a && is_blank(x->data[n - 1])) n--;
    while (m > b && is_blank(y->data[m - 1])) m--;
    return n - a == m - b && (n == a || !memcmp(x->data + a, y->data + b, n - a));
}

static bool same_said(const struct said *x, const struct said *y)
{
    bool calls = x->calls.len == y->calls.len && (!x->calls.len || !memcmp(x->calls.data, y->calls.data, x->calls.len));
    return calls && same_text(&x->text, &y->text) && same_text(&x->reasoning, &y->reasoning);
}

/* ---- one answer ---- */

struct looking {
    const struct request *r;
    const int32_t *ids; /* (n) as the template renders it */
    int64_t n;
    struct said said;   /* by it; read when it is needed */
    bool read;
    int left;           /* to be read still */
    struct tokens found;
    bool as_rendered;
};

static bool is_end(const struct engine *en, int32_t id)
{
    for (size_t i = 0; i < en->stops.n; i++)
        if (id == en->stops.ids[i]) return true;
    return id == tokenizer_eos(en->tok) || id == en->net.config.eos;
}

static bool says_the_same(struct looking *l, const int32_t *ids, int64_t n)
{
    struct err ignored;
    struct said s;
    if (l->left-- <= 0) return false;
    if (!l->read && read_answer(&l->said, l->r, l->ids, l->n, &ignored)) return false;
    l->read = true;
    if (read_answer(&s, l->r, ids, n, &ignored)) return false;
    bool same = same_said(&s, &l->said);
    said_free(&s);
    return same;
}

/* A text of the past, behind what stands before the answer. */
static bool on_text(void *ctx, const int32_t *ids, int64_t n)
{
    struct looking *l = ctx;
    struct err ignored;
    int64_t end = 0;
    while (end < n && !is_end(&l->r->w->en, ids[end])) end++;
    if (n >= l->n && !memcmp(ids, l->ids, (size_t)l->n * sizeof *ids)) {
        l->as_rendered = true;
        return false;
    }
    if (end == 0 || !says_the_same(l, ids, end)) return l->left > 0;
    for (int64_t i = 0; i < end; i++)
        if (tokens_add(&l->found, ids[i], &ignored)) {
            l->found.n = 0;
            return false;
        }
    return false;
}

/* ---- the prompt ---- */

bool replay_wanted(const struct request *r)
{
    const struct chat_request *q = &r->turn.chat;
    if (r->turn.kind != TURN_CHAT || r->turn.no_cache || !r->w->cache.dec || r->w->cache.tree.blocks == 0) return false;
    if (q->n_msgs == 0 || q->msgs[q->n_msgs - 1].role == CHAT_ASSISTANT) return false; /* its rendering is another then */
    for (size_t i = 0; i < q->n_msgs; i++)
        if (q->msgs[i].role == CHAT_ASSISTANT) return true;
    return false;
}

static int add_all(struct tokens *to, const int32_t *ids, int64_t n, struct err *e)
{
    for (int64_t i = 0; i < n; i++) TRY(tokens_add(to, ids[i], e));
    return OK;
}

/* Answer [from, to) of r->ids, behind what is in out already. */
static int add_answer(struct request *r, struct tokens *out, const struct prefix_tenant *t, int64_t from, int64_t to, int *left,
                      struct err *e)
{
    int64_t end = to;
    while (end > from && is_end(&r->w->en, r->ids.ids[end - 1])) end--;
    struct looking l = {.r = r, .ids = r->ids.ids + from, .n = end - from, .left = *left};
    if (l.n > 0) prefix_cache_follow(&r->w->cache, t, out->ids, (int64_t)out->n, 2 * l.n + SLACK, on_text, &l);
    bool other = !l.as_rendered && l.found.n > 0;
    int rc = other ? add_all(out, l.found.ids, (int64_t)l.found.n, e) : add_all(out, l.ids, l.n, e);
    if (!rc) rc = add_all(out, r->ids.ids + end, to - end, e);
    *left = l.left;
    said_free(&l.said);
    tokens_free(&l.found);
    return rc;
}

int replay(struct request *r, const struct buf *learn, struct err *e)
{
    struct prefix_tenant *t = prefix_cache_join(&r->w->cache, r->turn.tenant.s, r->turn.tenant.len);
    struct tokens out = {0};
    int rc = OK, left = MOST_READ;
    int64_t n = (int64_t)r->ids.n, to; /* a mark for each */
    if (!t) return OK; /* as it is rendered */
    for (int64_t from = 0; !rc && from < n; from = to) {
        for (to = from + 1; to < n && learn->data[to] == learn->data[from];) to++;
        if (learn->data[from] && to < n) rc = add_answer(r, &out, t, from, to, &left, e);
        else rc = add_all(&out, r->ids.ids + from, to - from, e);
    }
    prefix_cache_leave(&r->w->cache, t);
    if (!rc) {
        tokens_free(&r->ids);
        r->ids = out;
        return OK;
    }
    tokens_free(&out);
    return rc;
}
