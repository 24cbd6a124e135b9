/* Inside of the dialects: tables of fields and routes, what is kept of an answer under way, and what dialects share. */
#ifndef API_INSIDE_H
#define API_INSIDE_H

#include <stddef.h>
#include "api/api.h"
#include "api/write.h"

/* ---- fields of a request ---- */

enum api_field_type {
    FIELD_ANY,    /* not looked at, or by `read` alone, which then says what it wants */
    FIELD_BOOL,   /* bool */
    FIELD_INT,    /* int64_t in [lo, hi] */
    FIELD_INT32,  /* int32_t in [lo, hi] */
    FIELD_REAL,   /* double in [lo, hi] */
    FIELD_TEXT,   /* struct turn_text, borrowed from the request */
    FIELD_WORD,   /* int: the index in words */
    FIELD_OBJECT, /* sub: its members */
};
enum api_fate {
    FIELD_MEANT,
    FIELD_IGNORED, /* accepted, told in x-autarky-ignored */
    FIELD_REFUSED, /* 400 unless it says nothing (null, false, empty) */
};
enum api_base { IN_TURN, IN_WISH };

struct api_field;
typedef int api_reader(struct api_answer *a, const struct api_field *f, const json_t *v);

/* One row. null counts as missing. `read` runs last; with a type the value was checked and stored before. */
struct api_field {
    const char *name;
    enum api_field_type type;
    enum api_fate fate;
    bool needed;
    bool clamp; /* a number beyond lo or hi is taken for it, and told in x-autarky-clamped */
    enum api_base base;
    size_t at, room; /* of the target in struct turn or struct api_wish; 0 room: none */
    double lo, hi;
    const char *const *words;    /* NULL-terminated */
    const struct api_field *sub; /* ends with a row without name */
    api_reader *read;
    const char *schema; /* JSON Schema of the value, where type and bounds do not say it */
    const char *note;   /* for the documents */
};

#define API_AT(type_, member) .at = offsetof(struct type_, member), .room = sizeof((struct type_ *)0)->member
#define TURN_AT(member)       .base = IN_TURN, API_AT(turn, member)
#define WISH_AT(member)       .base = IN_WISH, API_AT(api_wish, member)
#define ROW_BOOL(name_, at_, note_)                                                                                    \
    {                                                                                                                  \
        .name = name_, .type = FIELD_BOOL, at_, .note = note_                                                          \
    }
#define ROW_INT(name_, at_, lo_, hi_, note_)                                                                           \
    {                                                                                                                  \
        .name = name_, .type = FIELD_INT, at_, .lo = lo_, .hi = hi_, .note = note_                                     \
    }
#define ROW_REAL(name_, at_, lo_, hi_, note_)                                                                          \
    {                                                                                                                  \
        .name = name_, .type = FIELD_REAL, at_, .lo = lo_, .hi = hi_, .note = note_                                    \
    }
#define ROW_TEXT(name_, at_, note_)                                                                                    \
    {                                                                                                                  \
        .name = name_, .type = FIELD_TEXT, at_, .note = note_                                                          \
    }
#define ROW_WORD(name_, at_, words_, note_)                                                                            \
    {                                                                                                                  \
        .name = name_, .type = FIELD_WORD, at_, .words = words_, .note = note_                                         \
    }
#define ROW_READ(name_, fn_, schema_, note_)                                                                           \
    {                                                                                                                  \
        .name = name_, .read = fn_, .schema = schema_, .note = note_                                                   \
    }
#define ROW_SUB(name_, sub_, note_)                                                                                    \
    {                                                                                                                  \
        .name = name_, .type = FIELD_OBJECT, .sub = sub_, .note = note_                                                \
    }
#define ROW_IGNORED(name_, note_)                                                                                      \
    {                                                                                                                  \
        .name = name_, .fate = FIELD_IGNORED, .note = note_                                                            \
    }
#define ROW_REFUSED(name_, note_)                                                                                      \
    {                                                                                                                  \
        .name = name_, .fate = FIELD_REFUSED, .note = note_                                                            \
    }
