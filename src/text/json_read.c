/* Reading tokenizer.json. Everything that would change the ids and is not done here is refused by name. */
#include "base/checked.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "text/json_form.h"
#include <string.h>

struct reader {
    const char *name;
    const json_t *root, *model, *added;
    struct token_src *src;
    size_t n;
    struct json_form form;
    struct err *e;
};

static int check_id(struct reader *r, const json_t *v, const char *what, int32_t *id)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= TOK_MAX_VOCAB)
        FAIL(r->e, ERR_FORMAT, "%s: %s: id is not an integer from 0 to %d", r->name, what, TOK_MAX_VOCAB - 1);
    *id = (int32_t)json_integer_value(v);
    if ((size_t)*id >= r->n) r->n = (size_t)*id + 1;
    return OK;
}

enum { MAX_GAP = 1024 }; /* ids that no token has */

/* One more than the largest id. */
static int count_tokens(struct reader *r, const json_t *vocab)
{
    const char *key;
    json_t *v;
    size_t i;
    int32_t id;
    json_object_foreach((json_t *)vocab, key, v) TRY(check_id(r, v, "\"vocab\"", &id));
    json_array_foreach(r->added, i, v) TRY(check_id(r, json_object_get(v, "id"), "\"added_tokens\"", &id));
    if (r->n == 0) FAIL(r->e, ERR_FORMAT, "%s: the vocabulary is empty", r->name);
    size_t entries = json_object_size(vocab) + json_array_size(r->added), most = 2 * entries + MAX_GAP;
    if (r->n > most) /* memory is taken by the largest id: a small file must not be able to ask for much */
        FAIL(r->e, ERR_LIMIT, "%s: largest id is %zu for %zu tokens, expected less than %zu", r->name, r->n - 1, entries, most);
    return OK;
}

/* Markers between bars are control tokens even where the file says "special": false, as DeepSeek's does for the
 * markers of its chat form: text must never be able to spell them. */
static bool looks_special(const char *s, size_t n)
{
    static const char *const open[] = {"<|", "<\xef\xbd\x9c"}, *const close[] = {"|>", "\xef\xbd\x9c>"};
    for (int i = 0; i < 2; i++) {
        size_t a = strlen(open[i]), b = strlen(close[i]);
        if (n > a + b && memcmp(s, open[i], a) == 0 && memcmp(s + n - b, close[i], b) == 0) return true;
    }
    return false;
}

static int read_flags(struct reader *r, const json_t *v, uint8_t *flags)
{
    static const struct {
        const char *key;
        uint8_t flag;
    } keys[] = {{"lstrip", FLAG_BEFORE}, {"rstrip", FLAG_AFTER}, {"single_word", FLAG_WORD}, {"normalized", FLAG_NORMAL}};
    *flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        bool set = false;
        TRY(json_opt_bool(v, keys[i].key, &set, r->name, r->e));
        if (set) *flags |= keys[i].flag;
    }
    return OK;
}

static int fill_tokens(struct reader *r, const json_t *vocab)
{
    const char *key;
    json_t *v;
    size_t i, len;
    bool spm = r->form.model == TOKENIZER_SPM;
    for (i = 0; i < r->n; i++) r->src[i] = (struct token_src){.s = "", .type = TOKEN_UNUSED};
    json_object_keylen_foreach((json_t *)vocab, key, len, v)
    {
        int32_t id = (int32_t)json_integer_value(v);
        if (r->src[id].type != TOKEN_UNUSED)
            FAIL(r->e, ERR_FORMAT, "%s: \"vocab\": two tokens have the id %d", r->name, id);
        uint8_t type = spm && spm_byte(key, len) >= 0 ? TOKEN_BYTE : TOKEN_NORMAL;
        if (spm && r->form.unk && strcmp(key, r->form.unk) == 0) type = TOKEN_UNKNOWN;
        r->src[id] = (struct token_src){.s = key, .len = len, .type = type};
    }
    json_array_foreach(r->added, i, v)
    {
        const json_t *content = json_object_get(v, "content");
        int32_t id = (int32_t)json_integer_value(json_object_get(v, "id"));
        bool special = false;
        uint8_t flags;
        if (!json_is_string(content)) FAIL(r->e, ERR_FORMAT, "%s: \"added_tokens\" entry %zu has no \"content\"", r->name, i);
        if (json_string_length(content) == 0) {
            log_warn("%s: \"added_tokens\" entry %zu is empty and is ignored", r->name, i);
            continue;
        }
        TRY(json_opt_bool(v, "special", &special, r->name, r->e));
        TRY(read_flags(r, v, &flags));
        key = json_string_value(content);
        len = json_string_length(content);
        struct token_src *s = &r->src[id];
        if (s->len && (s->len != len || memcmp(s->s, key, len) != 0))
            FAIL(r->e, ERR_FORMAT, "%s: \"added_tokens\" entry %zu: id %d already belongs to another token", r->name, i,
                 id);
        if (s->type == TOKEN_UNKNOWN || s->type == TOKEN_BYTE) continue;
        uint8_t type = special || looks_special(key, len) ? TOKEN_CONTROL : TOKEN_USER;
        *s = (struct token_src){.s = key, .len = len, .type = type, .flags = flags};
    }
    return OK;
}

