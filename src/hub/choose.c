/* Choosing files by their names. */
#include "hub/choose.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/checked.h"
#include "base/mem.h"
#include "sys/file.h"

enum { SHOWN_MAX = 40 };

void choice_free(struct hub_choice *c)
{
    mem_free(c->index);
    *c = (struct hub_choice){0};
}

const char *hub_size_text(char out[24], uint64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double d = (double)bytes;
    int u = 0;
    for (; d >= 999.5 && u < 5; u++) d /= 1000;
    snprintf(out, 24, u == 0 || d >= 99.95 ? "%.0f %s" : d >= 9.995 ? "%.1f %s" : "%.2f %s", d, units[u]);
    return out;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- GGUF files ---- */

/* Position of "-00001-of-00003.gguf" at the end of path; its part number in *part and the number of parts in *of. */
static const char *split_at(const char *path, int *part, int *of)
{
    static const char form[] = "-ddddd-of-ddddd.gguf";
    size_t n = strlen(path), k = sizeof form - 1;
    if (n < k) return NULL;
    const char *s = path + n - k;
    for (size_t i = 0; i < k; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i]) return NULL;
    if (sscanf(s, "-%5d-of-%5d", part, of) != 2) return NULL;
    return s;
}

bool hub_is_gguf_head(const char *path)
{
    int part = 1, of;
    const char *base = base_of(path);
    if (!str_ends_with(path, ".gguf") || strcasestr(base, "mmproj") || strcasestr(base, "imatrix")) return false;
    return !split_at(path, &part, &of) || part == 1;
}

bool hub_is_part(const char *path)
{
    int part, of;
    return split_at(path, &part, &of) != NULL;
}

bool hub_same_split(const char *head, const char *path)
{
    int part, of, part2, of2;
    const char *a = split_at(head, &part, &of), *b = split_at(path, &part2, &of2);
    if (!strcmp(head, path)) return true;
    return a && b && of == of2 && a - head == b - path && !strncmp(head, path, (size_t)(a - head));
}

static uint64_t split_bytes(const struct hub_listing *l, const char *head)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < l->n; i++)
        if (hub_same_split(head, l->files[i].path) && !add_u64(sum, l->files[i].size, &sum)) return UINT64_MAX;
    return sum;
}

/* Length of a name of a number format at the start of s: Q4_K_M, IQ2_XXS, BF16, MXFP4_MOE, ... 0 if there is none. */
static size_t quant_len(const char *s)
{
    static const char *const plain[] = {"BF16", "FP16", "F16", "FP32", "F32", "MXFP4", "MXFP8", "NVFP4"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(plain) && !n; i++)
        if (!strncasecmp(s, plain[i], strlen(plain[i]))) n = strlen(plain[i]);
    if (!n) {
        size_t q = strchr("iItT", s[0]) && s[0] ? 1 : 0;
        if ((s[q] != 'q' && s[q] != 'Q') || !isdigit((unsigned char)s[q + 1])) return 0;
        n = q + 2;
    }
    while (s[n] == '_' && isalnum((unsigned char)s[n + 1])) /* _K_M */
        for (n++; isalnum((unsigned char)s[n]);) n++;
    return isalnum((unsigned char)s[n]) ? 0 : n;
}

bool hub_quant_of(const char *path, char out[32])
{
    const char *found = NULL;
    size_t len = 0;
    for (const char *s = path; *s; s++) {
        if (s > path && isalnum((unsigned char)s[-1])) continue;
        size_t n = quant_len(s);
        if (n == 0 || n >= 32) continue;
        found = s;
        len = n;
        s += n - 1;
    }
    if (!found) return false;
    for (size_t i = 0; i < len; i++) out[i] = (char)toupper((unsigned char)found[i]);
    out[len] = 0;
    return true;
}

