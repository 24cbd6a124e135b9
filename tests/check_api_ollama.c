/* Ollama's interface, and embeddings. */
#include "tests/api_script.h"

static struct script s;

static const struct turn *sent(const char *path, const char *body)
{
    script_send(&s, "POST", path, body);
    CHECK(s.a.task == API_TURNS && s.a.n_turns > 0, "%s: %s", body, script_out(&s));
    return s.a.n_turns ? &s.a.turn[0] : NULL;
}

#define CHAT "{\"model\":\"toy-135m:latest\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define LINE                                                                                                           \
    "{\"model\":\"toy-135m:latest\",\"created_at\":\"2025-11-30T10:53:20.123456789Z\",\"message\":{\"role\":"          \
    "\"assistant\","

static void check_chat(void)
{
    const struct turn *t =
        sent("/api/chat",
             CHAT ",\"think\":\"low\",\"format\":\"json\",\"keep_alive\":\"1h30m\",\"options\":{\"num_predict\":"
                  "-2,\"temperature\":0.5,\"stop\":[\"x\"],\"num_gpu\":99,\"num_ctx\":100000,\"seed\":1}}");
    CHECK(s.a.stream && t->chat.thinking == CHAT_THINK_ON && t->chat.effort == CHAT_EFFORT_LOW &&
              t->shape == TURN_JSON && t->max_tokens == -1 && t->n_stops == 1 && t->sampling.seeded && !t->truncate,
          "request");
    CHECK(s.a.keep_alive_set && s.a.keep_alive_s == 5400, "%lld", (long long)s.a.keep_alive_s);
    ACCEPT(&s, 0, 12, 8);
    api_keep_alive(&s.a, &s.out);
    THINK(&s, 0, "hm");
    TEXT(&s, 0, "Hi");
    CALL(&s, 0, 0, "f", "call_1");
    ARGS(&s, 0, 0, "{\"x\":1}");
    CALL_END(&s, 0, 0);
    CALL(&s, 0, 1, "g", "call_2");
    ARGS(&s, 0, 1, "{\"x\"");
    SAY(&s, 0, TURN_EV_CALL_END, .call = 1, .malformed = true);
    DONE(&s, 0, TURN_CALLS, 12, 8, 5);
    SAME(s.a.type, "application/x-ndjson");
    SAME(script_head(&s, "x-autarky-ignored"), "options.num_gpu");
    SAME(script_head(&s, "x-autarky-clamped"), "options.num_ctx=4096");
    SAME(script_out(&s),
         LINE "\"content\":\"\"},\"done\":false}\n" LINE "\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n" LINE
              "\"content\":\"Hi\"},\"done\":false}\n" LINE
              "\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"index\":0,\"name\":\"f\","
              "\"arguments\":{\"x\":1}}}]},\"done\":false}\n" LINE
              "\"content\":\"\",\"tool_calls\":[{\"id\":\"call_2\",\"function\":{\"index\":1,\"name\":\"g\","
              "\"arguments\":{\"malformed\":\"{\\\"x\\\"\"}}}]},"
              "\"done\":false}\n" LINE "\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":0,"
              "\"load_duration\":0,\"prompt_eval_count\":12,"
              "\"prompt_eval_duration\":20000000,\"eval_count\":5,\"eval_duration\":40000000}\n");
    sent("/api/chat", CHAT ",\"stream\":false}");
    ACCEPT(&s, 0, 12, 8);
    TEXT(&s, 0, "Hi");
    DONE(&s, 0, TURN_LENGTH, 12, 8, 5);
    SAME(script_get(&s, "message.content"), "Hi");
    SAME(script_get(&s, "done_reason"), "length");
    sent("/api/chat", CHAT "}");
    ACCEPT(&s, 0, 12, 8);
    BREAK(&s, 0, TURN_BROKEN, "boom");
    SAME(script_out(&s), "{\"error\":\"boom\"}\n");
    sent("/api/chat", CHAT "}");
    BREAK(&s, 0, TURN_QUEUE_FULL, "full");
    CHECK(s.a.status == 503, "%d", s.a.status);
}

