/* A turn: one request for an answer, in no dialect, and the events that answer it. The front makes turns out of requests,
 * a worker answers them; between the two lies turn/frame.h.
 *
 * Text is UTF-8; strings end in NUL and have their length beside them where they may hold NUL. A zeroed turn is a chat
 * without messages and the model's own sampling; turn_free in every case. */
#ifndef TURN_TURN_H
#define TURN_TURN_H

#include <stdint.h>
#include "base/buf.h"
#include "chat/chat.h"

/* Memory that lives as long as a turn, or a decoded event: blocks, freed together. */
struct turn_mem {
    void **block;
    size_t n, cap;
};
void *turn_mem_new(struct turn_mem *m, size_t n, size_t size); /* zeroed; NULL: out of memory */
/* A copy that ends in NUL. */
char *turn_mem_text(struct turn_mem *m, const char *s, size_t len);
void turn_mem_free(struct turn_mem *m);

struct turn_text {
    const char *s; /* NULL: none */
    size_t len;
};

enum turn_kind {
    TURN_CHAT,       /* chat: an answer to a conversation */
    TURN_TEXT,       /* prompt (and suffix: what stands behind the gap): its continuation */
    TURN_EMBED,      /* prompt: one vector */
    TURN_TOKENIZE,   /* prompt: its ids, with begin and end tokens as the model has them when `special` */
    TURN_DETOKENIZE, /* prompt_ids: their text */
    TURN_RENDER,     /* chat: the text that the model would see, and how many tokens it is */
    TURN_COUNT,      /* chat or prompt: how many tokens it is */
};

/* Negative numbers and 0 lengths mean what the model's files, or else our defaults, say. */
struct turn_sampling {
    double temperature, top_p, min_p; /* < 0: default */
    double repeat;                    /* 1: off; < 0: default */
    double presence, frequency;       /* 0: off */
    int64_t top_k;                    /* 0: off; < 0: default */
    int64_t repeat_window;            /* tokens looked back by repeat; < 0: default */
    bool seeded;                      /* else the worker draws a seed and tells it */
    uint64_t seed;
};
void turn_sampling_default(struct turn_sampling *s); /* everything is the model's business */

struct turn_bias {
    int32_t id;
    float add; /* to its logit; -100 or less: never */
};

enum turn_shape { TURN_FREE, TURN_JSON, TURN_SCHEMA, TURN_REGEX, TURN_GBNF }; /* of the answer */
enum turn_choice { TURN_TOOLS_AUTO, TURN_TOOLS_NONE, TURN_TOOLS_REQUIRED, TURN_TOOLS_NAMED };

struct turn {
    uint64_t id; /* the front's number, unique while it is under way */
    enum turn_kind kind;

    /* Who asks: shares are dealt out by tenant, then user, then session; nothing is shared between tenants. */
    struct turn_text tenant, user, session;
    double weight;        /* of the tenant; 0: 1 */
    int32_t priority;     /* among the requests of one tenant: higher goes first */
    int64_t deadline_ms;  /* from acceptance on: not begun by then, it fails; 0: none */

    struct chat_request chat;    /* what points out of it belongs to mem */
    struct turn_text prompt, suffix;
    const int32_t *prompt_ids;   /* instead of prompt: exactly these */
    size_t n_prompt_ids;
    bool special;                /* TURN_TEXT, TOKENIZE: begin and end tokens are added as the tokenizer says */
    bool raw_special;            /* the prompt's spellings of control tokens are control tokens: only where its owner asks */

    struct turn_sampling sampling;
    int64_t max_tokens;          /* < 0: until the context is full */
    int64_t min_tokens;          /* no end before */
    bool ignore_end;
    int64_t max_thinking;        /* tokens of reasoning, then it is closed; < 0: no limit */
    struct turn_text *stops;
    size_t n_stops;
    int32_t *stop_ids;
    size_t n_stop_ids;
    struct turn_bias *bias;
    size_t n_bias;

    bool want_logprobs;          /* an event for every token */
    int32_t top_logprobs;        /* so many others with each */
    bool want_ids;               /* an event for every token, without probabilities */
    bool echo;                   /* the prompt's tokens too (with probabilities where wanted), and its text */
    bool want_progress;          /* of reading the prompt */

    enum turn_shape shape;
    struct turn_text shape_text; /* the schema, expression or grammar */
    enum turn_choice choice;
    struct turn_text choice_name;
    bool one_call;               /* no parallel calls */
    bool truncate;               /* the oldest messages may go when it is too long; the answer says how many */
    bool no_cache;               /* neither use nor keep what was evaluated */
    bool no_speculation;

