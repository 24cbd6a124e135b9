/* autarky keys: who may use the server, and what they have used. */
#include "cli/keys_file.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/checked.h"
#include "base/json.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "serve/audit.h"
#include "serve/meter.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { DAY = 86400 };

struct keys_args {
    const char *file, *tenant, *user, *scopes, *models;
    double days, weight, grace;
    int64_t requests, tokens, daily, concurrent, priority, since;
    bool json;
};

static int64_t now_seconds(void) { return clock_unix_ns() / 1000000000; }

static void day_text(char out[24], int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!seconds || !gmtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%d %H:%M", &tm)) snprintf(out, 24, "-");
}

/* ---- a key, for people and programs ---- */

static json_t *key_json(const struct key *k)
{
    char scopes[KEY_WORD];
    json_t *v = json_object();
    key_scopes_text(scopes, k->scopes);
    json_put(v, "id", json_string(k->id));
    json_put(v, "name", json_string(k->name));
    json_put(v, "tenant", json_string(k->tenant));
    json_put(v, "user", json_string(k->user));
    json_put(v, "scopes", json_string(scopes));
    json_put(v, "models", json_string(k->models));
    json_put(v, "made", json_integer(k->made));
    json_put(v, "expires", json_integer(k->expires));
    json_put(v, "revoked", json_integer(k->revoked));
    json_put(v, "requests_minute", json_integer(k->requests_minute));
    json_put(v, "tokens_minute", json_integer(k->tokens_minute));
    json_put(v, "tokens_day", json_integer(k->tokens_day));
    json_put(v, "concurrency", json_integer(k->concurrency));
    json_put(v, "priority", json_integer(k->priority));
    json_put(v, "weight", json_real(k->weight));
    return v;
}

static void show_line(const char *name, const char *value)
{
    printf("%-18s", name);
    term_write(stdout, value, strlen(value));
    putchar('\n');
}

static void show_number(const char *name, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    show_line(name, v ? text : "no limit");
}

static void show_key(const struct key *k)
{
    char scopes[KEY_WORD], made[24], expires[24], revoked[24];
    key_scopes_text(scopes, k->scopes);
    day_text(made, k->made);
    day_text(expires, k->expires);
    day_text(revoked, k->revoked);
    show_line("id", k->id);
    show_line("name", k->name);
    show_line("tenant", k->tenant);
    show_line("user", k->user[0] ? k->user : "as requests say");
    show_line("may", scopes);
    show_line("models", k->models[0] ? k->models : "all");
    show_line("made (UTC)", made);
    show_line("expires", k->expires ? expires : "never");
    show_line("revoked", k->revoked ? revoked : "no");
    show_number("requests/minute", k->requests_minute);
    show_number("tokens/minute", k->tokens_minute);
    show_number("tokens/day", k->tokens_day);
    show_number("at once", k->concurrency);
    printf("%-18s%g\n%-18s%" PRId64 "\n", "weight", k->weight, "priority", k->priority);
}

/* ---- the verbs ---- */

/* A name in logs and lists: no control characters, no separators. */
static int take_word(char *out, size_t cap, const char *what, const char *s, struct err *e)
{
    size_t n = strlen(s);
    if (n >= cap) FAIL(e, ERR_USAGE, "the %s has %zu bytes, at most %zu", what, n, cap - 1);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) FAIL(e, ERR_USAGE, "the %s has a control character", what);
    memcpy(out, s, n + 1);
    return OK;
}

static int take_args(struct key *k, const struct keys_args *a, const char *name, struct err *e)
{
    TRY(take_word(k->name, sizeof k->name, "name", name, e));
    TRY(take_word(k->tenant, sizeof k->tenant, "tenant", a->tenant ? a->tenant : name, e));
    TRY(take_word(k->user, sizeof k->user, "user", a->user ? a->user : "", e));
    TRY(take_word(k->models, sizeof k->models, "list of models", a->models ? a->models : "", e));
    if (!k->name[0] || !k->tenant[0]) FAIL(e, ERR_USAGE, "the name of the key is empty");
    if (!key_scopes_read(&k->scopes, a->scopes))
        FAIL(e, ERR_USAGE, "--scopes is \"%s\", expected some of look, ask, manage, metrics, with commas", a->scopes);
    k->expires = a->days > 0 ? now_seconds() + (int64_t)(a->days * DAY) : 0;
    k->requests_minute = a->requests;
    k->tokens_minute = a->tokens;
    k->tokens_day = a->daily;
    k->concurrency = a->concurrent;
    k->priority = a->priority;
    k->weight = a->weight;
    return OK;
}

