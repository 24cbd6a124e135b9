/* A front without sockets and models: sends requests to the dialects, answers their turns with scripted events, and keeps what
 * would have been sent. The clock stands still, the random numbers count. */
#ifndef TESTS_API_SCRIPT_H
#define TESTS_API_SCRIPT_H

#include <math.h>
#include <string.h>
#include "api/api.h"
#include "base/json.h"
#include "base/mem.h"
#include "tests/test.h"

static unsigned char script_count;

static inline int64_t script_now(void *ctx)
{
    (void)ctx;
    return 1764500000123456789;
}

static inline void script_random(void *ctx, void *out, size_t n)
{
    (void)ctx;
    memset(out, ++script_count, n);
}

static const char *const script_alias[] = {"toy", "claude-toy*", NULL};
static struct turn_model script_about = {.name = {"Toy", 3},
                                         .path = {"/models/toy.gguf", 16},
                                         .arch = {"llama", 5},
                                         .quant = {"Q4_1", 4},
                                         .form = {"chatml", 6},
                                         .template_text = {"{{ messages }}", 14},
                                         .bos = {"<s>", 3},
                                         .eos = {"</s>", 4},
                                         .build = {"0.1 AVX2", 8},
                                         .params = 135000000,
                                         .bytes = 90000000,
                                         .context = 4096,
                                         .model_context = 8192,
                                         .vocab = 49152,
                                         .width = 576,
                                         .layers = 30,
                                         .slots = 16,
                                         .pages = 64,
                                         .page_rows = 256,
                                         .chats = true,
                                         .thinks = true,
                                         .tools = true,
                                         .infill = true,
                                         .temperature = 0.7,
                                         .top_p = 0.9,
                                         .top_k = 40,
                                         .min_p = 0,
                                         .repeat = 1};
static struct turn_counts script_counts = {.running = 1,
                                           .waiting = 2,
                                           .pages_used = 3,
                                           .pages = 64,
                                           .prompt_tokens = 100,
                                           .cached_tokens = 40,
                                           .answer_tokens = 50,
                                           .requests = 7};
static struct api_model script_models[] = {
    {.id = "toy-135m",
     .alias = script_alias,
     .state = API_LOADED,
     .about = &script_about,
     .counts = &script_counts,
     .digest = "aa11bb22cc33dd44ee55ff6600112233445566778899aabbccddeeff00112233",
     .modified = 1764400000,
     .expires = 1764500300,
     .memory = 200000000},
    {.id = "big", .state = API_LISTED, .modified = 1764400001},
};
static struct api_env script_env = {.models = script_models,
                                    .n_models = 2,
                                    .version = "0.1.0",
                                    .now = script_now,
                                    .random = script_random,
                                    .key = "0123456789abcdef0123456789abcde",
                                    .can_pull = true,
                                    .can_manage = true};

/* Headers of the next request: "name", "value", ..., NULL. */
static const char *const *script_headers;
static inline const char *script_header(void *ctx, const char *name)
{
    (void)ctx;
    for (const char *const *h = script_headers; h && *h; h += 2)
        if (!strcmp(*h, name)) return h[1];
    return NULL;
}

struct script {
    struct api_answer a;
    struct buf out;
};

static inline void script_free(struct script *s)
{
    api_free(&s->a);
    buf_free(&s->out);
}

/* Sends a request; what was there before is freed. */
static inline void script_send(struct script *s, const char *method, const char *path, const char *body)
{
    struct api_fault f;
    struct api_request r = {.method = method, .path = path, .header = script_header};
    script_free(s);
    script_count = 0;
    if (api_open(&s->a, &script_env, &r, &f)) api_begin(&s->a, body ? body : "", body ? strlen(body) : 0, &s->out);
    else api_fault(&s->a, &f, &s->out);
}

static inline struct turn_text script_text(const char *s) { return (struct turn_text){s, s ? strlen(s) : 0}; }

static inline void script_event(struct script *s, size_t turn, struct turn_event ev)
{
    api_event(&s->a, turn, &ev, &s->out);
}

#define SAY(s, turn, kind_, ...) script_event(s, turn, (struct turn_event){.kind = kind_, __VA_ARGS__})
#define ACCEPT(s, turn, prompt_, cached_)                                                                              \
    SAY(s, turn, TURN_EV_ACCEPTED, .usage = {.prompt = prompt_, .cached = cached_}, .seed = 7)
