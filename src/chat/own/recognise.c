/* Which built-in form says what a model's template says: both render the same conversations, and the texts are compared. A
 * conversation that the template refuses, or of which it loses words, tells nothing about a form that keeps them. */
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "chat/own/probe.h"

enum { MAX_MSGS = 8, MAX_WORDS = 6, MAX_FORMS = 32 };

#define SYSTEM(t) {.role = CHAT_SYSTEM, .text = (t), .len = sizeof(t) - 1}
#define USER(t) {.role = CHAT_USER, .text = (t), .len = sizeof(t) - 1}
#define ANSWER(t) {.role = CHAT_ASSISTANT, .text = (t), .len = sizeof(t) - 1}
#define THOUGHT(t)                                                                                                     \
    {                                                                                                                  \
        .role = CHAT_ASSISTANT, .text = (t), .len = sizeof(t) - 1, .reasoning = W_REASON "\nzwhy",                     \
        .reasoning_len = sizeof(W_REASON "\nzwhy") - 1                                                                 \
    }
#define CALL(t, n) {.role = CHAT_ASSISTANT, .text = (t), .len = sizeof(t) - 1, .calls = probe_calls, .n_calls = (n)}
#define RESULT(t) {.role = CHAT_TOOL, .text = (t), .len = sizeof(t) - 1}

/* The words of a row must be rendered, or the row does not count; `core` rows must count. */
static const struct conversation {
    bool core, prompt;
    enum chat_thinking thinking;
    int n_tools;
    const char *words[MAX_WORDS];
    struct chat_msg msgs[MAX_MSGS];
} conversations[] = {
    {true, true, 0, 0, {W_USER}, {USER(W_USER)}},
    {true, true, 0, 0, {W_USER, W_ANSWER, W_NEXT}, {USER(W_USER), ANSWER(W_ANSWER), USER(W_NEXT)}},
    {false, true, 0, 0, {W_SYSTEM, W_USER}, {SYSTEM(W_SYSTEM), USER(W_USER)}},
    {false, false, 0, 0, {W_SYSTEM, W_USER, W_ANSWER},
     {SYSTEM(W_SYSTEM), USER(W_USER), ANSWER("zfirst"), USER(W_NEXT), ANSWER(W_ANSWER)}},
    {false, true, 0, 0, {W_SYSTEM, W_USER, W_ANSWER},
     {SYSTEM(" " W_SYSTEM "\n zx "), USER("\n " W_USER " \n\n"), ANSWER(" " W_ANSWER "\n"), USER("  " W_NEXT)}},
    {false, true, CHAT_THINK_ON, 0, {W_USER}, {USER(W_USER)}},
    {false, true, CHAT_THINK_OFF, 0, {W_USER}, {USER(W_USER)}},
    {false, true, CHAT_THINK_ON, 0, {W_SYSTEM, W_USER, W_ANSWER, W_NEXT},
     {SYSTEM(W_SYSTEM), USER(W_USER), ANSWER(W_ANSWER), USER(W_NEXT)}},
    {false, true, 0, 0, {W_USER, W_ANSWER, W_NEXT}, {USER(W_USER), THOUGHT(W_ANSWER), USER(W_NEXT)}},
    {false, false, 0, 0, {W_USER, W_ANSWER}, {USER(W_USER), THOUGHT(W_ANSWER)}},
    {false, true, 0, 0, {W_USER, W_ANSWER, W_NEXT},
     {USER(W_USER), ANSWER("<think>\nzwhy\n</think>\n\n" W_ANSWER), USER(W_NEXT)}},
    {false, true, 0, 2, {W_USER, W_TOOL}, {USER(W_USER)}},
    {false, true, 0, 1, {W_SYSTEM, W_USER, W_TOOL}, {SYSTEM(W_SYSTEM), USER(W_USER)}},
    {false, true, 0, 2, {W_USER, W_TOOL, W_NAME, W_VALUE, W_RESULT}, {USER(W_USER), CALL("", 1), RESULT(W_RESULT)}},
    {false, true, 0, 2, {W_USER, W_NAME, W_NAME2, W_RESULT, W_RESULT2},
     {USER(W_USER), CALL("", 2), RESULT(W_RESULT), RESULT(W_RESULT2)}},
    {false, true, 0, 1, {W_USER, W_NAME, W_RESULT, W_ANSWER, W_NEXT},
     {USER(W_USER), CALL("", 1), RESULT(W_RESULT), ANSWER(W_ANSWER), USER(W_NEXT)}},
    {false, true, 0, 1, {W_USER, W_NAME, W_RESULT, W_ANSWER}, {USER(W_USER), CALL(W_ANSWER, 1), RESULT(W_RESULT)}},
};

static struct chat_request request_of(const struct conversation *c)
{
    struct chat_request q = {.msgs = c->msgs, .tools = probe_tools, .n_tools = (size_t)c->n_tools, .thinking = c->thinking,
                             .add_generation_prompt = c->prompt};
    while (q.n_msgs < MAX_MSGS && c->msgs[q.n_msgs].text) q.n_msgs++;
    return q;
}

static bool has_words(const struct conversation *c, const struct buf *b)
{
    for (int i = 0; i < MAX_WORDS && c->words[i]; i++)
        if (!probe_has(b, c->words[i])) return false;
    return true;
}

/* What the form has to say is what the template said. The end token of a form with any_eos is the vocabulary's. */
static bool says(const struct chat_form *f, const struct chat_request *q, const struct buf *want)
{
    struct buf got = {0};
    struct err ignored;
    bool same = chat_form_text(f, q, &got, &ignored) == OK && got.len == want->len && !memcmp(got.data, want->data, got.len);
    buf_free(&got);
    return same;
}

/* Forms whose markers the vocabulary has, as places in the table. */
static int candidates(bool *out, const struct tokenizer *t)
{
    struct err ignored;
    int n = 0;
    for (size_t i = 0; i < MAX_FORMS && chat_form_at(i); i++) n += out[i] = chat_form_check(chat_form_at(i), t, &ignored) == OK;
    return n;
}

int own_recognise(const struct chat_form **out, const struct chat_own *o, const struct tokenizer *t, struct err *e)
{
    struct probe p = {.o = (struct chat_own *)o, .t = t, .w = o->ways};
    bool may[MAX_FORMS] = {false};
    int left = candidates(may, t);
    struct buf want = {0};
    *out = NULL;
    for (size_t i = 0; i < ARRAY_LEN(conversations) && left; i++) {
        struct chat_request q = request_of(&conversations[i]);
        if (!o->shows_tools) q.n_tools = 0; /* a form may tell of them where the template does not */
        bool counts = probe_render(&p, &q, &want) && has_words(&conversations[i], &want);
        if (!counts && conversations[i].core) left = 0;
        for (size_t f = 0; f < MAX_FORMS && counts; f++) {
            if (!may[f] || says(chat_form_at(f), &q, &want)) continue;
            may[f] = false;
            left--;
        }
    }
    if (p.steps > PROBE_MAX_STEPS) left = 0; /* not all was seen */
    for (size_t f = 0; f < MAX_FORMS && left && !*out; f++)
        if (may[f]) *out = chat_form_at(f);
    buf_free(&want);
    if (p.rc) FAIL(e, ERR_MEMORY, "the chat template: out of memory");
    return OK;
}
