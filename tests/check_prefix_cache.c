/* Rows that are kept in memory: who finds them goes on with the same bits, whatever was cut, edited or thrown out; tenants find
 * only their own; no page is lost. On tiny random networks of every architecture, then with many jobs on the shipped model. */
#include "infer/prefix_cache.h"
#include "infer/generate.h"
#include "infer/scheduler.h"
#include "tests/tiny_kit.h"

#define ALWAYS 1e18 /* seconds */

/* ---- sessions ---- */

struct kept {
    struct kit k;
    struct prefix_cache c;
    struct prefix_tenant *t;
};

static void kept_open(struct kept *x, const struct arch *arch, size_t form, int64_t pages, int64_t most)
{
    struct err e = {0}, why;
    kit_open(&x->k, arch, form, (struct decoder_options){.chunk = 64, .slots = 2, .pages = pages});
    CHECK_OK(prefix_cache_open(&x->c, &x->k.dec, &(struct prefix_options){.pages = most}, &why, &e), &e);
    x->t = prefix_cache_join(&x->c, "a", 1);
}

static void kept_close(struct kept *x)
{
    struct prefix_counts n = prefix_cache_counts(&x->c);
    CHECK(x->k.dec.pages.n - x->k.dec.pages.n_free == n.pages, "%s: %d pages are taken, %d are kept", x->k.name,
          x->k.dec.pages.n - x->k.dec.pages.n_free, (int)n.pages);
    CHECK(n.spare == n.pages, "nobody else has them");
    prefix_cache_leave(&x->c, x->t);
    prefix_cache_close(&x->c);
    kit_close(&x->k);
}

/* What a session of its own gives. */
static void alone(const struct arch *arch, size_t form, const int32_t *ids, int64_t n, float *logits)
{
    struct kit k;
    struct err e = {0};
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 64});
    struct session s = opened(&k);
    CHECK_OK(session_eval(&s, ids, n, &e), &e);
    memcpy(logits, s.logits, V * sizeof *logits);
    session_close(&s);
    kit_close(&k);
}

/* Evaluates ids with what is kept for t, and keeps all; returns how many rows were found. */
static int64_t evaluate(struct kept *x, struct prefix_tenant *t, const int32_t *ids, int64_t n, const float *want,
                        const char *what)
{
    struct err e = {0};
    struct session s = opened(&x->k);
    prefix_cache_extend(&x->c, t, &s, ids, n - 1, false, ALWAYS);
    CHECK(s.n % PAGE_ROWS == 0, "without pages of its own it has whole ones: %d rows", (int)s.n);
    prefix_cache_give(&x->c, session_lacks(&s, n));
    CHECK_OK(session_reserve(&s, n, &e), &e);
    CHECK(!prefix_cache_extend(&x->c, t, &s, ids, n - 1, true, ALWAYS), "nothing is left for later");
    int64_t found = s.n;
    CHECK(found < n && (found == 0 || !memcmp(s.ids, ids, (size_t)found * sizeof *ids)), "%d rows", (int)found);
    CHECK_OK(session_eval(&s, ids + found, n - found, &e), &e);
    if (want) same(&x->k, &s, want, what);
    prefix_cache_keep(&x->c, t, &s, n);
    session_close(&s);
    return found;
}

static void check_found(const struct arch *arch, size_t form)
{
    struct kept x;
    float of_text[V], of_other[V], of_cut[V];
    alone(arch, form, text, N, of_text);
    alone(arch, form, other, N, of_other);
    alone(arch, form, text, CUT, of_cut);
    kept_open(&x, arch, form, 12, 0);
    scatter(&x.k.dec.pages, 3);
    struct prefix_tenant *b = prefix_cache_join(&x.c, "b", 1);
    CHECK(evaluate(&x, x.t, text, N, of_text, "first") == 0, "nothing is kept yet");
    CHECK(evaluate(&x, x.t, text, N, of_text, "again") == N - 1, "all but the last row is found");
    CHECK(evaluate(&x, x.t, text, CUT, of_cut, "a beginning") == CUT - 1, "a beginning of what is kept");
    CHECK(evaluate(&x, x.t, other, N, of_other, "another end") == CUT, "up to where it is another text");
    CHECK(evaluate(&x, x.t, other, N, of_other, "another end again") == N - 1, "both are kept");
    CHECK(evaluate(&x, b, text, N, of_text, "of another tenant") == 0, "what another asked is not found");
    CHECK(evaluate(&x, x.t, third, N, NULL, "") == 0, "a text that begins otherwise");
    struct prefix_counts n = prefix_cache_counts(&x.c);
    CHECK(n.pages == 11 && n.blocks == 11, "3 pages of text, 2 of other, 3 of b's, 3 of third: %d", (int)n.pages);
    CHECK(!prefix_cache_give(&x.c, 13) && prefix_cache_counts(&x.c).pages == 11, "more than there are: nothing is done");
    CHECK(prefix_cache_give(&x.c, 4) && x.k.dec.pages.n_free == 4, "%d are free", x.k.dec.pages.n_free);
    CHECK(evaluate(&x, b, text, N, of_text, "after others went") == N - 1, "who has less keeps what he has");
    prefix_cache_clear(&x.c, false);
    CHECK(x.k.dec.pages.n_free == 12 && prefix_cache_counts(&x.c).blocks == 0, "all is given back");
    prefix_cache_leave(&x.c, b);
    kept_close(&x);
}

