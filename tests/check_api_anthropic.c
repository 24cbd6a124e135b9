/* Anthropic's messages. */
#include "tests/api_script.h"

static struct script s;

static const struct turn *sent(const char *body)
{
    script_send(&s, "POST", "/anthropic/v1/messages", body);
    CHECK(s.a.task == API_TURNS && s.a.n_turns > 0, "%s: %s", body, script_out(&s));
    return s.a.n_turns ? &s.a.turn[0] : NULL;
}

#define HELLO "\"model\":\"claude-toy-1\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void check_request(void)
{
    const struct turn *t = sent(
        "{\"model\":\"claude-toy-1\",\"max_tokens\":10,\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-"
        "header: cc_version=2; cch=1\"},"
        "{\"type\":\"text\",\"text\":\"Be "
        "good.\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"And kind.\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":\"assistant\","
        "\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"other\"},{\"type\":\"text\",\"text\":\"b\"},"
        "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}}]},{\"role\":\"user\",\"content\":["
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"text\",\"text\":\"3\"}],\"is_"
        "error\":false},"
        "{\"type\":\"text\",\"text\":\"go\"}]},{\"role\":\"system\",\"content\":\"now\"},{\"role\":\"assistant\","
        "\"content\":\"Sure\"}],"
        "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}},{\"type\":\"bash_20250124\",\"name\":"
        "\"bash\"}],"
        "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true},\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":1024},"
        "\"stop_sequences\":[\"END\"],\"metadata\":{\"user_id\":\"u\"},\"top_k\":5,\"temperature\":1}");
    const struct chat_msg *m = t->chat.msgs;
    CHECK(t->chat.n_msgs == 7, "%zu messages", t->chat.n_msgs);
    SAME(m[0].text, "Be good.\n\nAnd kind.");
    CHECK(m[2].role == CHAT_ASSISTANT && m[2].reasoning_len == 2 && m[2].n_calls == 1 &&
              !strcmp(m[2].calls[0].arguments, "{\"x\":1}"),
          "assistant");
    CHECK(m[3].role == CHAT_TOOL && !strcmp(m[3].call_id, "t1") && !strcmp(m[3].text, "3") && m[4].role == CHAT_USER &&
              m[5].role == CHAT_SYSTEM,
          "roles");
    CHECK(t->chat.continue_last && t->choice == TURN_TOOLS_REQUIRED && t->one_call &&
              t->chat.thinking == CHAT_THINK_ON && t->max_thinking == 1024 && t->n_stops == 1 &&
              t->sampling.top_k == 5 && t->max_tokens == 10,
          "rest");
    TEXT(&s, 0, "x");
    DONE(&s, 0, TURN_END, 5, 0, 1);
    SAME(script_head(&s, "x-autarky-ignored"), "thinking.signature, tools.bash_20250124");
    SAME(script_head(&s, "request-id"), "01010101010101010101010101010101");
    t = sent("{" HELLO ",\"system\":\"x-anthropic-billing-header: "
             "cch=abc\\nReal\",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":"
             "{\"effort\":\"max\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}}");
    SAME(t->chat.msgs[0].text, "Real");
    CHECK(t->max_tokens == 4096 && t->chat.thinking == CHAT_THINK_DEFAULT && t->chat.effort == CHAT_EFFORT_MAX &&
              t->shape == TURN_SCHEMA,
          "adaptive");
    t = sent("{" HELLO ",\"system\":\"x-anthropic-billing-header: cch=abc\"}");
    CHECK(t->chat.n_msgs == 1, "nothing is left of the system prompt");
}

#define USAGE(n)                                                                                                       \
    "\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":8,\"output_"          \
    "tokens\":" n "}"

