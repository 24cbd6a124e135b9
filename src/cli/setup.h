/* What chat, run and the measuring commands share: options about models and sampling, finding the default model,
 * opening an engine with a line that says what is going on. */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include <time.h>
#include "cli/options.h"
#include "infer/sample.h"
#include "infer/session.h"

enum { SETUP_PATH = 4096 };

struct model_args {
    int64_t ctx, threads, chunk, memory;
    const char *level;
    int attention, compute, cache; /* indices of the choices */
    bool no_panels;
    const char *template_name; /* form of chats; this and the next only where chat_args_add was called, too */
    int thinking;
    const char *date; /* NULL: today */
};
void model_args_add(struct opts *o, struct model_args *m);
/* For commands that read a text in windows: what --ctx means there, as help. After model_args_add. */
void model_args_window(struct opts *o, const char *help);
/* --template, --think and --date, for the commands that render chats; after model_args_add. */
void chat_args_add(struct opts *o, struct model_args *m);
/* The day that chat templates are told. */
int chat_args_day(const struct model_args *m, struct tm *day, struct err *e);

/* Which of the sampling options were given. */
struct sample_given {
    bool seed, temp, top_k, top_p, min_p, repeat;
};
/* Sampling options. Sets *p to the defaults first. */
void sample_args_add(struct opts *o, struct sample_params *p, struct sample_given *given);
/* What the model's makers advise, where nothing else was asked for. */
void sample_args_advise(struct sample_params *p, const struct sample_given *given, const struct engine *en);
/* A seed from the system's entropy, below 2^53 so that every JSON reader keeps it exact. */
uint64_t random_seed(void);

/* --color and --plain. */
struct look_args {
    int color;
    bool plain;
};
void look_args_add(struct opts *o, struct look_args *l);

/* Where files of packed weights may lie (hub_env.c): not in the folders of the programs whose models are read. */
const struct panels_rule *panels_rule(void);
struct engine_options model_engine_options(const char *path, const struct model_args *m);

/* One engine, one decoder, one session: what a single talker needs. Free with talker_close in every case. Opens what the options
 * say; talker_open tells on stderr when that is a terminal. */
struct talker {
    struct engine engine;
    struct decoder decoder;
    struct session session;
};
int talker_open_with(struct talker *t, const struct engine_options *o, struct err *e);
int talker_open(struct talker *t, const char *path, const struct model_args *m, struct err *e);
void talker_close(struct talker *t);

/* $NAME/rest, or $HOME/fallback/rest; false when neither variable is set. */
bool xdg_path(char out[SETUP_PATH], const char *variable, const char *fallback, const char *rest);

#endif
