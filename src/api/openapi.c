/* openapi.json and the tables of docs/API.md, out of the tables that read requests. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "api/inside.h"
#include "base/checked.h"

/* ---- schemas that no table says ---- */

static const struct {
    const char *name, *schema;
} schemas[] = {
    {"chat_message", "{\"type\":\"object\",\"required\":[\"role\",\"content\"],\"properties\":{\"role\":{\"enum\":["
                     "\"system\",\"developer\",\"user\"]},"
                     "\"content\":{\"type\":\"string\"}}}"},
    {"chat_tool",
     "{\"type\":\"object\",\"required\":[\"type\",\"function\"],\"properties\":{\"type\":{\"const\":\"function\"},"
     "\"function\":{\"type\":"
     "\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[a-zA-Z0-9_-]{1,"
     "64}$\"},"
     "\"description\":{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\"},\"parameters\":{\"type\":\"object\"}}}}}"},
    {"anthropic_message", "{\"type\":\"object\",\"required\":[\"role\",\"content\"],\"properties\":{\"role\":{\"enum\":"
                          "[\"user\",\"assistant\",\"system\"]},"
                          "\"content\":{\"type\":\"string\"}}}"},
    {"response_item", "{\"type\":\"object\",\"required\":[\"type\",\"role\",\"content\"],\"properties\":{\"type\":{"
                      "\"const\":\"message\"},\"role\":{\"enum\":"
                      "[\"user\",\"assistant\",\"system\",\"developer\"]},\"content\":{\"type\":\"string\"}}}"},
    {"error_openai", "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
                     "\"required\":[\"message\",\"type\"],"
                     "\"properties\":{\"message\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},\"param\":{"
                     "\"type\":[\"string\",\"null\"]},\"code\":"
                     "{\"type\":[\"string\",\"integer\",\"null\"]}}}}}"},
    {"error_anthropic", "{\"type\":\"object\",\"required\":[\"type\",\"error\",\"request_id\"],\"properties\":{"
                        "\"type\":{\"const\":\"error\"},\"error\":{\"type\":"
                        "\"object\",\"required\":[\"type\",\"message\"]},\"request_id\":{\"type\":\"string\"}}}"},
    {"error_ollama", "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"string\"}}}"},
    {"error_llama", "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
                    "\"required\":[\"message\",\"type\",\"code\"]}}}"},
    {"health", "{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{\"const\":\"ok\"}}}"},
    {"success", "{\"type\":\"object\",\"required\":[\"success\"],\"properties\":{\"success\":{\"const\":true}}}"},
    {"model", "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"}}}"},
    {"model_list", "{\"type\":\"object\",\"required\":[\"data\"],\"properties\":{\"data\":{\"type\":\"array\","
                   "\"items\":{\"$ref\":\"#/components/schemas/model\"}}}}"},
    {"usage", "{\"type\":\"object\",\"required\":[\"prompt_tokens\",\"total_tokens\"],\"properties\":{\"prompt_"
              "tokens\":{\"type\":\"integer\"},"
              "\"completion_tokens\":{\"type\":\"integer\"},\"total_tokens\":{\"type\":\"integer\"}}}"},
    {"chat_reply", "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"model\",\"choices\",\"usage\"],"
                   "\"properties\":{\"object\":{\"const\":"
                   "\"chat.completion\"},\"choices\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
                   "\"index\",\"message\",\"finish_reason\"],"
                   "\"properties\":{\"finish_reason\":{\"enum\":[\"stop\",\"length\",\"tool_calls\"]},\"message\":{"
                   "\"type\":\"object\",\"required\":[\"role\","
                   "\"content\"],\"properties\":{\"role\":{\"const\":\"assistant\"},\"content\":{\"type\":[\"string\","
                   "\"null\"]},\"reasoning_content\":"
                   "{\"type\":[\"string\",\"null\"]}}}}}},\"usage\":{\"$ref\":\"#/components/schemas/usage\"}}}"},
    {"completion_reply", "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"model\",\"choices\","
                         "\"usage\"],\"properties\":{\"object\":{\"const\":"
                         "\"text_completion\"},\"choices\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
                         "\"required\":[\"index\",\"text\",\"finish_reason\"]}},"
                         "\"usage\":{\"$ref\":\"#/components/schemas/usage\"}}}"},
    {"embedding_reply", "{\"type\":\"object\",\"required\":[\"object\",\"data\",\"model\",\"usage\"],\"properties\":{"
                        "\"object\":{\"const\":\"list\"},\"data\":{\"type\":"
                        "\"array\",\"items\":{\"type\":\"object\",\"required\":[\"object\",\"index\",\"embedding\"],"
                        "\"properties\":{\"embedding\":{\"type\":"
                        "[\"array\",\"string\"]}}}},\"usage\":{\"$ref\":\"#/components/schemas/usage\"}}}"},
    {"response", "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created_at\",\"status\",\"model\",\"output\","
                 "\"parallel_tool_calls\",\"tool_choice\","
                 "\"tools\",\"usage\"],\"properties\":{\"object\":{\"const\":\"response\"},\"status\":{\"enum\":["
                 "\"completed\",\"incomplete\"]},\"output\":"
                 "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\",\"type\"]}}}}"},
    {"input_tokens",
     "{\"type\":\"object\",\"required\":[\"input_tokens\"],\"properties\":{\"input_tokens\":{\"type\":\"integer\"}}}"},
    {"anthropic_reply",
     "{\"type\":\"object\",\"required\":[\"id\",\"type\",\"role\",\"model\",\"content\",\"stop_reason\",\"stop_"
     "sequence\",\"usage\"],\"properties\":"
     "{\"type\":{\"const\":\"message\"},\"role\":{\"const\":\"assistant\"},\"content\":{\"type\":\"array\"}}}"},
    {"ollama_version",
     "{\"type\":\"object\",\"required\":[\"version\"],\"properties\":{\"version\":{\"type\":\"string\"}}}"},
    {"ollama_models",
     "{\"type\":\"object\",\"required\":[\"models\"],\"properties\":{\"models\":{\"type\":\"array\"}}}"},
    {"ollama_show", "{\"type\":\"object\",\"required\":[\"details\",\"model_info\",\"capabilities\"]}"},
    {"ollama_answer", "{\"type\":\"object\",\"required\":[\"model\",\"created_at\",\"done\"],\"properties\":{\"done\":{"
                      "\"type\":\"boolean\"}}}"},
    {"ollama_embed", "{\"type\":\"object\",\"required\":[\"embeddings\"]}"},
    {"ollama_embedding", "{\"type\":\"object\",\"required\":[\"embedding\"]}"},
    {"ollama_status", "{\"type\":\"object\",\"required\":[\"status\"]}"},
    {"props", "{\"type\":\"object\",\"required\":[\"default_generation_settings\",\"total_slots\",\"chat_template\"]}"},
    {"slots", "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\",\"n_ctx\",\"is_processing\"]}}"},
    {"tokenizer_info", "{\"type\":\"object\",\"required\":[\"eos_token\"]}"},
    {"balance", "{\"type\":\"object\",\"required\":[\"is_available\",\"balance_infos\"]}"},
    {"llama_reply", "{\"type\":[\"object\",\"array\"]}"},
    {"tokens",
     "{\"type\":\"object\",\"required\":[\"tokens\",\"count\"],\"properties\":{\"tokens\":{\"type\":\"array\"}}}"},
    {"text", "{\"type\":\"object\",\"required\":[\"content\",\"prompt\"]}"},
    {"rendered", "{\"type\":\"object\",\"required\":[\"prompt\"],\"properties\":{\"prompt\":{\"type\":\"string\"}}}"},
};

