/* Ends of answers and advised sampling. */
#include "model/generation.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/log.h"

/* One number of the sampling: its names, where it is kept, and what it may be (the limits of the options). */
struct number {
    const char *json, *gguf;
    size_t offset;
    double lo, hi;
};
static const struct number numbers[] = {
    {"temperature", "general.sampling.temp", offsetof(struct generation, temp), 0, 5},
    {"top_p", "general.sampling.top_p", offsetof(struct generation, top_p), 0, 1},
    {"min_p", "general.sampling.min_p", offsetof(struct generation, min_p), 0, 1},
    {"repetition_penalty", "general.sampling.penalty_repeat", offsetof(struct generation, repeat), 0.5, 3},
};
static const char *const gguf_ends[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id"};
static const char gguf_top_k[] = "general.sampling.top_k";
enum { TOP_K_MAX = 1 << 20 };

static double *number_at(struct generation *g, const struct number *n)
{
    return (double *)(void *)((char *)g + n->offset);
}
static double number_of(const struct generation *g, const struct number *n)
{
    return *(const double *)(const void *)((const char *)g + n->offset);
}

void generation_init(struct generation *g)
{
    *g = (struct generation){.top_k = -1};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) *number_at(g, &numbers[i]) = -1;
}

/* What the files say here is advice: what makes no sense is named and ignored. */
static void add_end(struct generation *g, int64_t id, int64_t vocab, const char *where, const char *key)
{
    if (id < 0 || id >= vocab) {
        log_warn("%s: \"%s\" has the id %lld, expected 0 to %lld: it is ignored", where, key, (long long)id,
                 (long long)vocab - 1);
        return;
    }
    for (int i = 0; i < g->n_ends; i++)
        if (g->ends[i] == id) return;
    if (g->n_ends == GENERATION_ENDS)
        log_warn("%s: \"%s\" has more than %d ids: the others are ignored", where, key, GENERATION_ENDS);
    else g->ends[g->n_ends++] = (int32_t)id;
}

static void set_number(struct generation *g, const struct number *n, double v, const char *where, const char *key)
{
    if (v >= n->lo && v <= n->hi) *number_at(g, n) = v;
    else log_warn("%s: \"%s\" is %g, expected %g to %g: it is ignored", where, key, v, n->lo, n->hi);
}

static void set_top_k(struct generation *g, double v, const char *where, const char *key)
{
    if (v >= -1 && v <= TOP_K_MAX && v == (double)(int64_t)v) g->top_k = (int64_t)v;
    else log_warn("%s: \"%s\" is %g, expected -1 to %d: it is ignored", where, key, v, TOP_K_MAX);
}

/* ---- folders ---- */

/* A number, a list of numbers, or nothing. */
static void read_ends(struct generation *g, const json_t *root, int64_t vocab, const char *where)
{
    static const char key[] = "eos_token_id";
    const json_t *v = json_object_get(root, key);
    size_t n = json_is_array(v) ? json_array_size(v) : v && !json_is_null(v) ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        bool none = !json_is_array(v) && json_is_integer(x) && json_integer_value(x) < 0;
        if (json_is_integer(x) && !none) add_end(g, json_integer_value(x), vocab, where, key);
        else if (!none) log_warn("%s: \"%s\" has an entry that is no id and is ignored", where, key);
    }
}

static bool is_number(const json_t *root, const char *where, const char *key)
{
    const json_t *v = json_object_get(root, key);
    bool good = json_is_number(v);
    if (v && !good && !json_is_null(v)) log_warn("%s: \"%s\" is no number and is ignored", where, key);
    return good;
}

void generation_from_json(struct generation *g, const json_t *root, int64_t vocab, const char *name)
{
    read_ends(g, root, vocab, name);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (is_number(root, name, numbers[i].json))
            set_number(g, &numbers[i], json_number_value(json_object_get(root, numbers[i].json)), name, numbers[i].json);
    if (is_number(root, name, "top_k")) set_top_k(g, json_number_value(json_object_get(root, "top_k")), name, "top_k");
}

/* Of config.json, which has other numbers too, only the ends count. */
static int from_folder(struct generation *g, struct model_file *m, int64_t vocab, struct err *e)
{
    const struct model_json_file *j;
    struct err why = {0};
    int rc = model_file_json(&j, m, MODEL_GENERATION_CONFIG, &why);
    if (rc == ERR_FORMAT) log_warn("%s: it is ignored, as by transformers", why.msg); /* it holds nothing but advice */
    else if (rc) FAIL(e, why.code, "%s", why.msg);
    if (!rc && j->root) generation_from_json(g, j->root, vocab, j->path);
    TRY(model_file_json(&j, m, MODEL_CONFIG, e));
    if (j->root) read_ends(g, j->root, vocab, j->path);
    return OK;
}

/* ---- GGUF ---- */

