/* Number formats: every code of f16, bf16 and e4m3, rounding at every boundary, Q8_0 against its definition, the block
 * formats against fixtures made with the official package (tools/make_format_fixtures.py), the error of the encoders,
 * hostile blocks and numbers, the lookups and the checked sizes. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/format.h"
#include "test.h"

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* The value of a binary16 code from its definition. */
static double f16_value(unsigned h)
{
    int exp = h >> 10 & 31, man = h & 1023;
    double v = exp == 0 ? ldexp(man, -24) : exp == 31 ? (man ? NAN : INFINITY) : ldexp(1024 + man, exp - 25);
    return h & 0x8000 ? -v : v;
}

static void check_f16_codes(void)
{
    int bad_value = 0, bad_back = 0;
    for (unsigned h = 0; h < 65536; h++) {
        float f = f16_to_f32((uint16_t)h);
        double want = f16_value(h);
        if (isnan(want)) {
            bad_value += !isnan(f);
            bad_back += !isnan(f16_to_f32(f16_from_f32(f)));
        } else {
            bad_value += (double)f != want || !!signbit(f) != (h >> 15);
            bad_back += f16_from_f32(f) != h;
        }
    }
    CHECK(bad_value == 0, "%d codes of f16 have a wrong value", bad_value);
    CHECK(bad_back == 0, "%d codes of f16 do not come back", bad_back);
}

/* Between two neighbours: below the middle goes down, above it up, the middle itself to the even one. */
static void check_f16_rounding(void)
{
    int bad = 0;
    for (unsigned h = 0; h < 0x7bff; h++) {
        float middle = (float)((f16_value(h) + f16_value(h + 1)) / 2);
        for (int sign = 0; sign < 2; sign++) {
            float s = sign ? -1.0f : 1.0f;
            unsigned mark = sign ? 0x8000 : 0;
            bad += f16_from_f32(s * middle) != (mark | (h & 1 ? h + 1 : h));
            bad += f16_from_f32(s * nextafterf(middle, 0)) != (mark | h);
            bad += f16_from_f32(s * nextafterf(middle, INFINITY)) != (mark | (h + 1));
        }
    }
    CHECK(bad == 0, "%d roundings to f16 are wrong", bad);
    CHECK(f16_from_f32(65519.996f) == 0x7bff && f16_from_f32(65520) == 0x7c00 && f16_from_f32(-1e30f) == 0xfc00, "f16 overflow");
    CHECK(f16_from_f32(INFINITY) == 0x7c00 && f16_from_f32(1e-30f) == 0 && f16_from_f32(-1e-30f) == 0x8000, "f16 extremes");
    CHECK(f16_from_f32(0x1p-25f) == 0 && f16_from_f32(0x1.000002p-25f) == 1, "smallest f16");
}

static void check_bf16(void)
{
    int bad = 0;
    for (unsigned h = 0; h < 65536; h++) {
        float f = bf16_to_f32((uint16_t)h);
        bad += bits(f) != h << 16;
        if (isnan(f)) bad += !isnan(bf16_to_f32(bf16_from_f32(f)));
        else bad += bf16_from_f32(f) != h;
        if ((h & 0x7fff) >= 0x7f80) continue; /* finite: the middle to the next code, and beside it */
        bad += bf16_from_f32(float_of(h << 16 | 0x8000)) != (h & 1 ? h + 1 : h);
        bad += bf16_from_f32(float_of(h << 16 | 0x7fff)) != h;
        bad += bf16_from_f32(float_of(h << 16 | 0x8001)) != h + 1;
    }
    CHECK(bad == 0, "%d conversions of bf16 are wrong", bad);
    CHECK(isnan(bf16_to_f32(bf16_from_f32(float_of(0x7f800001)))), "a NaN with low bits only becomes infinity in bf16");
}

