/* The server of check_hub: sockets, routes, faults. */
#include "tests/hub_server.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "hub/digest.h"
#include "sys/clock.h"

enum { FILES_MAX = 64, REQUEST_MAX = 8192, HUGE_PAGE = 2000 };

struct stored {
    char repo[100], path[400], hash[HUB_HASH], sha256[SHA256_HEX]; /* hash: the name on the hub */
    const uint8_t *data;
    size_t size;
    bool large;
};

struct hub_server {
    int fd[2], port[2]; /* hub, store */
    char url[2][64];
    pthread_t thread[2];
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t idle;
    int connections;
    bool stopping;
    struct stored files[FILES_MAX];
    int n, page;
    char commit[100];
    struct fault_plan plan;
    struct server_seen seen;
};

struct request {
    struct hub_server *s;
    int fd, side; /* 0 hub, 1 store */
    char path[4096]; /* with the query, percent-decoding is not needed for our names */
    bool token, ranged, head;
    uint64_t range;
    struct fault_plan fault; /* FAULT_NONE when it is not for this request */
};

/* ---- writing ---- */

static bool send_all(struct request *q, const void *data, size_t n)
{
    for (const char *p = data; n > 0;) {
        ssize_t k = send(q->fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static void reply(struct request *q, const char *status, const char *headers, const char *body)
{
    char head[4096];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status,
                     strlen(body), headers);
    if (send_all(q, head, (size_t)n) && !q->head) send_all(q, body, strlen(body));
}

static void reply_json(struct request *q, const char *headers, struct buf *b)
{
    char more[1024];
    snprintf(more, sizeof more, "Content-Type: application/json; charset=utf-8\r\n%s", headers);
    reply(q, "200 OK", more, b->data ? b->data : "");
}

static void not_found(struct request *q, const char *status, const char *code)
{
    char h[200];
    snprintf(h, sizeof h, "X-Error-Code: %s\r\nX-Error-Message: %s\r\nContent-Type: text/plain\r\n", code, code);
    reply(q, status, h, "no");
}

/* ---- files ---- */

/* The body of f from q->range on, with what the fault does to it. */
static void send_file(struct request *q, const struct stored *f)
{
    enum fault kind = q->fault.kind;
    size_t at = q->fault.at, from = q->ranged ? (size_t)q->range : 0, size = f->size;
    char head[512], range[120] = "";
    if (kind == FAULT_NO_RANGE) from = 0;
    if (kind == FAULT_BAD_RANGE && from > 0) from--;
    if (from > size || (from == size && from > 0) || (kind == FAULT_416 && q->ranged)) {
        snprintf(head, sizeof head, "Content-Range: bytes */%zu\r\n", size);
        reply(q, "416 Range Not Satisfiable", head, "");
        return;
    }
    bool part = q->ranged && kind != FAULT_NO_RANGE;
    if (part) snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", from, size - 1, size);
    size_t length = size - from, extra = kind == FAULT_LONG ? 10 : 0;
    bool no_length = kind == FAULT_LONG && at == 0; /* the end of the connection is the end of the body */
    int n =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nConnection: close\r\nETag: \"%s\"\r\nAccept-Ranges: bytes\r\n%s",
                 part ? "206 Partial Content" : "200 OK", f->hash, range);
    if (!no_length) n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n", length + extra);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    if (!send_all(q, head, (size_t)n) || q->head) return;
    size_t end = size, step = kind == FAULT_SLOW ? at : 16384;
    bool cut = (kind == FAULT_BREAK || kind == FAULT_STALL || (kind == FAULT_NO_RANGE && at > 0)) && from + at < size;
    if (cut) end = from + at;
    for (size_t i = from; i < end; i += step) {
        uint8_t block[65536];
        size_t k = end - i < step ? end - i : step;
        if (k > sizeof block) k = sizeof block;
        memcpy(block, f->data + i, k);
        if (kind == FAULT_CORRUPT && at >= i && at < i + k) block[at - i] ^= 1;
        if (!send_all(q, block, k)) return;
        pthread_mutex_lock(&q->s->lock);
        q->s->seen.sent += k;
        pthread_mutex_unlock(&q->s->lock);
        if (kind == FAULT_SLOW) clock_sleep(0.01);
    }
    if (extra) send_all(q, "0123456789", extra);
    if (kind == FAULT_STALL && cut) {
        struct pollfd p = {.fd = q->fd, .events = POLLIN};
        poll(&p, 1, 10000); /* until the client gives up */
    }
}

static const struct stored *find(struct request *q, const char *repo, size_t repo_len, const char *path)
{
    for (int i = 0; i < q->s->n; i++) {
        const struct stored *f = &q->s->files[i];
        if (strlen(f->repo) == repo_len && !strncmp(f->repo, repo, repo_len) && (!path || !strcmp(f->path, path)))
            return f;
    }
    return NULL;
}

static const struct stored *find_hash(struct request *q, const char *hash)
{
    for (int i = 0; i < q->s->n; i++)
        if (!strncmp(q->s->files[i].hash, hash, strlen(q->s->files[i].hash))) return &q->s->files[i];
    return NULL;
}

static bool simple_fault(struct request *q)
{
    char h[200];
    switch (q->fault.kind) {
    case FAULT_BUSY:
        snprintf(h, sizeof h, "Retry-After: %zu\r\n", q->fault.at);
        reply(q, "429 Too Many Requests", h, "later");
        return true;
    case FAULT_500:
        reply(q, "500 Internal Server Error", "", "oh");
        return true;
    case FAULT_PAGE:
        reply(q, "200 OK", "Content-Type: text/html; charset=utf-8\r\n",
              "<html><body>Please log in to this network</body></html>");
        return true;
    case FAULT_EXPIRED:
        reply(q, "403 Forbidden", "", "signature expired");
        return true;
    default:
        return false;
    }
}

/* ---- routes of the store ---- */

static void serve_store(struct request *q)
{
    const struct stored *f = strncmp(q->path, "/blob/", 6) == 0 ? find_hash(q, q->path + 6) : NULL;
    char h[300];
    if (!f || !f->data[0]) { /* only claimed */
        not_found(q, "404 Not Found", "EntryNotFound");
    } else if (q->fault.kind == FAULT_PING_PONG) {
        snprintf(h, sizeof h, "Location: %s/back/%s\r\n", q->s->url[0], f->hash);
        reply(q, "302 Found", h, "");
    } else if (!simple_fault(q)) {
        send_file(q, f);
    }
}

/* ---- routes of the hub ---- */

static void json_str(struct buf *b, const char *s)
{
    buf_add_byte(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20) buf_printf(b, "\\u%04x", (unsigned char)*s);
        else buf_add_byte(b, *s);
    }
    buf_add_byte(b, '"');
}

