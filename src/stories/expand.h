/* The template language of the story generator, and the state of one story.
 *
 *   {a|b|c}   one of the alternatives (each may nest)      [text]  the text, or nothing, with equal chance
 *   ~         "a" or "an", as the next word wants
 *   <H> <F> <O>   a character: hero, friend, other; "<^H>" with a capital. Fields:
 *     .he .him .his .self   pronouns             .a   first mention: "a clever fox named Rusty"
 *     .n   the name, where there is one
 *     .k   the kind: "fox"                       .v   as addressed: "Rusty", "little fox"
 *     .went .home .food .do .adj                 what such a character does, from the tables
 *   <P>       the hero's elder: "his mother"; .n "mother", .he .him .his
 *   <X> <Y>   an object: "ball"; .a "a red ball"; .r "red ball"; .it
 *   <L>       the place: "forest"; .in .to .see .hide
 *   <S.his>   inside a character's table entries: that character
 *
 * Spaces are put in order and sentences begin with a capital by themselves, except after a question or an exclamation
 * that is quoted ("Stop!" <^H> ...): there a template writes the capital. */
#ifndef STORIES_EXPAND_H
#define STORIES_EXPAND_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/rng.h"
#include "stories/words.h"

struct story_character {
    const struct kind *kind; /* NULL: not in this story */
    const char *name;        /* NULL: "the fox" */
    char gender;             /* 'm', 'f', 'n' */
    char adj[24];
};

struct story_object {
    const struct object *object; /* NULL: none */
    char adj[24];
};

struct story {
    struct rng rng;
    struct story_character hero, friend, other;
    const char *elder; /* "mother" */
    const struct place *place;
    struct story_object x, y;
    unsigned tag;                      /* of the plot, for the lesson */
    const struct scenery *scenery;     /* NULL, or asked for */
    const struct action *action;       /* NULL, or asked for */
};

/* Appends the expansion of a template, unpolished. */
void story_expand(struct story *s, struct buf *out, const char *text);
/* Appends raw with spaces, capitals and articles in order. */
void story_polish(struct buf *out, const struct buf *raw);
/* Picks one of "a|b|c" into out (cut to its size). */
void story_pick(struct rng *r, char *out, size_t cap, const char *list);

#endif
