/* Reading conversations from JSON. */
#include "chat/request.h"
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

struct loading {
    struct chat_loaded *l;
    char where[200]; /* the place in the file */
    struct err *e;
};

void chat_loaded_free(struct chat_loaded *l)
{
    for (size_t i = 0; i < l->n_owned; i++) mem_free(l->owned[i]);
    mem_free(l->owned);
    mem_free(l->msgs);
    mem_free(l->list);
    json_decref(l->root);
    json_decref(l->tools);
    *l = (struct chat_loaded){0};
}

/* Keeps p until the end; NULL is out of memory. */
static int own(struct loading *g, void *p)
{
    struct chat_loaded *l = g->l;
    if (p && l->n_owned == l->cap_owned) {
        size_t cap = l->cap_owned ? 2 * l->cap_owned : 16;
        void *v = mem_grow(l->owned, l->cap_owned * sizeof *l->owned, cap * sizeof *l->owned);
        if (v) {
            l->owned = v;
            l->cap_owned = cap;
        } else {
            mem_free(p);
            p = NULL;
        }
    }
    if (!p) FAIL(g->e, ERR_MEMORY, "%s: out of memory", g->where);
    l->owned[l->n_owned++] = p;
    return OK;
}

/* The JSON of v as text. */
static int text_of(struct loading *g, const char **out, const json_t *v)
{
    char *s = json_text(v);
    if (!s) return json_bad(g->where, g->e);
    TRY(own(g, s));
    *out = s;
    return OK;
}

static int string_of(struct loading *g, const char **out, const json_t *obj, const char *key, bool needed)
{
    *out = NULL;
    TRY(json_opt_str(obj, key, out, g->where, g->e));
    if (needed && !*out) FAIL(g->e, ERR_FORMAT, "%s: \"%s\" is missing, expected a string", g->where, key);
    return OK;
}

/* Parts of type text, put together. */
static int joined(struct loading *g, const json_t *parts, struct chat_msg *m)
{
    struct buf b = {0};
    size_t i;
    json_t *part;
    int rc = OK;
    json_array_foreach(parts, i, part)
    {
        const json_t *text = json_object_get(part, "text");
        if (!json_is_string(text)) {
            rc = err_set(g->e, ERR_UNSUPPORTED, __FILE__, __LINE__, "%s: part %zu of \"content\" is no text", g->where, i);
            break;
        }
        buf_add(&b, json_string_value(text), json_string_length(text));
    }
    if (!rc) rc = buf_check(&b, g->where, g->e);
    m->text = b.data;
    m->len = b.len;
    if (!rc && b.data) rc = own(g, b.data);
    else buf_free(&b);
    return rc;
}

static int read_content(struct loading *g, const json_t *v, struct chat_msg *m)
{
    const json_t *content = json_object_get(v, "content");
    if (json_is_array(content)) return joined(g, content, m);
    if (content && !json_is_null(content) && !json_is_string(content))
        FAIL(g->e, ERR_FORMAT, "%s: \"content\" is neither a string nor a list of parts", g->where);
    m->text = json_string_value(content);
    m->len = json_string_length(content);
    return OK;
}

static int read_calls(struct loading *g, const json_t *list, struct chat_msg *m)
{
    size_t i, n = json_array_size(list);
    json_t *v;
    if (n == 0) return OK;
    struct chat_call *calls = mem_array(n, sizeof *calls);
    TRY(own(g, calls));
    m->calls = calls;
    json_array_foreach(list, i, v)
    {
        const json_t *f = json_object_get(v, "function"), *args;
        if (!json_is_object(f)) f = v;
        args = json_object_get(f, "arguments");
        TRY(string_of(g, &calls[i].id, v, "id", false));
        TRY(string_of(g, &calls[i].name, f, "name", true));
        calls[i].arguments = json_is_string(args) ? json_string_value(args) : "{}";
        if (json_is_object(args)) TRY(text_of(g, &calls[i].arguments, args));
    }
    m->n_calls = n;
    return OK;
}

