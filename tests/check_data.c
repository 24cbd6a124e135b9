/* Data: shards, windows, documents, generated texts, preparation. */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "data/docs.h"
#include "data/loader.h"
#include "data/prepare.h"
#include "data/shard.h"
#include "stories/stories.h"
#include "stories/expand.h"
#include "tests/doc_text.h"
#include "tests/test.h"

static char dir[] = "/tmp/check_data.XXXXXX";
static char path_buf[4][200];

static const char *path(int slot, const char *name)
{
    snprintf(path_buf[slot], sizeof path_buf[slot], "%s/%s", dir, name);
    return path_buf[slot];
}

static const char hash_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/* A shard of n_docs documents whose lengths vary from 2 to 60; token values count up, so that places can be checked. */
static void make_shard(const char *file, int32_t vocab, int n_docs)
{
    struct err e = {0};
    struct shard_writer *w = NULL;
    int32_t ids[64], next = 0;
    CHECK_OK(shard_writer_open(&w, file, vocab, hash_a, &e), &e);
    for (int d = 0; w && d < n_docs; d++) {
        size_t n = 2 + (size_t)(d * 37 % 59);
        for (size_t i = 0; i < n; i++) ids[i] = next++ % vocab;
        CHECK_OK(shard_writer_doc(w, ids, n, &e), &e);
    }
    if (w) CHECK_OK(shard_writer_commit(w, &e), &e);
}

static void check_round_trip(int32_t vocab, int bytes)
{
    struct err e = {0};
    struct shard s;
    const char *file = path(0, "round.tok");
    make_shard(file, vocab, 300);
    CHECK_OK(shard_open(&s, file, &e), &e);
    CHECK(s.token_bytes == bytes && s.vocab == vocab && s.n_docs == 300, "%d bytes, %d, %d docs", s.token_bytes,
          s.vocab, (int)s.n_docs);
    CHECK(!strcmp(s.tokenizer_hash, hash_a), "%s", s.tokenizer_hash);
    uint64_t start = 0;
    int bad = 0;
    for (uint64_t d = 0; d < s.n_docs; d++) {
        bad += shard_doc_start(&s, d) != start;
        start += 2 + d * 37 % 59;
    }
    for (uint64_t i = 0; i < s.n_tokens; i++) bad += shard_token(&s, i) != (int32_t)(i % (uint64_t)vocab);
    CHECK(bad == 0 && start == s.n_tokens && shard_doc_start(&s, s.n_docs) == s.n_tokens, "%d differ", bad);
    shard_close(&s);
    shard_close(&s); /* twice is allowed */
}

static void check_writer_refuses(void)
{
    struct err e = {0};
    struct shard_writer *w = NULL;
    struct stat st;
    char bad_hash[65];
    memcpy(bad_hash, hash_a, 65);
    bad_hash[10] = 'g';
    CHECK(shard_writer_open(&w, path(0, "no.tok"), 100, bad_hash, &e) == ERR_USAGE && !w, "hash: %s", e.msg);
    CHECK(shard_writer_open(&w, path(0, "no.tok"), 0, hash_a, &e) == ERR_USAGE && !w, "vocab: %s", e.msg);
    CHECK_OK(shard_writer_open(&w, path(0, "no.tok"), 100, hash_a, &e), &e);
    CHECK(shard_writer_doc(w, (int32_t[]){1, 100}, 2, &e) == ERR_USAGE && strstr(e.msg, "100"), "%s", e.msg);
    CHECK(shard_writer_doc(w, (int32_t[]){1, -1}, 2, &e) == ERR_USAGE, "%s", e.msg);
    CHECK(shard_writer_doc(w, (int32_t[]){1}, 1, &e) == ERR_USAGE, "%s", e.msg);
    shard_writer_abort(w);
    shard_writer_abort(NULL);
    CHECK(stat(path(0, "no.tok"), &st) != 0, "an aborted shard is left behind");
    CHECK(rmdir(dir) != 0 || mkdir(dir, 0700) == 0, "the folder");
}

