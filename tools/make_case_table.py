#!/usr/bin/env python3
"""Writes src/chat/template/case_table.h: the characters whose upper or title case is more than one character, as Python
has them (Unicode's SpecialCasing.txt, which utf8proc leaves out).

    tools/make_case_table.py"""
import os
import sys

HEADER = '''/* Characters whose upper or title case is more than one character: Unicode's SpecialCasing.txt, made by
 * tools/make_case_table.py. The others are utf8proc's. In order of cp. */
#ifndef CHAT_TEMPLATE_CASE_TABLE_H
#define CHAT_TEMPLATE_CASE_TABLE_H

#include <stdint.h>

static const struct special_case {
    uint16_t cp;
    uint16_t upper[3], title[3]; /* 0: no further one */
} special_cases[] = {
'''


def main():
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src/chat/template/case_table.h")
    with open(path, "w", encoding="ascii") as f:
        f.write(HEADER)
        for cp in range(sys.maxunicode + 1):
            upper, title = chr(cp).upper(), chr(cp).title()
            if len(upper) > 1 or len(title) > 1:
                f.write("    {0x%x, {%s}, {%s}},\n" % (cp, *(", ".join("0x%x" % ord(c) for c in s) for s in (upper, title))))
        f.write("};\n\n#endif\n")


if __name__ == "__main__":
    main()
