/* The parser of answers: reasoning, content and calls of tools, one token at a time. Markers come as ids; those that the
 * vocabulary has not are looked for in the text, of which as much is held back as may be the beginning of one. */
#include "chat/parse.h"
#include <string.h>
#include "base/mem.h"
#include "chat/own/own.h"

/* ---- events ---- */

int parse_send(struct chat_parser *p, enum chat_event_kind kind, const char *s, size_t len, bool malformed)
{
    struct chat_event ev = {.kind = kind, .call = p->calls - 1, .malformed = malformed, .text = len ? s : "", .len = len};
    p->malformed |= malformed;
    return p->sink.fn(p->sink.ctx, &ev, p->e);
}

/* n line ends that turned out to be text. */
static int send_lines(struct chat_parser *p, enum chat_event_kind kind)
{
    for (; p->lines; p->lines--) TRY(parse_send(p, kind, "\n", 1, false));
    return OK;
}

/* All but the last line ends of s, at most so many, which are held back. */
static int send_but_lines(struct chat_parser *p, enum chat_event_kind kind, const char *s, size_t len, size_t most)
{
    size_t keep = 0;
    while (keep < len && keep < most && s[len - 1 - keep] == '\n') keep++;
    if (keep < len) {
        TRY(send_lines(p, kind));
        TRY(parse_send(p, kind, s, len - keep, false));
    }
    p->lines += keep;
    for (; p->lines > most; p->lines--) TRY(parse_send(p, kind, "\n", 1, false));
    return OK;
}

int parse_content(struct chat_parser *p, const char *s, size_t len, bool malformed)
{
    if (len == 0) return OK;
    if (malformed || p->broken) {
        TRY(send_lines(p, CHAT_EV_CONTENT));
        p->spoke = true;
        return parse_send(p, CHAT_EV_CONTENT, s, len, true);
    }
    if (!p->spoke && p->f->answer_space && !p->took_space && *s == ' ') {
        p->took_space = true;
        s++;
        len--;
    }
    while (p->skip_lines && len && *s == '\n') {
        s++;
        len--;
    }
    if (len == 0) return OK;
    p->skip_lines = false;
    p->spoke = true;
    return send_but_lines(p, CHAT_EV_CONTENT, s, len, p->f->call_gap ? strlen(p->f->call_gap) : 0);
}

static int reasoning(struct chat_parser *p, const char *s, size_t len)
{
    while (p->f->loose_think && !p->thought && len && *s == '\n') {
        s++;
        len--;
    }
    if (len == 0) return OK;
    p->thought = true;
    return send_but_lines(p, CHAT_EV_REASONING, s, len, p->f->loose_think ? SIZE_MAX : 0);
}

/* ---- text ---- */

/* White space at the very beginning waits for what comes; an answer that is an object may be a call. */
static int start_text(struct chat_parser *p, const char *s, size_t len, size_t *used)
{
    size_t i = 0;
    while (i < len && strchr(" \t\r\n", s[i]) && s[i]) i++;
    buf_add(&p->start, s, i);
    *used = i;
    if (i == len) return OK;
    bool call = p->f->calls.bare && p->tools && s[i] == '{';
    struct chat_span space = {p->start.data, p->start.len};
    p->state = STATE_CONTENT;
    int rc = call ? parse_call_begin(p, &space, false) : parse_content(p, space.s, space.len, false);
    buf_clear(&p->start);
    return rc;
}

/* Between calls; objects without markers may be the items of a list. */
static int block_text(struct chat_parser *p, const char *s, size_t len, size_t *used)
{
    const struct chat_syntax *x = &p->f->calls;
    bool objects = x->kind == CALLS_OBJECT && !x->call;
    const char *between = objects && !x->bare ? " \t\r\n;,[]" : " \t\r\n;";
    size_t i = 0;
    while (i < len && strchr(between, s[i]) && s[i]) i++;
    *used = i;
    if (i == len) return OK;
    if (objects && s[i] == '{') return parse_call_begin(p, NULL, false);
    p->state = STATE_CONTENT; /* text among calls is not expected, but after them it is */
    p->broken = !x->bare;
    return OK;
}

