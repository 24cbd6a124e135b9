/* Requests of llama-server's clients. */
#include "api/llama.h"
#include <string.h>
#include "api/ask.h"
#include "api/embed.h"
#include "base/checked.h"

static int read_probs(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f, (void)v;
    a->work->base.want_logprobs = a->work->base.top_logprobs > 0;
    return OK;
}

#define ROWS_GENERATION                                                                                                \
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, ""),                                                            \
        ROW_INT("n_predict", TURN_AT(max_tokens), -1, API_BIG, "-1 or none: until the context is full"),               \
        ROW_INT("max_tokens", TURN_AT(max_tokens), -1, API_BIG, "as n_predict"),                                       \
        ROW_BOOL("stream", WISH_AT(stream), ""),                                                                       \
        {.name = "n_probs",                                                                                            \
         .type = FIELD_INT32,                                                                                          \
         TURN_AT(top_logprobs),                                                                                        \
         .lo = 0,                                                                                                      \
         .hi = 20,                                                                                                     \
         .read = read_probs,                                                                                           \
         .note = "alternatives of every token"},                                                                       \
        ROW_BOOL("return_tokens", WISH_AT(return_tokens), "the ids"),                                                  \
        ROW_BOOL("return_progress", TURN_AT(want_progress), ""), API_ROWS_SAMPLING,                                    \
        ROW_IGNORED("t_max_predict_ms", ""), ROW_IGNORED("t_max_prompt_ms", ""), ROW_IGNORED("n_indent", ""),          \
        ROW_IGNORED("n_keep", "nothing is cut off"), ROW_IGNORED("n_discard", "nothing is cut off"),                   \
        ROW_IGNORED("min_keep", ""), ROW_IGNORED("timings_per_token", ""), ROW_IGNORED("response_fields", ""),         \
        ROW_IGNORED("post_sampling_probs", ""), ROW_IGNORED("lora", "")

const struct api_field llama_completion_fields[] = {
    {.name = "prompt",
     .needed = true,
     .read = api_read_prompts,
     .schema = API_SCHEMA_TEXTS,
     .note = "a text, texts, token ids, or lists of them; spellings of control tokens are control tokens"},
    ROWS_GENERATION,
    ROW_END,
};

static int generation(struct api_answer *a)
{
    struct turn *t = &a->work->base;
    t->kind = TURN_TEXT;
    t->special = t->raw_special = true;
    t->want_ids = a->work->wish.return_tokens;
    return api_choose_model(a, a->work->wish.model);
}

int llama_completion_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    TRY(generation(a));
    return api_prompt_turns(a);
}

/* ---- filling in ---- */

/* Texts of other files come before, as llama-server puts them for models without tokens of their own for it. */
static int read_extra(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct buf b = {0};
    size_t i;
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of files"));
    json_array_foreach(v, i, one)
    {
        const json_t *text = json_object_get(one, "text");
        if (!json_is_string(text)) break;
        buf_add_str(&b, "\n\n--- snippet ---\n\n");
        buf_add(&b, json_string_value(text), json_string_length(text));
    }
    bool all = i == json_array_size(v);
    if (b.len) buf_add_byte(&b, '\n');
    char *text = all && !b.failed ? turn_mem_text(&a->work->mem, b.data ? b.data : "", b.len) : NULL;
    a->work->wish.extra = (struct turn_text){text, b.len};
    buf_free(&b);
    if (!all) return api_bad(a, "[%zu] has no text, a string", i);
    return text ? OK : api_no_memory(a);
}

const struct api_field llama_infill_fields[] = {
    ROW_TEXT("input_prefix", WISH_AT(input_prefix), "what stands before the gap"),
    ROW_TEXT("input_suffix", TURN_AT(suffix), "what stands behind it"),
    ROW_READ("input_extra", read_extra, "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"text\"]}}",
             "other files: {\"filename\", \"text\"}"),
    ROW_TEXT("prompt", TURN_AT(prompt), "the beginning of what fills the gap"),
    ROWS_GENERATION,
    ROW_END,
};

