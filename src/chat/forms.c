/* The table of chat forms, and how the form of a model is found. */
#include <ctype.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "chat/own/own.h"

#define USER CHAT_USER_MARK
#define ASSISTANT CHAT_ASSISTANT_MARK
#define DS_TOOLS DS_CALLS, DS_CALLS_END, DS_CALL, DS_CALL_END, DS_OUTPUTS, DS_OUTPUTS_END, DS_OUTPUT, DS_OUTPUT_END, DS_SEP
#define IM_TOOLS "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"

static const char *const marks_v2[] = {CHAT_BOS, CHAT_EOS, NULL};
static const char *const marks_v3[] = {USER, ASSISTANT, CHAT_BOS, CHAT_EOS, DS_TOOLS, NULL};
static const char *const marks_r1[] = {USER, ASSISTANT, CHAT_BOS, CHAT_EOS, THINK, UNTHINK, DS_TOOLS, NULL};
static const char *const marks_dsml[] = {USER, ASSISTANT, CHAT_BOS, CHAT_EOS, THINK, UNTHINK, DSML, NULL};
static const char *const marks_im[] = {IM_START, IM_END, "<|endoftext|>", IM_TOOLS, NULL};
static const char *const marks_qwen3[] = {IM_START, IM_END, "<|endoftext|>", IM_TOOLS, THINK, UNTHINK, NULL};
static const char *const marks_llama3[] = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>",
                                           "<|end_of_text|>", "<|eom_id|>", "<|python_tag|>", NULL};
static const char *const marks_llama2[] = {"<s>", "</s>", NULL};
static const char *const marks_gemma[] = {"<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", NULL};

#define DS_BORDERS .bos = CHAT_BOS, .ends = {CHAT_EOS}, .any_eos = true
#define DS_BLOCKS .block = DS_CALLS, .block_end = DS_CALLS_END, .call = DS_CALL, .call_end = DS_CALL_END
#define DS_FENCED {CALLS_NAMED, DS_BLOCKS, .head = "function" DS_SEP, .mid = "```json", .tail = "```"}
#define DS_V3 DS_BORDERS, .render = chat_render_deepseek_v3, .n_needed = 2, .calls = DS_FENCED
#define DS_R1 DS_V3, .markers = marks_r1, .variant = DS_REASONER, .thinks = CHAT_ALWAYS_THINKS, .loose_think = true
#define DS_V4 DS_BORDERS, .render = chat_render_deepseek_v4, .markers = marks_dsml, .n_needed = 2, \
              .calls = {CALLS_DSML, .block = "tool_calls"}, .call_gap = "\n\n", .thinks = CHAT_THINKS_UNLESS_OFF
#define IM_FORM .ends = {IM_END, "<|endoftext|>"}, .n_needed = 2
#define JSON_CALL .name_key = "name", .args_key = "arguments"
#define HERMES .calls = {CALLS_OBJECT, .call = "<tool_call>", .call_end = "</tool_call>", JSON_CALL}, .call_gap = "\n"
#define QWEN3 IM_FORM, HERMES, .render = chat_render_qwen3, .markers = marks_qwen3, .loose_think = true
#define LLAMA3 .bos = "<|begin_of_text|>", .ends = {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"}, .markers = marks_llama3, \
               .n_needed = 3, .render = chat_render_llama3

