/* The sandbox: limits, and who is told what; Landlock and the filter have their own files. */
#include "sys/sandbox.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "sys/sandbox_parts.h"

static int limit(int what, rlim_t most, struct err *e)
{
    struct rlimit r;
    if (getrlimit(what, &r) != 0) FAIL(e, ERR_IO, "the sandbox: getrlimit: %s", strerror(errno));
    if (r.rlim_max > most) r.rlim_max = most;
    r.rlim_cur = r.rlim_max;
    if (setrlimit(what, &r) != 0) FAIL(e, ERR_IO, "the sandbox: setrlimit: %s", strerror(errno));
    return OK;
}

int sandbox_enter(enum sandbox_kind kind, const char *const *folders, struct sandbox_posture *got, struct err *e)
{
    bool any = folders && *folders;
    *got = (struct sandbox_posture){0};
    TRY(limit(RLIMIT_CORE, 0, e));
    if (kind == SANDBOX_COMPUTE) TRY(limit(RLIMIT_NPROC, 0, e));
    if (kind == SANDBOX_COMPUTE && !any) TRY(limit(RLIMIT_FSIZE, 0, e));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        FAIL(e, ERR_IO, "the sandbox: prctl: %s", strerror(errno));
    TRY(sandbox_landlock(kind, folders, got, e));
    return sandbox_filter(kind, any, got, e);
}

void sandbox_probe(struct sandbox_posture *p)
{
    *p = (struct sandbox_posture){0};
    p->landlock = landlock_version();
    p->addresses = p->landlock >= 4;
    p->signals = p->landlock >= 6;
    p->filter = sandbox_has_filter();
}

void sandbox_text(char out[200], const struct sandbox_posture *p)
{
    char files[80] = "no Landlock in this kernel: files are not restricted";
    if (p->landlock)
        snprintf(files, sizeof files, "Landlock %d (files%s%s)", p->landlock, p->addresses ? ", addresses" : "",
                 p->signals ? ", signals" : "");
    snprintf(out, 200, "no new privileges, not dumpable, no core; %s; %s", files,
             p->filter ? "system calls are filtered" : "no seccomp: system calls are not filtered");
}
