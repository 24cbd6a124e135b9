/* The filter wordwrap: Python's textwrap.wrap for every line of a text. Widths count characters. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/methods.h"
#include "chat/template/text.h"

/* One line: its characters and the byte where each begins. It is made of chunks (words, parts of words with hyphens, white
 * space), which are torn apart only where one is longer than a line. */
struct wrap {
    struct template_run *r;
    const struct text *t;
    const uint32_t *cp; /* [0, n) */
    const uint32_t *at; /* [0, n] */
    size_t n;
    int64_t width;
    bool break_words, hyphens;
    const struct text *newline;
    size_t lines;    /* of the whole text, so far */
    size_t known_to; /* the end of the chunk that was looked at last: what is torn off one keeps its end */
};

static bool blank(const struct wrap *w, size_t i)
{
    return w->cp[i] == ' ' || (w->cp[i] >= 9 && w->cp[i] <= 13);
}
static bool word(const struct wrap *w, size_t i)
{
    return i < w->n && (w->cp[i] == '_' || char_is_alpha(w->cp[i]) || char_is_numeric(w->cp[i]));
}
static bool letter(const struct wrap *w, size_t i) { return word(w, i) && !char_is_decimal(w->cp[i]); }
static bool in_word(const struct wrap *w, size_t i)
{
    return word(w, i) || (w->cp[i] < 0x80 && w->cp[i] && strchr("!\"'&.,?", (int)w->cp[i]));
}
static bool hyphen(const struct wrap *w, size_t i) { return i < w->n && w->cp[i] == '-'; }

/* The end of two or more hyphens at i that a word follows and one precedes; i: there are none. */
static size_t dash_end(const struct wrap *w, size_t i)
{
    size_t end = i;
    if (i == 0 || !in_word(w, i - 1)) return i;
    while (hyphen(w, end)) end++;
    return end >= i + 2 && word(w, end) ? end : i;
}

/* True when a word may be torn behind the hyphen at i. */
static bool tears(const struct wrap *w, size_t i)
{
    if (!hyphen(w, i)) return false;
    bool before = i >= 2 && letter(w, i - 1) && letter(w, i - 2);
    before = before || (i >= 3 && letter(w, i - 1) && hyphen(w, i - 2) && letter(w, i - 3));
    return before && letter(w, i + 1) && (letter(w, i + 2) || (hyphen(w, i + 2) && letter(w, i + 3)));
}

static size_t find_chunk_end(const struct wrap *w, size_t i)
{
    size_t end = i + 1;
    if (blank(w, i)) {
        while (end < w->n && blank(w, end)) end++;
        return end;
    }
    if (w->hyphens && dash_end(w, i) > i) return dash_end(w, i);
    for (; end < w->n && !blank(w, end); end++) {
        if (!w->hyphens) continue;
        if (tears(w, end)) return end + 1;
        if (dash_end(w, end) > end) return end;
    }
    return end;
}

/* i never goes back. */
static size_t chunk_end(struct wrap *w, size_t i)
{
    if (i >= w->known_to) w->known_to = find_chunk_end(w, i);
    return w->known_to;
}

/* How much of the chunk [from, to), too long for any line, still goes into one with room for `room`. */
static size_t torn(const struct wrap *w, size_t from, size_t to, size_t room)
{
    size_t end = from + room;
    if (!w->hyphens || to - from <= room) return end;
    for (size_t i = end; i-- > from + 1;) {
        if (!hyphen(w, i)) continue;
        for (size_t k = from; k < i; k++)
            if (!hyphen(w, k)) return i + 1;
        break;
    }
    return end;
}

static void add_line(struct wrap *w, struct builder *b, size_t from, size_t to)
{
    if (w->lines++) add_text(b, w->newline);
    add_part(b, w->t, w->at[from], w->at[to]);
}

static int wrap_line(struct wrap *w, struct builder *b)
{
    size_t i = 0, width = (size_t)w->width;
    bool any = false;
    while (i < w->n && !b->failed) {
        size_t start = i, last = i, end; /* last: where the last chunk of the line begins */
        TRY(charge(w->r, 1));
        if (any && blank(w, i)) start = last = i = chunk_end(w, i);
        while (i < w->n && (end = chunk_end(w, i)) - start <= width) {
            last = i;
            i = end;
        }
        if (i < w->n && chunk_end(w, i) - i > width) {
            if (w->break_words) {
                last = i;
                i = torn(w, i, chunk_end(w, i), width - (i - start));
            } else if (i == start) i = chunk_end(w, i);
        }
        if (i == start) continue;
        end = last < i && blank(w, last) ? last : i;
        if (end > start) {
            add_line(w, b, start, end);
            any = true;
        }
    }
    if (!any && w->lines++) add_text(b, w->newline); /* an empty line stays one */
    return b->failed;
}

/* Characters and places of the line [from, to) of w->t. */
static int load(struct wrap *w, size_t from, size_t to)
{
    uint32_t *cp, *at;
    size_t len;
    NEW(w->r, cp, to - from + 1);
    NEW(w->r, at, to - from + 1);
    w->n = w->known_to = 0;
    for (size_t i = from; i < to; i += len) {
        at[w->n] = (uint32_t)i;
        cp[w->n++] = text_char(w->t, i, &len);
    }
    at[w->n] = (uint32_t)to;
    w->cp = cp;
    w->at = at;
    return charge_chars(w->r, to - from);
}

int wordwrap_filter(struct template_run *r, struct value *a, struct value *out)
{
    static const struct text newline = {.s = "\n", .len = 1, .chars = 1};
    struct wrap w = {.r = r, .break_words = true, .hyphens = true, .newline = &newline};
    struct builder b = builder(r);
    struct text *between;
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (a[0].kind != K_STRING) FAULT(r, "what is wrapped is of type %s, expected a string", type_name(&a[0]));
    if (a[3].kind == K_NONE) a[3] = MISSING;
    TRY(int_param(r, &a[1], 79, "the width of wordwrap", &w.width));
    if (a[2].kind != K_MISSING) TRY(truth(r, &a[2], &w.break_words));
    TRY(text_param(r, &a[3], "the line end of wordwrap", &between));
    if (a[4].kind != K_MISSING) TRY(truth(r, &a[4], &w.hyphens));
    if (between) w.newline = between;
    w.t = a[0].text;
    for (size_t at = 0, end, next; at < w.t->len && !b.failed; at = next) {
        line_end(w.t, at, &end, &next);
        if (w.width <= 0) FAULT(r, "invalid width %lld (must be > 0)", (long long)w.width);
        TRY(load(&w, at, end));
        TRY(wrap_line(&w, &b));
    }
    return builder_value(&b, out);
}
