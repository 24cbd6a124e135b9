/* Small talk and small knowledge for the chats made by rule: questions with several spellings and answers. */
#ifndef STORIES_FACTS_H
#define STORIES_FACTS_H

#include <stddef.h>

/* Both are templates of expand.h without slots: {a|b}, [text], ~. */
struct fact {
    const char *ask, *answer;
};

extern const struct fact story_talk[]; /* greetings, identity, feelings, limits */
extern const size_t story_n_talk;
extern const struct fact story_declines[]; /* harmful requests, and what a small model cannot know */
extern const size_t story_n_declines;
extern const struct fact story_facts[]; /* about the world */
extern const size_t story_n_facts;

/* Pairs for questions made from a table. */
struct fact_pair {
    const char *a, *b;
};
extern const struct fact_pair story_opposites[], story_colors_of[], story_sounds[], story_babies[], story_plurals[],
    story_homes[], story_foods[], story_rhymes[];
extern const size_t story_n_opposites, story_n_colors_of, story_n_sounds, story_n_babies, story_n_plurals, story_n_homes,
    story_n_foods, story_n_rhymes;
/* Animals by size, small to large. */
extern const char *const story_sizes[];
extern const size_t story_n_sizes;

#endif
