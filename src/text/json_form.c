/* Recognising and writing what a tokenizer.json says about text before merging and tokens after. */
#include "text/json_form.h"
#include "base/checked.h"
#include "base/log.h"

struct form_reader {
    struct json_form *f;
    const char *name;
    bool replaces; /* SentencePiece: spaces become U+2581 */
    bool strips;   /* the decoder takes the first space away */
    struct err *e;
};

static const char *str_of(const json_t *v, const char *key)
{
    const char *s = json_string_value(json_object_get(v, key));
    return s ? s : "";
}

static bool str_is(const json_t *v, const char *key, const char *want) { return strcmp(str_of(v, key), want) == 0; }

static int unsupported(struct form_reader *r, const char *what, const json_t *v)
{
    char quoted[60];
    const char *type = str_of(v, "type");
    FAIL(r->e, ERR_UNSUPPORTED, "%s: %s of type \"%s\"", r->name, what,
         text_quote(quoted, sizeof quoted, type, strlen(type)));
}

/* The elements of a Sequence, or v alone: visits each with fn. */
static int for_each(struct form_reader *r, const json_t *v, const char *list, int (*fn)(struct form_reader *, const json_t *))
{
    if (!v || json_is_null(v)) return OK;
    if (!str_is(v, "type", "Sequence")) return fn(r, v);
    v = json_object_get(v, list);
    for (size_t i = 0; i < json_array_size(v); i++) TRY(fn(r, json_array_get(v, i)));
    return OK;
}

static int read_normalizer(struct form_reader *r, const json_t *v)
{
    bool spm = r->f->model == TOKENIZER_SPM;
    const json_t *from = json_object_get(v, "pattern");
    if (!spm && str_is(v, "type", "NFC")) r->f->nfc = true;
    else if (spm && str_is(v, "type", "Prepend") && str_is(v, "prepend", SPM_SPACE)) r->f->prefix = PREFIX_ALWAYS;
    else if (spm && str_is(v, "type", "Replace") && str_is(from, "String", " ") && str_is(v, "content", SPM_SPACE))
        r->replaces = true;
    else return unsupported(r, "normalizer", v);
    return OK;
}

/* SentencePiece: Metaspace without cutting, or cutting at spaces when there are none left (Gemma). */
static int read_spm_pre(struct form_reader *r, const json_t *v)
{
    bool split = true, add = true, invert = false;
    if (r->replaces && str_is(v, "type", "Split") && str_is(json_object_get(v, "pattern"), "String", " ")) {
        TRY(json_opt_bool(v, "invert", &invert, r->name, r->e));
        if (!invert && str_is(v, "behavior", "MergedWithPrevious")) return OK;
    }
    if (r->replaces || !str_is(v, "type", "Metaspace") || !str_is(v, "replacement", SPM_SPACE))
        return unsupported(r, "pre-tokenizer", v);
    TRY(json_opt_bool(v, "split", &split, r->name, r->e));
    TRY(json_opt_bool(v, "add_prefix_space", &add, r->name, r->e));
    if (split) FAIL(r->e, ERR_UNSUPPORTED, "%s: pre-tokenizer Metaspace with \"split\"", r->name);
    const char *scheme = add ? "always" : "never";
    TRY(json_opt_str(v, "prepend_scheme", &scheme, r->name, r->e));
    static const char *const names[] = {"never", "first", "always"};
    static const enum spm_prefix values[] = {PREFIX_NONE, PREFIX_FIRST, PREFIX_EACH};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(scheme, names[i]) == 0) {
            r->f->prefix = values[i];
            r->replaces = true;
            return OK;
        }
    FAIL(r->e, ERR_UNSUPPORTED, "%s: Metaspace with prepend_scheme \"%.40s\"", r->name, scheme);
}

static int read_spm_decoder(struct form_reader *r, const json_t *v)
{
    int64_t start = 0, stop = 0;
    if (str_is(v, "type", "ByteFallback") || str_is(v, "type", "Fuse")) return OK;
    if (str_is(v, "type", "Replace") && str_is(json_object_get(v, "pattern"), "String", SPM_SPACE) && str_is(v, "content", " "))
        return OK;
    if (str_is(v, "type", "Metaspace")) {
        r->strips = r->f->prefix != PREFIX_NONE;
        return OK;
    }
    if (!str_is(v, "type", "Strip") || !str_is(v, "content", " ")) return unsupported(r, "decoder", v);
    TRY(json_get_i64(v, "start", 1, 1, &start, r->name, r->e));
    TRY(json_get_i64(v, "stop", 0, 0, &stop, r->name, r->e));
    r->strips = true;
    return OK;
}

/* TemplateProcessing may put one special token before the text, and nothing after it. */
static int read_template(struct form_reader *r, const json_t *v)
{
    const json_t *single = json_object_get(v, "single");
    size_t n = json_array_size(single);
    for (size_t i = 0; i < n; i++) {
        const json_t *special = json_object_get(json_array_get(single, i), "SpecialToken");
        if (!special) continue;
        if (i > 0) FAIL(r->e, ERR_UNSUPPORTED, "%s: post-processor that adds tokens after the text", r->name);
        r->f->bos = str_of(special, "id");
    }
    return OK;
}

