/* The numbers of tensor types in GGUF: those of ggml (and mxfp8, a fork's) with their sizes, and names of others that are
 * found in files. Numbers up to LAST_AGREED mean the same in every program. Above, forks have given out numbers of their
 * own, some of which ggml has given out as well: there the bytes that a file has for a tensor must agree with its type. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "io/reader.h"

enum { LAST_AGREED = 30 };

static const char removed[] = "that ggml has given up", ik[] = "of ik_llama.cpp";
static const char removed_i2s[] = "that ggml has given up, or i2_s of BitNet";

/* clang-format off */
static const struct raw_type types[] = {
    {0, "f32", 1, 4},         {1, "f16", 1, 2},         {2, "q4_0", 32, 18},      {3, "q4_1", 32, 20},
    {6, "q5_0", 32, 22},      {7, "q5_1", 32, 24},      {8, "q8_0", 32, 34},      {9, "q8_1", 32, 36},
    {10, "q2_k", 256, 84},    {11, "q3_k", 256, 110},   {12, "q4_k", 256, 144},   {13, "q5_k", 256, 176},
    {14, "q6_k", 256, 210},   {15, "q8_k", 256, 292},   {16, "iq2_xxs", 256, 66}, {17, "iq2_xs", 256, 74},
    {18, "iq3_xxs", 256, 98}, {19, "iq1_s", 256, 50},   {20, "iq4_nl", 32, 18},   {21, "iq3_s", 256, 110},
    {22, "iq2_s", 256, 82},   {23, "iq4_xs", 256, 136}, {24, "i8", 1, 1},         {25, "i16", 1, 2},
    {26, "i32", 1, 4},        {27, "i64", 1, 8},        {28, "f64", 1, 8},        {29, "iq1_m", 256, 56},
    {30, "bf16", 1, 2},       {34, "tq1_0", 256, 54},   {35, "tq2_0", 256, 66},   {39, "mxfp4", 32, 17},
    {40, "nvfp4", 64, 36},    {41, "q1_0", 128, 18},    {42, "q2_0", 64, 18},     {43, "mxfp8", 256, 264},
};
/* Types whose numbers are here only to be named. */
struct foreign {
    uint32_t id;
    const char *name, *owner;
};
static const struct foreign foreign[] = {
    {4, "q4_2", removed}, {5, "q4_3", removed}, {31, "q4_0_4_4", removed}, {32, "q4_0_4_8", removed},
    {33, "q4_0_8_8", removed}, {36, "iq4_nl_4_4", removed_i2s}, {37, "iq4_nl_4_8", removed},
    {38, "iq4_nl_8_8", removed}, {97, "q8_0_x4", ik}, {98, "q8_1_x4", ik}, {99, "q8_2_x4", ik}, {133, "q6_0", ik},
    {134, "iq1_bn", ik}, {135, "iq2_bn", ik}, {136, "q8_k64", ik}, {137, "iq2_k", ik}, {138, "iq3_k", ik},
    {139, "iq4_k", ik}, {140, "iq5_k", ik}, {141, "iq6_k", ik}, {142, "iq2_tn", ik}, {143, "iq1_tn", ik},
    {144, "iq4_ks", ik}, {145, "iq2_ks", ik}, {146, "iq4_kss", ik}, {147, "q8_k16", ik}, {148, "q8_k32", ik},
    {149, "q8_kr8", ik}, {150, "q8_k128", ik}, {151, "q8_kv", ik}, {152, "iq5_ks", ik}, {153, "iq2_kt", ik},
    {154, "iq3_kt", ik}, {155, "iq4_kt", ik}, {156, "iq3_ks", ik}, {157, "iq2_kl", ik}, {158, "iq1_kt", ik},
    {202, "q4_0_r8", ik}, {206, "q5_0_r4", ik}, {208, "q8_0_r8", ik}, {210, "q2_k_r4", ik}, {211, "q3_k_r4", ik},
    {212, "q4_k_r4", ik}, {213, "q5_k_r4", ik}, {214, "q6_k_r4", ik}, {216, "iq2_xxs_r4", ik},
    {217, "iq2_xs_r4", ik}, {218, "iq3_xxs_r4", ik}, {219, "iq1_s_r4", ik}, {220, "iq4_nl_r4", ik},
    {221, "iq3_s_r4", ik}, {222, "iq2_s_r4", ik}, {223, "iq4_xs_r8", ik}, {229, "iq1_m_r4", ik},
    {230, "bf16_r16", ik}, {233, "q6_0_r4", ik}, {335, "iq2_bn_r4", ik}, {337, "iq2_k_r4", ik},
    {338, "iq3_k_r4", ik}, {339, "iq4_k_r4", ik}, {340, "iq5_k_r4", ik}, {344, "iq4_ks_r4", ik},
    {352, "iq5_ks_r4", ik}, {353, "mxfp4_r8", ik}, {397, "q8_k_r16", ik}, {398, "q8_kv_r8", ik},
    {399, "q8_k_r8", ik},
};
/* Other readings of a number that ggml has given out: block and bytes tell them apart. */
static const struct {
    struct raw_type t;
    const char *owner;
} others[] = {
    {{42, "q2_0", 128, 34}, "of PrismML's llama.cpp"},
};
/* clang-format on */