/* Changes `width` bytes of a good shard at `at` and expects a refusal that names file, place and `text`. */
static void check_hostile(const char *good, size_t len, size_t at, int width, uint64_t value, const char *text)
{
    struct err e = {0};
    struct shard s;
    char *copy = mem_alloc(len);
    memcpy(copy, good, len);
    for (int i = 0; i < width; i++) copy[at + (size_t)i] = (char)(value >> 8 * i);
    const char *file = path(0, "hostile.tok");
    CHECK_OK(file_replace(file, copy, len, &e), &e);
    mem_free(copy);
    CHECK(shard_open(&s, file, &e) == ERR_FORMAT, "offset %zu = %llu was accepted", at, (unsigned long long)value);
    CHECK(strstr(e.msg, "hostile.tok: offset") && strstr(e.msg, text), "%s (expected %s)", e.msg, text);
    CHECK(s.map.data == NULL, "the file is still mapped");
}

static void check_hostile_shards(void)
{
    struct err e = {0};
    struct shard s;
    char *good;
    size_t len;
    make_shard(path(1, "good.tok"), 1000, 5);
    CHECK_OK(file_read(&good, &len, path(1, "good.tok"), 1 << 20, &e), &e);
    check_hostile(good, len, 0, 1, 'B', "magic");
    check_hostile(good, len, 7, 1, 2, "magic");
    check_hostile(good, len, 8, 4, 4, "4 bytes per token, expected 2");
    check_hostile(good, len, 12, 4, 0, "vocabulary of 0");
    check_hostile(good, len, 12, 4, 0xffffffff, "vocabulary of 4294967295");
    check_hostile(good, len, 12, 4, 3, "token 3 is 3, expected below the vocabulary of 3");
    check_hostile(good, len, 16, 8, UINT64_MAX, "18446744073709551615 tokens");
    check_hostile(good, len, 16, 8, (uint64_t)1 << 63, "do not match");
    check_hostile(good, len, 24, 8, (uint64_t)1 << 61, "do not match"); /* times 8 is 0 */
    check_hostile(good, len, 24, 8, 6, "do not match");
    check_hostile(good, len, 64, 8, 1, "document 0 starts at token 1, expected 0 to 0");
    check_hostile(good, len, 72, 8, 0, "document 1 starts at token 0");
    check_hostile(good, len, 96, 8, 1 << 20, "document 4 starts at token 1048576");
    check_hostile(good, len, len - 2, 2, 1000, "is 1000, expected below");
    for (size_t n = 0; n < len; n += 13) {
        CHECK_OK(file_replace(path(0, "cut.tok"), good, n, &e), &e);
        CHECK(shard_open(&s, path(0, "cut.tok"), &e) == ERR_FORMAT, "%zu of %zu bytes were accepted", n, len);
    }
    mem_free(good);
    CHECK(shard_open(&s, path(0, "missing.tok"), &e) == ERR_NOTFOUND, "%s", e.msg);
}

enum { LEN = 32 };
struct window {
    int32_t ids[LEN], targets[LEN], seq[LEN], pos[LEN];
    int source;
};

static struct window window_of(const struct loader *l, uint64_t w)
{
    struct window x;
    loader_window(l, w, x.ids, x.targets, x.seq, x.pos, &x.source);
    return x;
}

/* Every field agrees with the documents of the shard, found from the first token: token values count up. */
static int window_errors(const struct shard *s, const struct window *x)
{
    uint64_t at = (uint64_t)x->ids[0], doc = 0;
    int bad = 0, part = 0, place = 0;
    while (shard_doc_start(s, doc + 1) <= at) doc++;
    for (int i = 0; i < LEN; i++, at++) {
        if (at == shard_doc_start(s, doc + 1)) {
            doc++;
            part++;
            place = 0;
        }
        bool last = at + 1 == shard_doc_start(s, doc + 1);
        bad += x->ids[i] != shard_token(s, at) || x->targets[i] != (last ? -1 : shard_token(s, at + 1));
        bad += x->seq[i] != part || x->pos[i] != place++;
    }
    return bad;
}

