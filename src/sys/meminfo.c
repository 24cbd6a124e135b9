/* /proc/meminfo, and what lowers it: the limits of control groups, and of addresses (ulimit -v). */
#include "sys/meminfo.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void read_system(struct meminfo *m, const char *root)
{
    char line[128];
    unsigned long long kb;
    bool total = false, available = false;
    FILE *f = system_text(root, "/proc/meminfo");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "MemTotal: %16llu kB", &kb) == 1) {
            m->total = (uint64_t)kb << 10;
            total = true;
        } else if (sscanf(line, "MemAvailable: %16llu kB", &kb) == 1) {
            m->available = (uint64_t)kb << 10;
            available = true;
        }
    }
    if (f) fclose(f);
    m->known = total && available;
    if (!m->known) m->total = m->available = 0;
    else {
        snprintf(m->total_from, sizeof m->total_from, "/proc/meminfo");
        snprintf(m->available_from, sizeof m->available_from, "/proc/meminfo");
    }
}

static void lower(struct meminfo *m, uint64_t total, const char *total_from, uint64_t left, const char *left_from)
{
    if (total < UINT64_MAX && (!m->known || total < m->total)) {
        m->total = total;
        snprintf(m->total_from, sizeof m->total_from, "%s", total_from);
    }
    if (left < UINT64_MAX && (!m->known || left < m->available)) {
        m->available = left;
        snprintf(m->available_from, sizeof m->available_from, "%s", left_from);
    }
    m->known |= total < UINT64_MAX && left < UINT64_MAX;
}

/* Batch systems limit the addresses of a process, in use or not. */
static void apply_addresses(struct meminfo *m)
{
    struct rlimit r;
    unsigned long long pages;
    if (getrlimit(RLIMIT_AS, &r) != 0 || r.rlim_cur == RLIM_INFINITY) return;
    FILE *f = system_text("", "/proc/self/statm");
    if (!f) return;
    uint64_t used = fscanf(f, "%16llu", &pages) == 1 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    fclose(f);
    lower(m, r.rlim_cur, "ulimit -v", r.rlim_cur > used ? r.rlim_cur - used : 0, "ulimit -v");
}

void meminfo_read_at(struct meminfo *m, const char *root)
{
    struct cgroup g;
    *m = (struct meminfo){0};
    read_system(m, root);
    cgroup_read(&g, root);
    lower(m, g.memory, g.memory_file, g.memory_left, g.memory_left_file);
    apply_addresses(m);
}

void meminfo_read(struct meminfo *m) { meminfo_read_at(m, ""); }
