/* Replies to Ollama's clients: lines of JSON, times in nanoseconds, arguments of calls as objects. */
#include <string.h>
#include "api/embed.h"
#include "api/messages.h"
#include "api/models.h"
#include "api/ollama.h"
#include "api/openai.h"
#include "base/json.h"
#include "base/utf8.h"

static struct jw line(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    char when[TIME_TEXT];
    models_time(when, a->env->now(a->env->ctx));
    jw_open(&w, NULL, '{');
    jw_str(&w, "model", a->work->asked);
    jw_str(&w, "created_at", when);
    return w;
}

static void line_end(struct api_answer *a, struct jw *w)
{
    jw_close(w, '}');
    if (a->stream) buf_add_byte(w->b, '\n');
}

static bool is_chat(const struct api_answer *a) { return a->route->voice == &ollama_chat_voice; }

static void tokens(struct api_answer *a, struct jw *w, struct api_choice *c)
{
    if (!a->work->base.want_logprobs || c->told == c->tokens.n) return;
    jw_open(w, "logprobs", '[');
    for (; c->told < c->tokens.n; c->told++)
        if (!c->tokens.v[c->told].of_prompt) openai_token(w, &c->tokens, &c->tokens.v[c->told]);
    jw_close(w, ']');
}

/* ---- calls ---- */

static void call(struct jw *w, size_t i, const struct api_call *c)
{
    jw_open(w, NULL, '{');
    jw_buf(w, "id", &c->id);
    jw_open(w, "function", '{');
    jw_int(w, "index", (int64_t)i);
    jw_buf(w, "name", &c->name);
    api_call_object(w, "arguments", c);
    jw_close(w, '}');
    jw_close(w, '}');
}

/* ---- the end of an answer ---- */

static int64_t ns(double ms) { return ms > 0 && ms < 1e12 ? (int64_t)(ms * 1e6) : 0; }

static void counts(struct api_answer *a, struct jw *w, const char *reason)
{
    struct turn_usage u = api_usage(a);
    struct turn_time t = api_time(a);
    int64_t now = a->env->now(a->env->ctx), loaded = a->work->accepted_at ? a->work->accepted_at : now;
    jw_bool(w, "done", true);
    jw_str(w, "done_reason", reason);
    jw_int(w, "total_duration", now - a->created);
    jw_int(w, "load_duration", loaded - a->created);
    jw_int(w, "prompt_eval_count", u.prompt);
    jw_int(w, "prompt_eval_duration", ns(t.prompt_ms));
    jw_int(w, "eval_count", u.answer);
    jw_int(w, "eval_duration", ns(t.answer_ms));
    if (u.dropped) jw_int(w, "truncated", u.dropped);
}

static const char *reason_of(const struct api_choice *c)
{
    return c->reason == TURN_LENGTH || c->reason == TURN_CONTEXT ? "length" : "stop";
}

/* A message of chat, or the members of generate; calls NULL: none are told. */
static void content(struct api_answer *a, struct jw *w, struct turn_text text, struct turn_text thinking,
                    const struct api_choice *calls, size_t from)
{
    bool chat = is_chat(a);
    if (chat) {
        jw_open(w, "message", '{');
        jw_str(w, "role", "assistant");
    }
    jw_text(w, chat ? "content" : "response", text.s ? text.s : "", text.len);
    if (thinking.len) jw_text(w, "thinking", thinking.s, thinking.len);
    if (calls && from < calls->n_calls) {
        jw_open(w, "tool_calls", '[');
        for (size_t i = from; i < calls->n_calls; i++) call(w, i, &calls->calls[i]);
        jw_close(w, ']');
    }
    if (chat) jw_close(w, '}');
}

static struct turn_text span(const struct buf *b) { return (struct turn_text){b->data, b->len}; }

static void event(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    const struct turn_text none = {0};
    if (ev->kind != TURN_EV_TEXT && ev->kind != TURN_EV_REASONING && ev->kind != TURN_EV_CALL_END &&
        ev->kind != TURN_EV_DONE)
        return;
    if ((ev->kind == TURN_EV_TEXT || ev->kind == TURN_EV_REASONING) && ev->text.len == 0) return;
    struct jw w = line(a, out);
    if (ev->kind == TURN_EV_TEXT) content(a, &w, ev->text, none, NULL, 0);
    else if (ev->kind == TURN_EV_REASONING) content(a, &w, none, ev->text, NULL, 0);
    else if (ev->kind == TURN_EV_CALL_END) content(a, &w, none, none, c, (size_t)ev->call);
    else content(a, &w, none, none, NULL, 0);
    tokens(a, &w, c);
    if (ev->kind == TURN_EV_DONE) {
        if (a->work->wish.sees_context) ollama_context(a, &w);
        counts(a, &w, reason_of(c));
    } else {
        jw_bool(&w, "done", false);
    }
    line_end(a, &w);
}

