/* Rendering for tests/check_template.c and tests/check_template_marks.c. */
#ifndef TESTS_TEMPLATE_RENDER_H
#define TESTS_TEMPLATE_RENDER_H

#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "chat/template/template.h"
#include "tests/test.h"

/* 2024-07-26 13:05:09, a Friday: what strftime_now says. */
static inline void template_variables(struct template_run *r, const json_t *variables)
{
    static const struct tm now = {
        .tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_hour = 13, .tm_min = 5, .tm_sec = 9, .tm_wday = 5, .tm_yday = 207};
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)variables, name, v) template_set(r, name, template_json(r, v, TEMPLATE_OUTSIDE));
    template_run_clock(r, &now);
}

/* A template and its one render. */
struct rendered {
    struct template *t;
    struct template_run *r;
    struct template_output out;
    struct err e;
    int rc;
};

/* trusted: the variable `t` is this text, trusted; NULL: there is none. */
static inline void render(struct rendered *d, const char *source, size_t len, const json_t *variables, const char *trusted)
{
    memset(d, 0, sizeof *d);
    d->rc = template_parse(&d->t, "fixture", source, len, &d->e);
    if (!d->rc) d->rc = template_run_new(&d->r, &d->e);
    if (d->rc) return;
    template_variables(d->r, variables);
    if (trusted) template_set(d->r, "t", template_string(d->r, trusted, strlen(trusted), TEMPLATE_OURS));
    d->rc = template_render(d->r, d->t, &d->out, &d->e);
}

static inline void rendered_free(struct rendered *d)
{
    template_run_free(d->r);
    template_free(d->t);
}

#endif
