/* What constrained decoding costs: time for each step (a set of allowed tokens, and taking a token) on vocabularies of models.
 * bench_grammar MODEL...: for each grammar and model the states, milliseconds to compile, then microseconds a step: the first
 * answer (nothing is remembered yet), and nine more: mean, 99th percentile, worst. */
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "grammar/grammar.h"
#include "model/vocab.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWERS = 10, MAX_STEPS = 4000 };

static const struct {
    const char *name, *schema, *answer;
} cases[] = {
    {"any object", NULL,
     "{\n  \"name\": \"Ada Lovelace\",\n  \"born\": 1815,\n  \"notes\": [\"wrote the first program\", \"it computes Bernoulli numbers\"],\n"
     "  \"quote\": \"That brain of mine is something more than merely mortal; as time will show.\",\n  \"ok\": true\n}"},
    {"person",
     "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},"
     "\"email\":{\"type\":\"string\",\"format\":\"email\"},\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
     "\"kind\":{\"enum\":[\"teacher\",\"pupil\",\"guest\"]}},\"required\":[\"name\",\"age\",\"email\",\"tags\",\"kind\"],\"additionalProperties\":false}",
     "{\"name\": \"Grace Brewster Murray Hopper\", \"age\": 85, \"email\": \"grace.hopper@navy.example.org\", \"tags\": [\"computer science\", "
     "\"compilers, and the word bug\", \"rear admiral\"], \"kind\": \"teacher\"}"},
    {"lengths",
     "{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\",\"minLength\":5,\"maxLength\":60},\"text\":{\"type\":\"string\",\"maxLength\":2000}},"
     "\"required\":[\"title\",\"text\"],\"additionalProperties\":false}",
     "{\"title\": \"On the care of small engines\", \"text\": \"An engine that is kept clean runs for years. Begin with the filter: take it out, "
     "look at it against the light, and wash it when it is grey. Then the oil, which should be clear and not smell of petrol.\"}"},
    {"pattern",
     "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}-[0-9]{4,8}$\"},\"path\":{\"type\":\"string\",\"pattern\":"
     "\"^(/[^/]+)+$\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"}},\"required\":[\"id\",\"path\",\"at\"],\"additionalProperties\":false}",
     "{\"id\": \"ABC-20231107\", \"path\": \"/usr/share/doc/autarky/examples/readme first.txt\", \"at\": \"2026-11-30T12:30:00.5+01:00\"}"},
    {"tree",
     "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"label\":{\"type\":\"string\"},\"kids\":{\"type\":\"array\",\"items\":"
     "{\"$ref\":\"#/$defs/n\"}}},\"required\":[\"label\",\"kids\"],\"additionalProperties\":false}}}",
     "{\"label\": \"the root of it\", \"kids\": [{\"label\": \"left branch\", \"kids\": [{\"label\": \"a leaf, green\", \"kids\": []}, {\"label\": \"another\", "
     "\"kids\": []}]}, {\"label\": \"right branch\", \"kids\": []}]}"},
    {"open map", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"additionalProperties\":{\"type\":\"string\"}}",
     "{\"a\": 1, \"first key\": \"some value\", \"second key\": \"more of the same\", \"third\": \"and the rest of it\"}"},
    {"union",
     "{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"text\"},\"body\":{\"type\":\"string\"}},\"required\":[\"kind\",\"body\"]},"
     "{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"call\"},\"name\":{\"type\":\"string\"},\"args\":{\"type\":\"object\"}},\"required\":[\"kind\",\"name\",\"args\"]}]}",
     "{\"kind\": \"call\", \"name\": \"get weather of a town\", \"args\": {\"town\": \"Reykjavik\", \"days\": 3, \"units\": [\"metric\", \"kelvin\"]}}"},
};

/* Of this process: other programs do not count. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_times(const char *what, double *t, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += t[i];
    qsort(t, n, sizeof *t, by_value);
    printf("  %s %7.1f %7.1f %7.1f", what, sum / (double)n, t[n * 99 / 100], t[n - 1]);
}

/* Steps along the answer; returns how many there were. */
static size_t follow(struct grammar_matcher *m, const struct tokens *ids, double *times, struct err *e)
{
    struct grammar_state *s;
    size_t n = 0;
    if (grammar_begin(&s, m, e)) return 0;
    for (; n < ids->n; n++) {
        const uint32_t *mask;
        double start = seconds();
        int rc = grammar_mask(s, &mask, e);
        if (!rc) rc = grammar_accept(s, ids->ids[n], e);
        times[n] = (seconds() - start) * 1e6;
        if (getenv("V") && times[n] > 400) fprintf(stderr, "%zu %.0f\n", n, times[n]);
        if (rc) break;
    }
    bool good = n == ids->n && grammar_may_end(s);
    grammar_state_free(s);
    return good ? n : 0;
}

static int bench(size_t k, const struct tokenizer *t, const struct grammar_vocab *v, struct err *e)
{
    static double first[MAX_STEPS], others[MAX_STEPS * ANSWERS];
    struct grammar *g = NULL;
    struct grammar_matcher *m = NULL;
    struct tokens ids = {0};
    json_t *schema = NULL;
    if (cases[k].schema) TRY(json_parse(&schema, cases[k].schema, strlen(cases[k].schema), cases[k].name, e));
    double start = seconds();
    int rc = schema ? grammar_from_schema(&g, schema, cases[k].name, e) : grammar_from_json(&g, true, e);
    double compiled = seconds() - start;
    if (!rc) rc = grammar_matcher_new(&m, g, v, e);
    if (!rc) rc = tokenizer_encode(t, cases[k].answer, strlen(cases[k].answer), &ids, e);
    size_t n = 0, all = 0;
    if (!rc && ids.n < MAX_STEPS) n = follow(m, &ids, first, e);
    for (int i = 1; i < ANSWERS && n; i++) all += follow(m, &ids, others + all, e);
    if (!n && !rc)
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: the answer is not followed to its end: %s", cases[k].name,
                     e->msg);
    if (!rc) {
        printf("%-12s %6zu %7.2f ms %4zu steps", cases[k].name, grammar_size(g), compiled * 1e3, n);
        print_times("first", first, n);
        print_times("then", others, all);
        printf("\n");
    }
    json_decref(schema);
    tokens_free(&ids);
    grammar_matcher_free(m);
    grammar_free(g);
    return rc;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    for (int i = 1; i < argc; i++) {
        struct tokenizer *t;
        struct grammar_vocab *v;
        int rc = model_tokenizer_at(&t, argv[i], &e);
        int32_t eos = rc ? 0 : tokenizer_eos(t);
        double start = seconds();
        if (!rc) rc = grammar_vocab_new(&v, t, 0, &eos, 1, &e);
        if (rc) {
            fprintf(stderr, "%s\n", e.msg);
            return 1;
        }
        printf("%s: %d tokens, tree in %.0f ms; microseconds a step: mean, 99 %%, worst\n", argv[i], tokenizer_vocab(t),
               (seconds() - start) * 1e3);
        for (size_t k = 0; k < ARRAY_LEN(cases); k++)
            if (bench(k, t, v, &e)) fprintf(stderr, "%s\n", e.msg);
        grammar_vocab_free(v);
        tokenizer_free(t);
    }
    return 0;
}
