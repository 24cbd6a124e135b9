/* Calls whose arguments are elements: a name, then KEY and VALUE between tags that the form spells (Qwen3-Coder, GLM,
 * MiniMax). Values come as bare text: the schema of the tool says which are strings; what it leaves open is JSON where it
 * reads as JSON. A call is read when it is complete, and sent as one JSON object. */
#include <string.h>
#include "base/json.h"
#include "chat/parse.h"

struct reader {
    const struct chat_syntax *x;
    const char *s;
    size_t len;
};

static struct chat_span spelled(const char *what) { return what ? chat_trim(what, strlen(what)) : (struct chat_span){"", 0}; }

/* Text up to `end`, which is passed; false: it does not come. */
static bool up_to(struct reader *r, const char *end, struct chat_span *out)
{
    struct chat_span w = spelled(end);
    const char *at = w.len == 0 ? r->s : r->len ? memmem(r->s, r->len, w.s, w.len) : NULL;
    if (!at) return false;
    *out = (struct chat_span){r->s, (size_t)(at - r->s)};
    r->s = at + w.len;
    r->len -= out->len + w.len;
    return true;
}

static bool at_text(struct reader *r, const char *what)
{
    struct chat_span w = spelled(what), rest = chat_trim(r->s, r->len);
    if (w.len == 0 || rest.len < w.len || memcmp(rest.s, w.s, w.len) != 0) return false;
    r->len -= (size_t)(rest.s + w.len - r->s);
    r->s = rest.s + w.len;
    return true;
}

/* The name stands before the first parameter, or before the tail. */
static bool read_name(struct reader *r, struct chat_span *name)
{
    struct chat_span first = spelled(r->x->param), tail = spelled(r->x->tail);
    const char *at = r->len ? memmem(r->s, r->len, first.s, first.len) : NULL;
    if (!at && tail.len) at = r->len ? memmem(r->s, r->len, tail.s, tail.len) : NULL;
    *name = (struct chat_span){r->s, at ? (size_t)(at - r->s) : r->len};
    r->s += name->len;
    r->len -= name->len;
    return parse_named(r->x, name);
}

/* Whether the schema says string, something else, or nothing (0). */
static int is_string(const struct chat_parser *p, struct chat_span name, struct chat_span key)
{
    json_t *properties = json_object_getn(p->schemas, name.s, name.len);
    json_t *type = json_object_get(json_object_getn(properties, key.s, key.len), "type");
    if (!json_is_string(type)) return 0;
    return strcmp(json_string_value(type), "string") == 0 ? 1 : -1;
}

/* One line end at each border is the form's where it writes one there. */
static struct chat_span inside(const struct chat_syntax *x, struct chat_span v)
{
    size_t n = strlen(x->value);
    bool front = n && x->value[n - 1] == '\n', back = x->param_end[0] == '\n';
    if (front && v.len && v.s[0] == '\n') {
        v.s++;
        v.len--;
    }
    if (back && v.len && v.s[v.len - 1] == '\n') v.len--;
    return v;
}

/* True, False and None, which templates print for other values than text. */
static const char *python_word(struct chat_span x)
{
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};
    for (size_t i = 0; i < 3; i++)
        if (x.len == strlen(words[i][0]) && !memcmp(x.s, words[i][0], x.len)) return words[i][1];
    return NULL;
}

static void add_value(struct buf *out, const struct chat_parser *p, struct chat_span name, struct chat_span key,
                      struct chat_span v)
{
    json_t *j = NULL;
    struct err ignored;
    struct chat_span bare = chat_trim(v.s, v.len);
    int string = is_string(p, name, key);
    bool json = string <= 0 && bare.len && json_parse_any(&j, bare.s, bare.len, "a value", &ignored) == OK;
    if (json && string == 0 && json_is_string(j)) json = false; /* text in quotation marks keeps them */
    const char *word = string <= 0 ? python_word(bare) : NULL;
    if (word) buf_add_str(out, word);
    else if (json) chat_json_dump(out, j, 0);
    else chat_json_string(out, v.s, v.len);
    json_decref(j);
}

static bool read_arguments(struct reader *r, const struct chat_parser *p, struct chat_span name, struct buf *out)
{
    struct chat_span key, value;
    bool first = true;
    buf_add_byte(out, '{');
    while (at_text(r, r->x->param)) {
        if (!up_to(r, r->x->value, &key) || !up_to(r, r->x->param_end, &value)) return false;
        key = chat_trim(key.s, key.len);
        if (!first) buf_add_str(out, ", ");
        first = false;
        chat_json_string(out, key.s, key.len);
        buf_add_str(out, ": ");
        add_value(out, p, name, key, inside(r->x, value));
    }
    buf_add_byte(out, '}');
    at_text(r, r->x->tail);
    return chat_trim(r->s, r->len).len == 0;
}

int parse_schemas(json_t **out, const struct chat_request *q, struct err *e)
{
    *out = json_object();
    for (size_t i = 0; *out && i < q->n_tools; i++) {
        const struct chat_tool *t = &q->tools[i];
        json_t *v = NULL;
        struct err ignored;
        if (!t->parameters || json_parse(&v, t->parameters, strlen(t->parameters), "parameters", &ignored)) continue;
        if (json_is_object(json_object_get(v, "properties"))) json_object_set(*out, t->name, json_object_get(v, "properties"));
        json_decref(v);
    }
    if (!*out) FAIL(e, ERR_MEMORY, "the schemas of tools: out of memory");
    return OK;
}

bool parse_tagged(struct chat_parser *p, size_t open, int *rc)
{
    struct reader r = {&p->f->calls, p->call.data + open, p->call.len - open};
    struct chat_span name;
    struct buf args = {0};
    bool fits = read_name(&r, &name) && read_arguments(&r, p, name, &args);
    *rc = fits ? buf_check(&args, "arguments", p->e) : OK;
    if (fits && !*rc) *rc = parse_name(p, name.s, name.len);
    if (fits && !*rc) *rc = parse_arguments(p, args.data, args.len);
    if (fits && !*rc) *rc = parse_call_done(p, false);
    buf_free(&args);
    return fits;
}
