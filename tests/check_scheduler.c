/* Many answers at once: each is what it is alone, whatever happens around it; no page of the cache is lost. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "infer/generate.h"
#include "infer/scheduler.h"
#include "tests/test.h"

enum { JOBS = 24, CONTEXT = 512 };

/* What one request is, and what came of it. */
struct asked {
    char prompt[200];
    struct tokens ids;
    struct writer_params w;
    struct chat_msg msg;
    struct chat_request q;
    struct buf alone, text; /* what generate() says; what the scheduler said */
    enum stop_reason why;
    int64_t tokens;
    struct job *job;
    int ends;
    enum job_end how;
    char error[200];
    uint64_t pause_from;
};

static struct engine en;
static struct asked asked[JOBS];
static const char *const stops[] = {"\n\n", " the"};

static void open_engine(int threads)
{
    struct err e = {0};
    struct decoder_options fits;
    struct engine_options o = {.model = "models/first/first.gguf", .threads = threads, .decoder = {.context = CONTEXT}};
    CHECK_OK(engine_open(&en, &o, &fits, &e), &e);
}

/* Questions of many lengths and kinds of sampling, answers of many lengths. */
static void make_requests(void)
{
    static const char *const words[] = {"Tom", "a cat", "ran to", "the big red ball", "and", "saw", "Once upon a time", "why?"};
    struct err e = {0};
    for (int i = 0; i < JOBS; i++) {
        struct asked *a = &asked[i];
        size_t len = 0;
        for (uint64_t k = 0; k < 1 + (uint64_t)i % 9 && len < 150; k++)
            len += (size_t)snprintf(a->prompt + len, sizeof a->prompt - len, "%s ",
                                    words[rng_below(1, (uint64_t)i, k, ARRAY_LEN(words))]);
        a->w = (struct writer_params){.max_tokens = 3 + 7 * (i % 8)};
        engine_sampling(&en, &a->w.sample);
        a->w.sample.seed = (uint64_t)i;
        if (i % 3 == 0) a->w.sample.temp = 0;
        if (i % 4 == 1) a->w.sample.presence = 0.5;
        if (i % 5 == 2) a->w.ignore_end = true;
        if (i % 6 == 3) {
            a->w.stops = stops;
            a->w.n_stops = 2;
        }
        if (i % 2) {
            a->msg = (struct chat_msg){.role = CHAT_USER, .text = a->prompt, .len = strlen(a->prompt)};
            a->q = (struct chat_request){.msgs = &a->msg, .n_msgs = 1, .add_generation_prompt = true};
            a->w.form = en.chat.form;
            a->w.request = &a->q;
            CHECK_OK(chat_form_encode(en.chat.form, en.tok, &a->q, &a->ids, NULL, &e), &e);
        } else {
            CHECK_OK(tokens_add(&a->ids, tokenizer_bos(en.tok), &e), &e);
            CHECK_OK(tokenizer_encode(en.tok, a->prompt, strlen(a->prompt), &a->ids, &e), &e);
        }
    }
}

static void answer_alone(void)
{
    struct err e = {0};
    struct decoder d;
    CHECK_OK(decoder_open(&d, &en, &(struct decoder_options){.context = CONTEXT}, &e), &e);
    for (int i = 0; i < JOBS; i++) {
        struct asked *a = &asked[i];
        struct session s;
        struct generate_result r;
        struct generate_params p = {.w = a->w};
        CHECK_OK(session_open(&s, &d, &e), &e);
        CHECK_OK(generate(&r, &s, a->ids.ids, (int64_t)a->ids.n, &p, NULL, NULL, &e), &e);
        a->alone = r.text;
        r.text = (struct buf){0};
        a->why = r.stop;
        a->tokens = r.tokens;
        generate_result_free(&r);
        session_close(&s);
    }
    decoder_close(&d);
}

static int on_event(void *ctx, struct job *j, const struct chat_event *ev, struct err *e)
{
    struct asked *a = ctx;
    (void)j;
    if (ev->kind == CHAT_EV_CONTENT) buf_add(&a->text, ev->text, ev->len);
    return buf_check(&a->text, "a text", e);
}

