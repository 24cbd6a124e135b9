/* The option parser. */
#include "cli/options.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/options_other.h"
#include "cli/term.h"
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
        FAIL(e, ERR_USAGE, "%s is \"%s\", expected a whole number from 0 to 18446744073709551615%s", label, value,
             value[0] == '-' ? "; left out, it is random" : "");
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

/* Yes and no in other words, where a choice is on or off. */
static bool same_switch(const char *value, const char *choice)
{
    if (!strcmp(choice, "on")) return !strcmp(value, "true") || !strcmp(value, "yes") || !strcmp(value, "1");
    if (!strcmp(choice, "off")) return !strcmp(value, "false") || !strcmp(value, "no") || !strcmp(value, "0");
    return false;
}

static int set_choice(const struct opt *row, const char *label, const char *value, struct err *e)
{
    char all[300];
    int found = row->find ? row->find(value) : -1;
    for (int i = 0; found < 0 && row->choices[i]; i++)
        if (!strcmp(value, row->choices[i]) || same_switch(value, row->choices[i])) found = i;
    if (found < 0) {
        choices_text(all, sizeof all, value, row->choices);
        FAIL(e, ERR_USAGE, "%s is \"%s\", %s", label, value, all);
    }
    *(int *)row->target = found;
    return OK;
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

/* '_' is as good as '-': --top_p. */
static bool same_name(const char *a, const char *b, size_t len)
{
    if (strlen(a) != len) return false;
    for (size_t i = 0; i < len; i++)
        if (a[i] != (b[i] == '_' ? '-' : b[i])) return false;
    return true;
}

/* The row for "--name" (len bytes) or for the letter; NULL if there is none. */
static const struct opt *find_row(const struct opts *o, const char *name, size_t len, char letter)
{
    for (int i = 0; i < o->n; i++) {
        const struct opt *r = &o->rows[i];
        if (!r->name) continue;
        if (letter ? r->letter == letter : same_name(r->name, name, len)) return r;
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

/* The arguments so far: argv[1 .. n]. */
struct words {
    int argc, at, n; /* at: of the option that is read */
    char **argv;
    bool model;
};

/* A value for an option at w->at: in the same word behind '=', or the next word. */
static int take_value(struct words *w, const char *label, const char *arg, const char **value, struct err *e)
{
    const char *equals = strchr(w->argv[w->at], '=');
    if (equals) *value = equals + 1;
    else if (w->at + 1 < w->argc) *value = w->argv[++w->at];
    else FAIL(e, ERR_USAGE, "%s needs a value (%s)", label, arg);
    return OK;
}

/* Puts a value among the arguments, at place 1 .. n + 1. The option's own word has left room. */
static void insert_argument(struct words *w, int place, const char *value)
{
    memmove(w->argv + place + 1, w->argv + place, (size_t)(w->n + 1 - place) * sizeof *w->argv);
    w->argv[place] = (char *)(uintptr_t)value;
    w->n++;
}

/* Options of other programs. */
static int parse_other(const struct opts *o, const struct other_option *other, struct words *w, struct err *e)
{
    char label[60];
    const char *value = NULL, *word = w->argv[w->at];
    snprintf(label, sizeof label, "%.*s", (int)strcspn(word, "="), word);
    const struct opt *row = other->kind == OTHER_SAME ? find_row(o, other->ours, strlen(other->ours), 0) : NULL;
    bool fits = other->kind == OTHER_SAME     ? row != NULL
                : other->kind == OTHER_MODEL  ? strstr(o->usage, "MODEL") != NULL
                : other->kind == OTHER_WORD   ? strstr(o->usage, other->ours) != NULL
                                              : strstr(o->usage, "MODEL") || strstr(o->usage, "IN ");
    if (!fits) return unknown_option(o, word, e);
    if (other->kind == OTHER_REFUSED) FAIL(e, ERR_USAGE, "%s: %s", label, other->ours);
    if (other->value == OTHER_VALUE) TRY(take_value(w, label, "VALUE", &value, e));
    else if (other->value == OTHER_MAYBE && w->at + 1 < w->argc && other_takes(w->argv[w->at + 1])) w->at++;
    if (row && !strcmp(row->name, "cache") && (!strcmp(value, "f16") || !strcmp(value, "fp16"))) {
        fprintf(stderr, "autarky %s: %s %s is passed over: the default is as wide\n", o->command, label, value);
        return OK;
    }
    if (row) return opt_set(row, label, value, e);
    if (other->kind == OTHER_MODEL && w->model) FAIL(e, ERR_USAGE, "%s: the model is named twice", label);
    if (other->kind == OTHER_NOTHING) {
        fprintf(stderr, "autarky %s: %s is passed over: %s\n", o->command, label, other->ours);
        return OK;
    }
    w->model |= other->kind == OTHER_MODEL;
    insert_argument(w, other->kind == OTHER_MODEL ? 1 : w->n + 1, value);
    return OK;
}

/* One option word at w->at; takes its value from the same word or from the next. */
static int parse_one(const struct opts *o, struct words *w, struct err *e)
{
    const char *word = w->argv[w->at], *value = NULL;
    bool is_long = word[1] == '-';
    const struct opt *row;
    const struct other_option *other = NULL;
    if (is_long) {
        size_t len = strcspn(word + 2, "=");
        row = find_row(o, word + 2, len, 0);
        if (word[2 + len] == '=') value = word + 2 + len + 1;
    } else {
        row = find_row(o, NULL, 0, word[1]);
        if (word[2]) value = word + 2;
        if (value) other = other_find(word); /* -ngl is no -n with "gl" */
    }
    if (!row && !other) other = other_find(word);
    if (other) return parse_other(o, other, w, e);
    if (!row) return unknown_option(o, word, e);
    char label[80];
    snprintf(label, sizeof label, "--%s", row->name);
    if (row->type == OPT_FLAG) {
        if (value) FAIL(e, ERR_USAGE, "%s takes no value, found \"%s\"", label, value);
    } else if (!value) {
        TRY(take_value(w, label, row->arg ? row->arg : "VALUE", &value, e));
    }
    return opt_set(row, label, value, e);
}

/* Are there too many choices for the column of the options? */
static bool long_list(const struct opt *r)
{
    size_t n = 0;
    for (int i = 0; r->choices && r->choices[i]; i++) n += strlen(r->choices[i]) + 1;
    return n > 40;
}

static void help_value(char *out, size_t cap, const struct opt *r)
{
    if (r->type == OPT_FLAG) {
        out[0] = 0;
    } else if (r->type == OPT_CHOICE && !long_list(r)) {
        size_t n = (size_t)snprintf(out, cap, " ");
        for (int i = 0; r->choices[i] && n < cap; i++)
            n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "|" : "", r->choices[i]);
    } else if (r->type == OPT_CHOICE) {
        snprintf(out, cap, " NAME");
    } else {
        snprintf(out, cap, " %s", r->arg ? r->arg : "N");
    }
}

/* Words of text from column `at` on, broken before `width`; the next lines are indented alike. A newline is a blank. */
static void print_words(const char *text, int at, int width)
{
    for (int column = at; *text;) {
        size_t n = strcspn(text, " \n");
        int cells = (int)utf8_count(text, n);
        if (column > at && column + 1 + cells > width) {
            printf("\n%*s", at, "");
            column = at;
        } else if (column > at) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)n, text);
        column += cells;
        text += n + strspn(text + n, " \n");
    }
    putchar('\n');
}