static void check_q8_0(void)
{
    enum { N = 96, ROUNDS = 200 };
    float x[N], y[N + 1];
    unsigned char stored[N / 32 * 34 + 1];
    double worst = 0;
    bool clean = true;
    for (int t = 0; t < ROUNDS; t++) {
        for (int i = 0; i < N; i++) x[i] = (float)(rng_normal(1, 2, (uint64_t)(t * N + i)) * pow(10, t % 7 - 1));
        stored[sizeof stored - 1] = 0x5a;
        y[N] = 7;
        formats[DT_Q8_0].from_f32(stored, x, N);
        formats[DT_Q8_0].to_f32(y, stored, N);
        clean = clean && stored[sizeof stored - 1] == 0x5a && y[N] == 7;
        for (int b = 0; b < N; b += 32) {
            float top = 0;
            for (int i = 0; i < 32; i++) top = fmaxf(top, fabsf(x[b + i]));
            for (int i = 0; i < 32; i++) worst = fmax(worst, fabs((double)y[b + i] - x[b + i]) / (top / 127));
        }
    }
    CHECK(worst < 0.57 && worst > 0.4, "largest error of q8_0 is %.3f steps", worst); /* half a step, and the rounding of d */
    CHECK(clean, "q8_0 wrote past the end");
}

static void check_q8_0_special(void)
{
    float x[32] = {0}, y[32];
    unsigned char stored[34];
    formats[DT_Q8_0].from_f32(stored, x, 32);
    for (int i = 0; i < 34; i++) CHECK(stored[i] == 0, "zeros give byte %d = %d", i, stored[i]);
    x[3] = 127;
    x[4] = -127;
    x[5] = 2.5f;
    x[6] = -2.5f;
    formats[DT_Q8_0].from_f32(stored, x, 32);
    CHECK(stored[0] == 0 && stored[1] == 0x3c, "scale of 127 is %02x%02x, expected 1.0", stored[1], stored[0]);
    CHECK((signed char)stored[5] == 127 && (signed char)stored[6] == -127 && (signed char)stored[7] == 3 &&
              (signed char)stored[8] == -3,
          "q8_0 rounds away from zero: %d %d %d %d", (signed char)stored[5], (signed char)stored[6],
          (signed char)stored[7], (signed char)stored[8]);
    x[9] = NAN;
    formats[DT_Q8_0].from_f32(stored, x, 32);
    formats[DT_Q8_0].to_f32(y, stored, 32);
    CHECK(isnan(y[0]), "a NaN disappears in q8_0");
    x[9] = INFINITY;
    formats[DT_Q8_0].from_f32(stored, x, 32);
    formats[DT_Q8_0].to_f32(y, stored, 32);
    CHECK(!isfinite(y[9]), "infinity becomes %g in q8_0", (double)y[9]);
}

/* Any address will do. */
static void check_unaligned(void)
{
    enum { N = 256 };
    char at_zero[N * 4], buf[N * 4 + 4];
    float x[N], y[N], z[N];
    for (int i = 0; i < N; i++) x[i] = (float)(i % 33 - 16) / 4;
    for (int t = 0; t < DT_COUNT; t++) {
        if (!formats[t].from_f32) continue;
        formats[t].from_f32(at_zero, x, N);
        formats[t].to_f32(y, at_zero, N);
        for (int off = 1; off < 4; off++) {
            formats[t].from_f32(buf + off, x, N);
            formats[t].to_f32(z, buf + off, N);
            CHECK(!memcmp(buf + off, at_zero, format_bytes((enum dtype)t, N)) && !memcmp(y, z, sizeof y),
                  "%s differs at offset %d", formats[t].name, off);
        }
    }
}

static double e4m3_value(unsigned b)
{
    int exp = b >> 3 & 15, man = b & 7;
    double v = exp == 15 && man == 7 ? NAN : exp == 0 ? ldexp(man, -9) : ldexp(8 + man, exp - 10);
    return b & 0x80 ? -v : v;
}

