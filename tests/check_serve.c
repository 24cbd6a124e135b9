/* The server as a whole, as a client sees it: the shipped model behind a port, answers equal to those of `autarky run`, clients
 * that go away, processes that are killed, an orderly end. */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include "base/checked.h"
#include "base/mem.h"
#include "tests/serve_fixture.h"

enum { CLIENTS = 12 };

/* A request of OpenAI's chat with everything that decides the answer. */
static void chat_body(char out[400], int i, bool stream)
{
    static const char *const prompts[] = {"Tell me a story about a cat.", "Who is Tom?", "What is in the box?", "Say hello."};
    snprintf(out, 400, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"max_tokens\":%d,\"seed\":%d,\"temperature\":0.8,"
                       "\"stream\":%s}", prompts[i % 4], 20 + 5 * (i % 5), i, stream ? "true" : "false");
}

/* What `autarky run` answers to the same. */
static void run_alone(struct buf *out, int i)
{
    char body[400], prompt[100], seed[12], most[12];
    chat_body(body, i, false);
    const char *at = strstr(body, "content\":\"") + 10;
    snprintf(prompt, sizeof prompt, "%.*s", (int)strcspn(at, "\""), at);
    snprintf(seed, sizeof seed, "%d", i);
    snprintf(most, sizeof most, "%d", 20 + 5 * (i % 5));
    const char *args[] = {program, "run", MODEL, prompt, "--seed", seed, "-n", most, "--temp", "0.8", "--json", NULL};
    int fd[2];
    CHECK(pipe(fd) == 0, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(SECONDS);
        setenv("HOME", dir, 1);
        dup2(fd[1], 1);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 2);
        for (int k = 3; k < 64; k++) close(k);
        execv(program, (char *const *)(uintptr_t)args);
        _exit(126);
    }
    close(fd[1]);
    struct buf text = {0};
    char part[4096];
    ssize_t n;
    while ((n = read(fd[0], part, sizeof part)) > 0) buf_add(&text, part, (size_t)n);
    close(fd[0]);
    waitpid(pid, NULL, 0);
    json_t *v = json_loadb(text.len ? text.data : "", text.len, 0, NULL);
    const char *s = json_string_value(json_object_get(v, "text"));
    CHECK(s != NULL, "autarky run printed %.300s", text.data);
    buf_clear(out);
    buf_add_str(out, s ? s : "");
    json_decref(v);
    buf_free(&text);
}

/* The text of a reply, or of the chunks of a stream. */
static void text_of(struct buf *out, const char *body, bool stream)
{
    buf_clear(out);
    buf_add_str(out, "");
    if (!stream) {
        json_t *v = json_loads(body, 0, NULL);
        json_t *m = json_object_get(json_array_get(json_object_get(v, "choices"), 0), "message");
        const char *s = json_string_value(json_object_get(m, "content"));
        buf_add_str(out, s ? s : "(none)");
        json_decref(v);
        return;
    }
    for (const char *at = body; (at = strstr(at, "data: ")); at++) {
        json_t *v = json_loads(at + 6, JSON_DISABLE_EOF_CHECK, NULL);
        json_t *d = json_object_get(json_array_get(json_object_get(v, "choices"), 0), "delta");
        const char *s = json_string_value(json_object_get(d, "content"));
        if (s) buf_add_str(out, s);
        json_decref(v);
    }
}

/* ---- tests ---- */

/* Alone and beside eleven others, whole and as a stream, every answer is that of the command line. */
static void test_same(void)
{
    struct buf want[CLIENTS] = {{0}}, body, text = {0};
    char request[400];
    int fd[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) run_alone(&want[i], i);
    for (int way = 0; way < 3; way++) {
        bool stream = way == 1;
        for (int i = 0; i < CLIENTS; i++) {
            chat_body(request, i, stream);
            fd[i] = ask("POST", "/v1/chat/completions", request);
            if (way < 2) continue;
            CHECK(answer(fd[i], &body) == 200, "request %d alone: %.300s", i, body.data);
            text_of(&text, body.data, stream);
            CHECK(!strcmp(text.data, want[i].data), "request %d alone: \"%s\", run says \"%s\"", i, text.data, want[i].data);
            buf_free(&body);
        }
        for (int i = 0; i < CLIENTS && way < 2; i++) {
            CHECK(answer(fd[i], &body) == 200, "request %d: %.300s", i, body.data);
            text_of(&text, body.data, stream);
            CHECK(!strcmp(text.data, want[i].data), "request %d%s: \"%s\", run says \"%s\"", i, stream ? ", streamed" : "",
                  text.data,
                  want[i].data);
            CHECK(!stream || strstr(body.data, "data: [DONE]"), "a stream ends with its mark");
            buf_free(&body);
        }
    }
    for (int i = 0; i < CLIENTS; i++) buf_free(&want[i]);
    buf_free(&text);
}