static int read_post_processor(struct form_reader *r, const json_t *v)
{
    if (str_is(v, "type", "TemplateProcessing")) return read_template(r, v);
    return str_is(v, "type", "ByteLevel") ? OK : unsupported(r, "post-processor", v);
}

/* Options of the model that change the ids. */
static int read_model(struct form_reader *r, const json_t *m)
{
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type = "BPE";
    bool fallback = false;
    TRY(json_opt_str(m, "type", &type, r->name, r->e));
    if (strcmp(type, "BPE") != 0) return unsupported(r, "model", m);
    TRY(json_opt_bool(m, "byte_fallback", &fallback, r->name, r->e));
    TRY(json_opt_bool(m, "ignore_merges", &r->f->ignore_merges, r->name, r->e));
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        const char *s = "";
        TRY(json_opt_str(m, empty[i], &s, r->name, r->e));
        if (*s) FAIL(r->e, ERR_UNSUPPORTED, "%s: \"%s\" is not empty", r->name, empty[i]);
    }
    double dropout = 0;
    TRY(json_opt_f64(m, "dropout", 0, 1, &dropout, r->name, r->e));
    if (dropout > 0) log_warn("%s: \"dropout\" is %g: it is for training and is ignored", r->name, dropout);
    r->f->model = fallback ? TOKENIZER_SPM : TOKENIZER_BYTES;
    if (fallback && r->f->ignore_merges)
        FAIL(r->e, ERR_UNSUPPORTED, "%s: \"ignore_merges\" with \"byte_fallback\"", r->name);
    return fallback ? json_opt_str(m, "unk_token", &r->f->unk, r->name, r->e) : OK;
}

static int read_spm(struct form_reader *r, const json_t *root)
{
    const json_t *decoder = json_object_get(root, "decoder");
    TRY(for_each(r, json_object_get(root, "pre_tokenizer"), "pretokenizers", read_spm_pre));
    if (!r->replaces) FAIL(r->e, ERR_UNSUPPORTED, "%s: byte_fallback without replacing spaces by U+2581", r->name);
    if (!json_is_object(decoder)) FAIL(r->e, ERR_UNSUPPORTED, "%s: no \"decoder\" object", r->name);
    TRY(for_each(r, decoder, "decoders", read_spm_decoder));
    if (r->strips != (r->f->prefix != PREFIX_NONE))
        FAIL(r->e, ERR_UNSUPPORTED, "%s: a space is %s before text but %s after decoding", r->name,
             r->strips ? "not put" : "put", r->strips ? "taken away" : "left");
    return OK;
}

int json_form_read(struct json_form *f, const json_t *root, const char *name, struct err *e)
{
    struct form_reader r = {.f = f, .name = name, .e = e};
    *f = (struct json_form){0};
    TRY(read_model(&r, json_object_get(root, "model")));
    TRY(for_each(&r, json_object_get(root, "normalizer"), "normalizers", read_normalizer));
    if (f->model == TOKENIZER_SPM) TRY(read_spm(&r, root));
    else {
        const json_t *decoder = json_object_get(root, "decoder");
        bool none = !decoder || json_is_null(decoder);
        if (none) log_warn("%s: there is no decoder; \"ByteLevel\" is taken", name);
        if (!none && !str_is(decoder, "type", "ByteLevel"))
            FAIL(e, ERR_UNSUPPORTED, "%s: the decoder is not of type \"ByteLevel\"", name);
        TRY(pretok_recognise(&f->pre, json_object_get(root, "pre_tokenizer"), name, e));
    }
    return for_each(&r, json_object_get(root, "post_processor"), "processors", read_post_processor);
}

#define REPLACE(from, to) "{\"type\":\"Replace\",\"pattern\":{\"String\":\"" from "\"},\"content\":\"" to "\"}"

void json_form_write_before(struct buf *b, const struct tokenizer *t)
{
    static const char *const scheme[] = {[PREFIX_FIRST] = "first", [PREFIX_EACH] = "always"};
    if (t->model == TOKENIZER_BYTES) {
        buf_printf(b, "\"normalizer\":%s,\n\"pre_tokenizer\":", t->nfc ? "{\"type\":\"NFC\"}" : "null");
        pretok_write_json(t->pre, b);
    } else if (t->prefix == PREFIX_FIRST || t->prefix == PREFIX_EACH)
        buf_printf(b,
                   "\"normalizer\":null,\n\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" SPM_SPACE
                   "\",\"prepend_scheme\":\"%s\",\"split\":false}",
                   scheme[t->prefix]);
    else
        buf_printf(b, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s" REPLACE(" ", SPM_SPACE) "]},\n"
                      "\"pre_tokenizer\":null",
                   t->prefix ? "{\"type\":\"Prepend\",\"prepend\":\"" SPM_SPACE "\"}," : "");
    buf_add_str(b, ",\n");
}

void json_form_write_decoder(struct buf *b, const struct tokenizer *t)
{
    if (t->model == TOKENIZER_BYTES)
        buf_add_str(b, "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                       "\"use_regex\":true},\n");
    else
        buf_printf(b, "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[" REPLACE(SPM_SPACE, " ")
                   ",{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}%s]},\n",
                   t->prefix ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "");
}
