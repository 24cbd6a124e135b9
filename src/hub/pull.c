/* From a reference to files in the cache: list, choose, ask, fetch, link; the ref last of all. */
#include "hub/pull.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/store.h"

static const uint64_t space_spare = UINT64_C(64) << 20; /* left free on the disk */

struct pull {
    const struct hub_options *o;
    const struct hub_ref *ref;
    struct hub_net net;
    struct hub_cache cache;
    struct hub_listing listing;
    struct hub_choice choice;
    struct hub_result *r;
    struct hub_progress progress; /* of the file that comes */
    struct buf page;
};

void hub_result_free(struct hub_result *r)
{
    for (size_t i = 0; i < r->n; i++) mem_free(r->files[i].path);
    mem_free(r->files);
    *r = (struct hub_result){0};
}

static int result_files(struct hub_result *r, size_t n, struct err *e)
{
    r->files = mem_array(n, sizeof *r->files);
    if (!r->files) FAIL(e, ERR_MEMORY, "out of memory for %zu files", n);
    return OK;
}

static int result_add(struct hub_result *r, const char *path, uint64_t size, const char *hash, enum fetch_state state,
                      struct err *e)
{
    struct hub_got *g = &r->files[r->n];
    g->path = mem_strdup(path);
    if (!g->path) FAIL(e, ERR_MEMORY, "out of memory for the list of files");
    g->size = size;
    g->state = state;
    snprintf(g->hash, sizeof g->hash, "%s", hash);
    r->n++;
    return OK;
}

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct pull *p = ctx;
    p->progress.done = done;
    p->progress.total = total;
    if (p->o->progress) p->o->progress(p->o->ctx, &p->progress);
}

/* Room on the disk, and the consent of whoever asked. */
static int agree(struct pull *p, struct hub_plan *plan, struct err *e)
{
    char need[24], there[24];
    uint64_t want;
    TRY(file_free_space(plan->into, &plan->free, e));
    if (!add_u64(plan->fetch, plan->fetch > 0 ? space_spare : 0, &want) || want > plan->free)
        FAIL(
            e, ERR_IO,
            "%s: %s are still to come, but %s has room for %s; free some space or choose another folder (HF_HUB_CACHE)",
            plan->name, hub_size_text(need, plan->fetch), plan->into, hub_size_text(there, plan->free));
    return p->o->agree ? p->o->agree(p->o->ctx, plan, e) : OK;
}

/* ---- repositories ---- */

static bool blob_is_there(const struct pull *p, const struct hub_file *f)
{
    char path[PATH_MAX];
    if (cache_blob(path, &p->cache, f->hash, "", NULL) != OK) return false;
    struct file_look l = file_look(path, true); /* it may itself be a link into a store that several caches share */
    return l.kind == FILE_REGULAR && l.size == f->size;
}

static uint64_t still_to_come(const struct pull *p, const struct hub_file *f)
{
    char path[PATH_MAX];
    if (blob_is_there(p, f)) return 0;
    if (cache_blob(path, &p->cache, f->hash, ".incomplete", NULL) != OK) return f->size;
    struct file_look l = file_look(path, false);
    return l.kind == FILE_REGULAR && l.size <= f->size ? f->size - l.size : f->size;
}

static int ask(struct pull *p, struct err *e)
{
    struct hub_plan plan = {.name = p->r->name, .into = p->cache.root, .files = p->choice.n, .bytes = p->choice.bytes};
    for (size_t i = 0; i < p->choice.n; i++) plan.fetch += still_to_come(p, &p->listing.files[p->choice.index[i]]);
    return agree(p, &plan, e);
}

static int hash_file(const struct pull *p, const char *path, const char *like, char out[HUB_HASH], struct err *e)
{
    struct file_map m;
    struct digest *d = NULL;
    TRY(file_map(&m, path, e));
    int rc = digest_new(&d, like, m.size, e);
    for (size_t at = 0, n; !rc && at < m.size; at += n) {
        n = m.size - at < (1 << 20) ? m.size - at : 1 << 20;
        digest_add(d, m.data + at, n);
        if (net_stopped(&p->net)) rc = err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__, "%s: stopped", path);
    }
    if (!rc) digest_hex(d, out);
    digest_free(d);
    file_unmap(&m);
    return rc;
}

