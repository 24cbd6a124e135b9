/* Counts per key and day. */
#include "serve/meter.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

enum { DAY = 86400 };

struct account *meter_account(struct meter *m, const char *id)
{
    struct account *a = m->all;
    while (a && strcmp(a->id, id) != 0) a = a->next;
    if (a) return a;
    a = mem_alloc(sizeof *a);
    if (!a) return NULL;
    snprintf(a->id, sizeof a->id, "%s", id);
    a->next = m->all;
    return m->all = a;
}

static int on_today(void *ctx, const char *id, int64_t day, const struct usage *u, struct err *e)
{
    struct account *a = meter_account(ctx, id);
    if (!a) FAIL(e, ERR_MEMORY, "out of memory for what keys have used");
    a->quota.day = day;
    a->quota.day_tokens = u->prompt - u->cached + u->answer;
    return OK;
}

int meter_open(struct meter *m, const char *path, double now, struct err *e)
{
    *m = (struct meter){0};
    if (!path) return OK;
    TRY(db_open(&m->db, path, DB_WRITE, e));
    TRY(db_do(&m->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS usage("
                      "key TEXT NOT NULL, day INTEGER NOT NULL, requests INTEGER NOT NULL, refused INTEGER NOT NULL,"
                      "prompt INTEGER NOT NULL, cached INTEGER NOT NULL, answer INTEGER NOT NULL, PRIMARY KEY(key,day)) STRICT", e));
    return meter_each(&m->db, (int64_t)(now / DAY), on_today, m, e);
}

void meter_close(struct meter *m)
{
    while (m->all) {
        struct account *a = m->all;
        m->all = a->next;
        mem_free(a);
    }
    if (m->db.path) db_close(&m->db);
}

static bool is_none(const struct usage *u) { return !u->requests && !u->refused && !u->prompt && !u->answer; }

/* What is left of yesterday when today begins is written to today, which is off by at most the time between two writings. */
void meter_add(struct account *a, double now, const struct usage *u)
{
    a->day = (int64_t)(now / DAY);
    a->fresh.requests += u->requests;
    a->fresh.refused += u->refused;
    a->fresh.prompt += u->prompt;
    a->fresh.cached += u->cached;
    a->fresh.answer += u->answer;
}

static int write_all(struct meter *m, sqlite3_stmt *s, struct err *e)
{
    for (struct account *a = m->all; a; a = a->next) {
        const struct usage *u = &a->fresh;
        if (is_none(u)) continue;
        const int64_t v[] = {a->day, u->requests, u->refused, u->prompt, u->cached, u->answer};
        sqlite3_bind_text(s, 1, a->id, -1, SQLITE_STATIC);
        for (int i = 0; i < 6; i++) sqlite3_bind_int64(s, i + 2, v[i]);
        TRY(db_run(&m->db, s, e));
    }
    return OK;
}

int meter_write(struct meter *m, struct err *e)
{
    sqlite3_stmt *s = NULL;
    bool none = true;
    for (struct account *a = m->all; a; a = a->next) none = none && is_none(&a->fresh);
    if (none || !m->db.h) return OK;
    TRY(db_do(&m->db, "BEGIN IMMEDIATE", e));
    int rc = db_prepare(&m->db, &s, "INSERT INTO usage VALUES(?,?,?,?,?,?,?) ON CONFLICT(key,day) DO UPDATE SET "
                                    "requests=requests+excluded.requests, refused=refused+excluded.refused,"
                                    "prompt=prompt+excluded.prompt, cached=cached+excluded.cached,"
                                    "answer=answer+excluded.answer", e);
    if (!rc) rc = write_all(m, s, e);
    sqlite3_finalize(s);
    if (!rc) rc = db_do(&m->db, "COMMIT", e);
    if (rc) {
        sqlite3_exec(m->db.h, "ROLLBACK", NULL, NULL, NULL);
        return rc;
    }
    for (struct account *a = m->all; a; a = a->next) a->fresh = (struct usage){0};
    return OK;
}

static int each_row(struct db *d, sqlite3_stmt *s, usage_fn *fn, void *ctx, struct err *e)
{
    for (int row;;) {
        TRY(db_step(d, s, &row, e));
        if (!row) return OK;
        const char *id = (const char *)sqlite3_column_text(s, 0);
        struct usage u = {sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3), sqlite3_column_int64(s, 4),
                          sqlite3_column_int64(s, 5), sqlite3_column_int64(s, 6)};
        TRY(fn(ctx, id ? id : "", sqlite3_column_int64(s, 1), &u, e));
    }
}

int meter_each(struct db *d, int64_t from_day, usage_fn *fn, void *ctx, struct err *e)
{
    sqlite3_stmt *s = NULL;
    TRY(db_prepare(d, &s, "SELECT key,day,requests,refused,prompt,cached,answer FROM usage WHERE day>=? ORDER BY day,key", e));
    sqlite3_bind_int64(s, 1, from_day);
    int rc = each_row(d, s, fn, ctx, e);
    sqlite3_finalize(s);
    return rc;
}
