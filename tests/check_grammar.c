/* Constrained decoding: what grammars accept and refuse, keyword by keyword, and what they refuse to be made of. */
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "grammar/grammar.h"
#include "tests/test.h"
#include <string.h>

static struct err e;

/* A grammar's source, texts of its language, texts that are not; separated by newlines. */
struct language {
    const char *source, *good, *bad;
};

static bool next_line(const char **s, const char **line, size_t *len)
{
    if (!*s || !**s) return false;
    *line = *s;
    *len = strcspn(*s, "\n");
    *s += *len + ((*s)[*len] == '\n');
    return true;
}

static void check_lines(const struct grammar *g, const struct language *l)
{
    const char *line, *s = l->good;
    size_t n;
    while (next_line(&s, &line, &n)) CHECK(grammar_matches(g, line, n), "%s refuses %.*s", l->source, (int)n, line);
    s = l->bad;
    while (next_line(&s, &line, &n)) CHECK(!grammar_matches(g, line, n), "%s accepts %.*s", l->source, (int)n, line);
}

/* ---- JSON ---- */

static void check_json(void)
{
    static const struct language object = {
        "any object",
        "{}\n{ }\n{\"a\":1}\n{\"a\": [1, 2.5e+3, true, null, \"x\\n\\u00e9\"]}\n{\"\\ud83d\\ude00\":\"\xf0\x9f\x98\x80\"}\n{\"a\":-0.5}",
        "{\n[]\n1\n{\"a\"}\n{\"a\":01}\n{\"a\":1,}\n{\"a\":\"\\u0000\"}\n{\"a\":\"\\ud83d\"}\n{\"a\":\"\t\"}\n{\"a\":\"\xc3\"}\n"
        "{\"a\":\"\xed\xa0\x80\"}\n{\"a\":1}}\n{  }\n{\"a\":-}\n{\"a\":1.}\n{\"a\":1e}\n{'a':1}\n{\"a\":tru}\n{\"a\" :1}\n{\"a\":\"\\x\"}\n {}"};
    static const struct language any = {"any value", "1\n\"a\"\nnull\n[]\n[1, [2]]\n{}\n-3e-2", "nul\n[1\n1 2\n+1\n.5\nNaN"};
    struct grammar *g;
    CHECK_OK(grammar_from_json(&g, true, &e), &e);
    if (!g) return;
    check_lines(g, &object);
    const char *lines = "{\n  \"a\": {\n\t\"b\": []\n  }\n}";
    CHECK(grammar_matches(g, lines, strlen(lines)), "indentation");
    CHECK(!grammar_matches(g, "", 0), "nothing");
    for (int depth = 100; depth <= 130; depth += 30) {
        struct buf deep = {0};
        buf_add_str(&deep, "{\"a\":");
        for (int i = 0; i < 2 * depth; i++) buf_add_byte(&deep, i < depth ? '[' : ']');
        buf_add_byte(&deep, '}');
        CHECK(grammar_matches(g, deep.data, deep.len) == (depth == 100), "nested %d deep", depth);
        buf_free(&deep);
    }
    grammar_free(g);
    CHECK_OK(grammar_from_json(&g, false, &e), &e);
    if (g) check_lines(g, &any);
    grammar_free(g);
}

/* ---- JSON Schema ---- */

