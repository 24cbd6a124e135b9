/* GGUF metadata, as llama.cpp reads and writes it. Keys carry the architecture's name: llama.context_length. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/mem.h"
#include "model/config_table.h"

enum { KEY_CAP = 96, GATING_SOFTMAX = 1, GATING_SIGMOID = 2, GEMMA3_27B_LAYERS = 62 };

static const char *full_key(char out[KEY_CAP], const struct config *c, const char *suffix)
{
    snprintf(out, KEY_CAP, "%s.%s", c->arch->gguf, suffix);
    return out;
}

/* ---- reading ---- */

static int read_i64(const struct config *c, const struct tf *f, const char *suffix, int64_t lo, int64_t hi, int64_t *out,
                    struct err *e)
{
    char key[KEY_CAP];
    bool found;
    return tf_kv_i64(f, full_key(key, c, suffix), lo, hi, out, &found, e);
}

static int need_i64(const struct config *c, const struct tf *f, const char *suffix, int64_t lo, int64_t hi, int64_t *out,
                    struct err *e)
{
    char key[KEY_CAP];
    bool found;
    TRY(tf_kv_i64(f, full_key(key, c, suffix), lo, hi, out, &found, e));
    if (!found) FAIL(e, ERR_FORMAT, "%s: metadata key \"%s\" is missing", f->path, key);
    return OK;
}

/* Metadata numbers are single precision: 1e-6 comes back as 9.99999997e-7. The shortest decimal that gives the same
 * float is the number that was meant, so that a model has the same configuration from either kind of file. */
static int read_f64(const struct config *c, const struct tf *f, const char *suffix, double *out, bool *found, struct err *e)
{
    char key[KEY_CAP], text[40];
    double v = 0;
    TRY(tf_kv_f64(f, full_key(key, c, suffix), &v, found, e));
    if (!*found) return OK;
    number_text(text, v, true);
    *out = strtod(text, NULL);
    return OK;
}

/* One number for all layers may be written as an array with one for each; and a limit as a number beyond all positions. */
static bool read_special(struct config *c, const struct field *f, const char *key, const struct tf *file)
{
    const struct tf_kv *kv = tf_find_kv(file, key);
    int64_t v = 0, x;
    bool list = kv && kv->type == TF_ARRAY && kv->v.array.n > 0 && tf_array_i64(kv, 0, &v);
    if (list && v >= (int64_t)f->lo && v <= (int64_t)f->hi) {
        bool same = kv->v.array.n <= NET_MAX_LAYERS;
        for (uint64_t i = 1; i < kv->v.array.n && same; i++) same = tf_array_i64(kv, i, &x) && x == v;
        if (same) *int_at(c, f) = v;
        return same;
    }
    bool beyond = kv && (kv->type == TF_U64 ? kv->v.u > (uint64_t)INT32_MAX : kv->type == TF_I64 && kv->v.i > INT32_MAX);
    if (!beyond || f->hi != INT32_MAX) return false;
    *int_at(c, f) = INT32_MAX;
    log_warn("%s: \"%s\" is beyond all positions, taken as %d", file->path, key, INT32_MAX);
    return true;
}

static int read_field(struct config *c, const struct field *f, const struct tf *file, struct err *e)
{
    char key[KEY_CAP];
    bool found;
    int64_t lo = (int64_t)f->lo, hi = (int64_t)f->hi;
    switch (f->type) {
    case FIELD_INT:
        if (read_special(c, f, full_key(key, c, f->gguf), file)) return OK;
        return (f->required ? need_i64 : read_i64)(c, file, f->gguf, lo, hi, int_at(c, f), e);
    case FIELD_NUM: return read_f64(c, file, f->gguf, num_at(c, f), &found, e);
    case FIELD_BOOL: return tf_kv_bool(file, full_key(key, c, f->gguf), bool_at(c, f), &found, e);
    }
    return OK;
}

