/* generate:KIND?seed=S&count=N. */
#include "data/generators.h"
#include "base/buf.h"
#include "base/checked.h"
#include "stories/stories.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int walk_stories(uint64_t seed, uint64_t count, doc_fn *fn, void *ctx, struct err *e)
{
    struct buf b = {0};
    int rc = OK;
    for (uint64_t i = 0; i < count && !rc; i++) {
        buf_clear(&b);
        rc = story_generate(seed, i, &b, e);
        struct doc d = {.text = b.data, .len = b.len, .name = "stories", .read = i + 1, .total = count};
        if (!rc) rc = fn(ctx, &d, e);
    }
    buf_free(&b);
    return rc;
}

enum { CHAT_MAX_PARTS = 4 };

/* Document i of chats: dialogues 4 i, 4 i + 1, ... as one conversation of 1 to CHAT_MAX_PARTS parts, so that a model also
 * meets long conversations that change their subject. parts == 1: dialogue i alone. */
static int compose_chat(uint64_t seed, uint64_t i, uint64_t parts, struct dialogue *g, struct chat_msg *m, size_t *n,
                        struct err *e)
{
    *n = 0;
    for (uint64_t p = 0; p < parts; p++) {
        TRY(dialogue_generate(seed, i + p, &g[p], e));
        for (size_t k = 0; k < g[p].n; k++)
            m[(*n)++] = (struct chat_msg){
                .role = k % 2 ? CHAT_ASSISTANT : CHAT_USER, .text = g[p].text[k].data, .len = g[p].text[k].len};
    }
    return OK;
}

static int walk_dialogues(uint64_t seed, uint64_t count, bool joined, doc_fn *fn, void *ctx, struct err *e)
{
    struct dialogue g[CHAT_MAX_PARTS] = {0};
    int rc = OK;
    for (uint64_t i = 0; i < count && !rc; i++) {
        struct chat_msg m[CHAT_MAX_PARTS * DIALOGUE_MAX_TURNS];
        uint64_t parts = joined ? 1 + rng_below(seed, rng_stream("parts of a chat"), i, CHAT_MAX_PARTS) : 1;
        struct doc d = {.msgs = m, .name = joined ? "chats" : "dialogues", .read = i + 1, .total = count};
        rc = compose_chat(seed, joined ? CHAT_MAX_PARTS * i : i, parts, g, m, &d.n_msgs, e);
        if (!rc) rc = fn(ctx, &d, e);
    }
    for (int p = 0; p < CHAT_MAX_PARTS; p++) dialogue_free(&g[p]);
    return rc;
}

static int each_dialogue(uint64_t seed, uint64_t count, doc_fn *fn, void *ctx, struct err *e)
{
    return walk_dialogues(seed, count, false, fn, ctx, e);
}

static int each_chat(uint64_t seed, uint64_t count, doc_fn *fn, void *ctx, struct err *e)
{
    return walk_dialogues(seed, count, true, fn, ctx, e);
}

struct generator {
    const char *name;
    int (*each)(uint64_t seed, uint64_t count, doc_fn *fn, void *ctx, struct err *e);
};
static const struct generator generators[] = {{"stories", walk_stories}, {"dialogues", each_dialogue}, {"chats", each_chat}};

/* The digits after `key` at *p, which moves behind them; at most `most`. */
static bool read_count(const char **p, const char *key, uint64_t most, uint64_t *out)
{
    size_t n = strlen(key);
    if (strncmp(*p, key, n) != 0) return false;
    const char *s = *p + n;
    char *end;
    if (*s < '0' || *s > '9') return false; /* strtoull would take "-1", and wrap */
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (errno || v > most) return false;
    *out = v;
    *p = end;
    return true;
}

static int parse(const struct generator **g, uint64_t *seed, uint64_t *count, const char *input, struct err *e)
{
    const char *at = input + strlen("generate:");
    size_t n = strcspn(at, "?");
    *g = NULL;
    for (size_t i = 0; i < ARRAY_LEN(generators); i++)
        if (strlen(generators[i].name) == n && !strncmp(at, generators[i].name, n)) *g = &generators[i];
    if (!*g)
        FAIL(e, ERR_USAGE, "%s: there is no generator \"%.*s\", only stories, dialogues and chats", input, (int)n, at);
    at += n;
    if (!read_count(&at, "?seed=", UINT64_MAX, seed) || !read_count(&at, "&count=", GENERATOR_MAX_COUNT, count) || *at)
        FAIL(e, ERR_USAGE, "%s: expected generate:KIND?seed=S&count=N with whole numbers, N at most %llu", input,
             GENERATOR_MAX_COUNT);
    return OK;
}

int generator_each(const char *input, doc_fn *fn, void *ctx, struct err *e)
{
    const struct generator *g;
    uint64_t seed, count;
    TRY(parse(&g, &seed, &count, input, e));
    return g->each(seed, count, fn, ctx, e);
}

int docs_generator_count(const char *input, uint64_t *count, struct err *e)
{
    const struct generator *g;
    uint64_t seed;
    return parse(&g, &seed, count, input, e);
}
