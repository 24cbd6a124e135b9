/* What llama-server tells about itself: properties, slots, metrics; vLLM's tokenizer, DeepSeek's balance. */
#include <stddef.h>
#include <string.h>
#include "api/llama.h"
#include "api/models.h"
#include "base/checked.h"

/* The model that ?model= names, or the default one. */
static int asked_model(struct api_answer *a, const struct api_model **out)
{
    const char *q = a->work->query, *at = !strncmp(q, "model=", 6) ? q : strstr(q, "&model=");
    char name[160] = "";
    if (at) {
        at += strcspn(at, "=") + 1;
        snprintf(name, sizeof name, "%.*s", (int)(strcspn(at, "&") < 150 ? strcspn(at, "&") : 150), at);
    }
    *out = api_model_find(a->env, name);
    return *out ? OK : models_missing(a, *name ? name : "any");
}

static void text_of(struct jw *w, const char *key, struct turn_text t) { jw_text(w, key, t.s ? t.s : "", t.len); }

static int loading(struct api_answer *a)
{
    api_fault_set(&a->work->fault, API_F_LOADING, "", "Loading model");
    a->work->fault.retry_ms = 1000;
    return ERR_UNSUPPORTED;
}

int llama_props(struct api_answer *a, struct buf *out)
{
    const struct api_model *m;
    struct jw w = {.b = out};
    TRY(asked_model(a, &m));
    const struct turn_model *t = m->about;
    if (!t) return loading(a);
    jw_open(&w, NULL, '{');
    jw_open(&w, "default_generation_settings", '{');
    jw_int(&w, "id", 0);
    jw_int(&w, "n_ctx", t->context);
    jw_open(&w, "params", '{');
    jw_real(&w, "temperature", t->temperature);
    jw_int(&w, "top_k", t->top_k);
    jw_real(&w, "top_p", t->top_p);
    jw_real(&w, "min_p", t->min_p);
    jw_real(&w, "repeat_penalty", t->repeat);
    jw_int(&w, "n_predict", -1);
    jw_close(&w, '}');
    jw_close(&w, '}');
    jw_int(&w, "total_slots", t->slots);
    jw_str(&w, "model_alias", m->id);
    text_of(&w, "model_path", t->path);
    text_of(&w, "chat_template", t->template_text);
    jw_open(&w, "chat_template_caps", '{');
    jw_bool(&w, "supports_tools", t->tools);
    jw_bool(&w, "supports_parallel_tool_calls", t->tools);
    jw_bool(&w, "supports_preserve_reasoning", t->thinks || t->thinks_always);
    jw_close(&w, '}');
    jw_open(&w, "modalities", '{');
    jw_bool(&w, "vision", false);
    jw_bool(&w, "audio", false);
    jw_close(&w, '}');
    text_of(&w, "bos_token", t->bos);
    text_of(&w, "eos_token", t->eos);
    text_of(&w, "build_info", t->build);
    jw_bool(&w, "is_sleeping", m->state != API_LOADED);
    jw_close(&w, '}');
    api_reply(a, 200, "application/json");
    return OK;
}

