/* The table of recipe keys and what it drives. */
#include "train/recipe_keys.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/near.h"
#include "data/encoding.h"

#define AT(f) offsetof(struct recipe, f)
#define INT(s, n, f, d, lo, hi, fl, h) {s, n, KEY_INT, AT(f), 0, d, lo, hi, fl, NULL, h, NULL}
#define NUM(s, n, f, d, lo, hi, fl, h) {s, n, KEY_NUM, AT(f), 0, d, lo, hi, fl, NULL, h, NULL}
#define BOOL(s, n, f, d, fl, h) {s, n, KEY_BOOL, AT(f), 0, d, 0, 1, fl, NULL, h, NULL}
#define STR(s, n, f, d, fl, h) {s, n, KEY_STR, AT(f), 0, d, 0, 0, fl, NULL, h, NULL}
#define CHOICE(s, n, f, d, c, fl, h) {s, n, KEY_CHOICE, AT(f), 0, d, 0, 0, fl, c, h, NULL}
#define WORDS(...) (const char *const[]){__VA_ARGS__, NULL}

/* clang-format off */
const struct recipe_key recipe_keys[] = {
    INT("tokenizer", "vocab", vocab, "4096", 259, 1 << 20, KEY_CORPUS, "size of the vocabulary, control tokens included"),
    CHOICE("tokenizer", "digits", digits, "single", WORDS("single", "group"), KEY_CORPUS,
           "numbers are cut into digits, or by three"),
    STR("tokenizer", "file", tokenizer_file, "", KEY_CORPUS, "an existing tokenizer.json instead of training one"),
    NUM("tokenizer", "megabytes", tokenizer_megabytes, "64", 0.001, 1e6, KEY_CORPUS, "text to train it on, by weight"),

    STR("data", "root", data_root, ".", KEY_FREE, "folder that inputs are relative to"),
    {"data", "source", KEY_SOURCE, AT(sources), AT(n_sources), "", 0, 0, KEY_CORPUS, NULL,
     "NAME [weight=W] [epochs=E] [encoding=E] INPUT...: text to learn from; INPUT is a file, a folder, a pattern (*.txt) or "
     "generate:KIND?seed=..&count=..; names with blanks in quotation marks", NULL},
    {"data", "val", KEY_SOURCE, AT(vals), AT(n_vals), "", 0, 0, KEY_CORPUS, NULL,
     "NAME [encoding=E] INPUT...: text to be measured on only", NULL},
    {"data", "encoding", KEY_CHOICE, AT(encoding), 0, "utf-8", 0, 0, KEY_CORPUS, encoding_names, "of files that are not UTF-8",
     encoding_find},
    CHOICE("data", "bad_lines", bad_lines, "stop", WORDS("stop", "skip"), KEY_CORPUS,
           "a line of a .jsonl file that cannot be used: an error, or left out and counted"),
    INT("data", "holdout", holdout, "0", 0, 1000000, KEY_CORPUS, "every N-th document is measured on, not learned; 0: none"),

    INT("train", "steps", steps, "1000", 1, 1000000000, KEY_FREE, "optimiser steps of the whole run"),
    INT("train", "batch_tokens", batch_tokens, "8192", 1, 1 << 28, 0, "tokens per step"),
    INT("train", "micro_batch", micro_batch, "0", 0, 65536, 0, "windows computed at once, of which a step adds up some; 0: as "
        "many as batch_tokens can be made of, 16 at most"),
    INT("train", "seq_len", seq_len, "256", 2, 1 << 20, 0, "tokens per window"),
    NUM("train", "lr", lr, "2e-3", 0, 10, 0, "highest learning rate"),
    NUM("train", "min_lr", min_lr, "0", 0, 10, 0, "learning rate at the end"),
    INT("train", "warmup", warmup, "40", 0, 1000000000, 0, "steps over which the rate rises from 0"),
    NUM("train", "decay", decay, "0.4", 0, 1, 0, "last fraction of the run, over which the rate falls in a line"),
    NUM("train", "beta1", beta1, "0.9", 0, 0.9999999, 0, "AdamW: decay of the mean of gradients"),
    NUM("train", "beta2", beta2, "0.95", 0, 0.9999999, 0, "AdamW: decay of the mean of squared gradients"),
    NUM("train", "eps", eps, "1e-8", 1e-30, 1, 0, "AdamW: added to the root"),
    NUM("train", "weight_decay", weight_decay, "0.1", 0, 10, 0, "decoupled, of matrices only"),
    NUM("train", "clip", clip, "1", 0, 1e9, 0, "largest norm of the gradient; 0: no clipping"),
    INT("train", "seed", seed, "1", 0, 9007199254740992.0, 0, "of the weights and of the order of the data"),
    CHOICE("train", "compute", compute, "f32", WORDS("f32", "bf16"), 0, "format of the inputs of products; sums are f32"),
    BOOL("train", "recompute", recompute, "false", 0, "keep less, compute twice: same numbers, less memory"),
    NUM("train", "balance", balance, "1e-4", 0, 10, 0, "weight of the sequence-wise balance loss of experts"),
    NUM("train", "bias_update", bias_update, "1e-3", 0, 1, 0, "step of the router bias towards equal load"),
    NUM("train", "mtp_weight", mtp_weight, "0.1", 0, 10, 0, "weight of the loss of the token after next, with an MTP layer"),
    NUM("train", "init_std", init_std, "0.02", 0, 10, 0, "standard deviation of the first weights"),
    INT("train", "eval_every", eval_every, "200", 0, 1000000000, KEY_FREE, "steps between validations; 0: at the end only"),
    INT("train", "eval_windows", eval_windows, "32", 1, 1000000, KEY_FREE, "windows of each val text that a validation reads"),
    INT("train", "sample_every", sample_every, "500", 0, 1000000000, KEY_FREE, "steps between samples; 0: at the end only"),
    INT("train", "sample_tokens", sample_tokens, "60", 1, 4096, KEY_FREE, "most tokens of a sample"),
    NUM("train", "temperature", temperature, "0.8", 0, 100, KEY_FREE, "of samples; 0: the likeliest token"),
    {"train", "prompt", KEY_PROMPT, AT(prompts), AT(n_prompts), "", 0, 0, KEY_FREE, NULL, "a text that a sample goes on from", NULL},
    INT("train", "checkpoint_every", checkpoint_every, "200", 0, 1000000000, KEY_FREE, "steps between them; 0: at the end only"),
    INT("train", "checkpoint_keep", checkpoint_keep, "2", 1, 1000, KEY_FREE, "how many of the newest checkpoints stay"),

    STR("out", "folder", out, "", KEY_FREE, "run folder, relative to the recipe; empty: runs/NAME in the current folder"),
    CHOICE("out", "model", export_folder, "f32", WORDS("f32", "bf16", "f16", "none"), KEY_FREE,
           "number format of model/ (safetensors)"),
    CHOICE("out", "gguf", export_gguf, "q8_0", WORDS("f32", "bf16", "f16", "q8_0", "none"), KEY_FREE,
           "number format of model.gguf"),
    BOOL("out", "gguf_f32", export_gguf_f32, "false", KEY_FREE, "also write model-f32.gguf"),
    STR("out", "model_name", model_name, "", KEY_FREE, "name that the GGUF files say; empty: that of the recipe"),
    STR("out", "advise", advise, "", KEY_FREE, "sampling that the files advise, as temperature=0.7 top_p=0.95; empty: none"),
};
/* clang-format on */
const size_t recipe_n_keys = ARRAY_LEN(recipe_keys);