/* Text without markers, in the state that holds for it. *unread: bytes left when the state changed. */
static int text(struct chat_parser *p, const char *s, size_t len, size_t *unread)
{
    enum parse_state before = p->state;
    for (*unread = len; len && p->state == before; *unread = len) {
        size_t used = len;
        switch (p->state) {
        case STATE_START: TRY(start_text(p, s, len, &used)); break;
        case STATE_THINK: TRY(reasoning(p, s, len)); break;
        case STATE_CONTENT: TRY(parse_content(p, s, len, false)); break;
        case STATE_BLOCK: TRY(block_text(p, s, len, &used)); break;
        case STATE_CALL: TRY(parse_call_text(p, s, len, &used)); break;
        case STATE_DSML:
            buf_add(&p->call, s, len);
            TRY(parse_dsml(p, false));
            break;
        case STATE_DONE: break;
        }
        s += used;
        len -= used;
    }
    return OK;
}

/* ---- markers ---- */

/* A call, or a block of them. Line ends that were held back before it are the form's. */
static int begin_calls(struct chat_parser *p, const struct parse_spelling *m)
{
    struct chat_span before = {m->text, m->len};
    p->lines = 0;
    if (p->state == STATE_START && !p->f->call_gap) TRY(parse_content(p, p->start.data, p->start.len, false));
    buf_clear(&p->start);
    if (m->mark == MARK_CALL) return parse_call_begin(p, &before, p->f->calls.call_end != NULL);
    buf_clear(&p->call);
    p->at = 0;
    p->dsml = DSML_INVOKE;
    p->state = p->f->calls.kind == CALLS_DSML ? STATE_DSML : STATE_BLOCK;
    return OK;
}

static int think(struct chat_parser *p, const struct parse_spelling *m)
{
    if (p->state == STATE_THINK) return p->thought ? reasoning(p, m->text, m->len) : OK;
    if (p->spoke) return parse_content(p, m->text, m->len, false);
    buf_clear(&p->start);
    p->state = STATE_THINK;
    p->thought = false;
    return OK;
}

static int unthink(struct chat_parser *p, const struct parse_spelling *m)
{
    if (p->state != STATE_THINK && p->spoke) return parse_content(p, m->text, m->len, true);
    p->lines = 0;
    buf_clear(&p->start);
    p->state = STATE_CONTENT;
    p->skip_lines = p->f->loose_think;
    return OK;
}

/* What was held back, when the answer ends. */
static int close(struct chat_parser *p)
{
    enum parse_state s = p->state;
    p->state = STATE_DONE;
    if (s == STATE_THINK) return send_lines(p, CHAT_EV_REASONING);
    if (s == STATE_START) TRY(parse_content(p, p->start.data, p->start.len, false));
    if (s == STATE_CALL) TRY(parse_call_end(p, NULL));
    if (s == STATE_DSML) {
        p->state = STATE_DSML;
        TRY(parse_dsml(p, true));
    }
    p->state = STATE_DONE;
    return send_lines(p, CHAT_EV_CONTENT);
}

static int marker(struct chat_parser *p, const struct parse_spelling *m)
{
    if (m->mark == MARK_END) {
        TRY(close(p));
        return parse_send(p, CHAT_EV_END, NULL, 0, false);
    }
    if (p->state == STATE_CALL) {
        size_t used;
        if (m->mark == MARK_CALL_END) return parse_call_end(p, m->text);
        if (m->mark != MARK_CALL && m->mark != MARK_BLOCK_END) return parse_call_text(p, m->text, m->len, &used);
        TRY(parse_call_end(p, NULL)); /* its end is missing */
    }
    switch (m->mark) {
    case MARK_THINK: return think(p, m);
    case MARK_UNTHINK: return unthink(p, m);
    case MARK_BLOCK:
    case MARK_CALL: return begin_calls(p, m);
    case MARK_BLOCK_END:
        if (p->state != STATE_BLOCK) return parse_content(p, m->text, m->len, true);
        p->state = STATE_CONTENT;
        return OK;
    default: return parse_content(p, m->text, m->len, true);
    }
}

/* ---- finding markers in text ---- */

/* In a call and among elements, markers of reasoning are text. */
static bool counts(const struct chat_parser *p, const struct parse_spelling *m)
{
    if (m->id >= 0 && !p->by_text) return false;
    if (p->state == STATE_DSML) return m->mark == MARK_END;
    return p->state != STATE_CALL || (m->mark != MARK_THINK && m->mark != MARK_UNTHINK && m->mark != MARK_BLOCK);
}

/* The first place in s where a spelled marker stands or, as s ends, may stand. *found NULL: it is not complete. */
static size_t find_marker(const struct chat_parser *p, const char *s, size_t len, const struct parse_spelling **found)
{
    *found = NULL;
    for (size_t i = 0; i < len; i++) {
        for (int k = 0; k < p->n_marks; k++) {
            const struct parse_spelling *m = &p->mark[k];
            if (s[i] != m->text[0] || !counts(p, m)) continue;
            size_t n = len - i < m->len ? len - i : m->len;
            if (memcmp(s + i, m->text, n) != 0) continue;
            if (n == m->len) *found = m;
            return i;
        }
    }
    return len;
}