/* With --verify: a blob whose hash is wrong is removed, to be fetched again. */
static int check_blob(const struct pull *p, const struct hub_file *f, const char *blob, struct err *e)
{
    char found[HUB_HASH];
    if (!p->o->verify) return OK;
    TRY(hash_file(p, blob, f->hash, found, e));
    if (!strcmp(found, f->hash)) return OK;
    net_say(&p->net, "%s: the copy in the cache is damaged (its hash is %s, expected %s): removed", f->path, found,
            f->hash);
    return file_remove(blob, e);
}

static int wait_for_lock(const struct pull *p, const struct hub_file *f, int *fd, struct err *e)
{
    for (int waited = 0;; waited++) {
        TRY(cache_try_lock(fd, &p->cache, f->hash, e));
        if (*fd >= 0) return OK;
        if (waited == 0) net_say(&p->net, "%s: another program is fetching it; waiting", f->path);
        if (net_stopped(&p->net)) FAIL(e, ERR_INTERRUPTED, "%s: stopped", f->path);
        clock_sleep(0.1);
    }
}

/* The blob of one file, with its lock held. */
static int get_blob(struct pull *p, const struct hub_file *f, enum fetch_state *state, struct err *e)
{
    char name[PATH_MAX], part[PATH_MAX];
    struct buf url = {0};
    TRY(cache_blob(name, &p->cache, f->hash, "", e));
    TRY(cache_blob(part, &p->cache, f->hash, ".incomplete", e));
    if (blob_is_there(p, f)) TRY(check_blob(p, f, name, e));
    *state = FETCH_CACHED;
    if (blob_is_there(p, f)) return OK;
    hub_file_url(&url, &p->net, p->ref, &p->listing, f->path);
    struct fetch job = {.net = &p->net,
                        .url = url.data,
                        .part = part,
                        .name = name,
                        .what = f->path,
                        .page = p->page.data,
                        .commit = p->ref->source == HUB_HF ? p->listing.commit : "",
                        .send_token = true,
                        .sized = true,
                        .size = f->size,
                        .progress = show_progress,
                        .ctx = p};
    memcpy(job.hash, f->hash, sizeof job.hash);
    uint64_t before = still_to_come(p, f);
    int rc = buf_check(&url, "an address", e);
    if (!rc) rc = fetch_file(&job, e);
    if (!rc) p->r->fetched += job.state == FETCH_RESUMED ? before : f->size;
    *state = job.state;
    buf_free(&url);
    return rc;
}

static int get_file(struct pull *p, const struct hub_file *f, struct err *e)
{
    enum fetch_state state;
    int lock = -1;
    p->progress.path = f->path;
    p->progress.index++;
    TRY(wait_for_lock(p, f, &lock, e));
    int rc = get_blob(p, f, &state, e);
    if (!rc) rc = cache_link(&p->cache, p->listing.commit, f->path, f->hash, e);
    file_unlock(lock);
    return rc ? rc : result_add(p->r, f->path, f->size, f->hash, state, e);
}

/* ModelScope's branches get names of their own, so that they do not take the place of the hub's; but a model that came
 * from nowhere else is also "main", so that other programs find it. */
static int set_refs(struct pull *p, struct err *e)
{
    const char *revision = p->ref->revision, *commit = p->listing.commit;
    char name[HUB_REVISION + 20], old[HUB_HASH], now[HUB_HASH];
    if (p->ref->source == HUB_HF) return cache_set_ref(&p->cache, *revision ? revision : "main", commit, e);
    snprintf(name, sizeof name, "modelscope-%s", *revision ? revision : "master");
    bool any, ours;
    TRY(cache_read_ref(&any, now, &p->cache, "main", e)); /* one that cannot be read is not replaced */
    TRY(cache_read_ref(&ours, old, &p->cache, name, e));
    bool is_main = !*revision && (!any || (ours && !strcmp(now, old)));
    TRY(cache_set_ref(&p->cache, name, commit, e));
    return is_main ? cache_set_ref(&p->cache, "main", commit, e) : OK;
}

