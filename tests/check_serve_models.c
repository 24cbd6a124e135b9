/* Several models: presets, places, idle ones, names. */
#include <jansson.h>
#include "base/checked.h"
#include "cli/presets.h"
#include "tests/serve_fixture.h"

static void test_presets(void)
{
    static const struct {
        const char *text, *words; /* NULL: good; else what the message says */
    } cases[] = {
        {"{\"models\":[{\"model\":\"a\"}]}", NULL},
        {"{\"models\":[{\"model\":\"a\",\"id\":\"x\",\"aliases\":[\"y\",\"z*\"],\"options\":[\"--ctx\",\"9\"],\"pinned\":true,\"load\":true}]}",
         NULL},
        {"{\"models\":[]}", "1 to 64"},
        {"[]", "expected"},
        {"{\"models\":[{\"id\":\"x\"}]}", "model is missing"},
        {"{\"models\":[{\"model\":\"\"}]}", "model is missing"},
        {"{\"models\":[{\"model\":\"a\",\"idd\":\"x\"}]}", "no member \"idd\""},
        {"{\"models\":[{\"model\":\"a\",\"id\":\"x/y\"}]}", "id: expected"},
        {"{\"models\":[{\"model\":\"a\",\"id\":\"\"}]}", "id: expected"},
        {"{\"models\":[{\"model\":\"a\",\"aliases\":\"x\"}]}", "expected a list"},
        {"{\"models\":[{\"model\":\"a\",\"options\":[1]}]}", "options[0]"},
        {"{\"models\":[{\"model\":\"a\",\"pinned\":1}]}", "pinned"},
        {"{\"models\":[{\"model\":\"a\"}],\"more\":1}", "no member \"more\""},
        {"{\"models\":[7]}", "expected an object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct presets p;
        struct err e = {0};
        int rc = presets_parse(&p, cases[i].text, strlen(cases[i].text), "presets", &e);
        CHECK(cases[i].words ? rc && strstr(e.msg, cases[i].words) : !rc && p.n == 1, "%s: %s", cases[i].text, e.msg);
        presets_free(&p);
    }
}

static int ask_model(const char *model)
{
    struct buf body;
    char request[300];
    snprintf(request, sizeof request,
             "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":4}", model);
    int status = answer(ask("POST", "/v1/chat/completions", request), &body);
    buf_free(&body);
    return status;
}

static bool said_of(const char *id, const char *words)
{
    char line[200];
    snprintf(line, sizeof line, "%s: %s", id, words);
    return has_said(line, 20);
}

int main(int argc, char **argv)
{
    struct err e;
    static const char presets[] =
        "{\"models\":[{\"id\":\"b\",\"model\":\"" MODEL "\",\"options\":[\"--ctx\",\"256\"],\"aliases\":[\"gpt-*\"]},"
        "{\"id\":\"c\",\"model\":\"" MODEL "\"},{\"id\":\"d\",\"model\":\"" MODEL "\",\"pinned\":true}]}";
    (void)argc;
    test_presets();
    fixture_begin(argv[0]);
    const char *file = in_dir("presets.json");
    CHECK_OK(file_replace(file, presets, sizeof presets - 1, &e), &e);
    start_server_with((const char *[]){"--models", file, "--max-loaded", "2", "--idle", "2", NULL});
    CHECK(ask_model("gpt-whatever") == 200 && said_of("b", "loaded in") && has_said("context of 256", 1), "%s", said.data);
    CHECK(ask_model("c") == 200 && said_of("first", "unloaded, another model needs its place"), "%s", said.data);
    CHECK(ask_model("d") == 200 && said_of("b", "unloaded, another"), "%s", said.data);
    CHECK(ask_model("nobody") == 404, "a model that is not there");
    CHECK(said_of("c", "unloaded, nobody has used it"), "%s", said.data);
    buf_clear(&said);
    CHECK(!has_said("d: unloaded", 3), "a pinned model is unloaded");
    CHECK(ask_model("c") == 200, "again");
    pid_t worker = 0;
    char text[64] = "", path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", server, server);
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && read(fd, text, sizeof text - 1) < 0) text[0] = 0;
    close(fd);
    for (char *s = text; *s; s = *s ? s + 1 : s) worker = (pid_t)strtol(s, &s, 10); /* the youngest */
    CHECK(worker > 0, "no worker: %s", text);
    kill(worker, SIGSTOP);
    int waits = ask("POST", "/v1/chat/completions",
                    "{\"model\":\"c\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":4}");
    clock_sleep(0.2);
    CHECK(ask_model("b") == 503, "no place is free");
    kill(worker, SIGCONT);
    struct buf body;
    CHECK(answer(waits, &body) == 200, "the one that has its place: %s", body.data);
    buf_free(&body);
    CHECK(ask_model("b") == 200, "now there is one");
    end_server(SIGTERM);
    buf_free(&said);
    folder_remove();
    return test_end();
}
