/* The pages of a cache, on tiny random networks of every architecture: the same bits whatever pages a text has, in which order,
 * with whom it shares them, beside whom it is evaluated; and a cache that runs empty says so, with nothing changed or lost. */
#include "tests/tiny_kit.h"

/* What the texts give alone, in a decoder of their own. */
struct wanted {
    float text[V], other[V], cut[V]; /* cut: after CUT rows of both */
};

static void find_wanted(struct wanted *w, const struct arch *arch, size_t form)
{
    struct err e = {0};
    struct kit k;
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 64});
    struct session s = opened(&k);
    CHECK_OK(session_sync(&s, text, CUT, NULL, &e), &e);
    memcpy(w->cut, s.logits, sizeof w->cut);
    CHECK_OK(session_eval(&s, text + CUT, N - CUT, &e), &e);
    memcpy(w->text, s.logits, sizeof w->text);
    session_rewind(&s, 0);
    CHECK_OK(session_eval(&s, other, N, &e), &e);
    memcpy(w->other, s.logits, sizeof w->other);
    CHECK(memcmp(w->text, w->other, sizeof w->text) != 0, "%s: two texts give the same", k.name);
    session_close(&s);
    kit_close(&k);
}

/* Three texts beside each other, long pieces and single rows in one pass, in scattered pages. */
static void check_mixed(const struct arch *arch, size_t form, const struct wanted *w)
{
    struct err e = {0};
    struct kit k;
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 200, .slots = 3, .pages = 11});
    scatter(&k.dec.pages, 1);
    struct session a = opened(&k), b = opened(&k), c = opened(&k);
    CHECK_OK(session_eval(&c, third, 250, &e), &e);
    uint64_t before = mem_count();
    while (a.n < N || b.n < N) {
        int64_t na = min_i64(a.n % 2 ? 1 : 177, N - a.n), nb = min_i64(b.n < 40 || b.n > 560 ? 1 : 90, N - b.n);
        struct piece all[3] = {{&a, text + a.n, na, 1, NULL}, {&c, third + c.n, 1, 1, NULL},
                                {&b, other + b.n, nb, 1, NULL}}, p[3];
        int n = 0;
        for (int i = 0; i < 3; i++)
            if (all[i].n > 0 && all[i].s->n < N) p[n++] = all[i];
        CHECK_OK(decoder_eval(&k.dec, p, n, &e), &e);
        if (e.code) break;
    }
    CHECK(mem_count() == before, "%s: passes allocate memory", k.name);
    same(&k, &a, w->text, "in scattered pages");
    same(&k, &b, w->other, "in scattered pages");
    session_close(&a);
    session_close(&b);
    session_close(&c);
    kit_close(&k);
}

/* More sessions than a pass has rows, in turn. */
static void check_many(const struct arch *arch, size_t form, const struct wanted *w)
{
    enum { MANY = 9 };
    struct err e = {0};
    struct kit k;
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 4, .slots = 2, .pages = 3 * MANY});
    struct session s[MANY];
    for (int i = 0; i < MANY; i++) s[i] = opened(&k);
    for (int64_t at = 0; at < CUT; at += 100)
        for (int i = 0; i < MANY; i++) CHECK_OK(session_eval(&s[i], text + at, 100, &e), &e);
    for (int i = 0; i < MANY; i++) {
        same(&k, &s[i], w->cut, "among many sessions");
        session_close(&s[i]);
    }
    kit_close(&k);
}

/* ---- sharing ---- */

/* Forks at row `cut` that go on differently, and back: nobody sees what another writes. */
static void check_fork(const struct arch *arch, size_t form, const struct wanted *w, int64_t cut)
{
    struct err e = {0};
    struct kit k;
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 90, .slots = 2, .pages = 12});
    scatter(&k.dec.pages, 2);
    struct session a = opened(&k), b = opened(&k), c = opened(&k);
    CHECK_OK(session_eval(&a, text, N, &e), &e);
    CHECK_OK(session_eval(&b, third, 70, &e), &e); /* given back by the fork */
    int32_t had = k.dec.pages.n_free + b.n_pages;
    CHECK_OK(session_fork(&b, &a, cut, &e), &e);
    CHECK(had - k.dec.pages.n_free == (cut % PAGE_ROWS != 0), "a fork at %d takes %d pages", (int)cut, had - k.dec.pages.n_free);
    CHECK(b.n == cut && !b.has_logits, "a part of a text has logits");
    CHECK_OK(session_fork(&c, &a, N, &e), &e);
    same(&k, &c, w->text, "in a fork of everything");
    session_rewind(&c, cut);
    struct piece p[2] = {{&b, other + cut, 40, 1, NULL}, {&c, third + cut, 40, 1, NULL}};
    CHECK_OK(decoder_eval(&k.dec, p, 2, &e), &e); /* c writes into a page that a has */
    CHECK_OK(session_eval(&b, other + b.n, N - b.n, &e), &e);
    same(&k, &b, w->other, "in a fork");
    session_rewind(&a, N - 1);
    CHECK_OK(session_eval(&a, text + N - 1, 1, &e), &e);
    same(&k, &a, w->text, "after a fork");
    CHECK_OK(session_sync(&c, other, N, NULL, &e), &e);
    same(&k, &c, w->other, "in a fork of a fork");
    CHECK(session_fork(&a, &a, 1, &e) == ERR_USAGE && session_fork(&a, &b, N + 1, &e) == ERR_USAGE && a.n == N, "%s", e.msg);
    session_close(&a);
    session_close(&c);
    session_rewind(&b, CUT);
    CHECK_OK(session_eval(&b, text + CUT, N - CUT, &e), &e);
    same(&k, &b, w->text, "alone with the pages of a fork");
    session_close(&b);
    kit_close(&k);
}