static void check_f8(void)
{
    int bad = 0;
    for (unsigned b = 0; b < 256; b++) {
        float f = f8_e4m3_to_f32((uint8_t)b);
        double want = e4m3_value(b);
        bad += isnan(want) ? !isnan(f) || !isnan(f8_e4m3_to_f32(f8_e4m3_from_f32(f)))
                           : (double)f != want || !!signbit(f) != (b >> 7) || f8_e4m3_from_f32(f) != b;
    }
    CHECK(bad == 0, "%d codes of e4m3 are wrong", bad);
    for (unsigned b = 0; b < 0x7e; b++)
        for (unsigned sign = 0; sign < 256; sign += 128) {
            float middle = (float)((e4m3_value(b) + e4m3_value(b + 1)) / 2), s = sign ? -1.0f : 1.0f;
            bad += f8_e4m3_from_f32(s * middle) != (sign | (b & 1 ? b + 1 : b));
            bad += f8_e4m3_from_f32(s * nextafterf(middle, 0)) != (sign | b);
            bad += f8_e4m3_from_f32(s * nextafterf(middle, INFINITY)) != (sign | (b + 1));
        }
    CHECK(bad == 0, "%d roundings to e4m3 are wrong", bad);
    CHECK(f8_e4m3_from_f32(449) == 0x7e && f8_e4m3_from_f32(-1e30f) == 0xfe && f8_e4m3_from_f32(INFINITY) == 0x7e &&
              f8_e4m3_from_f32(1e-30f) == 0,
          "e4m3 extremes");
    unsigned char codes[256];
    float y[256];
    for (int i = 0; i < 256; i++) codes[i] = (unsigned char)i;
    formats[DT_F8_E4M3].to_f32(y, codes, 256);
    for (int i = 0; i < 256; i++) bad += bits(y[i]) != bits(f8_e4m3_to_f32((uint8_t)i));
    CHECK(bad == 0, "a row of e4m3 differs from its elements in %d places", bad);
}

/* The whole file; -1 if there is none. */
static long read_fixture(const char *name, const char *kind, void *buf, size_t cap)
{
    char path[200];
    snprintf(path, sizeof path, "tests/fixtures/format/%s.%s", name, kind);
    FILE *f = fopen(path, "rb");
    if (!f) return -1;
    long n = (long)fread(buf, 1, cap, f);
    fclose(f);
    return n;
}

static void check_fixtures(void)
{
    static unsigned char blocks[4096];
    static float want[4096], got[4097];
    int seen = 0;
    for (int t = 0; t < DT_COUNT; t++) {
        const struct format *f = &formats[t];
        long bytes = read_fixture(f->name, "blocks", blocks, sizeof blocks);
        long values = read_fixture(f->name, "f32", want, sizeof want);
        if (bytes < 0) continue;
        int64_t n = bytes / f->bytes * f->block;
        CHECK(bytes % f->bytes == 0 && values == n * 4, "%s: %ld bytes and %ld bytes of values", f->name, bytes, values);
        got[n] = 7;
        f->to_f32(got, blocks, n);
        int bad = 0;
        for (int64_t i = 0; i < n; i++) bad += bits(got[i]) != bits(want[i]);
        CHECK(bad == 0, "%s: %d of %lld numbers differ from the official decoder", f->name, bad, (long long)n);
        CHECK(got[n] == 7, "%s wrote past the end", f->name);
        seen++;
    }
    CHECK(seen == 26, "%d formats have fixtures", seen);
}

enum { COLUMNS = 1024, ROWS = 8 };

/* Normal numbers, or heavy tails (a normal divided by the root of a mean square of 3: Student's t). */
static void fill(float *x, int n, bool heavy, uint64_t seed)
{
    for (int i = 0; i < n; i++) {
        uint64_t at = (uint64_t)i * 4;
        double v = rng_normal(seed, 1, at), s = 0;
        for (uint64_t k = 1; k < 4; k++) s += pow(rng_normal(seed, 1, at + k), 2);
        x[i] = (float)(heavy ? v / sqrt(s / 3) : v);
    }
}

static double weighted_error(const float *x, const float *y, const float *w, int n)
{
    double e = 0, all = 0;
    for (int i = 0; i < n; i++) {
        double d = (double)x[i] - y[i], weight = w ? w[i % COLUMNS] : 1;
        e += weight * d * d;
        all += weight * x[i] * x[i];
    }
    return sqrt(e / all);
}

