/* /proc/meminfo, and the limits of control groups (version 2 and 1), whichever is tighter. */
#include "sys/meminfo.h"
#include <stdio.h>
#include <string.h>

/* A file that holds one number; false when it is missing or says "max". */
static bool read_number(const char *path, uint64_t *out)
{
    FILE *f = fopen(path, "re");
    if (!f) return false;
    unsigned long long v;
    bool ok = fscanf(f, "%19llu", &v) == 1;
    fclose(f);
    if (ok) *out = v;
    return ok;
}

/* Lowers *m to what a control group leaves. Memory of the page cache counts as used there, but the kernel gives it
 * back under pressure; memory.stat would tell how much, and its inactive_file line is what others subtract too. */
static void apply_group(struct meminfo *m, const char *limit_path, const char *used_path, const char *stat_path)
{
    uint64_t limit, used, cache = 0;
    if (!read_number(limit_path, &limit) || !read_number(used_path, &used)) return;
    FILE *f = fopen(stat_path, "re");
    if (f) {
        char key[64];
        unsigned long long v;
        while (fscanf(f, "%63s %19llu", key, &v) == 2)
            if (!strcmp(key, "inactive_file")) cache = v;
        fclose(f);
    }
    used = used > cache ? used - cache : 0;
    uint64_t left = limit > used ? limit - used : 0;
    if (limit < m->total) m->total = limit;
    if (left < m->available) m->available = left;
}

void meminfo_read(struct meminfo *m)
{
    *m = (struct meminfo){0};
    FILE *f = fopen("/proc/meminfo", "re");
    if (!f) return;
    char line[128];
    unsigned long long kb;
    bool total = false, available = false;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "MemTotal: %16llu kB", &kb) == 1) {
            m->total = (uint64_t)kb << 10;
            total = true;
        } else if (sscanf(line, "MemAvailable: %16llu kB", &kb) == 1) {
            m->available = (uint64_t)kb << 10;
            available = true;
        }
    }
    fclose(f);
    if (!total || !available) {
        *m = (struct meminfo){0};
        return;
    }
    m->known = true;
    apply_group(m, "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat");
    apply_group(m, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
                "/sys/fs/cgroup/memory/memory.stat");
}
