/* Chat forms: rendered text against what published templates and encoders render (fixtures of
 * tools/make_chat_fixtures.py), the same as ids, texts that spell markers, marks for training, the choice of a form, and
 * the parser fed in pieces. */
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "chat/chat.h"
#include "sys/file.h"
#include "tests/chat_cases.h"
#include "tests/test.h"

static struct err e;

/* ---- rendering ---- */

static void show_difference(const char *form, const char *name, const struct buf *got, const char *want)
{
    size_t i = 0;
    while (i < got->len && got->data[i] == want[i]) i++;
    size_t from = i < 60 ? 0 : i - 60;
    CHECK(false, "%s: %s differs at byte %zu:\n  ours     ...%.160s\n  expected ...%.160s", form, name, i,
          got->data ? got->data + from : "", want + from);
}

static void check_case(const struct chat_form *f, const struct tokenizer *t, const json_t *c)
{
    struct chat_case k;
    struct buf text = {0}, back = {0}, learn = {0};
    struct tokens ids = {0}, marked = {0};
    const char *name = json_string_value(json_object_get(c, "name")), *want = json_string_value(json_object_get(c, "text"));
    chat_case_load(&k, c);
    CHECK_OK(chat_form_text(f, &k.q, &text, &e), &e);
    if (text.len != strlen(want) || memcmp(text.data, want, text.len)) show_difference(chat_form_name(f), name, &text, want);
    else test_passed++;
    CHECK_OK(chat_form_encode(f, t, &k.q, &ids, NULL, &e), &e);
    CHECK_OK(tokenizer_decode(t, ids.ids, ids.n, true, &back, &e), &e);
    CHECK(back.len == text.len && !memcmp(back.data, text.data, text.len), "%s: %s: the ids are not the text",
          chat_form_name(f), name);
    CHECK_OK(chat_form_encode(f, t, &k.q, &marked, &learn, &e), &e);
    CHECK(learn.len == marked.n, "%s: %s: %zu marks for %zu ids", chat_form_name(f), name, learn.len, marked.n);
    tokens_free(&ids);
    tokens_free(&marked);
    buf_free(&text);
    buf_free(&back);
    buf_free(&learn);
    chat_case_free(&k);
}

static void check_rendering(void)
{
    for (size_t i = 0; chat_form_at(i); i++) {
        const struct chat_form *f = chat_form_at(i);
        struct tokenizer *t = chat_bytes_tokenizer(f, 3);
        json_t *cases = chat_cases(f), *c;
        size_t k;
        json_array_foreach(cases, k, c) check_case(f, t, c);
        json_decref(cases);
        tokenizer_free(t);
    }
}

/* Every marker of every form, in one text. */
static void all_markers(struct buf *b)
{
    for (size_t i = 0; chat_form_at(i); i++) {
        const struct chat_form *f = chat_form_at(i);
        for (int k = 0; f->markers[k]; k++) buf_add_str(b, f->markers[k]);
    }
}

static void marker_sequence(const struct chat_form *f, const struct tokenizer *t, const char *text, struct tokens *out)
{
    struct chat_call call = {"c1", text, text};
    struct chat_tool tool = {text, text, NULL};
    bool tools = chat_form_has_tools(f);
    size_t len = strlen(text);
    struct chat_msg msgs[] = {
        {.role = CHAT_SYSTEM, .text = text, .len = len},
        {.role = CHAT_USER, .text = text, .len = len},
        {.role = CHAT_ASSISTANT, .text = text, .len = len, .reasoning = text, .reasoning_len = len, .calls = &call,
         .n_calls = tools},
        {.role = tools ? CHAT_TOOL : CHAT_USER, .text = text, .len = len, .call_id = "c1"},
        {.role = CHAT_ASSISTANT, .text = text, .len = len, .reasoning = text, .reasoning_len = len},
        {.role = CHAT_DEVELOPER, .text = text, .len = len},
        {.role = CHAT_USER, .text = text, .len = len},
    };
    struct chat_request q = {.msgs = msgs, .n_msgs = ARRAY_LEN(msgs), .tools = &tool, .n_tools = tools, .date = text,
                             .thinking = CHAT_THINK_ON, .add_generation_prompt = true};
    struct tokens ids = {0};
    CHECK_OK(chat_form_encode(f, t, &q, &ids, NULL, &e), &e);
    for (size_t i = 0; i < ids.n; i++)
        if (ids.ids[i] >= 256) tokens_add(out, ids.ids[i], &e);
    tokens_free(&ids);
}

