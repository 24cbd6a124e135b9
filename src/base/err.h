/* Errors: a code and one message.
 *
 * One convention in the whole project: a function that can fail returns int, 0 (OK) is success, and a
 * function that returns non-zero has written its struct err exactly once. Predicates return bool.
 * A message names the object (file, tensor, option), the place, the value found and the value wanted. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_code {
    OK = 0,
    ERR_USAGE,       /* the caller's options are wrong                     */
    ERR_FORMAT,      /* bytes from outside do not follow their format      */
    ERR_LIMIT,       /* a count is above what this program accepts         */
    ERR_IO,          /* the operating system refused; message has strerror */
    ERR_MEMORY,      /* not enough memory                                  */
    ERR_NOTFOUND,    /* a file, tensor or key that must exist does not     */
    ERR_UNSUPPORTED, /* valid, but not done by this build or machine       */
    ERR_NUMERIC,     /* a value that must be finite is not                 */
    ERR_INTERRUPTED, /* the user asked to stop                             */
    ERR_INTEGRITY,   /* a hash does not match                              */
    ERR_NETWORK,     /* a server cannot be reached, or does not answer well */
};

struct err {
    enum err_code code;
    const char *file; /* source file and line of the FAIL, for bug reports */
    int line;
    char msg[1600]; /* one line, or more of which the others are indented by two blanks */
};

/* Writes the message (printf form) and returns code. e may be NULL. */
int err_set(struct err *e, enum err_code code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts "prefix: " before the message already in e; used where an outer function knows the file's name. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define FAIL(e, code, ...) return err_set((e), (code), __FILE__, __LINE__, __VA_ARGS__)
#define TRY(call)                                                                                  \
    do {                                                                                           \
        int try_rc_ = (call);                                                                      \
        if (try_rc_) return try_rc_;                                                               \
    } while (0)

#endif
