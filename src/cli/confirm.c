/* Questions on the terminal. */
#include "cli/confirm.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "cli/setup.h"
#include "cli/term.h"
#include "hub/choose.h"
#include "sys/file.h"

int confirm(const char *question, const char *instead, const char *nothing, struct err *e)
{
    char line[16] = "";
    if (!term_is_tty(stdin) || !term_is_tty(stderr))
        FAIL(e, ERR_USAGE, "%s There is no terminal to ask on: %s", question, instead);
    term_write(stderr, question, strlen(question));
    fputs(" [y/N] ", stderr);
    fflush(stderr);
    bool got = term_read_line(line, sizeof line);
    if (!got) fputc('\n', stderr);
    if (term_interrupted) FAIL(e, ERR_INTERRUPTED, "stopped; %s", nothing);
    if (got && (line[0] == 'y' || line[0] == 'Y')) return OK;
    FAIL(e, ERR_USAGE, "not agreed to: %s", nothing);
}

int confirm_not_input(const char *out, const char *in, struct err *e)
{
    if (in && file_same(in, out)) FAIL(e, ERR_USAGE, "%s is read and written; give the result another name", in);
    return OK;
}

int confirm_replace(const char *path, bool force, struct err *e)
{
    return force ? OK : confirm_replace_or(path, "--force replaces it", e);
}

int confirm_remake(const char *path, bool force, struct err *e)
{
    return confirm_replace(path, force || !term_is_tty(stdin) || !term_is_tty(stderr), e);
}

int confirm_replace_or(const char *path, const char *instead, struct err *e)
{
    struct file_look l = file_look(path, true);
    char question[PATH_MAX + 80], inside[PATH_MAX], size[24];
    bool model;
    TRY(file_known(&l, path, e));
    if (l.kind == FILE_FOLDER) {
        TRY(path_join(inside, sizeof inside, path, "config.json", e));
        TRY(file_is_there(&model, inside, e));
        if (!model) return OK;
        snprintf(question, sizeof question, "%s holds a model: replace it?", path);
    } else if (l.kind == FILE_REGULAR) {
        snprintf(question, sizeof question, "%s exists, %s: replace it?", path, hub_size_text(size, l.size));
    } else {
        return OK; /* nothing, a device, a pipe: whoever writes says what is wrong with it */
    }
    return confirm(question, instead, "nothing is written", e);
}
