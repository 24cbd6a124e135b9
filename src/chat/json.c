/* JSON as Python's json.dumps(ensure_ascii=False) prints it: the templates and encoders of published models use that,
 * so their models have seen schemas and arguments in no other form. */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "chat/form.h"
#include "chat/python.h"

void chat_json_string(struct buf *out, const char *s, size_t len)
{
    char escape[8];
    buf_add_byte(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (*python_json_escape(escape, (unsigned char)s[i])) buf_add_str(out, escape);
        else buf_add_byte(out, s[i]);
    }
    buf_add_byte(out, '"');
}

static void new_line(struct buf *out, int indent, int depth)
{
    if (indent == 0) return;
    buf_add_byte(out, '\n');
    for (int i = 0; i < indent * depth; i++) buf_add_byte(out, ' ');
}

static void dump(struct buf *out, const json_t *v, int indent, int depth);

static void dump_items(struct buf *out, const json_t *v, int indent, int depth)
{
    bool object = json_is_object(v), first = true;
    size_t i, len;
    const char *key, *comma = indent ? "," : ", ";
    json_t *item;
    if (object ? json_object_size(v) == 0 : json_array_size(v) == 0) {
        buf_add_str(out, object ? "{}" : "[]");
        return;
    }
    buf_add_byte(out, object ? '{' : '[');
    if (object) {
        json_object_keylen_foreach((json_t *)v, key, len, item)
        {
            if (!first) buf_add_str(out, comma);
            first = false;
            new_line(out, indent, depth + 1);
            chat_json_string(out, key, len);
            buf_add_str(out, ": ");
            dump(out, item, indent, depth + 1);
        }
    } else {
        json_array_foreach(v, i, item)
        {
            if (i) buf_add_str(out, comma);
            new_line(out, indent, depth + 1);
            dump(out, item, indent, depth + 1);
        }
    }
    new_line(out, indent, depth);
    buf_add_byte(out, object ? '}' : ']');
}

/* The depth is that of what json_parse accepted. */
static void dump(struct buf *out, const json_t *v, int indent, int depth)
{
    char real[PYTHON_REAL];
    switch (json_typeof(v)) {
    case JSON_OBJECT:
    case JSON_ARRAY: dump_items(out, v, indent, depth); break;
    case JSON_STRING: chat_json_string(out, json_string_value(v), json_string_length(v)); break;
    case JSON_INTEGER: buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); break;
    case JSON_REAL: buf_add_str(out, python_real(real, json_real_value(v))); break;
    case JSON_TRUE: buf_add_str(out, "true"); break;
    case JSON_FALSE: buf_add_str(out, "false"); break;
    case JSON_NULL: buf_add_str(out, "null"); break;
    }
}

void chat_json_dump(struct buf *out, const json_t *v, int indent) { dump(out, v, indent, 0); }

void chat_json_again(struct buf *out, const char *text)
{
    json_t *v;
    struct err ignored;
    if (json_parse(&v, text, strlen(text), "arguments", &ignored)) {
        buf_add_str(out, text);
        return;
    }
    chat_json_dump(out, v, 0);
    json_decref(v);
}

/* The inner object; NULL: out of memory, or a text that is not UTF-8. */
static json_t *function_of(const struct chat_tool *tool, json_t *parameters)
{
    json_t *f = json_pack("{s:s}", "name", tool->name);
    bool bad = !f;
    if (!bad && tool->description) bad = json_object_set_new(f, "description", json_string(tool->description));
    if (!bad && parameters) bad = json_object_set(f, "parameters", parameters);
    if (!bad) return f;
    json_decref(f);
    return NULL;
}

int chat_tool_json(json_t **out, const struct chat_tool *tool, bool whole, struct err *e)
{
    json_t *parameters = NULL;
    char where[100];
    snprintf(where, sizeof where, "parameters of the tool %.60s", tool->name);
    *out = NULL;
    if (tool->parameters) TRY(json_parse(&parameters, tool->parameters, strlen(tool->parameters), where, e));
    json_t *v = function_of(tool, parameters);
    if (v && whole) v = json_pack("{s:s,s:o}", "type", "function", "function", v);
    json_decref(parameters);
    if (!v) {
        snprintf(where, sizeof where, "the tool %.60s", tool->name);
        return json_bad(where, e);
    }
    *out = v;
    return OK;
}

int chat_json_tool(struct buf *out, const struct chat_tool *tool, bool whole, int indent, struct err *e)
{
    json_t *v;
    TRY(chat_tool_json(&v, tool, whole, e));
    chat_json_dump(out, v, indent);
    json_decref(v);
    return OK;
}
