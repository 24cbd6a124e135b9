/* The terminal: colours, width, Ctrl-C, and leaving it as it was found. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum term_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
extern const char *const term_color_names[]; /* "auto", "always", "never", NULL: for the option table */

/* First of all: opens standard descriptors that are closed, remembers the terminal's modes and installs the handlers: SIGINT
 * sets term_interrupted, and a second one within a second ends the program with 130; SIGTERM, SIGHUP, SIGQUIT and SIGPIPE end
 * it as they would; a mapped file that cannot be read any more (SIGBUS) ends it with a message and 1. On every way out the
 * modes are put back, and temporary files are removed. Called once. */
void term_init(void);
/* Ends the program by this signal, in that way. For signal handlers. */
void term_end_by(int sig);
/* Another handler for a signal, unless whoever started us wants it ignored (nohup, or a shell's background job). */
void term_catch(int sig, void (*handler)(int));
/* While a read of stdin waits, Ctrl-C must end it; at other times calls of the system go on behind it. */
void term_waiting(bool on);
/* Reads stdin, as fread and fgets do. */
size_t term_read(void *block, size_t n);
bool term_read_line(char *line, int n);
/* While on, a reader that went away is an error of writing. */
void term_ignore_pipe(bool on);
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
int term_rows(void);    /* 24 when unknown */
/* No colours and nothing that moves the cursor: --plain, or a terminal that cannot (TERM=dumb or none). */
bool term_plain(void);

/* One line on stderr that the next one replaces, cut to the width of the terminal; nothing where that cannot be. */
void term_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Wipes it: before anything else is written. */
void term_status_end(void);
/* The length in bytes of the beginning of s (n bytes of UTF-8) that takes at most `cells` columns. */
size_t term_fit(const char *s, size_t n, int cells);

/* Escape sequences for f, "" when f gets no colours. */
const char *term_bold(FILE *f);
const char *term_dim(FILE *f);
const char *term_green(FILE *f);
const char *term_red(FILE *f);
const char *term_reset(FILE *f);

/* Writes text that is not ours (a model's, a file's): on a terminal without control characters, elsewhere as it is.
 * s holds complete UTF-8 sequences. */
void term_write(FILE *f, const char *s, size_t n);
/* The same for a message: on a terminal its lines are broken between words. */
void term_say(FILE *f, const char *s, size_t n);
/* The same for a row of a list whose text begins in column indent: so do its further lines. */
void term_say_row(FILE *f, const char *s, size_t n, int indent);
/* Flushes stdout; false when what was written did not arrive (full disk). */
bool term_flush(void);

#endif
