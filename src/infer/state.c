/* Saving and loading sessions. */
#include "infer/state.h"
#include <stdio.h>
#include <string.h>
#include "autarky.h"
#include "base/checked.h"
#include "model/arch.h"
#include "model/identity.h"
#include "sys/file.h"

#define STATE_MAGIC "autarky state 1"

/* Little-endian. Behind it: ids (rows), logits (logits, f32), of each layer its rows; then the hash of all before. */
struct state_head {
    char magic[16], model[64], form[STATE_FORM];
    uint64_t rows, logits, layers, row_bytes;
};
enum { HASH = SHA256_HEX - 1 };
_Static_assert(sizeof(struct state_head) == 176, "there are no gaps in the head");

int state_key(struct state_key *k, const struct engine *en, struct err *e)
{
    const char *attention = !en->net.config.arch->mla ? "" : en->net.absorbed ? ", absorbed" : ", plain";
    bool own = !en->int8 && en->compute == COMPUTE_BF16 && !kernels_bf16_is_chain(en->ks.level); /* rounds in its own way */
    memset(k, 0, sizeof *k);
    int n = snprintf(k->form, sizeof k->form, "%s%s%s, cache %s%s, autarky %s", engine_compute_name(en), own ? " of " : "",
                     own ? cpu_level_name(en->ks.level) : "", formats[en->cache].name, attention, AUTARKY_VERSION);
    if (n < 0 || (size_t)n >= sizeof k->form) FAIL(e, ERR_LIMIT, "the form of computing has no name of %d bytes",
                                                   STATE_FORM - 1);
    return net_identity(k->model, &en->net, e);
}

static int make_head(struct state_head *h, const struct session *s, struct err *e)
{
    struct state_key key;
    TRY(state_key(&key, s->dec->en, e));
    *h = (struct state_head){.magic = STATE_MAGIC,
                             .rows = (uint64_t)s->n,
                             .logits = s->has_logits ? (uint64_t)s->dec->en->net.config.vocab : 0,
                             .layers = (uint64_t)s->dec->cache.layers,
                             .row_bytes = cache_row_bytes(&s->dec->cache)};
    memcpy(h->model, key.model, sizeof h->model);
    memcpy(h->form, key.form, sizeof h->form);
    return OK;
}

/* ---- writing ---- */

struct state_out {
    struct file_out file;
    struct sha256 *hash;
};

static int put(struct state_out *o, const void *data, size_t n, struct err *e)
{
    sha256_add(o->hash, data, n);
    return file_out_write(&o->file, data, n, e);
}

static int put_rows(struct state_out *o, const struct session *s, struct err *e)
{
    const struct cache *k = &s->dec->cache;
    for (int l = 0; l < k->layers; l++)
        for (int64_t i = 0; i < cache_pages(s->n); i++) {
            int64_t rows = min_i64(PAGE_ROWS, s->n - i * PAGE_ROWS);
            TRY(put(o, cache_rows(k, s->pages[i], l), (size_t)rows * cache_row_bytes(k), e));
        }
    return OK;
}

static int put_all(struct state_out *o, const struct session *s, const struct state_head *h, struct err *e)
{
    TRY(put(o, h, sizeof *h, e));
    TRY(put(o, s->ids, (size_t)s->n * sizeof *s->ids, e));
    TRY(put(o, s->logits, (size_t)h->logits * sizeof *s->logits, e));
    return put_rows(o, s, e);
}

int session_save(const struct session *s, const char *path, struct err *e)
{
    struct state_out o = {0};
    struct state_head h;
    char hex[SHA256_HEX];
    TRY(make_head(&h, s, e));
    TRY(sha256_new(&o.hash, e));
    int rc = file_out_open_private(&o.file, path, e);
    if (!rc) rc = put_all(&o, s, &h, e);
    sha256_hex(o.hash, hex);
    if (!rc) rc = file_out_write(&o.file, hex, HASH, e);
    if (!rc) rc = file_out_commit(&o.file, e);
    file_out_abort(&o.file);
    return rc;
}

/* ---- reading ---- */

/* A state as it lies in memory. */
struct state {
    struct state_head head;
    const char *name, *ids, *logits, *rows;
};

/* Where its parts lie; the sum of their sizes is that of the file. */
static int find_parts(struct state *t, const char *data, size_t size, struct err *e)
{
    const struct state_head *h = &t->head;
    uint64_t ids, logits, rows, all = sizeof *h + HASH;
    if (size < all || memcmp(data, STATE_MAGIC, sizeof STATE_MAGIC) != 0)
        FAIL(e, ERR_FORMAT, "%s: is not the state of a session", t->name);
    memcpy(&t->head, data, sizeof t->head);
    bool ok = mul_u64(h->rows, sizeof(int32_t), &ids) && mul_u64(h->logits, sizeof(float), &logits) &&
              mul_u64(h->rows, h->layers, &rows) && mul_u64(rows, h->row_bytes, &rows) && add_u64(all, ids, &all) &&
              add_u64(all, logits, &all) && add_u64(all, rows, &all);
    if (!ok || all != size)
        FAIL(e, ERR_INTEGRITY, "%s: has %zu bytes, and its head tells of %llu tokens in %llu layers: it is damaged or cut off",
             t->name, size, (unsigned long long)h->rows, (unsigned long long)h->layers);
    t->ids = data + sizeof *h;
    t->logits = t->ids + ids;
    t->rows = t->logits + logits;
    return OK;
}

