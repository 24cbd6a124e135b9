/* The server with keys, as clients see it: every route with every kind of key, limits, revoking, what is counted and
 * written down,
 * other addresses. */
#include <jansson.h>
#include <sys/un.h>
#include "api/api.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "serve/audit.h"
#include "serve/gate.h"
#include "tests/serve_fixture.h"

enum { ALL = 1u << API_LOOK | 1u << API_ASK | 1u << API_MANAGE | 1u << API_METRICS };

static char keys_path[PATH_MAX];

/* ---- keys ---- */

static void new_key(char text[KEY_TEXT], struct key *k)
{
    struct db d;
    struct err e;
    if (k->weight == 0) k->weight = 1;
    snprintf(k->name, sizeof k->name, "somebody");
    if (!k->tenant[0]) snprintf(k->tenant, sizeof k->tenant, "somebody");
    CHECK_OK(key_make(text, k, clock_unix_ns() / 1000000000, &e), &e);
    CHECK_OK(keys_open(&d, keys_path, DB_WRITE, &e), &e);
    CHECK_OK(keys_add(&d, k, &e), &e);
    db_close(&d);
}

static void key_of(char text[KEY_TEXT], unsigned scopes) { new_key(text, &(struct key){.scopes = scopes}); }

static void revoke_key(const char *id)
{
    struct db d;
    struct err e;
    CHECK_OK(keys_open(&d, keys_path, DB_WRITE, &e), &e);
    CHECK_OK(keys_revoke(&d, id, clock_unix_ns() / 1000000000, &e), &e);
    db_close(&d);
}

static int ask_as(const char *key, const char *method, const char *path, const char *json, struct buf *body)
{
    char headers[300];
    snprintf(headers, sizeof headers, "Host: localhost\r\n%s%s%s", key ? "Authorization: Bearer " : "", key ? key : "",
             key ? "\r\n" : "");
    return answer(ask_with(method, path, headers, json), body);
}

static int status_as(const char *key, const char *method, const char *path, const char *json)
{
    struct buf body;
    int status = ask_as(key, method, path, json, &body);
    buf_free(&body);
    return status;
}

/* ---- the matrix ---- */

static int64_t fixed_now(void *ctx)
{
    (void)ctx;
    return 0;
}
static void no_random(void *ctx, void *out, size_t n)
{
    (void)ctx;
    memset(out, 0, n);
}

/* What the table of routes says. */
static enum api_scope scope_of(const char *method, const char *path)
{
    struct api_env env = {.version = "0", .now = fixed_now, .random = no_random};
    struct api_request r = {.method = method, .path = path};
    struct api_answer a;
    struct api_fault f;
    CHECK(api_open(&a, &env, &r, &f), "%s %s is no route", method, path);
    enum api_scope s = a.scope;
    api_free(&a);
    return s;
}

static void try_route(const char *method, const char *path, const char *const *keys, const unsigned *scopes, size_t n)
{
    char one[100];
    const char *hole = strchr(path, '{');
    if (hole) {
        snprintf(one, sizeof one, "%.*sfirst", (int)(hole - path), path);
        path = one;
    }
    enum api_scope s = scope_of(method, path);
    const char *json = strcmp(method, "GET") ? "{\"model\":\"nobody\"}" : NULL;
    for (size_t i = 0; i < n; i++) {
        struct buf body;
        int got = ask_as(keys[i], method, path, json, &body);
        if (got == 403 && !strstr(body.data, "this key may")) got = 200; /* refused for another reason than the key */
        buf_free(&body);
        bool open = s == API_PUBLIC, knows = scopes[i] != 0, may = scopes[i] & 1u << s;
        bool good = open || may ? got != 401 && got != 403 && got >= 200 : got == (knows ? 403 : 401);
        CHECK(good, "%s %s, scope %d, key %zu (scopes %x): %d", method, path, s, i, scopes[i], got);
    }
}

