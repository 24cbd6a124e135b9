/* The table of routes, and the way from a request to its reader. */
#include <stdio.h>
#include <string.h>
#include "api/anthropic.h"
#include "api/ask.h"
#include "api/embed.h"
#include "api/llama.h"
#include "api/models.h"
#include "api/ollama.h"
#include "api/openai.h"
#include "api/responses.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"

static int health(struct api_answer *a, struct buf *out)
{
    if (a->env->stopping) {
        api_fault_set(&a->work->fault, API_F_STOPPING, "", "the server is shutting down");
        return ERR_INTERRUPTED;
    }
    buf_add_str(out, "{\"status\":\"ok\"}");
    api_reply(a, 200, "application/json");
    return OK;
}

static int openapi(struct api_answer *a, struct buf *out)
{
    api_openapi(a->env, out);
    api_reply(a, 200, "application/json");
    return OK;
}

/* clang-format off */
static const struct api_route routes[] = {
    {"GET", "/health", true, API_LLAMA, API_PUBLIC, "whether the server answers", NULL, health, .reply = "health"},
    {"GET", "/openapi.json", false, API_OPENAI, API_LOOK, "this interface, for programs", NULL, openapi, .reply = NULL},
    {"GET", "/models", true, API_OPENAI, API_LOOK, "the models; with an anthropic-version header in Anthropic's shape", NULL,
     models_list, .reply = "model_list"},
    {"GET", "/models/{id}", true, API_OPENAI, API_LOOK, "one model", NULL, models_one, .reply = "model"},
    {"POST", "/models/load", true, API_LLAMA, API_MANAGE, "loads a model", api_load_fields, models_load, &models_voice,
     .reply = "success"},
    {"POST", "/models/unload", true, API_LLAMA, API_MANAGE, "unloads a model", api_load_fields, models_unload, &models_voice,
     .reply = "success"},
    {"POST", "/chat/completions", true, API_OPENAI, API_ASK, "OpenAI and DeepSeek chat", api_chat_fields, api_chat_begin,
     &api_chat_voice, .reply = "chat_reply"},
    {"POST", "/embeddings", true, API_OPENAI, API_ASK, "OpenAI embeddings", api_embedding_fields, api_embedding_begin,
     &api_embedding_voice, .reply = "embedding_reply"},
    {"POST", "/completions", true, API_OPENAI, API_ASK, "OpenAI legacy completions; with suffix, what stands between (FIM)",
     api_completion_fields, api_completion_begin, &api_completion_voice, .reply = "completion_reply"},
    {"POST", "/responses", true, API_OPENAI, API_ASK, "OpenAI Responses", responses_fields, responses_begin, &responses_voice,
     .reply = "response"},
    {"POST", "/responses/input_tokens", true, API_OPENAI, API_ASK, "counts what a response would read", responses_count_fields,
     responses_count_begin, &responses_count_voice, .reply = "input_tokens"},
    {"GET", "/user/balance", true, API_OPENAI, API_LOOK, "DeepSeek's balance: always there, always nothing", NULL, llama_balance,
     .reply = "balance"},

    {"POST", "/messages", true, API_ANTHROPIC, API_ASK, "Anthropic messages", anthropic_fields, anthropic_begin, &anthropic_voice,
     .reply = "anthropic_reply"},
    {"POST", "/messages/count_tokens", true, API_ANTHROPIC, API_ASK, "counts what a message would read", anthropic_count_fields,
     anthropic_count_begin, &anthropic_count_voice, .reply = "input_tokens"},

    {"GET", "/props", false, API_LLAMA, API_LOOK, "a model's settings; ?model= names it", NULL, llama_props, .reply = "props"},
    {"GET", "/slots", false, API_LLAMA, API_LOOK, "places for answers, and how many are taken", NULL, llama_slots, .reply = "slots"},
    {"GET", "/metrics", false, API_LLAMA, API_METRICS, "counts for Prometheus, by llama-server's and vLLM's names", NULL, llama_metrics,
     .reply = NULL},
    {"POST", "/completion", false, API_LLAMA, API_ASK, "llama-server's completion", llama_completion_fields, llama_completion_begin,
     &llama_completion_voice, .reply = "llama_reply"},
    {"POST", "/infill", false, API_LLAMA, API_ASK, "what stands between two texts", llama_infill_fields, llama_infill_begin,
     &llama_completion_voice, .reply = "llama_reply"},
    {"POST", "/tokenize", true, API_LLAMA, API_ASK, "the tokens of a text, for llama-server's and vLLM's clients", llama_tokenize_fields,
     llama_tokenize_begin, &llama_tokenize_voice, .reply = "tokens"},
    {"POST", "/detokenize", true, API_LLAMA, API_ASK, "the text of tokens", llama_detokenize_fields, llama_detokenize_begin,
     &llama_detokenize_voice, .reply = "text"},
    {"GET", "/tokenizer_info", true, API_LLAMA, API_LOOK, "vLLM's: spellings of tokens, the template of chats", NULL,
     llama_tokenizer_info, .reply = "tokenizer_info"},
    {"POST", "/apply-template", true, API_LLAMA, API_ASK, "what the model would see of a conversation", api_chat_fields,
     llama_render_begin, &llama_render_voice, .reply = "rendered"},
    {"POST", "/chat/completions/input_tokens", true, API_OPENAI, API_ASK, "counts what a chat would read", api_chat_fields,
     llama_count_begin, &llama_count_voice, .reply = "input_tokens"},
    {"POST", "/chat/completions/control", true, API_LLAMA, API_ASK, "closes the thinking of an answer under way", llama_control_fields,
     llama_control, &models_voice, .reply = "success"},

    {"GET", "/", false, API_OLLAMA, API_PUBLIC, "\"Ollama is running\"", NULL, ollama_root, .reply = NULL},
    {"GET", "/api/version", false, API_OLLAMA, API_LOOK, "the version of Ollama's interface that this is like", NULL, ollama_version,
     .reply = "ollama_version"},
    {"GET", "/api/tags", false, API_OLLAMA, API_LOOK, "the models", NULL, ollama_tags, .reply = "ollama_models"},
    {"GET", "/api/ps", false, API_OLLAMA, API_LOOK, "the models that are loaded", NULL, ollama_ps, .reply = "ollama_models"},
    {"POST", "/api/show", false, API_OLLAMA, API_LOOK, "one model", ollama_show_fields, ollama_show, .reply = "ollama_show"},
    {"POST", "/api/chat", false, API_OLLAMA, API_ASK, "chat", ollama_chat_fields, ollama_chat_begin, &ollama_chat_voice, true,
     "ollama_answer"},
    {"POST", "/api/generate", false, API_OLLAMA, API_ASK, "an answer to one text; with suffix, what stands between",
     ollama_generate_fields, ollama_generate_begin, &ollama_generate_voice, true, "ollama_answer"},
    {"POST", "/api/embed", false, API_OLLAMA, API_ASK, "embeddings", ollama_embed_fields, ollama_embed_begin, &ollama_embed_voice,
     .reply = "ollama_embed"},
    {"POST", "/api/embeddings", false, API_OLLAMA, API_ASK, "one embedding", ollama_embedding_fields, ollama_embed_begin,
     &ollama_embedding_voice, .reply = "ollama_embedding"},
    {"POST", "/api/pull", false, API_OLLAMA, API_MANAGE, "fetches a model", ollama_pull_fields, ollama_pull, &ollama_pull_voice, true,
     "ollama_status"},
    {"DELETE", "/api/delete", false, API_OLLAMA, API_MANAGE, "removes a model from this machine", ollama_name_fields, ollama_delete,
     &ollama_empty_voice, .reply = NULL},
    {"POST", "/api/copy", false, API_OLLAMA, API_MANAGE, "a second name for a model", ollama_copy_fields, ollama_copy,
     &ollama_empty_voice, .reply = NULL},
    {"POST", "/api/create", false, API_OLLAMA, API_MANAGE, "not done here: 403", NULL, ollama_cannot, .reply = NULL},
    {"POST", "/api/push", false, API_OLLAMA, API_MANAGE, "not done here: 403", NULL, ollama_cannot, .reply = NULL},
};
/* clang-format on */

