/* autarky bench tokenizer: megabytes of text per second that one core turns into ids, on texts made here (prose, and
 * runs without a break, which are the worst case) or on files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/term.h"
#include "model/vocab.h"
#include "stories/stories.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { TEXT_BYTES = 1 << 20, RUNS = 7, MAX_RUNS = 101, MAX_TEXTS = 32 };

/* What a text is made of: stories, or characters from a range, at random or all the same. */
struct sample {
    const char *name;
    uint32_t from, to; /* 0: stories */
    bool words;        /* with a space now and then */
};

static const struct sample samples[] = {
    {"stories (English)", 0, 0, false},
    {"Han characters", 0x4E00, 0x9FA5, false},
    {"emoji and spaces", 0x1F300, 0x1F64F, true},
    {"random letters", 'a', 'z', false},
    {"random digits", '0', '9', false},
    {"one letter", 'a', 'a', false},
    {"spaces", ' ', ' ', false},
    {"line ends", '\n', '\n', false},
};

/* The time that one text took. */
struct result {
    char name[64];
    size_t bytes, tokens;
    double best, median; /* megabytes per second */
};

struct bench {
    struct tokenizer *t;
    struct result results[MAX_TEXTS];
    size_t n;
    double load; /* seconds, the second time: the file is in memory */
};

static int make_text(const struct sample *k, struct buf *b, struct err *e)
{
    for (uint64_t i = 0; b->len < TEXT_BYTES && !b->failed; i++) {
        char ch[4];
        if (k->from == 0) {
            TRY(story_generate(1, i, b, e));
            buf_add_byte(b, '\n');
            continue;
        }
        buf_add(b, ch, utf8_encode(k->from + (uint32_t)rng_below(1, 1, 2 * i, k->to - k->from + 1), ch));
        if (k->words && rng_below(1, 1, 2 * i + 1, 2)) buf_add_byte(b, ' ');
    }
    return buf_check(b, "the text", e);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of this process's processor time, so that others on the machine count little. */
static double cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* At least RUNS times, and (short texts) until it has taken a fifth of a second. */
static int measure(struct bench *b, const char *name, const char *s, size_t len, struct err *e)
{
    struct result *r = &b->results[b->n++];
    double times[MAX_RUNS], all = 0;
    int n = 0;
    *r = (struct result){.bytes = len};
    utf8_printable(r->name, sizeof r->name, name, strlen(name));
    for (; n < RUNS || (n < MAX_RUNS && all < 0.2); n++) {
        struct tokens ids = {0};
        double start = cpu_seconds();
        int rc = tokenizer_encode(b->t, s, len, &ids, e);
        times[n] = cpu_seconds() - start + 1e-9;
        all += times[n];
        r->tokens = ids.n;
        tokens_free(&ids);
        TRY(rc);
    }
    qsort(times, (size_t)n, sizeof times[0], by_value);
    r->best = 1e-6 * (double)len / times[0];
    r->median = 1e-6 * (double)len / times[n / 2];
    return OK;
}

static int measure_file(struct bench *b, const char *path, struct err *e)
{
    struct file_map m;
    const char *slash = strrchr(path, '/');
    TRY(file_map(&m, path, e));
    int rc = measure(b, slash ? slash + 1 : path, m.size ? (const char *)m.data : "", m.size, e);
    file_unmap(&m);
    return rc;
}

static int measure_sample(struct bench *b, const struct sample *k, struct err *e)
{
    struct buf text = {0};
    int rc = make_text(k, &text, e);
    if (rc == OK) rc = measure(b, k->name, text.data, text.len, e);
    buf_free(&text);
    return rc;
}

static int run(struct bench *b, const char *path, const struct opt_list *texts, struct err *e)
{
    TRY(tokenizer_resolve(&b->t, path, e));
    tokenizer_free(b->t);
    double start = clock_seconds();
    TRY(tokenizer_resolve(&b->t, path, e));
    b->load = clock_seconds() - start;
    for (size_t i = 0; i < texts->n; i++) TRY(measure_file(b, texts->v[i], e));
    for (size_t i = 0; i < ARRAY_LEN(samples) && texts->n == 0; i++) TRY(measure_sample(b, &samples[i], e));
    return OK;
}

static int print_json(const struct bench *b, struct err *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->n; i++) {
        const struct result *r = &b->results[i];
        json_add(list, json_pack("{s:s, s:I, s:I, s:f, s:f}", "text", r->name, "bytes",
                                 (json_int_t)r->bytes, "tokens", (json_int_t)r->tokens, "mb_per_second",
                                 r->best, "median", r->median));
    }
    json_t *o = json_pack("{s:o, s:f, s:i, s:s}", "texts", list, "load_seconds", b->load, "vocab",
                          tokenizer_vocab(b->t), "pre", tokenizer_pre(b->t));
    char *s = o ? json_text(o) : NULL;
    if (s) puts(s);
    json_decref(o);
    if (!s) return json_bad("the result", e);
    mem_free(s);
    return OK;
}

static void print_table(const struct bench *b)
{
    printf("%d tokens, pre-tokenizer %s, loaded in %.2f s; one core, megabytes of text per second\n",
           tokenizer_vocab(b->t), tokenizer_pre(b->t), b->load);
    printf("%-24s %10s %10s %8s %8s %8s\n", "text", "bytes", "tokens", "by/tok", "best", "median");
    for (size_t i = 0; i < b->n; i++) {
        const struct result *r = &b->results[i];
        printf("%-24s %10zu %10zu %8.2f %8.1f %8.1f\n", r->name, r->bytes, r->tokens,
               r->tokens ? (double)r->bytes / (double)r->tokens : 0, r->best, r->median);
    }
}

int cmd_bench_tokenizer(int argc, char **argv)
{
    struct bench b = {0};
    struct opt_list texts = {0};
    bool json = false;
    struct opts o = {
        .command = "bench tokenizer",
        .usage = "MODEL",
        .summary = "Text to token ids on one core. MODEL is a tokenizer.json, a folder that holds one, or a GGUF\n"
                   "file. The texts are made here: stories, and runs without a break, the worst case."};
    opts_add(&o, (struct opt){"text", 0, OPT_LIST, &texts, .arg = "FILE", .help = "measure this instead (repeatable)"});
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &json, .help = "one JSON object"});
    int n, status;
    struct err e;
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    int rc =
        n == 1 ? run(&b, argv[1], &texts, &e)
               : err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected one model or tokenizer, see bench tokenizer -h");
    if (rc == OK && json) rc = print_json(&b, &e);
    else if (rc == OK) print_table(&b);
    tokenizer_free(b.t);
    return rc ? exit_fail(o.command, &e) : term_flush() ? EXIT_OK : EXIT_FAILED;
}