static void check_loader_epochs(void)
{
    struct err e = {0};
    struct loader l;
    make_shard(path(0, "one.tok"), 1 << 20, 300);
    CHECK_OK(loader_init(&l, 7, LEN, &e), &e);
    CHECK_OK(loader_add(&l, path(0, "one.tok"), "one", 1, &e), &e);
    const struct shard *s = &l.sources[0].shard;
    uint64_t per_epoch = (s->n_tokens - LEN + 1) / LEN;
    int wrong = 0, same_order = 0;
    int32_t offsets[3];
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        char *seen = mem_alloc(per_epoch);
        int offset = window_of(&l, epoch * per_epoch).ids[0] % LEN, repeated = 0;
        for (uint64_t i = 0; i < per_epoch; i++) {
            struct window x = window_of(&l, epoch * per_epoch + i);
            uint64_t place = (uint64_t)(x.ids[0] - offset) / LEN;
            wrong += x.ids[0] % LEN != offset || place >= per_epoch || window_errors(s, &x);
            if (place < per_epoch) repeated += seen[place]++;
            same_order += i > 0 && x.ids[0] == window_of(&l, epoch * per_epoch + i - 1).ids[0] + LEN;
        }
        CHECK(repeated == 0, "epoch %d: %d windows are visited twice", (int)epoch, repeated);
        offsets[epoch] = offset;
        mem_free(seen);
    }
    CHECK(wrong == 0, "%d windows are wrong", wrong);
    CHECK(same_order < (int)per_epoch / 4, "%d windows follow their neighbour: not shuffled", same_order);
    CHECK(offsets[0] != offsets[1] || offsets[1] != offsets[2], "all epochs are cut at offset %d", offsets[0]);
    CHECK(loader_source_windows(&l, 0) == s->n_tokens / LEN, "windows in order");
    for (uint64_t w = 0; w < loader_source_windows(&l, 0); w++) {
        struct window x;
        loader_source_window(&l, 0, w, x.ids, x.targets, x.seq, x.pos);
        wrong += x.ids[0] != (int32_t)(w * LEN) || window_errors(s, &x);
    }
    CHECK(wrong == 0, "%d windows in order are wrong", wrong);
    loader_free(&l);
}

static void check_loader_mixture(void)
{
    static const double weights[3] = {5, 3, 2};
    struct err e = {0};
    struct loader l, other;
    int counts[3] = {0}, differ = 0, worst = 0;
    CHECK_OK(loader_init(&l, 42, LEN, &e), &e);
    CHECK_OK(loader_init(&other, 43, LEN, &e), &e);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "mix%d.tok", i);
        make_shard(path(0, name), 1 << 20, 40 * (i + 1));
        CHECK_OK(loader_add(&l, path(0, name), name, weights[i], &e), &e);
        CHECK_OK(loader_add(&other, path(0, name), name, weights[i], &e), &e);
    }
    uint64_t before = mem_count();
    for (int w = 0; w < 4000; w++) {
        struct window x = window_of(&l, (uint64_t)w), y = window_of(&other, (uint64_t)w);
        counts[x.source]++;
        differ += x.source != y.source || x.ids[0] != y.ids[0];
        for (int i = 0; i < 3; i++) {
            int off = (int)(counts[i] - weights[i] / 10 * (w + 1));
            if (off < 0) off = -off;
            if (off > worst) worst = off;
        }
    }
    CHECK(mem_count() == before, "a window allocates");
    CHECK(worst <= 3, "a source is %d windows off its share", worst);
    CHECK(differ > 2000, "two seeds give nearly the same windows");
    for (int w = 3999; w >= 0; w -= 7) { /* any order, again: the same */
        struct window x = window_of(&l, (uint64_t)w), y = window_of(&l, (uint64_t)w);
        CHECK(!memcmp(&x, &y, sizeof x), "window %d is not a function of its number", w);
    }
    struct window far = window_of(&l, (uint64_t)1 << 40);
    CHECK(window_errors(&l.sources[far.source].shard, &far) == 0, "a window far away");
    loader_free(&l);
    loader_free(&other);
}