#define TEXT(s, turn, t)  SAY(s, turn, TURN_EV_TEXT, .text = script_text(t))
#define THINK(s, turn, t) SAY(s, turn, TURN_EV_REASONING, .text = script_text(t))
#define CALL(s, turn, n, name_, id_)                                                                                   \
    SAY(s, turn, TURN_EV_CALL, .call = n, .text = script_text(name_), .id = script_text(id_))
#define ARGS(s, turn, n, t)  SAY(s, turn, TURN_EV_ARGUMENTS, .call = n, .text = script_text(t))
#define CALL_END(s, turn, n) SAY(s, turn, TURN_EV_CALL_END, .call = n)
#define DONE(s, turn, reason_, prompt_, cached_, answer_)                                                              \
    SAY(s, turn, TURN_EV_DONE, .reason = reason_, .usage = {.prompt = prompt_, .cached = cached_, .answer = answer_},  \
        .time = {1, 20, 40})
#define BREAK(s, turn, error_, t) SAY(s, turn, TURN_EV_ERROR, .error = error_, .text = script_text(t))

static inline const char *script_out(const struct script *s) { return s->out.data ? s->out.data : ""; }

static inline const char *script_head(const struct script *s, const char *name)
{
    for (size_t i = 0; i < s->a.n_headers; i++)
        if (!strcmp(s->a.header[i].name, name)) return s->a.header[i].value;
    return "";
}

static inline json_t *script_json(const char *text, size_t len)
{
    struct err e = {0};
    json_t *v = NULL;
    CHECK(!json_parse(&v, text, len, "reply", &e), "%s: %.300s", e.msg, text);
    return v;
}

/* The value at a path like "choices.0.delta.content" of a JSON text, printed; strings without quotation marks; "?": none. */
static inline const char *script_in(const json_t *v, const char *path)
{
    static char text[8][4000];
    static int next;
    char *out = text[next++ % 8], key[64];
    while (v && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        v = json_is_array(v) ? json_array_get(v, (size_t)strtoul(key, NULL, 10)) : json_object_get(v, key);
        path += n + (path[n] == '.');
    }
    snprintf(out, sizeof text[0], "?");
    if (json_is_string(v)) snprintf(out, sizeof text[0], "%s", json_string_value(v));
    else if (v && json_dumpb(v, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) < sizeof text[0])
        out[json_dumpb(v, out, sizeof text[0], JSON_COMPACT | JSON_ENCODE_ANY)] = 0;
    return out;
}

static inline const char *script_get(const struct script *s, const char *path)
{
    json_t *v = script_json(script_out(s), s->out.len);
    const char *got = script_in(v, path);
    json_decref(v);
    return got;
}

/* The events of an SSE stream, one by one: *at moves on; name may be NULL. NULL: no further one. "[DONE]" gives a JSON string. */
static inline json_t *script_next(const struct script *s, size_t *at, char name[64])
{
    const char *p = script_out(s) + *at;
    if (name) *name = 0;
    for (;;) {
        const char *end = strstr(p, "\n\n");
        if (!end) return NULL;
        *at = (size_t)(end + 2 - script_out(s));
        if (*p == ':') {
            p = end + 2;
            continue;
        }
        if (!strncmp(p, "event: ", 7)) {
            size_t n = strcspn(p + 7, "\n");
            if (name) snprintf(name, 64, "%.*s", (int)n, p + 7);
            p += 7 + n + 1;
        }
        CHECK(!strncmp(p, "data: ", 6) && !memchr(p, '\n', (size_t)(end - p)), "no event: %.100s", p);
        p += 6;
        if (!strncmp(p, "[DONE]", 6)) return json_string("[DONE]");
        return script_json(p, (size_t)(end - p));
    }
}

/* The part of `path` in every event, put together with '|' between. */
static inline const char *script_stream(const struct script *s, const char *path)
{
    static char all[8000];
    size_t at = 0, len = 0;
    json_t *v;
    all[0] = 0;
    while ((v = script_next(s, &at, NULL)) != NULL) {
        const char *got = json_is_string(v) ? json_string_value(v) : script_in(v, path);
        if (strcmp(got, "?") != 0) len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? "|" : "", got);
        json_decref(v);
        if (len >= sizeof all) break;
    }
    return all;
}

#define SAME(got, want)                                                                                                \
    do {                                                                                                               \
        const char *got_ = (got);                                                                                      \
        CHECK(!strcmp(got_, want), "got  %s\nwant %s", got_, want);                                                    \
    } while (0)

#endif
