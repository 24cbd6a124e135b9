/* Products of quantised weights in panels with quantised activations. C against sums in double over what the formats'
 * own conversion says, every level against C to the bit: all formats, tails of rows, numbers of tokens and depths, the
 * extremes of every integer; packing in parts. `check_qmul time [FORMAT]` measures instead. */
#include <math.h>
#include <string.h>
#include <time.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "kernel/qlayout.h"
#include "sys/clock.h"
#include "sys/pool.h"
#include "test.h"

enum { POOL = 1 << 20 };
static struct kernels ref, levels[CPU_LEVELS];
static struct rng rng = {78, 1, 0};
static unsigned char *noise; /* POOL random bytes: philox for every byte would be slow */

#define TYPE(T, ...) DT_##T,
static const enum dtype types[] = {QFORMATS(TYPE)};

/* Where a block keeps its f16 scales. Formats that are not here have them in front, or none. */
static const struct {
    enum dtype t;
    int at[2]; /* -1: none */
} places[] = {
    {DT_Q4_1, {0, 2}},    {DT_Q5_1, {0, 2}},    {DT_Q4_K, {0, 2}},    {DT_Q5_K, {0, 2}},
    {DT_Q2_K, {80, 82}},  {DT_Q3_K, {108, -1}}, {DT_Q6_K, {208, -1}}, {DT_TQ1_0, {52, -1}},
    {DT_TQ2_0, {64, -1}}, {DT_MXFP4, {-1, -1}}, {DT_NVFP4, {-1, -1}}, {DT_IQ1_M, {-1, -1}},
};

static void scale_places(enum dtype t, int at[2])
{
    at[0] = 0;
    at[1] = -1;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (places[i].t == t) memcpy(at, places[i].at, sizeof places[i].at);
}

/* What weights and activations look like: noise, or the integers at their ends. The last two put the largest and the least
 * numbers into the panel itself, which no file of a format with codebooks may hold. */
enum flavour { NOISE, ONES_UP, ONES_DOWN, LOWEST, LOWEST_MIXED, PANEL_MOST, PANEL_LEAST, FLAVOURS };

static void random_bytes(unsigned char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t from = rng_next_below(&rng, POOL), len = n - at < POOL - from ? n - at : POOL - from;
        memcpy(p + at, noise + from, len);
        at += len;
    }
}

static void random_blocks(enum dtype t, unsigned char *w, int64_t blocks, enum flavour f)
{
    int bytes = formats[t].bytes, at[2], ones = qlayouts[t].table == QT_E2M1 ? 0x77 : 0xff; /* the codes of the largest n */
    bool plain = f == NOISE || f > LOWEST_MIXED;
    scale_places(t, at);
    random_bytes(w, (size_t)(blocks * bytes));
    for (int64_t b = 0; b < blocks; b++, w += bytes) {
        if (!plain) memset(w, f == ONES_UP || f == ONES_DOWN ? ones : t == DT_Q8_0 ? 0x80 : 0, (size_t)bytes);
        for (int i = 0; i < 2; i++) {
            if (at[i] < 0) continue;
            uint16_t h = f16_from_f32((float)(rng_next_uniform(&rng) * 0.02 - 0.01));
            memcpy(w + at[i], &h, 2);
        }
        uint16_t spread = f16_from_f32(0.01f);
        for (int i = 0; t == DT_IQ1_M && i < 4; i++)
            w[49 + 2 * i] = (unsigned char)((w[49 + 2 * i] & 15) | (spread >> 4 * i & 15) << 4);
        if (t == DT_MXFP4) w[0] = (unsigned char)(plain || b % 3 ? 118 + rng_next_below(&rng, 8) : rng_next_below(&rng, 4));
    }
}

/* One product: weights as the file has them, their panels, activations. */
struct problem {
    enum dtype t;
    int64_t m, n, k;
    unsigned char *w, *panels;
    int8_t *q;
    float *d, *sx, *y[2];
    int16_t *half;
    struct qacts x;
};

static void problem_free(struct problem *p)
{
    void *all[] = {p->w, p->panels, p->q, p->d, p->sx, p->half, p->y[0], p->y[1]};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) mem_free(all[i]);
}

