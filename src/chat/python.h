/* Numbers and characters as Python prints them: published templates are Python's, and their models have seen no other
 * form. */
#ifndef CHAT_PYTHON_H
#define CHAT_PYTHON_H

#include <stddef.h>

/* repr(x): the fewest digits that give x again, an exponent below 1e-4 and from 1e16 on; "inf", "-inf", "nan". Returns out. */
enum { PYTHON_REAL = 40 };
char *python_real(char out[PYTHON_REAL], double x);
/* What json.dumps writes for the byte c inside a string: NUL-terminated, empty if c stays as it is. Returns out. */
char *python_json_escape(char out[8], unsigned char c);

#endif
