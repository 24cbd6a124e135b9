/* Frames: one description of every body, for writing and reading. */
#include "turn/frame.h"
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

/* Writes to out, or reads from in. What goes wrong sticks; later steps then do nothing. */
struct coder {
    struct buf *out; /* NULL: reading */
    const char *in;
    size_t left;
    struct turn_mem *mem; /* of what is read */
    const char *bad;      /* what was wrong first */
    bool memory;          /* it was a lack of memory */
};

static void bad(struct coder *c, const char *what)
{
    if (!c->bad) c->bad = what;
}

static void bytes(struct coder *c, void *p, size_t n)
{
    if (c->bad) return;
    if (c->out) {
        buf_add(c->out, p, n);
    } else if (n > c->left) {
        bad(c, "it ends too early");
    } else {
        if (n) memcpy(p, c->in, n);
        c->in += n;
        c->left -= n;
    }
}

/* Fixed-size numbers, little-endian. What is written stays untouched: it may be in memory that cannot be written. */
static uint64_t number(struct coder *c, uint64_t v, int size)
{
    unsigned char b[8] = {0};
    for (int i = 0; i < size; i++) b[i] = (unsigned char)(v >> (8 * i));
    bytes(c, b, (size_t)size);
    if (c->bad) return 0;
    for (v = 0; size-- > 0;) v = v << 8 | b[size];
    return v;
}

static void u64(struct coder *c, uint64_t *v)
{
    uint64_t u = number(c, *v, 8);
    if (!c->out) *v = u;
}
static void i64(struct coder *c, int64_t *v)
{
    uint64_t u = number(c, (uint64_t)*v, 8);
    if (!c->out) *v = (int64_t)u;
}
static void i32(struct coder *c, int32_t *v)
{
    uint64_t u = number(c, (uint32_t)*v, 4);
    if (!c->out) *v = (int32_t)u;
}

static void f64(struct coder *c, double *v)
{
    uint64_t u;
    memcpy(&u, v, sizeof u);
    u = number(c, u, 8);
    if (!c->out) memcpy(v, &u, sizeof u);
    if (*v != *v) bad(c, "a number is NaN");
}

static void f32(struct coder *c, float *v)
{
    uint32_t u;
    memcpy(&u, v, sizeof u);
    u = (uint32_t)number(c, u, 4);
    if (!c->out) memcpy(v, &u, sizeof u);
}

static void flag(struct coder *c, bool *v)
{
    uint64_t u = number(c, *v, 1);
    if (u > 1) bad(c, "a truth value is neither 0 nor 1");
    if (!c->out) *v = u == 1;
}

