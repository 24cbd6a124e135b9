/* Requests of Ollama's clients: chat, generate, embed. */
#include "api/ollama.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "api/ask.h"
#include "api/embed.h"
#include "api/messages.h"
#include "base/checked.h"

/* ---- members ---- */

static int read_messages(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    if (json_is_array(v) && json_array_size(v) == 0) return OK; /* loads the model */
    return api_read_messages(a, f, v);
}

static int read_format(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    const char *s = json_string_value(v);
    (void)f;
    if (json_is_object(v)) return json_object_size(v) ? api_schema(a, v) : OK;
    if (!s) return api_bad(a, "is %s, expected \"json\" or a JSON schema", api_type_name(v));
    if (!*s) return OK;
    if (strcmp(s, "json") != 0) return api_bad(a, "is \"%.40s\", expected \"json\" or a JSON schema", s);
    a->work->base.shape = TURN_JSON;
    return OK;
}

static int read_think(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct chat_request *q = &a->work->base.chat;
    const char *s = json_string_value(v);
    bool known = false;
    (void)f;
    if (json_is_boolean(v)) {
        q->thinking = json_is_true(v) ? CHAT_THINK_ON : CHAT_THINK_OFF;
        return OK;
    }
    if (s) q->thinking = CHAT_THINK_ON;
    if (s) TRY(api_effort(a, s, &known));
    return known ? OK
                 : api_bad(a, "is %s, expected true, false, low, medium, high or max",
                           s ? "another word" : api_type_name(v));
}

/* "1h30m", "300ms", "-1", "5" (seconds). */
static bool read_duration(const char *s, double *seconds)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    double sum = 0, sign = *s == '-' ? -1 : 1;
    if (*s == '-' || *s == '+') s++;
    if (!*s) return false;
    while (*s) {
        char *end;
        if ((*s < '0' || *s > '9') && *s != '.') return false;
        double n = strtod(s, &end);
        size_t i = 0, len = strspn(end, "nsumh");
        if (end == s) return false;
        while (i < ARRAY_LEN(units) && (strlen(units[i].name) != len || memcmp(units[i].name, end, len) != 0)) i++;
        if (i == ARRAY_LEN(units) && (len || *end)) return false;
        sum += n * (i < ARRAY_LEN(units) ? units[i].seconds : 1);
        s = end + len;
    }
    *seconds = sign * sum;
    return isfinite(sum);
}

int ollama_read_keep_alive(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    double seconds = json_number_value(v);
    (void)f;
    bool good = json_is_number(v) || (json_is_string(v) && read_duration(json_string_value(v), &seconds));
    if (!good || !isfinite(seconds))
        return api_bad(a, "is %s, expected seconds, or a duration like \"5m\"", api_type_name(v));
    a->keep_alive_set = true;
    a->keep_alive_s = seconds < 0 ? -1 : seconds > 1e9 ? -1 : seconds > 0 && seconds < 1 ? 1 : (int64_t)seconds;
    return OK;
}

static int read_raw(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    a->work->base.raw_special = a->work->wish.raw = json_is_true(v);
    return OK;
}

static int read_predict(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f, (void)v;
    if (a->work->base.max_tokens < 0) a->work->base.max_tokens = -1;
    return OK;
}

