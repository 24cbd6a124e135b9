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
#include "cli/options.h"
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
            json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:I,s:s,s:s}", "name", v->name, "source",
                                                  hub_place_names[v->place], "format", hub_format_names[v->format],
                                                  "bytes", (json_int_t)v->size, "modified", when, "path", v->path));
    }
    json_t *o = json_pack("{s:o}", "models", list);
    if (!o) return json_bad("the list", e);
    return answer_print_json(o, e);
}

static int list_people(const struct hub_models *m, const char *word, struct err *e)
{
    char line[2 * PATH_MAX], size[24];
    int width = 4;
    size_t shown = 0, longest = 0;
    for (size_t i = 0; i < m->n; i++)
        if (wanted(&m->v[i], word) && (int)strlen(m->v[i].name) > width) width = (int)strlen(m->v[i].name);
    if (width > 70) width = 70;
    for (size_t i = 0; i < m->n; i++)
        if (wanted(&m->v[i], word) && strlen(m->v[i].path) > longest) longest = strlen(m->v[i].path);
    /* On a terminal no line wraps: the name is enough for every command, --json has the path. */
    bool paths = !term_is_tty(stdout) || (size_t)width + 41 + longest <= (size_t)term_columns();
    for (size_t i = 0; i < m->n; i++) {
        const struct hub_model *v = &m->v[i];
        if (!wanted(v, word)) continue;
        if (shown++ == 0)
            printf("%s%-*s  %10s  %-11s  %-12s%s%s\n", term_bold(stdout), width, "NAME", "SIZE", "FORMAT", "SOURCE",
                   paths ? "  PATH" : "", term_reset(stdout));
        snprintf(line, sizeof line, "%-*s  %10s  %-11s  %-12s%s%s", width, v->name, hub_size_text(size, v->size),
                 hub_format_names[v->format], hub_place_names[v->place], paths ? "  " : "", paths ? v->path : "");
        term_write(stdout, line, strlen(line));
        putchar('\n');
    }
    if (shown == 0)
        fprintf(stderr, "no models%s%s in the caches of this machine; autarky pull ORG/MODEL fetches one\n",
                word ? " with this in the name: " : "", word ? word : "");
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write the list");
    return OK;
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
            "chat.\n"};
    opts_flag(&o, "json", 0, &json, "as JSON");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    int rc = n > 1 ? err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d words, expected at most one", n)
                   : hub_env_read(&h, &e);
    if (!rc) rc = hub_models_list(&m, &h.places, &e);
    if (!rc) rc = json ? list_json(&m, n ? argv[1] : NULL, &e) : list_people(&m, n ? argv[1] : NULL, &e);
    hub_models_free(&m);
    return rc ? exit_fail("list", &e) : EXIT_OK;
}

/* ---- cp ---- */

static bool stopped(void) { return term_interrupted != 0; }

static int copy(const char *name, const char *to, bool json, struct err *e)
{
    struct hub_env h;
    struct hub_ref ref;
    char path[PATH_MAX], out[PATH_MAX];
    TRY(hub_ref_parse(&ref, name, e));
    TRY(hub_env_read(&h, e));
    TRY(hub_find(path, &h.places, name, e));
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
        .summary = "Copies a model of autarky list, a file or a folder, to a place of its own and prints its path.\n"
                   "Nothing that exists is replaced; the copy appears when it is whole.\n"};
    opts_flag(&o, "json", 0, &json, "the result as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d names, expected MODEL and TO", n);
    else rc = copy(argv[1], argv[2], json, &e);
    return rc ? exit_fail("cp", &e) : EXIT_OK;
}

/* ---- rm ---- */

static int ask_removal(void *ctx, const struct hub_removal *r, struct err *e)
{
    const bool *yes = ctx;
    char question[sizeof r->name + 80], size[24];
    if (*yes) return OK;
    snprintf(question, sizeof question, "%s: remove %zu file%s and free %s?", r->name, r->files, r->files == 1 ? "" : "s",
             hub_size_text(size, r->bytes));
    return confirm(question, "say -y", "nothing is removed", e);
}

static int remove_model(const char *name, bool yes, bool json, struct err *e)
{
    struct hub_env h;
    struct hub_ref ref;
    struct hub_removal r;
    char size[24];
    TRY(hub_ref_parse(&ref, name, e));
    TRY(hub_env_read(&h, e));
    TRY(hub_remove(&h.places, &ref, &r, ask_removal, &yes, e));
    if (!json) {
        fprintf(stderr, "%s: removed, %s freed\n", r.name, hub_size_text(size, r.bytes));
        return OK;
    }
    json_t *o =
        json_pack("{s:s,s:I,s:I}", "model", r.name, "files", (json_int_t)r.files, "freed_bytes", (json_int_t)r.bytes);
    if (!o) return json_bad("the result", e);
    return answer_print_json(o, e);
}

int cmd_rm(int argc, char **argv)
{
    struct err e = {0};
    bool yes = false, json = false;
    int n, status, rc;
    struct opts o = {
        .command = "rm",
        .usage = "MODEL",
        .summary = "Removes a model from the Hugging Face cache or from autarky's folder: org/name all of it, "
                   "org/name:Q4_K_M one\n"
                   "GGUF file, org/name@revision one revision. Asks first. What other programs keep is not touched.\n"};
    opts_flag(&o, "yes", 'y', &yes, "do not ask");
    opts_flag(&o, "json", 0, &json, "the result as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 1) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d names, expected one model", n);
    else rc = remove_model(argv[1], yes, json, &e);
    return rc ? exit_fail("rm", &e) : EXIT_OK;
}
