/* Strict JSON on jansson. */
#include "base/json.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base/libs.h"
#include "base/log.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* MAX_TREE: bytes that the tree of a message may take, and that of a file: a vocabulary of 262,144 tokens with 514,906 merges
 * takes 220 MiB. */
enum { JSON_MAX_DEPTH = 128, REQUEST_MAX_DEPTH = 64, FILE_MAX_DEPTH = 990 /* as Python */ };
enum { MAX_TREE = 128 << 20, MAX_FILE_TREE = 512 << 20 };

/* What jansson allocates for each, with what malloc adds. */
enum { ARRAY_BYTES = 128, OBJECT_BYTES = 224, TEXT_BYTES = 88, ELEMENT_BYTES = 32 };

struct limits {
    uint64_t tree;
    int depth;
    size_t flags;
    bool file;
};

/* jansson's own limit of depth (JSON_PARSER_MAX_DEPTH) is 2048, and it has none for the number of values; ours are checked
 * on the text before parsing, so that what is refused costs no memory. *words: there is a word like NaN. */
static int check_size(const char *s, size_t len, const struct limits *most, const char *name, bool *words, struct err *e)
{
    int depth = 0;
    uint64_t bytes = 0;
    bool in_str = false;
    *words = false;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (in_str) {
            if (c == '\\') i++;
            else if (c == '"') in_str = false;
            continue;
        }
        if (c == '"') in_str = true;
        else if (c == '[' || c == '{') {
            if (++depth > most->depth)
                FAIL(e, ERR_LIMIT, "%s: offset %zu: JSON nested deeper than %d levels", name, i, most->depth);
        } else if (c == ']' || c == '}') depth--;
        *words |= c == 'N' || c == 'I';
        bytes += c == '[' ? ARRAY_BYTES : c == '{' ? OBJECT_BYTES : c == '"' ? TEXT_BYTES : c == ',' ? ELEMENT_BYTES : 0;
        if (bytes > most->tree)
            FAIL(e, ERR_LIMIT,
                 "%s: offset %zu: JSON with so many values that they take more than %llu MiB, expected at most that", name, i,
                 (unsigned long long)(most->tree >> 20));
    }
    return OK;
}

static bool in_number(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

static bool is_too_big(const char *s, size_t digits)
{
    bool minus = *s == '-';
    return digits > 19 || (digits == 19 && memcmp(s + minus, minus ? "9223372036854775808" : "9223372036854775807", 19) > 0);
}

/* The length of a word that Python writes for a number, at the beginning of s; 0: there is none. */
static size_t number_word(const char *s, size_t len)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (len >= strlen(words[i]) && !memcmp(s, words[i], strlen(words[i]))) return strlen(words[i]);
    return 0;
}

/* Files say "no limit" with integers like 1000000000000000019884624838656: a number, though none that we would count with.
 * s has n bytes, `digits` of them digits (0: a real number). file: what is beyond a double becomes a word. */
static void add_number(struct buf *b, const char *s, size_t n, size_t digits, bool file)
{
    enum { SURE = 290 }; /* so few digits and no exponent stay below the largest double */
    char text[512];
    bool big = is_too_big(s, digits);
    if (file && n < sizeof text && (n > SURE || (!digits && (memchr(s, 'e', n) || memchr(s, 'E', n))))) {
        memcpy(text, s, n);
        text[n] = 0;
        if (isinf(strtod(text, NULL))) {
            buf_add_str(b, *s == '-' ? "\"-Infinity\"" : "\"Infinity\"");
            return;
        }
    }
    buf_add(b, s, n);
    if (big) buf_add_str(b, ".0");
}

static int surrogate(const char *s, size_t len)
{
    bool u = len >= 6 && s[0] == '\\' && s[1] == 'u' && (s[2] == 'd' || s[2] == 'D');
    int digit = !u ? 0 : s[3] >= 'a' ? s[3] - 'a' + 10 : s[3] >= 'A' ? s[3] - 'A' + 10 : s[3] - '0';
    return digit >= 8 && digit <= 15 ? (digit < 12 ? 1 : 2) : 0; /* a first or a second one */
}