int llama_slots(struct api_answer *a, struct buf *out)
{
    const struct api_model *m;
    struct jw w = {.b = out};
    TRY(asked_model(a, &m));
    int64_t n = m->about ? m->about->slots : 0, running = m->counts ? m->counts->running : 0;
    jw_open(&w, NULL, '[');
    for (int64_t i = 0; i < n && i < 4096; i++) {
        jw_open(&w, NULL, '{');
        jw_int(&w, "id", i);
        jw_int(&w, "n_ctx", m->about->context);
        jw_bool(&w, "is_processing", i < running);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    api_reply(a, 200, "application/json");
    return OK;
}

int llama_tokenizer_info(struct api_answer *a, struct buf *out)
{
    const struct api_model *m;
    struct jw w = {.b = out};
    TRY(asked_model(a, &m));
    const struct turn_model *t = m->about;
    if (!t) return loading(a);
    jw_open(&w, NULL, '{');
    jw_str(&w, "tokenizer_class", "autarky");
    if (t->bos.len) text_of(&w, "bos_token", t->bos);
    else jw_null(&w, "bos_token");
    text_of(&w, "eos_token", t->eos);
    text_of(&w, "pad_token", t->eos);
    text_of(&w, "chat_template", t->template_text);
    jw_int(&w, "vocab_size", t->vocab);
    jw_int(&w, "model_max_length", t->context);
    jw_close(&w, '}');
    api_reply(a, 200, "application/json");
    return OK;
}

int llama_balance(struct api_answer *a, struct buf *out)
{
    buf_add_str(out, "{\"is_available\":true,\"balance_infos\":[{\"currency\":\"CNY\",\"total_balance\":\"0.00\","
                     "\"granted_balance\":"
                     "\"0.00\",\"topped_up_balance\":\"0.00\"}]}");
    api_reply(a, 200, "application/json");
    return OK;
}

/* ---- metrics ---- */

enum metric_type { COUNTER, GAUGE, RATIO, RATE, SECONDS };

/* of, per: members of struct turn_counts; RATE and RATIO divide them, SECONDS is a double. */
static const struct metric {
    const char *name, *help;
    enum metric_type type;
    size_t of, per;
} metrics[] = {
#define C(member) offsetof(struct turn_counts, member)
    {"llamacpp:prompt_tokens_total", "Tokens of prompts that were evaluated.", COUNTER, C(prompt_tokens), 0},
    {"llamacpp:prompt_seconds_total", "Seconds spent on prompts.", SECONDS, C(prompt_seconds), 0},
    {"llamacpp:prompt_tokens_seconds", "Tokens of prompts per second, on average.", RATE, C(prompt_tokens),
     C(prompt_seconds)},
    {"llamacpp:tokens_predicted_total", "Tokens of answers.", COUNTER, C(answer_tokens), 0},
    {"llamacpp:tokens_predicted_seconds_total", "Seconds spent on answers.", SECONDS, C(answer_seconds), 0},
    {"llamacpp:predicted_tokens_seconds", "Tokens of answers per second, on average.", RATE, C(answer_tokens),
     C(answer_seconds)},
    {"llamacpp:requests_processing", "Requests under way.", GAUGE, C(running), 0},
    {"llamacpp:requests_deferred", "Requests that wait.", GAUGE, C(waiting), 0},
    {"llamacpp:kv_cache_usage_ratio", "Share of the pages of the KV memory in use.", RATIO, C(pages_used), C(pages)},
    {"vllm:num_requests_running", "Requests under way.", GAUGE, C(running), 0},
    {"vllm:num_requests_waiting", "Requests that wait.", GAUGE, C(waiting), 0},
    {"vllm:kv_cache_usage_perc", "Share of the pages of the KV memory in use, 0 to 1.", RATIO, C(pages_used), C(pages)},
    {"vllm:prompt_tokens_total", "Tokens of prompts that were evaluated.", COUNTER, C(prompt_tokens), 0},
    {"vllm:generation_tokens_total", "Tokens of answers.", COUNTER, C(answer_tokens), 0},
    {"vllm:prefix_cache_hits_total", "Tokens of prompts that were not evaluated again.", COUNTER, C(cached_tokens), 0},
    {"vllm:num_preemptions_total", "Answers that had to wait for memory.", COUNTER, C(preempted), 0},
    {"autarky:requests_total", "Requests that were accepted.", COUNTER, C(requests), 0},
    {"autarky:requests_failed_total", "Requests that failed.", COUNTER, C(failed), 0},
    {"autarky:requests_cancelled_total", "Requests whose client went away.", COUNTER, C(cancelled), 0},
    {"autarky:cache_pages", "Pages that hold finished prefixes.", GAUGE, C(cache_pages), 0},
    {"autarky:drafted_tokens_total", "Tokens guessed ahead.", COUNTER, C(drafted), 0},
    {"autarky:draft_accepted_tokens_total", "Guessed tokens that were right.", COUNTER, C(kept), 0},
    {"autarky:busy_seconds_total", "Seconds in which something was computed.", SECONDS, C(busy_seconds), 0},
#undef C
};

static int64_t whole_at(const struct turn_counts *c, size_t at)
{
    return *(const int64_t *)(const void *)((const char *)c + at);
}
static double real_at(const struct turn_counts *c, size_t at)
{
    return *(const double *)(const void *)((const char *)c + at);
}

static void sample(struct buf *out, const struct metric *m, const struct api_model *model)
{
    const struct turn_counts *c = model->counts;
    double per = m->type == RATE ? real_at(c, m->per) : m->type == RATIO ? (double)whole_at(c, m->per) : 0;
    buf_printf(out, "%s{model_name=", m->name);
    json_quote(out, model->id, strlen(model->id)); /* the same escapes */
    if (m->type == COUNTER || m->type == GAUGE) buf_printf(out, "} %lld\n", (long long)whole_at(c, m->of));
    else if (m->type == SECONDS) buf_printf(out, "} %.6f\n", real_at(c, m->of));
    else buf_printf(out, "} %.6g\n", per > 0 ? (double)whole_at(c, m->of) / per : 0);
}

int llama_metrics(struct api_answer *a, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        const struct metric *m = &metrics[i];
        bool counter = m->type == COUNTER || m->type == SECONDS;
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, counter ? "counter" : "gauge");
        for (size_t k = 0; k < a->env->n_models; k++)
            if (a->env->models[k].counts) sample(out, m, &a->env->models[k]);
    }
    api_reply(a, 200, "text/plain; version=0.0.4; charset=utf-8");
    return OK;
}
