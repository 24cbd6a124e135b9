/* Windows of texts. */
#include "quant/windows.h"
#include "base/checked.h"
#include "base/mem.h"

/* With a limit only the beginning of a text is turned into tokens: BYTES_A_TOKEN for each, then twice as many, until there are
 * SPARE tokens more than are wanted. What stands behind them cannot change those before: merges do not reach that far. */
enum { BYTES_A_TOKEN = 16, LEAST_BYTES = 4096, SPARE = 256 };

int windows_begin(struct windows *w, const struct tokenizer *t, int64_t limit, int64_t size, struct err *e)
{
    *w = (struct windows){.tok = t, .size = size, .limit = limit, .bos = tokenizer_add_bos(t) ? tokenizer_bos(t) : -1};
    w->step = w->bos >= 0 ? size - 1 : size;
    if (w->step < 1 || size < 2) FAIL(e, ERR_USAGE, "a context of %lld is too short for a window", (long long)size);
    TRY(mem_new((void **)&w->row, (size_t)size * sizeof *w->row, "a window", e));
    return mem_new((void **)&w->target, (size_t)size * sizeof *w->target, "a window", e);
}

bool windows_full(const struct windows *w) { return w->limit > 0 && (int64_t)w->ids.n >= w->limit; }

static int add_window(struct windows *w, int64_t end, struct err *e)
{
    if (w->count == w->cap) {
        int64_t cap = w->cap ? 2 * w->cap : 64;
        int64_t *p = mem_grow(w->end, (size_t)w->cap * sizeof *p, (size_t)cap * sizeof *p);
        if (!p) FAIL(e, ERR_MEMORY, "out of memory for %lld windows", (long long)cap);
        w->end = p;
        w->cap = cap;
    }
    w->end[w->count++] = end;
    return OK;
}

/* Where a text may be cut after about n bytes: behind a newline or at the beginning of a character. */
static size_t cut_at(const char *text, size_t len, size_t n)
{
    if (n >= len) return len;
    const char *nl = memrchr(text + n / 2, '\n', n - n / 2);
    if (nl) return (size_t)(nl - text) + 1;
    while (n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    return n;
}

static int encode(struct windows *w, const char *text, size_t len, struct err *e)
{
    size_t before = w->ids.n, want = (size_t)w->limit - before;
    if (w->limit == 0) return tokenizer_encode(w->tok, text, len, &w->ids, e);
    for (size_t n = want < len ? want * BYTES_A_TOKEN + LEAST_BYTES : len;; n *= 2) {
        size_t cut = cut_at(text, len, n);
        w->ids.n = before;
        TRY(tokenizer_encode(w->tok, text, cut, &w->ids, e));
        if (cut == len || w->ids.n - before >= want + SPARE) break;
    }
    if (w->ids.n > (size_t)w->limit) w->ids.n = (size_t)w->limit;
    return OK;
}

int windows_add(struct windows *w, const char *text, size_t len, struct err *e)
{
    int64_t at = (int64_t)w->ids.n;
    if (len == 0 || windows_full(w)) return OK;
    TRY(encode(w, text, len, e));
    for (int64_t n = (int64_t)w->ids.n; at < n; at = w->end[w->count - 1]) TRY(add_window(w, min_i64(n, at + w->step), e));
    return OK;
}

int windows_end_of_text(struct windows *w, const char *name, struct err *e)
{
    if (w->ids.n < 2) FAIL(e, ERR_FORMAT, "%s has %zu tokens, at least 2 are needed", name, w->ids.n);
    return OK;
}

int windows_open(struct windows *w, const struct tokenizer *t, const char *text, size_t len, int64_t limit,
                 int64_t size, const char *name, struct err *e)
{
    TRY(windows_begin(w, t, limit, size, e));
    TRY(windows_add(w, text, len, e));
    return windows_end_of_text(w, name, e);
}

void windows_free(struct windows *w)
{
    tokens_free(&w->ids);
    mem_free(w->end);
    mem_free(w->row);
    mem_free(w->target);
    *w = (struct windows){0};
}

int64_t windows_end(const struct windows *w, int64_t i) { return w->end[i]; }

int64_t windows_take(struct windows *w, int64_t i)
{
    int64_t n = 0, from = i ? w->end[i - 1] : 0, to = w->end[i];
    if (w->bos >= 0) w->row[n++] = w->bos;
    for (int64_t k = from; k < to - 1; k++) w->row[n++] = w->ids.ids[k];
    for (int64_t k = 0; k < n; k++) w->target[k] = w->ids.ids[to - n + k];
    return n;
}