static const struct chat_form forms[] = {
    {.name = "deepseek-v2", DS_BORDERS, .render = chat_render_deepseek_v2, .markers = marks_v2, .answer_space = true},
    {.name = "deepseek-v3", DS_V3, .markers = marks_v3},
    {.name = "deepseek-r1", DS_R1, .think_prompt = THINK "\n"},
    {.name = "deepseek-r1-0528", DS_R1},
    {.name = "deepseek-v3.1", DS_BORDERS, .render = chat_render_deepseek_v31, .markers = marks_r1, .n_needed = 2,
     .calls = {CALLS_NAMED, DS_BLOCKS, .mid = DS_SEP}, .thinks = CHAT_MAY_THINK},
    {.name = "deepseek-v3.2", DS_BORDERS, .render = chat_render_deepseek_v32, .markers = marks_dsml, .n_needed = 2,
     .calls = {CALLS_DSML, .block = "function_calls"}, .call_gap = "\n\n", .thinks = CHAT_THINKS_UNLESS_OFF},
    {.name = "deepseek-v4", DS_V4, .variant = V4_FIRST},
    {.name = "deepseek-v4-0731", DS_V4, .variant = V4_0731},
    {.name = "chatml", IM_FORM, .render = chat_render_chatml, .markers = marks_im},
    {.name = "smollm2", IM_FORM, .render = chat_render_chatml, .markers = marks_im,
     .system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
    {.name = "qwen2", IM_FORM, HERMES, .render = chat_render_chatml, .markers = marks_im,
     .system = "You are a helpful assistant."},
    {.name = "qwen2.5", IM_FORM, HERMES, .render = chat_render_chatml, .markers = marks_im,
     .system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
    {.name = "qwen3", QWEN3, .variant = QWEN3_HYBRID, .thinks = CHAT_THINKS_UNLESS_OFF},
    {.name = "qwen3-instruct", QWEN3, .variant = QWEN3_INSTRUCT},
    {.name = "qwen3-thinking", QWEN3, .variant = QWEN3_THINKING, .thinks = CHAT_ALWAYS_THINKS, .think_prompt = THINK "\n"},
    {.name = "llama-3", LLAMA3, .variant = LLAMA3_PLAIN},
    {.name = "llama-3.1", LLAMA3, .variant = LLAMA3_DATED,
     .calls = {CALLS_OBJECT, .block = "<|python_tag|>", .bare = true, JSON_CALL}},
    {.name = "llama-2", .bos = "<s>", .ends = {"</s>"}, .any_eos = true, .markers = marks_llama2,
     .render = chat_render_llama2, .answer_space = true},
    {.name = "gemma-3", .bos = "<bos>", .ends = {"<end_of_turn>", "<eos>"}, .markers = marks_gemma, .n_needed = 2,
     .render = chat_render_gemma3},
};

const struct chat_form *chat_form_at(size_t i) { return i < ARRAY_LEN(forms) ? &forms[i] : NULL; }

const struct chat_form *chat_form_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(forms[i].name, name) == 0) return &forms[i];
    return NULL;
}

const char *chat_form_name(const struct chat_form *f) { return f->name; }
bool chat_form_has_tools(const struct chat_form *f) { return f->calls.kind != CALLS_NONE; }
bool chat_form_may_think(const struct chat_form *f) { return f->thinks != CHAT_NEVER_THINKS; }
bool chat_form_always_thinks(const struct chat_form *f) { return f->thinks == CHAT_ALWAYS_THINKS; }

int chat_form_check(const struct chat_form *f, const struct tokenizer *t, struct err *e)
{
    struct buf missing = {0};
    for (int i = 0; i < f->n_needed; i++)
        if (tokenizer_special(t, f->markers[i]) < 0) buf_printf(&missing, "%s%s", missing.len ? ", " : "", f->markers[i]);
    if (f->any_eos && tokenizer_special(t, f->ends[0]) < 0 && tokenizer_eos(t) < 0)
        buf_printf(&missing, "%s%s", missing.len ? ", " : "", f->ends[0]);
    int rc = buf_check(&missing, "the names of markers", e);
    if (!rc && missing.len)
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                     "the vocabulary has no %s, which the chat form %s needs", missing.data, f->name);
    buf_free(&missing);
    return rc;
}

static int add_stop(struct tokens *out, int32_t id, size_t from, struct err *e)
{
    if (id < 0) return OK;
    for (size_t i = from; i < out->n; i++)
        if (out->ids[i] == id) return OK;
    return tokens_add(out, id, e);
}

