/* Keeping, finding, giving up and writing blocks. */
#include "infer/prefix_cache.h"
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "sys/clock.h"

/* ---- what waits to be written ---- */

static void todo_add(struct prefix_cache *c, struct prefix_block *b)
{
    if (!c->store || c->store->trouble.code || b->waits || b->in[PREFIX_FILE]) return;
    b->waits = true;
    b->done = c->todo.last;
    b->todo = NULL;
    *(c->todo.last ? &c->todo.last->todo : &c->todo.first) = b;
    c->todo.last = b;
}

static void todo_remove(struct prefix_cache *c, struct prefix_block *b)
{
    if (!b->waits) return;
    b->waits = false;
    *(b->done ? &b->done->todo : &c->todo.first) = b->todo;
    *(b->todo ? &b->todo->done : &c->todo.last) = b->done;
}

/* ---- blocks that come and go ---- */

static void stop_writing(struct prefix_cache *c, struct prefix_block *b)
{
    if (!c->store || c->store->w.block != b) return;
    kv_store_stop(c->store);
    b->slot = -1;
}

static void leave_memory(struct prefix_cache *c, struct prefix_block *b)
{
    if (!b->in[PREFIX_PAGE]) return;
    stop_writing(c, b);
    todo_remove(c, b);
    prefix_block_leave(&c->tree, b, PREFIX_PAGE);
    pages_release(&c->dec->pages, b->page);
    b->page = -1;
}

static void leave_file(struct prefix_cache *c, struct prefix_block *b, bool wipe)
{
    if (!b->in[PREFIX_FILE]) return;
    prefix_block_leave(&c->tree, b, PREFIX_FILE);
    if (wipe) kv_store_wipe(c->store, b->slot);
    b->slot = -1;
}

/* It and all that stands behind it. */
static void forget(struct prefix_cache *c, struct prefix_block *b, bool wipe)
{
    for (bool last = false; !last;) {
        struct prefix_block *x = b;
        while (x->child) x = x->child;
        last = x == b;
        leave_memory(c, x);
        leave_file(c, x, wipe);
        prefix_block_free(&c->tree, x);
    }
}

/* It is in no place any more: nobody could reach what stands behind it. */
static void forget_if_lost(struct prefix_cache *c, struct prefix_block *b)
{
    if (!b->in[PREFIX_PAGE] && !b->in[PREFIX_FILE]) forget(c, b, true);
}

static void touch(struct prefix_cache *c, struct prefix_block *b)
{
    if (!b) return;
    prefix_block_touch(b);
    if (b->in[PREFIX_FILE]) kv_store_used(c->store, b->slot);
}

/* ---- giving up ---- */

static bool can_leave(const struct prefix_cache *c, const struct prefix_block *b, int place)
{
    if (b->below[place]) return false;
    return place == PREFIX_FILE || !pages_shared(&c->dec->pages, b->page);
}

/* Of the tenant that has most there, the block that was used longest ago; NULL: none can go. */
static struct prefix_block *oldest(const struct prefix_cache *c, int place)
{
    struct prefix_block *found = NULL;
    for (const struct prefix_tenant *t = c->tree.tenants; t; t = t->next) {
        if (found && t->use[place].n <= found->owner->use[place].n) continue;
        struct prefix_block *b = t->use[place].oldest;
        while (b && !can_leave(c, b, place)) b = b->newer[place];
        if (b) found = b;
    }
    return found;
}

static bool give_page(struct prefix_cache *c)
{
    struct prefix_block *b = oldest(c, PREFIX_PAGE);
    if (!b) return false;
    leave_memory(c, b);
    c->evicted++;
    forget_if_lost(c, b);
    return true;
}

static int64_t spare(const struct prefix_cache *c)
{
    int64_t n = 0;
    for (const struct prefix_tenant *t = c->tree.tenants; t; t = t->next)
        for (const struct prefix_block *b = t->use[PREFIX_PAGE].oldest; b; b = b->newer[PREFIX_PAGE])
            n += !pages_shared(&c->dec->pages, b->page);
    return n;
}

bool prefix_cache_give(struct prefix_cache *c, int64_t pages)
{
    if (c->dec->pages.n_free >= pages) return true;
    if (c->dec->pages.n_free + spare(c) < pages) return false;
    while (c->dec->pages.n_free < pages)
        if (!give_page(c)) return false;
    return true;
}