/* The markers of a conversation are the same whatever its texts say. type: of the markers in the vocabulary. */
static void check_injection(const struct chat_form *f, int type)
{
    struct tokenizer *t = chat_bytes_tokenizer(f, type);
    struct tokens plain = {0}, evil = {0};
    struct buf b = {0};
    all_markers(&b);
    marker_sequence(f, t, "x", &plain);
    marker_sequence(f, t, b.data, &evil);
    CHECK(plain.n > 0 && plain.n == evil.n && !memcmp(plain.ids, evil.ids, plain.n * sizeof *plain.ids),
          "%s: %zu markers, with texts that spell them %zu", chat_form_name(f), plain.n, evil.n);
    tokens_free(&plain);
    tokens_free(&evil);
    buf_free(&b);
    tokenizer_free(t);
}

/* The learnt part of a conversation, as text. */
static void check_learnt(const char *form, const char *want)
{
    const struct chat_form *f = chat_form_by_name(form);
    struct tokenizer *t = chat_bytes_tokenizer(f, 3);
    struct chat_msg msgs[] = {{.role = CHAT_SYSTEM, .text = "S", .len = 1},
                              {.role = CHAT_USER, .text = "U", .len = 1},
                              {.role = CHAT_ASSISTANT, .text = "A", .len = 1, .reasoning = "R", .reasoning_len = 1},
                              {.role = CHAT_USER, .text = "V", .len = 1},
                              {.role = CHAT_ASSISTANT, .text = "B", .len = 1, .reasoning = "Q", .reasoning_len = 1}};
    struct chat_request q = {.msgs = msgs, .n_msgs = 5, .thinking = CHAT_THINK_ON};
    struct tokens ids = {0};
    struct buf learn = {0}, got = {0};
    CHECK_OK(chat_form_encode(f, t, &q, &ids, &learn, &e), &e);
    for (size_t i = 0; i < ids.n; i++) {
        if (learn.data[i]) tokenizer_decode(t, &ids.ids[i], 1, true, &got, &e);
        else if (got.len && got.data[got.len - 1] != '/') buf_add_byte(&got, '/');
    }
    CHECK(got.len == strlen(want) && !memcmp(got.data, want, got.len), "%s: learnt is %s, expected %s", form, got.data, want);
    /* The ids of a prompt are the beginning of those of the conversation after it. */
    struct tokens prompt = {0};
    struct chat_request before = {.msgs = msgs, .n_msgs = 4, .thinking = CHAT_THINK_ON, .add_generation_prompt = true};
    CHECK_OK(chat_form_encode(f, t, &before, &prompt, NULL, &e), &e);
    CHECK(prompt.n < ids.n && !memcmp(prompt.ids, ids.ids, prompt.n * sizeof *ids.ids), "%s: the prompt is no beginning", form);
    tokens_free(&prompt);
    tokens_free(&ids);
    buf_free(&learn);
    buf_free(&got);
    tokenizer_free(t);
}