    struct turn_mem mem;
};
void turn_init(struct turn *t, enum turn_kind kind); /* the defaults above; not a zeroed turn */
void turn_free(struct turn *t);

/* ---- events ---- */

enum turn_event_kind {
    TURN_EV_ACCEPTED,  /* usage.prompt, usage.cached: it will be answered; before it only an error can come */
    TURN_EV_PROGRESS,  /* usage.prompt, cached, done, time.prompt_ms */
    TURN_EV_TOKEN,     /* token: comes before the text that it completes */
    TURN_EV_REASONING, /* text */
    TURN_EV_TEXT,      /* text */
    TURN_EV_CALL,      /* text is the name, call counts from 0, id names it */
    TURN_EV_ARGUMENTS, /* text: a piece of the arguments of that call */
    TURN_EV_CALL_END,  /* malformed: what was sent is not a JSON object */
    TURN_EV_IDS,       /* ids: of TURN_TOKENIZE */
    TURN_EV_VECTOR,    /* vector: of TURN_EMBED */
    TURN_EV_DONE,      /* reason, usage, time; the last */
    TURN_EV_ERROR,     /* error, text: a message for people; the last */
};

enum turn_reason {
    TURN_END,         /* the model's end token */
    TURN_STOP_STRING, /* stop: its index */
    TURN_STOP_ID,     /* stop: its index */
    TURN_LENGTH,      /* max_tokens */
    TURN_CONTEXT,     /* the context is full */
    TURN_CALLS,       /* ended with calls of tools */
    TURN_CANCELLED,
};

enum turn_error {
    TURN_BAD,         /* the request cannot be meant; param names the field */
    TURN_TOO_LONG,    /* usage.prompt tokens, limit holds */
    TURN_UNSUPPORTED, /* by this model */
    TURN_REFUSED,     /* the template of the model refuses the conversation */
    TURN_QUEUE_FULL,  /* retry_ms */
    TURN_TOO_LATE,    /* its deadline passed before it began */
    TURN_NO_MEMORY,   /* it can never fit */
    TURN_BROKEN,      /* a fault of ours, or a result that is not a number */
    TURN_STOPPING,    /* the server goes down */
};

struct turn_top {
    int32_t id;
    float logprob;
    struct turn_text bytes;
};

struct turn_token {
    int32_t id;
    bool of_prompt, of_reasoning;
    bool known;           /* logprob is: not for the first token of a prompt */
    float logprob;
    struct turn_text bytes;
    struct turn_top *top; /* (n_top) highest first */
    size_t n_top;
};

struct turn_usage {
    int64_t prompt, cached, done; /* tokens; cached: of the prompt, not evaluated again; done: of the prompt, read by now */
    int64_t answer, reasoning;    /* reasoning: of the answer */
    int64_t drafted, kept;        /* tokens guessed ahead, and those that were right */
    int64_t dropped;              /* messages that `truncate` took away */
};

struct turn_time {
    double queue_ms, prompt_ms, answer_ms;
};

struct turn_event {
    uint64_t turn;
    enum turn_event_kind kind;
    struct turn_text text, id, param;
    int32_t call;
    bool malformed;
    struct turn_token token;
    const int32_t *ids;
    size_t n_ids;
    const float *vector;
    size_t n_vector;
    enum turn_reason reason;
    int32_t stop;
    enum turn_error error;
    int64_t limit, retry_ms;
    uint64_t seed; /* ACCEPTED: the one that is used */
    struct turn_usage usage;
    struct turn_time time;
    struct turn_mem mem; /* of a decoded event; turn_event_free */
};
void turn_event_free(struct turn_event *ev);

/* ---- what a worker tells about its model ---- */

struct turn_model {
    struct turn_text name;     /* general.name or the file's */
    struct turn_text path, arch, quant, form;
    struct turn_text form_how; /* lines "name: value": how the form was found, what it can do */
    struct turn_text template_text;
    struct turn_text bos, eos; /* spellings */
    struct turn_text build;    /* version, compute, kernels */
    unsigned char hash[32];    /* of what decides bits: model and form of computing */
    int64_t params, bytes, context, model_context, vocab, width, layers;
    int64_t slots, pages, page_rows; /* of the KV memory */
    bool chats, thinks, thinks_always, tools, infill;
    double temperature, top_p, min_p, repeat;
    int64_t top_k;
    struct turn_mem mem;
};
void turn_model_free(struct turn_model *m);

/* What a worker is doing: counts since its start, and now. */
struct turn_counts {
    int64_t running, waiting, pages_used, pages, cache_pages;
    int64_t prompt_tokens, cached_tokens, answer_tokens, requests, failed, cancelled, preempted, drafted, kept;
    double prompt_seconds, answer_seconds, busy_seconds;
};

#endif
