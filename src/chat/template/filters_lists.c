/* Filters of lists and dicts. What Jinja makes lazily (map, select, ...) is made at once here, and can be gone through
 * once, as there. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

static int nothing(struct template_run *r, const char *words, struct value *out)
{
    return undefined_words(r, words, out);
}

static int first_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct walk w;
    bool more;
    TRY(walk_begin(r, &a[0], &w));
    TRY(walk_next(r, &w, out, &more));
    return more ? OK : nothing(r, "No first item, sequence was empty.", out);
}

static int last_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value list;
    if (a[0].kind == K_ITERATOR || a[0].kind == K_LOOP)
        FAULT(r, "'%s' object is not reversible", type_name(&a[0]));
    TRY(list_of(r, &a[0], &list));
    if (!list.list->n) return nothing(r, "No last item, sequence was empty.", out);
    *out = list.list->items[list.list->n - 1];
    return OK;
}

static int list_filter(struct template_run *r, struct value *a, struct value *out)
{
    return list_of(r, &a[0], out);
}

static int items_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value view = a[0], list;
    if (a[0].kind == K_UNDEFINED) TRY(list_new(r, 0, &list));
    else {
        if (a[0].kind != K_DICT) FAULT(r, "can only get item pairs from a mapping");
        view.kind = K_VIEW;
        view.which = 'i';
        TRY(list_of(r, &view, &list));
    }
    return iterator_over(r, &list, out);
}

static int join_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    struct value separator, item;
    struct walk w;
    bool more;
    TRY(words_value(r, "", &separator));
    if (a[1].kind != K_MISSING) TRY(to_string(r, &a[1], &separator));
    TRY(walk_begin(r, &a[0], &w));
    for (size_t i = 0; !b.failed; i++) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        if (i) add_text(&b, separator.text);
        TRY(get_path(r, &item, &a[2], NULL, &item));
        add_str(&b, &item);
    }
    return builder_value(&b, out);
}

static int reverse_filter(struct template_run *r, struct value *a, struct value *out)
{
    static const struct value back[3] = {{.kind = K_MISSING}, {.kind = K_MISSING}, {.kind = K_INT, .i = -1}};
    struct value list;
    if (a[0].kind == K_STRING) {
        TRY(slice_of(r, &a[0], back, out));
        return OK;
    }
    TRY(list_of(r, &a[0], &list));
    TRY(slice_of(r, &list, back, &list));
    if (a[0].kind == K_ITERATOR) {
        *out = list;
        return OK;
    }
    return iterator_over(r, &list, out);
}

/* ---- order ---- */

/* What is compared: the attribute, in lower case unless case counts. */
static int sort_key(struct template_run *r, const struct value *item, const struct value *path,
                    const struct value *fallback, bool case_counts, struct value *out)
{
    TRY(get_path(r, item, path, fallback, out));
    if (case_counts || out->kind != K_STRING) return OK;
    struct builder b = builder(r);
    add_cased(&b, out->text, 0, out->text->len, CASE_LOWER);
    return builder_value(&b, out);
}

/* A key may be several attributes, "a,b": then it is a tuple. */
static int sort_keys(struct template_run *r, const struct value *item, const struct value *path,
                     bool case_counts, struct value *out)
{
    struct value one, key;
    if (path->kind != K_STRING || !memchr(path->text->s, ',', path->text->len))
        return sort_key(r, item, path, NULL, case_counts, out);
    TRY(list_new(r, 2, out));
    for (size_t from = 0, to; from <= path->text->len; from = to + 1) {
        const char *comma = memchr(path->text->s + from, ',', path->text->len - from);
        to = comma ? (size_t)(comma - path->text->s) : path->text->len;
        TRY(text_part(r, path->text, from, to, &one));
        TRY(sort_key(r, item, &one, NULL, case_counts, &key));
        TRY(list_add(r, out->list, &key));
    }
    return OK;
}

struct keyed {
    struct value key, item;
};

struct order {
    bool descending;
    bool equals; /* equal keys need no order: jinja2 sorts by lists of keys */
};

static int less(struct template_run *r, const struct value *a, const struct value *b,
                const struct order *order, bool *is)
{
    int o;
    *is = false;
    if (order->equals) TRY(equals(r, a, b, is));
    if (*is) {
        *is = false;
        return OK;
    }
    TRY(compare(r, a, b, "<", &o));
    *is = o == -1;
    return OK;
}