static void check_marks(void)
{
    check_learnt("deepseek-v2", " A" CHAT_EOS "/ B" CHAT_EOS);
    check_learnt("deepseek-v3", "A" CHAT_EOS "/B" CHAT_EOS);
    check_learnt("deepseek-r1", "A" CHAT_EOS "/Q\n</think>\n\nB" CHAT_EOS);
    check_learnt("deepseek-r1-0528", "A" CHAT_EOS "/<think>\nQ\n</think>\n\nB" CHAT_EOS);
    check_learnt("deepseek-v3.1", "A" CHAT_EOS "/Q</think>B" CHAT_EOS);
    check_learnt("deepseek-v3.2", "A" CHAT_EOS "/Q</think>B" CHAT_EOS);
    check_learnt("deepseek-v4", "A" CHAT_EOS "/Q</think>B" CHAT_EOS);
    check_learnt("smollm2", "A<|im_end|>/B<|im_end|>/");
    check_learnt("qwen3", "A<|im_end|>/<think>\nQ\n</think>\n\nB<|im_end|>/");
    check_learnt("qwen3-thinking", "A<|im_end|>/Q\n</think>\n\nB<|im_end|>/");
    check_learnt("llama-3.1", "A<|eot_id|>/B<|eot_id|>");
    check_learnt("llama-2", " A </s>/ B </s>");
    check_learnt("gemma-3", "A<end_of_turn>/B<end_of_turn>/");
}

/* An answer that is to be continued, and what a form cannot do. */
static void check_requests(void)
{
    struct chat_msg msgs[] = {{.role = CHAT_USER, .text = "U", .len = 1},
                              {.role = CHAT_ASSISTANT, .text = "A", .len = 1, .reasoning = "R", .reasoning_len = 1}};
    struct chat_request q = {.msgs = msgs, .n_msgs = 2, .continue_last = true, .add_generation_prompt = true};
    struct buf b = {0};
    for (size_t i = 0; chat_form_at(i); i++) {
        buf_clear(&b);
        CHECK_OK(chat_form_text(chat_form_at(i), &q, &b, &e), &e);
        CHECK(b.len && b.data[b.len - 1] == 'A', "%s: %s is not open", chat_form_name(chat_form_at(i)), b.data);
    }
    struct chat_tool tool = {"f", NULL, "{"};
    struct chat_request with = {.msgs = msgs, .n_msgs = 1, .tools = &tool, .n_tools = 1};
    int rc = chat_form_text(chat_form_by_name("gemma-3"), &with, &b, &e);
    CHECK(rc == ERR_UNSUPPORTED && strstr(e.msg, "gemma-3"), "%s", e.msg);
    CHECK(chat_form_text(chat_form_by_name("qwen3"), &with, &b, &e) == ERR_FORMAT && strstr(e.msg, "tool f"), "%s", e.msg);
    CHECK(!chat_form_by_name("nonsense"), "a form of that name");
    buf_free(&b);
}

/* ---- the choice ---- */

/* want: the built-in form, "own" for the template itself, NULL for none, with this code. */
static void check_choice(const char *template_text, const char *arch, const char *name, const char *vocabulary, const char *want,
                         int code)
{
    struct tokenizer *t = chat_bytes_tokenizer(chat_form_by_name(vocabulary), 3);
    struct chat_model m = {.template_text = template_text, .arch = arch, .name = name};
    const struct chat_form *f;
    struct chat_own *own;
    struct err x = {0};
    int rc = chat_form_of(&f, &own, t, &m, &x);
    bool is_own = want && !strcmp(want, "own");
    if (is_own) CHECK(rc == OK && own && f == chat_own_form(own), "own: %s", rc ? x.msg : chat_form_name(f));
    else if (want) CHECK(rc == OK && !own && f == chat_form_by_name(want), "%s: %s", want, rc ? x.msg : chat_form_name(f));
    else CHECK(rc == code && !f && !own && strstr(x.msg, "--template"), "found %s", rc ? x.msg : chat_form_name(f));
    chat_own_free(own);
    tokenizer_free(t);
}