const struct raw_type *io_ggml_type(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].id == id) return &types[i];
    return NULL;
}

static const struct foreign *foreign_type(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (foreign[i].id == id) return &foreign[i];
    return NULL;
}

const char *io_ggml_name(uint32_t id)
{
    const struct raw_type *r = io_ggml_type(id);
    const struct foreign *x = foreign_type(id);
    return r ? r->name : x ? x->name : "?";
}

bool io_ggml_agreed(uint32_t id) { return id <= LAST_AGREED && io_ggml_type(id); }

bool io_fills(uint64_t bytes, uint64_t room, uint64_t alignment)
{
    return bytes > 0 && bytes <= room && room - bytes < alignment;
}

/* Bytes of t as this type; 0 when its rows are no whole blocks of it. */
static uint64_t bytes_as(const struct raw_type *r, const struct tf_tensor *t)
{
    uint64_t n, bytes;
    bool whole = t->ne[t->nd - 1] % r->block == 0 && io_elements(t->ne, t->nd, &n);
    return whole && mul_u64(n / r->block, r->bytes, &bytes) ? bytes : 0;
}

/* Where ik_llama.cpp gives out its numbers. */
static bool is_ik(uint32_t id) { return (id >= 133 && id <= 158) || (id >= 202 && id <= 399); }

/* What a number that this program cannot read means; see tf_check_known. */
static void say_why(char *out, size_t size, const struct tf_tensor *t)
{
    const struct raw_type *r = io_ggml_type(t->raw_type);
    const struct foreign *x = foreign_type(t->raw_type);
    uint64_t bytes = r ? bytes_as(r, t) : 0;
    if (x) snprintf(out, size, "%s %s, which this program does not read", x->name, x->owner);
    else if (is_ik(t->raw_type)) snprintf(out, size, "a type %s, which this program does not read", ik);
    else if (!r) snprintf(out, size, "which no program known here has given out");
    else if (bytes == t->bytes) snprintf(out, size, "%s, which is no type to compute with", r->name);
    else if (!bytes)
        snprintf(out, size, "%s here, whose blocks of %u do not divide rows of %" PRId64 ": a type of another program",
                 r->name, r->block, t->ne[t->nd - 1]);
    else
        snprintf(out, size, "%s here with %" PRIu64 " bytes, but the file has %" PRIu64 " for it: a type of another program",
                 r->name, bytes, t->bytes);
}

/* Appends a reading that fits the bytes. */
static void say_other(char *out, size_t size, const struct tf_tensor *t, uint64_t alignment)
{
    size_t n = strlen(out);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].t.id == t->raw_type && io_fills(bytes_as(&others[i].t, t), t->bytes, alignment))
            snprintf(out + n, size - n, ", perhaps %s %s", others[i].t.name, others[i].owner);
}

int tf_check_known(const struct tf *f, const struct tf_tensor *t, struct err *e)
{
    char q[IO_QUOTE], why[240];
    if (t->known) return OK;
    io_quote(q, t->name, strlen(t->name));
    if (strcmp(f->container, "gguf") != 0)
        FAIL(e, ERR_UNSUPPORTED, "%s: tensor %s is stored as %s, which this program cannot read", tf_file_of(f, t), q,
             tf_type_name(f, t));
    say_why(why, sizeof why, t);
    say_other(why, sizeof why, t, f->alignment);
    FAIL(e, ERR_UNSUPPORTED,
         "%s: tensor %s is stored as type %u, %s; take the model in another quantisation, such as Q4_K_M or Q8_0",
         tf_file_of(f, t), q, t->raw_type, why);
}