/* A text that grows, as a chat does: one block for each page, however often it was kept when it was cut. */
static void check_growth(void)
{
    struct kept x;
    kept_open(&x, &arch_llama, 0, 8, 0);
    for (int64_t n = 30; n <= N; n += 30) {
        int64_t found = evaluate(&x, x.t, text, n, NULL, "");
        CHECK(found == n - 30, "%d rows of %d", (int)found, (int)n);
        CHECK(prefix_cache_counts(&x.c).blocks == cache_pages(n), "%d blocks for %d rows", (int)prefix_cache_counts(&x.c).blocks,
              (int)n);
    }
    kept_close(&x);
}

/* No more than it may keep; shares of tenants. */
static void check_bounds(void)
{
    struct kept x;
    float want[V];
    alone(&arch_llama, 0, text, N, want);
    kept_open(&x, &arch_llama, 0, 12, 5);
    struct prefix_tenant *b = prefix_cache_join(&x.c, "b", 1);
    evaluate(&x, b, text, 2 * PAGE_ROWS, NULL, "");
    for (int i = 0; i < 20; i++) {
        int32_t ids[N];
        memcpy(ids, text, sizeof ids);
        ids[0] = i;
        evaluate(&x, x.t, ids, N, NULL, "");
        CHECK(prefix_cache_counts(&x.c).pages <= 5, "%d pages are kept", (int)prefix_cache_counts(&x.c).pages);
    }
    CHECK(evaluate(&x, b, text, N, want, "of one who was flooded") == 2 * PAGE_ROWS, "two of five pages are below his share");
    prefix_cache_leave(&x.c, b);
    kept_close(&x);
    kept_open(&x, &arch_llama, 0, 3, 0);
    struct err e = {0};
    struct session s = opened(&x.k);
    CHECK_OK(session_eval(&s, text, N, &e), &e);
    prefix_cache_keep(&x.c, x.t, &s, 2 * PAGE_ROWS);
    CHECK(prefix_cache_counts(&x.c).spare == 0 && !prefix_cache_give(&x.c, 1), "pages that a session has are not given");
    session_close(&s);
    CHECK(prefix_cache_counts(&x.c).spare == 2 && prefix_cache_give(&x.c, 3), "now they are");
    kept_close(&x);
}

/* Two who evaluate the same at the same time have one page afterwards; rows are taken over in the middle of a page. */
static void check_together(void)
{
    struct kept x;
    struct err e = {0};
    float want[V];
    alone(&arch_qwen3, 0, text, N, want);
    kept_open(&x, &arch_qwen3, 0, 12, 0);
    struct session s = opened(&x.k), t = opened(&x.k), u = opened(&x.k);
    CHECK_OK(session_eval(&s, text, N, &e), &e);
    CHECK_OK(session_eval(&t, text, 2 * PAGE_ROWS, &e), &e);
    CHECK_OK(session_reserve(&u, N, &e), &e);
    CHECK_OK(session_eval(&u, text, 100, &e), &e);
    prefix_cache_keep(&x.c, x.t, &s, 2 * PAGE_ROWS);
    prefix_cache_keep(&x.c, x.t, &t, 2 * PAGE_ROWS);
    CHECK(x.k.dec.pages.n_free == 12 - 3 - 3, "%d are free", x.k.dec.pages.n_free);
    prefix_cache_extend(&x.c, x.t, &u, text, N - 1, true, ALWAYS);
    CHECK(u.n == 2 * PAGE_ROWS && x.k.dec.pages.n_free == 12 - 3 - 1, "%d rows, %d are free", (int)u.n, x.k.dec.pages.n_free);
    CHECK_OK(session_eval(&u, text + u.n, N - u.n, &e), &e);
    CHECK_OK(session_eval(&t, text + t.n, N - t.n, &e), &e);
    same(&x.k, &u, want, "taken over in the middle");
    same(&x.k, &t, want, "with pages of another");
    session_close(&s);
    session_close(&t);
    session_close(&u);
    kept_close(&x);
}