static void check_load(void)
{
    script_send(&s, "POST", "/api/chat", "{\"model\":\"toy\",\"messages\":[]}");
    CHECK(s.a.task == API_LOAD && !s.a.ended, "no load");
    api_done(&s.a, &s.out);
    SAME(script_get(&s, "done_reason"), "load");
    script_send(&s, "POST", "/api/generate", "{\"model\":\"toy\",\"keep_alive\":0}");
    CHECK(s.a.task == API_UNLOAD && s.a.keep_alive_s == 0, "no unload");
    api_done(&s.a, &s.out);
    SAME(script_get(&s, "done_reason"), "unload");
    SAME(script_get(&s, "response"), "");
    static const struct {
        const char *text;
        long long seconds;
    } rows[] = {{"\"5m\"", 300},  {"-1", -1},   {"\"-1m\"", -1}, {"3600", 3600},     {"\"1.5h\"", 5400},
                {"\"300ms\"", 1}, {"0", 0},     {"\"90\"", 90},  {"1e300", -1},      {"\"x\"", -2},
                {"\"5 m\"", -2},  {"\"\"", -2}, {"true", -2},    {"\"1h30\"", 3630}, {"\"5mm\"", -2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"model\":\"toy\",\"keep_alive\":%s}", rows[i].text);
        script_send(&s, "POST", "/api/generate", body);
        long long got = s.a.ended ? -2 : (long long)s.a.keep_alive_s;
        CHECK(got == rows[i].seconds, "%s: %lld", rows[i].text, got);
    }
}

static void check_generate(void)
{
    const struct turn *t =
        sent("/api/generate", "{\"model\":\"toy\",\"prompt\":\"def f(\",\"suffix\":\"return 1\",\"stream\":false}");
    CHECK(t->kind == TURN_TEXT && !strcmp(t->suffix.s, "return 1") && !t->raw_special, "suffix");
    t = sent("/api/generate", "{\"model\":\"toy\",\"prompt\":\"<s>x\",\"raw\":true}");
    CHECK(t->kind == TURN_TEXT && t->raw_special, "raw");
    t = sent("/api/generate",
             "{\"model\":\"toy\",\"prompt\":\"my name is Z\xc3\xa9\",\"system\":\"be\",\"stream\":false}");
    CHECK(t->kind == TURN_CHAT && t->chat.n_msgs == 2 && t->chat.msgs[0].role == CHAT_SYSTEM && !t->prompt.s, "system");
    ACCEPT(&s, 0, 3, 0);
    TEXT(&s, 0, "hello");
    DONE(&s, 0, TURN_END, 3, 0, 1);
    SAME(script_get(&s, "response"), "hello");
    char body[2000];
    snprintf(body, sizeof body, "{\"model\":\"toy\",\"prompt\":\"and now?\",\"context\":%s}",
             script_get(&s, "context"));
    t = sent("/api/generate", body);
    CHECK(t->chat.n_msgs == 3 && t->chat.msgs[0].role == CHAT_USER &&
              !strncmp(t->chat.msgs[0].text, "my name is Z\xc3\xa9", 14) && t->chat.msgs[1].role == CHAT_ASSISTANT &&
              t->chat.msgs[1].len == 5,
          "the conversation goes on");
    t = sent("/api/generate", "{\"model\":\"toy\",\"prompt\":\"and now?\",\"context\":[1,2,3]}");
    ACCEPT(&s, 0, 3, 0);
    CHECK(t->chat.n_msgs == 1, "context of others");
    SAME(script_head(&s, "x-autarky-ignored"), "context");
}

static void check_models(void)
{
    script_send(&s, "GET", "/api/tags", NULL);
    SAME(script_get(&s, "models.0.name"), "toy-135m:latest");
    SAME(script_get(&s, "models.0.details.parameter_size"), "135M");
    SAME(script_get(&s, "models.0.capabilities"), "[\"completion\",\"tools\",\"insert\",\"thinking\"]");
    script_send(&s, "GET", "/api/ps", NULL);
    SAME(script_get(&s, "models.0.expires_at"), "2025-11-30T10:58:20.000000000Z");
    SAME(script_get(&s, "models.1"), "?");
    script_send(&s, "POST", "/api/show", "{\"name\":\"toy-135m:latest\"}");
    SAME(script_get(&s, "model_info.llama"), "?");
    CHECK(strstr(script_out(&s), "\"llama.context_length\":4096") &&
              strstr(script_out(&s), "\"general.architecture\":\"llama\""),
          "%s", script_out(&s));
    SAME(script_get(&s, "template"), "{{ messages }}");
    script_send(&s, "POST", "/api/show", "{\"model\":\"none\"}");
    CHECK(s.a.status == 404 && !strcmp(script_get(&s, "error"), "model 'none' not found"), "%s", script_out(&s));
    script_send(&s, "GET", "/", NULL);
    SAME(script_out(&s), "Ollama is running");
    script_send(&s, "GET", "/api/version", NULL);
    CHECK(strchr(script_get(&s, "version"), '.') != NULL, "no version");
}