const struct api_route *api_routes(size_t *n)
{
    *n = ARRAY_LEN(routes);
    return routes;
}

bool api_route_at(size_t i, const char **method, const char **path, const char **what)
{
    if (i >= ARRAY_LEN(routes)) return false;
    *method = routes[i].method;
    *path = routes[i].path;
    *what = routes[i].what;
    return true;
}

/* ---- paths ---- */

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

/* Without /beta or /anthropic, and then without /v1: clients put any of them before. */
static const char *without_prefixes(const char *path)
{
    static const char *const prefixes[] = {"/beta", "/anthropic", "/v1"};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t n = strlen(prefixes[i]);
        if (begins(path, prefixes[i]) && path[n] == '/') path += n;
    }
    return path;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The rest of a path that ends in {id}; false: too long, or it holds what no name does. */
static bool take_tail(char *out, size_t room, const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)s[i];
        if (c == '%' && i + 2 < len && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            c = hex(s[i + 1]) * 16 + hex(s[i + 2]);
            i += 2;
        }
        if (c < 0x20 || n + 1 >= room) return false;
        out[n++] = (char)c;
    }
    out[n] = 0;
    return n > 0;
}

static bool matches(const struct api_route *r, const char *path, char *tail, size_t room)
{
    const char *p = r->prefixes ? without_prefixes(path) : path, *hole = strchr(r->path, '{');
    size_t n = hole ? (size_t)(hole - r->path) : strlen(r->path), len = strlen(p);
    if (len > 1 && p[len - 1] == '/') len--;
    if (!hole) return len == n && !memcmp(p, r->path, n);
    return len > n && !memcmp(p, r->path, n) && take_tail(tail, room, p + n, len - n);
}