static void test_refused(void)
{
    static const struct {
        const char *method, *path, *headers, *body;
        int status;
    } cases[] = {
        {"GET", "/health", "Host: localhost\r\n", NULL, 200},
        {"GET", "/v1/models", "Host: evil.example\r\n", NULL, 421},
        {"POST", "/v1/chat/completions", "Host: localhost\r\nOrigin: https://evil.example\r\n", "{}", 403},
        {"POST", "/v1/chat/completions", "Host: localhost\r\n", "{\"messages\":", 400},
        {"POST", "/v1/chat/completions", "Host: localhost\r\n", "{\"messages\":[]}", 400},
        {"POST", "/v1/chat/completions", "Host: localhost\r\n",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"model\":\"no\"}", 404},
        {"POST", "/v1/chat/completions", "Host: localhost\r\n",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"top_p\":7}", 400},
        {"GET", "/nowhere", "Host: localhost\r\n", NULL, 404},
        {"GET", "/v1/chat/completions", "Host: localhost\r\n", NULL, 405},
    };
    struct buf body;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = answer(ask_with(cases[i].method, cases[i].path, cases[i].headers, cases[i].body), &body);
        CHECK(status == cases[i].status, "%s %s: %d, expected %d: %.200s", cases[i].method, cases[i].path, status,
              cases[i].status,
              body.data);
        buf_free(&body);
    }
    struct buf b = {0};
    buf_add_str(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 600; i++) buf_add_str(&b, "cat and ");
    buf_add_str(&b, "\"}]}");
    CHECK(answer(ask("POST", "/v1/chat/completions", b.data), &body) == 400, "a prompt that is too long");
    CHECK(strstr(body.data, "context_length_exceeded") && strstr(body.data, "1024"), "it tells the figures: %.300s", body.data);
    buf_free(&body);
    buf_free(&b);
}

static json_t *post(const char *path, const char *body, int want)
{
    struct buf reply;
    int status = answer(ask("POST", path, body), &reply);
    json_t *v = json_loads(reply.data, 0, NULL);
    CHECK(status == want && v, "%s: %d: %.300s", path, status, reply.data);
    buf_free(&reply);
    return v;
}

static json_t *at(json_t *v, const char *list, const char *name)
{
    return json_object_get(json_array_get(json_object_get(v, list), 0), name);
}

/* Answers in a shape, whatever the model would like to say. */
static void test_shapes(void)
{
    static const char *const shapes[] = {
        "{\"type\":\"json_object\"}",
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
        "\"integer\",\"minimum\":3,\"maximum\":9},\"s\":{\"type\":\"string\",\"maxLength\":5}},\"required\":[\"n\",\"s\"],"
        "\"additionalProperties\":false}}}",
    };
    for (int i = 0; i < 8; i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"Give me JSON.\"}],\"seed\":%d,"
                       "\"max_tokens\":200,\"temperature\":1,\"response_format\":%s}", i, shapes[i % 2]);
        json_t *v = post("/v1/chat/completions", b.data, 200);
        const char *text = json_string_value(json_object_get(at(v, "choices", "message"), "content"));
        const char *why = json_string_value(at(v, "choices", "finish_reason"));
        json_t *got = json_loads(text ? text : "", 0, NULL);
        bool whole = why && !strcmp(why, "stop");
        CHECK(!whole || json_is_object(got), "an answer that is an object: %s", text);
        if (whole && i % 2) {
            json_int_t n = json_integer_value(json_object_get(got, "n"));
            CHECK(n >= 3 && n <= 9 && json_is_string(json_object_get(got, "s")) && json_object_size(got) == 2, "a schema: %s",
                  text);
        }
        CHECK(i % 2 == 0 || whole, "a short shape comes to its end: %s, %s", why, text);
        json_decref(got);
        json_decref(v);
        buf_free(&b);
    }
    json_decref(post("/v1/chat/completions",
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"response_format\":{\"type\":"
                     "\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"nothing\"}}}}", 400));
}

