/* Exit codes of the program, the same for every command. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/err.h"

enum exit_status {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOTFOUND = 3,  /* the model (or another file that must exist) is not there */
    EXIT_MEMORY = 4,    /* does not fit into memory */
    EXIT_NETWORK = 5,   /* a server cannot be reached, or a download failed */
    EXIT_INTEGRITY = 6, /* a hash does not match */
    EXIT_SIGINT = 130,
    EXIT_SIGPIPE = 141,
};

/* Flushes stdout: EXIT_OK, or EXIT_FAILED and a message when what was printed did not arrive. */
int exit_flushed(const char *command);
/* Prints "autarky COMMAND: message" on stderr (command NULL: without it) and returns the exit code. */
int exit_fail(const char *command, const struct err *e);

#endif
