/* What this process may use of a machine: control groups of both versions, in every way that containers and batch systems show
 * them, written into a folder; affinity on machines with more than 1,024 processors; limits of addresses; hostile texts. */
#include "base/mem.h"
#include "base/rng.h"
#include "sys/bandwidth.h"
#include "sys/cpu.h"
#include "sys/file.h"
#include "sys/meminfo.h"
#include "tests/folder.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a machine of our own ---- */

static int fake_cpus, fake_mask; /* processors that the process may use, and bits of the kernel's mask; 0: the real ones */

/* In place of the C library's. */
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
    if (!fake_mask) return syscall(SYS_sched_getaffinity, pid, bytes, set) < 0 ? -1 : 0;
    if (bytes * 8 < (size_t)fake_mask) {
        errno = EINVAL;
        return -1;
    }
    memset(set, 0, bytes);
    for (int i = 0; i < fake_cpus; i++) CPU_SET_S(i, bytes, set);
    return 0;
}

static void put(const char *root, const char *path, const char *text, size_t n)
{
    char full[PATH_MAX], up[PATH_MAX];
    struct err e = {0};
    snprintf(full, sizeof full, "%s%s", root, path);
    CHECK_OK(path_dir(up, sizeof up, full, &e), &e);
    CHECK_OK(file_mkdirs(up, &e), &e);
    FILE *f = fopen(full, "wbe"); /* thousands of times: not synced */
    CHECK(f && fwrite(text, 1, n, f) == n && fclose(f) == 0, "%s cannot be written", full);
}

enum { FILES = 12 };
struct machine {
    const char *name;
    struct {
        const char *path, *text;
    } files[FILES];
    double processors;
    uint64_t memory, left; /* in MiB; 0: no limit. left UINT64_MAX: nothing is left */
    const char *memory_file, *processors_file; /* the end of the name; NULL: whatever */
};

#define OWN "/proc/self/cgroup"
#define MOUNTS "/proc/self/mountinfo"
#define M(n) #n "000000" /* not MiB: figures below are rounded to these */
static const char v2_mount[] = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
static const char v1_mounts[] = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
                                "35 31 0:32 / /sys/fs/cgroup/memory rw shared:10 master:1 - cgroup cgroup rw,memory\n";