/* A stable merge sort; descending keeps the order of equals, too, as Python's reverse=True does. */
static int merge_sort(struct template_run *r, struct keyed *a, size_t n, const struct order *order,
                      struct keyed *spare)
{
    bool is;
    if (n < 2) return OK;
    size_t half = n / 2, i = 0, k = half, to = 0;
    TRY(merge_sort(r, a, half, order, spare));
    TRY(merge_sort(r, a + half, n - half, order, spare));
    while (i < half && k < n) {
        const struct value *first = order->descending ? &a[i].key : &a[k].key;
        TRY(less(r, first, order->descending ? &a[k].key : &a[i].key, order, &is));
        spare[to++] = is ? a[k++] : a[i++];
    }
    while (i < half) spare[to++] = a[i++];
    while (k < n) spare[to++] = a[k++];
    memcpy(a, spare, n * sizeof *a);
    return OK;
}

static int sort_keyed(struct template_run *r, struct keyed *a, size_t n, struct order order)
{
    struct keyed *spare;
    NEW(r, spare, n);
    return merge_sort(r, a, n, &order, spare);
}

static int flag(struct template_run *r, const struct value *v, bool *out)
{
    *out = false;
    return v->kind == K_MISSING ? OK : truth(r, v, out);
}

static int keyed_items(struct template_run *r, const struct value *list, struct keyed **out)
{
    NEW(r, *out, list->list->n);
    for (size_t i = 0; i < list->list->n; i++) (*out)[i].item = list->list->items[i];
    return OK;
}

static int sort_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value list;
    struct keyed *k;
    bool descending, case_counts;
    TRY(flag(r, &a[1], &descending));
    TRY(flag(r, &a[2], &case_counts));
    TRY(list_of(r, &a[0], &list));
    TRY(keyed_items(r, &list, &k));
    for (size_t i = 0; i < list.list->n; i++) TRY(sort_keys(r, &k[i].item, &a[3], case_counts, &k[i].key));
    TRY(sort_keyed(r, k, list.list->n, (struct order){descending, true}));
    for (size_t i = 0; i < list.list->n; i++) list.list->items[i] = k[i].item;
    *out = list;
    return OK;
}

static int dictsort_filter(struct template_run *r, struct value *a, struct value *out)
{
    static const struct value whole = {.kind = K_MISSING};
    struct value list, view = a[0];
    struct text *by;
    struct keyed *k;
    bool case_counts, descending;
    TRY(flag(r, &a[1], &case_counts));
    TRY(text_param(r, &a[2], "\"by\" of dictsort", &by));
    TRY(flag(r, &a[3], &descending));
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (a[0].kind != K_DICT) FAULT(r, "'%s' object has no attribute 'items'", type_name(&a[0]));
    if (by && !text_is(by, "key") && !text_is(by, "value"))
        FAULT(r, "dictsort sorts by either \"key\" or \"value\"");
    view.kind = K_VIEW;
    view.which = 'i';
    TRY(list_of(r, &view, &list));
    TRY(keyed_items(r, &list, &k));
    bool value = by && text_is(by, "value");
    for (size_t i = 0; i < list.list->n; i++)
        TRY(sort_key(r, &k[i].item.list->items[value], &whole, NULL, case_counts, &k[i].key));
    TRY(sort_keyed(r, k, list.list->n, (struct order){descending, false}));
    for (size_t i = 0; i < list.list->n; i++) list.list->items[i] = k[i].item;
    *out = list;
    return OK;
}

static int extreme(struct template_run *r, struct value *a, int sign, struct value *out)
{
    struct value list, best = MISSING, key;
    bool case_counts;
    int o;
    TRY(flag(r, &a[1], &case_counts));
    TRY(list_of(r, &a[0], &list));
    if (!list.list->n) return nothing(r, "No aggregated item, sequence was empty.", out);
    for (size_t i = 0; i < list.list->n; i++) {
        TRY(sort_key(r, &list.list->items[i], &a[2], NULL, case_counts, &key));
        o = sign;
        if (i) TRY(compare(r, &key, &best, sign > 0 ? ">" : "<", &o));
        if (o != sign) continue;
        best = key;
        *out = list.list->items[i];
    }
    return OK;
}

static int min_filter(struct template_run *r, struct value *a, struct value *out)
{
    return extreme(r, a, -1, out);
}
static int max_filter(struct template_run *r, struct value *a, struct value *out)
{
    return extreme(r, a, 1, out);
}

static int unique_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value seen, list, item, key, *found;
    struct walk w;
    bool case_counts, more, hashable;
    TRY(flag(r, &a[1], &case_counts));
    TRY(dict_new(r, &seen));
    TRY(list_new(r, 0, &list));
    list.mark = a[0].mark;
    TRY(walk_begin(r, &a[0], &w));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        TRY(sort_key(r, &item, &a[2], NULL, case_counts, &key));
        TRY(dict_find(r, seen.dict, &key, &found, &hashable));
        if (found) continue;
        TRY(dict_put(r, seen.dict, &key, &key));
        TRY(list_add(r, list.list, &item));
    }
    return iterator_over(r, &list, out);
}

