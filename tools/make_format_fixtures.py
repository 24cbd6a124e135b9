#!/usr/bin/env python3
"""Makes tests/fixtures/format/: blocks of every quantised format of GGUF and the numbers they stand for.

    make_format_fixtures.py FOLDER [LIBGGML_BASE]
    make_format_fixtures.py --blocks N [LIBGGML_BASE]
    make_format_fixtures.py --errors LIBGGML_BASE

NAME.blocks holds random bytes with chosen scales (ordinary, negative, zero, subnormal, largest), NAME.f32 what the
official package `gguf` decodes them to. With a shared library of ggml the same blocks are decoded by its C code too, and
any bit that differs is an error. The package decodes neither q1_0 and q2_0 nor mxfp8, which is a fork's: for these
the definition is below. --blocks compares N random blocks of every format with the decoders in src/format, which it compiles
with cc. --errors sets the square error of our encoders against that of ggml's, with and without an importance matrix.
Deterministic. Needs numpy and gguf.
"""
import ctypes
import glob
import os
import subprocess
import sys
import tempfile

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
    "iq2_xxs": (256, 66, [0], "iq2_xxs"),
    "iq2_xs": (256, 74, [0], "iq2_xs"),
    "iq2_s": (256, 82, [0], "iq2_s"),
    "iq3_xxs": (256, 98, [0], "iq3_xxs"),
    "iq3_s": (256, 110, [0], "iq3_s"),
    "iq1_s": (256, 50, [0], "iq1_s"),
    "iq1_m": (256, 56, [], "iq1_m"),
    "tq1_0": (256, 54, [52], "tq1_0"),
    "tq2_0": (256, 66, [64], "tq2_0"),
    "nvfp4": (64, 36, [], "nvfp4"),
    "mxfp8": (256, 264, [], None),
    "q1_0": (128, 18, [0], "q1_0"),
    "q2_0": (64, 18, [0], "q2_0"),
}
SCALES = [0x2C3F, 0xB155, 0x0000, 0x0123, 0x7BFF, 0x8001]  # f16: 0.066, -0.167, 0, subnormal, 65504, -2^-24
EXPONENTS = [127, 0, 1, 2, 120, 255, 254, 3, 130, 64, 200, 128]  # of mxfp4; 0 and 1 have subnormal halves


def scale_of(b):
    return b[:, :2].copy().view(np.float16).astype(np.float32)


def fields(b, bits):
    """Neighbours share a byte, the first in its lowest bits."""
    n = 8 // bits
    return (b[:, :, None] >> (np.arange(n, dtype=np.uint8) * bits) & (1 << bits) - 1).reshape(len(b), -1)


def q1_0(b):
    return np.where(fields(b[:, 2:], 1) == 1, scale_of(b), -scale_of(b))


def q2_0(b):
    return scale_of(b) * (fields(b[:, 2:], 2).astype(np.float32) - 1)


def mxfp8(b):
    e, c = b[:, :8].astype(np.int32), b[:, 8:].astype(np.int32)
    scale = np.where(e == 255, np.nan, np.ldexp(1.0, e - 127)).repeat(32, axis=1)
    exp, man = c >> 3 & 15, c & 7
    v = np.where(exp > 0, np.ldexp(8.0 + man, exp - 10), np.ldexp(man.astype(float), -9))
    v = np.where(c & 127 == 127, np.nan, v) * np.where(c & 128, -1.0, 1.0)
    return (v * scale).astype(np.float32)


OURS = {"q1_0": q1_0, "q2_0": q2_0, "mxfp8": mxfp8}


def values(name, b):
    with np.errstate(over="ignore", invalid="ignore"):
        if name in OURS:
            return OURS[name](b).astype(np.float32).ravel()
        import gguf

        return gguf.quants.dequantize(b, getattr(gguf.GGMLQuantizationType, name.upper())).astype(np.float32).ravel()


def blocks_of(name, rng):
    elements, size, scales, _ = FORMATS[name]
    count = 6 if elements == 256 else 12
    b = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for k, at in enumerate(scales):
        h = np.array([SCALES[(i + 2 * k) % len(SCALES)] for i in range(count)], np.uint16)
        b[:, at : at + 2] = h.view(np.uint8).reshape(count, 2)
    if name == "mxfp4":
        b[:, 0] = EXPONENTS
    if name == "mxfp8":
        b[:, :8] = np.resize([e for e in EXPONENTS if e != 255], (count, 8))
        b[:, 8:][b[:, 8:] & 127 == 127] = 0x7E
    if name == "nvfp4":
        b[:, :4] = np.resize([0x38, 0, 0x7F, 1, 7, 8, 0x7E, 0x80, 0xFF, 0xB8, 0x40], (count, 4))
    if name == "iq1_m":  # four bits of d in the top of each u16
        s = b[:, 48:].view(np.uint16)
        d = np.array(SCALES[:count], np.uint32)
        for k in range(4):
            s[:, k] = s[:, k] & 0x0FFF | (d >> 4 * k & 15) << 12
    return np.ascontiguousarray(b)


