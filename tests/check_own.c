/* Forms that a model's template makes: which built-in form it is, what is derived from its renderings, and that answers in
 * the template's own syntax are read back. The templates are ours, each in one of the ways that published ones write. */
#include "chat/own/own.h"
#include "tests/chat_cases.h"
#include "tests/chat_shapes.h"
#include "tests/test.h"

static struct err e;

static struct tokenizer *tokenizer_of(int type) { return chat_markers_tokenizer(shape_markers, NULL, "<|endoftext|>", type); }

static struct chat_own *own_of(const char *source, const struct tokenizer *t)
{
    struct chat_model m = {.template_text = source};
    struct chat_own *o = NULL;
    CHECK_OK(chat_own_new(&o, t, &m, &e), &e);
    return o;
}

/* ---- calls ---- */

struct heard {
    struct buf calls, text, reasoning;
    bool malformed;
};

static int hear(void *ctx, const struct chat_event *ev, struct err *x)
{
    struct heard *h = ctx;
    (void)x;
    h->malformed |= ev->malformed;
    if (ev->kind == CHAT_EV_CONTENT) buf_add(&h->text, ev->text, ev->len);
    if (ev->kind == CHAT_EV_REASONING) buf_add(&h->reasoning, ev->text, ev->len);
    if (ev->kind == CHAT_EV_CALL || ev->kind == CHAT_EV_ARGUMENTS) buf_add(&h->calls, ev->text, ev->len);
    if (ev->kind == CHAT_EV_CALL) buf_add_byte(&h->calls, ' ');
    if (ev->kind == CHAT_EV_CALL_END) buf_add_byte(&h->calls, '\n');
    return OK;
}

static void heard_free(struct heard *h)
{
    buf_free(&h->calls);
    buf_free(&h->text);
    buf_free(&h->reasoning);
}

static const char *text_of(const struct buf *b) { return b->len ? b->data : ""; }

static const struct chat_tool tools[] = {
    {"get_weather", "The weather.", "{\"type\": \"object\", \"properties\": {\"place\": {\"type\": \"string\"}, \"days\": {\"type\": "
                                    "\"integer\"}, \"list\": {\"type\": \"array\"}, \"open\": {}}}"},
    {"clock", "The time.", "{\"type\": \"object\", \"properties\": {}}"},
};

/* The answer that the template renders behind the prompt, as ids, into the parser. */
static void read_back(const struct chat_form *f, const struct tokenizer *t, const struct chat_request *q, struct heard *h)
{
    struct chat_request asked = *q, told = *q;
    struct tokens prompt = {0}, all = {0};
    struct chat_parser *p = NULL;
    asked.n_msgs--;
    asked.add_generation_prompt = true;
    told.add_generation_prompt = false;
    CHECK_OK(chat_form_encode(f, t, &asked, &prompt, NULL, &e), &e);
    CHECK_OK(chat_form_encode(f, t, &told, &all, NULL, &e), &e);
    size_t from = 0;
    while (from < prompt.n && from < all.n && prompt.ids[from] == all.ids[from]) from++;
    bool open = from < prompt.n && own_prompt_state(f->own, &asked) > 0; /* history has no reasoning */
    CHECK(from == prompt.n || open, "the prompt is not the beginning");
    CHECK_OK(chat_parser_new(&p, f, t, &asked, (struct chat_sink){hear, h}, &e), &e);
    if (open && p) CHECK_OK(chat_parser_text(p, f->unthink, strlen(f->unthink), &e), &e);
    for (size_t i = from; p && i < all.n; i++) CHECK_OK(chat_parser_feed(p, all.ids[i], &e), &e);
    if (p) CHECK_OK(chat_parser_finish(p, &e), &e);
    chat_parser_free(p);
    tokens_free(&prompt);
    tokens_free(&all);
}

