/* A plan: what is known of a model before it is opened. Made in plan.c, shown in plan_print.c. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/setup.h"
#include "quant/mix.h"
#include "sys/cpu.h"

enum { PLAN_OFFERS = 8 };

/* A share of the bound that the memory sets, which decoding reaches in practice. */
#define PLAN_SHARE 0.75

struct plan_format {
    struct mix mix;
    struct mix_model model;
};
struct plan_offer {
    const char *name;
    struct engine_memory memory;
};
struct plan {
    char name[SETUP_PATH], path[SETUP_PATH]; /* path: "" for a name out of the table */
    struct model_file file; /* with a path */
    bool bare;            /* no weights are there */
    struct config config;
    char format_name[32]; /* "": as in the file */
    struct plan_format format;
    enum engine_compute compute;
    int64_t slots;
    struct engine_memory memory;
    bool fits;
    struct plan_offer offers[PLAN_OFFERS]; /* the same in other formats */
    size_t n_offers;
    struct meminfo system;
    uint64_t free_disk, packed; /* packed: bytes of the files of panels that are there */
    double bandwidth; /* bytes per second; 0: could not be measured */
    int threads;
    struct cpus cpus;
};

/* Tokens per second at most, after `depth` tokens: the bandwidth over what a token reads. */
double plan_speed(const struct plan *p, const struct engine_memory *m, int64_t depth);
int plan_print(const struct plan *p, struct err *e);
int plan_print_json(const struct plan *p, struct err *e);

#endif
