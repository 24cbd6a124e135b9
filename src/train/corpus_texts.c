/* corpus.txt:
 *
 *   corpus 2
 *   vocab = 4096                   the recipe's keys that decide the tokenizer or the shards
 *   ...
 *   file SOURCE BYTES SHA256 PATH  for each file, relative to the recipe's root if it is below that; [tokenizer]: its file
 *   left out SOURCE: ...           what was no usable document: told again, not compared */
#include "train/corpus_texts.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "data/docs.h"
#include "sys/file.h"

#define VERSION "corpus 2\n"
enum { MAX_IDENTITY = 256 << 20, HASH_STEP = 16 << 20 };

int corpus_texts_open(struct corpus_texts *t, const struct recipe *r, struct err *e)
{
    *t = (struct corpus_texts){.n = r->n_sources + r->n_vals};
    for (size_t i = 0; i < t->n; i++)
        TRY(recipe_inputs(r, i < r->n_sources ? &r->sources[i] : &r->vals[i - r->n_sources], &t->lists[i], &t->absent, e));
    if (!*r->tokenizer_file) return OK;
    TRY(recipe_resolve(r, t->tokenizer, sizeof t->tokenizer, r->tokenizer_file, e));
    if (!file_absent(t->tokenizer)) return OK;
    *t->tokenizer = 0;
    t->absent = r->tokenizer_file;
    return OK;
}

void corpus_texts_free(struct corpus_texts *t)
{
    for (size_t i = 0; i < t->n; i++) inputs_free(&t->lists[i]);
    *t = (struct corpus_texts){0};
}

/* ---- identity ---- */

static int hash_text(const char *path, const struct corpus_options *o, uint64_t *bytes, char hash[SHA256_HEX], struct err *e)
{
    struct file_map m;
    struct sha256 *h;
    TRY(file_map(&m, path, e));
    int rc = sha256_new(&h, e);
    if (rc) {
        file_unmap(&m);
        return rc;
    }
    for (size_t at = 0, n; at < m.size && !(o->stop && *o->stop); at += n) {
        n = m.size - at < HASH_STEP ? m.size - at : HASH_STEP;
        sha256_add(h, m.data + at, n);
        if (m.size > HASH_STEP && o->progress) o->progress(o->progress_ctx, path, at + n, m.size);
    }
    sha256_hex(h, hash);
    *bytes = m.size;
    file_unmap(&m);
    if (o->stop && *o->stop) FAIL(e, ERR_INTERRUPTED, "stopped while looking whether texts have changed");
    return OK;
}

static int add_file(struct buf *out, const char *source, const char *path, const char *root, const struct corpus_options *o,
                    struct err *e)
{
    uint64_t bytes;
    char hash[SHA256_HEX];
    size_t n = strlen(root);
    if (docs_is_generator(path)) return OK;
    TRY(hash_text(path, o, &bytes, hash, e));
    bool below = !strncmp(path, root, n) && path[n] == '/';
    buf_printf(out, "file %s %" PRIu64 " %s %s\n", source, bytes, hash, below ? path + n + 1 : path);
    return buf_check(out, "the list of texts", e);
}

int corpus_identify(struct buf *out, const struct corpus_texts *t, const struct corpus_options *o, struct err *e)
{
    const struct recipe *r = o->recipe;
    char root[PATH_MAX];
    TRY(recipe_root(r, root, sizeof root, e));
    buf_add_str(out, VERSION);
    recipe_print_corpus(r, out);
    if (*t->tokenizer) TRY(add_file(out, "[tokenizer]", t->tokenizer, r->dir, o, e));
    for (size_t i = 0; i < t->n; i++) {
        const char *source = (i < r->n_sources ? &r->sources[i] : &r->vals[i - r->n_sources])->name;
        for (size_t k = 0; k < t->lists[i].n; k++) TRY(add_file(out, source, t->lists[i].v[k], root, o, e));
    }
    return buf_check(out, "the list of texts", e);
}

/* ---- comparison ---- */

/* The next line of s[*at, len), without its end; false at the end. */
static bool next_line(const char *s, size_t len, size_t *at, const char **line, size_t *n)
{
    if (*at >= len) return false;
    const char *end = memchr(s + *at, '\n', len - *at);
    *line = s + *at;
    *n = end ? (size_t)(end - *line) : len - *at;
    *at += *n + 1;
    return true;
}

static bool is_file_line(const char *line, size_t n) { return n > 5 && !memcmp(line, "file ", 5); }

/* The path in a line "file SOURCE BYTES SHA256 PATH". */
static void line_path(char out[CORPUS_WHAT], const char *line, size_t n)
{
    const char *p = line, *end = line + n;
    for (int blanks = 0; p < end && blanks < 4; p++) blanks += *p == ' ';
    snprintf(out, CORPUS_WHAT, "%.*s", (int)(end - p), p);
}

/* Both have the same lines. Where an input has gone the old one may have more files. */
static bool same_lines(const char *old, size_t len, const struct buf *now, bool absent, char what[CORPUS_WHAT])
{
    size_t at = 0, to = 0, n, m = 0;
    const char *a, *b = NULL;
    bool more = next_line(now->data, now->len, &to, &b, &m);
    while (next_line(old, len, &at, &a, &n)) {
        if (!strncmp(a, "left out ", 9)) continue;
        if (more && n == m && !memcmp(a, b, n)) {
            more = next_line(now->data, now->len, &to, &b, &m);
            continue;
        }
        if (absent && is_file_line(a, n)) continue;
        if (is_file_line(a, n)) line_path(what, a, n);
        else snprintf(what, CORPUS_WHAT, "%.*s", (int)n, a);
        return false;
    }
    if (more) line_path(what, b, m);
    return !more;
}

/* Warns of the lines "left out ..."; how many bad lines they count. */
static uint64_t tell_left_out(const char *text, size_t len)
{
    size_t at = 0, n;
    const char *line;
    uint64_t all = 0, bad;
    while (next_line(text, len, &at, &line, &n)) {
        const char *colon = !strncmp(line, "left out ", 9) ? memchr(line, ':', n) : NULL;
        if (!colon) continue;
        log_warn("%.*s", (int)n, line);
        if (sscanf(colon, ": %19" SCNu64, &bad) == 1) all += bad;
    }
    return all;
}

int corpus_compare(struct corpus_found *found, const char *path, const struct buf *identity, const struct corpus_texts *t,
                   struct err *e)
{
    char *old;
    size_t len;
    *found = (struct corpus_found){.state = CORPUS_NONE};
    if (file_absent(path)) return OK;
    TRY(file_read(&old, &len, path, MAX_IDENTITY, e));
    if (!strncmp(old, VERSION, strlen(VERSION)))
        found->state = same_lines(old, len, identity, t->absent != NULL, found->what) ? CORPUS_READY : CORPUS_OTHER;
    if (found->state == CORPUS_READY) found->skipped = tell_left_out(old, len);
    if (found->state == CORPUS_READY && t->absent) log_warn("%s is not there any more; the prepared data is used", t->absent);
    mem_free(old);
    return OK;
}

void corpus_note_left_out(struct buf *out, const char *source, const struct docs_left_out *l)
{
    char line[400];
    if (l->bad_lines == 0 && l->empty == 0) return;
    snprintf(line, sizeof line, "left out %s: %" PRIu64 " bad lines, %" PRIu64 " empty texts%s%s", source, l->bad_lines, l->empty,
             *l->first ? "; the first: " : "", l->first);
    log_warn("%s", line);
    buf_printf(out, "%s\n", line);
}
