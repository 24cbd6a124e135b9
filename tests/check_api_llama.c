/* llama-server's interface, vLLM's tokenizer, what the front is asked to do, and openapi.json. */
#include "tests/api_script.h"

static struct script s;

static const struct turn *sent(const char *path, const char *body)
{
    script_send(&s, "POST", path, body);
    CHECK(s.a.task == API_TURNS && s.a.n_turns > 0, "%s: %s", body, script_out(&s));
    return s.a.n_turns ? &s.a.turn[0] : NULL;
}

static void check_completion(void)
{
    struct turn_top top[] = {{1, -0.5f, {"x", 1}}};
    const struct turn *t =
        sent("/completion",
             "{\"prompt\":\"a\",\"n_predict\":5,\"n_probs\":1,\"stream\":true,\"stop\":[\"Z\"],\"return_tokens\":true,"
             "\"logit_bias\":[[5,-1.5],[6,false]],\"seed\":-1,\"grammar\":\"\",\"id_slot\":0,\"lora\":[]}");
    CHECK(t->kind == TURN_TEXT && t->max_tokens == 5 && t->want_logprobs && t->top_logprobs == 1 && t->want_ids &&
              t->n_bias == 2 && t->bias[1].add == -100 && !t->sampling.seeded && t->shape == TURN_FREE &&
              t->raw_special,
          "request");
    ACCEPT(&s, 0, 3, 1);
    SAY(&s, 0, TURN_EV_TOKEN,
        .token = {.id = 1, .known = true, .logprob = -0.5f, .bytes = {"x", 1}, .top = top, .n_top = 1});
    TEXT(&s, 0, "x");
    SAY(&s, 0, TURN_EV_DONE, .reason = TURN_STOP_STRING, .stop = 0, .usage = {.prompt = 3, .cached = 1, .answer = 1},
        .time = {0, 10, 10});
    SAME(script_stream(&s, "content"), "x|");
    SAME(script_stream(&s, "tokens"), "[1]|[]");
    SAME(script_stream(&s, "stop"), "false|true");
    SAME(script_stream(&s, "stop_type"), "word");
    SAME(script_stream(&s, "stopping_word"), "Z");
    SAME(script_stream(&s, "tokens_cached"), "1");
    SAME(script_stream(&s, "completion_probabilities.0.logprob"), "-0.5");
    SAME(script_stream(&s, "timings.prompt_n"), "2");
    CHECK(!strstr(script_out(&s), "[DONE]"), "a [DONE]");
    sent("/completion", "{\"prompt\":[\"a\",\"b\"]}");
    for (size_t i = 0; i < 2; i++) {
        ACCEPT(&s, i, 3, 1);
        TEXT(&s, i, i ? "two" : "one");
        DONE(&s, i, TURN_END, 3, 1, 1);
    }
    CHECK(strstr(script_out(&s), "[{\"index\":0,\"content\":\"one\"") == script_out(&s), "%s", script_out(&s));
    sent("/completion", "{\"prompt\":\"a\"}");
    SAY(&s, 0, TURN_EV_ERROR, .error = TURN_TOO_LONG, .limit = 10, .usage = {.prompt = 50});
    SAME(script_get(&s, "error.type"), "exceed_context_size_error");
    SAME(script_get(&s, "error.code"), "400");
    t = sent(
        "/infill",
        "{\"input_prefix\":\"def "
        "f(\",\"input_suffix\":\"return\",\"prompt\":\"x\",\"input_extra\":[{\"filename\":\"a.c\",\"text\":\"int\"}],"
        "\"t_max_predict_ms\":500}");
    SAME(t->prompt.s, "\n\n--- snippet ---\n\nint\ndef f(x");
    CHECK(!strcmp(t->suffix.s, "return") && !t->raw_special, "suffix");
}

