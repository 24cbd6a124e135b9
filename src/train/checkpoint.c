/* Writing and reading checkpoints. */
#include "train/checkpoint.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sys/dir.h"
#include "sys/file.h"

enum { STATE_VERSION = 1, MAX_STATE = 4 << 20, MAX_TOKENIZER = 256 << 20, NAME_MAX_BYTES = 160 };

void train_state_free(struct train_state *s)
{
    mem_free(s->recipe);
    *s = (struct train_state){0};
}

/* ---- Writing ---- */

/* Parameters whose bits model.safetensors does not have: it holds them as other programs expect them. */
static bool is_changed(const struct param *p) { return p->plus_one; }

/* Their bits, in the file of the optimiser; pass 0 declares, pass 1 writes. */
static int write_changed(const struct trainer *t, struct tf_writer *w, int pass, struct err *e)
{
    for (int i = 0; i < t->net.n_params; i++) {
        const struct param *p = &t->net.params[i];
        char name[NAME_MAX_BYTES];
        if (!is_changed(p)) continue;
        snprintf(name, sizeof name, "w/%s", p->hf_name);
        if (pass == 0) TRY(tf_writer_declare(w, name, DT_F32, p->t.nd, p->t.ne, e));
        else TRY(tf_writer_data(w, tensor_f32(&p->t), (size_t)tensor_count(&p->t) * sizeof(float), e));
    }
    return OK;
}

static int write_moments(const struct trainer *t, struct tf_writer *w, struct err *e)
{
    float **moments[2] = {t->optim.m, t->optim.v};
    for (int pass = 0; pass < 2; pass++) {
        TRY(write_changed(t, w, pass, e));
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < t->net.n_params; i++) {
                const struct param *p = &t->net.params[i];
                char name[NAME_MAX_BYTES];
                if (!p->trained) continue;
                snprintf(name, sizeof name, "%c/%s", "mv"[k], p->hf_name);
                if (pass == 0) TRY(tf_writer_declare(w, name, DT_F32, p->t.nd, p->t.ne, e));
                else TRY(tf_writer_data(w, moments[k][i], (size_t)tensor_count(&p->t) * sizeof(float), e));
            }
        if (pass == 0) TRY(tf_writer_begin(w, e));
    }
    return OK;
}

static int save_moments(const struct trainer *t, const char *dir, struct err *e)
{
    char path[PATH_MAX];
    struct tf_writer *w;
    TRY(path_join(path, sizeof path, dir, "optimizer.safetensors", e));
    TRY(tf_writer_safetensors(&w, path, e));
    int rc = write_moments(t, w, e);
    if (!rc) return tf_writer_commit(w, e);
    tf_writer_abort(w);
    return rc;
}

static int save_state(const struct trainer *t, const struct train_state *s, const char *dir, struct err *e)
{
    char path[PATH_MAX], weights[65], *text = NULL;
    TRY(path_join(path, sizeof path, dir, "state.json", e));
    TRY(train_weights_hash(&t->net, weights, e));
    json_t *j = json_pack("{s:i, s:I, s:I, s:I, s:I, s:f, s:s, s:s, s:s, s:s}", "version", STATE_VERSION, "step",
                          (json_int_t)t->step, "tokens", (json_int_t)s->tokens, "metrics_bytes", (json_int_t)s->metrics_bytes,
                          "samples_bytes", (json_int_t)s->samples_bytes, "seconds", s->seconds, "weights_sha256", weights,
                          "tokenizer_sha256", s->tokenizer_hash, "data_sha256", s->data_hash, "recipe", s->recipe);
    if (j) text = json_text_pretty(j);
    json_decref(j);
    if (!text) return json_bad(path, e);
    int rc = file_replace(path, text, strlen(text), e);
    mem_free(text);
    return rc;
}

static int copy_file(const char *from, const char *dir, const char *name, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t len;
    TRY(path_join(path, sizeof path, dir, name, e));
    TRY(file_read(&text, &len, from, MAX_TOKENIZER, e));
    int rc = file_replace(path, text, len, e);
    mem_free(text);
    return rc;
}

static int hash_file(const char *dir, const char *name, char out[65], struct err *e)
{
    char path[PATH_MAX];
    struct file_map m;
    TRY(path_join(path, sizeof path, dir, name, e));
    TRY(file_map(&m, path, e));
    int rc = sha256_of(m.data, m.size, out, e);
    file_unmap(&m);
    return rc;
}

