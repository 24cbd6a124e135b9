/* Frames between front and worker: what is written is read back, and nothing else is taken. */
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "tests/test.h"
#include "turn/frame.h"

#define TEXT(s) {(s), sizeof(s) - 1}

static void fill_chat(struct chat_request *q)
{
    static const struct chat_call calls[] = {{"call_1", "get_weather", "{\"city\": \"Z\xc3\xbcrich\"}"}, {NULL, "now", "{}"}};
    static const struct chat_tool tools[] = {{"get_weather", "of a city", "{\"type\": \"object\"}"}, {"now", NULL, NULL}};
    static const struct chat_msg msgs[] = {
        {.role = CHAT_SYSTEM, .text = "Be\0brief", .len = 8},
        {.role = CHAT_USER, .text = "", .len = 0},
        {.role = CHAT_ASSISTANT, .reasoning = "Hm", .reasoning_len = 2, .calls = calls, .n_calls = 2},
        {.role = CHAT_TOOL, .text = "12", .len = 2, .call_id = "call_1"},
    };
    static const struct tm day = {.tm_year = 126, .tm_mon = 10, .tm_mday = 30, .tm_hour = 23, .tm_sec = 60,
                                  .tm_wday = 1, .tm_yday = 333};
    *q = (struct chat_request){.msgs = msgs, .n_msgs = 4, .tools = tools, .n_tools = 2, .thinking = CHAT_THINK_ON,
                               .effort = CHAT_EFFORT_MAX, .add_generation_prompt = true, .date = "30 Nov 2026", .now = &day,
                               .schema = "{}"};
}

static void fill_turn(struct turn *t)
{
    static struct turn_text stops[] = {TEXT("###"), TEXT("\n")};
    static struct turn_bias bias[] = {{7, -100}, {9, 2.5f}};
    static int32_t stop_ids[] = {3, -1, 70000};
    static const int32_t ids[] = {1, 2, 3};
    turn_init(t, TURN_CHAT);
    fill_chat(&t->chat);
    t->id = UINT64_C(0xfedcba9876543210);
    t->tenant = (struct turn_text)TEXT("school");
    t->user = (struct turn_text)TEXT("");
    t->weight = 0.5;
    t->priority = -3;
    t->deadline_ms = 1500;
    t->prompt_ids = ids;
    t->n_prompt_ids = 3;
    t->suffix = (struct turn_text)TEXT("end");
    t->sampling.seeded = t->special = t->echo = t->one_call = t->want_progress = true;
    t->sampling.seed = UINT64_MAX;
    t->sampling.frequency = 1.25;
    t->max_tokens = 77;
    t->stops = stops;
    t->n_stops = 2;
    t->stop_ids = stop_ids;
    t->n_stop_ids = 3;
    t->bias = bias;
    t->n_bias = 2;
    t->top_logprobs = 5;
    t->shape = TURN_SCHEMA;
    t->shape_text = (struct turn_text)TEXT("{\"type\": \"object\"}");
    t->choice = TURN_TOOLS_NAMED;
    t->choice_name = (struct turn_text)TEXT("now");
}

static void fill_event(struct turn_event *ev)
{
    static struct turn_top top[] = {{5, -0.25f, TEXT("a")}, {6, -2, TEXT("\xff")}};
    static const int32_t ids[] = {4, 5};
    static const float vector[] = {0.5f, -1, 3};
    *ev = (struct turn_event){.turn = 9, .kind = TURN_EV_TOKEN, .text = TEXT("hi"), .id = TEXT("call_2"), .call = 3,
                              .malformed = true,
                              .token = {.id = 5, .of_reasoning = true, .known = true, .logprob = -0.25f, .bytes = TEXT("a"),
                                        .top = top, .n_top = 2},
                              .ids = ids, .n_ids = 2, .vector = vector, .n_vector = 3, .reason = TURN_CALLS, .stop = 1,
                              .error = TURN_QUEUE_FULL, .limit = 4096, .retry_ms = 250, .seed = 11,
                              .usage = {10, 8, 9, 5, 2, 4, 3, 1}, .time = {1, 2, 3.5}};
}

static void fill_model(struct turn_model *m)
{
    *m = (struct turn_model){.name = TEXT("Toy"), .path = TEXT("/m/toy.gguf"), .arch = TEXT("llama"), .bos = TEXT("<s>"),
                             .hash = {1, 2, 255},
                             .params = 5, .bytes = 6, .context = 7, .vocab = 8, .slots = 16, .top_k = 40, .chats = true,
                             .tools = true, .temperature = 0.7, .repeat = 1};
}

