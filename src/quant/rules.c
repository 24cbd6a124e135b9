/* Number formats of single tensors by patterns on their names. */
#include "quant/rules.h"
#include <string.h>
#include <strings.h>
#include "base/buf.h"

/* ---- patterns ---- */

/* One of the characters between [ and ]; *p is moved behind the ]. Without one the [ stands for itself. */
static bool in_set(const char **p, char c)
{
    const char *s = *p + 1, *end = strchr(s, ']');
    bool no = *s == '!', in = false;
    if (!end) {
        (*p)++;
        return c == '[';
    }
    for (s += no; s < end; s++) {
        bool range = s + 2 < end && s[1] == '-';
        in |= range ? c >= s[0] && c <= s[2] : c == *s;
        s += range ? 2 : 0;
    }
    *p = end + 1;
    return in != no;
}

/* One character of the pattern against c; *p is moved behind it when it fits. */
static bool one(const char **p, char c)
{
    const char *next = *p + 1;
    bool fits = **p == '?' || (**p && **p == c);
    if (**p == '[') {
        next = *p;
        fits = in_set(&next, c);
    }
    if (fits) *p = next;
    return fits;
}

/* p against n characters of s, all of them. A star that has taken too few takes one more: no other needs to, so the time is
 * the product of the lengths at most. */
static bool glob(const char *p, const char *s, size_t n)
{
    const char *star = NULL, *end = s + n, *from = NULL;
    while (s < end) {
        if (*p == '*') {
            star = ++p;
            from = s;
        } else if (one(&p, *s)) {
            s++;
        } else if (star) {
            p = star;
            s = ++from;
        } else {
            return false;
        }
    }
    while (*p == '*') p++;
    return *p == 0;
}

bool rule_matches(const char *pattern, const char *name)
{
    for (const char *from = name;; from++) {
        for (const char *to = from; *to;) {
            to += 1 + strcspn(to + 1, ".");
            if (glob(pattern, from, (size_t)(to - from))) return true;
        }
        from += strcspn(from, ".");
        if (!*from) return false;
    }
}

/* ---- rules ---- */

bool format_is_written(enum dtype t) { return formats[t].from_f32 && formats[t].ggml_type >= 0; }

/* "f32, f16, q8_0, ..." */
static void list_written(struct buf *b)
{
    for (int t = 0; t < DT_COUNT; t++)
        if (format_is_written((enum dtype)t)) buf_printf(b, "%s%s", b->len ? ", " : "", formats[t].name);
}

int format_to_write(const char *option, const char *name, enum dtype *out, struct err *e)
{
    struct buf list = {0};
    int found = -1;
    for (int t = 0; t < DT_COUNT; t++)
        if (!strcasecmp(formats[t].name, name)) found = t;
    if (found >= 0 && format_is_written((enum dtype)found)) {
        *out = (enum dtype)found;
        return OK;
    }
    list_written(&list);
    const char *what = found >= 0 ? "read and not written by this program" : "no number format";
    int rc = err_set(e, found >= 0 ? ERR_UNSUPPORTED : ERR_USAGE, __FILE__, __LINE__,
                     "%s is \"%.80s\", which is %s; written are %s", option, name, what, list.failed ? "others" : list.data);
    buf_free(&list);
    return rc;
}

int rule_parse(struct mix_rule *r, const char *text, struct err *e)
{
    const char *equal = strrchr(text, '=');
    if (!equal || equal == text || (size_t)(equal - text) >= sizeof r->pattern)
        FAIL(e, ERR_USAGE, "--type is \"%.200s\", expected PATTERN=FORMAT with a pattern of 1 to %zu characters", text,
             sizeof r->pattern - 1);
    *r = (struct mix_rule){0};
    memcpy(r->pattern, text, (size_t)(equal - text));
    return format_to_write("the format of --type", equal + 1, &r->type, e);
}

bool rules_find(const struct mix_rule *rules, size_t n, bool *matched, const char *name, enum dtype *out)
{
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        if (!rule_matches(rules[i].pattern, name)) continue;
        matched[i] = found = true;
        *out = rules[i].type;
    }
    return found;
}
