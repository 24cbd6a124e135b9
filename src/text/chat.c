/* The chat form of DeepSeek V3. chat_template_jinja and chat_encode must say the same; a test renders both. */
#include "text/chat.h"
#include "text/vocab.h"
#include <string.h>

struct writer {
    const struct tokenizer *t;
    struct tokens *out;
    int32_t user, assistant;
    struct buf *learn; /* NULL: not wanted */
    struct err *e;
};

bool chat_supported(const struct tokenizer *t)
{
    return tokenizer_special(t, CHAT_USER_MARK) >= 0 && tokenizer_special(t, CHAT_ASSISTANT_MARK) >= 0 &&
           tokenizer_eos(t) >= 0;
}

/* Marks the ids appended since there were `from`. */
static void mark(struct writer *w, size_t from, int value)
{
    for (size_t i = from; w->learn && i < w->out->n; i++) buf_add_byte(w->learn, value);
}

static int write_id(struct writer *w, int32_t id, int value)
{
    size_t from = w->out->n;
    TRY(tokens_add(w->out, id, w->e));
    mark(w, from, value);
    return OK;
}

static int write_text(struct writer *w, const char *s, size_t len, int value)
{
    size_t from = w->out->n;
    TRY(tokenizer_encode(w->t, s, len, w->out, w->e));
    mark(w, from, value);
    return OK;
}

/* One text, so that it is cut into pieces as the rendered template would be. */
static int write_system(struct writer *w, const struct chat_msg *msgs, size_t n)
{
    struct buf b = {0};
    for (size_t i = 0; i < n; i++) {
        if (msgs[i].role != CHAT_SYSTEM || msgs[i].len == 0) continue;
        if (b.len) buf_add_str(&b, "\n\n");
        buf_add(&b, msgs[i].text, msgs[i].len);
    }
    int rc = buf_check(&b, "the system text", w->e);
    if (rc == OK && b.len) rc = write_text(w, b.data, b.len, 0);
    buf_free(&b);
    return rc;
}

static int write_chat(struct writer *w, const struct chat_msg *msgs, size_t n, bool prompt)
{
    if (tokenizer_bos(w->t) >= 0) TRY(write_id(w, tokenizer_bos(w->t), 0));
    TRY(write_system(w, msgs, n));
    for (size_t i = 0; i < n; i++) {
        const struct chat_msg *m = &msgs[i];
        if (m->role == CHAT_SYSTEM) continue;
        bool answer = m->role == CHAT_ASSISTANT;
        TRY(write_id(w, answer ? w->assistant : w->user, 0));
        TRY(write_text(w, m->text, m->len, answer));
        if (answer) TRY(write_id(w, tokenizer_eos(w->t), 1));
    }
    return prompt ? write_id(w, w->assistant, 0) : OK;
}

static int encode(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, bool prompt, struct writer *w)
{
    w->t = t;
    if (!chat_supported(t))
        FAIL(w->e, ERR_UNSUPPORTED, "the vocabulary has no chat markers (%s, %s)", CHAT_USER_MARK, CHAT_ASSISTANT_MARK);
    w->user = tokenizer_special(t, CHAT_USER_MARK);
    w->assistant = tokenizer_special(t, CHAT_ASSISTANT_MARK);
    size_t before = w->out->n, learnt = w->learn ? w->learn->len : 0;
    int rc = write_chat(w, msgs, n, prompt);
    if (rc == OK && w->learn) rc = buf_check(w->learn, "training marks", w->e);
    if (rc) w->out->n = before;
    if (rc && w->learn) w->learn->len = learnt;
    return rc;
}

int chat_encode(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, bool add_generation_prompt,
                struct tokens *out, struct err *e)
{
    struct writer w = {.out = out, .e = e};
    return encode(t, msgs, n, add_generation_prompt, &w);
}

int chat_encode_marked(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, struct tokens *out,
                       struct buf *learn, struct err *e)
{
    struct writer w = {.out = out, .learn = learn, .e = e};
    return encode(t, msgs, n, false, &w);
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