static void on_done(void *ctx, struct job *j, enum job_end how, const struct err *e)
{
    struct asked *a = ctx;
    a->ends++;
    a->how = how;
    if (e) snprintf(a->error, sizeof a->error, "%.199s", e->msg);
    if (how == JOB_ANSWERED && (j->w.stop != a->why || j->w.tokens != a->tokens))
        CHECK(false, "%s: ended as %s after %d tokens, alone as %s after %d", a->prompt, stop_reason_name(j->w.stop),
              (int)j->w.tokens, stop_reason_name(a->why), (int)a->tokens);
    a->job = NULL;
}

static void add(struct scheduler *s, struct asked *a, int tenant)
{
    struct err e = {0};
    double wait;
    char name[2] = {(char)('a' + tenant), 0};
    struct job_params p = {.name = {{name, 1}}, .ids = a->ids.ids, .n = (int64_t)a->ids.n, .writer = a->w};
    struct job_sink sink = {.event = on_event, .done = on_done, .ctx = a};
    buf_clear(&a->text);
    a->ends = 0;
    CHECK_OK(scheduler_add(s, &a->job, &p, &sink, &wait, &e), &e);
}

static void check_same(const struct asked *a, const char *what)
{
    bool same = a->text.len == a->alone.len && (a->text.len == 0 || !memcmp(a->text.data, a->alone.data, a->text.len));
    CHECK(a->ends == 1 && a->how == JOB_ANSWERED, "%s: %s: ended %d times, %s", what, a->prompt, a->ends, a->error);
    CHECK(same, "%s: %s: \"%.*s\", alone \"%.*s\"", what, a->prompt, (int)a->text.len, a->text.data, (int)a->alone.len,
          a->alone.data);
}

/* All at once or as time goes by. cancel: some are, at random; they say a beginning of what they would have said. */
static void run_all(const char *what, const struct decoder_options *shape, const struct scheduler_options *o, bool trickle,
                    bool cancel, struct scheduler_counts *counts)
{
    struct err e = {0};
    struct decoder d;
    struct scheduler s;
    int added = 0;
    CHECK_OK(decoder_open(&d, &en, shape, &e), &e);
    CHECK_OK(scheduler_open(&s, &d, o, &e), &e);
    bool cancelled[JOBS] = {0};
    for (uint64_t step = 0; step < 20000 && (added < JOBS || s.jobs); step++) {
        while (added < JOBS && (!trickle || rng_below(5, 1, step, 3) == 0)) {
            add(&s, &asked[added], added % 3);
            added++;
            if (trickle) break;
        }
        int one = (int)rng_below(5, 2, step, JOBS);
        if (cancel && asked[one].job && rng_below(5, 3, step, 2) == 0) {
            scheduler_cancel(asked[one].job);
            cancelled[one] = true;
        }
        bool worked;
        CHECK_OK(scheduler_step(&s, &worked, &e), &e);
        if (e.code) break;
    }
    *counts = scheduler_counts(&s);
    CHECK(!s.jobs, "%s: some never ended", what);
    for (int i = 0; i < JOBS; i++) {
        const struct asked *a = &asked[i];
        if (!cancelled[i] || a->how == JOB_ANSWERED) check_same(a, what);
        else CHECK(a->how == JOB_CANCELLED && a->ends == 1 && a->text.len <= a->alone.len &&
                       (a->text.len == 0 || !memcmp(a->text.data, a->alone.data, a->text.len)),
                               "%s: %s: cancelled, said \"%.*s\"", what,
                   a->prompt, (int)a->text.len, a->text.data);
    }
    CHECK(d.pages.n_free == d.pages.n, "%s: %d of %d pages are free at the end", what, d.pages.n_free, d.pages.n);
    scheduler_close(&s);
    decoder_close(&d);
}

