/* Time. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

double clock_seconds(void);       /* monotonic, arbitrary origin */
void clock_sleep(double seconds); /* a signal may end it early */

#endif
