#!/usr/bin/env python3
"""Makes tests/fixtures/io/ with the official packages `gguf` and `safetensors`, and checks files that autarky wrote.

    make_io_fixtures.py write FOLDER        writes the fixtures (deterministic)
    make_io_fixtures.py check FOLDER        reads what `check_io FOLDER` wrote with the official packages and compares

The values of every tensor follow one rule, so that the C test needs no second file: element i (row-major) of an f32,
f16, bf16 or i32 tensor is (i % 61) - 30. Needs numpy, gguf, safetensors; bf16 and folders need nothing more.
"""
import json
import os
import sys

import numpy as np


def rule(n):
    return (np.arange(n) % 61 - 30).astype(np.float32)


def bf16(values):
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def write_gguf(path):
    import gguf
    from gguf import GGMLQuantizationType as Q

    w = gguf.GGUFWriter(path, "llama")
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -100)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_uint64("t.u64", 18000000000000000000)
    w.add_int64("t.i64", -9000000000000000000)
    w.add_float32("t.f32", 0.15625)
    w.add_float64("t.f64", 0.1)
    w.add_bool("t.bool", True)
    w.add_string("t.str", "h\u00e9llo \u4f60\u597d")
    w.add_array("t.strings", ["a", "", "\u0120the", "<|end|>"])
    w.add_array("t.ints", [1, -2, 3])
    w.add_array("t.floats", [0.5, -1.25])
    w.add_array("t.bools", [True, False])
    w.add_tensor("a.f32", rule(6).reshape(2, 3))
    w.add_tensor("b.f16", rule(24).astype(np.float16).reshape(2, 3, 4))
    w.add_tensor("c.bf16", bf16(rule(10)).view(np.uint8).reshape(1, 20), raw_dtype=Q.BF16)
    w.add_tensor("d.q8_0", gguf.quants.quantize(rule(128).reshape(2, 64), Q.Q8_0), raw_dtype=Q.Q8_0)
    w.add_tensor("e.q4_0", gguf.quants.quantize(rule(64).reshape(2, 32), Q.Q4_0), raw_dtype=Q.Q4_0)
    w.add_tensor("f.i32", rule(5).astype(np.int32))
    w.add_tensor("g.vector", rule(7))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_safetensors(path):
    from safetensors.numpy import save_file

    tensors = {
        "a.f32": rule(6).reshape(2, 3),
        "b.f16": rule(24).astype(np.float16).reshape(2, 3, 4),
        "f.i32": rule(5).astype(np.int32),
        "scalar": np.array(-30.0, dtype=np.float32),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "bytes": np.arange(9, dtype=np.uint8),
        "mask": np.array([True, False, True]),
    }
    # One entry of metadata only: the package writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"note": "caf\u00e9 \"quoted\" \\ \n"})


def write_folder(path):
    from safetensors.numpy import save_file

    os.makedirs(path, exist_ok=True)
    parts = {"model-00001-of-00002.safetensors": {"x.weight": rule(12).reshape(3, 4)},
             "model-00002-of-00002.safetensors": {"y.weight": rule(4), "z.weight": rule(2)}}
    weight_map = {}
    for name, tensors in parts.items():
        save_file(tensors, os.path.join(path, name), metadata={"format": "pt"})
        weight_map.update({t: name for t in tensors})
    with open(os.path.join(path, "model.safetensors.index.json"), "w", encoding="utf-8") as f:
        json.dump({"metadata": {"total_size": 72}, "weight_map": weight_map}, f, indent=1, sort_keys=True)
        f.write("\n")


# What tests/check_io.c writes: name, type, shape. Byte k of tensor i is 7 k + 31 i + 1, modulo 256.
WANTED = [("scalar", "F32", []), ("vector.f32", "F32", [5]), ("matrix.f16", "F16", [3, 7]), ("cube.bf16", "BF16", [2, 1, 3]),
          ("four.i32", "I32", [1, 2, 3, 1]), ("weights.q8_0", "Q8_0", [3, 64]), ("n\u00e4me \"quoted\"\\\x01", "F32", [1])]
TEXT = "autarky \"quoted\" \\ \n \u4f60"


def pattern(i, n):
    return bytes((7 * k + 31 * i + 1) % 256 for k in range(n))


class Checks:
    passed = failed = 0

    def same(self, what, got, wanted):
        if got == wanted:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{what}: {got!r}, expected {wanted!r}", file=sys.stderr)


def check_gguf(c, path):
    import gguf

    r = gguf.GGUFReader(path)
    scalars = {"format": TEXT, "empty": "", "x.u32": 4294967295, "x.f32": float(np.float32(0.1)), "x.yes": True, "x.no": False}
    for key, value in scalars.items():
        c.same(key, r.fields[key].contents(), value)
    strings = r.fields["x.strs"]
    c.same("x.strs", [bytes(strings.parts[k]) for k in strings.data], [b"a", b"", b"b\0c", b"\xff"])
    c.same("x.ints", r.fields["x.ints"].contents(), [-2147483648, -1, 0, 2147483647])
    c.same("x.floats", r.fields["x.floats"].contents(), [0.5, float("-inf")])
    c.same("number of tensors", len(r.tensors), len(WANTED))
    for i, (t, (name, dtype, shape)) in enumerate(zip(r.tensors, WANTED)):
        data = t.data.tobytes()
        c.same(name, (t.name, t.tensor_type.name, [int(x) for x in reversed(t.shape)]), (name, dtype, shape or [1]))
        c.same(name + " data", data, pattern(i, len(data)))


def check_safetensors(c, path):
    from safetensors import safe_open

    kept = [(i, w) for i, w in enumerate(WANTED) if w[1] != "Q8_0"]
    with safe_open(path, framework="np") as f:
        c.same("metadata", f.metadata(), {"format": TEXT, "empty": ""})
        c.same("names", sorted(f.keys()), sorted(w[0] for _, w in kept))
        for i, (name, dtype, shape) in kept:
            s = f.get_slice(name)
            c.same(name, (s.get_dtype(), s.get_shape()), (dtype, shape))
            if dtype != "BF16":  # numpy has no bf16
                data = f.get_tensor(name).tobytes()
                c.same(name + " data", data, pattern(i, len(data)))


def check(folder):
    c = Checks()
    check_gguf(c, os.path.join(folder, "ours.gguf"))
    check_safetensors(c, os.path.join(folder, "ours.safetensors"))
    print(f"{c.passed} passed, {c.failed} failed, 0 skipped")
    sys.exit(c.failed > 0)


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    if sys.argv[1] == "check":
        check(sys.argv[2])
    os.makedirs(sys.argv[2], exist_ok=True)
    write_gguf(os.path.join(sys.argv[2], "official.gguf"))
    write_safetensors(os.path.join(sys.argv[2], "official.safetensors"))
    write_folder(os.path.join(sys.argv[2], "sharded"))
    for folder, _, names in os.walk(sys.argv[2]):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)


if __name__ == "__main__":
    main()
