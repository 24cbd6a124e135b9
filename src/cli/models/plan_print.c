/* A plan on the terminal and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "cli/answer.h"
#include "cli/models/plan.h"
#include "cli/term.h"

enum { SIZE_TEXT = 24, NEAR = 512, SMALL = 64 << 20  };

/* Three digits and a binary unit: "4.57 GiB". */
static const char *size_text(char out[SIZE_TEXT], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t u = 0;
    while (bytes >= 999.5 && u + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        u++;
    }
    snprintf(out, SIZE_TEXT, "%.*f %s", u == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2, bytes, units[u]);
    return out;
}
#define SIZE(bytes) size_text((char[SIZE_TEXT]){0}, (double)(bytes))

static const char *count_text(char out[SIZE_TEXT], double n)
{
    if (n >= 1e9) snprintf(out, SIZE_TEXT, "%.2f B", n / 1e9);
    else if (n >= 1e6) snprintf(out, SIZE_TEXT, "%.1f M", n / 1e6);
    else snprintf(out, SIZE_TEXT, "%.1f K", n / 1e3);
    return out;
}
#define COUNT(n) count_text((char[SIZE_TEXT]){0}, (double)(n))

/* 163840 -> "163,840" */
static const char *number_text(char out[SIZE_TEXT], int64_t n)
{
    char digits[SIZE_TEXT];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n), k = 0;
    for (int i = 0; i < len && k + 2 < SIZE_TEXT; i++) {
        if (i && (len - i) % 3 == 0) out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = 0;
    return out;
}
#define NUMBER(n) number_text((char[SIZE_TEXT]){0}, n)

static const char *rate_text(char out[SIZE_TEXT], double v)
{
    snprintf(out, SIZE_TEXT, "%.*f", v < 0.1 ? 3 : v < 1 ? 2 : v < 100 ? 1 : 0, v);
    return out;
}
#define RATE(v) rate_text((char[SIZE_TEXT]){0}, v)

static void print_head(const struct plan *p)
{
    int64_t active, all = config_params(&p->config, &active), mtp = p->memory.parts.of[WEIGHT_MTP].params;
    printf("%s", term_bold(stdout));
    term_write(stdout, p->name, strlen(p->name));
    printf("%s: %s parameters", term_reset(stdout), COUNT(all - mtp));
    if (p->config.experts) printf(", %s used per token", COUNT(active));
    if (mtp) printf(", %s more to predict a second token", COUNT(mtp));
    printf(", %" PRId64 " layers, context up to %s", p->config.layers, NUMBER(p->config.context));
    printf(p->format_name[0] ? ", as %s\n\n" : "%s\n\n", p->format_name);
}

static void print_weights(const struct plan *p)
{
    const struct weights *w = &p->memory.parts;
    printf("%s  %-16s%12s%12s%12s%16s%s\n", term_dim(stdout), "weights", "parameters", "stored", "in memory",
           "read per token", term_reset(stdout));
    for (int k = 0; k <= WEIGHT_KINDS; k++) {
        const struct weight_sum *s = k < WEIGHT_KINDS ? &w->of[k] : &w->all;
        if (!s->params && !s->memory) continue;
        printf("  %-16s%12s%12s%12s%16s\n", k < WEIGHT_KINDS ? weight_kind_names[k] : "all",
               s->params ? COUNT(s->params) : "tied", s->params ? SIZE(s->stored) : "-",
               s->memory ? SIZE(s->memory) : "in the file", s->token ? SIZE(s->token) : "-");
    }
    if (w->slow)
        printf("  %d matrices, stored as %s, have no integer product: they are multiplied as f32, slowly\n", w->slow,
               w->slow_type);
    putchar('\n');
}