static void check_stream(void)
{
    sent("{" HELLO ",\"stream\":true,\"stop_sequences\":[\"END\"]}");
    api_keep_alive(&s.a, &s.out);
    SAME(script_out(&s), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    s.out.len = 0;
    ACCEPT(&s, 0, 12, 8);
    THINK(&s, 0, "hm");
    TEXT(&s, 0, "H");
    TEXT(&s, 0, "i");
    CALL(&s, 0, 0, "f", "toolu_1");
    ARGS(&s, 0, 0, "{\"x\":1}");
    CALL_END(&s, 0, 0);
    SAY(&s, 0, TURN_EV_DONE, .reason = TURN_STOP_STRING, .stop = 0, .usage = {.prompt = 12, .cached = 8, .answer = 5});
    char *sign = strstr(script_out(&s), "\"signature\":\"YWsx");
    CHECK(sign && strlen(sign) > 70, "no signature: %s", script_out(&s));
    char sealed[49] = "";
    if (sign) snprintf(sealed, sizeof sealed, "%s", sign + 13);
    static const char want[] =
        "event: message_start\ndata: "
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01010101010101010101010101010101\",\"type\":\"message\","
        "\"role\":\"assistant\",\"model\":\"toy-135m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":"
        "null," USAGE(
            "1") "}}\n\n"
                 "event: ping\ndata: {\"type\":\"ping\"}\n\n"
                 "event: content_block_start\ndata: "
                 "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":"
                 "\"\",\"signature\":\"\"}}\n\n"
                 "event: content_block_delta\ndata: "
                 "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":"
                 "\"hm\"}}\n\n"
                 "event: content_block_delta\ndata: "
                 "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":"
                 "\"%s\"}}\n\n"
                 "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                 "event: content_block_start\ndata: "
                 "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
                 "\n\n"
                 "event: content_block_delta\ndata: "
                 "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"H\"}}\n\n"
                 "event: content_block_delta\ndata: "
                 "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"i\"}}\n\n"
                 "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
                 "event: content_block_start\ndata: "
                 "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":"
                 "\"toolu_1\",\"name\":\"f\",\"input\":{}}}\n\n"
                 "event: content_block_delta\ndata: "
                 "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_"
                 "json\":\"{\\\"x\\\":1}\"}}\n\n"
                 "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
                 "event: message_delta\ndata: "
                 "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"}"
                 "," USAGE("5") "}\n\n"
                                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    char all[sizeof want + 60];
    snprintf(all, sizeof all, want, sealed);
    SAME(script_out(&s), all);
    char body[500]; /* what comes back is known, and what was changed is not */
    snprintf(body, sizeof body,
             "{\"model\":\"toy\",\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
             "\"thinking\":\"%s\",\"signature\":\"%s\"}]},"
             "{\"role\":\"user\",\"content\":\"x\"}]}",
             "hm", sealed);
    sent(body);
    DONE(&s, 0, TURN_END, 5, 0, 1);
    SAME(script_head(&s, "x-autarky-ignored"), "");
    memcpy(strstr(body, "\"hm\""), "\"Hm\"", 4);
    sent(body);
    DONE(&s, 0, TURN_END, 5, 0, 1);
    SAME(script_head(&s, "x-autarky-ignored"), "thinking.signature");
}

static void check_reply(void)
{
    sent("{" HELLO "}");
    ACCEPT(&s, 0, 12, 8);
    TEXT(&s, 0, "Hi");
    CALL(&s, 0, 0, "f", "toolu_1");
    CALL_END(&s, 0, 0);
    DONE(&s, 0, TURN_CALLS, 12, 8, 5);
    SAME(
        script_get(&s, "content"),
        "[{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}]");
    SAME(script_get(&s, "stop_reason"), "tool_use");
    SAME(script_get(&s, "usage.input_tokens"), "4");
    sent("{" HELLO ",\"stream\":true}"); /* an empty answer has a block, too */
    ACCEPT(&s, 0, 12, 8);
    DONE(&s, 0, TURN_CONTEXT, 12, 8, 0);
    CHECK(strstr(script_out(&s), "content_block_start") &&
              strstr(script_out(&s), "\"stop_reason\":\"model_context_window_exceeded\""),
          "%s", script_out(&s));
    script_send(&s, "POST", "/v1/messages/count_tokens", "{" HELLO "}");
    CHECK(s.a.task == API_TURNS && s.a.turn[0].kind == TURN_COUNT, "count");
    DONE(&s, 0, TURN_END, 33, 0, 0);
    SAME(script_out(&s), "{\"input_tokens\":33}");
}

static void check_faults(void)
{
    sent("{" HELLO "}");
    SAY(&s, 0, TURN_EV_ERROR, .error = TURN_TOO_LONG, .limit = 4096, .usage = {.prompt = 5000});
    SAME(script_out(&s),
         "{\"type\":\"error\",\"error\":{\"message\":\"prompt is too long: 5000 tokens > 4096 maximum\",\"type\":"
         "\"invalid_request_error\"},\"request_id\":\"01010101010101010101010101010101\"}");
    sent("{" HELLO ",\"stream\":true}");
    ACCEPT(&s, 0, 12, 8);
    s.out.len = 0;
    BREAK(&s, 0, TURN_BROKEN, "boom");
    SAME(script_out(&s), "event: error\ndata: "
                         "{\"type\":\"error\",\"error\":{\"message\":\"boom\",\"type\":\"api_error\"},\"request_id\":"
                         "\"01010101010101010101010101010101\"}\n\n");
    sent("{" HELLO "}");
    struct api_fault f;
    api_fault_set(&f, API_F_LOADING, "", "Loading model");
    api_fault(&s.a, &f, &s.out);
    CHECK(s.a.status == 529 && !strcmp(script_get(&s, "error.type"), "overloaded_error"), "%d", s.a.status);
    static const char *const bad[] = {
        "{}",
        "{\"model\":\"toy\"}",
        "{\"model\":\"toy\",\"messages\":[]}",
        "{" HELLO ",\"max_tokens\":0}",
        "{" HELLO ",\"system\":5}",
        "{\"model\":\"toy\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}",
        "{" HELLO ",\"temperature\":3}",
        "{\"model\":\"toy\",\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}",
        "{" HELLO ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"x\"}}",
        "{\"model\":\"toy\",\"messages\":[{\"role\":\"user\"}]}",
        "{" HELLO ",\"thinking\":{\"type\":\"much\"}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        script_send(&s, "POST", "/v1/messages", bad[i]);
        CHECK(s.a.status == 400 && !strcmp(script_get(&s, "error.type"), "invalid_request_error"), "%s: %s", bad[i],
              script_out(&s));
    }
}

int main(void)
{
    check_request();
    check_stream();
    check_reply();
    check_faults();
    script_free(&s);
    CHECK(mem_live() == 0, "%lld blocks left", (long long)mem_live());
    return test_end();
}
