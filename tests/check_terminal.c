/* The chat on a terminal that changes its width: a line of several rows that is typed stays one line. The terminal is a model of
 * those that join rows and break them anew where text ran on (VTE, tmux, kitty). */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utf8proc.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "sys/clock.h"
#include "tests/folder.h"

#define MODEL "models/first/first.gguf"
enum { ROWS = 60, COLUMNS = 200, SECONDS = 60, BEHIND = -1 /* the second cell of a wide character */ };

/* ---- a terminal ---- */

struct row {
    int32_t cell[COLUMNS];
    int n;        /* written so far; the rest is blank */
    bool runs_on; /* into the next row */
};
struct screen {
    int fd, columns, r, c; /* c == columns: the next character begins a row */
    struct row row[ROWS];
};

static void put(struct screen *s, int32_t cp)
{
    int width = utf8proc_charwidth(cp);
    if (s->c + width > s->columns) {
        s->row[s->r].runs_on = true;
        s->r += s->r < ROWS - 1;
        s->c = 0;
    }
    struct row *row = &s->row[s->r];
    while (row->n < s->c) row->cell[row->n++] = ' ';
    row->cell[s->c] = cp;
    if (width == 2) row->cell[s->c + 1] = BEHIND;
    s->c += width;
    if (row->n < s->c) row->n = s->c;
}

static void insert_blanks(struct row *row, int at, int n, int columns)
{
    while (row->n < at) row->cell[row->n++] = ' ';
    for (int i = row->n - 1; i >= at; i--)
        if (i + n < columns) row->cell[i + n] = row->cell[i];
    for (int i = 0; i < n && at + i < columns; i++) row->cell[at + i] = ' ';
    row->n = row->n + n < columns ? row->n + n : columns;
}

static void erase_cells(struct row *row, int at, int n)
{
    for (int i = at; i + n < row->n; i++) row->cell[i] = row->cell[i + n];
    if (row->n > at) row->n = row->n - n > at ? row->n - n : at;
}

static void clear_end(struct screen *s, int mode)
{
    struct row *row = &s->row[s->r];
    CHECK(mode == 0, "clear with %d", mode);
    if (row->n > s->c) row->n = s->c;
    row->runs_on = false;
}

static void control(struct screen *s, int n, char what)
{
    int k = n ? n : 1;
    if (s->c >= s->columns) s->c = s->columns - 1;
    if (what == 'A') s->r = s->r > k ? s->r - k : 0;
    else if (what == 'B') s->r = s->r + k < ROWS ? s->r + k : ROWS - 1;
    else if (what == 'C') s->c = s->c + k < s->columns ? s->c + k : s->columns - 1;
    else if (what == 'D') s->c = s->c > k ? s->c - k : 0;
    else if (what == 'G') s->c = k < s->columns ? k - 1 : s->columns - 1;
    else if (what == 'K') clear_end(s, n);
    else if (what == '@') insert_blanks(&s->row[s->r], s->c, k, s->columns);
    else if (what == 'P') erase_cells(&s->row[s->r], s->c, k);
    else if (what == 'J') {
        clear_end(s, n);
        for (int i = s->r + 1; i < ROWS; i++) s->row[i].n = s->row[i].runs_on = 0;
    } else CHECK(strchr("mhl", what), "CSI %d %c is not known here", n, what);
}

/* Reads one character or sequence at p; its length, 0: it is not whole. */
static size_t take(struct screen *s, const char *p, size_t n)
{
    uint32_t cp = 0;
    size_t len = 1;
    if (*p == '\033') {
        int number = 0;
        if (n < 2) return 0;
        if (p[1] != '[') return 2;
        for (len = 2; len < n && strchr("0123456789;?", p[len]); len++)
            if (p[len] >= '0' && p[len] <= '9') number = 10 * number + (p[len] - '0');
        if (len == n) return 0;
        control(s, number, p[len]);
        return len + 1;
    }
    if (*p == '\r') s->c = 0;
    else if (*p == '\n') s->r += s->r < ROWS - 1;
    else if (*p == '\b') s->c = s->c >= s->columns ? s->columns - 2 : s->c > 0 ? s->c - 1 : 0;
    else if ((unsigned char)*p >= ' ') {
        len = utf8_decode(p, n, &cp);
        if (len == 0) return utf8_incomplete(p, n) ? 0 : 1;
        put(s, (int32_t)cp);
    }
    return len;
}