static int64_t ldy_of(const struct problem *p) { return p->n + 3; }

static void problem_open(struct problem *p, enum dtype t, int64_t m, int64_t n, int64_t k)
{
    size_t blocks = (size_t)(m * k / 32);
    *p = (struct problem){.t = t, .m = m, .n = n, .k = k};
    p->w = mem_alloc(format_bytes(t, n * k));
    p->panels = mem_alloc(qpanel_bytes(t, n, k));
    p->q = mem_alloc((size_t)(m * k));
    p->d = mem_array(blocks, 4);
    p->sx = mem_array(blocks, 4);
    p->half = mem_array(blocks, 4);
    for (int i = 0; i < 2; i++) p->y[i] = mem_array((size_t)(m * ldy_of(p)), 4);
    p->x = (struct qacts){p->q, p->d, p->sx, p->half};
}

/* One code everywhere in the panels. */
static void fill_codes(struct problem *p, bool most)
{
    const struct qlayout *l = &qlayouts[p->t];
    int code = most ? l->most : l->least, bits = l->bits;
    for (int i = 0; l->table && i < 16; i++)
        if (qtables[l->table][i] == (most ? l->most : l->least)) code = i;
    if (bits == 1) code /= 2;
    for (size_t at = 0; at < qpanel_bytes(p->t, p->n, p->k); at += qlayout_unit(p->t))
        for (int b = 0; b < l->block / 32; b++) {
            unsigned char *v = p->panels + at + (qlayout_integers(p->t, p->panels, b) - p->panels);
            int pairs = (code & 3) * 0x55;
            if (bits == 8 || bits == 1) memset(v, bits == 1 ? -code : code, (size_t)(64 * bits));
            else if (bits == 2) memset(v, pairs, 128);
            else if (bits == 3)
                for (int i = 0; i < 3; i++) memset(v + 64 * i, code * 0x11 | (code >> i & 1) * 0x88, 64);
            else memset(v, (code & 15) * 0x11, 256);
            if (bits == 5) memset(v + 256, code >> 4 ? 0xff : 0, 64);
            if (bits == 6) memset(v + 256, (code >> 4) * 0x55, 128);
        }
}

static void problem_fill(struct problem *p, enum flavour f)
{
    random_blocks(p->t, p->w, p->n * p->k / formats[p->t].block, f);
    qpanel_pack(p->t, p->panels, p->w, p->n, p->k);
    if (f >= PANEL_MOST) fill_codes(p, f == PANEL_MOST);
    random_bytes((unsigned char *)p->q, (size_t)(p->m * p->k));
    for (int64_t i = 0; i < p->m * p->k; i++) {
        if (p->q[i] == -128) p->q[i] = -127;
        if (f == ONES_UP || f == LOWEST || f == PANEL_MOST) p->q[i] = 127;
        if (f == ONES_DOWN || f == PANEL_LEAST) p->q[i] = -127;
        if (f == LOWEST_MIXED) p->q[i] = i / 16 % 2 ? 127 : -127;
    }
    for (int64_t b = 0; b < p->m * p->k / 32; b++) {
        int sum[2] = {0, 0};
        for (int e = 0; e < 32; e++) sum[e / 16] += p->q[b * 32 + e];
        p->half[2 * b] = (int16_t)sum[0];
        p->half[2 * b + 1] = (int16_t)sum[1];
        p->d[b] = (float)rng_next_uniform(&rng) * 0.1f;
        p->sx[b] = p->d[b] * (float)(sum[0] + sum[1]);
    }
}

static void problem_run(struct problem *p, const struct kernels *k, int which)
{
    for (int64_t i = 0; i < p->m * ldy_of(p); i++) p->y[which][i] = 42;
    k->qmul[p->t](p->panels, p->n, p->k, &p->x, p->m, p->y[which] + 1, ldy_of(p));
}