/* Relative root mean square error on normal numbers: what is reached, and 3 % of room. Encoders that put the largest
 * element at the end of the range and do not search are above it in nearly every format, by up to 10 %. */
static const struct bound {
    enum dtype type;
    double error;
} bounds[] = {
    {DT_Q8_0, 0.00550},  {DT_Q4_0, 0.0829}, {DT_Q4_1, 0.0707},   {DT_Q5_0, 0.0409},    {DT_Q5_1, 0.0344},
    {DT_IQ4_NL, 0.0752}, {DT_MXFP4, 0.1143}, {DT_Q2_K, 0.2657},  {DT_Q3_K, 0.1473},    {DT_Q4_K, 0.0713},
    {DT_Q5_K, 0.0354},   {DT_Q6_K, 0.0172}, {DT_IQ4_XS, 0.0758}, {DT_F8_E4M3, 0.0275},
};

static void check_errors(void)
{
    static float x[ROWS * COLUMNS], scaled[ROWS * COLUMNS], y[ROWS * COLUMNS + 1];
    static unsigned char stored[ROWS * COLUMNS * 2];
    enum { N = ROWS * COLUMNS };
    fill(x, N, false, 3);
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        const struct format *f = &formats[bounds[b].type];
        for (int power = -8; power <= 4; power += 6) { /* e4m3 has no scale of its own: from its subnormals to its end */
            if (bounds[b].type == DT_F8_E4M3 && power < -2) continue;
            size_t bytes = format_bytes(bounds[b].type, N);
            for (int i = 0; i < N; i++) scaled[i] = ldexpf(x[i], power);
            stored[bytes] = 0x5a;
            y[N] = 7;
            f->from_f32(stored, scaled, N);
            f->to_f32(y, stored, N);
            double e = weighted_error(scaled, y, NULL, N);
            CHECK(e < bounds[b].error && e > bounds[b].error * 0.9, "%s: error %.5f at 2^%d, expected about %.5f", f->name, e,
                  power, bounds[b].error);
            CHECK(stored[bytes] == 0x5a && y[N] == 7, "%s wrote past the end", f->name);
        }
    }
}

/* Numbers that a block can hold come back: exactly where the code has one scale, nearly where it has several. */
static void check_again(void)
{
    static float x[4096], y[4096], z[4096];
    static unsigned char stored[8192];
    fill(x, 4096, true, 5);
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        const struct format *f = &formats[bounds[b].type];
        f->from_f32(stored, x, 4096);
        f->to_f32(y, stored, 4096);
        f->from_f32(stored, y, 4096);
        f->to_f32(z, stored, 4096);
        double first = weighted_error(x, y, NULL, 4096), again = weighted_error(y, z, NULL, 4096);
        CHECK(again <= (bounds[b].type == DT_MXFP4 ? 0 : 0.3 * first), "%s: error %.5f, and %.5f the second time", f->name, first,
              again);
    }
}

static void check_weighted(void)
{
    static float x[ROWS * COLUMNS], y[ROWS * COLUMNS], z[ROWS * COLUMNS], w[COLUMNS];
    static unsigned char stored[ROWS * COLUMNS * 2];
    enum { N = ROWS * COLUMNS };
    int seen = 0;
    for (int i = 0; i < COLUMNS; i++) w[i] = (float)exp(1.5 * rng_normal(9, 2, (uint64_t)i));
    for (int t = 0; t < DT_COUNT; t++) {
        const struct format *f = &formats[t];
        if (!f->from_f32_weighted) continue;
        seen++;
        for (int heavy = 0; heavy < 2; heavy++) {
            fill(x, N, heavy, 4);
            f->from_f32(stored, x, N);
            f->to_f32(y, stored, N);
            for (int r = 0; r < ROWS; r++)
                f->from_f32_weighted(stored + (size_t)r * format_bytes((enum dtype)t, COLUMNS), x + r * COLUMNS, COLUMNS, w);
            f->to_f32(z, stored, N);
            double plain = weighted_error(x, y, w, N), weighted = weighted_error(x, z, w, N);
            CHECK(weighted < (t == DT_MXFP4 ? 1 : 0.97) * plain, "%s: weighted error %.5f with, %.5f without importance", f->name,
                  weighted, plain);
        }
        for (int i = 0; i < COLUMNS; i++) z[i] = 1;
        f->from_f32(stored, x, COLUMNS);
        f->from_f32_weighted(stored + sizeof stored / 2, x, COLUMNS, z);
        f->to_f32(y, stored, COLUMNS);
        f->to_f32(z, stored + sizeof stored / 2, COLUMNS);
        CHECK(fabs(weighted_error(x, y, NULL, COLUMNS) / weighted_error(x, z, NULL, COLUMNS) - 1) < 1e-3,
              "%s: equal importance is not the same as none", f->name);
    }
    CHECK(seen >= 12, "%d formats take an importance", seen);
}

