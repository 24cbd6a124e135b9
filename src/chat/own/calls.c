/* How a template writes calls of tools: it renders one answer with one call and one with two, whose names, keys and values
 * are unique. What stands around these words, and comes back before the second call, is the syntax. */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "chat/own/probe.h"

#define V4_PARAMETER "<" DSML "parameter name="

/* Where a call stands in a text: its object, its name, its arguments. */
struct place {
    size_t from, to;   /* the call itself: an object; or from the name to the end of the arguments */
    size_t name;
    size_t args, args_end; /* NAMED: the object of arguments */
    size_t key, value, key2, value2, end2; /* the words; end2: behind the last value */
};

struct calls {
    struct probe *p;
    struct buf plain, one, two; /* an answer without call, with one, with two */
    struct chat_syntax x;
    char name_key[64], args_key[64];
    struct place a, b; /* the call in one, the second in two */
    size_t head;       /* of one: where what the model writes begins */
    size_t a_end2;     /* end of the first call in two */
};

/* ---- conversations ---- */

/* A question with tools, an answer with n calls (0: a text), results and perhaps one more question. */
static bool render_calls(struct probe *p, const char *text, size_t n, bool next, struct buf *out)
{
    struct chat_msg m[] = {probe_msg(CHAT_USER, W_USER), probe_msg(CHAT_ASSISTANT, text), probe_msg(CHAT_TOOL, W_RESULT),
                           probe_msg(CHAT_TOOL, W_RESULT2), {0}};
    struct chat_request q = {.msgs = m, .tools = probe_tools, .n_tools = 2, .add_generation_prompt = true};
    m[1].calls = probe_calls;
    m[1].n_calls = n;
    q.n_msgs = 2 + n;
    if (next) m[q.n_msgs++] = probe_msg(CHAT_USER, W_NEXT);
    return probe_render(p, &q, out);
}

/* ---- finding a call ---- */

static bool words_in_order(const struct buf *b, size_t from, const char *name, struct place *x)
{
    x->name = probe_find(b, from, name);
    x->key = probe_find(b, x->name, W_KEY);
    x->value = probe_find(b, x->key, W_VALUE);
    x->key2 = probe_find(b, x->value, W_KEY2);
    x->value2 = probe_find(b, x->key2, W_VALUE2);
    x->end2 = x->value2 == NOWHERE ? NOWHERE : x->value2 + strlen(W_VALUE2);
    return x->end2 != NOWHERE;
}

/* The place behind the bracket that closes the object at `from`; NOWHERE. */
static size_t object_end(const struct buf *b, size_t from)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = from; i < b->len; i++) {
        char c = b->data[i];
        if (in_string && c == '\\') i++;
        else if (c == '"') in_string = !in_string;
        else if (in_string) continue;
        else if (c == '{' || c == '[') depth++;
        else if ((c == '}' || c == ']') && --depth == 0) return i + 1;
    }
    return NOWHERE;
}

static json_t *object_at(const struct buf *b, size_t from, size_t *end)
{
    json_t *v = NULL;
    struct err ignored;
    *end = object_end(b, from);
    if (*end == NOWHERE || json_parse(&v, b->data + from, *end - from, "a call", &ignored)) return NULL;
    if (json_is_object(v)) return v;
    json_decref(v);
    return NULL;
}

static bool are_arguments(const json_t *v)
{
    const json_t *x = json_object_get(v, W_KEY);
    if (json_is_string(v)) return strstr(json_string_value(v), W_KEY) != NULL;
    return json_is_string(x) && strcmp(json_string_value(x), W_VALUE) == 0;
}

/* Keys of name and arguments in an object. */
static bool read_keys(struct calls *c, json_t *v, const char *name)
{
    const char *key;
    json_t *x, *inner = json_object_get(v, "function");
    c->name_key[0] = c->args_key[0] = 0;
    if (json_is_object(inner)) v = inner;
    json_object_foreach(v, key, x)
    {
        if (json_is_string(x) && strcmp(json_string_value(x), name) == 0) snprintf(c->name_key, sizeof c->name_key, "%s", key);
        else if (are_arguments(x)) snprintf(c->args_key, sizeof c->args_key, "%s", key);
    }
    bool by_key = strcmp(c->args_key, name) == 0 && json_object_size(v) == 1;
    if (by_key) c->args_key[0] = 0;
    return by_key || (c->name_key[0] && c->args_key[0]);
}