static void hf_entry(struct buf *b, const struct stored *f)
{
    buf_add_str(b, "{\"type\":\"file\",\"path\":");
    json_str(b, f->path);
    if (f->large)
        buf_printf(b,
                   ",\"size\":%zu,\"oid\":\"%040d\",\"lfs\":{\"oid\":\"%s\",\"size\":%zu,\"pointerSize\":134},"
                   "\"xetHash\":\"%064d\"}",
                   f->size, 7, f->hash, f->size, 9);
    else buf_printf(b, ",\"size\":%zu,\"oid\":\"%s\"}", f->size, f->hash);
}

/* A list without an end, for a repository called huge/list. */
static void huge_list(struct request *q)
{
    struct buf b = {0};
    char next[300];
    int page = 0;
    const char *at = strstr(q->path, "cursor=");
    if (at) page = (int)strtol(at + 7, NULL, 10);
    buf_add_byte(&b, '[');
    for (int i = 0; i < HUGE_PAGE; i++)
        buf_printf(&b, "%s{\"type\":\"file\",\"path\":\"f%d-%d.gguf\",\"size\":1,\"oid\":\"%040d\"}", i ? "," : "",
                   page, i, 1);
    buf_add_byte(&b, ']');
    snprintf(next, sizeof next, "Link: <%s/api/models/huge/list/tree/x?recursive=true&cursor=%d>; rel=\"next\"\r\n",
             q->s->url[0], page + 1);
    reply_json(q, next, &b);
    buf_free(&b);
}

