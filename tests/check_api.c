/* The dialects, OpenAI's chat first: requests become turns, scripted events become replies. */
#include "tests/api_script.h"

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static struct script s;

static const struct turn *sent(const char *body)
{
    script_send(&s, "POST", "/v1/chat/completions", body);
    CHECK(s.a.task == API_TURNS && s.a.n_turns > 0, "%s: %s", body, script_out(&s));
    return s.a.n_turns ? &s.a.turn[0] : NULL;
}

static void check_paths(void)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"GET", "/health", 200},
        {"GET", "/v1/health", 200},
        {"HEAD", "/v1/models", 200},
        {"GET", "/models", 200},
        {"GET", "/beta/models", 200},
        {"GET", "/anthropic/v1/models", 200},
        {"GET", "/v1/models/", 200},
        {"GET", "/v1/models/toy", 200},
        {"GET", "/v1/models/none", 404},
        {"POST", "/health", 405},
        {"GET", "/v1/v1/models", 404},
        {"GET", "/v2/models", 404},
        {"GET", "/v1/models/%74oy", 200},
        {"GET", "/v1/models/a%00b", 404},
        {"GET", "/api/nothing", 404},
        {"GET", "", 404},
        {"PUT", "/v1/chat/completions", 405},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        script_send(&s, rows[i].method, rows[i].path, NULL);
        CHECK(s.a.ended && s.a.status == rows[i].status, "%s %s: %d", rows[i].method, rows[i].path, s.a.status);
        CHECK(strlen(script_head(&s, "x-request-id")) == 32, "%s: no id", rows[i].path);
    }
    script_send(&s, "PUT", "/v1/chat/completions", NULL);
    SAME(script_head(&s, "allow"), "POST");
    script_send(&s, "GET", "/api/nothing", NULL);
    CHECK(script_get(&s, "error")[0] == 'n', "%s", script_out(&s));
    script_send(&s, "GET", "/anthropic/nothing", NULL);
    SAME(script_get(&s, "error.type"), "not_found_error");
}

static void check_models(void)
{
    script_send(&s, "GET", "/v1/models", NULL);
    SAME(script_get(&s, "data.0.id"), "toy-135m");
    SAME(script_get(&s, "data.0.created"), "1764400000");
    SAME(script_get(&s, "data.0.max_model_len"), "4096");
    SAME(script_get(&s, "data.0.meta.n_ctx_train"), "8192");
    SAME(script_get(&s, "data.0.status.value"), "loaded");
    SAME(script_get(&s, "data.1.status.value"), "unloaded");
    script_headers = (const char *const[]){"anthropic-version", "2023-06-01", NULL};
    script_send(&s, "GET", "/v1/models", NULL);
    SAME(script_get(&s, "first_id"), "toy-135m");
    SAME(script_get(&s, "data.0.created_at"), "2025-11-29T07:06:40.000000000Z");
    script_send(&s, "GET", "/v1/models/none", NULL);
    SAME(script_get(&s, "error.type"), "not_found_error");
    script_headers = NULL;
    script_send(&s, "POST", "/models/load", "{\"model\":\"big:latest\"}");
    CHECK(s.a.task == API_LOAD && !s.a.ended && !strcmp(s.a.model, "big"), "no load: %s", script_out(&s));
    api_done(&s.a, &s.out);
    SAME(script_out(&s), "{\"success\":true}");
    script_send(&s, "POST", "/models/unload", "{}");
    CHECK(s.a.status == 400, "%d", s.a.status);
}