/* The text is the only line on stdout: scripts can take it. */
static int tell_new(const struct key *k, const char *text, bool json, struct err *e)
{
    if (json) {
        json_t *v = key_json(k);
        json_put(v, "key", json_string(text));
        return answer_print_json(v, e);
    }
    fprintf(stderr, "key %s of %s: it is shown this once, and kept nowhere\n", k->id, k->name);
    printf("%s\n", text);
    return OK;
}

static int add(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct key k = {0};
    char text[KEY_TEXT];
    TRY(take_args(&k, a, words[0], e));
    TRY(key_make(text, &k, now_seconds(), e));
    TRY(keys_add(d, &k, e));
    return tell_new(&k, text, a->json, e);
}

static int with_keys(struct db *d, struct keys *all, const struct key **k, const char *word, struct err *e)
{
    TRY(keys_load(all, d, e));
    return keys_named(k, all, word, e);
}

static int rotate(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct keys all;
    const struct key *old;
    char text[KEY_TEXT];
    int64_t now = now_seconds();
    int rc = with_keys(d, &all, &old, words[0], e);
    if (!rc && key_has_ended(old, now)) rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "key %s has ended", old->id);
    if (!rc) {
        struct key k = *old;
        rc = key_make(text, &k, now, e);
        if (!rc) rc = db_do(d, "BEGIN IMMEDIATE", e);
        if (!rc) rc = keys_add(d, &k, e);
        if (!rc) rc = keys_revoke(d, old->id, now + (int64_t)a->grace, e);
        if (!rc) rc = db_do(d, "COMMIT", e);
        if (!rc) rc = tell_new(&k, text, a->json, e);
    }
    keys_free(&all);
    return rc;
}

static int end_key(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct keys all;
    const struct key *k;
    (void)a;
    int rc = with_keys(d, &all, &k, words[0], e);
    if (!rc) rc = keys_revoke(d, k->id, now_seconds(), e);
    if (!rc) fprintf(stderr, "key %s of %s is revoked; a running server knows within a second\n", k->id, k->name);
    keys_free(&all);
    return rc;
}

static int show(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct keys all;
    const struct key *k;
    int rc = with_keys(d, &all, &k, words[0], e);
    if (!rc && a->json) rc = answer_print_json(key_json(k), e);
    else if (!rc) show_key(k);
    keys_free(&all);
    return rc;
}

static void list_row(const struct key *k)
{
    char scopes[KEY_WORD], until[24] = "-";
    key_scopes_text(scopes, k->scopes);
    day_text(until, k->expires);
    printf("%-14s", k->id);
    term_write(stdout, k->name, strlen(k->name));
    printf("%*s ", (int)max_i64(0, 19 - (int64_t)strlen(k->name)), "");
    term_write(stdout, k->tenant, strlen(k->tenant));
    printf("%*s %-24s%s\n", (int)max_i64(0, 15 - (int64_t)strlen(k->tenant)), "", scopes,
           k->revoked && now_seconds() >= k->revoked ? "revoked" : key_has_ended(k, now_seconds()) ? "expired" : until);
}

static int list(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct keys all;
    (void)words;
    TRY(keys_load(&all, d, e));
    json_t *v = json_array();
    if (!a->json) printf("%-14s%-20s%-16s%-24s%s\n", "ID", "NAME", "TENANT", "MAY", "UNTIL (UTC)");
    for (size_t i = 0; i < all.n; i++)
        if (a->json) json_add(v, key_json(&all.key[i]));
        else list_row(&all.key[i]);
    keys_free(&all);
    if (a->json) return answer_print_json(v, e);
    json_decref(v);
    return OK;
}

/* ---- usage ---- */

struct usage_list {
    const struct keys *keys;
    json_t *out; /* NULL: lines */
};

