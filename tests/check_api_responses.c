/* OpenAI's Responses and legacy completions. */
#include "tests/api_script.h"

static struct script s;

static const struct turn *sent(const char *path, const char *body)
{
    script_send(&s, "POST", path, body);
    CHECK(s.a.task == API_TURNS && s.a.n_turns > 0, "%s: %s", body, script_out(&s));
    return s.a.n_turns ? &s.a.turn[0] : NULL;
}

static void check_request(void)
{
    const struct turn *t =
        sent("/v1/responses",
             "{\"model\":\"toy\",\"instructions\":\"be\",\"input\":[{\"role\":\"developer\",\"content\":\"dev\"},{"
             "\"type\":\"message\",\"role\":\"user\","
             "\"content\":[{\"type\":\"input_text\",\"text\":\"a\"}]},{\"type\":\"reasoning\",\"summary\":[],"
             "\"content\":[{\"type\":\"reasoning_text\","
             "\"text\":\"hm\"}]},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
             "\"text\":\"b\"}]},"
             "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"custom_"
             "tool_call\",\"call_id\":\"c2\","
             "\"name\":\"apply_patch\",\"input\":\"*** "
             "x\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":[{\"type\":\"input_text\","
             "\"text\":\"3\"}]},{\"type\":\"custom_tool_call_output\",\"call_id\":\"c2\",\"output\":\"ok\"},{\"type\":"
             "\"web_search_call\"}],"
             "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\"},\"strict\":false},{"
             "\"type\":\"custom\",\"name\":"
             "\"apply_patch\"},{\"type\":\"namespace\",\"name\":\"mcp\",\"tools\":[{\"type\":\"function\",\"name\":"
             "\"g\"}]},{\"type\":\"web_search\"}],"
             "\"tool_choice\":\"auto\",\"parallel_tool_calls\":false,\"store\":false,\"stream\":true,\"include\":["
             "\"reasoning.encrypted_content\"],"
             "\"prompt_cache_key\":\"k\",\"client_metadata\":{\"x\":1},\"reasoning\":{\"effort\":\"medium\","
             "\"summary\":\"auto\"},"
             "\"text\":{\"verbosity\":\"low\"},\"max_output_tokens\":50,\"previous_response_id\":null}");
    const struct chat_msg *m = t->chat.msgs;
    CHECK(t->chat.n_msgs == 6 && m[0].role == CHAT_SYSTEM && m[1].role == CHAT_DEVELOPER && m[2].role == CHAT_USER,
          "%zu", t->chat.n_msgs);
    CHECK(m[3].reasoning_len == 2 && m[3].len == 1 && m[3].n_calls == 2 &&
              !strcmp(m[3].calls[1].arguments, "{\"input\":\"*** x\"}"),
          "one turn of the assistant");
    CHECK(!strcmp(m[4].call_id, "c1") && !strcmp(m[4].text, "3") && !strcmp(m[5].text, "ok"), "outputs");
    CHECK(t->chat.n_tools == 3 && !strcmp(t->chat.tools[2].name, "mcp__g") && t->one_call &&
              t->chat.effort == CHAT_EFFORT_HIGH && t->max_tokens == 50 && !strcmp(t->session.s, "k"),
          "tools");
    ACCEPT(&s, 0, 12, 0);
    SAME(script_head(&s, "x-autarky-ignored"),
         "input.web_search_call, tools.web_search, reasoning.summary, text.verbosity, client_metadata");
    t = sent("/v1/responses", "{\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"x\","
                              "\"schema\":{\"type\":\"object\"}}}}");
    CHECK(t->shape == TURN_SCHEMA && t->chat.n_msgs == 1, "format");
    static const char *const bad[] = {"{}",
                                      "{\"input\":[]}",
                                      "{\"input\":\"a\",\"previous_response_id\":\"resp_1\"}",
                                      "{\"input\":5}",
                                      "{\"input\":[{\"type\":\"message\",\"role\":\"x\",\"content\":\"\"}]}",
                                      "{\"input\":\"a\",\"background\":true}",
                                      "{\"input\":[{\"type\":\"function_call\"}]}",
                                      "{\"input\":\"a\",\"truncation\":\"x\"}",
                                      "{\"input\":\"a\",\"max_output_tokens\":0}",
                                      "{\"input\":\"a\",\"tools\":[{\"type\":\"function\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        script_send(&s, "POST", "/responses", bad[i]);
        CHECK(s.a.status == 400, "%s: %s", bad[i], script_out(&s));
    }
}

/* The names of all events, and that they are numbered without a gap. */
static const char *events(void)
{
    static char all[4000];
    char name[64];
    size_t at = 0, len = 0;
    int n = 0;
    json_t *v;
    all[0] = 0;
    while ((v = script_next(&s, &at, name)) != NULL) {
        CHECK(!strcmp(script_in(v, "type"), name), "%s: %s", name, script_in(v, "type"));
        CHECK(atoll(script_in(v, "sequence_number")) == n++, "%s: number %s", name, script_in(v, "sequence_number"));
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? " " : "", name + strlen("response."));
        json_decref(v);
    }
    return all;
}

static void check_stream(void)
{
    sent("/v1/responses", "{\"input\":\"hi\",\"stream\":true,\"include\":[\"reasoning.encrypted_content\"],\"tools\":[{"
                          "\"type\":\"function\","
                          "\"name\":\"f\"},{\"type\":\"custom\",\"name\":\"patch\"}]}");
    api_keep_alive(&s.a, &s.out);
    ACCEPT(&s, 0, 12, 8);
    THINK(&s, 0, "h");
    THINK(&s, 0, "m");
    TEXT(&s, 0, "H");
    TEXT(&s, 0, "i");
    CALL(&s, 0, 0, "f", "call_1");
    ARGS(&s, 0, 0, "{\"x\":1}");
    CALL_END(&s, 0, 0);
    CALL(&s, 0, 1, "patch", "call_2");
    ARGS(&s, 0, 1, "{\"input\":\"*** \\\"x\"}");
    CALL_END(&s, 0, 1);
    DONE(&s, 0, TURN_CALLS, 12, 8, 5);
    SAME(events(),
         "created in_progress output_item.added content_part.added reasoning_text.delta reasoning_text.delta reasoning_text.done content_part.done "
         "output_item.done "
         "output_item.added content_part.added output_text.delta output_text.delta output_text.done content_part.done "
         "output_item.done output_item.added function_call_arguments.delta function_call_arguments.done "
         "output_item.done "
         "output_item.added custom_tool_call_input.delta custom_tool_call_input.done output_item.done completed");
    CHECK(!strstr(script_out(&s), "[DONE]"), "a [DONE]");
    SAME(script_stream(&s, "output_index"), "0|0|0|0|0|0|0|1|1|1|1|1|1|1|2|2|2|2|3|3|3|3");
    SAME(script_stream(&s, "content_index"), "0|0|0|0|0|0|0|0|0|0");
    SAME(script_stream(&s, "item.name"), "f|f|patch|patch");
    SAME(script_stream(&s, "item.arguments"), "{\"x\":1}"); /* the empty one before it joins without a bar */
    SAME(script_stream(&s, "item.input"), "*** \"x");
    SAME(script_stream(&s, "response.status"), "in_progress|in_progress|completed");
    SAME(script_stream(&s, "response.output.0.content.0.text"), "hm");
    SAME(script_stream(&s, "response.output.1.content"),
         "[{\"type\":\"output_text\",\"text\":\"Hi\",\"annotations\":[],\"logprobs\":[]}]");
    SAME(script_stream(&s, "response.output.2"),
         "{\"id\":\"fc_0101010101010101010101010101010102\",\"type\":\"function_call\",\"status\":"
         "\"completed\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}");
    SAME(script_stream(&s, "response.output.3.input"), "*** \"x");
    SAME(script_stream(&s, "response.usage"),
         "null|null|{\"input_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":8,\"cache_write_tokens\":0},"
         "\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":17}");
    char sealed[200], body[500];
    snprintf(sealed, sizeof sealed, "%s", script_stream(&s, "response.output.0.encrypted_content"));
    snprintf(body, sizeof body,
             "{\"input\":[{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"%s\"},{\"role\":\"user\","
             "\"content\":\"x\"}]}",
             sealed);
    const struct turn *t = sent("/v1/responses", body); /* the reasoning comes back without being sent as text */
    CHECK(t->chat.msgs[0].reasoning_len == 2 && !memcmp(t->chat.msgs[0].reasoning, "hm", 2), "sealed reasoning");
    char *c = strstr(body, sealed) + 20;
    *c = *c == 'A' ? 'B' : 'A';
    t = sent("/v1/responses", body);
    CHECK(t->chat.msgs[0].reasoning_len == 0, "a forged seal");
}

static void check_spaces(void) /* Codex: tools of a server in a name space */
{
    const struct turn *t =
        sent("/v1/responses", "{\"stream\":true,\"tools\":[{\"type\":\"namespace\",\"name\":\"mcp\",\"tools\":[{"
                              "\"type\":\"function\",\"name\":\"g\"}]}],"
                              "\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"namespace\":\"mcp\",\"name\":"
                              "\"g\",\"arguments\":\"{}\"},"
                              "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"1\"}]}");
    SAME(t->chat.msgs[0].calls[0].name, "mcp__g");
    ACCEPT(&s, 0, 12, 8);
    CALL(&s, 0, 0, "mcp__g", "call_1");
    CALL_END(&s, 0, 0);
    DONE(&s, 0, TURN_CALLS, 12, 8, 5);
    SAME(script_stream(&s, "item.name"), "g|g");
    SAME(script_stream(&s, "item.namespace"), "mcp|mcp");
    SAME(script_stream(&s, "response.output.0.name"), "g");
}

static void check_ends(void)
{
    sent("/v1/responses", "{\"input\":\"hi\",\"stream\":true}");
    ACCEPT(&s, 0, 12, 8);
    TEXT(&s, 0, "H");
    DONE(&s, 0, TURN_LENGTH, 12, 8, 1);
    CHECK(strstr(events(), "output_item.done incomplete"), "%s", events());
    SAME(script_stream(&s, "response.incomplete_details.reason"), "max_output_tokens");
    sent("/v1/responses", "{\"input\":\"hi\",\"stream\":true}");
    ACCEPT(&s, 0, 12, 8);
    TEXT(&s, 0, "H");
    SAY(&s, 0, TURN_EV_ERROR, .error = TURN_QUEUE_FULL, .text = script_text("Full."), .retry_ms = 2500);
    CHECK(strstr(events(), "output_text.delta failed"), "%s", events());
    SAME(script_stream(&s, "response.error"),
         "null|null|{\"code\":\"rate_limit_exceeded\",\"message\":\"Full. Please try again in 2.5s.\"}");
    sent("/v1/responses", "{\"input\":\"hi\",\"stream\":true}");
    api_keep_alive(&s.a, &s.out);
    BREAK(&s, 0, TURN_BROKEN, "boom");
    SAME(events(), "created in_progress failed");
    sent("/v1/responses", "{\"input\":\"hi\",\"metadata\":{\"a\":\"b\"}}");
    ACCEPT(&s, 0, 12, 8);
    THINK(&s, 0, "hm");
    TEXT(&s, 0, "Hi");
    DONE(&s, 0, TURN_END, 12, 8, 5);
    SAME(script_get(&s, "status"), "completed");
    SAME(script_get(&s, "output.1.content.0.text"), "Hi");
    SAME(script_get(&s, "output.0.encrypted_content"), "?");
    SAME(script_get(&s, "metadata.a"), "b");
    SAME(script_get(&s, "store"), "false");
}

/* ---- completions ---- */

static void token(size_t turn, const char *text, float lp, bool prompt, bool known, float other)
{
    struct turn_top top[] = {
        {9, other > lp ? other : lp, {other > lp ? "best" : text, strlen(other > lp ? "best" : text)}}};
    SAY(&s, turn, TURN_EV_TOKEN,
        .token = {.id = 1,
                  .of_prompt = prompt,
                  .known = known,
                  .logprob = lp,
                  .bytes = {text, strlen(text)},
                  .top = top,
                  .n_top = known});
}

static void check_scoring(void) /* what lm-eval sends and reads */
{
    const struct turn *t = sent(
        "/v1/completions", "{\"model\":\"toy\",\"prompt\":[[5,6],[7]],\"max_tokens\":1,\"logprobs\":1,\"echo\":true,"
                           "\"temperature\":0,\"seed\":1234}");
    CHECK(s.a.n_turns == 2 && t->kind == TURN_TEXT && t->n_prompt_ids == 2 && t[1].prompt_ids[0] == 7 && t->echo &&
              t->want_logprobs && t->top_logprobs == 1 && t->max_tokens == 1 && t->sampling.seeded,
          "request");
    for (size_t i = 0; i < 2; i++) {
        ACCEPT(&s, i, 2, 0);
        token(i, "a", 0, true, false, 0);
        token(i, "\xc3", -1.3333334f, true, true, -0.5f);
        TEXT(&s, i, "a\xc3\xa9");
        token(i, "c", -0.25f, false, true, -3);
        TEXT(&s, i, "c");
        DONE(&s, i, TURN_LENGTH, 2, 0, 1);
    }
    SAME(script_get(&s, "choices.1.index"), "1");
    SAME(script_get(&s, "choices.0.text"), "a\xc3\xa9"
                                           "c");
    CHECK(strstr(script_out(&s),
                 "\"logprobs\":{\"tokens\":[\"a\",\"bytes:\\\\xc3\",\"c\"],\"token_logprobs\":[null,-1.33333337,-0.25],"
                 "\"top_logprobs\":"
                 "[null,{\"bytes:\\\\xc3\":-1.33333337,\"best\":-0.5},{\"c\":-0.25}],\"text_offset\":[0,1,2]}"),
          "%s", script_out(&s));
    SAME(script_get(&s, "usage.prompt_tokens"), "4");
}

static void check_completions(void)
{
    const struct turn *t = sent("/beta/completions", "{\"prompt\":\"def\",\"suffix\":\"end\",\"stream\":true}");
    CHECK(t->suffix.len == 3 && t->max_tokens == 16 && t->special && t->raw_special, "FIM");
    ACCEPT(&s, 0, 2, 0);
    api_keep_alive(&s.a, &s.out);
    TEXT(&s, 0, "x");
    DONE(&s, 0, TURN_END, 2, 0, 1);
    SAME(script_stream(&s, "choices.0.text"), "x||[DONE]");
    CHECK(!strstr(script_out(&s), "\"choices\":[]"), "a chunk without choices: %s", script_out(&s));
    SAME(script_stream(&s, "usage.completion_tokens"), "1|[DONE]");
    t = sent("/v1/completions", "{\"prompt\":[\"a\",\"b\"],\"n\":2,\"stream\":true,\"stream_options\":{\"include_"
                                "usage\":true},\"max_tokens\":-1,"
                                "\"add_special_tokens\":false}");
    CHECK(s.a.n_turns == 4 && !strcmp(t[2].prompt.s, "b") && t->max_tokens == -1 && !t->special, "prompts times n");
    for (size_t i = 0; i < 4; i++) ACCEPT(&s, i, 3, 0);
    for (size_t i = 0; i < 4; i++) DONE(&s, i, TURN_END, 3, 0, 1);
    SAME(script_stream(&s, "choices.0.index"), "0|1|2|3|[DONE]");
    SAME(script_stream(&s, "usage.prompt_tokens"), "6|[DONE]");
    static const char *const bad[] = {"{}",
                                      "{\"prompt\":[]}",
                                      "{\"prompt\":[\"a\",1]}",
                                      "{\"prompt\":\"a\",\"logprobs\":21}",
                                      "{\"prompt\":{}}",
                                      "{\"prompt\":[\"a\",\"b\"],\"suffix\":\"c\"}",
                                      "{\"prompt\":\"a\",\"n\":0}",
                                      "{\"prompt\":[[]]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        script_send(&s, "POST", "/v1/completions", bad[i]);
        CHECK(s.a.status == 400, "%s: %s", bad[i], script_out(&s));
    }
}

int main(void)
{
    check_request();
    check_stream();
    check_spaces();
    check_ends();
    check_scoring();
    check_completions();
    script_free(&s);
    CHECK(mem_live() == 0, "%lld blocks left", (long long)mem_live());
    return test_end();
}
