/* Writing tokenizer.json and tokenizer_config.json in the form of the "tokenizers" and transformers libraries. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/json_form.h"
#include <inttypes.h>
#include <string.h>

/* A JSON string of valid UTF-8. */
static int write_string(struct buf *b, const char *s, size_t len, struct err *e)
{
    char quoted[60];
    if (utf8_valid_run(s, len) != len)
        FAIL(e, ERR_UNSUPPORTED, "the token \"%s\" is not valid UTF-8: JSON cannot hold it",
             text_quote(quoted, sizeof quoted, s, len));
    buf_add_byte(b, '"');
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)s[i];
        if (c == '"' || c == '\\') buf_add_byte(b, '\\');
        if (c == '\n') buf_add_str(b, "\\n");
        else if (c < 32 || c == 127) buf_printf(b, "\\u%04x", c);
        else buf_add_byte(b, c);
    }
    buf_add_byte(b, '"');
    return OK;
}

static int write_token(struct buf *b, const struct tokenizer *t, int32_t id, struct buf *tmp, struct err *e)
{
    buf_clear(tmp);
    vocab_spell(tmp, t, id);
    TRY(buf_check(tmp, "a token", e));
    return write_string(b, tmp->data ? tmp->data : "", tmp->len, e);
}

/* The token with these bytes that text becomes is the one a reader is to find. */
static bool shadowed(const struct tokenizer *t, int32_t id)
{
    size_t len = t->off[id + 1] - t->off[id];
    if (t->type[id] == TOKEN_UNUSED) return len == 0;
    if (t->type[id] == TOKEN_BYTE) return t->byte_id[(uint8_t)t->bytes[t->off[id]]] != id;
    return vocab_find(t, t->bytes + t->off[id], len, t->type[id] != TOKEN_NORMAL) != id;
}

static const char *truth(bool b) { return b ? "true" : "false"; }

static int write_added(struct buf *b, const struct tokenizer *t, struct buf *tmp, struct err *e)
{
    const char *comma = "";
    buf_add_str(b, "\"added_tokens\":[");
    for (int32_t id = 0; id < t->n; id++) {
        if (t->type[id] != TOKEN_CONTROL && t->type[id] != TOKEN_USER && t->type[id] != TOKEN_UNKNOWN) continue;
        if (shadowed(t, id)) continue;
        buf_printf(b, "%s\n{\"id\":%d,\"content\":", comma, id);
        TRY(write_token(b, t, id, tmp, e));
        const int f = t->flags[id];
        buf_printf(b, ",\"single_word\":%s,\"lstrip\":%s,\"rstrip\":%s,\"normalized\":%s,\"special\":%s}", truth(f & FLAG_WORD),
                   truth(f & FLAG_BEFORE), truth(f & FLAG_AFTER), truth(f & FLAG_NORMAL), truth(t->type[id] != TOKEN_USER));
        comma = ",";
    }
    buf_add_str(b, "],\n");
    return OK;
}

/* Spellings that were written, by their hash: a second one would be a duplicate key. What looks like one is left out, which
 * of 2^64 is a token that no text becomes. */
struct keys {
    uint64_t *v;
    size_t mask;
};

static bool keys_add(struct keys *k, const struct buf *spelling)
{
    uint64_t h = hash_bytes(spelling->data ? spelling->data : "", spelling->len) | 1;
    size_t i = (h >> 1) & k->mask;
    for (; k->v[i] && k->v[i] != h; i = (i + 1) & k->mask) {
    }
    bool new = !k->v[i];
    k->v[i] = h;
    return new;
}

/* Which tokens have a key of their own: ordinary ones first, then those that templates write, then the rest. */
static int choose_keys(const struct tokenizer *t, bool *chosen, struct buf *tmp, struct err *e)
{
    struct keys k = {0};
    size_t cap = 64;
    while (cap < 2 * (size_t)t->n) cap *= 2;
    TRY(mem_new((void **)&k.v, cap * sizeof *k.v, "the vocabulary", e));
    k.mask = cap - 1;
    for (int turn = 0; turn < 3; turn++)
        for (int32_t id = 0; id < t->n; id++) {
            uint8_t type = t->type[id];
            int wanted = type == TOKEN_NORMAL || type == TOKEN_BYTE ? 0 : type == TOKEN_UNUSED ? 2 : 1;
            if (wanted != turn || shadowed(t, id)) continue;
            buf_clear(tmp);
            vocab_spell(tmp, t, id);
            chosen[id] = keys_add(&k, tmp);
        }
    mem_free(k.v);
    return buf_check(tmp, "a token", e);
}

