/* One request, hop by hop. */
#include "hub/web.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/mem.h"
#include "sys/clock.h"

enum { SITE_MAX = 300, RECEIVE_BUFFER = 256 << 10, REDIRECT_BODY_MAX = 1 << 20, TOKEN_MAX = 2000 };

struct web {
    CURL *curl;
    struct web_options o;
};

/* State of one hop. */
struct hop {
    struct web *h;
    const struct web_request *q;
    struct web_reply *r;
    struct err *e;
    int rc;      /* what begin or body said */
    bool begun;
    bool failed; /* a header that matters is too long */
    bool stalled;
    uint64_t skipped;
    curl_off_t got; /* bytes of the body, when they last became more */
    double since;   /* and when that was */
    char location[HUB_URL_MAX];
};

int web_open(struct web **out, const struct web_options *o, struct err *e)
{
    *out = NULL;
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (rc != CURLE_OK)
        FAIL(e, rc == CURLE_OUT_OF_MEMORY ? ERR_MEMORY : ERR_NETWORK, "libcurl cannot be started: %s", curl_easy_strerror(rc));
    struct web *h = mem_alloc(sizeof *h);
    if (h) h->curl = curl_easy_init();
    if (!h || !h->curl) {
        web_close(h);
        FAIL(e, ERR_MEMORY, "out of memory for a connection");
    }
    h->o = *o;
    *out = h;
    return OK;
}

void web_close(struct web *h)
{
    if (!h) return;
    curl_easy_cleanup(h->curl);
    mem_free(h);
}

/* ---- addresses ---- */

static CURLU *url_parse(const char *url)
{
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK) return u;
    curl_url_cleanup(u);
    return NULL;
}

/* "https://host:443" of url; false when it is no address of http or https. */
static bool url_site(const char *url, char scheme[8], char host[SITE_MAX], char site[SITE_MAX])
{
    CURLU *u = url_parse(url);
    char *s = NULL, *h = NULL, *p = NULL;
    bool ok = u && curl_url_get(u, CURLUPART_SCHEME, &s, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &h, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &p, CURLU_DEFAULT_PORT) == CURLUE_OK;
    ok = ok && (!strcmp(s, "https") || !strcmp(s, "http")) && strlen(h) > 0 && strlen(h) < SITE_MAX - 20;
    if (ok) {
        snprintf(scheme, 8, "%s", s);
        snprintf(host, SITE_MAX, "%s", h);
        snprintf(site, SITE_MAX, "%s://%s:%s", s, h, p);
    }
    curl_free(s);
    curl_free(h);
    curl_free(p);
    curl_url_cleanup(u);
    return ok;
}

static bool host_is_here(const char *host)
{
    bool digits = strspn(host, "0123456789.") == strlen(host); /* 127.example.org is elsewhere */
    return (digits && !strncmp(host, "127.", 4)) || !strcasecmp(host, "localhost") || !strcmp(host, "[::1]");
}

bool web_url_ok(const char *url)
{
    char scheme[8], host[SITE_MAX], site[SITE_MAX];
    return url_site(url, scheme, host, site);
}

bool web_same_site(const char *a, const char *b)
{
    char scheme[8], host[SITE_MAX], site_a[SITE_MAX], site_b[SITE_MAX];
    return url_site(a, scheme, host, site_a) && url_site(b, scheme, host, site_b) && !strcasecmp(site_a, site_b);
}

bool web_is_private(const char *url)
{
    char scheme[8], host[SITE_MAX], site[SITE_MAX];
    return url_site(url, scheme, host, site) && (!strcmp(scheme, "https") || host_is_here(host));
}

int web_follow(char out[HUB_URL_MAX], const char *url, const char *location, struct err *e)
{
    char from[8], to[8], host[SITE_MAX], site[SITE_MAX], *full = NULL;
    CURLU *u = url_parse(url);
    bool ok = u && curl_url_set(u, CURLUPART_URL, location, CURLU_DISALLOW_USER) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK && strlen(full) < HUB_URL_MAX;
    if (ok) snprintf(out, HUB_URL_MAX, "%s", full);
    curl_free(full);
    curl_url_cleanup(u);
    if (!ok || !url_site(out, to, host, site) || !url_site(url, from, host, site))
        FAIL(e, ERR_NETWORK, "%.200s: redirect to \"%.200s\", expected an address of http or https", url, location);
    if (!strcmp(from, "https") && strcmp(to, "https") != 0)
        FAIL(e, ERR_NETWORK, "%.200s: redirect from https to \"%.200s\", which is not encrypted: refused", url,
             location);
    return OK;
}

