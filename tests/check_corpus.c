/* Recipes, and the texts of runs: faults told at once, names and encodings of files, what is made again and what is refused. */
#include <math.h>
#include "base/sha256.h"
#include "model/vocab.h"
#include "tests/train_fixture.h"
#include "train/checkpoint.h"

/* ---- Recipes ---- */

static void expect_refused(const char *text, const char *wanted)
{
    struct err e = {0};
    struct recipe *r = mem_alloc(sizeof *r);
    int rc = recipe_parse(r, text, strlen(text), "r.recipe", ".", &e);
    CHECK(rc != 0 && strstr(e.msg, wanted), "recipe \"%.40s\": rc %d, message \"%s\", expected \"%s\"", text, rc, e.msg, wanted);
    if (!rc) recipe_free(r);
    mem_free(r);
}

static void check_recipe(void)
{
    struct err e = {0};
    expect_refused("[train]\nlernrate = 1\n", "r.recipe:2: unknown key");
    expect_refused("[train]\nwarmupp = 1\n", "\"warmup\"");
    expect_refused("[train]\nvocab = 300\n", "belongs under [tokenizer]");
    expect_refused("[train]\nlr = -1\n", "expected 0 to 10");
    expect_refused("[train]\nlr = nan\n", "number");
    expect_refused("[train]\nlr = 1\nlr = 1\n", "given twice");
    expect_refused("[train]\nsteps = 10x\n", "integer");
    expect_refused("[model]\nhidden_size = 8\nmodel_type = llama\n", "must be the first key of [model], before \"hidden_size\"");
    expect_refused("[model]\nmodel_type = mamba\n", "\"llama\", ");
    expect_refused("[model]\nmodel_type = llama\nkv_lora_rank = 16\n", "unknown key");
    expect_refused("[model]\nmodel_type = llama\nrope_scaling.rope_type = longrope\n", "default, linear, yarn or llama3");
    expect_refused("[trian]\n", "unknown section");
    expect_refused("steps = 10\n", "before the first section");
    expect_refused("[data]\nsource = a weigth=2 x\n", "weigth=2");
    expect_refused("[data]\nsource = a\n", "INPUT");
    expect_refused("[data]\nsource = a x\nsource = a y\n", "taken");
    expect_refused("[data]\nsource = a x\n[train]\nbatch_tokens = 1000\n", "multiple");
    expect_refused("[train]\nsteps = 10\n", "no source");
    struct recipe *r = recipe_of("# a comment\n"), *again = mem_alloc(sizeof *again);
    struct buf one = {0}, two = {0};
    recipe_print(r, &one);
    CHECK_OK(recipe_parse(again, one.data, one.len, "again", ".", &e), &e);
    recipe_print(again, &two);
    CHECK(one.len == two.len && !memcmp(one.data, two.data, one.len), "printed and read again: %zu and %zu bytes", one.len,
          two.len);
    CHECK_OK(recipe_same(r, two.data, &e), &e);
    r->steps = 40; /* may change */
    CHECK_OK(recipe_same(r, two.data, &e), &e);
    r->lr = 1e-3; /* must not */
    CHECK(recipe_same(r, two.data, &e) == ERR_USAGE && strstr(e.msg, "[train] lr"), "%s", e.msg);
    r->lr = again->lr;
    r->model.heads = 4;
    CHECK(recipe_same(r, two.data, &e) == ERR_USAGE && strstr(e.msg, "num_attention_heads"), "%s", e.msg);
    drop_recipe(again);
    drop_recipe(r);
    buf_free(&one);
    buf_free(&two);
}

/* ---- All faults at once ---- */