static void check_round(const struct shape *s, const struct chat_own *o, const struct tokenizer *t, const char *text, size_t n)
{
    static const struct chat_call calls[] = {
        {NULL, "get_weather",
         "{\"place\": \"Z\xc3\xbcrich {\\\"[north\", \"days\": 2, \"list\": [1, {\"a\": null}], \"open\": true}"},
        {NULL, "get_weather", "{\"place\": \"7\"}"},
    };
    static const char want[] = "get_weather {\"place\": \"Z\xc3\xbcrich {\\\"[north\", \"days\": 2, \"list\": [1, "
                               "{\"a\": null}], \"open\": true}\n"
                               "get_weather {\"place\": \"7\"}\n";
    struct chat_msg m[] = {{.role = CHAT_USER, .text = "Well?", .len = 5},
                           {.role = CHAT_ASSISTANT, .text = text, .len = strlen(text), .calls = calls, .n_calls = n}};
    struct chat_request q = {.msgs = m, .n_msgs = 2, .tools = tools, .n_tools = 2};
    struct heard h = {0};
    size_t len = n == 2 ? strlen(want) : (size_t)(strchr(want, '\n') + 1 - want);
    read_back(chat_own_form(o), t, &q, &h);
    CHECK(h.calls.len == len && !memcmp(text_of(&h.calls), want, len), "%s: %s", s->name, text_of(&h.calls));
    CHECK(strcmp(text_of(&h.text), text) == 0, "%s: text \"%s\"", s->name, text_of(&h.text));
    CHECK(!h.malformed, "%s: malformed", s->name);
    heard_free(&h);
}

#define NONCE "Qz"

/* A text of markers, pieces of markers, and what templates look for, each between two nonces. */
static void make_hostile(struct buf *b, const char *const *markers, uint64_t *state)
{
    static const char *const others[] = {"<think>",    "</think>", "\n",  " ",           "{{ bos_token }}",
                                         "{% if 1 %}", "\\n",      "\"}", "</tool_call>"};
    size_t n_markers = 0;
    while (markers[n_markers]) n_markers++;
    buf_clear(b);
    buf_add_byte(b, 'x'); /* what the template writes around the text is not between two nonces */
    for (int k = 0; k < 6; k++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        uint64_t r = *state >> 33;
        const char *s = r % 3 ? markers[r / 3 % n_markers] : others[r / 3 % ARRAY_LEN(others)];
        size_t len = strlen(s), cut = r % 5 ? len : r / 64 % (len + 1);
        buf_add_str(b, NONCE);
        buf_add(b, s, cut);
        buf_add_str(b, NONCE);
        if (cut < len) buf_add(b, s + cut, len - cut);
    }
    buf_add_byte(b, 'x');
}

/* No token above the bytes stands between two nonces: those came out of a message. */
static bool marker_from_outside(const struct tokenizer *t, const struct tokens *ids)
{
    for (size_t i = 2; i + 2 < ids->n; i++) {
        if (ids->ids[i] < 256) continue;
        const int32_t *x = &ids->ids[i];
        size_t len;
        bool before = *tokenizer_bytes(t, x[-2], &len) == NONCE[0] && *tokenizer_bytes(t, x[-1], &len) == NONCE[1];
        bool after = *tokenizer_bytes(t, x[1], &len) == NONCE[0] && *tokenizer_bytes(t, x[2], &len) == NONCE[1];
        if (before && after) return true;
    }
    return false;
}