/* An escape at s: its length. Of a file half a pair of surrogates becomes U+FFFD, and it and whole pairs are added to b;
 * other escapes (up to 2 bytes of them) are not. */
static size_t add_escape(struct buf *b, const char *s, size_t len, bool file)
{
    int kind = file ? surrogate(s, len) : 0;
    if (!kind) return len > 1 ? 2 : 1;
    bool pair = kind == 1 && surrogate(s + 6, len - 6) == 2;
    if (pair) buf_add(b, s, 12);
    else buf_add_str(b, "\\ufffd");
    return pair ? 12 : 6;
}

/* The text with ".0" behind every integer that does not fit 64 bits and, of a file, texts for what is no number in JSON. */
static void rewrite(struct buf *b, const char *s, size_t len, bool file)
{
    bool in_str = false;
    for (size_t i = 0; i < len;) {
        size_t n = 1, digits = 0, word = file && !in_str ? number_word(s + i, len - i) : 0;
        if (word) {
            buf_add_byte(b, '"');
            buf_add(b, s + i, word);
            buf_add_byte(b, '"');
            i += word;
            continue;
        }
        if (in_str && s[i] == '\\') n = add_escape(b, s + i, len - i, file);
        else if (s[i] == '"') in_str = !in_str;
        if (n > 2) { /* done */
            i += n;
            continue;
        }
        if (!in_str && s[i] != '"' && in_number(s[i])) {
            for (n = 0; i + n < len && in_number(s[i + n]); n++) digits += s[i + n] >= '0' && s[i + n] <= '9';
            if (n - digits > (size_t)(s[i] == '-')) digits = 0; /* a real number */
            add_number(b, s + i, n, digits, file);
            i += n;
            continue;
        }
        buf_add(b, s + i, n);
        i += n;
    }
}

/* In a file the last of two members with one name counts, as for Python. */
static int load(json_t **out, const char *text, size_t len, size_t flags, bool file, json_error_t *je, const char *name,
                struct err *e)
{
    TRY(libs_json_load(out, text, len, flags | JSON_REJECT_DUPLICATES, je, name, e));
    if (*out || !file || json_error_code(je) != json_error_duplicate_key) return OK;
    log_warn("%s: line %d: %s: the last one counts", name, je->line, je->text);
    return libs_json_load(out, text, len, flags, je, name, e);
}

static int parse(json_t **out, const char *text, size_t len, const struct limits *most, const char *name, struct err *e)
{
    json_error_t je = {0};
    struct buf b = {0};
    bool words, file = most->file;
    size_t flags = most->flags;
    *out = NULL;
    TRY(check_size(text, len, most, name, &words, e));
    flags |= JSON_ALLOW_NUL;
    bool again = file && words; /* jansson refuses them, whatever else there is */
    if (!again) TRY(load(out, text, len, flags, file, &je, name, e));
    bool half = file && !*out && strstr(je.text, "Unicode") != NULL;
    again = again || half || (!*out && json_error_code(&je) == json_error_numeric_overflow);
    if (again) {
        rewrite(&b, text, len, file);
        int rc = buf_check(&b, name, e);
        if (!rc) rc = load(out, b.data ? b.data : "", b.len, flags, file, &je, name, e);
        buf_free(&b);
        TRY(rc);
    }
    if (*out) return OK;
    bool cut = file && (size_t)je.position + 1 >= len; /* wrong at its end */
    FAIL(e, ERR_FORMAT, "%s: line %d, column %d: not valid JSON: %s%s", name, je.line, je.column, je.text,
         cut ? " (is the file whole?)" : "");
}

int json_parse(json_t **out, const char *text, size_t len, const char *name, struct err *e)
{
    return parse(out, text, len, &(struct limits){MAX_TREE, JSON_MAX_DEPTH, 0, false}, name, e);
}

int json_parse_request(json_t **out, const char *text, size_t len, const char *name, struct err *e)
{
    return parse(out, text, len, &(struct limits){MAX_TREE, REQUEST_MAX_DEPTH, 0, false}, name, e);
}