/* The most that the minimum of a block's numbers may be: where it cancels them, the terms are larger than the values. */
static double largest_minimum(const struct problem *p, int64_t block)
{
    int at[2];
    uint16_t h;
    scale_places(p->t, at);
    if (at[1] < 0) return 0;
    memcpy(&h, p->w + block * formats[p->t].bytes + at[1], 2);
    return fabs((double)f16_to_f32(h)) * (qlayouts[p->t].scale == QS_NIBBLES ? 15 : qlayouts[p->t].scale == QS_K ? 63 : 1);
}

/* The C product against double: only the rounding of its float chain may differ. A wrong place of a number would show
 * as an error of the size of the terms. */
static void check_meaning(struct problem *p, enum flavour f)
{
    float *w = mem_array((size_t)p->k, 4);
    double worst = 0;
    for (int64_t j = 0; j < p->n; j++) {
        formats[p->t].to_f32(w, p->w + (size_t)j * format_bytes(p->t, p->k), p->k);
        for (int64_t i = 0; i < p->m; i++) {
            double want = 0, size = 0;
            for (int64_t b = 0; b < p->k / 32; b++) {
                double sum = 0, top = 0, d = p->d[i * p->k / 32 + b];
                for (int64_t e = b * 32; e < b * 32 + 32; e++) {
                    sum += (double)w[e] * p->q[i * p->k + e];
                    top = fmax(top, fabs((double)w[e]));
                }
                top += largest_minimum(p, (j * p->k + b * 32) / formats[p->t].block);
                if (p->t == DT_IQ1_S) top *= 9; /* zeros are 1 - 1 +- 1/8 */
                if (p->t == DT_MXFP4) top = ldexp(6, p->w[(j * p->k / 32 + b) * 17] - 127); /* zeros are 12 - 12 */
                want += d * sum;
                size += d * top * 127 * 32;
            }
            worst = fmax(worst, fabs(want - (double)p->y[0][i * ldy_of(p) + 1 + j]) / (size + 1e-30));
        }
    }
    CHECK(worst < 1e-5, "%s m %lld n %lld k %lld flavour %d: off by %g of the terms", formats[p->t].name, (long long)p->m,
          (long long)p->n, (long long)p->k, f, worst);
    mem_free(w);
}

static void check_levels(struct problem *p, enum flavour f)
{
    int64_t ldy = ldy_of(p), touched = 0;
    problem_run(p, &ref, 0);
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < ldy; j++) touched += (j < 1 || j > p->n) && p->y[0][i * ldy + j] != 42;
    CHECK(touched == 0, "%s wrote %lld values outside", formats[p->t].name, (long long)touched);
    for (int l = 1; l <= (int)kernels_max_level(); l++) {
        int64_t bad = 0, first = -1;
        problem_run(p, &levels[l], 1);
        for (int64_t i = 0; i < p->m * ldy; i++)
            if (memcmp(&p->y[0][i], &p->y[1][i], 4)) {
                bad++;
                if (first < 0) first = i;
            }
        CHECK(bad == 0, "%s of %s differs, m %lld n %lld k %lld flavour %d: %lld values, the first %a for %a", formats[p->t].name,
              cpu_level_name((enum cpu_level)l), (long long)p->m, (long long)p->n, (long long)p->k, f, (long long)bad,
              (double)p->y[1][first < 0 ? 0 : first], (double)p->y[0][first < 0 ? 0 : first]);
    }
}

static void check_format(enum dtype t)
{
    static const int64_t ms[] = {1, 2, 3, 4, 5, 7, 8, 33, 65}, ns[] = {1, 15, 16, 17, 48};
    int64_t block = formats[t].block, ks[] = {block, 2 * block, 768, 1280, block == 32 ? 288 : block < 256 ? 640 : 2304};
    for (size_t a = 0; a < ARRAY_LEN(ms); a++)
        for (size_t b = 0; b < ARRAY_LEN(ns); b++)
            for (size_t c = 0; c < ARRAY_LEN(ks); c++) {
                struct problem p;
                problem_open(&p, t, ms[a], ns[b], ks[c]);
                for (int f = 0; f < (c < 2 || c == 4 ? FLAVOURS : 1); f++) {
                    problem_fill(&p, (enum flavour)f);
                    check_levels(&p, (enum flavour)f);
                    if (f < PANEL_MOST && (a < 4 || b == 3)) check_meaning(&p, (enum flavour)f);
                }
                problem_free(&p);
            }
}

