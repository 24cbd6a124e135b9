/* Our own chat form, which is that of DeepSeek V3, in short. chat_template_jinja and the form must say the same; a test
 * renders both. */
#include "chat/chat.h"
#include <string.h>

static const struct chat_form *own_form(void) { return chat_form_by_name("deepseek-v3"); }

bool chat_supported(const struct tokenizer *t)
{
    struct err e;
    return chat_form_check(own_form(), t, &e) == OK;
}

int chat_encode(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, bool add_generation_prompt,
                struct tokens *out, struct err *e)
{
    struct chat_request q = {.msgs = msgs, .n_msgs = n, .add_generation_prompt = add_generation_prompt};
    return chat_form_encode(own_form(), t, &q, out, NULL, e);
}

const char *chat_template_jinja(void)
{
    return "{%- set sys = namespace(text='') -%}"
           "{%- for m in messages -%}{%- if m['role'] == 'system' and m['content'] -%}"
           "{%- if sys.text -%}{%- set sys.text = sys.text + '\\n\\n' -%}{%- endif -%}"
           "{%- set sys.text = sys.text + m['content'] -%}"
           "{%- endif -%}{%- endfor -%}"
           "{{- bos_token -}}{{- sys.text -}}"
           "{%- for m in messages -%}"
           "{%- if m['role'] == 'user' -%}{{- '" CHAT_USER_MARK "' + m['content'] -}}"
           "{%- elif m['role'] == 'assistant' -%}{{- '" CHAT_ASSISTANT_MARK "' + m['content'] + eos_token -}}"
           "{%- endif -%}{%- endfor -%}"
           "{%- if add_generation_prompt -%}{{- '" CHAT_ASSISTANT_MARK "' -}}{%- endif -%}";
}

const char *chat_template_of(const struct tokenizer *t) { return chat_supported(t) ? chat_template_jinja() : NULL; }
