/* Line reading through libedit. Inside the editor a newline is shown and kept as U+2424 (SYMBOL FOR NEWLINE), because
 * the editor knows one line only; line_read turns it back. So pasted text never starts anything by itself. */
#include "cli/talk/line.h"
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/talk/complete.h"
#include "cli/talk/line_input.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "sys/file.h"

enum { HISTORY_KEEP = 1000, HISTORY_MAX_BYTES = 8 << 20, LINE_MAX_BYTES = 16 << 20, PASTE_MAX = 1 << 20 };
#define NEWLINE_SIGN "\xe2\x90\xa4" /* U+2424 */
#define NEWLINE_WIDE L'\x2424'

struct line_reader {
    EditLine *el; /* NULL: plain reading */
    History *hist;
    char history_path[SETUP_PATH]; /* "": not saved */
    const char *prompt;
    const char *const *words, *const *on_files;
};

/* ---- history file: one entry a line, newline as \n and backslash as \\ ---- */

static void escape(struct buf *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') buf_add_str(b, "\\n");
        else if (*text == '\\') buf_add_str(b, "\\\\");
        else buf_add_byte(b, *text);
    }
    buf_add_byte(b, '\n');
}

/* One entry, with newlines as the editor wants them. */
static void unescape(struct buf *b, const char *s, size_t len)
{
    buf_clear(b);
    for (size_t i = 0; i < len; i++) {
        bool pair = s[i] == '\\' && i + 1 < len;
        if (pair && s[i + 1] == 'n') buf_add_str(b, NEWLINE_SIGN);
        else buf_add_byte(b, pair ? s[i + 1] : s[i]);
        i += pair;
    }
}

/* Keeps the file small and private: the newest entries under a temporary name, then renamed. */
static void rewrite_history(const char *path, const char *text, size_t len)
{
    struct file_out o;
    struct err e;
    if (file_out_open_private(&o, path, &e)) return;
    if (file_out_write(&o, text, len, &e)) file_out_abort(&o);
    else file_out_commit(&o, &e); /* on failure the old history stays */
}

static void load_history(struct line_reader *l)
{
    char *text;
    size_t len, lines = 0, start = 0, kept = 0;
    struct err e;
    HistEvent ev;
    struct buf entry = {0};
    bool whole;
    if (file_read_end(&text, &len, &whole, l->history_path, HISTORY_MAX_BYTES, &e)) return;
    for (size_t i = 0; i < len; i++) lines += text[i] == '\n';
    if (!whole) { /* its first line is the end of one */
        const char *end = memchr(text, '\n', len);
        start = end ? (size_t)(end - text) + 1 : len;
    }
    for (size_t i = len; i > start && kept <= HISTORY_KEEP; i--)
        if (text[i - 1] == '\n' && kept++ == HISTORY_KEEP) start = i;
    for (size_t from = start; from < len;) {
        const char *end = memchr(text + from, '\n', len - from);
        if (!end) break;
        unescape(&entry, text + from, (size_t)(end - text) - from);
        if (entry.len > 0 && !entry.failed) history(l->hist, &ev, H_ENTER, entry.data);
        from = (size_t)(end - text) + 1;
    }
    if (!whole || lines > 2 * HISTORY_KEEP) rewrite_history(l->history_path, text + start, len - start);
    buf_free(&entry);
    mem_free(text);
}

static void open_history(struct line_reader *l)
{
    char dir[SETUP_PATH];
    struct err e;
    if (!xdg_path(l->history_path, "XDG_STATE_HOME", ".local/state", "autarky/history")) return;
    if (path_dir(dir, sizeof dir, l->history_path, &e) || file_mkdirs(dir, &e)) {
        fprintf(stderr, "autarky chat: no history: %s\n", e.msg);
        l->history_path[0] = 0;
        return;
    }
    load_history(l);
}

void line_remember(struct line_reader *l, const char *text)
{
    HistEvent ev;
    struct buf b = {0};
    struct err e;
    if (!l->el || text[0] == ' ' || text[0] == 0) return;
    escape(&b, text);
    if (b.failed) return;
    if (l->history_path[0] && file_append(l->history_path, b.data, b.len, NULL, &e)) l->history_path[0] = 0; /* not again */
    struct buf shown = {0};
    unescape(&shown, b.data, b.len - 1);
    if (!shown.failed) history(l->hist, &ev, H_ENTER, shown.data);
    buf_free(&shown);
    buf_free(&b);
}

/* ---- keys ---- */