static int read_vocab(struct config *c, const struct tf *f, struct err *e)
{
    TRY(read_i64(c, f, "vocab_size", 2, 1 << 20, &c->vocab, e));
    const struct tf_kv *tokens = tf_find_kv(f, "tokenizer.ggml.tokens");
    const struct tf_tensor *rows = tf_find(f, "token_embd.weight");
    int64_t n = tokens && tokens->type == TF_ARRAY && tokens->v.array.n <= 1 << 20 ? (int64_t)tokens->v.array.n : 0;
    if (c->vocab && c->vocab != n && n && rows && rows->nd == 2 && rows->ne[0] == n) {
        log_warn("%s: \"%s.vocab_size\" is %lld, but there are %lld tokens with as many rows, which count", f->path,
                 c->arch->gguf, (long long)c->vocab, (long long)n);
        c->vocab = n;
    }
    if (c->vocab) return OK;
    if (!tokens || tokens->type != TF_ARRAY || tokens->v.array.n > 1 << 20)
        FAIL(e, ERR_FORMAT, "%s: neither \"%s.vocab_size\" nor \"tokenizer.ggml.tokens\" gives the vocabulary", f->path,
             c->arch->gguf);
    c->vocab = (int64_t)tokens->v.array.n;
    return OK;
}

/* The head widths are attention.key_length_mla and value_length_mla; in old files key_length and value_length. */
static int read_mla(struct config *c, const struct tf *f, struct err *e)
{
    int64_t key = 0, value = 0;
    TRY(read_i64(c, f, "attention.key_length_mla", 1, 4096, &key, e));
    TRY(read_i64(c, f, "attention.value_length_mla", 1, 4096, &value, e));
    if (!key) TRY(need_i64(c, f, "attention.key_length", 1, 4096, &key, e));
    if (!value) TRY(need_i64(c, f, "attention.value_length", 1, 4096, &value, e));
    c->qk_nope_dim = key - c->qk_rope_dim;
    c->v_dim = value;
    return OK;
}

static int read_gqa(struct config *c, const struct tf *f, struct err *e)
{
    char key[KEY_CAP];
    if (!c->kv_heads) c->kv_heads = c->heads;
    if (!c->head_dim) c->head_dim = c->dim / c->heads;
    int64_t value = c->head_dim, turned = c->head_dim;
    TRY(read_i64(c, f, "attention.value_length", 1, 4096, &value, e));
    TRY(read_i64(c, f, "rope.dimension_count", 1, 4096, &turned, e));
    if (value != c->head_dim || turned != c->head_dim)
        FAIL(e, ERR_UNSUPPORTED, "%s: \"%s\" is %lld; this program supports the width of a head (%lld)", f->path,
             full_key(key, c, value != c->head_dim ? "attention.value_length" : "rope.dimension_count"),
             (long long)(value != c->head_dim ? value : turned), (long long)c->head_dim);
    /* llama.cpp tells Gemma 3 27B, which has its own scale, by the number of layers. */
    if (c->arch->bit == ARCH_GEMMA3 && c->layers == GEMMA3_27B_LAYERS) c->query_scalar = (double)c->dim / (double)c->heads;
    return OK;
}

/* Llama 3's stretching comes as a tensor of divisors. The published ones are recognised, so that such a file can become
 * a folder again. */
static int read_rope_factors(struct config *c, const struct tf *f, struct err *e)
{
    const struct tf_tensor *t = tf_find(f, "rope_freqs.weight");
    float factor[512];
    double freq[512], plain[512], magnitude;
    int64_t n = c->head_dim / 2;
    if (!t || config_rope_scaled(c)) return OK;
    if (!t->known || t->dtype != DT_F32 || t->nd != 1 || t->ne[0] != n || n > 512)
        FAIL(e, ERR_FORMAT, "%s: rope_freqs.weight must be %lld numbers in f32", f->path, (long long)n);
    memcpy(factor, t->data, (size_t)n * sizeof *factor);
    config_rope_freq(c, plain, &magnitude);
    c->rope_factor = 1;
    for (int64_t i = 0; i < n; i++) {
        if (!(factor[i] >= 1e-3f && factor[i] <= 1e6f))
            FAIL(e, ERR_FORMAT, "%s: rope_freqs.weight[%lld] is %g, expected 0.001 to 1e6", f->path, (long long)i,
                 (double)factor[i]);
        c->rope_factor = fmax(c->rope_factor, (double)factor[i]);
    }
    c->rope_kind = ROPE_LLAMA3;
    config_rope_freq(c, freq, &magnitude);
    bool same = true;
    for (int64_t i = 0; i < n; i++) same &= fabs(plain[i] / freq[i] - (double)factor[i]) <= 1e-6 * (double)factor[i];
    if (!same) c->rope_kind = ROPE_FACTORS;
    return OK;
}

