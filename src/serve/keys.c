/* Keys: making, finding. */
#include "serve/keys.h"
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include "api/api.h"
#include "base/checked.h"
#include "base/mem.h"
#include "sys/entropy.h"

static const char prefix[] = "autarky_";

const struct key_scope key_scopes[] = {
    {"look", 1u << API_LOOK}, {"ask", 1u << API_ASK}, {"manage", 1u << API_MANAGE}, {"metrics", 1u << API_METRICS}, {NULL, 0}};

bool key_scopes_read(unsigned *out, const char *words)
{
    *out = 0;
    for (const char *s = words; *s;) {
        size_t n = strcspn(s, ","), i = 0;
        while (key_scopes[i].name && (strlen(key_scopes[i].name) != n || memcmp(key_scopes[i].name, s, n) != 0)) i++;
        if (!key_scopes[i].name) return false;
        *out |= key_scopes[i].bit;
        s += n + (s[n] == ',');
    }
    return *out != 0;
}

void key_scopes_text(char out[KEY_WORD], unsigned scopes)
{
    int n = 0;
    out[0] = 0;
    for (size_t i = 0; key_scopes[i].name; i++)
        if (scopes & key_scopes[i].bit) n += snprintf(out + n, (size_t)(KEY_WORD - n), "%s%s", n ? "," : "", key_scopes[i].name);
}

/* ---- one key ---- */

static int checksum(char out[SHA256_HEX], const char *text, struct err *e) { return sha256_of(text, KEY_PREFIX + 64, out, e); }

int key_make(char text[KEY_TEXT], struct key *k, int64_t now, struct err *e)
{
    unsigned char secret[32];
    char sum[SHA256_HEX];
    TRY(entropy(secret, sizeof secret, e));
    memcpy(text, prefix, KEY_PREFIX);
    for (size_t i = 0; i < sizeof secret; i++) snprintf(text + KEY_PREFIX + 2 * i, 3, "%02x", secret[i]);
    OPENSSL_cleanse(secret, sizeof secret);
    TRY(checksum(sum, text, e));
    snprintf(text + KEY_PREFIX + 64, 9, "%.8s", sum);
    TRY(sha256_of(text, KEY_TEXT - 1, k->hash, e));
    snprintf(k->id, sizeof k->id, "%.12s", k->hash);
    k->made = now;
    return OK;
}

bool key_is_whole(const char *text)
{
    char sum[SHA256_HEX];
    if (strlen(text) != KEY_TEXT - 1 || memcmp(text, prefix, KEY_PREFIX) != 0) return false;
    return !checksum(sum, text, NULL) && !memcmp(sum, text + KEY_PREFIX + 64, 8);
}

bool key_has_ended(const struct key *k, int64_t now)
{
    return (k->revoked && now >= k->revoked) || (k->expires && now >= k->expires);
}

bool key_allows_model(const struct key *k, const char *id)
{
    if (!k->models[0]) return true;
    for (const char *s = k->models; *s;) {
        size_t n = strcspn(s, ",");
        bool rest = n && s[n - 1] == '*';
        if (rest ? !strncmp(s, id, n - 1) : strlen(id) == n && !memcmp(s, id, n)) return true;
        s += n + (s[n] == ',');
    }
    return false;
}

/* ---- all of them ---- */

void keys_free(struct keys *k)
{
    mem_free(k->key);
    *k = (struct keys){0};
}

const struct key *keys_find(const struct keys *k, const char *text)
{
    char hash[SHA256_HEX];
    const struct key *found = NULL;
    if (sha256_of(text, strlen(text), hash, NULL)) return NULL;
    for (size_t i = 0; i < k->n; i++)
        if (CRYPTO_memcmp(hash, k->key[i].hash, SHA256_HEX - 1) == 0) found = &k->key[i];
    return found;
}

int keys_named(const struct key **out, const struct keys *k, const char *word, struct err *e)
{
    size_t same = 0;
    for (size_t i = 0; i < k->n; i++) {
        if (!strcmp(k->key[i].id, word)) {
            *out = &k->key[i];
            return OK;
        }
        if (strcmp(k->key[i].name, word) != 0 || k->key[i].revoked) continue;
        *out = &k->key[i];
        same++;
    }
    if (same == 1) return OK;
    if (same) FAIL(e, ERR_USAGE, "%zu keys are called %s: name one by its id", same, word);
    FAIL(e, ERR_NOTFOUND, "no key is called %s; autarky keys list shows them", word);
}

/* ---- the file ---- */

/* Columns in the order of `fields`. */
#define COLUMNS "id, hash, name, tenant, user, models, scopes, made, expires, revoked, requests_minute, tokens_minute, " \
                "tokens_day, concurrency, priority, weight"

enum field_kind { TEXT, BITS, INT, REAL };
static const struct field {
    enum field_kind kind;
    size_t at, size;
} fields[] = {
#define F(kind, member) {kind, offsetof(struct key, member), sizeof(((struct key *)0)->member)}
    F(TEXT, id),     F(TEXT, hash),    F(TEXT, name),    F(TEXT, tenant),         F(TEXT, user),         F(TEXT, models),
    F(BITS, scopes), F(INT, made),     F(INT, expires),  F(INT, revoked),         F(INT, requests_minute), F(INT, tokens_minute),
    F(INT, tokens_day), F(INT, concurrency), F(INT, priority), F(REAL, weight),
#undef F
};

