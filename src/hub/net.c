/* Patience and explanations. */
#include "hub/net.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "sys/clock.h"

enum { JSON_BYTES_MAX = 64 << 20, JSON_TRIES = 3, BACKOFF_MAX = 30, ASKED_MAX = 120 };

void net_say(const struct hub_net *n, const char *fmt, ...)
{
    char line[900];
    va_list ap;
    if (!n->say) return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    n->say(n->ctx, line);
}

bool net_stopped(const struct hub_net *n) { return n->stop && n->stop(n->ctx); }

int net_wait(const struct hub_net *n, int failures, const struct web_reply *r, struct err *e)
{
    double wait = n->backoff;
    for (int i = 1; i < failures && wait < BACKOFF_MAX; i++) wait *= 2;
    if (wait > BACKOFF_MAX) wait = BACKOFF_MAX;
    if ((double)r->retry_after > wait) wait = (double)r->retry_after;
    if (failures >= n->tries || wait > ASKED_MAX) {
        size_t len = strlen(e->msg);
        if (wait > ASKED_MAX)
            snprintf(e->msg + len, sizeof e->msg - len, "; the server asks to come back in %.0f s", wait);
        else if (failures > 1) snprintf(e->msg + len, sizeof e->msg - len, " (%d tries)", failures);
        return e->code;
    }
    net_say(n, "%s; trying again in %.0f s", e->msg, wait);
    for (double end = clock_seconds() + wait; clock_seconds() < end;) {
        if (net_stopped(n)) FAIL(e, ERR_INTERRUPTED, "stopped");
        double left = end - clock_seconds();
        if (left > 0) clock_sleep(left < 0.1 ? left : 0.1);
    }
    return OK;
}

int net_refused(const struct hub_net *n, const struct web_reply *r, const char *what, const char *page, struct err *e)
{
    const char *code = r->error_code;
    if (r->page && r->status < 300)
        FAIL(e, ERR_NETWORK, "%s: %s answers with a page for people (HTML); is %s a hub, and in service?", what,
             r->from, n->endpoint);
    if (!strcmp(code, "GatedRepo"))
        FAIL(e, ERR_NETWORK, "%s: its owner asks for an agreement: accept it on %s, then %s", what, page,
             n->token ? "try again (the token in use may also lack the right to read it)"
                      : "set HF_TOKEN to a token of your account");
    if (!strcmp(code, "DisabledRepo")) FAIL(e, ERR_NOTFOUND, "%s: taken down by the hub; see %s", what, page);
    if (!strcmp(code, "RevisionNotFound")) FAIL(e, ERR_NOTFOUND, "%s: there is no such revision; see %s", what, page);
    if (!strcmp(code, "EntryNotFound")) FAIL(e, ERR_NOTFOUND, "%s: the hub has no such file; see %s", what, page);
    if (r->status == 401 && strstr(r->error_text, "Invalid"))
        FAIL(e, ERR_NETWORK, "%s: the hub refuses the token: %s", what, r->error_text);
    if (r->status == 404 || (r->status == 401 && !r->moved))
        FAIL(e, ERR_NOTFOUND, "%s: there is no such model, or it is private%s; see %s", what,
             n->token ? " and the token in use cannot read it" : " (then set HF_TOKEN)", page);
    FAIL(e, ERR_NETWORK, "%s: %s answers with status %ld%s%s%s%s", what, r->from, r->status, *code ? " " : "", code,
         r->error_text[0] ? ": " : "", r->error_text);
}

int net_get_json(const struct hub_net *n, json_t **out, const char *url, const char *what, const char *page,
                 struct web_reply *r, struct err *e)
{
    struct hub_net brief = *n; /* nothing is lost yet: who is offline shall hear so soon */
    struct buf text = {0};
    int rc;
    if (brief.tries > JSON_TRIES) brief.tries = JSON_TRIES;
    *out = NULL;
    for (int failures = 1;; failures++) {
        rc = web_get_text(n->http, url, n->token, JSON_BYTES_MAX, &text, r, e);
        if (!rc && r->status >= 200 && r->status < 300) break;
        if ((rc && !r->broken) || (!rc && !web_may_retry(r))) {
            if (!rc) rc = net_refused(n, r, what, page, e);
            break;
        }
        if (!rc) net_refused(n, r, what, page, e);
        rc = net_wait(&brief, failures, r, e);
        if (rc) break;
    }
    if (!rc && r->page) rc = net_refused(n, r, what, page, e);
    if (!rc) rc = json_parse(out, text.data ? text.data : "", text.len, r->from, e);
    buf_free(&text);
    return rc;
}
