/* Keys of the server: who may do what. A key is "autarky_", 64 hexadecimal digits of 256 random bits, and 8 digits of the hash of
 * all that: who finds such a word in a text knows what it is, and that it is whole. Only its SHA-256 is kept. */
#ifndef SERVE_KEYS_H
#define SERVE_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/sha256.h"
#include "serve/db.h"

enum {
    KEY_PREFIX = 8,
    KEY_TEXT = KEY_PREFIX + 64 + 8 + 1,
    KEY_ID = 12 + 1,
    KEY_WORD = 64,
    KEY_MODELS = 512,
    KEYS_MOST = 65536,
};

/* What a key allows: bits 1 << enum api_scope. */
extern const struct key_scope {
    const char *name;
    unsigned bit;
} key_scopes[];
bool key_scopes_read(unsigned *out, const char *words); /* "look,ask" */
void key_scopes_text(char out[KEY_WORD], unsigned scopes);

struct key {
    char id[KEY_ID];           /* of its hash, the first digits: what people, logs and counts call it */
    char hash[SHA256_HEX];     /* of the whole key */
    char name[KEY_WORD];       /* whose it is, for people */
    char tenant[KEY_WORD];     /* shares are dealt out among tenants; nothing is shared between them */
    char user[KEY_WORD];
    char models[KEY_MODELS];   /* names, with commas; one may end in '*'; empty: all */
    unsigned scopes;
    int64_t made, expires, revoked; /* seconds since 1970; expires, revoked: from then on it is none; 0: never */
    int64_t requests_minute, tokens_minute, tokens_day, concurrency; /* 0: no limit */
    int64_t priority;
    double weight;
};

/* A new key: its text, which nobody keeps, and id, hash, made in k. */
int key_make(char text[KEY_TEXT], struct key *k, int64_t now, struct err *e);
/* Whether a text can be a key at all: mistyped and cut ones are told apart from unknown ones. */
bool key_is_whole(const char *text);
bool key_has_ended(const struct key *k, int64_t now);
bool key_allows_model(const struct key *k, const char *id);

/* All keys, in memory. */
struct keys {
    struct key *key;
    size_t n;
};
void keys_free(struct keys *k);
/* The key of this text, also one that has ended; NULL. Takes as long whatever the text is. */
const struct key *keys_find(const struct keys *k, const char *text);
/* By id, or the only one of this name. */
int keys_named(const struct key **out, const struct keys *k, const char *word, struct err *e);

/* The file. */
int keys_open(struct db *d, const char *path, enum db_mode mode, struct err *e);
int keys_load(struct keys *k, struct db *d, struct err *e); /* in the order in which they were made */
int keys_add(struct db *d, const struct key *k, struct err *e);
int keys_revoke(struct db *d, const char *id, int64_t when, struct err *e);
/* A number that changes when somebody else has changed the file. */
int keys_version(struct db *d, int64_t *version, struct err *e);

#endif
