/* Random bytes. */
#include "sys/entropy.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

int entropy(void *out, size_t n, struct err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)out + done, n - done, 0);
        if (got > 0) done += (size_t)got;
        else if (errno != EINTR) FAIL(e, ERR_IO, "random bytes of the system: %s", strerror(errno));
    }
    return OK;
}
