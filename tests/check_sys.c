/* sys/: threads, files that survive a crash, paths, processor, clock; with failing allocations and full disks. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sys/clock.h"
#include "sys/cpu.h"
#include "sys/file.h"
#include "sys/pool.h"
#include "tests/folder.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>



static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

/* ---- threads ---- */

enum { MAX_TASKS = 5000 };

struct job {
    atomic_int seen[MAX_TASKS];
    int threads;
    atomic_int wrong;
};

static void count_task(void *ctx, int64_t task, int worker)
{
    struct job *j = ctx;
    atomic_fetch_add(&j->seen[task], 1);
    if (worker < 0 || worker >= j->threads) atomic_fetch_add(&j->wrong, 1);
}

/* Runs one job of n tasks and returns how many tasks did not run exactly once, or ran with a wrong worker. */
static int run_job(struct pool *p, int64_t n)
{
    static struct job j;
    j.threads = pool_threads(p);
    atomic_store(&j.wrong, 0);
    for (int i = 0; i < MAX_TASKS; i++) atomic_store(&j.seen[i], 0);
    pool_for(p, n, count_task, &j);
    int bad = atomic_load(&j.wrong);
    for (int i = 0; i < MAX_TASKS; i++) bad += atomic_load(&j.seen[i]) != (i < n);
    return bad;
}

/* Each task writes its own slot without any synchronisation: TSan would see a missing one. */
static void square(void *ctx, int64_t task, int worker)
{
    (void)worker;
    ((int64_t *)ctx)[task] = task * task;
}

static void check_pool(void)
{
    static const int threads[] = {1, 2, 3, 7};
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 64, MAX_TASKS};
    struct err e;
    struct pool *p;
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        CHECK_OK(pool_open(&p, threads[t], &e), &e);
        CHECK(pool_threads(p) == threads[t], "%d", pool_threads(p));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            int bad = run_job(p, sizes[s]);
            CHECK(bad == 0, "%d threads, %lld tasks: %d wrong", threads[t], (long long)sizes[s], bad);
        }
        int bad = 0;
        int64_t out[50];
        for (int job = 0; job < 300; job++) { /* back to back, and now and then after the workers fell asleep */
            memset(out, 0, sizeof out);
            pool_for(p, 50, square, out);
            for (int64_t i = 0; i < 50; i++) bad += out[i] != i * i;
            if (job % 50 == 0) usleep(3000);
        }
        CHECK(bad == 0, "%d threads: %d results not there after pool_for", threads[t], bad);
        pool_close(p);
    }
    CHECK(run_job(NULL, 100) == 0 && pool_threads(NULL) == 1, "without a pool all tasks run inline");
    pool_close(NULL);
    CHECK(pool_open(&p, 0, &e) == ERR_USAGE && !p && strstr(e.msg, "threads is 0"), "%s", e.msg);
    CHECK(pool_open(&p, 1 << 20, &e) == ERR_USAGE && !p, "%s", e.msg);
    for (int i = 0; i < 20; i++) { /* closing at once, while workers still start */
        CHECK_OK(pool_open(&p, 3, &e), &e);
        pool_close(p);
    }
}

/* ---- files ---- */

static bool holds(const char *path, const char *want)
{
    char *text;
    size_t len;
    if (file_read(&text, &len, path, 1 << 20, NULL)) return false;
    bool same = len == strlen(want) && !memcmp(text, want, len);
    mem_free(text);
    return same;
}

static void check_map(void)
{
    struct file_map m;
    struct err e;
    CHECK(file_map(&m, in_dir("missing"), &e) == ERR_NOTFOUND && strstr(e.msg, "/missing: cannot open"), "%s", e.msg);
    CHECK(file_map(&m, dir, &e) == ERR_IO && strstr(e.msg, "not a regular file"), "%s", e.msg);
    CHECK(mkfifo(in_dir("fifo"), 0600) == 0, "mkfifo: %s", strerror(errno));
    alarm(10); /* a reader that waits for a writer would hang here */
    CHECK(file_map(&m, in_dir("fifo"), &e) == ERR_IO, "%s", e.msg);
    alarm(0);
    CHECK(file_map(&m, "/dev/zero", &e) == ERR_IO, "a device was mapped");
    CHECK_OK(file_replace(in_dir("empty"), "", 0, &e), &e);
    CHECK_OK(file_map(&m, in_dir("empty"), &e), &e);
    CHECK(!m.data && m.size == 0, "an empty file is no data");
    file_unmap(&m);
    CHECK_OK(file_replace(in_dir("f"), "hello", 5, &e), &e);
    CHECK_OK(file_map(&m, in_dir("f"), &e), &e);
    CHECK(m.size == 5 && m.data && !memcmp(m.data, "hello", 5), "%zu bytes", m.size);
    /* The mapping is of the file that was opened, whatever takes its name later. */
    CHECK_OK(file_replace(in_dir("f"), "other text", 10, &e), &e);
    CHECK(!memcmp(m.data, "hello", 5), "the mapping followed the name");
    file_unmap(&m);
    file_unmap(&m);
}

