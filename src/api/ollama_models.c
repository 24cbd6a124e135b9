/* What Ollama's clients ask about models, and what they do to them. */
#include <stdio.h>
#include <string.h>
#include "api/ask.h"
#include "api/models.h"
#include "api/ollama.h"

int ollama_root(struct api_answer *a, struct buf *out)
{
    buf_add_str(out, "Ollama is running"); /* what liveness checks of dozens of tools look for */
    api_reply(a, 200, "text/plain; charset=utf-8");
    return OK;
}

int ollama_version(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_str(&w, "version", OLLAMA_LEVEL);
    jw_str(&w, "autarky", a->env->version);
    jw_close(&w, '}');
    api_reply(a, 200, "application/json");
    return OK;
}

/* ---- what is known of a model ---- */

static void name_of(struct jw *w, const char *key, const struct api_model *m)
{
    char name[300];
    snprintf(name, sizeof name, "%.256s%s", m->id, strchr(m->id, ':') ? "" : ":latest");
    jw_str(w, key, name);
}

static void size_text(char out[32], int64_t n)
{
    if (n >= 1000000000) snprintf(out, 32, "%.1fB", (double)n / 1e9);
    else snprintf(out, 32, "%.0fM", (double)n / 1e6);
}

static void details(struct jw *w, const struct api_model *m)
{
    const struct turn_model *t = m->about;
    char size[32];
    size_text(size, t ? t->params : 0);
    jw_open(w, "details", '{');
    jw_str(w, "parent_model", "");
    jw_str(w, "format", "gguf");
    jw_str(w, "family", t && t->arch.s ? t->arch.s : "");
    jw_open(w, "families", '[');
    if (t && t->arch.s) jw_str(w, NULL, t->arch.s);
    jw_close(w, ']');
    jw_str(w, "parameter_size", t ? size : "");
    jw_str(w, "quantization_level", t && t->quant.s ? t->quant.s : "");
    if (t && t->context > 0) jw_int(w, "context_length", t->context);
    if (t && t->width > 0) jw_int(w, "embedding_length", t->width);
    jw_close(w, '}');
}

static void capabilities(struct jw *w, const struct api_model *m)
{
    const struct turn_model *t = m->about;
    jw_open(w, "capabilities", '[');
    jw_str(w, NULL, "completion");
    if (t && t->tools) jw_str(w, NULL, "tools");
    if (t && t->infill) jw_str(w, NULL, "insert");
    if (t && (t->thinks || t->thinks_always)) jw_str(w, NULL, "thinking");
    jw_close(w, ']');
}

static void seconds_text(struct jw *w, const char *key, int64_t s)
{
    char when[TIME_TEXT];
    models_time(when, s * 1000000000);
    jw_str(w, key, when);
}

