/* Chats made by rule: story requests and stories, small talk, small knowledge, and what is declined. */
#include "base/checked.h"
#include "base/mem.h"
#include "stories/stories.h"
#include "stories/expand.h"
#include "stories/facts.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { STREAM_DIALOGUE = 0xd1 };

static bool chance(struct rng *r, uint64_t percent) { return rng_next_below(r, 100) < percent; }
static uint64_t below(struct rng *r, uint64_t n) { return rng_next_below(r, n); }

void dialogue_expand(struct rng *r, struct buf *raw, const char *text)
{
    struct story none = {.rng = *r};
    story_expand(&none, raw, text);
    *r = none.rng;
}

/* A polished question with the small faults of real ones: no capitals, no closing mark. */
static void add_question(struct rng *r, struct buf *out, const struct buf *raw)
{
    story_polish(out, raw);
    if (!out->len || out->failed) return;
    uint64_t roll = below(r, 100);
    char last = out->data[out->len - 1];
    if (roll < 26 && strchr(".?!", last)) out->data[--out->len] = 0;
    else if (roll < 34 && isalpha((unsigned char)last)) buf_add_byte(out, below(r, 4) ? '.' : '!');
    roll = below(r, 100);
    if (roll < 22)
        for (size_t i = 0; i < out->len; i++) out->data[i] = (char)tolower((unsigned char)out->data[i]);
    else if (roll < 24)
        for (size_t i = 0; i < out->len; i++) out->data[i] = (char)toupper((unsigned char)out->data[i]);
}

/* Appends the next turn; `raw` is emptied. */
static void say(struct rng *r, struct dialogue *d, struct buf *raw)
{
    if (d->n % 2 == 0) add_question(r, &d->text[d->n++], raw);
    else story_polish(&d->text[d->n++], raw);
    buf_clear(raw);
}

static void say_fact(struct rng *r, struct dialogue *d, struct buf *raw, const struct fact *table, size_t n)
{
    const struct fact *f = &table[below(r, n)];
    dialogue_expand(r, raw, f->ask);
    say(r, d, raw);
    dialogue_expand(r, raw, f->answer);
    say(r, d, raw);
}

/* '%' in ask and answer is p->a, '&' is p->b. */
static void put_pair(struct rng *r, struct dialogue *d, struct buf *raw, const char *text, const struct fact_pair *p)
{
    struct buf t = {0};
    dialogue_expand(r, &t, text);
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] == '%') buf_add_str(raw, p->a);
        else if (t.data[i] == '&') buf_add_str(raw, p->b);
        else buf_add_byte(raw, t.data[i]);
    }
    raw->failed = raw->failed || t.failed;
    buf_free(&t);
    say(r, d, raw);
}

static void say_pair(struct rng *r, struct dialogue *d, struct buf *raw)
{
    static const struct {
        const struct fact_pair *pairs;
        const size_t *n;
        const char *ask, *answer;
    } tables[] = {
        {story_opposites, &story_n_opposites, "{What is the opposite of %|What's the opposite of %|Tell me the "
            "opposite of %|Opposite of %|What is the contrary of %}?",
         "{The opposite of % is &.|&.|It is &.}"},
        {story_colors_of, &story_n_colors_of, "{What color is %|What colour is %|Which color is %|What is the color "
            "of %|What's the color of %}?",
         "{It is &.|&.|The color is &.}"},
        {story_sounds, &story_n_sounds, "{What does ~ % say|What sound does ~ % make|How does ~ % go|What does the % "
            "say}?", "{A % says &.|The % says &.|&!}"},
        {story_babies, &story_n_babies, "{What is a baby % called|What do you call a baby %|What is the baby of ~ % "
            "called|What is a young % called}?",
         "{A baby % is called ~ &.|It is called ~ &.|~ &.}"},
        {story_plurals, &story_n_plurals, "{What is the plural of %|Plural of %|One %, two|What's the plural of %}?",
            "{The plural of % is &.|&.}"},
        {story_homes, &story_n_homes, "{Where does ~ % live|Where do you find ~ %|Where is the home of ~ %}?",
            "{~ % lives &.|It lives &.|&.}"},
        {story_foods, &story_n_foods, "{What do % eat|What do % like to eat|What is the food of %}?",
            "{% eat &.|They eat &.|&.}"},
        {story_rhymes, &story_n_rhymes, "{What rhymes with %|Tell me a word that rhymes with %|Which word rhymes with "
            "%}?", "{& rhymes with %.|&.}"},
    };
    size_t k = below(r, ARRAY_LEN(tables));
    const struct fact_pair *p = &tables[k].pairs[below(r, *tables[k].n)];
    put_pair(r, d, raw, tables[k].ask, p);
    put_pair(r, d, raw, tables[k].answer, p);
}

