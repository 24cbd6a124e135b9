/* autarky pull: a model from a hub into the cache of this machine. The only command that opens a connection outwards. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/exit.h"
#include "cli/hub_env.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/term.h"
#include "hub/known.h"
#include "sys/clock.h"

static const uint64_t ask_above = 100 * 1000 * 1000;
static const char *const from_names[] = {"hf", "modelscope", NULL};

struct pull_args {
    int from;
    bool from_given, yes, dry_run, verify, quiet, json, plain;
    const char *revision, *sha256;
    struct progress progress;
};

static bool stop(void *ctx)
{
    (void)ctx;
    return term_interrupted != 0;
}

static void say(void *ctx, const char *text)
{
    struct pull_args *a = ctx;
    progress_say(&a->progress, text);
}

static void show(void *ctx, const struct hub_progress *p)
{
    struct pull_args *a = ctx;
    progress_show(&a->progress, p->path, p->index, p->n, p->done, p->total);
}

static int agree(void *ctx, const struct hub_plan *p, struct err *e)
{
    struct pull_args *a = ctx;
    char all[24], fetch[24], space[24], line[PATH_MAX + 200];
    hub_size_text(all, p->bytes);
    hub_size_text(fetch, p->fetch);
    hub_size_text(space, p->free);
    snprintf(line, sizeof line, "%s: %zu file%s, %s; to fetch: %s into %s, where %s are free", p->name, p->files,
             p->files == 1 ? "" : "s", all, fetch, p->into, space);
    if (!a->quiet || (p->fetch > ask_above && !a->yes)) progress_say(&a->progress, line);
    if (a->yes || a->dry_run || p->fetch <= ask_above) return OK;
    snprintf(line, sizeof line, "%s: fetch %s?", p->name, fetch);
    return confirm(line, "say -y", "nothing is fetched", e);
}

static const char *state_name(enum fetch_state s)
{
    static const char *const names[] = {"cached", "fetched", "resumed"};
    return names[s];
}

static int print_json(const struct pull_args *a, const struct hub_result *r, const struct hub_ref *ref, double seconds,
                      struct err *e)
{
    static const char *const sources[] = {"hf", "modelscope", "url"};
    json_t *files = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct hub_got *g = &r->files[i];
        bool fetched = !a->dry_run || g->state == FETCH_CACHED;
        json_add(files, json_pack("{s:s,s:I,s:s,s:s}", "path", g->path, "bytes", (json_int_t)g->size,
                                  strlen(g->hash) == 64 ? "sha256" : "git_sha1", g->hash, "state",
                                  fetched ? state_name(g->state) : "to fetch"));
    }
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:f,s:o}", "model", r->name, "source", sources[ref->source],
                          "commit", r->commit, "path", r->path, "bytes", (json_int_t)r->bytes, "fetched_bytes",
                          (json_int_t)r->fetched, "seconds", seconds, "files", files);
    if (!o) return json_bad("the result", e);
    return answer_print_json(o, e);
}

static int report(struct pull_args *a, const struct hub_result *r, const struct hub_ref *ref, double seconds,
                  struct err *e)
{
    char size[24], line[PATH_MAX + 200];
    if (a->json) return print_json(a, r, ref, seconds, e);
    if (a->dry_run) {
        for (size_t i = 0; i < r->n; i++) {
            snprintf(line, sizeof line, "%10s  %-8s  %s", hub_size_text(size, r->files[i].size),
                     r->files[i].state == FETCH_CACHED ? "here" : "to fetch", r->files[i].path);
            term_write(stdout, line, strlen(line));
            putchar('\n');
        }
    } else {
        if (!a->quiet && r->fetched > 0)
            fprintf(stderr, "%s in %.1f s; every hash is right\n", hub_size_text(size, r->fetched), seconds);
        else if (!a->quiet) fprintf(stderr, "all of it was here already\n");
        term_write(stdout, r->path, strlen(r->path));
        putchar('\n');
    }
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write the result");
    return OK;
}

static int parse_ref(const struct pull_args *a, struct hub_ref *ref, const char *name, struct err *e)
{
    if (hub_known(name)) {
        if (!a->quiet) fprintf(stderr, "%s is %s\n", name, hub_known(name));
        name = hub_known(name);
    } else if (!strchr(name, '/')) {
        char near[200];
        bool is = hub_known_near(near, sizeof near, name);
        FAIL(e, is ? ERR_NOTFOUND : ERR_USAGE, "\"%.100s\" is no name of a published model (autarky plan --list)%s%s%s", name,
             is ? "; did you mean " : "; a repository is written ORG/MODEL", is ? near : "", is ? "?" : "");
    }
    TRY(hub_ref_parse(ref, name, e));
    if (a->from_given && ref->source_named && ref->source != (enum hub_source)a->from)
        FAIL(e, ERR_USAGE, "\"%.200s\" names another source than --from %s", name, from_names[a->from]);
    if (a->from_given) ref->source = (enum hub_source)a->from;
    if (a->sha256 && ref->source != HUB_URL)
        FAIL(e, ERR_USAGE,
             "--sha256 is for single files (https://...); the hashes of a hub's files come from its list");
    if (a->sha256 && !hub_hex_ok(a->sha256, 64))
        FAIL(e, ERR_USAGE, "--sha256 is \"%.80s\", expected 64 hexadecimal digits in lower case", a->sha256);
    if (!a->revision) return OK;
    if (ref->revision[0] || ref->source == HUB_URL || strlen(a->revision) >= sizeof ref->revision ||
        !hub_path_ok(a->revision))
        FAIL(e, ERR_USAGE, "--revision \"%.80s\" does not go with \"%.200s\"", a->revision, name);
    snprintf(ref->revision, sizeof ref->revision, "%s", a->revision);
    return OK;
}

static int pull(struct pull_args *a, const char *name, struct err *e)
{
    struct hub_env h;
    struct hub_ref ref;
    struct hub_result r = {0};
    TRY(parse_ref(a, &ref, name, e));
    TRY(hub_env_read(&h, e));
    if (ref.source == HUB_URL && !h.options.folder)
        FAIL(e, ERR_USAGE, "there is no folder for models: set HOME or XDG_DATA_HOME");
    h.options.ctx = a;
    h.options.stop = stop;
    h.options.say = say;
    h.options.progress = show;
    h.options.agree = agree;
    h.options.plan_only = a->dry_run;
    h.options.verify = a->verify;
    double begun = clock_seconds();
    term_ignore_pipe(true); /* a connection that breaks while we write is an error like others */
    int rc = hub_pull(&h.options, &ref, a->sha256, &r, e);
    term_ignore_pipe(false);
    progress_end(&a->progress);
    if (!rc) rc = report(a, &r, &ref, clock_seconds() - begun, e);
    else if (rc == ERR_INTERRUPTED && r.n + a->progress.total > 0)
        err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__,
                "stopped; what has come is kept, and the same command goes on from there");
    hub_result_free(&r);
    return rc;
}

