/* All that is wrong with a recipe, told at once. Internal to the recipe files. */
#ifndef TRAIN_RECIPE_FAULTS_H
#define TRAIN_RECIPE_FAULTS_H

#include "base/buf.h"
#include "train/recipe.h"

struct faults {
    struct buf text; /* a line for each */
    int n;
    struct err first;
};
/* Adds a fault: err_set has filled `why`. */
void faults_add(struct faults *f, const struct err *why);
#define FAULT(f, code, ...)                                        \
    do {                                                           \
        struct err fault_;                                         \
        err_set(&fault_, (code), __FILE__, __LINE__, __VA_ARGS__); \
        faults_add((f), &fault_);                                  \
    } while (0)
/* OK when there was none; one as it is, more as a list. Frees f. */
int faults_end(struct faults *f, const char *path, struct err *e);

/* The network, and relations between keys. */
void recipe_find_faults(const struct recipe *r, struct faults *f);

#endif