static void check_manage(void)
{
    script_send(&s, "POST", "/api/pull", "{\"model\":\"new:1b\"}");
    CHECK(s.a.task == API_PULL && !strcmp(s.a.name, "new:1b") && s.a.stream, "pull");
    api_pull(&s.a, "pulling manifest", NULL, 0, 0, &s.out);
    api_pull(&s.a, "pulling aabb", "sha256:aabb", 5, 10, &s.out);
    api_done(&s.a, &s.out);
    SAME(script_out(&s), "{\"status\":\"pulling manifest\"}\n{\"status\":\"pulling "
                         "aabb\",\"digest\":\"sha256:aabb\",\"total\":10,\"completed\":5}\n"
                         "{\"status\":\"success\"}\n");
    script_send(&s, "POST", "/api/pull", "{\"name\":\"toy\",\"stream\":false}");
    CHECK(s.a.ended && !strcmp(script_get(&s, "status"), "success"), "what is here");
    script_env.can_pull = script_env.can_manage = false;
    script_send(&s, "POST", "/api/pull", "{\"model\":\"new:1b\"}");
    CHECK(s.a.status == 403, "%d", s.a.status);
    script_send(&s, "DELETE", "/api/delete", "{\"model\":\"toy\"}");
    CHECK(s.a.status == 403, "%d", s.a.status);
    script_env.can_pull = script_env.can_manage = true;
    script_send(&s, "DELETE", "/api/delete", "{\"model\":\"toy\"}");
    CHECK(s.a.task == API_DELETE && !strcmp(s.a.name, "toy-135m"), "delete");
    api_done(&s.a, &s.out);
    CHECK(s.a.status == 200 && s.out.len == 2, "delete");
    script_send(&s, "POST", "/api/copy", "{\"source\":\"toy\",\"destination\":\"doll\"}");
    CHECK(s.a.task == API_COPY && !strcmp(s.a.other, "doll"), "copy");
    script_send(&s, "POST", "/api/create", "{\"model\":\"x\"}");
    CHECK(s.a.status == 403, "%d", s.a.status);
}

static void check_embeddings(void)
{
    static const float v[] = {3, 4, 0.5f};
    const struct turn *t =
        sent("/v1/embeddings", "{\"model\":\"toy\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}");
    CHECK(s.a.n_turns == 2 && t[1].kind == TURN_EMBED && !strcmp(t[1].prompt.s, "b"), "inputs");
    for (size_t i = 0; i < 2; i++) {
        ACCEPT(&s, i, 2, 0);
        SAY(&s, i, TURN_EV_VECTOR, .vector = v, .n_vector = 3);
        DONE(&s, i, TURN_END, 2, 0, 0);
    }
    SAME(script_get(&s, "data.1.embedding"), "AABAQAAAgEAAAAA/");
    SAME(script_get(&s, "usage.total_tokens"), "4");
    t = sent("/v1/embeddings", "{\"input\":[5,6],\"dimensions\":2}");
    CHECK(s.a.n_turns == 1 && t->n_prompt_ids == 2 && t->prompt_ids[1] == 6, "ids");
    ACCEPT(&s, 0, 2, 0);
    SAY(&s, 0, TURN_EV_VECTOR, .vector = v, .n_vector = 3);
    DONE(&s, 0, TURN_END, 2, 0, 0);
    CHECK(strstr(script_out(&s), "\"embedding\":[0.600000024,0.800000012]"), "%s", script_out(&s));
    t = sent("/v1/embeddings", "{\"input\":[[5],[6,7]]}");
    CHECK(s.a.n_turns == 2 && t[1].n_prompt_ids == 2, "lists of ids");
    sent("/api/embed", "{\"model\":\"toy\",\"input\":\"a\"}");
    ACCEPT(&s, 0, 2, 0);
    SAY(&s, 0, TURN_EV_VECTOR, .vector = v, .n_vector = 3);
    DONE(&s, 0, TURN_END, 2, 0, 0);
    SAME(script_get(&s, "embeddings"), "[[3.0,4.0,0.5]]");
    sent("/api/embeddings", "{\"model\":\"toy\",\"prompt\":\"a\"}");
    ACCEPT(&s, 0, 2, 0);
    SAY(&s, 0, TURN_EV_VECTOR, .vector = v, .n_vector = 3);
    DONE(&s, 0, TURN_END, 2, 0, 0);
    SAME(script_get(&s, "embedding"), "[3.0,4.0,0.5]");
    static const char *const bad[] = {"[]", "[[]]", "[1,\"a\"]", "[\"a\",1]", "{}", "7", "[-1]", "[[1.5]]", "null"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"input\":%s}", bad[i]);
        script_send(&s, "POST", "/v1/embeddings", body);
        CHECK(s.a.status == 400, "%s: %s", bad[i], script_out(&s));
    }
}

int main(void)
{
    check_chat();
    check_load();
    check_generate();
    check_models();
    check_manage();
    check_embeddings();
    script_free(&s);
    CHECK(mem_live() == 0, "%lld blocks left", (long long)mem_live());
    return test_end();
}