static void check_read(void)
{
    char *text;
    size_t len;
    struct err e;
    CHECK_OK(file_replace(in_dir("f"), "a\0b", 3, &e), &e);
    CHECK_OK(file_read(&text, &len, in_dir("f"), 3, &e), &e);
    CHECK(len == 3 && !memcmp(text, "a\0b", 4), "%zu bytes, with a NUL behind them", len);
    mem_free(text);
    CHECK(file_read(&text, &len, in_dir("f"), 2, &e) == ERR_LIMIT && !text && strstr(e.msg, "3 bytes, at most 2"), "%s", e.msg);
    CHECK(file_read(&text, &len, in_dir("missing"), 2, &e) == ERR_NOTFOUND && !text, "%s", e.msg);
    CHECK(file_read(&text, &len, dir, 1000, &e) == ERR_IO && !text, "%s", e.msg);
}

static void check_out(void)
{
    struct file_out o;
    struct err e;
    size_t n;
    char **names;
    CHECK_OK(file_replace(in_dir("f"), "old", 3, &e), &e);
    CHECK_OK(file_out_open(&o, in_dir("f"), &e), &e);
    CHECK_OK(file_out_write(&o, "ne", 2, &e), &e);
    CHECK(holds(in_dir("f"), "old"), "the old file is there until commit");
    CHECK_OK(file_out_write(&o, "w", 1, &e), &e);
    CHECK(o.written == 3, "%llu", (unsigned long long)o.written);
    CHECK_OK(file_out_commit(&o, &e), &e);
    CHECK(holds(in_dir("f"), "new"), "the new file is there after commit");
    file_out_abort(&o);
    CHECK_OK(file_out_open(&o, in_dir("f"), &e), &e);
    CHECK_OK(file_out_write(&o, "zzz", 3, &e), &e);
    file_out_abort(&o);
    file_out_abort(&o);
    CHECK(holds(in_dir("f"), "new"), "an aborted writing changes nothing");
    CHECK(file_replace(in_dir("no/such/folder"), "x", 1, &e) == ERR_IO && strstr(e.msg, "no/such/folder"), "%s", e.msg);
    CHECK_OK(file_mkdirs(in_dir("taken/x"), &e), &e);
    CHECK(file_replace(in_dir("taken"), "x", 1, &e) == ERR_USAGE && strstr(e.msg, "is a folder"), "%s", e.msg);
    CHECK_OK(file_list(&names, &n, dir, &e), &e);
    for (size_t i = 0; i < n; i++) {
        CHECK(!strstr(names[i], ".tmp"), "%s was left behind", names[i]);
        mem_free(names[i]);
    }
    mem_free(names);
}