/* The recipe has n faults, of which the message has all of these texts. */
static void expect_faults(const char *text, size_t len, int n, const char *const *wanted)
{
    struct err e = {0};
    char count[40];
    struct recipe *r = mem_alloc(sizeof *r);
    int rc = recipe_parse(r, text, len, "r.recipe", ".", &e);
    snprintf(count, sizeof count, "r.recipe: %d faults", n);
    CHECK(rc != 0 && (n == 1 || strstr(e.msg, count)), "rc %d, message \"%s\", expected \"%s\"", rc, e.msg, count);
    for (; *wanted; wanted++) CHECK(strstr(e.msg, *wanted), "message \"%s\", expected \"%s\"", e.msg, *wanted);
    if (!rc) recipe_free(r);
    mem_free(r);
}
#define FAULTS(text, n, ...) expect_faults(text, sizeof(text) - 1, n, (const char *const[]){__VA_ARGS__, NULL})

static void check_all_faults(void)
{
    FAULTS("[model]\nhiden_size = 8\nnum_hidden_layers = x\n[data]\nsource = a x\nsource = a y\nencodin = latin1\n"
           "[train]\nlr = 1\nlr = 2\nhidden_size = 8\nvocab = 300\n\nsteps = 0\n[out]\ngguf = q9\n", 10,
           "\n  r.recipe:2: unknown key \"hiden_size\"; the nearest known one is \"hidden_size\"",
           "\n  r.recipe:3: \"num_hidden_layers\" is \"x\", expected an integer", "\n  r.recipe:6: the name a is taken",
           "\n  r.recipe:7: unknown key \"encodin\"; the nearest known one is \"encoding\"", "\n  r.recipe:10: \"lr\" is given twice",
           "\n  r.recipe:11: \"hidden_size\" belongs under [model], found under [train]",
           "\n  r.recipe:12: \"vocab\" belongs under [tokenizer]", "\n  r.recipe:14: steps = 0", "\n  r.recipe:16: gguf",
           "\n  r.recipe:1: [model] lacks hidden_size, num_hidden_layers, num_attention_heads, kv_lora_rank, qk_nope_head_dim, "
           "qk_rope_head_dim, v_head_dim");
    FAULTS("[data]\nsource = a x\n", 1, "there is no [model]; it needs hidden_size, ");
    FAULTS("[model]\nmodel_type = mamba\nfoo = 1\nbar = 2\n[data]\nsource = a x\n", 1, "r.recipe:2: \"model_type\"");
    FAULTS("[modle]\nhidden_size = 8\n[data]\nsource = a x\n", 2, "r.recipe:1: unknown section [modle]", "there is no [model]");
    FAULTS("[model]\nmodel_type = qwen3_moe\n[data]\nsource = a x\n", 1, "lacks hidden_size, num_hidden_layers, "
           "num_attention_heads, num_experts");
    FAULTS("[data]\na=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1\nh=1\ni=1\nj=1\nk=1\nl=1\nm=1\nn=1\n", 16, "and 4 more");
    /* the network is checked before any text is read */
    FAULTS(MODEL "n_group = 3\n[data]\nsource = a x\n", 1, "\"n_group\" is 3, expected a divisor");
    /* what the recipe is written in */
    FAULTS("[data]\nsource = a x\n# caf\xe9\n", 1, "r.recipe:3: byte 0xe9 is not UTF-8");
    FAULTS("\xff\xfe[\0", 1, "r.recipe:1: byte 0xff is not UTF-8");
    FAULTS("[data]\nsour\0ce = a x\n", 3, "r.recipe:2: a NUL byte");
}

/* ---- Sources ---- */

static struct recipe *recipe_from(const char *data)
{
    struct err e = {0};
    char text[4000];
    struct recipe *r = mem_alloc(sizeof *r);
    snprintf(text, sizeof text, "\xef\xbb\xbf" MODEL "[data]\nroot = %s\n%s", folder, data);
    CHECK_OK(recipe_parse(r, text, strlen(text), "test.recipe", ".", &e), &e);
    return r;
}