/* The innermost object that holds the name and the arguments, or the one around it whose "function" it is. */
static bool find_object(struct calls *c, const struct buf *b, size_t from, const char *name, struct place *x)
{
    bool found = false;
    for (size_t i = x->name; i-- > from;) {
        size_t to;
        json_t *v = b->data[i] == '{' ? object_at(b, i, &to) : NULL;
        bool is = v && to > x->end2 && (!found || json_object_get(v, "function")) && read_keys(c, v, name);
        json_decref(v);
        if (!is) continue;
        x->from = i;
        x->to = to;
        found = true;
    }
    return found;
}

static bool find_named(const struct buf *b, struct place *x)
{
    size_t i = x->key;
    if (i == 0 || b->data[i - 1] != '"') return false;
    for (i -= 1; i > x->name && strchr(" \t\r\n", b->data[i - 1]); i--) {}
    if (i <= x->name || b->data[i - 1] != '{') return false;
    x->args = i - 1;
    json_t *v = object_at(b, x->args, &x->args_end);
    bool is = v && are_arguments(v);
    json_decref(v);
    x->from = x->name;
    x->to = x->args_end;
    return is;
}

static bool find_call(struct calls *c, const struct buf *b, size_t from, const char *name, struct place *x)
{
    if (!words_in_order(b, from, name, x)) return false;
    switch (c->x.kind) {
    case CALLS_OBJECT: return find_object(c, b, from, name, x);
    case CALLS_NAMED: return find_named(b, x);
    default:
        x->from = x->name;
        x->to = x->end2;
        return c->x.kind == CALLS_TAGGED;
    }
}

/* ---- cutting what stands around ---- */

/* `at`, or the beginning of the tag that it is inside of. */
static size_t before_tag(const struct tokenizer *t, const struct buf *b, size_t at)
{
    for (size_t i = at; i-- > 0 && at - i < 64;)
        if (tag_length(t, span_of(b, i, b->len)) > at - i) return i;
    return at;
}

/* From the first tag of x on, unless it is all of `whole`. */
static struct chat_span from_tag(const struct tokenizer *t, struct chat_span x, size_t whole)
{
    while (x.len && x.len < whole && x.s[0] != '<' && x.s[0] != '[' && tag_length(t, x) == 0) {
        x.s++;
        x.len--;
        whole = SIZE_MAX;
    }
    return x;
}

/* Up to the last tag of x. */
static struct chat_span to_tag(const struct tokenizer *t, struct chat_span x)
{
    while (x.len && (strchr(" \t\r\n", x.s[x.len - 1]) || tag_at_end(t, x).len == 0)) x.len--;
    return x;
}

static const char *keep(struct calls *c, struct chat_span x)
{
    x = chat_trim(x.s, x.len);
    return x.len ? own_keep(c->p->o, x.s, x.len) : NULL;
}

/* The same for what may hold the id of a call, which is another one each time. */
static const char *keep_id(struct calls *c, struct chat_span x)
{
    struct buf b = {0};
    x = chat_trim(x.s, x.len);
    const char *id = x.len ? memmem(x.s, x.len, W_ID, strlen(W_ID)) : NULL;
    if (!id) return keep(c, x);
    buf_add(&b, x.s, (size_t)(id - x.s));
    buf_add_byte(&b, CHAT_ANY);
    buf_add(&b, id + strlen(W_ID), (size_t)(x.s + x.len - id) - strlen(W_ID));
    const char *kept = b.failed ? NULL : own_keep(c->p->o, b.data, b.len);
    buf_free(&b);
    return kept;
}

/* As it stands, since line ends at its borders tell whether values have them. */
static const char *keep_whole(struct calls *c, struct chat_span x) { return x.len ? own_keep(c->p->o, x.s, x.len) : NULL; }

/* White space and the brackets and commas of lists. */
static struct chat_span without_list(struct chat_span x)
{
    x = chat_trim(x.s, x.len);
    while (x.len && strchr("[],", x.s[0]) && (x.s[0] != '[' || x.len == 1)) x = chat_trim(x.s + 1, x.len - 1);
    while (x.len && strchr("[,", x.s[x.len - 1])) x = chat_trim(x.s, x.len - 1);
    return x;
}

