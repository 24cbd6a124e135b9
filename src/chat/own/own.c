/* Chats that the model's own template renders, as ids: bytes of the template may become control tokens, bytes of messages
 * never do. */
#include "chat/own/own.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

/* ---- the form ---- */

const char *own_keep(struct chat_own *o, const char *s, size_t len)
{
    if (o->n_strings == OWN_MAX_STRINGS) return NULL;
    char *copy = mem_strndup(s, len);
    if (copy) o->string[o->n_strings++] = copy;
    return copy;
}

void own_drop(struct chat_own *o, int from)
{
    while (o->n_strings > from) mem_free(o->string[--o->n_strings]);
}

void chat_own_free(struct chat_own *o)
{
    if (!o) return;
    template_free(o->one);
    template_free(o->tools);
    mem_free(o->bos);
    mem_free(o->eos);
    mem_free(o->pad);
    mem_free(o->unk);
    own_drop(o, 0);
    mem_free(o);
}

/* Markers that text must not yield, although the vocabulary has them as text: all that the source spells. */
static void find_marks(struct chat_own *o, const struct tokenizer *t, const char *source)
{
    size_t len = strlen(source), n;
    for (size_t i = 0; i < len; i++) {
        int32_t id = tokenizer_special_at(t, source + i, len - i, &n);
        if (id < 0 || own_is_mark(o, id) || o->n_marks == OWN_MAX_MARKS) continue;
        o->marks[o->n_marks++] = id;
        i += n - 1;
    }
}

bool own_is_mark(const struct chat_own *o, int32_t id)
{
    for (int i = 0; i < o->n_marks; i++)
        if (o->marks[i] == id) return true;
    return false;
}

/* How the vocabulary spells a token. */
static int spell(char **out, const struct tokenizer *t, int32_t id, struct err *e)
{
    size_t len;
    const char *s = id >= 0 ? tokenizer_bytes(t, id, &len) : NULL;
    *out = s ? mem_strndup(s, len) : NULL;
    if (s && !*out) FAIL(e, ERR_MEMORY, "out of memory");
    return OK;
}

static int parse(struct chat_own *o, const struct tokenizer *t, const struct chat_model *m, struct err *e)
{
    TRY(spell(&o->bos, t, tokenizer_bos(t), e));
    TRY(spell(&o->eos, t, tokenizer_eos(t), e));
    TRY(spell(&o->pad, t, tokenizer_pad(t), e));
    TRY(spell(&o->unk, t, tokenizer_special(t, "<unk>"), e));
    TRY(template_parse(&o->one, "chat template", m->template_text, strlen(m->template_text), e));
    find_marks(o, t, m->template_text);
    if (!m->tools_text) return OK;
    find_marks(o, t, m->tools_text);
    return template_parse(&o->tools, "chat template tool_use", m->tools_text, strlen(m->tools_text), e);
}

int chat_own_new(struct chat_own **out, const struct tokenizer *t, const struct chat_model *m, struct err *e)
{
    static const char *const none[] = {NULL};
    void *mem;
    *out = NULL;
    TRY(mem_new(&mem, sizeof(struct chat_own), "a chat template", e));
    struct chat_own *o = mem;
    o->form = (struct chat_form){.name = "own template", .render = chat_render_own, .markers = none, .own = o};
    int rc = parse(o, t, m, e);
    if (!rc) rc = own_derive(o, t, m->template_text, e);
    if (rc) chat_own_free(o);
    else *out = o;
    return rc;
}

const struct chat_form *chat_own_form(const struct chat_own *o) { return &o->form; }

/* ---- rendering ---- */

static bool ends_answer(const struct chat_writer *w, int32_t id)
{
    for (int i = 0; i < CHAT_MAX_ENDS && w->f->ends[i]; i++)
        if (tokenizer_special(w->t, w->f->ends[i]) == id) return true;
    return id == tokenizer_eos(w->t);
}

/* Text of the template: what spells a token becomes it. The end of an answer is the model's, what follows is not. */
static void put_trusted(struct chat_writer *w, const char *s, size_t len)
{
    size_t from = 0, n;
    for (size_t i = 0; i < len; i++) {
        int32_t id = tokenizer_special_at(w->t, s + i, len - i, &n);
        if (id < 0) continue;
        chat_say(w, s + from, i - from);
        chat_put_id(w, id);
        if (w->model && ends_answer(w, id)) chat_by_model(w, false);
        i += n - 1;
        from = i + 1;
    }
    chat_say(w, s + from, len - from);
}

/* Bytes at the end of s that the model writes itself before its text. */
static size_t lead_of(const struct chat_own *o, const char *s, size_t len)
{
    for (int i = 0; i < o->n_leads; i++) {
        size_t n = strlen(o->lead[i]);
        if (n <= len && memcmp(s + len - n, o->lead[i], n) == 0) return n;
    }
    return 0;
}

static void put_pieces(struct chat_writer *w, const struct template_piece *p, size_t n)
{
    for (size_t i = 0; i < n && !w->rc; i++) {
        bool before_answer = i + 1 < n && p[i + 1].answer && !w->model;
        if (!p[i].trusted) {
            chat_by_model(w, p[i].answer);
            chat_say(w, p[i].text, p[i].len);
            continue;
        }
        size_t lead = before_answer ? lead_of(w->f->own, p[i].text, p[i].len) : 0;
        put_trusted(w, p[i].text, p[i].len - lead);
        if (!lead) continue;
        chat_by_model(w, true);
        put_trusted(w, p[i].text + p[i].len - lead, lead);
    }
    chat_by_model(w, false);
}