static void say_two(struct rng *r, struct dialogue *d, struct buf *raw, const char *ask, const char *answer)
{
    dialogue_expand(r, raw, ask);
    say(r, d, raw);
    dialogue_expand(r, raw, answer);
    say(r, d, raw);
}

static void say_sum(struct rng *r, struct dialogue *d, struct buf *raw)
{
    static const char *const signs[] = {"+", "-", "x"}, *const words[] = {"plus", "minus", "times"};
    char ask[160], answer[160];
    unsigned op = (unsigned)below(r, 10), most = op < 9 ? (below(r, 3) ? 10 : 20) : 5;
    unsigned a = (unsigned)below(r, most + 1), b = (unsigned)below(r, most + 1);
    op = op < 5 ? 0 : op < 9 ? 1 : 2;
    if (op == 1 && b > a) {
        unsigned t = a;
        a = b;
        b = t;
    }
    unsigned c = op == 0 ? a + b : op == 1 ? a - b : a * b;
    snprintf(ask, sizeof ask, "{What is %u %s %u?|What is %u %s %u?|%u %s %u|How much is %u %s %u?|Calculate %u %s %u|"
        "What's %u %s %u?}", a, signs[op], b, a,
             words[op], b, a, signs[op], b, a, words[op], b, a, signs[op], b, a, signs[op], b);
    snprintf(answer, sizeof answer, "{%u %s %u = %u.|%u %s %u is %u.|%u.|The answer is %u.}", a, signs[op], b, c, a,
        words[op], b, c, c, c);
    say_two(r, d, raw, ask, answer);
}

static void say_count(struct rng *r, struct dialogue *d, struct buf *raw)
{
    char ask[160];
    unsigned from = below(r, 3) ? 1 : 1 + (unsigned)below(r, 9), to = from + 2 + (unsigned)below(r, from == 1 ? 19 : 8);
    if (from == 1) snprintf(ask, sizeof ask, "{Count to %u|Can you count to %u?|Please count to %u|Count from 1 to %u}",
        to, to, to, to);
    else snprintf(ask, sizeof ask, "{Count from %u to %u|Please count from %u to %u}", from, to, from, to);
    dialogue_expand(r, raw, ask);
    say(r, d, raw);
    for (unsigned i = from; i <= to; i++) buf_printf(raw, i < to ? "%u, " : "%u.", i);
    say(r, d, raw);
}