void web_add_path(struct buf *b, const char *s, bool keep_slashes)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    for (; *s; s++) {
        if (strchr(plain, *s) || (keep_slashes && *s == '/')) buf_add_byte(b, *s);
        else buf_printf(b, "%%%02X", (unsigned char)*s);
    }
}

/* ---- headers ---- */

static int64_t number(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n == 0 || n > 18 || s[n + strspn(s + n, " \t")] ? -1 : strtoll(s, NULL, 10);
}

/* An entity tag without W/ and quotes. Only printable ASCII is kept: it may become a part of a message. */
static void keep_field(char out[WEB_FIELD], const char *s, bool tag)
{
    size_t n = 0;
    if (tag && !strncmp(s, "W/", 2)) s += 2;
    for (; *s && n < WEB_FIELD - 1; s++)
        if (*s >= 0x20 && *s < 0x7f && !(tag && *s == '"')) out[n++] = *s;
    out[n] = 0;
}

/* Content-Range: bytes FIRST-LAST/TOTAL, or bytes * /TOTAL with 416. */
static void keep_range(struct web_reply *r, const char *s)
{
    long long first, last, total;
    if (sscanf(s, "bytes %18lld-%18lld/%18lld", &first, &last, &total) == 3 && first >= 0 && last >= first &&
        total > last) {
        r->range_first = first;
        r->range_total = total;
    } else if (sscanf(s, "bytes */%18lld", &total) == 1 && total >= 0) {
        r->range_total = total;
    }
}

/* Link: <ADDRESS>; rel="next", ... */
static void keep_next(struct web_reply *r, const char *s)
{
    for (const char *at = strchr(s, '<'); at; at = strchr(at + 1, '<')) {
        size_t n = strcspn(at + 1, ">"), rest = strcspn(at + 1 + n, ",<");
        const char *rel = memmem(at + 1 + n, rest, "rel=\"next\"", 10);
        if (rel && at[1 + n] == '>' && n < sizeof r->next) {
            memcpy(r->next, at + 1, n);
            r->next[n] = 0;
            return;
        }
    }
}

static void keep_header(struct hop *p, const char *name, const char *v)
{
    struct web_reply *r = p->r;
    if (!strcasecmp(name, "content-length")) r->length = number(v);
    else if (!strcasecmp(name, "content-range")) keep_range(r, v);
    else if (!strcasecmp(name, "content-type")) r->page = !strncasecmp(v, "text/html", 9);
    else if (!strcasecmp(name, "retry-after")) r->retry_after = number(v);
    else if (!strcasecmp(name, "etag")) keep_field(r->etag, v, true);
    else if (!strcasecmp(name, "x-error-code")) keep_field(r->error_code, v, false);
    else if (!strcasecmp(name, "x-error-message")) keep_field(r->error_text, v, false);
    else if (!strcasecmp(name, "x-repo-commit") && !r->moved && !r->commit[0]) keep_field(r->commit, v, false);
    else if (!strcasecmp(name, "x-linked-etag") && !r->moved && !r->linked_etag[0]) keep_field(r->linked_etag, v, true);
    else if (!strcasecmp(name, "x-linked-size") && !r->moved && r->linked_size < 0) r->linked_size = number(v);
    else if (!strcasecmp(name, "link")) keep_next(r, v);
    else if (!strcasecmp(name, "location"))
        p->failed |= (size_t)snprintf(p->location, sizeof p->location, "%s", v) >= sizeof p->location;
}

/* What belongs to one reply, as opposed to the chain. */
static void reply_clear(struct web_reply *r)
{
    r->status = 0;
    r->page = false;
    r->length = r->range_first = r->range_total = r->retry_after = -1;
    r->etag[0] = r->error_code[0] = r->error_text[0] = r->next[0] = 0;
}

