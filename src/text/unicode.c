/* Building the table of character classes. */
#include "text/unicode.h"
#include "base/checked.h"
#include "text/pretok_sets.h"
#include <assert.h>
#include <threads.h>
#include <string.h>
#include <utf8proc.h>

enum {
    EMPTY_FROM = 0x40000, /* planes without characters: 4 to 13 */
    EMPTY_TO = 0xE0000,
    PRIVATE_FROM = 0xF0000,
    MAX_RANGES = 512,
    MAX_SECONDS = 512,
    MAX_PARTS = 8, /* of a full canonical decomposition: 4 in fact */
};

/* A range of characters and a bit for each. */
struct range {
    uint32_t from, to;
    uint16_t bit;
};

/* What Unicode 15.1 and 16.0 have added: Debian's utf8proc knows 15.0, and the same text must give the same tokens with
 * any version of it. */
static const struct range added[] = {
    {0x897, 0x897, UC_MARK}, {0x1B4E, 0x1B4F, UC_PUNCT}, {0x1B7F, 0x1B7F, UC_PUNCT},
    {0x1C89, 0x1C8A, UC_LETTER}, {0x2427, 0x2429, UC_SYMBOL}, {0x2FFC, 0x2FFF, UC_SYMBOL},
    {0x31E4, 0x31E5, UC_SYMBOL}, {0x31EF, 0x31EF, UC_SYMBOL}, {0xA7CB, 0xA7CD, UC_LETTER},
    {0xA7DA, 0xA7DC, UC_LETTER}, {0x105C0, 0x105F3, UC_LETTER}, {0x10D40, 0x10D49, UC_NUMBER},
    {0x10D4A, 0x10D65, UC_LETTER}, {0x10D69, 0x10D6D, UC_MARK}, {0x10D6E, 0x10D6E, UC_PUNCT},
    {0x10D6F, 0x10D85, UC_LETTER}, {0x10D8E, 0x10D8F, UC_SYMBOL}, {0x10EC2, 0x10EC4, UC_LETTER},
    {0x10EFC, 0x10EFC, UC_MARK}, {0x11380, 0x11389, UC_LETTER}, {0x1138B, 0x1138B, UC_LETTER},
    {0x1138E, 0x1138E, UC_LETTER}, {0x11390, 0x113B5, UC_LETTER}, {0x113B7, 0x113B7, UC_LETTER},
    {0x113B8, 0x113C0, UC_MARK}, {0x113C2, 0x113C2, UC_MARK}, {0x113C5, 0x113C5, UC_MARK},
    {0x113C7, 0x113CA, UC_MARK}, {0x113CC, 0x113D0, UC_MARK}, {0x113D1, 0x113D1, UC_LETTER},
    {0x113D2, 0x113D2, UC_MARK}, {0x113D3, 0x113D3, UC_LETTER}, {0x113D4, 0x113D5, UC_PUNCT},
    {0x113D7, 0x113D8, UC_PUNCT}, {0x113E1, 0x113E2, UC_MARK}, {0x116D0, 0x116E3, UC_NUMBER},
    {0x11BC0, 0x11BE0, UC_LETTER}, {0x11BE1, 0x11BE1, UC_PUNCT}, {0x11BF0, 0x11BF9, UC_NUMBER},
    {0x11F5A, 0x11F5A, UC_MARK}, {0x13460, 0x143FA, UC_LETTER}, {0x16100, 0x1611D, UC_LETTER},
    {0x1611E, 0x1612F, UC_MARK}, {0x16130, 0x16139, UC_NUMBER}, {0x16D40, 0x16D6C, UC_LETTER},
    {0x16D6D, 0x16D6F, UC_PUNCT}, {0x16D70, 0x16D79, UC_NUMBER}, {0x18CFF, 0x18CFF, UC_LETTER},
    {0x1CC00, 0x1CCEF, UC_SYMBOL}, {0x1CCF0, 0x1CCF9, UC_NUMBER}, {0x1CD00, 0x1CEB3, UC_SYMBOL},
    {0x1E5D0, 0x1E5ED, UC_LETTER}, {0x1E5EE, 0x1E5EF, UC_MARK}, {0x1E5F0, 0x1E5F0, UC_LETTER},
    {0x1E5F1, 0x1E5FA, UC_NUMBER}, {0x1E5FF, 0x1E5FF, UC_PUNCT}, {0x1F8B2, 0x1F8BB, UC_SYMBOL},
    {0x1F8C0, 0x1F8C1, UC_SYMBOL}, {0x1FA89, 0x1FA89, UC_SYMBOL}, {0x1FA8F, 0x1FA8F, UC_SYMBOL},
    {0x1FABE, 0x1FABE, UC_SYMBOL}, {0x1FAC6, 0x1FAC6, UC_SYMBOL}, {0x1FADC, 0x1FADC, UC_SYMBOL},
    {0x1FADF, 0x1FADF, UC_SYMBOL}, {0x1FAE9, 0x1FAE9, UC_SYMBOL}, {0x1FBCB, 0x1FBEF, UC_SYMBOL},
    {0x2EBF0, 0x2EE5D, UC_LETTER},
    {0x1C89, 0x1C89, UC_UPPER}, {0x1C8A, 0x1C8A, UC_LOWER}, {0xA7CB, 0xA7CC, UC_UPPER}, {0xA7CD, 0xA7CD, UC_LOWER},
    {0xA7DA, 0xA7DA, UC_UPPER}, {0xA7DB, 0xA7DB, UC_LOWER}, {0xA7DC, 0xA7DC, UC_UPPER}, {0x10D50, 0x10D65, UC_UPPER},
    {0x10D70, 0x10D85, UC_LOWER},
};