static bool gguf_number(const struct tf *f, const char *key, double *out)
{
    bool found = false;
    struct err why;
    if (!tf_kv_f64(f, key, out, &found, &why)) return found;
    log_warn("%s: it is ignored", why.msg);
    return false;
}

static void from_gguf(struct generation *g, const struct tf *f, int64_t vocab)
{
    double v = 0;
    for (size_t i = 0; i < ARRAY_LEN(gguf_ends); i++) {
        if (!gguf_number(f, gguf_ends[i], &v)) continue;
        add_end(g, v >= 0 && v < (double)INT32_MAX ? (int64_t)v : -1, vocab, f->path, gguf_ends[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (gguf_number(f, numbers[i].gguf, &v)) set_number(g, &numbers[i], (double)(float)v, f->path, numbers[i].gguf);
    if (gguf_number(f, gguf_top_k, &v)) set_top_k(g, v, f->path, gguf_top_k);
}

int model_generation(struct generation *g, struct model_file *m, int64_t vocab, struct err *e)
{
    generation_init(g);
    if (!m->gguf) return from_folder(g, m, vocab, e);
    from_gguf(g, &m->tf, vocab);
    return OK;
}

/* ---- advice of one's own ---- */

int generation_advise(struct generation *g, const char *setting, struct err *e)
{
    size_t len = strcspn(setting, "=");
    const char *value = setting + len + (setting[len] == '=');
    char *end;
    double v = strtod(value, &end), lo = 0, hi = 0;
    bool number = setting[len] && end != value && !*end, top_k = len == 5 && !memcmp(setting, "top_k", 5);
    const struct number *n = NULL;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (strlen(numbers[i].json) == len && !memcmp(numbers[i].json, setting, len)) n = &numbers[i];
    if (!n && !top_k)
        FAIL(e, ERR_USAGE, "\"%.60s\" is no advice; temperature=, top_k=, top_p=, min_p= and repetition_penalty= are", setting);
    if (n) lo = n->lo;
    hi = n ? n->hi : TOP_K_MAX;
    if (!number || !(v >= lo && v <= hi) || (top_k && v != floor(v)))
        FAIL(e, ERR_USAGE, "%.*s is \"%.40s\", expected %s from %g to %g", (int)len, setting, value,
             top_k ? "a whole number" : "a number", lo, hi);
    if (n) *number_at(g, n) = v;
    else g->top_k = (int64_t)v;
    return OK;
}

void generation_replace(struct generation *g, const struct generation *over)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (number_of(over, &numbers[i]) >= 0) *number_at(g, &numbers[i]) = number_of(over, &numbers[i]);
    if (over->top_k >= 0) g->top_k = over->top_k;
}

bool generation_gguf_key(const char *key)
{
    if (!strcmp(key, gguf_top_k)) return true;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!strcmp(key, numbers[i].gguf)) return true;
    return false;
}

/* ---- writing ---- */

int generation_to_json(const struct generation *g, int64_t bos, struct buf *out, struct err *e)
{
    buf_add_str(out, "{\n");
    if (bos >= 0) buf_printf(out, "  \"bos_token_id\": %lld,\n", (long long)bos);
    if (g->n_ends == 1) buf_printf(out, "  \"eos_token_id\": %d,\n", g->ends[0]);
    for (int i = 0; g->n_ends > 1 && i < g->n_ends; i++)
        buf_printf(out, "%s%d%s", i ? ", " : "  \"eos_token_id\": [", g->ends[i], i + 1 < g->n_ends ? "" : "],\n");
    bool any = g->top_k >= 0;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        double v = number_of(g, &numbers[i]);
        if (v < 0) continue;
        buf_printf(out, "  \"%s\": %.7g,\n", numbers[i].json, v);
        any = true;
    }
    if (g->top_k >= 0) buf_printf(out, "  \"top_k\": %lld,\n", (long long)g->top_k);
    buf_printf(out, "  \"do_sample\": %s\n}\n", any ? "true" : "false");
    return buf_check(out, "generation_config.json", e);
}

int generation_sampling_to_gguf(const struct generation *g, struct tf_writer *w, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        double v = number_of(g, &numbers[i]);
        if (v >= 0) TRY(tf_writer_kv_f32(w, numbers[i].gguf, (float)v, e));
    }
    return g->top_k >= 0 ? tf_writer_kv_u32(w, gguf_top_k, (uint32_t)g->top_k, e) : OK;
}

int generation_to_gguf(const struct generation *g, int64_t eos, struct tf_writer *w, struct err *e)
{
    size_t key = 1;
    for (int i = 0; i < g->n_ends && key < ARRAY_LEN(gguf_ends); i++)
        if (g->ends[i] != eos) TRY(tf_writer_kv_u32(w, gguf_ends[key++], (uint32_t)g->ends[i], e));
    return generation_sampling_to_gguf(g, w, e);
}