const struct recipe_key *recipe_key_find(const char *name)
{
    for (size_t i = 0; i < recipe_n_keys; i++)
        if (!strcmp(recipe_keys[i].name, name)) return &recipe_keys[i];
    return NULL;
}

const char *recipe_key_nearest(const char *name)
{
    int best = 0;
    const char *found = NULL;
    for (size_t i = 0; i < recipe_n_keys; i++) {
        int d = name_distance(name, recipe_keys[i].name);
        if (!found || d < best) {
            best = d;
            found = recipe_keys[i].name;
        }
    }
    return found;
}

static int read_number(double *out, const struct recipe_key *k, const char *value, const char *where, struct err *e)
{
    char *end;
    errno = 0;
    *out = strtod(value, &end);
    if (end == value || *end || !isfinite(*out) || isspace((unsigned char)*value))
        FAIL(e, ERR_USAGE, "%s: %s = \"%s\", expected a number", where, k->name, value);
    if (*out < k->lo || *out > k->hi)
        FAIL(e, ERR_USAGE, "%s: %s = %s, expected %.15g to %.15g", where, k->name, value, k->lo, k->hi);
    return OK;
}

static int read_int(int64_t *out, const struct recipe_key *k, const char *value, const char *where, struct err *e)
{
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (end == value || *end || errno || isspace((unsigned char)*value))
        FAIL(e, ERR_USAGE, "%s: %s = \"%s\", expected an integer", where, k->name, value);
    if ((double)v < k->lo || (double)v > k->hi)
        FAIL(e, ERR_USAGE, "%s: %s = %lld, expected %.0f to %.0f", where, k->name, v, k->lo, k->hi);
    *out = v;
    return OK;
}

