/* Finding and listing models. */
#include "api/models.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "api/ask.h"

/* ---- names ---- */

/* Ollama's clients put ":latest" behind a name without a tag. */
static size_t plain_length(const char *name)
{
    size_t len = strlen(name), tag = strlen(":latest");
    return len > tag && !strcmp(name + len - tag, ":latest") ? len - tag : len;
}

static bool same_name(const char *mine, const char *name, size_t len)
{
    size_t n = plain_length(mine);
    if (n && mine[n - 1] == '*') return len >= n - 1 && !memcmp(mine, name, n - 1);
    return n == len && !memcmp(mine, name, n);
}

const struct api_model *api_model_find(const struct api_env *env, const char *name)
{
    const struct api_model *m = env->models;
    if (!name || !*name) {
        for (size_t i = 0; i < env->n_models; i++)
            if (m[i].state == API_LOADED) return &m[i];
        return env->n_models ? m : NULL;
    }
    size_t len = plain_length(name);
    for (size_t i = 0; i < env->n_models; i++)
        if (same_name(m[i].id, name, len)) return &m[i];
    for (size_t i = 0; i < env->n_models; i++)
        for (const char *const *alias = m[i].alias; alias && *alias; alias++)
            if (same_name(*alias, name, len)) return &m[i];
    return NULL;
}

int models_missing(struct api_answer *a, const char *name)
{
    char known[300] = "";
    size_t len = 0;
    for (size_t i = 0; i < a->env->n_models && i < 8 && len < sizeof known; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%.60s", i ? ", " : "", a->env->models[i].id);
    if (a->dialect == API_OLLAMA)
        api_fault_set(&a->work->fault, API_F_NO_MODEL, "model", "model '%.100s' not found", name);
    else
        api_fault_set(&a->work->fault, API_F_NO_MODEL, "model",
                      "the model `%.100s` does not exist; this server has: %s%s", name, len ? known : "none",
                      a->env->n_models > 8 ? ", ..." : "");
    return ERR_NOTFOUND;
}

int api_choose_model(struct api_answer *a, struct turn_text name)
{
    struct api_work *w = a->work;
    char *asked = turn_mem_text(&w->mem, name.s, name.len);
    if (!asked) return api_no_memory(a);
    const struct api_model *m = api_model_find(a->env, asked);
    if (!m) return models_missing(a, *asked ? asked : "any");
    a->model = turn_mem_text(&w->mem, m->id, strlen(m->id));
    if (!a->model) return api_no_memory(a);
    w->asked = *asked ? asked : a->model;
    const struct turn_model *about = m->about;
    w->has_reasoning = about && (about->thinks || about->thinks_always);
    w->n_ctx = about ? about->context : 0;
    size_t len = (size_t)snprintf(w->fingerprint, sizeof w->fingerprint, "autarky-%.20s", a->env->version);
    for (int i = 0; about && i < 6; i++)
        len +=
            (size_t)snprintf(w->fingerprint + len, sizeof w->fingerprint - len, "%s%02x", i ? "" : "-", about->hash[i]);
    return OK;
}

/* ---- lists ---- */

void models_time(char out[TIME_TEXT], int64_t ns)
{
    time_t s = (time_t)(ns / 1000000000);
    struct tm tm = {.tm_mday = 1};
    gmtime_r(&s, &tm);
    snprintf(out, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ns > 0 ? ns % 1000000000 : 0));
}

static void text_list(struct jw *w, const char *key, const char *a, const char *b)
{
    jw_open(w, key, '[');
    if (a) jw_str(w, NULL, a);
    if (b) jw_str(w, NULL, b);
    jw_close(w, ']');
}

