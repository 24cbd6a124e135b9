/* The chain of the audit log. */
#include "serve/audit.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "sys/file.h"

static const char zeros[SHA256_HEX] = "0000000000000000000000000000000000000000000000000000000000000000";
static const char prev_mark[] = ",\"prev\":\"", hash_mark[] = "\",\"hash\":\"", end_mark[] = "\"}";

enum {
    LINE_MOST = 64 << 10,
    PREV = sizeof prev_mark - 1,
    HASH = sizeof hash_mark - 1,
    END = sizeof end_mark - 1,
    TAIL = PREV + 64 + HASH + 64 + END, /* bytes of a line from its prev_mark on */
};

/* ---- a line ---- */

/* Line number n, whose predecessor has the hash prev; its own hash into `hash`. */
static int check_line(const char *s, size_t len, int64_t n, const char *prev, char hash[SHA256_HEX], struct err *e)
{
    char begin[40];
    int k = snprintf(begin, sizeof begin, "{\"n\":%" PRId64 ",", n);
    const char *tail = s + len - TAIL;
    bool formed = len > TAIL + (size_t)k && !memcmp(s, begin, (size_t)k) && !memcmp(tail, prev_mark, PREV) &&
                  !memcmp(tail + PREV + 64, hash_mark, HASH) && !memcmp(s + len - END, end_mark, END);
    if (!formed) FAIL(e, ERR_INTEGRITY, "line %" PRId64 " is not the line of that number", n);
    if (memcmp(tail + PREV, prev, 64) != 0) FAIL(e, ERR_INTEGRITY, "line %" PRId64 " does not follow the line before it", n);
    TRY(sha256_of(s, len - HASH - 64 - END + 1, hash, e)); /* with the quotation mark that closes prev */
    if (memcmp(hash, s + len - END - 64, 64) != 0) FAIL(e, ERR_INTEGRITY, "line %" PRId64 " was changed", n);
    return OK;
}

/* *n and the hash of the checkpoint; n 0: there is none. */
static int read_checkpoint(const char *path, int64_t *n, char hash[SHA256_HEX], struct err *e)
{
    char *text = NULL, *end;
    size_t len;
    *n = 0;
    if (file_absent(path)) return OK;
    TRY(file_read(&text, &len, path, 200, e));
    *n = strtoll(text, &end, 10);
    bool good = *n > 0 && *end == ' ' && strlen(end + 1) == 65 && end[65] == '\n';
    if (good) snprintf(hash, SHA256_HEX, "%.64s", end + 1);
    mem_free(text);
    if (!good) FAIL(e, ERR_INTEGRITY, "%s: no checkpoint: expected a number and a hash", path);
    return OK;
}

static int write_checkpoint(const struct audit *a, struct err *e)
{
    char text[100];
    int n = snprintf(text, sizeof text, "%" PRId64 " %s\n", a->n, a->last);
    return file_replace(a->checkpoint, text, (size_t)n, e);
}

/* ---- writing ---- */

/* n and hash of the last line of text. */
static int last_line(struct audit *a, const char *text, size_t len, bool whole, struct err *e)
{
    char number[24] = "", hash[SHA256_HEX], prev[SHA256_HEX];
    size_t from = len - 1; /* of its newline */
    while (from > 0 && text[from - 1] != '\n') from--;
    const char *s = text + from;
    size_t n = len - 1 - from;
    if (from == 0 && !whole) FAIL(e, ERR_INTEGRITY, "%s: its last line has more than %d bytes", a->path, LINE_MOST);
    if (n > TAIL) snprintf(number, sizeof number, "%.*s", (int)strcspn(s + 5, ","), s + 5);
    a->n = strtoll(number, NULL, 10);
    if (n > TAIL) snprintf(prev, sizeof prev, "%.64s", s + n - TAIL + PREV);
    else memcpy(prev, zeros, sizeof prev);
    int rc = check_line(s, n, a->n, prev, hash, e);
    if (rc) err_prefix(e, "%s", a->path);
    memcpy(a->last, hash, sizeof a->last);
    return rc;
}

static int go_on_behind(struct audit *a, struct err *e)
{
    char *text = NULL;
    size_t len = 0;
    bool whole;
    if (file_absent(a->path)) return OK;
    struct file_look look = file_look(a->path, true);
    TRY(file_read_end(&text, &len, &whole, a->path, LINE_MOST, e));
    size_t kept = len;
    while (kept > 0 && text[kept - 1] != '\n') kept--;
    int rc = kept < len ? file_truncate(a->path, look.size - (len - kept), e) : OK;
    if (!rc && kept) rc = last_line(a, text, kept, whole, e);
    mem_free(text);
    return rc;
}