static int add_group(struct template_run *r, const struct value *first, struct value *a, struct value *groups,
                     struct list **members)
{
    struct value group, list, key;
    TRY(list_new(r, 2, &group));
    TRY(list_new(r, 0, &list));
    TRY(sort_key(r, first, &a[1], &a[2], true, &key));
    TRY(list_add(r, group.list, &key));
    TRY(list_add(r, group.list, &list));
    group.kind = K_TUPLE;
    group.which = 'g'; /* has the attributes grouper and list */
    *members = list.list;
    return list_add(r, groups->list, &group);
}

static int groupby_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value list, groups;
    struct keyed *k;
    struct list *members = NULL;
    bool case_counts, same;
    TRY(flag(r, &a[3], &case_counts));
    TRY(list_of(r, &a[0], &list));
    TRY(keyed_items(r, &list, &k));
    for (size_t i = 0; i < list.list->n; i++)
        TRY(sort_key(r, &k[i].item, &a[1], &a[2], case_counts, &k[i].key));
    TRY(sort_keyed(r, k, list.list->n, (struct order){0}));
    TRY(list_new(r, 0, &groups));
    for (size_t i = 0; i < list.list->n; i++) {
        same = false;
        if (i) TRY(equals(r, &k[i].key, &k[i - 1].key, &same));
        if (!same) TRY(add_group(r, &k[i].item, a, &groups, &members));
        TRY(list_add(r, members, &k[i].item));
    }
    *out = groups;
    return OK;
}

static int sum_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value total = INT(0), item;
    struct walk w;
    bool more;
    if (a[2].kind != K_MISSING) total = a[2];
    if (total.kind == K_STRING) FAULT(r, "sum() can't sum strings");
    TRY(walk_begin(r, &a[0], &w));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        TRY(get_path(r, &item, &a[1], NULL, &item));
        TRY(binary(r, T_ADD, &total, &item, &total));
    }
    *out = total;
    return OK;
}

/* ---- parts ---- */

static int batch_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value batches, part = MISSING, item;
    struct walk w;
    int64_t size;
    bool more;
    TRY(int_param(r, &a[1], 0, "the size of a batch", &size));
    TRY(list_new(r, 0, &batches));
    TRY(walk_begin(r, &a[0], &w));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        if (part.kind == K_MISSING || (int64_t)part.list->n == size) {
            if (part.kind != K_MISSING) TRY(list_add(r, batches.list, &part));
            TRY(list_new(r, 0, &part));
        }
        TRY(list_add(r, part.list, &item));
    }
    if (part.kind != K_MISSING) {
        while (a[2].kind != K_MISSING && a[2].kind != K_NONE && (int64_t)part.list->n < size) {
            TRY(charge(r, 1));
            TRY(list_add(r, part.list, &a[2]));
        }
        TRY(list_add(r, batches.list, &part));
    }
    return iterator_over(r, &batches, out);
}

static int slice_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value list, slices, part;
    int64_t count;
    size_t at = 0;
    TRY(int_param(r, &a[1], 0, "the number of slices", &count));
    TRY(list_of(r, &a[0], &list));
    if (count == 0) FAULT(r, "division by zero");
    TRY(list_new(r, 0, &slices));
    for (int64_t i = 0; i < count; i++) {
        size_t n = list.list->n / (size_t)count + ((uint64_t)i < list.list->n % (size_t)count);
        bool fill =
            (uint64_t)i >= list.list->n % (size_t)count && a[2].kind != K_MISSING && a[2].kind != K_NONE;
        TRY(charge(r, 1));
        TRY(list_new(r, n + fill, &part));
        for (size_t k = 0; k < n; k++) TRY(list_add(r, part.list, &list.list->items[at++]));
        if (fill) TRY(list_add(r, part.list, &a[2]));
        TRY(list_add(r, slices.list, &part));
    }
    return iterator_over(r, &slices, out);
}

/* ---- one for each ---- */

static const struct value *named(const struct args *args, const char *name)
{
    for (uint32_t i = 0; i < args->n_named; i++)
        if (text_is(args->names[i], name)) return &args->named[i];
    return NULL;
}

/* The row that a name at args->pos[at] means; the rest are its arguments. */
static int row_of(struct template_run *r, const struct args *args, uint32_t at, bool test,
                  const struct builtin **row, struct args *rest)
{
    struct text *name;
    TRY(text_param(r, &args->pos[at], test ? "the name of a test" : "the name of a filter", &name));
    *row = test ? test_find(name->s, name->len) : filter_find(name->s, name->len);
    if (!*row)
        FAULT(r, "a %s \"%.*s\" is not known", test ? "test" : "filter",
              (int)(name->len < 60 ? name->len : 60), name->s);
    *rest = *args;
    rest->pos += at + 1;
    rest->n -= at + 1;
    return OK;
}

