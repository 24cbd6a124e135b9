/* The filter of system calls (seccomp, through libseccomp). Whoever computes may do what is listed; whoever serves may not do
 * what is listed. What may not be done fails with EPERM. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/checked.h"
#include "sys/sandbox_parts.h"

/* Memory, threads that are there, time, streams that are open. */
static const char *const computes[] = {
    "read", "write", "readv", "writev", "recvfrom", "poll", "ppoll", "close", "lseek", "fstat",
    "brk", "munmap", "mremap", "madvise", "futex", "sched_yield", "sched_getaffinity", "getrandom", "clock_gettime", "gettimeofday",
    "clock_nanosleep", "nanosleep", "restart_syscall", "rt_sigreturn", "rt_sigaction", "rt_sigprocmask", "sigaltstack", "rseq", "set_robust_list",
    "getpid", "gettid", "exit", "exit_group",
};

/* Files in the folders that Landlock leaves open. */
static const char *const files[] = {
    "openat", "newfstatat", "statx", "pread64", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "getdents64", "unlinkat",
    "renameat", "renameat2", "rename", "linkat", "mkdir", "mkdirat", "unlink", "rmdir", "open", "stat", "lstat", "flock", "statfs",
    "fstatfs", "faccessat", "faccessat2", "access", "readlink", "readlinkat", "msync", "copy_file_range", "utimensat",
};

/* What no server does: reaching outward, into other processes, into the kernel. */
static const char *const never[] = {
    "connect", "socket", "bind", "listen", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "bpf",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key",
    "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "pivot_root", "chroot", "unshare", "setns", "swapon",
    "swapoff", "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "acct", "quotactl",
    "open_by_handle_at", "name_to_handle_at", "personality", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "iopl",
    "ioperm", "modify_ldt", "mknod", "mknodat", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
    "capset", "syslog", "vhangup", "lookup_dcookie", "memfd_create", "memfd_secret",
};

bool sandbox_has_filter(void) { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0; }

static int add(scmp_filter_ctx c, uint32_t action, const char *const *names, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call == __NR_SCMP_ERROR || call < 0) continue; /* this processor or kernel has none of that name */
        int rc = seccomp_rule_add(c, action, call, 0);
        if (rc) FAIL(e, ERR_IO, "the sandbox: a rule for %s: %s", names[i], strerror(-rc));
    }
    return OK;
}

/* Memory that is never a program: no page is executable. */
static int add_memory(scmp_filter_ctx c, struct err *e)
{
    const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, data);
    if (!rc) rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, data);
    if (rc) FAIL(e, ERR_IO, "the sandbox: rules for memory: %s", strerror(-rc));
    return OK;
}

/* Commands of fcntl that concern the descriptor alone; a signal to itself, which ends it; sending to whom a stream leads to. */
static int add_own(scmp_filter_ctx c, struct err *e)
{
    static const int commands[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC};
    int rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    if (!rc) rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_EQ, 0));
    for (size_t i = 0; !rc && i < ARRAY_LEN(commands); i++)
        rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
    if (rc) FAIL(e, ERR_IO, "the sandbox: rules for descriptors: %s", strerror(-rc));
    return OK;
}

static int fill(scmp_filter_ctx c, enum sandbox_kind kind, bool with_files, struct err *e)
{
    if (kind == SANDBOX_SERVE) return add(c, SCMP_ACT_ERRNO(EPERM), never, ARRAY_LEN(never), e);
    TRY(add(c, SCMP_ACT_ALLOW, computes, ARRAY_LEN(computes), e));
    if (with_files) TRY(add(c, SCMP_ACT_ALLOW, files, ARRAY_LEN(files), e));
    TRY(add_memory(c, e));
    return add_own(c, e);
}

int sandbox_filter(enum sandbox_kind kind, bool with_files, struct sandbox_posture *got, struct err *e)
{
    if (!sandbox_has_filter()) return OK;
    scmp_filter_ctx c = seccomp_init(kind == SANDBOX_SERVE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
    if (!c) FAIL(e, ERR_MEMORY, "the sandbox: out of memory");
    int rc = fill(c, kind, with_files, e), no = 0;
    if (!rc) no = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!rc && !no) no = seccomp_load(c);
    seccomp_release(c);
    if (rc) return rc;
    if (no == -EINVAL || no == -ENOSYS) return OK; /* not in this kernel */
    if (no) FAIL(e, ERR_IO, "the sandbox: the filter of system calls: %s", strerror(-no));
    got->filter = true;
    return OK;
}