/* Joins the rows and breaks them anew. The cursor stays at its character. */
static void reflow(struct screen *s, int columns)
{
    struct screen *to = mem_alloc(sizeof *to);
    int r = 0, cursor_r = 0, cursor_c = 0;
    if (!to) return;
    to->fd = s->fd;
    to->columns = columns;
    for (r = 0; r < ROWS; r++, to->r++, to->c = 0) {
        for (bool more = true; more; r += more) {
            struct row *from = &s->row[r];
            for (int c = 0; c <= from->n; c++) {
                if (r == s->r && (c == s->c || (c == from->n && s->c > c))) {
                    bool edge = to->c == columns;
                    cursor_r = to->r + edge;
                    cursor_c = edge ? 0 : to->c;
                }
                if (c < from->n && from->cell[c] != BEHIND) put(to, from->cell[c]);
            }
            more = from->runs_on && r < ROWS - 1;
        }
        if (to->r >= ROWS - 1) break;
    }
    to->r = cursor_r;
    to->c = cursor_c;
    *s = *to;
    mem_free(to);
}

/* ---- what stands on it ---- */

/* All rows from the first with a prompt on, without their ends. */
static void rows_text(const struct screen *s, struct buf *b)
{
    bool begun = false;
    size_t end = 0;
    buf_clear(b);
    for (int r = 0; r < ROWS; r++) {
        const struct row *row = &s->row[r];
        char utf8[8];
        begun |= row->n >= 3 && row->cell[0] == '>' && row->cell[1] == '>' && row->cell[2] == '>';
        int n = row->n;
        while (n > 0 && row->cell[n - 1] == ' ') n--;
        for (int c = 0; begun && c < n; c++)
            if (row->cell[c] != BEHIND)
                buf_add(b, utf8, (size_t)utf8proc_encode_char(row->cell[c], (utf8proc_uint8_t *)utf8));
        if (begun && n > 0) end = b->len;
        if (begun) buf_add_byte(b, '\n');
    }
    b->len = end;
    buf_check(b, "the screen", NULL);
    if (b->data) b->data[end] = 0;
}

/* The same of a terminal on which only the prompt and this were written. */
static void wanted_text(const char *text, int columns, struct buf *b)
{
    struct screen *s = mem_alloc(sizeof *s);
    if (!s) return;
    s->columns = columns;
    size_t n = strlen(text);
    for (const char *p = ">>> "; *p; p++) put(s, *p);
    for (size_t i = 0; i < n;) i += take(s, text + i, n - i);
    rows_text(s, b);
    mem_free(s);
}

/* Reads what comes within `wait` milliseconds; false: nothing does. */
static bool read_some(struct screen *s, int wait)
{
    static char bytes[1 << 14];
    static size_t have;
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    if (poll(&p, 1, wait) <= 0) return false;
    ssize_t n = read(s->fd, bytes + have, sizeof bytes - have);
    if (n <= 0) return false;
    have += (size_t)n;
    size_t at = 0;
    for (size_t len; at < have && (len = take(s, bytes + at, have - at)) > 0;) at += len;
    memmove(bytes, bytes + at, have - at);
    have -= at;
    return true;
}

/* Reads until all rows of the line run on, as the program leaves them when it waits for a key. */
static void wait_for_rows(struct screen *s)
{
    double end = clock_seconds() + 2;
    for (bool all = false; !all && clock_seconds() < end;) {
        all = !read_some(s, 20);
        for (int r = 0; r + 1 < ROWS && all; r++)
            if (s->row[r].n > 0 && s->row[r + 1].n > 0 && (r > 0 || s->row[r].cell[0] == '>')) all = s->row[r].runs_on;
    }
}

static void resize(struct screen *s, int columns)
{
    wait_for_rows(s);
    reflow(s, columns);
    struct winsize w = {.ws_row = ROWS, .ws_col = (unsigned short)columns};
    CHECK(ioctl(s->fd, TIOCSWINSZ, &w) == 0, "TIOCSWINSZ: %s", strerror(errno));
    CHECK(read_some(s, 10000), "nothing is drawn for %d columns", columns);
    wait_for_rows(s);
}