/* rope.scale_linear is the old name of the factor, and 0 means 1. A factor without a type is that of linear stretching,
 * which latent attention does not have here. */
static int read_factor(struct config *c, const struct tf *f, bool typed, struct err *e)
{
    char key[KEY_CAP], type[KEY_CAP];
    bool found, old;
    double v = 0;
    TRY(read_f64(c, f, "rope.scaling.factor", &v, &found, e));
    if (!found) TRY(read_f64(c, f, "rope.scale_linear", &v, &old, e));
    full_key(key, c, found ? "rope.scaling.factor" : "rope.scale_linear");
    c->rope_factor = v == 0 ? 1 : v;
    if (!c->arch->mla || typed || c->rope_factor == 1) return OK;
    FAIL(e, ERR_UNSUPPORTED,
         "%s: \"%s\" is %g without \"%s\", which means linear; for %s this program supports \"yarn\" and \"none\"", f->path,
         key, v, full_key(type, c, "rope.scaling.type"), c->arch->gguf);
}

static int read_rope(struct config *c, const struct tf *f, struct err *e)
{
    char *name = NULL, key[KEY_CAP];
    bool found, mla = c->arch->mla;
    TRY(tf_kv_str(f, full_key(key, c, "rope.scaling.type"), &name, &found, e));
    bool yarn = found && !strcmp(name, "yarn"), none = found ? !strcmp(name, "none") : mla;
    bool linear = !mla && (!found || !strcmp(name, "linear")); /* llama.cpp's default */
    int rc = OK;
    if (!yarn && !none && !linear)
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__, "%s: \"%s\" is \"%.40s\"; this program supports %s",
                     f->path, key, name, mla ? "\"yarn\" and \"none\"" : "\"yarn\", \"linear\" and \"none\"");
    bool typed = name != NULL;
    mem_free(name);
    TRY(rc);
    TRY(read_factor(c, f, typed, e));
    if (linear) c->rope_kind = ROPE_LINEAR;
    if (yarn) c->rope_kind = ROPE_YARN;
    if (none) c->rope_factor = 1;
    if (!config_rope_scaled(c) && !mla) c->rope_kind = ROPE_PLAIN;
    if (yarn && !tf_find_kv(f, full_key(key, c, "rope.scaling.original_context_length"))) {
        c->rope_original_context = c->context;
        log_warn("%s: \"%s\" is missing; as for llama.cpp it is the whole context (%lld)", f->path, key, (long long)c->context);
    }
    if (c->arch->bit == ARCH_MISTRAL3 && yarn) { /* mscale_all_dim as it is, and mscale 1 */
        TRY(read_f64(c, f, "rope.scaling.yarn_log_multiplier", &c->yarn_mscale_all_dim, &found, e));
        c->yarn_mscale = c->yarn_mscale_all_dim != 0;
    }
    if (!mla) return read_rope_factors(c, f, e);
    if (!yarn) return OK;
    /* The writers of such files store 0.1 * mscale_all_dim and mean mscale == mscale_all_dim. */
    double log_mul = 0;
    TRY(read_f64(c, f, "rope.scaling.yarn_log_multiplier", &log_mul, &found, e));
    if (!found && config_rope_scaled(c))
        FAIL(e, ERR_UNSUPPORTED, "%s: \"%s\" is missing; yarn needs it", f->path,
             full_key(key, c, "rope.scaling.yarn_log_multiplier"));
    char text[40];
    number_text(text, log_mul / 0.1, true);
    c->yarn_mscale = c->yarn_mscale_all_dim = strtod(text, NULL);
    return OK;
}

