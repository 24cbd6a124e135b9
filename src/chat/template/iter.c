/* Going through values, and slices of them. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

bool iterable(const struct value *v)
{
    switch ((enum kind)v->kind) {
    case K_UNDEFINED:
    case K_STRING:
    case K_LIST:
    case K_TUPLE:
    case K_DICT:
    case K_RANGE:
    case K_VIEW:
    case K_ITERATOR:
    case K_LOOP: return true;
    default: return false;
    }
}

int walk_begin(struct template_run *r, const struct value *v, struct walk *w)
{
    int64_t n = 0;
    *w = (struct walk){.v = *v, .n = SIZE_MAX};
    if (!iterable(v)) FAULT(r, "'%s' object is not iterable", type_name(v));
    if (v->kind == K_ITERATOR || v->kind == K_LOOP) return OK;
    TRY(length(r, v, &n));
    w->n = (size_t)n;
    return OK;
}

static int entry_item(struct template_run *r, const struct value *view, const struct entry *e,
                      struct value *item)
{
    if (view->kind == K_DICT || view->which == 'k') *item = e->key;
    else if (view->which == 'v') *item = e->value;
    else {
        TRY(list_new(r, 2, item));
        item->kind = K_TUPLE;
        item->mark = view->mark;
        item->list->items[0] = e->key;
        item->list->items[1] = e->value;
        item->list->n = 2;
    }
    return OK;
}

int walk_next(struct template_run *r, struct walk *w, struct value *item, bool *more)
{
    const struct value *v = &w->v;
    size_t len;
    TRY(charge(r, 1));
    *more = true;
    switch ((enum kind)v->kind) {
    case K_LIST:
    case K_TUPLE:
        if (!(*more = w->i < v->list->n)) return OK;
        *item = v->list->items[w->i++];
        return OK;
    case K_ITERATOR:
        if (!(*more = v->iterator->at < v->iterator->list->n)) return OK;
        *item = v->iterator->list->items[v->iterator->at++];
        return OK;
    case K_DICT:
    case K_VIEW:
        if (!(*more = w->i < v->dict->n)) return OK;
        return entry_item(r, v, &v->dict->entries[w->i++], item);
    case K_RANGE:
        if (!(*more = w->i < (size_t)v->range->n)) return OK;
        *item = INT(v->range->start + (int64_t)w->i++ * v->range->step);
        item->mark = v->mark;
        return OK;
    case K_STRING: /* i is the byte */
        if (!(*more = w->i < v->text->len)) return OK;
        text_char(v->text, w->i, &len);
        w->i += len;
        TRY(text_part(r, v->text, w->i - len, w->i, item));
        item->safe = false;
        return OK;
    case K_LOOP: return loop_items_next(r, v->loop, item, more);
    default: *more = false; return OK;
    }
}

int list_of(struct template_run *r, const struct value *v, struct value *out)
{
    struct walk w;
    struct value item, list; /* out may be v */
    bool more;
    TRY(walk_begin(r, v, &w));
    TRY(list_new(r, w.n == SIZE_MAX ? 0 : w.n, &list));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        TRY(list_add(r, list.list, &item));
    }
    list.mark = v->kind == K_STRING ? text_mark(v->text) : v->mark;
    *out = list;
    return OK;
}

int iterator_over(struct template_run *r, const struct value *list, struct value *out)
{
    struct iterator *it;
    NEW(r, it, 1);
    *it = (struct iterator){.list = list->list};
    *out = (struct value){.kind = K_ITERATOR, .mark = list->mark, .iterator = it};
    return OK;
}

/* ---- slices ---- */

static int bound(struct template_run *r, const struct value *v, int64_t fallback, int64_t n, int64_t lo,
                 int64_t hi, int64_t *out)
{
    *out = fallback;
    if (v->kind == K_MISSING || v->kind == K_NONE) return OK;
    if (v->kind == K_UNDEFINED) FAULT(r, "slice indices must be integers or None");
    if (!is_integer(v)) FAULT(r, "slice indices must be integers or None, not %s", type_name(v));
    int64_t i = int_of(v);
    if (i < 0) i += n;
    *out = i < lo ? lo : i > hi ? hi : i;
    return OK;
}

