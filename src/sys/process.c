/* Starting and ending processes. */
#include "sys/process.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the new process, before it is another program: nothing here may allocate. */
static void become(const char *const *args, int fd, int parent)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL);
    if (fd == PROCESS_FD) fcntl(fd, F_SETFD, 0);
    else if (dup2(fd, PROCESS_FD) < 0) _exit(127);
    execv("/proc/self/exe", (char *const *)args);
    _exit(127);
}

int process_start(int *pid, const char *const *args, int fd, struct err *e)
{
    int parent = getpid();
    *pid = fork();
    if (*pid < 0) FAIL(e, ERR_IO, "a process cannot be started: %s", strerror(errno));
    if (*pid == 0) become(args, fd, parent);
    return OK;
}

void process_signal(int pid, bool hard)
{
    if (pid > 0) kill(pid, hard ? SIGKILL : SIGTERM);
}

bool process_ended(int pid, bool wait, char how[64])
{
    int status, rc;
    do rc = waitpid(pid, &status, wait ? 0 : WNOHANG);
    while (rc < 0 && errno == EINTR);
    if (rc == 0) return false;
    if (rc < 0) snprintf(how, 64, "nobody knows how");
    else if (WIFSIGNALED(status)) snprintf(how, 64, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else snprintf(how, 64, "exit status %d", WEXITSTATUS(status));
    return true;
}
