/* Plots: what happens in a story. The beats of a plot are templates (expand.h) told in order; a beat that begins
 * with a newline begins a paragraph. What a plot does not say about its cast is left to the caster in stories.c. */
#ifndef STORIES_PLOTS_H
#define STORIES_PLOTS_H

#include <stdbool.h>
#include <stddef.h>

enum { PLOT_BEATS = 14 };

enum lesson {
    LESSON_SHARE, LESSON_KIND, LESSON_BRAVE, LESSON_FRIEND, LESSON_HONEST, LESSON_PATIENT, LESSON_TRY, LESSON_TEAM, LESSON_LISTEN,
    LESSON_CONTENT, LESSON_CLEVER, LESSON_SELF, LESSON_FUN, LESSON_FORGIVE, LESSON_GREED, LESSON_WORK, LESSON_CARE, LESSONS
};

/* Who the third character is. */
enum plot_other { OTHER_NONE, OTHER_ANY, OTHER_FIERCE, OTHER_SMALL };

struct plot {
    const char *themes;    /* words a request may use: "sharing|food" */
    enum lesson lesson;
    unsigned hero, not_hero; /* any of these IS_ bits, none of those */
    unsigned x;            /* classes of the object it needs; 0: none */
    bool friend, elder;    /* needs a friend; an elder of the hero */
    enum plot_other other;
    const char *beats[PLOT_BEATS + 1]; /* ends with NULL */
};

extern const struct plot story_plots_a[], story_plots_b[], story_plots_c[];
extern const size_t story_n_plots_a, story_n_plots_b, story_n_plots_c;

/* Beginnings and ends that every plot may use. */
extern const char *const story_openings[], *const story_openings_named[], *const story_second[], *const story_endings[];
extern const size_t story_n_openings, story_n_openings_named, story_n_second, story_n_endings;
extern const char *const story_lessons[LESSONS];
extern const char *const story_mention_food, *const story_mention_thing, *const story_mention_food_end,
    *const story_mention_thing_end;

/* Phrases that the plots share. */
#define DAY "{One day|One day|One morning|One fine morning|One sunny day|One afternoon|One bright morning|" \
    "Early one morning|One quiet day|One beautiful day|Then one day}"
#define HAPPY "{happy|happy|very happy|glad|full of joy|so happy|very glad|delighted}"
#define SAD "{sad|sad|very sad|unhappy|so sad|upset|close to tears}"
#define SCARED "{scared|afraid|very scared|frightened|so afraid}"
#define SOON "{Soon|After a while|A little later|Before long|A moment later|Not long after that}"
#define LAST "{At last|Finally|In the end|At long last}"
#define SUDDEN "{Suddenly|All of a sudden|Just then|At that moment|All at once}"
#define THANKS "{Thank you|Thank you so much|Oh, thank you|Thank you very much}"
#define SMILED "{smiled|smiled|laughed|nodded|grinned}"
#define LOOKED "{looked|searched|hunted}"
#define LOVELY "{lovely|beautiful|wonderful|nice}"
#define EVENING "{That evening|In the evening|When the sun went down|At the end of the day|That night}"

#endif
