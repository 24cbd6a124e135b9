/* Memory of this machine, as far as this process may use it. */
#ifndef SYS_MEMINFO_H
#define SYS_MEMINFO_H

#include <stdbool.h>
#include "sys/cgroup.h"

struct meminfo {
    uint64_t total;     /* bytes of memory, or the lowest limit */
    uint64_t available; /* what can be had without swapping; may be 0 */
    bool known;         /* false: the system does not tell; the numbers are 0 */
    char total_from[CGROUP_FILE], available_from[CGROUP_FILE]; /* the file, or the limit, that says so */
};
/* The system's figures, or those of the tightest control group, or of ulimit -v. root: as in cgroup_read. */
void meminfo_read_at(struct meminfo *m, const char *root);
void meminfo_read(struct meminfo *m); /* of this machine */

#endif
