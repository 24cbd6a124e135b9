/* The tables of published models. Where their makers offer no GGUF file, the ones most downloaded are taken. */
#include "hub/known.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/checked.h"

/* clang-format off */
static const struct known { const char *name, *ref; } known[] = {
    {"smollm2-135m",                  "bartowski/SmolLM2-135M-Instruct-GGUF:Q8_0"},
    {"smollm2-360m",                  "bartowski/SmolLM2-360M-Instruct-GGUF:Q8_0"},
    {"smollm2-1.7b",                  "bartowski/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M"},
    {"smollm3-3b",                    "ggml-org/SmolLM3-3B-GGUF:Q4_K_M"},
    {"llama-3-8b",                    "bartowski/Meta-Llama-3-8B-Instruct-GGUF:Q4_K_M"},
    {"llama-3-70b",                   "bartowski/Meta-Llama-3-70B-Instruct-GGUF:Q4_K_M"},
    {"llama-3.1-8b",                  "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M"},
    {"llama-3.1-70b",                 "bartowski/Meta-Llama-3.1-70B-Instruct-GGUF:Q4_K_M"},
    {"llama-3.1-405b",                "bartowski/Meta-Llama-3.1-405B-Instruct-GGUF:Q4_K_M"},
    {"llama-3.2-1b",                  "bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M"},
    {"llama-3.2-3b",                  "bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"},
    {"llama-3.3-70b",                 "bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M"},
    {"mistral-7b-v0.1",               "mistralai/Mistral-7B-Instruct-v0.1"},
    {"mistral-7b-v0.3",               "bartowski/Mistral-7B-Instruct-v0.3-GGUF:Q4_K_M"},
    {"ministral-3-3b",                "mistralai/Ministral-3-3B-Instruct-2512-GGUF:Q4_K_M"},
    {"ministral-3-8b",                "mistralai/Ministral-3-8B-Instruct-2512-GGUF:Q4_K_M"},
    {"ministral-3-14b",               "mistralai/Ministral-3-14B-Instruct-2512-GGUF:Q4_K_M"},
    {"qwen2.5-0.5b",                  "Qwen/Qwen2.5-0.5B-Instruct-GGUF:q8_0"},
    {"qwen2.5-1.5b",                  "Qwen/Qwen2.5-1.5B-Instruct-GGUF:q4_k_m"},
    {"qwen2.5-3b",                    "Qwen/Qwen2.5-3B-Instruct-GGUF:q4_k_m"},
    {"qwen2.5-7b",                    "Qwen/Qwen2.5-7B-Instruct-GGUF:q4_k_m"},
    {"qwen2.5-14b",                   "Qwen/Qwen2.5-14B-Instruct-GGUF:q4_k_m"},
    {"qwen2.5-32b",                   "Qwen/Qwen2.5-32B-Instruct-GGUF:q4_k_m"},
    {"qwen2.5-72b",                   "Qwen/Qwen2.5-72B-Instruct-GGUF:q4_k_m"},
    {"deepseek-r1-distill-qwen-1.5b", "bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M"},
    {"deepseek-r1-distill-qwen-7b",   "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF:Q4_K_M"},
    {"deepseek-r1-distill-qwen-14b",  "bartowski/DeepSeek-R1-Distill-Qwen-14B-GGUF:Q4_K_M"},
    {"deepseek-r1-distill-qwen-32b",  "bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF:Q4_K_M"},
    {"deepseek-r1-distill-llama-8b",  "bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF:Q4_K_M"},
    {"deepseek-r1-distill-llama-70b", "bartowski/DeepSeek-R1-Distill-Llama-70B-GGUF:Q4_K_M"},
    {"deepseek-r1-0528-qwen3-8b",     "unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF:DeepSeek-R1-0528-Qwen3-8B-Q4_K_M.gguf"},
    {"qwen3-0.6b",                    "Qwen/Qwen3-0.6B-GGUF:Q8_0"},
    {"qwen3-1.7b",                    "Qwen/Qwen3-1.7B-GGUF:Q8_0"},
    {"qwen3-4b",                      "Qwen/Qwen3-4B-GGUF:Q4_K_M"},
    {"qwen3-8b",                      "Qwen/Qwen3-8B-GGUF:Q4_K_M"},
    {"qwen3-14b",                     "Qwen/Qwen3-14B-GGUF:Q4_K_M"},
    {"qwen3-32b",                     "Qwen/Qwen3-32B-GGUF:Q4_K_M"},
    {"qwen3-30b-a3b",                 "Qwen/Qwen3-30B-A3B-GGUF:Q4_K_M"},
    {"qwen3-235b-a22b",               "Qwen/Qwen3-235B-A22B-GGUF:Q4_K_M"},
    {"gemma-3-270m",                  "ggml-org/gemma-3-270m-it-GGUF:Q8_0"},
    {"gemma-3-1b",                    "ggml-org/gemma-3-1b-it-GGUF:Q4_K_M"},
    {"gemma-3-4b",                    "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M"},
    {"gemma-3-12b",                   "ggml-org/gemma-3-12b-it-GGUF:Q4_K_M"},
    {"gemma-3-27b",                   "ggml-org/gemma-3-27b-it-GGUF:Q4_K_M"},
    {"deepseek-v2-lite",              "deepseek-ai/DeepSeek-V2-Lite-Chat"},
    {"deepseek-coder-v2-lite",        "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct"},
    {"deepseek-v2",                   "deepseek-ai/DeepSeek-V2-Chat"},
    {"deepseek-v3",                   "deepseek-ai/DeepSeek-V3-0324"},
    {"deepseek-v3.1",                 "deepseek-ai/DeepSeek-V3.1-Terminus"},
    {"deepseek-r1",                   "deepseek-ai/DeepSeek-R1-0528"},
};
static const struct hub_suggestion suggestions[] = {
    {"smollm2-135m",                  "0.14 GB", "English, runs on anything"},
    {"qwen3-0.6b",                    "0.6 GB",  "many languages, thinks before it answers"},
    {"llama-3.2-1b",                  "0.8 GB",  "eight languages, short answers"},
    {"deepseek-r1-distill-qwen-1.5b", "1.1 GB",  "mathematics and reasoning, step by step"},
    {"qwen3-4b",                      "2.5 GB",  "many languages, good on 8 GB of memory"},
    {"qwen3-8b",                      "5.0 GB",  "the best of these, for 16 GB of memory"},
};
static const char *const families[] = {"llama",  "meta-llama", "qwen",   "gemma",  "mistral", "ministral", "mixtral", "phi",
                                       "smollm", "deepseek",   "codellama", "granite", "falcon", "gpt-oss", "tinyllama", "olmo",
                                       "starcoder", "codestral", "vicuna", "command-r", "glm", "kimi", "minimax", "yi"};
