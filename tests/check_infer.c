/* Sessions and sampling on tiny random networks. The logits of a sequence are the same to the bit however the prompt
 * is cut, whoever is beside it in a batch, with any number of threads, with any prefix reused, and as in training. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "infer/generate.h"
#include "tests/test.h"

enum { V = 96, N = 100, CONTEXT = 128, D = 32 };

static struct kernels ks;
static int32_t ids[N];
/* What a run computes in and what it remembers in. The first two are to equal training's forward pass. */
enum { F32, BF16, BF16_CACHE, Q8_CACHE, INT8_CACHE, KINDS };
static const struct {
    enum engine_compute compute;
    enum engine_cache cache;
    const char *name;
} kinds[KINDS] = {{ENGINE_F32, ENGINE_CACHE_AUTO, "f32"},
                  {ENGINE_BF16, ENGINE_CACHE_F32, "bf16 products, f32 cache"},
                  {ENGINE_BF16, ENGINE_CACHE_AUTO, "bf16"},
                  {ENGINE_F32, ENGINE_CACHE_Q8_0, "q8_0 cache"},
                  {ENGINE_INT8, ENGINE_CACHE_AUTO, "q8_0 cache in 8 bits"}};
static float whole[2][KINDS][V]; /* [plain][kind]: logits of the last row, prefill in one piece */

static struct config tiny_config(void)
{
    struct config c;
    config_default(&c);
    c.vocab = V;
    c.dim = D;
    c.layers = 3;
    c.heads = 2;
    c.q_lora_rank = 12;
    c.kv_lora_rank = 32; /* whole blocks of q8_0 */
    c.qk_nope_dim = 12;
    c.qk_rope_dim = 32;
    c.v_dim = 16;
    c.dense_layers = 1;
    c.dense_ffn = 48;
    c.experts = 8;
    c.experts_used = 3;
    c.experts_shared = 1;
    c.expert_ffn = 16;
    c.expert_groups = 4;
    c.expert_groups_used = 2;
    c.experts_norm = true;
    c.experts_scale = 1.5;
    c.mtp_layers = 0;
    c.context = CONTEXT;
    c.tied_head = false;
    return c;
}

struct kit {
    struct engine en;
    struct decoder dec;
    struct session s;
};

static void kit_open(struct kit *k, const struct engine_options *o)
{
    struct err e = {0};
    struct net net = {0};
    struct config c = tiny_config();
    *k = (struct kit){0};
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    net_init(&net, 5, 0.2);
    CHECK_OK(engine_from_net(&k->en, &net, o, &e), &e);
    CHECK_OK(decoder_open(&k->dec, &k->en, &o->decoder, &e), &e);
    CHECK_OK(session_open(&k->s, &k->dec, &e), &e);
}

static void kit_close(struct kit *k)
{
    session_close(&k->s);
    decoder_close(&k->dec);
    engine_close(&k->en);
}

static bool same(const float *a, const float *b) { return memcmp(a, b, V * sizeof *a) == 0; }

static struct engine_options form(int plain, int kind)
{
    return (struct engine_options){.plain = plain, .compute = kinds[kind].compute, .cache = kinds[kind].cache, .threads = 1};
}

static void test_whole(int plain, int kind)
{
    struct err e = {0};
    struct kit k;
    struct engine_options o = form(plain, kind);
    o.decoder.chunk = N;
    kit_open(&k, &o);
    int64_t reused = -1;
    if (kind == INT8_CACHE) CHECK(k.en.cache == (plain ? DT_BF16 : DT_Q8_0), "the cache is %s", formats[k.en.cache].name);
    CHECK_OK(session_sync(&k.s, ids, N, &reused, &e), &e);
    CHECK(reused == 0 && k.s.n == N && k.s.has_logits, "reused %lld, n %lld", (long long)reused, (long long)k.s.n);
    memcpy(whole[plain][kind], k.s.logits, sizeof whole[plain][kind]);
    double spread = 0;
    for (int i = 0; i < V; i++) {
        CHECK(isfinite(k.s.logits[i]), "logit %d is %g", i, (double)k.s.logits[i]);
        spread += fabs((double)k.s.logits[i]);
    }
    CHECK(spread > 1e-3, "logits are all but zero (%g): nothing is tested", spread);
    kit_close(&k);
}