static const struct language schemas[] = {
    {"true", "1\n\"a\"\n{\"a\":[]}", "x"},
    {"{}", "1\n\"a\"\n{\"a\":[]}", "x"},
    {"{\"type\":\"null\"}", "null", "0\n\"null\""},
    {"{\"type\":\"boolean\"}", "true\nfalse", "null\n\"true\"\ntruefalse"},
    {"{\"type\":\"string\"}", "\"\"\n\"a\\\"b\"\n\"\\u00e9\"", "a\n\"\n1\n\"\\u12\""},
    {"{\"type\":\"integer\"}", "0\n-7\n123456789012345", "01\n1.0\n1e3\n-\n\"1\"\n1234567890123456"},
    {"{\"type\":\"number\"}", "0\n-7.25\n1e-7\n0.5", "01\n.5\n1.\nnull"},
    {"{\"type\":[\"string\",\"null\"]}", "null\n\"x\"", "1\ntrue"},
    {"{\"type\":\"object\"}", "{}\n{\"x\":1}", "[]"},
    {"{\"type\":\"array\"}", "[]\n[1, {}]", "{}"},
    {"{\"const\":{\"a\":[1,\"x\"],\"b\":null}}", "{\"a\":[1,\"x\"],\"b\":null}\n{\"a\": [1, \"x\"], \"b\": null}", "{}\n{\"b\":null,\"a\":[1,\"x\"]}"},
    {"{\"enum\":[\"a\",\"b\\n\",3,2.5,null,true,[1]]}", "\"a\"\n\"b\\n\"\n3\n2.5\nnull\ntrue\n[1]", "\"c\"\n4\nfalse\n\"ab\"\n[]"},
    {"{\"enum\":[\"a\",1,2],\"type\":\"integer\",\"minimum\":2}", "2", "1\n\"a\"\n3"},
    {"{\"type\":\"string\",\"enum\":[\"aa\",\"b\"],\"maxLength\":1}", "\"b\"", "\"aa\""},
    /* strings */
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"ab\"\n\"abc\"\n\"\xf0\x9f\x98\x80\\n\"\n\"\\ud83d\\ude00x\"", "\"\"\n\"a\"\n\"abcd\"\n\"\\ud83d\\ude00\""},
    {"{\"type\":\"string\",\"minLength\":20}", "\"01234567890123456789\"\n\"0123456789012345678901234567890\"", "\"0123456789012345678\""},
    {"{\"type\":\"string\",\"maxLength\":20,\"minLength\":3}", "\"01234567890123456789\"\n\"012\"", "\"012345678901234567890\"\n\"01\""},
    {"{\"type\":\"string\",\"pattern\":\"^[a-z]{2,}[0-9]?$\"}", "\"ab\"\n\"abc1\"", "\"a\"\n\"a1\"\n\"ab12\"\n\"AB\""},
    {"{\"type\":\"string\",\"pattern\":\"b+\"}", "\"b\"\n\"abba\"\n\"\\\"b\"", "\"\"\n\"ac\""},
    {"{\"type\":\"string\",\"pattern\":\"^a|b$\"}", "\"ax\"\n\"xb\"\n\"a\"", "\"xa\"\n\"bx\""},
    {"{\"type\":\"string\",\"pattern\":\"^\\\\S+\\\\n\\\"$\"}", "\"x\\n\\\"\"", "\" \\n\\\"\"\n\"x\\\"\""},
    {"{\"type\":\"string\",\"pattern\":\"^[a-z]*$\",\"maxLength\":3,\"minLength\":1}", "\"a\"\n\"abc\"", "\"\"\n\"abcd\"\n\"A\""},
    {"{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-29\"\n\"2000-02-29\"\n\"1999-12-31\"", "\"2023-02-29\"\n\"1900-02-29\"\n\"2023-04-31\"\n\"2023-13-01\"\n\"0000-01-01\""},
    {"{\"type\":\"string\",\"format\":\"date-time\"}", "\"2024-02-29T23:59:59Z\"\n\"2024-01-01T00:00:00.5+02:00\"", "\"2024-01-01\"\n\"2024-01-01T24:00:00Z\"\n\"2024-01-01 00:00:00Z\""},
    {"{\"type\":\"string\",\"format\":\"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"", "\"123e4567e89b12d3a456426614174000\"\n\"123e4567-e89b-12d3-a456-42661417400\""},
    {"{\"type\":\"string\",\"format\":\"ipv4\"}", "\"1.2.3.255\"\n\"0.0.0.0\"", "\"1.2.3.256\"\n\"01.2.3.4\"\n\"1.2.3\""},
    {"{\"type\":\"string\",\"format\":\"ipv6\"}", "\"::\"\n\"::1\"\n\"2001:db8::1\"\n\"1:2:3:4:5:6:7:8\"\n\"1:2:3:4:5:6:7::\"", "\":\"\n\"1:2:3:4:5:6:7:8:9\"\n\"1::2::3\"\n\"12345::\""},
    {"{\"type\":\"string\",\"format\":\"email\"}", "\"a.b@example.org\"", "\"a@b\"\n\"@example.org\"\n\"a b@c.d\""},
    {"{\"type\":\"string\",\"format\":\"hostname\"}", "\"example.org\"\n\"a\"", "\"-a.org\"\n\"a..b\"\n\"\""},
    {"{\"type\":\"string\",\"format\":\"time\",\"maxLength\":9}", "\"10:00:00Z\"", "\"10:00:00.5Z\"\n\"1:00:00Z\""},
    {"{\"type\":\"string\",\"format\":\"uri\"}", "\"https://example.org/a?b=c#d\"", "\"example.org\"\n\"https://\"\n\"https://a b\""},
    {"{\"type\":\"string\",\"format\":\"duration\"}", "\"P1D\"\n\"PT1H30M\"\n\"P1Y2M3DT4S\"\n\"P2W\"", "\"P\"\n\"PT\"\n\"1D\"\n\"P1YT\""},
    {"{\"type\":\"string\",\"format\":\"json-pointer\"}", "\"\"\n\"/a~1b/0\"", "\"a\"\n\"/~2\""},
    /* numbers */
    {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":120}", "3\n9\n10\n99\n100\n120", "2\n121\n1000\n-3\n3.0\n03"},
    {"{\"type\":\"integer\",\"minimum\":-120,\"maximum\":-3}", "-3\n-10\n-120", "-2\n-121\n0\n3"},
    {"{\"type\":\"integer\",\"exclusiveMinimum\":-1,\"exclusiveMaximum\":2}", "0\n1", "-1\n2\n-0.5"},
    {"{\"type\":\"integer\",\"minimum\":2.5}", "3\n999999999999999", "2\n-3"},
    {"{\"type\":\"integer\",\"maximum\":9007199254740991}", "9007199254740991\n-5", "9007199254740992\n10000000000000000"},
    {"{\"type\":\"number\",\"minimum\":-1.25,\"exclusiveMaximum\":3.5}", "-1.25\n0\n3.4999\n-1.250\n2\n-1\n-0.001", "-1.26\n-1.3\n3.5\n3.50\n4\n-2\n1e0"},
    {"{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1}", "0.1\n1\n1.0\n0.0001", "0\n0.0\n1.01\n-0.5\n2"},
    {"{\"type\":\"number\",\"minimum\":1e-3,\"maximum\":2e-3}", "0.001\n0.0015\n0.002\n0.00200", "0.0009\n0.0021\n0\n1"},
    {"{\"type\":\"integer\",\"multipleOf\":7}", "0\n7\n-14\n700", "1\n15\n-1"},
    {"{\"type\":\"number\",\"multipleOf\":0.25}", "1.25\n0.5\n7\n7.750\n0", "1.3\n7.755\n0.1"},
    {"{\"type\":\"integer\",\"multipleOf\":5,\"minimum\":11,\"maximum\":20}", "15\n20", "10\n11\n25"},
    {"{\"minimum\":5,\"exclusiveMinimum\":true,\"type\":\"integer\"}", "6", "5"},
    /* arrays */
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", "[]\n[1]\n[1, 2]\n[1,2,3]", "[\"a\"]\n[1,]\n[,1]\n[1 2]"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}", "[1]\n[1,2]", "[]\n[1,2,3]"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2}", "[1,2]\n[1,2,3,4]", "[]\n[1]"},
    {"{\"type\":\"array\",\"maxItems\":0}", "[]", "[1]"},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":false}", "[]\n[1]\n[1,\"a\"]", "[\"a\"]\n[1,\"a\",2]"},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"string\"},\"minItems\":2}", "[1,\"a\"]\n[1,\"a\",\"b\"]", "[1]\n[1,2]\n[]"},
    {"{\"type\":\"array\",\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false}", "[]\n[1]", "[1,2]"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":3000,\"minItems\":3}", "[1,2,3]\n[1,2,3,4]", "[1,2]"},
    {"{\"type\":\"array\",\"uniqueItems\":true,\"maxItems\":1}", "[]\n[1]", "[1,2]"},
    /* objects */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"null\"}},\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
     "{\"a\":1,\"b\":null}\n{ \"a\": 1, \"b\": null }", "{\"a\":1}\n{\"b\":null,\"a\":1}\n{}\n{\"a\":1,\"b\":null,\"c\":1}\n{\"a\":1,\"a\":1}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"null\"},\"c\":{\"type\":\"null\"}},\"required\":[\"b\"]}",
     "{\"a\":1,\"b\":null}\n{\"b\":null}\n{\"b\":null,\"c\":null}\n{\"a\":1,\"b\":null,\"c\":null}", "{\"a\":1}\n{}\n{,\"b\":null}\n{\"b\":null,}\n{\"b\":null,\"d\":1}"},
    {"{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", "{}\n{ }", "{\"a\":1}"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{}\n{\"x\":1}\n{\"x\":1, \"y\":2}", "{\"x\":\"1\"}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":\"integer\"}}",
     "{\"a\":null}\n{\"a\":null,\"x\":1}\n{\"x\":1}\n{\"aa\":1}\n{\"\":1}", "{\"a\":1}\n{\"x\":null}\n{\"\\u0061\":1}"},
    {"{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"integer\"},\"y$\":{\"minimum\":5}},\"additionalProperties\":{\"type\":\"string\"}}",
     "{\"x-a\":1}\n{\"x-y\":5}\n{\"z\":\"s\"}\n{\"zy\":7}", "{\"x-a\":\"s\"}\n{\"x-y\":4}\n{\"z\":1}\n{\"zy\":4}"},
    {"{\"type\":\"object\",\"properties\":{\"x-1\":{\"type\":\"integer\"}},\"patternProperties\":{\"^x-\":{\"minimum\":5}}}", "{\"x-1\":5}", "{\"x-1\":4}\n{\"x-1\":\"a\"}"},
    {"{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[a-z]+$\"},\"additionalProperties\":{\"type\":\"null\"}}", "{}\n{\"ab\":null}", "{\"A\":null}\n{\"\":null}"},
    {"{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":2,\"additionalProperties\":{\"type\":\"null\"}}", "{\"a\":null}\n{\"a\":null,\"b\":null}", "{}\n{\"a\":null,\"b\":null,\"c\":null}"},
    {"{\"type\":\"object\",\"minProperties\":2,\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"},\"c\":{\"type\":\"null\"}},\"additionalProperties\":false}",
     "{\"a\":null,\"b\":null}\n{\"a\":null,\"c\":null}\n{\"a\":null,\"b\":null,\"c\":null}", "{}\n{\"a\":null}\n{\"c\":null}"},
    {"{\"type\":\"object\",\"maxProperties\":1,\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}}}", "{}\n{\"a\":null}\n{\"b\":null}", "{\"a\":null,\"b\":null}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":false,\"b\":{\"type\":\"null\"}}}", "{}\n{\"b\":null}", "{\"a\":1}"},
    {"{\"type\":\"object\",\"required\":[\"q\"]}", "{\"q\":[1]}\n{\"q\":1,\"r\":2}", "{}\n{\"r\":2}"},
    {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{}\n{\"a\":null}", "1\n\"x\""},
    /* logic */
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"maxLength\":1},{\"type\":\"null\"}]}", "1\n\"a\"\nnull", "\"ab\"\ntrue"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}},\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{\"a\":null}\n{\"b\":null}\n{\"a\":null,\"b\":null}", "{}"},
    {"{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"k\":{\"const\":\"a\"},\"n\":{\"type\":\"integer\"}},\"required\":[\"k\"]},"
     "{\"type\":\"object\",\"properties\":{\"k\":{\"const\":\"b\"}},\"required\":[\"k\"]},{\"type\":\"null\"}]}",
     "{\"k\":\"a\"}\n{\"k\":\"a\",\"n\":1}\n{\"k\":\"b\"}\nnull", "{\"k\":\"b\",\"n\":1}\n{\"k\":\"c\"}\n{}"},
    {"{\"oneOf\":[{\"const\":null},{\"type\":\"array\",\"maxItems\":0},{\"enum\":[\"a\",1]}]}", "null\n[]\n1\n\"a\"", "2"},
    {"{\"oneOf\":[{\"type\":\"integer\",\"maximum\":3},{\"type\":\"integer\",\"minimum\":4}]}", "3\n4\n-8", "3.5"},
    {"{\"allOf\":[{\"type\":\"integer\",\"minimum\":3},{\"maximum\":5}]}", "3\n5", "2\n6"},
    {"{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},{\"properties\":{\"b\":{\"type\":\"integer\"},\"a\":{\"minimum\":2}}}],\"type\":\"object\"}",
     "{\"a\":2}\n{\"a\":2,\"b\":1}", "{\"a\":1}\n{\"b\":1}"},
    {"{\"allOf\":[{\"properties\":{\"a\":{}},\"additionalProperties\":false},{\"properties\":{\"b\":{}}}],\"type\":\"object\"}", "{}\n{\"a\":1}", "{\"b\":1}\n{\"a\":1,\"b\":1}"},
    {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"type\":\"null\"}]}},"
     "\"required\":[\"v\",\"next\"],\"additionalProperties\":false}}}",
     "{\"v\":1,\"next\":null}\n{\"v\":1,\"next\":{\"v\":2,\"next\":null}}", "{\"v\":1}\n{\"v\":1,\"next\":{}}"},
    {"{\"type\":\"object\",\"properties\":{\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}},\"required\":[\"kids\"]}", "{\"kids\":[]}\n{\"kids\":[{\"kids\":[]},{\"kids\":[]}]}", "{\"kids\":[1]}\n{}"},
    {"{\"$ref\":\"#/$def/a~1b%25\",\"$def\":{\"a/b%\":{\"type\":\"null\"}}}", "null", "1"},
    {"{\"$ref\":\"#/definitions/a\",\"minimum\":3,\"definitions\":{\"a\":{\"type\":\"integer\",\"description\":\"x\"}}}", "3", "2\n3.5"},
    {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"$schema\":\"x\",\"x-any\":1,\"type\":\"null\"}", "null", "1"},
};

