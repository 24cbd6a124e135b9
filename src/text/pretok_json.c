/* Pre-tokenizers in tokenizer.json: recognised by their rules, written in the form the models' own files have. */
#include "text/pretok.h"
#include "text/pretok_table.h"
#include "base/utf8.h"
#include <string.h>

enum { MAX_STEPS = 8 };

/* The rules a "pre_tokenizer" object describes, in canonical form, one after the other, each ending in NUL. */
struct steps {
    struct buf text;
    int n;
};

static const char *type_of(const json_t *v)
{
    const char *t = json_string_value(json_object_get(v, "type"));
    return t ? t : "(no type)";
}

/* Canonical form of a pattern: ASCII, see pretok_table.h. */
static void add_canonical(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp = 0;
        size_t k = utf8_decode(s + i, len - i, &cp);
        if (k == 0) cp = 0xFFFD;
        if (cp == '\n') buf_add_str(b, "\\n");
        else if (cp == '\r') buf_add_str(b, "\\r");
        else if (cp >= 32 && cp < 127) buf_add_byte(b, (int)cp);
        else buf_printf(b, "\\x{%x}", (unsigned)cp);
        i += k ? k : 1;
    }
}

static int add_split(struct steps *st, const json_t *v, const char *where, struct err *e)
{
    const char *behavior = NULL;
    bool invert = false;
    TRY(json_opt_str(v, "behavior", &behavior, where, e));
    TRY(json_opt_bool(v, "invert", &invert, where, e));
    const json_t *regex = json_object_get(json_object_get(v, "pattern"), "Regex");
    if (!json_is_string(regex)) FAIL(e, ERR_UNSUPPORTED, "%s: pre-tokenizer Split without a \"Regex\" pattern", where);
    if (invert || !behavior || strcmp(behavior, "Isolated") != 0)
        FAIL(e, ERR_UNSUPPORTED, "%s: pre-tokenizer Split with behavior \"%.40s\"%s, expected \"Isolated\"", where,
             behavior ? behavior : "", invert ? " inverted" : "");
    add_canonical(&st->text, json_string_value(regex), json_string_length(regex));
    return OK;
}

static const char *byte_level_pattern(void)
{
    const char *own;
    return pretok_entry_find("gpt-2", &own)->rules[0].pattern;
}

static int add_step(struct steps *st, const json_t *v, const char *where, struct err *e)
{
    const char *type = type_of(v);
    bool flag = true;
    if (strcmp(type, "ByteLevel") == 0) {
        bool prefix = true;
        TRY(json_opt_bool(v, "add_prefix_space", &prefix, where, e));
        TRY(json_opt_bool(v, "use_regex", &flag, where, e));
        if (prefix) FAIL(e, ERR_UNSUPPORTED, "%s: pre-tokenizer ByteLevel with add_prefix_space", where);
        if (!flag) return OK;
    }
    if (++st->n > MAX_STEPS) FAIL(e, ERR_UNSUPPORTED, "%s: more than %d pre-tokenizer rules", where, MAX_STEPS);
    if (strcmp(type, "ByteLevel") == 0) buf_add_str(&st->text, byte_level_pattern());
    else if (strcmp(type, "Digits") == 0) {
        flag = false;
        TRY(json_opt_bool(v, "individual_digits", &flag, where, e));
        buf_add_str(&st->text, flag ? "\\p{N}" : "\\p{N}+");
    } else if (strcmp(type, "Split") == 0) TRY(add_split(st, v, where, e));
    else FAIL(e, ERR_UNSUPPORTED, "%s: pre-tokenizer of type \"%.40s\"", where, type);
    buf_add_byte(&st->text, 0);
    return OK;
}

/* The entry with exactly these rules, or NULL. */
static const struct pretok_entry *lookup(const struct steps *st)
{
    const struct pretok_entry *en;
    for (int i = 0; (en = pretok_entry_at(i)); i++) {
        const char *p = st->text.data;
        int k = 0;
        for (; k < st->n && en->rules[k].pattern && strcmp(en->rules[k].pattern, p) == 0; k++) p += strlen(p) + 1;
        if (k == st->n && !en->rules[k].pattern) return en;
    }
    return NULL;
}

int pretok_recognise(const char **name, const json_t *v, const char *where, struct err *e)
{
    struct steps st = {0};
    *name = NULL;
    if (!json_is_object(v))
        FAIL(e, ERR_UNSUPPORTED, "%s: no \"pre_tokenizer\" object: not a byte-level tokenizer", where);
    int rc = OK;
    if (strcmp(type_of(v), "Sequence") == 0) {
        const json_t *list = json_object_get(v, "pretokenizers");
        if (!json_is_array(list)) FAIL(e, ERR_FORMAT, "%s: pre-tokenizer Sequence without \"pretokenizers\"", where);
        for (size_t i = 0; i < json_array_size(list) && rc == OK; i++)
            rc = add_step(&st, json_array_get(list, i), where, e);
    } else rc = add_step(&st, v, where, e);
    if (rc == OK) rc = buf_check(&st.text, "pre-tokenizer rules", e);
    if (rc == OK) {
        const struct pretok_entry *en = st.n ? lookup(&st) : NULL;
        if (en) *name = en->name;
        else
            rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                         "%s: unknown pre-tokenizer of %d rules, the first \"%.120s\"", where, st.n,
                         st.n ? st.text.data : "");
    }
    buf_free(&st.text);
    return rc;
}

/* The pattern as a JSON string: \x{..} becomes the character, which every reader of such files takes literally. */
static void write_pattern(struct buf *b, const char *p)
{
    buf_add_byte(b, '"');
    for (; *p; p++) {
        if (p[0] == '\\' && p[1] == 'x' && p[2] == '{') {
            uint32_t cp = 0;
            for (p += 3; *p != '}'; p++) cp = cp * 16 + (uint32_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
            char ch[4];
            buf_add(b, ch, utf8_encode(cp, ch));
            continue;
        }
        if (*p == '"' || *p == '\\') buf_add_byte(b, '\\');
        buf_add_byte(b, *p);
    }
    buf_add_byte(b, '"');
}

void pretok_write_json(const struct pretok *p, struct buf *b)
{
    const char *own;
    const struct pretok_entry *en = pretok_entry_find(pretok_name(p), &own);
    bool regex = false;
    buf_add_str(b, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (const struct pretok_rule *r = en->rules; r->pattern; r++) {
        if (r->form == FORM_DIGITS) buf_add_str(b, "{\"type\":\"Digits\",\"individual_digits\":true},");
        if (r->form == FORM_BYTE_LEVEL) regex = true;
        if (r->form != FORM_SPLIT) continue;
        buf_add_str(b, "{\"type\":\"Split\",\"pattern\":{\"Regex\":");
        write_pattern(b, r->pattern);
        buf_add_str(b, "},\"behavior\":\"Isolated\",\"invert\":false},");
    }
    buf_printf(b, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":%s}]}",
               regex ? "true" : "false");
}