static int usage_row(void *ctx, const char *id, int64_t day, const struct usage *u, struct err *e)
{
    struct usage_list *l = ctx;
    const char *name = "?";
    char when[24];
    (void)e;
    day_text(when, day * DAY + (day == 0));
    when[10] = 0;
    for (size_t i = 0; i < l->keys->n; i++)
        if (!strcmp(l->keys->key[i].id, id)) name = l->keys->key[i].name;
    if (l->out) {
        json_t *v = json_object();
        json_put(v, "day", json_string(when));
        json_put(v, "id", json_string(id));
        json_put(v, "name", json_string(name));
        json_put(v, "requests", json_integer(u->requests));
        json_put(v, "refused", json_integer(u->refused));
        json_put(v, "prompt_tokens", json_integer(u->prompt));
        json_put(v, "cached_tokens", json_integer(u->cached));
        json_put(v, "answer_tokens", json_integer(u->answer));
        json_add(l->out, v);
        return OK;
    }
    printf("%-12s%-14s%9" PRId64 "%9" PRId64 "%12" PRId64 "%12" PRId64 "%12" PRId64 "  ", when, id, u->requests, u->refused,
           u->prompt,
           u->cached, u->answer);
    term_write(stdout, name, strlen(name));
    putchar('\n');
    return OK;
}

static int usage(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct keys all = {0};
    struct db u = {0};
    char path[SETUP_PATH + 8];
    (void)words;
    TRY(keys_load(&all, d, e));
    struct usage_list l = {&all, a->json ? json_array() : NULL};
    snprintf(path, sizeof path, "%s.usage", d->path);
    if (!a->json)
        printf("%-12s%-14s%9s%9s%12s%12s%12s  %s\n", "DAY (UTC)", "KEY", "requests", "refused", "prompt", "cached",
               "answer", "name");
    int rc = file_absent(path) ? OK : db_open(&u, path, DB_READ, e);
    if (!rc && u.h) rc = meter_each(&u, now_seconds() / DAY - a->since + 1, usage_row, &l, e);
    db_close(&u);
    keys_free(&all);
    if (!rc && a->json) return answer_print_json(l.out, e);
    json_decref(l.out);
    return rc;
}

/* The audit log has no keys in it; who looks after keys looks after it, too. */
static int verify_log(const struct keys_args *a, char **words, struct db *d, struct err *e)
{
    struct audit_report r;
    (void)a, (void)d;
    TRY(audit_verify(&r, words[0], e));
    if (r.checked_to)
        printf("%s: %" PRId64 " lines, every one as it was written, none missing; the checkpoint is of line %" PRId64 "\n",
               words[0],
               r.lines, r.checked_to);
    else printf("%s: %" PRId64 " lines, every one as it was written; there is no checkpoint: lines may be missing at the end\n",
                words[0], r.lines);
    return OK;
}

/* ---- the command ---- */

static const struct verb {
    const char *name;
    const char *arg;    /* NULL: none */
    enum db_mode mode;
    bool no_file;       /* it has nothing to do with the file of keys */
    int (*run)(const struct keys_args *a, char **words, struct db *d, struct err *e);
} verbs[] = {
    {"add", "NAME", DB_WRITE, false, add},
    {"list", NULL, DB_READ, false, list},
    {"show", "KEY", DB_READ, false, show},
    {"revoke", "KEY", DB_WRITE, false, end_key},
    {"rotate", "KEY", DB_WRITE, false, rotate},
    {"usage", NULL, DB_READ, false, usage},
    {"verify-log", "FILE", DB_READ, true, verify_log},
};

static int open_file(struct db *d, const struct verb *v, const struct keys_args *a, struct err *e)
{
    char path[SETUP_PATH], folder[SETUP_PATH];
    if (v->no_file) return OK;
    if (!keys_file(path, a->file)) FAIL(e, ERR_USAGE, "HOME is not set: say which file of keys with --keys");
    if (v->run != add && file_absent(path)) FAIL(e, ERR_NOTFOUND,
                                                 "%s: there are no keys yet; autarky keys add NAME makes one", path);
    TRY(path_dir(folder, sizeof folder, path, e));
    if (v->run == add) TRY(file_mkdirs(folder, e));
    return keys_open(d, path, v->mode, e);
}