/* Puts what turned out not to be of a call before the text from pos on. */
static int put_back(struct chat_parser *p, size_t *pos)
{
    struct buf b = {0};
    buf_add(&b, p->call.data + p->at, p->call.len - p->at);
    buf_add(&b, p->held.data + *pos, p->held.len - *pos);
    buf_free(&p->held);
    p->held = b;
    p->reread = false;
    *pos = 0;
    buf_clear(&p->call);
    return buf_check(&p->held, "an answer", p->e);
}

/* Reads held. final: what may be the beginning of a marker is text. */
static int walk(struct chat_parser *p, bool final)
{
    size_t pos = 0;
    int rc = buf_check(&p->held, "an answer", p->e);
    while (!rc && pos < p->held.len && p->state != STATE_DONE) {
        const struct parse_spelling *m;
        const char *s = p->held.data + pos;
        size_t len = p->held.len - pos;
        enum parse_state before = p->state;
        size_t at = find_marker(p, s, len, &m), unread = 0;
        rc = text(p, s, at, &unread);
        pos += at - unread;
        if (!rc && p->reread) {
            rc = put_back(p, &pos);
            continue;
        }
        if (rc || at == len || p->state != before) continue; /* another state may look for other markers */
        if (m) {
            rc = marker(p, m);
            pos += m->len;
        } else if (final) {
            rc = text(p, s + at, 1, &unread);
            pos += 1 - unread;
        } else break;
    }
    size_t left = p->state == STATE_DONE ? 0 : p->held.len - pos;
    if (left) memmove(p->held.data, p->held.data + pos, left);
    p->held.len = left;
    return rc;
}

/* ---- feeding ---- */

/* Calls that cannot be read are given as text: not so for want of memory. */
static int verdict(int rc, uint64_t shortages, struct err *e) { return mem_verdict(rc, shortages, "an answer", e); }

int chat_parser_text(struct chat_parser *p, const char *s, size_t len, struct err *e)
{
    uint64_t shortages = mem_shortages();
    p->e = e;
    if (p->state == STATE_DONE) return OK;
    detok_bytes(&p->detok, s, len, &p->held);
    p->by_text = true;
    int rc = walk(p, false);
    p->by_text = false;
    return verdict(rc, shortages, e);
}

static int feed(struct chat_parser *p, int32_t id, struct err *e)
{
    if (!p->detok.t) FAIL(e, ERR_USAGE, "token %d for a parser without a vocabulary", id);
    if (p->state == STATE_DONE) return OK;
    for (int k = 0; k < p->n_marks; k++) {
        if (p->mark[k].id < 0 || p->mark[k].id != id) continue;
        if (p->state == STATE_DSML && p->mark[k].mark != MARK_END) break; /* text of a value */
        detok_flush(&p->detok, &p->held);
        TRY(walk(p, true));
        return p->state == STATE_DONE ? OK : marker(p, &p->mark[k]);
    }
    size_t len;
    const char *s = tokenizer_bytes(p->detok.t, id, &len);
    bool dsml = p->f->calls.kind == CALLS_DSML && len == strlen(DSML) && !memcmp(s, DSML, len);
    bool part = p->state == STATE_CALL && tokenizer_is_control(p->detok.t, id); /* a separator inside a call */
    if (dsml || part || (p->state == STATE_DSML && len)) detok_bytes(&p->detok, s, len, &p->held); /* parts of elements */
    else TRY(detok_feed(&p->detok, id, &p->held, e));
    return walk(p, false);
}

int chat_parser_feed(struct chat_parser *p, int32_t id, struct err *e)
{
    uint64_t shortages = mem_shortages();
    p->e = e;
    return verdict(feed(p, id, e), shortages, e);
}

static int end(struct chat_parser *p)
{
    if (p->state == STATE_DONE) return OK;
    detok_flush(&p->detok, &p->held);
    TRY(walk(p, true));
    return p->state == STATE_DONE ? OK : close(p);
}

int chat_parser_finish(struct chat_parser *p, struct err *e)
{
    uint64_t shortages = mem_shortages();
    p->e = e;
    return verdict(end(p), shortages, e);
}

bool chat_parser_malformed(const struct chat_parser *p) { return p->malformed; }

/* ---- beginning and end ---- */

