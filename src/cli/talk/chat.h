/* A chat under way: shared by the loop (chat.c) and the slash commands (chat_slash.c). */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "cli/answer.h"
#include "cli/talk/chat_log.h"
#include "cli/talk/line.h"
#include "cli/setup.h"

struct chat {
    struct talker t;
    struct line_reader *line;
    struct chat_log log;
    struct sample_params sample;
    int64_t max_tokens; /* 0: until the context is full */
    struct chat_request request; /* how to ask: thinking, the date; its messages are those of the newest question */
    struct tm day;
    bool forget;        /* drop the oldest turns when the context is full, saying so */
    bool stats, json;
    struct generate_result last; /* of the newest answer, without its text */
    bool has_last;
    int64_t total_tokens; /* produced since the start */
    double total_seconds;
    char saved[SETUP_PATH]; /* the file that this chat has been written to; "": none */
    bool done; /* the user wants to leave */
};

/* Answers the newest message of the log, streaming; the answer becomes a message. */
int chat_answer(struct chat *c, struct err *e);
/* Ids of the whole chat, ready for an answer. */
int chat_encode_log(struct chat *c, struct tokens *ids, struct err *e);

/* Runs a line that begins with a slash. A mistake is an error and changes nothing. */
int chat_slash(struct chat *c, const char *line, struct err *e);
extern const char *const chat_slash_words[];  /* for Tab; NULL-terminated */
extern const char *const chat_slash_on_files[]; /* those whose argument is a file's name */
/* The name of a file as a person types it: blanks around it, quotes and a leading "~/" are taken away. False when it is too
 * long, or a quote is not closed. */
bool chat_file_name(char out[SETUP_PATH], const char *typed);

#endif
