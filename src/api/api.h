/* The dialects: requests of OpenAI, DeepSeek, Anthropic, Ollama and llama-server clients become turns, events of turns become
 * their replies. No sockets, no models, no clock of its own: the front asks, in this order,
 *
 *   api_open    with the head of a request: its route (who may use it, which shape errors have), or a fault
 *   api_begin   with the body: turns to run, something to do, or the whole reply
 *   api_event   with every event of every turn;  api_done, api_pull  when what was to be done is done
 *   api_fault   when anything else goes wrong;  api_keep_alive  when nothing was sent for long
 *
 * Each of the last appends bytes of the body to `out`. Once a->begun, status, content type and headers are settled and may
 * be sent; once a->ended, the body is whole. A status is committed when a turn was accepted (of a stream), when all is known
 * (of what is no stream), or by a keep-alive. */
#ifndef API_API_H
#define API_API_H

#include <jansson.h>
#include "base/buf.h"
#include "turn/turn.h"

enum {
    API_MOST_TURNS = 512,        /* of one request: prompts times n */
    API_MOST_NOTES = 24,         /* names told in x-autarky-ignored */
    API_MOST_ANSWER = 256 << 20, /* bytes kept of one answer */
    API_ID = 32,                 /* digits of the id of a request */
};

enum api_dialect { API_OPENAI, API_ANTHROPIC, API_OLLAMA, API_LLAMA };

/* What a key must allow. API_PUBLIC needs none. */
enum api_scope { API_PUBLIC, API_LOOK, API_ASK, API_MANAGE, API_METRICS };

/* What the front has to do after api_begin. */
enum api_task {
    API_REPLIED, /* nothing: the reply is whole (or it was a fault) */
    API_TURNS,   /* run a->turn[0, n_turns) on a->model; it may have to be loaded first */
    API_LOAD,    /* load a->model */
    API_UNLOAD,  /* unload a->model */
    API_PULL,    /* fetch a->name */
    API_DELETE,  /* remove a->name from this machine */
    API_COPY,    /* give a->name the second name a->other */
    API_HURRY,   /* close the thinking of the request a->name (CONTROL_ANSWER) */
};

enum api_state { API_LISTED, API_LOADING, API_LOADED, API_FAILED };

/* A model that is offered. The front reads `about` from a loaded worker, or from the file's head; what is not known is 0. */
struct api_model {
    const char *id;           /* without '/' */
    const char *const *alias; /* other names for it, NULL-terminated; one may end in '*' */
    enum api_state state;
    const char *why; /* API_FAILED: what went wrong */
    const struct turn_model *about;
    const struct turn_counts *counts; /* of its worker; NULL: none runs */
    const char *digest;               /* 64 hex digits; NULL: not known */
    int64_t modified;                 /* seconds since 1970 */
    int64_t expires;                  /* loaded: when it will be unloaded, seconds since 1970; 0: never */
    int64_t memory;                   /* loaded: bytes that it takes */
};

/* What the front knows. Stays where it is while answers are under way; the list of models may change between calls. */
struct api_env {
    const struct api_model *models;
    size_t n_models;
    const char *version;
    int64_t (*now)(void *ctx); /* nanoseconds since 1970 */
    void (*random)(void *ctx, void *out, size_t n);
    void *ctx;
    unsigned char key[32];     /* authenticates what clients carry for us */
    bool strict;               /* what would be ignored or clamped is refused */
    bool stopping;             /* /health tells it */
    bool can_pull, can_manage; /* the front does API_PULL; API_DELETE and API_COPY */
};

struct api_request {
    const char *method, *path;                          /* path without query */
    const char *query;                                  /* NULL: none */
    const char *(*header)(void *ctx, const char *name); /* NULL: not sent; name in lower case */
    void *ctx;
};

enum api_fault_kind {
    API_F_BAD,         /* 400 */
    API_F_TOO_LONG,    /* 400, n_prompt and n_ctx */
    API_F_UNSUPPORTED, /* 400: meant well, but not done here */
    API_F_NO_KEY,      /* 401 */
    API_F_FORBIDDEN,   /* 403 */
    API_F_NO_MODEL,    /* 404 */
    API_F_NOT_FOUND,   /* 404 */
    API_F_METHOD,      /* 405, allow */
    API_F_CONFLICT,    /* 409 */
    API_F_TOO_BIG,     /* 413 */
    API_F_QUOTA,       /* 429, retry_ms: of this key */
    API_F_QUEUE_FULL,  /* 429 (Ollama: 503), retry_ms */
    API_F_LOADING,     /* 503, retry_ms */
    API_F_NO_MEMORY,   /* 503: it does not fit; no retry */
    API_F_BROKEN,      /* 500 */
    API_F_NOT_DONE,    /* 403: not by this server; no 501, which clients would take for a fault */
    API_F_STOPPING,    /* 503 */
    API_F_TOO_LATE,    /* 504 */
    API_FAULTS,
};
struct api_fault {
    enum api_fault_kind kind;
    char message[800];
    char param[96]; /* the field; empty: none */
    char allow[64]; /* API_F_METHOD: those that are */
    int64_t n_prompt, n_ctx, retry_ms;
};

/* A header of the reply; the value is the answer's. */
struct api_header {
    const char *name;
    char value[640];
};

/* One request and its answer. */
struct api_answer {
    const struct api_env *env;
    const struct api_route *route; /* NULL: there is none; then only api_fault can follow */
    enum api_dialect dialect;
    enum api_scope scope;
    enum api_task task;
    struct turn *turn; /* (n_turns) to be sent; the front adds id, tenant, weight */
    size_t n_turns;
    const char *model; /* id of the model that is meant, a copy */
    const char *name, *other;
    bool keep_alive_set;  /* Ollama: how long the model is to stay after this */
    int64_t keep_alive_s; /* < 0: for ever; 0: unload at once */
    bool stream;

    bool begun, ended, failed; /* failed: it ended with an error */
    int status;
    const char *type; /* Content-Type */
    struct api_header header[10];
    size_t n_headers;
    char id[API_ID + 1];   /* hexadecimal; x-request-id */
    int64_t created;       /* nanoseconds since 1970 */
    struct api_work *work; /* inside */
};

/* False: a fault is in f (no such route, method), and api_fault tells it. The request is not kept. */
bool api_open(struct api_answer *a, const struct api_env *env, const struct api_request *r, struct api_fault *f);
void api_begin(struct api_answer *a, const char *body, size_t len, struct buf *out);
void api_event(struct api_answer *a, size_t turn, const struct turn_event *ev, struct buf *out);
void api_done(struct api_answer *a, struct buf *out);
/* Progress of API_PULL; digest NULL: none, total 0: not known. */
void api_pull(struct api_answer *a, const char *status, const char *digest, int64_t done, int64_t total,
              struct buf *out);
void api_fault(struct api_answer *a, const struct api_fault *f, struct buf *out);
void api_keep_alive(struct api_answer *a, struct buf *out);
void api_free(struct api_answer *a);

void api_fault_set(struct api_fault *f, enum api_fault_kind kind, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int api_fault_status(const struct api_answer *a, enum api_fault_kind kind);

/* The model that a name means, or NULL. name NULL or empty: the first that is loaded, else the first. */
const struct api_model *api_model_find(const struct api_env *env, const char *name);

/* GET /openapi.json. */
void api_openapi(const struct api_env *env, struct buf *out);
/* The tables of docs/API.md. */
void api_describe(struct buf *out);

/* For tables of documents and tests: the i-th route's method, path and what it is; false: there is no i-th. */
bool api_route_at(size_t i, const char **method, const char **path, const char **what);

#endif