static void check_request(void)
{
    const struct turn *t = sent("{" HELLO "}");
    CHECK(t->kind == TURN_CHAT && t->chat.n_msgs == 1 && t->chat.add_generation_prompt && t->max_tokens == -1 &&
              t->sampling.temperature < 0 && t->sampling.top_k == -1 && !t->sampling.seeded,
          "defaults");
    SAME(s.a.model, "toy-135m");
    t = sent(
        "{\"model\":\"claude-toy-9\"," HELLO
        ",\"temperature\":0,\"top_p\":0.5,\"top_k\":-1,\"seed\":-3,\"max_tokens\":7,"
        "\"max_completion_tokens\":9,\"stop\":[\"a\",\"\",\"b\"],\"logit_bias\":{\"5\":-100,\"6\":2},\"user\":\"u\","
        "\"min_p\":0.1,\"presence_penalty\":-2,\"repetition_penalty\":1.1,\"logprobs\":true,\"top_logprobs\":3,"
        "\"reasoning_effort\":\"minimal\",\"parallel_tool_calls\":false,\"cache_prompt\":false,\"ignore_eos\":true}");
    CHECK(t->sampling.temperature == 0 && t->sampling.top_p == 0.5 && t->sampling.top_k == 0 && t->sampling.seeded &&
              t->sampling.seed == (uint64_t)-3 && t->max_tokens == 9 && t->sampling.min_p == 0.1,
          "numbers");
    CHECK(t->n_stops == 2 && !strcmp(t->stops[1].s, "b") && t->n_bias == 2 && t->bias[0].id == 5 &&
              t->bias[0].add == -100,
          "lists");
    CHECK(t->want_logprobs && t->top_logprobs == 3 && t->chat.effort == CHAT_EFFORT_LOW && t->one_call && t->no_cache &&
              t->ignore_end && !strcmp(t->user.s, "u"),
          "flags");
    t = sent(
        "{" HELLO
        ",\"n\":3,\"seed\":10,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":"
        "{\"type\":\"object\"}}},\"thinking\":{\"type\":\"disabled\"}}");
    CHECK(s.a.n_turns == 3 && t[2].sampling.seed == 12 && t->shape == TURN_SCHEMA && t->chat.thinking == CHAT_THINK_OFF,
          "n");
    SAME(t->shape_text.s, "{\"type\":\"object\"}");
    t = sent("{" HELLO ",\"reasoning_effort\":\"none\",\"response_format\":{\"type\":\"json_object\"},\"stop\":\"x\","
                       "\"stream\":null}");
    CHECK(t->chat.thinking == CHAT_THINK_OFF && t->shape == TURN_JSON && t->n_stops == 1 && !s.a.stream, "words");
    t = sent("{" HELLO ",\"guided_choice\":[\"a.b\",\"c\"]}");
    SAME(t->shape_text.s, "(a\\.b|c)");
}