/* clang-format on */

/* In lower case, letters and digits only. */
static void plain(char *out, size_t cap, const char *s)
{
    size_t n = 0;
    for (; *s && n + 1 < cap; s++)
        if (isalnum((unsigned char)*s)) out[n++] = (char)tolower((unsigned char)*s);
    out[n] = 0;
}

/* "llama3.2:1b": family and size as Ollama writes them. */
static const char *known_by_tag(const char *name)
{
    char want[64], have[64];
    plain(want, sizeof want, name);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        plain(have, sizeof have, known[i].name);
        if (!strcmp(want, have)) return known[i].ref;
    }
    return NULL;
}

const char *hub_known(const char *name)
{
    static const char *const endings[] = {"", "-instruct", "-it", "-chat"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        size_t n = strlen(known[i].name);
        if (strncasecmp(name, known[i].name, n) != 0) continue;
        for (size_t k = 0; k < ARRAY_LEN(endings); k++)
            if (!strcasecmp(name + n, endings[k])) return known[i].ref;
    }
    return strchr(name, ':') && !strpbrk(name, "/@") ? known_by_tag(name) : NULL;
}

bool hub_known_family(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        size_t n = strlen(families[i]);
        if (!strncasecmp(word, families[i], n) && strchr("0123456789.:-_", word[n])) return true; /* also its end */
    }
    return false;
}

bool hub_known_near(char *out, size_t cap, const char *word)
{
    enum { MOST = 4 };
    char want[64], have[64], family[64];
    size_t n = 0, found = 0, tag = strcspn(word, ":");
    snprintf(family, sizeof family, "%.*s", (int)(tag < sizeof family ? tag : sizeof family - 1), word); /* "qwen3:latest" */
    plain(want, sizeof want, family);
    *out = 0;
    if (strlen(want) < 4 || strchr(word, '/')) return false;
    for (size_t i = 0; i < ARRAY_LEN(known) && found < MOST && n < cap; i++) {
        plain(have, sizeof have, known[i].name);
        if (strncmp(have, want, strlen(want)) != 0) continue;
        n += (size_t)snprintf(out + n, cap - n, "%s%s", found++ ? " or " : "", known[i].name);
    }
    return found > 0;
}

const struct hub_suggestion *hub_suggestion(size_t i)
{
    return i < ARRAY_LEN(suggestions) ? &suggestions[i] : NULL;
}
