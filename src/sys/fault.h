/* Tests: system calls that fail. Everything in sys/ that writes, names, maps or lists files passes through sys/calls.h, and
 * every call there can be the one that fails. */
#ifndef SYS_FAULT_H
#define SYS_FAULT_H

#include <stdint.h>

enum fault_kind {
    FAULT_OPEN = 1,
    FAULT_READ = 2,
    FAULT_WRITE = 4,
    FAULT_SYNC = 8,
    FAULT_RENAME = 16,   /* and linking */
    FAULT_REMOVE = 32,
    FAULT_FOLDER = 64,   /* making one */
    FAULT_TRUNCATE = 128,
    FAULT_ALLOCATE = 256, /* blocks on the disk */
    FAULT_MAP = 512,
    FAULT_LOOK = 1024,   /* what a name is, free space */
    FAULT_LIST = 2048,
    FAULT_LOCK = 4096,
    FAULT_CLOSE = 8192,
    FAULT_NAMELESS = 16384, /* opening a file without a name: EOPNOTSUPP plays a file system that cannot */
    FAULT_ANY = 32767,
};
/* Instead of an errno: the call moves fewer bytes than asked. */
enum { FAULT_SHORT = -1 };

/* Lets call number k (1 = next) of these kinds fail with errno no; 0 turns it off. EINTR is one that the caller never sees. */
void fault_at(unsigned kinds, uint64_t k, int no);
/* Calls of these kinds since fault_at, and whether the one that was to fail has come. */
uint64_t fault_calls(void);
int fault_hit(void);

#endif