static const struct api_field option_fields[] = {
    ROW_INT("num_ctx", WISH_AT(num_ctx), 0, API_BIG,
            "a longer context than the model is served with is told in x-autarky-clamped"),
    {.name = "num_predict",
     .type = FIELD_INT,
     TURN_AT(max_tokens),
     .lo = -2,
     .hi = API_BIG,
     .read = read_predict,
     .note = "-1 and -2: until the context is full"},
    {.name = "seed", .type = FIELD_INT, TURN_AT(sampling.seed), .lo = -0x1p63, .hi = 0x1p63, .read = api_read_seed},
    ROW_REAL("temperature", TURN_AT(sampling.temperature), 0, 10, ""),
    {.name = "top_k", .type = FIELD_INT, TURN_AT(sampling.top_k), .lo = -1, .hi = API_BIG, .read = api_read_top_k},
    ROW_REAL("top_p", TURN_AT(sampling.top_p), 0, 1, ""),
    ROW_REAL("min_p", TURN_AT(sampling.min_p), 0, 1, ""),
    ROW_INT("repeat_last_n", TURN_AT(sampling.repeat_window), -1, API_BIG, ""),
    ROW_REAL("repeat_penalty", TURN_AT(sampling.repeat), 0.01, 10, ""),
    ROW_REAL("presence_penalty", TURN_AT(sampling.presence), -2, 2, ""),
    ROW_REAL("frequency_penalty", TURN_AT(sampling.frequency), -2, 2, ""),
    ROW_READ("stop", api_read_stop, API_SCHEMA_STOP, "up to 16"),
    ROW_IGNORED("num_keep", ""),
    ROW_IGNORED("typical_p", ""),
    ROW_IGNORED("tfs_z", ""),
    ROW_IGNORED("mirostat", ""),
    ROW_IGNORED("mirostat_tau", ""),
    ROW_IGNORED("mirostat_eta", ""),
    ROW_IGNORED("penalize_newline", ""),
    ROW_IGNORED("num_batch", "the server decides"),
    ROW_IGNORED("num_gpu", "the server decides"),
    ROW_IGNORED("main_gpu", "the server decides"),
    ROW_IGNORED("low_vram", ""),
    ROW_IGNORED("use_mmap", "the server decides"),
    ROW_IGNORED("use_mlock", "the server decides"),
    ROW_IGNORED("num_thread", "the server decides"),
    ROW_IGNORED("numa", ""),
    ROW_IGNORED("draft_num_predict", ""),
    ROW_END,
};

#define KEEP_ALIVE_ROW                                                                                                 \
    ROW_READ(                                                                                                          \
        "keep_alive", ollama_read_keep_alive,                                                                          \
        "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\",\"pattern\":\"^-?[0-9]{1,9}(ns|us|ms|s|m|h)?$\"}]}",   \
        "how long the model stays: seconds, or \"5m\"; 0 unloads, below 0 is for ever")
#define ROWS_ANSWER                                                                                                    \
    ROW_READ("format", read_format, "{\"anyOf\":[{\"enum\":[\"\",\"json\"]},{\"type\":\"object\"}]}",                  \
             "\"json\", or a JSON schema"),                                                                            \
        ROW_SUB("options", option_fields, ""),                                                                         \
        ROW_READ("think", read_think, "{\"enum\":[true,false,\"low\",\"medium\",\"high\",\"max\"]}",                   \
                 "true, false, low, medium, high, max"),                                                               \
        KEEP_ALIVE_ROW, ROW_BOOL("stream", WISH_AT(stream), "true unless said"),                                       \
        ROW_BOOL("truncate", TURN_AT(truncate), "false unless said, unlike Ollama: what does not fit is an error"),    \
        ROW_IGNORED("shift", ""), ROW_BOOL("logprobs", TURN_AT(want_logprobs), ""),                                    \
    {                                                                                                                  \
        .name = "top_logprobs", .type = FIELD_INT32, TURN_AT(top_logprobs), .lo = 0, .hi = 20, .note = ""              \
    }

const struct api_field ollama_chat_fields[] = {
    {.name = "model",
     .needed = true,
     .read = api_read_model,
     .schema = API_SCHEMA_STRING,
     .note = "with or without :latest"},
    ROW_READ("messages", read_messages,
             "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/chat_message\"}}",
             "none: the model is loaded"),
    ROW_READ("tools", api_read_tools, "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/chat_tool\"}}",
             ""),
    ROWS_ANSWER,
    ROW_END,
};

