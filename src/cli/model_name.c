/* Finding models by their names. */
#include "cli/model_name.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/hub_env.h"
#include "hub/known.h"
#include "model/vocab.h"
#include "sys/file.h"

static const char first_model[] = "first/first.gguf", models_folder[] = "models";

/* ---- the default ---- */

static bool has_first(const char *folder)
{
    char path[SETUP_PATH];
    return path_join(path, sizeof path, folder, first_model, NULL) == OK && !file_absent(path);
}

bool model_shipped_folder(char out[SETUP_PATH])
{
    static const char *const ups[] = {"/../..", "/..", ""};
    char program[SETUP_PATH], real[PATH_MAX];
    snprintf(out, SETUP_PATH, "%s", models_folder);
    if (has_first(out)) return true;
    if (path_of_program(program, sizeof program, NULL) == OK)
        for (int i = 0; i < 3; i++)
            if (snprintf(out, SETUP_PATH, "%s%s/%s", program, ups[i], models_folder) < SETUP_PATH && has_first(out)) {
                /* without "..": it is shown */
                if (realpath(out, real) && strlen(real) < SETUP_PATH) memcpy(out, real, strlen(real) + 1);
                return true;
            }
    return xdg_path(out, "XDG_DATA_HOME", ".local/share", "autarky/models") && has_first(out);
}

int model_default(char out[SETUP_PATH], struct err *e)
{
    char folder[SETUP_PATH];
    const char *named = getenv("AUTARKY_MODEL");
    if (named && *named) return model_resolve(out, named, e);
    if (model_shipped_folder(folder)) return path_join(out, SETUP_PATH, folder, first_model, e);
    FAIL(e, ERR_NOTFOUND,
         "no model found: looked for %s/%s here, beside the program, and in the data folder of autarky. Name one "
         "(autarky COMMAND MODEL.gguf), or set AUTARKY_MODEL, or make one (autarky help train)",
         models_folder, first_model);
}

/* ---- names ---- */

/* A folder of a training run stands for the model that it made. */
static int enter_run(char path[SETUP_PATH], struct err *e)
{
    char inside[PATH_MAX], state[SETUP_PATH];
    struct file_look look;
    if (!file_is_dir(path)) return OK;
    TRY(path_join(state, sizeof state, path, "recipe.txt", e));
    if (file_absent(state)) return OK;
    if (!hub_run_model(inside, path, &look))
        FAIL(e, ERR_NOTFOUND, "%s: the run has not made its model yet; autarky train RECIPE --resume goes on with it", path);
    if (snprintf(path, SETUP_PATH, "%s", inside) >= SETUP_PATH) FAIL(e, ERR_LIMIT, "path is too long: %s", inside);
    return OK;
}

/* The name of `list` that is nearest to word; false: none is near. */
static bool near_model(char out[SETUP_PATH], const char *word, const struct hub_places *places)
{
    struct hub_models m;
    const char *names[256];
    size_t n = 0;
    if (hub_models_list(&m, places, NULL) != OK) return false;
    for (; n < m.n && n < 256; n++) {
        bool bare = m.v[n].place == PLACE_RUNS && !strchr(word, '/'); /* NAME is as good as runs/NAME */
        names[n] = m.v[n].name + (bare ? strcspn(m.v[n].name, "/") + 1 : 0);
    }
    const char *near = nearest_name(word, names, n);
    if (near) snprintf(out, SETUP_PATH, "%s", near);
    hub_models_free(&m);
    return near != NULL;
}

static int not_found(const char *name, const struct hub_places *places, struct err *e)
{
    const char *known = hub_known(name);
    char near[SETUP_PATH];
    if (known)
        FAIL(e, ERR_NOTFOUND, "%s is not on this machine; autarky pull %s fetches it (%s)", name, name, known);
    if (hub_known_near(near, sizeof near, name))
        FAIL(e, ERR_NOTFOUND, "there is no model \"%s\" here; autarky pull fetches %s", name, near);
    if (near_model(near, name, places))
        FAIL(e, ERR_NOTFOUND, "there is no model \"%s\" here; did you mean %s?", name, near);
    FAIL(e, ERR_NOTFOUND, "there is no model \"%s\" here; autarky list shows those that are, autarky pull ORG/MODEL fetches one",
         name);
}

int model_resolve(char out[SETUP_PATH], const char *name, struct err *e)
{
    struct hub_env h;
    struct err why = {0};
    if (!file_absent(name)) {
        if (snprintf(out, SETUP_PATH, "%s", name) >= SETUP_PATH) FAIL(e, ERR_LIMIT, "path is too long: %s", name);
        return enter_run(out, e);
    }
    TRY(hub_env_read(&h, e));
    int rc = hub_find(out, &h.places, name, &why);
    if (rc == ERR_NOTFOUND && hub_known(name)) rc = hub_find(out, &h.places, hub_known(name), &why);
    if (rc == OK) return OK;
    /* files of autarky's own folder have such names, too */
    if (rc == ERR_NOTFOUND && (str_ends_with(name, ".gguf") || str_ends_with(name, ".safetensors")))
        FAIL(e, ERR_NOTFOUND, "%s: there is no such file; autarky list shows the models of this machine", name);
    return rc == ERR_NOTFOUND ? not_found(name, &h.places, e) : err_set(e, why.code, why.file, why.line, "%s", why.msg);
}