/* Every allocation fails once: the same form as without, or a shortage; never another one. */
static void check_choice_memory(const char *template_text, const char *vocabulary)
{
    struct tokenizer *t = chat_bytes_tokenizer(chat_form_by_name(vocabulary), 3);
    struct chat_model m = {.template_text = template_text, .arch = "llama"};
    const struct chat_form *want, *f;
    struct chat_own *own;
    int failed = 0;
    CHECK_OK(chat_form_of(&want, &own, t, &m, &e), &e);
    bool is_own = own != NULL;
    chat_own_free(own);
    int64_t live = mem_live();
    for (uint64_t k = 1, left = 0; left == 0 && k < 100000; k++) {
        mem_fail_at(k);
        int rc = chat_form_of(&f, &own, t, &m, &e);
        left = mem_fail_left();
        mem_fail_at(0);
        failed += left == 0;
        if (rc) CHECK(rc == ERR_MEMORY && !f && !own, "allocation %d: %d, %s", (int)k, rc, e.msg);
        else CHECK(left > 0 && is_own == (own != NULL) && (is_own || f == want), "allocation %d: another form", (int)k);
        chat_own_free(own);
        CHECK(mem_live() == live, "allocation %d: %d blocks left", (int)k, (int)(mem_live() - live));
    }
    CHECK(failed > 100, "%d allocations failed", failed);
    tokenizer_free(t);
}

#define CHATML(start, end, after)                                                                                      \
    " {% for message in messages %}{{'" start "' + message['role'] + '\n' + message['content'] + '" end                \
    "' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '" start "assistant\n" after "' }}{% endif %}\n"

static void check_choices(void)
{
    check_choice(CHATML("<|im_start|>", "<|im_end|>", ""), "llama", NULL, "chatml", "chatml", 0);
    /* Written in another way, it says the same; with one more word it does not. */
    check_choice("{%- for m in messages -%}<|im_start|>{{ m.role ~ \"\\n\" }}{{ m.content }}<|im_end|>{{ '\\n' }}{%- endfor -%}"
                 "{%- if add_generation_prompt -%}<|im_start|>assistant{{ '\\n' }}{%- endif -%}", "llama", NULL, "chatml", "chatml", 0);
    check_choice(CHATML("<|im_start|>", "<|im_end|>", "Well, "), "llama", NULL, "chatml", "own", 0);
    check_choice(CHATML("<|im_start|>", "<|im_end|>", ""), "llama", NULL, "gemma-3", "own", 0); /* markers that are text here */
    check_choice(chat_template_jinja(), "deepseek2", NULL, "deepseek-v3", "deepseek-v3", 0);
    check_choice("{{ unknown }}", "qwen3", "Qwen3 8B", "qwen3", NULL, ERR_UNSUPPORTED);
    check_choice("{{ 1 +", "qwen3", "Qwen3 8B", "qwen3", NULL, ERR_FORMAT);
    check_choice("{{ 1 +", "deepseek_v4", NULL, "deepseek-v4", "deepseek-v4", 0); /* its makers publish no template */
    check_choice(NULL, "qwen3", "Qwen3 8B", "qwen3", "qwen3", 0); /* its vocabulary has the markers */
    check_choice(NULL, "llama", NULL, "llama-3.1", "llama-3.1", 0);
    check_choice(NULL, "gemma3", NULL, "gemma-3", "gemma-3", 0);
    check_choice(NULL, "llama", NULL, "gemma-3", NULL, ERR_NOTFOUND); /* markers of another architecture */
    check_choice(NULL, "deepseek32", NULL, "deepseek-v3.2", "deepseek-v3.2", 0);
    check_choice(NULL, "deepseek_v32", "DeepSeek V3.2 Exp", "deepseek-v3.1", "deepseek-v3.1", 0);
    check_choice(NULL, "deepseek4", NULL, "deepseek-v4", "deepseek-v4", 0);
    check_choice(NULL, NULL, "SmolLM2", "smollm2", NULL, ERR_NOTFOUND);
    struct tokenizer *t = chat_bytes_tokenizer(chat_form_by_name("qwen3"), 3);
    struct chat_model m = {.arch = "gemma3"};
    const struct chat_form *f;
    struct chat_own *own;
    CHECK(chat_form_of(&f, &own, t, &m, &e) && strstr(e.msg, ": chatml, smollm2") && strstr(e.msg, "--template"), "%s", e.msg);
    tokenizer_free(t);
}

static void check_choices_memory(void)
{
    check_choice_memory(CHATML("<|im_start|>", "<|im_end|>", ""), "chatml");
    check_choice_memory(CHATML("<|im_start|>", "<|im_end|>", "Well, "), "chatml");
}

