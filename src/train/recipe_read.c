/* Reading recipes. Every line is looked at, so that all faults are told at once. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/near.h"
#include "base/utf8.h"
#include "sys/file.h"
#include "train/recipe_faults.h"
#include "train/recipe_keys.h"

enum { RECIPE_MAX_BYTES = 1 << 20, LINE_MAX_BYTES = 4096 };

static const char *const sections[] = {"model", "tokenizer", "data", "train", "out"};
enum { N_SECTIONS = sizeof sections / sizeof sections[0] };

/* Keys already given, one bit each, so that a second `lr = ` is an error and not a silent change. */
struct reader {
    struct recipe *r;
    const char *section; /* NULL before the first; "" under an unknown one, whose keys are not looked at */
    bool given[128];
    int line;
};

static int add_model_line(struct recipe *r, const char *key, const char *value, const char *where, struct err *e)
{
    if (r->n_model_lines == RECIPE_MAX_MODEL_KEYS)
        FAIL(e, ERR_LIMIT, "%s: more than %d keys in [model]", where, RECIPE_MAX_MODEL_KEYS);
    size_t n = strlen(key) + strlen(value) + 4;
    char *s = mem_alloc(n);
    if (!s) FAIL(e, ERR_MEMORY, "%s: out of memory", where);
    snprintf(s, n, "%s = %s", key, value);
    r->model_lines[r->n_model_lines++] = s;
    return OK;
}

/* For a key that has no row under its section: where it belongs, or what it is nearest to. */
static int unknown_key(const struct reader *x, const char *key, const char *where, struct err *e)
{
    bool model = !strcmp(x->section, "model");
    const struct recipe_key *k = recipe_key_find(key);
    const char *field = config_nearest(&x->r->model, key), *other = recipe_key_nearest(key);
    if (k) FAIL(e, ERR_USAGE, "%s: \"%s\" belongs under [%s], found under [%s]", where, key, k->section, x->section);
    if (!model && !strcmp(field, key))
        FAIL(e, ERR_USAGE, "%s: \"%s\" belongs under [model], found under [%s]", where, key, x->section);
    FAIL(e, ERR_USAGE, "%s: unknown key \"%.80s\"; the nearest known one is \"%s\"", where, key, model ? field : other);
}

static int set_model(struct reader *x, const char *key, const char *value, const char *where, struct err *e)
{
    struct err why;
    int rc = config_set(&x->r->model, key, value, where, &why);
    if (rc == ERR_NOTFOUND) return unknown_key(x, key, where, e);
    if (rc && !strcmp(key, "model_type")) { /* what other keys mean is not known */
        x->section = "";
        x->r->model_line = -1;
    }
    if (rc) FAIL(e, why.code, "%s", why.msg);
    return add_model_line(x->r, key, value, where, e);
}

static int set_key(struct reader *x, const char *key, const char *value, const char *where, struct err *e)
{
    if (!x->section) FAIL(e, ERR_USAGE, "%s: \"%s\" before the first section, expected [model] or another", where, key);
    if (!*x->section) return OK;
    if (!strcmp(x->section, "model")) return set_model(x, key, value, where, e);
    const struct recipe_key *k = recipe_key_find(key);
    if (!k || strcmp(k->section, x->section) != 0) return unknown_key(x, key, where, e);
    bool *given = &x->given[k - recipe_keys];
    if (*given && k->type != KEY_SOURCE && k->type != KEY_PROMPT) FAIL(e, ERR_USAGE, "%s: \"%s\" is given twice", where, key);
    *given = true;
    return recipe_key_set(x->r, k, value, where, e);
}

static int read_section(struct reader *x, const char *line, const char *where, struct err *e)
{
    size_t n = strlen(line);
    x->section = "";
    for (int i = 0; i < N_SECTIONS; i++)
        if (n == strlen(sections[i]) + 2 && line[n - 1] == ']' && !strncmp(line + 1, sections[i], n - 2)) {
            x->section = sections[i];
            if (i == 0 && !x->r->model_line) x->r->model_line = x->line;
            return OK;
        }
    FAIL(e, ERR_USAGE, "%s: unknown section %.60s, expected [model], [tokenizer], [data], [train] or [out]", where, line);
}

/* Cuts the blanks around. */
static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1])) s[--n] = 0;
    return s;
}

/* Cuts a comment; quoted: not one inside words in quotation marks. */
static char *without_comment(char *s, bool quoted)
{
    bool begins = true; /* of a word */
    for (char *p = s; *p; p++) {
        if (*p == '#' && begins) *p = 0;
        if (!*p) break;
        const char *end = quoted && begins ? recipe_quoted_end(p) : NULL;
        begins = !end && (*p == ' ' || *p == '\t');
        if (end) p += end - p;
    }
    return trim(s);
}

