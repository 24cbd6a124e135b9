/* The table of mixtures. Names and numbers are those that llama.cpp's users know. */
#include "quant/mix.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SAME DT_F32

/* clang-format off */
static const struct mix mixes[] = {
    /*            main       head       embed      experts    more     file type */
    {"q8_0",      DT_Q8_0,   DT_Q8_0,   DT_Q8_0,   DT_Q8_0,   SAME,    7},
    {"q6_k",      DT_Q6_K,   DT_Q6_K,   DT_Q6_K,   DT_Q6_K,   SAME,    18},
    {"q5_k_m",    DT_Q5_K,   DT_Q6_K,   DT_Q5_K,   DT_Q5_K,   DT_Q6_K, 17},
    {"q5_k",      DT_Q5_K,   DT_Q6_K,   DT_Q5_K,   DT_Q5_K,   SAME,    16},
    {"q5_1",      DT_Q5_1,   DT_Q6_K,   DT_Q5_1,   DT_Q5_1,   SAME,    9},
    {"q5_0",      DT_Q5_0,   DT_Q6_K,   DT_Q5_0,   DT_Q5_0,   SAME,    8},
    {"q4_k_m",    DT_Q4_K,   DT_Q6_K,   DT_Q4_K,   DT_Q4_K,   DT_Q6_K, 15},
    {"q4_k",      DT_Q4_K,   DT_Q6_K,   DT_Q4_K,   DT_Q4_K,   SAME,    14},
    {"q4_1",      DT_Q4_1,   DT_Q6_K,   DT_Q4_1,   DT_Q4_1,   SAME,    3},
    {"q4_0",      DT_Q4_0,   DT_Q6_K,   DT_Q4_0,   DT_Q4_0,   SAME,    2},
    {"iq4_nl",    DT_IQ4_NL, DT_Q6_K,   DT_IQ4_NL, DT_IQ4_NL, SAME,    25},
    {"iq4_xs",    DT_IQ4_XS, DT_Q6_K,   DT_IQ4_XS, DT_IQ4_XS, SAME,    30},
    {"mxfp4",     DT_MXFP4,  DT_Q8_0,   DT_MXFP4,  DT_MXFP4,  SAME,    38},
    {"mxfp4_moe", DT_Q8_0,   DT_Q8_0,   DT_Q8_0,   DT_MXFP4,  SAME,    38},
    {"q3_k",      DT_Q3_K,   DT_Q6_K,   DT_Q3_K,   DT_Q3_K,   SAME,    11},
    {"q2_k",      DT_Q2_K,   DT_Q6_K,   DT_Q2_K,   DT_Q2_K,   SAME,    10},
    {"bf16",      DT_BF16,   DT_BF16,   DT_BF16,   DT_BF16,   SAME,    32},
    {"f16",       DT_F16,    DT_F16,    DT_F16,    DT_F16,    SAME,    1},
    {"f32",       DT_F32,    DT_F32,    DT_F32,    DT_F32,    SAME,    0},
};
const char *const mix_names[] = {"q8_0", "q6_k", "q5_k_m", "q5_k", "q5_1", "q5_0", "q4_k_m", "q4_k", "q4_1", "q4_0", "iq4_nl",
                                 "iq4_xs", "mxfp4", "mxfp4_moe", "q3_k", "q2_k", "bf16", "f16", "f32", NULL};
/* Rows that are no whole superblocks of 256: blocks of 32 with more bits. */
static const struct { enum dtype from, to; } fallbacks[] = {
    {DT_Q2_K, DT_IQ4_NL}, {DT_Q3_K, DT_IQ4_NL}, {DT_IQ4_XS, DT_IQ4_NL}, {DT_Q4_K, DT_Q5_0},
    {DT_Q5_K, DT_Q5_1}, {DT_Q6_K, DT_Q8_0},
};
/* clang-format on */
const size_t mix_count = sizeof mixes / sizeof *mixes;
enum { N_MIXES = sizeof mixes / sizeof *mixes };
_Static_assert(sizeof mix_names / sizeof *mix_names == N_MIXES + 1, "the two lists hold the same names");

bool mix_by_name(const char *name, struct mix *out)
{
    for (int i = 0; i < N_MIXES; i++)
        if (!strcasecmp(mixes[i].name, name)) {
            *out = mixes[i];
            return true;
        }
    return false;
}

int64_t mix_layer(const char *name)
{
    char *end;
    if (strncmp(name, "blk.", 4) != 0) return -1;
    long v = strtol(name + 4, &end, 10);
    return *end == '.' && end > name + 4 && v >= 0 && v < 1 << 20 ? v : -1;
}

/* The first and last eighth of the layers, and every third between: where errors in values and in what MLPs give back cost
 * most. */
static bool pays(const char *name, int64_t layers)
{
    int64_t i = mix_layer(name), eighth = layers / 8;
    bool sort = strstr(name, ".attn_v.") || strstr(name, ".attn_v_b.") || strstr(name, ".ffn_down");
    return i >= 0 && sort && (i < eighth || i >= layers - eighth || (i - eighth) % 3 == 2);
}

static enum dtype wanted_type(const struct mix *m, const struct mix_model *model, const char *name)
{
    bool embed = !strcmp(name, "token_embd.weight");
    if (!strcmp(name, "output.weight") || (embed && model->tied)) return m->head;
    if (embed) return m->embed;
    if (strstr(name, "_exps.") && m->experts != m->main) return m->experts;
    return m->more != SAME && pays(name, model->layers) ? m->more : m->main;
}

enum dtype mix_fit(enum dtype type, int64_t cols)
{
    for (size_t i = 0; i < sizeof fallbacks / sizeof *fallbacks && cols % formats[type].block; i++)
        if (fallbacks[i].from == type) type = fallbacks[i].to;
    return cols % formats[type].block ? DT_F32 : type;
}

enum dtype mix_type(const struct mix *m, const struct mix_model *model, const char *name, int64_t cols,
                    enum dtype *wanted)
{
    *wanted = wanted_type(m, model, name);
    return mix_fit(*wanted, cols);
}
