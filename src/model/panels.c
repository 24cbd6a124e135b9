/* The file of panels: key, head, sums. */
#include "model/panels.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sum64.h"
#include "model/load_internal.h"
#include "sys/file.h"

enum { SAMPLE = 4096, PROBE_COLS = 512, PIECES_AT_A_TIME = 64, SLACK = 10, CHECK_AFTER = 7 * 24 * 3600 };

/* ---- the key ---- */

static void add_tensor(struct sha256 *h, const struct tf_tensor *t)
{
    char line[TF_NAME_MAX + 160];
    int n = snprintf(line, sizeof line, "%s %u %d %lld %lld %lld %lld %llu %llu\n", t->name, t->raw_type, t->nd,
                     (long long)t->ne[0], (long long)t->ne[1], (long long)t->ne[2], (long long)t->ne[3],
                     (unsigned long long)t->offset, (unsigned long long)t->bytes);
    size_t sample = t->bytes < SAMPLE ? (size_t)t->bytes : SAMPLE;
    sha256_add(h, line, (size_t)n < sizeof line ? (size_t)n : sizeof line);
    sha256_add(h, t->data, sample);
    sha256_add(h, t->data + (t->bytes - sample), sample);
}

/* What the packers make of weights that never change, in rows that fill one panel and begin another: whoever moves a byte of the
 * layout has another key, without having to say so. */
static int add_layout(struct sha256 *h, const struct load *l, enum dtype type, struct err *e)
{
    const struct load_options *o = l->o;
    const int64_t rows = QP_ROWS + 1;
    bool plain = type == DT_F32;
    size_t from = format_bytes(type, rows * PROBE_COLS);
    size_t to = plain ? gemm_packed_bytes(o->ks, o->compute, rows, PROBE_COLS) : qpanel_bytes(type, rows, PROBE_COLS);
    unsigned char *mem;
    TRY(mem_new((void **)&mem, from + to, "a probe of the layout", e));
    for (size_t i = 0; i < from / 4; i++) {
        float f = (float)rng_below(1, (uint64_t)type, i, 1 << 16) / 1024;
        uint32_t word = (uint32_t)rng_below(2, (uint64_t)type, i, UINT64_C(1) << 32);
        memcpy(mem + 4 * i, plain ? (const void *)&f : (const void *)&word, 4);
    }
    if (plain) gemm_pack(o->ks, o->compute, mem + from, mem, DT_F32, rows, PROBE_COLS);
    else qpanel_pack(type, mem + from, mem, rows, PROBE_COLS);
    sha256_add(h, mem + from, to);
    mem_free(mem);
    return OK;
}

static void add_place(struct sha256 *h, const struct tensor *t, const char *name, bool *used)
{
    char line[TF_NAME_MAX + 80];
    bool packed = t->packed_stride > 0;
    int n = snprintf(line, sizeof line, "%s %d %lld %lld %lld\n", name, t->dtype, (long long)t->packed_stride,
                     (long long)t->ne[0], (long long)t->ne[1]);
    sha256_add(h, line, (size_t)n < sizeof line ? (size_t)n : sizeof line);
    if (packed) used[t->dtype] = true;
}

/* How the arena is cut up, and what its pieces look like. */
static int add_places(struct sha256 *h, const struct load *l, struct err *e)
{
    const struct net *net = l->net;
    bool used[DT_COUNT] = {0};
    for (int i = 0; i < net->n_params; i++) {
        const struct param *p = &net->params[i];
        add_place(h, &p->t, p->gguf_name, used);
        if (p->form != FORM_KV_B || !net->layers[p->layer].w_uk) continue;
        for (int k = 0; k < 2; k++) add_place(h, &net->layers[p->layer].absorbed[k], "half", used);
    }
    if (net->head == &net->head_copy) add_place(h, net->head, "head", used);
    for (int t = 0; t < DT_COUNT; t++)
        if (used[t]) TRY(add_layout(h, l, (enum dtype)t, e));
    return OK;
}

int panels_key(char key[SHA256_HEX], const struct load *l, size_t need, struct err *e)
{
    struct sha256 *h;
    char line[160];
    const struct kernels *ks = l->o->ks;
    TRY(sha256_new(&h, e));
    int n = snprintf(line, sizeof line, "need %zu compute %d nr %d %d absorbed %d int8 %d\n", need, l->o->compute,
                     ks->gemm_f32.nr, ks->gemm_bf16.nr, l->net->absorbed, l->o->int8);
    sha256_add(h, line, (size_t)n);
    tf_identify(l->file, h);
    int rc = OK;
    for (size_t i = 0; !rc && i < l->file->n_tensors; i++) { /* from a slow disk this lasts */
        add_tensor(h, &l->file->tensors[i]);
        tf_forget(l->file, &l->file->tensors[i]); /* the system maps what is around the samples too */
        rc = load_check_stop(l, e);
    }
    if (!rc) rc = add_places(h, l, e);
    sha256_hex(h, key);
    return rc;
}

/* ---- sums ---- */

static uint64_t pieces_of(uint64_t arena) { return arena / PANELS_PIECE + (arena % PANELS_PIECE != 0); }

uint64_t panels_file_bytes(uint64_t arena) { return PANELS_HEAD + arena + pieces_of(arena) * sizeof(uint64_t); }

struct sums {
    const uint8_t *data;
    size_t bytes;
    uint8_t *out;         /* to be written, or NULL: */
    const uint8_t *known; /* to be compared with */
    int64_t first, wrong; /* wrong: a piece that differs, or -1 */
};