void prefix_cache_clear(struct prefix_cache *c, bool file)
{
    for (struct prefix_tenant *t = c->tree.tenants, *next; t; t = next) {
        next = t->next;
        while (file && t->child) forget(c, t->child, true);
        while (!file && t->use[PREFIX_PAGE].oldest) {
            struct prefix_block *b = t->use[PREFIX_PAGE].oldest;
            leave_memory(c, b);
            forget_if_lost(c, b);
        }
        if (!t->child && !t->users) prefix_tenant_free(&c->tree, t);
    }
}

/* ---- keeping ---- */

static bool is_begun_by(const struct prefix_block *b, const int32_t *ids, int32_t rows)
{
    return b->rows >= rows && !memcmp(b->ids, ids, (size_t)rows * sizeof *ids);
}

/* Shorter ones that the new block says as well. */
static void forget_beginnings(struct prefix_cache *c, const struct prefix_block *b)
{
    for (struct prefix_block *x = prefix_children(b->owner, b->parent), *next; x; x = next) {
        next = x->next;
        if (x != b && x->rows < b->rows && is_begun_by(b, x->ids, x->rows)) forget(c, x, true);
    }
}

static void enter_memory(struct prefix_cache *c, struct prefix_block *b, int32_t page)
{
    pages_share(&c->dec->pages, page);
    b->page = page;
    prefix_block_enter(&c->tree, b, PREFIX_PAGE);
    todo_add(c, b);
    c->changes++;
}

static struct prefix_block *add_block(struct prefix_cache *c, struct prefix_tenant *t, struct prefix_block *parent,
                                      const int32_t *ids, int32_t rows)
{
    struct err ignored;
    struct prefix_block *b = prefix_block_new(&c->tree, t, parent, ids, rows);
    if (!b) return NULL;
    if (c->store && kv_key(parent ? parent->key : t->root, ids, rows, b->key, &ignored)) {
        prefix_block_free(&c->tree, b);
        return NULL;
    }
    return b;
}

/* The block of these rows, which lie in the page; NULL: there is no room for it. */
static struct prefix_block *keep_block(struct prefix_cache *c, struct prefix_tenant *t, struct prefix_block *parent,
                                       const int32_t *ids, int32_t rows, int32_t *page)
{
    struct prefix_block *b = prefix_children(t, parent);
    while (b && !is_begun_by(b, ids, rows)) b = b->next;
    if (b && (b->in[PREFIX_PAGE] || b->rows > rows)) {
        if (b->in[PREFIX_PAGE] && rows == PAGE_ROWS && b->page != *page) { /* it was evaluated twice: one page is enough */
            pages_share(&c->dec->pages, b->page);
            pages_release(&c->dec->pages, *page);
            *page = b->page;
        }
        return b;
    }
    while (c->tree.in[PREFIX_PAGE] >= c->most)
        if (!give_page(c)) return NULL;
    if (!b && !(b = add_block(c, t, parent, ids, rows))) return NULL;
    enter_memory(c, b, *page);
    forget_beginnings(c, b);
    return b;
}

void prefix_cache_keep(struct prefix_cache *c, struct prefix_tenant *t, struct session *s, int64_t n)
{
    struct prefix_block *at = NULL, *b = NULL;
    for (int64_t i = 0; i < cache_pages(n); i++, at = b) {
        int32_t rows = (int32_t)min_i64(PAGE_ROWS, n - i * PAGE_ROWS);
        b = keep_block(c, t, at, s->ids + i * PAGE_ROWS, rows, &s->pages[i]);
        if (!b) break;
    }
    touch(c, b ? b : at);
}

/* ---- finding ---- */

/* From the file into a page that the session has for itself, and from there into memory. */
static bool load(struct prefix_cache *c, struct session *s, const int32_t *ids, struct prefix_block *b, int64_t same)
{
    int64_t i = s->n / PAGE_ROWS;
    if (!kv_store_read(c->store, b, s->pages[i])) {
        leave_file(c, b, false); /* it is wiped */
        forget_if_lost(c, b);
        return false;
    }
    session_took(s, ids, i * PAGE_ROWS + same);
    if (same == PAGE_ROWS && c->tree.in[PREFIX_PAGE] < c->most && (!b->parent || b->parent->in[PREFIX_PAGE]))
        enter_memory(c, b, s->pages[i]);
    return true;
}

