/* Tokenizers in model files. Keys: tokenizer.ggml.* of the GGUF specification. */
#include "model/vocab.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kinds.h"
#include "sys/file.h"

enum { MAX_JSON = 256 << 20 };

/* Strings of a GGUF array, borrowed from the mapping. Zeroed is empty. */
struct string_list {
    const char **s;
    size_t *len, n;
};

static void list_free(struct string_list *l)
{
    mem_free(l->s);
    mem_free(l->len);
}

/* A missing key leaves the list empty. The reader has validated every string, so n is bounded by the file's size. */
static int list_read(struct string_list *l, const struct tf *f, const char *key, size_t max, struct err *e)
{
    const struct tf_kv *kv = tf_find_kv(f, key);
    uint64_t pos = 0;
    if (!kv) return OK;
    if (kv->type != TF_ARRAY || kv->v.array.elem != 8) FAIL(e, ERR_FORMAT, "%s: %s is not an array of strings", f->path, key);
    if (kv->v.array.n > max)
        FAIL(e, ERR_LIMIT, "%s: %s has %llu entries, at most %zu are accepted", f->path, key,
             (unsigned long long)kv->v.array.n, max);
    size_t n = (size_t)kv->v.array.n;
    l->s = mem_array(n, sizeof *l->s);
    l->len = mem_array(n, sizeof *l->len);
    if (!l->s || !l->len) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu strings of %s", f->path, n, key);
    while (l->n < n && tf_array_next_str(kv, &pos, &l->s[l->n], &l->len[l->n])) l->n++;
    if (l->n != n) FAIL(e, ERR_FORMAT, "%s: %s has %zu strings, expected %zu", f->path, key, l->n, n);
    return OK;
}

static int types_read(int32_t **out, const struct tf *f, size_t n, struct err *e)
{
    const char *key = "tokenizer.ggml.token_type";
    const struct tf_kv *kv = tf_find_kv(f, key);
    if (!kv) return OK;
    if (kv->type != TF_ARRAY || kv->v.array.n < n) FAIL(e, ERR_FORMAT, "%s: %s is not an array of %zu numbers", f->path, key, n);
    size_t odd = 0;
    int32_t *t = mem_array(n, sizeof *t);
    if (!t) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu token types", f->path, n);
    *out = t;
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        if (!tf_array_i64(kv, i, &v)) FAIL(e, ERR_FORMAT, "%s: %s[%zu] is not a number", f->path, key, i);
        odd += v < 0 || v > 6;
        t[i] = v < 0 || v > 6 ? 0 : (int32_t)v;
    }
    if (odd) log_warn("%s: %s has %zu types that are none from 0 to 6: those tokens have none", f->path, key, odd);
    return OK;
}

