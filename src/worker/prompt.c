/* Prompts: conversations, texts, texts with a gap, as ids. */
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "worker/inside.h"

/* How models of code are asked for the middle of a text: marks, and where the suffix goes. */
struct infill {
    const char *prefix, *suffix, *middle;
    bool suffix_first; /* suffix mark, suffix, prefix mark, prefix */
};
static const struct infill infills[] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", false},       /* Qwen */
    {"<\xef\xbd\x9c" "fim\xe2\x96\x81" "begin\xef\xbd\x9c>", "<\xef\xbd\x9c" "fim\xe2\x96\x81" "hole\xef\xbd\x9c>",
     "<\xef\xbd\x9c" "fim\xe2\x96\x81" "end\xef\xbd\x9c>", false},       /* DeepSeek */
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>", false},             /* StarCoder, SmolLM */
    {"<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>", false},
    {"\xe2\x96\x81<PRE>", "\xe2\x96\x81<SUF>", "\xe2\x96\x81<MID>", false}, /* Code Llama */
};

static const struct infill *infill_of(const struct tokenizer *t)
{
    for (size_t i = 0; i < ARRAY_LEN(infills); i++)
        if (tokenizer_special(t, infills[i].prefix) >= 0 && tokenizer_special(t, infills[i].suffix) >= 0 &&
            tokenizer_special(t, infills[i].middle) >= 0)
            return &infills[i];
    return NULL;
}

bool prompt_can_infill(const struct tokenizer *t) { return infill_of(t) != NULL; }

static int add_text(struct tokens *ids, const struct tokenizer *t, const struct turn_text *s, struct err *e)
{
    return s->len ? tokenizer_encode(t, s->s, s->len, ids, e) : OK;
}

static int with_gap(struct request *r, const struct tokenizer *t, struct err *e)
{
    const struct infill *x = infill_of(t);
    if (!x) FAIL(e, ERR_UNSUPPORTED, "this model has no marks for a text with a gap (suffix)");
    TRY(tokens_add(&r->ids, tokenizer_special(t, x->prefix), e));
    TRY(add_text(&r->ids, t, &r->turn.prompt, e));
    TRY(tokens_add(&r->ids, tokenizer_special(t, x->suffix), e));
    TRY(add_text(&r->ids, t, &r->turn.suffix, e));
    return tokens_add(&r->ids, tokenizer_special(t, x->middle), e);
}

/* A text in which spellings of control tokens are meant as such. */
static int add_raw(struct tokens *ids, const struct tokenizer *t, const struct turn_text *x, struct err *e)
{
    size_t from = 0;
    for (size_t i = 0; i < x->len;) {
        size_t n = 0;
        int32_t id = tokenizer_special_at(t, x->s + i, x->len - i, &n);
        if (id < 0) {
            i++;
            continue;
        }
        if (i > from) TRY(tokenizer_encode(t, x->s + from, i - from, ids, e));
        TRY(tokens_add(ids, id, e));
        from = i += n;
    }
    return x->len > from ? tokenizer_encode(t, x->s + from, x->len - from, ids, e) : OK;
}

static int plain(struct request *r, const struct tokenizer *t, struct err *e)
{
    const struct turn *q = &r->turn;
    if (q->n_prompt_ids) {
        for (size_t i = 0; i < q->n_prompt_ids; i++) TRY(tokens_add(&r->ids, q->prompt_ids[i], e));
        return OK;
    }
    if (q->suffix.s) return with_gap(r, t, e);
    bool begin = tokenizer_bos(t) >= 0 && ((q->special && tokenizer_add_bos(t)) || q->prompt.len == 0);
    if (q->kind == TURN_TOKENIZE && q->prompt.len == 0 && !q->special) begin = false;
    if (begin) TRY(tokens_add(&r->ids, tokenizer_bos(t), e));
    return q->raw_special ? add_raw(&r->ids, t, &q->prompt, e) : add_text(&r->ids, t, &q->prompt, e);
}

/* Index of the oldest message that may go: not a system text, and not the last. */
static size_t oldest(const struct chat_request *q)
{
    size_t i = 0;
    while (i + 1 < q->n_msgs && (q->msgs[i].role == CHAT_SYSTEM || q->msgs[i].role == CHAT_DEVELOPER)) i++;
    return i + 1 < q->n_msgs ? i : q->n_msgs;
}

/* Takes the oldest messages away until the rest fits; an answer of tools goes with its question. */
static int shorten(struct request *r, const struct chat_form *f, const struct tokenizer *t, int64_t most, struct err *e)
{
    struct chat_request *q = &r->turn.chat;
    struct chat_msg *msgs = (struct chat_msg *)q->msgs; /* the turn's own */
    while ((int64_t)r->ids.n > most) {
        size_t at = oldest(q);
        if (at == q->n_msgs) return OK; /* too long, as it is */
        do {
            memmove(msgs + at, msgs + at + 1, (q->n_msgs - at - 1) * sizeof *msgs);
            q->n_msgs--;
            r->dropped++;
        } while (at + 1 < q->n_msgs && msgs[at].role != CHAT_USER);
        r->ids.n = 0;
        TRY(chat_form_encode(f, t, q, &r->ids, NULL, e));
    }
    return OK;
}

static int chat(struct request *r, enum turn_error *kind, struct err *e)
{
    const struct engine *en = &r->w->en;
    const struct form_choice *c = &en->chat;
    *kind = TURN_UNSUPPORTED;
    if (!c->form) FAIL(e, ERR_UNSUPPORTED, "this model is not made for chats: %s", c->why.msg);
    *kind = TURN_REFUSED;
    if (r->turn.chat.n_msgs == 0) FAIL(e, ERR_USAGE, "a chat needs at least one message");
    struct buf learn = {0};
    bool again = replay_wanted(r);
    int rc = chat_form_encode(c->form, en->tok, &r->turn.chat, &r->ids, again ? &learn : NULL, e);
    if (!rc && r->turn.truncate) rc = shorten(r, c->form, en->tok, r->w->dec.context - 1, e);
    if (!rc && again && r->dropped == 0) rc = replay(r, &learn, e); /* without its beginning it is another text */
    buf_free(&learn);
    return rc;
}

int prompt_make(struct request *r, enum turn_error *kind, struct err *e)
{
    bool talks = r->turn.kind == TURN_CHAT || r->turn.kind == TURN_RENDER || (r->turn.kind == TURN_COUNT &&
            r->turn.chat.n_msgs);
    int rc = talks ? chat(r, kind, e) : plain(r, r->w->en.tok, e);
    if (!talks) *kind = rc == ERR_UNSUPPORTED ? TURN_UNSUPPORTED : TURN_BAD;
    if (rc == ERR_MEMORY) *kind = TURN_BROKEN;
    return rc;
}