static void hf_tree(struct request *q, const char *repo, size_t n)
{
    struct buf b = {0};
    char next[400] = "";
    int from = 0, seen = 0, given = 0;
    const char *at = strstr(q->path, "cursor=");
    if (at) from = (int)strtol(at + 7, NULL, 10);
    buf_add_str(&b, from ? "[" : "[{\"type\":\"directory\",\"path\":\"sub\",\"size\":0,\"oid\":\"0\"}");
    for (int i = 0; i < q->s->n; i++) {
        const struct stored *f = &q->s->files[i];
        if (strlen(f->repo) != n || strncmp(f->repo, repo, n) != 0 || seen++ < from) continue;
        if (q->s->page && given == q->s->page) {
            /* as some mirrors do: the address names the origin, which must not be asked */
            snprintf(
                next, sizeof next,
                "Link: <https://origin.invalid/api/models/%.*s/tree/%s?recursive=true&cursor=%d>; rel=\"next\"\r\n",
                (int)n, repo, q->s->commit, seen - 1);
            break;
        }
        if (b.data[b.len - 1] == '}') buf_add_byte(&b, ',');
        hf_entry(&b, f);
        given++;
    }
    buf_add_byte(&b, ']');
    q->s->seen.pages++;
    reply_json(q, next, &b);
    buf_free(&b);
}

static void ms_files(struct request *q, const char *repo, size_t n)
{
    struct buf b = {0};
    bool first = true;
    buf_add_str(&b, "{\"Code\":200,\"Success\":true,\"Message\":\"success\",\"Data\":{\"Files\":[");
    for (int i = 0; i < q->s->n; i++) {
        const struct stored *f = &q->s->files[i];
        if (strlen(f->repo) != n || strncmp(f->repo, repo, n) != 0) continue;
        buf_printf(&b, "%s{\"Type\":\"blob\",\"IsLFS\":%s,\"Size\":%zu,\"Sha256\":\"%s\",\"Path\":", first ? "" : ",",
                   f->large ? "true" : "false", f->size, f->sha256);
        json_str(&b, f->path);
        buf_add_byte(&b, '}');
        first = false;
    }
    buf_add_str(&b, "]}}");
    reply_json(q, "", &b);
    buf_free(&b);
}

static void resolve(struct request *q, const struct stored *f)
{
    char h[5000], where[4200];
    enum fault kind = q->fault.kind;
    q->s->seen.resolves++;
    if (f->large) snprintf(where, sizeof where, "%s/blob/%s?sig=secret", q->s->url[1], f->hash);
    else snprintf(where, sizeof where, "/api/resolve-cache/%s", f->hash);
    if (kind == FAULT_LOOP) snprintf(where, sizeof where, "%s", q->path);
    if (kind == FAULT_SCHEME) snprintf(where, sizeof where, "ftp://127.0.0.1/x");
    if (kind == FAULT_USER)
        snprintf(where, sizeof where, "http://user:secret@127.0.0.1:%d/blob/%s", q->s->port[1], f->hash);
    snprintf(h, sizeof h, "Location: %s\r\nX-Repo-Commit: %s\r\nX-Linked-Etag: \"%s\"\r\nX-Linked-Size: %zu\r\n", where,
             kind == FAULT_OTHER_COMMIT ? "ffffffffffffffffffffffffffffffffffffffff" : q->s->commit,
             kind == FAULT_OTHER_HASH ? "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" : f->hash,
             f->size);
    reply(q, f->large ? "302 Found" : "307 Temporary Redirect", h, "moved");
}

static void serve_api(struct request *q, char *rest)
{
    char *verb = strstr(rest, "/revision/"), *tree = strstr(rest, "/tree/"), *at = verb ? verb : tree;
    size_t n = at ? (size_t)(at - rest) : 0;
    struct buf b = {0};
    if (!strncmp(rest, "gated/", 6)) {
        not_found(q, "403 Forbidden", "GatedRepo");
    } else if (!strncmp(rest, "huge/list/tree", 14)) {
        huge_list(q);
    } else if (!at || (!find(q, rest, n, NULL) && strncmp(rest, "huge/list", 9) != 0)) {
        not_found(q, "401 Unauthorized", "RepoNotFound");
    } else if (tree && !verb) {
        hf_tree(q, rest, n);
    } else if (!strcmp(verb, "/revision/nope")) {
        not_found(q, "404 Not Found", "RevisionNotFound");
    } else {
        buf_printf(&b, "{\"id\":\"%.*s\",\"sha\":\"%s\",\"gated\":false,\"siblings\":[]}", (int)n, rest, q->s->commit);
        reply_json(q, "", &b);
        buf_free(&b);
    }
}

