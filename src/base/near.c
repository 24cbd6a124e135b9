/* Edit distance. */
#include "base/near.h"
#include <stdio.h>
#include <string.h>

enum { LONGEST = 63, FAR_AWAY = 999 };

int name_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    int row[LONGEST + 1];
    if (la > LONGEST || lb > LONGEST) return FAR_AWAY;
    for (size_t j = 0; j <= lb; j++) row[j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    int least = strlen(word) < 4 ? 2 : 3; /* must be below */
    for (size_t i = 0; i < n; i++) {
        if (!names[i]) continue;
        int d = name_distance(word, names[i]);
        if (strlen(word) >= 3 && !strncmp(word, names[i], strlen(word)) && d > 1) d = 1; /* a prefix is near */
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

void choices_text(char *out, size_t cap, const char *word, const char *const *names)
{
    size_t n = (size_t)snprintf(out, cap, "expected one of"), count = 0;
    for (; names[count] && n < cap; count++) n += (size_t)snprintf(out + n, cap - n, "%s %s", count ? "," : "", names[count]);
    const char *near = nearest_name(word, names, count);
    if (near && n < cap) snprintf(out + n, cap - n, "; did you mean %s?", near);
}
