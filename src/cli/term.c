/* The terminal. Signal handlers use async-signal-safe calls only. */
#include "cli/term.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "cli/exit.h"
#include "text/detok.h"

const char *const term_color_names[] = {"auto", "always", "never", NULL};
volatile sig_atomic_t term_interrupted;

static struct termios saved_modes;
static volatile sig_atomic_t have_modes, colored_tty, pasting, had_interrupt;
static struct timespec last_interrupt;
static enum term_color color_mode;
static bool plain_mode;

static void restore(void)
{
    if (have_modes) tcsetattr(STDIN_FILENO, TCSANOW, &saved_modes);
    if (colored_tty && write(STDOUT_FILENO, "\033[0m", 4) < 0) return; /* nothing more can be done */
    if (pasting && write(STDOUT_FILENO, "\033[?2004l", 8) < 0) return;
}

static void on_interrupt(int sig)
{
    struct timespec now = {0};
    (void)sig;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double since = (double)(now.tv_sec - last_interrupt.tv_sec) + 1e-9 * (double)(now.tv_nsec - last_interrupt.tv_nsec);
    if (had_interrupt && since < 1) {
        restore();
        _exit(EXIT_SIGINT);
    }
    last_interrupt = now;
    had_interrupt = term_interrupted = 1;
}

static void on_terminate(int sig)
{
    restore();
    signal(sig, SIG_DFL);
    raise(sig);
}

void term_clear_interrupt(void) { term_interrupted = 0; }

void term_echo(bool on)
{
    struct termios t;
    if (!have_modes || tcgetattr(STDIN_FILENO, &t) != 0) return;
    t.c_lflag = on ? saved_modes.c_lflag : t.c_lflag & ~(tcflag_t)(ECHO | ECHOCTL);
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

void term_paste(bool on)
{
    pasting = on;
    fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
    fflush(stdout);
}

void term_init(void)
{
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved_modes) == 0) have_modes = 1;
    struct sigaction sa = {.sa_handler = on_interrupt}; /* no SA_RESTART: a waiting read must come back */
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sa.sa_handler = on_terminate;
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    signal(SIGPIPE, SIG_DFL); /* a parent may have ignored it */
    atexit(restore);
}

void term_setup(enum term_color color, bool plain)
{
    color_mode = color;
    plain_mode = plain;
    colored_tty = isatty(STDOUT_FILENO) && *term_bold(stdout);
}

bool term_is_tty(FILE *f) { return isatty(fileno(f)); }
bool term_plain(void) { return plain_mode; }

int term_columns(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return 80;
    return w.ws_col;
}

static bool colored(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (plain_mode || color_mode == COLOR_NEVER) return false;
    if (color_mode == COLOR_ALWAYS) return true;
    if (no && *no) return false;
    if (force && *force && strcmp(force, "0") != 0) return true;
    return term_is_tty(f) && term && *term && strcmp(term, "dumb") != 0;
}

const char *term_bold(FILE *f) { return colored(f) ? "\033[1m" : ""; }
const char *term_dim(FILE *f) { return colored(f) ? "\033[2m" : ""; }
const char *term_green(FILE *f) { return colored(f) ? "\033[32m" : ""; }
const char *term_red(FILE *f) { return colored(f) ? "\033[31m" : ""; }
const char *term_reset(FILE *f) { return colored(f) ? "\033[0m" : ""; }

void term_write(FILE *f, const char *s, size_t n)
{
    struct buf b = {0};
    if (!term_is_tty(f)) {
        fwrite(s, 1, n, f);
        return;
    }
    text_sanitize_terminal(s, n, &b);
    if (!b.failed && b.len > 0) fwrite(b.data, 1, b.len, f);
    buf_free(&b);
}

bool term_flush(void) { return fflush(stdout) == 0 && !ferror(stdout); }
