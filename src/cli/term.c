/* The terminal. Signal handlers use async-signal-safe calls only. */
#include "cli/term.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/wrap.h"
#include "sys/maps.h"
#include "sys/temp.h"
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

/* The end, out of a signal handler: nothing of ours stays behind. */
static _Noreturn void leave(int status)
{
    restore();
    temp_remove_all();
    _exit(status);
}

static void on_interrupt(int sig)
{
    struct timespec now = {0};
    (void)sig;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double since = (double)(now.tv_sec - last_interrupt.tv_sec) + 1e-9 * (double)(now.tv_nsec - last_interrupt.tv_nsec);
    if (had_interrupt && since < 1) leave(EXIT_SIGINT);
    last_interrupt = now;
    had_interrupt = term_interrupted = 1;
}

void term_end_by(int sig)
{
    restore();
    temp_remove_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void put(const char *s)
{
    if (write(STDERR_FILENO, s, strlen(s)) < 0) return; /* nothing more can be done */
}

/* A page of a mapped file could not be read: the file became shorter, or its disk or the way to it failed. */
static void on_bus_error(int sig, siginfo_t *info, void *context)
{
    const char *file = maps_find(info->si_addr);
    (void)context;
    if (!file) term_end_by(sig); /* not a file's: a bug */
    put("\nautarky: ");
    put(file);
    put(": cannot be read any more: it became shorter, or its disk failed\n");
    leave(EXIT_FAILED);
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

/* Descriptors 0 to 2, before anything else is opened: else a file would get one of them, and messages would land in it. Those
 * that were closed stay good for nothing: reading or writing them is an error. */
static void open_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_FAILED);
}

void term_catch(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    sigemptyset(&sa.sa_mask);
    if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN) sigaction(sig, &sa, NULL);
}

void term_waiting(bool on)
{
    struct sigaction sa;
    if (sigaction(SIGINT, NULL, &sa) != 0) return;
    sa.sa_flags = on ? sa.sa_flags & ~SA_RESTART : sa.sa_flags | SA_RESTART;
    sigaction(SIGINT, &sa, NULL);
}

size_t term_read(void *block, size_t n)
{
    term_waiting(true);
    size_t got = fread(block, 1, n, stdin);
    term_waiting(false);
    return got;
}

bool term_read_line(char *line, int n)
{
    term_waiting(true);
    bool got = fgets(line, n, stdin) != NULL;
    term_waiting(false);
    return got;
}

void term_ignore_pipe(bool on) { signal(SIGPIPE, on ? SIG_IGN : term_end_by); }

void term_init(void)
{
    static const int deadly[] = {SIGTERM, SIGHUP, SIGQUIT};
    open_standard();
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved_modes) == 0) have_modes = 1;
    term_catch(SIGINT, on_interrupt);
    for (size_t i = 0; i < ARRAY_LEN(deadly); i++) term_catch(deadly[i], term_end_by);
    term_ignore_pipe(false);  /* a parent may have ignored it */
    signal(SIGXFSZ, SIG_IGN); /* a file above the limit of sizes is an error of writing, with its name */
    struct sigaction sa = {.sa_sigaction = on_bus_error, .sa_flags = (int)SA_RESETHAND | SA_SIGINFO};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGBUS, &sa, NULL);
    atexit(restore);
}

void term_setup(enum term_color color, bool plain)
{
    color_mode = color;
    plain_mode = plain;
    colored_tty = isatty(STDOUT_FILENO) && *term_bold(stdout);
}

bool term_is_tty(FILE *f) { return isatty(fileno(f)); }

/* Can the terminal do nothing but print lines? */
static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return !term || !*term || !strcmp(term, "dumb");
}

bool term_plain(void) { return plain_mode || is_dumb(); }

int term_columns(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return 80;
    return w.ws_col;
}

int term_rows(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row == 0) return 24;
    return w.ws_row;
}

static bool colored(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    if (plain_mode || color_mode == COLOR_NEVER) return false;
    if (color_mode == COLOR_ALWAYS) return true;
    if (no && *no) return false;
    if (force && *force && strcmp(force, "0") != 0) return true;
    return term_is_tty(f) && !is_dumb();
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

void term_say(FILE *f, const char *s, size_t n) { term_say_row(f, s, n, 0); }

void term_say_row(FILE *f, const char *s, size_t n, int indent)
{
    struct buf b = {0};
    struct wrap w;
    if (!term_is_tty(f) || term_plain()) {
        term_write(f, s, n);
        return;
    }
    text_sanitize_terminal(s, n, &b);
    wrap_init(&w, f, term_columns());
    w.indent = 2 * indent < w.columns ? indent : 0;
    if (!b.failed && b.len > 0) wrap_add(&w, b.data, b.len);
    wrap_end(&w);
    buf_free(&b);
}

size_t term_fit(const char *s, size_t n, int cells)
{
    size_t at = 0, len;
    for (int used = 0; at < n; at += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + at, n - at, &cp);
        int width = len ? utf8proc_charwidth((utf8proc_int32_t)cp) : 1;
        if (used + width > cells) break;
        used += width;
        if (len == 0) len = 1;
    }
    return at;
}

static bool status_shown;

void term_status(const char *fmt, ...)
{
    char line[1024], clean[1024];
    va_list ap;
    if (!term_is_tty(stderr) || term_plain()) return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    utf8_printable(clean, sizeof clean, line, strlen(line)); /* it may quote a path */
    fprintf(stderr, "\r\033[K%.*s", (int)term_fit(clean, strlen(clean), term_columns() - 1), clean);
    status_shown = true;
}

void term_status_end(void)
{
    if (status_shown) fputs("\r\033[K", stderr);
    status_shown = false;
}

bool term_flush(void) { return fflush(stdout) == 0 && !ferror(stdout); }
