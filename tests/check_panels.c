/* The file of packed weights: made once, mapped afterwards, made again when the model, the way of computing or its own bytes
 * are others, done without where it cannot be; never made for weights that are not quantised; never in another program's
 * folder; nothing is left of it when packing is stopped or killed, or when several processes start at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"
#include "model/arch.h"
#include "model/load_internal.h"
#include "model/weigh.h"
#include "sys/dir.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "tests/folder.h"
#include "tests/load_net.h"

enum { PATH_CAP = 200 };
static char model[PATH_CAP], panels[PATH_CAP], cache[PATH_CAP];
static struct panels_places places;
static struct kernels ks;
static int warnings;
static char last_warning[400];

static void warn(void *ctx, const char *message)
{
    (void)ctx;
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", message);
}

/* 17 million numbers, so that the panels are worth a file. */
static void make_model(float scale)
{
    struct err e = {0};
    struct config c;
    struct net net;
    config_default_of(&c, &arch_llama);
    c.vocab = 512;
    c.dim = 512;
    c.layers = 4;
    c.heads = c.kv_heads = 8;
    c.dense_ffn = 2048;
    c.context = 64;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    uint32_t x = 12345;
    for (int i = 0; i < net.n_params; i++)
        for (int64_t k = 0; k < tensor_count(&net.params[i].t); k++) {
            x = x * 1664525 + 1013904223;
            tensor_f32(&net.params[i].t)[k] = scale * (float)((int)(x >> 20) - 2048) / 2048;
        }
    CHECK_OK(net_save_gguf(&net, model, DT_Q8_0, NULL, NULL, &e), &e);
    net_free(&net);
}

static struct load_options options(bool int8)
{
    return (struct load_options){.ks = &ks, .int8 = int8, .panels = &places, .warn = warn};
}

/* Loads, and tells whether the weights lie over a file; *sum is a hash of all that was packed. */
static bool load_from(const char *path, const struct load_options *o, char sum[SHA256_HEX])
{
    struct err e = {0};
    struct net net;
    struct sha256 *h;
    warnings = 0;
    CHECK_OK(load_net(&net, path, o, &e), &e);
    CHECK_OK(sha256_new(&h, &e), &e);
    sha256_add(h, net.weights.base, net.weights.used);
    sha256_hex(h, sum);
    bool file = net.panels.data != NULL;
    net_free(&net);
    return file;
}

static bool load(const struct load_options *o, char sum[SHA256_HEX]) { return load_from(model, o, sum); }

static size_t count_files(const char *folder)
{
    size_t n = 0;
    char **names;
    if (file_list(&names, &n, folder, NULL)) return 0;
    names_free(names, n);
    return n;
}

static int64_t modified(const char *path) { return file_look(path, true).modified; }
static uint64_t size_of(const char *path) { return file_look(path, true).size; }

static char right[SHA256_HEX]; /* of the model as it was made first */

static void check_files(void)
{
    struct err e = {0};
    char again[SHA256_HEX], memory[SHA256_HEX], other[SHA256_HEX];
    struct load_options o = options(true), none = options(true), f32 = options(false);
    none.panels = NULL;
    CHECK(!load(&f32, other) && file_absent(panels) && warnings == 0, "products in f32 make a file of panels");
    CHECK(load(&o, right) && size_of(panels) > 0, "no file was made");
    CHECK(warnings == 1 && strstr(last_warning, panels) && strstr(last_warning, "MiB"), "it was not told: %s", last_warning);
    int64_t time = modified(panels);
    CHECK(load(&o, again) && !strcmp(right, again) && warnings == 0, "mapped panels differ from those that were packed");
    CHECK(!load(&none, memory) && !strcmp(right, memory), "panels in memory differ from those in the file");
    CHECK(!load(&f32, other) && modified(panels) == time, "a run in f32 touches the panels of another");
    CHECK_OK(file_truncate(panels, 1000, &e), &e);
    CHECK(load(&o, again) && !strcmp(right, again) && size_of(panels) > 1000, "a file that was cut is not made again");
    make_model(0.5f);
    CHECK(load(&o, other) && strcmp(right, other), "the panels of another model are taken");
    make_model(1);
    CHECK(load(&o, again) && !strcmp(right, again), "the first model again is another");
    struct panels_places nowhere = {.n = 1};
    memcpy(nowhere.model, places.model, sizeof nowhere.model);
    snprintf(nowhere.path[0], sizeof nowhere.path[0], "/tmp/check-panels-there-is-no-such-folder/x.panels");
    o.panels = &nowhere;
    CHECK(!load(&o, again) && !strcmp(again, right) && warnings == 1 && strstr(last_warning, "stay in memory"),
          "no folder for the panels: %d warnings, %s", warnings, last_warning);
    CHECK(count_files(dir) == 2, "%zu files in the folder, expected model and panels", count_files(dir));
}

