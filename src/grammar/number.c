/* Bounds and multiples as expressions over decimal digits. */
#include "grammar/number.h"
#include "base/mem.h"
#include "grammar/json_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 36, MOST_RESIDUES = 4096 };

/* ---- reading ---- */

/* The digits of "%.*e", without point. */
static void from_scientific(struct decimal *d, const char *digits, int exponent)
{
    int n = (int)strlen(digits), at = 0;
    d->n_int = d->n_frac = 0;
    if (exponent < 0) d->digits[at++] = '0', d->n_int = 1;
    for (int i = -1; i > exponent; i--) d->digits[at++] = '0', d->n_frac++;
    for (int i = 0; i < n || i <= exponent; i++) {
        d->digits[at++] = i < n ? digits[i] : '0';
        if (i <= exponent) d->n_int++;
        else d->n_frac++;
    }
    while (d->n_frac && d->digits[d->n_int + d->n_frac - 1] == '0') d->n_frac--;
}

bool decimal_read(struct decimal *d, const json_t *v)
{
    char text[64], digits[24];
    *d = (struct decimal){0};
    if (json_is_integer(v)) {
        long long x = json_integer_value(v);
        d->minus = x < 0;
        d->n_int = snprintf(d->digits, sizeof d->digits, "%llu", x < 0 ? 0ull - (unsigned long long)x : (unsigned long long)x);
        return true;
    }
    if (!json_is_real(v)) return false;
    double x = json_real_value(v);
    for (int n = 14; n <= 16; n++) { /* the shortest that reads back as the same */
        snprintf(text, sizeof text, "%.*e", n, x);
        if (strtod(text, NULL) == x) break;
    }
    const char *s = text, *e = strchr(text, 'e');
    if (!e) return false;
    d->minus = *s == '-';
    size_t k = 0;
    for (; s < e; s++)
        if (*s >= '0' && *s <= '9') digits[k++] = *s;
    while (k > 1 && digits[k - 1] == '0') k--;
    digits[k] = 0;
    long exponent = strtol(e + 1, NULL, 10);
    if (exponent >= MOST_DIGITS || exponent - (long)k < -MOST_DIGITS) return false;
    from_scientific(d, digits, (int)exponent);
    if (d->n_int == 1 && d->digits[0] == '0' && !d->n_frac) d->minus = false;
    return true;
}

/* ---- digits ---- */

static uint32_t any_digits(struct build *b, int min, int max)
{
    return max < min ? 0 : build_copies(b, build_bytes(b, '0', '9'), (uint32_t)min, (uint32_t)max);
}

static uint32_t one_of(struct build *b, int lo, int hi) { return lo > hi ? 0 : build_bytes(b, (uint8_t)lo, (uint8_t)hi); }

/* Numbers of as many digits as s has (n), greater (sign > 0) or less than it. The first digit is not 0, unless it is
 * the only one. */
static uint32_t same_length(struct build *b, const char *s, int n, int sign)
{
    uint32_t x = 0;
    for (int i = n - 1; i >= 0; i--) {
        int lowest = i == 0 && n > 1 ? '1' : '0';
        uint32_t other = sign > 0 ? one_of(b, s[i] + 1, '9') : one_of(b, lowest, s[i] - 1);
        x = build_alt2(b, build_seq2(b, other, any_digits(b, n - 1 - i, n - 1 - i)), build_seq2(b, build_text(b, s + i, 1), x));
    }
    return x;
}

/* Whole parts that are greater or less than the one of d. */
static uint32_t other_int(struct build *b, const struct decimal *d, int sign)
{
    int n = d->n_int, most = n + 1 > JSON_DIGITS ? n + 1 : JSON_DIGITS;
    uint32_t x = same_length(b, d->digits, n, sign), first = build_bytes(b, '1', '9');
    if (sign > 0) return build_alt2(b, x, build_seq2(b, first, any_digits(b, n, most - 1)));
    if (n == 1) return x;
    x = build_alt2(b, x, build_str(b, "0"));
    return build_alt2(b, x, n > 1 ? build_seq2(b, first, any_digits(b, 0, n - 2)) : 0);
}

