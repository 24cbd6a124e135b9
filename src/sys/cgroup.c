/* Control groups, as /proc/self/cgroup names this process's and /proc/self/mountinfo tells where they can be read.
 *
 * A group is a path in a hierarchy; a mount shows the hierarchy from a root on, in a container often from the process's own
 * group on. What the path has beyond the mount's root is the folder below the mount point; every folder from there up to
 * the mount point may hold a limit. */
#include "sys/cgroup.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_CAP = 1 << 14, FIELDS = 64, SMALL = 128 };
static const uint64_t NO_LIMIT = UINT64_C(1) << 62; /* how version 1 writes that there is none is larger */

/* The hierarchies that matter here: what they are called in /proc/self/cgroup and among the options of a mount. */
enum kind { KIND_V2, KIND_V1_MEMORY, KIND_V1_CPU, KINDS };
static const struct {
    const char *type, *controller; /* of the file system; NULL: all controllers in one */
} kinds[KINDS] = {{"cgroup2", NULL}, {"cgroup", "memory"}, {"cgroup", "cpu"}};

struct reader {
    const char *root;
    struct cgroup *g;
    char own[KINDS][PATH_MAX]; /* the process's path in the hierarchy; "": it is in none */
    bool found[KINDS];         /* a mount has shown this path */
};

/* ---- text ---- */

/* The next line without its end; lines that are too long are left out. */
static bool next_line(FILE *f, char line[LINE_CAP])
{
    bool whole = true;
    while (fgets(line, LINE_CAP, f)) {
        char *end = strchr(line, '\n');
        if (end) *end = 0;
        if (whole && (end || feof(f))) return true;
        whole = end != NULL;
    }
    return false;
}

FILE *system_text(const char *root, const char *path)
{
    char full[2 * PATH_MAX];
    return snprintf(full, sizeof full, "%s%s", root, path) < (int)sizeof full ? fopen(full, "re") : NULL;
}

/* A word of a list that commas divide. */
static bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !memcmp(at, word, n)) return true;
    return false;
}

/* Digits; "max", signs and what overflows are no number. */
static bool parse_number(const char *text, uint64_t *out)
{
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || (*end && *end != ' ' && *end != '\n')) return false;
    *out = v;
    return true;
}

/* Octal escapes of mountinfo, in place. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        bool octal = s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7';
        *to++ = octal ? (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0')) : *s;
        if (octal) s += 3;
    }
    *to = 0;
}

/* ---- the files of one group ---- */

static bool read_text(const struct reader *r, const char *dir, const char *name, char text[SMALL])
{
    char path[PATH_MAX + SMALL];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = system_text(r->root, path);
    if (!f) return false;
    bool ok = fgets(text, SMALL, f) != NULL;
    fclose(f);
    return ok;
}

static bool read_number(const struct reader *r, const char *dir, const char *name, uint64_t *out)
{
    char text[SMALL];
    return read_text(r, dir, name, text) && parse_number(text, out);
}

static void name_file(char out[CGROUP_FILE], const char *dir, const char *name)
{
    char path[PATH_MAX + SMALL];
    size_t n = (size_t)snprintf(path, sizeof path, "%s/%s", dir, name);
    size_t cut = n < CGROUP_FILE ? 0 : n - (CGROUP_FILE - 1);
    memcpy(out, path + cut, n - cut + 1);
    for (size_t i = 0; cut && i < 3; i++) out[i] = '.';
    for (char *c = out; *c; c++) /* whoever makes a group names it */
        if (*c < ' ' || *c > '~') *c = '?';
}

/* What the kernel takes back when it is needed: pages of files, whether they were used lately or not, and caches of its own. */
static uint64_t read_reclaimable(const struct reader *r, const char *dir, bool v2, uint64_t *hidden)
{
    static const char *const keys[2][3] = {{"total_inactive_file", "total_active_file", ""},
                                           {"inactive_file", "active_file", "slab_reclaimable"}};
    char path[PATH_MAX + SMALL], line[LINE_CAP];
    uint64_t sum = 0, v;
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    FILE *f = system_text(r->root, path);
    while (f && next_line(f, line)) {
        char *value = strchr(line, ' ');
        if (!value || !parse_number(value + 1, &v)) continue;
        *value = 0;
        if (!v2 && !strcmp(line, "hierarchical_memory_limit")) *hidden = v;
        for (int i = 0; i < 3; i++)
            if (!strcmp(line, keys[v2][i])) sum = v > UINT64_MAX - sum ? UINT64_MAX : sum + v;
    }
    if (f) fclose(f);
    return sum;
}

static void limit_memory(struct cgroup *g, uint64_t limit, uint64_t used, const char *dir, const char *name)
{
    if (limit >= NO_LIMIT) return;
    uint64_t left = limit > used ? limit - used : 0;
    if (limit < g->memory) {
        g->memory = limit;
        name_file(g->memory_file, dir, name);
    }
    if (left < g->memory_left) {
        g->memory_left = left;
        name_file(g->memory_left_file, dir, name);
    }
}

/* memory.high slows a group down instead of ending it, so that it is a limit too. Version 1 tells the lowest limit of all
 * parents, also of those that a container does not see. */
