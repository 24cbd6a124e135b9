/* Number formats: every code of f16 and bf16, rounding at every boundary, Q8_0 against its definition, the lookups and
 * the checked sizes. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
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
    char buf[200];
    float x[33], y[33];
    for (int i = 0; i < 33; i++) x[i] = (float)(i - 16) / 4;
    for (int t = 0; t < DT_COUNT; t++) {
        if (!formats[t].to_f32) continue;
        for (int off = 0; off < 4; off++) {
            formats[t].from_f32(buf + off, x, 32);
            formats[t].to_f32(y, buf + off, 32);
            double worst = 0;
            for (int i = 0; i < 32; i++) worst = fmax(worst, fabs((double)x[i] - y[i]));
            CHECK(worst <= (t == DT_Q8_0 ? 0.02 : 0), "%s at offset %d: error %g", formats[t].name, off, worst);
        }
    }
}

static void check_table(void)
{
    enum dtype t;
    for (int i = 0; i < DT_COUNT; i++) {
        const struct format *f = &formats[i];
        CHECK(format_by_name(f->name, &t) && (int)t == i, "%s is not found by its name", f->name);
        CHECK(format_by_ggml((uint32_t)f->ggml_type, &t) && (int)t == i, "%s is not found by its ggml type", f->name);
        if (f->safetensors_name)
            CHECK(format_by_safetensors(f->safetensors_name, &t) && (int)t == i, "%s: safetensors name", f->name);
        CHECK((f->to_f32 == NULL) == (i == DT_I32) && (f->from_f32 == NULL) == (i == DT_I32), "%s: conversions", f->name);
    }
    CHECK(!format_by_name("q9", &t) && !format_by_ggml(999, &t) && !format_by_safetensors("F8", &t),
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
    check_table();
    return test_end();
}