static void print_memory(const struct plan *p)
{
    const struct engine_memory *m = &p->memory;
    printf("%s  memory%s\n", term_dim(stdout), term_reset(stdout));
    printf("  %-16s%12s   products in %s%s\n", "weights", SIZE(m->weights),
           m->int8                     ? "int8"
           : p->compute == ENGINE_BF16 ? "bf16"
                                       : "f32",
           m->there ? "; in memory already" : "");
    printf("  %-16s%12s   %s tokens", "cache", SIZE(m->cache), NUMBER(m->context));
    if (m->context < m->wanted) printf(" (the model's %s do not fit)", NUMBER(m->wanted));
    if (p->slots > 1) printf(" of each of %" PRId64 " sequences", p->slots);
    printf(" in %s: %s per 1,000 tokens\n", formats[m->cache_type].name, SIZE(1000.0 * (double)m->token_cache));
    printf("  %-16s%12s\n", "computing", SIZE(m->run));
    printf("  %-16s%s%12s%s   ", "together", term_bold(stdout), SIZE(m->total), term_reset(stdout));
    if (!m->available) printf("the system does not tell how much is free\n");
    else {
        printf("%s %s are free of %s (", p->fits ? "and" : "but", SIZE(m->available), SIZE(p->system.total));
        bool two = strcmp(m->available_from, p->system.total_from) != 0;
        printf("%s%s%s)\n", m->available_from, two ? ", " : "", two ? p->system.total_from : "");
    }
    uint64_t file = p->bare ? m->parts.all.stored : 0, more = file + (p->packed ? 0 : m->disk);
    if (file + m->disk > 0) {
        printf("  %-16s%12s   ", "disk", SIZE(file + m->disk));
        if (file) printf("the file %s", SIZE(file));
        if (m->disk) printf("%spacked weights %s%s", file ? ", " : "", SIZE(m->disk), p->packed ? ", there already" : "");
        if (p->free_disk) printf("%s; %s are free", more > p->free_disk ? "; too much" : "", SIZE(p->free_disk));
        putchar('\n');
    }
    putchar('\n');
}

static void print_speed(const struct plan *p)
{
    const struct engine_memory *m = &p->memory;
    int64_t depths[2] = {min_i64(NEAR, m->context - 1), m->context - 1};
    printf("%s  speed%s\n", term_dim(stdout), term_reset(stdout));
    printf("  %-16s%9d   of %d processors", "threads", p->threads, p->cpus.allowed);
    if (p->cpus.quota > 0) printf("; the quota is %.2f (%s)", p->cpus.quota, p->cpus.from);
    putchar('\n');
    if (p->bandwidth <= 0) {
        printf("  the memory's speed is not known: too little is free to measure it\n\n");
        return;
    }
    printf("  %-16s%9.1f GB/s, measured now\n", "memory delivers", p->bandwidth / 1e9);
    for (int i = 0; i < (depths[1] > depths[0] ? 2 : 1); i++) {
        double most = plan_speed(p, m, depths[i]);
        printf("  after %-10s%9s tokens per second at most, expect about %s%s\n", NUMBER(depths[i]), RATE(most),
               RATE(PLAN_SHARE * most), p->fits ? "" : ", if it fitted");
    }
    if (m->weights < SMALL) printf("  what fits the processor's cache can be faster than the memory\n");
    putchar('\n');
}

/* Why not, and what would be needed. */
static void print_verdict(const struct plan *p)
{
    const struct engine_memory *m = &p->memory;
    if (p->fits) {
        printf("%sYes%s, it fits", term_green(stdout), term_reset(stdout));
        if (m->context < m->wanted) printf(" with a context of %s tokens", NUMBER(m->context));
        if (m->available) printf(", with %s to spare", SIZE(m->available - m->total));
        printf(".\n");
        return;
    }
    printf("%sNo%s, it does not fit: ", term_red(stdout), term_reset(stdout));
    if (m->weights > m->available)
        printf("the weights alone are %.1f times the memory that is free.\n",
               (double)m->weights / (double)m->available);
    else printf("the weights have room, the context of %s tokens has not.\n", NUMBER(m->context));
    printf("Needed is one of:\n  - a machine with %s of memory free", SIZE(m->total));
    printf(" (%s at least, for a context of 4,096)\n",
           SIZE((double)m->weights + (double)m->run + (double)m->token_cache * 4096 * (double)p->slots));
    if (m->fits) printf("  - a smaller context: with --ctx %" PRId64 " it fits\n", m->fits);
    bool any = false;
    for (size_t i = 0; i < p->n_offers; i++) {
        const struct engine_memory *x = &p->offers[i].memory;
        if (!x->fits || x->weights >= m->weights || any) continue;
        printf("  - a smaller format: %s takes %s", p->offers[i].name, SIZE(x->total));
        if (x->fits < x->context) printf(", with --ctx %" PRId64 " it fits", x->fits);
        putchar('\n');
        any = true;
    }
    if (!any && !m->fits) printf("  - a smaller model: no format of this one fits here\n");
}

