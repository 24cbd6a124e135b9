/* Characters for the line editor. The editor's own handling of signals draws nothing after a change of the window's size and
 * computes in the signal handler; here handlers set flags, which are looked at while waiting for a key. */
#include "cli/talk/line_input.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>
#include "base/utf8.h"
#include "cli/term.h"

static volatile sig_atomic_t resized, continued;
static int (*cells_of_prompt)(EditLine *el);

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

/* The terminal has broken the old lines anew: the first of them is some rows above the cursor. */
static void draw_again(EditLine *el)
{
    const LineInfo *li = el_line(el);
    int cells = cells_of_prompt(el), columns = term_columns();
    for (const char *s = li->buffer; s < li->cursor;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s, (size_t)(li->cursor - s), &cp);
        int width = len ? utf8proc_charwidth((utf8proc_int32_t)cp) : 1;
        cells += width;
        s += len ? len : 1;
    }
    if (cells / columns > 0) fprintf(stdout, "\033[%dA", cells / columns);
    fputs("\r\033[J", stdout);
    fflush(stdout);
    el_resize(el);
    el_set(el, EL_REFRESH);
}

static void look_around(EditLine *el)
{
    if (continued) {
        continued = 0;
        el_set(el, EL_PREP_TERM, 1);
        el_set(el, EL_REFRESH);
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