int chat_stop_ids(const struct chat_form *f, const struct tokenizer *t, struct tokens *out, struct err *e)
{
    size_t from = out->n;
    TRY(add_stop(out, tokenizer_eos(t), from, e));
    for (int i = 0; f && i < CHAT_MAX_ENDS && f->ends[i]; i++)
        TRY(add_stop(out, tokenizer_special(t, f->ends[i]), from, e));
    return OK;
}

/* ---- which form ---- */

/* Where a model brings no template. The first row that fits wins; a column that is NULL fits everything. A row with markers
 * makes a chat of the model: its vocabulary was made for this form. A row that is sure does so even in place of a template: the
 * makers publish a program instead. The others are what is suggested, since without template and markers a model is taken for
 * one that only continues texts. */
#define DEEPSEEK2 " deepseek2 deepseek_v2 deepseek_v3 "
#define DISTILLED " qwen2 llama "
#define QWEN3_ARCH " qwen3 qwen3moe qwen3_moe "
static const struct rule {
    const char *archs, *has, *lacks, *hint, *form;
    bool sure;
} rules[] = {
    {DEEPSEEK2, NULL, USER, NULL, "deepseek-v2", false},
    {DEEPSEEK2, USER, NULL, "r1-0528", "deepseek-r1-0528", false},
    {DEEPSEEK2, USER, NULL, "r1", "deepseek-r1", false},
    {DEEPSEEK2, USER, NULL, "v3.1", "deepseek-v3.1", false},
    {DEEPSEEK2, USER, NULL, "v3-0324", "deepseek-v3", false},
    {DEEPSEEK2, USER, THINK, NULL, "deepseek-v3", false},
    {" deepseek32 deepseek_v32 ", USER, NULL, "exp", "deepseek-v3.1", true},
    {" deepseek32 deepseek_v32 ", USER, NULL, NULL, "deepseek-v3.2", true},
    {" deepseek4 deepseek_v4 ", USER, NULL, "0731", "deepseek-v4-0731", true},
    {" deepseek4 deepseek_v4 ", USER, NULL, NULL, "deepseek-v4", true},
    {DISTILLED, USER, NULL, NULL, "deepseek-r1", false},
    {QWEN3_ARCH, USER, NULL, NULL, "deepseek-r1-0528", false},
    {" qwen2 ", IM_START, NULL, "qwen2.5", "qwen2.5", false},
    {" qwen2 ", IM_START, NULL, "qwen2-", "qwen2", false},
    {QWEN3_ARCH, IM_START, NULL, "instruct-2507", "qwen3-instruct", false},
    {QWEN3_ARCH, IM_START, NULL, "thinking-2507", "qwen3-thinking", false},
    {QWEN3_ARCH, IM_START, NULL, NULL, "qwen3", false},
    {" llama ", IM_START, NULL, "smollm2", "smollm2", false},
    {" llama ", IM_START, NULL, NULL, "chatml", false},
    {" llama ", "<|eom_id|>", NULL, NULL, "llama-3.1", false},
    {" llama ", "<|start_header_id|>", NULL, NULL, "llama-3", false},
    {" llama ", "<s>", NULL, "llama-2", "llama-2", false},
    {" gemma3 gemma3_text ", "<start_of_turn>", NULL, NULL, "gemma-3", false},
};

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; n && (at = strstr(at, word)); at += n)
        if (at > list && at[-1] == ' ' && at[n] == ' ') return true;
    return false;
}

/* Case does not matter, and a hyphen is as good as an underscore or a blank. */
static bool has_hint(const char *name, const char *hint)
{
    for (; *name; name++) {
        size_t i = 0;
        while (hint[i] && name[i]) {
            int c = tolower((unsigned char)name[i]);
            if ((c == '_' || c == ' ' ? '-' : c) != hint[i]) break;
            i++;
        }
        if (!hint[i]) return true;
    }
    return false;
}