static int scores_read(float **out, const struct tf *f, size_t n, struct err *e)
{
    const char *key = "tokenizer.ggml.scores";
    const struct tf_kv *kv = tf_find_kv(f, key);
    if (kv && (kv->type != TF_ARRAY || kv->v.array.n != n))
        FAIL(e, ERR_FORMAT, "%s: %s is not an array of %zu numbers", f->path, key, n);
    if (!kv) log_warn("%s: %s is missing: all tokens count the same, as for llama.cpp", f->path, key);
    float *v = mem_array(n, sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu scores", f->path, n);
    *out = v;
    for (size_t i = 0; i < n; i++) {
        double d = 0;
        if (kv && !tf_array_f64(kv, i, &d)) FAIL(e, ERR_FORMAT, "%s: %s[%zu] is not a number", f->path, key, i);
        v[i] = (float)d;
    }
    return OK;
}

/* Everything that has to be freed, whatever happens. */
struct gguf_vocab {
    struct string_list tokens, merges;
    int32_t *types;
    float *scores;
    char *model, *pre;
    struct tokenizer_parts parts;
};

/* What is no id of a token names none. */
static void read_id(const struct tf *f, const char *key, size_t n, int32_t *out)
{
    int64_t v = -1;
    bool found;
    *out = -1;
    if (tf_kv_i64(f, key, INT64_MIN, INT64_MAX, &v, &found, NULL)) log_warn("%s: %s is no token id and is ignored", f->path, key);
    else if (found && v >= 0 && v < (int64_t)n) *out = (int32_t)v;
    else if (found) log_warn("%s: %s is %lld, of %zu tokens: it is ignored", f->path, key, (long long)v, n);
}

/* The rules of text that published models of an architecture, and of as many tokens, have. */
static const char *likely_pre(const struct tf *f)
{
    static const struct {
        const char *arch;
        uint64_t tokens; /* 0: any number */
        const char *pre;
    } rules[] = {{"qwen2", 0, "qwen2"},           {"qwen3", 0, "qwen2"},   {"qwen3moe", 0, "qwen2"},
                 {"llama", 128256, "llama-bpe"},  {"smollm3", 0, "llama-bpe"}, {"llama", 49152, "smollm"},
                 {"deepseek2", 129280, "deepseek-v3"}, {"deepseek2", 0, "deepseek-llm"}, {"mistral3", 0, "tekken"}};
    const struct tf_kv *arch = tf_find_kv(f, "general.architecture"), *tokens = tf_find_kv(f, "tokenizer.ggml.tokens");
    uint64_t n = tokens && tokens->type == TF_ARRAY ? tokens->v.array.n : 0;
    for (size_t i = 0; arch && arch->type == TF_STR && i < ARRAY_LEN(rules); i++) {
        bool same = strlen(rules[i].arch) == arch->v.str.len && !memcmp(rules[i].arch, arch->v.str.s, arch->v.str.len);
        if (same && (!rules[i].tokens || rules[i].tokens == n)) return rules[i].pre;
    }
    return "gpt-2";
}

static bool is_text(const struct tf *f, const char *key)
{
    const struct tf_kv *kv = tf_find_kv(f, key);
    return kv && kv->type == TF_STR;
}

static int read_gguf(struct gguf_vocab *v, const struct tf *f, struct err *e)
{
    bool found;
    struct tokenizer_parts *p = &v->parts;
    TRY(tf_kv_str(f, "tokenizer.ggml.model", &v->model, &found, e));
    if (!found) FAIL(e, ERR_NOTFOUND, "%s: no tokenizer in this file (tokenizer.ggml.model is missing)", f->path);
    bool spm = strcmp(v->model, "llama") == 0;
    if (!spm && strcmp(v->model, "gpt2") != 0)
        FAIL(e, ERR_UNSUPPORTED,
             "%s: tokenizer.ggml.model is \"%.40s\", expected \"gpt2\" (byte-level BPE) or \"llama\" (SentencePiece)",
             f->path, v->model);
    p->model = spm ? TOKENIZER_SPM : TOKENIZER_BYTES;
    if (is_text(f, "tokenizer.ggml.pre")) TRY(tf_kv_str(f, "tokenizer.ggml.pre", &v->pre, &found, e));
    bool unsaid = !v->pre || !strcmp(v->pre, "default");
    const char *likely = likely_pre(f);
    if (!spm && unsaid)
        log_warn("%s: tokenizer.ggml.pre %s how text is cut before it becomes tokens: \"%s\" is taken; answers may be worse "
                 "than the model's", f->path, v->pre ? "\"default\" does not say" : "is missing, which says", likely);
    TRY(list_read(&v->tokens, f, "tokenizer.ggml.tokens", TOK_MAX_VOCAB, e));
    if (v->tokens.n == 0) FAIL(e, ERR_FORMAT, "%s: tokenizer.ggml.tokens is missing or empty", f->path);
    TRY(list_read(&v->merges, f, "tokenizer.ggml.merges", 4 * (size_t)TOK_MAX_VOCAB, e));
    TRY(types_read(&v->types, f, v->tokens.n, e));
    read_id(f, "tokenizer.ggml.bos_token_id", v->tokens.n, &p->bos);
    read_id(f, "tokenizer.ggml.eos_token_id", v->tokens.n, &p->eos);
    read_id(f, "tokenizer.ggml.padding_token_id", v->tokens.n, &p->pad);
    if (spm) TRY(scores_read(&v->scores, f, v->tokens.n, e));
    p->pre = unsaid ? likely : v->pre;
    /* What the format's first implementation takes for granted where the file does not say. */
    p->add_space_prefix = spm;
    TRY(tf_kv_bool(f, "tokenizer.ggml.add_space_prefix", &p->add_space_prefix, &found, e));
    p->add_bos = p->bos >= 0 && (spm || tokenizer_pre_adds_bos(p->pre));
    TRY(tf_kv_bool(f, "tokenizer.ggml.add_bos_token", &p->add_bos, &found, e));
    if (p->add_bos && p->bos < 0)
        log_warn("%s: tokenizer.ggml.add_bos_token is true, and no token is named: it is ignored", f->path);
    p->add_bos = p->add_bos && p->bos >= 0;
    p->tokens = v->tokens.s;
    p->token_len = v->tokens.len;
    p->n_tokens = v->tokens.n;
    p->merges = v->merges.s;
    p->merge_len = v->merges.len;
    p->n_merges = v->merges.n;
    p->types = v->types;
    p->scores = v->scores;
    return OK;
}

int model_tokenizer_from_gguf(struct tokenizer **out, const struct tf *f, struct err *e)
{
    struct gguf_vocab v = {0};
    *out = NULL;
    int rc = read_gguf(&v, f, e);
    if (!rc) rc = tokenizer_from_parts(out, &v.parts, f->path, e);
    list_free(&v.tokens);
    list_free(&v.merges);
    mem_free(v.types);
    mem_free(v.scores);
    mem_free(v.model);
    mem_free(v.pre);
    return rc;
}

/* The control token that a member names, as a text or as an object with one; -1 when it names none. */
static int32_t named(const struct tokenizer *t, const json_t *root, const char *key, const char *path)
{
    const json_t *v = json_object_get(root, key);
    if (json_is_object(v)) v = json_object_get(v, "content");
    const char *s = json_string_value(v);
    int32_t id = s ? tokenizer_special(t, s) : -1;
    if (s && id < 0) log_warn("%s: \"%s\" is \"%.60s\", which is no added token of tokenizer.json: it is ignored", path, key, s);
    return id;
}

static int apply_config(struct tokenizer *t, const json_t *root, const char *path, struct err *e)
{
    int32_t bos = named(t, root, "bos_token", path), eos = named(t, root, "eos_token", path);
    int32_t pad = named(t, root, "pad_token", path);
    bool add_bos = tokenizer_add_bos(t);
    TRY(json_opt_bool(root, "add_bos_token", &add_bos, path, e));
    if (bos < 0) bos = tokenizer_bos(t);
    if (eos < 0) eos = tokenizer_eos(t);
    if (pad < 0) pad = tokenizer_pad(t);
    return tokenizer_set_specials(t, bos, eos, pad, add_bos && bos >= 0, e);
}

static int read_json(struct tokenizer **out, const char *path, struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, MAX_JSON, e));
    int rc = io_check_json_kind(path, text, len, e);
    if (!rc) rc = tokenizer_from_json(out, text, len, path, e);
    mem_free(text);
    return rc;
}

