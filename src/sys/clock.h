/* Time. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

double clock_seconds(void);       /* monotonic, arbitrary origin */
int64_t clock_unix_ns(void);      /* nanoseconds since 1970 */
void clock_sleep(double seconds); /* a signal may end it early */

#endif
