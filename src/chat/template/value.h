/* Values of templates, as Python has them, and the memory and bounds of a render.
 *
 * Every text carries a mark for each of its bytes: whether it came from outside, whether from an answer of the model, and
 * whether it was written inside {% generation %}. What is computed from marked bytes is marked; numbers, lists and dicts
 * carry one mark as a whole, for the digits, brackets and quotes that printing them makes. Values are immutable, except
 * namespaces, loops and iterators. */
#ifndef CHAT_TEMPLATE_VALUE_H
#define CHAT_TEMPLATE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "base/err.h"
#include "chat/template/heap.h"
#include "chat/template/template.h"

struct template;
struct template_run;
struct node;
struct frame;
struct loop;

enum kind {
    K_MISSING, /* not a value: an argument that was not given, a variable that nobody set */
    K_UNDEFINED,
    K_NONE,
    K_BOOL,
    K_INT,
    K_FLOAT,
    K_STRING,
    K_LIST,
    K_TUPLE,
    K_DICT,
    K_RANGE,
    K_VIEW,     /* keys, values or items of a dict */
    K_ITERATOR, /* a generator: can be gone through once */
    K_NAMESPACE,
    K_LOOP,
    K_MACRO,
    K_FUNCTION,
    K_METHOD, /* bound to its object */
    K_CYCLER,
    K_JOINER,
    KIND_COUNT,
};

/* Marks of bytes and of values. */
enum { MARK_OUTSIDE = 1, MARK_GENERATION = 2, MARK_ANSWER = 4 };

struct text {
    const char *s;       /* UTF-8, not NUL-terminated */
    const uint8_t *mark; /* NULL: all trusted; mark_outside: all from outside; else one byte per byte */
    uint32_t len;
    uint32_t chars; /* code points; TEXT_UNCOUNTED until somebody asks */
};
enum { TEXT_UNCOUNTED = UINT32_MAX };
extern const uint8_t mark_outside[1];

static inline const uint8_t *mark_from(const uint8_t *mark, size_t at)
{
    return mark && mark != mark_outside ? mark + at : mark;
}
static inline uint8_t mark_of(const uint8_t *mark, size_t at)
{
    return mark == mark_outside ? MARK_OUTSIDE : mark ? mark[at] : 0;
}

struct list;
struct dict;

struct value {
    uint8_t kind; /* enum kind */
    uint8_t mark; /* of bool, int, float, none, list, tuple, dict */
    bool safe;    /* a string that |safe or |escape made: others are escaped when added to it */
    uint8_t which; /* of a view: 'k', 'v', 'i' */
    union {
        bool b;
        int64_t i;
        double x;
        struct text *text;
        struct list *list;
        struct dict *dict; /* also of namespaces and views */
        struct range *range;
        struct iterator *iterator;
        struct loop *loop;
        struct macro *macro;
        struct method_ref *method;
        struct undefined *undefined; /* NULL: nothing is known about it */
        struct cycler *cycler;
        const struct builtin *function;
    };
};

struct list {
    struct value *items; /* may be shared by slices */
    size_t n, cap;
};
struct entry {
    struct value key, value;
    uint32_t hash;
};
/* Entries in order of insertion; slots: an index by hash, made from some size on. */
struct dict {
    struct entry *entries;
    uint32_t *slots; /* entry number + 1, 0: free */
    uint32_t n, cap, n_slots;
};
struct range {
    int64_t start, stop, step;
    int64_t n;
};
struct iterator {
    struct list *list;
    size_t at;
};
struct cycler {
    struct list *list;
    size_t at;
};
/* Why something is undefined: "'name' is undefined", "'dict object' has no attribute 'name'", or words. */
struct undefined {
    const struct text *name;
    const char *words;  /* NULL: none */
    const char *object; /* the type that has no such attribute; NULL: a variable */
    bool unsafe;        /* the sandbox hides it */
};
struct method_ref {
    struct value self;
    const struct builtin *row;
};

#define INT(n) ((struct value){.kind = K_INT, .i = (n)})
#define FLOAT(d) ((struct value){.kind = K_FLOAT, .x = (d)})
#define BOOL(c) ((struct value){.kind = K_BOOL, .b = (c)})
#define NONE ((struct value){.kind = K_NONE})
#define MISSING ((struct value){.kind = K_MISSING})
#define UNDEFINED ((struct value){.kind = K_UNDEFINED})

/* ---- arguments and built-in functions ---- */

struct args {
    struct value *pos;
    const struct text **names;
    struct value *named; /* named[i] goes with names[i] */
    uint32_t n, n_named;
};

enum { MAX_PARAMS = 6 };
/* a[0]: what the filter, test or method is applied to; a[1 + i]: the parameter i, K_MISSING if it was not given. */
typedef int builtin_fn(struct template_run *r, struct value *a, struct value *out);
/* Takes its arguments as they come. */
typedef int variadic_fn(struct template_run *r, const struct value *self, const struct args *args, struct value *out);
/* A row of the tables of filters, tests, methods and functions. Without fn and variadic it is known and refused. */
struct builtin {
    const char *name;
    builtin_fn *fn;
    const char *params[MAX_PARAMS];
    int need; /* how many of them must be given */
    variadic_fn *variadic;
    bool unsafe; /* a method that would change its object */
};