static void test_chunks(int plain, int kind)
{
    static const int64_t chunks[] = {1, 3, 7, 64, 99};
    for (int i = 0; i < 5; i++) {
        struct err e = {0};
        struct kit k;
        struct engine_options o = form(plain, kind);
        o.decoder.chunk = chunks[i];
        kit_open(&k, &o);
        CHECK_OK(session_sync(&k.s, ids, N, NULL, &e), &e);
        CHECK(same(k.s.logits, whole[plain][kind]), "plain %d, %s, chunk %lld: logits differ", plain, kinds[kind].name,
              (long long)chunks[i]);
        kit_close(&k);
    }
}

static void test_threads(int plain, int kind)
{
    static const int threads[] = {2, 3, 7};
    for (int i = 0; i < 3; i++) {
        struct err e = {0};
        struct kit k;
        struct engine_options o = form(plain, kind);
        o.threads = threads[i];
        kit_open(&k, &o);
        CHECK_OK(session_sync(&k.s, ids, N, NULL, &e), &e);
        CHECK(same(k.s.logits, whole[plain][kind]), "plain %d, %s, threads %d: logits differ", plain, kinds[kind].name,
              threads[i]);
        kit_close(&k);
    }
}

/* Every cut: a session that holds another continuation must forget it and give the same as a fresh one. */
static void test_reuse(int plain)
{
    struct err e = {0};
    struct kit k;
    struct engine_options o = form(plain, 0);
    int32_t other[N];
    o.decoder.chunk = 16;
    kit_open(&k, &o);
    for (int cut = 0; cut < N; cut++) {
        int64_t reused;
        memcpy(other, ids, sizeof other);
        for (int i = cut; i < N; i++) other[i] = (ids[i] + 1) % V;
        CHECK_OK(session_sync(&k.s, other, N, NULL, &e), &e);
        CHECK(!same(k.s.logits, whole[plain][0]), "cut %d: another text has the same logits", cut);
        CHECK_OK(session_sync(&k.s, ids, N, &reused, &e), &e);
        CHECK(reused == cut, "cut %d: %lld reused", cut, (long long)reused);
        CHECK(same(k.s.logits, whole[plain][0]), "plain %d cut %d: logits differ", plain, cut);
    }
    int64_t reused;
    CHECK_OK(session_sync(&k.s, ids, N, &reused, &e), &e);
    CHECK(reused == N && same(k.s.logits, whole[plain][0]), "the same again: %lld reused", (long long)reused);
    session_rewind(&k.s, N - 1);
    CHECK_OK(session_sync(&k.s, ids, N - 1, &reused, &e), &e);
    CHECK(reused == N - 2, "a prefix without logits: %lld reused, expected the last row again", (long long)reused);
    kit_close(&k);
}

/* Beside others: three sessions in slots of one cache, pieces of different lengths in one pass. */
static void test_beside(int plain, int kind)
{
    struct err e = {0};
    struct kit k;
    struct engine_options o = form(plain, kind);
    struct session b = {0}, c = {0};
    int32_t text_b[N], text_c[N];
    o.decoder.chunk = 16;
    o.decoder.slots = 3;
    kit_open(&k, &o);
    CHECK_OK(session_open(&b, &k.dec, &e), &e);
    CHECK_OK(session_open(&c, &k.dec, &e), &e);
    for (int i = 0; i < N; i++) {
        text_b[i] = (int32_t)rng_below(8, 1, (uint64_t)i, V);
        text_c[i] = (int32_t)rng_below(8, 2, (uint64_t)i, V);
    }
    for (int64_t at = 0, nb = 0, nc = 0; at < N;) {
        int64_t n = at % 3 == 0 ? 5 : 1;
        if (n > N - at) n = N - at;
        struct piece p[3] = {
            {&b, text_b + nb, 1 + nb % 4, 1, NULL}, {&k.s, ids + at, n, at + n == N, NULL}, {&c, text_c + nc, 2, 0, NULL}};
        bool with_c = nc + 2 <= 60, with_b = nb + 4 <= 90;
        CHECK_OK(decoder_eval(&k.dec, p + !with_b, 2 + with_c - !with_b, &e), &e);
        at += n;
        if (with_b) nb = b.n;
        if (with_c) nc = c.n;
    }
    CHECK(same(k.s.logits, whole[plain][kind]), "plain %d, %s: beside others the logits differ", plain,
          kinds[kind].name);
    session_close(&b);
    session_close(&c);
    kit_close(&k);
}

