/* Rows that are kept in a file: a later run finds them, with the same bits; never a wrong one, whatever byte is damaged, whatever
 * call of the system fails, and wherever the writer is killed. On tiny random networks. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "infer/kv_folder.h"
#include "infer/prefix_cache.h"
#include "sys/clock.h"
#include "sys/fault.h"
#include "tests/folder.h"
#include "tests/tiny_kit.h"

#define ALWAYS 1e18 /* seconds */

struct kept {
    struct kit k;
    struct prefix_cache c;
    struct prefix_tenant *t;
    struct err why;
};

static void kept_open_as(struct kept *x, const struct arch *arch, size_t form, uint64_t bytes, const char *tenant)
{
    struct err e = {0};
    struct prefix_options o = {.store = {in_dir("kv"), bytes}};
    kit_open(&x->k, arch, form, (struct decoder_options){.chunk = 64, .slots = 2, .pages = 12});
    CHECK_OK(prefix_cache_open(&x->c, &x->k.dec, &o, &x->why, &e), &e);
    x->t = prefix_cache_join(&x->c, tenant, strlen(tenant));
}

static void kept_open(struct kept *x, uint64_t bytes) { kept_open_as(x, &arch_llama, 2, bytes, "a"); }

static void kept_close(struct kept *x)
{
    prefix_cache_leave(&x->c, x->t);
    prefix_cache_close(&x->c);
    kit_close(&x->k);
}

static float of_text[V], of_other[V], of_third[V]; /* alone, of arch_llama in form 2 */

static void alone(const struct arch *arch, size_t form, const int32_t *ids, float *logits)
{
    struct kit k;
    struct err e = {0};
    kit_open(&k, arch, form, (struct decoder_options){.chunk = 64});
    struct session s = opened(&k);
    CHECK_OK(session_eval(&s, ids, N, &e), &e);
    memcpy(logits, s.logits, V * sizeof *logits);
    session_close(&s);
    kit_close(&k);
}

/* With what is kept; keeps all. Returns the rows found. */
static int64_t evaluate(struct kept *x, const int32_t *ids, const float *want, const char *what)
{
    struct err e = {0};
    struct session s = opened(&x->k);
    prefix_cache_give(&x->c, cache_pages(N));
    CHECK_OK(session_reserve(&s, N, &e), &e);
    CHECK(!prefix_cache_extend(&x->c, x->t, &s, ids, N - 1, true, ALWAYS), "nothing is left for later");
    int64_t found = s.n;
    CHECK_OK(session_eval(&s, ids + found, N - found, &e), &e);
    if (want) same(&x->k, &s, want, what);
    prefix_cache_keep(&x->c, x->t, &s, N);
    session_close(&s);
    return found;
}

static void write_all(struct kept *x)
{
    CHECK(!prefix_cache_write(&x->c, ALWAYS), "all is written");
}

/* ---- a later run ---- */

static void check_later(const struct arch *arch, size_t form)
{
    struct kept x;
    struct err e = {0};
    float want[V];
    alone(arch, form, text, want);
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    kept_open_as(&x, arch, form, 1 << 30, "a");
    CHECK(x.why.code == 0, "%s", x.why.msg);
    CHECK(evaluate(&x, text, want, "at first") == 0, "an empty store");
    write_all(&x);
    struct prefix_counts n = prefix_cache_counts(&x.c);
    CHECK(n.written == 3 && n.in_file == 3, "%d of 3 blocks are written", (int)n.written);
    kept_close(&x);

    kept_open_as(&x, arch, form, 1 << 30, "a");
    scatter(&x.k.dec.pages, 2);
    CHECK(evaluate(&x, text, want, "in a later run") == N - 1, "all but the last row is found");
    n = prefix_cache_counts(&x.c);
    CHECK(n.read == 3 && n.damaged == 0 && n.blocks == 3, "%d blocks are read", (int)n.read);
    prefix_cache_clear(&x.c, false);
    CHECK(evaluate(&x, text, want, "read twice") == N - 1, "what memory forgot lies in the file");
    kept_close(&x);

    kept_open_as(&x, arch, form, 1 << 30, "a");
    int brought = 0;
    while (prefix_cache_warm(&x.c)) brought++;
    CHECK(brought == 3 && x.k.dec.pages.n_free == 9, "%d blocks are brought when there is time", brought);
    CHECK(evaluate(&x, text, want, "brought before") == N - 1 && prefix_cache_counts(&x.c).read == 3, "each is read once");
    struct session s = opened(&x.k);
    CHECK_OK(session_reserve(&s, 900, &e), &e);
    prefix_cache_clear(&x.c, false);
    while (prefix_cache_warm(&x.c)) brought++;
    CHECK(brought == 3 + 2 && x.k.dec.pages.n_free == 6, "half of the pages are left: %d", x.k.dec.pages.n_free);
    session_close(&s);
    kept_close(&x);

    kept_open_as(&x, arch, form, 1 << 30, "b");
    CHECK(evaluate(&x, text, want, "of another tenant") == 0, "what another asked is not found");
    prefix_cache_clear(&x.c, true);
    kept_close(&x);
    kept_open_as(&x, arch, form, 1 << 30, "a");
    CHECK(prefix_cache_counts(&x.c).blocks == 0, "all was forgotten");
    kept_close(&x);
}

