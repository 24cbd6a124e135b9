/* Texts with marks. */
#include "chat/template/text.h"
#include "chat/template/template.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include "base/checked.h"
#include "base/utf8.h"

const uint8_t mark_outside[1] = {MARK_OUTSIDE};

/* ---- building ---- */

struct builder builder(struct template_run *r) { return (struct builder){.r = r}; }

static bool grow(struct builder *b, size_t more)
{
    size_t want = b->len + more,
           cap = b->cap ? b->cap : 64; /* no overflow: both are below the bound of memory */
    if (b->failed) return false;
    if (want <= b->cap) return true;
    while (cap < want) cap *= 2;
    char *s = heap_grow(b->r->now, b->s, b->len, b->cap, cap);
    uint8_t *mark = s && b->mark ? heap_grow(b->r->now, b->mark, b->len, b->cap, cap) : NULL;
    if (!s || (b->mark && !mark)) {
        b->failed = ERR_LIMIT;
        run_alloc(b->r, SIZE_MAX, 1); /* writes the fault */
        return false;
    }
    b->s = s;
    b->mark = mark;
    b->cap = cap;
    return true;
}

/* From one mark for all to one for every byte. */
static bool split_marks(struct builder *b)
{
    if (b->mark) return true;
    b->mark = run_alloc(b->r, b->cap, 1);
    if (!b->mark) {
        b->failed = ERR_LIMIT;
        return false;
    }
    memset(b->mark, b->all, b->len);
    return true;
}

static bool reserve(struct builder *b, size_t len)
{
    if (b->failed) return false;
    if (len > TEMPLATE_MAX_MEMORY) len = TEMPLATE_MAX_MEMORY + 1; /* more than there can be */
    b->failed = charge_bytes(b->r, len);
    return grow(b, len);
}

void add_bytes(struct builder *b, const char *s, size_t len, uint8_t mark)
{
    if (len == 0 || !reserve(b, len)) return;
    if (b->len == 0 && !b->mark) b->all = mark;
    if (b->all != mark && !b->mark && !split_marks(b)) return;
    memcpy(b->s + b->len, s, len);
    if (b->mark) memset(b->mark + b->len, mark, len);
    b->len += len;
}

void add_marked(struct builder *b, const char *s, size_t len, const uint8_t *mark)
{
    if (!mark || mark == mark_outside) {
        add_bytes(b, s, len, mark_of(mark, 0));
        return;
    }
    if (len == 0 || !reserve(b, len) || !split_marks(b)) return;
    memcpy(b->s + b->len, s, len);
    memcpy(b->mark + b->len, mark, len);
    b->len += len;
}

void add_text(struct builder *b, const struct text *t) { add_marked(b, t->s, t->len, t->mark); }

void add_part(struct builder *b, const struct text *t, size_t from, size_t to)
{
    add_marked(b, t->s + from, to - from, mark_from(t->mark, from));
}

void add_words(struct builder *b, const char *words, uint8_t mark) { add_bytes(b, words, strlen(words), mark); }

void add_repeated(struct builder *b, const struct text *t, int64_t times)
{
    size_t total;
    if (times <= 0 || t->len == 0 || b->failed) return;
    if (!mul_size((size_t)times, t->len, &total) || total > TEMPLATE_MAX_MEMORY)
        total = TEMPLATE_MAX_MEMORY + 1;
    if (!reserve(b, total)) return; /* refused at once, not after much copying */
    b->failed = charge(b->r, (uint64_t)times / 4);
    for (int64_t i = 0; i < times && !b->failed; i++) add_text(b, t);
}

void add_char(struct builder *b, uint32_t cp, uint8_t mark)
{
    char out[4];
    add_bytes(b, out, utf8_encode(cp, out), mark);
}

void add_printf(struct builder *b, uint8_t mark, const char *fmt, ...)
{
    char out[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out, sizeof out, fmt, ap);
    va_end(ap);
    if (n > 0) add_bytes(b, out, (size_t)n < sizeof out ? (size_t)n : sizeof out - 1, mark);
}

void mark_since(struct builder *b, size_t from, uint8_t mark)
{
    if (b->failed || from >= b->len) return;
    if (from == 0 && !b->mark) {
        b->all |= mark;
        return;
    }
    if (!split_marks(b)) return;
    for (size_t i = from; i < b->len; i++) b->mark[i] |= mark;
}

int builder_value(struct builder *b, struct value *out)
{
    if (b->failed) return b->failed;
    const uint8_t *mark = b->mark;
    if (!mark && b->len && b->all == MARK_OUTSIDE) mark = mark_outside;
    else if (!mark && b->len && b->all) {
        if (!split_marks(b)) return b->failed;
        mark = b->mark;
    }
    return text_value(b->r, b->s ? b->s : "", b->len, mark, out);
}

/* ---- making strings ---- */

int text_value(struct template_run *r, const char *s, size_t len, const uint8_t *mark, struct value *out)
{
    struct text *t;
    NEW(r, t, 1);
    *t = (struct text){.s = s, .mark = mark, .len = (uint32_t)len, .chars = TEXT_UNCOUNTED};
    *out = (struct value){.kind = K_STRING, .text = t};
    return OK;
}

int text_part(struct template_run *r, const struct text *t, size_t from, size_t to, struct value *out)
{
    return text_value(r, t->s + from, to - from, mark_from(t->mark, from), out);
}

int words_value(struct template_run *r, const char *words, struct value *out)
{
    return text_value(r, words, strlen(words), NULL, out);
}

/* ---- places ---- */

uint32_t text_char(const struct text *t, size_t i, size_t *len)
{
    uint32_t cp = 0xfffd;
    *len = utf8_decode(t->s + i, t->len - i, &cp);
    if (!*len) *len = 1;
    return cp;
}

