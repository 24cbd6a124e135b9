/* Pieces of work in which every system call and every allocation fails once, in order. After each fault: no crash, no stray file,
 * no loss, and the next run gives the same files as one without a fault. */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include "base/checked.h"
#include "base/libs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sys/dir.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "tests/test.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

enum { MAX_CALLS = 3000, MAX_ALLOCATIONS = 100000 };

static char folder[64], work[80]; /* what is kept; what a piece of work writes */

static const char *at(const char *dir, const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, PATH_MAX, "%s/%s", dir, name);
    return p;
}

/* ---- what lies in a folder ---- */

struct tree {
    struct sha256 *hash;
    int strays;
};

/* Files that tell times, and so differ from run to run. */
static bool tells_times(const char *name)
{
    return !strcmp(name, "metrics.jsonl") || !strcmp(name, "state.json") || !strcmp(name, "SHA256SUMS");
}

static void look_at(struct tree *t, const char *dir)
{
    char **names, hash[SHA256_HEX];
    size_t n;
    struct err e = {0};
    if (file_list(&names, &n, dir, &e)) {
        CHECK(false, "%s", e.msg);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct file_map m;
        const char *path = at(dir, names[i]);
        struct file_look l = file_look(path, false);
        t->strays += temp_is_name(names[i]);
        sha256_add(t->hash, names[i], strlen(names[i]) + 1);
        if (l.kind == FILE_FOLDER) {
            char deeper[PATH_MAX];
            snprintf(deeper, sizeof deeper, "%s", path);
            look_at(t, deeper);
        } else if (l.kind == FILE_REGULAR && !tells_times(names[i]) && !file_map(&m, path, &e)) {
            CHECK_OK(sha256_of(m.data, m.size, hash, &e), &e);
            sha256_add(t->hash, hash, SHA256_HEX);
            file_unmap(&m);
        }
    }
    names_free(names, n);
}

/* A hash of all names and contents in `work`; *strays: temporary files. */
static void look(char out[SHA256_HEX], int *strays)
{
    struct tree t = {0};
    struct err e;
    CHECK_OK(sha256_new(&t.hash, &e), &e);
    look_at(&t, work);
    sha256_hex(t.hash, out);
    *strays = t.strays;
}

struct piece_of_work {
    const char *name;
    int (*run)(struct err *e);
    bool no_files;     /* only allocations fail */
    const char *old;   /* a file that is there before; what has failed leaves all as it was, or as it is to be */
    const char *words; /* in it */
    int (*prepare)(struct err *e); /* NULL: nothing else is there */
    int (*kept)(struct err *e);    /* NULL, or whether what must outlive every fault is there */
};

/* ---- the loop ---- */

/* The folder as it is before the work. */
static void begin(const struct piece_of_work *p)
{
    struct err e = {0};
    char dir[PATH_MAX];
    CHECK_OK(dir_remove_tree(work, &e), &e);
    CHECK_OK(file_mkdirs(work, &e), &e);
    if (p->prepare) CHECK_OK(p->prepare(&e), &e);
    if (!p->old) return;
    CHECK_OK(path_dir(dir, sizeof dir, at(work, p->old), &e), &e);
    CHECK_OK(file_mkdirs(dir, &e), &e);
    CHECK_OK(file_replace(at(work, p->old), p->words, strlen(p->words), &e), &e);
}

/* Of the folder. */
struct hashes {
    char before[SHA256_HEX], after[SHA256_HEX];
};

/* What it looks like without a fault, also when it is done twice. */
static void reference(const struct piece_of_work *p, struct hashes *h)
{
    struct err e = {0};
    char again[SHA256_HEX], *want = h->after;
    int strays;
    begin(p);
    look(h->before, &strays);
    CHECK_OK(p->run(&e), &e);
    look(want, &strays);
    CHECK(strays == 0, "%s: %d temporary files", p->name, strays);
    CHECK_OK(p->run(&e), &e);
    look(again, &strays);
    CHECK(!strcmp(want, again), "%s: another result the second time", p->name);
}

/* What could not be removed goes with the next output in its folder: this is its sweep. */
static void sweep(const char *dir)
{
    char **names, deeper[PATH_MAX];
    size_t n;
    struct err e = {0};
    temp_sweep(at(dir, "x"));
    CHECK_OK(file_list(&names, &n, dir, &e), &e);
    for (size_t i = 0; i < n; i++) {
        snprintf(deeper, sizeof deeper, "%s/%s", dir, names[i]);
        if (file_look(deeper, false).kind == FILE_FOLDER) sweep(deeper);
    }
    names_free(names, n);
}

