/* States of sessions in files, on tiny random networks of every architecture: whoever loads one goes on with the same bits; a
 * file of another model or form, damaged anywhere, or too long is refused with the reason, and the session is as before. */
#include "infer/state.h"
#include "sys/file.h"
#include "tests/faults.h"
#include "tests/tiny_kit.h"

/* Saved in the middle of a page and at its end, with and without logits; loaded into other pages of another decoder. */
static void check_round(const struct arch *arch, size_t form)
{
    struct err e = {0};
    struct kit k;
    float want[V], cut[V];
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 64});
    struct session s = opened(&k);
    CHECK_OK(session_eval(&s, text, CUT, &e), &e);
    memcpy(cut, s.logits, sizeof cut);
    CHECK_OK(session_save(&s, at(folder, "cut"), &e), &e);
    CHECK_OK(session_eval(&s, text + CUT, N - CUT, &e), &e);
    memcpy(want, s.logits, sizeof want);
    session_rewind(&s, 2 * PAGE_ROWS);
    CHECK_OK(session_save(&s, at(folder, "whole"), &e), &e);
    session_close(&s);
    kit_close(&k);

    kit_open(&k, arch, form, (struct decoder_options){.chunk = 100, .slots = 2, .pages = 7});
    scatter(&k.dec.pages, 4);
    struct session a = opened(&k), b = opened(&k);
    CHECK_OK(session_eval(&a, third, 2 * PAGE_ROWS + 1, &e), &e);
    CHECK_OK(session_load(&a, at(folder, "cut"), &e), &e);
    CHECK(a.n == CUT && a.n_pages == 2 && !memcmp(a.ids, text, CUT * sizeof *text), "%d rows are loaded", (int)a.n);
    same(&k, &a, cut, "loaded");
    CHECK_OK(session_load(&b, at(folder, "whole"), &e), &e);
    CHECK(b.n == 2 * PAGE_ROWS && b.n_pages == 2 && !b.has_logits, "%d rows are loaded", (int)b.n);
    CHECK_OK(session_eval(&a, text + CUT, N - CUT, &e), &e);
    CHECK_OK(session_eval(&b, text + b.n, N - b.n, &e), &e);
    same(&k, &a, want, "after a state that was loaded");
    same(&k, &b, want, "after a state without logits");
    CHECK_OK(session_save(&a, at(folder, "again"), &e), &e);
    CHECK_OK(session_load(&b, at(folder, "again"), &e), &e);
    same(&k, &b, want, "loaded again");
    session_close(&a);
    session_close(&b);
    kit_close(&k);
}

/* ---- what is refused ---- */

/* A session with something of its own, which nothing that fails may change. */
struct victim {
    struct kit k;
    struct session s;
    float logits[V];
    int32_t n_free;
};

static void victim_open(struct victim *v, size_t form, struct decoder_options shape)
{
    struct err e = {0};
    kit_open(&v->k, &arch_llama, form, shape);
    v->s = opened(&v->k);
    CHECK_OK(session_eval(&v->s, third, 5, &e), &e);
    memcpy(v->logits, v->s.logits, sizeof v->logits);
    v->n_free = v->k.dec.pages.n_free;
}

static void as_before(const struct victim *v, const char *what)
{
    CHECK(v->s.n == 5 && v->s.has_logits && !memcmp(v->s.ids, third, 5 * sizeof *third) && v->k.dec.pages.n_free == v->n_free &&
              !memcmp(v->s.logits, v->logits, sizeof v->logits),
          "%s changes the session", what);
}

static void victim_close(struct victim *v)
{
    struct err e = {0};
    CHECK_OK(session_eval(&v->s, third + 5, 5, &e), &e);
    session_close(&v->s);
    kit_close(&v->k);
}

static void refuse_file(struct victim *v, const char *name, int code, const char *why)
{
    struct err e = {0};
    int rc = session_load(&v->s, at(folder, name), &e);
    CHECK(rc == code && strstr(e.msg, why) && strstr(e.msg, name), "%d, expected %d with \"%s\": %s", rc, code, why, e.msg);
    as_before(v, why);
}

static void refuse_bytes(struct victim *v, const char *data, size_t size, int code, const char *why)
{
    struct err e = {0};
    int rc = session_load_from(&v->s, data, size, "bytes", &e);
    CHECK(rc == code && strstr(e.msg, why), "%d, expected %d with \"%s\": %s", rc, code, why, e.msg);
    as_before(v, why);
}