static void print_offers(const struct plan *p)
{
    if (!p->n_offers) return;
    printf("%s  %-16s%12s%12s%16s%14s%s\n", term_dim(stdout), "other formats", "stored", "together", "largest context",
           "tok/s at most", term_reset(stdout));
    for (size_t i = 0; i < p->n_offers; i++) {
        const struct engine_memory *m = &p->offers[i].memory;
        printf("  %-16s%12s%12s%16s%14s\n", p->offers[i].name, SIZE(m->parts.all.stored), SIZE(m->total),
               m->fits ? NUMBER(m->fits) : "none fits", p->bandwidth > 0 ? RATE(plan_speed(p, m, NEAR)) : "");
    }
    putchar('\n');
}

int plan_print(const struct plan *p, struct err *e)
{
    print_head(p);
    print_weights(p);
    print_memory(p);
    print_speed(p);
    print_offers(p);
    print_verdict(p);
    return term_flush() ? OK : err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
}

/* ---- JSON ---- */

static json_t *bytes(uint64_t n) { return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n); }

static json_t *json_memory(const struct engine_memory *m)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:b}", "stored", bytes(m->parts.all.stored), "weights",
                     bytes(m->weights), "cache", bytes(m->cache), "computing", bytes(m->run), "total", bytes(m->total),
                     "disk", bytes(m->disk), "token_reads", bytes(m->parts.all.token), "context",
                     (json_int_t)m->context, "largest_context", (json_int_t)m->fits, "fits", m->fits >= m->context);
}

static json_t *json_weights(const struct weights *w)
{
    json_t *a = json_array();
    for (int k = 0; a && k < WEIGHT_KINDS; k++) {
        const struct weight_sum *s = &w->of[k];
        if (s->params || s->memory)
            json_add(a, json_pack("{s:s,s:I,s:o,s:o,s:o}", "kind", weight_kind_names[k], "parameters",
                                  (json_int_t)s->params, "stored", bytes(s->stored), "memory",
                                  bytes(s->memory), "token_reads", bytes(s->token)));
    }
    return a;
}

static json_t *json_speed(const struct plan *p, int64_t depth)
{
    double most = plan_speed(p, &p->memory, depth);
    return json_pack("{s:I,s:f,s:f}", "depth", (json_int_t)depth, "at_most", most, "expected", PLAN_SHARE * most);
}

int plan_print_json(const struct plan *p, struct err *e)
{
    const struct engine_memory *m = &p->memory;
    int64_t active, all = config_params(&p->config, &active);
    json_t *offers = json_object(), *o = json_memory(m);
    for (size_t i = 0; offers && i < p->n_offers; i++)
        json_put(offers, p->offers[i].name, json_memory(&p->offers[i].memory));
    json_t *more = json_pack(
        "{s:s,s:s?,s:I,s:I,s:I,s:o,s:s,s:o,s:s,s:o,s:s,s:o,s:s,s:o,s:f,s:s,s:i,s:i,s:f,s:s,s:o,s:I,s:[o,o],s:o,s:b}", "model",
        p->name, "format", p->format_name[0] ? p->format_name : NULL, "parameters", (json_int_t)all, "active_parameters",
        (json_int_t)active, "slots", (json_int_t)p->slots, "kinds", json_weights(&m->parts), "compute",
        m->int8                     ? "int8"
        : p->compute == ENGINE_BF16 ? "bf16"
                                    : "f32",
        "cache_per_1000_tokens", bytes(1000 * m->token_cache), "cache_format", formats[m->cache_type].name,
        "memory_free", bytes(m->available), "memory_free_from", m->available_from, "memory_total", bytes(p->system.total),
        "memory_total_from", p->system.total_from, "disk_free", bytes(p->free_disk), "bandwidth", p->bandwidth / 1e9,
        "bandwidth_unit", "GB/s", "threads", p->threads, "processors", p->cpus.allowed, "quota", p->cpus.quota, "quota_from",
        p->cpus.from, "packed_bytes", bytes(p->packed), "model_context", (json_int_t)m->wanted, "tokens_per_second",
        json_speed(p, min_i64(NEAR, m->context - 1)), json_speed(p, m->context - 1), "formats", offers, "fits",
        p->fits);
    if (!o || !more || json_object_update(o, more)) {
        json_decref(o);
        json_decref(more);
        return json_bad("the plan", e);
    }
    json_decref(more);
    return answer_print_json(o, e);
}
