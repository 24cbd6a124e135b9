/* Word wrap. Cells per character: utf8proc's table; wide characters (Chinese, Japanese) may be broken between. */
#include "cli/wrap.h"
#include <string.h>
#include <utf8proc.h>
#include "base/utf8.h"

enum { TAB = 4 };

void wrap_init(struct wrap *w, FILE *f, int columns)
{
    *w = (struct wrap){.f = f, .columns = columns < 20 ? 20 : columns};
}

static void new_line(struct wrap *w)
{
    fputc('\n', w->f);
    w->column = w->spaces = 0;
}

static void put_word(struct wrap *w)
{
    if (w->word.len == 0) return;
    if (w->column > 0 && w->column + w->spaces + w->word_cells > w->columns) {
        new_line(w);
        for (; w->column < w->indent; w->column++) fputc(' ', w->f);
    }
    for (; w->spaces > 0; w->spaces--, w->column++) fputc(' ', w->f);
    fwrite(w->word.data, 1, w->word.len, w->f);
    w->column += w->word_cells;
    w->word_cells = 0;
    buf_clear(&w->word);
}

/* Does the line that ends here begin or end code? */
static void end_line(struct wrap *w)
{
    bool opens = w->line.run >= 3 && !(w->line.mark == '`' && w->line.tick);
    if (!w->fence && opens) {
        w->fence = w->line.mark;
        w->fence_len = w->line.run;
    } else if (w->fence && w->line.mark == w->fence && w->line.run >= w->fence_len && !w->line.text) {
        w->fence = 0;
    }
    memset(&w->line, 0, sizeof w->line);
}

/* Follows a line for end_line. */
static void look_at(struct wrap *w, uint32_t cp)
{
    bool blank = cp == ' ' || cp == '\t';
    if (!w->line.begun && blank) return;
    if (!w->line.begun && (cp == '`' || cp == '~')) w->line.mark = (char)cp;
    w->line.begun = true;
    if (!w->line.after && w->line.mark && cp == (uint32_t)w->line.mark) {
        w->line.run++;
        return;
    }
    w->line.after = true;
    w->line.text |= !blank;
    w->line.tick |= cp == '`';
}

void wrap_add(struct wrap *w, const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + i, n - i, &cp);
        if (len == 0) len = 1;
        if (cp == '\n') {
            put_word(w);
            new_line(w);
            end_line(w);
            continue;
        }
        look_at(w, cp);
        if (w->fence) {
            fwrite(s + i, 1, len, w->f);
        } else if (cp == ' ' || cp == '\t') {
            put_word(w);
            w->spaces += cp == ' ' ? 1 : TAB;
        } else {
            int cells = utf8proc_charwidth((utf8proc_int32_t)cp);
            if (cells > 0 && w->word_cells + cells > w->columns) put_word(w); /* longer than a line: cut */
            buf_add(&w->word, s + i, len);
            w->word_cells += cells;
            if (cells == 2) put_word(w);
        }
    }
}

void wrap_end(struct wrap *w)
{
    put_word(w);
    buf_free(&w->word);
}