static void serve_modelscope(struct request *q, char *rest)
{
    char *files = strstr(rest, "/repo/files?"), *one = strstr(rest, "/repo?"), *path = strstr(rest, "FilePath=");
    size_t n = files ? (size_t)(files - rest) : one ? (size_t)(one - rest) : 0;
    const struct stored *f = NULL;
    if (files && find(q, rest, n, NULL)) {
        ms_files(q, rest, n);
        return;
    }
    if (one && path) f = find(q, rest, n, path + 9);
    if (f) resolve(q, f);
    else reply(q, "404 Not Found", "Content-Type: application/json\r\n", "{\"Code\":10010205001,\"Success\":false}");
}

static void serve_hub(struct request *q)
{
    char *at = strstr(q->path, "/resolve/");
    const struct stored *f = NULL;
    if (simple_fault(q)) return;
    if (!strncmp(q->path, "/api/v1/models/", 15)) {
        serve_modelscope(q, q->path + 15);
    } else if (!strncmp(q->path, "/api/models/", 12)) {
        serve_api(q, q->path + 12);
    } else if (!strncmp(q->path, "/api/resolve-cache/", 19) || !strncmp(q->path, "/back/", 6)) {
        f = find_hash(q, strrchr(q->path, '/') + 1);
        if (f) send_file(q, f);
        else not_found(q, "404 Not Found", "EntryNotFound");
    } else if (!strncmp(q->path, "/file/", 6)) {
        for (int i = 0; i < q->s->n && !f; i++)
            if (!strcmp(q->s->files[i].path, q->path + 6)) f = &q->s->files[i];
        if (f) send_file(q, f);
        else not_found(q, "404 Not Found", "");
    } else if (at) {
        char *path = strchr(at + 9, '/');
        f = path ? find(q, q->path + 1, (size_t)(at - q->path - 1), path + 1) : NULL;
        if (f) resolve(q, f);
        else not_found(q, "404 Not Found", "EntryNotFound");
    } else {
        not_found(q, "404 Not Found", "");
    }
}

/* ---- connections ---- */

/* Which requests a fault is about: those for bytes, unless it says which. */
static bool concerns(const struct request *q, const struct fault_plan *p)
{
    bool bytes = q->side == 1 || strstr(q->path, "/api/resolve-cache/") || strstr(q->path, "/file/") ||
                 strstr(q->path, "/back/");
    if (p->kind == FAULT_NONE || p->times == 0) return false;
    if (p->only) return strstr(q->path, p->only) != NULL;
    if (p->kind >= FAULT_LOOP && p->kind <= FAULT_OTHER_HASH) return strstr(q->path, "/resolve/") != NULL;
    if (p->kind == FAULT_EXPIRED || p->kind == FAULT_PING_PONG) return q->side == 1;
    return bytes;
}

static void parse(struct request *q, char *text)
{
    char *end = strstr(text, "\r\n"), *range = strcasestr(text, "\r\nrange: bytes=");
    q->head = !strncmp(text, "HEAD ", 5); /* the hub's own library asks so; curl does not */
    sscanf(text, q->head ? "HEAD %4095s" : "GET %4095s", q->path);
    if (!end) return;
    q->token = strcasestr(end, "\r\nauthorization: bearer ") != NULL;
    q->ranged = range != NULL;
    if (range) q->range = strtoull(range + 15, NULL, 10);
}

