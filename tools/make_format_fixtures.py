#!/usr/bin/env python3
"""Makes tests/fixtures/format/: blocks of every quantised format of GGUF and the numbers they stand for.

    make_format_fixtures.py FOLDER [LIBGGML_BASE]

NAME.blocks holds random bytes with chosen scales (ordinary, negative, zero, subnormal, largest), NAME.f32 what the
official package `gguf` decodes them to. With a shared library of ggml the same blocks are decoded by its C code too, and
any bit that differs is an error. Deterministic. Needs numpy and gguf.
"""
import ctypes
import os
import sys

import numpy as np

# name: (elements, bytes, offsets of f16 scales, name in ggml)
FORMATS = {
    "q8_0": (32, 34, [0], "q8_0"),
    "q4_0": (32, 18, [0], "q4_0"),
    "q4_1": (32, 20, [0, 2], "q4_1"),
    "q5_0": (32, 22, [0], "q5_0"),
    "q5_1": (32, 24, [0, 2], "q5_1"),
    "iq4_nl": (32, 18, [0], "iq4_nl"),
    "mxfp4": (32, 17, [], "mxfp4"),
    "q2_k": (256, 84, [80, 82], "q2_K"),
    "q3_k": (256, 110, [108], "q3_K"),
    "q4_k": (256, 144, [0, 2], "q4_K"),
    "q5_k": (256, 176, [0, 2], "q5_K"),
    "q6_k": (256, 210, [208], "q6_K"),
    "iq4_xs": (256, 136, [0], "iq4_xs"),
}
SCALES = [0x2C3F, 0xB155, 0x0000, 0x0123, 0x7BFF, 0x8001]  # f16: 0.066, -0.167, 0, subnormal, 65504, -2^-24
EXPONENTS = [127, 0, 1, 2, 120, 255, 254, 3, 130, 64, 200, 128]  # of mxfp4; 0 and 1 have subnormal halves


def blocks_of(name, rng):
    elements, size, scales, _ = FORMATS[name]
    count = 6 if elements == 256 else 12
    b = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for k, at in enumerate(scales):
        h = np.array([SCALES[(i + 2 * k) % len(SCALES)] for i in range(count)], np.uint16)
        b[:, at : at + 2] = h.view(np.uint8).reshape(count, 2)
    if name == "mxfp4":
        b[:, 0] = EXPONENTS
    return np.ascontiguousarray(b)


def main():
    import gguf

    folder, ggml = sys.argv[1], ctypes.CDLL(sys.argv[2]) if len(sys.argv) > 2 else None
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(20240229)
    for name, (elements, _, _, c_name) in FORMATS.items():
        b = blocks_of(name, rng)
        with np.errstate(over="ignore"):
            x = gguf.quants.dequantize(b, getattr(gguf.GGMLQuantizationType, name.upper())).astype(np.float32).ravel()
        assert x.size == b.shape[0] * elements and not np.isnan(x).any(), name
        if ggml:
            y = np.empty_like(x)
            getattr(ggml, "dequantize_row_" + c_name)(b.ctypes, y.ctypes, ctypes.c_int64(x.size))
            if not np.array_equal(x.view(np.uint32), y.view(np.uint32)):
                sys.exit(f"{name}: the package and the library differ")
        b.tofile(os.path.join(folder, name + ".blocks"))
        x.tofile(os.path.join(folder, name + ".f32"))
    print("fixtures in", folder, "checked with the library" if ggml else "")


if __name__ == "__main__":
    main()