/* Messages of every role that spell every marker, many times. */
static void check_hostile(const char *name, const struct chat_own *o, const struct tokenizer *t,
                          const char *const *markers, int rounds)
{
    uint64_t state = 1;
    struct buf text[3] = {{0}}, args = {0};
    int rendered = 0, bad = 0;
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 3; k++) make_hostile(&text[k], markers, &state);
        buf_clear(&args);
        buf_add_byte(&args, '{');
        chat_json_string(&args, text[1].data, text[1].len);
        buf_add_str(&args, ": ");
        chat_json_string(&args, text[2].data, text[2].len);
        buf_add_byte(&args, '}');
        struct chat_call call = {NULL, text[0].data, args.data};
        struct chat_tool tool = {text[1].data, text[2].data, args.data};
        const char *s = text[i % 3].data;
        struct chat_msg m[] = {{.role = CHAT_SYSTEM, .text = s, .len = strlen(s)},
                               {.role = CHAT_USER, .text = text[0].data, .len = text[0].len},
                               {.role = CHAT_ASSISTANT,
                                .text = text[1].data,
                                .len = text[1].len,
                                .reasoning = s,
                                .reasoning_len = strlen(s)},
                               {.role = CHAT_USER, .text = text[2].data, .len = text[2].len},
                               {.role = CHAT_ASSISTANT, .calls = &call, .n_calls = 1},
                               {.role = CHAT_TOOL, .text = s, .len = strlen(s)}};
        bool with_tools = i % 2 && o->shows_tools && o->form.calls.kind != CALLS_NONE;
        struct chat_request q = {
            .msgs = m, .n_msgs = with_tools ? 6 : 4, .tools = &tool, .n_tools = with_tools, .add_generation_prompt = true};
        struct tokens ids = {0};
        if (chat_form_encode(chat_own_form(o), t, &q, &ids, NULL, &e) == OK) {
            rendered++;
            bad += marker_from_outside(t, &ids);
        }
        tokens_free(&ids);
    }
    CHECK(bad == 0 && rendered > rounds / 4, "%s: %d of %d conversations (%d rendered) made a marker: %s", name, bad,
          rounds, rendered, e.msg);
    for (int k = 0; k < 3; k++) buf_free(&text[k]);
    buf_free(&args);
}

static void check_shape(const struct shape *s, int type)
{
    struct tokenizer *t = tokenizer_of(type);
    struct buf source = {0}, b = {0};
    make_source(&source, s->calls);
    struct chat_own *o = own_of(source.data, t);
    if (o) {
        chat_form_describe(chat_own_form(o), &b);
        const char *at = strstr(b.data, "tools: ");
        size_t n = s->want ? strlen(s->want) : 0;
        if (s->want) CHECK(at && !strncmp(at + 7, s->want, n) && at[7 + n] == '\n', "%s: %s", s->name, b.data);
        else CHECK(at && strstr(at, "cannot be told"), "%s: %s", s->name, b.data);
        for (size_t n_calls = 1; s->want && n_calls <= (o->form.calls.bare ? 1 : 2); n_calls++) {
            check_round(s, o, t, "", n_calls);
            if (!o->form.calls.bare) check_round(s, o, t, "One moment.", n_calls);
        }
        check_hostile(s->name, o, t, shape_markers, 100);
    }
    chat_own_free(o);
    buf_free(&source);
    buf_free(&b);
    tokenizer_free(t);
}

/* A marker that no call follows: the answer is content, and reading it ends. */
static void check_no_call(void)
{
    struct tokenizer *t = tokenizer_of(3);
    struct buf source = {0}, answer = {0};
    make_source(&source, "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | "
                         "tojson }}{% endfor %}");
    struct chat_own *o = own_of(source.data, t);
    struct chat_msg m = {.role = CHAT_USER, .text = "U", .len = 1};
    struct chat_request q = {.msgs = &m, .n_msgs = 1, .tools = tools, .n_tools = 2};
    struct chat_parser *p = NULL;
    struct heard h = {0};
    buf_add_str(&answer, "[TOOL_CALLS]");
    for (int i = 0; i < 2000; i++) buf_add_byte(&answer, 'x');
    if (o) CHECK_OK(chat_parser_new(&p, chat_own_form(o), t, &q, (struct chat_sink){hear, &h}, &e), &e);
    if (p) CHECK_OK(chat_parser_text(p, answer.data, answer.len, &e), &e);
    if (p) CHECK_OK(chat_parser_finish(p, &e), &e);
    CHECK(h.malformed && h.calls.len == 0 && h.text.len == answer.len, "%zu bytes of %zu", h.text.len, answer.len);
    chat_parser_free(p);
    heard_free(&h);
    chat_own_free(o);
    buf_free(&source);
    buf_free(&answer);
    tokenizer_free(t);
}

/* ---- the other ways ---- */

static void check_description(const char *what, const char *source, const char *want)
{
    struct tokenizer *t = tokenizer_of(3);
    struct chat_own *o = own_of(source, t);
    struct buf b = {0};
    if (o) chat_form_describe(chat_own_form(o), &b);
    CHECK(o && strstr(text_of(&b), want), "%s: %s", what, text_of(&b));
    buf_free(&b);
    chat_own_free(o);
    tokenizer_free(t);
}

