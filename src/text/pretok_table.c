/* Pre-tokenizer rules as published in the models' own tokenizer.json files. */
#include "text/pretok_table.h"
#include "base/checked.h"
#include "text/pretok_sets.h"
#include <string.h>

#define NUMBER "\\p{N}"
#define GPT2   "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* Qwen 2 and Llama 3 differ in the length of numbers only. */
#define TIKTOKEN(number)                                                                                              \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" number                                                \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* Mistral's: words end where a capital follows a small letter. */
#define TEKKEN_FIRST "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define TEKKEN_REST  "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define TEKKEN                                                                                                        \
    "[^\\r\\n\\p{L}\\p{N}]?" TEKKEN_FIRST "*" TEKKEN_REST "+|[^\\r\\n\\p{L}\\p{N}]?" TEKKEN_FIRST "+" TEKKEN_REST "*"       \
    "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define DEEPSEEK3                                                                                                     \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"                       \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct pretok_entry table[] = {
    {"deepseek-v3",
     KIND_DEEPSEEK3,
     false,
     {{FORM_SPLIT, "\\p{N}{1,3}"}, {FORM_SPLIT, "[" SET_CJK "]+"}, {FORM_SPLIT, DEEPSEEK3}}},
    {"smollm", KIND_SMOLLM, false, {{FORM_DIGITS, NUMBER}, {FORM_BYTE_LEVEL, GPT2}}},
    {"gpt-2", KIND_GPT2, false, {{FORM_BYTE_LEVEL, GPT2}}},
    {"qwen2", KIND_QWEN2, false, {{FORM_SPLIT, TIKTOKEN("\\p{N}")}}},
    {"llama-bpe", KIND_LLAMA3, true, {{FORM_SPLIT, TIKTOKEN("\\p{N}{1,3}")}}},
    {"tekken", KIND_TEKKEN, true, {{FORM_SPLIT, TEKKEN}}},
    {"deepseek-llm",
     KIND_DEEPSEEK_LLM,
     false,
     {{FORM_SPLIT, "[\\r\\n]"},
      {FORM_SPLIT, "\\s?[" SET_CASED "]+"},
      {FORM_SPLIT, "\\s?[" SET_MARKS "]+"},
      {FORM_SPLIT, "\\s+$"},
      {FORM_SPLIT, "[" SET_WIDE "]+"},
      {FORM_DIGITS, NUMBER}}},
    {"deepseek-coder",
     KIND_DEEPSEEK_CODER,
     false,
     {{FORM_SPLIT, "[\\r\\n]"},
      {FORM_SPLIT, "\\s?\\p{L}+"},
      {FORM_SPLIT, "\\s?\\p{P}+"},
      {FORM_SPLIT, "[" SET_WIDE "]+"},
      {FORM_DIGITS, NUMBER}}},
    /* The same rules as Llama 3's, without its way of taking whole pieces from the vocabulary. */
    {"dbrx", KIND_LLAMA3, false, {{FORM_SPLIT, TIKTOKEN("\\p{N}{1,3}")}}},
};

/* Other names under which the same rules travel in GGUF files. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"joyai-llm", "deepseek-v3"},  {"hunyuan-dense", "deepseek-v3"},
    {"deepseek-r1-qwen", "qwen2"}, {"kormo", "qwen2"},
    {"openpangu", "qwen2"},        {"f2llmv2", "qwen2"},
    {"megrez", "qwen2"},           {"stablelm2", "qwen2"},
    {"hunyuan", "qwen2"},          {"solar-open", "qwen2"},
    {"llama3", "llama-bpe"},       {"llama-v3", "llama-bpe"},
    {"laguna", "llama-bpe"},       {"falcon3", "llama-bpe"},
    {"falcon-h1", "llama-bpe"},    {"pixtral", "llama-bpe"},
    {"midm-2.0", "llama-bpe"},     {"lfm2", "llama-bpe"},
    {"jina-v5-nano", "llama-bpe"}, {"smaug-bpe", "dbrx"},
    {"phi-2", "gpt-2"},            {"jina-es", "gpt-2"},
    {"jina-de", "gpt-2"},          {"jina-v2-es", "gpt-2"},
    {"jina-v2-de", "gpt-2"},       {"gigachat", "gpt-2"},
    {"a.x-4.0", "gpt-2"},          {"mellum", "gpt-2"},
    {"modern-bert", "gpt-2"},      {"mpt", "gpt-2"},
    {"olmo", "gpt-2"},             {"jais", "gpt-2"},
    {"trillion", "gpt-2"},         {"granite-docling", "gpt-2"},
    {"starcoder", "smollm"},       {"refact", "smollm"},
    {"command-r", "smollm"},       {"cohere2_moe", "smollm"},
    {"codeshell", "smollm"},       {"exaone", "smollm"},
    {"minerva-7b", "smollm"},      {"mellum2", "smollm"},
};

const struct pretok_entry *pretok_entry_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(table) ? &table[i] : NULL;
}

const struct pretok_entry *pretok_entry_find(const char *name, const char **own)
{
    *own = NULL;
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcmp(name, aliases[i].alias) == 0) {
            *own = aliases[i].alias;
            name = aliases[i].name;
            break;
        }
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(name, table[i].name) == 0) {
            if (!*own) *own = table[i].name;
            return &table[i];
        }
    return NULL;
}
