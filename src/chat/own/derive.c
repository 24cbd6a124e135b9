/* What a template's own renderings tell about the answers of its model: what ends them, how reasoning is set apart, what
 * the prompt begins for them, and which conversations the template takes. */
#include <string.h>
#include "base/checked.h"
#include "chat/own/probe.h"

enum { TAG_MAX_BYTES = 64, LEAD_MAX_BYTES = 64 };

const struct chat_tool probe_tools[2] = {
    {W_TOOL, "zpurpose", "{\"type\": \"object\", \"properties\": {\"" W_KEY "0\": {\"type\": \"string\", "
                         "\"description\": \"zmeaning\"}}, \"required\": [\"" W_KEY "0\"]}"},
    {"zother", "zintent", "{\"type\": \"object\", \"properties\": {}}"},
};
const struct chat_call probe_calls[2] = {
    {W_ID, W_NAME, "{\"" W_KEY "\": \"" W_VALUE "\", \"" W_KEY2 "\": \"" W_VALUE2 "\"}"},
    {W_ID, W_NAME2, "{\"" W_KEY "\": \"" W_VALUE "\", \"" W_KEY2 "\": \"" W_VALUE2 "\"}"},
};

/* ---- rendering and searching ---- */

struct chat_msg probe_msg(enum chat_role role, const char *text)
{
    return (struct chat_msg){.role = role, .text = text, .len = strlen(text)};
}

bool probe_render(struct probe *p, const struct chat_request *q, struct buf *out)
{
    struct template_run *r = NULL;
    struct template_output o;
    buf_clear(out);
    if (p->steps > PROBE_MAX_STEPS) return false;
    int rc = template_run_new(&r, &p->failure);
    if (rc) p->rc = rc;
    else rc = own_render(p->o, &p->w, q, r, &o, &p->failure);
    if (r) p->steps += template_run_steps(r);
    if (!rc) buf_add(out, o.text, o.len);
    template_run_free(r);
    if (out->failed) p->rc = ERR_MEMORY;
    return !rc && !out->failed && out->len;
}

size_t probe_find(const struct buf *b, size_t from, const char *word)
{
    const char *at = from < b->len ? memmem(b->data + from, b->len - from, word, strlen(word)) : NULL;
    return at ? (size_t)(at - b->data) : NOWHERE;
}

size_t common_front(struct chat_span a, struct chat_span b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.s[n] == b.s[n]) n++;
    return n;
}

size_t common_back(struct chat_span a, struct chat_span b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.s[a.len - 1 - n] == b.s[b.len - 1 - n]) n++;
    return n;
}

size_t tag_length(const struct tokenizer *t, struct chat_span x)
{
    size_t n;
    if (x.len == 0) return 0;
    if (tokenizer_special_at(t, x.s, x.len, &n) >= 0) return n;
    char close = x.s[0] == '<' ? '>' : x.s[0] == '[' ? ']' : 0;
    for (size_t i = 1; close && i < x.len && i < TAG_MAX_BYTES; i++) {
        if (x.s[i] == close) return i > 1 ? i + 1 : 0;
        if (strchr(" \t\r\n\"{}=", x.s[i])) return 0;
    }
    return 0;
}

struct chat_span tag_at_end(const struct tokenizer *t, struct chat_span x)
{
    x = chat_trim(x.s, x.len);
    for (size_t n = x.len < TAG_MAX_BYTES ? x.len : TAG_MAX_BYTES; n; n--) {
        struct chat_span tail = {x.s + x.len - n, n};
        if (tag_length(t, tail) == n) return tail;
    }
    return (struct chat_span){"", 0};
}

struct chat_span tag_at_start(const struct tokenizer *t, struct chat_span x)
{
    x = chat_trim(x.s, x.len);
    return (struct chat_span){x.s, tag_length(t, x)};
}

struct chat_span first_control(const struct tokenizer *t, struct chat_span x)
{
    for (size_t i = 0, n; i < x.len; i++) {
        int32_t id = tokenizer_special_at(t, x.s + i, x.len - i, &n);
        if (id >= 0 && tokenizer_is_control(t, id)) return (struct chat_span){x.s + i, n};
    }
    return (struct chat_span){"", 0};
}

/* ---- reading back ---- */

static int hear(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct heard *h = ctx;
    (void)e;
    h->wrong |= ev->malformed;
    switch (ev->kind) {
    case CHAT_EV_REASONING: buf_add(&h->reasoning, ev->text, ev->len); break;
    case CHAT_EV_CONTENT: buf_add(&h->content, ev->text, ev->len); break;
    case CHAT_EV_ARGUMENTS: buf_add(&h->args, ev->text, ev->len); break;
    case CHAT_EV_CALL:
        h->calls++;
        h->wrong |= ev->len != strlen(W_NAME) || memcmp(ev->text, W_NAME, ev->len) != 0;
        break;
    case CHAT_EV_CALL_END:
    case CHAT_EV_END: break;
    }
    return OK;
}

