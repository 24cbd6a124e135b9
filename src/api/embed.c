/* OpenAI's embeddings, and prompts in all their forms. */
#include "api/embed.h"
#include <math.h>
#include <string.h>
#include "api/ask.h"
#include "api/base64.h"
#include "base/checked.h"
#include "base/mem.h"

enum { MOST_IDS = 1 << 22 };

int api_ids(struct api_answer *a, const json_t *list, const int32_t **ids, size_t *n)
{
    size_t i, len = json_array_size(list);
    json_t *one;
    if (len > MOST_IDS) return api_bad(a, "has %zu ids, expected at most %d", len, MOST_IDS);
    int32_t *to = api_new(a, len, sizeof *to);
    if (!to) return api_no_memory(a);
    json_array_foreach(list, i, one)
    {
        int64_t id;
        if (!api_whole(one, 0, INT32_MAX, &id)) return api_bad(a, "[%zu] is no token id", i);
        to[i] = (int32_t)id;
    }
    *ids = to;
    *n = len;
    return OK;
}

static int read_prompt(struct api_answer *a, const json_t *v, struct api_prompt *p)
{
    if (json_is_string(v)) {
        p->text = (struct turn_text){json_string_value(v), json_string_length(v)};
        return OK;
    }
    if (!json_is_array(v)) return api_bad(a, "is %s, expected a string or token ids", api_type_name(v));
    if (json_array_size(v) == 0) return api_bad(a, "has no token");
    return api_ids(a, v, &p->ids, &p->n_ids);
}

int api_read_prompts(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct api_work *w = a->work;
    const json_t *first = json_array_get(v, 0);
    bool list = json_is_array(v) && !json_is_number(first);
    size_t i, n = list ? json_array_size(v) : 1;
    json_t *one;
    (void)f;
    if (n == 0 || n > API_MOST_TURNS) return api_bad(a, "has %zu prompts, expected 1 to %d", n, API_MOST_TURNS);
    w->prompts = api_new(a, n, sizeof *w->prompts);
    if (!w->prompts) return api_no_memory(a);
    w->n_prompts = n;
    if (!list) return read_prompt(a, v, w->prompts);
    json_array_foreach(v, i, one)
    {
        size_t was = api_enter_at(a, NULL, i);
        TRY(read_prompt(a, one, &w->prompts[i]));
        api_leave(a, was);
    }
    return OK;
}

int api_prompt_turns(struct api_answer *a)
{
    struct api_work *w = a->work;
    size_t each = (size_t)w->wish.n, n;
    if (!mul_size(w->n_prompts, each, &n)) return api_no_memory(a);
    TRY(api_turns(a, n));
    for (size_t i = 0; i < n; i++) {
        const struct api_prompt *p = &w->prompts[i / each];
        a->turn[i].prompt = p->text;
        a->turn[i].prompt_ids = p->ids;
        a->turn[i].n_prompt_ids = p->n_ids;
    }
    return OK;
}

int api_embed_turns(struct api_answer *a, struct buf *out)
{
    (void)out;
    a->work->base.kind = TURN_EMBED;
    a->work->base.special = true;
    return api_prompt_turns(a);
}

/* ---- vectors ---- */

/* The numbers, of which dimensions many are kept; the caller frees. */
static float *numbers(struct api_answer *a, const struct api_choice *c, size_t *n)
{
    size_t all = c->vector.len / sizeof(float), most = (size_t)a->work->wish.dimensions;
    *n = most && most < all ? most : all;
    float *v = mem_array(*n, sizeof *v);
    if (!v) return NULL;
    if (*n) memcpy(v, c->vector.data, *n * sizeof *v);
    double sum = 0;
    for (size_t i = 0; i < *n; i++) sum += (double)v[i] * v[i];
    for (size_t i = 0; *n < all && sum > 0 && i < *n; i++) v[i] = (float)(v[i] / sqrt(sum));
    return v;
}

void api_vector(struct api_answer *a, struct jw *w, const char *key, const struct api_choice *c)
{
    size_t n;
    float *v = numbers(a, c, &n);
    jw_open(w, key, '[');
    for (size_t i = 0; v && i < n; i++) jw_float(w, NULL, v[i]);
    jw_close(w, ']');
    w->b->failed |= !v;
    mem_free(v);
}

/* Little-endian floats: both official clients ask for it. */
static void vector_base64(struct api_answer *a, struct jw *w, const struct api_choice *c)
{
    struct buf raw = {0}, text = {0};
    size_t n;
    float *v = numbers(a, c, &n);
    for (size_t i = 0; v && i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        buf_u32(&raw, bits);
    }
    base64_add(&text, raw.data, raw.len);
    jw_buf(w, "embedding", &text);
    w->b->failed |= !v || raw.failed || text.failed;
    buf_free(&raw);
    buf_free(&text);
    mem_free(v);
}

static const char *const encodings[] = {"float", "base64", NULL};

const struct api_field api_embedding_fields[] = {
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, ""),
    {.name = "input",
     .needed = true,
     .read = api_read_prompts,
     .schema = API_SCHEMA_TEXTS,
     .note = "a text, texts, token ids, or lists of them"},
    ROW_WORD("encoding_format", WISH_AT(base64), encodings, "base64: little-endian floats"),
    ROW_INT("dimensions", WISH_AT(dimensions), 1, 1000000, "the vector is cut to so many, and made of length 1 again"),
    ROW_READ("user", api_read_user, API_SCHEMA_NAME, ""),
    ROW_END,
};

int api_embedding_begin(struct api_answer *a, struct buf *out)
{
    TRY(api_choose_model(a, a->work->wish.model));
    return api_embed_turns(a, out);
}

static void embedding_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    int64_t tokens = api_usage(a).prompt;
    jw_open(&w, NULL, '{');
    jw_str(&w, "object", "list");
    jw_open(&w, "data", '[');
    for (size_t i = 0; i < a->n_turns; i++) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "object", "embedding");
        jw_int(&w, "index", (int64_t)i);
        if (a->work->wish.base64) vector_base64(a, &w, &a->work->choice[i]);
        else api_vector(a, &w, "embedding", &a->work->choice[i]);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_str(&w, "model", a->model);
    jw_open(&w, "usage", '{');
    jw_int(&w, "prompt_tokens", tokens);
    jw_int(&w, "total_tokens", tokens);
    jw_close(&w, '}');
    jw_close(&w, '}');
}

const struct api_voice api_embedding_voice = {.whole = embedding_whole};
