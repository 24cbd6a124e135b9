/* The terminal: colours, width, Ctrl-C, and leaving it as it was found. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum term_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
extern const char *const term_color_names[]; /* "auto", "always", "never", NULL: for the option table */

/* Remembers the terminal's modes and installs the handlers: SIGINT sets term_interrupted, and a second one within a
 * second ends the program with 130; SIGTERM ends it with 143; SIGPIPE ends it silently. The modes are put back on
 * every way out. Called once. */
void term_init(void);
/* From the options, NO_COLOR, CLICOLOR_FORCE and TERM. plain also turns off everything that moves the cursor. */
void term_setup(enum term_color color, bool plain);

extern volatile sig_atomic_t term_interrupted;
void term_clear_interrupt(void);
/* While an answer streams, keys are not shown: they would stand in the middle of it. Ctrl-C works. */
void term_echo(bool on);
/* Bracketed paste, while a line is edited. */
void term_paste(bool on);

bool term_is_tty(FILE *f);
int term_columns(void); /* 80 when unknown */
bool term_plain(void);

/* Escape sequences for f, "" when f gets no colours. */
const char *term_bold(FILE *f);
const char *term_dim(FILE *f);
const char *term_green(FILE *f);
const char *term_red(FILE *f);
const char *term_reset(FILE *f);

/* Writes text that is not ours (a model's, a file's): on a terminal without control characters, elsewhere as it is.
 * s holds complete UTF-8 sequences. */
void term_write(FILE *f, const char *s, size_t n);
/* Flushes stdout; false when what was written did not arrive (full disk). */
bool term_flush(void);

#endif
