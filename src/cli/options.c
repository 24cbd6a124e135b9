/* The option parser. */
#include "cli/options.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "cli/exit.h"
#include "sys/file.h"

void opts_add(struct opts *o, struct opt row)
{
    assert(o->n < OPT_ROWS_MAX);
    o->rows[o->n++] = row;
}

void opts_flag(struct opts *o, const char *name, char letter, bool *target, const char *help)
{
    opts_add(o, (struct opt){.name = name, .letter = letter, .type = OPT_FLAG, .target = target, .help = help});
}

void opts_choice(struct opts *o, const char *name, int *target, const char *const *choices, const char *help)
{
    opts_add(o, (struct opt){.name = name, .type = OPT_CHOICE, .target = target, .choices = choices, .help = help});
}

void opts_heading(struct opts *o, const char *text) { opts_add(o, (struct opt){.help = text}); }

/* Edit distance (insert, delete, replace), for words below 32 bytes. */
static int distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    int row[33];
    if (la > 32 || lb > 32) return 99;
    for (size_t j = 0; j <= lb; j++) row[j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int diag = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int best = diag + (a[i - 1] != b[j - 1]);
            diag = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    int least = strlen(word) < 4 ? 2 : 3; /* must be below */
    for (size_t i = 0; i < n; i++) {
        if (!names[i]) continue;
        int d = distance(word, names[i]);
        if (strlen(word) >= 3 && !strncmp(word, names[i], strlen(word)) && d > 1) d = 1; /* a prefix is near */
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

static int set_i64(const struct opt *row, const char *label, const char *value, struct err *e)
{
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    int64_t unit = 1;
    if (end != value && *end) {
        const char *at = strchr("KMG", *end & ~0x20);
        if (at && *at && !end[1]) {
            unit = INT64_C(1) << (10 * (at - "KMG" + 1));
            end++;
        }
    }
    int64_t n = 0;
    if (end == value || *end) FAIL(e, ERR_USAGE, "%s is \"%s\", expected a whole number", label, value);
    if (errno || !mul_i64(v, unit, &n) || (double)n < row->lo || (double)n > row->hi)
        FAIL(e, ERR_USAGE, "%s is %s, expected %.0f to %.0f", label, value, row->lo, row->hi);
    *(int64_t *)row->target = n;
    return OK;
}

static int set_u64(const struct opt *row, const char *label, const char *value, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (end == value || *end || errno || value[0] == '-')
        FAIL(e, ERR_USAGE, "%s is \"%s\", expected a whole number from 0 to 18446744073709551615", label, value);
    *(uint64_t *)row->target = v;
    return OK;
}

static int set_f64(const struct opt *row, const char *label, const char *value, struct err *e)
{
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v)) FAIL(e, ERR_USAGE, "%s is \"%s\", expected a number", label, value);
    if (v < row->lo || v > row->hi) FAIL(e, ERR_USAGE, "%s is %s, expected %g to %g", label, value, row->lo, row->hi);
    *(double *)row->target = v;
    return OK;
}

static int set_choice(const struct opt *row, const char *label, const char *value, struct err *e)
{
    char all[200] = "";
    for (int i = 0; row->choices[i]; i++) {
        if (!strcmp(value, row->choices[i])) {
            *(int *)row->target = i;
            return OK;
        }
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", row->choices[i]);
    }
    FAIL(e, ERR_USAGE, "%s is \"%s\", expected one of %s", label, value, all);
}

static int set_list(const struct opt *row, const char *label, const char *value, struct err *e)
{
    struct opt_list *l = row->target;
    if (l->n == OPT_LIST_MAX) FAIL(e, ERR_USAGE, "%s is given more than %d times", label, OPT_LIST_MAX);
    l->v[l->n++] = value;
    return OK;
}

int opt_set(const struct opt *row, const char *label, const char *value, struct err *e)
{
    switch (row->type) {
    case OPT_FLAG:
        *(bool *)row->target = true;
        break;
    case OPT_STR:
        *(const char **)row->target = value;
        break;
    case OPT_I64:
        TRY(set_i64(row, label, value, e));
        break;
    case OPT_U64:
        TRY(set_u64(row, label, value, e));
        break;
    case OPT_F64:
        TRY(set_f64(row, label, value, e));
        break;
    case OPT_LIST:
        TRY(set_list(row, label, value, e));
        break;
    case OPT_CHOICE:
        TRY(set_choice(row, label, value, e));
        break;
    }
    if (row->given) *row->given = true;
    return OK;
}