#define PLAIN "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
#define PROMPT "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define OPEN_PROMPT(more) "{% if add_generation_prompt %}<|im_start|>assistant\n" more "{% endif %}"

static void check_thinking(void)
{
    check_description("no thinking", PLAIN PROMPT, "thinking: no\n");
    check_description("a switch that is off", PLAIN OPEN_PROMPT("{% if enable_thinking %}<think>{% else %}</think>{% endif %}"),
                      "thinking: off unless asked for, between <think> and </think>\n");
    check_description(
        "a switch that is on",
        PLAIN OPEN_PROMPT(
            "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n{% endif %}"),
        "thinking: on unless turned off, between <think> and </think>\n");
    check_description("always", PLAIN OPEN_PROMPT("<think>\n") "{# </think> #}",
                      "thinking: as the model likes, between <think> and </think>\n");
    check_description("reasoning in messages",
                      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}[THINK]{{ m.reasoning_content }}[/THINK]"
                      "{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}" PROMPT,
                      "between [THINK] and [/THINK]\n");
    check_description(
        "no system",
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}<|im_start|>"
        "{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" PROMPT,
        "system text: goes before the first message of the user\n");
}

static void check_text(const char *what, const char *source, const struct chat_request *q, const char *want)
{
    struct tokenizer *t = tokenizer_of(3);
    struct chat_own *o = own_of(source, t);
    struct buf b = {0};
    if (o) CHECK_OK(chat_form_text(chat_own_form(o), q, &b, &e), &e);
    CHECK(strcmp(text_of(&b), want) == 0, "%s: %s\n expected %s", what, text_of(&b), want);
    buf_free(&b);
    chat_own_free(o);
    tokenizer_free(t);
}

static void check_ways(void)
{
    struct chat_msg m[] = {{.role = CHAT_SYSTEM, .text = "S", .len = 1}, {.role = CHAT_USER, .text = "U", .len = 1},
                           {.role = CHAT_ASSISTANT, .text = "A b ", .len = 4}};
    struct chat_request q = {.msgs = m, .n_msgs = 2, .add_generation_prompt = true};
    check_text("system first",
               "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}[{{ m.role }}]"
               "{{ m.content }}{% endfor %}",
               &q, "[user]S\n\nU");
    check_text("parts",
               "{% for m in messages %}[{{ m.role }}]{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}", &q,
               "[system]S[user]U");
    q.n_msgs = 3;
    q.continue_last = true;
    check_text("an open answer", PLAIN PROMPT, &q,
               "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA b ");
    q = (struct chat_request){.msgs = m + 1, .n_msgs = 1};
    struct tm day = {.tm_year = 126, .tm_mon = 10, .tm_mday = 30};
    check_text("a fixed day", "{{ strftime_now('%d %b %Y') }}{{ messages[-1].content }}", &q, "26 Jul 2024U");
    q.now = &day;
    check_text("a given day", "{{ strftime_now('%d %b %Y') }}{{ messages[-1].content }}", &q, "30 Nov 2026U");
}

/* ---- what text cannot do ---- */

static size_t count_marks(const struct tokens *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++) n += ids->ids[i] >= 256;
    return n;
}

