/* The table of number formats and their conversions. Stored numbers are little-endian, like the machines. */
#include "format/format.h"
#include "base/checked.h"
#include "format/blocks.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they lie in memory");

const struct format formats[DT_COUNT] = {
    [DT_F32] = {"f32", 1, 4, 0, "F32", f32_load, f32_store, NULL},
    [DT_F16] = {"f16", 1, 2, 1, "F16", f16_load, f16_store, NULL},
    [DT_BF16] = {"bf16", 1, 2, 30, "BF16", bf16_load, bf16_store, NULL},
    [DT_Q8_0] = {"q8_0", 32, 34, 8, NULL, q8_0_load, q8_0_store, NULL},
    [DT_Q4_0] = {"q4_0", 32, 18, 2, NULL, q4_0_load, q4_0_store, q4_0_store_weighted},
    [DT_Q4_1] = {"q4_1", 32, 20, 3, NULL, q4_1_load, q4_1_store, q4_1_store_weighted},
    [DT_Q5_0] = {"q5_0", 32, 22, 6, NULL, q5_0_load, q5_0_store, q5_0_store_weighted},
    [DT_Q5_1] = {"q5_1", 32, 24, 7, NULL, q5_1_load, q5_1_store, q5_1_store_weighted},
    [DT_Q2_K] = {"q2_k", 256, 84, 10, NULL, q2_k_load, q2_k_store, q2_k_store_weighted},
    [DT_Q3_K] = {"q3_k", 256, 110, 11, NULL, q3_k_load, q3_k_store, q3_k_store_weighted},
    [DT_Q4_K] = {"q4_k", 256, 144, 12, NULL, q4_k_load, q4_k_store, q4_k_store_weighted},
    [DT_Q5_K] = {"q5_k", 256, 176, 13, NULL, q5_k_load, q5_k_store, q5_k_store_weighted},
    [DT_Q6_K] = {"q6_k", 256, 210, 14, NULL, q6_k_load, q6_k_store, q6_k_store_weighted},
    [DT_IQ4_NL] = {"iq4_nl", 32, 18, 20, NULL, iq4_nl_load, iq4_nl_store, iq4_nl_store_weighted},
    [DT_IQ4_XS] = {"iq4_xs", 256, 136, 23, NULL, iq4_xs_load, iq4_xs_store, iq4_xs_store_weighted},
    [DT_MXFP4] = {"mxfp4", 32, 17, 39, NULL, mxfp4_load, mxfp4_store, mxfp4_store_weighted},
    [DT_IQ2_XXS] = {"iq2_xxs", 256, 66, 16, NULL, iq2_xxs_load, NULL, NULL},
    [DT_IQ2_XS] = {"iq2_xs", 256, 74, 17, NULL, iq2_xs_load, NULL, NULL},
    [DT_IQ2_S] = {"iq2_s", 256, 82, 22, NULL, iq2_s_load, NULL, NULL},
    [DT_IQ3_XXS] = {"iq3_xxs", 256, 98, 18, NULL, iq3_xxs_load, NULL, NULL},
    [DT_IQ3_S] = {"iq3_s", 256, 110, 21, NULL, iq3_s_load, NULL, NULL},
    [DT_IQ1_S] = {"iq1_s", 256, 50, 19, NULL, iq1_s_load, NULL, NULL},
    [DT_IQ1_M] = {"iq1_m", 256, 56, 29, NULL, iq1_m_load, NULL, NULL},
    [DT_TQ1_0] = {"tq1_0", 256, 54, 34, NULL, tq1_0_load, NULL, NULL},
    [DT_TQ2_0] = {"tq2_0", 256, 66, 35, NULL, tq2_0_load, NULL, NULL},
    [DT_NVFP4] = {"nvfp4", 64, 36, 40, NULL, nvfp4_load, NULL, NULL},
    [DT_MXFP8] = {"mxfp8", 256, 264, 43, NULL, mxfp8_load, NULL, NULL},
    [DT_Q1_0] = {"q1_0", 128, 18, 41, NULL, q1_0_load, NULL, NULL},
    [DT_Q2_0] = {"q2_0", 64, 18, 42, NULL, q2_0_load, NULL, NULL},
    [DT_F8_E4M3] = {"f8_e4m3", 1, 1, -1, "F8_E4M3", f8_e4m3_load, f8_e4m3_store, NULL},
    [DT_I32] = {"i32", 1, 4, 26, "I32", NULL, NULL, NULL},
};

bool format_bytes_checked(enum dtype t, uint64_t n, uint64_t *bytes)
{
    uint64_t block = (uint64_t)formats[t].block;
    return n % block == 0 && mul_u64(n / block, (uint64_t)formats[t].bytes, bytes) && *bytes <= INT64_MAX;
}

bool format_by_name(const char *name, enum dtype *out)
{
    for (int i = 0; i < DT_COUNT; i++)
        if (!strcmp(formats[i].name, name)) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}

bool format_by_ggml(uint32_t ggml_type, enum dtype *out)
{
    for (int i = 0; i < DT_COUNT; i++)
        if (formats[i].ggml_type >= 0 && (uint32_t)formats[i].ggml_type == ggml_type) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}

bool format_by_safetensors(const char *name, enum dtype *out)
{
    for (int i = 0; i < DT_COUNT; i++)
        if (formats[i].safetensors_name && !strcmp(formats[i].safetensors_name, name)) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}
