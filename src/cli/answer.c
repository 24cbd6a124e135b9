/* Answers on the terminal and as JSON. */
#include "cli/answer.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "autarky.h"
#include "base/mem.h"
#include "cli/term.h"
#include "sys/clock.h"
#include "text/detok.h"

void answer_begin(struct answer *a)
{
    *a = (struct answer){.wrapping = term_is_tty(stdout) && !term_plain()};
    if (a->wrapping) wrap_init(&a->wrap, stdout, term_columns());
}

int answer_piece(void *answer, const char *text, size_t len)
{
    struct answer *a = answer;
    struct buf clean = {0};
    if (len == 0) return 0;
    if (a->wrapping) a->wrap.columns = term_columns(); /* the window may have another size by now */
    a->newline = text[len - 1] == '\n';
    if (a->wrapping) {
        text_sanitize_terminal(text, len, &clean);
        if (clean.data) wrap_add(&a->wrap, clean.data, clean.len);
        buf_free(&clean);
    } else {
        term_write(stdout, text, len);
    }
    return !term_flush();
}

int answer_reasoning(void *answer, const char *text, size_t len)
{
    struct buf clean = {0};
    (void)answer;
    if (!term_is_tty(stderr)) return 0;
    text_sanitize_terminal(text, len, &clean);
    if (clean.data) fprintf(stderr, "%s%.*s%s", term_dim(stderr), (int)clean.len, clean.data, term_reset(stderr));
    buf_free(&clean);
    return 0;
}

void answer_end(struct answer *a)
{
    if (a->wrapping) wrap_end(&a->wrap);
    if (!a->newline) putchar('\n');
}

void answer_progress(void *ctx, int64_t done, int64_t total)
{
    static double last;
    (void)ctx;
    double now = clock_seconds();
    if (done < total && now - last < 0.1) return;
    last = now;
    if (done < total) term_status("reading %" PRId64 " of %" PRId64 " tokens ...", done, total);
    else term_status_end();
}

void answer_stats(const struct generate_result *r, const struct session *s)
{
    char field[6][64], cached[40] = "";
    int n = 0, room = term_is_tty(stderr) ? term_columns() : INT_MAX;
    if (r->cached > 0) snprintf(cached, sizeof cached, " (%" PRId64 " cached)", r->cached);
    snprintf(field[n++], 64, "%.1f s", r->prompt_seconds + r->seconds);
    snprintf(field[n++], 64, "%" PRId64 " tok", r->tokens);
    snprintf(field[n++], 64, "%.1f tok/s", generate_rate(r));
    snprintf(field[n++], 64, "prompt %" PRId64 "%s", r->prompt_tokens, cached);
    snprintf(field[n++], 64, "ctx %.0f%%", 100.0 * (double)s->n / (double)s->dec->context);
    snprintf(field[n++], 64, "%s", stop_reason_name(r->stop));
    fputs(term_dim(stderr), stderr);
    for (int i = 0; i < n; i++) { /* what does not fit the line is left out: /stats and --json have it */
        int width = (int)strlen(field[i]) + (i ? 3 : 0);
        if (width > room) continue;
        fprintf(stderr, "%s%s", i ? " \xc2\xb7 " : "", field[i]); /* U+00B7 */
        room -= width;
    }
    fprintf(stderr, "%s\n", term_reset(stderr));
}

/* Rounded to microseconds: more digits would be noise. */
static json_t *seconds(double s) { return json_real(round(s * 1e6) / 1e6); }

/* What a file holds as a float: 0.7, not 0.699999988. */
static double short_real(double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", v);
    return strtod(text, NULL);
}

