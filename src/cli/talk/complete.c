/* Completion: the longest common beginning of all that fit. */
#include "cli/talk/complete.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "sys/file.h"

/* What is common to the names so far. */
struct common {
    const char *first;
    size_t len, n;
};

static void take(struct common *c, const char *name)
{
    if (c->n++ == 0) {
        c->first = name;
        c->len = strlen(name);
    }
    while (strncmp(c->first, name, c->len) != 0) c->len--;
    while (c->len > 0 && ((unsigned char)c->first[c->len] & 0xc0) == 0x80) c->len--; /* not amid a character */
}

size_t complete_word(const char *typed, size_t len, const char *const *words, struct buf *rest, struct buf *names)
{
    struct common c = {0};
    for (const char *const *w = words; w && *w; w++)
        if (!strncmp(*w, typed, len)) take(&c, *w);
    if (c.n > 0 && c.len > len) buf_add(rest, c.first + len, c.len - len);
    if (c.n == 1) buf_add_byte(rest, ' ');
    else if (c.n > 1 && rest->len == 0)
        for (const char *const *w = words; *w; w++)
            if (!strncmp(*w, typed, len)) buf_printf(names, "%s\n", *w);
    return c.n;
}

/* Splits what is typed into folder (as to be opened) and the beginning of the name; false when it cannot be one. */
static bool split(char folder[PATH_MAX], const char **name, size_t *name_len, const char *typed, size_t len)
{
    const char *home = getenv("HOME");
    size_t from = len;
    while (from > 0 && typed[from - 1] != '/') from--;
    *name = typed + from;
    *name_len = len - from;
    if (from == 0) {
        memcpy(folder, ".", 2);
        return true;
    }
    bool tilde = typed[0] == '~' && from > 1 && typed[1] == '/' && home;
    int n = snprintf(folder, PATH_MAX, "%s%.*s", tilde ? home : "", (int)(from - tilde), typed + tilde);
    return n > 0 && n < PATH_MAX;
}

/* Hidden files only where a dot was typed; no name that would need more than the quote that is there. */
static bool fits(const char *name, const char *typed, size_t len)
{
    bool dot = len > 0 && typed[0] == '.';
    return !strncmp(name, typed, len) && (dot || name[0] != '.') && !strpbrk(name, "\"'\\\n") &&
           utf8_valid(name, strlen(name), NULL);
}

size_t complete_file(const char *typed, size_t len, struct buf *rest, struct buf *names)
{
    char folder[PATH_MAX], path[PATH_MAX], **list, quote = len > 0 && strchr("\"'", typed[0]) ? typed[0] : 0;
    const char *name;
    size_t n, name_len;
    struct common c = {0};
    if (quote) {
        typed++;
        len--;
    }
    if (!split(folder, &name, &name_len, typed, len) || file_list(&list, &n, folder, NULL) != OK) return 0;
    for (size_t i = 0; i < n; i++)
        if (fits(list[i], name, name_len)) take(&c, list[i]);
    if (c.n > 0 && c.len > name_len) buf_add(rest, c.first + name_len, c.len - name_len);
    if (c.n == 1 && path_join(path, sizeof path, folder, c.first, NULL) == OK) {
        if (file_is_dir(path)) buf_add_byte(rest, '/');
        else if (quote) buf_add_byte(rest, quote);
    }
    if (rest->len == 0 && c.n > 1)
        for (size_t i = 0; i < n; i++)
            if (fits(list[i], name, name_len)) buf_printf(names, "%s\n", list[i]);
    for (size_t i = 0; i < n; i++) mem_free(list[i]);
    mem_free(list);
    return c.n;
}
