/* Running a grammar over bytes: sets of configurations, a state and the stack of rules around it each.
 *
 * Stacks are lists with shared tails, in a table where equal ones are the same entry: comparing two is comparing numbers.
 *
 *   frame 0   nothing around: the end of the rule is the end of the text
 *   frame 1   unknown: what is around is not looked at (sets of tokens that hold for any stack)
 *
 * Frames are given back like a stack, in reverse order (frames_reset), so that a search may try and go back. */
#ifndef GRAMMAR_PATHS_H
#define GRAMMAR_PATHS_H

#include "grammar/automaton.h"

enum { FRAME_EMPTY, FRAME_UNKNOWN, FRAME_SLOTS = 1024 };

struct frame {
    uint32_t ret, parent; /* the state after the call, and the frame around */
    uint32_t next;        /* in the same slot; 0: none */
    uint32_t depth;
};

struct frames {
    struct frame *v;
    size_t n, cap;
    uint32_t slots[FRAME_SLOTS];
};

struct config {
    uint32_t state, frame;
};

/* Sets of configurations, one after another in v; the last one may grow. The flags are about the step at hand. */
struct paths {
    const struct grammar *g;
    const uint16_t *need;
    struct frames frames;
    struct config *v;
    size_t n, cap;
    uint64_t steps;  /* done so far */
    uint32_t reach;  /* the greatest depth met, with what was needed there */
    bool ended;      /* the text may end here */
    bool unknown;    /* what is around frame 1 may go on here */
    bool over;       /* something was left out since there were too many configurations or frames */
    bool no_memory;
};

int paths_init(struct paths *w, const struct grammar *g, const uint16_t *need, struct err *e);
void paths_free(struct paths *w);
/* ERR_MEMORY when memory ran out since the last time. */
int paths_check(struct paths *w, struct err *e);

void frames_reset(struct frames *f, size_t n);
/* The next frame, for which there is room and which is not there yet. */
uint32_t frames_put(struct frames *f, uint32_t ret, uint32_t parent);

/* A new set begins; returns where. */
size_t paths_begin(struct paths *w);
/* Adds a configuration to the set that begins at `from`, unless it could not come to an end. */
void paths_add(struct paths *w, size_t from, uint32_t state, uint32_t frame);
/* Adds what follows without reading: rules that end, and those that are called: with `calls` all of them, and only states that
 * read stay; else those without which it cannot go on, and only states in which there is a choice or that read stay. */
void paths_close(struct paths *w, size_t from, bool calls);
/* A new set: what the n configurations at `from`, closed with calls, become by byte b. */
size_t paths_step(struct paths *w, size_t from, size_t n, uint8_t b, bool calls);

#endif