static void refused(struct kept *x, const char *what)
{
    CHECK(!x->c.store && strstr(x->why.msg, what), "\"%s\" does not tell of \"%s\"", x->why.msg, what);
    CHECK(evaluate(x, text, NULL, "") == 0 && evaluate(x, text, NULL, "") == N - 1, "memory does its work without a file");
}

/* Whose rows they are: another form of computing and other weights have stores of their own; one process at a time. */
static void check_whose(void)
{
    struct kept x, y;
    struct err e = {0};
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    kept_open(&x, 1 << 30);
    evaluate(&x, text, of_text, "");
    write_all(&x);
    kept_open(&y, 1 << 30);
    refused(&y, "another process");
    kept_close(&y);
    kept_open_as(&y, &arch_llama, 0, 1 << 30, "a");
    CHECK(y.c.store && evaluate(&y, text, NULL, "") == 0, "another form of computing");
    kept_close(&y);
    kit_seed = 6;
    kept_open(&y, 1 << 30);
    CHECK(y.c.store && evaluate(&y, text, NULL, "") == 0, "other weights");
    kept_close(&y);
    kit_seed = 5;
    kept_close(&x);
    kept_open(&y, 1000);
    refused(&y, "hold no block");
    kept_close(&y);
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    CHECK_OK(file_replace(in_dir("kv"), "x", 1, &e), &e);
    kept_open(&y, 1 << 30);
    refused(&y, "folder");
    kept_close(&y);
    CHECK_OK(file_remove(in_dir("kv"), &e), &e);
}

/* ---- bounds ---- */

static uint64_t place_bytes(const struct kept *x) { return x->c.store->place_bytes + 1248; }

static void check_bounds(void)
{
    struct kept x;
    struct err e = {0};
    uint64_t all;
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    kept_open(&x, 1 << 30);
    uint64_t one = place_bytes(&x), most = 5 * one + 300;
    kept_close(&x);
    kept_open(&x, most);
    for (int i = 0; i < 12; i++) {
        int32_t ids[N];
        memcpy(ids, text, sizeof ids);
        ids[0] = i;
        evaluate(&x, ids, NULL, "");
        if (i % 2) evaluate(&x, text, NULL, "");
        write_all(&x);
        CHECK_OK(kv_folder_bytes(in_dir("kv"), &all, &e), &e);
        CHECK(all <= most, "%d bytes of %d", (int)all, (int)most);
    }
    CHECK(prefix_cache_counts(&x.c).in_file == 5, "%d blocks", (int)prefix_cache_counts(&x.c).in_file);
    prefix_cache_leave(&x.c, x.t);
    x.t = prefix_cache_join(&x.c, "b", 1);
    evaluate(&x, third, of_third, "");
    write_all(&x);
    prefix_cache_clear(&x.c, false);
    CHECK(evaluate(&x, third, of_third, "one who came late") >= PAGE_ROWS, "he has his share of the file");
    kept_close(&x);
    kept_open(&x, most - one); /* less than before */
    write_all(&x);
    CHECK_OK(kv_folder_bytes(in_dir("kv"), &all, &e), &e);
    CHECK(x.c.store && all <= most - one, "%d bytes", (int)all);
    CHECK(evaluate(&x, text, of_text, "in a smaller file") >= 0, "it works");
    kept_close(&x);
    kit_seed = 7; /* another model's store wants room: the first goes */
    kept_open(&x, most);
    CHECK(x.c.store && x.c.store->most >= 2, "half of it is its own: %d", x.c.store ? x.c.store->most : 0);
    evaluate(&x, text, NULL, "");
    write_all(&x);
    CHECK_OK(kv_folder_bytes(in_dir("kv"), &all, &e), &e);
    CHECK(all <= most, "%d bytes of two models", (int)all);
    kept_close(&x);
    kit_seed = 5;
}