/* Importance that nobody can use must not matter more than none. */
static void check_odd_importance(void)
{
    float x[512], y[512], w[512];
    unsigned char stored[2048];
    const float odd[] = {0, NAN, -1, INFINITY, 1e-45f, 3e38f};
    fill(x, 512, false, 6);
    for (int t = 0; t < DT_COUNT; t++) {
        if (!formats[t].from_f32_weighted) continue;
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
            for (int i = 0; i < 512; i++) w[i] = odd[k];
            formats[t].from_f32_weighted(stored, x, 512, w);
            formats[t].to_f32(y, stored, 512);
            double e = weighted_error(x, y, NULL, 512);
            CHECK(e < 0.3, "%s: error %g with importance %g", formats[t].name, e, (double)odd[k]);
            w[17] = 1;
            formats[t].from_f32_weighted(stored, x, 512, w);
            formats[t].to_f32(y, stored, 512);
            CHECK(weighted_error(x, y, NULL, 512) < 0.6, "%s: error %g with importance %g but for one", formats[t].name,
                  weighted_error(x, y, NULL, 512), (double)odd[k]);
        }
    }
}

/* A number that is none must show, in its own block only. */
static void check_broken_numbers(void)
{
    enum { N = 768, AT = 300 };
    float x[N], y[N];
    unsigned char stored[N * 4];
    const float broken[] = {NAN, INFINITY, -INFINITY};
    for (int t = 0; t < DT_COUNT; t++) {
        const struct format *f = &formats[t];
        if (!f->from_f32) continue;
        for (int k = 0; k < 3; k++) {
            fill(x, N, false, 7);
            x[AT] = broken[k];
            f->from_f32(stored, x, N);
            f->to_f32(y, stored, N);
            bool others = true;
            for (int i = 0; i < N; i++) others = others && (i / f->block == AT / f->block || isfinite(y[i]));
            CHECK(others, "%s: a broken number spoils other blocks", f->name);
            if (t == DT_F8_E4M3 && k) CHECK(fabsf(y[AT]) == 448, "e4m3 of infinity is %g", (double)y[AT]);
            else CHECK(!isfinite(y[AT]), "%s: %g becomes %g", f->name, (double)broken[k], (double)y[AT]);
        }
    }
}

/* Zeros stay zeros; constants, subnormals and the largest numbers give numbers and no undefined arithmetic. */
static void check_odd_numbers(void)
{
    float x[256], y[256];
    unsigned char stored[1024];
    const float odd[] = {0, -0.0f, 1, -1, 1e-45f, -1e-40f, 1e-9f, 6e-8f, 1e4f, -65504, 3e5f, 1e9f, 3.4e38f, -3.4e38f};
    for (int t = 0; t < DT_COUNT; t++) {
        const struct format *f = &formats[t];
        if (!f->from_f32) continue;
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
            for (int part = 0; part < 3; part++) { /* all elements, one in 32, one alone */
                for (int i = 0; i < 256; i++) x[i] = part == 0 || (part == 1 ? i % 32 == 5 : i == 200) ? odd[k] : 0;
                f->from_f32(stored, x, 256);
                f->to_f32(y, stored, 256);
                float v = odd[k], a = fabsf(v);
                if (a == 0) {
                    int bad = 0;
                    for (int i = 0; i < 256; i++) bad += y[i] != 0;
                    CHECK(bad == 0, "%s: %d zeros are not zero", f->name, bad);
                } else if ((a >= 1 && a <= 256) || (a > 256 && a <= 65504 && t != DT_F8_E4M3)) {
                    CHECK(fabsf(y[200] - (part == 1 ? 0 : v)) <= 0.21f * a && fabsf(y[5] - (part == 2 ? 0 : v)) <= 0.21f * a,
                          "%s: %g becomes %g, %g (%d)", f->name, (double)v, (double)y[200], (double)y[5], part);
                }
            }
    }
}