/* OpenAI's members, vLLM's max_model_len, llama-server's meta, architecture and status. */
static void tell(struct jw *w, const struct api_model *m)
{
    static const char *const states[] = {"unloaded", "loading", "loaded", "unloaded"}; /* enum api_state */
    const struct turn_model *t = m->about;
    jw_open(w, NULL, '{');
    jw_str(w, "id", m->id);
    jw_str(w, "object", "model");
    jw_int(w, "created", m->modified);
    jw_str(w, "owned_by", "autarky");
    jw_open(w, "aliases", '[');
    for (const char *const *alias = m->alias; alias && *alias; alias++) jw_str(w, NULL, *alias);
    jw_close(w, ']');
    if (t && t->context > 0) jw_int(w, "max_model_len", t->context);
    jw_open(w, "architecture", '{');
    text_list(w, "input_modalities", "text", NULL);
    text_list(w, "output_modalities", "text", NULL);
    jw_close(w, '}');
    jw_open(w, "status", '{');
    jw_str(w, "value", states[m->state]);
    if (m->state == API_FAILED) {
        jw_bool(w, "failed", true);
        jw_str(w, "message", m->why);
    }
    jw_close(w, '}');
    if (t) {
        jw_open(w, "meta", '{');
        jw_int(w, "n_vocab", t->vocab);
        jw_int(w, "n_ctx", t->context);
        jw_int(w, "n_ctx_train", t->model_context);
        jw_int(w, "n_embd", t->width);
        jw_int(w, "n_params", t->params);
        jw_int(w, "size", t->bytes);
        jw_close(w, '}');
        text_list(w, "capabilities", "completion", t->tools ? "tools" : NULL);
    }
    jw_close(w, '}');
}

static void tell_anthropic(struct jw *w, const struct api_model *m)
{
    char when[TIME_TEXT];
    models_time(when, m->modified * 1000000000);
    jw_open(w, NULL, '{');
    jw_str(w, "type", "model");
    jw_str(w, "id", m->id);
    jw_str(w, "display_name", m->id);
    jw_str(w, "created_at", when);
    if (m->about && m->about->context > 0) {
        jw_int(w, "max_input_tokens", m->about->context);
        jw_int(w, "max_tokens", m->about->context);
    }
    jw_close(w, '}');
}

int models_list(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    bool other = a->work->anthropic;
    const struct api_env *env = a->env;
    jw_open(&w, NULL, '{');
    if (!other) jw_str(&w, "object", "list");
    jw_open(&w, "data", '[');
    for (size_t i = 0; i < env->n_models; i++) {
        if (other) tell_anthropic(&w, &env->models[i]);
        else tell(&w, &env->models[i]);
    }
    jw_close(&w, ']');
    if (other) {
        jw_bool(&w, "has_more", false);
        jw_str(&w, "first_id", env->n_models ? env->models[0].id : NULL);
        jw_str(&w, "last_id", env->n_models ? env->models[env->n_models - 1].id : NULL);
    }
    jw_close(&w, '}');
    api_reply(a, 200, "application/json");
    return OK;
}

int models_one(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    const struct api_model *m = api_model_find(a->env, a->work->tail);
    if (!m) return models_missing(a, a->work->tail);
    if (a->work->anthropic) tell_anthropic(&w, m);
    else tell(&w, m);
    api_reply(a, 200, "application/json");
    return OK;
}

/* ---- loading ---- */

const struct api_field api_load_fields[] = {
    {.name = "model", .needed = true, .read = api_read_model, .schema = API_SCHEMA_NAME, .note = "its id"},
    ROW_END,
};

int models_load(struct api_answer *a, struct buf *out)
{
    (void)out;
    TRY(api_choose_model(a, a->work->wish.model));
    a->task = API_LOAD;
    return OK;
}

int models_unload(struct api_answer *a, struct buf *out)
{
    TRY(models_load(a, out));
    a->task = API_UNLOAD;
    return OK;
}

static void success(struct api_answer *a, struct buf *out)
{
    (void)a;
    buf_add_str(out, "{\"success\":true}");
}

const struct api_voice models_voice = {.whole = success};