static uint32_t fraction(struct build *b, uint32_t digits) { return digits ? build_seq2(b, build_str(b, "."), digits) : 0; }

/* Digits after a point that are greater (sign > 0) or less than those in s (n), or equal; perhaps none at all. */
static uint32_t fraction_from(struct build *b, const char *s, int n, int sign, bool exclusive)
{
    int left = JSON_FRACTION - n > 1 ? JSON_FRACTION - n : 1;
    uint32_t zeros = build_copies(b, build_str(b, "0"), 0, (uint32_t)left), x;
    uint32_t more = build_seq(b, (uint32_t[]){zeros, build_bytes(b, '1', '9'), any_digits(b, 0, left)}, 3);
    if (sign > 0) x = exclusive ? more : any_digits(b, 0, left);
    else x = exclusive ? 0 : zeros;
    for (int i = n - 1; i >= 0; i--) {
        uint32_t other = sign > 0 ? one_of(b, s[i] + 1, '9') : one_of(b, '0', s[i] - 1);
        x = build_alt2(b, build_seq2(b, other, any_digits(b, 0, JSON_FRACTION)), build_seq2(b, build_text(b, s + i, 1), x));
        if (sign < 0) x = build_alt2(b, x, build_empty(b)); /* what is missing is zeros, and s goes on with more */
    }
    return x;
}

/* Without a sign: greater (sign > 0) or less than d, or equal. */
static uint32_t magnitude(struct build *b, const struct decimal *d, int sign, bool exclusive)
{
    const char *s = d->digits + d->n_int;
    uint32_t any = build_optional(b, fraction(b, any_digits(b, 1, JSON_FRACTION)));
    uint32_t far = build_seq2(b, other_int(b, d, sign), any);
    uint32_t after = fraction_from(b, s, d->n_frac, sign, exclusive);
    bool none = sign > 0 ? d->n_frac == 0 && !exclusive : d->n_frac > 0 || !exclusive; /* the whole part alone will do */
    uint32_t some = fraction(b, build_and(b, after, any_digits(b, 1, 2 * JSON_FRACTION + MOST_DIGITS)));
    uint32_t near = build_alt2(b, some, none ? build_empty(b) : 0);
    return build_alt2(b, far, build_seq2(b, build_text(b, d->digits, (size_t)d->n_int), near));
}

uint32_t number_bound(struct build *b, const struct decimal *d, int bound, bool exclusive)
{
    struct decimal zero = {.n_int = 1, .digits = "0"};
    uint32_t minus = build_str(b, "-");
    bool is_zero = d->n_int == 1 && d->digits[0] == '0' && !d->n_frac;
    if (bound < 0) { /* at least */
        if (!d->minus) return magnitude(b, d, 1, exclusive);
        return build_alt2(b, magnitude(b, &zero, 1, false), build_seq2(b, minus, magnitude(b, d, -1, exclusive)));
    }
    if (d->minus || (is_zero && exclusive)) return build_seq2(b, minus, magnitude(b, d, 1, exclusive));
    return build_alt2(b, magnitude(b, d, -1, exclusive), build_seq2(b, minus, magnitude(b, &zero, 1, true)));
}

uint32_t number_plain(struct build *b, bool with_fraction)
{
    int most = MOST_DIGITS + 1;
    uint32_t x = build_alt2(b, build_str(b, "0"), build_seq2(b, build_bytes(b, '1', '9'), any_digits(b, 0, most - 1)));
    x = build_seq2(b, build_optional(b, build_str(b, "-")), x);
    if (!with_fraction) return x;
    return build_seq2(b, x, build_optional(b, fraction(b, any_digits(b, 1, 2 * JSON_FRACTION + MOST_DIGITS))));
}

/* ---- multiples ---- */