/* ---- bytes that change ---- */

/* Writes a byte, and where keep_time puts the file's time back as whoever copies or restores files does. */
static void overwrite(const char *path, uint64_t at, unsigned char xor, bool keep_time)
{
    struct stat st;
    unsigned char byte = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && pread(fd, &byte, 1, (off_t)at) == 1, "%s cannot be read", path);
    byte ^= xor;
    CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1, "%s cannot be written", path);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (keep_time) CHECK(futimens(fd, times) == 0, "the time cannot be set");
    close(fd);
}

/* As if it had been written long ago: the head and the file have a time before the system's. */
static void make_old(const char *path, int64_t seconds)
{
    struct panels_head h;
    struct err e = {0};
    CHECK(panels_read_head(&h, path), "%s has no head", path);
    h.stamp -= seconds;
    CHECK_OK(file_patch(path, &h.stamp, sizeof h.stamp, offsetof(struct panels_head, stamp), h.stamp, &e), &e);
}

static void check_damage(void)
{
    const uint64_t size = size_of(panels), last = size - 3;
    const struct {
        const char *what;
        uint64_t at;
    } places_of[] = {{"the magic", 2}, {"the key", 30}, {"the head", 200}, {"the first weights", PANELS_HEAD + 5},
                     {"weights in the middle", size / 2}, {"the sums", last}};
    char again[SHA256_HEX];
    struct load_options o = options(true);
    for (size_t i = 0; i < sizeof places_of / sizeof *places_of; i++) {
        overwrite(panels, places_of[i].at, 0x40, false);
        CHECK(load(&o, again) && !strcmp(again, right), "%s changed: other weights", places_of[i].what);
        CHECK(warnings >= 1 && strstr(last_warning, "kept for the next start"), "%s changed: %d warnings, %s", places_of[i].what,
              warnings, last_warning);
        CHECK(load(&o, again) && warnings == 0, "%s changed: the new file is not taken: %s", places_of[i].what, last_warning);
    }
    /* The time of the bytes says nothing, but that of the file does. */
    make_old(panels, 1000);
    overwrite(panels, size / 3, 1, true);
    CHECK(load(&o, again) && !strcmp(again, right) && warnings == 2, "a change under an old time: %d warnings", warnings);
    CHECK(count_files(dir) == 2, "%zu files in the folder", count_files(dir));
}

/* Whoever copies or restores the file changes its times and nothing else: it is checked once, and taken. */
static void check_times(void)
{
    char again[SHA256_HEX];
    struct load_options o = options(true);
    const struct timespec times[2] = {{.tv_sec = 1000000001}, {.tv_sec = 1000000001, .tv_nsec = 5}};
    struct panels_head before, after;
    CHECK(load(&o, again) && panels_read_head(&before, panels), "no file");
    CHECK(before.stamp == modified(panels), "the head says %lld, the file %lld", (long long)before.stamp,
          (long long)modified(panels));
    CHECK(utimensat(AT_FDCWD, panels, times, 0) == 0, "the time cannot be set");
    CHECK(load(&o, again) && !strcmp(again, right) && warnings == 0, "other times: %d warnings", warnings);
    CHECK(panels_read_head(&after, panels) && after.stamp == modified(panels) && after.stamp >= before.stamp,
          "the time was not set anew: %lld", (long long)after.stamp);
    make_old(panels, 30 * 24 * 3600); /* a month: checked, whatever the times say */
    CHECK(load(&o, again) && warnings == 0 && panels_read_head(&after, panels) && after.stamp >= before.stamp,
          "a month later: %lld", (long long)after.stamp);
}

