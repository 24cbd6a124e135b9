/* Fuzz target: requests of every route, and events in any order. The first byte chooses the route, the second how events
 * come, then the body; the events are drawn from a hash of it. A request gives turns, something to do, or a reply; what is
 * sent is whole JSON, whole events of a stream, whole lines. */
#include "fuzz/fuzz_quiet.h"
#include <stdlib.h>
#include "api/inside.h"
#include "base/rng.h"
#include "tests/api_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void broken(const char *what, const struct script *s)
{
    fprintf(stderr, "broken promise: %s: %s %s\n%.2000s\n", what, s->a.route ? s->a.route->path : "?",
            s->a.type ? s->a.type : "?", script_out(s));
    abort();
}

static void check_json(const struct script *s, const char *text, size_t len)
{
    json_t *v;
    struct err e;
    if (json_parse_any(&v, text, len, "reply", &e)) broken(e.msg, s);
    json_decref(v);
}

static void check_lines(const struct script *s)
{
    for (const char *p = script_out(s), *end; *p; p = end + 1) {
        end = strchr(p, '\n');
        if (!end) broken("half a line", s);
        check_json(s, p, (size_t)(end - p));
    }
}

static void check_sse(const struct script *s)
{
    for (const char *p = script_out(s), *end; *p; p = end + 2) {
        end = strstr(p, "\n\n");
        if (!end) broken("half an event", s);
        if (*p == ':') continue;
        if (!strncmp(p, "event: ", 7)) p = strchr(p, '\n') + 1;
        if (strncmp(p, "data: ", 6) != 0 || memchr(p, '\n', (size_t)(end - p))) broken("no event", s);
        if (strncmp(p + 6, "[DONE]", 6) != 0) check_json(s, p + 6, (size_t)(end - p - 6));
    }
}

static void check_out(const struct script *s)
{
    if (s->out.len == 0) return;
    if (!s->a.begun) broken("bytes before a status", s);
    if (!strcmp(s->a.type, "text/event-stream")) check_sse(s);
    else if (!strcmp(s->a.type, "application/x-ndjson")) check_lines(s);
    else if (s->a.ended && !strcmp(s->a.type, "application/json")) check_json(s, s->out.data, s->out.len);
}

/* An event out of random numbers; its texts are whole characters. */
static struct turn_event draw(struct rng *r, int call)
{
    static const char *const texts[] = {"a",       "",     "\"\\\n",     "\xf0\x9f\x98\x80", "{\"input\":\"x\"}",
                                        "<think>", "a\0b", "data: x\n\n"};
    static struct turn_top top[2] = {{1, -0.5f, {"x", 1}}, {2, -1, {"\xc3", 1}}};
    static const int32_t ids[] = {1, 2, 3};
    static const float vector[] = {1, 0, NAN};
    size_t t = rng_next_below(r, sizeof texts / sizeof texts[0]);
    struct turn_event ev = {.kind = (enum turn_event_kind)rng_next_below(r, TURN_EV_ERROR + 1)};
    ev.text = (struct turn_text){texts[t], t == 6 ? 3 : strlen(texts[t])};
    ev.call = (int32_t)rng_next_below(r, 20) ? call : (int32_t)rng_next_below(r, 5) - 1;
    ev.malformed = rng_next_below(r, 4) == 0;
    ev.reason = (enum turn_reason)rng_next_below(r, TURN_CANCELLED + 1);
    ev.stop = (int32_t)rng_next_below(r, 4) - 1;
    ev.error = (enum turn_error)rng_next_below(r, TURN_STOPPING + 2);
    ev.retry_ms = (int64_t)rng_next_below(r, 3000);
    ev.usage = (struct turn_usage){.prompt = 10, .cached = 3, .answer = 5, .dropped = (int64_t)rng_next_below(r, 2)};
    ev.token = (struct turn_token){.id = 1,
                                   .of_prompt = rng_next_below(r, 2),
                                   .of_reasoning = rng_next_below(r, 2),
                                   .known = rng_next_below(r, 2),
                                   .logprob = -0.25f,
                                   .bytes = {"\xc3\xa9\xff", 1 + rng_next_below(r, 3)},
                                   .top = top,
                                   .n_top = rng_next_below(r, 3)};
    ev.ids = ids;
    ev.n_ids = rng_next_below(r, 4);
    ev.vector = vector;
    ev.n_vector = rng_next_below(r, 4);
    return ev;
}

static void answer(struct script *s, struct rng *r)
{
    int call = 0;
    for (int i = 0; i < 60 && !s->a.ended; i++) {
        size_t turn = s->a.n_turns > 0 ? rng_next_below(r, s->a.n_turns < 3 ? s->a.n_turns + 1 : 3) : 0;
        struct turn_event ev = draw(r, call);
        if (i == 0 && rng_next_below(r, 8)) ev.kind = TURN_EV_ACCEPTED;
        if (ev.kind == TURN_EV_ERROR && rng_next_below(r, 8)) ev.kind = TURN_EV_TEXT;
        if (ev.kind == TURN_EV_CALL_END) call += rng_next_below(r, 8) > 0;
        if (rng_next_below(r, 10) == 0) api_keep_alive(&s->a, &s->out);
        if (s->a.task == API_PULL) api_pull(&s->a, "pulling", rng_next_below(r, 2) ? "sha256:a" : NULL, 1, 2, &s->out);
        if (s->a.task == API_TURNS) api_event(&s->a, turn, &ev, &s->out);
        check_out(s);
    }
    if (s->a.task != API_TURNS && s->a.task != API_REPLIED) api_done(&s->a, &s->out);
    struct api_fault f;
    api_fault_set(&f, (enum api_fault_kind)rng_next_below(r, API_FAULTS), "", "gone");
    api_fault(&s->a, &f, &s->out);
    if (!s->a.ended) broken("a fault does not end it", s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {0};
    struct api_fault f;
    size_t n;
    if (size < 2) return 0;
    const struct api_route *route = api_routes(&n);
    route += data[0] % n;
    struct rng r = {.seed = data[1]};
    for (size_t i = 2; i < size; i++) r.seed = r.seed * 31 + data[i];
    struct api_request q = {.method = route->method, .path = strchr(route->path, '{') ? "/v1/models/toy" : route->path};
    script_env.strict = data[1] & 1;
    if (!api_open(&s.a, &script_env, &q, &f)) broken("a route is not found", &s);
    api_begin(&s.a, (const char *)data + 2, size - 2, &s.out);
    if (!s.a.ended && s.a.task == API_REPLIED) broken("neither a reply nor something to do", &s);
    if (s.a.failed && s.a.status >= 500 && s.a.status != 501) broken("an error of ours", &s);
    check_out(&s);
    answer(&s, &r);
    check_out(&s);
    script_free(&s);
    return 0;
}