static void check_messages(void)
{
    const struct turn *t = sent("{\"messages\":[{\"role\":\"developer\",\"content\":\"be\"},{\"role\":\"user\","
                                "\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                                "{\"type\":\"text\",\"text\":\"b\"}],\"name\":\"bob\"},{\"role\":\"assistant\","
                                "\"content\":null,\"reasoning\":\"hm\",\"tool_calls\":"
                                "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
                                "\\\"x\\\":1}\"}},{\"id\":\"c2\",\"function\":"
                                "{\"name\":\"g\",\"arguments\":{\"y\":2}}}]},{\"role\":\"tool\",\"tool_call_id\":"
                                "\"c1\",\"content\":\"3\"},{\"role\":\"assistant\","
                                "\"content\":\"So\",\"prefix\":true}],\"tools\":[{\"type\":\"function\",\"function\":{"
                                "\"name\":\"f\",\"description\":\"d\",\"parameters\":"
                                "{\"type\":\"object\"}}},{\"type\":\"web_search\"}],\"tool_choice\":{\"type\":"
                                "\"function\",\"function\":{\"name\":\"f\"}}}");
    const struct chat_msg *m = t->chat.msgs;
    CHECK(t->chat.n_msgs == 5 && m[0].role == CHAT_DEVELOPER && m[1].len == 2 && !strcmp(m[1].text, "ab"), "texts");
    CHECK(m[2].n_calls == 2 && !strcmp(m[2].calls[0].arguments, "{\"x\":1}") &&
              !strcmp(m[2].calls[1].arguments, "{\"y\":2}") && m[2].reasoning_len == 2 && !strcmp(m[3].call_id, "c1"),
          "calls");
    CHECK(t->chat.continue_last && !t->chat.add_generation_prompt && t->chat.n_tools == 1 &&
              t->choice == TURN_TOOLS_NAMED,
          "tools");
    CHECK(s.a.work != NULL, "inside");
    TEXT(&s, 0, "x");
    DONE(&s, 0, TURN_END, 5, 0, 1);
    SAME(script_head(&s, "x-autarky-ignored"), "messages.name, tools.web_search");
}

/* What is refused, with the field that is named. */
static void check_refused(void)
{
    static const struct {
        const char *body, *param;
    } rows[] = {
        {"{", "null"},
        {"[]", "null"},
        {"{}", "messages"},
        {"{\"messages\":[]}", "messages"},
        {"{\"messages\":{}}", "messages"},
        {"{\"messages\":[1]}", "messages[0]"},
        {"{\"messages\":[{\"role\":\"king\",\"content\":\"\"}]}", "messages[0].role"},
        {"{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", "messages[0].content[0]"},
        {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{}}]}]}",
         "messages[0].tool_calls[0].name"},
        {"{" HELLO ",\"model\":\"none\"}", "model"},
        {"{" HELLO ",\"model\":7}", "model"},
        {"{" HELLO ",\"modalities\":[\"audio\"]}", "modalities"},
        {"{" HELLO ",\"functions\":[{}]}", "functions"},
        {"{" HELLO ",\"stream_options\":{\"include_usage\":1}}", "stream_options.include_usage"},
        {"{" HELLO ",\"stop\":[1]}", "stop[0]"},
        {"{" HELLO ",\"logit_bias\":{\"x\":1}}", "logit_bias"},
        {"{" HELLO ",\"tool_choice\":\"required\"}", "tool_choice"},
        {"{" HELLO ",\"reasoning_effort\":\"much\"}", "reasoning_effort"},
        {"{" HELLO ",\"response_format\":{\"type\":\"xml\"}}", "response_format.type"},
        {"{" HELLO ",\"response_format\":{\"type\":\"json_schema\"}}", "response_format.schema"},
        {"{" HELLO ",\"response_format\":{\"type\":\"json_object\"},\"guided_regex\":\"a\"}", "guided_regex"},
        {"{" HELLO ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]}", "tools[0].function.name"},
        {"{" HELLO ",\"tools\":[{\"name\":\"f\"},{\"name\":\"f\"}]}", "tools[1].function"},
        {"{" HELLO ",\"max_tokens\":0}", "max_tokens"},
        {"{" HELLO ",\"seed\":1e300}", "seed"},
        {"{" HELLO ",\"continue_final_message\":true}", "continue_final_message"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        script_send(&s, "POST", "/chat/completions", rows[i].body);
        CHECK(s.a.ended && s.a.failed && (s.a.status == 400 || s.a.status == 404), "%s: %d", rows[i].body, s.a.status);
        CHECK(!strcmp(script_get(&s, "error.param"), rows[i].param), "%s: %s", rows[i].body, script_out(&s));
        SAME(script_get(&s, "error.type"), "invalid_request_error");
    }
    script_send(&s, "POST", "/chat/completions", "{" HELLO ",\"model\":\"none\"}");
    SAME(script_get(&s, "error.code"), "model_not_found");
    CHECK(s.a.status == 404, "%d", s.a.status);
}

static void check_reply(void)
{
    sent("{" HELLO ",\"frobnicate\":{\"a\":1},\"service_tier\":\"auto\",\"store\":false,\"prediction\":null}");
    ACCEPT(&s, 0, 12, 8);
    THINK(&s, 0, "hm");
    TEXT(&s, 0, "Hi \"you\"\n\x01");
    CHECK(!s.a.begun, "a reply is no stream");
    DONE(&s, 0, TURN_END, 12, 8, 5);
    CHECK(s.a.ended && s.a.status == 200 && !strcmp(s.a.type, "application/json"), "not ended");
    SAME(script_head(&s, "x-autarky-ignored"), "service_tier, frobnicate");
    SAME(script_get(&s, "object"), "chat.completion");
    SAME(script_get(&s, "id"), "chatcmpl-01010101010101010101010101010101");
    SAME(script_get(&s, "created"), "1764500000");
    SAME(script_get(&s, "choices.0.message.content"), "Hi \"you\"\n\x01");
    SAME(script_get(&s, "choices.0.message.reasoning_content"), "hm");
    SAME(script_get(&s, "choices.0.message.tool_calls"), "?");
    SAME(script_get(&s, "choices.0.finish_reason"), "stop");
    SAME(script_get(&s, "choices.0.logprobs"), "null");
    SAME(script_get(&s, "usage"),
         "{\"prompt_tokens\":12,\"completion_tokens\":5,\"total_tokens\":17,\"prompt_tokens_details\":"
         "{\"cached_tokens\":8},\"prompt_cache_hit_tokens\":8,\"prompt_cache_miss_tokens\":4,"
         "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"accepted_prediction_tokens\":0,"
         "\"rejected_prediction_tokens\":0}}");
    SAME(script_get(&s, "timings.predicted_per_second"), "125.0");
}