static void check_fresh(void)
{
    const int64_t week = 7 * 24 * 3600, t = 1800000000;
    const struct {
        int64_t modified, changed, now;
        long nanoseconds;
        bool fresh;
    } cases[] = {
        {t, t, t, 0, true},          {t, t + 3, t + week - 1, 0, true}, {t, t + 3, t + week, 0, false},
        {t + 2, t, t, 0, false},     {t - 2, t, t, 0, false},           {t, t + 60, t + 60, 0, false},
        {t, t - 1, t, 0, false},     {t, t, t, 1, false},               {t, t + 3, t - 60, 0, true},
        {t, t, t - 2 * week, 0, false}, /* a clock that was wrong */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct panels_head h = {.stamp = t};
        struct shared p = {
            .modified = cases[i].modified, .changed = cases[i].changed, .modified_nanoseconds = cases[i].nanoseconds};
        CHECK(panels_fresh(&p, &h, cases[i].now) == cases[i].fresh, "case %zu", i);
    }
}

/* Another format, another cut of the arena, another time of the model: another key. */
static void check_key(void)
{
    struct err e = {0};
    struct net net = {0};
    struct model_file m;
    struct load_options o = options(true);
    struct load l = {.net = &net, .o = &o};
    char key[5][SHA256_HEX];
    const struct timespec times[2] = {{.tv_sec = 1300000000}, {.tv_sec = 1300000000}};
    CHECK_OK(model_file_open(&m, model, &e), &e);
    CHECK_OK(load_open(&l, &m, &e), &e);
    arena_measure(&net.weights, "weights");
    load_place(&l, &net.weights);
    struct tensor *t = net.layers[0].wq;
    CHECK(t->dtype == DT_Q8_0 && t->packed_stride > 0, "not packed");
    CHECK_OK(panels_key(key[0], &l, 1000, &e), &e);
    CHECK_OK(panels_key(key[1], &l, 1064, &e), &e);
    t->packed_stride += 64;
    CHECK_OK(panels_key(key[2], &l, 1000, &e), &e);
    t->packed_stride -= 64;
    t->dtype = DT_Q4_K;
    CHECK_OK(panels_key(key[3], &l, 1000, &e), &e);
    t->dtype = DT_Q8_0;
    CHECK_OK(panels_key(key[4], &l, 1000, &e), &e);
    CHECK(!strcmp(key[0], key[4]), "the key is another each time");
    for (int i = 1; i < 4; i++) CHECK(strcmp(key[0], key[i]) != 0, "change %d leaves the key", i);
    load_close(&l);
    net_free(&net);
    model_file_close(&m);
    CHECK(utimensat(AT_FDCWD, model, times, 0) == 0, "the model's time cannot be set");
    char sum[SHA256_HEX];
    CHECK(load(&o, sum) && warnings == 1, "a model of another time: %d warnings", warnings);
}

/* ---- stopped and killed ---- */

static volatile sig_atomic_t stop;
static int64_t stop_at, packed; /* tensors; stop_at -1: all */

static void stop_progress(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    packed = done;
    if (done >= (stop_at < 0 ? total : stop_at)) stop = 1;
}

static void check_stopped(void)
{
    struct load_options o = options(true);
    o.stop = &stop;
    o.progress = stop_progress;
    for (stop_at = -1; stop_at < 20; stop_at += stop_at < 0 ? 1 : 9) { /* after the last, before the first, between */
        struct net net;
        struct err e = {0};
        CHECK_OK(file_remove(panels, &e), &e);
        stop = stop_at == 0;
        packed = 0;
        int rc = load_net(&net, model, &o, &e);
        CHECK(rc == ERR_INTERRUPTED && strstr(e.msg, "stopped"), "stopped at %lld: %d, %s", (long long)stop_at, rc, e.msg);
        if (!rc) net_free(&net);
        CHECK(stop_at < 0 || packed <= stop_at + 1, "stopped at %lld, and %lld were packed", (long long)stop_at,
              (long long)packed);
        CHECK(count_files(dir) == 1, "stopped at %lld: %zu files, expected the model alone", (long long)stop_at,
              count_files(dir));
    }
    stop = 0;
}