/* A depth of several passes over k and more tokens than one block of them. */
static void check_large(enum dtype t)
{
    struct problem p;
    problem_open(&p, t, 150, 20, 6400);
    problem_fill(&p, NOISE);
    check_levels(&p, NOISE);
    problem_free(&p);
}

/* Parts packed apart, products of parts. */
static void check_parts(enum dtype t)
{
    struct problem p;
    problem_open(&p, t, 3, 45, 512);
    problem_fill(&p, NOISE);
    size_t bytes = qpanel_bytes(t, p.n, p.k), panel = qpanel_bytes(t, 1, p.k);
    unsigned char *parts = mem_alloc(bytes + 1);
    memset(parts, 0x77, bytes + 1);
    qpanel_pack(t, parts + panel, p.w + 16 * format_bytes(t, p.k), p.n - 16, p.k);
    qpanel_pack(t, parts, p.w, 16, p.k);
    CHECK(bytes == 3 * panel && memcmp(parts, p.panels, bytes) == 0 && parts[bytes] == 0x77, "%s packed in parts differs",
          formats[t].name);
    problem_run(&p, &ref, 0);
    for (int l = 0; l <= (int)kernels_max_level(); l++) {
        qmul_fn *mul = levels[l].qmul[t];
        problem_run(&p, &levels[l], 1);
        mul(p.panels + panel, p.n - 16, p.k, &p.x, p.m, p.y[1] + 1 + 16, ldy_of(&p));
        struct qacts last = {p.q + 2 * p.k, p.d + 2 * p.k / 32, p.sx + 2 * p.k / 32, p.half + 2 * 2 * p.k / 32};
        mul(p.panels, 16, p.k, &last, 1, p.y[1] + 2 * ldy_of(&p) + 1, ldy_of(&p));
        CHECK(memcmp(p.y[0], p.y[1], (size_t)(p.m * ldy_of(&p)) * 4) == 0, "%s of %s: parts of the product differ",
              formats[t].name, cpu_level_name((enum cpu_level)l));
    }
    mem_free(parts);
    problem_free(&p);
}

static void check_bytes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct format *f = &formats[types[i]];
        int64_t block = f->block;
        size_t unit = qpanel_bytes(types[i], 16, block);
        CHECK(qpanel_bytes(types[i], 16, block - 1) == 0 && qpanel_bytes(types[i], 0, block) == 0 &&
                  qpanel_bytes(types[i], 16, 0) == 0 && qpanel_bytes(types[i], 17, block) == 2 * qpanel_bytes(types[i], 1, block),
              "bytes of panels of %s", f->name);
        /* codebooks are unpacked, trits get two bits; the scales take at most a 26th, or half a bit */
        size_t stored = (size_t)block * (size_t)qlayouts[types[i]].bits / 8, file = (size_t)f->bytes;
        CHECK(unit <= 16 * (file * 27 / 26 > stored + (size_t)block / 16 ? file * 27 / 26 : stored + (size_t)block / 16),
              "panels of %s are too large: %zu bytes for 16 x %zu", f->name, unit, file);
    }
    for (int t = 0; t < DT_COUNT; t++) { /* that of mxfp8 are 18 bits wide as integers */
        bool wanted = formats[t].block > 1 && t != DT_MXFP8;
        CHECK((qpanel_bytes((enum dtype)t, 16, 256) > 0) == wanted && (ref.qmul[t] != NULL) == wanted, "panels of %s: %s",
              formats[t].name, wanted ? "none" : "not expected");
        for (int l = 1; l <= (int)kernels_max_level(); l++)
            CHECK((levels[l].qmul[t] != NULL) == wanted, "%s has %s product for %s", cpu_level_name((enum cpu_level)l),
                  wanted ? "no" : "a", formats[t].name);
    }
}

/* What quantize_acts is said to give for a block. */
static void plain_block(int8_t *q, float *d, const float *x)
{
    float top = 0;
    for (int i = 0; i < 32; i++) top = !(fabsf(x[i]) <= top) && top == top ? fabsf(x[i]) : top; /* a NaN stays */
    *d = top / 127.0f;
    for (int i = 0; i < 32; i++) {
        float v = *d == 0 ? 0 : roundf(x[i] / *d);
        q[i] = (int8_t)(v != v ? 0 : v > 127 ? 127 : v < -127 ? -127 : v);
    }
}