/* The forms in which tokenizers were published before. */
static void hint_tokenizer(const struct model_file *m, struct err *e)
{
    static const char *const others[] = {"tokenizer.model", "vocab.json", "tekken.json", "tiktoken.model"};
    char path[PATH_MAX];
    for (size_t i = 0; e && i < ARRAY_LEN(others); i++) {
        size_t n = strlen(e->msg);
        if (path_join(path, sizeof path, m->folder, others[i], NULL) || file_look(path, true).kind != FILE_REGULAR) continue;
        snprintf(e->msg + n, sizeof e->msg - n, "; there is %s, which is not read: transformers makes tokenizer.json of it",
                 others[i]);
        return;
    }
}

static int read_folder(struct tokenizer **out, struct model_file *m, struct err *e)
{
    const struct model_json_file *j;
    char path[PATH_MAX];
    TRY(path_join(path, sizeof path, m->folder, "tokenizer.json", e));
    int rc = read_json(out, path, e);
    if (rc == ERR_NOTFOUND) hint_tokenizer(m, e);
    TRY(rc);
    TRY(model_file_json(&j, m, MODEL_TOKENIZER_CONFIG, e));
    return j->root ? apply_config(*out, j->root, j->path, e) : OK;
}

int model_load_tokenizer(struct tokenizer **out, struct model_file *m, struct err *e)
{
    *out = NULL;
    if (m->gguf) return model_tokenizer_from_gguf(out, &m->tf, e);
    int rc = read_folder(out, m, e);
    if (rc == OK) return OK;
    tokenizer_free(*out);
    *out = NULL;
    return rc;
}

int model_tokenizer_at(struct tokenizer **out, const char *path, struct err *e)
{
    struct model_file m;
    *out = NULL;
    if (str_ends_with(path, ".json")) return read_json(out, path, e);
    TRY(model_file_open(&m, path, e));
    int rc = model_load_tokenizer(out, &m, e);
    model_file_close(&m);
    return rc;
}

/* The first token of type "unknown", or -1. */
static int64_t unknown_id(const struct tokenizer_parts *p)
{
    for (size_t i = 0; p->types && i < p->n_tokens; i++)
        if (p->types[i] == 2) return (int64_t)i;
    return -1;
}