/* ---- requests ---- */

static void fields_schema(struct jw *w, const char *key, const struct api_field *fields, bool nullable);

static void type_member(struct jw *w, const struct api_field *f)
{
    static const char *const names[] = {[FIELD_BOOL] = "boolean", [FIELD_INT] = "integer", [FIELD_INT32] = "integer",
                                        [FIELD_REAL] = "number",  [FIELD_TEXT] = "string", [FIELD_OBJECT] = "object"};
    jw_open(w, "type", '[');
    jw_str(w, NULL, names[f->type]);
    if (!f->needed) jw_str(w, NULL, "null");
    jw_close(w, ']');
}

/* A bound that JSON readers take as an integer where it is one. */
static void bound(struct jw *w, const char *key, double v)
{
    if (v == floor(v) && fabs(v) < 1e15) jw_int(w, key, (int64_t)v);
    else if (fabs(v) < 1e15) jw_real(w, key, v);
}

static void field_schema(struct jw *w, const struct api_field *f)
{
    if (f->sub) {
        fields_schema(w, f->name, f->sub, !f->needed);
        return;
    }
    jw_open(w, f->name, '{');
    if (f->note && *f->note) jw_str(w, "description", f->note);
    if (f->fate == FIELD_REFUSED) {
        jw_lit(w, "enum", "[null,false,\"\",[],{}]");
    } else if (f->schema && f->needed) {
        jw_open(w, "allOf", '[');
        jw_lit(w, NULL, f->schema);
        jw_close(w, ']');
    } else if (f->schema) {
        jw_open(w, "anyOf", '[');
        jw_lit(w, NULL, f->schema);
        jw_lit(w, NULL, "{\"type\":\"null\"}");
        jw_close(w, ']');
    } else if (f->type == FIELD_WORD) {
        jw_open(w, "enum", '[');
        for (int i = 0; f->words[i]; i++) jw_str(w, NULL, f->words[i]);
        if (!f->needed) jw_null(w, NULL);
        jw_close(w, ']');
    } else if (f->type != FIELD_ANY) {
        type_member(w, f);
        if (f->type == FIELD_INT || f->type == FIELD_INT32 || f->type == FIELD_REAL) {
            bound(w, "minimum", f->lo);
            bound(w, "maximum", f->hi);
        }
    }
    jw_close(w, '}');
}