/* "deepseek2" is V2 with softmax and V3 with sigmoid; files older than the key are V2. */
static int find_deepseek(struct config *c, const struct tf *f, struct err *e)
{
    int64_t gating = GATING_SOFTMAX, experts = 0;
    char key[KEY_CAP];
    config_default(c);
    TRY(read_i64(c, f, "expert_gating_func", 0, 255, &gating, e));
    TRY(read_i64(c, f, "expert_count", 0, 1024, &experts, e));
    if (gating != GATING_SIGMOID && gating != GATING_SOFTMAX)
        FAIL(e, ERR_UNSUPPORTED, "%s: \"%s\" is %lld; this program supports %d (softmax) and %d (sigmoid)", f->path,
             full_key(key, c, "expert_gating_func"), (long long)gating, GATING_SOFTMAX, GATING_SIGMOID);
    if (gating == GATING_SOFTMAX && experts) config_default_of(c, &arch_deepseek2);
    return OK;
}

/* "llama" with a window is Mistral. llama.cpp does not know that key there. */
static int find_mistral(struct config *c, const struct tf *f, struct err *e)
{
    int64_t window = 0;
    TRY(read_i64(c, f, "attention.sliding_window", 0, INT32_MAX, &window, e));
    if (window > 0) config_default_of(c, &arch_mistral);
    return OK;
}

/* GGUF holds other things than models, too, and says so. */
static int check_kind(const struct tf *f, struct err *e)
{
    static const char *const kinds[][2] = {
        {"adapter", "an adapter (LoRA) for another model, which has to be merged into it first"},
        {"mmproj", "the part of a model that sees pictures or hears: the model itself is another file"},
        {"imatrix", "an importance matrix, for quantize --imatrix"},
        {"controlvector", "a control vector for another model"},
    };
    const struct tf_kv *type = tf_find_kv(f, "general.type"), *arch = tf_find_kv(f, "general.architecture");
    const struct tf_kv *kv = type && type->type == TF_STR ? type : arch && arch->type == TF_STR ? arch : NULL;
    for (size_t i = 0; kv && i < ARRAY_LEN(kinds); i++)
        if (strlen(kinds[i][0]) == kv->v.str.len && !memcmp(kinds[i][0], kv->v.str.s, kv->v.str.len))
            FAIL(e, ERR_UNSUPPORTED, "%s: this is no model but %s (\"%s\" is \"%s\")", f->path, kinds[i][1], kv->key,
                 kinds[i][0]);
    bool clip = arch && arch->type == TF_STR && arch->v.str.len == 4 && !memcmp(arch->v.str.s, "clip", 4);
    if (clip) FAIL(e, ERR_UNSUPPORTED, "%s: this is no model but %s (\"%s\" is \"clip\")", f->path, kinds[1][1], arch->key);
    return OK;
}

static int find_arch(struct config *c, const struct tf *f, struct err *e)
{
    char *name = NULL, names[200];
    bool found;
    TRY(tf_kv_str(f, "general.architecture", &name, &found, e));
    const struct arch *arch = NULL;
    for (int i = 0; archs[i] && found && !arch; i++)
        if (!strcmp(archs[i]->gguf, name)) arch = archs[i];
    int rc = OK;
    arch_names(names, sizeof names, true);
    if (!arch)
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                     "%s: \"general.architecture\" is \"%.60s\"; this program supports %s", f->path, found ? name : "",
                     names);
    mem_free(name);
    TRY(rc);
    if (arch->bit & ARCH_DEEPSEEK) return find_deepseek(c, f, e);
    config_default_of(c, arch);
    if (arch == &arch_llama) TRY(find_mistral(c, f, e));
    if (arch->bit == ARCH_QWEN3_MOE) c->experts_norm = true; /* what llama.cpp computes */
    return OK;
}

/* What is no id names no token; "none" is also written as the largest number of 32 bits. */
static void read_token(const struct tf *f, const char *key, int64_t *out)
{
    bool found;
    if (tf_kv_i64(f, key, 0, INT32_MAX, out, &found, NULL)) log_warn("%s: \"%s\" is no token id and is ignored", f->path, key);
}