static int list_and_choose(struct pull *p, struct err *e)
{
    const struct hub_ref *ref = p->ref;
    if (ref->source == HUB_MODELSCOPE) TRY(hub_list_modelscope(&p->net, ref, &p->listing, e));
    else TRY(hub_list_hf(&p->net, ref, &p->listing, e));
    int rc = hub_choose(&p->choice, &p->listing, ref->pick, ref->repo, e);
    if ((rc == ERR_USAGE || rc == ERR_NOTFOUND) && p->o->say) {
        struct buf b = {0};
        buf_printf(&b, "%s has:", ref->repo);
        size_t empty = b.len;
        hub_print_choices(&b, &p->listing);
        if (!b.failed && b.len > empty) p->o->say(p->o->ctx, b.data);
        buf_free(&b);
    }
    return rc;
}

static int pull_repo(struct pull *p, struct err *e)
{
    TRY(cache_at(&p->cache, p->o->cache, p->ref->repo, e));
    hub_page_url(&p->page, &p->net, p->ref);
    TRY(buf_check(&p->page, "an address", e));
    TRY(list_and_choose(p, e));
    memcpy(p->r->commit, p->listing.commit, sizeof p->r->commit);
    TRY(cache_snapshot(p->r->path, &p->cache, p->listing.commit, p->choice.main ? p->choice.main : "", e));
    p->r->bytes = p->choice.bytes;
    p->progress.n = p->choice.n;
    TRY(ask(p, e));
    TRY(result_files(p->r, p->choice.n, e));
    if (p->o->plan_only) {
        for (size_t i = 0; i < p->choice.n; i++) {
            const struct hub_file *f = &p->listing.files[p->choice.index[i]];
            TRY(result_add(p->r, f->path, f->size, f->hash, blob_is_there(p, f) ? FETCH_CACHED : FETCH_NEW, e));
        }
        return OK;
    }
    TRY(cache_make(&p->cache, e));
    for (size_t i = 0; i < p->choice.n; i++) TRY(get_file(p, &p->listing.files[p->choice.index[i]], e));
    return set_refs(p, e);
}

/* ---- single files ---- */

static int ask_size(void *ctx, uint64_t size, struct err *e)
{
    struct pull *p = ctx;
    struct hub_plan plan = {.name = p->r->name, .into = p->o->folder, .files = 1, .bytes = size, .fetch = size};
    p->r->bytes = size;
    return agree(p, &plan, e);
}

/* The last part of the address's path, as the file's name. */
static int url_name(char out[HUB_PATH], const char *url, struct err *e)
{
    size_t n = strcspn(url, "?#"), at = n;
    while (at > 0 && url[at - 1] != '/') at--;
    if (n - at < HUB_PATH) snprintf(out, HUB_PATH, "%.*s", (int)(n - at), url + at);
    if (n - at >= HUB_PATH || at < 9 || !hub_path_ok(out) || out[0] == '.')
        FAIL(e, ERR_USAGE, "%.200s: the address does not end in the name of a file", url);
    return OK;
}

/* A file of this name that is here already: fine when it has the hash, in the way otherwise. */
static int check_present(struct pull *p, const char *sha256, struct err *e)
{
    char found[HUB_HASH];
    if (!sha256)
        FAIL(e, ERR_USAGE, "%s is there already; remove it first, or give its --sha256 to have it checked", p->r->path);
    TRY(hash_file(p, p->r->path, sha256, found, e));
    if (strcmp(found, sha256) != 0)
        FAIL(e, ERR_INTEGRITY, "%s is there already, with SHA-256 %s, expected %s; remove it first", p->r->path, found,
             sha256);
    struct file_look l = file_look(p->r->path, true);
    p->r->bytes = l.size;
    return result_add(p->r, p->progress.path, l.size, found, FETCH_CACHED, e);
}

static int fetch_url(struct pull *p, const char *sha256, struct err *e)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.incomplete", p->r->path) >= (int)sizeof part)
        FAIL(e, ERR_LIMIT, "%s: path is too long", p->r->path);
    struct fetch job = {.net = &p->net,
                        .url = p->ref->url,
                        .part = part,
                        .name = p->r->path,
                        .what = p->progress.path,
                        .page = p->ref->url,
                        .commit = "",
                        .progress = show_progress,
                        .size_known = ask_size,
                        .ctx = p};
    snprintf(job.hash, sizeof job.hash, "%s", sha256 ? sha256 : "");
    uint64_t before = file_look(part, false).size;
    TRY(fetch_file(&job, e));
    uint64_t size = file_look(p->r->path, true).size;
    p->r->bytes = size;
    p->r->fetched = job.state == FETCH_RESUMED && before < size ? size - before : size;
    if (!sha256) net_say(&p->net, "%s: nothing to compare with; its SHA-256 is %s", p->progress.path, job.hash);
    return result_add(p->r, p->progress.path, size, job.hash, job.state, e);
}

