/* autarky render: what a model is really told. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/answer.h"
#include "cli/talk/ask.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/term.h"
#include "infer/form_choice.h"
#include "model/arch.h"
#include "model/net.h"
#include "model/vocab.h"

struct render {
    struct model_args model;
    struct ask ask;
    bool ids, json;
    struct tokenizer *tok;
    struct form_choice chat;
    struct tokens out;
    struct buf text;
};

/* Tokenizer and form; no weights. */
static int load(struct render *r, const char *name, struct err *e)
{
    char found[SETUP_PATH];
    struct model_file f = {0};
    struct config config;
    TRY(model_resolve(found, name, e));
    int rc = model_file_open(&f, found, e);
    if (!rc) rc = net_read_config(&config, &f, e);
    if (!rc) rc = model_load_tokenizer(&r->tok, &f, e);
    if (!rc) rc = form_choose(&r->chat, &f, r->tok, config.arch->hf, r->model.template_name, e);
    if (!rc && !r->chat.form) rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__, "%s: %s", found, r->chat.why.msg);
    model_file_close(&f);
    return rc;
}

static int print_json(const struct render *r, struct err *e)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < r->out.n; i++) json_add(ids, json_integer(r->out.ids[i]));
    json_t *o = json_pack("{s:s,s:s%,s:o}", "form", chat_form_name(r->chat.form), "text", r->text.len ? r->text.data : "",
                          r->text.len, "ids", ids);
    if (!o || json_array_size(ids) != r->out.n) {
        json_decref(o);
        return json_bad("the text", e);
    }
    return answer_print_json(o, e);
}

static int print(struct render *r, struct err *e)
{
    if (r->json) return print_json(r, e);
    if (r->ids)
        for (size_t i = 0; i < r->out.n; i++) printf("%s%" PRId32, i ? " " : "", r->out.ids[i]);
    else term_write(stdout, r->text.len ? r->text.data : "", r->text.len);
    if (r->ids || (term_is_tty(stdout) && r->text.len && r->text.data[r->text.len - 1] != '\n')) putchar('\n');
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write");
    return OK;
}

static int render(struct render *r, const char *model, const char *prompt, struct err *e)
{
    struct buf text = {.data = (char *)prompt, .len = prompt ? strlen(prompt) : 0};
    if (!prompt && !r->ask.messages) FAIL(e, ERR_USAGE, "there is nothing to render: give a prompt, or --messages FILE");
    TRY(load(r, model, e));
    TRY(ask_make(&r->ask, &r->model, &text, e));
    TRY(chat_form_encode(r->chat.form, r->tok, &r->ask.chat.q, &r->out, NULL, e));
    TRY(tokenizer_decode(r->tok, r->out.ids, r->out.n, true, &r->text, e));
    TRY(buf_check(&r->text, "the text", e));
    return print(r, e);
}

int cmd_render(int argc, char **argv)
{
    struct render r = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {.command = "render",
                     .usage = "MODEL [PROMPT]",
                     .summary = "Prints what a model is told: the conversation in the form of its chats, control tokens\n"
                                "spelled out. Nothing is computed.\n\n"
                                "  autarky render model.gguf \"Hello\"\n"
                                "  autarky render model.gguf --messages conversation.json --tools tools.json --ids\n"};
    ask_args_add(&o, &r.ask);
    opts_flag(&o, "ids", 0, &r.ids, "only the ids, in one line");
    opts_flag(&o, "json", 0, &r.json, "one JSON object with both");
    chat_args_add(&o, &r.model);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n < 1 || n > 2)
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected a model and at most one prompt, found %d", n);
    else rc = render(&r, argv[1], n == 2 ? argv[2] : NULL, &e);
    tokens_free(&r.out);
    buf_free(&r.text);
    form_choice_free(&r.chat);
    tokenizer_free(r.tok);
    ask_free(&r.ask);
    return rc ? exit_fail("render", &e) : EXIT_OK;
}