/* A child that dies amid packing, by a signal that nothing can catch. */
static void kill_progress(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    if (done == stop_at || (stop_at < 0 && done == total)) raise(SIGKILL);
}

static void check_killed(void)
{
    char again[SHA256_HEX];
    struct err e = {0};
    CHECK_OK(file_remove(panels, &e), &e);
    for (stop_at = -1; stop_at < 30; stop_at += 9) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            struct load_options o = options(true);
            o.progress = kill_progress;
            load(&o, again);
            _exit(1);
        }
        int status;
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status), "the child lived on");
        CHECK(count_files(dir) == 1, "killed at %lld: %zu files, expected the model alone", (long long)stop_at, count_files(dir));
    }
    struct load_options o = options(true);
    CHECK(load(&o, again) && !strcmp(again, right) && count_files(dir) == 2, "the run after: %zu files", count_files(dir));
}

/* ---- calls that fail ---- */

/* Every call of the system fails once, in order: right weights or an error, nothing but model and panels in the folder, and the
 * next run is right. made: the panels are there already. */
static void check_calls(bool made, int no)
{
    struct err e = {0};
    char sum[SHA256_HEX];
    struct load_options o = options(true);
    int wrong = 0, stray = 0, after = 0, refused = 0;
    uint64_t k = 1;
    for (int hit = 1; hit && k < 200; k++) {
        struct net net;
        if (!made) CHECK_OK(file_remove(panels, &e), &e);
        fault_at(FAULT_ANY, k, no);
        int rc = load_net(&net, model, &o, &e);
        hit = fault_hit();
        fault_at(0, 0, 0);
        if (!rc) {
            CHECK_OK(sha256_of(net.weights.base, net.weights.used, sum, &e), &e);
            wrong += strcmp(sum, right) != 0;
            net_free(&net);
        }
        refused += rc != 0;
        stray += count_files(dir) > 2;
        wrong += !load(&o, sum) || strcmp(sum, right);
        after += count_files(dir) != 2;
    }
    CHECK(wrong == 0 && stray == 0 && after == 0, "%s: wrong weights %d times, a stray file %d times, after the next run %d",
          strerror(no), wrong, stray, after);
    CHECK(k > (made ? 5 : 20) && refused < (int)k, "%d of %llu faults were refused", refused, (unsigned long long)k);
}

/* ---- several at once ---- */

enum { CHILDREN = 4, GOOD = 10, MADE = 11 };
static int made; /* by how many of them */

/* Starts four processes that load at once, `meanwhile` in between, and counts those that got what is expected. */
static int load_at_once(const char *want, const char *or_want, void (*meanwhile)(void))
{
    pid_t child[CHILDREN];
    int good = 0;
    made = 0;
    fflush(NULL);
    for (int i = 0; i < CHILDREN; i++)
        if ((child[i] = fork()) == 0) {
            char sum[SHA256_HEX];
            struct load_options o = options(true);
            load(&o, sum);
            bool wrote = strstr(last_warning, "kept for the next start") != NULL;
            _exit(strcmp(sum, want) && strcmp(sum, or_want) ? 1 : wrote ? MADE : GOOD);
        }
    if (meanwhile) meanwhile();
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        waitpid(child[i], &status, 0);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        good += code == GOOD || code == MADE;
        made += code == MADE;
    }
    return good;
}

static void other_model(void)
{
    usleep(20000);
    make_model(0.5f);
}