/* ---- jobs ---- */

enum { JOBS = 10, LONG = 560 };

static struct engine en;
struct asked {
    int32_t ids[LONG + 40];
    int64_t n;
    struct writer_params w;
    struct buf alone, text;
    struct job *job;
    int ends;
    enum job_end how;
    int64_t cached;
};
static struct asked asked[JOBS];

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
    (void)e;
    a->ends++;
    a->how = how;
    a->cached = j->cached;
    a->job = NULL;
}

/* The same beginning for most, of several lengths; some have another one. */
static void make_jobs(void)
{
    struct err e = {0};
    struct decoder_options fits;
    struct decoder d;
    struct engine_options o = {.model = "models/first/first.gguf", .threads = 1, .decoder = {.context = 1024}};
    CHECK_OK(engine_open(&en, &o, &fits, &e), &e);
    CHECK_OK(decoder_open(&d, &en, &(struct decoder_options){.context = 1024}, &e), &e);
    for (int i = 0; i < JOBS; i++) {
        struct asked *a = &asked[i];
        struct session s;
        struct generate_result r;
        a->n = i % 7 == 6 ? 40 : LONG + i;
        for (int64_t k = 0; k < a->n; k++)
            a->ids[k] = 300 + (int32_t)rng_below(9, i % 5 == 4 || k > LONG - 40 ? (uint64_t)i : 0, (uint64_t)k, 400);
        a->w = (struct writer_params){.max_tokens = 6 + i % 5, .ignore_end = true};
        engine_sampling(&en, &a->w.sample);
        a->w.sample.seed = (uint64_t)i;
        CHECK_OK(session_open(&s, &d, &e), &e);
        CHECK_OK(generate(&r, &s, a->ids, a->n, &(struct generate_params){.w = a->w}, NULL, NULL, &e), &e);
        a->alone = r.text;
        r.text = (struct buf){0};
        generate_result_free(&r);
        session_close(&s);
    }
    decoder_close(&d);
}

static void add(struct scheduler *s, struct asked *a, const char *tenant, bool no_cache)
{
    struct err e = {0};
    double wait;
    struct job_params p = {.name = {{tenant, strlen(tenant)}}, .ids = a->ids, .n = a->n, .writer = a->w, .no_cache = no_cache};
    struct job_sink sink = {.event = on_event, .done = on_done, .ctx = a};
    buf_clear(&a->text);
    a->ends = 0;
    CHECK_OK(scheduler_add(s, &a->job, &p, &sink, &wait, &e), &e);
}

static void check_same(const struct asked *a, const char *what, int i)
{
    CHECK(a->ends == 1 && a->how == JOB_ANSWERED, "%s: job %d ended %d times", what, i, a->ends);
    bool same = a->text.len == a->alone.len && !memcmp(a->text.data, a->alone.data, a->text.len);
    CHECK(same, "%s: job %d: \"%s\", alone \"%s\"", what, i, a->text.data, a->alone.data);
}

struct place {
    struct decoder d;
    struct prefix_cache c;
    struct scheduler s;
};

static void place_open(struct place *p, const struct decoder_options *shape, int64_t keep)
{
    struct err e = {0}, why;
    CHECK_OK(decoder_open(&p->d, &en, shape, &e), &e);
    CHECK_OK(prefix_cache_open(&p->c, &p->d, &(struct prefix_options){.pages = keep}, &why, &e), &e);
    CHECK_OK(scheduler_open(&p->s, &p->d, &(struct scheduler_options){.cache = &p->c, .waiting = 100000}, &e), &e);
}

static void run(struct place *p)
{
    struct err e = {0};
    bool worked;
    for (int i = 0; i < 20000 && p->s.jobs && !e.code; i++) CHECK_OK(scheduler_step(&p->s, &worked, &e), &e);
    CHECK(!p->s.jobs, "some never ended");
    CHECK(p->d.pages.n - p->d.pages.n_free == prefix_cache_counts(&p->c).pages, "%d pages are taken, %d are kept",
          p->d.pages.n - p->d.pages.n_free, (int)prefix_cache_counts(&p->c).pages);
}

static void place_close(struct place *p)
{
    prefix_cache_clear(&p->c, false);
    CHECK(p->d.pages.n_free == p->d.pages.n, "%d of %d pages are free", p->d.pages.n_free, p->d.pages.n);
    scheduler_close(&p->s);
    prefix_cache_close(&p->c);
    decoder_close(&p->d);
}

