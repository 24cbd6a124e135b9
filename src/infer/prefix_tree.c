/* Trees of blocks, and lists by use. */
#include "infer/prefix_tree.h"
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

/* ---- tenants ---- */

struct prefix_tenant *prefix_tenant_new(struct prefix_tree *t, const char *name, size_t len, const char *root)
{
    struct prefix_tenant *x = mem_array(1, sizeof *x);
    if (!x) return NULL;
    if (name && !(x->name = mem_strndup(name, len))) {
        mem_free(x);
        return NULL;
    }
    x->len = name ? len : 0;
    memcpy(x->root, root, strlen(root) + 1);
    x->next = t->tenants;
    t->tenants = x;
    return x;
}

void prefix_tenant_free(struct prefix_tree *t, struct prefix_tenant *x)
{
    struct prefix_tenant **at = &t->tenants;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    mem_free(x->name);
    mem_free(x);
}

/* ---- blocks ---- */

struct prefix_block *prefix_block_new(struct prefix_tree *t, struct prefix_tenant *owner, struct prefix_block *parent,
                                      const int32_t *ids, int32_t rows)
{
    struct prefix_block *b = mem_array(1, sizeof *b);
    if (!b) return NULL;
    struct prefix_block **first = parent ? &parent->child : &owner->child;
    b->owner = owner;
    b->parent = parent;
    b->page = b->slot = -1;
    b->depth = parent ? parent->depth + 1 : 0;
    b->rows = rows;
    memcpy(b->ids, ids, (size_t)rows * sizeof *ids);
    b->next = *first;
    if (b->next) b->next->last = b;
    *first = b;
    t->blocks++;
    return b;
}

void prefix_block_free(struct prefix_tree *t, struct prefix_block *b)
{
    struct prefix_block **first = b->parent ? &b->parent->child : &b->owner->child;
    if (b->last) b->last->next = b->next;
    else *first = b->next;
    if (b->next) b->next->last = b->last;
    t->blocks--;
    mem_free(b);
}

/* ---- use ---- */

static void add_newest(struct prefix_block *b, int place)
{
    struct prefix_use *u = &b->owner->use[place];
    b->older[place] = u->newest;
    b->newer[place] = NULL;
    *(u->newest ? &u->newest->newer[place] : &u->oldest) = b;
    u->newest = b;
}

static void take_out(struct prefix_block *b, int place)
{
    struct prefix_use *u = &b->owner->use[place];
    *(b->older[place] ? &b->older[place]->newer[place] : &u->oldest) = b->newer[place];
    *(b->newer[place] ? &b->newer[place]->older[place] : &u->newest) = b->older[place];
}

void prefix_block_enter(struct prefix_tree *t, struct prefix_block *b, int place)
{
    if (b->in[place]) return;
    b->in[place] = true;
    b->owner->use[place].n++;
    t->in[place]++;
    if (b->parent) b->parent->below[place]++;
    add_newest(b, place);
}

void prefix_block_leave(struct prefix_tree *t, struct prefix_block *b, int place)
{
    if (!b->in[place]) return;
    b->in[place] = false;
    b->owner->use[place].n--;
    t->in[place]--;
    if (b->parent) b->parent->below[place]--;
    take_out(b, place);
}

void prefix_block_touch(struct prefix_block *b)
{
    for (; b; b = b->parent)
        for (int place = 0; place < PREFIX_PLACES; place++) {
            if (!b->in[place] || !b->newer[place]) continue;
            take_out(b, place);
            add_newest(b, place);
        }
}

/* ---- finding ---- */

static int64_t in_common(const int32_t *a, const int32_t *b, int64_t n)
{
    int64_t i = 0;
    if (n > 0 && !memcmp(a, b, (size_t)n * sizeof *a)) return n;
    while (i < n && a[i] == b[i]) i++;
    return i;
}

struct prefix_block *prefix_best(const struct prefix_tenant *t, const struct prefix_block *at, const int32_t *ids, int64_t n,
                                 int64_t *same)
{
    struct prefix_block *best = NULL;
    *same = 0;
    for (struct prefix_block *b = prefix_children(t, at); b && *same < min_i64(n, PAGE_ROWS); b = b->next) {
        int64_t m = in_common(b->ids, ids, min_i64(b->rows, n));
        if (m <= *same) continue;
        *same = m;
        best = b;
    }
    return best;
}

bool prefix_path(const struct prefix_tenant *t, const int32_t *ids, int64_t blocks, struct prefix_block **at)
{
    *at = NULL;
    for (int64_t i = 0; i < blocks; i++) {
        struct prefix_block *b = prefix_children(t, *at);
        while (b && (b->rows != PAGE_ROWS || memcmp(b->ids, ids + i * PAGE_ROWS, sizeof b->ids) != 0)) b = b->next;
        if (!b) return false;
        *at = b;
    }
    return true;
}