#define ROW_END                                                                                                        \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }
#define API_BIG 2147483647.0

/* ---- what is kept ---- */

enum api_reasoning { REASONING_DEEPSEEK, REASONING_BOTH, REASONING_NONE };

/* What a request says about its reply. */
struct api_wish {
    struct turn_text model;
    bool stream, include_usage, continuous_usage;
    int64_t n, best_of;
    int reasoning_format; /* enum api_reasoning */
    bool logprobs;
    int64_t top_logprobs; /* of legacy completions; -1: none */
    int base64;           /* of embeddings: 0 float, 1 base64 */
    int64_t dimensions, num_ctx;
    int64_t keep_alive_s;
    bool echo, pieces, raw, verbose, return_tokens, sees_context, seals;
    struct turn_text system, name, other, assistant_prefix, input_prefix, extra;
};

/* A token with its alternatives; bytes and others lie in the list. */
struct api_top {
    int32_t id;
    float logprob;
    size_t at, len;
};
struct api_token {
    int32_t id;
    bool of_prompt, of_reasoning, known;
    float logprob;
    size_t at, len, top, n_top;
};
struct api_tokens {
    struct api_token *v;
    size_t n, cap;
    struct api_top *top;
    size_t n_top, cap_top;
    struct buf bytes;
};

struct api_call {
    struct buf id, name, arguments;
    bool ended, malformed, custom;
    bool empty;    /* no arguments came: they are {} */
    int64_t index; /* dialects: of its item or block */
};

/* What came for one turn. */
struct api_choice {
    struct buf text, reasoning;
    struct api_call *calls;
    size_t n_calls, cap_calls;
    struct api_tokens tokens;
    size_t told;            /* tokens already sent */
    struct buf vector, ids; /* of float, of int32_t */
    bool accepted, done;
    enum turn_reason reason;
    int32_t stop;
    uint64_t seed;
    struct turn_usage usage;
    struct turn_time time;
    bool spoke;    /* stream: the first chunk was sent */
    int part;      /* stream: what is open (dialect) */
    size_t from;   /* stream: where the open item begins in its text */
    int64_t index; /* stream: of the next block or item */
    size_t chars;  /* completions: text_offset so far */
    size_t prompt; /* completions: which prompt it is of */
};

/* Notes for one header: names with ", " between. */
struct api_notes {
    char text[600];
    size_t len, n;
};

/* A prompt of a request that may have several. */
struct api_prompt {
    struct turn_text text;
    const int32_t *ids;
    size_t n_ids;
};

/* Messages that are collected. */
struct api_messages {
    struct chat_msg *v;
    size_t n, cap;
};

struct api_work {
    struct turn_mem mem;
    json_t *root;
    char path[96]; /* of the field that is read */
    struct api_fault fault;
    struct turn base; /* what all turns have in common */
    struct api_wish wish;
    struct api_choice *choice;
    size_t n_accepted, n_done;
    struct api_notes ignored, clamped;
    bool asks_json;      /* Accept allows JSON: blank lines may come before it */
    bool anthropic;      /* an anthropic-version header came */
    bool wants_page;     /* Accept has text/html */
    bool early;          /* a keep-alive began the reply */
    int64_t sequence;    /* of the events of Responses */
    struct buf items;    /* Responses: those that are whole, commas between */
    int64_t accepted_at; /* nanoseconds: when its first turn was accepted */
    char tail[160];      /* of the path: {id} */
    char query[160];
    struct api_prompt *prompts;
    size_t n_prompts;
    struct api_messages before;           /* Ollama's context */
    const char *asked;                    /* the model's name as the client knows it */
    size_t *space;          /* Responses: bytes of the name space in front of "__" of each tool's name; 0: none */
    bool has_reasoning;   /* the model thinks: reasoning fields are told */
    char fingerprint[64]; /* of what decides the bits of an answer */
    int64_t n_ctx;
    size_t kept; /* bytes */
};

/* ---- routes ---- */