/* An enumeration whose largest value is most. */
#define CHOICE(c, field, most)                                       \
    do {                                                             \
        uint64_t choice_ = number((c), (uint64_t)(field), 1);        \
        if (choice_ > (uint64_t)(most)) bad((c), #field " is none"); \
        else if (!(c)->out) (field) = choice_;                       \
    } while (0)

/* How many things of at least `size` bytes follow. */
static size_t count(struct coder *c, size_t n, size_t size)
{
    uint64_t v = number(c, n, 8);
    if (!c->out && v > c->left / size) bad(c, "a count is above what can follow");
    return c->bad ? 0 : (size_t)v;
}

/* New memory for what is read. */
static void *room(struct coder *c, size_t n, size_t size)
{
    void *p = c->bad ? NULL : turn_mem_new(c->mem, n, size);
    if (!p && !c->bad) {
        bad(c, "out of memory");
        c->memory = true;
    }
    return p;
}

/* A text that may be absent. */
static void span(struct coder *c, const char **s, size_t *len)
{
    bool there = *s != NULL;
    flag(c, &there);
    if (!there) return; /* where it is read, all was zeroed */
    size_t n = count(c, *len, 1);
    if (c->out) {
        buf_add(c->out, *s, n);
        return;
    }
    char *p = room(c, n + 1, 1);
    if (p) bytes(c, p, n);
    *s = p;
    *len = p ? n : 0;
}

static void text(struct coder *c, struct turn_text *t) { span(c, &t->s, &t->len); }

/* A text of those interfaces that end in NUL alone. */
static void string(struct coder *c, const char **s)
{
    size_t len = *s ? strlen(*s) : 0;
    span(c, s, &len);
    if (!c->out && *s && strlen(*s) != len) bad(c, "a name holds a NUL");
}

/* A list: its elements follow one by one. Steps over it are LIST(...) { ... at[i] ... }. */
#define LIST(c, ptr, n, least)                                        \
    size_t n_##ptr = count((c), (n), (least));                        \
    if (!(c)->out) {                                                  \
        (ptr) = n_##ptr ? room((c), n_##ptr, sizeof *(ptr)) : NULL;   \
        (n) = (ptr) ? n_##ptr : 0;                                    \
    }                                                                 \
    for (size_t i = 0; i < n_##ptr && !(c)->bad; i++)

/* ---- bodies ---- */

static void call(struct coder *c, struct chat_call *x)
{
    string(c, &x->id);
    string(c, &x->name);
    string(c, &x->arguments);
    if (!c->bad && (!x->name || !x->arguments)) bad(c, "a call has no name or no arguments");
}

static void message(struct coder *c, struct chat_msg *m)
{
    struct chat_call *calls = (struct chat_call *)m->calls;
    CHOICE(c, m->role, CHAT_DEVELOPER);
    span(c, &m->text, &m->len);
    span(c, &m->reasoning, &m->reasoning_len);
    LIST(c, calls, m->n_calls, 3) call(c, &calls[i]);
    if (!c->out) m->calls = calls;
    string(c, &m->call_id);
}

static void tool(struct coder *c, struct chat_tool *t)
{
    string(c, &t->name);
    string(c, &t->description);
    string(c, &t->parameters);
    if (!c->bad && !t->name) bad(c, "a tool has no name");
}

static void clock_of(struct coder *c, struct chat_request *q)
{
    bool there = q->now != NULL;
    flag(c, &there);
    struct tm *tm = (struct tm *)q->now;
    if (!c->out) tm = there ? room(c, 1, sizeof *tm) : NULL;
    if (there && tm) {
        int *part[] = {&tm->tm_year, &tm->tm_mon, &tm->tm_mday, &tm->tm_hour,
                       &tm->tm_min, &tm->tm_sec, &tm->tm_wday, &tm->tm_yday};
        static const int most[] = {8099, 11, 31, 23, 59, 60, 6, 365}; /* of the years that four digits can write */
        for (int i = 0; i < 8; i++) {
            int32_t v = *part[i];
            i32(c, &v);
            if (v < 0 || v > most[i]) bad(c, "a date is none");
            if (!c->out) *part[i] = v;
        }
    }
    if (!c->out) q->now = tm;
}

static void chat(struct coder *c, struct chat_request *q)
{
    struct chat_msg *msgs = (struct chat_msg *)q->msgs;
    struct chat_tool *tools = (struct chat_tool *)q->tools;
    LIST(c, msgs, q->n_msgs, 12) message(c, &msgs[i]);
    if (!c->out) q->msgs = msgs;
    LIST(c, tools, q->n_tools, 3) tool(c, &tools[i]);
    if (!c->out) q->tools = tools;
    CHOICE(c, q->thinking, CHAT_THINK_ON);
    CHOICE(c, q->effort, CHAT_EFFORT_MAX);
    flag(c, &q->add_generation_prompt);
    flag(c, &q->continue_last);
    string(c, &q->date);
    clock_of(c, q);
    string(c, &q->schema);
}

static void sampling(struct coder *c, struct turn_sampling *s)
{
    f64(c, &s->temperature);
    f64(c, &s->top_p);
    f64(c, &s->min_p);
    f64(c, &s->repeat);
    f64(c, &s->presence);
    f64(c, &s->frequency);
    i64(c, &s->top_k);
    i64(c, &s->repeat_window);
    flag(c, &s->seeded);
    u64(c, &s->seed);
}

static void turn_limits(struct coder *c, struct turn *t)
{
    i64(c, &t->max_tokens);
    i64(c, &t->min_tokens);
    flag(c, &t->ignore_end);
    i64(c, &t->max_thinking);
    struct turn_text *stops = t->stops;
    int32_t *stop_ids = t->stop_ids;
    struct turn_bias *bias = t->bias;
    LIST(c, stops, t->n_stops, 1) text(c, &stops[i]);
    LIST(c, stop_ids, t->n_stop_ids, 4) i32(c, &stop_ids[i]);
    LIST(c, bias, t->n_bias, 8)
    {
        i32(c, &bias[i].id);
        f32(c, &bias[i].add);
    }
    if (c->out) return;
    t->stops = stops;
    t->stop_ids = stop_ids;
    t->bias = bias;
}

static void turn_body(struct coder *c, struct turn *t)
{
    int32_t *ids = (int32_t *)t->prompt_ids;
    u64(c, &t->id);
    CHOICE(c, t->kind, TURN_COUNT);
    text(c, &t->tenant);
    text(c, &t->user);
    text(c, &t->session);
    f64(c, &t->weight);
    i32(c, &t->priority);
    i64(c, &t->deadline_ms);
    chat(c, &t->chat);
    text(c, &t->prompt);
    text(c, &t->suffix);
    LIST(c, ids, t->n_prompt_ids, 4) i32(c, &ids[i]);
    if (!c->out) t->prompt_ids = ids;
    flag(c, &t->special);
    flag(c, &t->raw_special);
    sampling(c, &t->sampling);
    turn_limits(c, t);
    flag(c, &t->want_logprobs);
    i32(c, &t->top_logprobs);
    flag(c, &t->want_ids);
    flag(c, &t->echo);
    flag(c, &t->want_progress);
    CHOICE(c, t->shape, TURN_GBNF);
    text(c, &t->shape_text);
    CHOICE(c, t->choice, TURN_TOOLS_NAMED);
    text(c, &t->choice_name);
    flag(c, &t->one_call);
    flag(c, &t->truncate);
    flag(c, &t->no_cache);
    flag(c, &t->no_speculation);
}

static void token(struct coder *c, struct turn_token *t)
{
    i32(c, &t->id);
    flag(c, &t->of_prompt);
    flag(c, &t->of_reasoning);
    flag(c, &t->known);
    f32(c, &t->logprob);
    text(c, &t->bytes);
    struct turn_top *top = t->top;
    LIST(c, top, t->n_top, 9)
    {
        i32(c, &top[i].id);
        f32(c, &top[i].logprob);
        text(c, &top[i].bytes);
    }
    if (!c->out) t->top = top;
}

static void usage(struct coder *c, struct turn_usage *u)
{
    int64_t *part[] = {&u->prompt, &u->cached, &u->done, &u->answer, &u->reasoning, &u->drafted, &u->kept, &u->dropped};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) i64(c, part[i]);
}

static void event_body(struct coder *c, struct turn_event *ev)
{
    int32_t *ids = (int32_t *)ev->ids;
    float *vector = (float *)ev->vector;
    u64(c, &ev->turn);
    CHOICE(c, ev->kind, TURN_EV_ERROR);
    text(c, &ev->text);
    text(c, &ev->id);
    text(c, &ev->param);
    i32(c, &ev->call);
    flag(c, &ev->malformed);
    if (ev->kind == TURN_EV_TOKEN) token(c, &ev->token);
    LIST(c, ids, ev->n_ids, 4) i32(c, &ids[i]);
    if (!c->out) ev->ids = ids;
    LIST(c, vector, ev->n_vector, 4) f32(c, &vector[i]);
    if (!c->out) ev->vector = vector;
    CHOICE(c, ev->reason, TURN_CANCELLED);
    i32(c, &ev->stop);
    CHOICE(c, ev->error, TURN_STOPPING);
    i64(c, &ev->limit);
    i64(c, &ev->retry_ms);
    u64(c, &ev->seed);
    usage(c, &ev->usage);
    f64(c, &ev->time.queue_ms);
    f64(c, &ev->time.prompt_ms);
    f64(c, &ev->time.answer_ms);
}

static void model_body(struct coder *c, struct turn_model *m)
{
    struct turn_text *texts[] = {&m->name, &m->path, &m->arch, &m->quant, &m->form, &m->form_how, &m->template_text, &m->bos,
                                 &m->eos, &m->build};
    int64_t *numbers[] = {&m->params, &m->bytes, &m->context, &m->model_context, &m->vocab, &m->width, &m->layers, &m->slots,
                          &m->pages, &m->page_rows, &m->top_k};
    bool *flags[] = {&m->chats, &m->thinks, &m->thinks_always, &m->tools, &m->infill};
    double *reals[] = {&m->temperature, &m->top_p, &m->min_p, &m->repeat};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) text(c, texts[i]);
    bytes(c, m->hash, sizeof m->hash);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) i64(c, numbers[i]);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) flag(c, flags[i]);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) f64(c, reals[i]);
}