void heard_free(struct heard *h)
{
    buf_free(&h->reasoning);
    buf_free(&h->content);
    buf_free(&h->args);
}

bool probe_hear(const struct chat_form *f, struct chat_span answer, struct heard *h)
{
    struct chat_form form = *f;
    struct chat_msg m = probe_msg(CHAT_USER, W_USER);
    struct chat_request q = {.msgs = &m, .n_msgs = 1, .tools = probe_tools, .n_tools = 2};
    struct chat_parser *p = NULL;
    struct err ignored;
    form.own = NULL; /* no prompt is rendered: the answer is all there is */
    form.think_prompt = NULL;
    form.loose_think = true;
    int rc = chat_parser_new(&p, &form, NULL, &q, (struct chat_sink){hear, h}, &ignored);
    if (!rc) rc = chat_parser_text(p, answer.s, answer.len, &ignored);
    if (!rc) rc = chat_parser_finish(p, &ignored);
    chat_parser_free(p);
    return !rc && !h->reasoning.failed && !h->content.failed && !h->args.failed;
}

/* ---- one thing after another ---- */

static int find_question(struct probe *p, struct err *e)
{
    struct chat_msg m = probe_msg(CHAT_USER, W_USER);
    struct chat_request q = {.msgs = &m, .n_msgs = 1, .add_generation_prompt = true};
    struct err first = {0};
    for (int way = 0; way < 4; way++) {
        p->w.parts = way & 1;
        p->w.tools_list = way >> 1;
        if (probe_render(p, &q, &p->prompt) && probe_has(&p->prompt, W_USER)) return OK;
        if (way == 0) first = p->failure;
    }
    if (p->rc) FAIL(e, ERR_MEMORY, "the chat template: out of memory");
    if (first.code) FAIL(e, ERR_UNSUPPORTED, "the model's chat template cannot be used: %.400s", first.msg);
    FAIL(e, ERR_UNSUPPORTED, "the model's chat template does not render the message of a user");
}

static void find_system(struct probe *p)
{
    struct chat_msg m[] = {probe_msg(CHAT_SYSTEM, W_SYSTEM), probe_msg(CHAT_USER, W_USER)};
    struct chat_request q = {.msgs = m, .n_msgs = 2, .add_generation_prompt = true};
    struct buf b = {0};
    p->w.no_system = !(probe_render(p, &q, &b) && probe_has(&b, W_SYSTEM) && probe_has(&b, W_USER));
    buf_free(&b);
}

/* What the model writes between the prompt and its text, when the prompt is the beginning of the conversation. */
static void add_lead(struct probe *p, const struct buf *b, size_t at)
{
    struct chat_own *o = p->o;
    size_t n = p->prompt.len;
    if (at == NOWHERE || at <= n || at - n > LEAD_MAX_BYTES || memcmp(b->data, p->prompt.data, n) != 0) return;
    for (int i = 0; i < o->n_leads; i++)
        if (strlen(o->lead[i]) == at - n && !memcmp(o->lead[i], b->data + n, at - n)) return;
    const char *kept = own_keep(o, b->data + n, at - n);
    if (kept && o->n_leads < OWN_LEADS) o->lead[o->n_leads++] = kept;
}

static void add_end(struct probe *p, struct chat_span x)
{
    struct chat_form *f = &p->o->form;
    for (int i = 0; i < CHAT_MAX_ENDS && x.len; i++) {
        if (f->ends[i] && strlen(f->ends[i]) == x.len && !memcmp(f->ends[i], x.s, x.len)) return;
        if (f->ends[i]) continue;
        f->ends[i] = own_keep(p->o, x.s, x.len);
        return;
    }
}

static void find_answer(struct probe *p)
{
    struct chat_msg m[] = {probe_msg(CHAT_USER, W_USER), probe_msg(CHAT_ASSISTANT, W_ANSWER), probe_msg(CHAT_USER, W_NEXT)};
    struct chat_request q = {.msgs = m, .n_msgs = 3, .add_generation_prompt = true};
    struct buf b = {0};
    size_t at = probe_render(p, &q, &b) ? probe_find(&b, 0, W_ANSWER) : NOWHERE;
    if (at != NOWHERE) {
        add_lead(p, &b, at);
        add_end(p, first_control(p->t, span_of(&b, at + strlen(W_ANSWER), b.len)));
    }
    buf_free(&b);
    if (p->o->eos) add_end(p, (struct chat_span){p->o->eos, strlen(p->o->eos)});
}

/* ---- reasoning ---- */

/* Marks that templates of published models look for in the text of answers. */
static const struct {
    const char *think, *unthink;
} known_marks[] = {
    {"<think>", "</think>"},
    {"[THINK]", "[/THINK]"},
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"<seed:think>", "</seed:think>"},
    {"<|inner_prefix|>", "<|inner_suffix|>"},
};