static void check_loader_refuses(void)
{
    struct err e = {0};
    struct loader l;
    struct shard_writer *w;
    CHECK(loader_init(&l, 1, 0, &e) == ERR_USAGE, "seq_len 0");
    CHECK_OK(loader_init(&l, 1, 4096, &e), &e);
    make_shard(path(0, "short.tok"), 4096, 5);
    CHECK(loader_add(&l, path(0, "short.tok"), "short", 1, &e) == ERR_USAGE && strstr(e.msg, "4096"), "%s", e.msg);
    l.seq_len = 8;
    CHECK(loader_add(&l, path(0, "short.tok"), "short", 0, &e) == ERR_USAGE, "weight 0");
    CHECK(loader_add(&l, path(0, "short.tok"), "short", -1, &e) == ERR_USAGE, "weight -1");
    CHECK_OK(loader_add(&l, path(0, "short.tok"), "short", 1, &e), &e);
    char other[65];
    memcpy(other, hash_a, 65);
    other[0] = 'b';
    CHECK_OK(shard_writer_open(&w, path(1, "other.tok"), 4096, other, &e), &e);
    CHECK_OK(shard_writer_doc(w, (int32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8}, 9, &e), &e);
    CHECK_OK(shard_writer_commit(w, &e), &e);
    CHECK(loader_add(&l, path(1, "other.tok"), "other", 1, &e) == ERR_USAGE && strstr(e.msg, "tokenizer"), "%s", e.msg);
    CHECK(l.n_sources == 1, "%zu sources", l.n_sources);
    loader_free(&l);
    loader_free(&l);
}

/* A whole word or words, a plural s allowed. */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strcasestr(p, word)) != NULL; p++) {
        const char *end = p + n + (p[n] == 's');
        if ((p == text || !isalpha((unsigned char)p[-1])) && !isalpha((unsigned char)*end)) return true;
    }
    return false;
}

/* What no story may contain. NULL when it is fine. */
static const char *fault_of(const char *t)
{
    static const char *const never[] = {
        "  ", " ,", " .", "..", ",.", ".,", "?.", "!.", " !", " ?", "\n ", "\n\n\n", " a a", " the the ", " the a ", " his a ",
        "so so ", "very very ", " a apple", " a egg", " a owl", " a elephant", " a old ", " a umbrella", " an unicorn", " an red",
        " an big", "$", "(null)"};
    size_t quotes = 0;
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (strstr(t, never[i])) return never[i];
    if (strpbrk(t, "{}[]<>|~%^\1\2")) return "a piece of a template";
    for (const char *p = t; *p; p++) {
        quotes += *p == '"';
        if ((unsigned char)*p > 126 || (*p < 32 && *p != '\n')) return "a byte that is not plain text";
        if (*p == '.' && p[1] == ' ' && p[2] >= 'a' && p[2] <= 'z') return "a sentence without a capital";
    }
    if (quotes % 2) return "an odd number of quotation marks";
    return strchr(".!?\"", t[strlen(t) - 1]) ? NULL : "no end";
}

static void check_stories(void)
{
    struct err e = {0};
    struct buf a = {0}, b = {0}, all = {0};
    size_t foxes = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        buf_clear(&a);
        CHECK_OK(story_generate(11, i, &a, &e), &e);
        const char *fault = fault_of(a.data);
        CHECK(!fault, "story %d has \"%s\":\n%s", (int)i, fault, a.data);
        CHECK(a.len > 350 && a.len <= 1200, "story %d has %zu bytes", (int)i, a.len);
        foxes += has_word(a.data, "fox");
        if (i < 20) buf_add(&all, a.data, a.len);
    }
    CHECK(foxes > 60, "%zu foxes in 3000 stories", foxes);
    for (uint64_t i = 20; i-- > 0;) { /* in any order: the same bytes */
        buf_clear(&b);
        CHECK_OK(story_generate(11, i, &b, &e), &e);
        CHECK(memmem(all.data, all.len, b.data, b.len), "story %d differs the second time", (int)i);
    }
    buf_clear(&b);
    CHECK_OK(story_generate(12, 0, &b, &e), &e);
    CHECK(!memmem(all.data, all.len, b.data, b.len), "another seed gives the same story");
    buf_free(&a);
    buf_free(&b);
    buf_free(&all);
}

