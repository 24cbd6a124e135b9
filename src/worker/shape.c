/* Shapes of answers: grammars out of what requests ask for, shared by those that ask for the same. */
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "grammar/grammar.h"
#include "worker/inside.h"

enum { KEPT_SHAPES = 32 }; /* that nobody uses now */

static void shape_free(struct shape *s)
{
    grammar_matcher_free(s->matcher);
    grammar_free(s->grammar);
    mem_free(s->text);
    mem_free(s);
}

/* The vocabulary as the grammars need it, made when the first one comes. */
static int need_vocab(struct worker *w, struct err *e)
{
    const struct engine *en = &w->en;
    struct tokens ends = {0};
    int rc = OK;
    if (w->vocab) return OK;
    for (size_t i = 0; !rc && i < en->stops.n; i++) rc = tokens_add(&ends, en->stops.ids[i], e);
    if (!rc && tokenizer_eos(en->tok) >= 0) rc = tokens_add(&ends, tokenizer_eos(en->tok), e);
    if (!rc && en->net.config.eos >= 0) rc = tokens_add(&ends, (int32_t)en->net.config.eos, e);
    if (!rc) rc = grammar_vocab_new(&w->vocab, en->tok, en->net.config.vocab, ends.ids, ends.n, e);
    tokens_free(&ends);
    return rc;
}

static int compile_schema(struct shape *s, struct err *e)
{
    json_t *v;
    TRY(json_parse_any(&v, s->text, s->len, "the schema", e));
    int rc = grammar_from_schema(&s->grammar, v, "the schema", e);
    json_decref(v);
    return rc;
}

static int compile(struct shape *s, struct err *e)
{
    switch (s->kind) {
    case TURN_JSON: return grammar_from_json(&s->grammar, true, e);
    case TURN_SCHEMA: return compile_schema(s, e);
    case TURN_REGEX: return grammar_from_regex(&s->grammar, s->text, s->len, "the expression", e);
    case TURN_GBNF: return grammar_from_gbnf(&s->grammar, s->text, s->len, "the grammar", e);
    case TURN_FREE: break; /* calls: shape_calls */
    }
    return OK;
}

static int shape_new(struct worker *w, struct shape **out, const struct turn *t, enum turn_shape kind,
                     const struct turn_text *text,
                     struct err *e)
{
    struct shape *s = mem_array(1, sizeof *s);
    if (!s) FAIL(e, ERR_MEMORY, "out of memory for a grammar");
    *s = (struct shape){.kind = kind, .len = text->len, .text = mem_strndup(text->s ? text->s : "", text->len)};
    int rc = s->text ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a grammar");
    if (!rc) rc = kind == TURN_FREE ? shape_calls(&s->grammar, w, t, e) : compile(s, e);
    if (!rc) rc = need_vocab(w, e);
    if (!rc) rc = grammar_matcher_new(&s->matcher, s->grammar, w->vocab, e);
    if (rc) {
        shape_free(s);
        return rc;
    }
    s->next = w->shapes;
    w->shapes = *out = s;
    return OK;
}

static struct shape *find(struct worker *w, enum turn_shape kind, const struct turn_text *text)
{
    for (struct shape *s = w->shapes; s; s = s->next)
        if (s->kind == kind && s->len == text->len && (!s->len || !memcmp(s->text, text->s, s->len))) return s;
    return NULL;
}

/* The one that was used longest ago, of those that nobody uses, goes when there are many. */
static void sweep(struct worker *w)
{
    int idle = 0;
    struct shape **oldest = NULL;
    for (struct shape **at = &w->shapes; *at; at = &(*at)->next) {
        if ((*at)->users > 0) continue;
        idle++;
        if (!oldest || (*at)->used < (*oldest)->used) oldest = at;
    }
    if (idle <= KEPT_SHAPES) return;
    struct shape *s = *oldest;
    *oldest = s->next;
    shape_free(s);
}

static bool demands_calls(const struct turn *t)
{
    return t->kind == TURN_CHAT && (t->choice == TURN_TOOLS_REQUIRED || t->choice == TURN_TOOLS_NAMED);
}

/* What the calls that are demanded depend on. */
static int calls_text(struct buf *b, const struct turn *t, struct err *e)
{
    buf_printf(b, "%d ", t->one_call);
    for (size_t i = 0; i < t->chat.n_tools; i++) {
        const struct chat_tool *x = &t->chat.tools[i];
        if (t->choice == TURN_TOOLS_NAMED && (!t->choice_name.s || strcmp(x->name, t->choice_name.s) != 0)) continue;
        buf_printf(b, "%zu %s ", strlen(x->name), x->name);
        buf_add_str(b, x->parameters ? x->parameters : "null");
    }
    return buf_check(b, "tools", e);
}

static int share(struct request *r, enum turn_shape shape, const struct turn_text *text, enum turn_error *kind, struct err *e)
{
    struct worker *w = r->w;
    struct shape *s = find(w, shape, text);
    if (!s) {
        int rc = shape_new(w, &s, &r->turn, shape, text, e);
        *kind = rc == ERR_MEMORY ? TURN_BROKEN : rc == ERR_UNSUPPORTED ? TURN_UNSUPPORTED : TURN_BAD;
        TRY(rc);
    }
    s->users++;
    s->used = ++w->shape_clock;
    r->shape = s;
    return OK;
}

int shape_make(struct request *r, enum turn_error *kind, struct err *e)
{
    const struct turn *t = &r->turn;
    struct buf b = {0};
    if (!demands_calls(t)) return t->shape == TURN_FREE ? OK : share(r, t->shape, &t->shape_text, kind, e);
    int rc = calls_text(&b, t, e);
    if (!rc) rc = share(r, TURN_FREE, &(struct turn_text){b.data, b.len}, kind, e);
    buf_free(&b);
    return rc;
}

void shape_drop(struct request *r)
{
    if (!r->shape) return;
    r->shape->users--;
    r->shape = NULL;
    sweep(r->w);
}

void shapes_free(struct worker *w)
{
    while (w->shapes) {
        struct shape *s = w->shapes;
        w->shapes = s->next;
        shape_free(s);
    }
    grammar_vocab_free(w->vocab);
    w->vocab = NULL;
}