static int set_string(char **out, const char *value, struct err *e)
{
    char *s = mem_strdup(value);
    if (!s) FAIL(e, ERR_MEMORY, "out of memory for a recipe value");
    mem_free(*out);
    *out = s;
    return OK;
}

static int read_choice(char **out, const struct recipe_key *k, const char *value, const char *where, struct err *e)
{
    char all[300];
    int found = k->find ? k->find(value) : -1;
    for (int i = 0; found < 0 && k->choices[i]; i++)
        if (!strcmp(value, k->choices[i])) found = i;
    if (found >= 0) return set_string(out, k->choices[found], e);
    choices_text(all, sizeof all, value, k->choices);
    FAIL(e, ERR_USAGE, "%s: %s = \"%s\", %s", where, k->name, value, all);
}

/* True when word is an option such as "weight=4": letters, then '='. An input with '=' has other characters before. */
static bool is_option(const char *word)
{
    const char *p = word;
    while (isalpha((unsigned char)*p)) p++;
    return p > word && *p == '=';
}

static int read_option(struct recipe_source *s, const char *word, const char *where, struct err *e)
{
    static const struct recipe_key weight = {.name = "weight", .lo = 1e-9, .hi = 1e9};
    static const struct recipe_key epochs = {.name = "epochs", .lo = 0, .hi = 1e6};
    if (!strncmp(word, "weight=", 7)) return read_number(&s->weight, &weight, word + 7, where, e);
    if (!strncmp(word, "epochs=", 7)) return read_number(&s->epochs, &epochs, word + 7, where, e);
    if (!strncmp(word, "encoding=", 9)) return read_choice(&s->encoding, recipe_key_find("encoding"), word + 9, where, e);
    FAIL(e, ERR_USAGE, "%s: \"%s\" is unknown, expected weight=, epochs=, encoding= or an input", where, word);
}

/* One word of a source line: the name, an option or an input. */
static int read_source_word(struct recipe_source *s, const char *word, bool quoted, const char *where, struct err *e)
{
    if (!s->name) {
        size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-");
        if (n == 0 || word[n] || n > 63)
            FAIL(e, ERR_USAGE, "%s: name \"%s\", expected 1 to 63 of a-z, 0-9, _ and -", where, word);
        return set_string(&s->name, word, e);
    }
    if (!quoted && is_option(word)) return read_option(s, word, where, e);
    if (s->n_inputs == RECIPE_MAX_INPUTS) FAIL(e, ERR_LIMIT, "%s: more than %d inputs", where, RECIPE_MAX_INPUTS);
    TRY(set_string(&s->inputs[s->n_inputs], word, e));
    s->n_inputs++;
    return OK;
}

const char *recipe_quoted_end(const char *s)
{
    if (*s != '"' && *s != '\'') return NULL;
    for (const char *p = s + 1; *p; p++)
        if (*p == *s && (p[1] == 0 || p[1] == ' ' || p[1] == '\t')) return p;
    return NULL;
}

/* Cuts `value` into words at blanks; a word in quotation marks keeps its blanks. */
static int read_source_words(struct recipe_source *s, const char *value, const char *where, struct err *e)
{
    char word[1024];
    for (const char *p = value; *p;) {
        const char *end = recipe_quoted_end(p), *from = end ? p + 1 : p;
        size_t n = end ? (size_t)(end - from) : strcspn(p, " \t");
        if (n >= sizeof word) FAIL(e, ERR_LIMIT, "%s: a word of %zu bytes, at most %zu", where, n, sizeof word - 1);
        if (!end && *p == '"') FAIL(e, ERR_USAGE, "%s: %.60s: a quotation mark without its second", where, p);
        memcpy(word, from, n);
        word[n] = 0;
        p = from + n + (end != NULL);
        p += strspn(p, " \t");
        TRY(read_source_word(s, word, end != NULL, where, e));
    }
    return OK;
}