static void fields_schema(struct jw *w, const char *key, const struct api_field *fields, bool nullable)
{
    bool needs = false;
    jw_open(w, key, '{');
    jw_open(w, "type", '[');
    jw_str(w, NULL, "object");
    if (nullable) jw_str(w, NULL, "null");
    jw_close(w, ']');
    jw_open(w, "properties", '{');
    for (const struct api_field *f = fields; f->name; f++) {
        field_schema(w, f);
        needs |= f->needed;
    }
    jw_close(w, '}');
    if (needs) {
        jw_open(w, "required", '[');
        for (const struct api_field *f = fields; f->name; f++)
            if (f->needed) jw_str(w, NULL, f->name);
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

/* ---- routes ---- */

static void content(struct jw *w, const char *type, const char *schema)
{
    char ref[100];
    jw_open(w, type, '{');
    jw_open(w, "schema", '{');
    snprintf(ref, sizeof ref, "#/components/schemas/%s", schema ? schema : "");
    if (schema) jw_str(w, "$ref", ref);
    jw_close(w, '}');
    jw_close(w, '}');
}

static void replies(struct jw *w, const struct api_route *r)
{
    static const char *const errors[] = {"error_openai", "error_anthropic", "error_ollama",
                                         "error_llama"}; /* enum api_dialect */
    const struct api_answer a = {.dialect = r->dialect};
    int told[API_FAULTS], n = 0;
    jw_open(w, "responses", '{');
    jw_open(w, "200", '{');
    jw_str(w, "description", "the reply");
    if (r->reply || r->voice) jw_open(w, "content", '{');
    if (r->reply) content(w, "application/json", r->reply);
    if (r->voice && r->voice->stream_type) content(w, r->voice->stream_type, NULL);
    if (r->reply || r->voice) jw_close(w, '}');
    jw_close(w, '}');
    for (int k = 0; k < API_FAULTS; k++) {
        int status = api_fault_status(&a, (enum api_fault_kind)k), i = 0;
        char key[16];
        while (i < n && told[i] != status) i++;
        if (i < n) continue;
        told[n++] = status;
        snprintf(key, sizeof key, "%d", status);
        jw_open(w, key, '{');
        jw_str(w, "description", "an error");
        jw_open(w, "content", '{');
        content(w, "application/json", errors[r->dialect]);
        jw_close(w, '}');
        jw_close(w, '}');
    }
    jw_close(w, '}');
}

static void operation(struct jw *w, const struct api_route *r, size_t i)
{
    char method[8] = "", id[32];
    for (size_t k = 0; r->method[k] && k < sizeof method - 1; k++) method[k] = (char)(r->method[k] | 0x20);
    snprintf(id, sizeof id, "route_%zu", i);
    jw_open(w, method, '{');
    jw_str(w, "operationId", id);
    jw_str(w, "summary", r->what);
    if (strchr(r->path, '{'))
        jw_lit(w, "parameters",
               "[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}]");
    if (r->fields) {
        jw_open(w, "requestBody", '{');
        jw_bool(w, "required", true);
        jw_open(w, "content", '{');
        jw_open(w, "application/json", '{');
        fields_schema(w, "schema", r->fields, false);
        jw_close(w, '}');
        jw_close(w, '}');
        jw_close(w, '}');
    }
    replies(w, r);
    jw_close(w, '}');
}

void api_openapi(const struct api_env *env, struct buf *out)
{
    struct jw w = {.b = out};
    size_t n;
    const struct api_route *r = api_routes(&n);
    jw_open(&w, NULL, '{');
    jw_str(&w, "openapi", "3.1.0");
    jw_open(&w, "info", '{');
    jw_str(&w, "title", "autarky");
    jw_str(&w, "version", env->version);
    jw_close(&w, '}');
    jw_open(&w, "paths", '{');
    for (size_t i = 0; i < n; i++) {
        char path[128];
        bool first = true;
        for (size_t k = 0; k < i; k++) first &= strcmp(r[k].path, r[i].path) != 0;
        if (!first) continue;
        snprintf(path, sizeof path, "%s%s", r[i].prefixes ? "/v1" : "", r[i].path);
        jw_open(&w, path, '{');
        for (size_t k = i; k < n; k++)
            if (!strcmp(r[k].path, r[i].path)) operation(&w, &r[k], k);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    jw_open(&w, "components", '{');
    jw_open(&w, "schemas", '{');
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) jw_lit(&w, schemas[i].name, schemas[i].schema);
    jw_close(&w, '}');
    jw_open(&w, "securitySchemes", '{');
    jw_lit(&w, "bearer", "{\"type\":\"http\",\"scheme\":\"bearer\"}");
    jw_close(&w, '}');
    jw_close(&w, '}');
    jw_close(&w, '}');
}

/* ---- documents ---- */

static void value_text(struct buf *out, const struct api_field *f)
{
    static const char *const names[] = {
        [FIELD_ANY] = "",        [FIELD_BOOL] = "true, false", [FIELD_INT] = "integer", [FIELD_INT32] = "integer",
        [FIELD_REAL] = "number", [FIELD_TEXT] = "text",        [FIELD_WORD] = "",       [FIELD_OBJECT] = "object"};
    buf_add_str(out, names[f->type]);
    if (f->type == FIELD_WORD)
        for (int i = 0; f->words[i]; i++) buf_printf(out, "%s%s", i ? ", " : "", f->words[i]);
    if (f->type != FIELD_INT && f->type != FIELD_INT32 && f->type != FIELD_REAL) return;
    if (f->hi < 2147483647.0) buf_printf(out, " %g to %g", f->lo, f->hi);
    else if (f->lo > -1e15) buf_printf(out, " from %g", f->lo);
}

static void describe_fields(struct buf *out, const struct api_field *fields, const char *before)
{
    static const char *const fates[] = {"", "ignored", "refused"}; /* enum api_fate */
    for (const struct api_field *f = fields; f->name; f++) {
        char name[100];
        snprintf(name, sizeof name, "%s%s", before, f->name);
        buf_printf(out, "| `%s`%s | ", name, f->needed ? " (needed)" : "");
        value_text(out, f);
        buf_printf(out, "%s%s | %s |\n", *fates[f->fate] && f->type != FIELD_ANY ? ", " : "", fates[f->fate],
                   f->note ? f->note : "");
        if (f->sub && strlen(name) < 60) {
            char inner[110];
            snprintf(inner, sizeof inner, "%s.", name);
            describe_fields(out, f->sub, inner);
        }
    }
}

void api_describe(struct buf *out)
{
    size_t n;
    const struct api_route *r = api_routes(&n);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "### %s %s%s\n\n%s.\n", r[i].method, r[i].prefixes ? "/v1" : "", r[i].path, r[i].what);
        bool told = false;
        for (size_t k = 0; k < i && !told; k++) {
            told = r[i].fields && r[k].fields == r[i].fields;
            if (told)
                buf_printf(out, "The body is that of %s %s%s.\n", r[k].method, r[k].prefixes ? "/v1" : "", r[k].path);
        }
        if (r[i].fields && !told) {
            buf_add_str(out, "\n| field | value | |\n|---|---|---|\n");
            describe_fields(out, r[i].fields, "");
        }
        buf_add_byte(out, '\n');
    }
}