static void check_at_once(void)
{
    struct err e = {0};
    char other[SHA256_HEX], sum[SHA256_HEX];
    struct load_options none = options(true), o = options(true);
    none.panels = NULL;
    CHECK_OK(file_remove(panels, &e), &e);
    CHECK(load_at_once(right, right, NULL) == CHILDREN && count_files(dir) == 2, "without panels: %zu files", count_files(dir));
    CHECK(made == 1, "%d of four processes packed the model", made);
    make_model(0.5f);
    load(&none, other);
    CHECK(load_at_once(other, other, NULL) == CHILDREN && count_files(dir) == 2, "stale panels: %zu files", count_files(dir));
    overwrite(panels, size_of(panels) / 2, 8, false);
    CHECK(load_at_once(other, other, NULL) == CHILDREN && count_files(dir) == 2, "damaged panels: %zu files", count_files(dir));
    CHECK(made == 1, "%d of four processes packed the model anew", made);
    make_model(1);
    CHECK(load_at_once(right, other, other_model) == CHILDREN, "a model that is replaced meanwhile");
    CHECK(load(&o, sum) && !strcmp(sum, other) && count_files(dir) == 2, "after it was replaced: %zu files", count_files(dir));
    make_model(1);
    CHECK(load(&o, sum) && !strcmp(sum, right), "the first model again");
}

/* A model that is written to in place while it is packed: what was packed is not kept. */
static void touch_progress(void *ctx, int64_t done, int64_t total)
{
    const struct timespec times[2] = {{.tv_sec = 1234567890}, {.tv_sec = 1234567890}};
    (void)ctx;
    (void)total;
    if (done == 3) CHECK(utimensat(AT_FDCWD, model, times, 0) == 0, "the model's time cannot be set");
}

static void check_changing_model(void)
{
    struct err e = {0};
    char sum[SHA256_HEX];
    struct load_options o = options(true);
    o.progress = touch_progress;
    CHECK_OK(file_remove(panels, &e), &e);
    CHECK(load(&o, sum) && file_absent(panels) && strstr(last_warning, "not kept") && count_files(dir) == 1,
          "a model that changes while it is packed: %s", last_warning);
}

/* ---- where they lie ---- */

static void make_file(const char *path)
{
    struct err e = {0};
    char up[PATH_MAX];
    CHECK_OK(path_dir(up, sizeof up, path, &e), &e);
    CHECK_OK(file_mkdirs(up, &e), &e);
    CHECK_OK(file_replace(path, "x", 1, &e), &e);
}

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

