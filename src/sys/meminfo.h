/* Memory of this machine, as far as this process may use it. */
#ifndef SYS_MEMINFO_H
#define SYS_MEMINFO_H

#include <stdbool.h>
#include <stdint.h>

struct meminfo {
    uint64_t total;     /* bytes of memory, or the control group's limit if that is lower */
    uint64_t available; /* what can be had without swapping */
    bool known;         /* false: the system does not tell; the numbers are 0 */
};
void meminfo_read(struct meminfo *m);

#endif