/* How events become a reply. Every member may be NULL. */
struct api_voice {
    const char *stream_type;
    void (*first)(struct api_answer *a, struct buf *out); /* of a stream: it is begun */
    void (*event)(struct api_answer *a, size_t turn, const struct turn_event *ev, struct buf *out);
    void (*last)(struct api_answer *a, struct buf *out);  /* of a stream: all turns are done */
    void (*whole)(struct api_answer *a, struct buf *out); /* not a stream */
    void (*fault)(struct api_answer *a, const struct api_fault *f, struct buf *out); /* in a stream */
    void (*alive)(struct api_answer *a, struct buf *out);                            /* in a stream */
};

/* prefixes: also behind /v1, /beta, /anthropic and their combinations. A path may end in {id}. */
struct api_route {
    const char *method, *path;
    bool prefixes;
    enum api_dialect dialect;
    enum api_scope scope;
    const char *what;               /* for the documents */
    const struct api_field *fields; /* of the body; NULL: there is none */
    int (*begin)(struct api_answer *a, struct buf *out);
    const struct api_voice *voice;
    bool streams;      /* unless the body says no */
    const char *reply; /* name of the reply's schema in openapi.json */
};
const struct api_route *api_routes(size_t *n);

/* ---- reading (fields.c) ---- */

int api_read(struct api_answer *a, const struct api_field *fields, const json_t *obj);
/* Sets the fault at the current path; returns non-zero. */
int api_bad(struct api_answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int api_unsupported(struct api_answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int api_no_memory(struct api_answer *a);
/* Goes into a member or an element of what is read; returns what api_leave takes to come back. */
size_t api_enter(struct api_answer *a, const char *key);
size_t api_enter_at(struct api_answer *a, const char *key, size_t i); /* key NULL: the i-th of the present one */
void api_leave(struct api_answer *a, size_t was);
/* The field at the path is without effect. Non-zero when such are refused. */
int api_ignored(struct api_answer *a);
int api_ignored_member(struct api_answer *a, const char *key);
int api_clamped(struct api_answer *a, double to);
void api_note(struct api_notes *n, const char *name);
const char *api_type_name(const json_t *v);
bool api_says_nothing(const json_t *v); /* null, false, "", [], {} */
int api_want(struct api_answer *a, const json_t *v, json_type type, const char *wanted);
bool api_given(const struct api_answer *a, const char *key); /* a member of the body, not null */
/* An integer in [lo, hi], also written as 3.0. */
bool api_whole(const json_t *v, int64_t lo, int64_t hi, int64_t *out);
/* A text without NUL: *out is borrowed. */
int api_text(struct api_answer *a, const json_t *v, const char **out);
int api_json_text(struct api_answer *a, const json_t *v, const char **out); /* v as JSON text in work->mem */
void *api_new(struct api_answer *a, size_t n, size_t size);                 /* in work->mem */

/* ---- answers (answer.c) ---- */

/* Makes n turns out of work->base; their prompts differ where the caller changes them. */
int api_turns(struct api_answer *a, size_t n);
/* The model that the request names: a->model, work->has_reasoning. */
int api_choose_model(struct api_answer *a, struct turn_text name);
void api_begin_stream(struct api_answer *a);
/* The whole reply is in out. */
void api_reply(struct api_answer *a, int status, const char *type);
void api_header_add(struct api_answer *a, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Sums over the choices; cached and prompt of every prompt once. */
struct turn_usage api_usage(const struct api_answer *a);
struct turn_time api_time(const struct api_answer *a);
struct jw api_sse(struct buf *out, const char *event); /* "event: E\ndata: " */
void api_sse_end(struct jw *w);
void api_comment(struct api_answer *a, struct buf *out); /* : keep-alive */
void api_fault_body(const struct api_answer *a, const struct api_fault *f, struct buf *out);
void api_fault_object(struct jw *w, const char *key, const struct api_answer *a, const struct api_fault *f);
int64_t api_seconds(const struct api_answer *a);
void api_random_id(struct api_answer *a, const char *prefix, char *out, size_t room);

/* The arguments of a call as the object that is promised; what the model wrote instead is not hidden. */
void api_call_object(struct jw *w, const char *key, const struct api_call *call);

#endif