static int write_spm(struct tf_writer *w, const struct tokenizer_parts *p, struct err *e)
{
    int64_t unk = unknown_id(p);
    TRY(tf_writer_kv_f32_array(w, "tokenizer.ggml.scores", p->scores, p->n_tokens, e));
    if (unk >= 0) TRY(tf_writer_kv_u32(w, "tokenizer.ggml.unknown_token_id", (uint32_t)unk, e));
    return tf_writer_kv_bool(w, "tokenizer.ggml.add_space_prefix", p->add_space_prefix, e);
}

static int write_parts(struct tf_writer *w, const struct tokenizer_parts *p, struct err *e)
{
    bool spm = p->model == TOKENIZER_SPM;
    TRY(tf_writer_kv_str(w, "tokenizer.ggml.model", spm ? "llama" : "gpt2", e));
    TRY(tf_writer_kv_str(w, "tokenizer.ggml.pre", p->pre, e));
    TRY(tf_writer_kv_str_array(w, "tokenizer.ggml.tokens", p->tokens, p->token_len, p->n_tokens, e));
    if (p->types) TRY(tf_writer_kv_i32_array(w, "tokenizer.ggml.token_type", p->types, p->n_tokens, e));
    if (spm) TRY(write_spm(w, p, e));
    else TRY(tf_writer_kv_str_array(w, "tokenizer.ggml.merges", p->merges, p->merge_len, p->n_merges, e));
    if (p->bos >= 0) TRY(tf_writer_kv_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)p->bos, e));
    if (p->eos >= 0) TRY(tf_writer_kv_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)p->eos, e));
    if (p->pad >= 0) TRY(tf_writer_kv_u32(w, "tokenizer.ggml.padding_token_id", (uint32_t)p->pad, e));
    return tf_writer_kv_bool(w, "tokenizer.ggml.add_bos_token", p->add_bos, e);
}

/* Rows of the embedding that no token uses need names too: llama.cpp counts tokens by their names. */
struct padded {
    const char **tokens;
    size_t *len;
    int32_t *types;
    float *scores;
    char *names; /* of the tokens that were missing */
};

static void padded_free(struct padded *x)
{
    mem_free(x->tokens);
    mem_free(x->len);
    mem_free(x->types);
    mem_free(x->scores);
    mem_free(x->names);
}

static int pad_parts(struct padded *x, struct tokenizer_parts *p, size_t n, struct err *e)
{
    enum { NAME = 32, NORMAL = 1, UNUSED = 5 };
    TRY(mem_new((void **)&x->tokens, n * sizeof *x->tokens, "token names", e));
    TRY(mem_new((void **)&x->len, n * sizeof *x->len, "token names", e));
    TRY(mem_new((void **)&x->types, n * sizeof *x->types, "token names", e));
    TRY(mem_new((void **)&x->scores, n * sizeof *x->scores, "token names", e));
    TRY(mem_new((void **)&x->names, (n - p->n_tokens) * NAME, "token names", e));
    for (size_t i = 0; i < n; i++) {
        bool have = i < p->n_tokens;
        char *name = have ? NULL : x->names + (i - p->n_tokens) * NAME;
        if (!have) snprintf(name, NAME, "[PAD%zu]", i);
        x->tokens[i] = have ? p->tokens[i] : name;
        x->len[i] = have ? p->token_len[i] : strlen(name);
        x->types[i] = !have ? UNUSED : p->types ? p->types[i] : NORMAL;
        x->scores[i] = have && p->scores ? p->scores[i] : 0;
    }
    p->tokens = x->tokens;
    p->token_len = x->len;
    p->types = x->types;
    p->scores = x->scores;
    p->n_tokens = n;
    return OK;
}

/* ---- templates ---- */

static bool is_other(const struct chat_template *t) { return strcmp(t->name, CHAT_TEMPLATE_MAIN) != 0; }