uint32_t text_chars(struct text *t)
{
    if (t->chars == TEXT_UNCOUNTED) t->chars = (uint32_t)utf8_count(t->s, t->len);
    return t->chars;
}

size_t text_at(struct text *t, int64_t i)
{
    size_t at = 0, len;
    if (text_chars(t) == t->len) return (size_t)i;
    if (i >= t->chars) return t->len;
    for (; i > 0; i--) {
        text_char(t, at, &len);
        at += len;
    }
    return at;
}

bool text_is(const struct text *t, const char *words)
{
    return t->len == strlen(words) && memcmp(t->s, words, t->len) == 0;
}

bool text_same(const struct text *a, const struct text *b)
{
    return a->len == b->len && (a->s == b->s || memcmp(a->s, b->s, a->len) == 0);
}

int text_find(struct template_run *r, const struct text *t, const struct text *needle, size_t from, size_t to,
              size_t *at)
{
    *at = SIZE_MAX;
    if (from > to) return OK;
    const char *p = needle->len ? memmem(t->s + from, to - from, needle->s, needle->len) : t->s + from;
    if (p) *at = (size_t)(p - t->s);
    return charge_bytes(r, (p ? *at : to) - from + needle->len);
}

/* The places are visited from behind; comparisons that go far are charged one by one. */
int text_rfind(struct template_run *r, const struct text *t, const struct text *needle, size_t from,
               size_t to, size_t *at)
{
    *at = SIZE_MAX;
    if (from > to || needle->len > to - from) return OK;
    size_t last = to - needle->len, i = last + 1;
    while (*at == SIZE_MAX && i > from) {
        i--;
        if (needle->len && t->s[i] != needle->s[0]) continue;
        TRY(charge_bytes(r, needle->len));
        if (memcmp(t->s + i, needle->s, needle->len) == 0) *at = i;
    }
    return charge_bytes(r, last - i);
}

uint8_t text_mark(const struct text *t)
{
    if (!t->mark || t->len == 0) return 0;
    if (t->mark == mark_outside) return MARK_OUTSIDE;
    uint8_t all = 0;
    for (uint32_t i = 0; i < t->len; i++) all |= t->mark[i];
    return all & (MARK_OUTSIDE | MARK_ANSWER);
}

/* ---- characters ---- */

static int category(uint32_t cp) { return utf8proc_category((utf8proc_int32_t)cp); }

bool char_is_space(uint32_t cp)
{
    if (cp < 0x80) return cp == ' ' || (cp >= 9 && cp <= 13) || (cp >= 28 && cp <= 31);
    return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

bool char_is_alpha(uint32_t cp)
{
    if (cp < 0x80) return (cp | 32) >= 'a' && (cp | 32) <= 'z';
    int c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool char_is_decimal(uint32_t cp)
{
    return cp < 0x80 ? cp >= '0' && cp <= '9' : category(cp) == UTF8PROC_CATEGORY_ND;
}

/* Superscripts and circled digits count too: the property Numeric_Type=Digit, which utf8proc does not have. */
bool char_is_digit(uint32_t cp)
{
    static const uint32_t ranges[][2] = {
        {0xb2, 0xb3},     {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},   {0x2070, 0x2070},
        {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247c},   {0x2488, 0x2490},
        {0x24ea, 0x24ea}, {0x24f5, 0x24fd},   {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},
        {0x278a, 0x2792}, {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}};
    if (char_is_decimal(cp)) return true;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (cp >= ranges[i][0] && cp <= ranges[i][1]) return true;
    return false;
}

bool char_is_numeric(uint32_t cp)
{
    if (cp < 0x80) return char_is_decimal(cp);
    int c = category(cp);
    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool char_is_upper(uint32_t cp)
{
    return cp < 0x80 ? cp >= 'A' && cp <= 'Z' : utf8proc_isupper((utf8proc_int32_t)cp);
}
bool char_is_lower(uint32_t cp)
{
    return cp < 0x80 ? cp >= 'a' && cp <= 'z' : utf8proc_islower((utf8proc_int32_t)cp);
}
bool char_is_title(uint32_t cp) { return cp >= 0x80 && category(cp) == UTF8PROC_CATEGORY_LT; }

bool char_is_printable(uint32_t cp)
{
    if (cp < 0x80) return cp >= 32 && cp < 127;
    int c = category(cp);
    return c != UTF8PROC_CATEGORY_CN && (c < UTF8PROC_CATEGORY_ZS || c > UTF8PROC_CATEGORY_CO);
}

static bool in_set(uint32_t cp, const struct text *chars)
{
    for (size_t i = 0, n; chars && i < chars->len; i += n)
        if (text_char(chars, i, &n) == cp) return true;
    return !chars && char_is_space(cp);
}

/* A long set of characters costs its length for every character of the text. */
static int strips(struct template_run *r, uint32_t cp, const struct text *chars, bool *out)
{
    if (chars && r) TRY(charge(r, 1 + chars->len / 16));
    *out = in_set(cp, chars);
    return OK;
}

int text_strip(struct template_run *r, const struct text *t, const struct text *chars, int which,
               size_t *from, size_t *to)
{
    size_t n;
    bool more = which & 1;
    *from = 0;
    *to = t->len;
    while (more && *from < *to) {
        TRY(strips(r, text_char(t, *from, &n), chars, &more));
        if (more) *from += n;
    }
    more = which & 2;
    while (more && *from < *to) {
        size_t last = *to - 1;
        while (last > *from && ((uint8_t)t->s[last] & 0xc0) == 0x80) last--;
        TRY(strips(r, text_char(t, last, &n), chars, &more));
        if (more) *to = last;
    }
    return r ? charge_bytes(r, t->len - (*to - *from)) : OK;
}