int json_parse_any(json_t **out, const char *text, size_t len, const char *name, struct err *e)
{
    return parse(out, text, len, &(struct limits){MAX_TREE, JSON_MAX_DEPTH, JSON_DECODE_ANY, false}, name, e);
}

int json_parse_file(json_t **out, const char *text, size_t len, const char *name, struct err *e)
{
    bool mark = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3);
    const struct limits most = {MAX_FILE_TREE, FILE_MAX_DEPTH, 0, true};
    return parse(out, text + 3 * mark, len - 3 * mark, &most, name, e);
}

static _Thread_local bool incomplete; /* a value could not be added */

void json_add(json_t *list, json_t *value) { incomplete |= json_array_append_new(list, value) != 0; }
void json_put(json_t *object, const char *key, json_t *value) { incomplete |= json_object_set_new(object, key, value) != 0; }

int json_bad(const char *what, struct err *e)
{
    incomplete = false;
    if (libs_json_short()) FAIL(e, ERR_MEMORY, "%s: out of memory for its JSON", what);
    FAIL(e, ERR_FORMAT, "%s cannot be written as JSON: a text in it is not UTF-8, or a number not finite", what);
}

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"an object", "an array", "a string", "an integer", "a number", "true", "false", "null"};
    const char *s = json_string_value(v); /* json_parse_file */
    size_t word = s ? number_word(s, json_string_length(v)) : 0;
    return word && word == json_string_length(v) ? s : names[json_typeof(v)];
}

static const json_t *find(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return v && json_is_null(v) ? NULL : v;
}

int json_opt_i64(const json_t *obj, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    double d = json_real_value(v); /* 32.0 is an integer, too */
    bool whole = json_is_real(v) && fabs(d) <= 0x1p53 && d == floor(d);
    if (!json_is_integer(v) && !whole) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected an integer", where, key, type_name(v));
    int64_t n = whole ? (int64_t)d : json_integer_value(v);
    if (n < lo || n > hi)
        FAIL(e, ERR_FORMAT, "%s: \"%s\" is %lld, expected %lld to %lld", where, key, (long long)n, (long long)lo, (long long)hi);
    *out = n;
    return OK;
}

int json_get_i64(const json_t *obj, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where, struct err *e)
{
    if (!find(obj, key)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is missing, expected an integer", where, key);
    return json_opt_i64(obj, key, lo, hi, out, where, e);
}

int json_opt_f64(const json_t *obj, const char *key, double lo, double hi, double *out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_number(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected a number", where, key, type_name(v));
    double d = json_number_value(v);
    if (!(d >= lo && d <= hi)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %g, expected %g to %g", where, key, d, lo, hi);
    *out = d;
    return OK;
}

int json_opt_bool(const json_t *obj, const char *key, bool *out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_boolean(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected true or false", where, key, type_name(v));
    *out = json_is_true(v);
    return OK;
}

int json_opt_str(const json_t *obj, const char *key, const char **out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_string(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected a string", where, key, type_name(v));
    if (strlen(json_string_value(v)) != json_string_length(v))
        FAIL(e, ERR_FORMAT, "%s: \"%s\" holds a NUL character", where, key);
    *out = json_string_value(v);
    return OK;
}

static char *dump(const json_t *v, size_t flags)
{
    if (incomplete) return NULL; /* something is missing, perhaps in v */
    flags |= JSON_ENCODE_ANY;
    size_t n = json_dumpb(v, NULL, 0, flags); /* 0: it failed, since no value is an empty text */
    char *s = n ? mem_alloc(n + 1) : NULL;
    if (n && !s) libs_json_set_short();
    if (!s || json_dumpb(v, s, n, flags) == n) return s;
    mem_free(s);
    return NULL;
}

char *json_text(const json_t *v) { return dump(v, JSON_COMPACT); }
char *json_text_result(const json_t *v) { return dump(v, JSON_COMPACT | JSON_REAL_PRECISION(15)); }
char *json_text_pretty(const json_t *v) { return dump(v, JSON_INDENT(2)); }