/* The summary with a line for each model that suits a laptop. */
static const char *add_suggestions(char *out, size_t cap, const char *summary)
{
    size_t n = (size_t)snprintf(out, cap, "%s", summary);
    const struct hub_suggestion *s;
    for (size_t i = 0; (s = hub_suggestion(i)) && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "  autarky pull %-30s %7s  %s\n", s->name, s->size, s->what);
    return out;
}

int cmd_pull(int argc, char **argv)
{
    struct pull_args a = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {
        .command = "pull",
        .usage = "MODEL",
        .summary =
            "Fetches a model into the cache that all programs of the Hugging Face hub share, checks every hash, and\n"
            "prints its path. A broken download goes on where it stopped. MODEL is one of\n"
            "  org/name              a repository: its safetensors, or its only GGUF file\n"
            "  org/name:Q4_K_M       the GGUF file (all parts) with this in its name; or a file by its path\n"
            "  org/name@revision     another branch, tag or commit\n"
            "  modelscope://org/name the same from ModelScope\n"
            "  https://...           a single file, best with --sha256\n"
            "  qwen3-8b, ...         a name of autarky plan --list\n"
            "Honours HF_ENDPOINT (a mirror), HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and proxies.\n\n"
            "Models that suit a laptop:\n"};
    char text[2400];
    o.summary = add_suggestions(text, sizeof text, o.summary);
    opts_add(&o, (struct opt){"from", 0, OPT_CHOICE, &a.from, .choices = from_names, .help = "the hub (hf)",
                              .given = &a.from_given});
    opts_add(&o,
             (struct opt){"revision", 0, OPT_STR, &a.revision, .arg = "REV", .help = "branch, tag or commit (main)"});
    opts_add(&o, (struct opt){"sha256", 0, OPT_STR, &a.sha256, .arg = "HEX",
                              .help = "what a single file's SHA-256 must be"});
    opts_flag(&o, "yes", 'y', &a.yes, "do not ask before more than 100 MB are fetched");
    opts_flag(&o, "dry-run", 'n', &a.dry_run, "only tell what would be fetched");
    opts_flag(&o, "verify", 0, &a.verify, "hash the files that are here already, too");
    opts_flag(&o, "quiet", 'q', &a.quiet, "no progress");
    opts_flag(&o, "plain", 0, &a.plain, "lines instead of a bar that moves");
    opts_flag(&o, "json", 0, &a.json, "the result as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    progress_init(&a.progress, a.quiet, a.plain);
    if (n != 1)
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected one model, %d are given; see autarky pull --help",
                     n);
    else rc = pull(&a, argv[1], &e);
    return rc ? exit_fail("pull", &e) : EXIT_OK;
}