/* The inputs of the one source, each followed by '|'; as read, and as printed and read again. */
static void expect_inputs(const char *source, const char *wanted)
{
    char text[300];
    snprintf(text, sizeof text, "source = a %s\n", source);
    struct recipe *r = recipe_from(text);
    for (int round = 0; round < 2; round++) {
        struct buf b = {0}, printed = {0};
        struct err e = {0};
        for (size_t i = 0; i < r->sources[0].n_inputs; i++) buf_printf(&b, "%s|", r->sources[0].inputs[i]);
        CHECK(b.data && !strcmp(b.data, wanted), "%s: %s, expected %s", source, b.data ? b.data : "", wanted);
        recipe_print(r, &printed);
        recipe_free(r);
        CHECK_OK(recipe_parse(r, printed.data, printed.len, "printed", ".", &e), &e);
        buf_free(&b);
        buf_free(&printed);
    }
    drop_recipe(r);
}

/* Other names of encodings are kept under ours, so that a run can be resumed by either. */
static void check_encoding_names(void)
{
    struct recipe *r = recipe_from("encoding = ISO-8859-1\nsource = a encoding=Windows-1251 x\n");
    CHECK(!strcmp(r->encoding, "latin1"), "%s", r->encoding);
    CHECK(!strcmp(r->sources[0].encoding, "cp1251"), "%s", r->sources[0].encoding);
    drop_recipe(r);
}

