/* Bars, rates and times left. */
#include "cli/progress.h"
#include <stdio.h>
#include <string.h>
#include "base/utf8.h"
#include "cli/term.h"
#include "hub/choose.h"
#include "sys/clock.h"

enum { COLUMNS_LEAST = 40, COLUMNS_MOST = 120, NAME_MOST = 40, COLUMNS_BAR = 100 };
static const double every_moving = 0.1, every_plain = 10;

void progress_init(struct progress *p, bool quiet, bool plain)
{
    *p = (struct progress){.quiet = quiet};
    p->moving = !plain && !term_plain() && term_is_tty(stderr) && term_columns() >= COLUMNS_LEAST;
    p->bar = p->moving;
}

static void time_text(char *out, size_t cap, double seconds)
{
    long s = seconds < 0 || seconds > 360000 ? 360000 : (long)(seconds + 0.5);
    if (s >= 3600) snprintf(out, cap, "%ld:%02ld h", s / 3600, s / 60 % 60);
    else snprintf(out, cap, "%ld:%02ld min", s / 60, s % 60);
}

/* "name  [=====>    ]  42%  1.2 GB of 4.4 GB  31 MB/s  1:43 min left": on a wide terminal the bar takes what is left
 * of the line. */
void progress_line(const struct progress *p, uint64_t done, double now, int columns, char *out, size_t cap)
{
    char have[24], all[24], rate[24], left[48] = "", name[NAME_MOST + 1], bar[COLUMNS_MOST + 1] = "", tail[160];
    double seconds = now - p->begun, speed = seconds > 0.3 ? (double)(done - p->first) / seconds : 0;
    hub_size_text(have, done);
    hub_size_text(all, p->total);
    hub_size_text(rate, (uint64_t)speed);
    if (p->total > done && speed >= 1) {
        char t[32];
        time_text(t, sizeof t, (double)(p->total - done) / speed);
        snprintf(left, sizeof left, "  %s left", t);
    }
    if (p->total)
        snprintf(tail, sizeof tail, "%3.0f%%  %s of %s%s%s%s%s", 100.0 * (double)done / (double)p->total, have, all,
                 speed >= 1 ? "  " : "", speed >= 1 ? rate : "", speed >= 1 ? "/s" : "", left);
    else snprintf(tail, sizeof tail, "%s  %s/s", have, rate);
    if (columns > COLUMNS_MOST) columns = COLUMNS_MOST;
    int room = columns - (int)strlen(tail) - 4,
        bar_room = p->bar && columns >= COLUMNS_BAR - 1 && room > 40 ? room - 30 : 0;
    int name_room = room - (bar_room ? bar_room + 2 : 0);
    if (name_room > NAME_MOST) name_room = NAME_MOST;
    if (name_room < 8) name_room = 8;
    utf8_printable(name, (size_t)name_room + 1, p->label, strlen(p->label));
    if (bar_room > 4 && p->total) {
        int full = (int)((double)(bar_room - 2) * (double)done / (double)p->total);
        bar[0] = '[';
        for (int i = 1; i < bar_room - 1; i++) bar[i] = i <= full ? '=' : ' ';
        bar[bar_room - 1] = ']';
        bar[bar_room] = 0;
    }
    snprintf(out, cap, "%s  %s%s%s", name, bar, *bar ? "  " : "", tail);
}

void progress_show(struct progress *p, const char *name, size_t index, size_t n, uint64_t done, uint64_t total)
{
    char label[sizeof p->label], line[512];
    double now = clock_seconds();
    if (p->quiet) return;
    if (n > 1) snprintf(label, sizeof label, "%zu/%zu %s", index, n, name);
    else snprintf(label, sizeof label, "%s", name);
    if (strcmp(label, p->label) != 0) {
        progress_end(p);
        memcpy(p->label, label, sizeof label);
        p->first = done;
        p->begun = now;
        p->shown = p->moving ? 0 : now;
    }
    if (done < p->first) p->first = 0; /* it began anew */
    p->total = total;
    bool last = total > 0 && done >= total;
    if (!last && now - p->shown < (p->moving ? every_moving : every_plain)) return;
    p->shown = now;
    progress_line(p, done, now, p->moving ? term_columns() - 1 : 100, line, sizeof line);
    fprintf(stderr, "%s%s%s", p->moving ? "\r\033[K" : "", line, p->moving && !last ? "" : "\n");
    p->open = p->moving && !last;
}

void progress_say(struct progress *p, const char *text)
{
    if (p->open) fprintf(stderr, "\r\033[K");
    p->open = false;
    term_write(stderr, text, strlen(text));
    fputc('\n', stderr);
}

void progress_end(struct progress *p)
{
    if (p->open) fputc('\n', stderr);
    p->open = false;
}