/* Bytes from a hostile file are numbers of some sort. */
static void check_hostile_blocks(void)
{
    enum { N = 1024 };
    static unsigned char bytes[N * 4];
    static float y[N + 1];
    for (int t = 0; t < DT_COUNT; t++) {
        if (!formats[t].to_f32) continue;
        size_t size = format_bytes((enum dtype)t, N);
        unsigned char *exact = mem_alloc(size); /* the sanitizer sees a read past its end */
        CHECK(exact != NULL, "no memory");
        if (!exact) return;
        for (int k = 0; k < 6; k++) {
            for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = k == 0 ? 0xff : k == 1 ? 0x80 : k == 2 ? 0x7f : (unsigned char)(rng_uniform(8, (uint64_t)k, i) * 256);
            memcpy(exact, bytes, size);
            y[N] = 7;
            formats[t].to_f32(y, exact, N);
            CHECK(y[N] == 7 && !memcmp(exact, bytes, size), "%s wrote where it must not", formats[t].name);
        }
        mem_free(exact);
    }
}

static void check_table(void)
{
    enum dtype t;
    for (int i = 0; i < DT_COUNT; i++) {
        const struct format *f = &formats[i];
        CHECK(format_by_name(f->name, &t) && (int)t == i, "%s is not found by its name", f->name);
        if (f->ggml_type >= 0)
            CHECK(format_by_ggml((uint32_t)f->ggml_type, &t) && (int)t == i, "%s is not found by its ggml type", f->name);
        CHECK(f->block > 0 && f->bytes > 0 && f->block <= 256, "%s: block of %d in %d bytes", f->name, f->block, f->bytes);
        CHECK(!f->from_f32_weighted || f->from_f32, "%s: only weighted", f->name);
        if (f->safetensors_name)
            CHECK(format_by_safetensors(f->safetensors_name, &t) && (int)t == i, "%s: safetensors name", f->name);
        bool only_read = i >= DT_IQ2_XXS && i <= DT_Q2_0;
        CHECK((f->to_f32 == NULL) == (i == DT_I32) && (f->from_f32 == NULL) == (i == DT_I32 || only_read), "%s: conversions",
              f->name);
    }
    CHECK(!format_by_name("q9", &t) && !format_by_ggml(999, &t) && !format_by_ggml(UINT32_MAX, &t) &&
              !format_by_safetensors("F8", &t),
          "an unknown format is found");
    uint64_t n;
    CHECK(format_bytes_checked(DT_Q8_0, 64, &n) && n == 68 && format_bytes(DT_Q8_0, 64) == 68, "bytes of q8_0");
    CHECK(!format_bytes_checked(DT_Q8_0, 33, &n), "33 elements fit into blocks of 32");
    CHECK(!format_bytes_checked(DT_F32, UINT64_MAX / 2, &n) && !format_bytes_checked(DT_F32, (uint64_t)1 << 61, &n),
          "overflow passes");
    CHECK(format_bytes_checked(DT_F32, 0, &n) && n == 0 && format_bytes_checked(DT_BF16, 3, &n) && n == 6, "small sizes");
}

int main(void)
{
    check_f16_codes();
    check_f16_rounding();
    check_bf16();
    check_q8_0();
    check_q8_0_special();
    check_unaligned();
    check_f8();
    check_fixtures();
    check_errors();
    check_again();
    check_weighted();
    check_odd_importance();
    check_broken_numbers();
    check_odd_numbers();
    check_hostile_blocks();
    check_table();
    return test_end();
}
