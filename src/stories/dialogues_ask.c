/* How users ask for stories: a topic, which fixes part of the cast, in one of many phrasings. */
#include "base/checked.h"
#include "stories/stories.h"
#include "stories/expand.h"
#include <string.h>

/* '%' is the topic. */
static const char *const frames[] = {
    "Tell me a story about %", "Tell me a story about %", "Tell me a story about %", "Tell me a story about %.",
        "Tell me a story about %!",
    "Tell a story about %", "Tell me a {short|little|nice|funny|new|good|bedtime} story about %",
        "Please tell me a story about %",
    "Please tell me a {short |little |}story about %.", "Can you tell me a {story|tale|short story} about %?",
        "Could you tell me a story about %?",
    "Can you tell me about %?", "Write a {story|tale|short story|short tale|little story} about %",
        "Write me a {story|short story} about %.",
    "I want a story about %", "I want to hear a story about %.", "I would like a story about %",
        "I'd like to hear about %",
    "Story about %", "A story about %", "A story about % please", "Story about %, please",
        "Do you know a story about %?",
    "Make up a story about %", "Make a story about %", "Give me a story about %", "Will you tell me a story about %?",
    "Hi! Tell me a story about %", "Hello, please tell me a story about %.", "Tell us a story about %",
        "Once upon a time there was %. Tell me more.",
    "Tell me a story with %", "Tell me a tale about %.", "Let's hear a story about %", "Now tell me a story about %",
        "Can I have a story about %?",
    "Read me a story about %", "Tell me something about %", "Invent a story about %", "Create a story about %.",
        "tell me story about %",
};
static const char *const happy_frames[] = {
    "Tell me a story about % with a happy ending", "Write a story about % with a happy end.",
        "I want a happy story about %",
    "Tell me a story about % that ends well", "A happy story about %, please",
};
static const char *const word_frames[] = {
    "Write a {short |little |}{story|tale} with the words: %", "Write a {short |}story with the words %.",
        "Tell me a story with the words %",
    "Use these words in a story: %", "Make a story with these words: %.", "Write a story that uses the words: %",
        "Story with %",
    "Tell me a story with these words: %", "Write a story. Words: %", "A story with the words %, please",
};
static const char *const plain_asks[] = {
    "Tell me a story", "Tell me a story.", "Tell me a story please", "Please tell me a story",
        "Can you tell me a story?", "I want a story",
    "A story please", "Story", "Story please!", "Tell me a {short|nice|funny|good|new|little|long|beautiful} story",
        "Tell me a bedtime story",
    "I want to hear a story", "Write a story", "Write a short story", "Make up a story", "Do you know a story?",
        "Another story please",
    "One more story", "Tell me another story", "Once upon a time", "Can I have a bedtime story?",
        "Tell me a fairy tale", "Tell me a tale",
    "Tell me a story for children", "Tell me a story with animals", "Tell me an animal story",
        "Surprise me with a story", "Tell me any story you like",
};

enum { ARTICLE = 1 }; /* as in expand.c: "a" or "an" */

static bool chance(struct rng *r, uint64_t percent) { return rng_next_below(r, 100) < percent; }

static const char *any_adj(struct rng *r)
{
    static const char *const adjs[] = {"brave", "little", "clever", "happy", "sad", "lonely", "kind", "shy", "funny",
        "small", "big",
                                       "hungry", "friendly", "curious", "sleepy", "old", "young", "grumpy", "lost",
                                           "silly", "proud"};
    return adjs[rng_next_below(r, ARRAY_LEN(adjs))];
}

static void add_hero(struct rng *r, struct story_request *q, struct buf *t, bool named)
{
    q->hero = story_any_hero(r);
    if (chance(r, named ? 30 : 22)) q->hero_adj = any_adj(r);
    if (!chance(r, 5)) buf_add(t, "\1 ", 2); /* now and then the article is forgotten */
    if (q->hero_adj) {
        buf_add_str(t, q->hero_adj);
        buf_add_byte(t, ' ');
    }
    buf_add_str(t, q->hero->name);
    if (!named) return;
    char fixed = story_kind_gender(q->hero);
    q->hero_gender = fixed ? fixed : chance(r, 50) ? 'f' : 'm';
    q->hero_name = story_any_name(r, q->hero, q->hero_gender);
    dialogue_expand(r, t, "{ named | named | called | whose name is }");
    buf_add_str(t, q->hero_name);
}

