/* Command-line options by table: one row per option gives parsing, range check, messages and the help text. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/near.h"

enum opt_type {
    OPT_FLAG,   /* bool; no value */
    OPT_I64,    /* int64_t in [lo, hi]; K, M, G multiply by 1024 */
    OPT_U64,    /* uint64_t; sets *given */
    OPT_F64,    /* double in [lo, hi] */
    OPT_STR,    /* const char *, borrowed from argv */
    OPT_LIST,   /* struct opt_list: may be given several times */
    OPT_CHOICE, /* int: index into choices */
};

enum { OPT_LIST_MAX = 64, OPT_ROWS_MAX = 64 };
struct opt_list {
    const char *v[OPT_LIST_MAX];
    size_t n;
};

struct opt {
    const char *name; /* without the dashes; a row with only `help` is a heading */
    char letter;      /* 0: none */
    enum opt_type type;
    void *target;
    double lo, hi;
    const char *const *choices; /* NULL-terminated */
    int (*find)(const char *);  /* NULL allowed: the index of a choice by any of its names, -1: none */
    const char *arg;            /* the value's name in the help */
    const char *help;
    bool *given; /* NULL allowed: set to true when the option occurs */
};

/* The options of one command. Zeroed is empty; command, usage and summary are set by the command. */
struct opts {
    const char *command; /* "run": for messages */
    const char *usage;   /* "[MODEL] [PROMPT...]" */
    const char *summary; /* what it does, and examples: printed by -h */
    struct opts_seen *seen; /* NULL allowed */
    struct opt rows[OPT_ROWS_MAX];
    int n;
};
/* What the words were, beside their values. */
struct opts_seen {
    bool model;  /* the first argument is what -m MODEL named */
    int literal; /* the first argument that came after "--"; 0: none */
};
void opts_add(struct opts *o, struct opt row);
/* The two plainest kinds of row. */
void opts_flag(struct opts *o, const char *name, char letter, bool *target, const char *help);
void opts_choice(struct opts *o, const char *name, int *target, const char *const *choices, const char *help);
void opts_heading(struct opts *o, const char *text);

/* Sets one row from text, as the option would: also the /set command of the chat. */
int opt_set(const struct opt *row, const char *label, const char *value, struct err *e);

/* Usual start of a command. Parses argv[1 ..]; what is not an option is moved to the front: argv[1 .. *n_args]. "--" ends the
 * options; "-" is an argument. False when the command must return *status now: -h or --help has shown the help, or a usage
 * error was printed. */
bool opts_begin(const struct opts *o, int argc, char **argv, int *n_args, int *status);

#endif
