/* Answers that come back in a conversation: as the ids that the model wrote where they say the same, else as the template renders
 * them. Whatever is told of an answer, the prompt that is made of it begins with what was kept. */
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "tests/test.h"
#include "worker/inside.h"

static struct worker w;

static void open_worker(void)
{
    struct err e = {0}, why;
    struct decoder_options fits;
    struct engine_options o = {.model = "models/first/first.gguf", .threads = 1, .decoder = {.context = 1024}};
    CHECK_OK(engine_open(&w.en, &o, &fits, &e), &e);
    CHECK_OK(decoder_open(&w.dec, &w.en, &(struct decoder_options){.context = 1024, .pages = 40}, &e), &e);
    CHECK_OK(prefix_cache_open(&w.cache, &w.dec, &(struct prefix_options){0}, &why, &e), &e);
}

/* A conversation of a tenant as the ids of its prompt. */
static void prompt_of(struct tokens *out, const char *tenant, struct chat_msg *msgs, size_t n)
{
    static const struct chat_tool tool = {.name = "look"};
    struct request r = {.w = &w};
    struct err e = {0};
    enum turn_error kind;
    turn_init(&r.turn, TURN_CHAT);
    r.turn.tenant = (struct turn_text){tenant, strlen(tenant)};
    r.turn.chat = (struct chat_request){.msgs = msgs, .n_msgs = n, .add_generation_prompt = true, .tools = &tool, .n_tools = 1};
    for (size_t i = 0; i < n; i++) msgs[i].len = msgs[i].text ? strlen(msgs[i].text) : 0;
    CHECK_OK(prompt_make(&r, &kind, &e), &e);
    *out = r.ids;
}

/* As if the model had written these ids behind the prompt. */
static void keep(const struct tokens *prompt, const char *tenant, const struct tokens *answer)
{
    struct session s;
    struct err e = {0};
    struct prefix_tenant *t = prefix_cache_join(&w.cache, tenant, strlen(tenant));
    CHECK_OK(session_open(&s, &w.dec, &e), &e);
    CHECK_OK(session_eval(&s, prompt->ids, (int64_t)prompt->n, &e), &e);
    CHECK_OK(session_eval(&s, answer->ids, (int64_t)answer->n, &e), &e);
    prefix_cache_keep(&w.cache, t, &s, s.n);
    session_close(&s);
    prefix_cache_leave(&w.cache, t);
}

/* Rows that a prompt finds. */
static int64_t found(const struct tokens *ids, const char *tenant)
{
    struct session s;
    struct err e = {0};
    struct prefix_tenant *t = prefix_cache_join(&w.cache, tenant, strlen(tenant));
    CHECK_OK(session_open(&s, &w.dec, &e), &e);
    CHECK_OK(session_reserve(&s, (int64_t)ids->n, &e), &e);
    prefix_cache_extend(&w.cache, t, &s, ids->ids, (int64_t)ids->n - 1, true, 1e18);
    int64_t n = s.n;
    session_close(&s);
    prefix_cache_leave(&w.cache, t);
    return n;
}

/* A text byte by byte: as no tokenizer would cut it. */
static void spell(struct tokens *out, const char *text)
{
    struct err e = {0};
    for (const char *c = text; *c; c++) CHECK_OK(tokenizer_encode(w.en.tok, c, 1, out, &e), &e);
}

/* The next turn after an answer: `says` is what the client sends back. all: everything that was kept is found. */
static void next_turn(const struct tokens *prompt, const struct tokens *answer, const char *tenant, struct chat_msg says,
                      bool all, const char *what)
{
    says.role = CHAT_ASSISTANT;
    struct tokens next;
    struct chat_msg msgs[] = {{.role = CHAT_USER, .text = "Tell me of Tom."}, says, {.role = CHAT_USER, .text = "And then?"}};
    prompt_of(&next, tenant, msgs, 3);
    size_t n = prompt->n + answer->n;
    bool begins = next.n > n && !memcmp(next.ids, prompt->ids, prompt->n * sizeof *next.ids);
    bool same = begins && !memcmp(next.ids + prompt->n, answer->ids, answer->n * sizeof *next.ids);
    CHECK(same == all, "%s: the answer is %sthe one that was written", what, same ? "" : "not ");
    CHECK((found(&next, tenant) == (int64_t)n) == all, "%s: %d rows of %d are found", what, (int)found(&next, tenant), (int)n);
    struct tokens again = {0};
    struct err e = {0};
    struct chat_request q = {.msgs = msgs, .n_msgs = 3, .add_generation_prompt = true,
                             .tools = &(struct chat_tool){.name = "look"}, .n_tools = 1};
    CHECK_OK(chat_form_encode(w.en.chat.form, w.en.tok, &q, &again, NULL, &e), &e);
    size_t tail = 5; /* what stands behind it is as ever */
    bool ends = next.n > tail && again.n > tail;
    CHECK(ends && !memcmp(next.ids + next.n - tail, again.ids + again.n - tail, tail * sizeof *next.ids),
          "%s: its end is another", what);
    CHECK(all || (next.n == again.n && !memcmp(next.ids, again.ids, next.n * sizeof *next.ids)), "%s: not as rendered", what);
    tokens_free(&again);
    tokens_free(&next);
}