static void test_together(void)
{
    struct scheduler_counts c;
    static const struct decoder_options shapes[] = {
        {.context = CONTEXT, .slots = 16, .chunk = 64, .more_logits = 32},
        {.context = CONTEXT, .slots = 3, .chunk = 7},
        {.context = CONTEXT, .slots = 16, .chunk = 512},
        {.context = CONTEXT, .slots = 8, .chunk = 32, .pages = 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (int way = 0; way < 3; way++) {
            char what[60];
            snprintf(what, sizeof what, "shape %zu, %s", i, way == 0 ? "all at once" : way == 1 ? "one by one" : "cancelled");
            struct scheduler_options o = {.prompt_rows = 16, .always_guess = i == 0};
            run_all(what, &shapes[i], &o, way > 0, way == 2, &c);
            CHECK(i ? c.drafted == 0 : c.drafted > 20 && c.kept > 0 && c.kept < c.drafted, "%s: %d of %d guesses were right",
                  what,
                  (int)c.kept, (int)c.drafted);
            CHECK(way == 2 || c.done == JOBS, "%s: %d done", what, (int)c.done);
            CHECK(way == 2 ? c.cancelled > 2 : c.cancelled == 0, "%s: %d cancelled", what, (int)c.cancelled);
            CHECK(shapes[i].pages == 0 || c.preempted > 0, "%s: nobody gave pages up", what);
            CHECK(c.failed == 0 && c.running == 0 && c.waiting == 0 && c.waiting_tokens == 0, "%s: counts", what);
        }
}

/* With few places, one who comes late takes that of a tenant who got much more; the other loses nothing but time. */
static void test_places(void)
{
    struct scheduler_counts c;
    struct scheduler_options o = {.sessions = 2, .prompt_cost = 1e-3, .write_cost = 1};
    run_all("two places", &(struct decoder_options){.context = CONTEXT, .slots = 2, .chunk = 16}, &o, true, false, &c);
    CHECK(c.preempted > 0, "nobody ever gave his place up");
}

/* ---- refusals and faults ---- */

static void test_refused(void)
{
    struct err e = {0};
    struct decoder d;
    struct scheduler s;
    struct job *j;
    double wait;
    static int32_t ids[CONTEXT + 1];
    CHECK_OK(decoder_open(&d, &en, &(struct decoder_options){.context = CONTEXT, .slots = 2, .pages = 1}, &e), &e);
    CHECK_OK(scheduler_open(&s, &d, &(struct scheduler_options){.waiting = 400, .jobs = 3}, &e), &e);
    struct job_params p = {.ids = ids, .n = CONTEXT + 1, .writer = asked[0].w};
    struct job_sink sink = {0};
    CHECK(scheduler_add(&s, &j, &p, &sink, &wait, &e) == ERR_LIMIT && wait == 0 && strstr(e.msg, "513 tokens"), "%s", e.msg);
    p.n = 300;
    CHECK(scheduler_add(&s, &j, &p, &sink, &wait, &e) == ERR_LIMIT && wait == 0 && strstr(e.msg, "the cache holds 256"), "%s",
          e.msg);
    p.n = 0;
    CHECK(scheduler_add(&s, &j, &p, &sink, &wait, &e) == ERR_USAGE, "%s", e.msg);
    p.n = 200;
    ids[7] = 1 << 30;
    CHECK(scheduler_add(&s, &j, &p, &sink, &wait, &e) == ERR_FORMAT && strstr(e.msg, "token 7"), "%s", e.msg);
    ids[7] = 0;
    CHECK_OK(scheduler_add(&s, &j, &p, &sink, &wait, &e), &e);
    p.n = 250;
    CHECK(scheduler_add(&s, &j, &p, &sink, &wait, &e) == ERR_LIMIT && wait > 0 && strstr(e.msg, "no room"), "%s", e.msg);
    p.n = 5;
    CHECK_OK(scheduler_add(&s, &j, &p, &sink, &wait, &e), &e);
    CHECK_OK(scheduler_add(&s, &j, &p, &sink, &wait, &e), &e);
    CHECK(scheduler_add(&s, &j, &p, &sink, &wait, &e) == ERR_LIMIT && wait > 0, "a fourth: %s", e.msg);
    p.writer.sample.top_p = 2;
    scheduler_close(&s);
    CHECK(d.pages.n_free == d.pages.n, "pages of a scheduler that was closed");
    decoder_close(&d);
}

static int fail_at_third(void *ctx, struct job *j, const struct job_token *t, struct err *e)
{
    int *n = ctx;
    (void)j, (void)t;
    if (++*n == 3) FAIL(e, ERR_IO, "nobody listens");
    return OK;
}

static void note_end(void *ctx, struct job *j, enum job_end how, const struct err *e)
{
    (void)j;
    if (how == JOB_FAILED && e && strstr(e->msg, "nobody listens")) *(int *)ctx += 100;
}

/* A sink that fails ends its own job alone. A job that waits too long ends as late; one that nobody reads says nothing. */
static void test_faults(void)
{
    struct err e = {0};
    struct decoder d;
    struct scheduler s;
    struct job *j, *idle;
    double wait;
    int n = 0;
    bool worked;
    CHECK_OK(decoder_open(&d, &en, &(struct decoder_options){.context = CONTEXT, .slots = 4}, &e), &e);
    CHECK_OK(scheduler_open(&s, &d, &(struct scheduler_options){0}, &e), &e);
    add(&s, &asked[7], 0);
    add(&s, &asked[8], 1);
    struct job_params p = {.ids = asked[7].ids.ids, .n = (int64_t)asked[7].ids.n, .writer = asked[7].w};
    p.writer.max_tokens = 40;
    p.writer.ignore_end = true;
    CHECK_OK(scheduler_add(&s, &j, &p, &(struct job_sink){.token = fail_at_third, .done = note_end, .ctx = &n}, &wait, &e), &e);
    CHECK_OK(scheduler_add(&s, &idle, &p, &(struct job_sink){0}, &wait, &e), &e);
    scheduler_pause(idle, true);
    p.deadline = 1e-9;
    asked[9].ends = 0;
    CHECK_OK(scheduler_add(&s, &asked[9].job, &p, &(struct job_sink){.done = on_done, .ctx = &asked[9]}, &wait, &e), &e);
    for (int i = 0; i < 1000 && scheduler_busy(&s); i++) CHECK_OK(scheduler_step(&s, &worked, &e), &e);
    CHECK(n == 103, "the third token fails, and its job: %d", n);
    CHECK(asked[9].ends == 1 && asked[9].how == JOB_LATE && strstr(asked[9].error, "deadline"), "a deadline: %s",
          asked[9].error);
    check_same(&asked[7], "beside one that failed");
    check_same(&asked[8], "beside one that failed");
    CHECK(s.jobs == idle && !idle->next && idle->w.tokens == 0, "one that nobody reads waits");
    scheduler_cancel(idle);
    CHECK(scheduler_busy(&s), "a cancelled job wants a step");
    CHECK_OK(scheduler_step(&s, &worked, &e), &e);
    CHECK(!s.jobs && d.pages.n_free == d.pages.n, "all is given back");
    scheduler_close(&s);
    decoder_close(&d);
}

/* ---- probabilities, ids ---- */

struct likely {
    const struct asked *a;
    int tokens, wrong;
    double sum;
};

static int on_token(void *ctx, struct job *j, const struct job_token *t, struct err *e)
{
    struct likely *l = ctx;
    (void)j, (void)e;
    l->tokens++;
    l->sum += (double)t->logprob;
    bool found = false;
    for (int i = 0; i < t->n_top; i++) {
        found |= t->top[i].id == t->id && t->top[i].logprob == t->logprob;
        l->wrong += i > 0 && t->top[i].logprob > t->top[i - 1].logprob;
    }
    l->wrong += !t->known || t->n_top != 5 || !(t->logprob <= 0) || !found; /* greedy: the likeliest is first */
    return OK;
}

static void test_logprobs(void)
{
    struct err e = {0};
    struct decoder d;
    struct scheduler s;
    struct job *j;
    double wait;
    bool worked;
    struct likely l = {.a = &asked[6]};
    CHECK_OK(decoder_open(&d, &en, &(struct decoder_options){.context = CONTEXT, .slots = 4}, &e), &e);
    CHECK_OK(scheduler_open(&s, &d, &(struct scheduler_options){0}, &e), &e);
    struct job_params p = {.ids = asked[6].ids.ids, .n = (int64_t)asked[6].ids.n, .writer = asked[6].w, .logprobs = true,
                           .n_top = 5};
    CHECK_OK(scheduler_add(&s, &j, &p, &(struct job_sink){.token = on_token, .ctx = &l}, &wait, &e), &e);
    while (s.jobs && !e.code) CHECK_OK(scheduler_step(&s, &worked, &e), &e);
    CHECK(l.tokens >= (int)asked[6].tokens && l.wrong == 0, "%d tokens, %d wrong", l.tokens, l.wrong);
    CHECK(l.sum < 0 && l.sum > -10.0 * l.tokens, "log-probabilities add up to %g", l.sum);
    scheduler_close(&s);
    decoder_close(&d);
}

/* The prompt's tokens with how likely they were: as session_score has it, a few rows at a time, beside others; also when
 * nothing
 * is to be written, with the sum of the hidden rows. */
struct told {
    const struct asked *a;
    int n, wrong;
    double nats[256];
};

static int on_told(void *ctx, struct job *j, const struct job_token *t, struct err *e)
{
    struct told *x = ctx;
    (void)j, (void)e;
    if (!t->of_prompt) return OK;
    x->wrong += t->id != x->a->ids.ids[x->n] || t->known != (x->n > 0) || (t->known && t->n_top != 3);
    if (x->n < 256) x->nats[x->n++] = t->known ? -(double)t->logprob : 0;
    return OK;
}

static void test_scores(void)
{
    struct err e = {0};
    struct decoder d;
    struct scheduler s;
    struct session alone;
    struct job *j;
    double wait, want[256] = {0}, sum[512] = {0};
    int32_t targets[256];
    const struct asked *a = &asked[17];
    int64_t n = (int64_t)a->ids.n, width = en.net.config.dim;
    CHECK(n > 20 && n < 256 && width <= 512, "%d tokens, width %d", (int)n, (int)width);
    CHECK_OK(decoder_open(&d, &en, &(struct decoder_options){.context = CONTEXT, .slots = 4, .more_logits = 8}, &e), &e);
    CHECK_OK(session_open(&alone, &d, &e), &e);
    for (int64_t i = 0; i < n; i++) targets[i] = i + 1 < n ? a->ids.ids[i + 1] : -1;
    CHECK_OK(session_score(&alone, a->ids.ids, n, targets, want, &e), &e);
    session_close(&alone);
    CHECK_OK(scheduler_open(&s, &d, &(struct scheduler_options){0}, &e), &e);
    struct told told[2] = {{.a = a}, {.a = a}};
    struct job_params p = {.ids = a->ids.ids, .n = n, .writer = a->w, .scores = true, .logprobs = true, .n_top = 3};
    add(&s, &asked[3], 0);
    CHECK_OK(scheduler_add(&s, &j, &p, &(struct job_sink){.token = on_told, .ctx = &told[0]}, &wait, &e), &e);
    p.only_prompt = true;
    p.sum = sum;
    CHECK_OK(scheduler_add(&s, &j, &p, &(struct job_sink){.token = on_told, .ctx = &told[1]}, &wait, &e), &e);
    bool worked = true;
    for (int i = 0; i < 1000 && s.jobs; i++) CHECK_OK(scheduler_step(&s, &worked, &e), &e);
    check_same(&asked[3], "beside scores");
    for (int k = 0; k < 2; k++) {
        CHECK(told[k].n == n && told[k].wrong == 0, "%d of %d tokens told, %d wrong", told[k].n, (int)n, told[k].wrong);
        for (int64_t i = 0; i + 1 < n; i++)
            CHECK(fabs(told[k].nats[i + 1] - want[i]) < 1e-4, "token %d: %g nats, expected %g", (int)i + 1,
                  told[k].nats[i + 1], want[i]);
    }
    CHECK(sum[0] != 0 && isfinite(sum[0]), "the hidden rows add up to %g", sum[0]);
    scheduler_close(&s);
    CHECK(d.pages.n_free == d.pages.n, "pages");
    decoder_close(&d);
}

int main(void)
{
    open_engine(2);
    make_requests();
    answer_alone();
    test_together();
    test_places();
    test_refused();
    test_faults();
    test_logprobs();
    test_scores();
    for (int i = 0; i < JOBS; i++) {
        tokens_free(&asked[i].ids);
        buf_free(&asked[i].alone);
        buf_free(&asked[i].text);
    }
    engine_close(&en);
    CHECK(mem_live() == 0, "%d allocations are left", (int)mem_live());
    return test_end();
}
