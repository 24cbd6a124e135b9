/* The state of a session in a file: its tokens, its logits, its rows of the cache. Whoever loads it goes on where it was saved,
 * with the same bits. It belongs to one model and one form of computing, and its bytes are hashed; docs/FORMATS.md has the
 * layout. */
#ifndef INFER_STATE_H
#define INFER_STATE_H

#include "base/sha256.h"
#include "infer/session.h"

/* What the bits of a row depend on beside the tokens before it. */
enum { STATE_FORM = 64 };
struct state_key {
    char model[SHA256_HEX]; /* net_identity */
    char form[STATE_FORM];  /* products, cache, kind of attention, program: "int8, cache q8_0, absorbed, autarky 1.2.3" */
};
int state_key(struct state_key *k, const struct engine *en, struct err *e);

/* Replaces the file; for the user's eyes only. */
int session_save(const struct session *s, const char *path, struct err *e);
/* s becomes what was saved; what it had, and had reserved, is given back. A file of another model or form, one that is damaged,
 * and one that is too long for the context or the free pages is refused, with s as before. */
int session_load(struct session *s, const char *path, struct err *e);
/* The same from memory; name is for messages. */
int session_load_from(struct session *s, const void *data, size_t size, const char *name, struct err *e);

#endif
