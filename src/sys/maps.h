/* Which file a mapped address belongs to: for the message when it cannot be read any more. */
#ifndef SYS_MAPS_H
#define SYS_MAPS_H

#include <stddef.h>

/* [p, p + n) are bytes of `path`, until maps_remove(p). More mappings than there is room for have no name. */
void maps_add(const void *p, size_t n, const char *path);
void maps_remove(const void *p);
/* The end of the file's path; NULL when the address is of none. A signal handler may call it. */
const char *maps_find(const void *p);

#endif
