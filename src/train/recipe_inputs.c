/* Which files a source of a recipe means. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "data/encoding.h"
#include "sys/file.h"
#include "train/recipe.h"

static int copy(char *out, size_t cap, const char *path, struct err *e)
{
    int n = snprintf(out, cap, "%s", path);
    if (n < 0 || (size_t)n >= cap) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    return OK;
}

/* dir/path, without a "." that says nothing; an absolute path stays. */
static int join(char *out, size_t cap, const char *dir, const char *path, struct err *e)
{
    if (path[0] == '/' || !strcmp(dir, ".")) return copy(out, cap, path, e);
    return strcmp(path, ".") ? path_join(out, cap, dir, path, e) : copy(out, cap, dir, e);
}

int recipe_resolve(const struct recipe *r, char *out, size_t cap, const char *path, struct err *e)
{
    return join(out, cap, r->dir, path, e);
}

int recipe_root(const struct recipe *r, char *out, size_t cap, struct err *e)
{
    return r->data_from_here ? copy(out, cap, r->data_root, e) : recipe_resolve(r, out, cap, r->data_root, e);
}

static int resolve_input(const struct recipe *r, char *out, size_t cap, const char *input, struct err *e)
{
    char root[PATH_MAX];
    if (docs_is_generator(input)) return copy(out, cap, input, e);
    TRY(recipe_root(r, root, sizeof root, e));
    return join(out, cap, root, input, e);
}

/* Words [from, *to) of the source, with a blank between each, are the name of a file that exists: as people write it who do
 * not know that such names want quotation marks. The longest such name counts; false: there is none. */
static bool join_words(const struct recipe *r, const struct recipe_source *s, size_t from, size_t *to, char out[PATH_MAX])
{
    char name[PATH_MAX], path[PATH_MAX];
    bool found = false;
    size_t len = 0;
    for (size_t k = from; k < s->n_inputs; k++) {
        int n = snprintf(name + len, sizeof name - len, "%s%s", k > from ? " " : "", s->inputs[k]);
        if (n < 0 || (size_t)n >= sizeof name - len || resolve_input(r, path, sizeof path, name, NULL)) break;
        len += (size_t)n;
        if (k == from || file_absent(path)) continue;
        memcpy(out, path, strlen(path) + 1);
        *to = k + 1;
        found = true;
    }
    return found;
}

int recipe_inputs(const struct recipe *r, const struct recipe_source *s, struct inputs *out, const char **absent,
                  struct err *e)
{
    char path[PATH_MAX];
    for (size_t i = 0, next; i < s->n_inputs; i = next) {
        struct err why = {0};
        next = i + 1;
        TRY(resolve_input(r, path, sizeof path, s->inputs[i], e));
        int rc = inputs_add(out, path, &why);
        if (rc == ERR_NOTFOUND && join_words(r, s, i, &next, path)) rc = inputs_add(out, path, &why);
        if (rc == ERR_NOTFOUND && absent) *absent = *absent ? *absent : s->inputs[i];
        else if (rc) FAIL(e, why.code, "%s", why.msg);
    }
    return OK;
}

struct docs_how recipe_how(const struct recipe *r, const struct recipe_source *s)
{
    return (struct docs_how){.encoding = encoding_find(s->encoding ? s->encoding : r->encoding),
                             .skip_bad = !strcmp(r->bad_lines, "skip")};
}
