/* Choosing the form of chats. */
#include "infer/form_choice.h"
#include <stdio.h>
#include "base/mem.h"
#include "model/chat_template.h"
#include "sys/file.h"

enum { TEMPLATE_MAX_BYTES = 1 << 20 };

static int no_such_form(const char *name, struct err *e)
{
    char all[512] = "";
    for (size_t i = 0, n = 0; chat_form_at(i) && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", chat_form_name(chat_form_at(i)));
    FAIL(e, ERR_USAGE, "there is no form of chats \"%s\", and no file of that name; there are: %s", name, all);
}

static int from_file(struct form_choice *c, const struct tokenizer *t, const char *path, struct err *e)
{
    struct chat_model m = {.name = path};
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, TEMPLATE_MAX_BYTES, e));
    m.template_text = text;
    int rc = chat_form_of(&c->form, &c->own, t, &m, e);
    if (rc) err_prefix(e, "%s", path);
    mem_free(text);
    c->how = "a template from a file";
    return rc;
}

static int asked_for(struct form_choice *c, const struct tokenizer *t, const char *wanted, struct err *e)
{
    c->form = chat_form_by_name(wanted);
    c->how = "asked for by name";
    if (c->form) return chat_form_check(c->form, t, e);
    return !file_absent(wanted) ? from_file(c, t, wanted, e) : no_such_form(wanted, e);
}

int form_choose(struct form_choice *c, struct model_file *f, const struct tokenizer *t, const char *arch, const char *wanted,
                struct err *e)
{
    struct chat_templates templates;
    char *name = NULL;
    *c = (struct form_choice){0};
    if (wanted) return asked_for(c, t, wanted, e);
    int rc = model_chat_templates(&templates, f, e);
    if (!rc) rc = model_name(&name, f, e);
    struct chat_model m = {.template_text = chat_templates_find(&templates, CHAT_TEMPLATE_MAIN),
                           .tools_text = chat_templates_find(&templates, "tool_use"),
                           .arch = arch,
                           .name = name ? name : f->path};
    c->how = m.template_text ? "the model's template renders the same" : "the makers of this architecture publish no template";
    if (!rc && chat_form_of(&c->form, &c->own, t, &m, &c->why)) {
        c->form = NULL;
        if (c->why.code == ERR_MEMORY) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s", c->why.msg);
    }
    c->by_markers = c->form && chat_form_by_markers(t, &m);
    if (c->by_markers) c->how = "the files have no template; the vocabulary has the markers";
    if (c->own) c->how = "the model's own template, which renders what no built-in form does";
    chat_templates_free(&templates);
    mem_free(name);
    return rc;
}

void form_choice_free(struct form_choice *c)
{
    chat_own_free(c->own);
    *c = (struct form_choice){0};
}