const struct api_field ollama_generate_fields[] = {
    {.name = "model", .needed = true, .read = api_read_model, .schema = API_SCHEMA_NAME},
    ROW_TEXT("prompt", TURN_AT(prompt), "none: the model is loaded"),
    ROW_TEXT("suffix", TURN_AT(suffix), "what stands behind the gap"),
    ROW_TEXT("system", WISH_AT(system), ""),
    {.name = "raw",
     .type = FIELD_BOOL,
     .read = read_raw,
     .note = "the prompt is given to the model as it is, markers too"},
    ROW_READ("context", ollama_read_context, "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
             "what the answer before gave: the conversation goes on; numbers of others are ignored"),
    ROWS_ANSWER,
    ROW_IGNORED("template", "the model's own is used"),
    ROW_REFUSED("images", "this server reads text only"),
    ROW_END,
};

/* ---- beginnings ---- */

static int choose(struct api_answer *a)
{
    struct api_work *w = a->work;
    TRY(api_choose_model(a, w->wish.model));
    if (w->wish.num_ctx > w->n_ctx && w->n_ctx > 0) {
        size_t was = api_enter(a, "options.num_ctx");
        TRY(api_clamped(a, (double)w->n_ctx));
        api_leave(a, was);
    }
    return OK;
}

/* Nothing is asked: the model is loaded, or with keep_alive 0 unloaded. */
static int load(struct api_answer *a)
{
    a->task = a->keep_alive_set && a->keep_alive_s == 0 ? API_UNLOAD : API_LOAD;
    a->stream = false;
    return OK;
}

int ollama_chat_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    TRY(choose(a));
    if (a->work->base.chat.n_msgs == 0) return load(a);
    return api_turns(a, 1);
}

int ollama_generate_begin(struct api_answer *a, struct buf *out)
{
    struct api_work *w = a->work;
    struct turn *t = &w->base;
    struct api_messages list = w->before;
    (void)out;
    TRY(choose(a));
    if (t->prompt.len == 0 && t->suffix.len == 0) return load(a);
    t->kind = TURN_TEXT;
    t->special = true;
    if (w->wish.raw || t->suffix.len) return api_turns(a, 1);
    t->kind = TURN_CHAT;
    w->wish.sees_context = true;
    if (w->wish.system.len) {
        struct api_messages all = {0};
        struct chat_msg *m = api_message(a, &all, CHAT_SYSTEM);
        if (!m) return ERR_MEMORY;
        TRY(api_message_text(a, m, w->wish.system.s, w->wish.system.len, false));
        for (size_t i = 0; i < list.n; i++) {
            m = api_message(a, &all, list.v[i].role);
            if (!m) return ERR_MEMORY;
            *m = list.v[i];
        }
        list = all;
    }
    struct chat_msg *m = api_message(a, &list, CHAT_USER);
    if (!m) return ERR_MEMORY;
    TRY(api_message_text(a, m, t->prompt.s, t->prompt.len, false));
    TRY(api_messages_give(a, &list, false));
    t->prompt = (struct turn_text){0};
    return api_turns(a, 1);
}

const struct api_field ollama_embed_fields[] = {
    {.name = "model", .needed = true, .read = api_read_model, .schema = API_SCHEMA_NAME},
    {.name = "input", .needed = true, .read = api_read_prompts, .schema = API_SCHEMA_TEXTS, .note = "a text or texts"},
    ROW_SUB("options", option_fields, ""),
    KEEP_ALIVE_ROW,
    ROW_BOOL("truncate", TURN_AT(truncate), "false unless said"),
    ROW_INT("dimensions", WISH_AT(dimensions), 1, 1000000, ""),
    ROW_END,
};

const struct api_field ollama_embedding_fields[] = {
    {.name = "model", .needed = true, .read = api_read_model, .schema = API_SCHEMA_NAME},
    {.name = "prompt", .needed = true, .read = api_read_prompts, .schema = API_SCHEMA_STRING},
    ROW_SUB("options", option_fields, ""),
    KEEP_ALIVE_ROW,
    ROW_END,
};

int ollama_embed_begin(struct api_answer *a, struct buf *out)
{
    TRY(choose(a));
    a->work->wish.stream = false;
    return api_embed_turns(a, out);
}