int config_from_gguf(struct config *c, const struct tf *f, struct err *e)
{
    int64_t blocks = 0;
    config_default(c);
    TRY(check_kind(f, e));
    TRY(find_arch(c, f, e));
    c->rope_interleaved = c->arch->gguf_interleaved;
    for (int i = 0; i < config_n_fields; i++)
        if (config_fields[i].gguf && has_field(c, &config_fields[i])) TRY(read_field(c, &config_fields[i], f, e));
    TRY(need_i64(c, f, "block_count", 1, NET_MAX_LAYERS, &blocks, e));
    c->layers = blocks - c->mtp_layers;
    TRY((c->arch->mla ? read_mla : read_gqa)(c, f, e));
    TRY(read_vocab(c, f, e));
    c->tied_head = !tf_find(f, "output.weight"); /* GGUF has no key for it */
    TRY(read_rope(c, f, e));
    read_token(f, "tokenizer.ggml.bos_token_id", &c->bos);
    read_token(f, "tokenizer.ggml.eos_token_id", &c->eos);
    TRY(config_check(c, f->path, e));
    return config_check_gguf_keys(c, f, e);
}

/* ---- writing ---- */

static int put_u32(const struct config *c, struct tf_writer *w, const char *suffix, int64_t v, struct err *e)
{
    char key[KEY_CAP];
    return tf_writer_kv_u32(w, full_key(key, c, suffix), (uint32_t)v, e);
}

static int put_f32(const struct config *c, struct tf_writer *w, const char *suffix, double v, struct err *e)
{
    char key[KEY_CAP];
    return tf_writer_kv_f32(w, full_key(key, c, suffix), (float)v, e);
}

static int put_field(const struct config *c, const struct field *f, struct tf_writer *w, struct err *e)
{
    char key[KEY_CAP];
    switch (f->type) {
    case FIELD_INT: return put_u32(c, w, f->gguf, *int_at(c, f), e);
    case FIELD_NUM: return put_f32(c, w, f->gguf, *num_at(c, f), e);
    case FIELD_BOOL: return tf_writer_kv_bool(w, full_key(key, c, f->gguf), *bool_at(c, f), e);
    }
    return OK;
}

/* What llama.cpp does not ask for it takes for granted: it would run other models as if they had the usual values. (It also
 * counts the groups of DeepSeek V2's experts by the two best, as V3 does; its own files say the same as ours.) */
static int check_sayable(const struct config *c, struct err *e)
{
    bool yarn = c->rope_kind == ROPE_YARN && config_rope_scaled(c);
    if (yarn && c->arch->mla && (c->yarn_mscale != c->yarn_mscale_all_dim || c->yarn_mscale == 0))
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold rope_scaling mscale %g with mscale_all_dim %g: they must be equal and not 0",
             c->yarn_mscale, c->yarn_mscale_all_dim);
    if (yarn && c->arch->bit == ARCH_MISTRAL3 && c->yarn_mscale != 1 && c->yarn_mscale != 0 && c->yarn_mscale_all_dim != 0)
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold rope_scaling mscale %g of %s: it must be 1", c->yarn_mscale, c->arch->hf);
    bool fourth = c->nope_period == 4 || (c->nope_period > c->layers && c->layers < 4);
    if (c->arch->bit == ARCH_SMOLLM3 && !fourth)
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold no_rope_layer_interval %lld of %s: it must be 4", (long long)c->nope_period,
             c->arch->hf);
    if (yarn && c->arch->bit != ARCH_MISTRAL3 && (c->yarn_beta_fast != 32 || c->yarn_beta_slow != 1))
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold rope_scaling beta_fast %g, beta_slow %g: they must be 32 and 1",
             c->yarn_beta_fast, c->yarn_beta_slow);
    double usual = c->layers == GEMMA3_27B_LAYERS ? (double)c->dim / (double)c->heads : (double)c->head_dim;
    if (c->arch->bit == ARCH_GEMMA3 && c->query_scalar != usual)
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold query_pre_attn_scalar %g: it must be %g", c->query_scalar, usual);
    if (c->arch->bit == ARCH_QWEN3_MOE && !c->experts_norm)
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold norm_topk_prob false for %s: it must be true", c->arch->hf);
    return OK;
}

