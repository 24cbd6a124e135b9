/* The order of service. */
#include "infer/queue.h"
#include <stdlib.h>
#include "base/checked.h"

static int by_turn(const void *x, const void *y)
{
    const struct queue_entry *a = *(struct queue_entry *const *)x, *b = *(struct queue_entry *const *)y;
    int c = fair_compare(a->account, b->account);
    if (c) return c;
    if (a->priority != b->priority) return a->priority > b->priority ? -1 : 1;
    return a->arrival < b->arrival ? -1 : a->arrival > b->arrival;
}

/* Everybody who may write gets a row, in order; then prompts, whose rows are bounded while somebody writes; what is left goes
 * to guesses. */
int64_t queue_plan(struct queue_entry **entries, size_t n, const struct queue_limits *l)
{
    int64_t left = l->rows, places = l->entries, writing = 0;
    qsort(entries, n, sizeof *entries, by_turn);
    for (size_t i = 0; i < n; i++) {
        entries[i]->rows = 0;
        writing += !entries[i]->held && entries[i]->prompt == 0;
    }
    int64_t prompts = writing ? min_i64(l->prompt_rows, left) : left;
    for (size_t i = 0; i < n && places > 0 && left > 0; i++) {
        struct queue_entry *x = entries[i];
        if (x->held) continue;
        x->rows = x->prompt == 0 ? 1 : min_i64(x->prompt, min_i64(prompts, left - min_i64(left - 1, writing)));
        if (x->most > 0) x->rows = min_i64(x->rows, x->most);
        if (x->prompt == 0) writing--;
        else prompts -= x->rows;
        left -= x->rows;
        places -= x->rows > 0;
    }
    for (size_t i = 0; i < n && left > 0; i++) {
        struct queue_entry *x = entries[i];
        if (x->rows == 0 || x->prompt > 0) continue;
        int64_t more = min_i64(x->draft, left);
        x->rows += more;
        left -= more;
    }
    return l->rows - left;
}