/* ---- a render ---- */

struct builder;

struct template_run {
    struct heap heap;         /* of one render */
    struct heap vars;         /* of the variables */
    struct heap *now;         /* the one that is allocated from */
    struct value variables;   /* a dict */
    const char *vars_fault;   /* what is wrong with the variables; NULL: nothing */
    enum err_code vars_code;
    struct tm clock;
    bool has_clock;
    const struct template *t; /* under way; NULL between renders */
    struct err *e;
    const struct node *at;    /* where errors happen */
    uint64_t steps, max_steps;
    int depth;
    struct value *globals;    /* by number of the free variable */
    struct builder *out;      /* where statements write */
    uint8_t generation;       /* MARK_GENERATION inside of such a block */
    const char *raised;
};

/* Writes "NAME:line:column: ..." for r->at and returns code. */
int fault(struct template_run *r, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define FAULT(r, ...) return fault((r), ERR_FORMAT, __VA_ARGS__)

/* Adds to the steps; a fault at the bound. */
int charge(struct template_run *r, uint64_t steps);
/* Before a node is evaluated: a step, and one level deeper; who enters takes the level off depth again. */
int enter_node(struct template_run *r, const struct node *n);
/* For looking at n bytes. */
static inline int charge_bytes(struct template_run *r, size_t n) { return n < 64 ? 0 : charge(r, n / 64); }

/* For looking at them one by one, and perhaps making others. */
static inline int charge_chars(struct template_run *r, size_t n) { return n < 8 ? 0 : charge(r, n / 8); }

/* Memory of the render; NULL after a fault was written. */
void *run_alloc(struct template_run *r, size_t count, size_t size);
#define NEW(r, p, count)                                                                           \
    do {                                                                                           \
        (p) = run_alloc((r), (count), sizeof *(p));                                                \
        if (!(p)) return ERR_LIMIT;                                                                \
    } while (0)

/* ---- value.c ---- */

const char *type_name(const struct value *v); /* as Python calls it: "str", "dict", "NoneType" */
int truth(struct template_run *r, const struct value *v, bool *out);
/* Python's ==. */
int equals(struct template_run *r, const struct value *a, const struct value *b, bool *out);
/* Python's <, as -1, 0, 1; a fault for values without an order. op: for the message. */
int compare(struct template_run *r, const struct value *a, const struct value *b, const char *op, int *out);
int contains(struct template_run *r, const struct value *box, const struct value *v, bool *out);
/* Length as len() has it; a fault for what has none. */
int length(struct template_run *r, const struct value *v, int64_t *out);
static inline bool is_number(const struct value *v) { return v->kind == K_INT || v->kind == K_FLOAT || v->kind == K_BOOL; }
static inline bool is_integer(const struct value *v) { return v->kind == K_INT || v->kind == K_BOOL; }
static inline int64_t int_of(const struct value *v) { return v->kind == K_BOOL ? v->b : v->i; }
static inline double float_of(const struct value *v) { return v->kind == K_FLOAT ? v->x : (double)int_of(v); }
/* What undefined values say of themselves. */
int undefined_fault(struct template_run *r, const struct value *v);

int list_new(struct template_run *r, size_t cap, struct value *out);
int list_add(struct template_run *r, struct list *l, const struct value *v);
int dict_new(struct template_run *r, struct value *out);
/* A fault for a key that cannot be hashed. */
int dict_put(struct template_run *r, struct dict *d, const struct value *key, const struct value *v);
/* *out NULL: no such key. hashable false instead of a fault. */
int dict_find(struct template_run *r, const struct dict *d, const struct value *key, struct value **out, bool *hashable);
/* The same for a text key. NULL: none, also when the bound of steps was reached on the way. */
struct value *dict_get(const struct dict *d, const char *s, size_t len);
uint32_t text_hash(const char *s, size_t len);

/* ---- iterating: iter.c ---- */

/* Goes through any value that Python's iter() takes. */
struct walk {
    struct value v;
    size_t i;
    size_t n; /* how many there will be, where that is known; else SIZE_MAX */
};
int walk_begin(struct template_run *r, const struct value *v, struct walk *w);
/* *more false: no further item. */
int walk_next(struct template_run *r, struct walk *w, struct value *item, bool *more);
bool iterable(const struct value *v);
/* A new list of all items. */
int list_of(struct template_run *r, const struct value *v, struct value *out);
int iterator_over(struct template_run *r, const struct value *list, struct value *out);
/* v[start:stop:step]; K_MISSING or K_NONE: not given. */
int slice_of(struct template_run *r, const struct value *v, const struct value *bounds, struct value *out);

#endif