bool config_gguf_differs(const struct config *c, char *out, size_t cap)
{
    if (!(c->arch->bit & ARCH_MISTRALS) || !c->window || c->window >= c->context) return false;
    snprintf(out, cap, "llama.cpp knows no window for \"%s\": beyond %lld tokens it computes something else from this file",
             c->arch->gguf, (long long)c->window);
    return true;
}

static bool is_written(const struct config *c, const struct field *f)
{
    if (!f->gguf || !has_field(c, f)) return false;
    bool in_tensor = c->rope_kind == ROPE_LLAMA3 || c->rope_kind == ROPE_FACTORS;
    if (rope_key(f)) return rope_field_used(c, f) && config_rope_scaled(c) && !in_tensor;
    if (c->arch->bit & ARCH_MISTRALS && f->offset == offsetof(struct config, window) && !c->window) return false;
    if (c->arch->bit == ARCH_QWEN3_MOE && f->type == FIELD_BOOL) return false; /* expert_weights_norm: not known there */
    return !(!c->experts && strstr(f->gguf, "expert_group"));
}

static int put_mla(const struct config *c, struct tf_writer *w, struct err *e)
{
    TRY(put_u32(c, w, "attention.head_count_kv", 1, e));
    TRY(put_u32(c, w, "attention.key_length", c->kv_lora_rank + c->qk_rope_dim, e));
    TRY(put_u32(c, w, "attention.value_length", c->kv_lora_rank, e));
    TRY(put_u32(c, w, "attention.key_length_mla", c->qk_nope_dim + c->qk_rope_dim, e));
    TRY(put_u32(c, w, "attention.value_length_mla", c->v_dim, e));
    return put_u32(c, w, "expert_gating_func", c->arch->sigmoid ? GATING_SIGMOID : GATING_SOFTMAX, e);
}

/* llama.cpp wants q_lora_rank even when it is 0, no groups where there are no experts or all groups are used, and the
 * widths of the compressed cache as key_length and value_length. */
int config_to_gguf(const struct config *config, struct tf_writer *w, struct err *e)
{
    char key[KEY_CAP];
    struct config full = *config, *c = &full;
    if (c->arch->mla) c->dense_layers = config_first_moe(c);
    if (!c->experts) c->experts_used = 0;
    if (c->expert_groups == c->expert_groups_used) c->expert_groups = c->expert_groups_used = 1;
    TRY(check_sayable(c, e));
    TRY(tf_writer_kv_str(w, "general.architecture", c->arch->gguf, e));
    for (int i = 0; i < config_n_fields; i++)
        if (is_written(c, &config_fields[i])) TRY(put_field(c, &config_fields[i], w, e));
    TRY(put_u32(c, w, "vocab_size", c->vocab, e));
    TRY(put_u32(c, w, "block_count", c->layers + c->mtp_layers, e));
    if (c->arch->mla) {
        TRY(put_mla(c, w, e));
    } else {
        TRY(put_u32(c, w, "attention.value_length", c->head_dim, e));
        TRY(put_u32(c, w, "rope.dimension_count", c->head_dim, e));
    }
    bool yarn = c->rope_kind == ROPE_YARN && config_rope_scaled(c), linear = c->rope_kind == ROPE_LINEAR && config_rope_scaled(c);
    TRY(tf_writer_kv_str(w, full_key(key, c, "rope.scaling.type"), yarn ? "yarn" : linear ? "linear" : "none", e));
    if ((c->rope_kind == ROPE_LLAMA3 || c->rope_kind == ROPE_FACTORS) && config_rope_scaled(c)) /* for read_rope_factors */
        TRY(put_u32(c, w, "rope.scaling.original_context_length", c->rope_original_context, e));
    if (yarn && c->arch->mla) TRY(put_f32(c, w, "rope.scaling.yarn_log_multiplier", 0.1 * c->yarn_mscale_all_dim, e));
    if (yarn && c->arch->bit == ARCH_MISTRAL3 && c->yarn_mscale != 0)
        TRY(put_f32(c, w, "rope.scaling.yarn_log_multiplier", c->yarn_mscale_all_dim, e));
    return OK;
}