/* One engine, several decoders of different shapes: the same bits from each, in turn. */
static void test_decoders(int plain, int kind)
{
    static const struct decoder_options shapes[] = {
        {.chunk = 7}, {.context = N, .slots = 5}, {.context = N + 1, .all_logits = true}};
    struct err e = {0};
    struct kit k;
    struct engine_options o = form(plain, kind);
    struct decoder d[ARRAY_LEN(shapes)];
    struct session s[ARRAY_LEN(shapes)];
    kit_open(&k, &o);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        CHECK_OK(decoder_open(&d[i], &k.en, &shapes[i], &e), &e);
        CHECK_OK(session_open(&s[i], &d[i], &e), &e);
        CHECK(d[i].context == (shapes[i].context ? shapes[i].context : CONTEXT), "a context of %lld", (long long)d[i].context);
    }
    for (int64_t at = 0; at < N; at += 20)
        for (size_t i = 0; i < ARRAY_LEN(shapes); i++) CHECK_OK(session_eval(&s[i], ids + at, 20, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        CHECK(same(s[i].logits, whole[plain][kind]), "plain %d, %s, decoder %d: logits differ", plain, kinds[kind].name, (int)i);
        session_close(&s[i]);
        decoder_close(&d[i]);
    }
    o.decoder.context = CONTEXT + 1;
    CHECK(decoder_open(&d[0], &k.en, &o.decoder, &e) == ERR_LIMIT && strstr(e.msg, "129"),
          "a decoder longer than its engine: %s", e.msg);
    kit_close(&k);
}

/* The forward pass of training (no cache) in the same form, and one form against the other. */
static void test_training(int plain, int kind)
{
    struct err e = {0};
    struct kit k;
    struct engine_options o = form(plain, kind);
    struct run r;
    int32_t pos[N], last = N - 1;
    struct segment seg = {.row0 = 0, .n = N, .past = 0, .key0 = 0};
    struct batch b = {.n = N, .ids = ids, .pos = pos, .segs = &seg, .n_segs = 1, .n_keys = N};
    struct forward_args a = {.batch = &b};
    kit_open(&k, &o);
    for (int i = 0; i < N; i++) pos[i] = i;
    CHECK_OK(run_measure(&r, &k.en.ks, NULL, k.en.compute, 1 << 22, &e), &e);
    net_logits(&r, &k.en.net, net_forward(&r, &k.en.net, &a, NULL), &last, 1);
    struct run_size size = run_sized(&r);
    run_free(&r);
    CHECK_OK(run_init(&r, &k.en.ks, NULL, k.en.compute, size, &e), &e);
    struct tensor *logits = net_logits(&r, &k.en.net, net_forward(&r, &k.en.net, &a, NULL), &last, 1);
    CHECK(same(tensor_f32(logits), whole[plain][kind]), "plain %d, %s: training's forward pass differs", plain,
          kinds[kind].name);
    run_free(&r);
    kit_close(&k);
}

static void test_forms(void)
{
    double far = 0, size = 0, round[KINDS] = {0};
    for (int i = 0; i < V; i++) {
        double exact = (double)whole[0][F32][i];
        far = fmax(far, fabs(exact - (double)whole[1][F32][i]));
        for (int k = 0; k < KINDS; k++) round[k] = fmax(round[k], fabs(exact - (double)whole[0][k][i]));
        size = fmax(size, fabs(exact));
    }
    CHECK(far <= 1e-5 * size, "absorbed and plain differ by %g of %g", far, size);
    for (int k = 1; k < KINDS; k++)
        CHECK(round[k] > 0 && round[k] < 0.1 * size, "%s differs by %g of %g from f32", kinds[k].name, round[k], size);
    CHECK(!same(whole[0][BF16], whole[0][BF16_CACHE]), "the cache of bf16 products is not bf16 by default");
}