static void check_tokens(void)
{
    static const int32_t ids[] = {1, 300};
    const struct turn *t = sent("/tokenize", "{\"content\":\"ab\"}");
    CHECK(t->kind == TURN_TOKENIZE && !t->special && t->raw_special && !strcmp(t->prompt.s, "ab"), "llama-server's");
    SAY(&s, 0, TURN_EV_IDS, .ids = ids, .n_ids = 2);
    DONE(&s, 0, TURN_END, 2, 0, 0);
    SAME(script_out(&s), "{\"tokens\":[1,300],\"count\":2,\"max_model_len\":4096}");
    t = sent("/v1/tokenize", "{\"prompt\":\"ab\",\"parse_special\":false}");
    CHECK(t->special && !t->raw_special, "vLLM's");
    sent("/tokenize", "{\"content\":\"ab\",\"with_pieces\":true}");
    SAY(&s, 0, TURN_EV_TOKEN, .token = {.id = 1, .bytes = {"a", 1}});
    SAY(&s, 0, TURN_EV_TOKEN, .token = {.id = 300, .bytes = {"\xc3", 1}});
    SAY(&s, 0, TURN_EV_IDS, .ids = ids, .n_ids = 2);
    DONE(&s, 0, TURN_END, 2, 0, 0);
    SAME(script_get(&s, "tokens"), "[{\"id\":1,\"piece\":\"a\"},{\"id\":300,\"piece\":[195]}]");
    t = sent("/detokenize", "{\"tokens\":[5,6]}");
    CHECK(t->kind == TURN_DETOKENIZE && t->n_prompt_ids == 2, "detokenize");
    TEXT(&s, 0, "hi");
    DONE(&s, 0, TURN_END, 2, 0, 0);
    SAME(script_out(&s), "{\"content\":\"hi\",\"prompt\":\"hi\"}");
    t = sent("/apply-template", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"stream\":true,\"n\":3}");
    CHECK(t->kind == TURN_RENDER && s.a.n_turns == 1 && !s.a.stream, "render");
    TEXT(&s, 0, "<user>a");
    DONE(&s, 0, TURN_END, 4, 0, 0);
    SAME(script_out(&s), "{\"prompt\":\"<user>a\",\"n_tokens\":4}");
    t = sent("/v1/chat/completions/input_tokens", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
    CHECK(t->kind == TURN_COUNT, "count");
    DONE(&s, 0, TURN_END, 4, 0, 0);
    SAME(script_get(&s, "input_tokens"), "4");
    static const char *const bad[] = {"{}", "{\"content\":5}", "{\"messages\":[{}]}"};
    for (size_t i = 0; i < 3; i++) {
        script_send(&s, "POST", "/tokenize", bad[i]);
        CHECK(s.a.status == 400, "%s", bad[i]);
    }
    script_send(&s, "POST", "/detokenize", "{\"tokens\":[\"a\"]}");
    CHECK(s.a.status == 400, "%s", script_out(&s));
}

static void check_state(void)
{
    script_send(&s, "GET", "/props", NULL);
    SAME(script_get(&s, "default_generation_settings.n_ctx"), "4096");
    SAME(script_get(&s, "total_slots"), "16");
    struct api_fault f;
    struct api_request r = {.method = "GET", .path = "/props", .query = "autoload=false&model=big"};
    script_free(&s);
    CHECK(api_open(&s.a, &script_env, &r, &f), "props");
    api_begin(&s.a, NULL, 0, &s.out);
    CHECK(s.a.status == 503 && !strcmp(script_get(&s, "error.message"), "Loading model"), "%s", script_out(&s));
    script_send(&s, "GET", "/slots", NULL);
    SAME(script_get(&s, "15.is_processing"), "false");
    CHECK(strstr(script_out(&s),
                 "{\"id\":0,\"n_ctx\":4096,\"is_processing\":true},{\"id\":1,\"n_ctx\":4096,\"is_processing\":false}"),
          "%s", script_out(&s));
    script_send(&s, "GET", "/metrics", NULL);
    CHECK(strstr(script_out(&s), "# TYPE llamacpp:prompt_tokens_total "
                                 "counter\nllamacpp:prompt_tokens_total{model_name=\"toy-135m\"} 100\n") &&
              strstr(script_out(&s), "vllm:kv_cache_usage_perc{model_name=\"toy-135m\"} 0.046875\n"),
          "%s", script_out(&s));
    script_send(&s, "GET", "/tokenizer_info", NULL);
    SAME(script_get(&s, "eos_token"), "</s>");
    script_send(&s, "GET", "/user/balance", NULL);
    SAME(script_get(&s, "is_available"), "true");
    script_send(&s, "POST", "/v1/chat/completions/control",
                "{\"id\":\"chatcmpl-0123abcd\",\"action\":\"reasoning_end\"}");
    CHECK(s.a.task == API_HURRY && !strcmp(s.a.name, "0123abcd"), "control: %s", script_out(&s));
    script_env.stopping = true;
    script_send(&s, "GET", "/health", NULL);
    CHECK(s.a.status == 503, "%d", s.a.status);
    script_env.stopping = false;
}

static void check_openapi(void)
{
    const char *method, *path, *what;
    script_send(&s, "GET", "/openapi.json", NULL);
    json_t *v = script_json(script_out(&s), s.out.len), *paths = json_object_get(v, "paths");
    for (size_t i = 0; api_route_at(i, &method, &path, &what); i++) {
        char with[100], name[10] = "";
        snprintf(with, sizeof with, "/v1%s", path);
        for (size_t k = 0; method[k]; k++) name[k] = (char)(method[k] + 32);
        const json_t *p = json_object_get(paths, with);
        if (!p) p = json_object_get(paths, path);
        CHECK(json_object_get(p, name) != NULL, "%s %s is not in openapi.json", method, path);
    }
    SAME(
        script_in(json_object_get(paths, "/v1/chat/completions"),
                  "post.requestBody.content.application/json.schema.properties.temperature"),
        "{\"description\":\"0 takes the likeliest token\",\"type\":[\"number\",\"null\"],\"minimum\":0,\"maximum\":2}");
    json_decref(v);
}

int main(void)
{
    check_completion();
    check_tokens();
    check_state();
    check_openapi();
    script_free(&s);
    CHECK(mem_live() == 0, "%lld blocks left", (long long)mem_live());
    return test_end();
}