static int read_source(struct recipe_source *list, size_t *count, const char *value, const char *where, struct err *e)
{
    if (*count == RECIPE_MAX_SOURCES) FAIL(e, ERR_LIMIT, "%s: more than %d sources", where, RECIPE_MAX_SOURCES);
    struct recipe_source *s = &list[(*count)++];
    s->weight = 1;
    TRY(read_source_words(s, value, where, e));
    if (s->n_inputs == 0) FAIL(e, ERR_USAGE, "%s: expected NAME [weight=W] [epochs=E] [encoding=E] INPUT...", where);
    for (size_t i = 0; i + 1 < *count; i++)
        if (list[i].name && !strcmp(list[i].name, s->name)) FAIL(e, ERR_USAGE, "%s: the name %s is taken", where, s->name);
    return OK;
}

int recipe_key_set(struct recipe *r, const struct recipe_key *k, const char *value, const char *where, struct err *e)
{
    char *field = (char *)r + k->offset, *count = (char *)r + k->count;
    switch (k->type) {
    case KEY_INT: return read_int((int64_t *)(void *)field, k, value, where, e);
    case KEY_NUM: return read_number((double *)(void *)field, k, value, where, e);
    case KEY_STR: return set_string((char **)(void *)field, value, e);
    case KEY_CHOICE: return read_choice((char **)(void *)field, k, value, where, e);
    case KEY_SOURCE: return read_source((struct recipe_source *)(void *)field, (size_t *)(void *)count, value, where, e);
    case KEY_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            FAIL(e, ERR_USAGE, "%s: %s = \"%s\", expected true or false", where, k->name, value);
        *(bool *)(void *)field = value[0] == 't';
        return OK;
    case KEY_PROMPT:
        if (r->n_prompts == RECIPE_MAX_PROMPTS) FAIL(e, ERR_LIMIT, "%s: more than %d prompts", where, RECIPE_MAX_PROMPTS);
        TRY(set_string(&r->prompts[r->n_prompts], value, e));
        r->n_prompts++;
        return OK;
    }
    return OK;
}

/* The shortest of 15 and 17 digits that reads back as v. */
static void print_number(struct buf *out, double v)
{
    char s[40];
    snprintf(s, sizeof s, "%.15g", v);
    if (strtod(s, NULL) != v) snprintf(s, sizeof s, "%.17g", v);
    buf_add_str(out, s);
}

/* A word that reads back as this input. */
static void print_input(const char *input, struct buf *out)
{
    bool plain = *input && !strpbrk(input, " \t#") && *input != '"' && *input != '\'' && !is_option(input);
    const char *mark = plain ? "" : strchr(input, '"') ? "'" : "\"";
    buf_printf(out, " %s%s%s", mark, input, mark);
}

static void print_source(const struct recipe_source *s, bool weighed, struct buf *out)
{
    buf_add_str(out, s->name);
    if (weighed) {
        buf_add_str(out, " weight=");
        print_number(out, s->weight);
    }
    if (s->epochs > 0) {
        buf_add_str(out, " epochs=");
        print_number(out, s->epochs);
    }
    if (s->encoding) buf_printf(out, " encoding=%s", s->encoding);
    for (size_t i = 0; i < s->n_inputs; i++) print_input(s->inputs[i], out);
}

void recipe_key_print(const struct recipe *r, const struct recipe_key *k, struct buf *out)
{
    const char *field = (const char *)r + k->offset;
    size_t n = k->type == KEY_SOURCE || k->type == KEY_PROMPT ? *(const size_t *)(const void *)((const char *)r + k->count) : 1;
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s = ", k->name);
        if (k->type == KEY_INT) buf_printf(out, "%" PRId64, *(const int64_t *)(const void *)field);
        if (k->type == KEY_NUM) print_number(out, *(const double *)(const void *)field);
        if (k->type == KEY_BOOL) buf_add_str(out, *(const bool *)(const void *)field ? "true" : "false");
        if (k->type == KEY_STR || k->type == KEY_CHOICE) buf_add_str(out, *(char *const *)(const void *)field);
        if (k->type == KEY_PROMPT) buf_add_str(out, r->prompts[i]);
        if (k->type == KEY_SOURCE)
            print_source((const struct recipe_source *)(const void *)field + i, k->offset == AT(sources), out);
        buf_add_byte(out, '\n');
    }
}
