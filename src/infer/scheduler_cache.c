/* Rows that are kept: jobs begin behind what was evaluated before, by others too, and leave behind what they evaluate. */
#include <string.h>
#include "base/checked.h"
#include "infer/scheduler_internal.h"
#include "infer/session.h"
#include "sys/clock.h"

enum { WORTH = 32 /* rows: fewer are evaluated rather than waited for */, LOOKED_AT = 64 /* jobs that may wait */ };
#define FETCH_ALONE 0.1 /* seconds of one step for bringing rows; */
#define FETCH_BESIDE 0.008 /* and while others write or read */

/* Whoever is told of every row of his prompt evaluates every row. */
static bool may_find(const struct job *j) { return j->tenant && !j->p.scores && !j->p.sum; }

/* Rows of its text that it can have without evaluating: of the last the logits are needed. */
static int64_t most_found(const struct job *j) { return j->n - 1; }

bool scheduler_give(struct scheduler *s, int64_t pages) { return s->o.cache && prefix_cache_give(s->o.cache, pages); }

int scheduler_reserve(struct scheduler *s, struct session *x, int64_t rows, struct err *e)
{
    scheduler_give(s, session_lacks(x, rows));
    return session_reserve(x, rows, e);
}

/* Those of a prompt that is read for the first time count. */
void scheduler_found(struct scheduler *s, struct job *j, int64_t before)
{
    if (j->lost || j->writing) return;
    int64_t more = min_i64(j->s->n, j->prompt) - min_i64(before, j->prompt);
    j->cached += more;
    s->counts.cached_tokens += more;
}

void scheduler_attach(struct scheduler *s, struct job *j, struct session *x)
{
    if (may_find(j)) prefix_cache_extend(s->o.cache, j->tenant, x, j->ids, most_found(j), false, clock_seconds() + 1);
}

/* ---- rows of jobs under way ---- */

static bool same_rows(const struct job *a, const struct job *b, int64_t n)
{
    return !memcmp(a->ids, b->ids, (size_t)n * sizeof *a->ids);
}

/* Rows at the beginning that both have in common, at most n. */
static int64_t in_common(const struct job *a, const struct job *b, int64_t n)
{
    int64_t i = 0;
    if (same_rows(a, b, n)) return n;
    while (i < n && a->ids[i] == b->ids[i]) i++;
    return i;
}

/* v reads a prompt, and is about to evaluate at least WORTH rows that j needs too. */
static bool is_ahead(const struct job *v, const struct job *j)
{
    if (!v->s || v->tenant != j->tenant || v->paused || v->cancelled) return false;
    int64_t n = v->s->n + WORTH;
    return n <= v->n && n <= most_found(j) && !memcmp(v->ids + n - WORTH, j->ids + n - WORTH, WORTH * sizeof *v->ids) &&
           same_rows(v, j, n);
}

bool scheduler_waits(const struct scheduler *s, int i)
{
    const struct job *j = s->order[i]->user;
    int looked = 0;
    if (!may_find(j)) return false;
    for (int k = 0; k < i && looked < LOOKED_AT; k++) {
        const struct job *v = s->order[k]->user;
        looked += v->s != NULL;
        if (is_ahead(v, j)) return true;
    }
    return false;
}

/* Rows of the last page of somebody under way, which is not kept yet. */
static void copy_live(struct scheduler *s, struct job *j)
{
    int64_t base = j->s->n / PAGE_ROWS * PAGE_ROWS, best = j->s->n;
    const struct job *from = NULL;
    for (const struct job *v = s->jobs; v; v = v->next) {
        if (v == j || !v->s || v->tenant != j->tenant || v->s->n <= best) continue;
        int64_t n = in_common(v, j, min_i64(base + PAGE_ROWS, min_i64(v->s->n, most_found(j))));
        if (n <= best) continue;
        best = n;
        from = v;
    }
    if (from) session_copy(j->s, j->ids, from->s->pages[base / PAGE_ROWS], best);
}

/* ---- finding ---- */

void scheduler_fetch(struct scheduler *s)
{
    bool busy = false;
    if (!s->o.cache) return;
    for (const struct job *j = s->jobs; j; j = j->next) busy |= j->s && !j->fetching && !j->paused;
    double until = clock_seconds() + (busy ? FETCH_BESIDE : FETCH_ALONE);
    for (int i = 0; i < s->n_jobs; i++) {
        struct job *j = s->order[i]->user;
        bool reads = j->s && may_find(j) && j->s->n < most_found(j);
        if (!reads || (!j->fetching && j->looked == s->o.cache->changes)) {
            j->fetching = false;
            continue;
        }
        int64_t before = j->s->n;
        j->fetching = prefix_cache_extend(s->o.cache, j->tenant, j->s, j->ids, most_found(j), true, until);
        if (!j->fetching) {
            copy_live(s, j);
            j->looked = s->o.cache->changes;
        }
        scheduler_found(s, j, before);
        if (clock_seconds() >= until) return;
    }
}

/* ---- keeping ---- */

void scheduler_keep(struct scheduler *s, struct job *j, bool all)
{
    if (!j->s || !j->tenant) return;
    int64_t n = min_i64(j->s->n, j->n), whole = n / PAGE_ROWS;
    if (!all && whole <= j->whole) return;
    bool knows = j->looked == s->o.cache->changes;
    prefix_cache_keep(s->o.cache, j->tenant, j->s, all ? n : whole * PAGE_ROWS);
    j->whole = whole;
    if (knows) j->looked = s->o.cache->changes; /* its own rows are not news */
}