/* Marks younger than Unicode 9, by which the "tokenizers" library normalises: they stay where they are. */
static const struct range fixed[] = {
    {0x7FD, 0x7FD, UC_STABLE}, {0x898, 0x89F, UC_STABLE}, {0x8CA, 0x8D3, UC_STABLE}, {0x9FE, 0x9FE, UC_STABLE},
    {0xC3C, 0xC3C, UC_STABLE}, {0xD3B, 0xD3C, UC_STABLE}, {0xEBA, 0xEBA, UC_STABLE},
    {0x1715, 0x1715, UC_STABLE}, {0x1ABF, 0x1ACE, UC_STABLE}, {0x1DF6, 0x1DFA, UC_STABLE},
    {0xA82C, 0xA82C, UC_STABLE}, {0x10D24, 0x10D27, UC_STABLE}, {0x10EAB, 0x10EAC, UC_STABLE},
    {0x10EFD, 0x10EFF, UC_STABLE}, {0x10F46, 0x10F50, UC_STABLE}, {0x10F82, 0x10F85, UC_STABLE},
    {0x11070, 0x11070, UC_STABLE}, {0x1133B, 0x1133B, UC_STABLE}, {0x1145E, 0x1145E, UC_STABLE},
    {0x11839, 0x1183A, UC_STABLE}, {0x11930, 0x11930, UC_STABLE}, {0x1193D, 0x1193E, UC_STABLE},
    {0x11943, 0x11943, UC_STABLE}, {0x119E0, 0x119E0, UC_STABLE}, {0x11A34, 0x11A34, UC_STABLE},
    {0x11A47, 0x11A47, UC_STABLE}, {0x11A99, 0x11A99, UC_STABLE}, {0x11D42, 0x11D42, UC_STABLE},
    {0x11D44, 0x11D45, UC_STABLE}, {0x11D97, 0x11D97, UC_STABLE}, {0x11F41, 0x11F42, UC_STABLE},
    {0x16FF0, 0x16FF1, UC_STABLE}, {0x1E08F, 0x1E08F, UC_STABLE}, {0x1E130, 0x1E136, UC_STABLE},
    {0x1E2AE, 0x1E2AE, UC_STABLE}, {0x1E2EC, 0x1E2EF, UC_STABLE}, {0x1E4EC, 0x1E4EF, UC_STABLE},
};

/* What a block is made from. */
struct builder {
    struct range range[MAX_RANGES];
    int n_ranges;
    uint32_t second[MAX_SECONDS]; /* characters that combine with one before */
    int n_seconds;
    int n_kinds;
    uint64_t hash[UC_MAX_KINDS];
};

static struct unicode table;
static once_flag once = ONCE_FLAG_INIT;

/* White_Space (PropList.txt). */
static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
           c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static uint16_t class_of(uint32_t c)
{
    uint16_t bits = 0;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: bits = UC_LETTER | UC_UPPER; break;
    case UTF8PROC_CATEGORY_LL: bits = UC_LETTER | UC_LOWER; break;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: bits = UC_LETTER; break;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: bits = UC_MARK; break;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: bits = UC_NUMBER; break;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: bits = UC_PUNCT; break;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: bits = UC_SYMBOL; break;
    default: break;
    }
    if (is_space(c)) bits |= UC_SPACE;
    if (c == '\r' || c == '\n') bits |= UC_NEWLINE;
    return bits;
}

/* One character of a set, plain or \x{..}. */
static uint32_t set_char(const char **set)
{
    const char *p = *set;
    uint32_t c = (uint8_t)*p++;
    if (c == '\\') {
        c = 0;
        for (p += 2; *p != '}'; p++) c = c * 16 + (uint32_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
        p++;
    }
    *set = p;
    return c;
}

static void add_set(struct builder *b, const char *set, uint16_t bit)
{
    while (*set) {
        struct range r = {.bit = bit};
        r.from = r.to = set_char(&set);
        if (*set == '-') {
            set++;
            r.to = set_char(&set);
        }
        assert(b->n_ranges < MAX_RANGES);
        b->range[b->n_ranges++] = r;
    }
}

static void add_second(struct builder *b, uint32_t c)
{
    for (int i = 0; i < b->n_seconds; i++)
        if (b->second[i] == c) return;
    assert(b->n_seconds < MAX_SECONDS);
    b->second[b->n_seconds++] = c;
}

/* The canonical decomposition of c into out, its length; 1 when there is none. */
static int decompose(uint32_t c, utf8proc_int32_t out[MAX_PARTS])
{
    int bounds = 0;
    return (int)utf8proc_decompose_char((utf8proc_int32_t)c, out, MAX_PARTS, UTF8PROC_DECOMPOSE, &bounds);
}

static bool may_decompose(uint32_t c)
{
    const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)c);
    return p->decomp_seqindex != UINT16_MAX && p->decomp_type == 0;
}