/* Reasoning that is rendered before a call is not of the call. */
static struct chat_span after_reasoning(const struct calls *c, struct chat_span x)
{
    const char *unthink = c->p->o->form.unthink;
    const char *at = unthink && x.len ? memmem(x.s, x.len, unthink, strlen(unthink)) : NULL;
    if (!at) return x;
    at += strlen(unthink);
    return (struct chat_span){at, (size_t)(x.s + x.len - at)};
}

/* x is a tag, or ends in what is not yet one: the marker of a call, and the rest of what stands before the name. */
static void set_begin(struct calls *c, struct chat_span x)
{
    x = c->x.kind == CALLS_OBJECT ? without_list(x) : chat_trim(x.s, x.len);
    size_t n = tag_length(c->p->t, x);
    if (n == 0 || c->x.kind == CALLS_OBJECT) n = x.len;
    c->x.call = keep(c, (struct chat_span){x.s, n});
    c->x.head = keep_id(c, (struct chat_span){x.s + n, x.len - n});
}

static void set_end(struct calls *c, struct chat_span x)
{
    x = chat_trim(x.s, x.len);
    struct chat_span last = tag_at_end(c->p->t, x);
    if (last.len == 0) last = x;
    c->x.call_end = keep(c, last);
    c->x.tail = keep(c, (struct chat_span){x.s, x.len - last.len});
}

/* The end of the answer in x: what ends one without calls, else the first control token, which then ends answers too. */
static size_t answer_end(struct calls *c, struct chat_span x)
{
    const char *end = c->p->o->form.ends[0];
    size_t stop = x.len;
    const char *result = x.len ? memmem(x.s, x.len, W_RESULT, strlen(W_RESULT)) : NULL;
    if (result) stop = (size_t)(result - x.s);
    const char *at = end && stop ? memmem(x.s, stop, end, strlen(end)) : NULL;
    if (at) return (size_t)(at - x.s);
    struct chat_span first = first_control(c->p->t, (struct chat_span){x.s, stop});
    if (first.len == 0) return 0;
    struct chat_form *f = &c->p->o->form;
    for (int i = 0; i < CHAT_MAX_ENDS; i++)
        if (!f->ends[i]) {
            f->ends[i] = own_keep(c->p->o, first.s, first.len);
            break;
        }
    return (size_t)(first.s - x.s);
}

/* Markers around calls, from the text before the first, between two, and after the last. */
static void set_borders(struct calls *c)
{
    const struct tokenizer *t = c->p->t;
    struct chat_span before = after_reasoning(c, span_of(&c->one, c->head, c->a.from));
    struct chat_span after = span_of(&c->one, c->a.to, c->one.len), end = after, begin = before;
    bool two = c->b.from != NOWHERE;
    if (two) {
        struct chat_span between = span_of(&c->two, c->a_end2, c->b.from);
        size_t n = common_back(before, between);
        begin = from_tag(t, (struct chat_span){before.s + before.len - n, n}, before.len);
        between.len -= begin.len;
        n = common_front(between, after);
        end = (struct chat_span){after.s, n};
        if (n < between.len) end = to_tag(t, end);
    }
    c->x.block = keep(c, without_list((struct chat_span){before.s, before.len - begin.len}));
    set_begin(c, begin);
    struct chat_span rest = {after.s + (two ? end.len : 0), after.len - (two ? end.len : 0)};
    size_t stop = answer_end(c, rest);
    if (!two) end = (struct chat_span){rest.s, stop};
    else if (c->x.block) c->x.block_end = keep(c, without_list((struct chat_span){rest.s, stop}));
    set_end(c, c->x.kind == CALLS_OBJECT ? without_list(end) : end);
}

/* ---- the kinds ---- */

static bool set_object(struct calls *c)
{
    set_borders(c);
    c->x.name_key = c->name_key[0] ? own_keep(c->p->o, c->name_key, strlen(c->name_key)) : NULL;
    c->x.args_key = c->args_key[0] ? own_keep(c->p->o, c->args_key, strlen(c->args_key)) : NULL;
    c->x.bare = !c->x.call && !c->x.block;
    return true;
}