void model_shown(char *out, size_t cap, const char *word)
{
    size_t n = strlen(word), at = 0;
    for (int part = 0; part < 2 && !file_absent(word); part++) {
        while (n > 1 && word[n - 1] == '/') n--;
        for (at = n; at > 0 && word[at - 1] != '/';) at--;
        /* "model" says less than the folder that it lies in */
        bool bare = (n - at == 5 && !strncmp(word + at, "model", 5)) || (n - at == 10 && !strncmp(word + at, "model.gguf", 10));
        if (!bare || at < 2 || part == 1) break;
        n = at;
    }
    snprintf(out, cap, "%.*s", (int)(n - at), word + at);
}

int tokenizer_resolve(struct tokenizer **out, const char *name, struct err *e)
{
    char path[SETUP_PATH];
    *out = NULL;
    TRY(model_resolve(path, name, e));
    return model_tokenizer_at(out, path, e);
}

/* ---- model or prompt? ---- */

/* Is there a model at path? A word of a prompt may be the name of any file. */
static bool is_model(const char *path)
{
    char inside[SETUP_PATH], magic[4] = "";
    if (file_is_dir(path))
        return (path_join(inside, sizeof inside, path, "config.json", NULL) == OK && !file_absent(inside)) ||
               (path_join(inside, sizeof inside, path, "recipe.txt", NULL) == OK && !file_absent(inside));
    if (file_look(path, true).kind != FILE_REGULAR) return false; /* a pipe would wait for a writer */
    FILE *f = fopen(path, "re");
    bool gguf = f && fread(magic, 1, sizeof magic, f) == sizeof magic && !memcmp(magic, "GGUF", sizeof magic);
    if (f) fclose(f);
    return gguf;
}

/* A word that is nearly the name of a model of this machine. */
static bool nearly_a_model(const char *word)
{
    struct hub_env h;
    char near[SETUP_PATH];
    return strlen(word) >= 4 && hub_env_read(&h, NULL) == OK && near_model(near, word, &h.places);
}

/* A name with blanks, as `list` shows some. */
static bool is_listed(const char *word)
{
    struct hub_env h;
    char path[PATH_MAX];
    return hub_env_read(&h, NULL) == OK && hub_find(path, &h.places, word, NULL) == OK;
}

/* No blanks, and what names of models have and words of a sentence have not: a digit, ':', '/' or '@' inside, or the name of
 * a family. With words behind it also one with a hyphen, or nearly the name of a model; with a quoted text behind it any word. */
static bool looks_like_name(const char *word, const char *next)
{
    size_t n = strlen(word);
    bool letter = false, sign = false;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)word[i]) && !strchr("._:/@-", word[i])) return false;
        letter |= isalpha((unsigned char)word[i]) != 0;
        sign |= isdigit((unsigned char)word[i]) || strchr(":/@", word[i]);
    }
    if (n < 2 || !letter || strchr(".:-", word[n - 1]) || !isalnum((unsigned char)word[0])) return false;
    if (sign || hub_known_family(word)) return true;
    return next && (strchr(word, '-') || strpbrk(next, " \t\n") || nearly_a_model(word));
}

int model_leads(bool *leads, char *const *words, int n, const struct opts_seen *seen, struct err *e)
{
    char found[SETUP_PATH];
    struct err why = {0};
    *leads = false;
    if (n > 1 && !*words[0]) FAIL(e, ERR_USAGE, "the first word is empty: a name of a model that was not found?");
    if (n == 0 || (seen->literal == 1 && !seen->model) || !strcmp(words[0], "-")) return OK;
    *leads = true;
    bool path = strpbrk(words[0], "/.") != NULL, second = seen->model && n > 1 && strpbrk(words[1], "/.") && is_model(words[1]);
    if (second) FAIL(e, ERR_USAGE, "two models are named: %s and %s", words[0], words[1]);
    if (seen->model || (!file_absent(words[0]) && (path || is_model(words[0])))) return OK;
    if (str_ends_with(words[0], ".gguf") || str_ends_with(words[0], ".safetensors")) return OK;
    bool one_word = !strpbrk(words[0], " \t\n");
    if (!file_absent(words[0])) { /* a word of the prompt that happens to be the name of some file */
        *leads = false;
        return OK;
    }
    if (one_word ? model_resolve(found, words[0], &why) == OK : is_listed(words[0])) return OK;
    *leads = false;
    if (!one_word || !looks_like_name(words[0], n > 1 ? words[1] : NULL)) return OK;
    FAIL(e, ERR_NOTFOUND, "%s. If the prompt begins with \"%s\": autarky run -- %s ...", why.msg, words[0], words[0]);
}