static bool reasoning_shown(struct probe *p, struct buf *b, size_t *at)
{
    struct chat_msg m[] = {probe_msg(CHAT_USER, W_USER), probe_msg(CHAT_ASSISTANT, W_ANSWER)};
    struct chat_request q = {.msgs = m, .n_msgs = 2, .thinking = CHAT_THINK_ON};
    m[1].reasoning = W_REASON;
    m[1].reasoning_len = strlen(W_REASON);
    if (!probe_render(p, &q, b)) return false;
    *at = probe_find(b, 0, W_REASON);
    return *at != NOWHERE && probe_find(b, *at, W_ANSWER) != NOWHERE;
}

static void keep_marks(struct probe *p, struct chat_span think, struct chat_span unthink)
{
    if (think.len == 0 || unthink.len == 0) return;
    p->o->form.think = own_keep(p->o, think.s, think.len);
    p->o->form.unthink = own_keep(p->o, unthink.s, unthink.len);
}

static bool is_word(const struct buf *b, const char *word)
{
    struct chat_span x = chat_trim(b->len ? b->data : "", b->len);
    return x.len == strlen(word) && !memcmp(x.s, word, x.len);
}

/* The marks tell reasoning from content in the answer that they were found in, from its first mark on. */
static bool reads_back(const struct probe *p, const struct buf *b, size_t at)
{
    struct chat_form form = p->o->form;
    struct heard h = {0};
    struct chat_span before = chat_trim(b->data, at);
    size_t from = (size_t)(before.s + before.len - b->data) - strlen(form.think);
    form.thinks = CHAT_ALWAYS_THINKS;
    bool heard = probe_hear(&form, span_of(b, from, probe_find(b, at, W_ANSWER) + strlen(W_ANSWER)), &h);
    bool good = heard && is_word(&h.reasoning, W_REASON) && is_word(&h.content, W_ANSWER);
    heard_free(&h);
    return good;
}

static void find_reasoning(struct probe *p, const char *source)
{
    struct buf b = {0};
    for (int way = 0; way < REASON_WAYS && !p->o->form.think; way++) {
        size_t at;
        p->w.reasoning = (enum own_reasoning)way;
        if (!reasoning_shown(p, &b, &at)) continue;
        size_t end = at + strlen(W_REASON);
        keep_marks(p, tag_at_end(p->t, span_of(&b, 0, at)),
                   tag_at_start(p->t, span_of(&b, end, probe_find(&b, end, W_ANSWER))));
        if (p->o->form.think && !reads_back(p, &b, at)) p->o->form.think = p->o->form.unthink = NULL;
        if (p->o->form.think) add_lead(p, &b, at);
    }
    buf_free(&b);
    if (p->o->form.think) return;
    p->w.reasoning = REASON_CONTENT;
    for (size_t i = 0; i < ARRAY_LEN(known_marks) && !p->o->form.think; i++) {
        const char *a = known_marks[i].think, *z = known_marks[i].unthink;
        if (strstr(source, z)) keep_marks(p, (struct chat_span){a, strlen(a)}, (struct chat_span){z, strlen(z)});
    }
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || !memcmp(a->data, b->data, a->len));
}

static void find_switch(struct probe *p)
{
    struct chat_msg m = probe_msg(CHAT_USER, W_USER);
    struct chat_request q = {.msgs = &m, .n_msgs = 1, .add_generation_prompt = true, .thinking = CHAT_THINK_ON};
    struct chat_form *f = &p->o->form;
    struct buf on = {0}, off = {0};
    bool rendered = probe_render(p, &q, &on);
    q.thinking = CHAT_THINK_OFF;
    rendered = probe_render(p, &q, &off) && rendered;
    if (rendered && !same(&on, &off)) f->thinks = same(&off, &p->prompt) ? CHAT_MAY_THINK : CHAT_THINKS_UNLESS_OFF;
    else f->thinks = f->think ? CHAT_ALWAYS_THINKS : CHAT_NEVER_THINKS;
    f->loose_think = true;
    buf_free(&on);
    buf_free(&off);
}

static void find_tools(struct probe *p)
{
    struct chat_msg m = probe_msg(CHAT_USER, W_USER);
    struct chat_request q = {.msgs = &m, .n_msgs = 1, .tools = probe_tools, .n_tools = 2, .add_generation_prompt = true};
    struct buf b = {0};
    p->o->shows_tools = probe_render(p, &q, &b) && probe_has(&b, W_TOOL) && probe_has(&b, W_USER);
    buf_free(&b);
}

int own_derive(struct chat_own *o, const struct tokenizer *t, const char *source, struct err *e)
{
    struct probe p = {.o = o, .t = t};
    int rc = find_question(&p, e);
    if (!rc) {
        find_system(&p);
        find_answer(&p);
        find_reasoning(&p, source);
        find_switch(&p);
        find_tools(&p);
        probe_calls_syntax(&p);
        o->ways = p.w;
    }
    buf_free(&p.prompt);
    if (!rc && p.rc) FAIL(e, ERR_MEMORY, "the chat template: out of memory");
    return rc;
}