/* A message that spells every marker makes none, in whatever way the template handles it. */
static void check_injection(int type)
{
    struct tokenizer *t = tokenizer_of(type);
    struct buf evil = {0}, source = {0};
    for (int i = 0; shape_markers[i]; i++) buf_printf(&evil, "%s x%s", shape_markers[i], shape_markers[i]);
    make_source(&source, shapes[0].calls);
    struct chat_own *o = own_of(source.data, t);
    struct chat_call call[] = {{NULL, "f", "{\"a\": 1}"},
                               {NULL, evil.data, "{\"a\": \"<|im_end|>\", \"<|im_start|>\": [\"<tool_call>\"]}"}};
    struct chat_tool tool[] = {{"f", "x", "{}"}, {evil.data, evil.data, "{\"<|im_end|>\": \"<|im_end|>\"}"}};
    size_t n[2];
    for (int k = 0; k < 2 && o; k++) {
        const char *s = k ? evil.data : "x";
        struct chat_msg m[] = {{.role = CHAT_SYSTEM, .text = s, .len = strlen(s)},
                               {.role = CHAT_USER, .text = s, .len = strlen(s)},
                               {.role = CHAT_ASSISTANT, .text = s, .len = strlen(s), .calls = &call[k], .n_calls = 1},
                               {.role = CHAT_TOOL, .text = s, .len = strlen(s), .call_id = s},
                               {.role = CHAT_USER, .text = s, .len = strlen(s)}};
        struct chat_request q = {.msgs = m, .n_msgs = 5, .tools = &tool[k], .n_tools = 1, .add_generation_prompt = true};
        struct tokens ids = {0};
        CHECK_OK(chat_form_encode(chat_own_form(o), t, &q, &ids, NULL, &e), &e);
        n[k] = count_marks(&ids);
        tokens_free(&ids);
    }
    CHECK(!o || (n[0] == n[1] && n[0] >= 11), "markers: %zu with plain texts, %zu with evil ones", n[0], n[1]);
    chat_own_free(o);
    buf_free(&evil);
    buf_free(&source);
    tokenizer_free(t);
}

/* The marks for training: what the model says, with the end, and nothing else. */
static void check_learnt(void)
{
    struct tokenizer *t = tokenizer_of(3);
    struct chat_own *o = own_of(PLAIN PROMPT, t);
    struct chat_msg m[] = {{.role = CHAT_USER, .text = "U", .len = 1}, {.role = CHAT_ASSISTANT, .text = "A", .len = 1},
                           {.role = CHAT_USER, .text = "V", .len = 1}, {.role = CHAT_ASSISTANT, .text = "BC", .len = 2}};
    struct chat_request q = {.msgs = m, .n_msgs = 4};
    struct tokens ids = {0};
    struct buf learn = {0}, got = {0};
    if (o) CHECK_OK(chat_form_encode(chat_own_form(o), t, &q, &ids, &learn, &e), &e);
    CHECK(learn.len == ids.n, "%zu marks for %zu ids", learn.len, ids.n);
    for (size_t i = 0; i < ids.n && i < learn.len; i++)
        if (learn.data[i]) CHECK_OK(tokenizer_decode(t, &ids.ids[i], 1, true, &got, &e), &e);
    CHECK(strcmp(text_of(&got), "A<|im_end|>BC<|im_end|>") == 0, "learnt: %s", text_of(&got));
    tokens_free(&ids);
    buf_free(&learn);
    buf_free(&got);
    chat_own_free(o);
    tokenizer_free(t);
}

static void check_bad(const char *source, const char *want)
{
    struct tokenizer *t = tokenizer_of(3);
    struct chat_model m = {.template_text = source};
    struct chat_own *o = NULL;
    int rc = chat_own_new(&o, t, &m, &e);
    CHECK(rc && !o && strstr(e.msg, want), "%s: %s", source, rc ? e.msg : "taken");
    tokenizer_free(t);
}

