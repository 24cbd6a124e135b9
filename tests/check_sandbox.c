/* The sandbox: a process that computes has been taken over, and tries what it should not be able to do. Each act is tried in a
 * process of its own, by its first thread and by one that was there before the sandbox, without the sandbox too: what fails
 * anyway (where the kernel or the container refuses it) is told and not counted. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/pool.h"
#include "sys/process.h"
#include "sys/sandbox.h"
#include "tests/folder.h"

/* ---- the acts: true when it could be done ---- */

static int made = -1;               /* a socket that was open before */
static char victim[PATH_MAX];       /* a file */
static int other_port;              /* one of TCP */

static bool read_file(void) { return open("/etc/passwd", O_RDONLY) >= 0; }
static bool read_own(void) { return open("/proc/self/maps", O_RDONLY) >= 0; }
static bool read_victim(void) { return open(victim, O_RDONLY) >= 0; }
static bool write_victim(void) { return open(victim, O_WRONLY) >= 0; }
static bool make_file(void) { return open(in_dir("made"), O_WRONLY | O_CREAT, 0600) >= 0; }
static bool nameless(void) { return open(dir, O_WRONLY | O_TMPFILE, 0600) >= 0; }
static bool list_root(void) { return open("/", O_RDONLY | O_DIRECTORY) >= 0; }
static bool make_folder(void) { return mkdir(in_dir("folder"), 0700) == 0; }
static bool take_away(void) { return unlink(victim) == 0; }
static bool rename_it(void) { return rename(victim, in_dir("renamed")) == 0; }
static bool make_link(void) { return symlink("/etc/passwd", in_dir("symlink")) == 0; }
static bool hard_link(void) { return link(victim, in_dir("hard")) == 0; }
static bool cut(void) { return truncate(victim, 0) == 0; }
static bool open_up(void) { return chmod(victim, 0777) == 0; }
static bool run_program(void)
{
    execl("/bin/false", "false", (char *)NULL); /* its exit status is DONE */
    return false;
}
static bool new_process(void)
{
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    return pid > 0;
}
static void *nothing(void *ctx) { return ctx; }
static bool new_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, nothing, NULL) == 0;
}
static bool socket_of(int family, int type) { return socket(family, type, 0) >= 0; }
static bool tcp(void) { return socket_of(AF_INET, SOCK_STREAM); }
static bool udp(void) { return socket_of(AF_INET, SOCK_DGRAM); }
static bool tcp6(void) { return socket_of(AF_INET6, SOCK_STREAM); }
static bool local(void) { return socket_of(AF_UNIX, SOCK_STREAM); }
static bool netlink(void) { return socket_of(AF_NETLINK, SOCK_RAW); }
static bool pair(void)
{
    int fd[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0;
}
static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}
static bool reach(void)
{
    struct sockaddr_in a = loopback(other_port);
    return connect(made, (struct sockaddr *)&a, sizeof a) == 0;
}
static bool take_port(void)
{
    struct sockaddr_in a = loopback(0);
    return bind(made, (struct sockaddr *)&a, sizeof a) == 0;
}
static bool wait_for_callers(void) { return listen(made, 1) == 0; }
static bool trace(void) { return ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0; }
static bool kill_parent(void) { return kill(getppid(), 0) == 0; }
static bool read_parent(void)
{
    char c;
    struct iovec here = {&c, 1}, there = {&made, 1};
    return process_vm_readv(getppid(), &here, 1, &there, 1, 0) == 1;
}
static bool program_in_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}
static bool memory_to_program(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}
static bool memory_file(void) { return syscall(SYS_memfd_create, "x", 0) >= 0; }
static bool dumpable(void) { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; }
static bool rename_self(void) { return prctl(PR_SET_NAME, "kworker", 0, 0, 0) == 0; }
static bool become(void) { return setuid(getuid()) == 0; }
static bool own_world(void) { return unshare(CLONE_NEWUSER) == 0; }
static bool mount_it(void) { return mount("none", dir, "tmpfs", 0, NULL) == 0; }
static bool new_root(void) { return chroot(dir) == 0; }
static bool ring(void)
{
    char params[128] = {0};
    return syscall(SYS_io_uring_setup, 2, params) >= 0;
}
static bool faults(void) { return syscall(SYS_userfaultfd, 1) >= 0; }
static bool counters(void)
{
    char attr[128] = {0};
    attr[4] = 64;
    attr[0] = 1;
    return syscall(SYS_perf_event_open, attr, 0, -1, -1, 0) >= 0;
}
static bool keyring(void) { return syscall(SYS_add_key, "user", "x", "y", 1, -2) >= 0; }
static bool shared(void) { return shmget(IPC_PRIVATE, 4096, 0600) >= 0; }
static bool messages(void) { return msgget(IPC_PRIVATE, 0600) >= 0; }
static bool watch_files(void) { return inotify_init1(0) >= 0; }
static bool look_at_terminal(void)
{
    int n;
    return ioctl(made, FIONREAD, &n) == 0;
}
static bool other_process(void) { return syscall(SYS_pidfd_open, getppid(), 0) >= 0; }
static bool raise_limit(void)
{
    struct rlimit r = {0, 0};
    return setrlimit(RLIMIT_STACK, &r) == 0;
}
static bool slower_others(void) { return setpriority(PRIO_PROCESS, 0, 5) == 0; }
static bool send_signal(void) { return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0; }
static bool change_folder(void) { return chdir("/") == 0; }

