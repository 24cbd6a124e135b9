/* What went wrong, in the shape of each dialect. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "api/inside.h"

struct row {
    int status;
    const char *type, *code; /* of OpenAI */
    int anthropic_status;
    const char *anthropic;
    int ollama_status;
};

static const struct row rows[API_FAULTS] = {
    [API_F_BAD] = {400, "invalid_request_error", NULL, 400, "invalid_request_error", 400},
    [API_F_TOO_LONG] = {400, "invalid_request_error", "context_length_exceeded", 400, "invalid_request_error", 400},
    [API_F_UNSUPPORTED] = {400, "invalid_request_error", "unsupported_value", 400, "invalid_request_error", 400},
    [API_F_NO_KEY] = {401, "authentication_error", "invalid_api_key", 401, "authentication_error", 401},
    [API_F_FORBIDDEN] = {403, "permission_error", NULL, 403, "permission_error", 403},
    [API_F_NO_MODEL] = {404, "invalid_request_error", "model_not_found", 404, "not_found_error", 404},
    [API_F_NOT_FOUND] = {404, "invalid_request_error", "not_found", 404, "not_found_error", 404},
    [API_F_METHOD] = {405, "invalid_request_error", "method_not_allowed", 405, "invalid_request_error", 405},
    [API_F_CONFLICT] = {409, "invalid_request_error", "conflict", 409, "invalid_request_error", 409},
    [API_F_TOO_BIG] = {413, "invalid_request_error", "request_too_large", 413, "request_too_large", 413},
    [API_F_QUOTA] = {429, "rate_limit_error", "rate_limit_exceeded", 429, "rate_limit_error", 429},
    [API_F_QUEUE_FULL] = {429, "rate_limit_error", "rate_limit_exceeded", 429, "rate_limit_error", 503},
    [API_F_LOADING] = {503, "unavailable_error", "model_loading", 529, "overloaded_error", 503},
    [API_F_NO_MEMORY] = {503, "server_error", "insufficient_system_resource", 529, "overloaded_error", 503},
    [API_F_BROKEN] = {500, "server_error", NULL, 500, "api_error", 500},
    [API_F_NOT_DONE] = {403, "permission_error", "not_done_here", 403, "permission_error", 403},
    [API_F_STOPPING] = {503, "server_error", "shutting_down", 529, "overloaded_error", 503},
    [API_F_TOO_LATE] = {504, "server_error", "timeout", 504, "timeout_error", 504},
};

void api_fault_set(struct api_fault *f, enum api_fault_kind kind, const char *param, const char *fmt, ...)
{
    va_list ap;
    *f = (struct api_fault){.kind = kind};
    snprintf(f->param, sizeof f->param, "%s", param ? param : "");
    va_start(ap, fmt);
    vsnprintf(f->message, sizeof f->message, fmt, ap);
    va_end(ap);
}

int api_fault_status(const struct api_answer *a, enum api_fault_kind kind)
{
    const struct row *r = &rows[kind < API_FAULTS ? kind : API_F_BROKEN];
    return a->dialect == API_ANTHROPIC ? r->anthropic_status : a->dialect == API_OLLAMA ? r->ollama_status : r->status;
}

/* llama-server has a number for `code`, and other types. */
static const char *llama_type(int status)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {{400, "invalid_request_error"}, {401, "authentication_error"}, {403, "permission_error"},
                 {404, "not_found_error"},       {503, "unavailable_error"},    {0, "server_error"}};
    size_t i = 0;
    while (types[i].status && types[i].status != status) i++;
    return types[i].status ? types[i].type : status < 500 ? "invalid_request_error" : "server_error";
}

void api_fault_object(struct jw *w, const char *key, const struct api_answer *a, const struct api_fault *f)
{
    const struct row *r = &rows[f->kind < API_FAULTS ? f->kind : API_F_BROKEN];
    bool loading =
        f->kind == API_F_LOADING && a->dialect == API_OPENAI; /* as llama-server says it: agents wait for it */
    jw_open(w, key, '{');
    jw_str(w, "message", f->message);
    if (a->dialect == API_ANTHROPIC) {
        jw_str(w, "type", r->anthropic);
    } else if (a->dialect == API_LLAMA || loading) {
        jw_int(w, "code", r->status);
        jw_str(w, "type", f->kind == API_F_TOO_LONG ? "exceed_context_size_error" : llama_type(r->status));
    } else {
        jw_str(w, "type", r->type);
        jw_str(w, "param", *f->param ? f->param : NULL);
        jw_str(w, "code", r->code);
    }
    if (f->kind == API_F_TOO_LONG && a->dialect != API_ANTHROPIC) {
        jw_int(w, "n_prompt_tokens", f->n_prompt);
        jw_int(w, "n_ctx", f->n_ctx);
    }
    jw_close(w, '}');
}

void api_fault_body(const struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    if (a->dialect == API_OLLAMA) {
        jw_str(&w, "error", f->message);
    } else if (a->dialect == API_ANTHROPIC) {
        jw_str(&w, "type", "error");
        api_fault_object(&w, "error", a, f);
        jw_str(&w, "request_id", a->id);
    } else {
        api_fault_object(&w, "error", a, f);
    }
    jw_close(&w, '}');
}