static int write_vocab(struct buf *b, const struct tokenizer *t, struct buf *tmp, struct err *e)
{
    const char *comma = "";
    bool *chosen;
    TRY(mem_new((void **)&chosen, (size_t)t->n * sizeof *chosen, "the vocabulary", e));
    int rc = choose_keys(t, chosen, tmp, e);
    for (int32_t id = 0; id < t->n && !rc; id++) {
        if (!chosen[id]) continue;
        buf_printf(b, "%s\n", comma);
        rc = write_token(b, t, id, tmp, e);
        buf_printf(b, ":%d", id);
        comma = ",";
    }
    mem_free(chosen);
    return rc;
}

static int write_model(struct buf *b, const struct tokenizer *t, struct buf *tmp, struct err *e)
{
    const char *comma = "", *spm = t->model == TOKENIZER_SPM ? "true" : "false";
    int32_t unk = 0;
    while (unk < t->n && t->type[unk] != TOKEN_UNKNOWN) unk++;
    buf_add_str(b, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":");
    if (unk < t->n && t->model == TOKENIZER_SPM) TRY(write_token(b, t, unk, tmp, e));
    else buf_add_str(b, "null");
    buf_printf(b,
               ",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":%s,\"byte_fallback\":%s,"
               "\"ignore_merges\":%s,\n\"vocab\":{",
               spm, spm, t->ignore_merges ? "true" : "false");
    TRY(write_vocab(b, t, tmp, e));
    buf_add_str(b, "},\n\"merges\":[");
    comma = "";
    for (size_t i = 0; i < t->n_merges; i++) {
        buf_printf(b, "%s\n[", comma);
        TRY(write_token(b, t, t->merges[i].left, tmp, e));
        buf_add_byte(b, ',');
        TRY(write_token(b, t, t->merges[i].right, tmp, e));
        buf_add_byte(b, ']');
        comma = ",";
    }
    buf_add_str(b, "]}}\n");
    return OK;
}

static int write_post_processor(struct buf *b, const struct tokenizer *t, struct buf *tmp, struct err *e)
{
    static const char plain[] =
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false}";
    struct buf bos = {0};
    buf_add_str(b, "\"post_processor\":");
    if (!t->add_bos || t->bos < 0) {
        buf_printf(b, "%s,\n", t->model == TOKENIZER_SPM ? "null" : plain);
        return OK;
    }
    int rc = write_token(&bos, t, t->bos, tmp, e);
    if (rc == OK) rc = buf_check(&bos, "a token", e);
    if (rc == OK) {
        const char *s = bos.data;
        buf_printf(b, "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":%s,\"type_id\":0}},", s);
        buf_printf(
            b, "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[{\"SpecialToken\":{\"id\":%s,\"type_id\":0}},",
            s);
        buf_add_str(b, "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],");
        buf_printf(b, "\"special_tokens\":{%s:{\"id\":%s,\"ids\":[%d],\"tokens\":[%s]}}},\n", s, s, t->bos, s);
    }
    buf_free(&bos);
    return rc;
}

int tokenizer_to_json(const struct tokenizer *t, struct buf *b, struct err *e)
{
    struct buf tmp = {0};
    buf_add_str(b, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n");
    int rc = write_added(b, t, &tmp, e);
    json_form_write_before(b, t);
    if (rc == OK) rc = write_post_processor(b, t, &tmp, e);
    json_form_write_decoder(b, t);
    if (rc == OK) rc = write_model(b, t, &tmp, e);
    buf_free(&tmp);
    return rc ? rc : buf_check(b, "tokenizer.json", e);
}

/* "key": "token", or null. */
static int write_named(struct buf *b, const struct tokenizer *t, const char *key, int32_t id, struct err *e)
{
    struct buf tmp = {0};
    int rc = OK;
    buf_printf(b, "  \"%s\": ", key);
    if (id < 0) buf_add_str(b, "null");
    else rc = write_token(b, t, id, &tmp, e);
    buf_add_str(b, ",\n");
    buf_free(&tmp);
    return rc;
}

int tokenizer_config_to_json(const struct tokenizer *t, int64_t max_length, const char *chat_template, struct buf *b,
                             struct err *e)
{
    buf_printf(b, "{\n  \"add_bos_token\": %s,\n  \"add_eos_token\": false,\n", t->add_bos ? "true" : "false");
    TRY(write_named(b, t, "bos_token", t->bos, e));
    TRY(write_named(b, t, "eos_token", t->eos, e));
    TRY(write_named(b, t, "pad_token", t->pad, e));
    if (chat_template) {
        buf_add_str(b, "  \"chat_template\": ");
        TRY(write_string(b, chat_template, strlen(chat_template), e));
        buf_add_str(b, ",\n");
    }
    buf_add_str(b, "  \"clean_up_tokenization_spaces\": false,\n");
    if (max_length > 0) buf_printf(b, "  \"model_max_length\": %" PRId64 ",\n", max_length);
    buf_add_str(b, "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
    return buf_check(b, "tokenizer_config.json", e);
}