static void check_faults(void)
{
    check_bad("{{ unknown_function() }}", "unknown_function");
    check_bad("{{ messages[0].content | nonsense }}", "nonsense");
    check_bad("{% for m in messages %}", "chat template:1:");
    check_bad("the same for everybody", "does not render the message");
    check_bad("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps");
    check_bad("{% set ns = namespace(s='x') %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "memory");
}

/* Out of memory at every allocation: an error, and nothing left behind. */
static void check_memory(void)
{
    struct tokenizer *t = tokenizer_of(3);
    struct buf source = {0};
    make_source(&source, shapes[0].calls);
    struct chat_model m = {.template_text = source.data};
    int64_t live = mem_live();
    int rc = ERR_MEMORY;
    uint64_t k = 1;
    for (; rc && k < 100000; k += 1 + k / 16) {
        struct chat_own *o = NULL;
        mem_fail_at(k);
        rc = chat_own_new(&o, t, &m, &e);
        mem_fail_at(0);
        CHECK(!rc || rc == ERR_MEMORY || rc == ERR_LIMIT, "allocation %llu: %s", (unsigned long long)k, e.msg);
        chat_own_free(o);
        CHECK(mem_live() == live, "allocation %llu: %lld blocks left", (unsigned long long)k, (long long)(mem_live() - live));
    }
    CHECK(!rc && k > 5, "no allocation failed");
    buf_free(&source);
    tokenizer_free(t);
}

/* ---- templates from files, by hand ---- */

/* Everything in the source that looks like a marker. */
static void collect_markers(const char **markers, char *owned, const char *source)
{
    size_t n = 0;
    for (const char *s = source; *s && n < 60; s++) {
        bool bar = s[0] == '<' && (s[1] == '|' || !strncmp(s + 1, "\xef\xbd\x9c", 3)), tag = s[0] == '<' && !bar;
        char close = s[0] == '<' ? '>' : s[0] == '[' ? ']' : 0;
        const char *end = close ? strchr(s + 1, close) : NULL;
        size_t len = end ? (size_t)(end + 1 - s) : 0;
        bool word = len > 2 && len < 40;
        for (size_t k = 1; word && k < len - 1; k++)
            word = !strchr(" <>[]=\"'\t\n+,:{}()", s[k]) &&
                   (bar || tag || (s[k] >= 'A' && s[k] <= 'Z') || strchr("_/", s[k]));
        if (!word) continue;
        memcpy(owned, s, len);
        owned[len] = 0;
        bool known = false;
        for (size_t k = 0; k < n; k++) known |= !strcmp(markers[k], owned);
        if (known) continue;
        markers[n++] = owned;
        owned += len + 1;
        s = end;
    }
    markers[n] = NULL;
}

static void add_marker(const char **markers, const char *s)
{
    size_t n = 0;
    for (; markers[n]; n++)
        if (!strcmp(markers[n], s)) return;
    markers[n] = s;
    markers[n + 1] = NULL;
}

static void describe_file(const char *path)
{
    const char *markers[64];
    char owned[64 * 48], *source;
    size_t len;
    struct chat_own *o = NULL;
    const struct chat_form *f = NULL;
    struct buf b = {0};
    if (file_read(&source, &len, path, 1 << 20, &e)) {
        printf("%s\n", e.msg);
        return;
    }
    collect_markers(markers, owned, source);
    bool llama = strstr(source, "start_header_id"), deepseek = strstr(source, CHAT_USER_MARK);
    const char *bos = llama      ? "<|begin_of_text|>"
                      : deepseek ? CHAT_BOS
                                 : "<s>",
               *eos = llama      ? "<|eot_id|>"
                      : deepseek ? CHAT_EOS
                                 : "</s>";
    add_marker(markers, bos);
    add_marker(markers, eos);
    struct tokenizer *t = chat_markers_tokenizer(markers, bos, eos, 3);
    struct chat_model m = {.template_text = source};
    if (chat_own_new(&o, t, &m, &e)) printf("%s\n  %s\n", path, e.msg);
    else {
        if (own_recognise(&f, o, t, &e)) printf("%s\n", e.msg);
        chat_form_describe(f ? f : chat_own_form(o), &b);
        printf("%s%s\n%s", path, f ? " (recognised)" : "", b.data);
        struct shape shape = {path, NULL, NULL};
        if (o->form.calls.kind != CALLS_NONE && o->form.calls.kind != CALLS_DSML && o->shows_tools)
            check_round(&shape, o, t, "", 1);
        check_hostile(path, o, t, markers, 10000);
    }
    chat_own_free(o);
    buf_free(&b);
    tokenizer_free(t);
    mem_free(source);
}

/* With files: describes what they are recognised as. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) describe_file(argv[i]);
    if (argc > 1) return test_end();
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (int type = 3; type <= 4; type++) check_shape(&shapes[i], type);
    check_no_call();
    check_thinking();
    check_ways();
    check_injection(3);
    check_injection(4);
    check_learnt();
    check_faults();
    check_memory();
    return test_end();
}