/* After a run with a fault: done rightly or said to have failed; the next run repairs. */
static void after(const struct piece_of_work *p, const struct hashes *h, int rc, const char *what, uint64_t k, bool may_stay,
                  const struct err *said)
{
    struct err e = {0};
    char got[SHA256_HEX];
    const char *want = h->after;
    int strays;
    look(got, &strays);
    CHECK(may_stay || strays == 0, "%s, %s %d: %d temporary files stay", p->name, what, (int)k, strays);
    if (rc && p->old)
        CHECK(may_stay || !strcmp(got, h->before) || !strcmp(got, want), "%s, %s %d: neither old nor new", p->name, what, (int)k);
    if (rc) CHECK(said->msg[0], "%s, %s %d: no message", p->name, what, (int)k);
    else CHECK(may_stay || !strcmp(want, got), "%s, %s %d: no error, and another result", p->name, what, (int)k);
    if (p->kept) CHECK(!p->kept(&e), "%s, %s %d: lost: %s (after: %s)", p->name, what, (int)k, e.msg, said->msg);
    CHECK_OK(p->run(&e), &e);
    if (p->kept) CHECK(!p->kept(&e), "%s, %s %d: the next run loses: %s", p->name, what, (int)k, e.msg);
    if (may_stay) sweep(work);
    look(got, &strays);
    CHECK(strays == 0, "%s, %s %d: %d temporary files stay after the next run", p->name, what, (int)k, strays);
    CHECK(!strcmp(want, got), "%s, %s %d: another result of the next run (%s)", p->name, what, (int)k, said->msg);
}

static const struct {
    const char *name;
    int no;
} faults[] = {{"ENOSPC at call", ENOSPC}, {"EIO at call", EIO}, {"EINTR at call", EINTR}, {"a short call", FAULT_SHORT}};

/* Calls that remove something leave it when they fail; all others leave nothing. */
static int fail_calls(const struct piece_of_work *p, const struct hashes *h, unsigned kinds)
{
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        for (uint64_t k = 1; k < MAX_CALLS; k++) {
            struct err e = {0};
            begin(p);
            int64_t live = mem_live();
            fault_at(kinds, k, faults[i].no);
            int rc = p->run(&e);
            bool hit = fault_hit();
            fault_at(0, 0, 0);
            CHECK(mem_live() == live, "%s, %s %d: memory leaks", p->name, faults[i].name, (int)k);
            if (!hit) break;
            n++;
            if (faults[i].no == EINTR) CHECK(rc == OK, "%s, %s %d: %s", p->name, faults[i].name, (int)k, e.msg);
            after(p, h, rc, faults[i].name, k, kinds == FAULT_REMOVE, &e);
        }
    return n;
}

static int fail_allocations(const struct piece_of_work *p, const struct hashes *h)
{
    int n = 0;
    for (uint64_t k = 1; k < MAX_ALLOCATIONS; k++) {
        struct err e = {0};
        begin(p);
        int64_t live = mem_live();
        mem_fail_at(k);
        int rc = p->run(&e);
        bool hit = mem_fail_left() == 0;
        mem_fail_at(0);
        CHECK(mem_live() == live, "%s, allocation %d: memory leaks", p->name, (int)k);
        if (!hit) break;
        n++;
        CHECK(rc == OK || rc == ERR_MEMORY, "%s, allocation %d: %d, %s", p->name, (int)k, rc, e.msg);
        after(p, h, rc, "allocation", k, false, &e);
    }
    return n;
}

static inline void check_piece(const struct piece_of_work *p)
{
    struct hashes h;
    int calls = 0;
    reference(p, &h);
    if (!p->no_files) calls = fail_calls(p, &h, FAULT_ANY & ~(unsigned)FAULT_REMOVE) + fail_calls(p, &h, FAULT_REMOVE);
    int allocations = fail_allocations(p, &h);
    printf("faults: %d calls and %d allocations failed in %s\n", calls, allocations, p->name);
    CHECK((p->no_files || calls > 20) && allocations > 0, "%s: nothing was tested", p->name);
}

/* Thousands of syncs: a file system in memory will do. */
static void faults_begin(void)
{
    snprintf(folder, sizeof folder, "%s/autarky-faults-XXXXXX", file_is_dir("/dev/shm") ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(folder), "%s: no temporary folder", folder);
    snprintf(work, sizeof work, "%s/work", folder);
    libs_prepare();
}

#endif