static void check_quantize(void)
{
    enum { N = 96 };
    for (int t = 0; t < 300; t++) {
        float x[N + 4], d[2][N / 32 + 1] = {{0}}, sx[2][N / 32 + 1] = {{0}}, plain[N / 32];
        int16_t half[2][N / 16 + 1] = {{0}};
        int8_t q[2][N + 4] = {{0}}, plain_q[N];
        for (int i = 0; i < N + 4; i++) x[i] = (float)(rng_next_uniform(&rng) * 4 - 2) * (t % 5 ? 1.0f : 1e-41f);
        if (t % 7 == 0) /* quotients that lie between integers */
            for (int i = 0; i < N + 4; i++) x[i] = (float)((int)rng_next_below(&rng, 255) - 127) / 2 + (i % 32 == 5 ? 63.5f : 0);
        if (t % 11 == 0) memset(x + t % 4, 0, 32 * sizeof *x);
        if (t % 13 == 0) x[t % N] = t % 2 ? INFINITY : NAN;
        int64_t n = 32 * (t % 4);
        ref.quantize_acts(q[0] + 3, d[0], sx[0], half[0], x + t % 4, n);
        bool right = true;
        for (int64_t b = 0; b < n / 32; b++) {
            plain_block(plain_q + 32 * b, plain + b, x + t % 4 + 32 * b);
            right = right && (plain[b] == d[0][b] || (plain[b] != plain[b] && d[0][b] != d[0][b]));
        }
        CHECK(right && memcmp(plain_q, q[0] + 3, (size_t)n) == 0, "quantize_acts, case %d", t);
        for (int64_t b = 0; b < n / 32; b++) {
            int sum = 0;
            for (int e = 0; e < 16; e++) sum += q[0][3 + b * 32 + 16 + e];
            CHECK(half[0][2 * b + 1] == sum, "sum of a half: %d for %d", half[0][2 * b + 1], sum);
        }
        for (int l = 1; l <= (int)kernels_max_level(); l++) {
            memset(q[1], 0, sizeof q[1]);
            levels[l].quantize_acts(q[1] + 3, d[1], sx[1], half[1], x + t % 4, n);
            bool same = memcmp(q[0], q[1], sizeof q[0]) == 0 && memcmp(half[0], half[1], (size_t)n / 8) == 0;
            for (int64_t b = 0; b < n / 32; b++)
                same = same && (d[0][b] != d[0][b] ? d[1][b] != d[1][b] && sx[1][b] != sx[1][b]
                                                   : !memcmp(&d[0][b], &d[1][b], 4) && !memcmp(&sx[0][b], &sx[1][b], 4));
            CHECK(same, "quantize_acts of %s, case %d", cpu_level_name((enum cpu_level)l), t);
        }
    }
}

/* Timing. */
struct timing {
    qmul_fn *mul;
    struct problem *p;
    size_t panel_bytes;
    int64_t tasks, rows;
};

static void timing_task(void *ctx, int64_t task, int worker)
{
    struct timing *c = ctx;
    (void)worker;
    int64_t j = task * c->rows, n = c->p->n - j < c->rows ? c->p->n - j : c->rows;
    if (n > 0)
        c->mul(c->p->panels + (size_t)(j / 16) * c->panel_bytes, n, c->p->k, &c->p->x, c->p->m, c->p->y[0] + j, ldy_of(c->p));
}

/* With one thread the processor's time of it, so that others on the machine disturb less. */
static double now(const struct pool *pool)
{
    struct timespec s;
    if (pool) return clock_seconds();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &s);
    return (double)s.tv_sec + 1e-9 * (double)s.tv_nsec;
}

/* Best of several, in seconds. */
static double best_time(struct timing *c, struct pool *pool, double budget)
{
    double best = 1e9, begin = clock_seconds();
    for (int i = 0; i < 3 || clock_seconds() - begin < budget; i++) {
        double start = now(pool);
        pool_for(pool, c->tasks, timing_task, c);
        best = fmin(best, now(pool) - start);
    }
    return best;
}

