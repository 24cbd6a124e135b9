/* Forms that a model's template makes: which built-in form it is, what is derived from its renderings, and that answers in
 * the template's own syntax are read back. The templates are ours, each in one of the ways that published ones write. */
#include "chat/own/own.h"
#include "tests/chat_cases.h"
#include "tests/test.h"

static struct err e;

#define TURNS                                                                                                          \
    "{%- for m in messages %}{%- if m.role == 'tool' %}<|im_start|>tool\n{{ m.content }}<|im_end|>\n"                  \
    "{%- elif m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content or '' }}%s<|im_end|>\n"                      \
    "{%- else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{%- endif %}{%- endfor %}"                        \
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define TOOLS "{%- if tools %}<|im_start|>system\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}<|im_end|>\n{%- endif %}"

/* What stands for %s of TURNS, and what is derived. */
static const struct shape {
    const char *name, *calls, *want;
} shapes[] = {
    {"objects in tags",
     "{% for c in m.tool_calls %}<tool_call>\n{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}\n</tool_call>"
     "{% if not loop.last %}\n{% endif %}{% endfor %}",
     "<tool_call>{\"name\": NAME, \"arguments\": {...}}</tool_call>"},
    {"objects in a list",
     "{% if m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"arguments\": "
     "{{ c.function.arguments | tojson }}, \"id\": \"{{ c.id }}\"}{% if not loop.last %}, {% endif %}{% endfor %}]{% endif %}",
     "[TOOL_CALLS]{\"name\": NAME, \"arguments\": {...}}"},
    {"objects with other keys, a list between marks",
     "{% if m.tool_calls %}<|START_ACTION|>[{% for c in m.tool_calls %}\n    {\"tool_call_id\": \"{{ loop.index0 }}\", \"tool_name\": "
     "\"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}{% if not loop.last %},{% endif %}{% endfor %}\n]"
     "<|END_ACTION|>{% endif %}",
     "<|START_ACTION|>{\"tool_name\": NAME, \"parameters\": {...}}<|END_ACTION|>"},
    {"names as keys",
     "{% if m.tool_calls %}<|tools|>[{% for c in m.tool_calls %}{\"{{ c.function.name }}\": {{ c.function.arguments | tojson }}}"
     "{% if not loop.last %}, {% endif %}{% endfor %}]<|tools_end|>{% endif %}",
     "<|tools|>{NAME: {...}}<|tools_end|>"},
    {"a name, a mark, an object",
     "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}",
     "[TOOL_CALLS]NAME[ARGS]{...}"},
    {"sections, names with numbers",
     "{% if m.tool_calls %}<|section|>{% for c in m.tool_calls %}<|call|>functions.{{ c.function.name }}:{{ loop.index0 }}<|args|>"
     "{{ c.function.arguments | tojson }}<|call_end|>{% endfor %}<|section_end|>{% endif %}",
     "<|section|><|call|>functions.NAME:0<|args|>{...}<|call_end|><|section_end|>"},
    {"an id between name and arguments",
     "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[CALL_ID]{{ c.id }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}",
     "[TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...}"},
    {"an id before the name",
     "{% for c in m.tool_calls %}<|call|>{{ c.id }}<|name|>{{ c.function.name }}<|args|>{{ c.function.arguments | tojson }}<|call_end|>{% endfor %}",
     "<|call|>ID<|name|>NAME<|args|>{...}<|call_end|>"},
    {"a tag that holds the name",
     "{% for c in m.tool_calls %}<function={{ c.function.name }}>{{ c.function.arguments | tojson }}</function>{% endfor %}",
     "<function=NAME>{...}</function>"},
    {"text arguments in a fence",
     "{% for c in m.tool_calls %}<|call|>function<|args|>{{ c.function.name + '\n```json\n' + c.function.arguments + '\n```' }}<|call_end|>"
     "{% endfor %}",
     "<|call|>function<|args|>NAME```json{...}```<|call_end|>"},
    {"parameters in tags",
     "{% for c in m.tool_calls %}\n<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments|items %}"
     "<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}",
     "<tool_call><function=NAME><parameter=KEY>\\nVALUE\\n</parameter></function></tool_call>"},
    {"keys and values in tags",
     "{% for c in m.tool_calls %}<tool_call>{{ c.function.name }}{% for k, v in c.function.arguments|items %}<arg_key>{{ k }}</arg_key>"
     "<arg_value>{{ v if v is string else v | tojson }}</arg_value>{% endfor %}</tool_call>{% endfor %}",
     "<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>"},
    {"elements with attributes",
     "{% if m.tool_calls %}<invokes>\n{% for c in m.tool_calls %}<invoke name=\"{{ c.function.name }}\">\n{% for k, v in "
     "c.function.arguments|items %}<parameter name=\"{{ k }}\">{{ v if v is string else v | tojson }}</parameter>\n{% endfor %}</invoke>\n"
     "{% endfor %}</invokes>{% endif %}",
     "<invokes><invoke name=\"NAME\"><parameter name=\"KEY\">VALUE</parameter></invoke></invokes>"},
    {"an object alone",
     "{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}{% endfor %}",
     "{\"name\": NAME, \"parameters\": {...}}"},
    {"a call as Python writes it",
     "{% for c in m.tool_calls %}<|call|>[{{ c.function.name }}({% for k, v in c.function.arguments|items %}{{ k }}=\"{{ v }}\""
     "{% if not loop.last %}, {% endif %}{% endfor %})]<|call_end|>{% endfor %}",
     NULL},
    {"values between quotes of their own",
     "{% for c in m.tool_calls %}<|call|>{{ c.function.name }}{% for k, v in c.function.arguments|items %}<arg>{{ k }}</arg>"
     "{% if v is string %}<q>{{ v }}</q>{% else %}{{ v }}{% endif %}</end>{% endfor %}<|call_end|>{% endfor %}",
     NULL},
    {"no calls", "", NULL},
};