/* Start, step and number of items of a slice of n. */
static int slice_bounds(struct template_run *r, const struct value *b, int64_t n, int64_t *start,
                        int64_t *step, int64_t *count)
{
    int64_t stop;
    *step = 1;
    if (b[2].kind != K_MISSING && b[2].kind != K_NONE) {
        if (!is_integer(&b[2])) FAULT(r, "slice indices must be integers or None, not %s", type_name(&b[2]));
        *step = int_of(&b[2]);
    }
    if (*step == 0) FAULT(r, "slice step cannot be zero");
    bool back = *step < 0;
    TRY(bound(r, &b[0], back ? n - 1 : 0, n, back ? -1 : 0, back ? n - 1 : n, start));
    TRY(bound(r, &b[1], back ? -1 : n, n, back ? -1 : 0, back ? n - 1 : n, &stop));
    int64_t distance = back ? *start - stop : stop - *start;
    uint64_t size = back ? 0 - (uint64_t)*step : (uint64_t)*step;
    *count = distance <= 0 ? 0 : (int64_t)(((uint64_t)distance - 1) / size) + 1;
    return OK;
}

/* With a step: the places of all characters are noted first, so that each is found at once. */
static int slice_text(struct template_run *r, struct text *t, int64_t start, int64_t step, int64_t count,
                      struct value *out)
{
    struct builder b = builder(r);
    uint32_t *place, n = 0;
    size_t len;
    if (step == 1 || count == 0)
        return text_part(r, t, text_at(t, count ? start : 0), text_at(t, count ? start + count : 0), out);
    TRY(charge_chars(r, t->len));
    NEW(r, place, t->chars);
    for (size_t at = 0; at < t->len; at += len) {
        place[n++] = (uint32_t)at;
        text_char(t, at, &len);
    }
    for (int64_t i = 0; i < count && !b.failed; i++) {
        uint32_t at = place[start + i * step];
        text_char(t, at, &len);
        add_part(&b, t, at, at + len);
    }
    return builder_value(&b, out);
}

int slice_of(struct template_run *r, const struct value *v, const struct value *bounds, struct value *out)
{
    int64_t n = 0, start = 0, step = 1, count = 0;
    struct value from = *v;
    if (v->kind == K_UNDEFINED) return undefined_fault(r, v);
    if (v->kind != K_STRING && v->kind != K_LIST && v->kind != K_TUPLE && v->kind != K_RANGE)
        FAULT(r, "'%s' object cannot be sliced", type_name(v));
    TRY(length(r, v, &n));
    TRY(slice_bounds(r, bounds, n, &start, &step, &count));
    if (v->kind == K_STRING) {
        TRY(slice_text(r, from.text, start, step, count, out));
        out->safe = from.safe;
        return OK;
    }
    *out = from;
    if (v->kind == K_RANGE) {
        const struct range *old = from.range;
        NEW(r, out->range, 1);
        *out->range = (struct range){old->start + start * old->step, 0, old->step, count};
        out->range->step = count > 1 ? old->step * step : old->step;
        out->range->stop = out->range->start + count * out->range->step;
        return OK;
    }
    NEW(r, out->list, 1);
    if (step == 1) {
        *out->list = (struct list){from.list->items + (count ? start : 0), (size_t)count, (size_t)count};
        return OK;
    }
    TRY(charge(r, (uint64_t)count));
    *out->list = (struct list){.n = (size_t)count, .cap = (size_t)count};
    NEW(r, out->list->items, (size_t)count);
    for (int64_t i = 0; i < count; i++) out->list->items[i] = from.list->items[start + i * step];
    return OK;
}