static double time_one(enum dtype t, qmul_fn *mul, struct pool *pool, int64_t m, int64_t n, int64_t k, double *bytes)
{
    struct problem p;
    problem_open(&p, t, m, n, k);
    problem_fill(&p, NOISE);
    int threads = pool_threads(pool);
    struct timing c = {mul, &p, qpanel_bytes(t, 1, k), threads > 1 ? 8 : 1, 0};
    c.rows = (n / 16 + c.tasks - 1) / c.tasks * 16;
    double s = best_time(&c, pool, 0.4);
    *bytes = (double)qpanel_bytes(t, n, k);
    problem_free(&p);
    return s;
}

static void time_format(enum dtype t, struct pool *pool)
{
    static const int64_t ks[] = {1536, 8960};
    qmul_fn *mul = levels[kernels_max_level()].qmul[t];
    double bytes, s;
    printf("%-8s", formats[t].name);
    for (int large = 1; large >= 0; large--)
        for (int threads = 1; threads <= 2; threads++) {
            int64_t n = (int64_t)((large ? 64 : 4) * 1048576.0 / (double)qpanel_bytes(t, 16, 1536)) * 16;
            s = time_one(t, mul, threads == 1 ? NULL : pool, 1, n, 1536, &bytes);
            printf(" %6.2f", bytes / s * 1e-9);
        }
    printf(" |");
    for (int64_t m = 2; m <= 8; m *= 2) {
        s = time_one(t, mul, NULL, m, 2048, 1536, &bytes);
        printf(" %5.1f", (double)m * 2048 * 1536 / s * 1e-9);
    }
    printf(" |");
    for (int i = 0; i < 2; i++) {
        s = time_one(t, mul, NULL, 512, 256, ks[i], &bytes);
        printf(" %6.1f", 512.0 * 256 * (double)ks[i] / s * 1e-9);
    }
    struct problem p;
    problem_open(&p, t, 1, 2048, 1536);
    problem_fill(&p, NOISE);
    double best = 1e9;
    for (int i = 0; i < 8; i++) {
        double start = now(NULL);
        qpanel_pack(t, p.panels, p.w, p.n, p.k);
        best = fmin(best, now(NULL) - start);
    }
    printf(" | %5.2f\n", (double)format_bytes(t, p.n * p.k) / best * 1e-9);
    problem_free(&p);
    fflush(stdout);
}

static int time_all(const char *only)
{
    struct pool *pool = NULL;
    struct err e;
    if (pool_open(&pool, 2, &e)) return 1;
    printf("level %s. One token, GB/s of panels: 64 MB with 1 and 2 threads, 4 MB with 1 and 2 | GMAC/s of one thread with 2, 4\n"
           "and 8 tokens | with 512 tokens, k 1536 and 8960 | packing, GB/s\n",
           cpu_level_name(kernels_max_level()));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!only || !strcmp(only, formats[types[i]].name)) time_format(types[i], pool);
    pool_close(pool);
    return 0;
}

int main(int argc, char **argv)
{
    kernels_init(&ref, CPU_C);
    for (int l = 0; l <= (int)kernels_max_level(); l++) kernels_init(&levels[l], (enum cpu_level)l);
    noise = mem_alloc(POOL);
    for (uint64_t i = 0; i < POOL / 16; i++) {
        uint32_t words[4];
        rng_philox(79, 1, i, words);
        memcpy(noise + 16 * i, words, 16);
    }
    if (argc > 1 && !strcmp(argv[1], "time")) return time_all(argc > 2 ? argv[2] : NULL);
    check_bytes();
    check_quantize();
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        check_parts(types[i]);
        check_format(types[i]);
        check_large(types[i]);
    }
    mem_free(noise);
    if (kernels_max_level() < CPU_LEVELS - 1) test_skip("levels above this machine's (SIMDE=1 and tests/long/45-arm.sh emulate)");
    CHECK(mem_live() == 0, "%lld blocks leaked", (long long)mem_live());
    return test_end();
}