/* A cache that the model's heads do not fit is refused, with the widths. */
static void test_cache_refused(void)
{
    struct err e = {0};
    struct net net = {0};
    struct kit k = {0};
    struct config c = tiny_config();
    struct engine_options o = form(0, Q8_CACHE);
    c.qk_rope_dim = 8;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(engine_from_net(&k.en, &net, &o, &e), &e);
    CHECK(decoder_open(&k.dec, &k.en, &o.decoder, &e) == ERR_UNSUPPORTED && strstr(e.msg, "q8_0") &&
              strstr(e.msg, "key 8"),
          "a key of 8 in blocks of 32: %s", e.msg);
    engine_close(&k.en);
}

static void test_limits(void)
{
    struct err e = {0};
    struct kit k;
    struct engine_options o = form(0, 0);
    int32_t many[CONTEXT + 1] = {0}, bad[2] = {1, V};
    kit_open(&k, &o);
    CHECK(session_sync(&k.s, many, CONTEXT + 1, NULL, &e) == ERR_LIMIT && strstr(e.msg, "129") && strstr(e.msg, "128"),
          "an over-long text: %s", e.msg);
    CHECK(session_sync(&k.s, bad, 2, NULL, &e) == ERR_FORMAT, "an id outside the vocabulary: %s", e.msg);
    CHECK(session_sync(&k.s, many, 0, NULL, &e) == ERR_USAGE, "an empty text: %s", e.msg);
    CHECK_OK(session_sync(&k.s, many, CONTEXT, NULL, &e), &e);
    CHECK(session_eval(&k.s, many, 1, &e) == ERR_LIMIT && k.s.n == CONTEXT, "one more than the context: %s", e.msg);
    volatile sig_atomic_t stop = 1;
    k.s.interrupt = &stop;
    many[0] = 1;
    CHECK(session_sync(&k.s, many, 10, NULL, &e) == ERR_INTERRUPTED && k.s.n == 0, "an interrupt: %s", e.msg);
    uint64_t before = mem_count();
    stop = 0;
    CHECK_OK(session_sync(&k.s, many, 100, NULL, &e), &e);
    CHECK(mem_count() == before, "%llu allocations while evaluating", (unsigned long long)(mem_count() - before));
    kit_close(&k);
    o.decoder.context = CONTEXT + 1;
    struct net net = {0};
    struct config c = tiny_config();
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK(engine_from_net(&k.en, &net, &o, &e) == ERR_LIMIT, "a context above the model's: %s", e.msg);
}

/* The k-th allocation fails, for every k: an error comes back and nothing is left behind. */
static void test_faults(void)
{
    int failures = 0;
    for (uint64_t k = 1; k < 100; k++) {
        struct err e = {0};
        struct net net = {0};
        struct config c = tiny_config();
        struct kit kit = {0};
        struct engine_options o = form(0, 0);
        CHECK_OK(net_build(&net, &c, &e), &e);
        CHECK_OK(net_alloc(&net, false, &e), &e);
        int64_t live = mem_live();
        mem_fail_at(k);
        int rc = engine_from_net(&kit.en, &net, &o, &e);
        if (!rc) rc = decoder_open(&kit.dec, &kit.en, &o.decoder, &e);
        if (!rc) rc = session_open(&kit.s, &kit.dec, &e);
        mem_fail_at(0);
        if (rc) CHECK(rc == ERR_MEMORY, "allocation %d: error %d: %s", (int)k, rc, e.msg);
        failures += rc != 0;
        kit_close(&kit);
        CHECK(mem_live() < live, "allocation %d failed: the network is not freed", (int)k);
        CHECK(mem_live() == 0, "allocation %d failed: %d not freed", (int)k, (int)mem_live());
        if (!rc) break;
    }
    CHECK(failures >= 10 && failures < 99, "%d allocations could fail", failures);
}

/* A decoder for one row's logits refuses more; hidden rows add up to the same however they are cut. */
static void test_rows(struct kit *k)
{
    struct err e = {0};
    double sum[2][D] = {{0}};
    struct piece p = {.s = &k->s, .ids = ids, .n = 4, .logits = 2};
    session_rewind(&k->s, 0);
    CHECK(decoder_eval(&k->dec, &p, 1, &e) == ERR_LIMIT && k->s.n == 0, "logits of two rows: %s", e.msg);
    p.logits = 5;
    CHECK(decoder_eval(&k->dec, &p, 1, &e) == ERR_USAGE, "logits of more rows than there are: %s", e.msg);
    for (int way = 0; way < 2; way++) {
        session_rewind(&k->s, 0);
        for (int64_t i = 0; i < N; i += way ? 3 : N) {
            p = (struct piece){.s = &k->s, .ids = ids + i, .n = way ? min_i64(3, N - i) : N, .sum = sum[way]};
            CHECK_OK(decoder_eval(&k->dec, &p, 1, &e), &e);
        }
    }
    CHECK(!memcmp(sum[0], sum[1], sizeof sum[0]) && sum[0][0] != 0, "hidden rows depend on how a text is cut");
}