static int make_schema(struct grammar **g, const char *text)
{
    json_t *s;
    *g = NULL;
    TRY(json_parse_any(&s, text, strlen(text), "schema", &e));
    int rc = grammar_from_schema(g, s, "schema", &e);
    json_decref(s);
    return rc;
}

static void check_schemas(void)
{
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct grammar *g;
        CHECK(make_schema(&g, schemas[i].source) == OK, "%s: %s", schemas[i].source, e.msg);
        if (g) check_lines(g, &schemas[i]);
        grammar_free(g);
    }
}

/* What is refused, and what the message must name. */
static const struct {
    const char *source, *says;
} refused[] = {
    {"{\"foo\":1}", "#/foo"},
    {"{\"type\":\"object\",\"properties\":{\"a/b\":{\"items\":{\"contains\":{}}}}}", "#/properties/a~1b/items/contains"},
    {"{\"type\":\"array\",\"uniqueItems\":true}", "#/uniqueItems"},
    {"{\"not\":{}}", "#/not"},
    {"{\"if\":{},\"then\":{}}", "#/if"},
    {"{\"type\":\"string\",\"format\":\"idn-email\"}", "#/format"},
    {"{\"type\":\"string\",\"pattern\":\"(?=a)b\"}", "#/pattern: offset 3"},
    {"{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"}", "back"},
    {"{\"type\":\"strnig\"}", "#/type"},
    {"{\"type\":[\"string\",7]}", "#/type"},
    {"{\"type\":\"string\",\"minLength\":-1}", "#/minLength"},
    {"{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", "contradicts"},
    {"{\"type\":\"integer\",\"minimum\":\"3\"}", "#/minimum"},
    {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "contradicts"},
    {"{\"type\":\"integer\",\"multipleOf\":0}", "#/multipleOf"},
    {"{\"$ref\":\"#/$defs/none\"}", "#/$ref"},
    {"{\"$ref\":\"other.json\"}", "#/$ref"},
    {"{\"$ref\":\"#\"}", "defined by itself"},
    {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}},\"$ref\":\"#/$defs/a\"}", "defined by itself"},
    {"{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/a\"},{\"type\":\"null\"}]}},\"$ref\":\"#/$defs/a\"}", "left recursion"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "contradicts"},
    {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"string\",\"maxLength\":2}]}", "#/oneOf"},
    {"{\"oneOf\":[{\"type\":\"string\"},{\"properties\":{\"a\":{}},\"required\":[\"a\"]}]}", "#/oneOf"},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "#/oneOf"},
    {"{\"allOf\":[{\"const\":1},{\"const\":2}]}", "contradicts"},
    {"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":false}}", "contradicts"},
    {"{\"enum\":[]}", "#/enum"},
    {"{\"anyOf\":[]}", "#/anyOf"},
    {"{\"items\":3}", "#/items"},
    {"{\"enum\":[{\"a\":1}],\"required\":[\"a\"]}", "#/enum"},
    {"{\"type\":\"string\",\"pattern\":\"^(a{1,1000}b){1,1000}$\"}", "more than"},
    {"{\"type\":\"string\",\"pattern\":\"^.*a.{40}b$\"}", "more than"},
    {"3", "a schema must be"},
};