enum taken { TAKEN, FAILED, NOT_NOW };

static enum taken take(struct prefix_cache *c, struct session *s, const int32_t *ids, struct prefix_block *b, int64_t same,
                       bool own)
{
    int64_t base = s->n / PAGE_ROWS * PAGE_ROWS;
    if (b->in[PREFIX_PAGE] && same == PAGE_ROWS) {
        session_share(s, ids, b->page);
        return TAKEN;
    }
    if (!own) return NOT_NOW;
    if (b->in[PREFIX_PAGE]) session_copy(s, ids, b->page, base + same);
    else if (s->n > base) return NOT_NOW; /* what it has of this page would be overwritten */
    else if (!load(c, s, ids, b, same)) return FAILED;
    return TAKEN;
}

bool prefix_cache_extend(struct prefix_cache *c, struct prefix_tenant *t, struct session *s, const int32_t *ids, int64_t n,
                         bool own, double until)
{
    struct prefix_block *at, *last = NULL;
    bool more = false;
    if (!prefix_path(t, ids, s->n / PAGE_ROWS, &at)) return false;
    while (s->n < n && !more) {
        int64_t base = s->n / PAGE_ROWS * PAGE_ROWS, same;
        struct prefix_block *b = prefix_best(t, at, ids + base, n - base, &same);
        if (!b || base + same <= s->n) break;
        enum taken how = take(c, s, ids, b, same, own);
        if (how == FAILED) continue;
        if (how == NOT_NOW) break;
        last = b;
        if (same < PAGE_ROWS) break;
        at = b;
        more = clock_seconds() >= until;
    }
    touch(c, last);
    return more && s->n < n;
}

/* Who was used last comes first, and what he stands behind before him. */
static struct prefix_block *next_to_warm(const struct prefix_cache *c)
{
    for (const struct prefix_tenant *t = c->tree.tenants; t; t = t->next)
        for (struct prefix_block *b = t->use[PREFIX_FILE].newest; b; b = b->older[PREFIX_FILE])
            if (!b->in[PREFIX_PAGE] && (!b->parent || b->parent->in[PREFIX_PAGE])) return b;
    return NULL;
}

bool prefix_cache_warm(struct prefix_cache *c)
{
    struct pages *all = &c->dec->pages;
    if (!c->store || all->n_free <= all->n / 2 || c->tree.in[PREFIX_PAGE] >= c->most) return false;
    struct prefix_block *b = next_to_warm(c);
    if (!b) return false;
    int32_t page = pages_take(all);
    if (kv_store_read(c->store, b, page)) {
        enter_memory(c, b, page);
    } else {
        leave_file(c, b, false); /* it is wiped */
        forget_if_lost(c, b);
    }
    pages_release(all, page);
    return true;
}

/* ---- what came behind a text ---- */

struct follow {
    int32_t *ids; /* (most) */
    int64_t most;
    prefix_text_fn *fn;
    void *ctx;
};

/* Every way from the block's id `from` on to an end; ids (n) are there already. Blocks are at most `most` deep. */
static bool follow(const struct follow *f, const struct prefix_block *b, int32_t from, int64_t n)
{
    int64_t more = min_i64(b->rows - from, f->most - n);
    memcpy(f->ids + n, b->ids + from, (size_t)more * sizeof *f->ids);
    n += more;
    if (!b->child || n == f->most) return f->fn(f->ctx, f->ids, n);
    for (const struct prefix_block *x = b->child; x; x = x->next)
        if (!follow(f, x, 0, n)) return false;
    return true;
}