static const struct act {
    const char *name;
    bool (*try)(void);
    bool serve; /* whoever serves may not either */
} acts[] = {
    {"read a file", read_file, false}, {"read its own maps", read_own, false}, {"read the victim", read_victim, false},
    {"write the victim", write_victim, true}, {"make a file", make_file, true}, {"make a nameless file", nameless, true},
    {"list a folder", list_root, false}, {"make a folder", make_folder, true}, {"remove a file", take_away, true},
    {"rename a file", rename_it, true}, {"make a symbolic link", make_link, true}, {"make a hard link", hard_link, true},
    {"cut a file", cut, true}, {"change rights", open_up, false}, {"run a program", run_program, true}, {"start a process", new_process, false},
    {"start a thread", new_thread, false}, {"a socket of TCP", tcp, true}, {"of UDP", udp, true}, {"of IPv6", tcp6, true},
    {"of the file system", local, true}, {"of the kernel", netlink, true}, {"a pair", pair, false}, {"connect", reach, true},
    {"take a port", take_port, true}, {"listen", wait_for_callers, true}, {"trace its parent", trace, true},
    {"signal its parent", kill_parent, true}, {"read its parent's memory", read_parent, true},
    {"memory that can be written and run", program_in_memory, false}, {"memory made a program", memory_to_program, false},
    {"a file in memory", memory_file, true}, {"be dumpable again", dumpable, false}, {"call itself something else", rename_self, false},
    {"change its user", become, true}, {"a namespace of its own", own_world, true}, {"mount", mount_it, true},
    {"change its root", new_root, true}, {"io_uring", ring, true}, {"userfaultfd", faults, true}, {"perf events", counters, true},
    {"keys of the kernel", keyring, true}, {"shared memory", shared, false}, {"message queues", messages, false}, {"watch files", watch_files, false},
    {"ioctl", look_at_terminal, false}, {"a handle of its parent", other_process, false}, {"change limits", raise_limit, false},
    {"change priorities", slower_others, false}, {"signal a thread of its parent", send_signal, true}, {"change its folder", change_folder, false},
};

/* ---- trying ---- */

enum outcome { DENIED, DONE, NO_SANDBOX };
enum way { FREE, FIRST_THREAD, OTHER_THREAD };

struct trial {
    const struct act *act;
    pthread_barrier_t begin;
};

static void *old_thread(void *ctx)
{
    struct trial *t = ctx;
    pthread_barrier_wait(&t->begin);
    pthread_barrier_wait(&t->begin);
    _exit(t->act->try() ? DONE : DENIED);
}

static void in_child(const struct act *a, enum sandbox_kind kind, enum way way)
{
    struct trial t = {.act = a};
    struct sandbox_posture got;
    struct err e;
    pthread_t id;
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    alarm(20);
    if (way == FREE) _exit(a->try() ? DONE : DENIED);
    pthread_barrier_init(&t.begin, NULL, 2);
    pthread_create(&id, NULL, old_thread, &t);
    pthread_barrier_wait(&t.begin);
    if (sandbox_enter(kind, NULL, &got, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        _exit(NO_SANDBOX);
    }
    if (way == FIRST_THREAD) _exit(a->try() ? DONE : DENIED);
    pthread_barrier_wait(&t.begin);
    for (;;) pause();
}

static void new_victim(void)
{
    struct err e;
    static const char *const left[] = {"made", "renamed", "symlink", "hard"};
    for (size_t i = 0; i < ARRAY_LEN(left); i++) unlink(in_dir(left[i]));
    rmdir(in_dir("folder"));
    umount2(dir, MNT_DETACH);
    CHECK_OK(file_replace(victim, "secret\n", 7, &e), &e);
}

/* In a process of its own below another one: what it does to its parent hurts nobody. */
static enum outcome attempt(const struct act *a, enum sandbox_kind kind, enum way way)
{
    int status = -1;
    new_victim();
    if (made >= 0) close(made);
    made = socket(AF_INET, SOCK_STREAM, 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t child = fork();
        if (child == 0) in_child(a, kind, way);
        while (waitpid(child, &status, 0) < 0) {}
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : DENIED);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? (enum outcome)WEXITSTATUS(status) : DENIED;
}

static void test_acts(enum sandbox_kind kind, const char *what)
{
    struct sandbox_posture has;
    int tried = 0, denied = 0, impossible = 0;
    sandbox_probe(&has);
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        const struct act *a = &acts[i];
        if (kind == SANDBOX_SERVE && (!a->serve || !has.landlock)) continue;
        if (attempt(a, kind, FREE) != DONE) {
            fprintf(stderr, "%s: \"%s\" cannot be done here without a sandbox, either\n", what, a->name);
            impossible++;
            continue;
        }
        for (enum way w = FIRST_THREAD; w <= OTHER_THREAD; w++) {
            enum outcome o = attempt(a, kind, w);
            tried++;
            denied += o == DENIED;
            CHECK(o == DENIED, "%s: \"%s\" by %s: %s", what, a->name, w == FIRST_THREAD ? "the first thread" : "an older thread",
                  o == DONE ? "it could" : "there was no sandbox");
        }
    }
    fprintf(stderr, "%s: %d of %d acts denied, each by two threads\n", what, denied / 2, tried / 2);
    if (impossible) test_skip("acts that this machine allows nobody");
    CHECK(tried / 2 >= (kind == SANDBOX_COMPUTE ? 30 : 15) || impossible > 10, "%s: only %d acts could be tried", what,
          tried / 2);
}