/* Places of the graph: 0, 1 after the sign, 2 after a zero in front, then for j digits after the point (none: whole parts) the
 * residues of what was read so far by m, then zeros that follow, then the end. */
struct multiple {
    struct build *b;
    uint32_t m, k; /* the step is m / 10^k */
    struct arrow *arrows;
    size_t n, cap;
};

static void put(struct multiple *g, uint32_t from, uint32_t expr, uint32_t to)
{
    if (g->n < g->cap) g->arrows[g->n++] = (struct arrow){from, expr, to};
}

static uint32_t place(const struct multiple *g, uint32_t j, uint32_t residue) { return 3 + j * g->m + residue; }

static bool divides(const struct multiple *g, uint32_t j, uint64_t residue)
{
    for (; j < g->k; j++) residue = residue * 10 % g->m;
    return residue == 0;
}

static void put_digits(struct multiple *g, const uint32_t digit[10], uint32_t end)
{
    uint32_t empty = build_empty(g->b), point = build_str(g->b, "."), zeros = end - 1;
    for (uint32_t j = 0; j <= g->k; j++)
        for (uint32_t r = 0; r < g->m; r++) {
            uint32_t at = place(g, j, r);
            if (divides(g, j, r)) put(g, at, empty, end);
            if (j == 0)
                for (uint32_t d = 0; d < 10; d++) put(g, at, digit[d], place(g, 0, (r * 10 + d) % g->m));
            if (j == 0 && g->k == 0 && r == 0) put(g, at, build_seq2(g->b, point, digit[0]), zeros);
            if (j < g->k)
                for (uint32_t d = 0; d < 10; d++)
                    put(g, at, j ? digit[d] : build_seq2(g->b, point, digit[d]), place(g, j + 1, (r * 10 + d) % g->m));
            if (j && j == g->k && r == 0) put(g, at, digit[0], zeros);
        }
    put(g, zeros, digit[0], zeros);
    put(g, zeros, empty, end);
}

uint32_t number_multiple(struct build *b, const struct decimal *d)
{
    uint64_t m = 0;
    uint32_t digit[10];
    for (int i = 0; i < d->n_int + d->n_frac && m <= MOST_RESIDUES; i++) m = m * 10 + (uint64_t)(d->digits[i] - '0');
    if (m == 0 || m > MOST_RESIDUES || m * (uint64_t)(d->n_frac + 1) > MOST_RESIDUES)
        return build_fail(b, ERR_UNSUPPORTED, "multipleOf has too many digits: at most %d in steps of its last digit",
                          MOST_RESIDUES);
    struct multiple g = {.b = b, .m = (uint32_t)m, .k = (uint32_t)d->n_frac};
    uint32_t end = place(&g, g.k + 1, 0) + 1;
    g.cap = (size_t)(g.k + 1) * g.m * 24 + 64;
    if (!build_ok(b)) return 0;
    if (!(g.arrows = mem_array(g.cap, sizeof *g.arrows)))
        return build_fail(b, ERR_MEMORY, "grammar: out of memory for multiples of %u", g.m);
    for (int i = 0; i < 10; i++) digit[i] = one_of(b, '0' + i, '0' + i);
    put(&g, 0, build_str(b, "-"), 1);
    put(&g, 0, build_empty(b), 1);
    for (uint32_t i = 1; i < 10; i++) put(&g, 1, digit[i], place(&g, 0, i % g.m));
    put(&g, 1, digit[0], 2);
    put(&g, 2, build_empty(b), end);
    if (g.k == 0) put(&g, 2, build_seq2(b, build_str(b, "."), digit[0]), end - 1);
    for (uint32_t i = 0; i < 10 && g.k; i++) put(&g, 2, build_seq2(b, build_str(b, "."), digit[i]), place(&g, 1, i % g.m));
    put_digits(&g, digit, end);
    uint32_t x = build_graph(b, end + 1, g.arrows, g.n);
    mem_free(g.arrows);
    return x;
}