/* What comes after or before in a known order. */
static void say_order(struct rng *r, struct dialogue *d, struct buf *raw)
{
    static const char *const days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August",
        "September", "October", "November",
                                         "December"};
    char ask[200], answer[160], x[16], y[16];
    const char *what;
    bool after = chance(r, 60);
    uint64_t roll = below(r, 4);
    if (roll < 2) {
        size_t n = roll ? 12 : 7, i = below(r, n);
        const char *const *list = roll ? months : days;
        what = roll ? "month" : "day";
        snprintf(x, sizeof x, "%s", list[i]);
        snprintf(y, sizeof y, "%s", list[(i + (after ? 1 : n - 1)) % n]);
    } else {
        unsigned i = 1 + (unsigned)below(r, roll == 2 ? 24 : 30);
        what = roll == 2 ? "letter" : "number";
        snprintf(x, sizeof x, roll == 2 ? "%c" : "%u", roll == 2 ? 'A' + i : i);
        unsigned k = after ? i + 1 : i - 1;
        snprintf(y, sizeof y, roll == 2 ? "%c" : "%u", roll == 2 ? 'A' + k : k);
    }
    const char *w = after ? "after" : "before";
    snprintf(ask, sizeof ask, "{What %s comes %s %s?|Which %s comes %s %s?|What comes %s %s?|What is the %s %s %s?}",
        what, w, x, what, w, x, w, x, what, w, x);
    snprintf(answer, sizeof answer, "{%s comes %s %s.|%s.|It is %s.}", y, w, x, y, y);
    say_two(r, d, raw, ask, answer);
}

static void say_compare(struct rng *r, struct dialogue *d, struct buf *raw)
{
    char ask[200], answer[160];
    bool big = chance(r, 60);
    if (chance(r, 40)) {
        unsigned a = (unsigned)below(r, 50), b = a + 1 + (unsigned)below(r, 20), flip = (unsigned)below(r, 2);
        snprintf(ask, sizeof ask, "{Which number is %s, %u or %u?|What is %s, %u or %u?}", big ? "bigger" : "smaller",
            flip ? b : a, flip ? a : b,
                 big ? "more" : "less", flip ? b : a, flip ? a : b);
        snprintf(answer, sizeof answer, "{%u is %s than %u.|%u.}", big ? b : a, big ? "bigger" : "smaller", big ? a : b,
            big ? b : a);
    } else {
        size_t i = below(r, story_n_sizes - 1), j = i + 1 + below(r, story_n_sizes - i - 1), flip = below(r, 2);
        const char *s = story_sizes[i], *l = story_sizes[j];
        snprintf(ask, sizeof ask, "{Which is %s, ~ %s or ~ %s?|Who is %s, ~ %s or ~ %s?}", big ? "bigger" : "smaller",
            flip ? l : s, flip ? s : l,
                 big ? "bigger" : "smaller", flip ? l : s, flip ? s : l);
        snprintf(answer, sizeof answer, "{~ %s is %s than ~ %s.|The %s is %s.}", big ? l : s, big ? "bigger" :
            "smaller", big ? s : l, big ? l : s,
                 big ? "bigger" : "smaller");
    }
    say_two(r, d, raw, ask, answer);
}

static void say_spelling(struct rng *r, struct dialogue *d, struct buf *raw)
{
    const char *w;
    do w = below(r, 2) ? story_kinds[below(r, story_n_kinds)].name : story_objects[below(r, story_n_objects)].name;
    while (strlen(w) > 7 || strchr(w, ' '));
    struct fact_pair p = {w, ""};
    put_pair(r, d, raw, "{How do you spell %|Spell %|Spell the word %|How is % spelled}?", &p);
    for (const char *c = w; *c; c++) buf_printf(raw, c[1] ? "%c-" : "%c.", toupper((unsigned char)*c));
    say(r, d, raw);
}

static void say_something(struct rng *r, struct dialogue *d, struct buf *raw)
{
    uint64_t roll = below(r, 100);
    if (roll < 34) say_fact(r, d, raw, story_talk, story_n_talk);
    else if (roll < 49) say_fact(r, d, raw, story_declines, story_n_declines);
    else if (roll < 65) say_fact(r, d, raw, story_facts, story_n_facts);
    else if (roll < 80) say_pair(r, d, raw);
    else if (roll < 89) say_sum(r, d, raw);
    else if (roll < 91) say_count(r, d, raw);
    else if (roll < 95) say_order(r, d, raw);
    else if (roll < 98) say_compare(r, d, raw);
    else say_spelling(r, d, raw);
}

