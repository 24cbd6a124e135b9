/* autarky list, cp and rm: the models on this machine. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/exit.h"
#include "cli/hub_env.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/models/packed.h"
#include "cli/term.h"

/* ---- list ---- */

static bool wanted(const struct hub_model *v, const char *word) { return !word || strcasestr(v->name, word); }

static int list_json(const struct hub_models *m, const char *word, struct err *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->n; i++) {
        const struct hub_model *v = &m->v[i];
        char when[32] = "";
        struct tm tm;
        time_t t = (time_t)v->modified;
        if (gmtime_r(&t, &tm)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (wanted(v, word))
            json_add(list, json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:s}", "name", v->name, "source", hub_place_names[v->place],
                                     "format", hub_format_names[v->format], "bytes", (json_int_t)v->size, "packed_bytes",
                                     (json_int_t)packed_bytes(v->path), "modified", when, "path", v->path));
    }
    json_t *packed = NULL;
    int rc = packed_json(&packed, e);
    json_t *o = json_pack("{s:o,s:o}", "models", list, "packed", packed);
    if (rc) json_decref(o);
    TRY(rc);
    if (!o) return json_bad("the list", e);
    return answer_print_json(o, e);
}

static int list_people(const struct hub_models *m, const char *word, struct err *e)
{
    char line[2 * PATH_MAX], size[24], packed[24], column[32] = "";
    int width = 4;
    size_t shown = 0, longest = 0;
    bool any = false;
    for (size_t i = 0; i < m->n; i++)
        if (wanted(&m->v[i], word) && (int)strlen(m->v[i].name) > width) width = (int)strlen(m->v[i].name);
    if (width > 70) width = 70;
    for (size_t i = 0; i < m->n; i++)
        if (wanted(&m->v[i], word)) {
            if (strlen(m->v[i].path) > longest) longest = strlen(m->v[i].path);
            any |= packed_bytes(m->v[i].path) > 0;
        }
    any = any && (!term_is_tty(stdout) || width + 51 <= term_columns());
    /* On a terminal no line wraps: the name is enough for every command, --json has the path. */
    bool paths = !term_is_tty(stdout) || (size_t)width + (any ? 53 : 41) + longest <= (size_t)term_columns();
    for (size_t i = 0; i < m->n; i++) {
        const struct hub_model *v = &m->v[i];
        if (!wanted(v, word)) continue;
        if (shown++ == 0)
            printf("%s%-*s  %10s%s  %-11s  %-12s%s%s\n", term_bold(stdout), width, "NAME", "SIZE", any ? "      PACKED" : "",
                   "FORMAT", "SOURCE", paths ? "  PATH" : "", term_reset(stdout));
        uint64_t bytes = any ? packed_bytes(v->path) : 0;
        if (any) snprintf(column, sizeof column, "  %10s", bytes ? hub_size_text(packed, bytes) : "");
        snprintf(line, sizeof line, "%-*s  %10s%s  %-11s  %-12s%s%s", width, v->name, hub_size_text(size, v->size), column,
                 hub_format_names[v->format], hub_place_names[v->place], paths ? "  " : "", paths ? v->path : "");
        term_write(stdout, line, strlen(line));
        putchar('\n');
    }
    if (shown == 0)
        fprintf(stderr, "no models%s%s%s on this machine; autarky pull --help names some to fetch\n",
                word ? " with \"" : "", word ? word : "", word ? "\" in the name" : "");
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write the list");
    return packed_tell_stale(e);
}

int cmd_list(int argc, char **argv)
{
    struct err e = {0};
    struct hub_env h;
    struct hub_models m = {0};
    bool json = false;
    int n, status;
    struct opts o = {
        .command = "list",
        .usage = "[WORD]",
        .summary =
            "Lists the models on this machine (those with WORD in the name): in the Hugging Face cache, in autarky's\n"
            "folder, and what Ollama, LM Studio and llama.cpp have fetched. Every name can be given to run and "
            "chat.\nPACKED is what the first start has made of a model and keeps for the next ones.\n"};
    opts_flag(&o, "json", 0, &json, "as JSON");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    int rc = n > 1 ? err_set(&e, ERR_USAGE, __FILE__, __LINE__, "at most one word is wanted, %d are given", n)
                   : hub_env_read(&h, &e);
    if (!rc) rc = hub_models_list(&m, &h.places, &e);
    if (!rc) rc = json ? list_json(&m, n ? argv[1] : NULL, &e) : list_people(&m, n ? argv[1] : NULL, &e);
    hub_models_free(&m);
    return rc ? exit_fail("list", &e) : EXIT_OK;
}

/* ---- cp ---- */

static bool stopped(void) { return term_interrupted != 0; }

/* What a copy of the file or folder at path is called. */
static int ref_of_path(struct hub_ref *ref, const char *path, struct err *e)
{
    size_t n = strlen(path), at;
    while (n > 1 && path[n - 1] == '/') n--;
    for (at = n; at > 0 && path[at - 1] != '/';) at--;
    *ref = (struct hub_ref){.file = true};
    if (n - at >= sizeof ref->repo) FAIL(e, ERR_LIMIT, "%s: the name is too long", path);
    memcpy(ref->repo, path + at, n - at);
    return OK;
}