static void counts_body(struct coder *c, struct turn_counts *n)
{
    int64_t *numbers[] = {&n->running, &n->waiting, &n->pages_used, &n->pages, &n->cache_pages, &n->prompt_tokens,
                          &n->cached_tokens, &n->answer_tokens, &n->requests, &n->failed, &n->cancelled, &n->preempted,
                          &n->drafted, &n->kept};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) i64(c, numbers[i]);
    f64(c, &n->prompt_seconds);
    f64(c, &n->answer_seconds);
    f64(c, &n->busy_seconds);
}

static void control_body(struct coder *c, struct frame_control *x)
{
    CHOICE(c, x->kind, CONTROL_DRAIN);
    u64(c, &x->turn);
}

static void failed_body(struct coder *c, struct frame_failed *f)
{
    i32(c, &f->code);
    text(c, &f->text);
}

static void loading_body(struct coder *c, struct frame_loading *l)
{
    i64(c, &l->done);
    i64(c, &l->total);
}

/* ---- whole frames ---- */

static const char *const names[] = {"", "turn", "control", "event", "model", "counts", "failure", "loading"};

/* The head is written when the length is known. */
static struct coder begin(struct buf *out, size_t *at)
{
    *at = out->len;
    buf_u32(out, 0);
    buf_u32(out, 0);
    return (struct coder){.out = out};
}

