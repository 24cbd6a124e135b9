/* Numbers with bounds, exact on their decimal text. */
#ifndef GRAMMAR_NUMBER_H
#define GRAMMAR_NUMBER_H

#include <jansson.h>
#include "grammar/build.h"

/* digits[0 .. n_int) before the point, then n_frac after it; no zeros lead or end it but for one digit before the point. */
struct decimal {
    bool minus;
    int n_int, n_frac;
    char digits[80];
};

/* False: v is no number, or one of more than 36 digits before or after the point. */
bool decimal_read(struct decimal *d, const json_t *v);

/* Numbers without an exponent: at least (bound < 0) or at most (bound > 0) d, which itself counts unless `exclusive`. */
uint32_t number_bound(struct build *b, const struct decimal *d, int bound, bool exclusive);
/* Multiples of d, which is greater than 0. */
uint32_t number_multiple(struct build *b, const struct decimal *d);
/* What numbers with bounds look like: integers, or with a fraction; no exponent. */
uint32_t number_plain(struct build *b, bool fraction);

#endif