void prefix_cache_follow(const struct prefix_cache *c, const struct prefix_tenant *t, const int32_t *ids, int64_t n, int64_t most,
                         prefix_text_fn *fn, void *ctx)
{
    struct prefix_block *at;
    int64_t whole = n / PAGE_ROWS, rest = n % PAGE_ROWS;
    struct follow f = {.ids = mem_array((size_t)most, sizeof *f.ids), .most = most, .fn = fn, .ctx = ctx};
    (void)c;
    if (f.ids && prefix_path(t, ids, whole, &at))
        for (const struct prefix_block *b = prefix_children(t, at); b; b = b->next)
            if (b->rows > rest && !memcmp(b->ids, ids + whole * PAGE_ROWS, (size_t)rest * sizeof *ids) &&
                !follow(&f, b, (int32_t)rest, 0))
                break;
    mem_free(f.ids);
}

/* ---- writing ---- */

/* A place for the block: an empty one, or that of the one used longest ago of who has most; -1: none. */
static int32_t place_for(struct prefix_cache *c, const struct prefix_block *b)
{
    int32_t slot = kv_store_place(c->store);
    if (slot >= 0 || c->store->trouble.code) return slot;
    if (b->parent) prefix_block_touch(b->parent); /* what it stands behind is not to go for it */
    struct prefix_block *x = oldest(c, PREFIX_FILE);
    if (!x || x == b->parent) return -1;
    leave_file(c, x, true);
    forget_if_lost(c, x);
    return kv_store_place(c->store);
}

/* The next block that waits is begun; false: there is none. */
static bool begin_block(struct prefix_cache *c)
{
    for (struct prefix_block *b; (b = c->todo.first);) {
        todo_remove(c, b);
        if (b->parent && !b->parent->in[PREFIX_FILE]) continue; /* nobody could find it */
        b->slot = place_for(c, b);
        if (b->slot < 0) continue;
        kv_store_begin(c->store, b);
        return true;
    }
    return false;
}

bool prefix_cache_write(struct prefix_cache *c, double until)
{
    if (!c->store) return false;
    do {
        bool well;
        if (!c->store->w.block && !begin_block(c)) return false;
        struct prefix_block *b = c->store->w.block;
        if (!kv_store_step(c->store, &well)) continue;
        if (well) prefix_block_enter(&c->tree, b, PREFIX_FILE);
        else b->slot = -1;
        if (well && b->parent) prefix_block_touch(b->parent);
    } while (clock_seconds() < until);
    return c->store->w.block || c->todo.first;
}

/* ---- opening ---- */

struct by_use {
    struct prefix_block *b;
    uint64_t used;
};

/* The blocks that came, and a table of them by key. */
struct opening {
    struct prefix_cache *c;
    struct by_use *v; /* (of) */
    size_t n, mask;
    struct prefix_block **table; /* (mask + 1), at least twice as many */
};

static struct prefix_tenant *tenant_of_root(struct prefix_cache *c, const char *root)
{
    struct prefix_tenant *t = c->tree.tenants;
    while (t && strcmp(t->root, root) != 0) t = t->next;
    return t ? t : prefix_tenant_new(&c->tree, NULL, 0, root);
}

/* Where the block of a key is, or would be. */
static struct prefix_block **find_key(const struct opening *o, const char *key)
{
    uint64_t h;
    memcpy(&h, key, sizeof h);
    h *= 0x9e3779b97f4a7c15u;
    for (size_t i = (size_t)(h >> 32) & o->mask;; i = (i + 1) & o->mask)
        if (!o->table[i] || !strcmp(o->table[i]->key, key)) return &o->table[i];
}

static bool make_table(struct opening *o, size_t of)
{
    size_t slots = 64;
    while (slots < 2 * of) slots *= 2;
    o->mask = slots - 1;
    o->v = mem_array(of, sizeof *o->v);
    o->table = mem_array(slots, sizeof *o->table);
    return o->v && o->table;
}

/* Blocks come by depth: the parent is among those that came. */
static bool on_found(void *ctx, const struct kv_found *f)
{
    struct opening *o = ctx;
    if (!o->v && !make_table(o, f->of)) return false;
    if (!o->table || *find_key(o, f->key)) return false; /* the same again */
    struct prefix_block *parent = f->depth ? *find_key(o, f->parent) : NULL;
    if (f->depth && (!parent || parent->rows != PAGE_ROWS || parent->depth != f->depth - 1)) return false;
    struct prefix_tenant *t = parent ? parent->owner : tenant_of_root(o->c, f->parent);
    struct prefix_block *b = t ? prefix_block_new(&o->c->tree, t, parent, f->ids, f->rows) : NULL;
    if (!b) return false;
    memcpy(b->key, f->key, sizeof b->key);
    b->slot = f->slot;
    prefix_block_enter(&o->c->tree, b, PREFIX_FILE);
    *find_key(o, f->key) = b;
    o->v[o->n++] = (struct by_use){b, f->used};
    return true;
}