/* A disk that is full, played by the limit on the size of files: the old file stays, the error tells the byte. */
static void check_disk_full(void)
{
    static char big[300000];
    struct rlimit old, small = {100000, 100000};
    struct err e = {0};
    CHECK_OK(file_replace(in_dir("f"), "old", 3, &e), &e);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = file_replace(in_dir("f"), big, sizeof big, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(rc == ERR_IO && strstr(e.msg, "cannot write at byte 100000"), "%s", e.msg);
    CHECK(holds(in_dir("f"), "old"), "the old file was touched");
}

/* Text number i: the number over and over, long enough for several pages, of a length that depends on i. */
static size_t numbered_text(char *out, size_t cap, uint64_t i)
{
    size_t n = 0, want = 20000 + i % 13 * 5000;
    while (n < want && n + 32 < cap) n += (size_t)snprintf(out + n, 32, "%llu\n", (unsigned long long)i);
    return n;
}

static bool is_numbered_text(const char *text, size_t len, uint64_t *i)
{
    static char want[200000];
    char *end;
    *i = strtoull(text, &end, 10);
    return end != text && numbered_text(want, sizeof want, *i) == len && !memcmp(want, text, len);
}

/* A child replaces one file again and again and is killed at a random moment, 40 times: a reader must always find
 * one whole version, and versions never go back. */
static void check_killed_writer(void)
{
    static char text[200000];
    uint64_t first = 1, i;
    int torn = 0, back = 0;
    const char *path = in_dir("versions");
    char copy[PATH_MAX], *got;
    size_t len;
    struct err e;
    snprintf(copy, sizeof copy, "%s", path);
    CHECK_OK(file_replace(copy, text, numbered_text(text, sizeof text, first), &e), &e);
    for (int round = 0; round < 40; round++) {
        int started[2];
        char byte;
        CHECK(pipe(started) == 0, "pipe: %s", strerror(errno));
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            for (i = first;; i++)
                if (file_replace(copy, text, numbered_text(text, sizeof text, i), NULL) || write(started[1], "", 1) != 1)
                    _exit(1);
        }
        close(started[1]);
        CHECK(read(started[0], &byte, 1) == 1, "the writer does not write");
        usleep((useconds_t)rng_below(1, 2, (uint64_t)round, 8000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(started[0]);
        if (file_read(&got, &len, copy, sizeof text, NULL)) {
            torn++;
            continue;
        }
        torn += !is_numbered_text(got, len, &i);
        back += i < first;
        first = i;
        mem_free(got);
    }
    CHECK(torn == 0 && back == 0, "%d torn, %d older than before", torn, back);
    CHECK(first > 1, "the writer never got to write");
}

static void check_folders(void)
{
    struct err e;
    char **names;
    size_t n;
    CHECK_OK(file_mkdirs(in_dir("a/b/c"), &e), &e);
    CHECK_OK(file_mkdirs(in_dir("a/b/c"), &e), &e);
    CHECK(file_is_dir(in_dir("a/b/c")) && !file_is_dir(in_dir("f")) && !file_absent(in_dir("f")), "folders");
    CHECK(file_mkdirs(in_dir("f/x"), &e) == ERR_IO, "a folder below a file");
    CHECK(file_mkdirs(in_dir("f"), &e) == ERR_IO && strstr(e.msg, "not a folder"), "%s", e.msg);
    CHECK_OK(file_replace(in_dir("a/z"), "", 0, &e), &e);
    CHECK_OK(file_replace(in_dir("a/Z"), "", 0, &e), &e);
    CHECK_OK(file_list(&names, &n, in_dir("a"), &e), &e);
    CHECK(n == 3 && !strcmp(names[0], "Z") && !strcmp(names[1], "b") && !strcmp(names[2], "z"), "sorted by bytes, %zu names", n);
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
    CHECK(file_list(&names, &n, in_dir("missing"), &e) == ERR_NOTFOUND, "%s", e.msg);
    CHECK_OK(file_append(in_dir("log"), "one\n", 4, NULL, &e), &e);
    CHECK_OK(file_append(in_dir("log"), "two\n", 4, NULL, &e), &e);
    CHECK(holds(in_dir("log"), "one\ntwo\n"), "appended");
    struct stat st = {0};
    mode_t mask = umask(022);
    CHECK_OK(file_append_shared(in_dir("log2"), "one\n", 4, NULL, &e), &e);
    umask(mask);
    CHECK(stat(in_dir("log"), &st) == 0 && (st.st_mode & 0777) == 0600, "mode %o", (unsigned)st.st_mode);
    CHECK(stat(in_dir("log2"), &st) == 0 && (st.st_mode & 0777) == 0644, "mode %o", (unsigned)st.st_mode);
    CHECK_OK(file_truncate(in_dir("log"), 4, &e), &e);
    CHECK(holds(in_dir("log"), "one\n"), "cut");
    CHECK_OK(file_truncate(in_dir("missing"), 0, &e), &e);
    CHECK(file_truncate(in_dir("missing"), 1, &e) == ERR_IO && strstr(e.msg, "missing"), "%s", e.msg);
    CHECK_OK(file_remove(in_dir("log"), &e), &e);
    CHECK_OK(file_remove(in_dir("log"), &e), &e);
    CHECK(file_remove(in_dir("a"), &e) == ERR_IO, "a folder was removed as a file");
}

static void check_paths(void)
{
    char out[16];
    struct err e;
    CHECK(!path_join(out, sizeof out, "a/b", "c", &e) && !strcmp(out, "a/b/c"), "%s", out);
    CHECK(!path_join(out, sizeof out, "0123456789", "bcde", &e) && strlen(out) == 15, "%s fills the buffer", out);
    CHECK(path_join(out, sizeof out, "0123456789", "bcdef", &e) == ERR_LIMIT && strstr(e.msg, "0123456789/bcdef"), "%s", e.msg);
    static const char *const dirs[][2] = {{"a/b/c", "a/b"}, {"c", "."}, {"/c", "/"}, {"a/", "a"}, {"/a/b", "/a"}, {"", "."}};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        CHECK(!path_dir(out, sizeof out, dirs[i][0], &e) && !strcmp(out, dirs[i][1]), "%s: %s", dirs[i][0], out);
    CHECK(path_dir(out, 4, "abcd/e", &e) == ERR_LIMIT, "a folder that does not fit was accepted");
    char program[PATH_MAX];
    CHECK_OK(path_of_program(program, sizeof program, &e), &e);
    CHECK(program[0] == '/' && file_is_dir(program), "%s", program);
    CHECK(path_of_program(program, 2, &e) == ERR_LIMIT, "a folder that does not fit was accepted");
    CHECK(str_ends_with("x.jsonl.zst", ".zst") && !str_ends_with("zst", ".zst") && str_ends_with("a", ""), "endings");
}

/* ---- failing allocations ---- */

static int try_pool(struct err *e)
{
    struct pool *p;
    TRY(pool_open(&p, 2, e));
    pool_close(p);
    return OK;
}

static int try_replace(struct err *e) { return file_replace(in_dir("f"), "text", 4, e); }

static int try_read(struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, in_dir("f"), 100, e));
    mem_free(text);
    return OK;
}