/* Scores against the logits that session_eval gives, and another chunk size against both. */
static void test_score(void)
{
    struct err e = {0};
    int32_t targets[N];
    double nats[2][N];
    for (int i = 0; i < N; i++) targets[i] = i % 10 == 9 ? -1 : (ids[i] * 7 + 1) % V;
    for (int i = 0; i < 2; i++) {
        struct kit k;
        struct engine_options o = form(0, 0);
        o.decoder.chunk = i ? 9 : N;
        o.decoder.all_logits = true;
        kit_open(&k, &o);
        CHECK_OK(session_score(&k.s, ids, N, targets, nats[i], &e), &e);
        kit_close(&k);
    }
    CHECK(!memcmp(nats[0], nats[1], sizeof nats[0]), "scores depend on the chunk size");
    struct kit k;
    struct engine_options o = form(0, 0);
    kit_open(&k, &o);
    for (int i = 0; i < N; i++) {
        double sum = 0, want;
        CHECK_OK(session_eval(&k.s, ids + i, 1, &e), &e);
        for (int v = 0; v < V; v++) sum += exp((double)k.s.logits[v]);
        want = targets[i] < 0 ? 0 : log(sum) - (double)k.s.logits[targets[i]];
        CHECK(fabs(want - nats[0][i]) < 1e-9, "row %d: %g nats, expected %g", i, nats[0][i], want);
    }
    session_rewind(&k.s, 0);
    CHECK_OK(session_score(&k.s, ids, N, targets, nats[0], &e), &e);
    CHECK(!memcmp(nats[0], nats[1], sizeof nats[0]), "scores a row at a time, without memory for more");
    test_rows(&k);
    kit_close(&k);
}

/* ---- sampling ---- */

static struct sample_params off(void) { return (struct sample_params){.temp = 1, .top_p = 1, .repeat = 1}; }

static int32_t draw(const float *logits, int n, const struct sample_params *p, uint64_t position)
{
    static float scratch[4 * 256];
    struct err e = {0};
    int32_t out = -1;
    struct sample_place at = {.position = position};
    if (sample_token(&out, &ks, logits, n, p, &at, scratch, &e)) CHECK(false, "%s", e.msg);
    return out;
}

/* Draws many and compares counts with the expected probabilities (0: must not come): chi-square. */
static void check_distribution(const char *what, const float *logits, int n, const struct sample_params *p,
                               const double *expected)
{
    enum { DRAWS = 20000 };
    int count[256] = {0}, freedom = -1;
    double chi = 0;
    for (int i = 0; i < DRAWS; i++) count[draw(logits, n, p, (uint64_t)i)]++;
    for (int i = 0; i < n; i++) {
        if (expected[i] == 0) {
            CHECK(count[i] == 0, "%s: token %d came %d times, it is filtered", what, i, count[i]);
            continue;
        }
        double want = expected[i] * DRAWS;
        chi += (count[i] - want) * (count[i] - want) / want;
        freedom++;
    }
    CHECK(chi < freedom + 4.5 * sqrt(2.0 * freedom) + 8, "%s: chi-square %g with %d degrees of freedom", what, chi,
          freedom);
}

static void normalise(double *p, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += p[i];
    for (int i = 0; i < n; i++) p[i] /= sum;
}

