/* Calls of tools as shapes of answers: how the model's form of chats writes calls, with the schemas of the tools. */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "chat/form.h"
#include "grammar/tools.h"
#include "worker/inside.h"

/* Texts that the form's parts are put together in. */
struct spelt {
    char head[300], mid[300], tail[64];
    char param[300], value[100], value_other[100];
};

/* {"name": "NAME", "arguments": ARGUMENTS}, or {"NAME": ARGUMENTS} */
static void spell_object(struct grammar_call_form *f, struct spelt *t, const struct chat_syntax *x)
{
    const char *gap = x->call ? "\n" : "";
    if (x->name_key) snprintf(t->head, sizeof t->head, "%s{\"%s\": \"", gap, x->name_key);
    else snprintf(t->head, sizeof t->head, "%s{\"", gap);
    if (x->name_key) snprintf(t->mid, sizeof t->mid, "\", \"%s\": ", x->args_key);
    else snprintf(t->mid, sizeof t->mid, "\": ");
    snprintf(t->tail, sizeof t->tail, "}%s", gap);
    f->head = t->head;
    f->mid = t->mid;
    f->tail = t->tail;
    if (x->bare) f->open = f->close = NULL;
}

/* Elements invoke and parameter in a block. */
static void spell_dsml(struct grammar_call_form *f, struct spelt *t, const struct chat_syntax *x)
{
    snprintf(t->head, sizeof t->head, "<" DSML "%s>\n", x->block);
    snprintf(t->tail, sizeof t->tail, "</" DSML "%s>", x->block);
    f->open = t->head;
    f->close = t->tail;
    f->call = NULL;
    f->call_end = NULL;
    f->head = "<" DSML "invoke name=\"";
    f->mid = "\">\n";
    f->tail = "</" DSML "invoke>\n";
    f->param = "<" DSML "parameter name=\"";
    f->value = "\" string=\"true\">";
    f->value_other = "\" string=\"false\">";
    f->param_end = "</" DSML "parameter>\n";
}

/* False: this form's calls have no grammar. */
static bool spell(struct grammar_call_form *f, struct spelt *t, const struct chat_form *form)
{
    const struct chat_syntax *x = &form->calls;
    *f = (struct grammar_call_form){.open = x->block, .close = x->block_end, .call = x->call, .call_end = x->call_end};
    switch (x->kind) {
    case CALLS_NONE: return false;
    case CALLS_OBJECT: spell_object(f, t, x); return true;
    case CALLS_DSML: spell_dsml(f, t, x); return true;
    case CALLS_NAMED:
    case CALLS_TAGGED:
        if (x->counted || (x->head && strchr(x->head, CHAT_ANY)) || (x->mid && strchr(x->mid, CHAT_ANY))) return false;
        f->head = x->head;
        f->mid = x->mid;
        f->tail = x->tail;
        if (x->kind == CALLS_NAMED) return true;
        f->param = x->param;
        f->value = x->value;
        f->param_end = x->param_end;
        return true;
    }
    return false;
}

static int add_tool(struct grammar_tool *out, const struct chat_tool *t, struct err *e)
{
    json_t *v = NULL;
    *out = (struct grammar_tool){.name = t->name, .loose = true};
    if (t->parameters) TRY(json_parse(&v, t->parameters, strlen(t->parameters), t->name, e));
    out->parameters = v;
    return OK;
}

int shape_calls(struct grammar **out, const struct worker *w, const struct turn *t, struct err *e)
{
    struct spelt spelt;
    struct grammar_call_form form;
    struct grammar_calls c = {.form = &form, .min = 1, .max = t->one_call ? 1 : GRAMMAR_NO_MAX};
    if (!w->en.chat.form || !spell(&form, &spelt, w->en.chat.form))
        FAIL(e, ERR_UNSUPPORTED, "calls cannot be demanded of this model: how it writes them is not known well enough");
    struct grammar_tool *tools = mem_array(t->chat.n_tools ? t->chat.n_tools : 1, sizeof *tools);
    int rc = tools ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for %zu tools", t->chat.n_tools);
    for (size_t i = 0; !rc && i < t->chat.n_tools; i++) {
        const struct chat_tool *x = &t->chat.tools[i];
        bool named = t->choice != TURN_TOOLS_NAMED || (t->choice_name.s && !strcmp(x->name, t->choice_name.s));
        if (named) rc = add_tool(&tools[c.n_tools++], x, e);
    }
    c.tools = tools;
    if (!rc && c.n_tools == 0) rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "a call is demanded, and there is no such tool");
    if (!rc) rc = grammar_from_calls(out, w->en.tok, &c, e);
    for (size_t i = 0; tools && i < c.n_tools; i++) json_decref((json_t *)tools[i].parameters);
    mem_free(tools);
    return rc;
}