/* ---- damage ---- */

static void make_store(void)
{
    struct kept x;
    struct err e = {0};
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    kept_open(&x, 1 << 30);
    evaluate(&x, text, of_text, "");
    evaluate(&x, other, of_other, "");
    write_all(&x);
    kept_close(&x);
}

static char *only(const char *end)
{
    char **names, *path = NULL;
    size_t n;
    struct err e = {0};
    CHECK_OK(file_list(&names, &n, in_dir("kv"), &e), &e);
    for (size_t i = 0; i < n; i++)
        if (str_ends_with(names[i], end)) {
            char full[PATH_MAX];
            snprintf(full, sizeof full, "%s/%s", in_dir("kv"), names[i]);
            path = mem_strdup(full);
        }
    names_free(names, n);
    return path;
}

/* One file of the store as given; the answers must be right. Returns the rows found of text. */
static int64_t with_file(const char *path, const char *data, size_t n, const char *what, int64_t at)
{
    struct kept x;
    struct err e = {0};
    char say[80];
    snprintf(say, sizeof say, "%s at byte %d", what, (int)at);
    CHECK_OK(file_replace(path, data, n, &e), &e);
    kept_open(&x, 1 << 30);
    int64_t found = evaluate(&x, text, of_text, say);
    evaluate(&x, other, of_other, say);
    write_all(&x);
    prefix_cache_clear(&x.c, false);
    CHECK(evaluate(&x, text, of_text, say) == N - 1, "%s: it is written anew", say);
    kept_close(&x);
    return found;
}

/* The two files of a store, in memory. */
struct both {
    char *path[2], *data[2];
    size_t n[2];
};

static void both_read(struct both *f)
{
    struct err e = {0};
    make_store();
    f->path[0] = only(".kvindex");
    f->path[1] = only(".kvrows");
    for (int i = 0; i < 2; i++) CHECK_OK(file_read(&f->data[i], &f->n[i], f->path[i], 1 << 28, &e), &e);
}

static void both_free(struct both *f)
{
    for (int i = 0; i < 2; i++) {
        mem_free(f->path[i]);
        mem_free(f->data[i]);
    }
}

static int64_t with_one(const struct both *f, int i, size_t n, const char *what, int64_t at)
{
    struct err e = {0};
    CHECK_OK(file_replace(f->path[!i], f->data[!i], f->n[!i], &e), &e);
    return with_file(f->path[i], f->data[i], n, what, at);
}

/* A bit in every part of the file i, and cuts. */
static void check_damage(int i, int64_t step)
{
    struct both f;
    int64_t lost = 0, tried = 0;
    both_read(&f);
    for (int64_t at = 0; at < (int64_t)f.n[i]; at += step + (int64_t)rng_below(8, 1, (uint64_t)at, (uint64_t)step), tried++) {
        char bit = (char)(1 << rng_below(8, 2, (uint64_t)at, 8));
        f.data[i][at] ^= bit;
        lost += with_one(&f, i, f.n[i], "a bit", at) < N - 1;
        f.data[i][at] ^= bit;
    }
    CHECK(lost > tried / 4, "file %d: %d of %d damages lost something", i, (int)lost, (int)tried);
    for (size_t cut = 0; cut < f.n[i]; cut += f.n[i] / 7 + 1) with_one(&f, i, cut, "cut", (int64_t)cut);
    both_free(&f);
}

/* Records that are whole, but lie: rows of another place, or a place that is listed twice. */
static void check_lies(void)
{
    struct err e = {0};
    char *path, *data;
    size_t n;
    make_store();
    path = only(".kvindex");
    CHECK_OK(file_read(&data, &n, path, 1 << 28, &e), &e);
    size_t places = (n - 232) / 1248;
    CHECK(places >= 4, "%zu places", places);
    char *one = data + 232, *two = one + 1248;
    for (int i = 0; i < 1248; i++) {
        char c = one[i];
        one[i] = two[i];
        two[i] = c;
    }
    CHECK(with_file(path, data, n, "exchanged", 0) < PAGE_ROWS + 1, "rows of another place are no hit");
    memcpy(two, one, 1248);
    with_file(path, data, n, "twice", 0);
    memset(one, 0, 1248);
    CHECK(with_file(path, data, n, "without the first", 0) < N - 1, "what stands behind a lost block is lost");
    mem_free(data);
    mem_free(path);
}

/* ---- faults of the system ---- */

