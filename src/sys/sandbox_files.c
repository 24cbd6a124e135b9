/* Landlock: which files, addresses and processes can be reached. By its system calls directly, since headers and libraries are
 * older than kernels. Its rules hold for a thread and those that it starts: they are put on the others by a signal, which each
 * takes once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/checked.h"
#include "sys/calls.h"
#include "sys/clock.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/sandbox_parts.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* Rights on files, by bit; each is known since a version of the interface. */
enum {
    EXECUTE = 1 << 0, WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3, REMOVE_DIR = 1 << 4, REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6, MAKE_DIR = 1 << 7, MAKE_REG = 1 << 8, MAKE_SOCK = 1 << 9, MAKE_FIFO = 1 << 10, MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12, REFER = 1 << 13, TRUNCATE = 1 << 14, IOCTL_DEV = 1 << 15,
};
enum {
    READS = READ_FILE | READ_DIR,
    WRITES = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE,
    OTHERS = MAKE_CHAR | MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | IOCTL_DEV,
    NET_BOTH = 3,  /* bind, connect */
    SCOPE_BOTH = 3, /* abstract sockets, signals */
    ADD_BENEATH = 1,
};

struct ruleset {
    uint64_t files, addresses, scopes;
};
struct beneath {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

static uint64_t known_files(int version)
{
    uint64_t all = READS | WRITES | OTHERS | EXECUTE;
    if (version < 2) all &= ~(uint64_t)REFER;
    if (version < 3) all &= ~(uint64_t)TRUNCATE;
    if (version < 5) all &= ~(uint64_t)IOCTL_DEV;
    return all;
}

int landlock_version(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    return v > 0 ? (int)v : 0;
}

/* What is not there cannot be reached anyway. */
static int allow(int rules, const char *path, uint64_t rights, struct err *e)
{
    struct beneath b = {.allowed = rights, .folder = sys_open(path, O_PATH, 0)};
    if (b.folder < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return OK;
    long rc = b.folder < 0 ? -1 : syscall(SYS_landlock_add_rule, rules, ADD_BENEATH, &b, 0);
    int no = errno;
    if (b.folder >= 0) sys_close(b.folder);
    if (rc != 0) FAIL(e, ERR_IO, "the sandbox: a rule for %s: %s", path, strerror(no));
    return OK;
}

/* This program, and what starts it; folders to write in. */
static int allow_all(int rules, enum sandbox_kind kind, uint64_t known, const char *const *folders, struct err *e)
{
    static const char *const loaders[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/gnu/store"};
    for (const char *const *f = folders; f && *f; f++) TRY(allow(rules, *f, (READS | WRITES) & known, e));
    if (kind == SANDBOX_COMPUTE) return OK;
    TRY(allow(rules, "/proc/self/exe", EXECUTE, e));
    for (size_t i = 0; i < ARRAY_LEN(loaders); i++) TRY(allow(rules, loaders[i], EXECUTE, e));
    return allow(rules, "/dev", WRITE_FILE, e);
}

/* ---- all threads ---- */

struct everybody {
    int rules;
    atomic_int done, failed;
};

static bool restrict_this(int rules)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    struct everybody *all = info->si_value.sival_ptr;
    int before = errno;
    (void)number, (void)context;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid()) return;
    if (!restrict_this(all->rules)) atomic_fetch_add(&all->failed, 1);
    atomic_fetch_add(&all->done, 1);
    errno = before;
}

static int send_to(int thread, struct everybody *all)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = all;
    return (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGUSR2, &info);
}

static int restrict_others(struct everybody *all, int *threads, struct err *e)
{
    char **names = NULL;
    size_t n = 0;
    int sent = 0;
    double end = clock_seconds() + 10;
    TRY(file_list(&names, &n, "/proc/self/task", e));
    for (size_t i = 0; i < n; i++) {
        int thread = (int)strtol(names[i], NULL, 10);
        if (thread > 0 && thread != gettid() && send_to(thread, all) == 0) sent++;
    }
    names_free(names, n);
    while (atomic_load(&all->done) < sent && clock_seconds() < end) clock_sleep(0.0005);
    *threads = sent + 1;
    if (atomic_load(&all->done) == sent && atomic_load(&all->failed) == 0) return OK;
    FAIL(e, ERR_IO, "the sandbox: %d of %d threads are not in it",
         sent - atomic_load(&all->done) + atomic_load(&all->failed), sent);
}

static int restrict_all(int rules, int *threads, struct err *e)
{
    struct everybody all = {.rules = rules};
    struct sigaction before, mine = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&mine.sa_mask);
    if (sigaction(SIGUSR2, &mine, &before) != 0) FAIL(e, ERR_IO, "the sandbox: sigaction: %s", strerror(errno));
    int rc = restrict_others(&all, threads, e); /* this one last: it reads /proc */
    if (!rc && !restrict_this(rules)) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "the sandbox: Landlock: %s", strerror(errno));
    sigaction(SIGUSR2, &before, NULL);
    return rc;
}

int sandbox_landlock(enum sandbox_kind kind, const char *const *folders, struct sandbox_posture *got, struct err *e)
{
    int version = landlock_version();
    uint64_t known = known_files(version), front = (WRITES | OTHERS | EXECUTE) & known & ~(uint64_t)IOCTL_DEV;
    struct ruleset r = {.files = kind == SANDBOX_COMPUTE ? known : front, .addresses = version >= 4 ? NET_BOTH : 0,
                        .scopes = version >= 6 ? SCOPE_BOTH : 0};
    size_t size = version >= 6 ? sizeof r : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    if (version == 0) return OK;
    int rules = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
    if (rules < 0) FAIL(e, ERR_IO, "the sandbox: Landlock: %s", strerror(errno));
    uint64_t allowed = kind == SANDBOX_COMPUTE ? known : front;
    int rc = allow_all(rules, kind, allowed, folders, e);
    if (!rc) rc = restrict_all(rules, &got->threads, e);
    sys_close(rules);
    if (rc) return rc;
    got->landlock = version;
    got->addresses = r.addresses != 0;
    got->signals = r.scopes != 0;
    return OK;
}