/* Reads until the prompt and text stand there, and nothing else behind the prompt. */
static void expect(struct screen *s, const char *text, const char *when)
{
    struct buf got = {0}, want = {0};
    double end = clock_seconds() + 10;
    bool same = false;
    wanted_text(text, s->columns, &want);
    while (!same && clock_seconds() < end) {
        read_some(s, 100);
        rows_text(s, &got);
        same = got.data && !strcmp(got.data, want.data);
    }
    CHECK(same, "%s, %d columns:\n%s\nexpected:\n%s", when, s->columns, got.data ? got.data : "", want.data);
    buf_free(&got);
    buf_free(&want);
}

static void type(struct screen *s, const char *keys)
{
    CHECK(write(s->fd, keys, strlen(keys)) == (ssize_t)strlen(keys), "write: %s", strerror(errno));
}

/* The prompt stands there a moment before the program reads keys one by one. */
static void wait_for_keys(const struct screen *s)
{
    struct termios t = {.c_lflag = ICANON};
    for (int i = 0; i < 1000 && tcgetattr(s->fd, &t) == 0 && (t.c_lflag & ICANON); i++) poll(NULL, 0, 10);
    CHECK(!(t.c_lflag & ICANON), "the terminal still collects lines");
}

/* ---- the chat ---- */

static pid_t start_chat(struct screen *s, int columns)
{
    *s = (struct screen){.columns = columns};
    fflush(NULL);
    pid_t pid = forkpty(&s->fd, NULL, NULL, &(struct winsize){.ws_row = ROWS, .ws_col = (unsigned short)columns});
    if (pid == 0) {
        alarm(SECONDS);
        setenv("NO_COLOR", "1", 1);
        setenv("TERM", "xterm", 1);
        setenv("AUTARKY_THREADS", "1", 1);
        setenv("HOME", dir, 1);
        unsetenv("XDG_STATE_HOME");
        execl("build/release/autarky", "autarky", "chat", MODEL, "--no-history", (char *)NULL);
        _exit(126);
    }
    CHECK(pid > 0, "forkpty: %s", strerror(errno));
    return pid;
}

static void end_chat(struct screen *s, pid_t pid)
{
    int status;
    kill(pid, SIGTERM);
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    close(s->fd);
}

/* Types a text, another before it, and steps back; changes the width to each of n, the first is that of the start. A key
 * behind each shows when all is drawn. */
static void check_text(struct screen *s, const char *text, const char *before, int back, const int *widths, size_t n)
{
    struct buf b = {0};
    size_t end = strlen(before) + strlen(text);
    pid_t pid = start_chat(s, widths[0]);
    expect(s, "", "the start");
    wait_for_keys(s);
    type(s, text);
    expect(s, text, "typed");
    buf_printf(&b, "%s%s", before, text);
    if (*before) type(s, "\001"); /* put in at the beginning, it moves every row */
    type(s, before);
    type(s, "\005");
    for (int i = 0; i < back; i++) {
        type(s, "\033[D");
        for (end--; end > 0 && ((unsigned char)b.data[end] & 0xc0) == 0x80;) end--;
    }
    for (size_t i = 0; i < n; i++) {
        char rest[600];
        if (i > 0) resize(s, widths[i]);
        type(s, "x");
        snprintf(rest, sizeof rest, "x%s", b.data + end);
        b.len = end++;
        buf_add_str(&b, rest);
        expect(s, b.data, "after a change of the width");
    }
    end_chat(s, pid);
    buf_free(&b);
}

int main(void)
{
    static const char words[] = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
                                "sixteen seventeen eighteen nineteen twenty and so on until the line is really long";
#define HELLO "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c" /* four characters, two cells each */
    static const char wide[] = HELLO " hello " HELLO HELLO HELLO " \xc3\xa9t\xc3\xa9 a b c d e f " HELLO HELLO;
    static const int wider[] = {30, 50, 51, 52, 80, 120}, narrower[] = {120, 80, 79, 50, 31, 30};
    static const int both[] = {80, 40, 100, 33, 34, 90};
    struct screen *s = mem_alloc(sizeof *s);
    folder_make();
    CHECK(s != NULL, "no memory");
    if (s) {
        check_text(s, words, "", 0, wider, ARRAY_LEN(wider));
        check_text(s, words, "", 0, narrower, ARRAY_LEN(narrower));
        check_text(s, words, "first of all, ", 0, both, ARRAY_LEN(both));
        check_text(s, words, "", 60, both, ARRAY_LEN(both));
        check_text(s, wide, "\xe4\xbd\xa0 e ", 10, both, ARRAY_LEN(both));
    }
    mem_free(s);
    folder_remove();
    return test_end();
}