static void add_mark(struct chat_parser *p, const struct tokenizer *t, enum parse_mark mark, const char *text)
{
    if (!text || p->n_marks == PARSE_MAX_MARKS) return;
    p->mark[p->n_marks++] = (struct parse_spelling){text, strlen(text), t ? tokenizer_special(t, text) : -1, mark};
}

#define V32_BLOCK "<" DSML "function_calls>"
#define V4_BLOCK "<" DSML "tool_calls>"

static void add_call_marks(struct chat_parser *p, const struct tokenizer *t)
{
    const struct chat_syntax *x = &p->f->calls;
    if (x->kind == CALLS_DSML) {
        add_mark(p, NULL, MARK_BLOCK, strcmp(x->block, "tool_calls") ? V32_BLOCK : V4_BLOCK);
        return;
    }
    add_mark(p, t, MARK_BLOCK, x->block);
    add_mark(p, t, MARK_BLOCK_END, x->block_end);
    add_mark(p, t, MARK_CALL, x->call);
    add_mark(p, t, MARK_CALL_END, x->call_end);
}

/* Where the prompt of q leaves the model. */
static enum parse_state first_state(const struct chat_form *f, const struct chat_request *q)
{
    const struct chat_msg *last = q->n_msgs ? &q->msgs[q->n_msgs - 1] : NULL;
    bool dsml = f->calls.kind == CALLS_DSML, open = q->continue_last && last && last->role == CHAT_ASSISTANT;
    if (open && (last->len || last->n_calls || f->thinks == CHAT_NEVER_THINKS)) return STATE_CONTENT;
    if (open) return last->reasoning ? STATE_THINK : STATE_START;
    if (f->own) {
        int after = own_prompt_state(f->own, q);
        if (after > 0) return STATE_THINK;
        return f->calls.bare || (after == 0 && f->thinks != CHAT_NEVER_THINKS) ? STATE_START : STATE_CONTENT;
    }
    if (!chat_thinks(f, q)) return f->calls.bare || f->thinks != CHAT_NEVER_THINKS ? STATE_START : STATE_CONTENT;
    if (last && last->role == CHAT_TOOL && !dsml && !f->call_gap) return STATE_START; /* the answer follows the results */
    return f->think_prompt || dsml || f->thinks == CHAT_MAY_THINK ? STATE_THINK : STATE_START;
}

int chat_parser_new(struct chat_parser **out, const struct chat_form *f, const struct tokenizer *t,
                    const struct chat_request *q, struct chat_sink sink, struct err *e)
{
    void *mem;
    *out = NULL;
    TRY(mem_new(&mem, sizeof(struct chat_parser), "a parser of answers", e));
    struct chat_parser *p = mem;
    *p = (struct chat_parser){.f = f, .sink = sink, .tools = q->n_tools > 0, .state = first_state(f, q)};
    if (t) detok_init(&p->detok, t, false);
    if (f->answer_space) detok_continue(&p->detok); /* that space is taken off here */
    if (f->thinks != CHAT_NEVER_THINKS) {
        add_mark(p, t, MARK_THINK, f->think ? f->think : THINK);
        add_mark(p, t, MARK_UNTHINK, f->unthink ? f->unthink : UNTHINK);
    }
    add_call_marks(p, t);
    for (int i = 0; i < CHAT_MAX_ENDS; i++) add_mark(p, t, MARK_END, f->ends[i]);
    struct parse_spelling *end = &p->mark[p->n_marks - 1];
    if (f->any_eos && t && end->id < 0) end->id = tokenizer_eos(t);
    if (f->calls.kind == CALLS_TAGGED && parse_schemas(&p->schemas, q, e)) {
        chat_parser_free(p);
        return ERR_MEMORY;
    }
    *out = p;
    return OK;
}

bool chat_parser_thinking(const struct chat_parser *p) { return p->state == STATE_THINK; }

int chat_unthink_ids(const struct chat_form *f, const struct tokenizer *t, struct tokens *out, struct err *e)
{
    const char *marker = f->unthink ? f->unthink : UNTHINK;
    int32_t id = tokenizer_special(t, marker);
    if (f->loose_think) TRY(tokenizer_encode(t, "\n", 1, out, e));
    if (id >= 0) TRY(tokens_add(out, id, e));
    else TRY(tokenizer_encode(t, marker, strlen(marker), out, e));
    return f->loose_think ? tokenizer_encode(t, "\n\n", 2, out, e) : OK;
}

void chat_parser_free(struct chat_parser *p)
{
    if (!p) return;
    buf_free(&p->held);
    buf_free(&p->start);
    buf_free(&p->call);
    buf_free(&p->arguments);
    json_decref(p->schemas);
    mem_free(p);
}