/* All at once, then all again. */
static void check_jobs(const char *what, const struct decoder_options *shape, int64_t keep)
{
    struct place p;
    place_open(&p, shape, keep);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < JOBS; i++) add(&p.s, &asked[i], i % 3 == 1 ? "b" : "a", round == 2 && i % 2);
        run(&p);
        for (int i = 0; i < JOBS; i++) check_same(&asked[i], what, i);
        if (round == 2)
            for (int i = 1; i < JOBS; i += 2) CHECK(asked[i].cached == 0, "%s: job %d wanted nothing of the cache", what, i);
    }
    struct scheduler_counts c = scheduler_counts(&p.s);
    CHECK(c.cached_tokens > 0 && c.cached_tokens < c.prompt_tokens, "%s: %d of %d tokens were kept", what, (int)c.cached_tokens,
          (int)c.prompt_tokens);
    place_close(&p);
}

/* Many with one prompt that come together: it is read once. The same when they come while it is read, and after its reader
 * went away. */
static void check_read_once(void)
{
    struct err e = {0};
    struct place p;
    bool worked;
    int64_t sum = 0;
    place_open(&p, &(struct decoder_options){.context = 1024, .slots = 16, .chunk = 64}, 0);
    struct asked same[8];
    for (int i = 0; i < 8; i++) {
        same[i] = asked[0];
        same[i].text = (struct buf){0};
        add(&p.s, &same[i], "a", false);
    }
    run(&p);
    for (int i = 0; i < 8; i++) {
        check_same(&same[i], "together", i);
        sum += same[i].cached;
    }
    CHECK(sum == 7 * (asked[0].n - 1), "%d rows were not evaluated again, of %d", (int)sum, (int)(7 * (asked[0].n - 1)));
    prefix_cache_clear(&p.c, false);
    add(&p.s, &same[0], "a", false);
    for (int i = 0; i < 6; i++) CHECK_OK(scheduler_step(&p.s, &worked, &e), &e);
    CHECK(same[0].job && same[0].job->s->n == 6 * 64, "in the middle of reading");
    add(&p.s, &same[1], "a", false);
    add(&p.s, &same[2], "b", false);
    scheduler_cancel(same[0].job);
    run(&p);
    CHECK(same[1].cached == 6 * 64, "%d rows of one who went away", (int)same[1].cached);
    CHECK(same[2].cached == 0, "another tenant's rows are not found");
    check_same(&same[1], "after one who went away", 1);
    check_same(&same[2], "another tenant", 2);
    for (int i = 0; i < 8; i++) buf_free(&same[i].text);
    place_close(&p);
}

/* Requests come and go at random, with few pages: whoever ends says what he says alone, and no page is lost. */
static void check_comings(void)
{
    struct err e = {0};
    struct place p;
    bool worked;
    place_open(&p, &(struct decoder_options){.context = 1024, .slots = 4, .chunk = 96, .pages = 9}, 0);
    for (uint64_t step = 0; step < 350 && !e.code; step++) {
        int one = (int)rng_below(4, 1, step, JOBS);
        struct asked *a = &asked[one];
        if (a->job && rng_below(4, 2, step, 3) == 0) scheduler_cancel(a->job);
        else if (!a->job) {
            if (a->ends == 1 && a->how == JOB_ANSWERED) check_same(a, "comings and goings", one);
            add(&p.s, a, rng_below(4, 3, step, 2) ? "a" : "b", rng_below(4, 4, step, 8) == 0);
        }
        CHECK_OK(scheduler_step(&p.s, &worked, &e), &e);
    }
    run(&p);
    struct scheduler_counts c = scheduler_counts(&p.s);
    CHECK(c.cancelled > 20 && c.done > 5 && c.preempted > 0 && c.failed == 0, "%d cancelled, %d done, %d gave way, %d failed",
          (int)c.cancelled, (int)c.done, (int)c.preempted, (int)c.failed);
    CHECK(prefix_cache_counts(&p.c).evicted > 20, "pages of the cache were wanted");
    place_close(&p);
}

int main(void)
{
    make_texts();
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        check_found(&arch_llama, i);
        check_found(&arch_deepseek3, i);
    }
    check_found(&arch_gemma3, 2);
    check_growth();
    check_bounds();
    check_together();
    make_jobs();
    check_jobs("room for all", &(struct decoder_options){.context = 1024, .slots = 16, .chunk = 64}, 0);
    check_jobs("few pages", &(struct decoder_options){.context = 1024, .slots = 8, .chunk = 200, .pages = 10}, 0);
    check_jobs("few are kept", &(struct decoder_options){.context = 1024, .slots = 5, .chunk = 32, .pages = 24}, 3);
    check_read_once();
    check_comings();
    for (int i = 0; i < JOBS; i++) {
        buf_free(&asked[i].alone);
        buf_free(&asked[i].text);
    }
    engine_close(&en);
    CHECK(mem_live() == 0, "%d allocations are left", (int)mem_live());
    return test_end();
}