static char *prompt_of(EditLine *el)
{
    static char text[64];
    struct line_reader *l;
    el_get(el, EL_CLIENTDATA, &l);
    /* \1 brackets what takes no room on the screen; it must not come last, the editor would leave it out */
    const char *on = term_bold(stdout), *off = term_reset(stdout);
    int n = (int)strlen(l->prompt) - 1;
    if (*on) snprintf(text, sizeof text, "\1%s\1%.*s\1%s\1 ", on, n, l->prompt, off);
    else snprintf(text, sizeof text, "%s", l->prompt);
    return text;
}

static unsigned char key_newline(EditLine *el, int ch)
{
    (void)ch;
    return el_winsertstr(el, (const wchar_t[]){NEWLINE_WIDE, 0}) == 0 ? CC_REFRESH : CC_ERROR;
}

/* After ESC [ 200 ~: everything up to ESC [ 201 ~ is text. Too much of it is refused as a whole, with a beep. */
static unsigned char key_paste(EditLine *el, int ch)
{
    static const wchar_t end[] = L"\033[201~";
    size_t n = 0, cap = 4096, match = 0;
    bool full = false;
    wchar_t c, *text = mem_array(cap, sizeof *text);
    (void)ch;
    while (text && match < 6 && el_wgetc(el, &c) == 1) {
        match = c == end[match] ? match + 1 : c == end[0];
        if (n + 2 > cap) {
            wchar_t *more = cap < PASTE_MAX ? mem_grow(text, cap * sizeof *text, 2 * cap * sizeof *text) : NULL;
            full |= !more;
            if (full) continue; /* keep looking for the end */
            text = more;
            cap *= 2;
        }
        if (c == L'\r' || c == L'\n') c = NEWLINE_WIDE;
        else if (c == L'\t') c = L' ';
        text[n++] = c;
    }
    if (!text || full) {
        mem_free(text);
        return CC_ERROR;
    }
    n = match == 6 && n >= 6 ? n - 6 : n;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] >= 32 && text[i] != 127) text[m++] = text[i];
    text[m] = 0;
    int bad = m > 0 && el_winsertstr(el, text) != 0;
    mem_free(text);
    return bad ? CC_ERROR : CC_REFRESH;
}

/* The names that fit, in lines as wide as the terminal. */
static void show_names(const struct buf *names)
{
    int column = 0, columns = term_columns();
    fputc('\n', stdout);
    for (const char *s = names->data, *end; s && *s; s = end + 1) {
        end = strchr(s, '\n');
        int cells = (int)utf8_count(s, (size_t)(end - s)) + 2;
        if (column > 0 && column + cells > columns) {
            fputc('\n', stdout);
            column = 0;
        }
        term_write(stdout, s, (size_t)(end - s));
        fputs("  ", stdout);
        column += cells;
    }
    fputc('\n', stdout);
    fflush(stdout);
}

/* Tab: commands at the beginning of the line, names of files behind those that take one. */
static unsigned char key_complete(EditLine *el, int ch)
{
    struct line_reader *l;
    const LineInfo *li = el_line(el);
    const char *s = li->buffer;
    size_t len = (size_t)(li->cursor - s), word = 0;
    struct buf rest = {0}, names = {0};
    (void)ch;
    el_get(el, EL_CLIENTDATA, &l);
    while (word < len && s[word] != ' ') word++;
    bool file = false;
    for (const char *const *w = l->on_files; w && *w; w++) file |= word < len && strlen(*w) == word && !strncmp(*w, s, word);
    size_t at = file ? word : 0;
    while (file && at < len && s[at] == ' ') at++;
    if (file) complete_file(s + at, len - at, &rest, &names);
    else if (len > 0) complete_word(s, len, l->words, &rest, &names);
    unsigned char rc = CC_REFRESH_BEEP;
    if (rest.len > 0 && !rest.failed) rc = el_insertstr(el, rest.data) == 0 ? CC_REFRESH : CC_ERROR;
    else if (names.len > 0 && !names.failed) {
        show_names(&names);
        rc = CC_REDISPLAY;
    }
    buf_free(&rest);
    buf_free(&names);
    return rc;
}

static int prompt_cells(EditLine *el)
{
    struct line_reader *l;
    el_get(el, EL_CLIENTDATA, &l);
    return (int)strlen(l->prompt);
}