static void whole(struct api_answer *a, struct buf *out)
{
    const struct turn_text none = {0};
    struct jw w = line(a, out);
    if (a->n_turns == 0) { /* a model was loaded or unloaded */
        content(a, &w, none, none, NULL, 0);
        jw_bool(&w, "done", true);
        jw_str(&w, "done_reason", a->task == API_UNLOAD ? "unload" : "load");
    } else {
        struct api_choice *c = &a->work->choice[0];
        content(a, &w, span(&c->text), span(&c->reasoning), c, 0);
        tokens(a, &w, c);
        if (a->work->wish.sees_context) ollama_context(a, &w);
        counts(a, &w, reason_of(c));
    }
    jw_close(&w, '}');
}

static void fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    api_fault_body(a, f, out);
    buf_add_byte(out, '\n');
}

static void alive(struct api_answer *a, struct buf *out)
{
    struct jw w = line(a, out);
    content(a, &w, (struct turn_text){0}, (struct turn_text){0}, NULL, 0);
    jw_bool(&w, "done", false);
    line_end(a, &w);
}

const struct api_voice ollama_chat_voice = {
    .stream_type = "application/x-ndjson", .event = event, .whole = whole, .fault = fault, .alive = alive};
const struct api_voice ollama_generate_voice = {
    .stream_type = "application/x-ndjson", .event = event, .whole = whole, .fault = fault, .alive = alive};

/* ---- embeddings ---- */

static void embed_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    int64_t now = a->env->now(a->env->ctx);
    jw_open(&w, NULL, '{');
    jw_str(&w, "model", a->work->asked);
    jw_open(&w, "embeddings", '[');
    for (size_t i = 0; i < a->n_turns; i++) api_vector(a, &w, NULL, &a->work->choice[i]);
    jw_close(&w, ']');
    jw_int(&w, "total_duration", now - a->created);
    jw_int(&w, "load_duration", a->work->accepted_at ? a->work->accepted_at - a->created : 0);
    jw_int(&w, "prompt_eval_count", api_usage(a).prompt);
    jw_close(&w, '}');
}

static void embedding_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    api_vector(a, &w, "embedding", &a->work->choice[0]);
    jw_close(&w, '}');
}

const struct api_voice ollama_embed_voice = {.whole = embed_whole};
const struct api_voice ollama_embedding_voice = {.whole = embedding_whole};

/* ---- /api/generate's context ---- */

/* The conversation so far goes to the client as numbers, three bytes in each, and comes back with its next request: role, text
 * (its end a NUL), and so on. The first number tells ours from token ids of others. */
enum { CONTEXT_MARK = 0x61756b31, CONTEXT_MOST = 1 << 22 };

static void pack(struct jw *w, const struct buf *b)
{
    jw_open(w, "context", '[');
    jw_int(w, NULL, CONTEXT_MARK);
    for (size_t i = 0; i < b->len; i += 3) {
        int64_t v = 0;
        for (size_t k = 0; k < 3; k++) v = v << 8 | (i + k < b->len ? (unsigned char)b->data[i + k] : 0);
        jw_int(w, NULL, v);
    }
    jw_close(w, ']');
}

static void add_part(struct buf *b, char role, const char *s, size_t len)
{
    if (len && memchr(s, 0, len)) len = strlen(s);
    buf_add_byte(b, role);
    if (len) buf_add(b, s, len);
    buf_add_byte(b, 0);
}

void ollama_context(struct api_answer *a, struct jw *w)
{
    const struct chat_request *q = &a->work->base.chat;
    const struct api_choice *c = &a->work->choice[0];
    struct buf b = {0};
    for (size_t i = 0; i < q->n_msgs; i++)
        if (q->msgs[i].role != CHAT_SYSTEM)
            add_part(&b, q->msgs[i].role == CHAT_USER ? 'u' : 'a', q->msgs[i].text, q->msgs[i].len);
    add_part(&b, 'a', c->text.data, c->text.len);
    pack(w, &b);
    w->b->failed |= b.failed;
    buf_free(&b);
}

static int unpack(struct api_answer *a, const char *s, size_t len)
{
    const char *p = s, *end = s + len;
    while (p < end && (*p == 'u' || *p == 'a')) {
        const char *stop = memchr(p, 0, (size_t)(end - p));
        if (!stop) break;
        struct chat_msg *m = api_message(a, &a->work->before, *p == 'u' ? CHAT_USER : CHAT_ASSISTANT);
        if (!m) return ERR_MEMORY;
        m->text = p + 1;
        m->len = (size_t)(stop - p - 1);
        p = stop + 1;
    }
    return OK;
}

int ollama_read_context(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    size_t n = json_array_size(v);
    (void)f;
    if (!json_is_array(v)) return api_bad(a, "is %s, expected a list of integers", api_type_name(v));
    if (n == 0) return OK;
    if (n > CONTEXT_MOST) return api_bad(a, "has %zu numbers, expected at most %d", n, CONTEXT_MOST);
    if (json_integer_value(json_array_get(v, 0)) != CONTEXT_MARK) return api_ignored(a);
    char *text = api_new(a, 3 * n, 1);
    if (!text) return api_no_memory(a);
    for (size_t i = 1; i < n; i++) {
        json_int_t x = json_integer_value(json_array_get(v, i));
        for (size_t k = 0; k < 3; k++) text[3 * (i - 1) + k] = (char)(x >> (16 - 8 * k) & 255);
    }
    if (!utf8_valid(text, 3 * n, NULL)) return api_ignored(a);
    return unpack(a, text, 3 * (n - 1));
}
