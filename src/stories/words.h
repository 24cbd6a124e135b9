/* The vocabulary of the story generator: who, where, what. All of it is data; the text is our own. Fields that hold
 * several words separate them with '|' and are templates of expand.h (<S.his> is the character's pronoun). */
#ifndef STORIES_WORDS_H
#define STORIES_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* What a character is. */
enum {
    IS_ANIMAL = 1,
    IS_CHILD = 2,
    IS_GROWN = 4, /* a grown person with a job: no mother sends them to bed */
    IS_MAGIC = 8,
    IS_THING = 16, /* a little train, a star: moves and speaks, but has no family */
    IS_WATER = 32, /* cannot leave the sea */
    IS_FLYING = 64,
    IS_TINY = 128,
    IS_FIERCE = 256, /* may frighten others */
    IS_SLOW = 512,
};

enum {
    AT_FOREST = 1, AT_MEADOW = 2, AT_FARM = 4, AT_TOWN = 8, AT_BEACH = 16, AT_RIVER = 32, AT_GARDEN = 64, AT_MOUNTAIN = 128,
    AT_JUNGLE = 256, AT_DESERT = 512, AT_SNOW = 1024, AT_SEA = 2048, AT_CASTLE = 4096, AT_PARK = 8192, AT_SPACE = 16384,
    AT_LAND = AT_FOREST | AT_MEADOW | AT_FARM | AT_TOWN | AT_BEACH | AT_RIVER | AT_GARDEN | AT_MOUNTAIN | AT_PARK,
    AT_HOME = AT_TOWN | AT_GARDEN | AT_PARK | AT_FARM,
};

struct kind {
    const char *name, *plural;
    unsigned is, at;
    const char *adjs, *home, *food;
    const char *went;   /* how it moves, in the past: "trotted|crept" */
    const char *habits; /* after "loved to" */
};

struct place {
    const char *name; /* "forest" */
    const char *in;   /* "in the forest" */
    const char *to;   /* "into the forest" */
    const char *see;  /* things to be seen there, noun phrases */
    const char *hide; /* where a lost thing may lie: "under a pile of leaves|..." */
    unsigned at;
};

/* Classes of objects. */
enum {
    OBJ_TOY = 1,
    OBJ_FOOD = 2,
    OBJ_THING = 4, /* small and useful */
    OBJ_WEAR = 8,
    OBJ_JEWEL = 16, /* precious, found or wished for */
    OBJ_NATURE = 32, /* small, lies about */
    OBJ_PORTABLE = OBJ_TOY | OBJ_THING | OBJ_WEAR | OBJ_JEWEL | OBJ_NATURE,
};

struct object {
    const char *name;
    unsigned is;
    const char *adjs;
    const char *det; /* NULL: "a" or "an"; "some" for what cannot be counted */
};

/* What cannot be held: the sky, the weather, big things. Each has sentences of its own. */
struct scenery {
    const char *name; /* with "the" in requests where it has one: "the moon" */
    const char *early; /* a sentence for the beginning; may use <H> */
    const char *late;  /* a sentence for the end */
};

/* An action a request may ask for. */
struct action {
    const char *verb; /* "jump" */
    const char *sentence; /* after the opening; uses <H> */
};

extern const struct kind story_kinds[];
extern const size_t story_n_kinds;
extern const struct place story_places[];
extern const size_t story_n_places;
extern const struct object story_objects[];
extern const size_t story_n_objects;
extern const struct scenery story_scenery[];
extern const size_t story_n_scenery;
extern const struct action story_actions[];
extern const size_t story_n_actions;
extern const char *const story_girls[], *const story_boys[], *const story_pets_f[], *const story_pets_m[], *const story_pets_n[];
extern const size_t story_n_girls, story_n_boys, story_n_pets_f, story_n_pets_m, story_n_pets_n;

#endif