static int map_filter(struct template_run *r, const struct value *self, const struct args *args,
                      struct value *out)
{
    struct value list, item;
    struct args rest = {0};
    struct walk w;
    const struct builtin *row = NULL;
    const struct value *path = args->n ? NULL : named(args, "attribute"), *fallback = named(args, "default");
    bool more, is;
    TRY(list_new(r, 0, &list));
    list.mark = self->mark;
    TRY(truth(r, self, &is));
    if (!is) return iterator_over(r, &list, out);
    if (path && args->n_named > 1u + (fallback != NULL)) FAULT(r, "map got an unknown argument");
    if (!path && !args->n) FAULT(r, "map requires a filter or attribute=");
    if (!path) TRY(row_of(r, args, 0, false, &row, &rest));
    TRY(walk_begin(r, self, &w));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        if (path) TRY(get_path(r, &item, path, fallback, &item));
        else TRY(builtin_call(r, row, "the filter", &item, &rest, &item));
        TRY(list_add(r, list.list, &item));
    }
    return iterator_over(r, &list, out);
}

/* select, reject, selectattr, rejectattr. */
static int choose(struct template_run *r, const struct value *self, const struct args *args, bool want,
                  bool by_attr, struct value *out)
{
    struct value list, item, v;
    struct args rest = {0};
    struct walk w;
    const struct builtin *row = NULL;
    bool more, is;
    TRY(list_new(r, 0, &list));
    list.mark = self->mark;
    TRY(truth(r, self, &is));
    if (!is) return iterator_over(r, &list, out);
    if (by_attr && !args->n) FAULT(r, "missing parameter for attribute name");
    if (args->n > by_attr) TRY(row_of(r, args, by_attr, true, &row, &rest));
    TRY(walk_begin(r, self, &w));
    for (;;) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        v = item;
        if (by_attr) TRY(get_path(r, &item, &args->pos[0], NULL, &v));
        if (row) TRY(builtin_call(r, row, "the test", &v, &rest, &v));
        TRY(truth(r, &v, &is));
        if (is == want) TRY(list_add(r, list.list, &item));
    }
    return iterator_over(r, &list, out);
}

static int select_filter(struct template_run *r, const struct value *self, const struct args *args,
                         struct value *out)
{
    return choose(r, self, args, true, false, out);
}
static int reject_filter(struct template_run *r, const struct value *self, const struct args *args,
                         struct value *out)
{
    return choose(r, self, args, false, false, out);
}
static int selectattr_filter(struct template_run *r, const struct value *self, const struct args *args,
                             struct value *out)
{
    return choose(r, self, args, true, true, out);
}
static int rejectattr_filter(struct template_run *r, const struct value *self, const struct args *args,
                             struct value *out)
{
    return choose(r, self, args, false, true, out);
}

const struct builtin filters_lists[] = {
    {.name = "first", .fn = first_filter},
    {.name = "last", .fn = last_filter},
    {.name = "list", .fn = list_filter},
    {.name = "items", .fn = items_filter},
    {.name = "join", .fn = join_filter, .params = {"d", "attribute"}},
    {.name = "reverse", .fn = reverse_filter},
    {.name = "sort", .fn = sort_filter, .params = {"reverse", "case_sensitive", "attribute"}},
    {.name = "dictsort", .fn = dictsort_filter, .params = {"case_sensitive", "by", "reverse"}},
    {.name = "min", .fn = min_filter, .params = {"case_sensitive", "attribute"}},
    {.name = "max", .fn = max_filter, .params = {"case_sensitive", "attribute"}},
    {.name = "unique", .fn = unique_filter, .params = {"case_sensitive", "attribute"}},
    {.name = "groupby", .fn = groupby_filter, .params = {"attribute", "default", "case_sensitive"}, .need = 1},
    {.name = "sum", .fn = sum_filter, .params = {"attribute", "start"}},
    {.name = "batch", .fn = batch_filter, .params = {"linecount", "fill_with"}, .need = 1},
    {.name = "slice", .fn = slice_filter, .params = {"slices", "fill_with"}, .need = 1},
    {.name = "map", .variadic = map_filter},
    {.name = "select", .variadic = select_filter},
    {.name = "reject", .variadic = reject_filter},
    {.name = "selectattr", .variadic = selectattr_filter},
    {.name = "rejectattr", .variadic = rejectattr_filter},
    {.name = "random"}, /* the same request gives the same text */
    {0},
};