static void check_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct grammar *g;
        int rc = make_schema(&g, refused[i].source);
        CHECK(rc && strstr(e.msg, refused[i].says), "%s: %s, expected an error with %s", refused[i].source,
              rc ? e.msg : "accepted", refused[i].says);
        grammar_free(g);
    }
}

/* ---- regular expressions ---- */

static const struct language regexes[] = {
    {"abc", "abc", "ab\nabcd\nxabc"},
    {"^abc$", "abc", "ab\nabcd"},
    {"a|bc|", "a\nbc", "b\nabc"},
    {"(ab)*c+d?", "c\nababccd", "abd\nabc d"},
    {"[a-cx]{2}", "ax\ncc", "ad\na\nabc"},
    {"[^a-y]", "z\n\xc3\xa9\n-", "a\nzz"},
    {"\\d{3,4}", "123\n1234", "12\n12345"},
    {"\\w+\\s\\W", "a_9 -", "a_9-\na \xc3\xa9"},
    {".", "a\n\xf0\x9f\x98\x80", "ab\n\xf0\x9f\x98"},
    {"\\u00e9\\x41\\u{1F600}", "\xc3\xa9" "A\xf0\x9f\x98\x80", "eA"},
    {"(?:a|(?<n>b))+?", "ab\nb", "c"},
    {"(^a|b)c", "ac\nbc", "aac"},
    {"\\.\\*\\[\\]\\(\\)\\\\", ".*[]()\\", "x"},
    {"[\\]\\-a]+", "]-a", "\\"},
    {"a{0}b", "b", "ab"},
    {"(a|ab)(c|bcd)", "ac\nabc\nabcd\nabbcd", "abd"},
    {"[0-9]{1,300}", "0\n123", "a"},
};