int llama_infill_begin(struct api_answer *a, struct buf *out)
{
    struct api_work *w = a->work;
    const struct turn_text parts[] = {w->wish.extra, w->wish.input_prefix, w->base.prompt};
    size_t len = 0;
    (void)out;
    TRY(generation(a));
    w->base.raw_special = false; /* these are texts of files */
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!add_size(len, parts[i].len, &len)) return api_no_memory(a);
    char *text = len < SIZE_MAX ? api_new(a, len + 1, 1) : NULL;
    if (!text) return api_no_memory(a);
    w->base.prompt = (struct turn_text){text, len};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len) memcpy(text, parts[i].s, parts[i].len);
        text += parts[i].len;
    }
    return api_turns(a, (size_t)w->wish.n);
}

/* ---- tokens ---- */

static int read_special(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    a->work->base.raw_special = json_is_true(v);
    return OK;
}

const struct api_field llama_tokenize_fields[] = {
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, ""),
    ROW_TEXT("content", TURN_AT(prompt), "llama-server's word for prompt"),
    ROW_TEXT("prompt", TURN_AT(prompt), "vLLM's"),
    ROW_BOOL("add_special", TURN_AT(special), "llama-server: false unless said"),
    ROW_BOOL("add_special_tokens", TURN_AT(special), "vLLM: true unless said"),
    {.name = "parse_special",
     .type = FIELD_BOOL,
     .read = read_special,
     .note = "true unless said: spellings of control tokens are control tokens"},
    ROW_BOOL("with_pieces", WISH_AT(pieces), "llama-server: tokens as {\"id\", \"piece\"}"),
    ROW_REFUSED("messages", "POST /apply-template gives the text of a conversation"),
    ROW_END,
};

int llama_tokenize_begin(struct api_answer *a, struct buf *out)
{
    struct turn *t = &a->work->base;
    (void)out;
    t->kind = TURN_TOKENIZE;
    t->want_ids = a->work->wish.pieces;
    if (!api_given(a, "content") && !api_given(a, "prompt")) return api_bad(a, "content is missing (vLLM: prompt)");
    if (!api_given(a, "parse_special")) t->raw_special = true;
    if (api_given(a, "prompt") && !api_given(a, "add_special_tokens") && !api_given(a, "add_special"))
        t->special = true;
    TRY(api_choose_model(a, a->work->wish.model));
    return api_turns(a, 1);
}

static int read_tokens(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of token ids"));
    return api_ids(a, v, &t->prompt_ids, &t->n_prompt_ids);
}

const struct api_field llama_detokenize_fields[] = {
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, ""),
    {.name = "tokens",
     .needed = true,
     .read = read_tokens,
     .schema = "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0}}"},
    ROW_END,
};

int llama_detokenize_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    a->work->base.kind = TURN_DETOKENIZE;
    TRY(api_choose_model(a, a->work->wish.model));
    return api_turns(a, 1);
}

/* ---- conversations without an answer ---- */

static int without_answer(struct api_answer *a, enum turn_kind kind)
{
    a->work->base.kind = kind;
    a->work->wish.stream = false;
    TRY(api_choose_model(a, a->work->wish.model));
    return api_turns(a, 1);
}

int llama_render_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    return without_answer(a, TURN_RENDER);
}

int llama_count_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    return without_answer(a, TURN_COUNT);
}

/* ---- "answer now" ---- */

static const char *const actions[] = {"reasoning_end", NULL};
const struct api_field llama_control_fields[] = {
    {.name = "id", .needed = true, .type = FIELD_TEXT, WISH_AT(name), .hi = 64, .note = "of the answer under way"},
    {.name = "action",
     .needed = true,
     .type = FIELD_WORD,
     .words = actions,
     .note = "reasoning_end: the thinking is closed, the answer begins"},
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, ""),
    ROW_END,
};

int llama_control(struct api_answer *a, struct buf *out)
{
    struct turn_text id = a->work->wish.name;
    (void)out;
    for (size_t i = 0; i < id.len; i++) { /* "chatcmpl-0123...": the digits count */
        if (id.s[i] != '-' && id.s[i] != '_') continue;
        id = (struct turn_text){id.s + i + 1, id.len - i - 1};
        i = (size_t)-1;
    }
    a->name = turn_mem_text(&a->work->mem, id.s, id.len);
    a->task = API_HURRY;
    return a->name ? OK : api_no_memory(a);
}