int audit_open(struct audit *a, const char *path, struct err *e)
{
    struct buf b = {0};
    int64_t n;
    char hash[SHA256_HEX] = "";
    *a = (struct audit){0};
    memcpy(a->last, zeros, sizeof a->last);
    buf_printf(&b, "%s.checkpoint", path);
    a->path = mem_strdup(path);
    a->checkpoint = b.failed ? NULL : mem_strdup(b.data);
    buf_free(&b);
    if (!a->path || !a->checkpoint) FAIL(e, ERR_MEMORY, "out of memory for the audit log");
    TRY(go_on_behind(a, e));
    TRY(read_checkpoint(a->checkpoint, &n, hash, e));
    if (n > a->n || (n == a->n && n && strcmp(hash, a->last) != 0))
        FAIL(e, ERR_INTEGRITY, "%s: ends with line %" PRId64 ", and its checkpoint is of line %" PRId64
             ": lines are missing or others; it is not written on. autarky keys verify-log shows more", path, a->n, n);
    return OK;
}

void audit_close(struct audit *a)
{
    struct err ignored;
    if (a->path && a->n && !audit_sync(a, &ignored)) write_checkpoint(a, &ignored);
    mem_free(a->path);
    mem_free(a->checkpoint);
    *a = (struct audit){0};
}

int audit_add(struct audit *a, const char *fields, struct err *e)
{
    struct buf b = {0};
    char hash[SHA256_HEX] = "";
    if (!a->path) return OK;
    buf_printf(&b, "{\"n\":%" PRId64 ",%s%s%s\"", a->n + 1, fields, prev_mark, a->last);
    int rc = buf_check(&b, "a line of the audit log", e);
    if (!rc) rc = sha256_of(b.data, b.len, hash, e);
    buf_printf(&b, ",\"hash\":\"%s%s\n", hash, end_mark);
    if (!rc) rc = buf_check(&b, "a line of the audit log", e);
    if (!rc && b.len > LINE_MOST) rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "a line of the audit log has %zu bytes", b.len);
    if (!rc) rc = file_append(a->path, b.data, b.len, NULL, e);
    buf_free(&b);
    if (rc) return rc;
    a->n++;
    a->fresh = true;
    memcpy(a->last, hash, sizeof a->last);
    if (a->n % AUDIT_EVERY) return OK;
    TRY(audit_sync(a, e));
    return write_checkpoint(a, e);
}

int audit_sync(struct audit *a, struct err *e)
{
    if (!a->path || !a->fresh) return OK;
    TRY(file_sync(a->path, e));
    a->fresh = false;
    return OK;
}

/* ---- reading ---- */

static int verify(struct audit_report *r, const struct file_map *m, int64_t check, const char *want, struct err *e)
{
    const char *s = (const char *)m->data, *end = s + m->size;
    char prev[SHA256_HEX], hash[SHA256_HEX];
    memcpy(prev, zeros, sizeof prev);
    while (s < end) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        if (!stop) FAIL(e, ERR_INTEGRITY, "line %" PRId64 " is not whole", r->lines + 1);
        TRY(check_line(s, (size_t)(stop - s), r->lines + 1, prev, hash, e));
        r->lines++;
        if (r->lines == check && memcmp(hash, want, 64) != 0)
            FAIL(e, ERR_INTEGRITY, "line %" PRId64 " is not the one of the checkpoint", check);
        memcpy(prev, hash, sizeof prev);
        s = stop + 1;
    }
    if (r->lines < check)
        FAIL(e, ERR_INTEGRITY, "it ends with line %" PRId64 ", and its checkpoint is of line %" PRId64, r->lines, check);
    r->checked_to = check;
    return OK;
}

int audit_verify(struct audit_report *r, const char *path, struct err *e)
{
    struct buf b = {0};
    struct file_map m = {0};
    int64_t check = 0;
    char want[SHA256_HEX] = "";
    *r = (struct audit_report){0};
    buf_printf(&b, "%s.checkpoint", path);
    int rc = buf_check(&b, "a path", e);
    if (!rc) rc = read_checkpoint(b.data, &check, want, e);
    if (!rc) rc = file_map(&m, path, e);
    if (!rc) {
        rc = verify(r, &m, check, want, e);
        if (rc) err_prefix(e, "%s", path);
        file_unmap(&m);
    }
    buf_free(&b);
    return rc;
}