static int run(const struct keys_args *a, char **words, int n, struct err *e)
{
    const struct verb *v = verbs;
    struct db d = {0};
    while (n && v < verbs + ARRAY_LEN(verbs) && strcmp(v->name, words[0]) != 0) v++;
    if (!n || v == verbs + ARRAY_LEN(verbs))
        FAIL(e, ERR_USAGE, "found \"%s\", expected add, list, show, revoke, rotate, usage or verify-log", n ? words[0] : "");
    if (n - 1 != (v->arg != NULL)) FAIL(e, ERR_USAGE, "keys %s: found %d arguments, expected %s", v->name, n - 1,
                                        v->arg ? v->arg : "none");
    int rc = open_file(&d, v, a, e);
    if (!rc) rc = v->run(a, words + 1, &d, e);
    db_close(&d);
    return rc;
}

static void add_options(struct opts *o, struct keys_args *a)
{
    opts_add(o, (struct opt){"keys", 0, OPT_STR, &a->file, .arg = "FILE", .help = "the file of keys (in autarky's data folder)"});
    opts_flag(o, "json", 0, &a->json, "print JSON");
    opts_heading(o, "Of a new key:");
    opts_add(o, (struct opt){"tenant", 0, OPT_STR, &a->tenant, .arg = "NAME",
                             .help = "shares are dealt out among tenants, nothing is shared between them (the key's name)"});
    opts_add(o, (struct opt){"user", 0, OPT_STR, &a->user, .arg = "NAME", .help = "one of the tenant's people"});
    opts_add(o, (struct opt){"scopes", 0, OPT_STR, &a->scopes, .arg = "WORDS",
                             .help = "what it may: look (lists), ask (answers), manage (load, unload), metrics (look,ask)"});
    opts_add(o, (struct opt){"models", 0, OPT_STR, &a->models, .arg = "NAMES",
                             .help = "only these, with commas; NAME* for several"});
    opts_add(o, (struct opt){"days", 0, OPT_F64, &a->days, 0, 36500, .arg = "N", .help = "it ends after so many (never)"});
    opts_add(o, (struct opt){"requests", 0, OPT_I64, &a->requests, 0, 1e9, .arg = "N", .help = "a minute, at most"});
    opts_add(o, (struct opt){"tokens", 0, OPT_I64, &a->tokens, 0, 1e12, .arg = "N",
                             .help = "a minute, at most: those that are computed"});
    opts_add(o, (struct opt){"daily", 0, OPT_I64, &a->daily, 0, 1e15, .arg = "N", .help = "tokens a day (of UTC), at most"});
    opts_add(o, (struct opt){"concurrent", 0, OPT_I64, &a->concurrent, 0, QUOTA_MOST_RUNNING, .arg = "N",
                             .help = "requests at once, at most (256)"});
    opts_add(o, (struct opt){"weight", 0, OPT_F64, &a->weight, 0.001, 1e6, .arg = "X", .help = "of its tenant's share (1)"});
    opts_add(o, (struct opt){"priority", 0, OPT_I64, &a->priority, -1000, 1000, .arg = "N",
                             .help = "among the requests of its tenant: higher goes first (0)"});
    opts_heading(o, "Others:");
    opts_add(o, (struct opt){"grace", 0, OPT_F64, &a->grace, 0, 31536000, .arg = "SECONDS",
                             .help = "rotate: the old key counts for so long (0)"});
    opts_add(o, (struct opt){"since", 0, OPT_I64, &a->since, 1, 36500, .arg = "DAYS", .help = "usage: of so many days (30)"});
}

int cmd_keys(int argc, char **argv)
{
    struct keys_args a = {.scopes = "look,ask", .weight = 1, .since = 30};
    struct err e = {0};
    int n, status;
    struct opts o = {.command = "keys",
                     .usage = "add NAME | list | show KEY | revoke KEY | rotate KEY | usage | verify-log FILE",
                     .summary = "Keys of the server. As soon as there is one, every request to autarky serve needs one.\n\n"
                                "  autarky keys add anna\n"
                                "  autarky keys add class-7b --requests 60 --daily 200000 --days 180\n"
                                "  autarky keys revoke anna\n"};
    add_options(&o, &a);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (run(&a, argv + 1, n, &e)) return exit_fail("keys", &e);
    return exit_flushed("keys");
}