static bool set_named(struct calls *c)
{
    struct chat_span mid = span_of(&c->one, c->a.name + strlen(W_NAME), c->a.args);
    size_t n = 1;
    while (n < mid.len && mid.s[0] == ':' && mid.s[n] >= '0' && mid.s[n] <= '9') n++;
    c->x.counted = mid.len && mid.s[0] == ':' && n > 1;
    if (c->x.counted) mid = (struct chat_span){mid.s + n, mid.len - n};
    c->x.mid = keep_id(c, mid);
    set_borders(c);
    return c->x.call != NULL;
}

/* The same around a number as around a text, or values cannot be told from their quotes. */
static bool numbers_alike(struct calls *c, const char *value, size_t len)
{
    static const struct chat_call call = {NULL, W_NAME, "{\"" W_KEY "\": 7654321}"};
    struct chat_msg m[] = {probe_msg(CHAT_USER, W_USER), probe_msg(CHAT_ASSISTANT, ""), probe_msg(CHAT_TOOL, W_RESULT)};
    struct chat_request q = {.msgs = m, .n_msgs = 3, .tools = probe_tools, .n_tools = 2, .add_generation_prompt = true};
    struct buf b = {0};
    m[1].calls = &call;
    m[1].n_calls = 1;
    size_t from = probe_render(c->p, &q, &b) ? probe_find(&b, probe_find(&b, 0, W_NAME), W_KEY) : NOWHERE;
    size_t to = probe_find(&b, from, "7654321");
    bool alike = to != NOWHERE && to - from - strlen(W_KEY) == len && !memcmp(b.data + from + strlen(W_KEY), value, len);
    buf_free(&b);
    return alike;
}

static bool set_tagged(struct calls *c)
{
    const struct tokenizer *t = c->p->t;
    const struct buf *b = &c->one;
    const struct place *a = &c->a;
    struct chat_span first = span_of(b, a->name + strlen(W_NAME), a->key), next = span_of(b, a->value + strlen(W_VALUE), a->key2);
    struct chat_span value = span_of(b, a->key + strlen(W_KEY), a->value),
                     again = span_of(b, a->key2 + strlen(W_KEY2), a->value2);
    size_t n = common_back(first, next);
    struct chat_span param = from_tag(t, (struct chat_span){first.s + first.len - n, n}, SIZE_MAX);
    struct chat_span close = {next.s, next.len - param.len};
    if (value.len != again.len || memcmp(value.s, again.s, value.len) != 0 || chat_trim(value.s, value.len).len == 0)
        return false;
    if (chat_trim(param.s, param.len).len == 0 || chat_trim(close.s, close.len).len == 0) return false;
    bool dsml = memmem(param.s, param.len, V4_PARAMETER, strlen(V4_PARAMETER)) != NULL;
    if (!dsml && !numbers_alike(c, value.s, value.len)) return false;
    /* Line ends between elements are not the value's: only one that is written at every value counts. */
    struct chat_span last = span_of(b, a->end2, b->len);
    size_t shared = common_front(close, last);
    c->x.param = keep(c, param);
    c->x.value = keep_whole(c, value);
    c->x.param_end = keep_whole(c, to_tag(t, (struct chat_span){close.s, shared}));
    c->x.mid = keep(c, (struct chat_span){first.s, first.len - param.len});
    if (!c->x.param_end) return false;
    c->a.to += strlen(c->x.param_end);
    c->a_end2 += strlen(c->x.param_end);
    set_borders(c);
    if (dsml) {
        bool calls = c->x.block && strstr(c->x.block, "tool_calls");
        c->x = (struct chat_syntax){.kind = CALLS_DSML, .block = calls ? "tool_calls" : "function_calls"};
    }
    return dsml || (c->x.call && c->x.call_end);
}

/* ---- putting it together ---- */

