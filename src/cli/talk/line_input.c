/* Characters for the line editor. The editor's own handling of signals draws nothing after a change of the window's size and
 * computes in the signal handler; here handlers set flags, which are looked at while waiting for a key. */
#include "cli/talk/line_input.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include "base/sum64.h"
#include "base/utf8.h"
#include "cli/term.h"

static volatile sig_atomic_t resized, continued;
static int (*cells_of_prompt)(EditLine *el);
static uint64_t written; /* text and cursor when the rows last ran on; 0: they may not */

static void on_resize(int sig)
{
    (void)sig;
    resized = 1;
}

static void on_continue(int sig)
{
    (void)sig;
    continued = 1;
}

/* ---- where the line stands on the screen ---- */

struct place {
    int row, column; /* row 0 is that of the prompt */
};

/* Where the line goes on behind s, of n bytes. False: it has characters whose width nobody agrees upon, or those of a search. */
static bool place_behind(struct place *p, EditLine *el, const char *s, size_t n, int columns)
{
    *p = (struct place){0, cells_of_prompt(el)};
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + i, n - i, &cp);
        int width = len ? wcwidth((wchar_t)cp) : 0;
        if (width < 1 || width > columns) return false;
        if (p->column + width > columns) *p = (struct place){p->row + 1, 0}; /* a wide one is not cut */
        p->column += width;
        if (p->column == columns) *p = (struct place){p->row + 1, 0};
    }
    return true;
}

/* A terminal that becomes wider or narrower joins rows and breaks them anew where text ran on from one to the next, and leaves
 * them alone behind a newline. The editor writes either, so that nobody could tell afterwards how many rows there are. Here
 * the line is written once more over itself, running on everywhere. */
static void let_rows_run_on(EditLine *el)
{
    const LineInfo *li = el_line(el);
    size_t n = (size_t)(li->lastchar - li->buffer), cursor = (size_t)(li->cursor - li->buffer);
    int columns = term_columns();
    struct place at, end;
    bool known = place_behind(&end, el, li->buffer, n, columns) && place_behind(&at, el, li->buffer, cursor, columns);
    uint64_t state = known && end.row > 0 && end.row < term_rows() ? sum64(li->buffer, n) + cursor : 0;
    bool again = state == written;
    written = state;
    if (state == 0 || again) return;
    if (at.row > 0) fprintf(stdout, "\033[%dA", at.row);
    fprintf(stdout, "\r\033[%dC", cells_of_prompt(el));
    fwrite(li->buffer, 1, n, stdout);
    if (end.column == 0) fputs(" \b", stdout); /* over the edge, where the editor is too */
    if (end.row > at.row) fprintf(stdout, "\033[%dA", end.row - at.row);
    fputc('\r', stdout);
    if (at.column > 0) fprintf(stdout, "\033[%dC", at.column);
    fflush(stdout);
}

/* The terminal has broken the line anew: its first row is some rows above the cursor. */
static void draw_again(EditLine *el)
{
    const LineInfo *li = el_line(el);
    struct place at, end;
    place_behind(&at, el, li->buffer, (size_t)(li->cursor - li->buffer), term_columns());
    place_behind(&end, el, li->buffer, (size_t)(li->lastchar - li->buffer), term_columns());
    if (at.row > 0) fprintf(stdout, "\033[%dA", at.row);
    /* Cleared down from the upper left corner, some terminals would keep all of it above */
    fputs(end.row > 0 ? "\r\033[K\033[B\033[J\033[A" : "\r\033[K", stdout);
    fflush(stdout);
    el_resize(el);
    el_set(el, EL_REFRESH);
    written = 0;
}

static void look_around(EditLine *el)
{
    if (continued) { /* on a new line of whoever stopped us */
        continued = 0;
        if (resized) el_resize(el);
        resized = 0;
        el_set(el, EL_PREP_TERM, 1);
        fputs("\r\033[K", stdout);
        el_set(el, EL_REFRESH);
        written = 0;
    }
    if (resized) {
        resized = 0;
        draw_again(el);
    }
}

/* 1: a byte is there. 0: the end. -1: Ctrl-C, or an error. */
static int read_byte(EditLine *el, char *c)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        look_around(el);
        if (term_interrupted) {
            errno = EINTR;
            return -1;
        }
        if (poll(&p, 1, 0) == 0) let_rows_run_on(el);
        int ready = poll(&p, 1, 1000); /* a signal between the look and the wait costs a second */
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        if (ready < 0) return -1;
        ssize_t n = read(STDIN_FILENO, c, 1);
        if (n >= 0 || (errno != EINTR && errno != EAGAIN)) return (int)n;
    }
}

static int read_character(EditLine *el, wchar_t *out)
{
    char s[4];
    uint32_t cp = 0;
    for (size_t n = 1; n <= sizeof s; n++) {
        int rc = read_byte(el, &s[n - 1]);
        if (rc <= 0) return rc;
        if (utf8_decode(s, n, &cp)) {
            *out = (wchar_t)cp;
            return 1;
        }
        if (!utf8_incomplete(s, n)) break;
    }
    *out = 0xfffd; /* no UTF-8: a sign that something was there */
    return 1;
}

void line_input_set(EditLine *el, int (*prompt_cells)(EditLine *el))
{
    struct sigaction sa = {.sa_handler = on_resize};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGWINCH, &sa, NULL);
    sa.sa_handler = on_continue;
    sigaction(SIGCONT, &sa, NULL);
    cells_of_prompt = prompt_cells;
    el_wset(el, EL_GETCFN, read_character);
}