static void check_calls(void)
{
    sent("{" HELLO ",\"tools\":[{\"name\":\"f\"}]}");
    ACCEPT(&s, 0, 12, 0);
    CALL(&s, 0, 0, "f", "call_9");
    ARGS(&s, 0, 0, "{\"a\":");
    ARGS(&s, 0, 0, "1}");
    CALL_END(&s, 0, 0);
    CALL(&s, 0, 1, "f", NULL);
    CALL_END(&s, 0, 1);
    DONE(&s, 0, TURN_CALLS, 12, 0, 5);
    SAME(script_get(&s, "choices.0.message.content"), "null");
    SAME(script_get(&s, "choices.0.finish_reason"), "tool_calls");
    SAME(script_get(&s, "choices.0.message.tool_calls.0"),
         "{\"id\":\"call_9\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}");
    SAME(script_get(&s, "choices.0.message.tool_calls.1.function.arguments"), "{}");
    CHECK(!strncmp(script_get(&s, "choices.0.message.tool_calls.1.id"), "call_", 5), "no id");
    sent("{" HELLO ",\"stream\":true,\"tools\":[{\"name\":\"f\"}]}");
    ACCEPT(&s, 0, 12, 0);
    CALL(&s, 0, 0, "f", "call_9");
    ARGS(&s, 0, 0, "{\"a\":");
    ARGS(&s, 0, 0, "1}");
    CALL_END(&s, 0, 0);
    CALL(&s, 0, 1, "g", "call_10");
    CALL_END(&s, 0, 1);
    DONE(&s, 0, TURN_CALLS, 12, 0, 5);
    SAME(script_stream(&s, "choices.0.delta.tool_calls.0"),
         "{\"index\":0,\"id\":\"call_9\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}|"
         "{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}|{\"index\":0,\"function\":{\"arguments\":\"1}\"}}|"
         "{\"index\":1,\"id\":\"call_10\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}|"
         "{\"index\":1,\"function\":{\"arguments\":\"{}\"}}|[DONE]");
}

#define CHUNK                                                                                                          \
    "data: "                                                                                                           \
    "{\"id\":\"chatcmpl-01010101010101010101010101010101\",\"object\":\"chat.completion.chunk\",\"created\":"          \
    "1764500000,"                                                                                                      \
    "\"model\":\"toy-135m\",\"system_fingerprint\":\"autarky-0.1.0-000000000000\",\"choices\":["
#define DELTA(d, finish) CHUNK "{\"index\":0,\"delta\":{" d "},\"logprobs\":null,\"finish_reason\":" finish "}]"

