/* Errors become a line on stderr and an exit code. */
#include "cli/exit.h"
#include <stdio.h>
#include <string.h>
#include "cli/term.h"

static int exit_of(enum err_code code)
{
    switch (code) {
    case OK:
        return EXIT_OK;
    case ERR_USAGE:
        return EXIT_USAGE;
    case ERR_NOTFOUND:
        return EXIT_NOTFOUND;
    case ERR_MEMORY:
        return EXIT_MEMORY;
    case ERR_NETWORK:
        return EXIT_NETWORK;
    case ERR_INTEGRITY:
        return EXIT_INTEGRITY;
    case ERR_INTERRUPTED:
        return EXIT_SIGINT;
    default:
        return EXIT_FAILED;
    }
}

int exit_fail(const char *command, const struct err *e)
{
    fflush(stdout);
    term_status_end();
    char line[sizeof e->msg + 64];
    int n = snprintf(line, sizeof line, "autarky%s%s: %s", command ? " " : "", command ? command : "", e->msg);
    /* it may quote a file name or a file's contents */
    term_say(stderr, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
    fputc('\n', stderr);
    return exit_of(e->code);
}

int exit_flushed(const char *command)
{
    struct err e = {0};
    if (term_flush()) return EXIT_OK;
    err_set(&e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write: is the disk full?");
    return exit_fail(command, &e);
}