static void check_others(void)
{
    struct victim v;
    struct err e = {0};
    victim_open(&v, 0, (struct decoder_options){.chunk = 64});
    CHECK_OK(session_eval(&v.s, text, N - 5, &e), &e);
    CHECK_OK(session_save(&v.s, at(folder, "llama"), &e), &e);
    victim_close(&v);
    kit_seed++;
    victim_open(&v, 0, (struct decoder_options){.chunk = 64});
    refuse_file(&v, "llama", ERR_UNSUPPORTED, "belongs to another model");
    victim_close(&v);
    kit_seed--;
    static const size_t others[] = {2, 4, 5};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        victim_open(&v, others[i], (struct decoder_options){.chunk = 64});
        refuse_file(&v, "llama", ERR_UNSUPPORTED, "was computed as \"f32, cache f32, autarky ");
        victim_close(&v);
    }
    victim_open(&v, 0, (struct decoder_options){.context = N - 1});
    refuse_file(&v, "llama", ERR_LIMIT, "has 600 tokens, the context holds 599");
    victim_close(&v);
    victim_open(&v, 0, (struct decoder_options){.pages = 2});
    CHECK(session_load(&v.s, at(folder, "llama"), &e) == ERR_LIMIT && strstr(e.msg, "2 more pages"), "%s", e.msg);
    as_before(&v, "too few pages");
    refuse_file(&v, "nothing", ERR_NOTFOUND, "nothing");
    victim_close(&v);
}

static size_t at_head(size_t field) { return 144 + 8 * field; } /* rows, logits, layers, row_bytes */

/* Changed, and hashed again: what a hash does not tell. */
static void refuse_forged(struct victim *v, const char *data, size_t size, size_t at, uint64_t value, int code, const char *why)
{
    struct err e = {0};
    char *copy = mem_alloc(size), hex[SHA256_HEX];
    memcpy(copy, data, size);
    memcpy(copy + at, &value, at < 176 ? 8 : 4);
    CHECK_OK(sha256_of(copy, size - 64, hex, &e), &e);
    memcpy(copy + size - 64, hex, 64);
    refuse_bytes(v, copy, size, code, why);
    mem_free(copy);
}

static void check_damaged(void)
{
    struct victim v;
    struct err e = {0};
    char *data;
    size_t size;
    victim_open(&v, 5, (struct decoder_options){.chunk = 64});
    CHECK_OK(session_eval(&v.s, text, CUT - 5, &e), &e);
    CHECK_OK(session_save(&v.s, at(folder, "state"), &e), &e);
    session_rewind(&v.s, 5);
    CHECK_OK(session_sync(&v.s, third, 5, NULL, &e), &e);
    v.n_free = v.k.dec.pages.n_free;
    CHECK_OK(file_read(&data, &size, at(folder, "state"), 1 << 24, &e), &e);
    CHECK(size == 176 + CUT * 4 + V * 4 + 3 * CUT * 68 + 64, "a state of %zu bytes", size);
    for (size_t i = 0; i < size; i += i < 1000 ? 1 : 97) {
        data[i] ^= 4;
        if (i < 16) refuse_bytes(&v, data, size, ERR_FORMAT, "not the state");
        else refuse_bytes(&v, data, size, ERR_INTEGRITY, i < 144 ? "have changed" : "");
        data[i] ^= 4;
    }
    for (size_t n = 0; n < size; n += n < 400 ? 1 : 997)
        refuse_bytes(&v, data, n, n < 240 ? ERR_FORMAT : ERR_INTEGRITY, n < 240 ? "not the state" : "cut off");
    refuse_forged(&v, data, size, 176 + 7 * 4, V, ERR_FORMAT, "token 7 is id 64, expected 0 to 63");
    refuse_forged(&v, data, size, 176, UINT32_MAX, ERR_FORMAT, "token 0 is id -1");
    refuse_forged(&v, data, size, at_head(0), UINT64_MAX / 2, ERR_INTEGRITY, "damaged");
    refuse_forged(&v, data, size, at_head(2), UINT64_C(1) << 62, ERR_INTEGRITY, "damaged");
    refuse_forged(&v, data, size, 80, 'x', ERR_UNSUPPORTED, "was computed as \"x\"");
    char *swapped = mem_alloc(size), hex[SHA256_HEX]; /* layers of another width: the sum is right */
    uint64_t fields[2] = {68, 3};
    memcpy(swapped, data, size);
    memcpy(swapped + at_head(2), fields, sizeof fields);
    CHECK_OK(sha256_of(swapped, size - 64, hex, &e), &e);
    memcpy(swapped + size - 64, hex, 64);
    refuse_bytes(&v, swapped, size, ERR_FORMAT, "has 68 layers, rows of 3 bytes");
    mem_free(swapped);
    CHECK_OK(session_load_from(&v.s, data, size, "bytes", &e), &e);
    CHECK(v.s.n == CUT, "%d rows", (int)v.s.n);
    mem_free(data);
    victim_close(&v);
}