int ollama_tags(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_open(&w, "models", '[');
    for (size_t i = 0; i < a->env->n_models; i++) {
        const struct api_model *m = &a->env->models[i];
        jw_open(&w, NULL, '{');
        name_of(&w, "name", m);
        name_of(&w, "model", m);
        seconds_text(&w, "modified_at", m->modified);
        jw_int(&w, "size", m->about ? m->about->bytes : 0);
        jw_str(&w, "digest", m->digest ? m->digest : "");
        details(&w, m);
        capabilities(&w, m);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_reply(a, 200, "application/json");
    return OK;
}

int ollama_ps(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_open(&w, "models", '[');
    for (size_t i = 0; i < a->env->n_models; i++) {
        const struct api_model *m = &a->env->models[i];
        if (m->state != API_LOADED) continue;
        jw_open(&w, NULL, '{');
        name_of(&w, "name", m);
        name_of(&w, "model", m);
        jw_int(&w, "size", m->memory);
        jw_int(&w, "size_vram", 0);
        jw_str(&w, "digest", m->digest ? m->digest : "");
        details(&w, m);
        seconds_text(&w, "expires_at", m->expires ? m->expires : 32503680000); /* the year 3000 */
        jw_int(&w, "context_length", m->about ? m->about->context : 0);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_reply(a, 200, "application/json");
    return OK;
}

/* ---- show ---- */

static int read_name(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn_text model = a->work->wish.model;
    TRY(api_read_model(a, f, v));
    if (model.len) a->work->wish.model = model;
    return OK;
}

#define NAME_ROWS                                                                                                      \
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, "with or without :latest"),                                     \
        ROW_READ("name", read_name, API_SCHEMA_STRING, "an old word for model")

const struct api_field ollama_show_fields[] = {
    NAME_ROWS,
    ROW_BOOL("verbose", WISH_AT(verbose), ""),
    ROW_IGNORED("system", ""),
    ROW_IGNORED("template", ""),
    ROW_IGNORED("options", ""),
    ROW_END,
};

static void model_info(struct jw *w, const struct turn_model *t)
{
    const char *arch = t->arch.s ? t->arch.s : "unknown";
    char key[80];
    jw_open(w, "model_info", '{');
    jw_str(w, "general.architecture", arch);
    jw_str(w, "general.basename", t->name.s ? t->name.s : "");
    jw_int(w, "general.parameter_count", t->params);
    struct {
        const char *name;
        int64_t value;
    } rows[] = {{"context_length", t->context > 0 ? t->context : t->model_context},
                {"embedding_length", t->width},
                {"block_count", t->layers},
                {"vocab_size", t->vocab}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(key, sizeof key, "%.40s.%s", arch, rows[i].name);
        jw_int(w, key, rows[i].value);
    }
    jw_close(w, '}');
}

int ollama_show(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    TRY(api_choose_model(a, a->work->wish.model));
    const struct api_model *m = api_model_find(a->env, a->model);
    const struct turn_model none = {0}, *t = m->about ? m->about : &none;
    struct buf text = {0};
    buf_printf(&text, "FROM %s\n", m->id);
    jw_open(&w, NULL, '{');
    jw_str(&w, "license", "");
    jw_buf(&w, "modelfile", &text);
    buf_clear(&text);
    if (t->temperature >= 0 && m->about)
        buf_printf(&text, "temperature %g\ntop_k %lld\ntop_p %g\nmin_p %g", t->temperature, (long long)t->top_k,
                   t->top_p, t->min_p);
    jw_buf(&w, "parameters", &text);
    jw_text(&w, "template", t->template_text.s ? t->template_text.s : "", t->template_text.len);
    jw_str(&w, "system", "");
    details(&w, m);
    model_info(&w, t);
    capabilities(&w, m);
    seconds_text(&w, "modified_at", m->modified);
    jw_close(&w, '}');
    w.b->failed |= text.failed;
    buf_free(&text);
    api_reply(a, 200, "application/json");
    return OK;
}

/* ---- pull, copy, delete ---- */

static int not_here(struct api_answer *a, const char *what)
{
    api_fault_set(&a->work->fault, API_F_NOT_DONE, "", "%s", what);
    return ERR_UNSUPPORTED;
}

int ollama_cannot(struct api_answer *a, struct buf *out)
{
    (void)out;
    return not_here(a,
                    "this server makes no models and pushes none; `autarky convert` and `autarky quantize` make them");
}

const struct api_field ollama_pull_fields[] = {
    NAME_ROWS,
    ROW_BOOL("stream", WISH_AT(stream), "true unless said"),
    ROW_IGNORED("insecure", "never"),
    ROW_IGNORED("username", ""),
    ROW_IGNORED("password", ""),
    ROW_END,
};
const struct api_field ollama_name_fields[] = {NAME_ROWS, ROW_END};
const struct api_field ollama_copy_fields[] = {
    {.name = "source", .needed = true, .read = api_read_model, .schema = API_SCHEMA_NAME},
    {.name = "destination", .needed = true, .type = FIELD_TEXT, WISH_AT(other), .hi = 256},
    ROW_END,
};

static int take_name(struct api_answer *a, struct turn_text name, const char **out)
{
    if (name.len == 0 || memchr(name.s, 0, name.len)) return api_bad(a, "the name of a model is missing");
    *out = turn_mem_text(&a->work->mem, name.s, name.len);
    return *out ? OK : api_no_memory(a);
}

int ollama_pull(struct api_answer *a, struct buf *out)
{
    TRY(take_name(a, a->work->wish.model, &a->name));
    a->stream = a->work->wish.stream;
    a->task = API_PULL;
    if (api_model_find(a->env, a->name)) { /* it is here */
        a->task = API_REPLIED;
        api_pull(a, "pulling manifest", NULL, 0, 0, out);
        api_done(a, out);
        return OK;
    }
    if (a->env->can_pull) return OK;
    return not_here(a, "this server fetches no models by itself: `autarky pull NAME` does, or start it so that it may");
}

int ollama_delete(struct api_answer *a, struct buf *out)
{
    (void)out;
    TRY(api_choose_model(a, a->work->wish.model));
    a->name = a->model;
    a->task = API_DELETE;
    return a->env->can_manage ? OK : not_here(a, "this server removes no models: `autarky rm NAME` does");
}

int ollama_copy(struct api_answer *a, struct buf *out)
{
    (void)out;
    TRY(api_choose_model(a, a->work->wish.model));
    a->name = a->model;
    TRY(take_name(a, a->work->wish.other, &a->other));
    a->task = API_COPY;
    return a->env->can_manage ? OK : not_here(a, "this server gives no models new names: `autarky cp` does");
}

void api_pull(struct api_answer *a, const char *status, const char *digest, int64_t done, int64_t total,
              struct buf *out)
{
    if (a->ended || !a->stream) return;
    if (!a->begun) api_begin_stream(a);
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_str(&w, "status", status);
    if (digest) jw_str(&w, "digest", digest);
    if (total > 0) jw_int(&w, "total", total);
    if (total > 0) jw_int(&w, "completed", done);
    jw_close(&w, '}');
    buf_add_byte(out, '\n');
}

static void pulled(struct api_answer *a, struct buf *out)
{
    buf_add_str(out, a->stream ? "{\"status\":\"success\"}\n" : "{\"status\":\"success\"}");
}

static void fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    api_fault_body(a, f, out);
    buf_add_byte(out, '\n');
}

static void empty(struct api_answer *a, struct buf *out)
{
    (void)a;
    buf_add_str(out, "{}");
}

const struct api_voice ollama_pull_voice = {
    .stream_type = "application/x-ndjson", .last = pulled, .whole = pulled, .fault = fault};
const struct api_voice ollama_empty_voice = {.whole = empty};