/* Left out, it fits the step; seq_len is 256. */
static void check_micro_batch(void)
{
    static const int64_t rows[][2] = {{4096, 16}, {8192, 16}, {2048, 8}, {256, 1}, {1280, 5}, {17 * 256, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[100];
        snprintf(text, sizeof text, "source = a x\n[train]\nbatch_tokens = %lld\n", (long long)rows[i][0]);
        struct recipe *r = recipe_from(text);
        CHECK(r->micro_batch == rows[i][1], "%lld: %lld", (long long)rows[i][0], (long long)r->micro_batch);
        drop_recipe(r);
    }
    expect_refused("[train]\nbatch_tokens = 300\n", "expected a multiple of micro_batch (1) x seq_len = 256");
}

static void check_sources(void)
{
    expect_inputs("x.txt y.txt", "x.txt|y.txt|");
    expect_inputs("\"my text.txt\" 'it is.txt' z.txt # a comment", "my text.txt|it is.txt|z.txt|");
    expect_inputs("weight=2 \"my #1 text.txt\"  # a comment", "my #1 text.txt|");
    expect_inputs("John's letters.txt", "John's|letters.txt|");
    expect_inputs("'say \"hi\".txt'", "say \"hi\".txt|");
    expect_inputs("\"weight=2\"", "weight=2|");
    expect_refused("[data]\nsource = a \"my text.txt\n", "a quotation mark without its second");
    expect_refused("[data]\nsource = a encoding=latin8 x\n", "encoding = \"latin8\", expected one of utf-8, latin1");
    expect_refused("[data]\nencoding = koi8-x\n", "did you mean koi8-r?");
    expect_refused("[data]\nbad_lines = drop\n", "expected one of stop, skip");
}

static void write_text(const char *name, const char *text)
{
    struct err e = {0};
    CHECK_OK(file_replace(in_folder(name), text, strlen(text), &e), &e);
}

/* ---- From text to an exported model ---- */

static void count_call(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    (void)what;
    (void)done;
    (void)total;
    ++*(int *)ctx;
}

/* Opens the corpus of a recipe; *calls: how often progress was reported, 0 when all was there already. */
static int open_text(struct corpus *c, const char *vocab, int *calls, struct recipe *r, struct err *e)
{
    char text[2000];
    snprintf(text, sizeof text,
             "%s[tokenizer]\nvocab = %s\nmegabytes = 0.1\n[data]\nholdout = 10\n"
             "source = stories weight=3 epochs=0.25 generate:stories?seed=1&count=300\n"
             "source = chats weight=1 generate:dialogues?seed=1&count=150\nval = other generate:stories?seed=2&count=30\n"
             "[train]\nseq_len = 32\nbatch_tokens = 2048\nmicro_batch = 8\nsteps = 20\neval_windows = 2\nsample_tokens = 5\n"
             "prompt = Once upon a time\n", MODEL, vocab);
    TRY(recipe_parse(r, text, strlen(text), "text.recipe", ".", e));
    *calls = 0;
    struct corpus_options o = {.recipe = r, .run = in_folder("text"), .progress = count_call, .progress_ctx = calls};
    return corpus_open(c, &o, e);
}

/* The tokenizer of an exported model gives the ids of the corpus'. */
static void check_tokenizer(const struct tokenizer *want, const char *model)
{
    static const char text[] = "Once upon a time, 12 little caf\xc3\xa9s <|x|>\n\xff";
    struct err e = {0};
    struct tokenizer *got;
    struct tokens a = {0}, b = {0};
    CHECK_OK(model_tokenizer_at(&got, model, &e), &e);
    CHECK_OK(tokenizer_encode(want, text, sizeof text - 1, &a, &e), &e);
    if (got) CHECK_OK(tokenizer_encode(got, text, sizeof text - 1, &b, &e), &e);
    CHECK(a.n > 0 && a.n == b.n && !memcmp(a.ids, b.ids, a.n * sizeof *a.ids), "%s: %zu ids, expected %zu", model, b.n, a.n);
    CHECK(got && tokenizer_bos(got) == tokenizer_bos(want) && tokenizer_eos(got) == tokenizer_eos(want), "%s: BOS or EOS",
          model);
    tokens_free(&a);
    tokens_free(&b);
    tokenizer_free(got);
}

static void check_text_run(void)
{
    struct err e = {0};
    struct corpus c;
    struct train_result res;
    struct recipe *r = mem_alloc(sizeof *r);
    int calls;
    CHECK_OK(file_mkdirs(in_folder("text"), &e), &e);
    CHECK_OK(open_text(&c, "420", &calls, r, &e), &e);
    CHECK(calls > 0 && tokenizer_vocab(c.tok) == 420 && c.data.n_sources == 2 && c.val.n_sources == 3, "%d calls, %d tokens",
          calls, tokenizer_vocab(c.tok));
    double all = c.data.sources[0].weight + c.data.sources[1].weight;
    double passes = 20 * 2048 * c.data.sources[0].weight / all / (double)c.data.sources[0].shard.n_tokens;
    CHECK(passes < 0.2501, "%.4f passes over stories, the recipe allows 0.25", passes);
    struct train_options o = {.recipe = r, .corpus = &c, .ks = &ks, .run = in_folder("text"), .quiet = true};
    o.stop_after = 15;
    CHECK_OK(train_run(&res, &o, &e), &e);
    write_text("text/samples.txt", "");
    o.stop_after = 0;
    o.resume = true;
    CHECK_OK(train_run(&res, &o, &e), &e);
    CHECK(res.finished && res.n_vals == 3 && res.vals[0].bits_per_byte > 0.5 && res.vals[0].bits_per_byte < 8, "bits per byte %g",
          res.vals[0].bits_per_byte);
    check_tokenizer(c.tok, in_folder("text/model.gguf"));
    check_tokenizer(c.tok, in_folder("text/model"));
    CHECK(!file_absent(in_folder("text/samples.txt")) && !file_absent(in_folder("text/model/config.json")),
          "an output is missing");
    char hash[65];
    memcpy(hash, c.data_hash, sizeof hash);
    corpus_close(&c);
    recipe_free(r);
    CHECK_OK(open_text(&c, "420", &calls, r, &e), &e);
    CHECK(calls == 0 && !strcmp(hash, c.data_hash), "%d calls: the corpus was made again", calls);
    corpus_close(&c);
    recipe_free(r);
    CHECK_OK(open_text(&c, "430", &calls, r, &e), &e);
    CHECK(calls > 0 && tokenizer_vocab(c.tok) == 430, "%d calls: the old corpus was used for another recipe", calls);
    corpus_close(&c);
    drop_recipe(r);
}

/* ---- What runs are made from ---- */

#define SMALL "[tokenizer]\nvocab = 300\nmegabytes = 0.1\n[train]\nseq_len = 32\nbatch_tokens = 64\nmicro_batch = 2\nsteps = 4\n"

/* Opens the corpus of a recipe with these [data] lines. */
static int open_data(struct corpus *c, const char *data, const char *run, bool going_on, struct err *e)
{
    char text[1000];
    snprintf(text, sizeof text, "%s" SMALL, data);
    struct recipe *r = recipe_from(text);
    CHECK_OK(file_mkdirs(in_folder(run), e), e);
    struct corpus_options o = {.recipe = r, .run = in_folder(run), .going_on = going_on};
    int rc = corpus_open(c, &o, e);
    drop_recipe(r);
    return rc;
}

/* SHA-256 of all that a run folder has of its texts. */
static void hash_run(const char *run, char out[65])
{
    static const char *const names[] = {"tokenizer.json", "data/a.tok", "data/corpus.txt"};
    struct buf b = {0};
    struct err e = {0};
    for (int i = 0; i < 3; i++) {
        char path[200], *text;
        size_t len;
        snprintf(path, sizeof path, "%s/%s", in_folder(run), names[i]);
        CHECK_OK(file_read(&text, &len, path, 1 << 26, &e), &e);
        buf_add(&b, text, len);
        mem_free(text);
    }
    CHECK_OK(sha256_of(b.data, b.len, out, &e), &e);
    buf_free(&b);
}

#define FOX "The fox met a hare. The fox met a hare. The fox met a hare. The fox met a hare. The fox met a hare.\n"
#define OWL "The owl met a hare. The owl met a hare. The owl met a hare. The owl met a hare. The owl met a hare.\n"

/* A text of the same length is another text: refused where a run goes on, and nothing of the run is touched; made again else. */
static void check_changed_text(void)
{
    struct err e = {0};
    struct corpus c;
    char first[65], again[65], data[65];
    static const char lines[] = "source = a x.txt\n";
    write_text("x.txt", FOX FOX);
    CHECK_OK(open_data(&c, lines, "changed", false, &e), &e);
    memcpy(data, c.data_hash, sizeof data);
    corpus_close(&c);
    hash_run("changed", first);
    write_text("x.txt", FOX OWL);
    int rc = open_data(&c, lines, "changed", true, &e);
    CHECK(rc == ERR_INTEGRITY && strstr(e.msg, "x.txt") && strstr(e.msg, "--fresh"), "rc %d: %s", rc, e.msg);
    hash_run("changed", again);
    CHECK(!strcmp(first, again), "the refusal came after the run's texts were overwritten");
    CHECK_OK(open_data(&c, lines, "changed", false, &e), &e);
    CHECK(strcmp(data, c.data_hash) != 0, "the old shards were used for another text");
    corpus_close(&c);
    write_text("x.txt", FOX FOX);
    CHECK_OK(open_data(&c, lines, "changed", false, &e), &e);
    CHECK(!strcmp(data, c.data_hash), "the same text gives other data");
    corpus_close(&c);
    /* without the text the shards do; without the shards the text does */
    CHECK_OK(file_remove(in_folder("x.txt"), &e), &e);
    CHECK_OK(open_data(&c, lines, "changed", true, &e), &e);
    CHECK(!strcmp(data, c.data_hash), "the prepared data is not used");
    corpus_close(&c);
    CHECK(open_data(&c, "source = a y.txt\n", "changed", true, &e) != OK, "another missing text goes unnoticed");
    write_text("x.txt", FOX FOX);
    CHECK_OK(file_remove(in_folder("changed/data/corpus.txt"), &e), &e);
    CHECK_OK(open_data(&c, lines, "changed", true, &e), &e);
    CHECK(!strcmp(data, c.data_hash), "shards made again differ");
    corpus_close(&c);
}

/* The same of files in a folder, and of the file of a tokenizer. */
static void check_changed_files(void)
{
    struct err e = {0};
    struct corpus c;
    char path[300], *text;
    size_t len;
    CHECK_OK(file_mkdirs(in_folder("letters"), &e), &e);
    write_text("letters/one.txt", FOX FOX);
    CHECK_OK(file_read(&text, &len, in_folder("changed/tokenizer.json"), 1 << 20, &e), &e);
    snprintf(path, sizeof path, "source = a letters\n[tokenizer]\nfile = %s\n", in_folder("tok.json"));
    write_text("tok.json", text);
    mem_free(text);
    CHECK_OK(open_data(&c, path, "files", false, &e), &e);
    corpus_close(&c);
    CHECK_OK(open_data(&c, path, "files", true, &e), &e);
    corpus_close(&c);
    write_text("letters/two.txt", OWL);
    int rc = open_data(&c, path, "files", true, &e);
    CHECK(rc == ERR_INTEGRITY && strstr(e.msg, "letters/two.txt"), "rc %d: %s", rc, e.msg);
    CHECK_OK(file_remove(in_folder("letters/two.txt"), &e), &e);
    CHECK_OK(file_remove(in_folder("letters/one.txt"), &e), &e);
    write_text("letters/three.txt", FOX FOX);
    rc = open_data(&c, path, "files", true, &e);
    CHECK(rc == ERR_INTEGRITY && strstr(e.msg, "letters/"), "renamed: rc %d: %s", rc, e.msg);
    CHECK_OK(file_remove(in_folder("letters/three.txt"), &e), &e);
    write_text("letters/one.txt", FOX FOX);
    CHECK_OK(open_data(&c, path, "files", true, &e), &e);
    corpus_close(&c);
    CHECK_OK(file_read(&text, &len, in_folder("tok.json"), 1 << 20, &e), &e);
    text[len - 2] = text[len - 2] == ' ' ? '\n' : ' ';
    write_text("tok.json", text);
    mem_free(text);
    rc = open_data(&c, path, "files", true, &e);
    CHECK(rc == ERR_INTEGRITY && strstr(e.msg, "tok.json"), "rc %d: %s", rc, e.msg);
}

/* Encodings, bad lines and names as people have them, from the recipe to the shard. */
static void check_texts(void)
{
    struct err e = {0};
    struct corpus c;
    char hash[65];
    CHECK_OK(file_mkdirs(in_folder("novel"), &e), &e);
    write_text("novel/utf 8.txt", "L'\xc3\xa9t\xc3\xa9 \xc3\xa0 la mer, o\xc3\xb9 l'on va. " FOX FOX);
    write_text("novel/latin 1.txt", "L'\xc3\xa9t\xc3\xa9 \xc3\xa0 la mer, o\xc3\xb9 l'on va. " FOX FOX);
    CHECK_OK(open_data(&c, "source = a novel\n", "novel1", false, &e), &e);
    memcpy(hash, c.data_hash, sizeof hash);
    corpus_close(&c);
    write_text("novel/latin 1.txt", "L'\xe9t\xe9 \xe0 la mer, o\xf9 l'on va. " FOX FOX);
    int rc = open_data(&c, "source = a novel\n", "novel2", false, &e);
    CHECK(rc == ERR_FORMAT && strstr(e.msg, "latin 1.txt:1: byte 3") && strstr(e.msg, "encoding = latin1"), "rc %d: %s", rc,
          e.msg);
    CHECK(file_absent(in_folder("novel2/tokenizer.json")), "a tokenizer of what cannot be read");
    CHECK_OK(open_data(&c, "source = a novel\nencoding = latin1\n", "novel2", false, &e), &e);
    CHECK(!strcmp(hash, c.data_hash), "the novel differs by its encoding");
    corpus_close(&c);
    CHECK_OK(open_data(&c, "source = a encoding=latin1 novel\n", "novel3", false, &e), &e);
    CHECK(!strcmp(hash, c.data_hash), "the novel differs by its encoding");
    corpus_close(&c);
    write_text("my own text.txt", FOX FOX);
    CHECK_OK(open_data(&c, "source = a my own text.txt x.txt\n", "own1", false, &e), &e);
    memcpy(hash, c.data_hash, sizeof hash);
    corpus_close(&c);
    CHECK_OK(open_data(&c, "source = a \"my own text.txt\" x.txt\n", "own2", false, &e), &e);
    CHECK(!strcmp(hash, c.data_hash), "a name with blanks, with and without quotation marks");
    corpus_close(&c);
    rc = open_data(&c, "source = a my own texts.txt\n", "own3", false, &e);
    CHECK(rc == ERR_NOTFOUND && strstr(e.msg, "my"), "rc %d: %s", rc, e.msg);
}

#define LONG "Foxes, hares, bears, owls and hens met; 0123456789, quick brown jumps over lazy dogs: a zebra, an egg, the ice."

static void check_skipped(void)
{
    struct err e = {0};
    struct corpus c;
    static const char skip[] = "source = a bad.jsonl\nholdout = 3\nbad_lines = skip\n";
    static const char rows[] = "{\"text\": \"" LONG "\"}\n{\"text\": 5}\n{\"text\": null}\n{\"text\": \"" LONG "\"}\n"
                               "not JSON\n{\"text\": \"" LONG "\"}\n";
    write_text("bad.jsonl", rows);
    int rc = open_data(&c, "source = a bad.jsonl\n", "bad", false, &e);
    CHECK(rc == ERR_FORMAT && strstr(e.msg, "bad.jsonl:2: \"text\" is not a string") && strstr(e.msg, "bad_lines = skip"),
          "rc %d: %s", rc, e.msg);
    for (int round = 0; round < 2; round++) {
        CHECK_OK(open_data(&c, skip, "bad", round > 0, &e), &e);
        CHECK(c.skipped_lines == 2 && c.data.sources[0].shard.n_docs == 2 && c.val.sources[0].shard.n_docs == 1,
              "round %d: %d lines skipped, %d documents", round, (int)c.skipped_lines, (int)c.data.sources[0].shard.n_docs);
        corpus_close(&c);
    }
}

/* With an upper bound on passes the number of steps decides the shares: to go on with another is refused, and says why. */
static void check_steps_and_epochs(void)
{
    struct err e = {0};
    struct train_result res;
    struct corpus c;
    char text[1000];
    write_text("y.txt", OWL OWL OWL OWL OWL OWL);
    for (int round = 0; round < 3; round++) {
        snprintf(text, sizeof text, "source = a epochs=0.5 x.txt\nsource = b y.txt\n" SMALL
                 "checkpoint_every = 1\n[out]\nmodel = none\ngguf = none\n");
        struct recipe *r = recipe_from(text);
        if (round == 1) r->steps = 8;
        CHECK_OK(file_mkdirs(in_folder("epochs"), &e), &e);
        struct corpus_options o = {.recipe = r, .run = in_folder("epochs"), .going_on = round > 0};
        CHECK_OK(corpus_open(&c, &o, &e), &e);
        struct train_options t = {.recipe = r, .corpus = &c, .ks = &ks, .run = in_folder("epochs"), .quiet = true,
                                  .resume = round > 0, .stop_after = round ? 0 : 2};
        int rc = train_run(&res, &t, &e);
        if (round == 1) CHECK(rc == ERR_USAGE && strstr(e.msg, "began with steps = 4, now it is 8"), "rc %d: %s", rc, e.msg);
        else CHECK(rc == OK, "round %d: %s", round, e.msg);
        corpus_close(&c);
        drop_recipe(r);
    }
    CHECK(res.finished && res.step == 4, "step %d", (int)res.step);
}

int main(void)
{
    if (!fixture_open("autarky-corpus")) return EXIT_FAILURE;
    check_recipe();
    check_all_faults();
    check_sources();
    check_encoding_names();
    check_micro_batch();
    check_text_run();
    check_changed_text();
    check_changed_files();
    check_texts();
    check_skipped();
    check_steps_and_epochs();
    dir_remove_tree(folder, NULL);
    CHECK(mem_live() == 0, "%d allocations are not freed", (int)mem_live());
    return test_end();
}