static const struct {
    const char *source, *says;
} bad_regexes[] = {
    {"(", "offset 1"}, {")", "offset 0"}, {"a**", "offset"}, {"*a", "offset 0"}, {"[z-a]", "range"}, {"[a", "set"}, {"\\1", "back"},
    {"(?!a)", "around"}, {"\\b", "words"}, {"a{2,1}", "2 to 1"}, {"a{", "number"}, {"\\p{L}", "\\p"}, {"\\", "early"}, {"\xff", "UTF-8"},
    {"[]a]", "\\]"}, {"(?i)a", "group"}, {"a++", "kept\nrepetition"},
};

static void check_regexes(void)
{
    struct grammar *g;
    for (size_t i = 0; i < ARRAY_LEN(regexes); i++) {
        CHECK(grammar_from_regex(&g, regexes[i].source, strlen(regexes[i].source), "regex", &e) == OK, "%s: %s",
              regexes[i].source, e.msg);
        if (g) check_lines(g, &regexes[i]);
        grammar_free(g);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_regexes); i++) {
        int rc = grammar_from_regex(&g, bad_regexes[i].source, strlen(bad_regexes[i].source), "regex", &e);
        const char *s = strrchr(bad_regexes[i].says, '\n');
        CHECK(rc && strstr(e.msg, s ? s + 1 : bad_regexes[i].says), "%s: %s", bad_regexes[i].source, rc ? e.msg : "accepted");
        grammar_free(g);
    }
    struct buf deep = {0};
    for (int i = 0; i < 60000; i++) buf_add_byte(&deep, '(');
    CHECK(grammar_from_regex(&g, deep.data, deep.len, "regex", &e) == ERR_UNSUPPORTED, "60,000 groups");
    buf_free(&deep);
}