static const struct chat_form *by_arch(const struct tokenizer *t, const struct chat_model *m, const struct rule **rule)
{
    *rule = NULL;
    for (size_t i = 0; m->arch && i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        if (!has_word(r->archs, m->arch) || (r->hint && !(m->name && has_hint(m->name, r->hint)))) continue;
        if (r->has && tokenizer_special(t, r->has) < 0) continue;
        if (r->lacks && tokenizer_special(t, r->lacks) >= 0) continue;
        const struct chat_form *f = chat_form_by_name(r->form);
        struct err ignored;
        *rule = r;
        if (chat_form_check(f, t, &ignored) == OK) return f;
    }
    return NULL;
}

/* The forms whose markers the vocabulary has, the one that the architecture suggests first. */
static void list_forms(struct buf *b, const struct tokenizer *t, const struct chat_form *first)
{
    struct err ignored;
    if (first) buf_add_str(b, first->name);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (&forms[i] != first && chat_form_check(&forms[i], t, &ignored) == OK && tokenizer_special(t, forms[i].markers[0]) >= 0)
            buf_printf(b, "%s%s", b->len ? ", " : "", forms[i].name);
}

/* Forms to choose from, for messages. */
static int suggest(struct buf *b, const struct tokenizer *t, const struct chat_model *m, struct err *e)
{
    const struct rule *r;
    list_forms(b, t, by_arch(t, m, &r));
    if (b->len == 0) buf_add_str(b, "none: it has the markers of no form that is known here");
    return buf_check(b, "the names of chat forms", e);
}

static int no_template(const struct tokenizer *t, const struct chat_model *m, struct err *e)
{
    struct buf names = {0};
    int rc = suggest(&names, t, m, e);
    if (!rc)
        rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__,
                     "the model has no chat template: it continues texts. If it was made for chats, choose a form with "
                     "--template NAME (for this vocabulary: %s) or --template FILE.jinja", names.data);
    buf_free(&names);
    return rc;
}

/* A template that cannot be used: what is wrong with it, and what to do. */
static int bad_template(const struct tokenizer *t, const struct chat_model *m, struct err *e)
{
    struct buf names = {0};
    struct err why = *e;
    int rc = why.code == ERR_MEMORY ? ERR_MEMORY : suggest(&names, t, m, e);
    if (!rc)
        rc = err_set(e, why.code, __FILE__, __LINE__, "%.360s; another form: --template NAME (for this vocabulary: %.120s)",
                     why.msg, names.data);
    buf_free(&names);
    return rc;
}

static int form_of(const struct chat_form **out, struct chat_own **own, const struct tokenizer *t, const struct chat_model *m,
                   struct err *e)
{
    const struct rule *r;
    *out = NULL;
    *own = NULL;
    if (!m->template_text) {
        *out = by_arch(t, m, &r);
        if (*out && (r->sure || r->has)) return OK;
        *out = NULL;
        return no_template(t, m, e);
    }
    struct chat_own *o;
    if (chat_own_new(&o, t, m, e)) {
        *out = by_arch(t, m, &r);
        if (*out && r->sure && e->code != ERR_MEMORY) return OK; /* templates of such models come from others */
        *out = NULL;
        return bad_template(t, m, e);
    }
    int rc = own_recognise(out, o, t, e);
    if (rc || *out) chat_own_free(o);
    else {
        *own = o;
        *out = chat_own_form(o);
    }
    return rc;
}

bool chat_form_by_markers(const struct tokenizer *t, const struct chat_model *m)
{
    const struct rule *r;
    return !m->template_text && by_arch(t, m, &r) && !r->sure;
}

/* Forms are tried and given up one by one: what fails for want of memory must not make it another one. */
int chat_form_of(const struct chat_form **out, struct chat_own **own, const struct tokenizer *t, const struct chat_model *m,
                 struct err *e)
{
    uint64_t before = mem_shortages();
    int rc = mem_verdict(form_of(out, own, t, m, e), before, "the form of chats", e);
    if (!rc) return OK;
    chat_own_free(*own);
    *out = NULL;
    *own = NULL;
    return rc;
}