static const struct machine machines[] = {
    {"no groups at all", {{OWN, ""}}, 0, 0, 0, NULL, NULL},
    {"version 2: limits of parents, one of them tighter",
     {{OWN, "0::/user.slice/job/step\n"},
      {MOUNTS, v2_mount},
      {"/sys/fs/cgroup/user.slice/memory.max", M(3000)},
      {"/sys/fs/cgroup/user.slice/memory.current", M(2900)},
      {"/sys/fs/cgroup/user.slice/memory.stat",
       "anon 5\ninactive_file " M(100) "\nactive_file " M(200) "\nslab_reclaimable " M(50) "\n"},
      {"/sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n"},
      {"/sys/fs/cgroup/user.slice/job/memory.max", M(1000)},
      {"/sys/fs/cgroup/user.slice/job/memory.current", M(100)},
      {"/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n"},
      {"/sys/fs/cgroup/user.slice/job/step/memory.max", "max\n"},
      {"/sys/fs/cgroup/user.slice/job/step/memory.current", M(100)},
      {"/sys/fs/cgroup/user.slice/job/step/cpu.max", "400000 200000\n"}},
     1.5, 1000, 450, "/job/memory.max", "user.slice/cpu.max"},
    {"version 2, a namespace: the mount begins at the process's group",
     {{OWN, "0::/\n"},
      {MOUNTS, v2_mount},
      {"/sys/fs/cgroup/memory.max", M(600)},
      {"/sys/fs/cgroup/memory.current", M(500)},
      {"/sys/fs/cgroup/memory.stat", "active_file " M(480)},
      {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}},
     0.5, 600, 580, "memory.max", "cpu.max"},
    {"memory.high holds back before memory.max",
     {{OWN, "0::/a\n"},
      {MOUNTS, v2_mount},
      {"/sys/fs/cgroup/a/memory.max", M(600)},
      {"/sys/fs/cgroup/a/memory.high", M(400)},
      {"/sys/fs/cgroup/a/memory.current", M(100)}},
     0, 400, 300, "/a/memory.high", NULL},
    {"version 1: own group, and its parents",
     {{OWN, "5:memory:/slurm/uid/job\n3:cpu,cpuacct:/slurm/uid\n1:name=systemd:/x\n"},
      {MOUNTS, v1_mounts},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {"/sys/fs/cgroup/memory/memory.usage_in_bytes", M(9000)},
      {"/sys/fs/cgroup/memory/slurm/uid/job/memory.limit_in_bytes", M(800)},
      {"/sys/fs/cgroup/memory/slurm/uid/job/memory.usage_in_bytes", M(700)},
      {"/sys/fs/cgroup/memory/slurm/uid/job/memory.stat",
       "active_file 1\ninactive_file 1\ntotal_inactive_file " M(300) "\ntotal_active_file " M(200)},
      {"/sys/fs/cgroup/memory/slurm/uid/memory.limit_in_bytes", M(900)},
      {"/sys/fs/cgroup/memory/slurm/uid/memory.usage_in_bytes", M(600)},
      {"/sys/fs/cgroup/cpu,cpuacct/slurm/uid/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us", "25000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us", "10000\n"}},
     2.5, 800, 300, "job/memory.limit_in_bytes", "slurm/cpu.cfs_quota_us"},
    {"version 1, a parent that the container does not see",
     {{OWN, "5:memory:/docker/abc\n"},
      {MOUNTS, "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {"/sys/fs/cgroup/memory/memory.usage_in_bytes", M(50)},
      {"/sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit " M(250) "\n"}},
     0, 250, 200, "memory.stat", NULL},
    {"a group mounted over the hierarchy's place",
     {{OWN, "5:memory:/bugs\n"},
      {MOUNTS, "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
               "77 35 0:32 /bugs /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", M(420)},
      {"/sys/fs/cgroup/memory/memory.usage_in_bytes", M(20)}},
     0, 420, 400, NULL, NULL},
    {"both versions: the controllers are with version 1",
     {{OWN, "4:memory:/a\n1:cpu:/\n0::/a\n"},
      {MOUNTS, "33 31 0:30 / /cg/cpu rw - cgroup cgroup rw,cpu\n35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n"
               "36 31 0:33 / /cg/unified rw - cgroup2 cgroup2 rw\n"},
      {"/cg/memory/a/memory.limit_in_bytes", M(500)},
      {"/cg/memory/a/memory.usage_in_bytes", M(500)},
      {"/cg/cpu/cpu.cfs_quota_us", "300000\n"}},
     3, 500, UINT64_MAX, NULL, "cpu.cfs_quota_us"},
    {"a path that leads out of the mount, and a mount from outside of the namespace",
     {{OWN, "0::/../other\n4:memory:/\n"},
      {MOUNTS, "36 31 0:33 / /cg/in rw - cgroup2 cgroup2 rw\n37 31 0:32 /lxc/one /cg/memory rw - cgroup cgroup rw,memory\n"},
      {"/cg/other/cpu.max", "1000 100000"},
      {"/cg/in/cpu.max", "200000 100000"},
      {"/cg/memory/memory.limit_in_bytes", M(300)},
      {"/cg/memory/memory.usage_in_bytes", M(100)}},
     2, 300, 200, NULL, "/cg/in/cpu.max"},
    {"a namespace that begins above: both say so",
     {{OWN, "0::/../other\n"},
      {MOUNTS, "36 31 0:33 /.. /cg rw - cgroup2 cgroup2 rw\n"},
      {"/cg/other/cpu.max", "70000 100000"}},
     0.7, 0, 0, NULL, "/cg/other/cpu.max"},
    {"blanks and colons in names",
     {{OWN, "0::/my job: 1\n"},
      {MOUNTS, "36 31 0:33 / /cg\\040two rw - cgroup2 cgroup2 rw\n"},
      {"/cg two/my job: 1/cpu.max", "70000 100000"}},
     0.7, 0, 0, NULL, "/cg two/my job: 1/cpu.max"},
    {"a name of which another is the beginning",
     {{OWN, "0::/jobs2/x\n"},
      {MOUNTS, "36 31 0:33 /jobs /cg/a rw - cgroup2 cgroup2 rw\n37 31 0:33 /jobs2 /cg/b rw - cgroup2 cgroup2 rw\n"},
      {"/cg/a/cpu.max", "10000 100000"},
      {"/cg/b/x/cpu.max", "90000 100000"}},
     0.9, 0, 0, NULL, "/cg/b/x/cpu.max"},
    {"numbers that are none",
     {{OWN, "0::/a\n"},
      {MOUNTS, v2_mount},
      {"/sys/fs/cgroup/a/memory.max", "-5\n"},
      {"/sys/fs/cgroup/a/memory.current", "99999999999999999999999999\n"},
      {"/sys/fs/cgroup/a/cpu.max", "100000 0\n"},
      {"/sys/fs/cgroup/memory.max", "12abc"},
      {"/sys/fs/cgroup/memory.current", "1"},
      {"/sys/fs/cgroup/cpu.max", "0 100000\n"}},
     0, 0, 0, NULL, NULL},
};

static void write_machine(const char *root, const struct machine *m)
{
    for (int i = 0; i < FILES && m->files[i].path; i++) put(root, m->files[i].path, m->files[i].text, strlen(m->files[i].text));
}

static uint64_t millions(uint64_t bytes)
{
    return bytes == UINT64_MAX ? 0 : bytes == 0 ? UINT64_MAX : (bytes + 500000) / 1000000;
}

static bool ends(const char *file, const char *end) { return !end || (str_ends_with(file, end) && file[0] == '/'); }

static void check_groups(void)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const struct machine *m = &machines[i];
        struct cgroup g;
        char root[PATH_MAX], name[32];
        snprintf(name, sizeof name, "machine%zu", i);
        snprintf(root, sizeof root, "%s", in_dir(name));
        write_machine(root, m);
        cgroup_read(&g, root);
        CHECK(g.processors > m->processors - 1e-9 && g.processors < m->processors + 1e-9, "%s: %g processors", m->name,
              g.processors);
        CHECK(millions(g.memory) == m->memory && millions(g.memory_left) == m->left, "%s: limit %llu, left %llu", m->name,
              (unsigned long long)g.memory, (unsigned long long)g.memory_left);
        CHECK(ends(g.memory_file, m->memory_file) && ends(g.processors_file, m->processors_file), "%s: from %s and %s", m->name,
              g.memory_file, g.processors_file);
        CHECK(!g.memory_file[0] == !m->memory && !g.processors_file[0] == !(m->processors > 0), "%s: from %s and %s", m->name,
              g.memory_file, g.processors_file);
    }
}