/* ---- GBNF ---- */

static const struct language gbnfs[] = {
    {"root ::= \"a\" | [b-d]+ x?  # remark\nx ::= \"!\"{2,3}\n", "a\nb\nbcd\nd!!\nd!!!", "ab\nd!\nd!!!!\n!"},
    {"root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= num | \"(\" expr \")\"\nnum ::= [0-9]+\n", "1\n1+2\n(1+(2+3))+44", "+\n(1\n1+\n()"},
    {"root ::=\n  \"x\"\n  | \"y\" (\n \"1\" |\n \"2\" )\n", "x\ny1\ny2", "y\nx1"},
    {"root ::= \"\\x41\\u00e9\\t\" [^a\\]\\n] .", "A\xc3\xa9\tb\xf0\x9f\x98\x80", "A\xc3\xa9\tab\nA\xc3\xa9\t]b"},
    {"root ::= \"a\" root | \"b\"", "b\nab\naaaaaaaaaaaaaaaaaaaaaaaaaaaab", "a\nba"},
    {"root ::= \"(\" root \")\" | \"\"", "()\n((()))", "(\n(()\n)("},
    {"root ::= ([a-z] \" \"){0,2000} \"end\"", "end\na b end", "a b cend"},
    {"root ::= x y\nx ::= \"a\"*\ny ::= \"ab\"", "ab\naaab", "a\naba"},
};