static const struct api_route *find(struct api_work *w, const char *method, const char *path, char *allow, size_t room)
{
    size_t len = 0;
    if (!strcmp(method, "HEAD")) method = "GET";
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!matches(&routes[i], path, w->tail, sizeof w->tail)) continue;
        if (!strcmp(routes[i].method, method)) return &routes[i];
        if (len < room) len += (size_t)snprintf(allow + len, room - len, "%s%s", len ? ", " : "", routes[i].method);
    }
    return NULL;
}

/* ---- a request ---- */

static const char *header(const struct api_request *r, const char *name)
{
    return r->header ? r->header(r->ctx, name) : NULL;
}

static void look_at_head(struct api_answer *a, const struct api_request *r)
{
    struct api_work *w = a->work;
    const char *accept = header(r, "accept");
    w->asks_json = !accept || strstr(accept, "json") || strstr(accept, "*/*");
    w->wants_page = accept && strstr(accept, "text/html");
    snprintf(w->query, sizeof w->query, "%s", r->query ? r->query : "");
    w->anthropic = header(r, "anthropic-version") || begins(r->path, "/anthropic/");
}

/* Of a path that nobody has. */
static enum api_dialect guessed(const struct api_answer *a, const char *path)
{
    return begins(path, "/api/") ? API_OLLAMA : a->work && a->work->anthropic ? API_ANTHROPIC : API_OPENAI;
}

bool api_open(struct api_answer *a, const struct api_env *env, const struct api_request *r, struct api_fault *f)
{
    char allow[64] = "";
    *a = (struct api_answer){.env = env, .task = API_REPLIED};
    a->created = env->now(env->ctx);
    unsigned char id[API_ID / 2];
    env->random(env->ctx, id, sizeof id);
    for (size_t i = 0; i < sizeof id; i++) snprintf(a->id + 2 * i, 3, "%02x", id[i]);
    a->work = mem_alloc(sizeof *a->work);
    if (!a->work) {
        api_fault_set(f, API_F_BROKEN, "", "out of memory");
        return false;
    }
    look_at_head(a, r);
    const struct api_route *route = find(a->work, r->method, r->path, allow, sizeof allow);
    a->dialect = route ? route->dialect : guessed(a, r->path);
    if (!route) {
        if (!*allow)
            api_fault_set(f, API_F_NOT_FOUND, "", "nothing is at %.100s; GET /openapi.json lists what is", r->path);
        else api_fault_set(f, API_F_METHOD, "", "%.16s is not for %.100s, expected %s", r->method, r->path, allow);
        snprintf(f->allow, sizeof f->allow, "%s", allow);
        return false;
    }
    a->route = route;
    a->scope = route->scope;
    if (route->dialect == API_OPENAI && a->work->anthropic && !route->fields) a->dialect = API_ANTHROPIC;
    turn_init(&a->work->base, TURN_CHAT);
    a->work->wish = (struct api_wish){.n = 1, .stream = route->streams, .top_logprobs = -1};
    return true;
}

static int begin(struct api_answer *a, const char *body, size_t len, struct buf *out)
{
    struct api_work *w = a->work;
    struct err e = {0};
    if (a->route->fields) {
        int rc = json_parse_request(&w->root, body, len, "request body", &e);
        if (rc) api_fault_set(&w->fault, rc == ERR_MEMORY ? API_F_BROKEN : API_F_BAD, "", "%.700s", e.msg);
        TRY(rc);
        if (!json_is_object(w->root)) return api_bad(a, "the body is %s, expected an object", api_type_name(w->root));
        TRY(api_read(a, a->route->fields, w->root));
    }
    return a->route->begin(a, out);
}

void api_begin(struct api_answer *a, const char *body, size_t len, struct buf *out)
{
    if (a->ended || !a->route) return;
    if (begin(a, body, len, out)) api_fault(a, &a->work->fault, out);
}

void api_done(struct api_answer *a, struct buf *out)
{
    if (a->ended) return;
    const struct api_voice *v = a->route->voice;
    if (a->stream && v->last) v->last(a, out);
    else v->whole(a, out);
    api_reply(a, 200, a->stream ? v->stream_type : "application/json");
}