/* How well a pick fits a path: 3 the quantisation itself, 2 whole words, 1 a part of it, 0 not. */
static int fits(const char *path, const char *pick)
{
    char quant[32];
    size_t n = strlen(pick);
    int best = 0;
    if (hub_quant_of(path, quant) && !strcasecmp(quant, pick)) best = 3;
    for (const char *s = path; best < 2 && (s = strcasestr(s, pick)); s++) {
        bool before = s == path || !isalnum((unsigned char)s[-1]);
        bool after = !isalnum((unsigned char)s[n]) && s[n] != '_';
        best = before && after ? 2 : 1;
    }
    return best;
}

void hub_print_choices(struct buf *b, const struct hub_listing *l)
{
    char quant[32], size[24];
    int shown = 0;
    for (size_t i = 0; i < l->n; i++) {
        const char *path = l->files[i].path;
        if (!hub_is_gguf_head(path)) continue;
        if (++shown > SHOWN_MAX) continue;
        buf_printf(b, "\n  %-12s %10s  %s", hub_quant_of(path, quant) ? quant : "-",
                   hub_size_text(size, split_bytes(l, path)), path);
    }
    if (shown > SHOWN_MAX) buf_printf(b, "\n  and %d more", shown - SHOWN_MAX);
}

/* ---- the default choice of a folder ---- */

static bool is_weights(const char *path)
{
    return str_ends_with(path, ".safetensors") && !strchr(path, '/');
}

/* transformers' own names; other weights in the same folder are often the same model once more, as its maker had it. */
static bool is_main_weights(const char *path)
{
    return !strcmp(path, "model.safetensors") || (is_weights(path) && !strncmp(path, "model-", 6));
}

static bool is_text_about(const char *path)
{
    static const char *const starts[] = {"LICENSE", "LICENCE", "NOTICE", "README", "USE_POLICY"};
    for (size_t i = 0; i < ARRAY_LEN(starts) && !strchr(path, '/'); i++)
        if (!strncasecmp(path, starts[i], strlen(starts[i]))) return true;
    return false;
}

/* A template under a name of its own. */
static bool is_template(const char *path)
{
    static const char dir[] = "additional_chat_templates/";
    return !strncmp(path, dir, strlen(dir)) && !strchr(path + strlen(dir), '/') && str_ends_with(path, ".jinja");
}

/* The last rows are not read by autarky, but by other programs that use the same cache. */
static bool is_description(const char *path)
{
    static const char *const names[] = {
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
        "chat_template.json", "tokenizer.model", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(path, names[i])) return true;
    return is_text_about(path) || is_template(path);
}

static bool any(const struct hub_listing *l, bool (*is)(const char *path))
{
    for (size_t i = 0; i < l->n; i++)
        if (is(l->files[i].path)) return true;
    return false;
}

static bool add(struct hub_choice *c, const struct hub_listing *l, size_t i)
{
    c->index[c->n++] = i;
    return add_u64(c->bytes, l->files[i].size, &c->bytes);
}

static int choose_folder(struct hub_choice *c, const struct hub_listing *l, struct err *e)
{
    bool named = any(l, is_main_weights), ok = true;
    for (size_t i = 0; ok && i < l->n; i++) {
        const char *path = l->files[i].path;
        bool weights = named ? is_main_weights(path) : is_weights(path);
        bool index = !strchr(path, '/') && str_ends_with(path, ".safetensors.index.json") &&
                     (!named || !strncmp(path, "model.", 6));
        if (weights || index || is_description(path)) ok = add(c, l, i);
    }
    if (!ok) FAIL(e, ERR_LIMIT, "the sizes in the list of files add up to more than 64 bits hold");
    return OK;
}

