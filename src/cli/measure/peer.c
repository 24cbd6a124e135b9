/* Starting a peer and talking to it through two pipes. */
#include "cli/measure/peer.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "cli/term.h"
#include "sys/file.h"

enum { MAX_LINE = 1 << 20 };

const char peer_advice[] = "tools/peer-python.sh installs the peers' packages into build/peers";

/* The file `name` of the repository; false when there is none. */
static bool in_repository(char out[PEER_PATH], const char *name)
{
    char program[PEER_PATH];
    if (!file_absent(name)) return snprintf(out, PEER_PATH, "%s", name) < PEER_PATH;
    return path_of_program(program, sizeof program, NULL) == OK &&
           snprintf(out, PEER_PATH, "%s/../../%s", program, name) < PEER_PATH && !file_absent(out);
}

void peer_python(char out[PEER_PATH], const char *given)
{
    const char *set = getenv("AUTARKY_PYTHON");
    if (given) snprintf(out, PEER_PATH, "%s", given);
    else if (set && *set) snprintf(out, PEER_PATH, "%s", set);
    else if (!in_repository(out, "build/peers/bin/python")) snprintf(out, PEER_PATH, "python3");
}

void peer_script(char out[PEER_PATH], const char *given)
{
    if (!in_repository(out, given)) snprintf(out, PEER_PATH, "%s", given);
}

static int start(struct peer *p, char *const argv[], struct err *e)
{
    int to[2], from[2];
    if (pipe(to) != 0) FAIL(e, ERR_IO, "pipe: %s", strerror(errno));
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        FAIL(e, ERR_IO, "pipe: %s", strerror(errno));
    }
    fflush(NULL);
    p->pid = fork();
    if (p->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execvp(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    p->to = fdopen(to[1], "w");
    p->from = fdopen(from[0], "r");
    if (p->pid < 0 || !p->to || !p->from) FAIL(e, ERR_IO, "%s: %s", argv[0], strerror(errno));
    return OK;
}

static int read_line(struct peer *p, json_t **out, struct err *e)
{
    struct buf line = {0};
    int c;
    while ((c = fgetc(p->from)) != EOF && c != '\n' && line.len < MAX_LINE) buf_add_byte(&line, (char)c);
    int rc = line.len > 0 ? json_parse(out, line.data, line.len, p->name, e)
                   : err_set(e, ERR_IO, __FILE__, __LINE__, "%s ended without an answer: are its packages there? %s",
                             p->name, peer_advice);
    buf_free(&line);
    return rc;
}

int peer_start(struct peer *p, const char *name, char *const argv[], json_t **ready, struct err *e)
{
    json_t *j;
    *p = (struct peer){.name = name};
    term_ignore_pipe(true);
    TRY(start(p, argv, e));
    TRY(read_line(p, &j, e));
    if (ready) *ready = json_incref(json_object_get(j, "ready"));
    json_decref(j);
    return OK;
}

int peer_seconds(struct peer *p, const char *request, double *seconds, struct err *e)
{
    json_t *j;
    fprintf(p->to, "%s\n", request);
    if (fflush(p->to) != 0) FAIL(e, ERR_IO, "%s does not listen: %s", p->name, strerror(errno));
    TRY(read_line(p, &j, e));
    *seconds = 0;
    int rc = json_opt_f64(j, "seconds", 1e-9, 1e9, seconds, p->name, e);
    json_decref(j);
    if (!rc && *seconds == 0) FAIL(e, ERR_FORMAT, "%s: \"seconds\" is missing in its answer", p->name);
    return rc;
}

void peer_stop(struct peer *p)
{
    if (p->to) fclose(p->to);
    if (p->from) fclose(p->from);
    if (p->pid > 0) {
        kill(p->pid, SIGTERM);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    *p = (struct peer){0};
}