/* Reads a whole frame and writes what was read: the same bytes. Returns the result of reading. */
static int again(const char *data, size_t len, struct buf *out, struct err *e)
{
    uint32_t type;
    size_t body;
    bool whole;
    TRY(frame_look(data, len, &type, &body, &whole, e));
    if (!whole || body != len - FRAME_HEAD) FAIL(e, ERR_FORMAT, "not a whole frame");
    const char *at = data + FRAME_HEAD;
    int rc;
#define CASE(kind, name, type_name, free_it)                       \
    case kind: {                                                   \
        struct type_name x;                                        \
        rc = frame_read_##name(&x, at, body, e);                   \
        if (rc) return rc;                                         \
        rc = frame_##name(out, &x, e);                             \
        free_it;                                                   \
        return rc;                                                 \
    }
    switch (type) {
        CASE(FRAME_TURN, turn, turn, turn_free(&x))
        CASE(FRAME_CONTROL, control, frame_control, (void)0)
        CASE(FRAME_EVENT, event, turn_event, turn_event_free(&x))
        CASE(FRAME_MODEL, model, turn_model, turn_model_free(&x))
        CASE(FRAME_COUNTS, counts, turn_counts, (void)0)
        CASE(FRAME_FAILED, failed, frame_failed, turn_mem_free(&x.mem))
        CASE(FRAME_LOADING, loading, frame_loading, (void)0)
    }
    FAIL(e, ERR_FORMAT, "no type");
}

static bool same_after(const struct buf *frame)
{
    struct buf out = {0};
    struct err e = {0};
    int rc = again(frame->data, frame->len, &out, &e);
    CHECK(rc == OK, "%s", e.msg);
    bool same = out.len == frame->len && !memcmp(out.data, frame->data, out.len);
    buf_free(&out);
    return same;
}

/* Cut anywhere, or with bytes too many: refused. Any byte changed: refused, or another thing that is read and written. */
static void check_hostile(const struct buf *frame, uint64_t seed)
{
    struct err e;
    struct buf out = {0};
    char *copy = mem_alloc(frame->len + 1);
    int taken = 0;
    for (size_t n = 0; n < frame->len; n++) {
        memcpy(copy, frame->data, frame->len);
        if (n >= FRAME_HEAD) {
            uint32_t rest = (uint32_t)n - 4;
            memcpy(copy, &rest, 4);
        }
        if (again(copy, n, &out, &e) == OK) taken++;
    }
    CHECK(taken == 0, "%d of the frames that were cut were taken", taken);
    memcpy(copy, frame->data, frame->len);
    uint32_t rest = (uint32_t)frame->len - 3;
    memcpy(copy, &rest, 4);
    copy[frame->len] = 0;
    CHECK(again(copy, frame->len + 1, &out, &e) == ERR_FORMAT && strstr(e.msg, "1 bytes too many"), "a byte more: %s",
          e.msg);
    for (uint64_t i = 0; i < 4000; i++) {
        memcpy(copy, frame->data, frame->len);
        for (uint64_t k = 8 * i; k < 8 * i + 3; k++)
            copy[FRAME_HEAD + rng_below(seed, 1, k, frame->len - FRAME_HEAD)] = (char)rng_u64(seed, 2, k);
        buf_clear(&out);
        if (again(copy, frame->len, &out, &e)) continue;
        if (out.len != frame->len || memcmp(out.data, copy, out.len))
            CHECK(false, "frame %llu is not written as it was read", (unsigned long long)i);
    }
    buf_free(&out);
    mem_free(copy);
}

static void check_kinds(void)
{
    struct err e = {0};
    struct turn t;
    struct turn_event ev;
    struct turn_model m;
    struct turn_counts n = {.running = 1, .pages = 7, .busy_seconds = 2.5};
    struct frame_control c = {CONTROL_PAUSE, 5};
    struct frame_failed f = {.code = ERR_MEMORY, .text = TEXT("too large")};
    struct frame_loading l = {5, 10};
    fill_turn(&t);
    fill_event(&ev);
    fill_model(&m);
    for (int kind = 0; kind < 8; kind++) {
        struct buf b = {0};
        int rc = kind == 0   ? frame_turn(&b, &t, &e)
                 : kind == 1 ? frame_event(&b, &ev, &e)
                 : kind == 2 ? frame_model(&b, &m, &e)
                 : kind == 3 ? frame_counts(&b, &n, &e)
                 : kind == 4 ? frame_control(&b, &c, &e)
                 : kind == 5 ? frame_failed(&b, &f, &e)
                 : kind == 6 ? frame_loading(&b, &l, &e)
                             : frame_turn(&b, &(struct turn){0}, &e);
        CHECK(rc == OK, "kind %d: %s", kind, e.msg);
        CHECK(same_after(&b), "kind %d is not what it was", kind);
        check_hostile(&b, (uint64_t)kind);
        buf_free(&b);
    }
}