static int save_sums(const char *dir, struct err *e)
{
    char **names, path[PATH_MAX], hash[65];
    size_t n;
    struct buf b = {0};
    TRY(file_list(&names, &n, dir, e));
    int rc = path_join(path, sizeof path, dir, "SHA256SUMS", e);
    for (size_t i = 0; i < n && !rc; i++)
        if (!(rc = hash_file(dir, names[i], hash, e))) buf_printf(&b, "%s  %s\n", hash, names[i]);
    names_free(names, n);
    if (!rc) rc = buf_check(&b, path, e);
    if (!rc) rc = file_replace(path, b.data, b.len, e);
    buf_free(&b);
    return rc;
}

/* ---- The folders of a run ---- */

/* The number N of "checkpoint-N", or -1. */
static int64_t checkpoint_number(const char *name)
{
    char *end;
    if (strncmp(name, "checkpoint-", 11) != 0 || name[11] < '0' || name[11] > '9') return -1;
    long long n = strtoll(name + 11, &end, 10);
    return *end ? -1 : n;
}

/* Numbers of all checkpoints, newest first; *out owned. */
static int list_numbers(int64_t **out, size_t *count, const char *run, struct err *e)
{
    char **names;
    size_t n, k = 0;
    TRY(file_list(&names, &n, run, e));
    int64_t *v = mem_array(n + 1, sizeof *v);
    for (size_t i = 0; v && i < n; i++) {
        int64_t x = checkpoint_number(names[i]);
        if (x < 0) continue;
        size_t at = k++;
        for (; at > 0 && v[at - 1] < x; at--) v[at] = v[at - 1];
        v[at] = x;
    }
    names_free(names, n);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for the list of checkpoints", run);
    *out = v;
    *count = k;
    return OK;
}

static int folder_of(char *out, size_t cap, const char *run, int64_t step, struct err *e)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoint-%" PRId64, step);
    return path_join(out, cap, run, name, e);
}

static int remove_old(const char *run, int64_t keep, struct err *e)
{
    int64_t *v;
    size_t n;
    char path[PATH_MAX];
    TRY(list_numbers(&v, &n, run, e));
    int rc = OK;
    for (size_t i = (size_t)keep; i < n && !rc; i++) {
        rc = folder_of(path, sizeof path, run, v[i], e);
        if (!rc) rc = dir_remove_tree(path, e);
    }
    mem_free(v);
    return rc;
}

static int write_latest(const char *run, int64_t step, struct err *e)
{
    char path[PATH_MAX], text[64];
    TRY(path_join(path, sizeof path, run, "latest", e));
    int n = snprintf(text, sizeof text, "checkpoint-%" PRId64 "\n", step);
    return file_replace(path, text, (size_t)n, e);
}

/* All files of a checkpoint. */
static int save_files(const struct trainer *t, const struct train_state *s, const char *tokenizer_json, const char *dir,
                      struct err *e)
{
    TRY(net_save_folder(&t->net, dir, DT_F32, e));
    TRY(save_moments(t, dir, e));
    if (tokenizer_json) TRY(copy_file(tokenizer_json, dir, "tokenizer.json", e));
    TRY(save_state(t, s, dir, e));
    return save_sums(dir, e);
}

int checkpoint_settle(const char *run, int64_t step, int64_t keep, struct err *e)
{
    TRY(write_latest(run, step, e));
    return remove_old(run, keep, e);
}

int checkpoint_save(const struct trainer *t, const char *run, const struct train_state *s, const char *tokenizer_json,
                    int64_t keep, struct err *e)
{
    char path[PATH_MAX];
    struct dir_out o;
    TRY(folder_of(path, sizeof path, run, t->step, e));
    TRY(dir_out_open(&o, path, e));
    int rc = save_files(t, s, tokenizer_json, dir_out_path(&o), e);
    if (!rc) rc = dir_remove_tree(path, e); /* a damaged one of the same number */
    if (!rc) rc = dir_out_commit(&o, e);
    dir_out_abort(&o); /* no effect after commit */
    return rc ? rc : checkpoint_settle(run, t->step, keep, e);
}

int checkpoint_remove_all(const char *run, struct err *e)
{
    char path[PATH_MAX];
    TRY(remove_old(run, 0, e));
    TRY(path_join(path, sizeof path, run, "latest", e));
    return file_remove(path, e);
}

int checkpoint_any(bool *any, const char *run, struct err *e)
{
    int64_t *v;
    size_t n;
    TRY(list_numbers(&v, &n, run, e)); /* a folder that cannot be listed is no empty one */
    mem_free(v);
    *any = n > 0;
    return OK;
}

/* ---- Reading ---- */