/* A call that is demanded comes, whatever the model would like to say; streamed it is the same. */
static void test_calls(void)
{
    for (int i = 0; i < 4; i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello.\"}],\"seed\":%d,\"max_tokens\":600,"
                       "\"temperature\":1,\"tool_choice\":%s,\"parallel_tool_calls\":false,\"tools\":[{\"type\":\"function\",\"function\":{"
                       "\"name\":\"look\",\"parameters\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":5}},"
                       "\"required\":[\"n\"],\"additionalProperties\":false}}},{\"type\":\"function\",\"function\":{\"name\":\"wait\"}}]}",
                   i, i % 2 ? "\"required\"" : "{\"type\":\"function\",\"function\":{\"name\":\"look\"}}");
        json_t *v = post("/v1/chat/completions", b.data, 200);
        json_t *call = json_object_get(json_array_get(json_object_get(at(v, "choices", "message"), "tool_calls"), 0),
                                       "function");
        const char *name = json_string_value(json_object_get(call, "name")), *why = json_string_value(at(v, "choices",
                "finish_reason"));
        const char *text = json_string_value(json_object_get(call, "arguments"));
        json_t *arguments = json_loads(text ? text : "", 0, NULL);
        CHECK(name && why && !strcmp(why, "tool_calls") && (!strcmp(name, "look") || (i % 2 && !strcmp(name, "wait"))),
              "call %d: %s, %s",
              i, name, why);
        json_int_t n = json_integer_value(json_object_get(arguments, "n"));
        CHECK(name && (strcmp(name, "look") != 0 || (n >= 1 && n <= 5)), "call %d: arguments %s", i, text);
        json_decref(arguments);
        json_decref(v);
        buf_free(&b);
    }
}

/* Prompts that are told with how likely they were; several answers; vectors; counts. */
static void test_others(void)
{
    json_t *v = post("/v1/completions",
                     "{\"prompt\":\"The cat sat\",\"max_tokens\":1,\"logprobs\":1,\"echo\":true,\"temperature\":0}", 200);
    json_t *lp = at(v, "choices", "logprobs"), *nats = json_object_get(lp, "token_logprobs");
    CHECK(json_array_size(nats) > 3 && json_is_null(json_array_get(nats, 0)) && json_real_value(json_array_get(nats, 1)) < 0,
          "echo");
    json_t *w = post("/v1/completions",
                     "{\"prompt\":\"The cat sat\",\"max_tokens\":0,\"logprobs\":1,\"echo\":true,\"temperature\":0}", 200);
    json_t *less = json_object_get(at(w, "choices", "logprobs"), "token_logprobs");
    CHECK(json_array_size(less) + 1 == json_array_size(nats), "with no token to write: %zu numbers", json_array_size(less));
    CHECK(json_equal(json_array_get(less, 1), json_array_get(nats, 1)), "the same numbers");
    json_decref(v);
    json_decref(w);
    v = post("/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a story.\"}],\"n\":3,\"seed\":5,"
             "\"max_tokens\":12,\"temperature\":1}", 200);
    CHECK(json_array_size(json_object_get(v, "choices")) == 3, "three answers");
    json_decref(v);
    v = post("/v1/embeddings", "{\"input\":[\"a cat\",\"a dog\"]}", 200);
    json_t *vector = at(v, "data", "embedding");
    double length = 0;
    for (size_t i = 0; i < json_array_size(vector); i++) {
        double x = json_real_value(json_array_get(vector, i));
        length += x * x;
    }
    CHECK(json_array_size(json_object_get(v, "data")) == 2 && fabs(length - 1) < 1e-4, "two vectors of length 1: %g", length);
    json_decref(v);
    v = post("/tokenize", "{\"content\":\"a cat\"}", 200);
    CHECK(json_array_size(json_object_get(v, "tokens")) > 0, "tokens of a text");
    json_decref(v);
}

/* Clients go away in the middle of streams: their places are free again, and others are not disturbed. */
static void test_gone(void)
{
    char request[400];
    struct buf body, want = {0}, text = {0};
    run_alone(&want, 3);
    for (int round = 0; round < 5; round++) {
        int fd[8];
        for (int i = 0; i < 8; i++) {
            chat_body(request, i, true);
            fd[i] = ask("POST", "/v1/chat/completions", request);
        }
        char part[200];
        for (int i = 0; i < 8; i++) {
            if (i == 3) continue;
            if (i % 2 && read(fd[i], part, sizeof part) < 0) CHECK(false, "read: %s", strerror(errno));
            close(fd[i]);
        }
        CHECK(answer(fd[3], &body) == 200, "beside those that went away");
        text_of(&text, body.data, true);
        CHECK(!strcmp(text.data, want.data), "beside those that went away: \"%s\", run says \"%s\"", text.data, want.data);
        buf_free(&body);
    }
    CHECK(has_said("the client went away", 10), "the log tells it: %s", said.data);
    buf_free(&want);
    buf_free(&text);
}

