/* Printing as Python does. */
#include "chat/python.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *python_real(char out[PYTHON_REAL], double x)
{
    char *exp;
    int n = 0;
    if (isnan(x) || isinf(x)) {
        snprintf(out, PYTHON_REAL, "%s", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        return out;
    }
    do snprintf(out, PYTHON_REAL, "%.*e", n, x);
    while (strtod(out, NULL) != x && ++n < 17);
    exp = strchr(out, 'e');
    long ten = strtol(exp + 1, NULL, 10);
    if (ten >= -4 && ten < 16) {
        snprintf(out, PYTHON_REAL, "%.*f", (int)(n - ten > 1 ? n - ten : 1), x);
        return out;
    }
    snprintf(exp, (size_t)(out + PYTHON_REAL - exp), "e%c%02ld", ten < 0 ? '-' : '+', labs(ten));
    return out;
}

char *python_json_escape(char out[8], unsigned char c)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *at = c ? strchr(from, c) : NULL;
    if (at) snprintf(out, 8, "\\%c", to[at - from]);
    else if (c < 32) snprintf(out, 8, "\\u%04x", c);
    else out[0] = 0;
    return out;
}
