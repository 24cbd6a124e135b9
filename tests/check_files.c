/* sys/: what is under way and what is left of it. Temporary files and folders whose maker is killed, two makers at a time, links
 * laid in the way, errors of the system that are no absences, lines that were cut. */
#include "base/checked.h"
#include "base/mem.h"
#include "sys/fault.h"
#include "sys/shared.h"
#include "sys/store.h"
#include "tests/folder.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool holds(const char *path, const char *want)
{
    char *text;
    size_t len;
    if (file_read(&text, &len, path, 1 << 20, NULL)) return false;
    bool same = len == strlen(want) && !memcmp(text, want, len);
    mem_free(text);
    return same;
}

/* Names in dir/name; those of ours only when `ours`. */
static size_t names_in(const char *name, bool ours)
{
    char **names;
    size_t n, k = 0;
    struct err e = {0};
    if (file_list(&names, &n, in_dir(name), &e)) {
        CHECK(false, "%s", e.msg);
        return 0;
    }
    for (size_t i = 0; i < n; i++) k += !ours || temp_is_name(names[i]);
    names_free(names, n);
    return k;
}

/* From here on files have a name from the beginning, as where the file system has no O_TMPFILE: the next open refuses. */
static void named(bool on) { fault_at(FAULT_NAMELESS, on ? 1 : 0, EOPNOTSUPP); }