static void read_memory(const struct reader *r, const char *dir, bool v2)
{
    static const char *const limits[2][2] = {{"memory.limit_in_bytes", ""}, {"memory.max", "memory.high"}};
    uint64_t limit, used = 0, hidden = UINT64_MAX;
    if (!read_number(r, dir, v2 ? "memory.current" : "memory.usage_in_bytes", &used)) return;
    uint64_t back = read_reclaimable(r, dir, v2, &hidden);
    used = used > back ? used - back : 0;
    for (int i = 0; i < 2; i++)
        if (*limits[v2][i] && read_number(r, dir, limits[v2][i], &limit)) limit_memory(r->g, limit, used, dir, limits[v2][i]);
    if (hidden < r->g->memory) limit_memory(r->g, hidden, used, dir, "memory.stat");
}

static void read_quota(const struct reader *r, const char *dir, bool v2)
{
    char text[SMALL];
    const char *name = v2 ? "cpu.max" : "cpu.cfs_quota_us", *space;
    uint64_t quota, period = 100000; /* the kernel's default */
    if (!read_text(r, dir, name, text) || !parse_number(text, &quota)) return;
    if (!v2) read_number(r, dir, "cpu.cfs_period_us", &period);
    else if ((space = strchr(text, ' '))) parse_number(space + 1, &period);
    if (quota == 0 || period == 0) return;
    double processors = (double)quota / (double)period;
    if (r->g->processors > 0 && processors >= r->g->processors) return;
    r->g->processors = processors;
    name_file(r->g->processors_file, dir, name);
}

/* ---- from the process's group up to the mount point ---- */

/* What path has beyond root, "" or "/...": NULL when it does not lie below it, or leads out of it again. */
static const char *beyond(const char *path, const char *root)
{
    size_t n = strlen(root);
    if (n == 1) n = 0; /* "/" */
    if (strncmp(path, root, n) != 0 || (path[n] && path[n] != '/')) return NULL;
    path += n;
    if (!strcmp(path, "/")) return "";
    for (const char *at = strstr(path, "/.."); at; at = strstr(at + 1, "/.."))
        if (!at[3] || at[3] == '/') return NULL;
    return path;
}

static void walk_up(const struct reader *r, enum kind kind, const char *point, const char *below)
{
    char dir[PATH_MAX];
    size_t top = strlen(point), more = strlen(below);
    if (top + more >= sizeof dir) return;
    memcpy(dir, point, top);
    memcpy(dir + top, below, more + 1);
    for (;;) {
        if (kind != KIND_V1_CPU) read_memory(r, dir, kind == KIND_V2);
        if (kind != KIND_V1_MEMORY) read_quota(r, dir, kind == KIND_V2);
        if (strlen(dir) <= top) return;
        *strrchr(dir, '/') = 0;
    }
}

/* Calls for each mount of a hierarchy that the process is in: below is NULL when the mount does not show its group. */
static void each_mount(struct reader *r, void (*fn)(struct reader *r, enum kind kind, const char *point, const char *below))
{
    char line[LINE_CAP];
    FILE *f = system_text(r->root, "/proc/self/mountinfo");
    while (f && next_line(f, line)) {
        char *field[FIELDS] = {0}, *save = line;
        int n = 0, dash = 6;
        while (n < FIELDS && save) field[n++] = strsep(&save, " ");
        while (dash < n && strcmp(field[dash], "-") != 0) dash++; /* optional fields come before it */
        if (dash + 3 >= n || strlen(field[3]) >= PATH_MAX || strlen(field[4]) >= PATH_MAX) continue;
        unescape(field[3]);
        unescape(field[4]);
        for (int k = 0; k < KINDS; k++) {
            if (!r->own[k][0] || strcmp(field[dash + 1], kinds[k].type) != 0) continue;
            if (kinds[k].controller && !list_has(field[dash + 3], kinds[k].controller)) continue;
            fn(r, (enum kind)k, strcmp(field[4], "/") ? field[4] : "", beyond(r->own[k], field[3]));
        }
    }
    if (f) fclose(f);
}

static void take_own(struct reader *r, enum kind kind, const char *point, const char *below)
{
    if (!below) return;
    r->found[kind] = true;
    walk_up(r, kind, point, below);
}

/* A mount from outside of the namespace that the process's path is told in: what it shows at its top is the process's group
 * or a parent of it. */
static void take_top(struct reader *r, enum kind kind, const char *point, const char *below)
{
    (void)below;
    if (!r->found[kind]) walk_up(r, kind, point, "");
}

/* Lines "number:controllers:path"; version 2 has no controllers. */
static void read_own(struct reader *r)
{
    char line[LINE_CAP];
    FILE *f = system_text(r->root, "/proc/self/cgroup");
    while (f && next_line(f, line)) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path || path[1] != '/' || strlen(path + 1) >= PATH_MAX) continue;
        *path++ = 0;
        list++;
        for (int k = 0; k < KINDS; k++)
            if (kinds[k].controller ? list_has(list, kinds[k].controller) : !*list)
                snprintf(r->own[k], PATH_MAX, "%s", path);
    }
    if (f) fclose(f);
}

void cgroup_read(struct cgroup *g, const char *root)
{
    struct reader r = {.root = root, .g = g};
    *g = (struct cgroup){.memory = UINT64_MAX, .memory_left = UINT64_MAX};
    read_own(&r);
    each_mount(&r, take_own);
    each_mount(&r, take_top);
}
