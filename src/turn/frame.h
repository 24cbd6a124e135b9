/* Frames between the front and a worker: u32 length of the rest, u32 type, body; little-endian. One function describes a
 * body in both directions, so that writing and reading cannot drift apart. A worker may be taken over by who writes to
 * it, so what it sends is checked as what comes from outside is. */
#ifndef TURN_FRAME_H
#define TURN_FRAME_H

#include "turn/turn.h"

enum { FRAME_HEAD = 8, FRAME_MOST = 80 << 20 }; /* bytes of the head; of a whole frame */

enum frame_type {
    FRAME_TURN = 1, /* front to worker: struct turn */
    FRAME_CONTROL,  /* front to worker: struct frame_control */
    FRAME_EVENT,    /* worker to front: struct turn_event */
    FRAME_MODEL,    /* worker to front, first of all: struct turn_model */
    FRAME_COUNTS,   /* worker to front: struct turn_counts */
    FRAME_FAILED,   /* worker to front instead of FRAME_MODEL: struct frame_failed */
    FRAME_LOADING,  /* worker to front, before FRAME_MODEL: struct frame_loading */
};

enum control_kind {
    CONTROL_CANCEL, /* turn */
    CONTROL_PAUSE,  /* turn: its client reads slowly */
    CONTROL_RESUME, /* turn */
    CONTROL_ANSWER, /* turn: thinking is closed, the answer begins */
    CONTROL_COUNTS, /* a FRAME_COUNTS is wanted */
    CONTROL_DRAIN,  /* no new turns; the worker ends when all are answered */
};
struct frame_control {
    enum control_kind kind;
    uint64_t turn;
};
struct frame_failed {
    int32_t code; /* enum err_code */
    struct turn_text text;
    struct turn_mem mem;
};
struct frame_loading {
    int64_t done, total;
};

/* Append a whole frame to out; a failed allocation, or a frame above FRAME_MOST, is told by the result. */
int frame_turn(struct buf *out, const struct turn *t, struct err *e);
int frame_event(struct buf *out, const struct turn_event *ev, struct err *e);
int frame_model(struct buf *out, const struct turn_model *m, struct err *e);
int frame_counts(struct buf *out, const struct turn_counts *c, struct err *e);
int frame_control(struct buf *out, const struct frame_control *c, struct err *e);
int frame_failed(struct buf *out, const struct frame_failed *f, struct err *e);
int frame_loading(struct buf *out, const struct frame_loading *l, struct err *e);

/* Looks at the beginning of what was received: *type and *body_len of the frame there, *whole when all of it is. ERR_FORMAT
 * for a length or type that cannot be. With len below FRAME_HEAD nothing is known: *type is 0. */
int frame_look(const char *data, size_t len, uint32_t *type, size_t *body_len, bool *whole, struct err *e);

/* Read a body: what they give owns copies of its texts. Every count and every enumeration is checked, and nothing may be left
 * over. On failure the result is empty. */
int frame_read_turn(struct turn *t, const char *body, size_t len, struct err *e);
int frame_read_event(struct turn_event *ev, const char *body, size_t len, struct err *e);
int frame_read_model(struct turn_model *m, const char *body, size_t len, struct err *e);
int frame_read_counts(struct turn_counts *c, const char *body, size_t len, struct err *e);
int frame_read_control(struct frame_control *c, const char *body, size_t len, struct err *e);
int frame_read_failed(struct frame_failed *f, const char *body, size_t len, struct err *e);
int frame_read_loading(struct frame_loading *l, const char *body, size_t len, struct err *e);

#endif