static void test_filters(void)
{
    /* probabilities 0.4 0.3 0.15 0.1 0.05, in the order 2 0 4 1 3 */
    static const double prob[5] = {0.3, 0.1, 0.4, 0.05, 0.15};
    float logits[5];
    double want[5];
    struct sample_params p = off();
    for (int i = 0; i < 5; i++) logits[i] = (float)log(prob[i]) + 3;
    check_distribution("all", logits, 5, &p, prob);
    p.top_k = 2;
    check_distribution("top-k 2", logits, 5, &p, (const double[]){3.0 / 7, 0, 4.0 / 7, 0, 0});
    p = off();
    p.top_p = 0.69;
    check_distribution("top-p 0.69", logits, 5, &p, (const double[]){3.0 / 7, 0, 4.0 / 7, 0, 0});
    p.top_p = 0.71;
    check_distribution("top-p 0.71", logits, 5, &p, (const double[]){0.3 / 0.85, 0, 0.4 / 0.85, 0, 0.15 / 0.85});
    p.top_p = 0;
    check_distribution("top-p 0", logits, 5, &p, (const double[]){0, 0, 1, 0, 0});
    p = off();
    p.min_p = 0.3;
    check_distribution("min-p 0.3", logits, 5, &p, (const double[]){0.3 / 0.85, 0, 0.4 / 0.85, 0, 0.15 / 0.85});
    p = off();
    p.top_k = 4; /* 0.95 is left, of which top-p takes 0.8: 0.4 + 0.3 + 0.15 */
    p.top_p = 0.8;
    check_distribution("top-k then top-p", logits, 5, &p, (const double[]){0.3 / 0.85, 0, 0.4 / 0.85, 0, 0.15 / 0.85});
    p = off();
    p.temp = 0.5;
    for (int i = 0; i < 5; i++) want[i] = prob[i] * prob[i];
    normalise(want, 5);
    check_distribution("temperature 0.5", logits, 5, &p, want);
    float wide[200];
    double even[200];
    for (int i = 0; i < 200; i++) {
        wide[i] = i < 100 ? 1.5f : -INFINITY;
        even[i] = i < 100 ? 0.01 : 0;
    }
    p = off();
    check_distribution("a flat distribution", wide, 200, &p, even);
    p.top_k = 10;
    for (int i = 0; i < 200; i++) even[i] = i < 10 ? 0.1 : 0;
    check_distribution("ties go to the lower id", wide, 200, &p, even);
}

enum { MANY = 5000 };
static float many[MANY];
static int32_t order[MANY];

static int by_logit(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    return many[i] != many[j] ? (many[i] < many[j] ? 1 : -1) : i - j;
}

/* How many of the sorted tokens the filters keep, by their definition. */
static int naive_kept(const struct sample_params *p)
{
    int n = p->top_k > 0 ? (int)p->top_k : MANY, kept = 0;
    double total = 0, mass = 0, top = many[order[0]];
    for (int i = 0; i < n; i++) total += exp((many[order[i]] - top) / p->temp);
    for (; kept < n; kept++) {
        double w = exp((many[order[kept]] - top) / p->temp);
        if (kept > 0 && (w < p->min_p || mass >= p->top_p * total)) break;
        mass += w;
    }
    return kept;
}

/* A vocabulary in which few tokens matter: only those that are kept come, and the last of them does. */
static void test_many_tokens(void)
{
    static const struct sample_params cases[] = {{.temp = 0.7, .top_p = 0.95, .min_p = 0.05, .repeat = 1},
                                                 {.temp = 1, .top_p = 0.9, .repeat = 1},
                                                 {.temp = 1, .top_p = 1, .min_p = 0.02, .repeat = 1},
                                                 {.temp = 1.5, .top_k = 20, .top_p = 0.95, .repeat = 1},
                                                 {.temp = 2, .top_k = 64, .top_p = 1, .repeat = 1},
                                                 {.temp = 1e-9, .top_p = 0.95, .repeat = 1},
                                                 {.temp = 1e-300, .top_p = 0.5, .min_p = 0.1, .repeat = 1}};
    static float scratch[4 * MANY];
    for (size_t c = 0; c < ARRAY_LEN(cases); c++)
        for (int seed = 0; seed < 5; seed++) {
            struct err e = {0};
            int rank[MANY], last = 0, worst = 0, rc = OK;
            for (int i = 0; i < MANY; i++) many[i] = (float)(2 * rng_normal(31, (uint64_t)seed, (uint64_t)i));
            for (int i = 0; i < 12; i++) many[i * 317] = 12 - 0.3f * (float)i;
            for (int i = 0; i < MANY; i++) order[i] = i;
            qsort(order, MANY, sizeof *order, by_logit);
            for (int i = 0; i < MANY; i++) rank[order[i]] = i;
            int kept = naive_kept(&cases[c]);
            for (uint64_t i = 0; i < 3000 && rc == OK; i++) {
                int32_t out = 0;
                rc = sample_token(&out, &ks, many, MANY, &cases[c], &(struct sample_place){.position = i}, scratch, &e);
                if (rank[out] > worst) worst = rank[out];
                last += rank[out] == kept - 1;
            }
            CHECK_OK(rc, &e);
            CHECK(worst < kept && (last > 0 || kept > 100), "case %zu: rank %d was drawn, the last of %d %d times", c,
                  worst, kept, last);
        }
}