static const struct {
    const char *source, *says;
} bad_gbnfs[] = {
    {"root ::= x", "x is called"}, {"x ::= \"a\"", "root"}, {"root ::= root \"a\" | \"b\"", "left recursion"}, {"root = \"a\"", "::="},
    {"root ::= \"a", "line 1"}, {"root ::= \"a\"\nroot ::= \"b\"", "line 2"}, {"root ::= [a", "line 1"}, {"root ::= (\"a\"", ") expected"},
    {"root ::= \"a\" )", "without"}, {"root ::= <think>", "number"}, {"root ::= x\nx ::= y root\ny ::= \"a\"?", "left recursion"},
    {"root ::= \"a\" root", "contradicts"}, {"", "no rule"}, {"root ::= (\"a\"?){1000}", "may be empty"}, {"root ::= \"\\q\"", "escape"},
};

static void check_gbnfs(void)
{
    struct grammar *g;
    for (size_t i = 0; i < ARRAY_LEN(gbnfs); i++) {
        CHECK(grammar_from_gbnf(&g, gbnfs[i].source, strlen(gbnfs[i].source), "gbnf", &e) == OK, "%s: %s",
              gbnfs[i].source, e.msg);
        if (g) check_lines(g, &gbnfs[i]);
        grammar_free(g);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_gbnfs); i++) {
        int rc = grammar_from_gbnf(&g, bad_gbnfs[i].source, strlen(bad_gbnfs[i].source), "gbnf", &e);
        CHECK(rc && strstr(e.msg, bad_gbnfs[i].says), "%s: %s", bad_gbnfs[i].source, rc ? e.msg : "accepted");
        grammar_free(g);
    }
}

/* ---- memory ---- */

/* Every allocation fails once: an error each time, and nothing is left. */
static void check_memory(void)
{
    static const char *const some[] = {
        "{\"type\":\"object\",\"properties\":{\"x-a\":{\"type\":\"string\",\"pattern\":\"^a|b$\",\"maxLength\":9},\"b\":{\"enum\":[1,\"x\",{\"k\":[2]}]}},"
        "\"patternProperties\":{\"^x-\":{\"minLength\":1}},\"required\":[\"b\"],\"minProperties\":2,\"additionalProperties\":{\"type\":\"number\",\"minimum\":3}}",
        "{\"oneOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"maxItems\":900},{\"type\":\"integer\",\"multipleOf\":3},{\"const\":null}]}"};
    static const char regex[] = "(^|[^a-c])x{2,30}", gbnf[] = "root ::= a* | \"(\" root \")\"\na ::= [^x]{3,900}";
    struct grammar *g;
    for (size_t i = 0; i < ARRAY_LEN(some) + 2; i++) {
        json_t *s = NULL;
        int rc = ERR_MEMORY;
        if (i < ARRAY_LEN(some)) CHECK_OK(json_parse(&s, some[i], strlen(some[i]), "schema", &e), &e);
        int64_t live = mem_live();
        for (uint64_t k = 1; rc && k < 20000; k++) {
            mem_fail_at(k);
            rc = s ? grammar_from_schema(&g, s, "schema", &e)
                   : i % 2 ? grammar_from_regex(&g, regex, strlen(regex), "regex", &e)
                           : grammar_from_gbnf(&g, gbnf, strlen(gbnf), "gbnf", &e);
            mem_fail_at(0);
            if (!rc) CHECK(!s || !grammar_matches(g, "{\"x-a\":\"\",\"b\":1}", 18), "made without memory");
            if (rc && rc != ERR_MEMORY) k = 20000;
            CHECK(rc == OK || rc == ERR_MEMORY, "allocation %llu: %s", (unsigned long long)k, e.msg);
            grammar_free(g);
            CHECK(mem_live() == live, "%lld blocks are left", (long long)(mem_live() - live));
        }
        CHECK_OK(rc, &e);
        json_decref(s);
    }
}

int main(void)
{
    check_json();
    check_schemas();
    check_refused();
    check_regexes();
    check_gbnfs();
    check_memory();
    CHECK(mem_live() == 0, "%lld blocks are left", (long long)mem_live());
    return test_end();
}
