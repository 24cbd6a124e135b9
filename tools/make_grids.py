#!/usr/bin/env python3
"""Makes src/format/grids.c: the codebooks of the IQ formats of GGUF, out of the package gguf (MIT).

    make_grids.py > src/format/grids.c

A row is one number of 16 bits: of eight elements two bits each, of four elements four bits each, element 0 lowest. The
package's values are the same rows written out; src/format/grids.h says how a code becomes a value.
"""
import importlib.metadata
import sys

import numpy as np
from gguf import quants

TABLES = [("iq2_xxs", "IQ2_XXS"), ("iq2_xs", "IQ2_XS"), ("iq2_s", "IQ2_S"), ("iq3_xxs", "IQ3_XXS"), ("iq3_s", "IQ3_S"),
          ("iq1", "IQ1_S")]
PER_LINE = 15


def licence():
    for f in importlib.metadata.files("gguf"):
        if f.name == "LICENSE":
            return f.read_text()
    sys.exit("the package gguf has no licence file")


def main():
    print("/* Made by tools/make_grids.py: do not edit. The codebooks of the IQ formats (format/grids.h), out of the package\n"
          f" * gguf {importlib.metadata.version('gguf')}, whose licence is:\n *")
    for line in licence().strip().splitlines():
        print(f" * {line}".rstrip())
    print(' */\n#include "format/grids.h"\n')
    for name, kind in TABLES:
        q = getattr(quants, kind)
        q.init_grid()
        rows, width = q.grid_shape
        codes = np.searchsorted(q.grid_map, q.grid.reshape(rows, width))
        assert (np.array(q.grid_map)[codes] == q.grid.reshape(rows, width)).all(), name
        packed = (codes << (np.arange(width) * (16 // width))).sum(axis=1)
        print(f"const uint16_t grid_{name}[{rows}] = {{")
        for at in range(0, rows, PER_LINE):
            print("    " + "".join(f"0x{v:04x}," for v in packed[at : at + PER_LINE]))
        print("};")


if __name__ == "__main__":
    main()