/* What a request says about single tokens holds at any temperature. */
static void test_requests(void *scratch)
{
    static const float logits[6] = {1, 3, -2, 2.75f, 0.5f, -INFINITY};
    static const struct sample_bias up = {2, 6}, never = {1, SAMPLE_NEVER};
    static const uint32_t none = 0, some = 1 << 0 | 1 << 4;
    static const int32_t history[4] = {3, 3, 1, 3};
    struct err e = {0};
    struct sample_params p = off();
    int32_t out = -1;
    p.temp = 0;
    p.bias = &up;
    p.n_bias = 1;
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){0}, scratch, &e), &e);
    CHECK(out == 2, "a bias: %d", out);
    p.bias = &never;
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){0}, scratch, &e), &e);
    CHECK(out == 3, "a token that may not come: %d", out);
    p.n_bias = 0;
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){.allowed = &some}, scratch, &e), &e);
    CHECK(out == 0, "only 0 and 4 are allowed: %d", out);
    struct sample_place at = {.allowed = &none};
    CHECK(sample_token(&out, &ks, logits, 6, &p, &at, scratch, &e) == ERR_NUMERIC, "none is");
    at = (struct sample_place){.history = history, .n = 4, .first = 2};
    p.presence = 0.5; /* of the answer, 1 and 3: 2.5 and 2.25 */
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &at, scratch, &e), &e);
    CHECK(out == 1, "presence: %d", out);
    at.first = 3; /* only 3: 3 and 2.25 */
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &at, scratch, &e), &e);
    CHECK(out == 1, "presence of the answer alone: %d", out);
    p.presence = 0;
    p.frequency = 0.75; /* of all: 1 once, 3 three times; 2.25, 0.5, and 1 of token 0 */
    at.first = 0;
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &at, scratch, &e), &e);
    CHECK(out == 1, "frequency: %d", out);
    p.frequency = 1.5; /* 1.5, -1.75: still 1; 2 and more: 0 */
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &at, scratch, &e), &e);
    CHECK(out == 1, "frequency 1.5: %d", out);
    p.frequency = 2;
    p.presence = 0.5; /* 0.5 for 1, 1 for 0 */
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &at, scratch, &e), &e);
    CHECK(out == 0, "both: %d", out);
    p.frequency = 3;
    CHECK(sample_check(&p, "a request", &e) == ERR_USAGE && strstr(e.msg, "frequency penalty"), "%s", e.msg);
}

static void test_logprobs(void)
{
    static const float logits[6] = {1, 3, -2, 3, 0.5f, -INFINITY};
    static float scratch[4 * MANY];
    double sum = 0;
    float lp;
    struct sample_top top[6];
    for (int i = 0; i < 6; i++) sum += exp((double)logits[i]);
    sample_logprobs(&ks, logits, 6, 4, &lp, top, 6, scratch);
    CHECK(fabs(lp - (0.5 - log(sum))) < 1e-6, "log-probability %g, expected %g", (double)lp, 0.5 - log(sum));
    static const int32_t want[6] = {1, 3, 0, 4, 2, 5};
    for (int i = 0; i < 6; i++) CHECK(top[i].id == want[i], "place %d: token %d, expected %d", i, top[i].id, want[i]);
    CHECK(top[3].logprob == lp, "the same token has two numbers");
    CHECK(top[5].logprob == -INFINITY, "a token that cannot come");
    for (int i = 0; i < MANY; i++) many[i] = (float)rng_normal(3, 1, (uint64_t)i);
    for (int i = 0; i < MANY; i++) order[i] = i;
    qsort(order, MANY, sizeof *order, by_logit);
    sample_logprobs(&ks, many, MANY, 0, &lp, top, 5, scratch);
    for (int i = 0; i < 5; i++) CHECK(top[i].id == order[i], "place %d of many: token %d, expected %d", i, top[i].id, order[i]);
    sample_logprobs(&ks, many, MANY, order[2], &lp, top, 0, scratch);
    CHECK(lp < 0 && lp > -20, "none but its own: %g", (double)lp);
}

