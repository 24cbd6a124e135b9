/* Prompt lookup, and when to leave it. */
#include "infer/guess.h"
#include <string.h>
#include "base/checked.h"

enum { LONGEST = 8, SHORTEST = 3, WINDOW = 1 << 16 };

int64_t guess_lookup(int32_t *out, int64_t most, const int32_t *ids, int64_t n)
{
    int64_t best = 0, at = -1;
    if (n <= SHORTEST || most <= 0) return 0;
    const int32_t *end = ids + n;
    for (int64_t i = n - 1; i >= SHORTEST && i > n - WINDOW && best < LONGEST; i--) { /* a match that ends before ids[i] */
        int64_t len = 0;
        while (len < LONGEST && len < i && ids[i - 1 - len] == end[-1 - len]) len++;
        if (len < SHORTEST || len <= best) continue;
        best = len;
        at = i;
    }
    if (at < 0) return 0;
    int64_t k = min_i64(most, n - at);
    memcpy(out, ids + at, (size_t)k * sizeof *out);
    return k;
}

void pass_line_add(struct pass_line *l, double rows, double seconds)
{
    double old = 0.98;
    l->n = old * l->n + 1;
    l->x = old * l->x + rows;
    l->xx = old * l->xx + rows * rows;
    l->y = old * l->y + seconds;
    l->xy = old * l->xy + rows * seconds;
}

/* A row more costs `slope`, and gives luck tokens; all rows of the pass give a token for base / rows + slope each. */
bool guess_pays(const struct pass_line *l, double rows, double luck)
{
    double spread = l->n * l->xx - l->x * l->x;
    if (l->n < 8 || spread < 0.05 * l->n * l->n) return luck >= 0.3; /* all passes were alike: nothing is known yet */
    double slope = (l->n * l->xy - l->x * l->y) / spread, base = (l->y - slope * l->x) / l->n;
    if (slope <= 0) return luck >= 0.1;
    if (base <= 0) return luck >= 1;
    return luck * (base / rows + slope) > slope;
}