static void check_stream(void)
{
    sent("{" HELLO ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    CHECK(!s.a.begun, "a status before it was accepted");
    ACCEPT(&s, 0, 12, 8);
    CHECK(s.a.begun && s.a.status == 200 && !strcmp(s.a.type, "text/event-stream") && s.out.len == 0, "accepted: %s",
          script_out(&s));
    THINK(&s, 0, "hm");
    TEXT(&s, 0, "H\xc3\xa9");
    DONE(&s, 0, TURN_LENGTH, 12, 8, 2);
    CHECK(s.a.ended && !s.a.failed, "not ended");
    static const char want[] =
        DELTA("\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"\"",
              "null") ",\"usage\":null}\n\n" DELTA("\"reasoning_content\":\"hm\"",
                                                   "null") ",\"usage\":null}\n\n" DELTA("\"content\":\"H\xc3\xa9\"",
                                                                                        "null") ",\"usage\":null}"
                                                                                                "\n\n" DELTA("",
                                                                                                             "\"length"
                                                                                                             "\"") ",\""
                                                                                                                   "usa"
                                                                                                                   "ge"
                                                                                                                   "\":"
                                                                                                                   "nul"
                                                                                                                   "l}"
                                                                                                                   "\n"
                                                                                                                   "\n" CHUNK
                                                                                                                   "],"
                                                                                                                   "\"u"
                                                                                                                   "sag"
                                                                                                                   "e\""
                                                                                                                   ":{";
    CHECK(!strncmp(script_out(&s), want, sizeof want - 1), "got  %s\nwant %s", script_out(&s), want);
    SAME(script_stream(&s, "usage.completion_tokens"), "2|[DONE]");
    sent("{" HELLO ",\"stream\":true}"); /* DeepSeek's rule: on the last chunk, never alone */
    ACCEPT(&s, 0, 12, 8);
    api_keep_alive(&s.a, &s.out);
    SAME(script_out(&s), ": keep-alive\n\n");
    TEXT(&s, 0, "H");
    DONE(&s, 0, TURN_END, 12, 8, 2);
    SAME(script_stream(&s, "choices.0.finish_reason"), "null|null|stop|[DONE]");
    SAME(script_stream(&s, "usage.total_tokens"), "14|[DONE]");
    SAME(script_stream(&s, "timings.cache_n"), "8|[DONE]");
    size_t usages = 0;
    for (const char *p = script_out(&s); (p = strstr(p, "\"usage\"")) != NULL; p++) usages++;
    CHECK(usages == 1, "%zu usages", usages);
}

static void check_stream_kinds(void)
{
    sent("{" HELLO ",\"stream\":true,\"n\":2,\"reasoning_format\":\"none\",\"return_progress\":true}");
    ACCEPT(&s, 0, 12, 8);
    ACCEPT(&s, 1, 12, 8);
    SAY(&s, 0, TURN_EV_PROGRESS, .usage = {.prompt = 12, .cached = 8, .done = 10});
    THINK(&s, 0, "hm");
    TEXT(&s, 1, "b");
    TEXT(&s, 0, "a");
    DONE(&s, 1, TURN_END, 12, 8, 2);
    DONE(&s, 0, TURN_END, 12, 8, 3);
    SAME(script_stream(&s, "choices.0.delta.content"), "<think>|hm||b|</think>|a|[DONE]");
    SAME(script_stream(&s, "usage.completion_tokens"), "5|[DONE]");
    SAME(script_stream(&s, "usage.prompt_tokens"), "12|[DONE]");
    SAME(script_stream(&s, "prompt_progress"), "{\"total\":12,\"cache\":8,\"processed\":10,\"time_ms\":0}|[DONE]");
    sent("{" HELLO ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    api_keep_alive(&s.a, &s.out); /* before it was accepted: the status is committed */
    CHECK(s.a.begun && s.a.status == 200, "keep-alive");
    SAME(script_stream(&s, "choices"), "[]");
    BREAK(&s, 0, TURN_BROKEN, "boom");
    SAME(script_stream(&s, "error.message"), "boom|[DONE]");
    CHECK(s.a.ended && s.a.failed, "not failed");
    sent("{" HELLO "}");
    api_keep_alive(&s.a, &s.out);
    ACCEPT(&s, 0, 1, 0);
    DONE(&s, 0, TURN_END, 1, 0, 0);
    CHECK(script_out(&s)[0] == '\n' && !strcmp(script_get(&s, "choices.0.message.content"), ""), "%s", script_out(&s));
}

static void check_logprobs(void)
{
    struct turn_top top[] = {{1, -0.1f, {"Hi", 2}}, {2, -2.5f, {"\xc3", 1}}};
    struct turn_token token = {.id = 1, .known = true, .logprob = -0.1f, .bytes = {"Hi", 2}, .top = top, .n_top = 2};
    struct turn_token thought = {
        .id = 3, .of_reasoning = true, .known = true, .logprob = -INFINITY, .bytes = {"\xc3", 1}};
    sent("{" HELLO ",\"stream\":true,\"logprobs\":true,\"top_logprobs\":2}");
    ACCEPT(&s, 0, 12, 8);
    SAY(&s, 0, TURN_EV_TOKEN, .token = thought);
    THINK(&s, 0, "hm");
    SAY(&s, 0, TURN_EV_TOKEN, .token = token);
    TEXT(&s, 0, "Hi");
    DONE(&s, 0, TURN_END, 12, 8, 2);
    SAME(script_stream(&s, "choices.0.logprobs.content.0"),
         "{\"id\":1,\"token\":\"Hi\",\"logprob\":-0.10000000100000001,\"bytes\":[72,105],\"top_logprobs\":[{\"id\":1,"
         "\"token\":\"Hi\","
         "\"logprob\":-0.10000000100000001,\"bytes\":[72,105]},{\"id\":2,\"token\":\"\xef\xbf\xbd\",\"logprob\":-2.5,"
         "\"bytes\":[195]}]}"
         "|[DONE]");
    SAME(script_stream(&s, "choices.0.logprobs.reasoning_content.0.logprob"), "-9999.0|[DONE]");
}

static void check_faults(void)
{
    static const struct {
        enum turn_error error;
        int status;
        const char *type, *code;
    } rows[] = {
        {TURN_BAD, 400, "invalid_request_error", "null"},
        {TURN_TOO_LONG, 400, "invalid_request_error", "context_length_exceeded"},
        {TURN_QUEUE_FULL, 429, "rate_limit_error", "rate_limit_exceeded"},
        {TURN_TOO_LATE, 504, "server_error", "timeout"},
        {TURN_NO_MEMORY, 503, "server_error", "insufficient_system_resource"},
        {TURN_BROKEN, 500, "server_error", "null"},
        {TURN_STOPPING, 503, "server_error", "shutting_down"},
        {(enum turn_error)99, 500, "server_error", "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sent("{" HELLO ",\"stream\":true}");
        SAY(&s, 0, TURN_EV_ERROR, .error = rows[i].error, .text = script_text("why"), .retry_ms = 1500, .limit = 4096,
            .usage = {.prompt = 5000}, .param = script_text("messages"));
        CHECK(s.a.status == rows[i].status && s.a.ended && s.a.failed, "%zu: %d", i, s.a.status);
        SAME(script_get(&s, "error.type"), rows[i].type);
        SAME(script_get(&s, "error.code"), rows[i].code);
        SAME(script_head(&s, "retry-after"), "2");
    }
    sent("{" HELLO "}");
    SAY(&s, 0, TURN_EV_ERROR, .error = TURN_TOO_LONG, .limit = 4096, .usage = {.prompt = 5000});
    SAME(script_get(&s, "error.n_prompt_tokens"), "5000");
    SAME(script_get(&s, "error.n_ctx"), "4096");
    sent("{" HELLO "}");
    struct api_fault f;
    api_fault_set(&f, API_F_LOADING, "", "Loading model");
    f.retry_ms = 100;
    api_fault(&s.a, &f, &s.out);
    SAME(script_out(&s), "{\"error\":{\"message\":\"Loading model\",\"code\":503,\"type\":\"unavailable_error\"}}");
    SAME(script_head(&s, "retry-after"), "1");
    script_env.strict = true;
    script_send(&s, "POST", "/v1/chat/completions", "{" HELLO ",\"verbosity\":\"low\"}");
    CHECK(s.a.status == 400 && !strcmp(script_get(&s, "error.param"), "verbosity"), "strict: %s", script_out(&s));
    script_env.strict = false;
    sent("{" HELLO ",\"stream\":true}"); /* a process that went wrong */
    ACCEPT(&s, 0, 1, 0);
    ARGS(&s, 0, 3, "x");
    SAME(script_stream(&s, "error.type"), "server_error|[DONE]");
    sent("{" HELLO ",\"stream\":true}");
    TEXT(&s, 0, "x");
    CHECK(s.a.status == 500, "text before it was accepted");
    SAY(&s, 5, TURN_EV_DONE, .reason = TURN_END);
    TEXT(&s, 0, "x");
}

int main(void)
{
    check_paths();
    check_models();
    check_request();
    check_messages();
    check_refused();
    check_reply();
    check_calls();
    check_stream();
    check_stream_kinds();
    check_logprobs();
    check_faults();
    script_free(&s);
    CHECK(mem_live() == 0, "%lld blocks left", (long long)mem_live());
    return test_end();
}