/* An answer that goes on ends where its own text does; 0: nothing of it was rendered. */
static size_t open_end(const struct template_output *out)
{
    size_t n = out->n_pieces;
    while (n && !out->pieces[n - 1].answer) n--;
    return n;
}

void chat_render_own(struct chat_writer *w)
{
    const struct chat_request *q = w->q;
    struct template_run *r = NULL;
    struct template_output out;
    const struct chat_msg *last = q->n_msgs ? &q->msgs[q->n_msgs - 1] : NULL;
    bool open = last && chat_is_open(w, q->n_msgs - 1) && (last->len || last->reasoning_len || last->n_calls);
    if (q->n_tools && !w->f->own->shows_tools)
        chat_fail(w, ERR_UNSUPPORTED, "the model's template does not tell it of tools, and the conversation has some; a "
                                         "built-in form (--template NAME) may");
    if (!w->rc) w->rc = template_run_new(&r, w->e);
    if (!w->rc) w->rc = own_render(w->f->own, &w->f->own->ways, q, r, &out, w->e);
    size_t n = w->rc ? 0 : open ? open_end(&out) : out.n_pieces;
    if (!w->rc && open && n == 0) chat_fail(w, ERR_UNSUPPORTED, "the template does not render the answer that is to go on");
    if (w->t) put_pieces(w, out.pieces, n);
    for (size_t i = 0; !w->t && i < n; i++) chat_say(w, out.pieces[i].text, out.pieces[i].len);
    template_run_free(r);
}

/* ---- the prompt's end ---- */

static bool ends_with(struct chat_span x, const char *what)
{
    size_t n = what ? strlen(what) : 0;
    return n && n <= x.len && memcmp(x.s + x.len - n, what, n) == 0;
}

int own_prompt_state(const struct chat_own *o, const struct chat_request *q)
{
    struct template_run *r = NULL;
    struct template_output out;
    struct err ignored;
    int state = 0;
    if (template_run_new(&r, &ignored)) return 0;
    if (own_render(o, &o->ways, q, r, &out, &ignored) == OK && out.n_pieces) {
        const struct template_piece *last = &out.pieces[out.n_pieces - 1];
        struct chat_span x = last->trusted ? chat_trim(last->text, last->len) : (struct chat_span){"", 0};
        state = ends_with(x, o->form.think) ? 1 : ends_with(x, o->form.unthink) ? -1 : 0;
    }
    template_run_free(r);
    return state;
}

/* ---- for people ---- */

static void add_quoted(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n') buf_add_str(b, "\\n");
        else if (*s == CHAT_ANY) buf_add_str(b, "ID");
        else buf_add_byte(b, *s);
    }
}

static void add_all(struct buf *b, const char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (parts[i]) add_quoted(b, parts[i]);
}

static void describe_calls(const struct chat_form *f, struct buf *b)
{
    const struct chat_syntax *x = &f->calls;
    const char *const begin[] = {x->block, x->call, x->head}, *const end[] = {x->tail, x->call_end, x->block_end};
    if (x->kind == CALLS_DSML) {
        buf_printf(b, "<" DSML "%s> with elements invoke and parameter", x->block);
        return;
    }
    add_all(b, begin, 3);
    if (x->kind == CALLS_OBJECT && x->name_key) buf_printf(b, "{\"%s\": NAME, \"%s\": {...}}", x->name_key, x->args_key);
    if (x->kind == CALLS_OBJECT && !x->name_key) buf_add_str(b, "{NAME: {...}}");
    if (x->kind == CALLS_NAMED || x->kind == CALLS_TAGGED) {
        buf_add_str(b, x->counted ? "NAME:0" : "NAME");
        if (x->mid) add_quoted(b, x->mid);
    }
    if (x->kind == CALLS_NAMED) buf_add_str(b, "{...}");
    if (x->kind == CALLS_TAGGED) {
        const char *const param[] = {x->param, "KEY", x->value, "VALUE", x->param_end};
        add_all(b, param, 5);
    }
    add_all(b, end, 3);
}

static void describe_thinking(const struct chat_form *f, struct buf *b)
{
    static const char *const words[] = {[CHAT_NEVER_THINKS] = "no",
                                        [CHAT_ALWAYS_THINKS] = "as the model likes",
                                        [CHAT_MAY_THINK] = "off unless asked for",
                                        [CHAT_THINKS_UNLESS_OFF] = "on unless turned off"};
    buf_printf(b, "thinking: %s", words[f->thinks]);
    if (f->thinks != CHAT_NEVER_THINKS) {
        buf_add_str(b, ", between ");
        add_quoted(b, f->think ? f->think : THINK);
        buf_add_str(b, " and ");
        add_quoted(b, f->unthink ? f->unthink : UNTHINK);
    }
    buf_add_byte(b, '\n');
}

void chat_form_describe(const struct chat_form *f, struct buf *b)
{
    const struct chat_own *o = f->own;
    if (o) buf_add_str(b, "chat form: the model's own template (no built-in form renders the same)\n");
    else buf_printf(b, "chat form: %s\n", f->name);
    describe_thinking(f, b);
    buf_add_str(b, "tools: ");
    if (f->calls.kind != CALLS_NONE) describe_calls(f, b);
    else
        buf_add_str(b, o && o->shows_tools
                           ? "described to the model; how it writes calls cannot be told from the template"
                           : "no");
    buf_add_byte(b, '\n');
    if (o && o->ways.no_system) buf_add_str(b, "system text: goes before the first message of the user\n");
}
