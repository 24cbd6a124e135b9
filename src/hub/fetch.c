/* Downloading one file. Each try begins at the hub's own address, so that an address that expired is replaced, and asks
 * for the bytes from the end of what is there. */
#include "hub/fetch.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "hub/digest.h"
#include "sys/store.h"

enum { READ_BLOCK = 1 << 20, PROGRESS_WORTH = 1 << 20, TRIES_IN_ALL = 1000 };

struct stream {
    struct fetch *f;
    struct part part;
    struct digest *digest; /* over [0, part.size) */
    struct web_reply reply;
};

static int restart(struct stream *s, struct err *e)
{
    digest_free(s->digest);
    TRY(digest_new(&s->digest, s->f->hash, s->f->size, e));
    return s->part.size > 0 ? part_restart(&s->part, e) : OK;
}

/* Opens the partial file of an earlier run, if there is one, and hashes what it holds. */
static int stream_open(struct stream *s, struct err *e)
{
    TRY(part_open(&s->part, s->f->part, e));
    TRY(digest_new(&s->digest, s->f->hash, s->f->size, e));
    if (s->f->sized && s->part.size > s->f->size) return restart(s, e);
    if (!s->f->sized && s->part.size > 0 && !s->f->hash[0]) return restart(s, e); /* it may be of another file */
    char *block = mem_alloc(READ_BLOCK);
    if (!block) FAIL(e, ERR_MEMORY, "%s: out of memory", s->f->what);
    int rc = OK;
    for (uint64_t at = 0; !rc && at < s->part.size;) {
        size_t n = s->part.size - at < READ_BLOCK ? (size_t)(s->part.size - at) : READ_BLOCK;
        rc = part_read(&s->part, at, block, n, e);
        if (!rc) digest_add(s->digest, block, n);
        at += n;
        if (!rc && net_stopped(s->f->net))
            rc = err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__, "%s: stopped", s->f->what);
    }
    if (s->part.size > 0) s->f->state = FETCH_RESUMED;
    mem_free(block);
    return rc;
}

static void stream_close(struct stream *s)
{
    part_close(&s->part);
    digest_free(s->digest);
}

/* What the hub says of the file must be what its list said: both are about one commit. */
static int check_words(const struct fetch *f, const struct web_reply *r, struct err *e)
{
    if (f->commit[0] && r->commit[0] && strcmp(f->commit, r->commit) != 0)
        FAIL(e, ERR_INTEGRITY, "%s: the hub sends it from commit %.64s, expected %s", f->what, r->commit, f->commit);
    if (f->hash[0] && r->linked_etag[0] && strlen(r->linked_etag) == strlen(f->hash) &&
        strcmp(f->hash, r->linked_etag) != 0)
        FAIL(e, ERR_INTEGRITY, "%s: the hub names the hash %.64s, its list says %s", f->what, r->linked_etag, f->hash);
    if (f->sized && r->linked_size >= 0 && (uint64_t)r->linked_size != f->size)
        FAIL(e, ERR_INTEGRITY, "%s: the hub names %" PRId64 " bytes, its list says %" PRIu64, f->what, r->linked_size,
             f->size);
    return OK;
}

static bool wants_page(const struct fetch *f)
{
    size_t n = strlen(f->name);
    return n > 5 && (!strcmp(f->name + n - 5, ".html") || !strcmp(f->name + n - 4, ".htm"));
}

/* The headers of a good reply: whether it goes on where the file ends, or begins anew. Everything that can be wrong is
 * looked at before bytes that are here are given up for it: a page that says "please log in" must not cost a download. */
static int on_begin(void *ctx, const struct web_reply *r, struct err *e)
{
    struct stream *s = ctx;
    struct fetch *f = s->f;
    bool goes_on = r->status == 206;
    int64_t total = goes_on ? r->range_total : r->length; /* -1: unknown */
    TRY(check_words(f, r, e));
    bool wrong = f->sized && total >= 0 && (uint64_t)total != f->size;
    bool large = strlen(f->hash) == 64 || !f->sized; /* no text of a repository */
    if (r->page && (wrong || large || total < 0) && !wants_page(f)) return net_refused(f->net, r, f->what, f->page, e);
    if (wrong)
        FAIL(e, ERR_NETWORK, "%s: %s has %" PRId64 " bytes, expected %" PRIu64, f->what, r->from, total, f->size);
    if (goes_on && (r->range_first < 0 || (uint64_t)r->range_first != s->part.size))
        FAIL(e, ERR_NETWORK, "%s: %s sends the bytes from %" PRId64 ", expected from %" PRIu64, f->what, r->from,
             r->range_first, s->part.size);
    if (!f->sized && total >= 0) {
        f->size = (uint64_t)total;
        f->sized = true;
        if (f->size_known) TRY(f->size_known(f->ctx, f->size, e));
    }
    if (goes_on) return OK;
    f->state = FETCH_NEW;
    return s->part.size > 0 ? restart(s, e) : OK; /* Range was ignored */
}

