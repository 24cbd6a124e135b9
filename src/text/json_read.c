/* Reading tokenizer.json. Everything that would change the ids and is not done here is refused by name. */
#include "base/json.h"
#include "base/checked.h"
#include "base/mem.h"
#include "text/vocab.h"
#include <string.h>

struct reader {
    const char *name;
    const json_t *root, *model, *added;
    struct token_src *src;
    size_t n;
    const char *pre;
    bool nfc, ignore_merges;
    const char *bos; /* the token that the post-processor puts first, or NULL */
    struct err *e;
};

static const char *str_of(const json_t *v, const char *key)
{
    const char *s = json_string_value(json_object_get(v, key));
    return s ? s : "";
}

static int unsupported(struct reader *r, const char *what, const char *type)
{
    char quoted[60];
    FAIL(r->e, ERR_UNSUPPORTED, "%s: %s of type \"%s\"", r->name, what,
         text_quote(quoted, sizeof quoted, type, strlen(type)));
}

/* "normalizer": null, an empty Sequence, or NFC. */
static int read_normalizer(struct reader *r, const json_t *v)
{
    if (!v || json_is_null(v)) return OK;
    const char *type = str_of(v, "type");
    if (strcmp(type, "Sequence") == 0) {
        const json_t *list = json_object_get(v, "normalizers");
        if (json_array_size(list) == 0) return OK;
        if (json_array_size(list) > 1)
            FAIL(r->e, ERR_UNSUPPORTED, "%s: a sequence of %zu normalizers", r->name, json_array_size(list));
        v = json_array_get(list, 0);
        type = str_of(v, "type");
    }
    if (strcmp(type, "NFC") != 0) return unsupported(r, "normalizer", type);
    r->nfc = true;
    return OK;
}

/* TemplateProcessing may put one special token before the text, and nothing after it. */
static int read_template(struct reader *r, const json_t *v)
{
    const json_t *single = json_object_get(v, "single");
    size_t n = json_array_size(single);
    for (size_t i = 0; i < n; i++) {
        const json_t *special = json_object_get(json_array_get(single, i), "SpecialToken");
        if (!special) continue;
        if (i > 0) FAIL(r->e, ERR_UNSUPPORTED, "%s: post-processor that adds tokens after the text", r->name);
        r->bos = str_of(special, "id");
    }
    return OK;
}

static int read_post_processor(struct reader *r, const json_t *v)
{
    if (!v || json_is_null(v)) return OK;
    const json_t *list = json_object_get(v, "processors");
    size_t n = list ? json_array_size(list) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *p = list ? json_array_get(list, i) : v;
        const char *type = str_of(p, "type");
        if (strcmp(type, "TemplateProcessing") == 0) TRY(read_template(r, p));
        else if (strcmp(type, "ByteLevel") != 0) return unsupported(r, "post-processor", type);
    }
    return OK;
}

/* Options of the model that change the ids must be off. */
static int check_model(struct reader *r)
{
    static const char *const off[] = {"byte_fallback", "fuse_unk"};
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type = "BPE";
    bool flag = false;
    TRY(json_opt_str(r->model, "type", &type, r->name, r->e));
    if (strcmp(type, "BPE") != 0) return unsupported(r, "model", type);
    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        TRY(json_opt_bool(r->model, off[i], &flag, r->name, r->e));
        if (flag) FAIL(r->e, ERR_UNSUPPORTED, "%s: \"%s\" is true, expected false", r->name, off[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        const char *s = "";
        TRY(json_opt_str(r->model, empty[i], &s, r->name, r->e));
        if (*s) FAIL(r->e, ERR_UNSUPPORTED, "%s: \"%s\" is not empty", r->name, empty[i]);
    }
    double dropout = 0;
    TRY(json_opt_f64(r->model, "dropout", 0, 0, &dropout, r->name, r->e));
    return json_opt_bool(r->model, "ignore_merges", &r->ignore_merges, r->name, r->e);
}

static int check_id(struct reader *r, const json_t *v, const char *what, int32_t *id)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= TOK_MAX_VOCAB)
        FAIL(r->e, ERR_FORMAT, "%s: %s: id is not an integer from 0 to %d", r->name, what, TOK_MAX_VOCAB - 1);
    *id = (int32_t)json_integer_value(v);
    if ((size_t)*id >= r->n) r->n = (size_t)*id + 1;
    return OK;
}

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

static int fill_tokens(struct reader *r, const json_t *vocab)
{
    const char *key;
    json_t *v;
    size_t i, len;
    for (i = 0; i < r->n; i++) r->src[i] = (struct token_src){.s = "", .type = TOKEN_UNUSED};
    json_object_keylen_foreach((json_t *)vocab, key, len, v)
    {
        int32_t id = (int32_t)json_integer_value(v);
        if (r->src[id].type != TOKEN_UNUSED)
            FAIL(r->e, ERR_FORMAT, "%s: \"vocab\": two tokens have the id %d", r->name, id);
        r->src[id] = (struct token_src){.s = key, .len = len, .type = TOKEN_NORMAL};
    }
    json_array_foreach(r->added, i, v)
    {
        const json_t *content = json_object_get(v, "content");
        int32_t id = (int32_t)json_integer_value(json_object_get(v, "id"));
        bool special = false;
        if (!json_is_string(content) || json_string_length(content) == 0)
            FAIL(r->e, ERR_FORMAT, "%s: \"added_tokens\" entry %zu has no \"content\"", r->name, i);
        TRY(json_opt_bool(v, "special", &special, r->name, r->e));
        key = json_string_value(content);
        len = json_string_length(content);
        struct token_src *s = &r->src[id];
        if (s->len && (s->len != len || memcmp(s->s, key, len) != 0))
            FAIL(r->e, ERR_FORMAT, "%s: \"added_tokens\" entry %zu: id %d already belongs to another token", r->name, i,
                 id);
        *s = (struct token_src){
            .s = key, .len = len, .type = special || looks_special(key, len) ? TOKEN_CONTROL : TOKEN_USER};
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
    TRY(check_model(r));
    const char *decoder = str_of(json_object_get(r->root, "decoder"), "type");
    if (strcmp(decoder, "ByteLevel") != 0)
        FAIL(r->e, ERR_UNSUPPORTED, "%s: the decoder is not of type \"ByteLevel\"", r->name);
    TRY(read_normalizer(r, json_object_get(r->root, "normalizer")));
    TRY(pretok_recognise(&r->pre, json_object_get(r->root, "pre_tokenizer"), r->name, r->e));
    return read_post_processor(r, json_object_get(r->root, "post_processor"));
}

static int set_specials(struct reader *r, struct tokenizer *t)
{
    char quoted[60];
    vocab_guess_specials(t);
    if (!r->bos) return OK;
    int32_t id = tokenizer_special(t, r->bos);
    if (id < 0)
        FAIL(r->e, ERR_FORMAT, "%s: the post-processor's token \"%s\" is not an added token", r->name,
             text_quote(quoted, sizeof quoted, r->bos, strlen(r->bos)));
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
    TRY(vocab_new(out, r->src, r->n, json_array_size(merges), r->name, r->e));
    TRY(add_merges(r, *out, merges));
    (*out)->nfc = r->nfc;
    (*out)->ignore_merges = r->ignore_merges;
    TRY(vocab_finish(*out, r->pre, r->name, r->e));
    return set_specials(r, *out);
}

int tokenizer_from_json(struct tokenizer **out, const char *json, size_t len, const char *name, struct err *e)
{
    struct reader r = {.name = name, .e = e};
    json_t *root;
    *out = NULL;
    TRY(json_parse(&root, json, len, name, e));
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
