/* Stories and chats made by rule: simple English for training small models, a pure function of (seed, index).
 *
 * A story is cast first (hero, friend, place, objects), so that what is said later cannot contradict it, then told with
 * the beats of a plot. A request narrows the cast; hence the story is about what was asked. */
#ifndef STORIES_STORIES_H
#define STORIES_STORIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "stories/plots.h"
#include "stories/words.h"

/* What a story must have; zeroed is anything. */
struct story_request {
    const struct kind *hero, *friend;
    const char *hero_name, *friend_name;
    char hero_gender, friend_gender; /* of the names given: 'm', 'f', 'n', or 0 */
    bool hero_unnamed;               /* tell of "the fox" */
    const char *hero_adj;
    const struct object *object; /* must appear */
    const char *object_adj;
    const struct place *place;
    const struct scenery *scenery;
    const struct action *action;
    const struct plot *plot;
    bool happy_end;
};

/* Who a story turned out to be about. */
struct story_told {
    const struct kind *hero;
    const char *hero_name; /* or NULL */
    char hero_gender;
    const struct place *place;
};

/* Appends one plain story. Equal (seed, index) give equal bytes on every machine. */
int story_generate(uint64_t seed, uint64_t index, struct buf *out, struct err *e);
/* Appends a story that keeps to the request; takes its random numbers from r. told may be NULL. */
int story_compose(struct rng *r, const struct story_request *q, struct buf *out, struct story_told *told, struct err *e);

size_t story_plot_count(void);
const struct plot *story_plot(size_t i);
/* The gender that a kind has by its nature ("queen": 'f'), or 0. */
char story_kind_gender(const struct kind *k);
/* A kind for a hero, at random: mostly animals and children. */
const struct kind *story_any_hero(struct rng *r);
/* A name that suits the kind and gender. */
const char *story_any_name(struct rng *r, const struct kind *k, char gender);

enum { DIALOGUE_MAX_TURNS = 6 };

/* A chat: text[0] is the user's, text[1] the assistant's, and so on; n is even. */
struct dialogue {
    size_t n;
    struct buf text[DIALOGUE_MAX_TURNS];
    struct story_request asked; /* of the first story in it; zeroed when there is none */
};
/* Fills d (zeroed, or used before: its memory is kept). */
int dialogue_generate(uint64_t seed, uint64_t index, struct dialogue *d, struct err *e);
void dialogue_free(struct dialogue *d);

/* Shared by the files that make chats. A user's question: makes up a request and appends how a user would put it,
 * unpolished. */
void dialogue_ask_story(struct rng *r, struct story_request *q, struct buf *raw);
/* Appends a template without slots, unpolished. */
void dialogue_expand(struct rng *r, struct buf *raw, const char *text);

#endif