static void check_faults(void)
{
    static const struct {
        unsigned kinds;
        int no;
    } faults[] = {{FAULT_ANY, EIO}, {FAULT_WRITE, ENOSPC}, {FAULT_READ | FAULT_WRITE, FAULT_SHORT}, {FAULT_TRUNCATE, ENOSPC}};
    struct err e = {0};
    struct kept x;
    int hits = 0;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        for (uint64_t k = 1; k < 60; k += 1 + k / 8) {
            CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
            fault_at(faults[i].kinds, k, faults[i].no);
            kept_open(&x, 1 << 30);
            evaluate(&x, text, of_text, "with a fault");
            write_all(&x);
            evaluate(&x, other, of_other, "with a fault");
            write_all(&x);
            prefix_cache_clear(&x.c, false);
            evaluate(&x, text, of_text, "after a fault");
            kept_close(&x);
            hits += fault_hit();
            fault_at(0, 0, 0);
            kept_open(&x, 1 << 30);
            evaluate(&x, text, of_text, "in the run after a fault");
            evaluate(&x, other, of_other, "in the run after a fault");
            kept_close(&x);
        }
    CHECK(hits > 40, "%d faults came", hits);
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    kept_open(&x, 1 << 30); /* a disk that is full for good: what it holds is used */
    evaluate(&x, text, of_text, "");
    write_all(&x);
    fault_at(FAULT_WRITE, 1, ENOSPC);
    evaluate(&x, other, of_other, "");
    prefix_cache_write(&x.c, ALWAYS);
    fault_at(0, 0, 0);
    prefix_cache_clear(&x.c, false);
    CHECK(evaluate(&x, text, of_text, "from a full disk") == N - 1, "what was written can be read");
    kept_close(&x);
}

/* ---- killed ---- */

/* What the rows of a text hold in these tests: something of all ids before each. */
static void marks_of(char out[N], const int32_t *ids, int64_t n)
{
    uint32_t h = 1;
    for (int64_t i = 0; i < n; i++) {
        h = 31 * h + (uint32_t)ids[i];
        out[i] = (char)(h >> 3);
    }
}

static char *row_of(const struct session *s, int64_t row, int layer)
{
    const struct cache *k = &s->dec->cache;
    return cache_rows(k, s->pages[row / PAGE_ROWS], layer) + (size_t)(row % PAGE_ROWS) * cache_row_bytes(k);
}

static void stamp(const struct session *s, int64_t n)
{
    const struct cache *k = &s->dec->cache;
    char mark[N];
    marks_of(mark, s->ids, n);
    for (int64_t r = 0; r < n; r++)
        for (int l = 0; l < k->layers; l++) memset(row_of(s, r, l), mark[r] + l, cache_row_bytes(k));
}

/* Writes blocks of many texts, and lets old ones go, until it is killed. */
static void write_for_ever(uint64_t seed)
{
    struct kept x;
    struct err e = {0}, why;
    kit_open(&x.k, &arch_llama, 2, (struct decoder_options){.chunk = 64, .slots = 2, .pages = 12});
    uint64_t bytes = 7 * (cache_page_bytes(&x.k.dec.cache) + 1248) + 300;
    if (prefix_cache_open(&x.c, &x.k.dec, &(struct prefix_options){.store = {in_dir("kv"), bytes}}, &why, &e) || !x.c.store)
        _exit(1);
    x.t = prefix_cache_join(&x.c, "a", 1);
    const int32_t *const texts[] = {text, other, third};
    for (uint64_t i = 0;; i++) {
        struct session s = opened(&x.k);
        int64_t n = rng_below(seed, 1, i, 2) ? N : CUT;
        prefix_cache_give(&x.c, 3);
        if (session_reserve(&s, N, &e)) _exit(2);
        session_took(&s, texts[rng_below(seed, 2, i, 3)], n);
        stamp(&s, n);
        prefix_cache_keep(&x.c, x.t, &s, n);
        session_close(&s);
        prefix_cache_write(&x.c, 0);
        if (rng_below(seed, 3, i, 4) == 0) prefix_cache_write(&x.c, ALWAYS);
    }
}