static void bind_keys(EditLine *el)
{
    el_set(el, EL_ADDFN, "autarky-newline", "insert a new line", key_newline);
    el_set(el, EL_ADDFN, "autarky-paste", "take pasted text as it is", key_paste);
    el_set(el, EL_ADDFN, "autarky-complete", "complete a command", key_complete);
    el_set(el, EL_BIND, "\033\r", "autarky-newline", NULL);
    el_set(el, EL_BIND, "\033\n", "autarky-newline", NULL);
    el_set(el, EL_BIND, "\033[200~", "autarky-paste", NULL);
    el_set(el, EL_BIND, "\t", "autarky-complete", NULL);
    el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(el, EL_BIND, "\033[A", "ed-search-prev-history", NULL);
    el_set(el, EL_BIND, "\033[B", "ed-search-next-history", NULL);
    el_set(el, EL_BIND, "\033OA", "ed-search-prev-history", NULL);
    el_set(el, EL_BIND, "\033OB", "ed-search-next-history", NULL);
    el_set(el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
    el_set(el, EL_BIND, "\033[1;5C", "em-next-word", NULL);
    el_set(el, EL_BIND, "\033[1;5D", "ed-prev-word", NULL);
}

static int open_editor(struct line_reader *l, struct err *e)
{
    HistEvent ev;
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8"); /* text is UTF-8 whatever the locale says */
    l->el = el_init("autarky", stdin, stdout, stderr);
    l->hist = history_init();
    if (!l->el || !l->hist) FAIL(e, ERR_MEMORY, "the line editor cannot start");
    history(l->hist, &ev, H_SETSIZE, HISTORY_KEEP);
    history(l->hist, &ev, H_SETUNIQUE, 1);
    el_set(l->el, EL_CLIENTDATA, l);
    el_set(l->el, EL_EDITOR, "emacs");
    el_set(l->el, EL_HIST, history, l->hist);
    el_set(l->el, EL_PROMPT_ESC, prompt_of, '\1');
    bind_keys(l->el);
    line_input_set(l->el, prompt_cells);
    el_source(l->el, NULL); /* ~/.editrc */
    return OK;
}

/* ---- reading ---- */

int line_open(struct line_reader **out, const struct line_options *o, struct err *e)
{
    *out = NULL;
    struct line_reader *l = mem_alloc(sizeof *l);
    if (!l) FAIL(e, ERR_MEMORY, "out of memory");
    l->words = o->words;
    l->on_files = o->on_files;
    bool edit = term_is_tty(stdin) && term_is_tty(stdout) && !term_plain();
    int rc = edit ? open_editor(l, e) : OK;
    if (rc) {
        line_close(l);
        return rc;
    }
    if (edit && o->history) open_history(l);
    *out = l;
    return OK;
}

void line_close(struct line_reader *l)
{
    if (!l) return;
    if (l->hist) history_end(l->hist);
    if (l->el) el_end(l->el);
    mem_free(l);
}

bool line_editing(const struct line_reader *l) { return l->el != NULL; }

static enum line_status read_plain(const char *prompt, struct buf *out)
{
    int c;
    if (term_is_tty(stdin)) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    term_waiting(true);
    while ((c = getchar()) != EOF && c != '\n') {
        buf_add_byte(out, c);
        if (out->len > LINE_MAX_BYTES) break;
    }
    term_waiting(false);
    if (term_interrupted) {
        clearerr(stdin);
        return LINE_INTERRUPTED;
    }
    if (out->len > 0 && out->data[out->len - 1] == '\r') out->data[--out->len] = 0;
    if (out->failed || out->len > LINE_MAX_BYTES) return LINE_ERROR;
    return c == EOF && out->len == 0 ? LINE_END : LINE_OK;
}

static enum line_status read_edited(struct line_reader *l, struct buf *out)
{
    int n = 0;
    term_paste(true);
    errno = 0;
    term_waiting(true);
    const char *s = el_gets(l->el, &n);
    int no = errno;
    term_waiting(false);
    term_paste(false);
    if (term_interrupted || (!s && no == EINTR)) {
        const LineInfo *li = el_line(l->el);
        return li->lastchar > li->buffer ? LINE_CANCELLED : LINE_INTERRUPTED;
    }
    if (!s || n <= 0) return LINE_END;
    for (int i = 0; i < n && s[i] != '\n'; i++) {
        bool sign = i + 2 < n && !memcmp(s + i, NEWLINE_SIGN, 3);
        buf_add_byte(out, sign ? '\n' : s[i]);
        i += sign ? 2 : 0;
    }
    return out->failed ? LINE_ERROR : LINE_OK;
}

enum line_status line_read(struct line_reader *l, const char *prompt, struct buf *out)
{
    buf_clear(out);
    l->prompt = prompt;
    return l->el ? read_edited(l, out) : read_plain(prompt, out);
}
