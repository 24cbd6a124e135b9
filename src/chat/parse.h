/* Inside of the parser of answers: its state, for the files that read calls. */
#ifndef CHAT_PARSE_H
#define CHAT_PARSE_H

#include "chat/form.h"
#include "text/detok.h"

enum { PARSE_MAX_MARKS = 12 };

/* What a marker means to the parser. MARK_BLOCK opens a list of calls, MARK_CALL one call. */
enum parse_mark {
    MARK_THINK,
    MARK_UNTHINK,
    MARK_BLOCK,
    MARK_BLOCK_END,
    MARK_CALL,
    MARK_CALL_END,
    MARK_END,
};

enum parse_state {
    STATE_START,   /* nothing but white space came: reasoning may follow */
    STATE_THINK,
    STATE_CONTENT,
    STATE_BLOCK,   /* between calls */
    STATE_CALL,    /* in a call that ends at a marker, or where its JSON ends (CALLS_BARE) */
    STATE_DSML,    /* in a block of elements */
    STATE_DONE,
};

/* Parts of a call. */
/* PART_WHOLE: an object that is looked at when it is complete. */
enum call_part { PART_HEAD, PART_ARGUMENTS, PART_TAIL, PART_WHOLE };
enum dsml_part { DSML_INVOKE, DSML_PARAMETER, DSML_STRING, DSML_VALUE };

struct parse_spelling {
    const char *text;
    size_t len;
    int32_t id; /* -1: it comes as text */
    enum parse_mark mark;
};

struct chat_parser {
    const struct chat_form *f;
    struct chat_sink sink;
    bool tools; /* the request has some: an answer may be a call without a marker */
    struct parse_spelling mark[PARSE_MAX_MARKS];
    int n_marks;
    struct detok detok;
    struct buf held; /* text not yet looked at as a whole */
    enum parse_state state;
    bool by_text; /* markers are looked for in this text although they have ids */
    bool malformed;
    bool broken;   /* the rest of the answer is what a call was not */
    bool spoke, thought; /* something of the content, of this reasoning was sent */
    bool skip_lines;     /* line ends that come now belong to the form: after reasoning, after a call */
    bool took_space;     /* the space that the form puts before an answer was taken off */
    size_t lines;        /* line ends held back: what follows decides whose they are */
    struct buf start;    /* white space of STATE_START */
    int calls;           /* that were begun */
    struct buf call;     /* the text of the call that is being read: all of it, or for DSML what is not yet read */
    size_t at;           /* bytes of call that were read */
    bool reread;         /* the rest of call is not of a call: it is looked at again as text */
    enum call_part part;
    enum dsml_part dsml;
    bool marked;         /* the call is between markers */
    bool sent_any;       /* a parameter was sent */
    struct buf arguments; /* of this call, as they were sent */
    int depth;           /* of brackets in them, or in the object that is looked through */
    size_t seen;         /* bytes of call that were looked through */
    bool in_string, escaped;
    json_t *schemas;     /* TAGGED: the properties of the parameters by the names of tools; NULL: none is known */
    struct err *e;
};

int parse_send(struct chat_parser *p, enum chat_event_kind kind, const char *s, size_t len, bool malformed);
int parse_content(struct chat_parser *p, const char *s, size_t len, bool malformed);

/* Calls that are JSON. before: its marker or the space before it. *used: bytes taken, fewer than len when the call ended
 * without a marker. */
int parse_call_begin(struct chat_parser *p, const struct chat_span *before, bool marked);
int parse_call_text(struct chat_parser *p, const char *s, size_t len, size_t *used);
/* The end marker, or NULL: the answer ended. */
int parse_call_end(struct chat_parser *p, const char *marker);
/* Sends the name, the arguments; the end with a look at all of them. */
int parse_name(struct chat_parser *p, const char *s, size_t len);
int parse_arguments(struct chat_parser *p, const char *s, size_t len);
int parse_call_done(struct chat_parser *p, bool malformed);

/* Takes what the form writes around a name off it; false: it is not there, or what is left is no name. */
bool parse_named(const struct chat_syntax *x, struct chat_span *name);
/* Calls whose arguments are elements, read as a whole: the text of call from open on. False: it is none. */
bool parse_tagged(struct chat_parser *p, size_t open, int *rc);
/* What it needs of a request: an object of properties by the names of tools, owned by the caller. */
int parse_schemas(json_t **out, const struct chat_request *q, struct err *e);

/* Elements: reads what it can of call, from at on. final: nothing follows. Leaves STATE_DSML at the end of the block. */
int parse_dsml(struct chat_parser *p, bool final);

#endif