static void test_matrix(void)
{
    char text[8][KEY_TEXT];
    struct key expired = {.scopes = ALL, .expires = 1000}, revoked = {.scopes = ALL, .revoked = 1000}, unknown;
    struct err e;
    const char *keys[11] = {NULL, "", "autarky_"};
    unsigned scopes[11] = {0};
    const char *method, *path, *what;
    size_t n = 3, routes = 0;
    CHECK_OK(key_make(text[0], &unknown, 0, &e), &e);
    new_key(text[1], &expired);
    new_key(text[2], &revoked);
    key_of(text[3], 1u << API_LOOK);
    key_of(text[4], 1u << API_ASK);
    key_of(text[5], 1u << API_MANAGE);
    key_of(text[6], 1u << API_METRICS);
    key_of(text[7], ALL);
    for (int i = 0; i < 8; i++) {
        scopes[n] = i < 3 ? 0 : i == 7 ? ALL : 1u << (API_LOOK + i - 3);
        keys[n++] = text[i];
    }
    clock_sleep(1);
    for (; api_route_at(routes, &method, &path, &what); routes++) try_route(method, path, keys, scopes, n);
    try_route("POST", "/v1/chat/completions", keys, scopes, n);
    try_route("POST", "/anthropic/v1/messages", keys, scopes, n);
    for (size_t i = 0; i < n; i++) {
        CHECK(status_as(keys[i], "GET", "/nowhere", NULL) == (scopes[i] ? 404 : 401), "no route, key %zu", i);
        CHECK(status_as(keys[i], "GET", "/v1/chat/completions", NULL) == (scopes[i] ? 405 : 401), "no method, key %zu", i);
    }
    fprintf(stderr, "%zu routes with %zu kinds of keys\n", routes + 4, n);
}

/* Refusals look as the client expects them; a key may come in either header, in whatever case. */
static void test_shapes(void)
{
    char key[KEY_TEXT], headers[300];
    struct buf body;
    static const struct {
        const char *path, *words;
    } shapes[] = {{"/v1/chat/completions", "\"code\":\"invalid_api_key\""},
                  {"/v1/messages", "{\"type\":\"error\",\"error\":{\"message\""},
                  {"/api/chat", "{\"error\":\""}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        CHECK(ask_as(NULL, "POST", shapes[i].path, "{}", &body) == 401 && strstr(body.data, shapes[i].words), "%s: %s",
              shapes[i].path, body.data);
        buf_free(&body);
    }
    key_of(key, ALL);
    clock_sleep(1);
    static const char *const forms[] = {"Authorization: Bearer %s\r\n", "authorization: bearer   %s\r\n", "X-Api-Key: %s\r\n",
                                        "Authorization: Bearer other\r\nx-api-key: %s\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        int n = snprintf(headers, sizeof headers, "Host: localhost\r\n");
        snprintf(headers + n, sizeof headers - (size_t)n, forms[i], key);
        CHECK(answer(ask_with("GET", "/v1/models", headers, NULL), &body) == 200, "%s: %s", headers, body.data);
        buf_free(&body);
    }
}

/* ---- what a key may ---- */

static const char chat[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a story.\"}],\"max_tokens\":8}";

static void test_models(void)
{
    char some[KEY_TEXT], all[KEY_TEXT];
    struct buf body;
    new_key(some, &(struct key){.scopes = ALL, .models = "other,qwen*"});
    new_key(all, &(struct key){.scopes = ALL, .models = "fir*"});
    clock_sleep(1);
    CHECK(ask_as(some, "GET", "/v1/models", NULL, &body) == 200 && !strstr(body.data, "first"), "it sees %s", body.data);
    buf_free(&body);
    CHECK(status_as(some, "POST", "/v1/chat/completions", chat) == 404, "it gets an answer");
    CHECK(ask_as(all, "GET", "/v1/models", NULL, &body) == 200 && strstr(body.data, "first"), "it sees %s", body.data);
    buf_free(&body);
    CHECK(status_as(all, "POST", "/v1/chat/completions", chat) == 200, "it gets no answer");
}

static void test_limits(void)
{
    char key[KEY_TEXT], headers[300];
    struct buf body, all = {0};
    char part[2048];
    ssize_t n;
    new_key(key, &(struct key){.scopes = ALL, .requests_minute = 3});
    clock_sleep(1);
    for (int i = 0; i < 3; i++) CHECK(status_as(key, "POST", "/v1/chat/completions", chat) == 200, "request %d", i);
    snprintf(headers, sizeof headers, "Host: localhost\r\nAuthorization: Bearer %s\r\n", key);
    int fd = ask_with("POST", "/v1/chat/completions", headers, chat);
    while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0) buf_add(&all, part, (size_t)n);
    close(fd);
    CHECK(all.data && strstr(all.data, " 429 ") && (strstr(all.data, "etry-After: 20") || strstr(all.data, "etry-after: 20") ||
              strstr(all.data, "etry-After: 19") || strstr(all.data, "etry-after: 19")), "the fourth: %s", all.data);
    buf_free(&all);
    CHECK(status_as(key, "GET", "/v1/models", NULL) == 200, "lists are not counted");
    new_key(key, &(struct key){.scopes = ALL, .tokens_day = 5});
    clock_sleep(1);
    CHECK(status_as(key, "POST", "/v1/chat/completions", chat) == 200, "the first of the day");
    CHECK(ask_as(key, "POST", "/v1/chat/completions", chat, &body) == 429 && strstr(body.data, "tokens a day"), "%s", body.data);
    buf_free(&body);
}