static int check_hash(const struct state *t, const char *data, size_t size, struct err *e)
{
    char hex[SHA256_HEX];
    TRY(sha256_of(data, size - HASH, hex, e));
    if (memcmp(hex, data + size - HASH, HASH) != 0)
        FAIL(e, ERR_INTEGRITY, "%s: its bytes have changed since it was written", t->name);
    return OK;
}

/* Against what this session would write. */
static int check_head(const struct state *t, const struct session *s, struct err *e)
{
    const struct state_head *h = &t->head;
    const struct decoder *d = s->dec;
    struct state_head own;
    TRY(make_head(&own, s, e));
    if (memcmp(h->model, own.model, sizeof own.model) != 0)
        FAIL(e, ERR_UNSUPPORTED, "%s: belongs to another model (%.12s..., this one is %.12s...)", t->name, h->model, own.model);
    if (memcmp(h->form, own.form, sizeof own.form) != 0)
        FAIL(e, ERR_UNSUPPORTED, "%s: was computed as \"%.*s\", here it is \"%s\"", t->name, STATE_FORM, h->form, own.form);
    if (h->layers != own.layers || h->row_bytes != own.row_bytes || (h->logits &&
                                                                     h->logits != (uint64_t)d->en->net.config.vocab))
        FAIL(e, ERR_FORMAT, "%s: has %llu layers, rows of %llu bytes and %llu logits, this model %llu, %llu and %lld", t->name,
             (unsigned long long)h->layers, (unsigned long long)h->row_bytes, (unsigned long long)h->logits,
             (unsigned long long)own.layers, (unsigned long long)own.row_bytes, (long long)d->en->net.config.vocab);
    if (h->rows > (uint64_t)d->context)
        FAIL(e, ERR_LIMIT, "%s: has %llu tokens, the context holds %lld", t->name, (unsigned long long)h->rows,
             (long long)d->context);
    if (h->logits && !h->rows) FAIL(e, ERR_FORMAT, "%s: has logits, but no tokens", t->name);
    return OK;
}

static int check_ids(const struct state *t, int64_t vocab, struct err *e)
{
    for (uint64_t i = 0; i < t->head.rows; i++) {
        int32_t id;
        memcpy(&id, t->ids + i * sizeof id, sizeof id);
        if (id < 0 || id >= vocab)
            FAIL(e, ERR_FORMAT, "%s: token %llu is id %d, expected 0 to %lld", t->name, (unsigned long long)i, id,
                 (long long)vocab - 1);
    }
    return OK;
}

/* Everything is known to be right. */
static void take(struct session *s, const struct state *t)
{
    const struct cache *k = &s->dec->cache;
    const char *at = t->rows;
    session_reset(s);
    session_take_pages(s, (int64_t)t->head.rows);
    s->n = (int64_t)t->head.rows;
    s->has_logits = t->head.logits > 0;
    memcpy(s->ids, t->ids, (size_t)s->n * sizeof *s->ids);
    memcpy(s->logits, t->logits, (size_t)t->head.logits * sizeof *s->logits);
    for (int l = 0; l < k->layers; l++)
        for (int64_t i = 0; i < cache_pages(s->n); i++) {
            size_t bytes = (size_t)min_i64(PAGE_ROWS, s->n - i * PAGE_ROWS) * cache_row_bytes(k);
            memcpy(cache_rows(k, s->pages[i], l), at, bytes);
            at += bytes;
        }
}

int session_load_from(struct session *s, const void *data, size_t size, const char *name, struct err *e)
{
    struct state t = {.name = name};
    TRY(find_parts(&t, data, size, e));
    TRY(check_hash(&t, data, size, e));
    TRY(check_head(&t, s, e));
    TRY(check_ids(&t, s->dec->en->net.config.vocab, e));
    int64_t lacks = cache_pages((int64_t)t.head.rows) - session_frees(s);
    if (lacks > s->dec->pages.n_free) return decoder_no_pages(s->dec, lacks, e);
    take(s, &t);
    return OK;
}

int session_load(struct session *s, const char *path, struct err *e)
{
    struct file_map m;
    TRY(file_map(&m, path, e));
    int rc = session_load_from(s, m.data, m.size, path, e);
    file_unmap(&m);
    return rc;
}