/* A child that runs fn and then sleeps; comes back when it has written a byte. */
static pid_t start(void (*fn)(int nameless), int arg)
{
    int p[2];
    char byte;
    CHECK(pipe(p) == 0, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(p[0]);
        fn(arg);
        if (write(p[1], "", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(p[1]);
    CHECK(read(p[0], &byte, 1) == 1, "the child did not begin");
    close(p[0]);
    return child;
}

static int end(pid_t child, int sig)
{
    int status = 0;
    kill(child, sig);
    waitpid(child, &status, 0);
    return status;
}

/* ---- one file ---- */

static void write_half(int by_name)
{
    struct file_out o;
    if (by_name) named(true);
    if (file_out_open(&o, in_dir("half/f"), NULL) || file_out_write(&o, "half", 4, NULL)) _exit(1);
}

static void make_half_folder(int by_name)
{
    struct dir_out o;
    char path[PATH_MAX];
    (void)by_name;
    if (dir_out_open(&o, in_dir("half/folder"), NULL)) _exit(1);
    snprintf(path, sizeof path, "%s/sub", dir_out_path(&o));
    if (file_mkdirs(path, NULL)) _exit(1);
    snprintf(path, sizeof path, "%s/sub/f", dir_out_path(&o));
    if (file_replace(path, "half", 4, NULL)) _exit(1);
}

/* Whoever is killed leaves nothing that stays: the next output in the folder sweeps. Whoever lives is left alone. */
static void check_killed(void)
{
    static void (*const make[])(int) = {write_half, write_half, make_half_folder};
    struct err e;
    CHECK_OK(file_mkdirs(in_dir("half"), &e), &e);
    for (int i = 0; i < 3; i++) {
        pid_t child = start(make[i], i == 1), other = start(make[i], i == 1);
        size_t each = i == 0 ? 0 : 1; /* without a name there is nothing to see */
        CHECK(names_in("half", true) == 2 * each, "%d: %zu under way", i, names_in("half", true));
        CHECK_OK(file_replace(in_dir("half/other"), "x", 1, &e), &e);
        CHECK(names_in("half", true) == 2 * each, "%d: what others are writing was swept", i);
        end(child, SIGKILL);
        CHECK(names_in("half", true) == 2 * each, "%d: the kernel keeps names", i);
        CHECK_OK(file_replace(in_dir("half/other"), "y", 1, &e), &e);
        CHECK(names_in("half", true) == each, "%d: what a killed process left stays", i);
        end(other, SIGKILL);
        struct dir_out o;
        CHECK_OK(dir_out_open(&o, in_dir("half/new"), &e), &e);
        CHECK(names_in("half", true) == 1, "%d: a folder's making does not sweep", i);
        dir_out_abort(&o);
        CHECK(names_in("half", false) == 1, "%d: %zu names", i, names_in("half", false));
    }
}

static void on_end(int sig)
{
    temp_remove_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void make_all(int arg)
{
    (void)arg;
    signal(SIGTERM, on_end);
    write_half(1);
    named(false);
    make_half_folder(0);
}

static void check_signal(void)
{
    pid_t child = start(make_all, 0);
    CHECK(names_in("half", true) == 2, "%zu under way", names_in("half", true));
    pid_t forked = fork(); /* has nothing of its own to remove */
    if (forked == 0) {
        temp_remove_all();
        _exit(0);
    }
    waitpid(forked, NULL, 0);
    CHECK(names_in("half", true) == 2, "another process removes them");
    int status = end(child, SIGTERM);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "status %d", status);
    CHECK(names_in("half", true) == 0, "%zu stay after SIGTERM", names_in("half", true));
}

/* A system that lets nobody name such a file: it is copied. */
static void check_forbidden(void)
{
    static const int errors[] = {EPERM, EXDEV, ENOENT};
    static char text[50000];
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        for (size_t k = 0; k + 1 < sizeof text; k++) text[k] = (char)('a' + k % (7 + i));
        fault_at(FAULT_RENAME, 1, errors[i]);
        CHECK_OK(file_replace(in_dir("half/copied"), text, sizeof text - 1, &e), &e);
        CHECK(fault_hit() && holds(in_dir("half/copied"), text) && names_in("half", true) == 0, "errno %d", errors[i]);
        fault_at(0, 0, 0);
    }
    CHECK_OK(file_remove(in_dir("half/copied"), &e), &e);
}

/* Two outputs of one name at a time, by processes that may have one number (in two containers). */
static void check_two(void)
{
    struct file_out a, b;
    struct err e;
    for (int by_name = 0; by_name < 2; by_name++) {
        if (by_name) named(true);
        CHECK_OK(file_out_open(&a, in_dir("two"), &e), &e);
        if (by_name) named(true);
        CHECK_OK(file_out_open(&b, in_dir("two"), &e), &e);
        named(false);
        CHECK_OK(file_out_write(&a, "aaaa", 4, &e), &e);
        CHECK_OK(file_out_write(&b, "bb", 2, &e), &e);
        CHECK_OK(file_out_write(&a, "aaaa", 4, &e), &e);
        CHECK_OK(file_out_commit(&b, &e), &e);
        CHECK(holds(in_dir("two"), "bb"), "mixed");
        CHECK_OK(file_out_commit(&a, &e), &e);
        CHECK(holds(in_dir("two"), "aaaaaaaa"), "mixed");
    }
    struct shared x, y;
    CHECK_OK(shared_create(&x, in_dir("map"), 4096, NULL, &e), &e);
    CHECK_OK(shared_create(&y, in_dir("map"), 4096, NULL, &e), &e);
    memset(x.data, 'x', 4096);
    memset(y.data, 'y', 4096);
    CHECK_OK(shared_commit(&x, 1000000000, &e), &e);
    shared_close(&y); /* removes its own, and not the other's */
    shared_close(&x);
    CHECK_OK(shared_open(&x, in_dir("map"), 4096, &e), &e);
    CHECK(x.data && x.data[0] == 'x' && x.data[4095] == 'x', "another's bytes");
    shared_close(&x);
}

/* Names that can be guessed, as links to what must not be touched. */
static void check_links(void)
{
    char name[PATH_MAX];
    struct err e;
    CHECK_OK(file_replace(in_dir("victim"), "precious", 8, &e), &e);
    static const char *const forms[] = {"%s.tmp.%ld", "%s.%ld.tmp", "%s.tmp%.0ld", "%s.incomplete%.0ld"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        snprintf(name, sizeof name, forms[i], in_dir("guess"), (long)getpid());
        CHECK(symlink("victim", name) == 0, "symlink: %s", strerror(errno));
    }
    for (int by_name = 0; by_name < 2; by_name++) {
        named(by_name);
        CHECK_OK(file_replace(in_dir("guess"), "new", 3, &e), &e);
    }
    named(false);
    struct shared s;
    CHECK_OK(shared_create(&s, in_dir("guess"), 4096, NULL, &e), &e);
    shared_close(&s);
    CHECK(holds(in_dir("victim"), "precious"), "a link was followed");
    CHECK_OK(file_link("victim", in_dir("link"), &e), &e);
    CHECK_OK(file_link("guess", in_dir("link"), &e), &e);
    CHECK(holds(in_dir("link"), "new"), "the link was not replaced");
    CHECK(file_link("x", in_dir("no/such/link"), &e) == ERR_IO, "%s", e.msg);
}

/* What is no regular file is neither replaced nor waited for. */
static void check_targets(void)
{
    struct file_out o;
    struct shared s;
    struct part p;
    int fd;
    char text[8];
    struct err e;
    CHECK(mkfifo(in_dir("fifo"), 0600) == 0, "mkfifo: %s", strerror(errno));
    CHECK(symlink("/dev/null", in_dir("null")) == 0, "symlink: %s", strerror(errno));
    alarm(20); /* for whoever waits at the FIFO */
    CHECK(file_out_open(&o, in_dir("fifo"), &e) == ERR_IO, "%s", e.msg);
    CHECK_OK(file_replace(in_dir("null"), "x", 1, &e), &e);
    CHECK(file_look(in_dir("null"), true).kind == FILE_OTHER, "a device was replaced");
    fd = open(in_dir("fifo"), O_RDONLY | O_NONBLOCK);
    CHECK_OK(file_replace(in_dir("fifo"), "text", 4, &e), &e);
    CHECK(read(fd, text, sizeof text) == 4 && !memcmp(text, "text", 4), "what reads a pipe gets nothing");
    close(fd);
    CHECK(file_out_open(&o, dir, &e) == ERR_USAGE && strstr(e.msg, "is a folder"), "%s", e.msg);
    CHECK(file_out_open(&o, "", &e) == ERR_USAGE, "%s", e.msg);
    CHECK(file_append(in_dir("fifo"), "x\n", 2, NULL, &e) == ERR_IO, "%s", e.msg);
    CHECK(shared_open(&s, in_dir("fifo"), 4096, &e) == ERR_NOTFOUND, "%s", e.msg);
    CHECK(part_open(&p, in_dir("fifo"), &e) == ERR_IO, "%s", e.msg);
    CHECK(part_open(&p, in_dir("null"), &e) == ERR_IO, "%s", e.msg);
    CHECK(file_copy(in_dir("fifo"), in_dir("x"), NULL, &e) == ERR_IO, "%s", e.msg);
    CHECK(file_truncate(in_dir("fifo"), 0, &e) == ERR_IO, "%s", e.msg);
    if (!file_try_lock(&fd, in_dir("fifo"), &e)) file_unlock(fd);
    alarm(0);
    CHECK(file_mkdirs("", &e) == ERR_USAGE, "an empty name of a folder: %s", e.msg);
    CHECK(dir_lock(&fd, in_dir("no/lock"), &e) == ERR_IO && fd == -1, "%s", e.msg);
}

/* With the standard descriptors closed no file gets their numbers: messages would land in it. */
static void check_descriptors(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct file_out o;
        struct part p;
        for (int i = 0; i < 3; i++) close(i);
        bool ok = !file_out_open(&o, in_dir("low"), NULL) && !part_open(&p, in_dir("part"), NULL) && p.fd > 2;
        if (write(2, "text", 4) == 4) ok = false;
        ok = ok && !file_out_write(&o, "only", 4, NULL) && !file_out_commit(&o, NULL);
        part_close(&p);
        _exit(ok ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(status == 0 && holds(in_dir("low"), "only"), "status %d", status);
}

/* ---- folders ---- */

static int fill(const struct dir_out *o, struct err *e)
{
    char path[PATH_MAX];
    TRY(path_join(path, sizeof path, dir_out_path(o), "a", e));
    return file_replace(path, "a", 1, e);
}

static bool is_a(const char *name) { return !strcmp(name, "a"); }

static void check_folder(void)
{
    struct dir_out o;
    struct err e;
    CHECK_OK(file_mkdirs(in_dir("folders/mine.incomplete"), &e), &e);
    CHECK_OK(file_replace(in_dir("folders/mine.incomplete/precious"), "x", 1, &e), &e);
    CHECK_OK(dir_out_open(&o, in_dir("folders/mine"), &e), &e);
    CHECK_OK(fill(&o, &e), &e);
    CHECK(file_absent(in_dir("folders/mine")), "there before it is whole");
    CHECK_OK(dir_out_commit(&o, &e), &e);
    dir_out_abort(&o);
    CHECK(holds(in_dir("folders/mine/a"), "a") && holds(in_dir("folders/mine.incomplete/precious"), "x"), "files");
    CHECK(dir_out_open(&o, in_dir("folders/mine/"), &e) == ERR_USAGE && strstr(e.msg, "exists already"), "%s", e.msg);
    CHECK_OK(dir_out_open(&o, in_dir("folders/late"), &e), &e);
    CHECK_OK(fill(&o, &e), &e);
    CHECK_OK(file_mkdirs(in_dir("folders/late"), &e), &e); /* somebody else's, made meanwhile */
    CHECK_OK(file_replace(in_dir("folders/late/b"), "b", 1, &e), &e);
    CHECK(dir_out_commit(&o, &e) == ERR_USAGE && strstr(e.msg, "exists already"), "%s", e.msg);
    dir_out_abort(&o);
    CHECK(holds(in_dir("folders/late/b"), "b") && names_in("folders/late", false) == 1, "files of two");
    CHECK_OK(dir_remove_tree(in_dir("folders/late"), &e), &e);
    CHECK(names_in("folders", false) == 2, "%zu names", names_in("folders", false));
    CHECK_OK(file_mkdirs(in_dir("folders/empty"), &e), &e);
    CHECK_OK(dir_out_open(&o, in_dir("folders/empty"), &e), &e);
    CHECK_OK(fill(&o, &e), &e);
    CHECK_OK(dir_out_commit(&o, &e), &e);
    CHECK(holds(in_dir("folders/empty/a"), "a"), "an empty folder is taken");
    CHECK(dir_out_open_over(&o, in_dir("folders/mine.incomplete"), is_a, &e) == ERR_USAGE && strstr(e.msg, "precious"), "%s",
          e.msg);
    CHECK_OK(dir_out_open_over(&o, in_dir("folders/mine"), is_a, &e), &e);
    CHECK_OK(file_replace(in_dir("folders/mine/a"), "old", 3, &e), &e);
    CHECK_OK(fill(&o, &e), &e);
    CHECK_OK(dir_out_commit(&o, &e), &e);
    CHECK(holds(in_dir("folders/mine/a"), "a") && names_in("folders", true) == 0, "not replaced");
    CHECK_OK(dir_out_open_over(&o, in_dir("folders/mine"), is_a, &e), &e);
    CHECK_OK(file_replace(in_dir("folders/mine/a"), "old", 3, &e), &e);
    CHECK_OK(fill(&o, &e), &e);
    fault_at(FAULT_RENAME, 1, EINVAL); /* a file system that cannot exchange names */
    CHECK_OK(dir_out_commit(&o, &e), &e);
    fault_at(0, 0, 0);
    CHECK(holds(in_dir("folders/mine/a"), "a") && names_in("folders", true) == 0, "not replaced by hand");
    CHECK(symlink("..", in_dir("folders/mine/up")) == 0, "symlink: %s", strerror(errno));
    CHECK_OK(dir_remove_tree(in_dir("folders/mine"), &e), &e);
    CHECK(holds(in_dir("folders/empty/a"), "a") && file_absent(in_dir("folders/mine")), "removed through a link");
    CHECK_OK(dir_remove_tree(in_dir("folders/mine"), &e), &e);
    CHECK(dir_move_new(in_dir("folders/empty"), in_dir("folders/mine.incomplete"), &e) == ERR_USAGE, "%s", e.msg);
}

/* ---- errors ---- */

static void check_errors(void)
{
    char **names;
    size_t n;
    struct err e;
    CHECK(file_absent(in_dir("nothing")) && file_absent(in_dir("victim/x")), "absent");
    static const int errors[] = {EIO, EACCES, ELOOP, ENOMEM};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        fault_at(FAULT_LOOK, 1, errors[i]);
        CHECK(!file_absent(in_dir("victim")), "%s is no absence", strerror(errors[i]));
        fault_at(FAULT_LOOK, 1, errors[i]);
        struct file_look l = file_look(in_dir("nothing"), true);
        int want = errors[i] == ENOMEM ? ERR_MEMORY : ERR_IO;
        CHECK(l.kind == FILE_UNKNOWN && file_known(&l, "nothing", &e) == want, "%s", e.msg);
    }
    for (uint64_t k = 1; k <= 2; k++) { /* the list is whole or an error */
        fault_at(FAULT_LIST, k, EIO);
        CHECK(file_list(&names, &n, dir, &e) == ERR_IO && fault_hit(), "%s", e.msg);
    }
    struct file_map m;
    fault_at(FAULT_MAP, 1, ENOMEM);
    CHECK(file_map(&m, in_dir("victim"), &e) == ERR_MEMORY && strstr(e.msg, "cannot map 8 bytes"), "%s", e.msg);
    struct shared s;
    fault_at(FAULT_MAP, 1, ENOMEM);
    CHECK(shared_create(&s, in_dir("m"), 4096, NULL, &e) == ERR_MEMORY, "%s", e.msg);
    fault_at(FAULT_ANY, 0, 0);
}

/* Every system call of an output fails once, in each way: the old file or the new one, and nothing else beside it. */
static void check_every_call(void)
{
    static const int errors[] = {ENOSPC, EIO, EINTR, FAULT_SHORT, EOPNOTSUPP};
    struct err e;
    CHECK_OK(file_mkdirs(in_dir("calls"), &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        uint64_t k = 1;
        for (bool hit = true; hit && k < 100; k++) {
            CHECK_OK(file_replace(in_dir("calls/f"), "old", 3, &e), &e);
            fault_at(FAULT_ANY, k, errors[i]);
            int rc = file_replace(in_dir("calls/f"), "new text", 8, &e);
            hit = fault_hit();
            fault_at(FAULT_ANY, 0, 0);
            bool old = holds(in_dir("calls/f"), "old"), new = holds(in_dir("calls/f"), "new text");
            CHECK(rc ? old || new : new, "call %d, errno %d: rc %d", (int)k, errors[i], rc);
            bool harmless = errors[i] == EINTR || errors[i] == FAULT_SHORT;
            CHECK(!harmless || rc == OK, "call %d, errno %d: %s", (int)k, errors[i], e.msg);
            CHECK_OK(file_replace(in_dir("calls/f"), "old", 3, &e), &e);
            CHECK(names_in("calls", false) == 1, "call %d, errno %d: %zu names", (int)k, errors[i], names_in("calls", false));
        }
        CHECK(k > 8, "only %d calls", (int)k);
    }
}

/* ---- lines ---- */

static void check_lines(void)
{
    uint64_t size = 0;
    struct err e;
    const char *log = in_dir("log");
    CHECK_OK(file_append(log, "one\n", 4, &size, &e), &e);
    CHECK(size == 4, "%d", (int)size);
    fault_at(FAULT_WRITE, 1, FAULT_SHORT); /* a disk that becomes full */
    CHECK(file_append(log, "two\n", 4, &size, &e) == ERR_IO && holds(log, "one\n"), "a torn line: %s", e.msg);
    fault_at(FAULT_WRITE, 1, EINTR);
    CHECK_OK(file_append(log, "two\n", 4, &size, &e), &e);
    fault_at(FAULT_WRITE | FAULT_TRUNCATE, 1, FAULT_SHORT);
    CHECK(file_append(log, "three\n", 6, &size, &e) == ERR_IO, "%s", e.msg);
    fault_at(FAULT_ANY, 0, 0);
    int fd = open(log, O_WRONLY | O_APPEND); /* a power cut in the middle of a line */
    CHECK(write(fd, "thr", 3) == 3, "%s", strerror(errno));
    close(fd);
    CHECK_OK(file_append(log, "four\n", 5, &size, &e), &e);
    CHECK(holds(log, "one\ntwo\nthr\nfour\n") && size == 17, "glued on: %d bytes", (int)size);
    CHECK_OK(file_sync(log, &e), &e);
    CHECK_OK(file_sync(in_dir("no-log"), &e), &e);
    fault_at(FAULT_SYNC, 1, EIO);
    CHECK(file_sync(log, &e) == ERR_IO, "a sync that failed");
    fault_at(FAULT_ANY, 0, 0);
}

int main(void)
{
    folder_make();
    check_killed();
    check_signal();
    check_forbidden();
    check_two();
    check_links();
    check_targets();
    check_descriptors();
    check_folder();
    check_errors();
    check_every_call();
    check_lines();
    folder_remove();
    return test_end();
}