static int read_line(struct reader *x, char *line, const char *where, struct err *e)
{
    line = trim(line);
    if (!*line || *line == '#') return OK;
    if (*line == '[') return read_section(x, without_comment(line, false), where, e);
    char *eq = strchr(line, '=');
    if (!eq || eq == line) FAIL(e, ERR_USAGE, "%s: \"%.60s\", expected key = value or [section]", where, line);
    *eq = 0;
    const char *key = trim(line);
    const struct recipe_key *k = recipe_key_find(key);
    return set_key(x, key, without_comment(trim(eq + 1), k && k->type == KEY_SOURCE), where, e);
}

/* The text must be UTF-8: it becomes part of checkpoints. */
static int check_encoding(const char *text, size_t len, const char *name, struct err *e)
{
    size_t bad, line = 1;
    if (len == 0 || utf8_valid(text, len, &bad)) return OK;
    for (size_t i = 0; i < bad; i++) line += text[i] == '\n';
    FAIL(e, ERR_FORMAT, "%s:%zu: byte 0x%02x is not UTF-8; save the recipe as UTF-8", name, line, (unsigned char)text[bad]);
}

static void read_text(struct reader *x, const char *text, size_t len, const char *name, struct faults *f)
{
    char line[LINE_MAX_BYTES], where[300];
    size_t at = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    for (x->line = 1; at < len; x->line++) {
        const char *end = memchr(text + at, '\n', len - at);
        const char *from = text + at;
        size_t n = end ? (size_t)(end - from) : len - at;
        struct err why;
        int rc = OK;
        at += n + 1;
        snprintf(where, sizeof where, "%.280s:%d", name, x->line);
        if (n >= sizeof line)
            rc = err_set(&why, ERR_LIMIT, __FILE__, __LINE__, "%s: a line of %zu bytes, at most %zu", where, n, sizeof line - 1);
        else if (memchr(from, 0, n))
            rc = err_set(&why, ERR_FORMAT, __FILE__, __LINE__, "%s: a NUL byte; this is not a text file", where);
        else {
            memcpy(line, from, n);
            line[n] = 0;
            rc = read_line(x, line, where, &why);
        }
        if (rc) faults_add(f, &why);
    }
}

static int set_name(struct recipe *r, const char *path, const char *dir, struct err *e)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    r->path = mem_strdup(path);
    r->dir = mem_strdup(dir);
    r->name = mem_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
    if (!r->path || !r->dir || !r->name) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    return OK;
}

/* The most windows, 16 at most, of which whole micro-batches make a step; 1 if there are none. */
static int64_t largest_micro_batch(const struct recipe *r)
{
    int64_t n = 16;
    while (n > 1 && r->batch_tokens % (n * r->seq_len) != 0) n--;
    return n;
}

static int parse(struct recipe *r, const char *text, size_t len, const char *name, const char *dir, struct err *e)
{
    struct reader x = {.r = r};
    struct faults f = {0};
    _Static_assert(sizeof x.given / sizeof x.given[0] >= 64, "room for every key");
    TRY(set_name(r, name, dir, e));
    TRY(check_encoding(text, len, name, e));
    config_default(&r->model);
    for (size_t i = 0; i < recipe_n_keys; i++)
        if (recipe_keys[i].type != KEY_SOURCE && recipe_keys[i].type != KEY_PROMPT)
            TRY(recipe_key_set(r, &recipe_keys[i], recipe_keys[i].preset, "default", e));
    read_text(&x, text, len, name, &f);
    if (r->micro_batch == 0) r->micro_batch = largest_micro_batch(r);
    recipe_find_faults(r, &f);
    return faults_end(&f, name, e);
}

int recipe_parse(struct recipe *r, const char *text, size_t len, const char *name, const char *dir, struct err *e)
{
    memset(r, 0, sizeof *r);
    int rc = parse(r, text, len, name, dir, e);
    if (rc) recipe_free(r);
    return rc;
}

int recipe_load(struct recipe *r, const char *path, struct err *e)
{
    char dir[PATH_MAX], *text;
    size_t len;
    memset(r, 0, sizeof *r);
    TRY(path_dir(dir, sizeof dir, path, e));
    TRY(file_read(&text, &len, path, RECIPE_MAX_BYTES, e));
    int rc = recipe_parse(r, text, len, path, dir, e);
    mem_free(text);
    return rc;
}