/* ---- a cache that runs empty ---- */

static bool refused(int rc, const struct err *e) { return rc == ERR_LIMIT && strstr(e->msg, "the cache is full"); }

static void check_empty(const struct wanted *w)
{
    struct err e = {0};
    struct kit k;
    kit_open(&k, &arch_llama, 0, (struct decoder_options){.chunk = 100, .slots = 2, .pages = 4});
    struct session a = opened(&k), b = opened(&k), c = opened(&k);
    CHECK_OK(session_reserve(&a, N, &e), &e);
    CHECK(k.dec.pages.n_free == 1 && a.n_pages == 3 && a.n == 0, "3 of 4 pages reserved: %d free", k.dec.pages.n_free);
    CHECK(refused(session_reserve(&b, PAGE_ROWS + 1, &e), &e) && strstr(e.msg, "2 more") && strstr(e.msg, "1 of 4"),
          "two pages of one: %s", e.msg);
    CHECK(refused(session_eval(&b, text, PAGE_ROWS + 1, &e), &e) && b.n == 0, "a text of two pages: %s", e.msg);
    CHECK(k.dec.pages.n_free == 1 && b.n_pages == 0, "what is refused takes %d pages", b.n_pages);
    CHECK_OK(session_eval(&b, text, PAGE_ROWS, &e), &e);
    CHECK_OK(session_eval(&a, text, CUT, &e), &e);
    float kept[V];
    memcpy(kept, a.logits, sizeof kept);
    struct piece p[2] = {{&a, text + CUT, 1, 1, NULL}, {&b, text + PAGE_ROWS, 1, 1, NULL}};
    CHECK(refused(decoder_eval(&k.dec, p, 2, &e), &e) && a.n == CUT && b.n == PAGE_ROWS && a.has_logits, "%s", e.msg);
    same(&k, &a, kept, "after a pass that was refused");
    session_rewind(&a, 10);
    CHECK(a.n_pages == 3 && k.dec.pages.n_free == 0, "rewinding takes back what was reserved: %d pages", a.n_pages);
    CHECK_OK(session_sync(&a, text, N, NULL, &e), &e);
    same(&k, &a, w->text, "in a full cache");
    CHECK(session_reserve(&a, CONTEXT + 1, &e) == ERR_LIMIT && strstr(e.msg, "1000"), "more than the context: %s", e.msg);
    CHECK(refused(session_fork(&b, &a, 1, &e), &e) == false && b.n == 1, "a fork in place of a page of one's own: %s", e.msg);
    CHECK_OK(session_fork(&b, &a, PAGE_ROWS, &e), &e);
    CHECK_OK(session_fork(&c, &a, N - 1, &e), &e);
    CHECK(refused(session_fork(&b, &a, 3, &e), &e) && b.n == PAGE_ROWS && b.n_pages == 1, "a copy without a page: %s", e.msg);
    session_rewind(&b, PAGE_ROWS - 1);
    CHECK(refused(session_eval(&b, text, 1, &e), &e) && b.n == PAGE_ROWS - 1, "a shared page without one to copy to: %s", e.msg);
    CHECK(refused(session_reserve(&b, PAGE_ROWS, &e), &e), "%s", e.msg);
    session_close(&c);
    CHECK_OK(session_reserve(&b, PAGE_ROWS, &e), &e);
    CHECK_OK(session_eval(&b, text + PAGE_ROWS - 1, 1, &e), &e);
    CHECK_OK(session_reserve(&a, 0, &e), &e);
    CHECK(a.n_pages == 3, "rows lose their pages: %d", a.n_pages);
    session_rewind(&a, PAGE_ROWS);
    CHECK(a.n_pages == 1 && k.dec.pages.n_free == 2, "rewound to one page: %d kept, %d free", a.n_pages, k.dec.pages.n_free);
    CHECK_OK(session_eval(&b, text + PAGE_ROWS, CUT - PAGE_ROWS, &e), &e);
    same(&k, &b, w->cut, "in pages that another gave back");
    session_close(&a);
    session_close(&b);
    kit_close(&k);
}

static void check_shapes(void)
{
    struct err e = {0};
    struct kit k;
    struct decoder d;
    kit_open(&k, &arch_llama, 0, (struct decoder_options){.slots = 3, .context = PAGE_ROWS + 1});
    CHECK(k.dec.pages.n == 6 && k.dec.cache.pages == 6, "3 x 257 rows have %d pages", k.dec.pages.n);
    CHECK(decoder_open(&d, &k.en, &(struct decoder_options){.pages = -1}, &e) == ERR_USAGE && strstr(e.msg, "-1"), "%s", e.msg);
    CHECK(decoder_open(&d, &k.en, &(struct decoder_options){.pages = INT64_C(1) << 31}, &e) == ERR_USAGE, "%s", e.msg);
    kit_close(&k);
}

int main(void)
{
    struct wanted w, llama = {0};
    make_texts();
    for (int a = 0; archs[a]; a++)
        for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
            if (forms[f].plain && !archs[a]->mla) continue;
            find_wanted(&w, archs[a], f);
            check_mixed(archs[a], f, &w);
            check_fork(archs[a], f, &w, f % 2 ? CUT : PAGE_ROWS);
            if (f == 0) check_many(archs[a], f, &w);
            if (f == 0 && archs[a] == &arch_llama) llama = w;
        }
    check_empty(&llama);
    check_shapes();
    CHECK(mem_live() == 0, "%lld allocations not freed", (long long)mem_live());
    return test_end();
}