/* The GGUF file that begins with `head`, all its parts and, by default, the texts about it. */
static int choose_gguf(struct hub_choice *c, const struct hub_listing *l, const char *head, const char *what,
                       struct err *e)
{
    int part = 1, of = 1, found = 0;
    bool ok = true;
    split_at(head, &part, &of);
    for (size_t i = 0; ok && i < l->n; i++) {
        bool mine = hub_same_split(head, l->files[i].path);
        found += mine;
        if (mine || is_text_about(l->files[i].path)) ok = add(c, l, i);
    }
    if (!ok) FAIL(e, ERR_LIMIT, "the sizes in the list of files add up to more than 64 bits hold");
    if (found != of) FAIL(e, ERR_NOTFOUND, "%s: %s: %d of %d parts are there", what, head, found, of);
    c->main = head;
    return OK;
}

/* Nothing or too much fits; the caller shows the choices, which are longer than a message may be. */
static int unclear(size_t heads, size_t fitting, const char *pick, const char *what, struct err *e)
{
    if (fitting == 0)
        FAIL(e, ERR_NOTFOUND, "%s: \"%s\" is in the name of no GGUF model there (%zu)", what, pick, heads);
    if (!*pick)
        FAIL(e, ERR_USAGE, "%s holds %zu GGUF models: choose one, as %s:NAME with a word that only it has, or its path",
             what, heads, what);
    FAIL(e, ERR_USAGE, "%s: \"%s\" fits %zu of its %zu GGUF models: choose with a word that only one has, or by path",
         what, pick, fitting, heads);
}

static bool is_pickle(const char *path)
{
    static const char *const ends[] = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_ends_with(path, ends[i])) return true;
    return false;
}

static int choose_by_pick(struct hub_choice *c, const struct hub_listing *l, size_t heads, const char *pick,
                          const char *what, struct err *e)
{
    const char *head = NULL;
    int best = 1;
    size_t equal = 0;
    const struct hub_file *exact = listing_find(l, pick);
    if (exact && is_pickle(pick))
        FAIL(e, ERR_USAGE, "%s: %s: pickled weights can run code when they are opened and are never fetched", what,
             pick);
    if (exact && !hub_is_gguf_head(pick)) {
        if (!add(c, l, (size_t)(exact - l->files))) FAIL(e, ERR_LIMIT, "%s: too large", pick);
        c->main = exact->path;
        return OK;
    }
    for (size_t i = 0; i < l->n; i++) {
        const char *path = l->files[i].path;
        int f = !hub_is_gguf_head(path) ? 0 : !strcmp(path, pick) ? 4 : fits(path, pick);
        if (f > best || (f == best && equal == 0)) {
            best = f;
            equal = 1;
            head = path;
        } else if (f == best) {
            equal++;
        }
    }
    if (equal == 1) return choose_gguf(c, l, head, what, e);
    if (heads > 0) return unclear(heads, equal, pick, what, e);
    FAIL(e, ERR_NOTFOUND, "%s: there is no file \"%s\", and no GGUF file to choose from", what, pick);
}

int hub_choose(struct hub_choice *c, const struct hub_listing *l, const char *pick, const char *what, struct err *e)
{
    size_t heads = 0, head = 0;
    *c = (struct hub_choice){.index = mem_array(l->n + 1, sizeof *c->index)};
    if (!c->index) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu files", what, l->n);
    bool folder = any(l, is_weights) && (!*pick || !strcmp(pick, "safetensors"));
    for (size_t i = 0; i < l->n; i++) {
        if (!hub_is_gguf_head(l->files[i].path)) continue;
        head = i;
        heads++;
    }
    int rc;
    if (folder) rc = choose_folder(c, l, e);
    else if (*pick) rc = choose_by_pick(c, l, heads, pick, what, e);
    else if (heads == 1) rc = choose_gguf(c, l, l->files[head].path, what, e);
    else if (heads > 1) rc = unclear(heads, heads, "", what, e);
    else
        rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__,
                     "%s: it holds neither .safetensors nor .gguf files; pickled weights "
                     "(.bin, .pt, .pth) can run code when they are opened and are never fetched",
                     what);
    if (rc) choice_free(c);
    return rc;
}