static void test_text(void)
{
    struct tokens prompt, answer = {0};
    struct chat_msg first = {.role = CHAT_USER, .text = "Tell me of Tom."};
    prompt_of(&prompt, "a", &first, 1);
    spell(&answer, "Tom saw a big red ball.");
    keep(&prompt, "a", &answer);
    next_turn(&prompt, &answer, "a", (struct chat_msg){.text = "Tom saw a big red ball."}, true, "a text");
    next_turn(&prompt, &answer, "a", (struct chat_msg){.text = "Tom saw a big red hat."}, false, "another");
    next_turn(&prompt, &answer, "a", (struct chat_msg){.text = "Tom saw a big"}, false, "a part of it");
    next_turn(&prompt, &answer, "b", (struct chat_msg){.text = "Tom saw a big red ball."}, false,
              "another tenant");
    tokens_free(&answer);
    spell(&answer, "Tom ran to the end."); /* two answers to one prompt */
    keep(&prompt, "a", &answer);
    next_turn(&prompt, &answer, "a", (struct chat_msg){.text = "Tom ran to the end."}, true, "the second");
    tokens_free(&answer);
    tokens_free(&prompt);
}

/* The ids of an answer with a call, as the form writes them. */
static void call_of(struct tokens *out, const struct tokens *prompt, const char *arguments)
{
    struct tokens all;
    struct chat_call call = {.id = "1", .name = "look", .arguments = arguments};
    struct chat_msg msgs[] = {{.role = CHAT_USER, .text = "Tell me of Tom."},
                              {.role = CHAT_ASSISTANT, .text = "I look.", .calls = &call, .n_calls = 1},
                              {.role = CHAT_USER, .text = "And then?"}};
    struct err e = {0};
    prompt_of(&all, "nobody", msgs, 3);
    size_t end = prompt->n;
    while (end < all.n && all.ids[end] != tokenizer_eos(w.en.tok)) end++;
    *out = (struct tokens){0};
    for (size_t i = prompt->n; i < end; i++) CHECK_OK(tokens_add(out, all.ids[i], &e), &e);
    tokens_free(&all);
}

static void test_calls(void)
{
    struct tokens prompt, answer;
    struct chat_msg first = {.role = CHAT_USER, .text = "Tell me of Tom."};
    prompt_of(&prompt, "c", &first, 1);
    call_of(&answer, &prompt, "{\"b\":   1, \"a\": [\"x\",2]}");
    keep(&prompt, "c", &answer);
    static const struct {
        const char *arguments;
        bool same;
    } rows[] = {{"{\"b\":   1, \"a\": [\"x\",2]}", true},
                {"{\"a\": [\"x\", 2], \"b\": 1}", true},
                {"{\"a\":[\"x\",2],\"b\":1}", true},
                {"{\"a\":[\"x\",2],\"b\":2}", false},
                {"{\"a\":[2,\"x\"],\"b\":1}", false},
                {"{\"b\":1}", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chat_call call = {.id = "1", .name = "look", .arguments = rows[i].arguments};
        next_turn(&prompt, &answer, "c",
                  (struct chat_msg){.text = "I look.", .calls = &call, .n_calls = 1}, rows[i].same,
                  rows[i].arguments);
        call.name = "read";
        next_turn(&prompt, &answer, "c",
                  (struct chat_msg){.text = "I look.", .calls = &call, .n_calls = 1}, false, "another tool");
    }
    next_turn(&prompt, &answer, "c", (struct chat_msg){.text = "I look."}, false, "no call");
    tokens_free(&answer);
    tokens_free(&prompt);
}

int main(void)
{
    open_worker();
    CHECK(w.en.chat.form != NULL, "the model speaks in a form");
    test_text();
    if (chat_form_has_tools(w.en.chat.form)) test_calls();
    else CHECK(false, "the form has no tools");
    prefix_cache_close(&w.cache);
    CHECK(w.dec.pages.n_free == w.dec.pages.n, "pages are lost");
    decoder_close(&w.dec);
    engine_close(&w.en);
    CHECK(mem_live() == 0, "%d allocations are left", (int)mem_live());
    return test_end();
}
