/* For tests of chat forms: requests out of the JSON of tests/fixtures/chat, and a vocabulary of bytes and markers. */
#ifndef TESTS_CHAT_CASES_H
#define TESTS_CHAT_CASES_H

#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "chat/form.h"
#include "sys/file.h"

enum { CASE_MAX = 16 };

/* Borrows from the JSON, and owns the texts of parameters. */
struct chat_case {
    struct chat_request q;
    struct chat_msg msgs[CASE_MAX];
    struct chat_call calls[CASE_MAX];
    struct chat_tool tools[CASE_MAX];
    char *owned[CASE_MAX];
    int n_calls, n_owned;
};

static inline const char *case_str(const json_t *v, const char *key) { return json_string_value(json_object_get(v, key)); }

static inline const char *case_text(struct chat_case *k, const json_t *v)
{
    return v ? k->owned[k->n_owned++] = json_text(v) : NULL;
}

static inline void case_msg(struct chat_case *k, struct chat_msg *m, const json_t *v)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "developer"};
    const char *role = case_str(v, "role");
    const json_t *text = json_object_get(v, "content"), *reasoning = json_object_get(v, "reasoning_content");
    const json_t *calls = json_object_get(v, "tool_calls"), *call;
    for (int r = 0; r < 5; r++)
        if (strcmp(role, roles[r]) == 0) m->role = (enum chat_role)r;
    m->text = json_string_value(text);
    m->len = json_string_length(text);
    m->reasoning = json_string_value(reasoning);
    m->reasoning_len = json_string_length(reasoning);
    m->call_id = case_str(v, "tool_call_id");
    m->calls = &k->calls[k->n_calls];
    m->n_calls = json_array_size(calls);
    size_t i;
    json_array_foreach(calls, i, call)
    {
        const json_t *f = json_object_get(call, "function");
        k->calls[k->n_calls++] = (struct chat_call){case_str(call, "id"), case_str(f, "name"), case_str(f, "arguments")};
    }
}

static inline void chat_case_load(struct chat_case *k, const json_t *c)
{
    const json_t *list = json_object_get(c, "messages"), *tools = json_object_get(c, "tools"), *v;
    const json_t *thinking = json_object_get(c, "thinking");
    size_t i;
    *k = (struct chat_case){.q = {.msgs = k->msgs, .tools = k->tools}};
    json_array_foreach(list, i, v) case_msg(k, &k->msgs[i], v);
    k->q.n_msgs = json_array_size(list);
    json_array_foreach(tools, i, v)
    {
        const json_t *f = json_object_get(v, "function");
        k->tools[i] = (struct chat_tool){case_str(f, "name"), case_str(f, "description"),
                                         case_text(k, json_object_get(f, "parameters"))};
    }
    k->q.n_tools = json_array_size(tools);
    k->q.thinking = !thinking ? CHAT_THINK_DEFAULT : json_is_true(thinking) ? CHAT_THINK_ON : CHAT_THINK_OFF;
    k->q.effort = json_object_get(c, "effort") ? CHAT_EFFORT_MAX : CHAT_EFFORT_DEFAULT;
    k->q.date = case_str(c, "date");
    k->q.schema = case_text(k, json_object_get(c, "schema"));
    k->q.add_generation_prompt = json_is_true(json_object_get(c, "prompt"));
}

static inline void chat_case_free(struct chat_case *k)
{
    for (int i = 0; i < k->n_owned; i++) mem_free(k->owned[i]);
}

/* The cases of a form; NULL when it has no file. */
static inline json_t *chat_cases(const struct chat_form *f)
{
    char path[200], *text;
    size_t len;
    struct err e;
    json_t *v = NULL;
    snprintf(path, sizeof path, "tests/fixtures/chat/%s.json", f->name);
    if (file_read(&text, &len, path, 1 << 20, &e)) return NULL;
    if (json_parse(&v, text, len, path, &e)) fprintf(stderr, "%s\n", e.msg);
    mem_free(text);
    return v;
}

/* The bytes in the printable alphabet, then the markers, with this type (3 control, 4 user-defined; those that begin and end
 * something are always control: bos, eos, and names with "end" or "eo" or "im_" in them). bos, eos NULL: none. */
static inline struct tokenizer *chat_markers_tokenizer(const char *const *markers, const char *bos, const char *eos, int type)
{
    static char letter[256][4];
    enum { MOST = 256 + 64 };
    const char *tokens[MOST];
    size_t len[MOST];
    int32_t types[MOST];
    struct tokenizer_parts p = {
        .tokens = tokens, .token_len = len, .types = types, .pre = "gpt-2", .bos = -1, .eos = -1, .pad = -1};
    struct tokenizer *t = NULL;
    struct err e;
    int other = 256;
    for (int b = 0; b < 256; b++) {
        bool plain = (b > 32 && b < 127) || (b > 160 && b < 173) || b > 173;
        len[b] = utf8_encode((uint32_t)(plain ? b : other++), letter[b]);
        tokens[b] = letter[b];
        types[b] = 1;
    }
    p.n_tokens = 256;
    for (int i = 0; markers[i] && p.n_tokens < MOST; i++) {
        const char *m = markers[i];
        bool border = (bos && !strcmp(bos, m)) || strstr(m, "end") || strstr(m, "eo") || strstr(m, "im_");
        tokens[p.n_tokens] = m;
        len[p.n_tokens] = strlen(m);
        if (bos && !strcmp(bos, m)) p.bos = (int32_t)p.n_tokens;
        if (eos && !strcmp(eos, m)) p.eos = (int32_t)p.n_tokens;
        types[p.n_tokens++] = border ? 3 : type;
    }
    if (tokenizer_from_parts(&t, &p, "bytes", &e)) fprintf(stderr, "a vocabulary of bytes: %s\n", e.msg);
    return t;
}

static inline struct tokenizer *chat_bytes_tokenizer(const struct chat_form *f, int type)
{
    return chat_markers_tokenizer(f->markers, f->bos, f->ends[0], type);
}

#endif