static int write_keys(const struct model_vocab *v, struct tf_writer *w, struct err *e)
{
    const struct chat_templates *t = v->templates;
    char key[sizeof CHAT_TEMPLATE_KEY + 1 + TF_NAME_MAX];
    const char **names;
    size_t *len, n = 0;
    if (v->chat_template) TRY(tf_writer_kv_str(w, CHAT_TEMPLATE_KEY, v->chat_template, e));
    if (!t || !t->n) return OK;
    TRY(mem_new((void **)&names, t->n * sizeof *names, "names of templates", e));
    int rc = mem_new((void **)&len, t->n * sizeof *len, "names of templates", e);
    for (size_t i = 0; i < t->n && !rc; i++) {
        if (!is_other(&t->v[i])) continue;
        snprintf(key, sizeof key, CHAT_TEMPLATE_KEY ".%s", t->v[i].name);
        rc = tf_writer_kv_str(w, key, t->v[i].text, e);
        names[n] = t->v[i].name;
        len[n] = strlen(names[n]);
        n++;
    }
    if (!rc && n) rc = tf_writer_kv_str_array(w, CHAT_TEMPLATE_KEYS, names, len, n, e);
    mem_free(len);
    mem_free(names);
    return rc;
}

/* A name from outside that is to become the name of a file. */
static bool is_file_name(const char *s)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return *s && strspn(s, good) == strlen(s) && strlen(s) < 100;
}

static int write_files(const struct model_vocab *v, const char *folder, struct err *e)
{
    const struct chat_templates *t = v->templates;
    char dir[PATH_MAX], path[PATH_MAX], name[120];
    bool others = false;
    TRY(path_join(dir, sizeof dir, folder, CHAT_TEMPLATE_DIR, e));
    for (size_t i = 0; t && i < t->n; i++) {
        if (!is_other(&t->v[i])) continue;
        if (!is_file_name(t->v[i].name))
            FAIL(e, ERR_UNSUPPORTED, "%s: a chat template has the name \"%.100s\", which does not do as the name of a file", dir,
                 t->v[i].name);
        if (!others) TRY(file_mkdirs(dir, e));
        others = true;
        snprintf(name, sizeof name, "%s.jinja", t->v[i].name);
        TRY(path_join(path, sizeof path, dir, name, e));
        TRY(file_replace(path, t->v[i].text, strlen(t->v[i].text), e));
    }
    if (!others || !v->chat_template) return OK;
    TRY(path_join(path, sizeof path, folder, CHAT_TEMPLATE_FILE, e)); /* files hide what tokenizer_config.json says */
    return file_replace(path, v->chat_template, strlen(v->chat_template), e);
}

/* llama.cpp counts the rows of the matrix by the names of tokens: those that have no row are left out. */
static void drop_tokens(struct tokenizer_parts *p, size_t n)
{
    log_warn("%zu tokens have no row in the network and are left out", p->n_tokens - n);
    p->n_tokens = n;
    if (p->bos >= (int32_t)n) p->bos = -1;
    if (p->eos >= (int32_t)n) p->eos = -1;
    if (p->pad >= (int32_t)n) p->pad = -1;
    p->add_bos = p->add_bos && p->bos >= 0;
}

int model_tokenizer_to_gguf(void *ctx, struct tf_writer *w, struct err *e)
{
    const struct model_vocab *v = ctx;
    struct tokenizer_parts p;
    struct tokenizer_parts_owned *owned = NULL;
    TRY(tokenizer_to_parts(v->tok, &p, &owned, e));
    if (v->vocab > 0 && (int64_t)p.n_tokens > v->vocab) drop_tokens(&p, (size_t)v->vocab);
    if (tokenizer_has_flags(v->tok))
        log_warn("GGUF cannot hold that added tokens take blanks beside them or stand for whole words only: other programs get "
                 "other tokens from this file");
    struct padded extra = {0};
    int rc = v->vocab > (int64_t)p.n_tokens ? pad_parts(&extra, &p, (size_t)v->vocab, e) : OK;
    if (!rc) rc = write_parts(w, &p, e);
    padded_free(&extra);
    tokenizer_parts_free(owned);
    return rc ? rc : write_keys(v, w, e);
}

static int write_text(const char *folder, const char *name, const struct buf *b, struct err *e)
{
    char path[4096];
    TRY(path_join(path, sizeof path, folder, name, e));
    return file_replace(path, b->data, b->len, e);
}

int model_save_tokenizer(const struct model_vocab *v, int64_t context, const char *folder, struct err *e)
{
    struct buf json = {0}, config = {0};
    int rc = tokenizer_to_json(v->tok, &json, e);
    if (!rc) rc = tokenizer_config_to_json(v->tok, context, v->chat_template, &config, e);
    if (!rc) rc = write_text(folder, "tokenizer.json", &json, e);
    if (!rc) rc = write_text(folder, "tokenizer_config.json", &config, e);
    if (!rc) rc = write_files(v, folder, e);
    buf_free(&json);
    buf_free(&config);
    return rc;
}