/* ---- what goes on ---- */

static int in_process(int (*fn)(void))
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        _exit(fn());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void add_one(void *ctx, int64_t task, int worker)
{
    (void)worker;
    ((int *)ctx)[task]++;
}

/* Memory, threads that are there, a socket, random numbers, files of the folder and no others. 0: all is as it should be. */
static int computing(void)
{
    struct sandbox_posture got;
    struct err e;
    struct pool *pool = NULL;
    int counts[64] = {0}, fd[2], sum = 0;
    unsigned char noise[8];
    char c = 0;
    const char *folder = in_dir("cache"), *inside = in_dir("cache/file"), *outside = in_dir("file");
    const char *folders[] = {folder, NULL};
    if (file_mkdirs(folder, &e) || pool_open(&pool, 3, &e) || socketpair(AF_UNIX, SOCK_STREAM, 0, fd)) return 1;
    if (sandbox_enter(SANDBOX_COMPUTE, folders, &got, &e)) return 2;
    if (got.landlock && got.threads < 3) return 3;
    pool_for(pool, 64, add_one, counts);
    for (int i = 0; i < 64; i++) sum += counts[i];
    if (sum != 64) return 4;
    void *big = mem_alloc(64 << 20);
    if (!big) return 5;
    memset(big, 1, 64 << 20);
    mem_free(big);
    if (send(fd[0], "x", 1, MSG_NOSIGNAL) != 1 || recv(fd[1], &c, 1, 0) != 1 || c != 'x') return 6;
    if (entropy(noise, sizeof noise, &e)) return 7;
    if (file_replace(inside, "kept", 4, &e) || file_append(inside, "more\n", 5, NULL, &e) || file_remove(inside, &e)) return 8;
    if (got.landlock && (!file_replace(outside, "x", 1, &e) || open(victim, O_RDONLY) >= 0)) return 9;
    clock_sleep(0.001);
    pool_close(pool);
    return 0;
}

static const char *self;

/* Whoever serves starts this program, reads files, and writes in its folders. */
static int serving(void)
{
    struct sandbox_posture got;
    struct err e;
    const char *folder = in_dir("logs"), *inside = in_dir("logs/log"), *outside = in_dir("log");
    const char *folders[] = {folder, NULL}, *args[] = {self, "child", NULL};
    int fd[2], pid = 0;
    char how[64];
    if (file_mkdirs(folder, &e) || sandbox_enter(SANDBOX_SERVE, folders, &got, &e)) return 1;
    if (open(victim, O_RDONLY) < 0) return 2;
    if (file_append(inside, "line\n", 5, NULL, &e) || file_replace(in_dir("logs/other"), "x", 1, &e)) return 3;
    if (got.landlock && !file_replace(outside, "x", 1, &e)) return 4;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) || process_start(&pid, args, fd[1], &e)) return 5;
    process_ended(pid, true, how);
    return strcmp(how, "exit status 7") ? 6 : 0;
}

static int listening(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0, "%s", strerror(errno));
    getsockname(fd, (struct sockaddr *)&a, &n);
    other_port = ntohs(a.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    struct sandbox_posture has;
    char text[200];
    if (argc > 1 && !strcmp(argv[1], "child")) return 7;
    self = argv[0];
    folder_make();
    snprintf(victim, sizeof victim, "%s", in_dir("victim"));
    int fd = listening();
    sandbox_probe(&has);
    sandbox_text(text, &has);
    fprintf(stderr, "this kernel: %s\n", text);
    if (!has.filter || !has.landlock) test_skip("the kernel offers less than all");
    if (has.filter) test_acts(SANDBOX_COMPUTE, "a rogue engine");
    if (has.landlock) test_acts(SANDBOX_SERVE, "a rogue server");
    new_victim();
    int rc = in_process(computing);
    CHECK(rc == 0, "computing in the sandbox: step %d", rc);
    rc = in_process(serving);
    CHECK(rc == 0, "serving in the sandbox: step %d", rc);
    close(fd);
    folder_remove();
    return test_end();
}