static void add_friend(struct rng *r, struct story_request *q, struct buf *t)
{
    for (int i = 0; i < 200; i++) { /* the few who fit no common plot with the hero are soon passed over */
        q->friend = story_any_hero(r);
        bool water = (q->friend->is ^ q->hero->is) & IS_WATER;
        if (q->friend != q->hero && !water && !(q->friend->is & IS_THING) && (q->friend->at & q->hero->at)) break;
        q->friend = NULL;
    }
    if (!q->friend) return;
    buf_add_str(t, " and ");
    buf_add(t, "\1 ", 2);
    buf_add_str(t, q->friend->name);
    if (!chance(r, 15)) return;
    char fixed = story_kind_gender(q->friend);
    q->friend_gender = fixed ? fixed : chance(r, 50) ? 'f' : 'm';
    q->friend_name = story_any_name(r, q->friend, q->friend_gender);
    if (q->hero_name && !strcmp(q->hero_name, q->friend_name)) {
        q->friend_name = NULL;
        return;
    }
    buf_add_str(t, " named ");
    buf_add_str(t, q->friend_name);
}

static void choose_thing(struct rng *r, struct story_request *q)
{
    do q->object = &story_objects[rng_next_below(r, story_n_objects)];
    while (q->hero && !strcmp(q->object->name, q->hero->name));
}

static void add_thing(struct rng *r, struct story_request *q, struct buf *t)
{
    static const char *const colors[] = {"red", "blue", "green", "yellow", "little", "big", "old", "golden", "magic"};
    choose_thing(r, q);
    if (q->object->det) buf_add_str(t, q->object->det);
    else buf_add_byte(t, ARTICLE);
    buf_add_byte(t, ' ');
    if (chance(r, 50) && !(q->object->is & OBJ_FOOD)) {
        q->object_adj = colors[rng_next_below(r, ARRAY_LEN(colors))];
        buf_add_str(t, q->object_adj);
        buf_add_byte(t, ' ');
    }
    buf_add_str(t, q->object->name);
}

/* "moon, cake, dog": two to four words that the story must contain, in any order. */
static void add_words(struct rng *r, struct story_request *q, struct buf *t)
{
    const char *words[4];
    size_t n = 0;
    q->hero = story_any_hero(r);
    words[n++] = q->hero->name;
    choose_thing(r, q);
    words[n++] = q->object->name;
    uint64_t roll = rng_next_below(r, 100);
    if (roll < 40) {
        q->scenery = &story_scenery[rng_next_below(r, story_n_scenery)];
        const char *space = strchr(q->scenery->name, ' ');
        words[n++] = space ? space + 1 : q->scenery->name;
    } else if (roll < 60) {
        q->action = &story_actions[rng_next_below(r, story_n_actions)];
        words[n++] = q->action->verb;
    }
    if (roll % 4 == 0) words[n++] = q->hero_adj = any_adj(r);
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_next_below(r, i);
        const char *w = words[k];
        words[k] = words[i - 1];
        words[i - 1] = w;
    }
    const char *sep = chance(r, 15) ? " " : ", ";
    bool and = chance(r, 30);
    for (size_t i = 0; i < n; i++) {
        if (i) buf_add_str(t, i + 1 == n && and ? " and " : sep);
        buf_add_str(t, words[i]);
    }
}

static void add_name(struct rng *r, struct story_request *q, struct buf *t)
{
    bool girl = chance(r, 50);
    for (size_t i = 0; i < story_n_kinds; i++)
        if (!strcmp(story_kinds[i].name, girl ? "girl" : "boy")) q->hero = &story_kinds[i];
    q->hero_gender = girl ? 'f' : 'm';
    q->hero_name = story_any_name(r, q->hero, q->hero_gender);
    buf_add_str(t, q->hero_name);
    if (!chance(r, 35)) return;
    q->friend = q->hero;
    for (size_t i = 0; i < story_n_kinds; i++)
        if (!strcmp(story_kinds[i].name, girl ? "boy" : "girl")) q->friend = &story_kinds[i];
    q->friend_gender = girl ? 'm' : 'f';
    q->friend_name = story_any_name(r, q->friend, q->friend_gender);
    buf_add_str(t, " and ");
    if (chance(r, 30)) dialogue_expand(r, t, girl ? "{her|her} friend " : "{his|his} friend ");
    buf_add_str(t, q->friend_name);
}

