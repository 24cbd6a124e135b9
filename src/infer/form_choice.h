/* Which form of chats a model speaks: by name, from a file with a template, or as the model's own files tell. */
#ifndef INFER_FORM_CHOICE_H
#define INFER_FORM_CHOICE_H

#include "chat/chat.h"
#include "model/model_file.h"

struct form_choice {
    const struct chat_form *form; /* NULL: none, why says what is the matter */
    struct chat_own *own;         /* owns form when the model's template is it */
    struct err why;               /* ERR_NOTFOUND: the model has no template. Else its template cannot be used */
    bool by_markers;              /* there is no template: the vocabulary and the architecture tell */
    const char *how;              /* static: "asked for by name", ... */
};

/* wanted: the name of a form, or a file with a template; NULL: the model's own. arch: as config.json calls it. A form that
 * is asked for must be there; a model without one is no error. form_choice_free in every case. */
int form_choose(struct form_choice *c, struct model_file *f, const struct tokenizer *t, const char *arch, const char *wanted,
                struct err *e);
void form_choice_free(struct form_choice *c);

#endif