/* Every plot, with every kind of hero it admits, can be told without a fault. */
static void check_plots(void)
{
    struct err e = {0};
    struct buf b = {0};
    for (size_t i = 0; i < story_plot_count(); i++) {
        const struct plot *p = story_plot(i);
        for (size_t k = 0; k < story_n_kinds; k++) {
            if (!(p->hero & story_kinds[k].is) || (p->not_hero & story_kinds[k].is)) continue;
            struct rng r = {.seed = 3, .stream = i * 1000 + k};
            struct story_request q = {.hero = &story_kinds[k], .plot = p};
            buf_clear(&b);
            CHECK_OK(story_compose(&r, &q, &b, NULL, &e), &e);
            const char *fault = fault_of(b.data);
            const char *hero = story_kinds[k].name;
            CHECK(!fault, "plot %s with a %s: %s\n%s", p->themes, hero, fault, b.data);
            CHECK(has_word(b.data, hero), "plot %s: no %s in\n%s", p->themes, hero, b.data);
        }
    }
    buf_free(&b);
}

static void check_has(const char *story, const char *ask, const char *word)
{
    if (word) CHECK(has_word(story, word), "asked: %s; no %s in\n%s", ask, word, story);
}

/* The story is about what was asked. */
static void check_asked(const struct story_request *q, const char *ask, const char *story)
{
    if (q->hero) check_has(story, ask, q->hero->name);
    if (q->friend) check_has(story, ask, q->friend->name);
    if (q->friend) check_has(ask, "the story has it", q->friend_name ? q->friend_name : q->friend->name);
    if (q->object) check_has(story, ask, q->object->name);
    if (q->object) check_has(ask, "the story has it", q->object->name);
    if (q->place) check_has(story, ask, q->place->in);
    if (q->action) check_has(story, ask, q->action->verb);
    const char *space = q->scenery ? strchr(q->scenery->name, ' ') : NULL; /* "the moon": the article may be missing */
    if (q->scenery) check_has(story, ask, space ? space + 1 : q->scenery->name);
    if (q->happy_end) check_has(story, ask, "happily ever after");
    check_has(story, ask, q->hero_name);
    check_has(ask, "the story has it", q->hero_name);
    check_has(story, ask, q->hero_adj);
    check_has(story, ask, q->friend_name);
    check_has(story, ask, q->object_adj);
}

static void check_dialogues(void)
{
    struct err e = {0};
    struct dialogue d = {0};
    size_t stories = 0, turns = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        CHECK_OK(dialogue_generate(21, i, &d, &e), &e);
        CHECK(d.n >= 2 && d.n <= DIALOGUE_MAX_TURNS && d.n % 2 == 0, "%zu texts", d.n);
        turns += d.n / 2;
        for (size_t k = 0; k < d.n; k++) {
            CHECK(d.text[k].len > 0 && !strpbrk(d.text[k].data, "{}[]<>|~%^\1\2"), "dialogue %d: %s", (int)i,
                d.text[k].data);
            if (k % 2 == 0 || d.text[k].len < 350) continue;
            const char *fault = fault_of(d.text[k].data);
            CHECK(!fault, "dialogue %d has \"%s\":\n%s", (int)i, fault, d.text[k].data);
            check_asked(&d.asked, d.text[k - 1].data, d.text[k].data);
            stories++;
        }
    }
    CHECK(stories > 2500 && stories < 3200, "%zu of 4000 dialogues hold a story", stories);
    CHECK(turns > 4200, "%zu turns", turns);
    dialogue_free(&d);
}