/* ---- faults ---- */

static struct session saved, loaded;

/* A state is saved, and loaded over another. */
static int do_state(struct err *e)
{
    TRY(session_save(&saved, at(work, "chat.state"), e));
    session_reset(&loaded);
    TRY(session_load(&loaded, at(work, "chat.state"), e));
    return loaded.n == saved.n ? OK : err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%d rows are loaded", (int)loaded.n);
}

static void check_faults(void)
{
    static const struct piece_of_work piece = {
        .name = "states of sessions", .run = do_state, .old = "chat.state", .words = "older"};
    struct err e = {0};
    struct kit k;
    kit_open(&k, &arch_llama, 5, (struct decoder_options){.chunk = 64, .slots = 2});
    saved = opened(&k);
    loaded = opened(&k);
    CHECK_OK(session_eval(&saved, text, CUT, &e), &e);
    check_piece(&piece);
    session_close(&saved);
    session_close(&loaded);
    kit_close(&k);
}

/* The identity of a network is that of its file's content, wherever it lies and however it is computed with. */
static void check_identity(void)
{
    static const char *const first = "models/first/first.gguf";
    struct err e = {0};
    struct state_key key[4];
    char *data;
    size_t size;
    CHECK_OK(file_read(&data, &size, first, 1 << 26, &e), &e);
    CHECK_OK(file_replace(at(folder, "copy.gguf"), data, size, &e), &e);
    data[size - 1] ^= 1;
    CHECK_OK(file_replace(at(folder, "changed.gguf"), data, size, &e), &e);
    mem_free(data);
    for (int i = 0; i < 4; i++) {
        struct engine en;
        const char *paths[] = {first, at(folder, "copy.gguf"), first, at(folder, "changed.gguf")};
        struct engine_options o = {.model = paths[i], .threads = 1, .compute = i == 2 ? ENGINE_F32 : ENGINE_AUTO};
        CHECK_OK(engine_open(&en, &o, NULL, &e), &e);
        CHECK_OK(state_key(&key[i], &en, &e), &e);
        engine_close(&en);
    }
    CHECK(!memcmp(&key[0], &key[1], sizeof *key), "a copy is another model: %s, %s", key[0].model, key[1].model);
    CHECK(!strcmp(key[0].model, key[2].model) && strcmp(key[0].form, key[2].form), "%s and %s", key[0].form, key[2].form);
    CHECK(strcmp(key[0].model, key[3].model) && !strcmp(key[0].form, key[3].form), "a byte of the last tensor: the same model");
}

/* A session without tokens is one, too. */
static void check_nothing(void)
{
    struct err e = {0};
    struct kit k;
    kit_open(&k, &arch_llama, 0, (struct decoder_options){.chunk = 64});
    struct session s = opened(&k);
    CHECK_OK(session_save(&s, at(folder, "empty"), &e), &e);
    CHECK_OK(session_eval(&s, text, 3, &e), &e);
    CHECK_OK(session_load(&s, at(folder, "empty"), &e), &e);
    CHECK(s.n == 0 && s.n_pages == 0 && !s.has_logits, "%d rows of nothing", (int)s.n);
    session_close(&s);
    kit_close(&k);
}

int main(void)
{
    faults_begin();
    make_texts();
    for (int a = 0; archs[a]; a++)
        for (size_t f = 0; f < ARRAY_LEN(forms); f++)
            if (!forms[f].plain || archs[a]->mla) check_round(archs[a], f);
    check_others();
    check_damaged();
    check_nothing();
    check_identity();
    check_faults();
    dir_remove_tree(folder, NULL);
    CHECK(mem_live() == 0, "%lld allocations not freed", (long long)mem_live());
    return test_end();
}