static int read_msg(struct loading *g, const json_t *v, struct chat_msg *m)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "developer"}; /* enum chat_role */
    const char *role, *reasoning = NULL;
    if (!json_is_object(v)) FAIL(g->e, ERR_FORMAT, "%s: not an object", g->where);
    TRY(string_of(g, &role, v, "role", true));
    size_t r = 0;
    while (r < 5 && strcmp(roles[r], role) != 0) r++;
    if (r == 5)
        FAIL(g->e, ERR_FORMAT, "%s: \"role\" is \"%.40s\", expected system, user, assistant, tool or developer",
             g->where, role);
    m->role = (enum chat_role)r;
    TRY(read_content(g, v, m));
    TRY(string_of(g, &reasoning, v, "reasoning_content", false));
    m->reasoning = reasoning;
    m->reasoning_len = reasoning ? strlen(reasoning) : 0;
    TRY(string_of(g, &m->call_id, v, "tool_call_id", false));
    return read_calls(g, json_object_get(v, "tool_calls"), m);
}

static int read_tools(struct loading *g, const json_t *list, const char *name)
{
    struct chat_loaded *l = g->l;
    size_t i, n = json_array_size(list);
    json_t *v;
    if (!list || json_is_null(list)) return OK;
    if (!json_is_array(list)) FAIL(g->e, ERR_FORMAT, "%s: the tools are no list", name);
    l->list = mem_array(n, sizeof *l->list);
    if (!l->list) FAIL(g->e, ERR_MEMORY, "%s: out of memory", name);
    json_array_foreach(list, i, v)
    {
        const json_t *f = json_object_get(v, "function"), *parameters;
        snprintf(g->where, sizeof g->where, "%.120s: tool %zu", name, i);
        if (!json_is_object(f)) f = v;
        TRY(string_of(g, &l->list[i].name, f, "name", true));
        TRY(string_of(g, &l->list[i].description, f, "description", false));
        parameters = json_object_get(f, "parameters");
        if (json_is_object(parameters)) TRY(text_of(g, &l->list[i].parameters, parameters));
    }
    l->q.tools = l->list;
    l->q.n_tools = n;
    return OK;
}

static int read_members(struct loading *g, const json_t *root, const char *name)
{
    struct chat_request *q = &g->l->q;
    bool think = false, given = json_object_get(root, "enable_thinking") != NULL;
    TRY(json_opt_bool(root, "add_generation_prompt", &q->add_generation_prompt, name, g->e));
    TRY(json_opt_bool(root, "continue_final_message", &q->continue_last, name, g->e));
    TRY(json_opt_bool(root, "enable_thinking", &think, name, g->e));
    if (given) q->thinking = think ? CHAT_THINK_ON : CHAT_THINK_OFF;
    return OK;
}

int chat_request_load(struct chat_loaded *l, const char *json, size_t len, const char *name, struct err *e)
{
    struct loading g = {.l = l, .e = e};
    size_t i;
    json_t *v;
    TRY(json_parse(&l->root, json, len, name, e));
    const json_t *list = json_is_array(l->root) ? l->root : json_object_get(l->root, "messages");
    if (!json_is_array(list)) FAIL(e, ERR_FORMAT, "%s: expected a list of messages, or an object with \"messages\"", name);
    l->msgs = mem_array(json_array_size(list), sizeof *l->msgs);
    if (!l->msgs) FAIL(e, ERR_MEMORY, "%s: out of memory", name);
    json_array_foreach(list, i, v)
    {
        snprintf(g.where, sizeof g.where, "%.120s: message %zu", name, i);
        TRY(read_msg(&g, v, &l->msgs[i]));
    }
    l->q.msgs = l->msgs;
    l->q.n_msgs = json_array_size(list);
    l->q.add_generation_prompt = true;
    if (!json_is_object(l->root)) return OK;
    TRY(read_members(&g, l->root, name));
    return l->list ? OK : read_tools(&g, json_object_get(l->root, "tools"), name);
}

int chat_request_tools(struct chat_loaded *l, const char *json, size_t len, const char *name, struct err *e)
{
    struct loading g = {.l = l, .e = e};
    json_decref(l->tools);
    mem_free(l->list);
    l->list = NULL;
    l->tools = NULL;
    TRY(json_parse(&l->tools, json, len, name, e));
    return read_tools(&g, json_is_array(l->tools) ? l->tools : json_object_get(l->tools, "tools"), name);
}