static int try_list(struct err *e)
{
    char **names;
    size_t n;
    TRY(file_list(&names, &n, in_dir("many"), e));
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
    return OK;
}

/* Lets allocation 1, 2, 3, ... of each function fail until it succeeds: always ERR_MEMORY, nothing leaks. */
static void check_faults(void)
{
    static const struct {
        const char *name;
        int (*fn)(struct err *);
        int least; /* allocations it makes */
    } calls[] = {{"pool_open", try_pool, 3}, {"file_replace", try_replace, 2},
                 {"file_read", try_read, 1}, {"file_list", try_list, 22}};
    struct err e;
    CHECK_OK(file_mkdirs(in_dir("many"), &e), &e);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/%02d", i);
        CHECK_OK(file_replace(in_dir(name), "", 0, &e), &e);
    }
    for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
        const char *name = calls[c].name;
        int k = 1;
        int64_t live = mem_live();
        int fds = open_files(), rc = ERR_MEMORY;
        for (; k < 1000 && rc == ERR_MEMORY; k++) {
            e.msg[0] = 0;
            mem_fail_at((uint64_t)k);
            rc = calls[c].fn(&e);
            mem_fail_at(0);
            if (rc) CHECK(rc == ERR_MEMORY && e.msg[0], "%s, allocation %d: %d, %s", name, k, rc, e.msg);
            CHECK(mem_live() == live && open_files() == fds, "%s, allocation %d leaks", name, k);
        }
        CHECK(rc == OK && k - 2 >= calls[c].least, "%s: %d allocations failed, then %d", name, k - 2, rc);
    }
}

/* ---- processor and clock ---- */

static void check_machine(void)
{
    enum cpu_level level;
    char model[64];
    for (int i = 0; i < CPU_LEVELS; i++)
        CHECK(cpu_level_parse(cpu_level_name((enum cpu_level)i), &level) && (int)level == i, "level %d", i);
    CHECK(!cpu_level_parse("sse9", &level) && !cpu_level_parse("", &level), "an unknown level was accepted");
    CHECK(cpu_detect() < CPU_LEVELS && cpu_count() >= 1, "%d processors", cpu_count());
    cpu_model(model);
    CHECK(model[0] && memchr(model, 0, sizeof model), "the processor has a name");
    double a = clock_seconds();
    usleep(2000);
    CHECK(clock_seconds() - a >= 0.002, "%g s", clock_seconds() - a);
}

int main(void)
{
    folder_make();
    int64_t live = mem_live();
    int fds = open_files();
    check_pool();
    check_map();
    check_read();
    check_out();
    check_disk_full();
    check_killed_writer();
    check_folders();
    check_paths();
    check_faults();
    check_machine();
    folder_remove();
    CHECK(mem_live() == live, "%lld blocks leaked", (long long)(mem_live() - live));
    CHECK(open_files() == fds, "%d files are still open, %d at the start", open_files(), fds);
    return test_end();
}