static int compare_use(const void *x, const void *y)
{
    const struct by_use *a = x, *b = y;
    if (a->used != b->used) return a->used < b->used ? -1 : 1;
    return a->b->slot < b->b->slot ? -1 : a->b->slot > b->b->slot;
}

static int open_store(struct prefix_cache *c, const struct kv_store_options *s, struct err *e)
{
    struct opening o = {.c = c};
    int rc = kv_store_open(&c->store, c->dec, s, on_found, &o, e);
    if (!rc && o.n) qsort(o.v, o.n, sizeof *o.v, compare_use);
    for (size_t i = 0; !rc && i < o.n; i++) prefix_block_touch(o.v[i].b);
    for (size_t i = o.n; rc && i-- > 0;) { /* those behind others come last */
        o.v[i].b->slot = -1;
        prefix_block_leave(&c->tree, o.v[i].b, PREFIX_FILE);
        prefix_block_free(&c->tree, o.v[i].b);
    }
    mem_free(o.v);
    mem_free(o.table);
    return rc;
}

int prefix_cache_open(struct prefix_cache *c, struct decoder *d, const struct prefix_options *o, struct err *why, struct err *e)
{
    *c = (struct prefix_cache){.dec = d, .most = o->pages ? o->pages : d->pages.n};
    *why = (struct err){0};
    if (c->most < 0 || c->most > d->pages.n)
        FAIL(e, ERR_USAGE, "%lld pages are to be kept, the cache has %d", (long long)o->pages, d->pages.n);
    if (!o->store.folder || !o->store.bytes) return OK;
    if (open_store(c, &o->store, why)) prefix_cache_clear(c, false);
    return OK;
}

void prefix_cache_close(struct prefix_cache *c)
{
    if (!c->dec) return;
    for (struct prefix_tenant *t = c->tree.tenants; t; t = t->next) {
        t->users = 0;
        while (t->child) forget(c, t->child, false);
    }
    prefix_cache_clear(c, false);
    kv_store_close(c->store);
    *c = (struct prefix_cache){0};
}

/* ---- tenants ---- */

/* Those that nobody asks for, and of whom nothing is left. */
static void sweep_tenants(struct prefix_cache *c)
{
    for (struct prefix_tenant *t = c->tree.tenants, *next; t; t = next) {
        next = t->next;
        if (!t->child && !t->users) prefix_tenant_free(&c->tree, t);
    }
}

struct prefix_tenant *prefix_cache_join(struct prefix_cache *c, const char *name, size_t len)
{
    char root[SHA256_HEX] = "";
    struct err ignored;
    struct prefix_tenant *t = c->tree.tenants;
    if (!name) name = "";
    while (t && !(t->name && t->len == len && !memcmp(t->name, name, len))) t = t->next;
    if (!t) {
        sweep_tenants(c);
        if (c->store && kv_root(c->store, name, len, root, &ignored)) return NULL;
        for (t = c->tree.tenants; t && (t->name || strcmp(t->root, root) != 0);) t = t->next;
        if (t && (t->name = mem_strndup(name, len))) t->len = len;
        else t = prefix_tenant_new(&c->tree, name, len, root);
    }
    if (t) t->users++;
    return t;
}

void prefix_cache_leave(struct prefix_cache *c, struct prefix_tenant *t)
{
    if (t && --t->users == 0 && !t->child) prefix_tenant_free(&c->tree, t);
}

struct prefix_counts prefix_cache_counts(const struct prefix_cache *c)
{
    struct prefix_counts n = {.pages = c->tree.in[PREFIX_PAGE], .spare = spare(c), .blocks = c->tree.blocks,
                              .in_file = c->tree.in[PREFIX_FILE], .evicted = c->evicted};
    if (!c->store) return n;
    n.written = c->store->written;
    n.read = c->store->read;
    n.damaged = c->store->damaged;
    return n;
}
