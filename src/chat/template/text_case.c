/* Upper, lower and title case as Python has them, with the mappings to several characters and the final sigma. */
#include <utf8proc.h>
#include "base/checked.h"
#include "chat/template/case_table.h"
#include "chat/template/text.h"

/* Final sigma: a cased character before it and none behind it, case-ignorable ones (marks, apostrophes) aside. */
static bool ignorable(uint32_t cp)
{
    int c = utf8proc_category((utf8proc_int32_t)cp);
    return cp == '\'' || cp == '.' || cp == ':' || cp == '^' || cp == '`' || cp == 0xa8 || cp == 0xad ||
           cp == 0xb7 || cp == 0x2019 || c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME ||
           c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_LM || c == UTF8PROC_CATEGORY_SK;
}

enum { SIGMA = 0x3a3, SIGMA_LOOK = 32 };

static bool final_sigma(const struct text *t, size_t at)
{
    size_t n, i = at, looked = 0;
    bool before = false;
    while (i > 0 && looked++ < SIGMA_LOOK) {
        do i--;
        while (i > 0 && ((uint8_t)t->s[i] & 0xc0) == 0x80);
        uint32_t cp = text_char(t, i, &n);
        if (ignorable(cp)) continue;
        before = char_is_cased(cp);
        break;
    }
    if (!before) return false;
    for (i = at + 2, looked = 0; i < t->len && looked++ < SIGMA_LOOK; i += n) {
        uint32_t cp = text_char(t, i, &n);
        if (!ignorable(cp)) return !char_is_cased(cp);
    }
    return true;
}

/* NULL: the mapping is to one character. */
static const struct special_case *special_case(uint32_t cp)
{
    size_t lo = 0, hi = ARRAY_LEN(special_cases);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (special_cases[mid].cp == cp) return &special_cases[mid];
        if (special_cases[mid].cp < cp) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

static void add_one_cased(struct builder *b, const struct text *t, size_t at, uint32_t cp,
                          enum letter_case to_case)
{
    uint8_t mark = mark_of(t->mark, at);
    utf8proc_int32_t c = (utf8proc_int32_t)cp;
    if (to_case == CASE_LOWER) {
        if (cp == SIGMA && final_sigma(t, at)) add_char(b, 0x3c2, mark);
        else add_char(b, (uint32_t)utf8proc_tolower(c), mark);
        if (cp == 0x130) add_char(b, 0x307, mark);
        return;
    }
    const struct special_case *special = special_case(cp);
    for (int k = 0; special && k < 3; k++) {
        uint32_t to = to_case == CASE_UPPER ? special->upper[k] : special->title[k];
        if (to) add_char(b, to, mark);
    }
    if (special) return;
    add_char(b, (uint32_t)(to_case == CASE_UPPER ? utf8proc_toupper(c) : utf8proc_totitle(c)), mark);
}

/* Characters of one byte with one mark are changed together. */
static size_t add_ascii_cased(struct builder *b, const struct text *t, size_t from, size_t to,
                              enum letter_case to_case)
{
    char out[256];
    size_t n = 0;
    uint8_t mark = mark_of(t->mark, from);
    for (; from < to && n < sizeof out && (uint8_t)t->s[from] < 0x80 && mark_of(t->mark, from) == mark;
         from++, n++) {
        char c = t->s[from];
        bool change = to_case == CASE_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
        out[n] = (char)(change ? c ^ 32 : c);
    }
    add_bytes(b, out, n, mark);
    return n;
}

void add_cased(struct builder *b, const struct text *t, size_t from, size_t to, enum letter_case to_case)
{
    if (!b->failed) b->failed = charge_chars(b->r, to - from);
    for (size_t n, i = from; i < to && !b->failed; i += n) {
        n = add_ascii_cased(b, t, i, to, to_case);
        if (n) continue;
        uint32_t cp = text_char(t, i, &n);
        add_one_cased(b, t, i, cp, to_case);
    }
}