static bool is_hangul(uint32_t c) { return c >= 0xAC00 && c <= 0xD7A3; }

/* Everything that is not first in a decomposition; of Hangul syllables the vowels and the final consonants. */
static void find_seconds(struct builder *b)
{
    utf8proc_int32_t part[MAX_PARTS];
    for (uint32_t c = 0xA0; c < EMPTY_FROM; c++) {
        int n = is_hangul(c) || !may_decompose(c) ? 0 : decompose(c, part);
        for (int i = 1; i < n; i++) add_second(b, (uint32_t)part[i]);
    }
    for (uint32_t c = 0x1161; c <= 0x1175; c++) add_second(b, c);
    for (uint32_t c = 0x11A8; c <= 0x11C2; c++) add_second(b, c);
}

/* NFC(c) == c, and c is no mark. */
static bool is_stable(uint32_t c)
{
    utf8proc_int32_t part[MAX_PARTS];
    if (utf8proc_get_property((utf8proc_int32_t)c)->combining_class) return false;
    if (is_hangul(c) || !may_decompose(c)) return true;
    utf8proc_ssize_t n = utf8proc_normalize_utf32(part, decompose(c, part), UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return n == 1 && part[0] == (utf8proc_int32_t)c;
}

static void fill_block(const struct builder *b, uint32_t first, uint16_t out[UC_BLOCK])
{
    bool empty = (first >= EMPTY_FROM && first < EMPTY_TO) || first >= PRIVATE_FROM;
    for (uint32_t i = 0; i < UC_BLOCK; i++) {
        if (empty) out[i] = UC_STABLE;
        else out[i] = (uint16_t)(class_of(first + i) | (is_stable(first + i) ? UC_STABLE : 0));
    }
    for (int k = 0; k < b->n_seconds; k++)
        if (b->second[k] / UC_BLOCK == first / UC_BLOCK) out[b->second[k] % UC_BLOCK] &= (uint16_t)~UC_STABLE;
    for (int k = 0; k < b->n_ranges; k++) {
        const struct range *r = &b->range[k];
        if (r->to < first || r->from >= first + UC_BLOCK) continue;
        for (uint32_t i = 0; i < UC_BLOCK; i++)
            if (first + i >= r->from && first + i <= r->to) out[i] |= r->bit;
    }
    for (uint32_t i = 0; i < UC_BLOCK; i++)
        if (!(out[i] & (UC_SPACE | UC_LETTER | UC_NUMBER))) out[i] |= UC_OTHER;
}

/* The number of the kind that equals kind[n_kinds], which stays if it is new. */
static int kind_of(struct builder *b)
{
    const uint16_t *block = table.kind[b->n_kinds];
    uint64_t h = 0;
    for (int i = 0; i < UC_BLOCK; i++) h = (h ^ block[i]) * 0x100000001B3u;
    for (int k = 0; k < b->n_kinds; k++)
        if (b->hash[k] == h && memcmp(table.kind[k], block, sizeof table.kind[k]) == 0) return k;
    b->hash[b->n_kinds] = h;
    assert(b->n_kinds + 1 < UC_MAX_KINDS);
    return b->n_kinds++;
}

static void build(void)
{
    static struct builder b;
    for (size_t i = 0; i < ARRAY_LEN(added); i++) b.range[b.n_ranges++] = added[i];
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) b.range[b.n_ranges++] = fixed[i];
    add_set(&b, SET_CJK, UC_CJK);
    add_set(&b, SET_CASED, UC_CASED);
    add_set(&b, SET_MARKS, UC_MARKS);
    add_set(&b, SET_WIDE, UC_WIDE);
    find_seconds(&b);
    for (uint32_t i = 0; i < UC_BLOCKS; i++) {
        fill_block(&b, i * UC_BLOCK, table.kind[b.n_kinds]);
        table.index[i] = (uint16_t)kind_of(&b);
    }
}

const struct unicode *unicode_table(void)
{
    call_once(&once, build);
    return &table;
}

bool unicode_is_word(uint32_t cp)
{
    static const uint32_t letters[][2] = {{0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
    if (cp == 0x200C || cp == 0x200D) return true; /* joiners */
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (cp >= letters[i][0] && cp <= letters[i][1]) return true; /* in circles and squares: symbols, but alphabetic */
    if (unicode_class(unicode_table(), cp) & (UC_LETTER | UC_MARK)) return true;
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_PC;
}