static size_t on_header(char *data, size_t one, size_t n, void *ctx)
{
    struct hop *p = ctx;
    char line[HUB_URL_MAX + 100];
    (void)one;
    size_t len = n < sizeof line ? n : sizeof line - 1;
    memcpy(line, data, len);
    line[len] = 0;
    line[strcspn(line, "\r\n")] = 0;
    if (!strncmp(line, "HTTP/", 5)) { /* also after an interim reply */
        const char *code = strchr(line, ' ');
        reply_clear(p->r);
        p->location[0] = 0;
        p->r->status = code ? strtol(code, NULL, 10) : 0;
        return n;
    }
    char *colon = strchr(line, ':');
    if (colon) {
        *colon++ = 0;
        keep_header(p, line, colon + strspn(colon, " \t"));
    }
    return n;
}

/* ---- bodies ---- */

static bool is_redirect(const struct hop *p)
{
    long s = p->r->status;
    return p->location[0] && (s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

static int begin(struct hop *p)
{
    if (p->begun || p->r->status < 200 || p->r->status > 299) return OK;
    p->begun = true;
    return p->q->begin ? p->q->begin(p->q->ctx, p->r, p->e) : OK;
}

static size_t on_body(char *data, size_t one, size_t n, void *ctx)
{
    struct hop *p = ctx;
    (void)one;
    if (p->r->status < 200 || p->r->status > 299) {
        p->skipped += n; /* the text of an error or redirect: only read, so that the connection can be used again */
        return p->skipped > REDIRECT_BODY_MAX ? 0 : n;
    }
    p->rc = begin(p);
    if (!p->rc) p->rc = p->q->body(p->q->ctx, data, n, p->e);
    return p->rc ? 0 : n;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct hop *p = ctx;
    (void)a, (void)c, (void)d;
    if (p->h->o.stop && p->h->o.stop(p->h->o.stop_ctx)) return 1;
    if (b != p->got || p->since <= 0) {
        p->got = b;
        p->since = clock_seconds();
    }
    p->stalled = clock_seconds() - p->since > p->h->o.stall_seconds;
    return p->stalled;
}

/* ---- requests ---- */

static const char *proxy_for(const struct web *h, const char *url)
{
    char scheme[8], host[SITE_MAX], site[SITE_MAX];
    if (!url_site(url, scheme, host, site) || host_is_here(host)) return NULL;
    return !strcmp(scheme, "https") ? h->o.proxy_https : h->o.proxy_http;
}

static int set_options(struct hop *p, const char *url, struct curl_slist *headers, char *why)
{
    const struct web_options *o = &p->h->o;
    CURL *c = p->h->curl;
    const char *proxy = proxy_for(p->h, url);
    int bad = 0;
    curl_easy_reset(c); /* keeps the connections */
#if LIBCURL_VERSION_NUM >= 0x075500
    bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    bad |= curl_easy_setopt(c, CURLOPT_URL, url);
    bad |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, o->agent ? o->agent : "autarky");
    bad |= curl_easy_setopt(c, CURLOPT_PROXY, proxy ? proxy : ""); /* "": the library must not ask the environment */
    bad |= curl_easy_setopt(c, CURLOPT_NOPROXY, o->no_proxy ? o->no_proxy : "");
    if (o->ca_file) bad |= curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)o->connect_seconds);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, p);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, p);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    return bad;
}

static struct curl_slist *add_header(struct curl_slist *list, bool *ok, const char *line)
{
    struct curl_slist *more = curl_slist_append(list, line);
    if (more) return more;
    *ok = false;
    return list;
}

static struct curl_slist *make_headers(const struct hop *p, const char *token, bool *ok)
{
    char line[TOKEN_MAX + 40];
    struct curl_slist *list =
        add_header(NULL, ok, "Accept-Encoding: identity"); /* the size and hash are of the plain bytes */
    if (p->q->from > 0) {
        snprintf(line, sizeof line, "Range: bytes=%" PRIu64 "-", p->q->from);
        list = add_header(list, ok, line);
    }
    if (token && strlen(token) < TOKEN_MAX) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", token);
        list = add_header(list, ok, line);
    }
    return list;
}