/* A stream is under way: a second request of the same key does not fit; the key is revoked and the stream ends. */
static void test_revoked(void)
{
    char text[KEY_TEXT], headers[300];
    struct key k = {.scopes = ALL, .concurrency = 1};
    struct buf body;
    static const char endless[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a story.\"}],\"max_tokens\":400,"
                                  "\"ignore_eos\":true,\"stream\":true}";
    new_key(text, &k);
    clock_sleep(1);
    pid_t worker = worker_of(server);
    snprintf(headers, sizeof headers, "Host: localhost\r\nAuthorization: Bearer %s\r\n", text);
    kill(worker, SIGSTOP); /* so that it stays under way */
    int fd = ask_with("POST", "/v1/chat/completions", headers, endless);
    clock_sleep(0.2);
    CHECK(status_as(text, "POST", "/v1/chat/completions", chat) == 429, "a second one at once");
    revoke_key(k.id);
    double began = clock_seconds();
    int status = answer(fd, &body);
    double took = clock_seconds() - began;
    kill(worker, SIGCONT);
    CHECK(status == 401 && took < 1, "a request whose key is revoked: %d after %.2f s: %s", status, took, body.data);
    buf_free(&body);
    CHECK(status_as(text, "POST", "/v1/chat/completions", chat) == 401, "the next one");
}

/* Whoever goes away before the end has used what was computed all the same. */
static void test_gone(char id[KEY_ID])
{
    char text[KEY_TEXT], headers[300], part[2000];
    struct key k = {.scopes = ALL};
    new_key(text, &k);
    clock_sleep(1);
    snprintf(headers, sizeof headers, "Host: localhost\r\nx-api-key: %s\r\n", text);
    int fd = ask_with("POST", "/v1/chat/completions", headers,
                      "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a story.\"}],\"max_tokens\":300,\"ignore_eos\":true,\"stream\":true}");
    CHECK(read(fd, part, sizeof part) > 0, "the stream began");
    close(fd);
    snprintf(id, KEY_ID, "%s", k.id);
}

static int on_usage(void *ctx, const char *id, int64_t day, const struct usage *u, struct err *e)
{
    struct account *a = ctx;
    (void)day, (void)e;
    if (!strcmp(id, a->id)) a->fresh = *u;
    return OK;
}

static void test_counted(const char *id)
{
    char path[PATH_MAX + 8];
    struct account a = {0};
    struct db d = {0};
    struct err e;
    snprintf(path, sizeof path, "%s.usage", keys_path);
    snprintf(a.id, sizeof a.id, "%s", id);
    CHECK_OK(db_open(&d, path, DB_READ, &e), &e);
    CHECK_OK(meter_each(&d, 0, on_usage, &a, &e), &e);
    CHECK(a.fresh.requests == 1 && a.fresh.prompt > 0 && a.fresh.answer > 0, "%lld requests, %lld and %lld tokens",
          (long long)a.fresh.requests, (long long)a.fresh.prompt, (long long)a.fresh.answer);
    db_close(&d);
}

/* ---- logs ---- */

/* Every line is JSON, no line has a word of what was said or a key; the chain is whole, also behind a SIGKILL. */
static void test_logs(const char *log, const char *audit, size_t least)
{
    struct err e;
    struct audit_report r;
    char *text = NULL;
    size_t len, lines = 0;
    CHECK_OK(file_read(&text, &len, log, 16 << 20, &e), &e);
    CHECK(text && !strstr(text, "story") && !strstr(text, "autarky_"), "the log has content");
    for (char *s = text, *end; s && *s; s = end + 1, lines++) {
        json_t *v = NULL;
        end = strchr(s, '\n');
        if (!end) break;
        CHECK(!json_parse(&v, s, (size_t)(end - s), "a line", &e) && json_object_get(v, "status"), "%.*s", (int)(end - s), s);
        json_decref(v);
    }
    CHECK(lines > least, "%zu lines", lines);
    mem_free(text);
    CHECK_OK(audit_verify(&r, audit, &e), &e);
    CHECK(r.lines > (int64_t)least && r.checked_to > 0, "%lld lines, checked to %lld", (long long)r.lines,
          (long long)r.checked_to);
}

/* ---- other addresses ---- */

static int exit_of(const char *const *args)
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(SECONDS);
        setenv("HOME", dir, 1);
        unsetenv("XDG_DATA_HOME");
        dup2(open("/dev/null", O_WRONLY), 2);
        execv(program, (char *const *)(uintptr_t)args);
        _exit(126);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_addresses(void)
{
    const char *none = in_dir("none.db"), *sock = in_dir("socket");
    struct buf body;
    CHECK(exit_of((const char *[]){program, "serve", MODEL, "--host", "0.0.0.0", "--port", "0", NULL}) == 2, "keys without TLS");
    CHECK(exit_of((const char *[]){program, "serve", MODEL, "--host", "*", "--port", "0", NULL}) == 2, "keys without TLS, any");
    CHECK(exit_of((const char *[]){program, "serve", MODEL, "--keys", none, "--port", "0", NULL}) == 3,
          "keys that are not there");
    CHECK(exit_of((const char *[]){program, "serve", MODEL, "--tls-cert", none, "--port", "0", NULL}) == 2, "half of TLS");
    start_server_with((const char *[]){"--unix", sock, NULL});
    CHECK(has_said("unix:", 5), "%s", said.data);
    port = 0;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", sock);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0, "connect: %s", strerror(errno));
    static const char get_health[] = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    CHECK(write(fd, get_health, sizeof get_health - 1) > 0 && answer(fd, &body) == 401,
          "over the socket, without a key: %s", body.data);
    buf_free(&body);
    end_server(SIGTERM);
}

/* The file of keys is gone: after some seconds nobody is let in; it comes again, and they are. */
static void test_lost(void)
{
    char key[KEY_TEXT], away[PATH_MAX + 8];
    key_of(key, ALL);
    clock_sleep(1);
    CHECK(status_as(key, "GET", "/v1/models", NULL) == 200, "the key");
    snprintf(away, sizeof away, "%s.away", keys_path);
    CHECK(rename(keys_path, away) == 0, "rename");
    CHECK(has_said("no keys count any more", 15) && status_as(key, "GET", "/v1/models", NULL) == 401, "without a file: %s",
          said.data);
    CHECK(rename(away, keys_path) == 0, "rename");
    clock_sleep(1);
    CHECK(status_as(key, "GET", "/v1/models", NULL) == 200, "the file is there again");
}

int main(int argc, char **argv)
{
    char log[PATH_MAX], audit[PATH_MAX], id[KEY_ID], key[KEY_TEXT], folder[PATH_MAX];
    struct err e;
    (void)argc;
    fixture_begin(argv[0]);
    snprintf(keys_path, sizeof keys_path, "%s/.local/share/autarky/keys.db", dir);
    CHECK_OK(path_dir(folder, sizeof folder, keys_path, &e), &e);
    CHECK_OK(file_mkdirs(folder, &e), &e);
    snprintf(log, sizeof log, "%s", in_dir("log"));
    snprintf(audit, sizeof audit, "%s", in_dir("audit"));
    key_of(key, ALL);
    const char *logs[] = {"--log", log, "--audit", audit, NULL};
    start_server_with(logs);
    test_matrix();
    test_shapes();
    test_models();
    test_limits();
    test_revoked();
    test_gone(id);
    clock_sleep(0.5);
    end_server(SIGTERM);
    test_counted(id);
    test_logs(log, audit, 300);
    start_server_with(logs);
    kill(server, SIGHUP);
    CHECK(has_said("reading keys", 5), "HUP: %s", said.data);
    CHECK(status_as(key, "GET", "/v1/models", NULL) == 200, "after HUP");
    test_lost();
    end_server(SIGKILL);
    start_server_with(logs);
    CHECK(status_as(key, "GET", "/v1/models", NULL) == 200, "after SIGKILL");
    end_server(SIGTERM);
    test_logs(log, audit, 300);
    test_addresses();
    buf_free(&said);
    folder_remove();
    return test_end();
}