static void add_place(struct rng *r, struct story_request *q, struct buf *t)
{
    add_hero(r, q, t, chance(r, 25));
    for (int i = 0; i < 100; i++) {
        q->place = &story_places[rng_next_below(r, story_n_places)];
        if (q->place->at & q->hero->at) break;
        q->place = NULL;
    }
    if (!q->place) return;
    if (chance(r, 40)) buf_add_str(t, " who lives");
    buf_add_byte(t, ' ');
    buf_add_str(t, q->place->in);
}

static void add_theme(struct rng *r, struct story_request *q, struct buf *t)
{
    char theme[40];
    q->plot = story_plot(rng_next_below(r, story_plot_count()));
    do q->hero = story_any_hero(r);
    while (!(q->plot->hero & q->hero->is) || (q->plot->not_hero & q->hero->is));
    story_pick(r, theme, sizeof theme, q->plot->themes);
    if (chance(r, 35)) {
        buf_add(t, "\1 ", 2);
        buf_add_str(t, q->hero->name);
        buf_add_str(t, " and ");
    } else {
        do q->hero = story_any_hero(r);
        while (!(q->plot->hero & q->hero->is) || (q->plot->not_hero & q->hero->is));
    }
    buf_add_str(t, theme);
}

static void put_frame(struct rng *r, struct buf *raw, const char *frame, const struct buf *topic)
{
    struct story none = {.rng = *r};
    struct buf text = {0};
    story_expand(&none, &text, frame);
    *r = none.rng;
    const char *at = text.data ? strchr(text.data, '%') : NULL;
    if (at) {
        buf_add(raw, text.data, (size_t)(at - text.data));
        buf_add(raw, topic->data, topic->len);
        buf_add_str(raw, at + 1);
    }
    raw->failed = raw->failed || text.failed || topic->failed;
    buf_free(&text);
}

#define PICK(list) (list)[rng_next_below(r, ARRAY_LEN(list))]

void dialogue_ask_story(struct rng *r, struct story_request *q, struct buf *raw)
{
    struct buf t = {0};
    uint64_t roll = rng_next_below(r, 100);
    if (roll < 9) {
        dialogue_expand(r, raw, PICK(plain_asks));
        return;
    }
    if (roll < 38) add_hero(r, q, &t, false);
    else if (roll < 42) {
        q->hero = story_any_hero(r);
        if (chance(r, 60)) buf_add_str(&t, q->hero->plural);
        else buf_printf(&t, "the %s", q->hero->name);
    } else if (roll < 54) add_hero(r, q, &t, true);
    else if (roll < 63) {
        add_hero(r, q, &t, chance(r, 20));
        add_friend(r, q, &t);
    } else if (roll < 73) {
        add_hero(r, q, &t, chance(r, 40));
        buf_add_str(&t, " and ");
        add_thing(r, q, &t);
    } else if (roll < 76) {
        add_hero(r, q, &t, false);
        q->scenery = &story_scenery[rng_next_below(r, story_n_scenery)];
        buf_printf(&t, " and %s", q->scenery->name);
    } else if (roll < 84) add_words(r, q, &t);
    else if (roll < 89) add_name(r, q, &t);
    else if (roll < 93) add_place(r, q, &t);
    else if (roll < 97) add_theme(r, q, &t);
    else add_thing(r, q, &t);
    bool words = roll >= 76 && roll < 84;
    q->happy_end = !words && chance(r, 5);
    if (words) put_frame(r, raw, PICK(word_frames), &t);
    else if (q->happy_end) put_frame(r, raw, PICK(happy_frames), &t);
    else put_frame(r, raw, PICK(frames), &t);
    buf_free(&t);
}
