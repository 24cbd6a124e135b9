/* Writing tokenizer.json and tokenizer_config.json in the form of the "tokenizers" and transformers libraries. */
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

static int write_added(struct buf *b, const struct tokenizer *t, struct buf *tmp, struct err *e)
{
    const char *comma = "";
    buf_add_str(b, "\"added_tokens\":[");
    for (int32_t id = 0; id < t->n; id++) {
        if (t->type[id] != TOKEN_CONTROL && t->type[id] != TOKEN_USER && t->type[id] != TOKEN_UNKNOWN) continue;
        buf_printf(b, "%s\n{\"id\":%d,\"content\":", comma, id);
        TRY(write_token(b, t, id, tmp, e));
        buf_printf(b, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}",
                   t->type[id] != TOKEN_USER ? "true" : "false");
        comma = ",";
    }
    buf_add_str(b, "],\n");
    return OK;
}

/* The first token with these bytes is the one a reader finds; a second would be a duplicate key. */
static bool shadowed(const struct tokenizer *t, int32_t id)
{
    size_t len = t->off[id + 1] - t->off[id];
    if (t->type[id] == TOKEN_UNUSED) return len == 0;
    if (t->type[id] == TOKEN_BYTE) return t->byte_id[(uint8_t)t->bytes[t->off[id]]] != id;
    return vocab_find(t, t->bytes + t->off[id], len, t->type[id] != TOKEN_NORMAL) != id;
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
    for (int32_t id = 0; id < t->n; id++) {
        if (shadowed(t, id)) continue;
        buf_printf(b, "%s\n", comma);
        TRY(write_token(b, t, id, tmp, e));
        buf_printf(b, ":%d", id);
        comma = ",";
    }
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
