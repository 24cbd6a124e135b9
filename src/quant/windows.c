/* Windows of a text. */
#include "quant/windows.h"
#include "base/checked.h"
#include "base/mem.h"

int windows_open(struct windows *w, const struct tokenizer *t, const char *text, size_t len, int64_t limit,
                 int64_t size, const char *name, struct err *e)
{
    *w = (struct windows){.size = size, .bos = tokenizer_add_bos(t) ? tokenizer_bos(t) : -1};
    w->step = w->bos >= 0 ? size - 1 : size;
    if (w->step < 1 || size < 2) FAIL(e, ERR_USAGE, "a context of %lld is too short for a window", (long long)size);
    TRY(tokenizer_encode(t, text, len, &w->ids, e));
    if (limit > 0 && (int64_t)w->ids.n > limit) w->ids.n = (size_t)limit;
    if (w->ids.n < 2) FAIL(e, ERR_FORMAT, "%s has %zu tokens, at least 2 are needed", name, w->ids.n);
    w->count = ceil_div((int64_t)w->ids.n, w->step);
    TRY(mem_new((void **)&w->row, (size_t)size * sizeof *w->row, "a window", e));
    return mem_new((void **)&w->target, (size_t)size * sizeof *w->target, "a window", e);
}

void windows_free(struct windows *w)
{
    tokens_free(&w->ids);
    mem_free(w->row);
    mem_free(w->target);
    *w = (struct windows){0};
}

int64_t windows_end(const struct windows *w, int64_t i) { return min_i64((int64_t)w->ids.n, (i + 1) * w->step); }

int64_t windows_take(struct windows *w, int64_t i)
{
    int64_t n = 0, to = windows_end(w, i);
    if (w->bos >= 0) w->row[n++] = w->bos;
    for (int64_t k = i * w->step; k < to - 1; k++) w->row[n++] = w->ids.ids[k];
    for (int64_t k = 0; k < n; k++) w->target[k] = w->ids.ids[to - n + k];
    return n;
}