static void check_stops(void)
{
    for (size_t i = 0; chat_form_at(i); i++) {
        const struct chat_form *f = chat_form_at(i);
        struct tokenizer *t = chat_bytes_tokenizer(f, 3);
        struct tokens stops = {0};
        size_t ends = 0;
        while (ends < CHAT_MAX_ENDS && f->ends[ends]) ends++;
        CHECK_OK(chat_stop_ids(f, t, &stops, &e), &e);
        CHECK(stops.n == ends, "%s: %zu stops, expected %zu", f->name, stops.n, ends);
        tokens_free(&stops);
        tokenizer_free(t);
    }
}

/* ---- parsing ---- */

/* Events as one line: R(reasoning) C(content) !(content of a call that is none) name[arguments] name[arguments!] . for the
 * end; pieces of one text are put together. */
struct log {
    struct buf b;
    char open; /* kind of text that is open */
    bool in_call;
};

static void log_open(struct log *l, char kind)
{
    if (l->open == kind) return;
    if (l->open) buf_add_byte(&l->b, ')');
    if (kind) buf_printf(&l->b, "%c(", kind);
    l->open = kind;
}

static int log_event(void *ctx, const struct chat_event *ev, struct err *x)
{
    struct log *l = ctx;
    (void)x;
    switch (ev->kind) {
    case CHAT_EV_REASONING: log_open(l, 'R'); break;
    case CHAT_EV_CONTENT: log_open(l, ev->malformed ? '!' : 'C'); break;
    case CHAT_EV_CALL: log_open(l, 0); break;
    case CHAT_EV_CALL_END: buf_add_str(&l->b, ev->malformed ? "!]" : "]"); break;
    case CHAT_EV_END: log_open(l, 0); break;
    case CHAT_EV_ARGUMENTS: break;
    }
    buf_add(&l->b, ev->text, ev->len);
    if (ev->kind == CHAT_EV_CALL) buf_add_byte(&l->b, '[');
    if (ev->kind == CHAT_EV_END) buf_add_byte(&l->b, '.');
    return OK;
}

struct answer {
    const char *form;
    enum chat_thinking thinking;
    bool tools;
    const char *text, *want;
};

static struct chat_parser *new_parser(const struct answer *a, const struct tokenizer *t, struct log *l)
{
    static const struct chat_tool tool = {"f", NULL, NULL};
    struct chat_parser *p = NULL;
    struct chat_request q = {.thinking = a->thinking, .tools = &tool, .n_tools = a->tools, .add_generation_prompt = true};
    *l = (struct log){0};
    CHECK_OK(chat_parser_new(&p, chat_form_by_name(a->form), t, &q, (struct chat_sink){log_event, l}, &e), &e);
    return p;
}

static void end_parser(const struct answer *a, struct chat_parser *p, struct log *l, const char *how)
{
    CHECK_OK(chat_parser_finish(p, &e), &e);
    log_open(l, 0);
    const char *got = l->b.len ? l->b.data : "";
    CHECK(strcmp(got, a->want) == 0, "%s, %s: %s\n  gives    %s\n  expected %s", a->form, how, a->text, got, a->want);
    CHECK(chat_parser_malformed(p) == (strchr(a->want, '!') != NULL), "%s: malformed", a->form);
    chat_parser_free(p);
    buf_free(&l->b);
}

/* In two parts at every place, and byte by byte. */
static void check_answer_text(const struct answer *a)
{
    size_t len = strlen(a->text);
    struct log l;
    for (size_t cut = 0; cut <= len + 1; cut++) {
        struct chat_parser *p = new_parser(a, NULL, &l);
        for (size_t i = 0; cut > len && i < len; i++) CHECK_OK(chat_parser_text(p, a->text + i, 1, &e), &e);
        if (cut <= len) {
            CHECK_OK(chat_parser_text(p, a->text, cut, &e), &e);
            CHECK_OK(chat_parser_text(p, a->text + cut, len - cut, &e), &e);
        }
        end_parser(a, p, &l, cut > len ? "byte by byte" : "in two parts");
    }
}