/* A question about the story just told. */
static void say_about(struct rng *r, struct dialogue *d, struct buf *raw, const struct story_told *t)
{
    const char *kind = t->hero->name, *his = t->hero_gender == 'f' ? "Her" : t->hero_gender == 'm' ? "His" : "Its";
    if (t->hero_name && below(r, 2)) {
        buf_printf(raw, below(r, 2) ? "What was the name of the %s?" : "What was the %s called?", kind);
        say(r, d, raw);
        if (below(r, 2)) buf_printf(raw, "%s name was %s.", his, t->hero_name);
        else buf_printf(raw, "The %s was called %s.", kind, t->hero_name);
    } else if (below(r, 2)) {
        dialogue_expand(r, raw, "{Who was the story about|Who was in the story|Who is it about}?");
        say(r, d, raw);
        buf_add_str(raw, "It was about \1 ");
        buf_printf(raw, t->hero_name ? "%s named %s." : "%s.", kind, t->hero_name);
    } else {
        if (t->hero_name && below(r, 2)) buf_printf(raw, "Where did %s live?", t->hero_name);
        else buf_printf(raw, "Where did the %s live?", kind);
        say(r, d, raw);
        buf_printf(raw, "%s lived %s.", t->hero_gender == 'f' ? "She" : t->hero_gender == 'm' ? "He" : "It",
            t->place->in);
    }
    say(r, d, raw);
}

static int say_story(struct rng *r, struct dialogue *d, struct buf *raw, struct story_told *told, struct err *e)
{
    d->asked = (struct story_request){0};
    dialogue_ask_story(r, &d->asked, raw);
    say(r, d, raw);
    struct buf *out = &d->text[d->n++];
    if (chance(r, 6)) {
        dialogue_expand(r, raw, "{Of course!|Sure!|Yes, of course!|Here is a story for you.|Here is your story.|I "
            "hope you like this one.|Gladly!}");
        story_polish(out, raw);
        buf_clear(raw);
        buf_add_str(out, "\n\n");
    }
    return story_compose(r, &d->asked, out, told, e);
}

static int fill(struct rng *r, struct dialogue *d, struct buf *raw, struct err *e)
{
    struct story_told told;
    uint64_t roll = below(r, 100);
    if (roll < 6) { /* first a word, then the story */
        say_fact(r, d, raw, story_talk, story_n_talk);
        return say_story(r, d, raw, &told, e);
    }
    if (roll < 70) {
        TRY(say_story(r, d, raw, &told, e));
        uint64_t more = below(r, 100);
        if (more < 4) say_about(r, d, raw, &told);
        else if (more < 8) say_two(r, d, raw, "{Thank you|Thanks|Thank you!|Nice story|I liked that|That was nice|"
            "Good story|Great!}",
                                   "{You are welcome!|I am glad you liked it.|Thank you! I am glad.} {Shall I tell "
                                       "you another one?|Would you like another story?|}");
        return OK;
    }
    say_something(r, d, raw);
    for (roll = below(r, 100); roll < 35 && d->n < DIALOGUE_MAX_TURNS; roll += 25) say_something(r, d, raw);
    return OK;
}

int dialogue_generate(uint64_t seed, uint64_t index, struct dialogue *d, struct err *e)
{
    struct rng r = {.seed = seed, .stream = (uint64_t)STREAM_DIALOGUE << 56 ^ index};
    struct buf raw = {0};
    d->n = 0;
    d->asked = (struct story_request){0};
    for (int i = 0; i < DIALOGUE_MAX_TURNS; i++) buf_clear(&d->text[i]);
    int rc = fill(&r, d, &raw, e);
    if (!rc) rc = buf_check(&raw, "a chat", e);
    for (size_t i = 0; !rc && i < d->n; i++) rc = buf_check(&d->text[i], "a chat", e);
    buf_free(&raw);
    return rc;
}

void dialogue_free(struct dialogue *d)
{
    for (int i = 0; i < DIALOGUE_MAX_TURNS; i++) buf_free(&d->text[i]);
    *d = (struct dialogue){0};
}