static void sum_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct sums *s = ctx;
    size_t i = (size_t)(s->first + task), at = i * PANELS_PIECE;
    uint64_t sum = sum64(s->data + at, s->bytes - at < PANELS_PIECE ? s->bytes - at : PANELS_PIECE);
    if (s->out) memcpy(s->out + i * sizeof sum, &sum, sizeof sum);
    else if (memcmp(s->known + i * sizeof sum, &sum, sizeof sum) != 0) __atomic_store_n(&s->wrong, (int64_t)i, __ATOMIC_RELAXED);
}

/* Over the whole arena, all threads. */
static int each_piece(struct sums *s, const struct load *l, struct err *e)
{
    int64_t n = (int64_t)pieces_of(s->bytes);
    s->wrong = -1;
    for (s->first = 0; s->first < n && s->wrong < 0; s->first += PIECES_AT_A_TIME) {
        TRY(load_check_stop(l, e));
        pool_for(l->o->pool, min_i64(PIECES_AT_A_TIME, n - s->first), sum_task, s);
    }
    return OK;
}

static uint64_t sum_of_head(const struct panels_head *h)
{
    struct panels_head copy = *h;
    copy.stamp = 0;
    copy.head_sum = 0;
    return sum64(&copy, sizeof copy);
}

/* ---- reading ---- */

static bool head_ok(const struct panels_head *h)
{
    return !memcmp(h->magic, PANELS_MAGIC, sizeof h->magic) && h->head_sum == sum_of_head(h) &&
           memchr(h->model, 0, sizeof h->model);
}

bool panels_read_head(struct panels_head *h, const char *path)
{
    struct file_map m;
    if (file_map(&m, path, NULL)) return false;
    bool ok = m.size >= PANELS_HEAD;
    if (ok) memcpy(h, m.data, sizeof *h);
    ok = ok && head_ok(h) && h->bytes <= m.size && m.size == panels_file_bytes(h->bytes);
    file_unmap(&m);
    return ok;
}

bool panels_fresh(const struct shared *p, const struct panels_head *h, int64_t now)
{
    return p->modified == h->stamp && p->modified_nanoseconds == 0 && p->changed >= h->stamp && p->changed <= h->stamp + SLACK &&
           now < h->stamp + CHECK_AFTER && now + CHECK_AFTER > h->stamp;
}

/* Stamps are even seconds: some file systems keep no others. */
static int64_t even(int64_t seconds) { return seconds - (seconds & 1); }

static int check_sums(const struct shared *p, const struct panels_head *h, const struct load *l, size_t need, struct err *e)
{
    struct sums s = {.data = p->data + PANELS_HEAD, .bytes = need, .known = p->data + PANELS_HEAD + need};
    if (sum64(s.known, pieces_of(need) * sizeof(uint64_t)) != h->sums_sum)
        FAIL(e, ERR_INTEGRITY, "%s: its checksums have changed since it was written", p->path);
    TRY(each_piece(&s, l, e));
    if (s.wrong >= 0)
        FAIL(e, ERR_INTEGRITY, "%s: bytes have changed since it was written (in MiB %lld of %llu)", p->path,
             (long long)s.wrong + 1, (unsigned long long)pieces_of(need));
    return OK;
}

int panels_open(struct shared *p, const struct load *l, const char *path, const char *key, size_t need, struct err *e)
{
    struct panels_head h;
    TRY(shared_open(p, path, panels_file_bytes(need), e));
    memcpy(&h, p->data, sizeof h);
    int rc = OK;
    if (!p->safe) rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__, "%s: belongs to somebody else", path);
    else if (memcmp(h.magic, PANELS_MAGIC, sizeof h.magic) != 0 || memcmp(h.key, key, sizeof h.key) != 0)
        rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__, "%s: made for another model or another way of computing", path);
    else if (!head_ok(&h))
        rc = err_set(e, ERR_INTEGRITY, __FILE__, __LINE__, "%s: its head has changed since it was written", path);
    else if (!panels_fresh(p, &h, (int64_t)time(NULL))) {
        rc = check_sums(p, &h, l, need, e);
        h.stamp = even((int64_t)time(NULL));
        /* Where it cannot be written, it is checked the next time again. */
        if (!rc) file_patch(path, &h.stamp, sizeof h.stamp, offsetof(struct panels_head, stamp), h.stamp, NULL);
    }
    if (rc) shared_close(p);
    return rc;
}

/* ---- writing ---- */

int panels_create(struct shared *p, const struct load *l, const char *path, size_t need, struct err *e)
{
    const char *like = l->file->n_tensors ? tf_file_of(l->file, l->file->tensors) : l->file->path;
    int rc = shared_create(p, path, panels_file_bytes(need), like, e);
    if (rc) err_prefix(e, "the packed weights stay in memory");
    return rc;
}

int panels_commit(struct shared *p, const struct load *l, const char *key, size_t need, struct err *e)
{
    struct panels_head h = {.magic = PANELS_MAGIC, .bytes = need};
    struct sums s = {.data = p->data + PANELS_HEAD, .bytes = need, .out = p->data + PANELS_HEAD + need};
    TRY(each_piece(&s, l, e));
    TRY(shared_sync(p, l->o->stop, e)); /* before the time is taken: it may last */
    TRY(shared_now(&h.stamp, p, e));
    h.stamp = even(h.stamp);
    memcpy(h.key, key, sizeof h.key);
    h.model_bytes = file_look(l->o->panels->model, true).size;
    snprintf(h.model, sizeof h.model, "%s", l->o->panels->model);
    h.sums_sum = sum64(s.out, pieces_of(need) * sizeof(uint64_t));
    h.head_sum = sum_of_head(&h);
    memcpy(p->data, &h, sizeof h);
    return shared_commit(p, h.stamp, e);
}

void *panels_data(const struct shared *p) { return p->data + PANELS_HEAD; }