def differ(x, y):
    """Numbers whose bits differ; what is no number is equal to its like."""
    return int(((x.view(np.uint32) != y.view(np.uint32)) & ~(np.isnan(x) & np.isnan(y))).sum())


def by_us(library, name, b, elements):
    y = np.empty(len(b) * elements, np.float32)
    getattr(library, name + "_load")(y.ctypes, b.ctypes, ctypes.c_int64(y.size))
    return y


def by_ggml(library, name, b, elements):
    y = np.empty(len(b) * elements, np.float32)
    getattr(library, "dequantize_row_" + name)(b.ctypes, y.ctypes, ctypes.c_int64(y.size))
    return y


def our_library():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "format.so")
        subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-ffp-contract=off", "-Isrc", "-shared", "-fPIC", "-o", path,
                        *glob.glob("src/format/*.c"), "-lm"], check=True)
        return ctypes.CDLL(path)


def compare(count, ggml):
    ours, rng, bad = our_library(), np.random.default_rng(5), 0
    for name, (elements, size, _, c_name) in FORMATS.items():
        wrong, wrong_c, done = 0, 0, 0
        while done < count:
            b = rng.integers(0, 256, (min(1 << 15, count - done), size), dtype=np.uint8)
            y = by_us(ours, name, b, elements)
            wrong += differ(values(name, b), y)
            if ggml and hasattr(ggml, f"dequantize_row_{c_name}"):
                wrong_c += differ(by_ggml(ggml, c_name, b, elements), y)
            done += len(b)
        seen = f", {wrong_c} from ggml" if ggml and hasattr(ggml, f"dequantize_row_{c_name}") else ""
        print(f"{name}: {count} blocks: {wrong} numbers differ from {'the definition' if name in OURS else 'gguf'}{seen}",
              flush=True)
        bad += wrong + wrong_c
    return bad


def encoded(library, name, kind, x, w):
    """The numbers of x (rows, columns) after encoding; kind: the type's number, for ggml."""
    elements, size, _, _ = FORMATS[name]
    b = np.zeros((x.size // elements, size), np.uint8)
    pointer = w.ctypes.data_as(ctypes.c_void_p) if w is not None else None
    if kind is not None:
        library.ggml_quantize_chunk(ctypes.c_int(kind), x.ctypes, b.ctypes, ctypes.c_int64(0), ctypes.c_int64(len(x)),
                                    ctypes.c_int64(x.shape[1]), pointer)
    elif w is None or not hasattr(library, name + "_store_weighted"):
        getattr(library, name + "_store")(b.ctypes, x.ctypes, ctypes.c_int64(x.size))
    else:
        for i, row in enumerate(x):
            at = ctypes.c_void_p(b.ctypes.data + i * x.shape[1] // elements * size)
            getattr(library, name + "_store_weighted")(at, row.ctypes, ctypes.c_int64(x.shape[1]), pointer)
    return values(name, b).reshape(x.shape)


def errors(ggml):
    import gguf

    ours, rng = our_library(), np.random.default_rng(6)
    rows, columns = 64, 1024
    texts = {"normal": rng.standard_normal((rows, columns)), "heavy tails": rng.standard_t(3, (rows, columns))}
    w = rng.lognormal(0, 2, columns).astype(np.float32)
    for name in FORMATS:
        if not hasattr(ours, name + "_store"):
            continue
        kind, line = int(getattr(gguf.GGMLQuantizationType, name.upper())), []
        for text, x in texts.items():
            x = (x * 0.02).astype(np.float32)
            for weight, v in (("", None), (", weighted", w)):
                a, b = (((x - encoded(lib, name, k, x, v)).astype(np.float64) ** 2 * (1 if v is None else v)).sum()
                        for lib, k in ((ours, None), (ggml, kind)))
                line.append(f"{text}{weight} {a / b:.3f}")
        print(f"{name}: our square error by ggml's: {'; '.join(line)}", flush=True)


def main():
    args = sys.argv[1:]
    if args[0] == "--errors":
        errors(ctypes.CDLL(args[1]))
        return
    count = int(args[1]) if args[0] == "--blocks" else 0
    rest = args[2:] if count else args[1:]
    ggml = ctypes.CDLL(rest[0]) if rest else None
    if count:
        sys.exit(compare(count, ggml) > 0)
    folder = args[0]
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(20240229)
    for name, (elements, _, _, c_name) in FORMATS.items():
        b = blocks_of(name, rng)
        x = values(name, b)
        assert x.size == b.shape[0] * elements and not np.isnan(x).any(), name
        if ggml and hasattr(ggml, f"dequantize_row_{c_name}") and differ(x, by_ggml(ggml, c_name, b, elements)):
            sys.exit(f"{name}: the package and the library differ")
        b.tofile(os.path.join(folder, name + ".blocks"))
        x.tofile(os.path.join(folder, name + ".f32"))
    print("fixtures in", folder, "checked with the library" if ggml else "")


if __name__ == "__main__":
    main()