static int pull_url(struct pull *p, const char *sha256, struct err *e)
{
    char name[HUB_PATH], lock_path[PATH_MAX];
    int lock = -1;
    if (!sha256 && !web_is_private(p->ref->url))
        FAIL(e, ERR_USAGE,
             "%.200s: not encrypted: anybody on the way can change the file; use https, or give its --sha256",
             p->ref->url);
    TRY(url_name(name, p->ref->url, e));
    TRY(file_mkdirs(p->o->folder, e));
    TRY(path_join(p->r->path, sizeof p->r->path, p->o->folder, name, e));
    TRY(result_files(p->r, 1, e));
    p->progress = (struct hub_progress){.path = name, .index = 1, .n = 1};
    if (file_look(p->r->path, true).kind != FILE_MISSING) return check_present(p, sha256, e);
    if (p->o->plan_only)
        FAIL(e, ERR_USAGE, "%.200s: the size of a single file is known only when it is fetched", p->ref->url);
    if (snprintf(lock_path, sizeof lock_path, "%s/.%s.lock", p->o->folder, name) >= (int)sizeof lock_path)
        FAIL(e, ERR_LIMIT, "%s: path is too long", p->r->path);
    TRY(file_try_lock(&lock, lock_path, e));
    if (lock < 0) FAIL(e, ERR_USAGE, "%s: another program is fetching it", p->r->path);
    int rc = fetch_url(p, sha256, e);
    int gone = file_remove(lock_path, rc ? NULL : e);
    if (!rc) rc = gone;
    file_unlock(lock);
    return rc;
}

/* ---- both ---- */

static void name_result(struct pull *p)
{
    const struct hub_ref *f = p->ref;
    struct hub_result *r = p->r;
    if (f->source == HUB_URL) snprintf(r->name, sizeof r->name, "%.*s", (int)strcspn(f->url, "?#"), f->url);
    else
        snprintf(r->name, sizeof r->name, "%s%s%s%s%s", f->repo, f->revision[0] ? "@" : "", f->revision,
                 f->pick[0] ? ":" : "", f->pick);
}

static int open_net(struct pull *p, struct err *e)
{
    const struct hub_options *o = p->o;
    bool scope = p->ref->source == HUB_MODELSCOPE;
    struct web_options h = o->http;
    h.stop = o->stop;
    h.stop_ctx = o->ctx;
    p->net = (struct hub_net){.endpoint = scope ? o->modelscope_endpoint : o->hf_endpoint,
                              .token = scope ? o->modelscope_token : o->hf_token,
                              .tries = o->tries,
                              .backoff = o->backoff,
                              .say = o->say,
                              .stop = o->stop,
                              .ctx = o->ctx};
    if (o->offline)
        FAIL(e, ERR_NETWORK, "%s: HF_HUB_OFFLINE is set: nothing is fetched; autarky list shows what is here",
             p->r->name);
    if (!web_url_ok(p->net.endpoint))
        FAIL(e, ERR_USAGE, "the endpoint \"%.200s\" is no address of http or https", p->net.endpoint);
    if (p->ref->source != HUB_URL && !web_is_private(p->net.endpoint))
        net_say(&p->net, "warning: %s is not encrypted: what it says can be changed on the way, and no token is sent",
                p->net.endpoint);
    return web_open(&p->net.http, &h, e);
}

int hub_pull(const struct hub_options *o, const struct hub_ref *ref, const char *sha256, struct hub_result *r,
             struct err *e)
{
    struct pull p = {.o = o, .ref = ref, .r = r};
    *r = (struct hub_result){0};
    name_result(&p);
    int rc = open_net(&p, e);
    if (!rc) rc = ref->source == HUB_URL ? pull_url(&p, sha256, e) : pull_repo(&p, e);
    web_close(p.net.http);
    choice_free(&p.choice);
    listing_free(&p.listing);
    buf_free(&p.page);
    return rc;
}