static int add_merges(struct reader *r, struct tokenizer *t, const json_t *merges)
{
    const json_t *v;
    size_t i;
    json_array_foreach(merges, i, v)
    {
        const json_t *a = json_array_get(v, 0), *b = json_array_get(v, 1);
        if (json_is_string(v)) {
            const char *s = json_string_value(v);
            size_t len = json_string_length(v);
            const char *gap = memchr(s, ' ', len);
            if (!gap) FAIL(r->e, ERR_FORMAT, "%s: merge %zu has no space between its parts", r->name, i);
            size_t na = (size_t)(gap - s);
            TRY(vocab_add_merge(t, s, na, gap + 1, len - na - 1, r->name, r->e));
        } else if (json_array_size(v) == 2 && json_is_string(a) && json_is_string(b)) {
            size_t na = json_string_length(a), nb = json_string_length(b);
            TRY(vocab_add_merge(t, json_string_value(a), na, json_string_value(b), nb, r->name, r->e));
        } else FAIL(r->e, ERR_FORMAT, "%s: merge %zu is neither a string nor a pair of strings", r->name, i);
    }
    return OK;
}

/* The parts that decide which ids come out; the tokens follow in build(). */
static int read_header(struct reader *r)
{
    if (!json_is_object(r->root)) FAIL(r->e, ERR_FORMAT, "%s: not a JSON object", r->name);
    r->model = json_object_get(r->root, "model");
    if (!json_is_object(r->model)) FAIL(r->e, ERR_FORMAT, "%s: \"model\" is missing, expected an object", r->name);
    r->added = json_object_get(r->root, "added_tokens");
    if (r->added && !json_is_null(r->added) && !json_is_array(r->added))
        FAIL(r->e, ERR_FORMAT, "%s: \"added_tokens\" is not an array", r->name);
    return json_form_read(&r->form, r->root, r->name, r->e);
}

static int set_specials(struct reader *r, struct tokenizer *t)
{
    char quoted[60];
    vocab_guess_specials(t);
    if (!r->form.bos) return OK;
    int32_t id = tokenizer_special(t, r->form.bos);
    if (id < 0)
        FAIL(r->e, ERR_FORMAT, "%s: the post-processor's token \"%s\" is not an added token", r->name,
             text_quote(quoted, sizeof quoted, r->form.bos, strlen(r->form.bos)));
    t->bos = id;
    t->add_bos = true;
    return OK;
}

static int build(struct reader *r, struct tokenizer **out)
{
    const json_t *vocab = json_object_get(r->model, "vocab"), *merges = json_object_get(r->model, "merges");
    if (!json_is_object(vocab)) FAIL(r->e, ERR_FORMAT, "%s: \"vocab\" is missing, expected an object", r->name);
    if (!json_is_array(merges)) FAIL(r->e, ERR_FORMAT, "%s: \"merges\" is missing, expected an array", r->name);
    TRY(count_tokens(r, vocab));
    TRY(mem_new((void **)&r->src, r->n * sizeof *r->src, "vocabulary", r->e));
    TRY(fill_tokens(r, vocab));
    TRY(vocab_new(out, &(struct vocab_src){.tokens = r->src, .n = r->n, .model = r->form.model}, r->name, r->e));
    TRY(vocab_reserve_merges(*out, json_array_size(merges), r->name, r->e));
    (*out)->last_counts = true;
    TRY(add_merges(r, *out, merges));
    (*out)->nfc = r->form.nfc;
    (*out)->ignore_merges = r->form.ignore_merges;
    (*out)->prefix = r->form.prefix;
    TRY(vocab_finish(*out, r->form.pre, r->name, r->e));
    return set_specials(r, *out);
}

int tokenizer_from_json(struct tokenizer **out, const char *json, size_t len, const char *name, struct err *e)
{
    struct reader r = {.name = name, .e = e};
    json_t *root;
    *out = NULL;
    TRY(json_parse_file(&root, json, len, name, e));
    r.root = root;
    int rc = read_header(&r);
    if (rc == OK) rc = build(&r, out);
    if (rc) {
        tokenizer_free(*out);
        *out = NULL;
    }
    mem_free(r.src);
    json_decref(root);
    return rc;
}