/* Checks one line "HASH  NAME" of SHA256SUMS. */
static int check_sum_line(const char *dir, const char *line, size_t len, unsigned *seen, struct err *e)
{
    static const char *const needed[] = {"model.safetensors", "optimizer.safetensors", "state.json"};
    char name[256], hash[65];
    if (len < 67 || len - 66 >= sizeof name || line[64] != ' ' || line[65] != ' ' || memchr(line + 66, '/', len - 66))
        FAIL(e, ERR_INTEGRITY, "%s/SHA256SUMS: \"%.*s\" is not HASH  NAME", dir, (int)(len < 80 ? len : 80), line);
    memcpy(name, line + 66, len - 66);
    name[len - 66] = 0;
    TRY(hash_file(dir, name, hash, e));
    if (memcmp(hash, line, 64) != 0) FAIL(e, ERR_INTEGRITY, "%s/%s: SHA-256 is %s, expected %.64s", dir, name, hash, line);
    for (unsigned i = 0; i < 3; i++)
        if (!strcmp(name, needed[i])) *seen |= 1u << i;
    return OK;
}

static int check_sums(const char *dir, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t len;
    unsigned seen = 0;
    TRY(path_join(path, sizeof path, dir, "SHA256SUMS", e));
    TRY(file_read(&text, &len, path, MAX_STATE, e));
    int rc = OK;
    for (size_t at = 0; at < len && !rc;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        rc = check_sum_line(dir, text + at, n, &seen, e);
        at += n + 1;
    }
    mem_free(text);
    if (!rc && seen != 7)
        FAIL(e, ERR_INTEGRITY, "%s: not all of model.safetensors, optimizer.safetensors and state.json are listed", path);
    return rc;
}

static int read_hash(const json_t *j, const char *key, char out[65], const char *where, struct err *e)
{
    const char *s = NULL;
    TRY(json_opt_str(j, key, &s, where, e));
    if (!s || strlen(s) > 64) FAIL(e, ERR_FORMAT, "%s: \"%s\" is not a hash", where, key);
    memcpy(out, s, strlen(s) + 1);
    return OK;
}

static int parse_state(struct train_state *s, const json_t *j, const char *where, struct err *e)
{
    int64_t version;
    const char *recipe = NULL;
    TRY(json_get_i64(j, "version", STATE_VERSION, STATE_VERSION, &version, where, e));
    TRY(json_get_i64(j, "step", 0, INT64_MAX, &s->step, where, e));
    TRY(json_get_i64(j, "tokens", 0, INT64_MAX, &s->tokens, where, e));
    TRY(json_get_i64(j, "metrics_bytes", 0, INT64_MAX, &s->metrics_bytes, where, e));
    TRY(json_get_i64(j, "samples_bytes", 0, INT64_MAX, &s->samples_bytes, where, e));
    TRY(json_opt_f64(j, "seconds", 0, 1e18, &s->seconds, where, e));
    TRY(read_hash(j, "weights_sha256", s->weights_hash, where, e));
    TRY(read_hash(j, "tokenizer_sha256", s->tokenizer_hash, where, e));
    TRY(read_hash(j, "data_sha256", s->data_hash, where, e));
    TRY(json_opt_str(j, "recipe", &recipe, where, e));
    if (!recipe) FAIL(e, ERR_FORMAT, "%s: \"recipe\" is missing", where);
    s->recipe = mem_strdup(recipe);
    if (!s->recipe) FAIL(e, ERR_MEMORY, "%s: out of memory", where);
    return OK;
}

static int read_state(struct train_state *s, const char *dir, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t len;
    json_t *j;
    *s = (struct train_state){0};
    TRY(check_sums(dir, e));
    TRY(path_join(path, sizeof path, dir, "state.json", e));
    TRY(file_read(&text, &len, path, MAX_STATE, e));
    int rc = json_parse(&j, text, len, path, e);
    mem_free(text);
    if (rc) return rc;
    rc = parse_state(s, j, path, e);
    json_decref(j);
    if (rc) train_state_free(s);
    return rc;
}

/* Tries numbers v[0 ..], newest first. *good: which one. */
static int find_good(const char *run, const int64_t *v, size_t n, size_t *good, char *path, size_t cap, struct train_state *s,
                     struct err *e)
{
    struct err why = {0};
    for (*good = 0; *good < n; (*good)++) {
        TRY(folder_of(path, cap, run, v[*good], e));
        int rc = read_state(s, path, &why);
        if (!rc) return OK;
        if (rc == ERR_IO || rc == ERR_MEMORY) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
        log_warn("checkpoint-%" PRId64 " is damaged and not used: %s", v[*good], why.msg);
    }
    if (n == 0) FAIL(e, ERR_NOTFOUND, "%s: no checkpoint", run);
    FAIL(e, ERR_INTEGRITY, "%s: none of %zu checkpoints is whole; the oldest: %.300s", run, n, why.msg);
}

