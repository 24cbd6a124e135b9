/* What requests of several dialects say in the same way: rows of their tables, and the readers of them. */
#ifndef API_ASK_H
#define API_ASK_H

#include "api/inside.h"

api_reader api_read_stop, api_read_stop_ids, api_read_bias, api_read_format, api_read_thinking, api_read_effort,
    api_read_user;
api_reader api_read_schema, api_read_regex, api_read_grammar, api_read_choices, api_read_model, api_read_top_k,
    api_read_best_of;
api_reader api_read_enable_thinking, api_read_cache_prompt, api_read_budget;
int api_schema(struct api_answer *a, const json_t *v); /* a JSON schema: the answer has its shape */
int api_effort(struct api_answer *a, const char *word, bool *known);

extern const struct api_field api_stream_options[], api_template_kwargs[], api_reasoning_fields[],
    api_structured_fields[];
extern const char *const api_reasoning_formats[];

#define API_SCHEMA_STOP                                                                                                \
    "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":256},{\"type\":\"array\",\"items\":{\"type\":\"string\","          \
    "\"maxLength\":256},\"maxItems\":16}]}"
#define API_SCHEMA_FORMAT                                                                                              \
    "{\"anyOf\":[{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":[\"text\",\""         \
    "json_object\"]},\"schema\":{\"type\":\"object\"},\"json_schema\":{\"type\":\"object\",\"properties\":{\""         \
    "schema\":{\"type\":\"object\"}}}}},{\"type\":\"object\",\"required\":[\"type\",\"json_schema\"],\"proper"         \
    "ties\":{\"type\":{\"const\":\"json_schema\"},\"json_schema\":{\"type\":\"object\",\"required\":[\"schema"         \
    "\"],\"properties\":{\"schema\":{\"type\":\"object\"}}}}}]}"
#define API_SCHEMA_FORMAT_FLAT                                                                                         \
    "{\"anyOf\":[{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":[\"text\",\""         \
    "json_object\"]},\"schema\":{\"type\":\"object\"},\"json_schema\":{\"type\":\"object\",\"properties\":{\""         \
    "schema\":{\"type\":\"object\"}}}}},{\"type\":\"object\",\"required\":[\"type\",\"schema\"],\"properties"          \
    "\":{\"type\":{\"const\":\"json_schema\"},\"schema\":{\"type\":\"object\"},\"json_schema\":{\"type\":\"ob"         \
    "ject\",\"required\":[\"schema\"],\"properties\":{\"schema\":{\"type\":\"object\"}}}}}]}"
#define API_SCHEMA_OBJECT "{\"type\":\"object\"}"
#define API_SCHEMA_STRING "{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\"}"
#define API_SCHEMA_NAME   "{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\",\"maxLength\":64}"
#define API_SCHEMA_EFFORT "{\"enum\":[\"none\",\"minimal\",\"low\",\"medium\",\"high\",\"xhigh\",\"max\",\"ultra\"]}"
#define API_SCHEMA_THINKING                                                                                            \
    "{\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\""         \
    ":{\"enum\":[\"enabled\",\"disabled\",\"adaptive\"]},\"budget_tokens\":{\"type\":[\"integer\",\"null\"],"          \
    "\"minimum\":0,\"maximum\":2147483647}}}]}"
#define API_SCHEMA_CHOICE "{\"anyOf\":[{\"enum\":[\"none\",\"auto\"]}]}"
#define API_SCHEMA_BIAS                                                                                                \
    "{\"type\":\"object\",\"maxProperties\":1024,\"additionalProperties\":{\"type\":\"number\",\"minimum\":-1"         \
    "00,\"maximum\":100},\"propertyNames\":{\"pattern\":\"^[0-9]{1,9}$\"}}"
#define API_SCHEMA_TOOLS(parameters)                                                                                   \
    "{\"type\":\"array\",\"maxItems\":1,\"items\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"       \
    "\"type\":"                                                                                                        \
    "{\"enum\":[\"function\",\"custom\"]},\"name\":{\"type\":\"string\",\"pattern\":\"^[a-zA-Z0-9_-]{1,64}$\"},"       \
    "\"description\":"                                                                                                 \
    "{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\"},\"" parameters "\":{\"type\":\"object\"}}}}"
#define API_SCHEMA_CHOICES "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":256}"
#define API_SCHEMA_IDS     "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":2147483647}}"

/* Of chat and of completions. */
#define API_ROWS_SAMPLING                                                                                              \
    ROW_REAL("temperature", TURN_AT(sampling.temperature), 0, 2, "0 takes the likeliest token"),                       \
        ROW_REAL("top_p", TURN_AT(sampling.top_p), 0, 1, ""),                                                          \
        {.name = "top_k",                                                                                              \
         .type = FIELD_INT,                                                                                            \
         TURN_AT(sampling.top_k),                                                                                      \
         .lo = -1,                                                                                                     \
         .hi = API_BIG,                                                                                                \
         .read = api_read_top_k,                                                                                       \
         .note = "0 and -1: off"},                                                                                     \
        ROW_REAL("min_p", TURN_AT(sampling.min_p), 0, 1, ""),                                                          \
        ROW_REAL("repetition_penalty", TURN_AT(sampling.repeat), 0.01, 10, "1: off"),                                  \
        ROW_REAL("repeat_penalty", TURN_AT(sampling.repeat), 0.01, 10, "as repetition_penalty"),                       \
        ROW_INT("repeat_last_n", TURN_AT(sampling.repeat_window), -1, API_BIG,                                         \
                "tokens that repetition_penalty looks back"),                                                          \
        ROW_REAL("presence_penalty", TURN_AT(sampling.presence), -2, 2, ""),                                           \
        ROW_REAL("frequency_penalty", TURN_AT(sampling.frequency), -2, 2, ""),                                         \
        {.name = "seed",                                                                                               \
         .type = FIELD_INT,                                                                                            \
         TURN_AT(sampling.seed),                                                                                       \
         .lo = -0x1p63,                                                                                                \
         .hi = 0x1p63,                                                                                                 \
         .read = api_read_seed,                                                                                        \
         .note = "the same seed gives the same answer, whatever else the server does"},                                \
        ROW_INT("min_tokens", TURN_AT(min_tokens), 0, API_BIG, "the end is not taken before"),                         \
        ROW_BOOL("ignore_eos", TURN_AT(ignore_end), "goes on until max_tokens"),                                       \
        ROW_READ("stop", api_read_stop, API_SCHEMA_STOP, "up to 16; not part of the answer"),                          \
        ROW_READ("stop_token_ids", api_read_stop_ids,                                                                  \
                 "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":16}", ""),                         \
        ROW_READ("logit_bias", api_read_bias, API_SCHEMA_BIAS,                                                         \
                 "ids with -100 to 100, at most 1024 of them; -100: never"),                                           \
        ROW_READ("response_format", api_read_format, API_SCHEMA_FORMAT, "text, json_object, json_schema"),             \
        ROW_READ("json_schema", api_read_schema, API_SCHEMA_OBJECT, "as response_format, without its frame"),          \
        ROW_READ("grammar", api_read_grammar, API_SCHEMA_STRING, "GBNF"),                                              \
        ROW_READ("guided_json", api_read_schema, API_SCHEMA_OBJECT, "a JSON schema, or one as text"),                  \
        ROW_READ("guided_regex", api_read_regex, API_SCHEMA_STRING, "a regular expression"),                           \
        ROW_READ("guided_grammar", api_read_grammar, API_SCHEMA_STRING, "GBNF"),                                       \
        ROW_READ("guided_choice", api_read_choices, API_SCHEMA_CHOICES, "one of these texts"),                         \
        ROW_SUB("structured_outputs", api_structured_fields, "json, regex, grammar, choice: as the guided_ fields"),   \
        ROW_READ("user", api_read_user, API_SCHEMA_NAME, "shares are dealt out by user"),                              \
        ROW_READ("user_id", api_read_user, API_SCHEMA_NAME, "as user"),                                                \
        {.name = "prompt_cache_key", .type = FIELD_TEXT, TURN_AT(session), .hi = 512, .note = "names the session"},    \
        {.name = "session_id", .type = FIELD_TEXT, TURN_AT(session), .hi = 512, .note = "as prompt_cache_key"},        \
        ROW_READ("cache_prompt", api_read_cache_prompt, "{\"type\":\"boolean\"}", "false: nothing is reused or kept"), \
        ROW_IGNORED("safety_identifier", "no safety service stands behind it"), ROW_IGNORED("typical_p", ""),          \
        ROW_IGNORED("mirostat", ""), ROW_IGNORED("dry_multiplier", ""), ROW_IGNORED("samplers", ""),                   \
        ROW_IGNORED("id_slot", "slots are not chosen by clients"), ROW_IGNORED("service_tier", ""),                    \
        ROW_IGNORED("skip_special_tokens", ""), ROW_IGNORED("length_penalty", ""), ROW_IGNORED("use_beam_search", "")

api_reader api_read_seed;

#endif