static int failed(struct hop *p, CURLcode code, const char *why, struct err *e)
{
    struct web_reply *r = p->r;
    if (p->rc) return p->rc;
    if (p->stalled) {
        r->broken = true;
        FAIL(e, ERR_NETWORK, "%s: nothing came for %d s", r->from, p->h->o.stall_seconds);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) FAIL(e, ERR_INTERRUPTED, "%s: stopped", r->from);
    if (code == CURLE_OUT_OF_MEMORY) FAIL(e, ERR_MEMORY, "%s: out of memory", r->from);
    if (code == CURLE_WRITE_ERROR) FAIL(e, ERR_NETWORK, "%s: the text of status %ld is too long", r->from, r->status);
    r->broken = code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE &&
                code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL;
    FAIL(e, ERR_NETWORK, "%s: %s", r->from, *why ? why : curl_easy_strerror(code));
}

/* One request to url; the reply is in r, p->location tells whether to go on. */
static int one_hop(struct hop *p, const char *url, const char *token, struct err *e)
{
    char why[CURL_ERROR_SIZE] = "";
    bool ok = true;
    struct curl_slist *headers = make_headers(p, token, &ok);
    reply_clear(p->r);
    snprintf(p->r->from, sizeof p->r->from, "%.*s", (int)strcspn(url, "?#"), url);
    if (!ok || set_options(p, url, headers, why)) {
        curl_slist_free_all(headers);
        FAIL(e, ERR_MEMORY, "%s: the request cannot be made", p->r->from);
    }
    CURLcode code = curl_easy_perform(p->h->curl);
    curl_easy_reset(p->h->curl); /* it must not keep pointers into this frame */
    curl_slist_free_all(headers);
    if (code != CURLE_OK) return failed(p, code, why, e);
    if (p->failed)
        FAIL(e, ERR_NETWORK, "%s: redirect to an address of more than %d bytes", p->r->from, HUB_URL_MAX - 1);
    return begin(p); /* a good reply without body has not been told of yet */
}

int web_get(struct web *h, const struct web_request *q, struct web_reply *r, struct err *e)
{
    char url[HUB_URL_MAX], next[HUB_URL_MAX];
    const char *token = q->token && web_is_private(q->url) ? q->token : NULL;
    *r = (struct web_reply){.linked_size = -1};
    if (snprintf(url, sizeof url, "%s", q->url) >= (int)sizeof url || !web_url_ok(url))
        FAIL(e, ERR_USAGE, "\"%.200s\" is no address of http or https without a user name", q->url);
    for (r->hops = 0;; r->hops++) {
        struct hop p = {.h = h, .q = q, .r = r, .e = e};
        TRY(one_hop(&p, url, token, e));
        if (!is_redirect(&p)) return OK;
        if (r->hops == WEB_HOPS) FAIL(e, ERR_NETWORK, "%.200s: more than %d redirects", q->url, WEB_HOPS);
        TRY(web_follow(next, url, p.location, e));
        if (!web_same_site(next, q->url)) {
            r->moved = true;
            token = NULL; /* for good: a host in between must not be able to send it anywhere */
        }
        memcpy(url, next, sizeof url);
    }
}

struct text_sink {
    struct buf *out;
    size_t max;
    const struct web_reply *r;
};

static int add_text(void *ctx, const void *data, size_t n, struct err *e)
{
    struct text_sink *t = ctx;
    if (n > t->max - t->out->len) FAIL(e, ERR_LIMIT, "%s: the answer is longer than %zu bytes", t->r->from, t->max);
    buf_add(t->out, data, n);
    return buf_check(t->out, "an answer of a server", e);
}

int web_get_text(struct web *h, const char *url, const char *token, size_t max, struct buf *out, struct web_reply *r,
                  struct err *e)
{
    struct text_sink t = {out, max, r};
    struct web_request q = {.url = url, .token = token, .body = add_text, .ctx = &t};
    buf_clear(out);
    return web_get(h, &q, r, e);
}

bool web_may_retry(const struct web_reply *r)
{
    return r->broken || r->status == 408 || r->status == 429 ||
           (r->status >= 500 && r->status != 501 && r->status < 600);
}