/* Every row that is found is one of its own text. */
static int64_t look_at_rows(struct kept *x, const int32_t *ids, int64_t n)
{
    struct err e = {0};
    struct session s = opened(&x->k);
    const struct cache *k = &x->k.dec.cache;
    CHECK_OK(session_reserve(&s, N, &e), &e);
    prefix_cache_extend(&x->c, x->t, &s, ids, n, true, ALWAYS);
    char mark[N];
    int wrong = 0;
    marks_of(mark, ids, s.n);
    for (int64_t r = 0; r < s.n; r++)
        for (int l = 0; l < k->layers; l++)
            for (size_t i = 0; i < cache_row_bytes(k); i++) wrong += row_of(&s, r, l)[i] != (char)(mark[r] + l);
    CHECK(wrong == 0, "%d bytes of %d rows are of another text", wrong, (int)s.n);
    int64_t found = s.n;
    session_close(&s);
    return found;
}

static void check_killed(int times)
{
    struct err e = {0};
    int64_t found = 0;
    double worst = 0;
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    for (int i = 0; i < times; i++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(60);
            write_for_ever((uint64_t)i);
        }
        clock_sleep(0.012 + 1e-5 * (double)rng_below(10, 1, (uint64_t)i, 3000));
        int status = 0;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status), "the writer ended by itself: %d", status);
        struct kept x;
        kit_open(&x.k, &arch_llama, 2, (struct decoder_options){.chunk = 64, .slots = 2, .pages = 12});
        clock_t t0 = clock();
        CHECK_OK(prefix_cache_open(&x.c, &x.k.dec, &(struct prefix_options){.store = {in_dir("kv"), 1 << 24}}, &x.why, &e), &e);
        double took = (double)(clock() - t0) / CLOCKS_PER_SEC;
        if (took > worst) worst = took;
        CHECK(x.c.store != NULL, "%s", x.why.msg);
        x.t = prefix_cache_join(&x.c, "a", 1);
        found += look_at_rows(&x, text, N) + look_at_rows(&x, other, N) + look_at_rows(&x, third, N);
        kept_close(&x);
    }
    CHECK(found > 300 * (int64_t)times, "%d rows were found after %d kills", (int)found, times);
    CHECK(worst < 1, "opening took %.3f s", worst);
}

/* Thousands of blocks: opening reads the index alone. */
static void check_many(void)
{
    struct kept x;
    struct err e = {0};
    enum { TEXTS = 1100 };
    static int32_t ids[N];
    CHECK_OK(dir_remove_tree(in_dir("kv"), &e), &e);
    kept_open(&x, 1 << 30);
    for (int i = 0; i < TEXTS; i++) {
        struct session s = opened(&x.k);
        memcpy(ids, text, sizeof ids);
        ids[i % 2 ? 0 : 2 * PAGE_ROWS] = i % V;
        ids[i % 2 ? 1 : 2 * PAGE_ROWS + 1] = i / V;
        prefix_cache_give(&x.c, 3);
        CHECK_OK(session_reserve(&s, N, &e), &e);
        session_took(&s, ids, N);
        prefix_cache_keep(&x.c, x.t, &s, N);
        session_close(&s);
        write_all(&x);
    }
    int64_t blocks = prefix_cache_counts(&x.c).in_file;
    CHECK(blocks > 2000, "%d blocks", (int)blocks);
    kept_close(&x);
    kit_open(&x.k, &arch_llama, 2, (struct decoder_options){.chunk = 64, .slots = 2, .pages = 12});
    clock_t t0 = clock();
    CHECK_OK(prefix_cache_open(&x.c, &x.k.dec, &(struct prefix_options){.store = {in_dir("kv"), 1 << 30}}, &x.why, &e), &e);
    double took = (double)(clock() - t0) / CLOCKS_PER_SEC;
    int64_t found = prefix_cache_counts(&x.c).blocks;
    CHECK(found == blocks, "%d of %d blocks are found", (int)found, (int)blocks);
    CHECK(took < 1, "opening took %.3f s", took);
    x.t = prefix_cache_join(&x.c, "a", 1);
    kept_close(&x);
}

int main(void)
{
    const char *kills = getenv("AUTARKY_KILLS");
    make_texts();
    folder_make();
    alone(&arch_llama, 2, text, of_text);
    alone(&arch_llama, 2, other, of_other);
    alone(&arch_llama, 2, third, of_third);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) check_later(&arch_llama, i);
    check_later(&arch_deepseek3, 5);
    check_later(&arch_gemma3, 2);
    check_whose();
    check_bounds();
    check_damage(0, 150);
    check_damage(1, 4000);
    check_lies();
    check_faults();
    check_many();
    check_killed(kills ? (int)strtol(kills, NULL, 10) : 200);
    folder_remove();
    CHECK(mem_live() == 0, "%d allocations are left", (int)mem_live());
    return test_end();
}