int checkpoint_find(const char *run, char *path, size_t cap, struct train_state *s, struct err *e)
{
    int64_t *v;
    size_t n, good;
    char bad[PATH_MAX];
    TRY(list_numbers(&v, &n, run, e));
    int rc = find_good(run, v, n, &good, path, cap, s, e);
    for (size_t i = 0; i < good && !rc; i++) { /* they would count as newer than those to come */
        rc = folder_of(bad, sizeof bad, run, v[i], e);
        if (!rc) rc = dir_remove_tree(bad, e);
        if (rc) train_state_free(s);
    }
    mem_free(v);
    return rc;
}

/* Copies tensor `name` of f into out (count numbers). */
static int copy_tensor(float *out, const struct tf *f, const char *name, int nd, const int64_t *ne, struct err *e)
{
    const struct tf_tensor *x = tf_find(f, name);
    if (!x) FAIL(e, ERR_NOTFOUND, "%s: tensor %s is missing", f->path, name);
    bool same = x->known && x->dtype == DT_F32 && x->nd == nd;
    uint64_t bytes = sizeof(float);
    for (int d = 0; d < nd; d++) {
        same = same && x->ne[d] == ne[d];
        bytes *= (uint64_t)ne[d];
    }
    if (!same || x->bytes != bytes)
        FAIL(e, ERR_FORMAT, "%s: tensor %s has another shape or type than the recipe's network", f->path, name);
    memcpy(out, x->data, bytes);
    return OK;
}

/* A stack of experts is one tensor per expert in the file. */
static int load_experts(struct param *p, const struct tf *f, struct err *e)
{
    char name[NAME_MAX_BYTES];
    const char *at = strstr(p->hf_name, "%d");
    int64_t size = p->t.ne[1] * p->t.ne[2];
    for (int64_t i = 0; at && i < p->t.ne[0]; i++) {
        snprintf(name, sizeof name, "%.*s%" PRId64 "%s", (int)(at - p->hf_name), p->hf_name, i, at + 2);
        TRY(copy_tensor(tensor_f32(&p->t) + i * size, f, name, 2, p->t.ne + 1, e));
    }
    return OK;
}

static int load_weights(struct trainer *t, const struct tf *f, struct err *e)
{
    for (int i = 0; i < t->net.n_params; i++) {
        struct param *p = &t->net.params[i];
        if (is_changed(p)) continue; /* load_moments */
        if (p->form == FORM_EXPERTS) TRY(load_experts(p, f, e));
        else TRY(copy_tensor(tensor_f32(&p->t), f, p->hf_name, p->t.nd, p->t.ne, e));
    }
    return OK;
}

static int load_moments(struct trainer *t, const struct tf *f, struct err *e)
{
    float **moments[2] = {t->optim.m, t->optim.v};
    for (int i = 0; i < t->net.n_params; i++) {
        struct param *p = &t->net.params[i];
        char name[NAME_MAX_BYTES];
        if (!is_changed(p)) continue;
        snprintf(name, sizeof name, "w/%s", p->hf_name);
        TRY(copy_tensor(tensor_f32(&p->t), f, name, p->t.nd, p->t.ne, e));
    }
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < t->net.n_params; i++) {
            const struct param *p = &t->net.params[i];
            char name[NAME_MAX_BYTES];
            if (!p->trained) continue;
            snprintf(name, sizeof name, "%c/%s", "mv"[k], p->hf_name);
            TRY(copy_tensor(moments[k][i], f, name, p->t.nd, p->t.ne, e));
        }
    return OK;
}

static int load_file(struct trainer *t, const char *dir, const char *name,
                     int (*fn)(struct trainer *, const struct tf *, struct err *), struct err *e)
{
    char path[PATH_MAX];
    struct tf f = {0};
    TRY(path_join(path, sizeof path, dir, name, e));
    int rc = tf_open(&f, path, e);
    if (!rc) rc = fn(t, &f, e);
    tf_close(&f);
    return rc;
}

int checkpoint_load(struct trainer *t, const char *path, const struct train_state *s, struct err *e)
{
    char hash[65];
    TRY(load_file(t, path, "model.safetensors", load_weights, e));
    TRY(load_file(t, path, "optimizer.safetensors", load_moments, e));
    TRY(train_weights_hash(&t->net, hash, e));
    if (strcmp(hash, s->weights_hash) != 0)
        FAIL(e, ERR_INTEGRITY, "%s: SHA-256 of the weights is %s, expected %s", path, hash, s->weights_hash);
    t->step = s->step;
    return OK;
}