/* A tokenizer of bytes and a few merges. */
static int make_tokenizer(struct tokenizer **t, char hash[SHA256_HEX], struct err *e)
{
    static const char *const specials[] = {CHAT_BOS, CHAT_EOS, CHAT_PAD, CHAT_USER_MARK, CHAT_ASSISTANT_MARK};
    struct bpe_options o = {300, specials, 5, true};
    struct bpe_trainer *b;
    struct buf json = {0};
    static const char text[] = "the fox and the hen and the owl and the fox in the forest of the fox";
    TRY(bpe_trainer_new(&b, &o, e));
    int rc = bpe_trainer_add(b, text, sizeof text - 1, e);
    if (!rc) rc = bpe_trainer_finish(b, t, NULL, NULL, e);
    bpe_trainer_free(b);
    if (!rc) rc = tokenizer_to_json(*t, &json, e);
    if (!rc) rc = sha256_of(json.data, json.len, hash, e);
    buf_free(&json);
    return rc;
}

/* Bad lines are counted; a source of nothing else is an error that says why; more than the disk can hold is refused. */
static void check_left_out(struct prepare_options *o)
{
    static const char lines[] = "{\"text\": \"a\"}\n{\"texd\": \"b\"}\n{\"text\": null}\nno JSON\n";
    struct err e = {0};
    struct prepare_result r;
    struct inputs inputs = {0};
    o->inputs = &inputs;
    o->out = path(2, "left.tok");
    o->holdout = 0;
    o->take_holdout = false;
    o->stop = NULL;
    CHECK_OK(file_replace(path(0, "bad.jsonl"), lines, sizeof lines - 1, &e), &e);
    CHECK_OK(inputs_add(&inputs, path(0, "bad.jsonl"), &e), &e);
    CHECK(data_prepare(o, &r, &e) == ERR_FORMAT && strstr(e.msg, "bad.jsonl:2: neither"), "%s", e.msg);
    o->how.skip_bad = true;
    CHECK_OK(data_prepare(o, &r, &e), &e);
    CHECK(r.docs == 1 && r.left_out.bad_lines == 2 && r.left_out.empty == 1, "%d documents, %d bad, %d empty", (int)r.docs,
          (int)r.left_out.bad_lines, (int)r.left_out.empty);
    CHECK_OK(file_replace(path(0, "bad.jsonl"), lines + 14, sizeof lines - 15, &e), &e);
    int rc = data_prepare(o, &r, &e);
    CHECK(rc == ERR_FORMAT && strstr(e.msg, "2 bad lines and 1 empty") && strstr(e.msg, "neither"), "%s", e.msg);
    CHECK_OK(prepare_check_space(dir, &inputs, 1, &e), &e);
    for (int i = 0; i < 1000; i++) CHECK_OK(inputs_add(&inputs, "generate:stories?seed=1&count=1000000000", &e), &e);
    CHECK(prepare_check_space(dir, &inputs, 1, &e) == ERR_IO && strstr(e.msg, "160000.0 GB"), "%s", e.msg);
    inputs_free(&inputs);
}