static int add_figures(json_t *obj, const struct generate_result *r, const struct session *s,
                       const struct sample_params *p, struct err *e)
{
    const struct engine *en = s->dec->en;
    int bad = 0;
    bad |= json_object_set_new(obj, "stop", json_string(stop_reason_name(r->stop)));
    bad |= json_object_set_new(obj, "tokens", json_integer(r->tokens));
    bad |= json_object_set_new(obj, "prompt_tokens", json_integer(r->prompt_tokens));
    bad |= json_object_set_new(obj, "cached_tokens", json_integer(r->cached));
    bad |= json_object_set_new(obj, "context", json_integer(s->dec->context));
    bad |=
        json_object_set_new(obj, "sampling",
                            json_pack("{s:f,s:I,s:f,s:f,s:f,s:I,s:I}", "temp", short_real(p->temp), "top_k",
                                      (json_int_t)p->top_k, "top_p", short_real(p->top_p), "min_p", short_real(p->min_p),
                                      "repeat", short_real(p->repeat), "repeat_window",
                                      (json_int_t)p->repeat_window, "seed", (json_int_t)p->seed));
    bad |= json_object_set_new(obj, "seed", json_integer((json_int_t)p->seed));
    bad |= json_object_set_new(obj, "seconds",
                               json_pack("{s:o,s:o,s:o}", "load", seconds(en->load_seconds), "prompt",
                                         seconds(r->prompt_seconds), "generation", seconds(r->seconds)));
    bad |= json_object_set_new(obj, "tokens_per_second", json_real(round(generate_rate(r) * 100) / 100));
    bad |= json_object_set_new(obj, "model", json_string(en->path));
    bad |= json_object_set_new(obj, "level", json_string(cpu_level_name(en->ks.level)));
    bad |= json_object_set_new(obj, "compute", json_string(engine_compute_name(en)));
    bad |= json_object_set_new(obj, "cache", json_string(formats[en->cache].name));
    bad |= json_object_set_new(obj, "attention", json_string(en->net.absorbed ? "absorbed" : "plain"));
    bad |= json_object_set_new(obj, "threads", json_integer(pool_threads(en->pool)));
    bad |= json_object_set_new(obj, "version", json_string(AUTARKY_VERSION));
    if (bad) return json_bad("the result", e);
    return OK;
}

int answer_print_json(json_t *obj, struct err *e)
{
    char *text = json_text_result(obj);
    json_decref(obj);
    if (!text) return json_bad("the result", e);
    puts(text);
    mem_free(text);
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write the JSON result");
    return OK;
}

/* What was thought, and the calls, where there are some. */
static int add_parts(json_t *o, const struct generate_result *r)
{
    int bad = 0;
    if (r->reasoning.len)
        bad |= json_object_set_new(o, "reasoning", json_stringn(r->reasoning.data, r->reasoning.len));
    if (r->n_calls == 0) return bad;
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_calls; i++) {
        const struct generate_call *c = &r->calls[i];
        json_t *v = json_pack("{s:s,s:s%}", "name", c->name, "arguments", c->arguments.data ? c->arguments.data : "",
                              c->arguments.len);
        if (v && c->malformed) bad |= json_object_set_new(v, "malformed", json_true());
        bad |= json_array_append_new(list, v);
    }
    return bad | json_object_set_new(o, "tool_calls", list);
}

int answer_calls(const struct generate_result *r, struct err *e)
{
    json_t *o = json_object(), *v;
    size_t i;
    int rc = add_parts(o, r) ? err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for the calls") : OK;
    json_array_foreach(json_object_get(o, "tool_calls"), i, v)
    {
        if (!rc) rc = answer_print_json(json_incref(v), e);
    }
    json_decref(o);
    return rc;
}

int answer_json(const struct generate_result *r, const struct session *s, const struct sample_params *p, bool with_text,
                struct err *e)
{
    json_t *o = json_object();
    int bad;
    if (with_text) bad = json_object_set_new(o, "text", json_stringn(r->text.data ? r->text.data : "", r->text.len));
    else bad = json_object_set_new(o, "done", json_true());
    bad |= add_parts(o, r);
    int rc = bad ? err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for the JSON result")
                 : add_figures(o, r, s, p, e);
    if (!rc) return answer_print_json(o, e);
    json_decref(o);
    return rc;
}

int answer_json_piece(void *ctx, const char *text, size_t len)
{
    struct err e;
    (void)ctx;
    json_t *o = json_pack("{s:s%}", "text", text, len);
    return !o || answer_print_json(o, &e) != OK;
}