int keys_open(struct db *d, const char *path, enum db_mode mode, struct err *e)
{
    TRY(db_open(d, path, mode, e));
    if (mode == DB_READ) return OK;
    return db_do(d, "PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS key("
                    "id TEXT PRIMARY KEY NOT NULL, hash TEXT UNIQUE NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL,"
                    "user TEXT NOT NULL, models TEXT NOT NULL, scopes INTEGER NOT NULL, made INTEGER NOT NULL,"
                    "expires INTEGER NOT NULL, revoked INTEGER NOT NULL, requests_minute INTEGER NOT NULL,"
                    "tokens_minute INTEGER NOT NULL, tokens_day INTEGER NOT NULL, concurrency INTEGER NOT NULL,"
                    "priority INTEGER NOT NULL, weight REAL NOT NULL) STRICT", e);
}

/* The file is ours and only its owner's; a value that does not fit is an error all the same. */
static int take_row(struct key *k, struct db *d, sqlite3_stmt *s, struct err *e)
{
    for (int i = 0; i < (int)ARRAY_LEN(fields); i++) {
        char *to = (char *)k + fields[i].at;
        const char *text;
        switch (fields[i].kind) {
        case TEXT:
            text = (const char *)sqlite3_column_text(s, i);
            if (!text || strlen(text) >= fields[i].size)
                FAIL(e, ERR_FORMAT, "%s: column %s of a key has %zu bytes, at most %zu", d->path, sqlite3_column_name(s, i),
                     text ? strlen(text) : 0, fields[i].size - 1);
            memcpy(to, text, strlen(text) + 1);
            break;
        case BITS: *(unsigned *)to = (unsigned)sqlite3_column_int64(s, i); break;
        case INT: *(int64_t *)to = sqlite3_column_int64(s, i); break;
        case REAL: *(double *)to = sqlite3_column_double(s, i); break;
        }
    }
    if (strlen(k->hash) != SHA256_HEX - 1 || !(k->weight > 0) || k->weight > 1e6)
        FAIL(e, ERR_FORMAT, "%s: key %s has a hash of %zu digits, expected 64, and weight %g, above 0 to 1e6", d->path, k->id,
             strlen(k->hash), k->weight);
    return OK;
}

static int read_rows(struct keys *k, struct db *d, sqlite3_stmt *s, struct err *e)
{
    size_t cap = 0;
    for (int row;;) {
        TRY(db_step(d, s, &row, e));
        if (!row) return OK;
        if (k->n == KEYS_MOST) FAIL(e, ERR_LIMIT, "%s: more than %d keys", d->path, KEYS_MOST);
        if (k->n == cap) {
            size_t more = cap ? 2 * cap : 16;
            struct key *grown = mem_grow(k->key, cap * sizeof *grown, more * sizeof *grown);
            if (!grown) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu keys", d->path, more);
            k->key = grown;
            cap = more;
        }
        TRY(take_row(&k->key[k->n], d, s, e));
        k->n++;
    }
}

int keys_load(struct keys *k, struct db *d, struct err *e)
{
    sqlite3_stmt *s = NULL;
    *k = (struct keys){0};
    int rc = db_prepare(d, &s, "SELECT " COLUMNS " FROM key ORDER BY made, rowid", e);
    if (!rc) rc = read_rows(k, d, s, e);
    sqlite3_finalize(s);
    if (rc) keys_free(k);
    return rc;
}

int keys_add(struct db *d, const struct key *k, struct err *e)
{
    sqlite3_stmt *s = NULL;
    TRY(db_prepare(d, &s, "INSERT INTO key(" COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", e));
    for (int i = 0; i < (int)ARRAY_LEN(fields); i++) {
        const char *from = (const char *)k + fields[i].at;
        switch (fields[i].kind) {
        case TEXT: sqlite3_bind_text(s, i + 1, from, -1, SQLITE_STATIC); break;
        case BITS: sqlite3_bind_int64(s, i + 1, *(const unsigned *)from); break;
        case INT: sqlite3_bind_int64(s, i + 1, *(const int64_t *)from); break;
        case REAL: sqlite3_bind_double(s, i + 1, *(const double *)from); break;
        }
    }
    int rc = db_run(d, s, e);
    sqlite3_finalize(s);
    return rc;
}

int keys_revoke(struct db *d, const char *id, int64_t when, struct err *e)
{
    sqlite3_stmt *s = NULL;
    TRY(db_prepare(d, &s, "UPDATE key SET revoked=?1 WHERE id=?2 AND (revoked=0 OR revoked>?1)", e));
    sqlite3_bind_int64(s, 1, when);
    sqlite3_bind_text(s, 2, id, -1, SQLITE_STATIC);
    int rc = db_run(d, s, e);
    sqlite3_finalize(s);
    return rc;
}

int keys_version(struct db *d, int64_t *version, struct err *e)
{
    sqlite3_stmt *s = NULL;
    int row = 0, rc = db_prepare(d, &s, "PRAGMA data_version", e);
    if (!rc) rc = db_step(d, s, &row, e);
    *version = row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return rc;
}
