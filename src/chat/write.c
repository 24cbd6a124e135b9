/* The writer of the chat forms: text is collected and encoded as one piece up to the next marker, so that it is cut as
 * the rendered template would be, and never into a marker unless the form wrote it. */
#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "chat/own/own.h"

/* ---- text ---- */

const char *chat_find(const char *s, size_t len, const char *what) { return len ? memmem(s, len, what, strlen(what)) : NULL; }

struct chat_span chat_after_think(const char *s, size_t len, bool last)
{
    struct chat_span x = {s, len};
    for (const char *at; (at = chat_find(x.s, x.len, UNTHINK)); ) {
        at += strlen(UNTHINK);
        x = (struct chat_span){at, (size_t)(x.s + x.len - at)};
        if (!last) break;
    }
    return x;
}

static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

struct chat_span chat_trim(const char *s, size_t len)
{
    uint32_t cp;
    for (size_t k; len && (k = utf8_decode(s, len, &cp)) && is_space(cp); len -= k) s += k;
    while (len) {
        size_t k = 1;
        while (k < 4 && k < len && ((unsigned char)s[len - k] & 0xC0) == 0x80) k++;
        if (utf8_decode(s + len - k, k, &cp) != k || !is_space(cp)) break;
        len -= k;
    }
    return (struct chat_span){s, len};
}

struct chat_span chat_trim_lines(struct chat_span x, bool front, bool back)
{
    while (front && x.len && x.s[0] == '\n') {
        x.s++;
        x.len--;
    }
    while (back && x.len && x.s[x.len - 1] == '\n') x.len--;
    return x;
}

/* ---- encoding ---- */

static void failed(struct chat_writer *w, int rc)
{
    if (!w->rc) w->rc = rc;
}

void chat_fail(struct chat_writer *w, enum err_code code, const char *what)
{
    if (!w->rc) w->rc = err_set(w->e, code, __FILE__, __LINE__, "chat form %s: %s", w->f->name, what);
}

static bool is_marker(const struct chat_writer *w, int32_t id)
{
    for (int i = 0; w->f->markers[i]; i++)
        if (w->marker[i] == id) return true;
    return tokenizer_is_control(w->t, id) || (w->f->own && own_is_mark(w->f->own, id));
}

/* The marker of this form that s starts with, which has an id; -1 if none. */
static int marker_at(const struct chat_writer *w, const char *s, size_t len)
{
    for (int i = 0; w->f->markers[i]; i++) {
        size_t n = strlen(w->f->markers[i]);
        if (w->marker[i] >= 0 && n <= len && memcmp(s, w->f->markers[i], n) == 0) return i;
    }
    return -1;
}

/* Encodes with a cut after the first character of every spelled marker: no token can hold one as a whole. */
static int encode_cut(struct chat_writer *w, const char *s, size_t len)
{
    size_t from = 0, n;
    uint32_t cp;
    for (size_t i = 0; i < len; i++) {
        if (marker_at(w, s + i, len - i) < 0 && !is_marker(w, tokenizer_special_at(w->t, s + i, len - i, &n))) continue;
        size_t to = i + utf8_decode(s + i, len - i, &cp);
        TRY(tokenizer_encode(w->t, s + from, to - from, w->ids, w->e));
        from = to;
    }
    return tokenizer_encode(w->t, s + from, len - from, w->ids, w->e);
}

/* A vocabulary may match its added tokens in any text: then what spells a marker of the form is taken apart. */
static int encode(struct chat_writer *w, const char *s, size_t len)
{
    size_t before = w->ids->n;
    TRY(tokenizer_encode(w->t, s, len, w->ids, w->e));
    for (size_t i = before; i < w->ids->n; i++) {
        if (!is_marker(w, w->ids->ids[i])) continue;
        w->ids->n = before;
        return encode_cut(w, s, len);
    }
    return OK;
}

static void mark(struct chat_writer *w, size_t from)
{
    for (size_t i = from; w->learn && i < w->ids->n; i++) buf_add_byte(w->learn, w->model);
}

static int flush(struct chat_writer *w)
{
    size_t from = w->ids->n;
    TRY(buf_check(&w->pending, "the chat", w->e));
    if (w->pending.len == 0) return OK;
    /* A space that the tokenizer puts before every text stands for one that follows text directly. */
    size_t skip = w->glued && w->pending.data[0] == ' ' && tokenizer_has_prefix(w->t);
    if (w->taker) skip += tokenizer_takes(w->t, w->taker - 1, false, w->pending.data + skip, w->pending.len - skip);
    w->taker = 0;
    if (w->pending.len > skip) TRY(encode(w, w->pending.data + skip, w->pending.len - skip));
    mark(w, from);
    buf_clear(&w->pending);
    return OK;
}

void chat_put_id(struct chat_writer *w, int32_t id)
{
    if (w->rc) return;
    if (w->pending.len) w->pending.len -= tokenizer_takes(w->t, id, true, w->pending.data, w->pending.len);
    failed(w, flush(w));
    size_t from = w->ids->n;
    if (!w->rc) failed(w, tokens_add(w->ids, id, w->e));
    w->taker = id + 1;
    mark(w, from);
    w->glued = false;
}

void chat_say(struct chat_writer *w, const char *s, size_t len)
{
    if (len) buf_add(w->t ? &w->pending : w->text, s, len);
}

void chat_say_str(struct chat_writer *w, const char *s) { chat_say(w, s, strlen(s)); }

