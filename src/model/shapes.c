/* The table of published shapes. */
#include "model/shapes.h"
#include <string.h>
#include <strings.h>
#include "base/checked.h"
#include "model/arch.h"

struct row {
    const char *name, *also; /* also: NULL, or another name of the same shape */
    const struct arch *arch;
    int layers, dim, heads, kv_heads, head_dim, ffn, vocab, context;
    bool tied;
    int window;              /* Gemma, Mistral */
    int experts, used, expert_ffn, shared, dense; /* mixtures; dense: layers before the first */
    int q_rank, mtp;                              /* DeepSeek, whose other widths are always the same */
};

/* clang-format off */
#define LLAMA &arch_llama
#define MISTRAL &arch_mistral
#define MISTRAL3 &arch_mistral3
#define SMOLLM3 &arch_smollm3
#define QWEN2 &arch_qwen2
#define QWEN3 &arch_qwen3
#define QWEN3M &arch_qwen3_moe
#define GEMMA &arch_gemma3
#define DS2 &arch_deepseek2
#define DS3 &arch_deepseek3
static const struct row table[] = {
    /* names, architecture, layers, dim, heads, kv heads, width of a head, ffn, vocabulary, context, tied head, window;
     * experts, of them used, their width, shared ones, dense layers, rank of queries, MTP layers */
    {"smollm2-135m",           NULL,                  LLAMA,    30,   576,   9,  3,  64,  1536,  49152,   8192, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"smollm2-360m",           NULL,                  LLAMA,    32,   960,  15,  5,  64,  2560,  49152,   8192, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"smollm2-1.7b",           NULL,                  LLAMA,    24,  2048,  32, 32,  64,  8192,  49152,   8192, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3-8b",             "meta-llama-3-8b",     LLAMA,    32,  4096,  32,  8, 128, 14336, 128256,   8192, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3-70b",            "meta-llama-3-70b",    LLAMA,    80,  8192,  64,  8, 128, 28672, 128256,   8192, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3.1-8b",           "meta-llama-3.1-8b",   LLAMA,    32,  4096,  32,  8, 128, 14336, 128256, 131072, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3.1-70b",          "meta-llama-3.1-70b",  LLAMA,    80,  8192,  64,  8, 128, 28672, 128256, 131072, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3.1-405b",         "meta-llama-3.1-405b", LLAMA,   126, 16384, 128,  8, 128, 53248, 128256, 131072, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3.2-1b",           NULL,                  LLAMA,    16,  2048,  32,  8,  64,  8192, 128256, 131072, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3.2-3b",           NULL,                  LLAMA,    28,  3072,  24,  8, 128,  8192, 128256, 131072, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"llama-3.3-70b",          NULL,                  LLAMA,    80,  8192,  64,  8, 128, 28672, 128256, 131072, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"smollm3-3b",             NULL,                  SMOLLM3,  36,  2048,  16,  4, 128, 11008, 128256,  65536, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"mistral-7b-v0.1", "mistral-7b-instruct-v0.1",   MISTRAL,  32,  4096,  32,  8, 128, 14336,  32000,  32768, false, 4096, 0, 0, 0, 0, 0, 0, 0},
    {"mistral-7b-v0.3", "mistral-7b-instruct-v0.3",   MISTRAL,  32,  4096,  32,  8, 128, 14336,  32768,  32768, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"ministral-3-3b",         NULL,                  MISTRAL3, 26,  3072,  32,  8, 128,  9216, 131072, 262144, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"ministral-3-8b",         NULL,                  MISTRAL3, 34,  4096,  32,  8, 128, 14336, 131072, 262144, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"ministral-3-14b",        NULL,                  MISTRAL3, 40,  5120,  32,  8, 128, 16384, 131072, 262144, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-0.5b",           NULL,                  QWEN2,    24,   896,  14,  2,  64,  4864, 151936,  32768, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-1.5b",           NULL,                  QWEN2,    28,  1536,  12,  2, 128,  8960, 151936,  32768, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-3b",             NULL,                  QWEN2,    36,  2048,  16,  2, 128, 11008, 151936,  32768, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-7b",             NULL,                  QWEN2,    28,  3584,  28,  4, 128, 18944, 152064,  32768, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-14b",            NULL,                  QWEN2,    48,  5120,  40,  8, 128, 13824, 152064,  32768, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-32b",            NULL,                  QWEN2,    64,  5120,  40,  8, 128, 27648, 152064,  32768, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen2.5-72b",            NULL,                  QWEN2,    80,  8192,  64,  8, 128, 29568, 152064,  32768, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-distill-qwen-1.5b", "r1-distill-qwen-1.5b", QWEN2, 28, 1536, 12, 2, 128, 8960, 151936, 131072, false, 0,   0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-distill-qwen-7b",   "r1-distill-qwen-7b",   QWEN2, 28, 3584, 28, 4, 128, 18944, 152064, 131072, false, 0,  0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-distill-qwen-14b",  "r1-distill-qwen-14b",  QWEN2, 48, 5120, 40, 8, 128, 13824, 152064, 131072, false, 0,  0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-distill-qwen-32b",  "r1-distill-qwen-32b",  QWEN2, 64, 5120, 40, 8, 128, 27648, 152064, 131072, false, 0,  0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-distill-llama-8b",  "r1-distill-llama-8b",  LLAMA, 32, 4096, 32, 8, 128, 14336, 128256, 131072, false, 0,  0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-distill-llama-70b", "r1-distill-llama-70b", LLAMA, 80, 8192, 64, 8, 128, 28672, 128256, 131072, false, 0,  0, 0, 0, 0, 0, 0, 0},
    {"deepseek-r1-0528-qwen3-8b",     "r1-0528-qwen3-8b",     QWEN3, 36, 4096, 32, 8, 128, 12288, 151936, 131072, false, 0,  0, 0, 0, 0, 0, 0, 0},
    {"qwen3-0.6b",             NULL,                  QWEN3,    28,  1024,  16,  8, 128,  3072, 151936,  40960, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen3-1.7b",             NULL,                  QWEN3,    28,  2048,  16,  8, 128,  6144, 151936,  40960, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen3-4b",               NULL,                  QWEN3,    36,  2560,  32,  8, 128,  9728, 151936,  40960, true,  0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen3-8b",               NULL,                  QWEN3,    36,  4096,  32,  8, 128, 12288, 151936,  40960, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen3-14b",              NULL,                  QWEN3,    40,  5120,  40,  8, 128, 17408, 151936,  40960, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen3-32b",              NULL,                  QWEN3,    64,  5120,  64,  8, 128, 25600, 151936,  40960, false, 0,    0, 0, 0, 0, 0, 0, 0},
    {"qwen3-30b-a3b",          NULL,                  QWEN3M,   48,  2048,  32,  4, 128,  6144, 151936,  40960, false, 0,  128, 8,  768, 0, 0, 0, 0},
    {"qwen3-235b-a22b",        NULL,                  QWEN3M,   94,  4096,  64,  4, 128, 12288, 151936,  40960, false, 0,  128, 8, 1536, 0, 0, 0, 0},
    {"gemma-3-270m",           NULL,                  GEMMA,    18,   640,   4,  1, 256,  2048, 262144,  32768, true,  512,  0, 0, 0, 0, 0, 0, 0},
    {"gemma-3-1b",             NULL,                  GEMMA,    26,  1152,   4,  1, 256,  6912, 262144,  32768, true,  512,  0, 0, 0, 0, 0, 0, 0},
    {"gemma-3-4b",             NULL,                  GEMMA,    34,  2560,   8,  4, 256, 10240, 262208, 131072, true,  1024, 0, 0, 0, 0, 0, 0, 0},
    {"gemma-3-12b",            NULL,                  GEMMA,    48,  3840,  16,  8, 256, 15360, 262208, 131072, true,  1024, 0, 0, 0, 0, 0, 0, 0},
    {"gemma-3-27b",            NULL,                  GEMMA,    62,  5376,  32, 16, 128, 21504, 262208, 131072, true,  1024, 0, 0, 0, 0, 0, 0, 0},
    {"deepseek-v2-lite",       "v2-lite",             DS2,      27,  2048,  16,  0,   0, 10944, 102400, 163840, false, 0,   64, 6, 1408, 2, 1, 0, 0},
    {"deepseek-coder-v2-lite", NULL,                  DS2,      27,  2048,  16,  0,   0, 10944, 102400, 163840, false, 0,   64, 6, 1408, 2, 1, 0, 0},
    {"deepseek-v2",            "deepseek-v2.5",       DS2,      60,  5120, 128,  0,   0, 12288, 102400, 163840, false, 0,  160, 6, 1536, 2, 1, 1536, 0},
    {"deepseek-v3",            "deepseek-v3-0324",    DS3,      61,  7168, 128,  0,   0, 18432, 129280, 163840, false, 0,  256, 8, 2048, 1, 3, 1536, 1},
    {"deepseek-v3.1",          "deepseek-v3.1-terminus", DS3,   61,  7168, 128,  0,   0, 18432, 129280, 163840, false, 0,  256, 8, 2048, 1, 3, 1536, 1},
    {"deepseek-r1",            "deepseek-r1-0528",    DS3,      61,  7168, 128,  0,   0, 18432, 129280, 163840, false, 0,  256, 8, 2048, 1, 3, 1536, 1},
};
/* clang-format on */

static void fill(struct config *c, const struct row *r)
{
    config_default_of(c, r->arch);
    if (r->arch->json_defaults) r->arch->json_defaults(c); /* for what the table does not have */
    c->layers = r->layers;
    c->dim = r->dim;
    c->heads = r->heads;
    c->kv_heads = r->kv_heads;
    c->head_dim = r->head_dim;
    c->dense_ffn = r->ffn;
    c->vocab = r->vocab;
    c->context = r->context;
    c->tied_head = r->tied;
    c->window = r->window;
    c->experts = r->experts;
    c->experts_used = r->used;
    c->expert_ffn = r->expert_ffn;
    c->experts_shared = r->shared;
    c->dense_layers = r->dense;
    c->mtp_layers = r->mtp;
    if (!r->arch->mla) return;
    c->q_lora_rank = r->q_rank;
    c->kv_lora_rank = 512;
    c->qk_nope_dim = c->v_dim = 128;
    c->qk_rope_dim = 64;
}

/* Whether name is `known`, perhaps with a word after it that changes the numbers but not the shape. */
static bool is_name(const char *name, const char *known)
{
    static const char *const endings[] = {"", "-instruct", "-base", "-it", "-pt", "-chat",
                                          "-base-2512", "-instruct-2512", "-reasoning-2512"};
    size_t n = known ? strlen(known) : 0;
    if (!known || strncasecmp(name, known, n) != 0) return false;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (!strcasecmp(name + n, endings[i])) return true;
    return false;
}

bool shape_by_name(const char *name, struct config *c)
{
    const char *slash = strrchr(name, '/');
    if (slash) name = slash + 1;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (is_name(name, table[i].name) || is_name(name, table[i].also)) {
            fill(c, &table[i]);
            return true;
        }
    return false;
}

const char *shape_name(size_t i) { return i < ARRAY_LEN(table) ? table[i].name : NULL; }
