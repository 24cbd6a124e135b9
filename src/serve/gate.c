/* Who is let in. */
#include "serve/gate.h"
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/file.h"

#define GRACE 5.0 /* seconds in which a file that cannot be read is taken for the same as before */

static double now_unix(void) { return (double)clock_unix_ns() / 1e9; }

/* ---- the file ---- */

static int open_file(struct gate *g, struct err *e)
{
    if (g->db.path) db_close(&g->db);
    g->file = file_id(g->path);
    TRY(keys_open(&g->db, g->path, DB_READ, e));
    return keys_version(&g->db, &g->version, e);
}

static int load(struct gate *g, struct err *e)
{
    struct keys fresh;
    TRY(keys_load(&fresh, &g->db, e));
    keys_free(&g->keys);
    g->keys = fresh;
    return OK;
}

static int usage_path(struct gate *g, struct err *e)
{
    struct buf b = {0};
    buf_printf(&b, "%s.usage", g->path);
    TRY(buf_check(&b, "a path", e));
    g->usage = mem_strdup(b.data);
    buf_free(&b);
    if (!g->usage) FAIL(e, ERR_MEMORY, "out of memory for a path");
    return OK;
}

int gate_open(struct gate *g, const char *path, struct err *e)
{
    *g = (struct gate){.needed = path != NULL, .read = clock_seconds()};
    if (!path) return OK;
    g->path = mem_strdup(path);
    if (!g->path) FAIL(e, ERR_MEMORY, "out of memory for a path");
    TRY(usage_path(g, e));
    TRY(open_file(g, e));
    TRY(load(g, e));
    return meter_open(&g->meter, g->usage, now_unix(), e);
}

void gate_close(struct gate *g)
{
    struct err ignored;
    if (g->meter.db.h) meter_write(&g->meter, &ignored);
    meter_close(&g->meter);
    keys_free(&g->keys);
    if (g->db.path) db_close(&g->db);
    mem_free(g->path);
    mem_free(g->usage);
    *g = (struct gate){0};
}

/* Another file may have taken the place of the one that is open. */
static int look(struct gate *g, bool *changed, struct err *e)
{
    int64_t version;
    struct file_id is = file_id(g->path);
    if (!is.number) FAIL(e, ERR_NOTFOUND, "%s: is not there any more", g->path);
    if (!g->db.h || is.device != g->file.device || is.number != g->file.number) {
        TRY(open_file(g, e));
        *changed = true;
    } else {
        TRY(keys_version(&g->db, &version, e));
        *changed = version != g->version;
        g->version = version;
    }
    return *changed ? load(g, e) : OK;
}

int gate_follow(struct gate *g, bool *changed, struct err *e)
{
    *changed = false;
    if (!g->needed) return OK;
    int rc = look(g, changed, e);
    double now = clock_seconds();
    if (!rc) {
        g->read = now;
        g->lost = false;
        return OK;
    }
    if (g->db.path) db_close(&g->db); /* and read anew */
    *changed = false;
    if (now - g->read < GRACE || g->lost) return OK;
    keys_free(&g->keys);
    g->lost = *changed = true;
    return rc;
}

/* ---- a request ---- */

/* The word behind "Bearer", or the whole value of x-api-key; NULL. */
static const char *offered(const struct api_request *r, int which)
{
    if (which == 1) return r->header(r->ctx, "x-api-key");
    const char *s = r->header(r->ctx, "authorization"), bearer[] = "bearer ";
    size_t i = 0;
    while (s && bearer[i] && (s[i] | 0x20) == (bearer[i] | 0x20)) i++;
    if (!s || bearer[i]) return NULL;
    while (s[i] == ' ') i++;
    return s + i;
}

static bool no_key(struct api_fault *f, const char *text)
{
    api_fault_set(f, API_F_NO_KEY, "", "%s", text);
    return false;
}

static bool find(struct gate *g, struct caller *c, const struct api_request *r, struct api_fault *f)
{
    const char *text = NULL, *any = NULL;
    const struct key *k = NULL;
    int64_t now = (int64_t)now_unix();
    for (int i = 0; i < 2 && !k; i++) {
        text = offered(r, i);
        if (text && *text) any = text;
        if (text && *text) k = keys_find(&g->keys, text);
    }
    if (!any) return no_key(f, "a key is needed: Authorization: Bearer KEY, or x-api-key: KEY");
    if (!k) return no_key(f, key_is_whole(any) ? "this key is not known here" : "this is no key of autarky, or not a whole one");
    c->key = *k;
    if (!key_has_ended(k, now)) return true;
    return no_key(f, k->revoked && now >= k->revoked ? "this key was revoked" : "this key has expired");
}

bool gate_knows(struct gate *g, struct caller *c, const struct api_request *r, struct api_fault *f)
{
    *c = (struct caller){0};
    return !g->needed || find(g, c, r, f);
}

bool gate_let(struct gate *g, struct caller *c, const struct api_request *r, enum api_scope scope, struct api_fault *f)
{
    char needs[KEY_WORD], has[KEY_WORD];
    *c = (struct caller){0};
    if (!g->needed || scope == API_PUBLIC) return true;
    if (!find(g, c, r, f)) return false;
    if (!(c->key.scopes & 1u << scope)) {
        key_scopes_text(needs, 1u << scope);
        key_scopes_text(has, c->key.scopes);
        api_fault_set(f, API_F_FORBIDDEN, "", "this key may %s, and this needs %s", has, needs);
        return false;
    }
    c->account = meter_account(&g->meter, c->key.id);
    if (!c->account) api_fault_set(f, API_F_BROKEN, "", "out of memory");
    return c->account != NULL;
}

bool gate_count(struct caller *c, struct api_fault *f)
{
    struct quota_no why;
    double now = now_unix();
    if (!c->account) return true;
    if (quota_take(&c->account->quota, &c->key, now, &why)) {
        c->counted = true;
        meter_add(c->account, now, &(struct usage){.requests = 1});
        return true;
    }
    meter_add(c->account, now, &(struct usage){.refused = 1});
    api_fault_set(f, API_F_QUOTA, "", "%s", why.text);
    f->retry_ms = (int64_t)(1000 * why.wait) + 1;
    return false;
}

void gate_end(struct caller *c)
{
    if (c->counted) quota_end(&c->account->quota);
    c->counted = false;
}

void gate_spend(struct caller *c, const struct turn_usage *u)
{
    double now = now_unix();
    if (!c->account) return;
    meter_add(c->account, now, &(struct usage){.prompt = u->prompt, .cached = u->cached, .answer = u->answer});
    quota_spend(&c->account->quota, &c->key, now, u->prompt - u->cached + u->answer);
}

bool gate_holds(const struct gate *g, const struct caller *c)
{
    int64_t now = (int64_t)now_unix();
    if (!c->account) return true;
    for (size_t i = 0; i < g->keys.n; i++)
        if (!strcmp(g->keys.key[i].hash, c->key.hash)) return !key_has_ended(&g->keys.key[i], now);
    return false;
}
