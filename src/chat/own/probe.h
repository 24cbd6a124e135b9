/* Conversations made of words that occur nowhere else, and what a template renders for them. Internal to chat/. */
#ifndef CHAT_OWN_PROBE_H
#define CHAT_OWN_PROBE_H

#include "chat/own/own.h"

/* None is part of another, and no filter of a template changes them. */
#define W_SYSTEM "zsystem"
#define W_USER "zquestion"
#define W_NEXT "zsecond"
#define W_ANSWER "zanswer"
#define W_REASON "zreason"
#define W_TOOL "ztool"
#define W_ID "zid000001" /* of both calls: what differs between them is not of the syntax */
#define W_NAME "zfind"
#define W_NAME2 "zlook"
#define W_KEY "zkey"
#define W_VALUE "zvalue"
#define W_KEY2 "zword"
#define W_VALUE2 "zlast"
#define W_RESULT "zresult"
#define W_RESULT2 "zoutcome"

struct probe {
    struct chat_own *o;
    const struct tokenizer *t;
    struct own_ways w;
    struct buf prompt;   /* the question alone, with a generation prompt */
    struct err failure;  /* of the newest render that failed */
    int rc;              /* not the template's fault: memory */
    uint64_t steps;      /* of all renders so far: no template makes a start slow */
};

enum { PROBE_MAX_STEPS = 4000000 }; /* the usual ones take less than a twentieth */
#define NOWHERE ((size_t)-1)

extern const struct chat_tool probe_tools[2];
extern const struct chat_call probe_calls[2];

struct chat_msg probe_msg(enum chat_role role, const char *text);
/* True when q could be rendered; out gets the text. */
bool probe_render(struct probe *p, const struct chat_request *q, struct buf *out);
size_t probe_find(const struct buf *b, size_t from, const char *word); /* NOWHERE */
static inline bool probe_has(const struct buf *b, const char *word) { return probe_find(b, 0, word) != NOWHERE; }
size_t common_front(struct chat_span a, struct chat_span b);
size_t common_back(struct chat_span a, struct chat_span b);
static inline struct chat_span span_of(const struct buf *b, size_t from, size_t to)
{
    return (struct chat_span){b->data ? b->data + from : "", to - from};
}
/* Length of the tag that x begins with: a marker of the vocabulary, or something in <> or []; 0: none. */
size_t tag_length(const struct tokenizer *t, struct chat_span x);
/* The tag at the end (beginning) of x, white space left aside; len 0: none. */
struct chat_span tag_at_end(const struct tokenizer *t, struct chat_span x);
struct chat_span tag_at_start(const struct tokenizer *t, struct chat_span x);
/* The first control token in x; len 0: none. */
struct chat_span first_control(const struct tokenizer *t, struct chat_span x);

/* What a parser hears in an answer. wrong: something was malformed, or another tool than W_NAME was called. */
struct heard {
    struct buf reasoning, content, args;
    int calls;
    bool wrong;
};
/* Reads an answer as f does, from its very beginning. heard_free in every case. */
bool probe_hear(const struct chat_form *f, struct chat_span answer, struct heard *h);
void heard_free(struct heard *h);

/* How the template writes calls; leaves calls.kind at CALLS_NONE where that cannot be told. */
void probe_calls_syntax(struct probe *p);

#endif