/* ---- hostile texts ---- */

static void check_long_lines(void)
{
    static char text[70000];
    struct cgroup g;
    char root[PATH_MAX];
    snprintf(root, sizeof root, "%s", in_dir("long"));
    put(root, OWN, "0::/a\n", 6);
    memset(text, 'x', sizeof text); /* a line beyond every buffer, then a good one; then one without an end */
    snprintf(text + 40000, 200, "\n%s", v2_mount);
    size_t n = strlen(text);
    memset(text + n, ' ', sizeof text - n);
    put(root, MOUNTS, text, sizeof text);
    put(root, "/sys/fs/cgroup/a/cpu.max", "100000 100000", 13);
    cgroup_read(&g, root);
    CHECK(g.processors > 0.99 && g.processors < 1.01, "behind a long line: %g processors", g.processors);
    memset(text, '/', 6000);
    memcpy(text, "0::", 3);
    put(root, OWN, text, 6000); /* a path beyond PATH_MAX */
    cgroup_read(&g, root);
    CHECK(g.processors < 0.1, "%g processors out of a path of 6,000 bytes", g.processors);
    put(root, OWN, "0::/a\0b\n", 8);
    cgroup_read(&g, root);
    CHECK(g.memory == UINT64_MAX, "NUL in a path");
}

/* Bytes of the three texts changed at random: no crash, and what is left never exceeds the limit. */
static void check_mutations(void)
{
    char root[PATH_MAX], text[3][4096];
    static const char *const names[3] = {OWN, MOUNTS, "/sys/fs/cgroup/user.slice/memory.stat"};
    const struct machine *m = &machines[1];
    struct err e = {0};
    size_t len[3];
    snprintf(root, sizeof root, "%s", in_dir("mutated"));
    write_machine(root, m);
    for (int f = 0; f < 3; f++) {
        char path[PATH_MAX], *read;
        snprintf(path, sizeof path, "%s%s", root, names[f]);
        CHECK_OK(file_read(&read, &len[f], path, sizeof text[f], &e), &e);
        memcpy(text[f], read, len[f]);
        mem_free(read);
    }
    int bad = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        struct cgroup g;
        char changed[4096];
        int f = (int)(i % 3);
        memcpy(changed, text[f], len[f]);
        for (uint64_t k = 0; k < 1 + i % 5; k++) changed[rng_below(1, i, 2 * k, len[f])] = (char)rng_below(1, i, 2 * k + 1, 256);
        put(root, names[f], changed, i % 7 ? len[f] : (size_t)rng_below(1, i, 99, len[f]));
        cgroup_read(&g, root);
        bad += g.memory_left > g.memory;
        put(root, names[f], text[f], len[f]);
    }
    CHECK(bad == 0, "%d times more is left than the limit", bad);
}

/* ---- processors and memory ---- */

static void put_quota(const char *root, const char *quota)
{
    put(root, OWN, "0::/\n", 5);
    put(root, MOUNTS, v2_mount, sizeof v2_mount - 1);
    put(root, "/sys/fs/cgroup/cpu.max", quota, strlen(quota));
}

