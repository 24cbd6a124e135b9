/* Messages of a chat. */
#include "cli/talk/chat_log.h"
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "sys/file.h"

enum { CHAT_MAX_MESSAGES = 100000, CHAT_MAX_BYTES = 256 << 20 };

static const char *const role_names[] = {"system", "user", "assistant"};

static void entry_free(struct chat_entry *x)
{
    mem_free(x->text);
    *x = (struct chat_entry){0};
}

void chat_log_free(struct chat_log *l)
{
    for (size_t i = 0; i < l->n; i++) entry_free(&l->v[i]);
    mem_free(l->v);
    mem_free(l->msgs);
    *l = (struct chat_log){0};
}

static int insert(struct chat_log *l, size_t at, enum chat_role role, const char *text, size_t len, struct err *e)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        void *v = mem_grow(l->v, l->cap * sizeof *l->v, cap * sizeof *l->v);
        if (!v) FAIL(e, ERR_MEMORY, "out of memory for the chat");
        l->v = v;
        l->cap = cap;
    }
    char *copy = mem_strndup(text, len);
    if (!copy) FAIL(e, ERR_MEMORY, "out of memory for the chat");
    memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof *l->v);
    l->v[at] = (struct chat_entry){.role = role, .text = copy, .len = len};
    l->n++;
    return OK;
}

static void remove_at(struct chat_log *l, size_t at)
{
    entry_free(&l->v[at]);
    l->n--;
    memmove(&l->v[at], &l->v[at + 1], (l->n - at) * sizeof *l->v);
}

static bool has_system(const struct chat_log *l) { return l->n > 0 && l->v[0].role == CHAT_SYSTEM; }

int chat_log_add(struct chat_log *l, enum chat_role role, const char *text, size_t len, struct err *e)
{
    return insert(l, l->n, role, text, len, e);
}

void chat_log_pop(struct chat_log *l)
{
    if (chat_log_turns(l) > 0) remove_at(l, l->n - 1);
}

void chat_log_clear(struct chat_log *l)
{
    while (chat_log_turns(l) > 0) chat_log_pop(l);
}

void chat_log_drop_oldest(struct chat_log *l)
{
    size_t at = has_system(l);
    if (l->n > at) remove_at(l, at);
    while (l->n > at && l->v[at].role != CHAT_USER) remove_at(l, at);
}

int chat_log_system(struct chat_log *l, const char *text, struct err *e)
{
    if (text) TRY(insert(l, 0, CHAT_SYSTEM, text, strlen(text), e));
    if (text ? l->n > 1 && l->v[1].role == CHAT_SYSTEM : has_system(l)) remove_at(l, text ? 1 : 0);
    return OK;
}

const char *chat_log_get_system(const struct chat_log *l) { return has_system(l) ? l->v[0].text : NULL; }
size_t chat_log_turns(const struct chat_log *l) { return l->n - has_system(l); }

int chat_log_request(struct chat_log *l, struct chat_request *q, struct err *e)
{
    struct chat_msg *m = mem_array(l->n, sizeof *m);
    if (!m) FAIL(e, ERR_MEMORY, "out of memory for the chat");
    for (size_t i = 0; i < l->n; i++) m[i] = (struct chat_msg){.role = l->v[i].role, .text = l->v[i].text, .len = l->v[i].len};
    mem_free(l->msgs);
    q->msgs = l->msgs = m;
    q->n_msgs = l->n;
    q->add_generation_prompt = true;
    return OK;
}

/* ---- files ---- */

static json_t *to_json(const struct chat_log *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->n; i++) {
        const struct chat_entry *x = &l->v[i];
        json_t *m = json_pack("{s:s,s:s%}", "role", role_names[x->role], "content", x->text, x->len);
        bool bad = !m || (x->stopped && json_object_set_new(m, "stopped", json_true()));
        if (bad) json_decref(m);
        if (bad || json_array_append_new(list, m)) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:i,s:o}", "autarky_chat", 1, "messages", list);
}

int chat_log_save(const struct chat_log *l, const char *path, struct err *e)
{
    if (!file_absent(path)) {
        struct chat_log old = {0};
        struct err why;
        int rc = chat_log_load(&old, path, &why);
        chat_log_free(&old);
        if (rc == ERR_IO || rc == ERR_MEMORY) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
        if (rc) FAIL(e, ERR_USAGE, "%s exists and is not a saved chat; choose another name", path);
    }
    json_t *v = to_json(l);
    char *text = v ? json_text_pretty(v) : NULL;
    json_decref(v);
    if (!text) return json_bad("the chat", e);
    int rc = file_replace(path, text, strlen(text), e);
    mem_free(text);
    return rc;
}

static int read_message(struct chat_log *l, const json_t *m, size_t i, const char *path, struct err *e)
{
    const json_t *content = json_object_get(m, "content");
    const char *role = NULL;
    char where[300];
    int r = 0;
    snprintf(where, sizeof where, "%.200s: message %zu", path, i + 1);
    if (!json_is_object(m) || !json_is_string(content)) FAIL(e, ERR_FORMAT, "%s has no text \"content\"", where);
    TRY(json_opt_str(m, "role", &role, where, e));
    while (r < 3 && (!role || strcmp(role, role_names[r]) != 0)) r++;
    if (r == 3)
        FAIL(e, ERR_FORMAT, "%s: \"role\" is %s, expected system, user or assistant", where, role ? role : "missing");
    if (r == CHAT_SYSTEM && i > 0) FAIL(e, ERR_FORMAT, "%s is a system message, which only the first may be", where);
    TRY(chat_log_add(l, (enum chat_role)r, json_string_value(content), json_string_length(content), e));
    return json_opt_bool(m, "stopped", &l->v[l->n - 1].stopped, where, e);
}

int chat_log_load(struct chat_log *l, const char *path, struct err *e)
{
    char *text;
    size_t len;
    json_t *root;
    TRY(file_read(&text, &len, path, CHAT_MAX_BYTES, e));
    int rc = json_parse(&root, text, len, path, e);
    mem_free(text);
    TRY(rc);
    const json_t *list = json_is_array(root) ? root : json_object_get(root, "messages"); /* as run --messages takes them */
    if (!json_is_array(list))
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: not a saved chat: there is no list \"messages\"", path);
    else if (json_array_size(list) > CHAT_MAX_MESSAGES)
        rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "%s: more than %d messages", path, CHAT_MAX_MESSAGES);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) rc = read_message(l, json_array_get(list, i), i, path, e);
    json_decref(root);
    if (rc) chat_log_free(l);
    return rc;
}
