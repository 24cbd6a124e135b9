/* The table of options of other programs. */
#include "cli/options_other.h"
#include <stdio.h>
#include <string.h>
#include "base/checked.h"

static const char no_gpu[] = "the processor computes everything";
static const char by_itself[] = "it happens by itself";
static const char one_chunk[] = "one setting for prompt and answer is enough here";
static const char no_server[] = "there is no server yet";

/* clang-format off */
static const struct other_option others[] = {
    {" m model hf hfr hf-repo mu model-url ",        OTHER_MODEL,   OTHER_VALUE, NULL},
    {" p prompt ",                                   OTHER_WORD,    OTHER_VALUE, "PROMPT"},
    {" f file ",                                     OTHER_WORD,    OTHER_VALUE, "TEXT"},
    {" temperature ",                                OTHER_SAME,    OTHER_VALUE, "temp"},
    {" ctx-size num-ctx context-length n-ctx ",      OTHER_SAME,    OTHER_VALUE, "ctx"},
    {" n-predict predict num-predict max-new-tokens n ", OTHER_SAME, OTHER_VALUE, "max-tokens"},
    {" repeat-penalty repetition-penalty ",          OTHER_SAME,    OTHER_VALUE, "repeat"},
    {" form ",                                       OTHER_SAME,    OTHER_VALUE, "attention"},
    {" repeat-last-n ",                              OTHER_SAME,    OTHER_VALUE, "repeat-window"},
    {" s ",                                          OTHER_SAME,    OTHER_VALUE, "seed"},
    {" sys system-prompt system-message ",           OTHER_SAME,    OTHER_VALUE, "system"},
    {" chat-template chat-template-file ",           OTHER_SAME,    OTHER_VALUE, "template"},
    {" rea reasoning ",                              OTHER_SAME,    OTHER_VALUE, "think"},
    {" ctk cache-type-k ctv cache-type-v ",          OTHER_SAME,    OTHER_VALUE, "cache"},
    {" r reverse-prompt ",                           OTHER_SAME,    OTHER_VALUE, "stop"},
    {" sp ",                                         OTHER_SAME,    OTHER_FLAG,  "special"},
    {" no-cnv no-conversation ",                     OTHER_SAME,    OTHER_FLAG,  "raw"},
    {" ignore-eos ",                                 OTHER_SAME,    OTHER_FLAG,  "ignore-end"},
    {" verbose show-timings ",                       OTHER_SAME,    OTHER_FLAG,  "stats"},
    {" simple-io nowordwrap ",                       OTHER_SAME,    OTHER_FLAG,  "plain"},
    {" outtype ftype ",                              OTHER_SAME,    OTHER_VALUE, "to"},
    {" output-tensor-type ",                         OTHER_SAME,    OTHER_VALUE, "head"},
    {" token-embedding-type ",                       OTHER_SAME,    OTHER_VALUE, "embed"},
    {" tensor-type ",                                OTHER_SAME,    OTHER_VALUE, "type"},
    {" output output-file outfile ",                 OTHER_SAME,    OTHER_VALUE, "out"},
    {" n-gen ",                                      OTHER_SAME,    OTHER_VALUE, "generate"},
    {" n-prompt ",                                   OTHER_SAME,    OTHER_VALUE, "prompt"},
    {" n-depth ",                                    OTHER_SAME,    OTHER_VALUE, "depth"},
    {" repetitions ",                                OTHER_SAME,    OTHER_VALUE, "rounds"},
    {" ngl gpu-layers n-gpu-layers ",                OTHER_NOTHING, OTHER_VALUE, no_gpu},
    {" ts tensor-split mg main-gpu sm split-mode dev device ot override-tensor ncmoe n-cpu-moe ", OTHER_NOTHING, OTHER_VALUE, no_gpu},
    {" cmoe cpu-moe nkvo no-kv-offload kvo kv-offload ", OTHER_NOTHING, OTHER_FLAG, no_gpu},
    {" fa flash-attn ",                              OTHER_NOTHING, OTHER_MAYBE, by_itself},
    {" rtr run-time-repack fmoe fused-moe ger mla-attn ", OTHER_NOTHING, OTHER_FLAG, by_itself},
    {" mla amb ",                                    OTHER_NOTHING, OTHER_VALUE, by_itself},
    {" e escape ",                                   OTHER_REFUSED, OTHER_FLAG,  "escapes are not processed: let the shell do it, as $'a\\nb'"},
    {" chunks ",                                     OTHER_REFUSED, OTHER_VALUE, "autarky counts in tokens: --limit"},
    {" samplers sampling-seq logit-bias reasoning-budget keep ", OTHER_REFUSED, OTHER_VALUE, "autarky has no such setting"},
    {" rope-scaling rope-scale rope-freq-base rope-freq-scale yarn-orig-ctx ", OTHER_REFUSED, OTHER_VALUE,
     "positions are as the model's file says"},
    {" mmproj mm image audio ",                      OTHER_REFUSED, OTHER_VALUE, "pictures and sound are not supported"},
    {" modelfile license parameters ",               OTHER_NOTHING, OTHER_FLAG,  "autarky show tells metadata, template and form of chats"},
    {" allow-requantize leave-output-tensor pure ",  OTHER_NOTHING, OTHER_FLAG,  "--head, --embed and --type choose formats of tensors"},
    {" mlock mmap no-mmap warmup no-warmup jinja cnv conversation st single-turn no-display-prompt log-disable "
     "hidethinking no-perf perf ",                   OTHER_NOTHING, OTHER_FLAG,  "autarky run and chat need no such switch"},
    {" keepalive numa prio poll C cpu-mask log-file lv log-verbosity ", OTHER_NOTHING, OTHER_VALUE,
     "autarky has no such setting, and the answer does not depend on it"},
    {" tb threads-batch b batch-size ub ubatch-size ", OTHER_NOTHING, OTHER_VALUE, one_chunk},
    {" i interactive if interactive-first ",         OTHER_REFUSED, OTHER_FLAG,  "autarky chat talks"},
    {" lora lora-scaled adapter ",                   OTHER_REFUSED, OTHER_VALUE, "adapters are not read yet"},
    {" grammar grammar-file j json-schema json-schema-file format ", OTHER_REFUSED, OTHER_VALUE, "there are no grammars yet"},
    {" host port api-key ",                          OTHER_REFUSED, OTHER_VALUE, no_server},
    {" md model-draft draft draft-max ",             OTHER_REFUSED, OTHER_VALUE, "there is no speculative decoding yet: leave it out"},
    {" mirostat dry-multiplier xtc-probability presence-penalty frequency-penalty typical ", OTHER_REFUSED, OTHER_VALUE,
     "autarky samples by --temp, --top-k, --top-p, --min-p and --repeat"},
};
/* clang-format on */

const struct other_option *other_find(const char *word)
{
    char name[48];
    size_t n = 1;
    name[0] = ' ';
    for (const char *p = word + strspn(word, "-"); *p && *p != '='; p++) {
        if (n + 3 > sizeof name || *p == ' ') return NULL;
        name[n++] = *p == '_' ? '-' : *p;
    }
    if (n == 1) return NULL;
    name[n++] = ' ';
    name[n] = 0;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strstr(others[i].names, name)) return &others[i];
    return NULL;
}

bool other_takes(const char *word)
{
    static const char *const words[] = {"on", "off", "auto", "0", "1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(word, words[i])) return true;
    return false;
}
