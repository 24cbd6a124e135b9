/* Truth, equality, order, lists and dicts, as Python has them. Every loop is charged to the steps of the render. */
#include "chat/template/value.h"
#include <string.h>
#include "base/checked.h"
#include "chat/template/text.h"

static const char *const type_names[KIND_COUNT] = {
    [K_MISSING] = "Undefined", [K_UNDEFINED] = "Undefined", [K_NONE] = "NoneType",  [K_BOOL] = "bool",
    [K_INT] = "int",           [K_FLOAT] = "float",         [K_STRING] = "str",     [K_LIST] = "list",
    [K_TUPLE] = "tuple",       [K_DICT] = "dict",           [K_RANGE] = "range",    [K_VIEW] = "dict_items",
    [K_ITERATOR] = "generator", [K_NAMESPACE] = "Namespace", [K_LOOP] = "LoopContext", [K_MACRO] = "Macro",
    [K_FUNCTION] = "function", [K_METHOD] = "method",       [K_CYCLER] = "Cycler",  [K_JOINER] = "Joiner"};

const char *type_name(const struct value *v)
{
    if (v->kind == K_VIEW && v->which != 'i') return v->which == 'k' ? "dict_keys" : "dict_values";
    return type_names[v->kind];
}

int undefined_fault(struct template_run *r, const struct value *v)
{
    const struct undefined *u = v->undefined;
    if (!u) FAULT(r, "the value is undefined");
    if (u->words) FAULT(r, "%s", u->words);
    int n = (int)(u->name->len < 100 ? u->name->len : 100);
    if (u->unsafe) FAULT(r, "access to attribute '%.*s' of '%s' object is unsafe", n, u->name->s, u->object);
    if (u->object) FAULT(r, "'%s' object has no attribute '%.*s'", u->object, n, u->name->s);
    FAULT(r, "'%.*s' is undefined", n, u->name->s);
}

int truth(struct template_run *r, const struct value *v, bool *out)
{
    (void)r;
    switch ((enum kind)v->kind) {
    case K_MISSING:
    case K_UNDEFINED:
    case K_NONE: *out = false; break;
    case K_BOOL: *out = v->b; break;
    case K_INT: *out = v->i != 0; break;
    case K_FLOAT: *out = v->x != 0; break;
    case K_STRING: *out = v->text->len > 0; break;
    case K_LIST:
    case K_TUPLE: *out = v->list->n > 0; break;
    case K_DICT:
    case K_VIEW: *out = v->dict->n > 0; break;
    case K_RANGE: *out = v->range->n > 0; break;
    default: *out = true;
    }
    return OK;
}

int length(struct template_run *r, const struct value *v, int64_t *out)
{
    switch ((enum kind)v->kind) {
    case K_UNDEFINED: *out = 0; return OK;
    case K_STRING: *out = text_chars(v->text); return charge_bytes(r, v->text->len);
    case K_LIST:
    case K_TUPLE: *out = (int64_t)v->list->n; return OK;
    case K_DICT:
    case K_VIEW: *out = v->dict->n; return OK;
    case K_RANGE: *out = v->range->n; return OK;
    default: FAULT(r, "a value of type %s has no length", type_name(v));
    }
}

/* ---- equality and order ---- */

static int deeper(struct template_run *r)
{
    if (++r->depth <= TEMPLATE_MAX_DEPTH) return charge(r, 1);
    return fault(r, ERR_LIMIT, "values nested too deep (%d levels of evaluation)", TEMPLATE_MAX_DEPTH);
}

static int lists_equal(struct template_run *r, const struct list *a, const struct list *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) TRY(equals(r, &a->items[i], &b->items[i], out));
    return OK;
}

static int dicts_equal(struct template_run *r, const struct dict *a, const struct dict *b, bool *out)
{
    bool hashable;
    struct value *other;
    *out = a->n == b->n;
    for (uint32_t i = 0; *out && i < a->n; i++) {
        TRY(dict_find(r, b, &a->entries[i].key, &other, &hashable));
        *out = other != NULL;
        if (other) TRY(equals(r, &a->entries[i].value, other, out));
    }
    return OK;
}

static int same_kind_equal(struct template_run *r, const struct value *a, const struct value *b, bool *out)
{
    switch ((enum kind)a->kind) {
    case K_UNDEFINED:
    case K_MISSING:
    case K_NONE: *out = true; return OK;
    case K_STRING: *out = text_same(a->text, b->text); return charge_bytes(r, a->text->len);
    case K_LIST:
    case K_TUPLE: return lists_equal(r, a->list, b->list, out);
    case K_DICT: return dicts_equal(r, a->dict, b->dict, out);
    case K_RANGE:
        *out = a->range->n == b->range->n && (a->range->n == 0 || a->range->start == b->range->start) &&
               (a->range->n < 2 || a->range->step == b->range->step);
        return OK;
    default: *out = a->dict == b->dict; return OK; /* the same object */
    }
}