/* As ids: the markers of the form, and bytes. */
static void check_answer_ids(const struct answer *a, int type)
{
    const struct chat_form *f = chat_form_by_name(a->form);
    struct tokenizer *t = chat_bytes_tokenizer(f, type);
    struct log l;
    struct chat_parser *p = new_parser(a, t, &l);
    for (const char *s = a->text; *s;) {
        const char *marker = NULL;
        for (int k = 0; f->markers[k] && !marker; k++)
            if (strncmp(s, f->markers[k], strlen(f->markers[k])) == 0) marker = f->markers[k];
        CHECK_OK(chat_parser_feed(p, marker ? tokenizer_special(t, marker) : (unsigned char)*s, &e), &e);
        s += marker ? strlen(marker) : 1;
    }
    end_parser(a, p, &l, type == 3 ? "ids" : "ids of another type");
    tokenizer_free(t);
}

#define DS3_CALL(name, args) DS_CALL "function" DS_SEP name "\n```json\n" args "\n```" DS_CALL_END
#define DS31_CALL(name, args) DS_CALL name DS_SEP args DS_CALL_END
#define INVOKE(name, parameters) "<" DSML "invoke name=\"" name "\">\n" parameters "</" DSML "invoke>\n"
#define PARAMETER(key, text, value) "<" DSML "parameter name=\"" key "\" string=\"" text "\">" value "</" DSML "parameter>\n"
#define BLOCK4(calls) "\n\n<" DSML "tool_calls>\n" calls "</" DSML "tool_calls>"