static const char *const vocabulary[] = {"<|im_start|>",   "<|im_end|>",      "<|endoftext|>",
                                         "<tool_call>",    "</tool_call>",    "[TOOL_CALLS]",
                                         "[ARGS]",         "[CALL_ID]",       "<|name|>",
                                         "<|section|>",    "<|section_end|>", "<|call|>",
                                         "<|call_end|>",   "<|args|>",        "<|START_ACTION|>",
                                         "<|END_ACTION|>", "<think>",         "</think>",
                                         "[THINK]",        "[/THINK]",        "<|tools|>",
                                         "<|tools_end|>",  "<arg_key>",       "</arg_key>",
                                         "<arg_value>",    "</arg_value>",    NULL};

static struct tokenizer *tokenizer_of(int type) { return chat_markers_tokenizer(vocabulary, NULL, "<|endoftext|>", type); }

static struct chat_own *own_of(const char *source, const struct tokenizer *t)
{
    struct chat_model m = {.template_text = source};
    struct chat_own *o = NULL;
    CHECK_OK(chat_own_new(&o, t, &m, &e), &e);
    return o;
}

static void make_source(struct buf *b, const char *calls)
{
    const char *turns = TURNS, *at = strstr(turns, "%s");
    buf_clear(b);
    buf_add_str(b, TOOLS);
    buf_add(b, turns, (size_t)(at - turns));
    buf_add_str(b, calls);
    buf_add_str(b, at + 2);
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
    }
    chat_own_free(o);
    buf_free(&source);
    buf_free(&b);
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
    for (int i = 0; vocabulary[i]; i++) buf_printf(&evil, "%s x%s", vocabulary[i], vocabulary[i]);
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
        if (o->form.calls.kind != CALLS_NONE && o->form.calls.kind != CALLS_DSML) check_round(&shape, o, t, "", 1);
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
    check_thinking();
    check_ways();
    check_injection(3);
    check_injection(4);
    check_learnt();
    check_faults();
    check_memory();
    return test_end();
}