static void check_processors(void)
{
    static const struct {
        int cpus, mask;
        const char *quota;
        int count;
    } cases[] = {
        {4, 64, "max 100000", 4},
        {4, 64, "50000 100000", 1},
        {4, 64, "100000 100000", 1},
        {4, 64, "150000 100000", 1},
        {4, 64, "390000 100000", 3},
        {4, 64, "400000 100000", 4},
        {4, 64, "900000 100000", 4},
        {1000, 4096, "max 100000", 1000},
        {1500, 8192, "max 100000", 1024},
        {1500, 8192, "64000000 1000000", 64},
        {1, 1 << 20, "max 100000", 1},
        {70, 1 << 21, "max 100000", 1}, /* a mask beyond any that there is: one processor is certain */
    };
    char root[PATH_MAX];
    struct cpus c;
    snprintf(root, sizeof root, "%s", in_dir("quota"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake_cpus = cases[i].cpus;
        fake_mask = cases[i].mask;
        put_quota(root, cases[i].quota);
        cpus_read(&c, root);
        CHECK(c.count == cases[i].count, "%d processors in a mask of %d, quota %s: %d threads, expected %d", cases[i].cpus,
              cases[i].mask, cases[i].quota, c.count, cases[i].count);
        CHECK(!c.from[0] == !(c.quota > 0), "quota %g from \"%s\"", c.quota, c.from);
    }
    fake_mask = 0;
    CHECK(cpu_count() >= 1 && cpu_count() <= POOL_MOST, "%d", cpu_count());
}

static void check_memory(void)
{
    static const char system[] = "MemTotal:        8000000 kB\nMemFree: 5 kB\nMemAvailable:    6000000 kB\n";
    struct meminfo m;
    char root[PATH_MAX];
    snprintf(root, sizeof root, "%s", in_dir("memory"));
    meminfo_read_at(&m, root);
    CHECK(!m.known && m.total == 0 && m.available == 0, "a system that tells nothing");
    put(root, "/proc/meminfo", system, sizeof system - 1);
    meminfo_read_at(&m, root);
    CHECK(m.known && m.total == UINT64_C(8000000) << 10 && m.available == UINT64_C(6000000) << 10, "without groups: %llu of %llu",
          (unsigned long long)m.available, (unsigned long long)m.total);
    CHECK(!strcmp(m.total_from, "/proc/meminfo") && !strcmp(m.available_from, "/proc/meminfo"), "from %s", m.total_from);
    put(root, OWN, "0::/a\n", 6);
    put(root, MOUNTS, v2_mount, sizeof v2_mount - 1);
    put(root, "/sys/fs/cgroup/a/memory.max", "629145600\n", 10);
    put(root, "/sys/fs/cgroup/a/memory.current", "700000000\n", 10);
    meminfo_read_at(&m, root);
    CHECK(m.known && m.total == 629145600 && m.available == 0 && ends(m.available_from, "/a/memory.max"),
          "a group that is full: %llu of %llu from %s", (unsigned long long)m.available, (unsigned long long)m.total,
          m.available_from);
    put(root, "/sys/fs/cgroup/a/memory.max", "9000000000\n", 11); /* more than the machine has */
    meminfo_read_at(&m, root);
    CHECK(m.total == UINT64_C(8000000) << 10 && !strcmp(m.total_from, "/proc/meminfo"), "%llu", (unsigned long long)m.total);
    meminfo_read(&m);
    CHECK(m.known && m.total_from[0] == '/' && m.available <= m.total, "this machine: %llu of %llu",
          (unsigned long long)m.available, (unsigned long long)m.total);
}

/* In a child: the limit stays. */
static void check_addresses(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct meminfo before, after;
        struct rlimit r = {UINT64_C(1) << 46, RLIM_INFINITY}; /* a sanitizer's shadow has more addresses than most limits */
        meminfo_read(&before);
        if (setrlimit(RLIMIT_AS, &r) != 0) _exit(2);
        meminfo_read(&after);
        if (after.available != before.available && after.available > before.available + (64 << 20)) _exit(3);
        FILE *f = fopen("/proc/self/statm", "re");
        unsigned long long pages = 0;
        if (!f || fscanf(f, "%llu", &pages) != 1) _exit(4);
        fclose(f);
        r.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (100 << 20);
        if (setrlimit(RLIMIT_AS, &r) != 0) _exit(5);
        meminfo_read(&after);
        _exit(after.available <= 100 << 20 && after.available > 90 << 20 && !strcmp(after.available_from, "ulimit -v") ? 0 : 6);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ulimit -v: the child ended with %d", status);
}

/* The probe of the memory's speed stays within what it may take. */
static void check_probe(void)
{
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    CHECK(bandwidth_read(NULL, 40 << 20) <= 0, "a probe in 20 MiB says something");
    CHECK(bandwidth_read(NULL, 128 << 20) > 0, "a probe in 64 MiB says nothing");
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 80 << 10, "the probe took %ld KiB", after.ru_maxrss - before.ru_maxrss);
}

int main(void)
{
    folder_make();
    check_groups();
    check_long_lines();
    check_mutations();
    check_processors();
    check_memory();
    check_addresses();
    check_probe();
    folder_remove();
    return test_end();
}
