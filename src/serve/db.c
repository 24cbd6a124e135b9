/* SQLite with our errors. */
#include "serve/db.h"
#include <stdbool.h>
#include "base/mem.h"
#include "sys/file.h"

enum { BUSY_MS = 2000 };

int db_fail(struct db *d, const char *what, struct err *e)
{
    int code = d->h ? sqlite3_errcode(d->h) : SQLITE_NOMEM;
    bool broken = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    enum err_code kind = code == SQLITE_NOMEM ? ERR_MEMORY : broken ? ERR_FORMAT : ERR_IO;
    FAIL(e, kind, "%s: %s: %s", d->path ? d->path : "a database", what, d->h ? sqlite3_errmsg(d->h) : "out of memory");
}

static int make(const char *path, struct err *e)
{
    struct file_out o;
    if (!file_absent(path)) return OK;
    TRY(file_out_open_private(&o, path, e));
    return file_out_commit(&o, e);
}

int db_open(struct db *d, const char *path, enum db_mode mode, struct err *e)
{
    *d = (struct db){.path = mem_strdup(path)};
    if (!d->path) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    if (mode == DB_WRITE) TRY(make(path, e));
    TRY(file_check_private(path, e));
    int flags = (mode == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &d->h, flags, NULL) != SQLITE_OK) return db_fail(d, "cannot open", e);
    sqlite3_extended_result_codes(d->h, 0);
    sqlite3_busy_timeout(d->h, mode == DB_WRITE ? BUSY_MS : BUSY_MS / 10);
    sqlite3_db_config(d->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(d->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return OK;
}

void db_close(struct db *d)
{
    sqlite3_close_v2(d->h);
    mem_free(d->path);
    *d = (struct db){0};
}

int db_do(struct db *d, const char *sql, struct err *e)
{
    return sqlite3_exec(d->h, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : db_fail(d, "cannot be used", e);
}

int db_prepare(struct db *d, sqlite3_stmt **out, const char *sql, struct err *e)
{
    return sqlite3_prepare_v2(d->h, sql, -1, out, NULL) == SQLITE_OK ? OK : db_fail(d, "cannot be used", e);
}

int db_step(struct db *d, sqlite3_stmt *s, int *row, struct err *e)
{
    int rc = sqlite3_step(s);
    *row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : db_fail(d, "cannot be read or written", e);
}

int db_run(struct db *d, sqlite3_stmt *s, struct err *e)
{
    int row = 1, rc = OK;
    while (!rc && row) rc = db_step(d, s, &row, e);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc;
}