static void *serve(void *ctx)
{
    struct request *q = ctx;
    struct hub_server *s = q->s;
    char text[REQUEST_MAX + 1];
    size_t n = 0;
    while (n < REQUEST_MAX) {
        ssize_t k = recv(q->fd, text + n, REQUEST_MAX - n, 0);
        if (k <= 0) break;
        n += (size_t)k;
        text[n] = 0;
        if (strstr(text, "\r\n\r\n")) break;
    }
    text[n] = 0;
    parse(q, text);
    pthread_mutex_lock(&s->lock);
    *(q->side ? &s->seen.store : &s->seen.hub) += 1;
    if (q->token) *(q->side ? &s->seen.store_tokens : &s->seen.hub_tokens) += 1;
    if (q->ranged) {
        s->seen.ranges++;
        s->seen.last_range = q->range;
    }
    if (concerns(q, &s->plan)) {
        q->fault = s->plan;
        if (s->plan.times > 0) s->plan.times--;
    }
    pthread_mutex_unlock(&s->lock);
    if (q->path[0]) q->side ? serve_store(q) : serve_hub(q);
    shutdown(q->fd, SHUT_WR);
    close(q->fd);
    mem_free(q);
    pthread_mutex_lock(&s->lock);
    s->connections--;
    pthread_cond_signal(&s->idle);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void *accept_loop(void *ctx)
{
    struct request *first = ctx; /* tells server and side */
    struct hub_server *s = first->s;
    int side = first->side;
    mem_free(first);
    for (;;) {
        int fd = accept(s->fd[side], NULL, NULL);
        pthread_mutex_lock(&s->lock);
        bool stop = s->stopping;
        if (!stop && fd >= 0) s->connections++;
        pthread_mutex_unlock(&s->lock);
        if (stop) {
            if (fd >= 0) close(fd);
            return NULL;
        }
        if (fd < 0) continue;
        struct request *q = mem_alloc(sizeof *q);
        pthread_t t;
        *q = (struct request){.s = s, .fd = fd, .side = side};
        if (pthread_create(&t, NULL, serve, q) == 0) pthread_detach(t);
    }
}

static bool listen_on(struct hub_server *s, int side)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    s->fd[side] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd[side] < 0 || bind(s->fd[side], (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd[side], 64) != 0)
        return false;
    if (getsockname(s->fd[side], (struct sockaddr *)&a, &n) != 0) return false;
    s->port[side] = ntohs(a.sin_port);
    snprintf(s->url[side], sizeof s->url[side], "http://127.0.0.1:%d", s->port[side]);
    struct request *first = mem_alloc(sizeof *first);
    *first = (struct request){.s = s, .side = side};
    return pthread_create(&s->thread[side], NULL, accept_loop, first) == 0;
}

/* ---- interface ---- */

struct hub_server *server_start(void)
{
    struct hub_server *s = mem_alloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    snprintf(s->commit, sizeof s->commit, "1234567890abcdef1234567890abcdef12345678");
    if (listen_on(s, 0) && listen_on(s, 1)) return s;
    mem_free(s);
    return NULL;
}

void server_stop(struct hub_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < 2; i++) {
        shutdown(s->fd[i], SHUT_RDWR);
        pthread_join(s->thread[i], NULL);
        close(s->fd[i]);
    }
    pthread_mutex_lock(&s->lock);
    while (s->connections > 0) pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    mem_free(s);
}

const char *server_hub(const struct hub_server *s) { return s->url[0]; }
const char *server_store(const struct hub_server *s) { return s->url[1]; }

void server_add(struct hub_server *s, const char *repo, const char *path, const void *data, size_t size, bool large)
{
    struct digest *d = NULL;
    char like[HUB_HASH] = "";
    struct stored f = {.data = data, .size = size, .large = large};
    if (s->n == FILES_MAX) return;
    snprintf(f.repo, sizeof f.repo, "%s", repo);
    snprintf(f.path, sizeof f.path, "%s", path);
    memset(like, '0', large ? 64 : 40);
    if (digest_new(&d, like, size, NULL) == 0) {
        digest_add(d, data, size);
        digest_hex(d, f.hash);
        digest_free(d);
    }
    sha256_of(data, size, f.sha256, NULL);
    pthread_mutex_lock(&s->lock);
    s->files[s->n++] = f;
    pthread_mutex_unlock(&s->lock);
}

void server_claim(struct hub_server *s, const char *repo, const char *path, size_t size)
{
    server_add(s, repo, path, "", 0, true);
    pthread_mutex_lock(&s->lock);
    s->files[s->n - 1].size = size;
    pthread_mutex_unlock(&s->lock);
}

void server_set_commit(struct hub_server *s, const char *commit)
{
    snprintf(s->commit, sizeof s->commit, "%s", commit);
}
void server_set_page(struct hub_server *s, int entries) { s->page = entries; }

void server_fault(struct hub_server *s, struct fault_plan plan)
{
    pthread_mutex_lock(&s->lock);
    s->plan = plan;
    pthread_mutex_unlock(&s->lock);
}

struct server_seen server_seen(struct hub_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct server_seen seen = s->seen;
    s->seen = (struct server_seen){0};
    pthread_mutex_unlock(&s->lock);
    return seen;
}