static int finish(struct coder *c, enum frame_type type, size_t at, struct err *e)
{
    size_t len = c->out->len - at;
    int rc = buf_check(c->out, names[type], e);
    if (!rc && c->bad) rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "a %s cannot be sent: %s", names[type], c->bad);
    if (!rc && len > FRAME_MOST)
        rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "a %s takes %zu bytes, expected at most %d", names[type],
                     len, FRAME_MOST);
    if (rc) {
        if (!c->out->failed) c->out->len = at;
        return rc;
    }
    uint32_t head[2] = {(uint32_t)(len - 4), type};
    for (int i = 0; i < FRAME_HEAD; i++) c->out->data[at + (size_t)i] = (char)(head[i / 4] >> (8 * (i % 4)));
    return OK;
}

static int finish_read(const struct coder *c, enum frame_type type, struct err *e)
{
    if (c->memory) FAIL(e, ERR_MEMORY, "a %s between processes: out of memory", names[type]);
    if (c->bad) FAIL(e, ERR_FORMAT, "a %s between processes: %s", names[type], c->bad);
    if (c->left) FAIL(e, ERR_FORMAT, "a %s between processes has %zu bytes too many", names[type], c->left);
    return OK;
}

/* The pair of functions of one kind of frame; free_fn frees a half-read one. */
#define FRAME(name, type, kind, body, free_fn, memory)                               \
    int frame_##name(struct buf *out, const struct type *x, struct err *e)           \
    {                                                                                \
        size_t at;                                                                   \
        struct coder c = begin(out, &at);                                            \
        body(&c, (struct type *)x); /* writing changes nothing */                    \
        return finish(&c, kind, at, e);                                              \
    }                                                                                \
    int frame_read_##name(struct type *x, const char *data, size_t len, struct err *e) \
    {                                                                                \
        *x = (struct type){0};                                                       \
        struct coder c = {.in = data, .left = len, .mem = memory};                   \
        body(&c, x);                                                                 \
        int rc = finish_read(&c, kind, e);                                           \
        if (rc) free_fn(x);                                                          \
        return rc;                                                                   \
    }

static void failed_free(struct frame_failed *f)
{
    turn_mem_free(&f->mem);
    *f = (struct frame_failed){0};
}
static void counts_free(struct turn_counts *c) { *c = (struct turn_counts){0}; }
static void control_free(struct frame_control *c) { *c = (struct frame_control){0}; }
static void loading_free(struct frame_loading *l) { *l = (struct frame_loading){0}; }

FRAME(turn, turn, FRAME_TURN, turn_body, turn_free, &x->mem)
FRAME(event, turn_event, FRAME_EVENT, event_body, turn_event_free, &x->mem)
FRAME(model, turn_model, FRAME_MODEL, model_body, turn_model_free, &x->mem)
FRAME(failed, frame_failed, FRAME_FAILED, failed_body, failed_free, &x->mem)
FRAME(counts, turn_counts, FRAME_COUNTS, counts_body, counts_free, NULL)
FRAME(control, frame_control, FRAME_CONTROL, control_body, control_free, NULL)
FRAME(loading, frame_loading, FRAME_LOADING, loading_body, loading_free, NULL)

int frame_look(const char *data, size_t len, uint32_t *type, size_t *body_len, bool *whole, struct err *e)
{
    *type = 0;
    *body_len = 0;
    *whole = false;
    if (len < FRAME_HEAD) return OK;
    struct coder c = {.in = data, .left = FRAME_HEAD};
    uint64_t rest = number(&c, 0, 4), kind = number(&c, 0, 4);
    if (rest < 4 || rest > FRAME_MOST - 4)
        FAIL(e, ERR_FORMAT, "a frame between processes has %llu bytes, expected 4 to %d", (unsigned long long)rest,
             FRAME_MOST - 4);
    if (kind < FRAME_TURN || kind > FRAME_LOADING)
        FAIL(e, ERR_FORMAT, "a frame between processes is of type %llu, expected %d to %d", (unsigned long long)kind,
             FRAME_TURN, FRAME_LOADING);
    *type = (uint32_t)kind;
    *body_len = (size_t)rest - 4;
    *whole = len - FRAME_HEAD >= *body_len;
    return OK;
}