static int copy(const char *name, const char *to, bool json, struct err *e)
{
    struct hub_env h;
    struct hub_ref ref;
    char path[PATH_MAX], out[PATH_MAX];
    if (!file_absent(name)) {
        TRY(model_resolve(path, name, e));
        TRY(ref_of_path(&ref, path, e));
    } else {
        TRY(hub_ref_here(&ref, name, e));
        TRY(hub_env_read(&h, e));
        TRY(hub_find(path, &h.places, name, e));
    }
    TRY(hub_copy(out, path, &ref, to, stopped, e));
    if (json) {
        json_t *o = json_pack("{s:s,s:s,s:s}", "model", name, "from", path, "path", out);
        if (!o) return json_bad("the result", e);
        return answer_print_json(o, e);
    }
    term_write(stdout, out, strlen(out));
    putchar('\n');
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write the result");
    return OK;
}

int cmd_cp(int argc, char **argv)
{
    struct err e = {0};
    bool json = false;
    int n, status, rc;
    struct opts o = {
        .command = "cp",
        .usage = "MODEL TO",
        .summary = "Copies a model (a name of autarky list, a file with all its parts, a folder) to a place of its own and\n"
                   "prints its path. Nothing that exists is replaced; the copy appears when it is whole.\n"};
    opts_flag(&o, "json", 0, &json, "the result as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "MODEL and TO are wanted; %d %s given", n, n == 1 ? "is" : "are");
    else rc = copy(argv[1], argv[2], json, &e);
    return rc ? exit_fail("cp", &e) : EXIT_OK;
}

/* ---- rm ---- */

struct removal {
    bool yes;
    struct packed packed; /* what was packed of the models that may go */
    bool whole;           /* all of them do */
};

static int ask_removal(void *ctx, const struct hub_removal *r, struct err *e)
{
    const struct removal *x = ctx;
    char question[sizeof r->name + 140], size[24], more[24];
    bool both = x->whole && x->packed.n;
    if (x->yes) return OK;
    snprintf(question, sizeof question, "%s: remove %zu file%s and free %s%s%s?", r->name, r->files, r->files == 1 ? "" : "s",
             hub_size_text(size, r->bytes), both ? ", and packed weights, " : "",
             both ? hub_size_text(more, x->packed.bytes) : "");
    return confirm(question, "say -y", "nothing is removed", e);
}

/* A name that is none of the caches'. */
static int not_ours(const char *name, struct err *e)
{
    struct hub_ref ref;
    if (file_absent(name)) return hub_ref_here(&ref, name, e);
    FAIL(e, ERR_USAGE, "%s: rm removes what pull has fetched; what lies elsewhere is deleted as any other file (rm --packed "
         "MODEL removes what was packed of it)", name);
}

static int remove_model(const char *name, bool yes, bool json, struct err *e)
{
    struct hub_env h;
    struct hub_ref ref;
    struct hub_removal r;
    struct removal x = {.yes = yes};
    char size[24];
    uint64_t freed = 0;
    TRY(hub_ref_here(&ref, name, NULL) ? not_ours(name, e) : OK);
    TRY(hub_env_read(&h, e));
    x.whole = !ref.pick[0] && !ref.revision[0];
    TRY(packed_of_ref(&x.packed, &h.places, &ref, e));
    int rc = hub_remove(&h.places, &ref, &r, ask_removal, &x, e);
    if (!rc) rc = packed_drop(&x.packed, false, &freed, e);
    packed_free(&x.packed);
    if (rc == ERR_NOTFOUND && !file_absent(name)) return not_ours(name, e);
    TRY(rc);
    if (!json) {
        fprintf(stderr, "%s: removed, %s freed\n", r.name, hub_size_text(size, r.bytes + freed));
        return OK;
    }
    json_t *o = json_pack("{s:s,s:I,s:I}", "model", r.name, "files", (json_int_t)r.files, "freed_bytes",
                          (json_int_t)(r.bytes + freed));
    if (!o) return json_bad("the result", e);
    return answer_print_json(o, e);
}

int cmd_rm(int argc, char **argv)
{
    struct err e = {0};
    bool yes = false, json = false, packed = false;
    int n, status, rc;
    struct opts o = {
        .command = "rm",
        .usage = "MODEL | --packed [MODEL]",
        .summary = "Removes a model from the Hugging Face cache or from autarky's folder: org/name all of it, "
                   "org/name:Q4_K_M one\n"
                   "GGUF file, org/name@revision one revision; with what was packed of it. Asks first. What other programs\n"
                   "keep is not touched. With --packed only packed weights go: those of MODEL (any name of list, or a\n"
                   "path), or without MODEL those whose model is gone.\n"};
    opts_flag(&o, "packed", 0, &packed, "packed weights only");
    opts_flag(&o, "yes", 'y', &yes, "do not ask");
    opts_flag(&o, "json", 0, &json, "the result as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 1 && !(packed && n == 0))
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected one model, %d are given", n);
    else rc = packed ? packed_remove(n ? argv[1] : NULL, yes, json, &e) : remove_model(argv[1], yes, json, &e);
    return rc ? exit_fail("rm", &e) : EXIT_OK;
}
