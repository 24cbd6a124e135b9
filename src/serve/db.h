/* SQLite, as the server uses it: a file of ours, opened for reading or for both, statements with errors that name the file. */
#ifndef SERVE_DB_H
#define SERVE_DB_H

#include <sqlite3.h>
#include "base/err.h"

struct db {
    sqlite3 *h;
    char *path; /* owned */
};

enum db_mode {
    DB_READ,  /* the file must be there, and is never written */
    DB_WRITE, /* made when it is missing, for its owner only */
};
/* Refuses a file that others than its owner may read or write. */
int db_open(struct db *d, const char *path, enum db_mode mode, struct err *e);
void db_close(struct db *d); /* accepts a zeroed one */

int db_do(struct db *d, const char *sql, struct err *e); /* statements without results */
int db_prepare(struct db *d, sqlite3_stmt **out, const char *sql, struct err *e);
/* *row: there is one. */
int db_step(struct db *d, sqlite3_stmt *s, int *row, struct err *e);
/* Steps to the end, then the statement is free for new values. */
int db_run(struct db *d, sqlite3_stmt *s, struct err *e);
int db_fail(struct db *d, const char *what, struct err *e);

#endif
