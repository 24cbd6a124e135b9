/* The program: a table of sub-commands. */
#include <stdio.h>
#include <string.h>
#include "autarky.h"
#include "base/checked.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/term.h"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
    const char *name, *summary; /* summary NULL: another name, not listed */
    int (*run)(int argc, char **argv);
} commands[] = {
    {"chat", "talk with a model", cmd_chat},
    {"run", "one prompt, one answer", cmd_run},
    {"serve", "answer programs, over HTTP", cmd_serve},
    {"keys", "who may use the server, and what they use", cmd_keys},
    {"worker", NULL, cmd_worker},
    {"pull", "fetch a model", cmd_pull},
    {"list", "the models on this machine", cmd_list},
    {"ls", NULL, cmd_list},
    {"cp", "copy a model out of the caches", cmd_cp},
    {"rm", "remove a model", cmd_rm},
    {"show", "what is in a model file", cmd_show},
    {"render", "what a model is told, in the form of its chats", cmd_render},
    {"tokenize", "the tokens of a text", cmd_tokenize},
    {"tokenizer", "train a tokenizer, encode and decode text", cmd_tokenizer},
    {"data", "make training data out of text", cmd_data},
    {"train", "train a model from a recipe", cmd_train},
    {"perplexity", "how well a model predicts a text", cmd_perplexity},
    {"eval", NULL, cmd_perplexity},
    {"bench", "speed of kernels, training and answering", cmd_bench},
    {"quantize", "make a model file smaller", cmd_quantize},
    {"imatrix", "which columns matter, for quantize", cmd_imatrix},
    {"convert", "GGUF file to folder and back", cmd_convert},
    {"export", NULL, cmd_convert},
    {"compare", "how far one model is from another", cmd_compare},
    {"plan", "what a model takes, and whether it fits", cmd_plan},
    {"doctor", "what this machine can do, and what is missing", cmd_doctor},
    {"help", "this text; help COMMAND: about one command", cmd_help},
    {"version", NULL, cmd_version},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}

/* Commands of other programs. */
static const struct {
    const char *name, *advice;
} others[] = {
    {"ps", "a model is in memory only while a command runs with it; autarky list shows those on the disk"},
    {"stop", "a model is in memory only while a command runs with it: there is nothing to stop"},
    {"create", "autarky convert and autarky quantize write model files"},
    {"delete", "autarky rm removes a model"},
    {"remove", "autarky rm removes a model"},
    {"push", "nothing is sent anywhere"},
    {"generate", "autarky run answers a prompt"},
    {"cli", "autarky chat talks, autarky run answers once"},
};

static int unknown_command(const char *name)
{
    const char *names[ARRAY_LEN(commands)];
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (!strcmp(name, others[i].name)) {
            err_set(&e, ERR_USAGE, __FILE__, __LINE__, "there is no command \"%s\": %s", name, others[i].advice);
            return exit_fail(NULL, &e);
        }
    if (name[0] == '-') {
        err_set(&e, ERR_USAGE, __FILE__, __LINE__,
                "a command comes first, then options: autarky run %s ..., or chat; autarky help lists the commands", name);
        return exit_fail(NULL, &e);
    }
    char found[SETUP_PATH];
    struct err why = {0};
    if (model_resolve(found, name, &why) == OK) {
        err_set(&e, ERR_USAGE, __FILE__, __LINE__,
                "there is no command \"%s\": a command comes before the model, as autarky chat %s", name, name);
        return exit_fail(NULL, &e);
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) names[i] = commands[i].name;
    const char *near = nearest_name(name, names, ARRAY_LEN(commands));
    if (near) err_set(&e, ERR_USAGE, __FILE__, __LINE__, "there is no command \"%s\"; did you mean %s?", name, near);
    else err_set(&e, ERR_USAGE, __FILE__, __LINE__, "there is no command \"%s\"; autarky help lists them", name);
    return exit_fail(NULL, &e);
}

static void print_commands(FILE *f)
{
    fprintf(f, "autarky %s: a language model that is yours\n\nUsage: autarky COMMAND [ARGUMENTS]\n\n", AUTARKY_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].summary) fprintf(f, "  %-12s%s\n", commands[i].name, commands[i].summary);
    fprintf(f, "\nAlso: ls for list, eval for perplexity, export for convert.\n"
               "autarky COMMAND -h tells the options of a command. To begin: autarky chat\n");
}

static int cmd_help(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        print_commands(stdout);
        return exit_flushed(NULL);
    }
    const struct command *c = find_command(argv[1]);
    char help[] = "-h", *args[] = {argv[1], help, NULL};
    return c && c->run != cmd_help ? c->run(2, args) : c ? cmd_help(1, argv) : unknown_command(argv[1]);
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("autarky %s\n", AUTARKY_VERSION);
    return exit_flushed(NULL);
}

static void warning(void *ctx, const char *line)
{
    (void)ctx;
    char text[1100];
    int n = snprintf(text, sizeof text, "warning: %s", line);
    term_status_end();
    term_say(stderr, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    fputc('\n', stderr);
}

int main(int argc, char **argv)
{
    term_init();
    log_to(warning, NULL);
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) return cmd_version(argc, argv);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) return cmd_help(1, argv);
    const struct command *c = find_command(argv[1]);
    return c ? c->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}
