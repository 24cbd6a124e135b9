/* How the program ends, from outside: signals in the middle of writing, a mapped file that becomes shorter, closed standard
 * descriptors, a limit on the size of files, a terminal that must be as it was. */
#include "base/checked.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/store.h"
#include "tests/folder.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MODEL "models/first/first.gguf"
enum { SECONDS = 60, HISTORY = 9 << 20 };

static char program[PATH_MAX];

/* ---- starting and waiting ---- */

struct start {
    const char *closed;      /* digits of descriptors that are closed */
    const char *in;          /* its standard input is this FIFO or file; NULL: /dev/null */
    const char *state;       /* XDG_STATE_HOME */
    bool ignore_hangup;
    rlim_t file_size;        /* 0: no limit */
    int *terminal;           /* it runs on a pseudo-terminal, whose other end this is */
};

static void become(const struct start *s, const char *const argv[])
{
    alarm(SECONDS);
    setenv("NO_COLOR", "1", 1);
    setenv("TERM", "xterm", 1);
    setenv("AUTARKY_THREADS", "1", 1);
    setenv("HOME", dir, 1);
    if (s->state) setenv("XDG_STATE_HOME", s->state, 1);
    if (!s->terminal) {
        int null = open(s->in ? s->in : "/dev/null", O_RDWR);
        int err = open(in_dir("err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(null, 0);
        dup2(open(in_dir("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
        dup2(err, 2);
    }
    for (int fd = 3; fd < 64; fd++) close(fd);
    for (const char *c = s->closed ? s->closed : ""; *c; c++) close(*c - '0');
    if (s->ignore_hangup) signal(SIGHUP, SIG_IGN);
    if (s->file_size) setrlimit(RLIMIT_FSIZE, &(struct rlimit){s->file_size, s->file_size});
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(126);
}

static pid_t start(const struct start *s, const char *const argv[])
{
    fflush(NULL);
    pid_t pid = s->terminal ? forkpty(s->terminal, NULL, NULL, &(struct winsize){.ws_row = 24, .ws_col = 80}) : fork();
    if (pid == 0) become(s, argv);
    CHECK(pid > 0, "fork: %s", strerror(errno));
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    return status;
}

static int run(const struct start *s, const char *const argv[]) { return wait_for(start(s, argv)); }

static bool said(const char *words)
{
    char *text;
    size_t n;
    if (file_read(&text, &n, in_dir("err"), 1 << 20, NULL)) return false;
    bool yes = strstr(text, words) != NULL;
    if (!yes) fprintf(stderr, "it said: %.400s\n", text);
    mem_free(text);
    return yes;
}

/* Reads what the terminal shows until `words` come, or the time is over, or it closes. */
static bool shows(int terminal, const char *words)
{
    static char text[1 << 16];
    size_t n = 0;
    double end = clock_seconds() + 20;
    while (clock_seconds() < end && n + 1 < sizeof text) {
        struct pollfd p = {.fd = terminal, .events = POLLIN};
        if (poll(&p, 1, 200) <= 0) continue;
        ssize_t k = read(terminal, text + n, sizeof text - 1 - n);
        if (k <= 0) break;
        n += (size_t)k;
        text[n] = 0;
        if (strstr(text, words)) return true;
    }
    text[n] = 0;
    fprintf(stderr, "the terminal shows: %.400s\n", text);
    return false;
}

static bool same_file_bytes(const char *a, const char *b)
{
    struct file_map x = {0}, y = {0};
    bool same = !file_map(&x, a, NULL) && !file_map(&y, b, NULL) && x.size == y.size && x.size > 0;
    same = same && !memcmp(x.data, y.data, x.size);
    file_unmap(&x);
    file_unmap(&y);
    return same;
}

static size_t names_in(const char *folder)
{
    char **names;
    size_t n = 0;
    struct err e = {0};
    CHECK_OK(file_list(&names, &n, folder, &e), &e);
    if (n) fprintf(stderr, "%s/%s\n", folder, names[0]);
    names_free(names, n);
    return n;
}

#define ARGS(...) ((const char *const[]){program, __VA_ARGS__, NULL})

/* ---- closed standard descriptors ---- */

static void check_closed(void)
{
    static const char *const sets[] = {"2", "1", "0", "012", "12"};
    char whole[100], out[100], folder[100], weights[100];
    snprintf(whole, sizeof whole, "%s/whole.gguf", dir);
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    snprintf(folder, sizeof folder, "%s/closed", dir);
    snprintf(weights, sizeof weights, "%s/closed/model.safetensors", dir);
    CHECK(run(&(struct start){0}, ARGS("quantize", MODEL, whole, "--to", "q4_0")) == 0, "quantize");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct start s = {.closed = sets[i]};
        file_remove(out, NULL);
        dir_remove_tree(folder, NULL);
        int status = run(&s, ARGS("quantize", MODEL, out, "--to", "q4_0"));
        CHECK(status == 0 && same_file_bytes(out, whole), "quantize with %s closed: status %d, or messages in it", sets[i],
              status);
        status = run(&s, ARGS("convert", MODEL, folder));
        struct file_map m = {0};
        bool good = status == 0 && !file_map(&m, weights, NULL) && m.size > 8 && m.data[8] == '{' && m.data[7] == 0;
        CHECK(good, "convert with %s closed: status %d", sets[i], status);
        file_unmap(&m);
        bool stdout_closed = strchr(sets[i], '1');
        status = run(&s, ARGS("run", MODEL, "-n", "2", "hi"));
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (stdout_closed ? 1 : 0), "run with %s closed: status %d", sets[i],
              status);
    }
}

/* ---- signals while something is written ---- */

static void check_deadly(void)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    char target[100], out[120], folder[120];
    struct err e = {0};
    snprintf(target, sizeof target, "%s/target", dir);
    snprintf(out, sizeof out, "%s/x.jsonl", target);
    snprintf(folder, sizeof folder, "%s/model", target);
    CHECK_OK(file_mkdirs(target, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        pid_t pid = start(&(struct start){0}, ARGS("data", "generate", "stories", "--out", out, "--count", "9000000"));
        clock_sleep(0.15);
        CHECK(kill(pid, signals[i]) == 0, "it did not run any more");
        int status = wait_for(pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "signal %d: status %x", signals[i], status);
        CHECK(names_in(target) == 0, "signal %d leaves a file", signals[i]);
        /* A folder has a name while it is made. */
        double end = clock_seconds() + 10;
        pid = start(&(struct start){0}, ARGS("convert", MODEL, folder, "--to", "f32", "--threads", "1"));
        bool seen = false;
        char **names;
        size_t n;
        while (!seen && clock_seconds() < end && waitpid(pid, &status, WNOHANG) == 0)
            if (!file_list(&names, &n, target, NULL)) {
                seen = n > 0 && temp_is_name(names[0]);
                names_free(names, n);
            }
        kill(pid, signals[i]);
        if (seen) status = wait_for(pid);
        CHECK(seen && WIFSIGNALED(status), "signal %d came too late: status %x", signals[i], status);
        CHECK(names_in(target) == 0, "signal %d leaves a folder", signals[i]);
    }
    /* Ctrl-C once is looked at by the program, twice within a second ends it. */
    pid_t pid = start(&(struct start){0}, ARGS("data", "generate", "stories", "--out", out, "--count", "9000000"));
    clock_sleep(0.15);
    kill(pid, SIGINT);
    int status = wait_for(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 130 && names_in(target) == 0, "SIGINT: status %x", status);
    /* nohup */
    pid = start(&(struct start){.ignore_hangup = true}, ARGS("data", "generate", "stories", "--out", out, "--count", "9000000"));
    clock_sleep(0.15);
    kill(pid, SIGHUP);
    clock_sleep(0.1);
    CHECK(waitpid(pid, &status, WNOHANG) == 0, "nohup is not honoured");
    kill(pid, SIGTERM);
    status = wait_for(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && names_in(target) == 0, "status %x", status);
    /* A limit of sizes is an error of writing. */
    status = run(&(struct start){.file_size = 100000}, ARGS("data", "generate", "stories", "--out", out, "--count", "9000000"));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1 && said("cannot write at byte 100000"), "SIGXFSZ: status %x", status);
    CHECK(names_in(target) == 0, "SIGXFSZ leaves a file");
}

/* Logits appear when all are there; what had the name stays otherwise. */
static void check_logits(void)
{
    char text[100], out[100];
    struct err e = {0};
    snprintf(text, sizeof text, "%s/text.txt", dir);
    snprintf(out, sizeof out, "%s/logits.bin", dir);
    CHECK_OK(file_replace(text, "Once upon a time there was a small dog. It ran and ran.", 55, &e), &e);
    CHECK_OK(file_replace(out, "older", 5, &e), &e);
    int status = run(&(struct start){.file_size = 20000}, ARGS("perplexity", MODEL, text, "--logits", out));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %x", status);
    CHECK(file_look(out, true).size == 5, "half of the logits under their name");
    status = run(&(struct start){0}, ARGS("perplexity", MODEL, text, "--logits", out));
    CHECK(status == 0 && file_look(out, true).size > 20000, "status %x", status);
}

/* ---- a mapped file that becomes shorter ---- */

static void check_shorter(void)
{
    char copy[100];
    struct err e = {0};
    snprintf(copy, sizeof copy, "%s/shrinks.gguf", dir);
    CHECK_OK(file_copy(MODEL, copy, NULL, &e), &e);
    CHECK_OK(file_remove(in_dir("stdout"), &e), &e);
    CHECK(mkfifo(in_dir("stdin"), 0600) == 0, "mkfifo: %s", strerror(errno));
    pid_t pid = start(&(struct start){.in = in_dir("stdin")}, ARGS("chat", copy, "--no-panels", "-n", "20"));
    int fd = open(in_dir("stdin"), O_RDWR);
    CHECK(write(fd, "Tell me a story\n", 16) == 16, "write: %s", strerror(errno));
    double end = clock_seconds() + 20;
    while (file_look(in_dir("stdout"), true).size == 0 && clock_seconds() < end) clock_sleep(0.05);
    clock_sleep(0.3); /* it has answered, or is about to */
    CHECK(truncate(copy, 4096) == 0, "truncate: %s", strerror(errno));
    CHECK(write(fd, "Tell me another, of a rabbit\n", 29) == 29, "write: %s", strerror(errno));
    int status = wait_for(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %x", status);
    CHECK(said("shrinks.gguf: cannot be read any more"), "no message");
    close(fd);
}

/* ---- the terminal ---- */

static bool echoes(int terminal)
{
    struct termios t;
    return tcgetattr(terminal, &t) == 0 && (t.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
}

static void check_terminal(void)
{
    static const struct {
        int sig;
        const char *key; /* NULL: sent by kill */
    } ends[] = {{SIGQUIT, "\034"}, {SIGTERM, NULL}, {SIGBUS, NULL}};
    char copy[100];
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        int terminal;
        snprintf(copy, sizeof copy, "%s/terminal%zu.gguf", dir, i);
        CHECK_OK(file_copy(MODEL, copy, NULL, &e), &e);
        pid_t pid = start(&(struct start){.terminal = &terminal, .state = in_dir("state")},
                          ARGS("chat", copy, "--no-panels", "-n", "900", "--ctx", "1000"));
        CHECK(shows(terminal, "> "), "no prompt");
        CHECK(write(terminal, "Tell me a long story about a rabbit\r", 36) == 36, "write");
        CHECK(shows(terminal, "rabbit"), "no echo of the line");
        clock_sleep(0.3);
        bool off = !echoes(terminal); /* the modes are those of the pair */
        if (ends[i].key) CHECK(write(terminal, ends[i].key, 1) == 1, "write");
        else if (ends[i].sig == SIGBUS) CHECK(truncate(copy, 4096) == 0, "truncate");
        else kill(pid, ends[i].sig);
        if (ends[i].sig == SIGBUS) CHECK(write(terminal, "\rTell me of a fox\r", 18) == 18, "write");
        char rest[4096];
        struct pollfd p = {.fd = terminal, .events = POLLIN};
        int status = 0;
        double end = clock_seconds() + 20;
        while (waitpid(pid, &status, WNOHANG) == 0 && clock_seconds() < end)
            if (poll(&p, 1, 50) > 0 && read(terminal, rest, sizeof rest) < 0) clock_sleep(0.02);
        bool right = ends[i].sig == SIGBUS ? WIFEXITED(status) && WEXITSTATUS(status) == 1
                                           : WIFSIGNALED(status) && WTERMSIG(status) == ends[i].sig;
        CHECK(right, "case %zu: status %x", i, status);
        CHECK(echoes(terminal), "case %zu: the terminal has no echo", i);
        CHECK(off, "case %zu: it had one all the time: nothing was tested", i);
        close(terminal);
    }
}

/* A history that cannot be one does not hang; one above its limit is trimmed to its newest lines. */
static void check_history(void)
{
    char state[100], history[140];
    struct err e = {0};
    int terminal;
    snprintf(state, sizeof state, "%s/state-fifo", dir);
    snprintf(history, sizeof history, "%s/autarky/history", state);
    CHECK_OK(file_mkdirs(in_dir("state-fifo/autarky"), &e), &e);
    CHECK(mkfifo(history, 0600) == 0, "mkfifo: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        pid_t pid = start(&(struct start){.terminal = &terminal, .state = state}, ARGS("chat", MODEL, "-n", "3"));
        CHECK(shows(terminal, "> "), "history %d: no prompt", i);
        CHECK(write(terminal, "Hello\r", 6) == 6 && shows(terminal, "> "), "history %d: no second prompt", i);
        CHECK(write(terminal, "/bye\r", 5) == 5, "write");
        while (read(terminal, (char[512]){0}, 512) > 0) {}
        int status = wait_for(pid);
        CHECK(status == 0, "history %d: status %x", i, status);
        close(terminal);
        if (i == 1) break;
        CHECK_OK(file_remove(history, &e), &e);
        char *text = mem_alloc(HISTORY);
        for (size_t k = 0; k < HISTORY; k++) text[k] = k % 2000 == 1999 ? '\n' : (char)('a' + k % 26);
        CHECK_OK(file_replace(history, text, HISTORY, &e), &e);
        mem_free(text);
    }
    uint64_t size = file_look(history, true).size;
    CHECK(size > 100000 && size < (2 << 20), "the history has %d bytes", (int)size);
}

int main(void)
{
    struct err e = {0};
    char here[PATH_MAX];
    CHECK_OK(path_of_program(here, sizeof here, &e), &e);
    snprintf(program, sizeof program, "%.4000s/../autarky", here);
    if (file_absent(program) || file_absent(MODEL)) {
        test_skip("the program or its model is not there (make)");
        return test_end();
    }
    folder_make();
    signal(SIGPIPE, SIG_IGN);
    check_closed();
    check_deadly();
    check_logits();
    check_shorter();
    check_terminal();
    check_history();
    folder_remove();
    return test_end();
}