/* What an option is for, and its choices where they did not fit before. */
static void print_help_text(const struct opt *r, int at, int width)
{
    struct buf b = {0};
    buf_add_str(&b, r->help);
    for (int i = 0; long_list(r) && r->choices[i]; i++) buf_printf(&b, "%s %s", i ? "," : ":", r->choices[i]);
    print_words(b.failed ? r->help : b.data, at, width);
    buf_free(&b);
}

/* Paragraphs are broken anew; lines that begin with a blank, such as examples, stay. */
static void print_summary(const char *text, int width)
{
    while (*text) {
        const char *end = text;
        if (*text == ' ' || *text == '\n') {
            end += strcspn(end, "\n");
            printf("%.*s\n", (int)(end - text), text);
        } else {
            do {
                end += strcspn(end, "\n");
            } while (end[0] && end[1] && end[1] != ' ' && end[1] != '\n' && end++);
            char *paragraph = mem_strndup(text, (size_t)(end - text));
            if (paragraph) print_words(paragraph, 0, width);
            mem_free(paragraph);
        }
        text = *end ? end + 1 : end;
    }
    putchar('\n');
}

static void print_help(const struct opts *o)
{
    enum { WIDTH = 80, NARROW = 64, INDENT = 32, INDENT_NARROW = 8 };
    int width = term_is_tty(stdout) ? term_columns() : WIDTH, indent = width < NARROW ? INDENT_NARROW : INDENT;
    printf("Usage: autarky %s%s%s\n\n", o->command, *o->usage ? " " : "", o->usage);
    print_summary(o->summary, width);
    for (int i = 0; i < o->n; i++) {
        const struct opt *r = &o->rows[i];
        char value[120], left[160], letter[8] = "    ";
        if (!r->name) {
            putchar('\n');
            print_words(r->help, 0, width);
            continue;
        }
        help_value(value, sizeof value, r);
        if (r->letter) snprintf(letter, sizeof letter, "-%c, ", r->letter);
        snprintf(left, sizeof left, "  %s--%s%s", letter, r->name, value);
        if ((int)strlen(left) > indent - 2) printf("%s\n%*s", left, indent, "");
        else printf("%-*s", indent, left);
        print_help_text(r, indent, width);
    }
    if (indent == INDENT) printf("%-*s%s\n", INDENT, "  -h, --help", "this text");
    else printf("  -h, --help\n%*s%s\n", indent, "", "this text");
}

/* *helped: the help was asked for and printed, and nothing else was done. */
static int parse(const struct opts *o, int argc, char **argv, int *n_args, bool *helped, struct err *e)
{
    struct words w = {.argc = argc, .argv = argv};
    int literal = 0;
    *helped = false;
    *n_args = 0;
    for (w.at = 1; w.at < argc; w.at++) {
        char *word = argv[w.at];
        if (literal || word[0] != '-' || !word[1]) {
            argv[++w.n] = word;
        } else if (!strcmp(word, "--")) {
            literal = w.n + 1;
        } else if (!strcmp(word, "-h") || !strcmp(word, "--help")) {
            print_help(o);
            *helped = true;
            return OK;
        } else {
            TRY(parse_one(o, &w, e));
        }
    }
    *n_args = w.n;
    if (o->seen) *o->seen = (struct opts_seen){.model = w.model, .literal = literal <= w.n ? literal : 0};
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
    *status = helped ? exit_flushed(o->command) : EXIT_OK;
    return !helped;
}