static int on_data(void *ctx, const void *data, size_t n, struct err *e)
{
    struct stream *s = ctx;
    struct fetch *f = s->f;
    if (f->sized && n > f->size - s->part.size)
        FAIL(e, ERR_NETWORK, "%s: %s sends more than %" PRIu64 " bytes", f->what, s->reply.from, f->size);
    TRY(part_append(&s->part, data, n, e));
    digest_add(s->digest, data, n);
    if (f->progress) f->progress(f->ctx, s->part.size, f->sized ? f->size : 0);
    return OK;
}

/* One try. *again: it failed in a way that another one may mend. */
static int one_try(struct stream *s, bool *again, struct err *e)
{
    struct fetch *f = s->f;
    struct web_reply *r = &s->reply;
    struct web_request q = {.url = f->url,
                             .token = f->send_token ? f->net->token : NULL,
                             .from = s->part.size,
                             .begin = on_begin,
                             .body = on_data,
                             .ctx = s};
    *again = false;
    int rc = web_get(f->net->http, &q, r, e);
    if (rc) {
        *again = r->broken;
        return rc;
    }
    if (r->status == 416 && !f->sized && r->range_total == (int64_t)s->part.size) return OK; /* all is here already */
    if (r->status == 416 && s->part.size > 0) { /* what is there is no beginning of what the server has */
        *again = true;
        TRY(restart(s, e));
        FAIL(e, ERR_NETWORK, "%s: %s has no bytes beyond what is here", f->what, r->from);
    }
    if (r->status < 200 || r->status > 299) {
        *again = web_may_retry(r) ||
                 (r->moved && (r->status == 403 || r->status == 401 || r->status == 404 || r->status == 410));
        return net_refused(f->net, r, f->what, f->page, e);
    }
    if (f->sized && s->part.size < f->size) {
        *again = true;
        FAIL(e, ERR_NETWORK, "%s: %s ended after %" PRIu64 " of %" PRIu64 " bytes", f->what, r->from, s->part.size,
             f->size);
    }
    return OK;
}

static int receive(struct stream *s, struct err *e)
{
    int failures = 0, tries = 0;
    uint64_t seen = s->part.size;
    while (!s->f->sized || s->part.size < s->f->size) {
        bool again;
        int rc = one_try(s, &again, e);
        if (!rc) break;
        if (!again || ++tries == TRIES_IN_ALL) return rc;
        if (s->part.size >= seen + PROGRESS_WORTH) failures = 0; /* it goes on, with breaks */
        seen = s->part.size;
        TRY(net_wait(s->f->net, ++failures, &s->reply, e));
    }
    return OK;
}

static int finish(struct stream *s, struct err *e)
{
    struct fetch *f = s->f;
    char found[HUB_HASH];
    digest_hex(s->digest, found);
    if (!f->hash[0]) memcpy(f->hash, found, sizeof found);
    if (!strcmp(f->hash, found)) return part_finish(&s->part, f->name, e);
    TRY(part_drop(&s->part, e));
    FAIL(e, ERR_INTEGRITY, "%s: %s is %s, expected %s; the file is deleted%s", f->what,
         strlen(found) == 40 ? "git's hash" : "SHA-256", found, f->hash,
         f->state == FETCH_RESUMED ? " (its beginning came from an earlier run)" : "");
}

int fetch_file(struct fetch *f, struct err *e)
{
    struct stream s = {.f = f, .part = {0}};
    f->state = FETCH_NEW;
    int rc = stream_open(&s, e);
    if (!rc) rc = receive(&s, e);
    if (!rc) rc = finish(&s, e);
    stream_close(&s);
    return rc;
}