/* -1, 0, 1; 2: not comparable (NaN). Exact, also between integers and floats. */
static int number_order(const struct value *a, const struct value *b)
{
    if (is_integer(a) && is_integer(b)) return (int_of(a) > int_of(b)) - (int_of(a) < int_of(b));
    if (is_integer(a)) {
        int o = number_order(b, a);
        return o == 2 ? 2 : -o;
    }
    double x = a->x, y = float_of(b);
    if (x != x || y != y) return 2;
    if (is_integer(b) && x > -9.2e18 && x < 9.2e18) { /* y may have been rounded */
        int64_t whole = (int64_t)x, i = int_of(b);
        if (whole != i) return whole > i ? 1 : -1;
        y = (double)whole;
    }
    return (x > y) - (x < y);
}

int equals(struct template_run *r, const struct value *a, const struct value *b, bool *out)
{
    TRY(deeper(r));
    int rc = OK;
    if (is_number(a) && is_number(b)) *out = number_order(a, b) == 0;
    else if (a->kind == b->kind) rc = same_kind_equal(r, a, b, out);
    else *out = false;
    r->depth--;
    return rc;
}

static int text_order(const struct text *a, const struct text *b)
{
    uint32_t n = a->len < b->len ? a->len : b->len;
    int o = n ? memcmp(a->s, b->s, n) : 0; /* UTF-8 keeps the order of code points */
    return o ? (o > 0) - (o < 0) : (a->len > b->len) - (a->len < b->len);
}

static int list_order(struct template_run *r, const struct list *a, const struct list *b, const char *op,
                      int *out)
{
    bool same;
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        TRY(equals(r, &a->items[i], &b->items[i], &same));
        if (!same) return compare(r, &a->items[i], &b->items[i], op, out);
    }
    *out = (a->n > b->n) - (a->n < b->n);
    return OK;
}

int compare(struct template_run *r, const struct value *a, const struct value *b, const char *op, int *out)
{
    int rc = OK;
    TRY(deeper(r));
    if (a->kind == K_UNDEFINED || b->kind == K_UNDEFINED)
        rc = undefined_fault(r, a->kind == K_UNDEFINED ? a : b);
    else if (is_number(a) && is_number(b)) *out = number_order(a, b);
    else if (a->kind == K_STRING && b->kind == K_STRING) {
        *out = text_order(a->text, b->text);
        rc = charge_bytes(r, a->text->len < b->text->len ? a->text->len : b->text->len);
    } else if (a->kind == b->kind && (a->kind == K_LIST || a->kind == K_TUPLE)) {
        rc = list_order(r, a->list, b->list, op, out);
    } else {
        rc = fault(r, ERR_FORMAT, "'%s' not supported between instances of '%s' and '%s'", op, type_name(a),
                   type_name(b));
    }
    r->depth--;
    return rc;
}

int contains(struct template_run *r, const struct value *box, const struct value *v, bool *out)
{
    struct value *found, item;
    struct walk w;
    bool more, hashable;
    size_t at;
    *out = false;
    if (box->kind == K_STRING) {
        if (v->kind == K_UNDEFINED) return undefined_fault(r, v);
        if (v->kind != K_STRING)
            FAULT(r, "'in <string>' requires string as left operand, not %s", type_name(v));
        TRY(text_find(r, box->text, v->text, 0, box->text->len, &at));
        *out = at != SIZE_MAX;
        return OK;
    }
    if (box->kind == K_DICT || (box->kind == K_VIEW && box->which == 'k')) {
        TRY(dict_find(r, box->dict, v, &found, &hashable));
        if (!hashable) FAULT(r, "unhashable type: '%s'", type_name(v));
        *out = found != NULL;
        return OK;
    }
    if (!iterable(box)) FAULT(r, "argument of type '%s' is not iterable", type_name(box));
    TRY(walk_begin(r, box, &w));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) return OK;
        TRY(equals(r, &item, v, out));
        if (*out) return OK;
    }
}

/* ---- lists ---- */

int list_new(struct template_run *r, size_t cap, struct value *out)
{
    struct list *l;
    NEW(r, l, 1);
    *l = (struct list){.cap = cap};
    if (cap) NEW(r, l->items, cap);
    *out = (struct value){.kind = K_LIST, .list = l};
    return OK;
}

int list_add(struct template_run *r, struct list *l, const struct value *v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        struct value *more;
        NEW(r, more, cap);
        if (l->n) memcpy(more, l->items, l->n * sizeof *more);
        l->items = more;
        l->cap = cap;
    }
    l->items[l->n++] = *v;
    return OK;
}

/* ---- dicts ---- */

enum { SMALL_DICT = 8 };

uint32_t text_hash(const char *s, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)s[i]) * 16777619u;
    return h ^ h >> 15;
}