/* The row for "--name" (len bytes) or for the letter; NULL if there is none. */
static const struct opt *find_row(const struct opts *o, const char *name, size_t len, char letter)
{
    for (int i = 0; i < o->n; i++) {
        const struct opt *r = &o->rows[i];
        if (!r->name) continue;
        if (letter ? r->letter == letter : strlen(r->name) == len && !memcmp(r->name, name, len)) return r;
    }
    return NULL;
}

static int unknown_option(const struct opts *o, const char *word, struct err *e)
{
    const char *names[OPT_ROWS_MAX + 1];
    char bare[64];
    for (int i = 0; i < o->n; i++) names[i] = o->rows[i].name;
    names[o->n] = "help";
    snprintf(bare, sizeof bare, "%s", word + strspn(word, "-"));
    bare[strcspn(bare, "=")] = 0;
    const char *near = nearest_name(bare, names, (size_t)o->n + 1);
    if (near) FAIL(e, ERR_USAGE, "unknown option %s; did you mean --%s?", word, near);
    FAIL(e, ERR_USAGE, "unknown option %s; autarky %s -h lists them", word, o->command);
}

/* One option word at argv[*i]; takes its value from the same word or from the next. */
static int parse_one(const struct opts *o, int argc, char **argv, int *i, struct err *e)
{
    const char *word = argv[*i], *value = NULL;
    bool is_long = word[1] == '-';
    const struct opt *row;
    if (is_long) {
        size_t len = strcspn(word + 2, "=");
        row = find_row(o, word + 2, len, 0);
        if (word[2 + len] == '=') value = word + 2 + len + 1;
    } else {
        row = find_row(o, NULL, 0, word[1]);
        if (word[2]) value = word + 2;
    }
    if (!row) return unknown_option(o, word, e);
    char label[80];
    snprintf(label, sizeof label, "--%s", row->name);
    if (row->type == OPT_FLAG) {
        if (value) FAIL(e, ERR_USAGE, "%s takes no value, found \"%s\"", label, value);
    } else if (!value) {
        if (*i + 1 >= argc) FAIL(e, ERR_USAGE, "%s needs a value (%s)", label, row->arg ? row->arg : "VALUE");
        value = argv[++*i];
    }
    return opt_set(row, label, value, e);
}

static void help_value(char *out, size_t cap, const struct opt *r)
{
    if (r->type == OPT_FLAG) {
        out[0] = 0;
    } else if (r->type == OPT_CHOICE) {
        size_t n = (size_t)snprintf(out, cap, " ");
        for (int i = 0; r->choices[i] && n < cap; i++)
            n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "|" : "", r->choices[i]);
    } else {
        snprintf(out, cap, " %s", r->arg ? r->arg : "N");
    }
}

static void print_help(const struct opts *o)
{
    printf("Usage: autarky %s%s%s\n\n%s", o->command, *o->usage ? " " : "", o->usage, o->summary);
    printf("%s", str_ends_with(o->summary, "\n") ? "\n" : "\n\n");
    for (int i = 0; i < o->n; i++) {
        const struct opt *r = &o->rows[i];
        char value[120], left[160], letter[8] = "    ";
        if (!r->name) {
            printf("\n%s\n", r->help);
            continue;
        }
        help_value(value, sizeof value, r);
        if (r->letter) snprintf(letter, sizeof letter, "-%c, ", r->letter);
        snprintf(left, sizeof left, "  %s--%s%s", letter, r->name, value);
        if (strlen(left) > 30) printf("%s\n%*s", left, 32, "");
        else printf("%-32s", left);
        printf("%s\n", r->help);
    }
    printf("%-32s%s\n", "  -h, --help", "this text");
}

/* *helped: the help was asked for and printed, and nothing else was done. */
static int parse(const struct opts *o, int argc, char **argv, int *n_args, bool *helped, struct err *e)
{
    int n = 0;
    bool only_args = false;
    *helped = false;
    *n_args = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (only_args || word[0] != '-' || !word[1]) {
            argv[++n] = word;
        } else if (!strcmp(word, "--")) {
            only_args = true;
        } else if (!strcmp(word, "-h") || !strcmp(word, "--help")) {
            print_help(o);
            *helped = true;
            return OK;
        } else {
            TRY(parse_one(o, argc, argv, &i, e));
        }
    }
    *n_args = n;
    return OK;
}

bool opts_begin(const struct opts *o, int argc, char **argv, int *n_args, int *status)
{
    struct err e = {0};
    bool helped;
    if (parse(o, argc, argv, n_args, &helped, &e)) {
        *status = exit_fail(o->command, &e);
        return false;
    }
    *status = EXIT_OK;
    return !helped;
}
