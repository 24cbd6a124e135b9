/* Weights over a file of panels: found, waited for, or made. Whoever packs a model holds a lock on it; others wait and then map
 * what was made, so that starting four times at once packs once. */
#include <stdio.h>
#include "model/load_internal.h"
#include "sys/clock.h"
#include "sys/file.h"

/* How long another process may take, which may have been halted: a start, and packing at the speed of a slow disk. */
enum { WAIT_LEAST = 20, SLOW_DISK = 20 << 20 };

static void tell(const struct load *l, const char *message)
{
    if (l->o->warn) l->o->warn(l->o->warn_ctx, message);
}

static void place_over(struct load *l, size_t need)
{
    arena_over(&l->net->weights, panels_data(&l->net->panels), need, "weights");
    load_place(l, &l->net->weights);
}

/* The first file that is there and right. One that has been damaged is made again, which is told. */
static int find_made(struct load *l, const char *key, size_t need, bool say, bool *found, struct err *e)
{
    const struct panels_places *p = l->o->panels;
    *found = false;
    for (int i = 0; i < p->n && !*found; i++) {
        struct err why = {0};
        int rc = panels_open(&l->net->panels, l, p->path[i], key, need, &why);
        *found = rc == OK;
        if (rc == ERR_INTERRUPTED || rc == ERR_MEMORY) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
        if (rc != ERR_INTEGRITY || !say) continue;
        err_prefix(&why, "packed weights are made again");
        tell(l, why.msg);
    }
    return OK;
}

/* Waits until nobody else packs this model; somebody may then have made what is wanted. */
static int wait_for_claim(struct load *l, const char *key, size_t need, bool *found, int *claim, struct err *e)
{
    double start = clock_seconds(), most = WAIT_LEAST + (double)need / SLOW_DISK;
    for (bool told = false; file_claim(claim, l->o->panels->model) == CLAIM_THEIRS; told = true) {
        TRY(load_check_stop(l, e));
        if (clock_seconds() - start > most)
            FAIL(e, ERR_LIMIT, "another process has been packing %s for %.0f s: here the packed weights stay in memory",
                 l->o->panels->model, most);
        if (!told) tell(l, "another process is packing this model: waiting for it (--no-panels does not)");
        clock_sleep(0.05);
    }
    return find_made(l, key, need, true, found, e);
}

/* Where the file can be: the first place that takes it. */
static int create(struct load *l, size_t need, struct err *e)
{
    const struct panels_places *p = l->o->panels;
    int rc = OK;
    for (int i = 0; i < p->n; i++) {
        rc = OK;
        if (p->cache && i == p->n - 1) {
            rc = file_mkdirs(p->cache, e);
            if (!rc) rc = panels_make_room(p->cache, panels_file_bytes(need), 0, e);
        }
        if (!rc) rc = panels_create(&l->net->panels, l, p->path[i], need, e);
        if (rc != ERR_IO && rc != ERR_LIMIT) break;
    }
    return rc;
}

/* A model that was written to meanwhile, in place, is not what the key says. */
static int keep(struct load *l, const char *key, size_t need, struct err *e)
{
    char text[PATH_MAX + 100];
    struct shared *p = &l->net->panels;
    if (!tf_unchanged(l->file)) {
        snprintf(text, sizeof text, "%s has changed while it was packed: the packed weights are not kept", l->file->path);
        tell(l, text);
        shared_keep(p);
        return OK;
    }
    struct err refused = {0};
    int rc = panels_commit(p, l, key, need, &refused);
    if (rc == ERR_INTERRUPTED) return err_set(e, refused.code, refused.file, refused.line, "%s", refused.msg);
    if (rc) { /* they are there, and serve this run */
        shared_keep(p);
        err_prefix(&refused, "the packed weights are not kept");
        tell(l, refused.msg);
        return OK;
    }
    snprintf(text, sizeof text, "the packed weights, %.1f MiB, are kept for the next start: %s", (double)p->bytes / 0x1p20,
             p->path);
    tell(l, text);
    return OK;
}

static int make(struct load *l, const char *key, size_t need, struct err *e)
{
    TRY(create(l, need, e));
    place_over(l, need);
    TRY(load_fill_all(l, e));
    return keep(l, key, need, e);
}

int load_over_panels(struct load *l, size_t need, struct err *e)
{
    char key[SHA256_HEX];
    bool found = false;
    int claim = 0;
    TRY(panels_key(key, l, need, e));
    TRY(find_made(l, key, need, false, &found, e));
    int rc = found ? OK : wait_for_claim(l, key, need, &found, &claim, e);
    if (!rc && !found) rc = make(l, key, need, e);
    else if (!rc) place_over(l, need);
    file_unclaim(claim);
    return rc;
}
