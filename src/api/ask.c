/* Readers that several dialects share. */
#include "api/ask.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"

enum { MOST_STOPS = 16, MOST_STOP_BYTES = 1024, MOST_BIAS = 1024, MOST_CHOICES = 256, MOST_USER = 512 };

int api_read_model(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    TRY(api_want(a, v, JSON_STRING, "a string"));
    if (json_string_length(v) > 256) return api_bad(a, "has %zu bytes, expected at most 256", json_string_length(v));
    a->work->wish.model = (struct turn_text){json_string_value(v), json_string_length(v)};
    return OK;
}

int api_read_user(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    TRY(api_want(a, v, JSON_STRING, "a string"));
    if (json_string_length(v) > MOST_USER)
        return api_bad(a, "has %zu bytes, expected at most %d", json_string_length(v), MOST_USER);
    a->work->base.user = (struct turn_text){json_string_value(v), json_string_length(v)};
    return OK;
}

int api_read_seed(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    int64_t seed;
    if (!api_whole(v, INT64_MIN, INT64_MAX, &seed)) return api_bad(a, "does not fit 64 bits");
    a->work->base.sampling.seeded = seed != -1; /* llama-server: -1 is "any" */
    return OK;
}

int api_read_top_k(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn_sampling *s = &a->work->base.sampling;
    (void)f, (void)v;
    if (s->top_k < 0) s->top_k = 0;
    return OK;
}

int api_read_cache_prompt(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    if (!json_is_boolean(v)) return api_bad(a, "is %s, expected true or false", api_type_name(v));
    a->work->base.no_cache = !json_is_true(v);
    return OK;
}

int api_read_best_of(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f, (void)v;
    return a->work->wish.best_of > 1 ? api_ignored(a) : OK;
}

/* ---- where an answer stops ---- */

static int add_stop(struct api_answer *a, const json_t *v)
{
    struct turn *t = &a->work->base;
    TRY(api_want(a, v, JSON_STRING, "a string"));
    size_t len = json_string_length(v);
    if (len > MOST_STOP_BYTES) return api_bad(a, "has %zu bytes, expected at most %d", len, MOST_STOP_BYTES);
    if (len == 0) return api_ignored(a); /* it would stop everything */
    t->stops[t->n_stops++] = (struct turn_text){json_string_value(v), len};
    return OK;
}

int api_read_stop(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    size_t i, n = json_is_array(v) ? json_array_size(v) : 1;
    json_t *one;
    (void)f;
    if (!json_is_string(v) && !json_is_array(v))
        return api_bad(a, "is %s, expected a string or a list of strings", api_type_name(v));
    if (n > MOST_STOPS) return api_bad(a, "has %zu strings, expected at most %d", n, MOST_STOPS);
    t->n_stops = 0;
    t->stops = api_new(a, n, sizeof *t->stops);
    if (!t->stops) return api_no_memory(a);
    if (json_is_string(v)) return add_stop(a, v);
    json_array_foreach(v, i, one)
    {
        size_t was = api_enter_at(a, NULL, i);
        TRY(add_stop(a, one));
        api_leave(a, was);
    }
    return OK;
}

int api_read_stop_ids(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    size_t i, n = json_array_size(v);
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of token ids"));
    if (n > MOST_STOPS) return api_bad(a, "has %zu ids, expected at most %d", n, MOST_STOPS);
    t->stop_ids = api_new(a, n, sizeof *t->stop_ids);
    if (!t->stop_ids) return api_no_memory(a);
    json_array_foreach(v, i, one)
    {
        int64_t id;
        if (!api_whole(one, 0, INT32_MAX, &id)) return api_bad(a, "[%zu] is no token id", i);
        t->stop_ids[t->n_stop_ids++] = (int32_t)id;
    }
    return OK;
}

static int add_bias(struct api_answer *a, const char *key, const json_t *value)
{
    struct turn *t = &a->work->base;
    char *end;
    long long id = strtoll(key, &end, 10);
    double d = json_is_false(value) ? -100 : json_number_value(value); /* llama-server: false is "never" */
    if (end == key || *end || id < 0 || id > INT32_MAX) return api_bad(a, "\"%.40s\" is no token id", key);
    if (!json_is_number(value) && !json_is_false(value))
        return api_bad(a, "of %lld is %s, expected a number", id, api_type_name(value));
    if (!(d >= -100 && d <= 100)) return api_bad(a, "of %lld is %g, expected -100 to 100", id, d);
    t->bias[t->n_bias++] = (struct turn_bias){(int32_t)id, (float)d};
    return OK;
}