static void test_sampler(void)
{
    struct err e = {0};
    struct sample_params p = off();
    float logits[6] = {1, 3, -2, 3, 0.5f, -INFINITY};
    float scratch[4 * 6];
    test_requests(scratch);
    test_logprobs();
    CHECK(sizeof scratch == sample_scratch_bytes(6), "scratch is %zu bytes", sample_scratch_bytes(6));
    p.temp = 0;
    CHECK(draw(logits, 6, &p, 7) == 1, "greedy takes the lowest id of the highest");
    /* repetition: 3 / 1.5 = 2 loses to token 3; a negative logit gets lower; twice is as once */
    int32_t out, history[5] = {4, 1, 1, 99, -1};
    p.repeat = 1.5;
    p.repeat_window = 5;
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){.history = history, .n = 5}, scratch, &e), &e);
    CHECK(out == 1, "at temperature 0 nothing but the logits counts: %d", out);
    p.temp = 1;
    p.top_k = 1;
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){.history = history, .n = 5}, scratch, &e), &e);
    CHECK(out == 3, "repetition penalty: %d", out);
    p.repeat_window = 2; /* only 99 and -1 are seen */
    CHECK_OK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){.history = history, .n = 5}, scratch, &e), &e);
    CHECK(out == 1, "repetition penalty outside its window: %d", out);
    float low[2] = {-1, -1.2f};
    p.repeat_window = 5;
    struct sample_place after = {.history = (const int32_t[]){0}, .n = 1};
    CHECK_OK(sample_token(&out, &ks, low, 2, &p, &after, scratch, &e), &e);
    CHECK(out == 1, "repetition penalty on negative logits: %d", out);
    p = off();
    int differ = 0;
    for (uint64_t i = 0; i < 200; i++) {
        p.seed = 11;
        int32_t a = draw(logits, 6, &p, i), b = draw(logits, 6, &p, i);
        p.seed = 12;
        differ += a != draw(logits, 6, &p, i);
        CHECK(a == b, "position %llu: not repeatable", (unsigned long long)i);
    }
    CHECK(differ > 20, "another seed gives the same tokens (%d differ)", differ);
    p.temp = 5;
    CHECK(draw(logits, 6, &p, 3) != 5, "a token of probability 0 was drawn");
    logits[2] = NAN;
    CHECK(sample_token(&out, &ks, logits, 6, &p, &(struct sample_place){0}, scratch, &e) == ERR_NUMERIC, "a NaN: %s", e.msg);
    float none[2] = {-INFINITY, -INFINITY};
    CHECK(sample_token(&out, &ks, none, 2, &p, &(struct sample_place){0}, scratch, &e) == ERR_NUMERIC, "no token: %s", e.msg);
    p.temp = -1;
    CHECK(sample_check(&p, "test", &e) == ERR_USAGE && strstr(e.msg, "-1"), "temperature -1: %s", e.msg);
    sample_defaults(&p);
    CHECK_OK(sample_check(&p, "defaults", &e), &e);
}

int main(void)
{
    kernels_init(&ks, kernels_max_level());
    for (int i = 0; i < N; i++) ids[i] = (int32_t)rng_below(3, 0, (uint64_t)i, V);
    for (int plain = 0; plain < 2; plain++) {
        for (int kind = 0; kind < KINDS; kind++) {
            test_whole(plain, kind);
            test_chunks(plain, kind);
            test_threads(plain, kind);
            test_beside(plain, kind);
            test_decoders(plain, kind);
            if (kind <= BF16) test_training(plain, kind);
        }
        test_reuse(plain);
    }
    test_forms();
    test_cache_refused();
    test_limits();
    test_score();
    test_faults();
    test_filters();
    test_many_tokens();
    test_sampler();
    CHECK(mem_live() == 0, "%lld allocations not freed", (long long)mem_live());
    return test_end();
}