static int hash_of(struct template_run *r, const struct value *v, uint32_t *out, bool *hashable)
{
    *hashable = true;
    switch ((enum kind)v->kind) {
    case K_STRING: *out = text_hash(v->text->s, v->text->len); return charge_bytes(r, v->text->len);
    case K_BOOL:
    case K_INT: *out = (uint32_t)((uint64_t)int_of(v) * 0x9e3779b97f4a7c15u >> 32); return OK;
    case K_FLOAT:
        if (v->x >= -9e18 && v->x <= 9e18 && v->x == (double)(int64_t)v->x) {
            struct value whole = INT((int64_t)v->x);
            return hash_of(r, &whole, out, hashable);
        }
        *out = text_hash((const char *)&v->x, sizeof v->x);
        return OK;
    case K_TUPLE:
        *out = 17;
        TRY(deeper(r));
        for (size_t i = 0; *hashable && i < v->list->n; i++) {
            uint32_t h = 0;
            TRY(charge(r, 1));
            TRY(hash_of(r, &v->list->items[i], &h, hashable));
            *out = *out * 31 + h;
        }
        r->depth--;
        return OK;
    case K_LIST:
    case K_DICT: *hashable = false; return OK;
    case K_VIEW: *hashable = false; return OK;
    case K_UNDEFINED:
    case K_MISSING:
    case K_NONE: *out = v->kind; return OK;
    default: *out = (uint32_t)(uintptr_t)v->dict >> 4; return OK;
    }
}

static void index_add(struct dict *d, uint32_t entry)
{
    uint32_t i = d->entries[entry].hash & (d->n_slots - 1);
    while (d->slots[i]) i = (i + 1) & (d->n_slots - 1);
    d->slots[i] = entry + 1;
}

static int dict_grow(struct template_run *r, struct dict *d)
{
    uint32_t cap = d->cap ? 2 * d->cap : SMALL_DICT;
    struct entry *more;
    NEW(r, more, cap);
    if (d->n) memcpy(more, d->entries, d->n * sizeof *more);
    d->entries = more;
    d->cap = cap;
    if (cap <= SMALL_DICT) return OK;
    d->n_slots = 2 * cap;
    NEW(r, d->slots, d->n_slots);
    memset(d->slots, 0, d->n_slots * sizeof *d->slots);
    for (uint32_t i = 0; i < d->n; i++) index_add(d, i);
    return OK;
}

int dict_new(struct template_run *r, struct value *out)
{
    struct dict *d;
    NEW(r, d, 1);
    *d = (struct dict){0};
    *out = (struct value){.kind = K_DICT, .dict = d};
    return OK;
}

static int key_is(struct template_run *r, const struct entry *e, uint32_t hash, const struct value *key,
                  bool *out)
{
    *out = false;
    return e->hash == hash ? equals(r, &e->key, key, out) : OK;
}

static int find_hashed(struct template_run *r, const struct dict *d, uint32_t hash, const struct value *key,
                       struct entry **out)
{
    bool found = false;
    *out = NULL;
    if (!d->n_slots) {
        for (uint32_t i = 0; !found && i < d->n; i++) {
            TRY(key_is(r, &d->entries[i], hash, key, &found));
            if (found) *out = &d->entries[i];
        }
        return OK;
    }
    uint32_t probes = 0;
    for (uint32_t i = hash & (d->n_slots - 1); !found && d->slots[i]; i = (i + 1) & (d->n_slots - 1)) {
        struct entry *e = &d->entries[d->slots[i] - 1];
        if (++probes % 16 == 0) TRY(charge(r, 1)); /* keys may be chosen to collide */
        TRY(key_is(r, e, hash, key, &found));
        if (found) *out = e;
    }
    return OK;
}

int dict_find(struct template_run *r, const struct dict *d, const struct value *key, struct value **out,
              bool *hashable)
{
    uint32_t hash;
    struct entry *e = NULL;
    TRY(hash_of(r, key, &hash, hashable));
    if (*hashable) TRY(find_hashed(r, d, hash, key, &e));
    *out = e ? &e->value : NULL;
    return OK;
}

int dict_put(struct template_run *r, struct dict *d, const struct value *key, const struct value *v)
{
    uint32_t hash;
    bool hashable;
    struct entry *e;
    TRY(hash_of(r, key, &hash, &hashable));
    if (!hashable) FAULT(r, "unhashable type: '%s'", type_name(key));
    TRY(find_hashed(r, d, hash, key, &e));
    if (e) {
        e->value = *v;
        return OK;
    }
    if (d->n == d->cap) TRY(dict_grow(r, d));
    d->entries[d->n++] = (struct entry){*key, *v, hash};
    if (d->n_slots) index_add(d, d->n - 1);
    return OK;
}

struct value *dict_get(const struct dict *d, const char *s, size_t len)
{
    uint32_t hash = text_hash(s, len), i = d->n_slots ? hash & (d->n_slots - 1) : 0;
    for (;; i++) {
        if (d->n_slots) i &= d->n_slots - 1;
        if (d->n_slots ? !d->slots[i] : i >= d->n) return NULL;
        struct entry *e = &d->entries[d->n_slots ? d->slots[i] - 1 : i];
        if (e->hash == hash && e->key.kind == K_STRING && e->key.text->len == len &&
            memcmp(e->key.text->s, s, len) == 0)
            return &e->value;
    }
}
