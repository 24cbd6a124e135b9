/* Evaluating expressions and executing statements. */
#ifndef CHAT_TEMPLATE_EXEC_H
#define CHAT_TEMPLATE_EXEC_H

#include "chat/template/node.h"
#include "chat/template/value.h"

/* The variables of a running template, macro or recursive loop. */
struct frame {
    struct frame *outer; /* where it was defined */
    const struct value *input; /* what N_INPUT stands for */
    struct value slots[];
};

/* What a statement asks of those around it. */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct macro {
    const struct macro_node *node;
    struct frame *frame; /* where it was defined */
};

/* A loop under way, and the value `loop`. */
struct loop {
    const struct for_node *node;
    struct frame *frame;
    struct value iterable;
    struct walk walk;
    struct value current, before, after; /* after: K_MISSING until somebody asked for it */
    bool ended;                          /* asked, and there is no further item */
    bool has_length;
    bool looked;           /* after or ended is right */
    int64_t index0, length;
    int64_t depth;
    struct value pending;  /* a list: the rest, read ahead because its length was asked for; else K_MISSING */
    size_t pending_at;
    struct list *changed;  /* what loop.changed was last called with; NULL: never */
};

int eval(struct template_run *r, struct frame *f, const struct node *n, struct value *out);
int exec(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow);
int assign(struct template_run *r, struct frame *f, const struct node *target, const struct value *v);
void enter_scope(struct template_run *r, struct frame *f, const struct scope *s);
int frame_new(struct template_run *r, struct frame *outer, uint32_t n_slots, struct frame **out);
struct value *slot_of(struct frame *f, struct ref ref);
/* Runs body with its output in a string. */
int capture(struct template_run *r, struct frame *f, const struct node *body, struct value *out);

/* ---- loops: loop.c ---- */

int exec_for(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow);
/* The next item of a loop that is gone through by hand. */
int loop_items_next(struct template_run *r, struct loop *l, struct value *item, bool *more);
int loop_attr(struct template_run *r, struct loop *l, const struct text *name, struct value *out, bool *found);
int loop_call(struct template_run *r, struct loop *l, const struct args *args, struct value *out);
extern const struct builtin loop_methods[];

/* ---- macros: macro.c ---- */

int macro_call(struct template_run *r, const struct macro *m, const struct args *args, struct value *out);
int exec_call_block(struct template_run *r, struct frame *f, const struct node *n);
/* Calls the value of n->call.of; caller: NULL or what a call block hands over. */
int eval_call(struct template_run *r, struct frame *f, const struct node *n, const struct value *caller, struct value *out);
int eval_args(struct template_run *r, struct frame *f, const struct call_args *a, const struct value *caller, struct args *out);

int binary(struct template_run *r, int op, const struct value *a, const struct value *b, struct value *out); /* arith.c */
int compare_op(struct template_run *r, enum token_kind op, const struct value *a, const struct value *b, bool *out);

#endif
