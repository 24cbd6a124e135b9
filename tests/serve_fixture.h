/* A server under test: the program, started with the shipped model behind a port of its own, and clients of it. */
#ifndef TESTS_SERVE_FIXTURE_H
#define TESTS_SERVE_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "sys/clock.h"
#include "tests/folder.h"

#define MODEL "models/first/first.gguf"
enum { SECONDS = 120 };

static char program[PATH_MAX];
static int port;
static pid_t server;
static int server_err; /* what it says */
static struct buf said;

/* ---- the server ---- */

static inline void read_said(double seconds)
{
    struct pollfd p = {.fd = server_err, .events = POLLIN};
    char text[4096];
    while (poll(&p, 1, (int)(1000 * seconds)) > 0) {
        ssize_t n = read(server_err, text, sizeof text);
        if (n <= 0) return;
        buf_add(&said, text, (size_t)n);
        seconds = 0;
    }
}

static inline bool has_said(const char *words, double seconds)
{
    double end = clock_seconds() + seconds;
    do {
        read_said(0.05);
        if (said.data && strstr(said.data, words)) return true;
    } while (clock_seconds() < end);
    return false;
}

/* more: further options; NULL-terminated. */
static inline void start_server_with(const char *const *more)
{
    const char *args[32] = {program, "serve", MODEL, "--port", "0", "--threads", "1", "--ctx", "1024", "--drain", "20"};
    int fd[2], n = 11;
    while (more && *more && n < 31) args[n++] = *more++;
    buf_clear(&said);
    CHECK(pipe(fd) == 0, "pipe: %s", strerror(errno));
    fflush(NULL);
    server = fork();
    if (server == 0) {
        alarm(SECONDS);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("HOME", dir, 1);
        unsetenv("XDG_DATA_HOME");
        dup2(fd[1], 2);
        for (int i = 3; i < 64; i++) close(i);
        execv(program, (char *const *)(uintptr_t)args);
        _exit(126);
    }
    close(fd[1]);
    server_err = fd[0];
    CHECK(has_said("127.0.0.1:", 30), "it tells where it listens: %s", said.data);
    const char *at = said.data ? strstr(said.data, "127.0.0.1:") : NULL;
    port = at ? (int)strtol(at + 10, NULL, 10) : 0;
    CHECK(has_said("loaded in", 60), "the model is loaded: %s", said.data);
}

static inline void start_server(void) { start_server_with((const char *[]){NULL}); }

static inline int end_server(int signal_number)
{
    int status = -1;
    kill(server, signal_number);
    waitpid(server, &status, 0);
    read_said(0);
    close(server_err);
    return status;
}

/* ---- clients ---- */

static inline int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline int ask_with(const char *method, const char *path, const char *headers, const char *body)
{
    struct buf b = {0};
    int fd = dial();
    size_t n = body ? strlen(body) : 0;
    buf_printf(&b, "%s %s HTTP/1.1\r\nConnection: close\r\n%s", method, path, headers);
    if (body) buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", n);
    buf_printf(&b, "\r\n%s", body ? body : "");
    if (fd >= 0 && write(fd, b.data, b.len) != (ssize_t)b.len) {
        close(fd);
        fd = -1;
    }
    buf_free(&b);
    return fd;
}

static inline int ask(const char *method, const char *path, const char *body)
{
    return ask_with(method, path, "Host: localhost\r\n", body);
}

/* Everything to the end; returns the status, *body (owned by the caller) without the framing of chunks. */
static inline int answer(int fd, struct buf *body)
{
    struct buf all = {0};
    char text[4096];
    ssize_t n;
    int status = 0;
    *body = (struct buf){0};
    while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0) buf_add(&all, text, (size_t)n);
    if (fd >= 0) close(fd);
    const char *at = all.data ? strstr(all.data, "\r\n\r\n") : NULL;
    if (at) {
        status = (int)strtol(all.data + 9, NULL, 10);
        bool chunked = strstr(all.data, "chunked") && strstr(all.data, "chunked") < at;
        at += 4;
        if (!chunked) buf_add_str(body, at);
        for (size_t size; chunked && (size = (size_t)strtoul(at, NULL, 16)) > 0;) {
            at = strstr(at, "\r\n") + 2;
            buf_add(body, at, size);
            at += size + 2;
        }
    }
    buf_add_str(body, "");
    buf_free(&all);
    return status;
}

static inline int get(const char *path, struct buf *body) { return answer(ask("GET", path, NULL), body); }

/* The process that computes: the only child of the server. */
static inline pid_t worker_of(pid_t parent)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && read(fd, text, sizeof text - 1) < 0) text[0] = 0;
    if (fd >= 0) close(fd);
    return (pid_t)strtol(text, NULL, 10);
}

/* From the name of a test program, which lies in a folder beside the program. */
static inline void fixture_begin(const char *name)
{
    snprintf(program, sizeof program, "%s", name);
    char *at = strrchr(program, '/');
    at = at ? at : program;
    *at = 0;
    at = strrchr(program, '/');
    snprintf(at ? at : program, 16, "/autarky");
    signal(SIGPIPE, SIG_IGN);
    folder_make();
}

#endif