static void check_prepare(void)
{
    struct err e = {0};
    struct tokenizer *t = NULL;
    char hash[SHA256_HEX] = "";
    CHECK_OK(make_tokenizer(&t, hash, &e), &e);
    if (!t) return;
    static const char jsonl[] = "{\"text\": \"the fox\"}\n"
                                "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"},"
                                " {\"role\": \"assistant\", \"content\": \"the owl\"}]}\n";
    CHECK_OK(file_replace(path(0, "in.jsonl"), jsonl, sizeof jsonl - 1, &e), &e);
    struct inputs inputs = {0};
    CHECK_OK(inputs_add(&inputs, path(0, "in.jsonl"), &e), &e);
    CHECK_OK(inputs_add(&inputs, "generate:stories?seed=1&count=8", &e), &e);
    struct prepare_options o = {.tok = t, .tokenizer_hash = hash, .inputs = &inputs};
    o.out = path(1, "out.tok");
    struct prepare_result r;
    CHECK_OK(data_prepare(&o, &r, &e), &e);
    struct shard s;
    struct buf b = {0};
    CHECK_OK(shard_open(&s, o.out, &e), &e);
    CHECK(s.n_docs == 10 && r.docs == 10 && r.tokens == s.n_tokens, "%d documents", (int)s.n_docs);
    CHECK(!strcmp(s.tokenizer_hash, hash), "%s", s.tokenizer_hash);
    for (uint64_t d = 0; d < s.n_docs; d++) {
        CHECK(shard_token(&s, shard_doc_start(&s, d)) == tokenizer_bos(t), "document %d does not begin with BOS",
            (int)d);
        CHECK(shard_token(&s, shard_doc_start(&s, d + 1) - 1) == tokenizer_eos(t), "document %d does not end with EOS",
            (int)d);
    }
    for (uint64_t i = 0; i < shard_doc_start(&s, 2); i++) {
        int32_t id = shard_token(&s, i);
        CHECK_OK(tokenizer_decode(t, &id, 1, true, &b, &e), &e);
    }
    const char *want = CHAT_BOS "the fox" CHAT_EOS CHAT_BOS CHAT_USER_MARK "hi" CHAT_ASSISTANT_MARK "the owl" CHAT_EOS;
    CHECK(!strcmp(b.data, want), "%s", b.data);
    shard_close(&s);
    o.holdout = 5; /* documents 4 and 9 */
    CHECK_OK(data_prepare(&o, &r, &e), &e);
    CHECK(r.docs == 8, "%d documents without the held-out ones", (int)r.docs);
    o.take_holdout = true;
    CHECK_OK(data_prepare(&o, &r, &e), &e);
    CHECK(r.docs == 2, "%d held-out documents", (int)r.docs);
    volatile sig_atomic_t stop = 1;
    o.stop = &stop;
    o.out = path(2, "stopped.tok");
    CHECK(data_prepare(&o, &r, &e) == ERR_INTERRUPTED && file_absent(o.out), "%s", e.msg);
    check_left_out(&o);
    buf_free(&b);
    inputs_free(&inputs);
    tokenizer_free(t);
}

/* The words of the generators are part of a recipe: a change of theirs must be meant, and changes these hashes. */
static void check_golden(void)
{
    struct err e = {0};
    struct buf b = {0};
    char hash[SHA256_HEX];
    CHECK_OK(docs_each("generate:stories?seed=1&count=500", NULL, note_doc, &b, &e), &e);
    CHECK_OK(sha256_of(b.data, b.len, hash, &e), &e);
    CHECK(!strncmp(hash, "11474a93d13e1279", 16), "stories: %.16s", hash);
    buf_clear(&b);
    CHECK_OK(docs_each("generate:dialogues?seed=1&count=500", NULL, note_doc, &b, &e), &e);
    CHECK_OK(sha256_of(b.data, b.len, hash, &e), &e);
    CHECK(!strncmp(hash, "b02dc3bd55aaef5e", 16), "dialogues: %.16s", hash);
    buf_free(&b);
}

int main(void)
{
    if (!mkdtemp(dir)) return EXIT_FAILURE;
    check_round_trip(4096, 2);
    check_round_trip(65536, 2);
    check_round_trip(65537, 4);
    check_writer_refuses();
    check_hostile_shards();
    check_loader_epochs();
    check_loader_mixture();
    check_loader_refuses();
    check_stories();
    check_plots();
    check_dialogues();
    check_golden();
    check_prepare();
    char **names;
    size_t n;
    struct err e = {0};
    CHECK_OK(file_list(&names, &n, dir, &e), &e);
    for (size_t i = 0; i < n; i++) {
        CHECK(!strstr(names[i], ".tmp."), "%s is left behind", names[i]);
        file_remove(path(0, names[i]), &e);
        mem_free(names[i]);
    }
    mem_free(names);
    CHECK(rmdir(dir) == 0, "%s is not empty", dir);
    CHECK(mem_live() == 0, "%d allocations are not freed", (int)mem_live());
    return test_end();
}