static const struct answer answers[] = {
    {"deepseek-v2", 0, 0, " Hello\n" CHAT_EOS "more", "C(Hello\n)."},
    {"deepseek-v2", 0, 0, "  two", "C( two)"},
    {"llama-2", 0, 0, " Hi </s>", "C(Hi )."},
    {"gemma-3", 0, 0, "a < b <end_of_turn>", "C(a < b )."},
    {"smollm2", 0, 0, "caf\xc3\xa9 \xf0\x9f\x98\x80<|im_end|>\n", "C(caf\xc3\xa9 \xf0\x9f\x98\x80)."},
    {"deepseek-v3", 0, 0, "\n\nplain" CHAT_EOS, "C(\n\nplain)."},
    {"deepseek-v3", 0, 1, "I look." DS_CALLS DS3_CALL("f", "{\"a\": [1, {\"b\": \"}\\\"\"}]}") "\n" DS3_CALL("g", "{}") DS_CALLS_END CHAT_EOS,
     "C(I look.)f[{\"a\": [1, {\"b\": \"}\\\"\"}]}]g[{}]."},
    {"deepseek-v3", 0, 1, DS_CALLS DS_CALL "function" DS_SEP "f {" DS_CALL_END DS_CALLS_END CHAT_EOS,
     "!(" DS_CALL "function" DS_SEP "f {" DS_CALL_END ")."},
    {"deepseek-v3", 0, 1, DS_CALLS DS_CALL "function" DS_SEP "f\n```json\n{\"a\": 1" CHAT_EOS, "f[{\"a\": 1!]."},
    {"deepseek-v3", 0, 1, DS_CALLS DS3_CALL("f", "{\"a\": tru}") DS_CALLS_END, "f[{\"a\": tru}!]"},
    {"deepseek-r1", 0, 0, "\nI think.\n\nYes.\n</think>\n\nTwo.\n" CHAT_EOS, "R(I think.\n\nYes.)C(Two.\n)."},
    {"deepseek-r1", 0, 0, "<think>\nagain</think>x", "R(again)C(x)"},
    {"deepseek-r1", 0, 0, "never ends\n", "R(never ends\n)"},
    {"deepseek-r1-0528", 0, 0, "<think>\nhm\n</think>\n\nTwo", "R(hm)C(Two)"},
    {"deepseek-r1-0528", 0, 0, " no thought", "C( no thought)"},
    {"deepseek-v3.1", CHAT_THINK_ON, 1, "why</think>so" DS_CALLS DS31_CALL("f", "{\"x\": 1}") DS31_CALL("g", "{}") DS_CALLS_END CHAT_EOS,
     "R(why)C(so)f[{\"x\": 1}]g[{}]."},
    {"deepseek-v3.1", 0, 1, "<text </thin" CHAT_EOS, "C(<text </thin)."},
    {"deepseek-v3.1", 0, 1, DS_CALLS DS31_CALL("f", "{\"a\": \"<think>x</think>\"}") DS_CALLS_END, "f[{\"a\": \"<think>x</think>\"}]"},
    {"deepseek-v3.1", 0, 1, DS_CALLS DS31_CALL("", "{}") DS_CALLS_END, "!(" DS_CALL DS_SEP "{}" DS_CALL_END ")"},
    {"deepseek-v3.1", 0, 1, DS_CALLS DS31_CALL("f", "{} and more") DS_CALLS_END, "f[{}]!( and more)"},
    {"qwen2.5", 0, 1, "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"\xc3\xa9\"}}\n</tool_call>\n<tool_call>\n"
     "{\"name\": \"g\", \"arguments\": {}}\n</tool_call><|im_end|>", "C(Let me see.)f[{\"a\": \"\xc3\xa9\"}]g[{}]."},
    {"qwen2.5", 0, 1, "<tool_call>\n{\"arguments\": {\"a\": 1}, \"name\": \"f\"}\n</tool_call>", "f[{\"a\": 1}]"},
    {"qwen2.5", 0, 1, "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>", "f[{\"a\": 1}]"},
    {"qwen2.5", 0, 1, "<tool_call>\n{\"name\": \"f\"}\n</tool_call>", "f[{}]"},
    {"qwen2.5", 0, 1, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}", "f[{}]"},
    {"qwen2.5", 0, 1, "<tool_call>\nf(1)\n</tool_call> so", "!(<tool_call>\nf(1)\n</tool_call>)C( so)"},
    {"qwen2.5", 0, 1, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}\n</tool_call>", "f[{\"a\": 1}]!(\n)"},
    {"qwen2.5", 0, 1, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": ]}}\n</tool_call>", "f[{\"a\": ]!]!(}}\n)"},
    {"qwen2.5", 0, 1, "<tool_call>{\"name\": \"f\", \"arguments\": {}}<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>", "f[{}]g[{}]"},
    {"qwen3", 0, 1, "<think>\nhm\n</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call><|im_end|>", "R(hm)f[{}]."},
    {"qwen3", CHAT_THINK_OFF, 0, "a\n\nb\n<|im_end|>", "C(a\n\nb\n)."},
    {"qwen3", 0, 0, "<think>\n\n</think>\n\nHi </think>", "C(Hi )!(</think>)"},
    {"qwen3-thinking", 0, 1, "hm<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", "R(hm)f[{}]"},
    {"llama-3.1", 0, 1, "{\"name\": \"f\", \"parameters\": {\"a\": 1}}<|eot_id|>", "f[{\"a\": 1}]."},
    {"llama-3.1", 0, 1, "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}<|eom_id|>", "f[{}]g[{}]."},
    {"llama-3.1", 0, 1, " {\"answer\": 42}<|eot_id|>", "C( {\"answer\": 42})."},
    {"llama-3.1", 0, 1, "{\"name\": \"f\"", "C({\"name\": \"f\")"},
    {"llama-3.1", 0, 0, "{\"name\": \"f\", \"parameters\": {}}", "C({\"name\": \"f\", \"parameters\": {}})"},
    {"deepseek-v4", 0, 1, "why\n</think>\n\nso" BLOCK4(INVOKE("f", PARAMETER("a", "true", "x \"<y>\" \xc3\xa9\n") PARAMETER("b", "false", "[1, 2]"))
     INVOKE("g", "")) CHAT_EOS, "R(why\n)C(\n\nso)f[{\"a\": \"x \\\"<y>\\\" \xc3\xa9\\n\", \"b\": [1, 2]}]g[{}]."},
    {"deepseek-v4", CHAT_THINK_OFF, 1, "a\n\nb\n" BLOCK4(INVOKE("f", PARAMETER("p", "true", "</think></" DSML "x>"))) CHAT_EOS,
     "C(a\n\nb\n)f[{\"p\": \"</think></" DSML "x>\"}]."},
    {"deepseek-v4", CHAT_THINK_OFF, 1, BLOCK4(INVOKE("f", PARAMETER("a", "false", "tru") )) CHAT_EOS, "f[{\"a\": tru}!]."},
    {"deepseek-v4", CHAT_THINK_OFF, 1, "\n\n<" DSML "tool_calls>\nwhat", "!(what)"},
    {"deepseek-v4", CHAT_THINK_OFF, 1, "\n\n<" DSML "tool_calls>\n<" DSML "invoke name=\"f\">\n<" DSML "parameter name=\"a\" string=\"true\">x y" CHAT_EOS,
     "f[{\"a\": \"x y!]."},
    {"deepseek-v4", CHAT_THINK_OFF, 1, "\n\n<" DSML "tool_calls>\n<" DSML "invoke name=\"f\">\n<b>1</b>" CHAT_EOS, "f[{!]!(<b>1</b>)."},
    {"deepseek-v4", CHAT_THINK_OFF, 1, "about <" DSML " and \n\n<" DSML "tool", "C(about <" DSML " and \n\n<" DSML "tool)"},
    {"deepseek-v3.2", CHAT_THINK_OFF, 1, "\n\n<" DSML "function_calls>\n" INVOKE("f", "") "</" DSML "function_calls>" CHAT_EOS, "f[{}]."},
};

/* Every allocation that fails is an error, and nothing is left behind. */
static void check_memory(const char *form)
{
    static const char answer[] = DS_CALLS DS3_CALL("f", "{\"a\": 1}") DS_CALLS_END CHAT_EOS;
    const struct chat_form *f = chat_form_by_name(form);
    struct tokenizer *t = chat_bytes_tokenizer(f, 3);
    json_t *cases = chat_cases(f);
    struct chat_case k;
    chat_case_load(&k, json_array_get(cases, json_array_size(cases) - 1));
    int64_t live = mem_live();
    int rc = ERR_MEMORY;
    for (uint64_t n = 1, left = 0; left == 0 && n < 2000; n++) {
        struct tokens ids = {0};
        struct buf learn = {0};
        struct chat_parser *p = NULL;
        struct log l = {0};
        mem_fail_at(n);
        rc = chat_form_encode(f, t, &k.q, &ids, &learn, &e);
        if (!rc) rc = chat_parser_new(&p, f, t, &k.q, (struct chat_sink){log_event, &l}, &e);
        if (!rc) rc = chat_parser_text(p, answer, strlen(answer), &e);
        if (!rc) rc = chat_parser_finish(p, &e);
        if (!rc && l.b.failed) rc = ERR_MEMORY; /* our own log */
        left = mem_fail_left();
        mem_fail_at(0);
        CHECK(left ? rc == OK : rc == ERR_MEMORY, "%s: allocation %d: %d, %s", form, (int)n, rc, e.msg);
        chat_parser_free(p);
        tokens_free(&ids);
        buf_free(&learn);
        buf_free(&l.b);
        CHECK(mem_live() == live, "%s: allocation %d: %d blocks left", form, (int)n, (int)(mem_live() - live));
    }
    CHECK(rc == OK, "%s: never enough memory", form);
    chat_case_free(&k);
    json_decref(cases);
    tokenizer_free(t);
}

static void check_parsing(void)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        check_answer_text(&answers[i]);
        check_answer_ids(&answers[i], 3);
        check_answer_ids(&answers[i], 4);
    }
}

int main(void)
{
    check_rendering();
    for (size_t i = 0; chat_form_at(i); i++) {
        check_injection(chat_form_at(i), 3);
        check_injection(chat_form_at(i), 4);
    }
    check_marks();
    check_requests();
    check_choices();
    check_choices_memory();
    check_stops();
    check_parsing();
    check_memory("deepseek-v3");
    check_memory("qwen3");
    check_memory("deepseek-v4");
    check_memory("llama-3.1");
    return test_end();
}