static bool try_kind(struct calls *c, enum chat_calls kind)
{
    struct place first;
    c->x = (struct chat_syntax){.kind = kind};
    if (!find_call(c, &c->one, c->head, W_NAME, &c->a)) return false;
    size_t from = c->two.len ? common_front(span_of(&c->plain, 0, c->plain.len), span_of(&c->two, 0, c->two.len)) : 0;
    c->b.from = NOWHERE;
    if (c->two.len && find_call(c, &c->two, from, W_NAME, &first) && find_call(c, &c->two, first.to, W_NAME2, &c->b))
        c->a_end2 = first.to;
    else c->b.from = NOWHERE;
    return kind == CALLS_OBJECT ? set_object(c) : kind == CALLS_NAMED ? set_named(c) : set_tagged(c);
}

/* Line ends between a text and the call behind it. */
static void find_gap(struct calls *c, bool next)
{
    struct buf b = {0};
    const char *mark = c->x.block ? c->x.block : c->x.call;
    size_t at = mark && c->x.kind != CALLS_DSML && render_calls(c->p, W_ANSWER, 1, next, &b)
                    ? probe_find(&b, 0, W_ANSWER)
                    : NOWHERE;
    size_t from = at == NOWHERE ? NOWHERE : at + strlen(W_ANSWER), to = mark ? probe_find(&b, from, mark) : NOWHERE;
    if (to != NOWHERE && to > from) {
        size_t n = 0;
        while (from + n < to && b.data[from + n] == '\n') n++;
        if (from + n == to) c->p->o->form.call_gap = own_keep(c->p->o, b.data + from, n);
    }
    buf_free(&b);
}

/* ---- the proof ---- */

/* What was derived reads the call that it was derived from, and nothing is left over. */
static bool reads_back(struct calls *c)
{
    struct chat_own *o = c->p->o;
    struct chat_form form = o->form;
    struct heard h = {0};
    struct err ignored;
    json_t *v = NULL;
    const char *end = form.ends[0];
    if (end && ((c->x.call && strstr(c->x.call, end)) || (c->x.block && strstr(c->x.block, end)))) return false;
    struct chat_span answer = after_reasoning(c, span_of(&c->one, c->head, c->a.from));
    size_t from = (size_t)(answer.s - c->one.data), to = c->a.to;
    to += answer_end(c, span_of(&c->one, to, c->one.len));
    form.calls = c->x;
    form.thinks = CHAT_NEVER_THINKS;
    bool good = probe_hear(&form, span_of(&c->one, from, to), &h) && h.calls == 1 && !h.wrong &&
                chat_trim(h.content.data ? h.content.data : "", h.content.len).len == 0;
    good = good && json_parse(&v, h.args.data, h.args.len, "arguments", &ignored) == OK && json_is_object(v) && are_arguments(v);
    json_decref(v);
    heard_free(&h);
    if (good) o->form.calls = c->x;
    return good;
}

/* With the ways of the probe; true when the syntax was found. */
static bool try_ways(struct calls *c, bool next)
{
    static const enum chat_calls kinds[] = {CALLS_OBJECT, CALLS_NAMED, CALLS_TAGGED};
    struct chat_own *o = c->p->o;
    if (!render_calls(c->p, "", 1, next, &c->one) || !probe_has(&c->one, W_NAME)) return false;
    if (!render_calls(c->p, W_ANSWER, 0, next, &c->plain)) return false;
    if (probe_has(&c->one, "None") && !probe_has(&c->plain, "None")) return false; /* a content that is none was printed */
    if (!render_calls(c->p, "", 2, next, &c->two) || !probe_has(&c->two, W_NAME2)) buf_clear(&c->two);
    c->head = before_tag(c->p->t, &c->one, common_front(span_of(&c->plain, 0, c->plain.len), span_of(&c->one, 0, c->one.len)));
    for (int k = 0; k < 3; k++) {
        int kept = o->n_strings;
        struct chat_form before = o->form;
        if (try_kind(c, kinds[k]) && reads_back(c)) {
            find_gap(c, next);
            return true;
        }
        own_drop(o, kept);
        o->form = before;
    }
    return false;
}

void probe_calls_syntax(struct probe *p)
{
    struct calls c = {.p = p};
    struct own_ways w = p->w;
    bool found = false;
    for (int way = 0; way < 8 && !found; way++) {
        p->w.text_arguments = way & 1;
        p->w.empty_text = way >> 1 & 1;
        found = try_ways(&c, !(way & 4));
    }
    if (!found) p->w = w;
    buf_free(&c.plain);
    buf_free(&c.one);
    buf_free(&c.two);
}