static void check_places(void)
{
    char ollama[PATH_MAX], hub[PATH_MAX], link[PATH_MAX], mine[PATH_MAX], other[PATH_MAX], part[PATH_MAX], want[PATH_MAX + 8];
    snprintf(ollama, sizeof ollama, "%s", in_dir("p/ollama/blobs/sha256-00"));
    snprintf(hub, sizeof hub, "%s", in_dir("p/elsewhere/models--org--name/blobs/00ff"));
    snprintf(link, sizeof link, "%s", in_dir("p/elsewhere/models--org--name/snapshots/aa/m.gguf"));
    snprintf(mine, sizeof mine, "%s", in_dir("p/mine/m.gguf"));
    snprintf(other, sizeof other, "%s", in_dir("p/program/m.gguf"));
    snprintf(part, sizeof part, "%s", in_dir("p/mine/big-00002-of-00002.gguf"));
    const char *foreign[] = {in_dir("p/no-such-folder"), in_dir("p/program"), NULL};
    struct panels_rule rule = {cache, foreign}, beside = {0};
    struct panels_places p, q;
    make_file(ollama);
    make_file(hub);
    make_file(link);
    make_file(mine);
    make_file(other);
    make_file(part);
    make_file(in_dir("p/mine/big-00001-of-00002.gguf"));
    CHECK(unlink(link) == 0 && symlink("../../blobs/00ff", link) == 0, "no link");
    const char *const elsewhere[] = {ollama, hub, link, other};
    for (int i = 0; i < 4; i++) {
        panels_places(&p, elsewhere[i], &rule);
        CHECK(p.n == 1 && begins(p.path[0], cache) && p.cache, "%s: packed weights in %s", elsewhere[i], p.path[0]);
        panels_places(&p, elsewhere[i], &beside);
        CHECK(p.n == (i == 3), "%s without a cache: packed weights in %s", elsewhere[i], p.path[0]);
    }
    panels_places(&p, hub, &rule);
    panels_places(&q, link, &rule);
    CHECK(!strcmp(p.path[0], q.path[0]), "a link has packed weights of its own: %s and %s", p.path[0], q.path[0]);
    panels_places(&p, mine, &rule);
    snprintf(want, sizeof want, "%s.panels", p.model);
    CHECK(p.n == 2 && !strcmp(p.path[0], want) && begins(p.path[1], cache), "%s: %s", mine, p.path[0]);
    CHECK(symlink(mine, in_dir("p/two.gguf")) == 0, "no link");
    panels_places(&q, in_dir("p/two.gguf"), &rule);
    CHECK(!strcmp(p.path[0], q.path[0]), "a link to a file of one's own: %s", q.path[0]);
    panels_places(&p, part, &rule);
    panels_places(&q, in_dir("p/mine/big-00001-of-00002.gguf"), &rule);
    CHECK(p.n == 2 && !strcmp(p.path[0], q.path[0]) && strstr(p.path[0], "big-00001-of-00002.gguf.panels"), "parts: %s and %s",
          p.path[0], q.path[0]);
    panels_places(&p, in_dir("p/mine"), &rule);
    CHECK(p.n == 2 && strstr(p.path[0], "/mine/model.panels"), "a folder: %s", p.path[0]);
    panels_places(&p, in_dir("p/none.gguf"), &rule);
    CHECK(p.n == 0, "a model that is not there has places");
    if (geteuid() != 0) {
        CHECK(chmod(in_dir("p/mine"), 0500) == 0, "chmod");
        panels_places(&p, mine, &rule);
        CHECK(p.n == 1 && begins(p.path[0], cache), "a folder that cannot be written: %s", p.path[0]);
        CHECK(chmod(in_dir("p/mine"), 0700) == 0, "chmod");
    }
    struct err e = {0};
    CHECK_OK(dir_remove_tree(in_dir("p"), &e), &e);
}

/* A folder of another program, with a link into it: one file, in the cache, which knows its model, and goes when there is no
 * room. */
static void check_cache(void)
{
    struct err e = {0};
    char real[PATH_MAX], link[PATH_MAX], sum[SHA256_HEX];
    const char *foreign[] = {in_dir("other"), NULL};
    struct panels_rule rule = {cache, foreign};
    struct panels_places p;
    struct panels_found found;
    struct panels_list l;
    struct load_options o = options(true);
    snprintf(real, sizeof real, "%s", in_dir("other/blobs/weights"));
    snprintf(link, sizeof link, "%s", in_dir("other/name.gguf"));
    CHECK_OK(file_mkdirs(in_dir("other/blobs"), &e), &e);
    CHECK(rename(model, real) == 0 && symlink("blobs/weights", link) == 0, "no link");
    panels_places(&p, link, &rule);
    o.panels = &p;
    CHECK(load_from(link, &o, sum) && !strcmp(sum, right), "through a link: %s", last_warning);
    CHECK(count_files(in_dir("other")) == 2 && count_files(in_dir("other/blobs")) == 1,
          "something is in the other program's folder");
    CHECK(count_files(cache) == 1, "%zu files in the cache", count_files(cache));
    panels_places(&p, real, &rule);
    CHECK(load_from(real, &o, sum) && warnings == 0 && count_files(cache) == 1, "by its own name: packed a second time");
    panels_find(&found, link, &rule);
    CHECK(found.n == 1 && found.bytes == size_of(found.path[0]) && begins(found.path[0], cache), "%d files are known", found.n);
    CHECK_OK(panels_list(&l, cache, &e), &e);
    CHECK(l.n == 1 && !l.v[0].stale && !strcmp(l.v[0].model, p.model) && l.v[0].bytes == found.bytes, "%zu files in the list",
          l.n);
    panels_list_free(&l);
    make_file(in_dir("cache/broken.panels")); /* of no use to anybody */
    CHECK_OK(panels_make_room(cache, 1000, found.bytes + 2000, &e), &e);
    CHECK(count_files(cache) == 1, "a broken file stays");
    CHECK_OK(panels_make_room(cache, 1000, found.bytes + 500, &e), &e);
    CHECK(count_files(cache) == 0, "more than there is room for");
    CHECK(panels_make_room(cache, 1000, 999, &e) == ERR_LIMIT && strstr(e.msg, "stay in memory"), "%s", e.msg);
    CHECK(load_from(real, &o, sum) && count_files(cache) == 1, "not made again");
    CHECK(rename(real, model) == 0, "the model cannot be moved");
    CHECK_OK(panels_list(&l, cache, &e), &e);
    CHECK(l.n == 1 && l.v[0].stale, "a model that is gone does not make its packed weights stale");
    panels_list_free(&l);
    CHECK_OK(dir_remove_tree(in_dir("other"), &e), &e);
    CHECK_OK(dir_remove_tree(cache, &e), &e);
}

