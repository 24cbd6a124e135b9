/* Documents as text, to compare. */
#ifndef TESTS_DOC_TEXT_H
#define TESTS_DOC_TEXT_H

#include "base/buf.h"
#include "data/docs.h"

/* All documents as one string: "text" or "role:text;role:text", each followed by '|'. */
static int note_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct buf *b = ctx;
    (void)e;
    if (!d->msgs) buf_add(b, d->text, d->len);
    for (size_t i = 0; i < d->n_msgs; i++) {
        buf_printf(b, "%s%d:", i ? ";" : "", (int)d->msgs[i].role);
        buf_add(b, d->msgs[i].text, d->msgs[i].len);
    }
    buf_add_byte(b, '|');
    return OK;
}

#endif