int api_read_bias(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    bool list = json_is_array(v);
    size_t i, n = list ? json_array_size(v) : json_object_size(v);
    const char *key;
    json_t *one;
    (void)f;
    if (!list && !json_is_object(v)) return api_bad(a, "is %s, expected an object of token ids", api_type_name(v));
    if (n > MOST_BIAS) return api_bad(a, "has %zu tokens, expected at most %d", n, MOST_BIAS);
    t->n_bias = 0;
    t->bias = api_new(a, n, sizeof *t->bias);
    if (!t->bias) return api_no_memory(a);
    if (!list) {
        json_object_foreach((json_t *)(uintptr_t)v, key, one) TRY(add_bias(a, key, one));
        return OK;
    }
    json_array_foreach(v, i, one) /* llama-server's: [[id, bias], ...] */
    {
        char text[32];
        const json_t *id = json_array_get(one, 0);
        if (!json_is_integer(id)) return api_bad(a, "[%zu] is no pair of a token id and a number", i);
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(id));
        TRY(add_bias(a, text, json_array_get(one, 1)));
    }
    return OK;
}

/* ---- the shape of an answer ---- */

static int shape(struct api_answer *a, enum turn_shape kind, const char *s, size_t len)
{
    struct turn *t = &a->work->base;
    if (t->shape != TURN_FREE) return api_bad(a, "is a second shape of the answer; one can be given");
    t->shape = kind;
    t->shape_text = (struct turn_text){s, len};
    return OK;
}

int api_schema(struct api_answer *a, const json_t *v)
{
    const char *text;
    TRY(api_want(a, v, JSON_OBJECT, "a JSON schema, an object"));
    TRY(api_json_text(a, v, &text));
    a->work->base.chat.schema = text;
    return shape(a, TURN_SCHEMA, text, strlen(text));
}

int api_read_schema(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    if (json_is_string(v)) return shape(a, TURN_SCHEMA, json_string_value(v), json_string_length(v));
    return api_schema(a, v);
}

int api_read_regex(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    TRY(api_want(a, v, JSON_STRING, "a regular expression, a string"));
    return shape(a, TURN_REGEX, json_string_value(v), json_string_length(v));
}

int api_read_grammar(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    TRY(api_want(a, v, JSON_STRING, "a grammar, a string"));
    if (json_string_length(v) == 0) return OK; /* llama-server's clients send it always */
    return shape(a, TURN_GBNF, json_string_value(v), json_string_length(v));
}

int api_read_choices(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct buf b = {0};
    size_t i;
    json_t *one = NULL;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of texts"));
    if (json_array_size(v) == 0 || json_array_size(v) > MOST_CHOICES)
        return api_bad(a, "has %zu texts, expected 1 to %d", json_array_size(v), MOST_CHOICES);
    json_array_foreach(v, i, one)
    {
        if (!json_is_string(one)) break;
        buf_add_str(&b, i ? "|" : "(");
        const char *s = json_string_value(one);
        for (size_t k = 0; k < json_string_length(one); k++) {
            if (s[k] && strchr("\\^$.|?*+()[]{}/-", s[k])) buf_add_byte(&b, '\\');
            buf_add_byte(&b, s[k]);
        }
    }
    buf_add_byte(&b, ')');
    bool whole = i == json_array_size(v);
    char *text = whole && !b.failed ? turn_mem_text(&a->work->mem, b.data, b.len) : NULL;
    size_t len = b.len;
    buf_free(&b);
    if (!whole) return api_bad(a, "[%zu] is %s, expected a string", i, api_type_name(one));
    return text ? shape(a, TURN_REGEX, text, len) : api_no_memory(a);
}

int api_read_format(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    const char *type;
    (void)f;
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    size_t was = api_enter(a, "type");
    TRY(api_text(a, json_object_get(v, "type"), &type));
    const json_t *inner = json_object_get(v, "json_schema"),
                 *schema = json_object_get(json_is_object(inner) ? inner : v, "schema");
    if (!strcmp(type, "text")) {
        api_leave(a, was);
        return OK;
    }
    bool object = !strcmp(type, "json_object");
    if (!object && strcmp(type, "json_schema") != 0)
        return api_bad(a, "is \"%.40s\", expected text, json_object or json_schema", type);
    api_leave(a, was);
    if (object && !schema) return shape(a, TURN_JSON, NULL, 0);
    was = api_enter(a, inner ? "json_schema.schema" : "schema");
    TRY(api_schema(a, schema));
    api_leave(a, was);
    return OK;
}

