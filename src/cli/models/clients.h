/* Settings of programs that ask a server: what to write where. */
#ifndef CLI_MODELS_CLIENTS_H
#define CLI_MODELS_CLIENTS_H

#include <stdio.h>
#include "base/buf.h"

struct client {
    const char *name, *where; /* where: the file, or what to do with the text */
    const char *probe;        /* a path that answers a GET in the interface that it speaks */
    const char *text;         /* @U: the address, @K: the key, @M: the model */
};
extern const struct client clients[]; /* ends with a NULL name */

const struct client *client_find(const char *name); /* NULL */
/* The text with its gaps filled. */
void client_text(struct buf *out, const struct client *c, const char *url, const char *key, const char *model);

#endif