/* What has the name and is no file stays as it is, and hangs nobody. */
static void check_other_things(void)
{
    struct err e = {0};
    char sum[SHA256_HEX];
    struct load_options o = options(true);
    CHECK_OK(file_remove(panels, &e), &e);
    CHECK(mkfifo(panels, 0600) == 0, "no FIFO");
    alarm(60);
    CHECK(!load(&o, sum) && !strcmp(sum, right) && warnings == 1 && strstr(last_warning, "no file"), "a FIFO: %s", last_warning);
    alarm(0);
    CHECK(unlink(panels) == 0 && mkdir(panels, 0700) == 0, "no folder");
    CHECK(!load(&o, sum) && !strcmp(sum, right) && warnings == 1, "a folder: %s", last_warning);
    CHECK(rmdir(panels) == 0 && count_files(dir) == 1, "%zu files are left", count_files(dir));
    CHECK(chmod(model, 0600) == 0 && load(&o, sum), "not packed");
    struct stat st;
    CHECK(stat(panels, &st) == 0 && (st.st_mode & 0077) == 0, "packed weights of a private model have mode %o",
          st.st_mode & 0777);
}

/* Weights in blocks that no integer product takes are computed in f32, and that is said. */
static void check_slow(void)
{
    struct err e = {0};
    struct weights w;
    struct model_file m;
    char sum[SHA256_HEX];
    struct load_options o = options(true);
    struct kernels without = ks;
    CHECK_OK(model_file_open(&m, model, &e), &e);
    CHECK_OK(net_weigh(&w, &m, &o, &e), &e);
    CHECK(w.slow == 0 && w.panels, "%d matrices are slow", w.slow);
    without.qmul[DT_Q8_0] = NULL;
    o.ks = &without;
    CHECK_OK(net_weigh(&w, &m, &o, &e), &e);
    model_file_close(&m);
    CHECK(w.slow == 4 * 7 + 1 && !w.panels, "%d matrices are slow, expected 29", w.slow);
    CHECK(!load(&o, sum) && warnings == 1 && strstr(last_warning, "29 matrices") && strstr(last_warning, "q8_0"),
          "%d warnings: %s", warnings, last_warning);
}

int main(void)
{
    kernels_init(&ks, kernels_max_level());
    folder_make();
    snprintf(model, sizeof model, "%s/model.gguf", dir);
    snprintf(panels, sizeof panels, "%s/model.gguf.panels", dir);
    snprintf(cache, sizeof cache, "%s/cache", dir);
    make_model(1);
    const struct panels_rule beside = {0};
    panels_places(&places, model, &beside);
    CHECK(places.n == 1 && !strcmp(places.path[0], panels), "%d places, the first %s", places.n, places.path[0]);
    check_files();
    check_damage();
    check_times();
    check_fresh();
    check_key();
    check_stopped();
    check_killed();
    check_calls(false, ENOSPC);
    check_calls(true, EIO);
    check_at_once();
    check_changing_model();
    check_places();
    check_cache();
    check_other_things();
    check_slow();
    folder_remove();
    CHECK(mem_live() == 0, "%lld allocations not freed", (long long)mem_live());
    return test_end();
}
