/* Members "text" and "messages" of an object; all others are passed over, whatever numbers they hold. */
#include "data/json_row.h"
#include <string.h>
#include "base/json_scan.h"
#include "base/mem.h"
#include "data/docs.h"

void add_without_marks(struct buf *out, const char *s, size_t n)
{
    const char *at = n ? memmem(s, n, BYTE_ORDER_MARK, 3) : NULL;
    while (at) {
        buf_add(out, s, (size_t)(at - s));
        n -= (size_t)(at - s) + 3;
        s = at + 3;
        at = n ? memmem(s, n, BYTE_ORDER_MARK, 3) : NULL;
    }
    if (n) buf_add(out, s, n);
}

void json_row_free(struct json_row *row)
{
    mem_free(row->msgs);
    buf_free(&row->strings);
    *row = (struct json_row){0};
}

/* What a line has been found to have. */
struct found {
    struct json_row *row;
    struct json_scan scan;
    bool text, messages; /* the member is there */
    const char *where;
    struct buf names; /* of the first members that are neither: for the message */
    int n_names;
};

static bool is_name(const char *s, size_t n, const char *name) { return n == strlen(name) && !memcmp(s, name, n); }

/* A string or null, as the value of member `what`; *out is NULL for null. */
static int read_string(struct found *f, const char *what, const char **out, size_t *n, struct err *e)
{
    struct buf *b = &f->row->strings;
    const char *s;
    size_t begin = b->len;
    *out = NULL;
    *n = 0;
    char c = json_scan_peek(&f->scan);
    if (c == 'n') return json_scan_skip(&f->scan, e);
    if (c != '"') FAIL(e, ERR_FORMAT, "%s: \"%s\" is not a string", f->where, what);
    TRY(json_scan_string(&f->scan, &s, n, e));
    if (*n && memchr(s, 0, *n)) FAIL(e, ERR_FORMAT, "%s: \"%s\" holds a NUL character", f->where, what);
    add_without_marks(b, s, *n); /* within what was reserved: no string is longer than it is written */
    *n = b->len - begin;
    *out = b->data + begin;
    return OK;
}

static int add_message(struct json_row *row, const struct chat_msg *m, const char *where, struct err *e)
{
    if (row->n_msgs == DOC_MAX_MSGS)
        FAIL(e, ERR_FORMAT, "%s: \"messages\" is not a list of 1 to %d messages", where, DOC_MAX_MSGS);
    if (row->n_msgs == row->cap_msgs) {
        size_t cap = row->cap_msgs ? 2 * row->cap_msgs : 16;
        struct chat_msg *p = mem_grow(row->msgs, row->cap_msgs * sizeof *p, cap * sizeof *p);
        if (!p) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu messages", where, cap);
        row->msgs = p;
        row->cap_msgs = cap;
    }
    row->msgs[row->n_msgs++] = *m;
    return OK;
}

static bool role_of(const char *s, size_t n, enum chat_role *out)
{
    static const char *const names[] = {"system", "user", "assistant"};
    for (int i = 0; i < 3; i++)
        if (is_name(s, n, names[i])) {
            *out = (enum chat_role)i;
            return true;
        }
    return false;
}

/* An object with a role and a content. */
static int read_message(struct found *f, struct err *e)
{
    struct chat_msg m = {0};
    const char *key, *role = NULL, *content = NULL;
    size_t n, n_role = 0;
    bool first = true, more;
    TRY(json_scan_expect(&f->scan, '{', e));
    for (;; first = false) {
        TRY(json_scan_next(&f->scan, '}', first, &more, e));
        if (!more) break;
        TRY(json_scan_key(&f->scan, &key, &n, e));
        if (is_name(key, n, "role")) TRY(read_string(f, "role", &role, &n_role, e));
        else if (is_name(key, n, "content")) TRY(read_string(f, "content", &content, &m.len, e));
        else TRY(json_scan_skip(&f->scan, e));
    }
    if (!role || !content || !role_of(role, n_role, &m.role))
        FAIL(e, ERR_FORMAT, "%s: message %zu needs \"role\" (system, user or assistant) and \"content\", both strings", f->where,
             f->row->n_msgs);
    m.text = content;
    return add_message(f->row, &m, f->where, e);
}

static int read_messages(struct found *f, struct err *e)
{
    bool first = true, more;
    char c = json_scan_peek(&f->scan);
    if (c == 'n') return json_scan_skip(&f->scan, e);
    if (c == '[') {
        TRY(json_scan_expect(&f->scan, '[', e));
        for (;; first = false) {
            TRY(json_scan_next(&f->scan, ']', first, &more, e));
            if (!more) break;
            TRY(read_message(f, e));
        }
    }
    if (f->row->n_msgs == 0)
        FAIL(e, ERR_FORMAT, "%s: \"messages\" is not a list of 1 to %d messages", f->where, DOC_MAX_MSGS);
    return OK;
}

static int read_member(struct found *f, const char *key, size_t n, struct err *e)
{
    bool text = is_name(key, n, "text"), messages = is_name(key, n, "messages");
    if ((text && f->text) || (messages && f->messages))
        FAIL(e, ERR_FORMAT, "%s: \"%.*s\" is given twice", f->where, (int)n, key);
    f->text |= text;
    f->messages |= messages;
    if (text) return read_string(f, "text", &f->row->text, &f->row->len, e);
    if (messages) return read_messages(f, e);
    if (f->n_names++ < 5) buf_printf(&f->names, "%s\"%.*s\"", f->n_names > 1 ? ", " : "", n < 40 ? (int)n : 40, key);
    return json_scan_skip(&f->scan, e);
}

static int read_object(struct found *f, struct err *e)
{
    bool first = true, more;
    const char *key;
    size_t n;
    if (json_scan_peek(&f->scan) != '{') FAIL(e, ERR_FORMAT, "%s: not an object", f->where);
    TRY(json_scan_expect(&f->scan, '{', e));
    for (;; first = false) {
        TRY(json_scan_next(&f->scan, '}', first, &more, e));
        if (!more) break;
        TRY(json_scan_key(&f->scan, &key, &n, e));
        TRY(read_member(f, key, n, e));
    }
    TRY(json_scan_end(&f->scan, e));
    if (f->text || f->row->n_msgs) return OK;
    FAIL(e, ERR_FORMAT, "%s: neither \"text\" nor \"messages\"; the line has %s", f->where,
         f->names.len && !f->names.failed ? f->names.data : "no other member");
}

int json_row_read(struct json_row *row, const char *s, size_t n, const char *where, struct err *e)
{
    struct found f = {.row = row, .scan = {.text = s, .len = n, .path = where, .python = true}, .where = where};
    row->text = NULL;
    row->len = row->n_msgs = 0;
    buf_clear(&row->strings);
    buf_reserve(&row->strings, n);
    int rc = buf_check(&row->strings, where, e);
    if (!rc) rc = read_object(&f, e);
    json_scan_free(&f.scan);
    buf_free(&f.names);
    return rc;
}