/* The worker is killed under a request: that one gets an error, the next one an answer from a new worker. */
static void test_crash(void)
{
    char request[400];
    struct buf body;
    pid_t worker = worker_of(server);
    CHECK(worker > 0, "the server has a worker");
    if (worker <= 0) return;
    kill(worker, SIGSTOP);
    chat_body(request, 1, false);
    int fd = ask("POST", "/v1/chat/completions", request);
    clock_sleep(0.2);
    kill(worker, SIGKILL);
    CHECK(answer(fd, &body) == 500 && strstr(body.data, "killed by signal 9"), "a request whose worker dies: %.300s",
          body.data);
    buf_free(&body);
    CHECK(answer(ask("POST", "/v1/chat/completions", request), &body) == 200, "the next one: %.300s", body.data);
    buf_free(&body);
    CHECK(worker_of(server) != worker, "by another worker");
    CHECK(get("/health", &body) == 200, "the server lives");
    buf_free(&body);
}

/* Told to end: what is under way comes to its end, new requests are refused, nothing is left. */
static void test_ending(void)
{
    char request[400];
    struct buf body;
    pid_t worker = worker_of(server);
    chat_body(request, 2, true);
    int fd = ask("POST", "/v1/chat/completions", request);
    char first[16];
    CHECK(read(fd, first, sizeof first) > 0, "the stream began");
    int status = end_server(SIGTERM);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    int rest = answer(fd, &body);
    (void)rest;
    CHECK(dial() < 0, "nobody listens");
    CHECK(kill(worker, 0) < 0 && errno == ESRCH, "no worker is left");
    buf_free(&body);
}

/* The front is killed: its worker does not stay. */
static void test_killed(void)
{
    start_server();
    pid_t worker = worker_of(server);
    end_server(SIGKILL);
    double end = clock_seconds() + 10;
    while (kill(worker, 0) == 0 && clock_seconds() < end) clock_sleep(0.05);
    CHECK(kill(worker, 0) < 0, "the worker is still there");
}

/* Tokens of the prompt, and those that were not evaluated for it; returns those of the answer. */
static int64_t count_prompt(const char *body, int64_t *prompt, int64_t *cached, struct buf *text)
{
    json_t *v = post("/v1/chat/completions", body, 200), *usage = json_object_get(v, "usage");
    const char *s = NULL;
    *prompt = json_integer_value(json_object_get(usage, "prompt_tokens"));
    *cached = json_integer_value(json_object_get(json_object_get(usage, "prompt_tokens_details"), "cached_tokens"));
    json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &s);
    buf_clear(text);
    buf_add_str(text, s ? s : "");
    int64_t written = json_integer_value(json_object_get(usage, "completion_tokens"));
    json_decref(v);
    return written;
}

/* What was evaluated is found again, by a later run too, and changes no answer. */
static void test_kept(void)
{
    static const char *const first = "{\"messages\":[{\"role\":\"user\",\"content\":\"Where did the old dog go last night?\"}],"
                                     "\"max_tokens\":12,\"seed\":4}";
    struct buf text = {0}, again = {0}, next = {0};
    int64_t prompt, cached;
    start_server();
    count_prompt(first, &prompt, &cached, &text);
    CHECK(prompt > 8 && cached < prompt - 4, "%d of %d tokens are new", (int)(prompt - cached), (int)prompt);
    int64_t written = count_prompt(first, &prompt, &cached, &again);
    CHECK(written > 2 && cached == prompt - 1, "all but the last is found: %d of %d", (int)cached, (int)prompt);
    CHECK(again.len == text.len && !strcmp(again.data, text.data), "\"%s\", then \"%s\"", text.data, again.data);
    json_t *m = json_pack("{s:[{s:s,s:s},{s:s,s:s},{s:s,s:s}],s:i}", "messages", "role", "user", "content",
                          "Where did the old dog go last night?", "role", "assistant", "content", text.data, "role", "user",
                          "content", "And then?", "max_tokens", 4);
    char body[1000];
    body[json_dumpb(m, body, sizeof body - 1, 0)] = 0;
    int64_t before = prompt;
    count_prompt(body, &prompt, &cached, &next);
    CHECK(cached >= before + written - 1, "the answer is found too: %d of %d", (int)cached, (int)prompt);
    CHECK(has_said("loaded", 1), "it is up");
    clock_sleep(0.5); /* what is kept is written when there is nothing else to do */
    end_server(SIGTERM);
    start_server();
    count_prompt(first, &prompt, &cached, &again);
    CHECK(cached == prompt - 1, "in a later run: %d of %d", (int)cached, (int)prompt);
    CHECK(again.len == text.len && !strcmp(again.data, text.data), "\"%s\", later \"%s\"", text.data, again.data);
    end_server(SIGTERM);
    json_decref(m);
    buf_free(&text);
    buf_free(&again);
    buf_free(&next);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_begin(argv[0]);
    start_server();
    test_same();
    test_refused();
    test_shapes();
    test_calls();
    test_others();
    test_gone();
    test_crash();
    test_ending();
    test_killed();
    test_kept();
    buf_free(&said);
    folder_remove();
    return test_end();
}