/* A few values, seen from the other side. */
static void check_values(void)
{
    struct err e = {0};
    struct turn t, u;
    struct buf b = {0};
    fill_turn(&t);
    CHECK_OK(frame_turn(&b, &t, &e), &e);
    CHECK_OK(frame_read_turn(&u, b.data + FRAME_HEAD, b.len - FRAME_HEAD, &e), &e);
    CHECK(u.id == t.id && u.n_stops == 2 && u.bias[1].add == 2.5f && u.stop_ids[2] == 70000, "numbers");
    CHECK(!strcmp(u.stops[0].s, "###"), "a string that stops");
    CHECK(u.chat.n_msgs == 4 && u.chat.msgs[0].len == 8 && !memcmp(u.chat.msgs[0].text, "Be\0brief", 9), "a text with a NUL");
    CHECK(u.chat.msgs[1].text && !*u.chat.msgs[1].text && !u.chat.msgs[2].text, "an empty text is not an absent one");
    const struct chat_call *calls = u.chat.msgs[2].calls;
    CHECK(!strcmp(calls[0].arguments, t.chat.msgs[2].calls[0].arguments) && !calls[1].id, "calls");
    CHECK(u.chat.now->tm_yday == 333 && u.sampling.temperature == -1 && u.sampling.seed == UINT64_MAX, "a clock, sampling");
    CHECK(u.user.s && u.user.len == 0 && !u.session.s, "an empty name is not an absent one");
    CHECK(u.shape == TURN_SCHEMA && u.choice == TURN_TOOLS_NAMED, "choices");
    turn_free(&u);
    turn_free(&t);
    buf_free(&b);
}

static void check_heads(void)
{
    static const struct {
        uint32_t rest, type;
        const char *error; /* NULL: it may be one */
    } cases[] = {
        {4, FRAME_COUNTS, NULL},
        {3, FRAME_COUNTS, "has 3 bytes"},
        {FRAME_MOST, FRAME_TURN, "has 83886080 bytes"},
        {12, 0, "of type 0"},
        {12, FRAME_LOADING + 1, "of type 8"},
        {UINT32_MAX, FRAME_TURN, "has 4294967295 bytes"},
        {FRAME_MOST - 4, FRAME_TURN, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        uint32_t type, head[2] = {cases[i].rest, cases[i].type};
        size_t len;
        bool whole;
        int rc = frame_look((const char *)head, sizeof head, &type, &len, &whole, &e);
        if (cases[i].error) CHECK(rc == ERR_FORMAT && strstr(e.msg, cases[i].error), "head %zu: %s", i, e.msg);
        else CHECK(rc == OK && type == cases[i].type && len == cases[i].rest - 4 && whole == (len == 0), "head %zu", i);
        rc = frame_look((const char *)head, 7, &type, &len, &whole, &e);
        CHECK(rc == OK && !type && !whole, "half a head");
    }
}

/* Every allocation fails once: an error, nothing lost (the sanitizers see it). */
static void check_memory(void)
{
    struct err e = {0};
    struct turn t, u;
    struct buf b = {0};
    int refused = 0;
    fill_turn(&t);
    CHECK_OK(frame_turn(&b, &t, &e), &e);
    for (uint64_t k = 1;; k++) {
        mem_fail_at(k);
        int rc = frame_read_turn(&u, b.data + FRAME_HEAD, b.len - FRAME_HEAD, &e);
        mem_fail_at(0);
        turn_free(&u);
        if (rc == OK) break;
        CHECK(rc == ERR_MEMORY, "allocation %d: %s", (int)k, e.msg);
        refused++;
    }
    CHECK(refused > 20, "%d allocations", refused);
    buf_free(&b);
}

int main(void)
{
    check_kinds();
    check_values();
    check_heads();
    check_memory();
    return test_end();
}
