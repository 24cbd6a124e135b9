/* Time. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

double clock_seconds(void);      /* monotonic, arbitrary origin */
void clock_sleep(double seconds); /* a signal may end it early */
void clock_iso8601(char out[32]); /* now, UTC: 2026-01-31T12:00:00Z */

#endif