void chat_say_buf(struct chat_writer *w, struct buf *b)
{
    if (!w->rc) failed(w, buf_check(b, "the chat", w->e));
    chat_say(w, b->data, b->len);
    buf_free(b);
}

void chat_put(struct chat_writer *w, const char *s)
{
    size_t len = strlen(s), from = 0;
    for (size_t i = 0; w->t && i < len; i++) {
        int k = s[i] == '<' || s[i] == BAR[0] ? marker_at(w, s + i, len - i) : -1;
        if (k < 0) continue;
        chat_say(w, s + from, i - from);
        chat_put_id(w, w->marker[k]);
        i += strlen(w->f->markers[k]) - 1;
        from = i + 1;
    }
    chat_say(w, s + from, len - from);
}

/* A token that begins or ends: by its spelling, else the tokenizer's. */
static void put_border(struct chat_writer *w, const char *spelled, int32_t own)
{
    int32_t id = w->t ? tokenizer_special(w->t, spelled) : -1;
    if (id < 0 && w->f->any_eos) id = own;
    if (!w->t) chat_put(w, spelled);
    else if (id >= 0) chat_put_id(w, id);
}

void chat_put_bos(struct chat_writer *w)
{
    if (w->f->bos) put_border(w, w->f->bos, w->t ? tokenizer_bos(w->t) : -1);
}

void chat_put_end(struct chat_writer *w) { put_border(w, w->f->ends[0], w->t ? tokenizer_eos(w->t) : -1); }

void chat_by_model(struct chat_writer *w, bool model)
{
    if (w->model == model || !w->t) return;
    bool text = w->pending.len > 0;
    if (!w->rc) failed(w, flush(w));
    w->glued = text;
    w->model = model;
}

/* ---- the conversation ---- */

bool chat_is_system(const struct chat_msg *m) { return m->role == CHAT_SYSTEM || m->role == CHAT_DEVELOPER; }

struct tm chat_day(const struct chat_request *q)
{
    return q->now ? *q->now : (struct tm){.tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_wday = 5, .tm_yday = 207};
}

bool chat_is_open(const struct chat_writer *w, size_t i)
{
    return w->q->continue_last && i + 1 == w->q->n_msgs && w->q->msgs[i].role == CHAT_ASSISTANT;
}

bool chat_wants_prompt(const struct chat_writer *w)
{
    return w->q->add_generation_prompt && !(w->q->n_msgs && chat_is_open(w, w->q->n_msgs - 1));
}

bool chat_thinks(const struct chat_form *f, const struct chat_request *q)
{
    switch (f->thinks) {
    case CHAT_NEVER_THINKS: return false;
    case CHAT_ALWAYS_THINKS: return true;
    case CHAT_MAY_THINK: return q->thinking == CHAT_THINK_ON;
    case CHAT_THINKS_UNLESS_OFF: return q->thinking != CHAT_THINK_OFF;
    }
    return false;
}

bool chat_keeps_reasoning(const struct chat_writer *w, size_t i)
{
    return i + 1 == w->q->n_msgs && w->q->msgs[i].reasoning && (w->learn || chat_is_open(w, i));
}

bool chat_collect_system(struct chat_writer *w, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < w->q->n_msgs; i++) {
        const struct chat_msg *m = &w->q->msgs[i];
        if (!chat_is_system(m)) continue;
        any = true;
        if (m->len == 0) continue;
        if (out->len) buf_add_str(out, "\n\n");
        buf_add(out, m->text, m->len);
    }
    return any;
}

/* ---- entry points ---- */

static bool has_calls(const struct chat_request *q)
{
    for (size_t i = 0; i < q->n_msgs; i++)
        if (q->msgs[i].n_calls || q->msgs[i].role == CHAT_TOOL) return true;
    return q->n_tools > 0;
}

static int finish(struct chat_writer *w)
{
    if (!w->rc && w->t) failed(w, flush(w));
    if (!w->rc && w->learn) failed(w, buf_check(w->learn, "training marks", w->e));
    if (!w->rc && w->text) failed(w, buf_check(w->text, "the chat", w->e));
    buf_free(&w->pending);
    return w->rc;
}

static int render(struct chat_writer *w)
{
    uint64_t shortages = mem_shortages();
    if (has_calls(w->q) && !w->f->own && w->f->calls.kind == CALLS_NONE)
        chat_fail(w, ERR_UNSUPPORTED, "its models were not made for tools, and the conversation has some");
    else w->f->render(w);
    return mem_verdict(finish(w), shortages, "a prompt", w->e);
}

int chat_form_encode(const struct chat_form *f, const struct tokenizer *t, const struct chat_request *q, struct tokens *out,
                     struct buf *learn, struct err *e)
{
    struct chat_writer w = {.f = f, .q = q, .t = t, .ids = out, .learn = learn, .e = e};
    size_t before = out->n, learnt = learn ? learn->len : 0;
    TRY(chat_form_check(f, t, e));
    for (int i = 0; f->markers[i]; i++) w.marker[i] = tokenizer_special(t, f->markers[i]);
    int rc = render(&w);
    if (rc) out->n = before;
    if (rc && learn) learn->len = learnt;
    return rc;
}

int chat_form_text(const struct chat_form *f, const struct chat_request *q, struct buf *out, struct err *e)
{
    struct chat_writer w = {.f = f, .q = q, .text = out, .e = e};
    return render(&w);
}