const struct api_field api_structured_fields[] = {
    ROW_READ("json", api_read_schema, API_SCHEMA_OBJECT, ""),
    ROW_READ("regex", api_read_regex, API_SCHEMA_STRING, ""),
    ROW_READ("grammar", api_read_grammar, API_SCHEMA_STRING, ""),
    ROW_READ("choice", api_read_choices, API_SCHEMA_CHOICES, ""),
    ROW_END,
};

/* ---- thinking ---- */

int api_effort(struct api_answer *a, const char *word, bool *known)
{
    static const struct {
        const char *word;
        enum chat_effort effort;
    } words[] = {{"none", CHAT_EFFORT_DEFAULT}, {"minimal", CHAT_EFFORT_LOW}, {"low", CHAT_EFFORT_LOW},
                 {"medium", CHAT_EFFORT_HIGH},  {"high", CHAT_EFFORT_HIGH},   {"xhigh", CHAT_EFFORT_HIGH},
                 {"max", CHAT_EFFORT_MAX},      {"ultra", CHAT_EFFORT_MAX}};
    struct chat_request *q = &a->work->base.chat;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) != 0) continue;
        q->effort = words[i].effort;
        if (i == 0) q->thinking = CHAT_THINK_OFF;
        *known = true;
        return OK;
    }
    *known = false;
    return OK;
}

int api_read_effort(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    const char *word;
    bool known;
    (void)f;
    TRY(api_text(a, v, &word));
    TRY(api_effort(a, word, &known));
    if (known) return OK;
    return api_bad(a, "is \"%.40s\", expected none, minimal, low, medium, high, xhigh, max or ultra", word);
}

int api_read_thinking(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    const json_t *budget = json_object_get(v, "budget_tokens");
    const char *type;
    (void)f;
    if (json_is_boolean(v)) {
        t->chat.thinking = json_is_true(v) ? CHAT_THINK_ON : CHAT_THINK_OFF;
        return OK;
    }
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    size_t was = api_enter(a, "type");
    TRY(api_text(a, json_object_get(v, "type"), &type));
    if (!strcmp(type, "enabled")) t->chat.thinking = CHAT_THINK_ON;
    else if (!strcmp(type, "disabled")) t->chat.thinking = CHAT_THINK_OFF;
    else if (strcmp(type, "adaptive") != 0)
        return api_bad(a, "is \"%.40s\", expected enabled, disabled or adaptive", type);
    api_leave(a, was);
    if (!budget || json_is_null(budget)) return OK;
    was = api_enter(a, "budget_tokens");
    if (!api_whole(budget, 0, INT32_MAX, &t->max_thinking)) return api_bad(a, "is no integer from 0 to %d", INT32_MAX);
    api_leave(a, was);
    return OK;
}

int api_read_enable_thinking(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    if (!json_is_boolean(v)) return api_bad(a, "is %s, expected true or false", api_type_name(v));
    a->work->base.chat.thinking = json_is_true(v) ? CHAT_THINK_ON : CHAT_THINK_OFF;
    return OK;
}

const char *const api_reasoning_formats[] = {"deepseek", "both", "none", "auto", NULL};

const struct api_field api_template_kwargs[] = {
    ROW_READ("enable_thinking", api_read_enable_thinking, "{\"type\":\"boolean\"}", ""),
    ROW_READ("thinking", api_read_enable_thinking, "{\"type\":\"boolean\"}", ""),
    ROW_READ("reasoning_effort", api_read_effort, API_SCHEMA_EFFORT, ""),
    ROW_END,
};

const struct api_field api_reasoning_fields[] = {
    ROW_READ("effort", api_read_effort, API_SCHEMA_EFFORT, ""),
    ROW_INT("max_tokens", TURN_AT(max_thinking), 0, API_BIG, "tokens of thinking"),
    ROW_IGNORED("summary", "reasoning is told as it is"),
    ROW_IGNORED("generate_summary", ""),
    ROW_END,
};

const struct api_field api_stream_options[] = {
    ROW_BOOL("include_usage", WISH_AT(include_usage), "counts come in a last chunk without choices"),
    ROW_BOOL("continuous_usage_stats", WISH_AT(continuous_usage), "counts in every chunk"),
    ROW_IGNORED("include_obfuscation", ""),
    ROW_END,
};
