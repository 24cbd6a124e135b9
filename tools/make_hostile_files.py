#!/usr/bin/env python3
"""Makes tests/fixtures/hostile/: small files that each show one known class of weakness of model loaders, and cases.txt,
the table that tests/check_hostile.c works through. The files are ours; nothing in them is taken from a published attack.

    make_hostile_files.py FOLDER      writes the files and FOLDER/cases.txt (deterministic; Python alone)

A line of the table: file, reader, class, words, separated by tabs. `reader` is what the file is given to (see
check_hostile.c); `class` begins with A (model files), G (paths) or I (error texts) and may name CVEs that showed this
class of weakness in some program; `words` must be in the message that refuses the file, or, after "warning: ", in the warning with which it is read. Lines that begin with # say
nothing.
"""
import json
import os
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}
MOST = 2 ** 64 - 1

folder = ""
table = []


def case(name, reader, what, words, data):
    if isinstance(data, str):
        data = data.encode()
    if len(data) >= 4096:
        sys.exit(f"{name}: {len(data)} bytes, expected less than 4096")
    if name in (row[0] for row in table):
        sys.exit(f"{name}: used twice")
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)
    table.append((name, reader, what, words))


# ---- GGUF ----

def text(s, length=None):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(s) if length is None else length) + s


def value(kind, v):
    if kind == STR:
        return text(v)
    if kind == ARR:
        elem, items = v
        return struct.pack("<IQ", elem, len(items)) + b"".join(value(elem, x) for x in items)
    return struct.pack("<" + PACK[kind], v)


def kv(key, kind, v):
    return text(key) + struct.pack("<I", kind) + value(kind, v)


def tensor(name, dims, kind=0, offset=0):
    return text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", kind, offset)


def gguf(kvs=(), tensors=(), data=b"", version=3, n_tensors=None, n_kv=None, align=32):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors) if n_tensors is None else n_tensors,
                                len(kvs) if n_kv is None else n_kv) + b"".join(kvs) + b"".join(tensors)
    if tensors or data:
        out += bytes(-len(out) % align)
    return out + data


W = tensor("w", [8])
DATA = bytes(32)


def make_gguf_counts():
    c = "A: count or length believed before it is checked, "
    case("tensor-count-max.gguf", "open", c + "CVE-2024-21836", "count is 18446744073709551615", gguf(n_tensors=MOST))
    case("tensor-count-1m.gguf", "open", "A: a file under 1 KB makes the loader allocate, CVE-2026-65315", "expected at most",
         gguf(n_tensors=1 << 20, data=bytes(900)))
    case("kv-count-max.gguf", "open", c + "CVE-2024-23605", "count is 18446744073709551615", gguf(n_kv=MOST))
    case("kv-count-wraps.gguf", "open", c + "CVE-2024-25664 to -25668", "expected at most", gguf(n_kv=2 ** 64 // 48 + 1))
    case("string-length-max.gguf", "open", c + "CVE-2024-23496 (length + 1 is 0)",
         "length of a string value is 18446744073709551615",
         gguf([text("k") + struct.pack("<I", STR) + text("x", MOST)]))
    case("key-length-max.gguf", "open", c + "CVE-2024-25664 to -25668", "length of a metadata key is 18446744073709551615",
         gguf([text("k", MOST) + bytes(64)]))
    case("string-length-2g.gguf", "open", "A: unlimited allocation for a string, CVE-2025-66960",
         "length of a string value is 2147483648",
         gguf([text("k") + struct.pack("<I", STR) + text("x", 1 << 31)]))
    case("array-count-max.gguf", "open", c + "CVE-2024-21825", "number of elements of an array is",
         gguf([text("k") + struct.pack("<IIQ", ARR, U64, MOST)]))
    case("array-count-wraps.gguf", "open", c + "CVE-2024-25664 to -25668 (count times 8 wraps)",
         "number of elements of an array is",
         gguf([text("k") + struct.pack("<IIQ", ARR, U64, 1 << 61) + bytes(64)]))
    case("array-strings-1g.gguf", "open", "A: unlimited allocation for an array, CVE-2025-0315",
         "number of elements of an array is",
         gguf([text("k") + struct.pack("<IIQ", ARR, STR, 1 << 30) + bytes(64)]))
    case("array-index.gguf", "open", "A: index of an array beyond its end, CVE-2025-0313, CVE-2025-1975",
         "length of a string of an array",
         gguf([text("k") + struct.pack("<IIQ", ARR, STR, 2) + text("a") + text("b", 99)]))
    case("array-of-arrays.gguf", "open", "A: nesting without limit, CVE-2025-66959", "element type is array",
         gguf([text("k") + struct.pack("<I", ARR) + struct.pack("<IQ", ARR, 1) * 200]))
    case("dims-count-5.gguf", "open", "A: more dimensions than the array has room for, CVE-2024-21802",
         "number of dimensions is 5, expected 1 to 4", gguf(tensors=[tensor("w", [1] * 5)], data=DATA))
    case("dims-count-max.gguf", "open", "A: more dimensions than the array has room for, CVE-2024-25664 to -25668",
         "number of dimensions is 4294967295",
         gguf(tensors=[text("w") + struct.pack("<I", 2 ** 32 - 1) + bytes(64)]))
    case("tensor-name-64k.gguf", "open", "A: name longer than its buffer, CVE-2024-25664 to -25668", "is too long",
         gguf(tensors=[tensor("n" * 300, [8])], data=DATA))
    case("four-bytes.gguf", "open", "A: a file of 4 bytes, CVE-2024-39720", "size of the file is 4", b"GGUF")
    case("cut-in-version.gguf", "open", "A: a file that ends inside its header, CVE-2024-12055", "offset 8: bytes left is 2",
         gguf()[:10])
    case("cut-in-metadata.gguf", "open", "A: error path frees what was never set, CVE-2024-32878", "offset",
         gguf([kv("a", STR, "x"), kv("b", STR, "y")])[:-20])
    case("cut-in-tensors.gguf", "open", "A: null pointer on an error path, CVE-2024-41130", "bytes left is",
         gguf(tensors=[tensor("w" * 60, [8]), W])[:-30])
    case("no-key.gguf", "open", "A: null pointer for an empty name, CVE-2025-0312", "is empty", gguf([kv("", U32, 1)]))
    case("value-type-13.gguf", "open", "A: type used as an index of a table, CVE-2025-0317", "type of a metadata value is 13",
         gguf([text("k") + struct.pack("<II", 13, 0)]))
    case("bool-2.gguf", "open", "A: value that its type does not have", "boolean is 2", gguf([kv("k", BOOL, 2)]))
    case("key-twice.gguf", "open", "A: the same key twice: which one counts?", "a second time",
         gguf([kv("k", U32, 1), kv("k", U32, 2)]))
    case("key-escape.gguf", "config", "I: error text that steers the terminal, CVE-2026-22778", "general.architecture",
         gguf([kv("general.architecture", STR, "\x1b[2J\x1b]0;owned\x07")]))
    case("name-escape.gguf", "open", "I: error text that steers the terminal, CVE-2026-73555",
         "expected to end within the file's",
         gguf(tensors=[tensor("\x1b[2J\u202e", [8])]))


def make_gguf_sizes():
    over = "A: sum or product of sizes overflows, "
    case("nbytes-overflow.gguf", "open", over + "CVE-2026-33298 (bytes of a tensor)", "above 2^63",
         gguf(tensors=[tensor("w", [1 << 62])], data=DATA))
    case("dims-wrap-to-zero.gguf", "open", over + "CVE-2026-33298 (2^32 x 2^32)", "above 2^63",
         gguf(tensors=[tensor("w", [1 << 32, 1 << 32])], data=DATA))
    case("dims-wrap-to-small.gguf", "open", over + "CVE-2026-27940 (wraps to 8)", "above 2^63",
         gguf(tensors=[tensor("w", [8, (1 << 61) + 1, 8])], data=DATA))
    case("sum-overflow.gguf", "open", over + "CVE-2025-53630 (sum over tensors)", "expected to end within the file's",
         gguf(tensors=[tensor("a", [1 << 60]), tensor("b", [1 << 60], 0, 1 << 62)], data=DATA))
    case("offset-overflow.gguf", "open", over + "bypass of CVE-2025-53630 (start + offset)",
         "expected to end within the file's",
         gguf(tensors=[tensor("w", [8], 0, 2 ** 64 - 32)], data=DATA))
    case("pad-overflow.gguf", "open", over + "padding of a size (GGML_PAD)", "expected to end within the file's",
         gguf(tensors=[tensor("w", [2 ** 61 - 8], 0, 2 ** 63 - 32)], data=DATA))
    case("alignment-2g.gguf", "open", over + "alignment without upper limit", "general.alignment is 2147483648",
         gguf([kv("general.alignment", U32, 1 << 31)], [W], DATA))
    case("alignment-0.gguf", "open", "A: division by zero, CVE-2024-8063, CVE-2025-0317", "general.alignment is 0",
         gguf([kv("general.alignment", U32, 0)], [W], DATA))
    case("alignment-3.gguf", "open", "A: alignment that is no power of two", "general.alignment is 3",
         gguf([kv("general.alignment", U32, 3)], [W], DATA))
    case("dimension-0.gguf", "open", "A: zero is a hostile value too", "dimension is 0",
         gguf(tensors=[tensor("w", [0])], data=DATA))
    case("dimension-minus-1.gguf", "open", "A: negative as unsigned", "dimension is 18446744073709551615",
         gguf(tensors=[tensor("w", [MOST])], data=DATA))
    case("beyond-the-end.gguf", "open", "A: extent beyond the file shows other memory, CVE-2026-7482, CVE-2026-5757",
         "expected to end within the file's",
         gguf(tensors=[tensor("w", [1 << 20])], data=DATA))
    case("one-byte-short.gguf", "open", "A: extent beyond the file by one byte, CVE-2026-7482",
         "expected to end within the file's",
         gguf(tensors=[W], data=DATA[:31]))
    case("overlap.gguf", "open", "A: extents that overlap", "starts inside that of",
         gguf(tensors=[tensor("a", [16]), tensor("b", [8], 0, 32)], data=bytes(64)))
    case("row-half-a-block.gguf", "open", "A: kernel reads a whole block where half of one is, CVE-2026-53923",
         "expected a multiple of 32",
         gguf(tensors=[tensor("w", [16, 2], 8)], data=bytes(34)))
    case("rows-above-2g.gguf", "open", "A: row count cut to 32 bits, CVE-2026-53923", "expected to end within the file's",
         gguf(tensors=[tensor("w", [32, (1 << 32) + 1], 8)], data=bytes(34)))
    case("tensor-type-9999.gguf", "tensors", "A: type used as an index of a table",
         "type 9999, which no program known here has given out", gguf(tensors=[tensor("w", [8], 9999)], data=DATA))
    case("tensor-type-minus-1.gguf", "tensors", "A: type used as an index of a table, negative",
         "type 4294967295, which no program known here has given out", gguf(tensors=[tensor("w", [8], 2 ** 32 - 1)], data=DATA))
    other = "A: size of another type believed: the same number in two programs"
    case("tensor-type-other-small.gguf", "tensors", other, "nvfp4 here with 36 bytes, but the file has 32 for it",
         gguf(tensors=[tensor("w", [64], 40), tensor("v", [8], 0, 32)], data=bytes(64)))
    case("tensor-type-other-large.gguf", "tensors", other, "nvfp4 here with 36 bytes, but the file has 96 for it",
         gguf(tensors=[tensor("w", [64], 40), tensor("v", [8], 0, 96)], data=bytes(128)))
    case("tensor-type-other-blocks.gguf", "tensors", other, "whose blocks of 64 do not divide rows of 32",
         gguf(tensors=[tensor("w", [32], 40)], data=bytes(64)))
    case("tensor-type-other-end.gguf", "open", other, "is its type mxfp8?",
         gguf(tensors=[tensor("w", [256], 43)], data=bytes(256)))
    case("tensor-type-same-place.gguf", "tensors", "A: extents that overlap, where only the next tensor gives the size",
         "nvfp4 here with 36 bytes, but the file has 0 for it",
         gguf(tensors=[tensor("w", [64], 40), tensor("v", [64], 40)], data=bytes(64)))
    case("tensor-twice.gguf", "open", "A: the same tensor twice", "a second time",
         gguf(tensors=[W, tensor("w", [8], 0, 32)], data=bytes(64)))


def make_gguf_parts():
    def part(no, count, total, tensors, kind=U16):
        return gguf([kv("split.no", kind, no), kv("split.count", kind, count), kv("split.tensors.count", I32, total)],
                    tensors, DATA)

    g = "G: a file that names others, "
    case("missing-00001-of-00002.gguf", "open", g + "one of them missing",
         "missing-00002-of-00002.gguf: part 2 of 2 is missing", part(0, 2, 2, [W]))
    case("twice-00001-of-00002.gguf", "open", g + "the same tensor in both", "a second time", part(0, 2, 2, [W]))
    case("twice-00002-of-00002.gguf", "open", g + "the same tensor in both (opened by its second part)", "a second time",
         part(1, 2, 2, [W]))
    case("many-00001-of-65535.gguf", "open", "A: number of parts without limit, CVE-2026-65315",
         "split.count is 65535, expected 0 to 10000", part(0, 65535, 2, [W]))
    case("negative-00001-of-00002.gguf", "open", "A: negative count", "split.count is -1", part(0, -1, 2, [W], I16))
    case("text-00001-of-00002.gguf", "open", "A: number of another type, CVE-2024-8063", "type of split.no is str",
         gguf([kv("split.no", STR, "../../x"), kv("split.count", U16, 2), kv("split.tensors.count", I32, 1)], [W], DATA))
    case("unnamed-part.gguf", "open", g + "under a name that gives no place for the others",
         "expected a name that ends in -00001-of-00002.gguf", part(0, 2, 2, [W]))
    case("total-00001-of-00001.gguf", "open", "A: count in another file believed", "split.tensors.count",
         part(0, 1, MOST >> 40, [W]))


# ---- what a GGUF says of its model ----

LLAMA = {"general.architecture": (STR, "llama"), "llama.block_count": (U32, 2), "llama.context_length": (U32, 64),
         "llama.embedding_length": (U32, 32), "llama.feed_forward_length": (U32, 64), "llama.attention.head_count": (U32, 4),
         "llama.attention.head_count_kv": (U32, 2), "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5), "llama.vocab_size": (U32, 100)}


def model(**changes):
    keys = dict(LLAMA)
    for k, v in changes.items():
        k = "llama." + k.replace("__", ".")
        if v is None:
            del keys[k]
        else:
            keys[k] = v
    return gguf([kv(k, *v) for k, v in keys.items()])


def make_gguf_models():
    z = "A: zero is a hostile value too (division), CVE-2024-8063"
    case("heads-0.gguf", "config", z, "head_count", model(attention__head_count=(U32, 0)))
    case("kv-heads-0.gguf", "config", z, "head_count_kv", model(attention__head_count_kv=(U32, 0)))
    case("blocks-0.gguf", "config", z, "block_count", model(block_count=(U32, 0)))
    case("blocks-4g.gguf", "config", "A: unlimited allocation, CVE-2025-0315", "block_count",
         model(block_count=(U32, 2 ** 32 - 1)))
    case("blocks-negative.gguf", "config", "A: signed and unsigned mixed, CVE-2025-52566", "block_count",
         model(block_count=(I32, -1)))
    case("blocks-text.gguf", "config", "A: number of another type, CVE-2024-8063", "block_count",
         model(block_count=(STR, "2")))
    case("width-max.gguf", "config", "A: product of dimensions overflows", "embedding_length",
         model(embedding_length=(U64, MOST)))
    case("kv-heads-no-divisor.gguf", "config", "A: index beyond the heads", "num_key_value_heads",
         model(attention__head_count_kv=(U32, 3)))
    case("epsilon-nan.gguf", "config", "A: not a number where one is needed", "layer_norm_rms_epsilon",
         model(attention__layer_norm_rms_epsilon=(F32, float("nan"))))
    case("rope-base-infinite.gguf", "config", "A: infinity where a number is needed", "rope.freq_base",
         model(rope__freq_base=(F32, float("inf"))))
    case("context-2-60.gguf", "config", "A: cache of any size", "warning: context_length",
         model(context_length=(U64, 1 << 60)))
    case("no-architecture.gguf", "config", "A: null pointer for a missing key, CVE-2025-0312", "general.architecture",
         gguf([kv("a", U32, 1)]))
    case("architecture-array.gguf", "config", "A: number of another type", "general.architecture",
         gguf([kv("general.architecture", ARR, (STR, ["llama"]))]))


def vocab(tokens, types=None, merges=(), name="gpt2", **more):
    keys = [kv("tokenizer.ggml.model", STR, name), kv("tokenizer.ggml.pre", STR, "gpt-2"),
               kv("tokenizer.ggml.tokens", ARR, (STR, tokens)),
            kv("tokenizer.ggml.merges", ARR, (STR, list(merges)))]
    if types is not None:
        keys.append(kv("tokenizer.ggml.token_type", ARR, (I32, types)))
    for k, v in more.items():
        keys.append(kv("tokenizer.ggml." + k, *v))
    return gguf(keys)


def make_gguf_vocabs():
    letters = [chr(c) for c in range(33, 127)]
    case("vocab-types-short.gguf", "tokenizer", "A: second array shorter than the first", "token_type",
         vocab(letters, [1] * 10))
    case("vocab-types-minus-1.gguf", "tokenizer", "A: negative index", "warning: token_type", vocab(letters, [-1] * len(letters)))
    case("vocab-not-strings.gguf", "tokenizer", "A: array of another type", "tokenizer.ggml.tokens",
         gguf([kv("tokenizer.ggml.model", STR, "gpt2"), kv("tokenizer.ggml.tokens", ARR, (U32, [1, 2, 3]))]))
    case("vocab-bos-beyond.gguf", "tokenizer", "A: index beyond the end", "warning: bos_token_id",
         vocab(letters, bos_token_id=(U32, 2 ** 31)))
    case("vocab-eos-negative.gguf", "tokenizer", "A: negative index, CVE-2025-52566", "warning: eos_token_id",
         vocab(letters, eos_token_id=(I32, -2)))
    case("vocab-merge-unknown.gguf", "tokenizer", "A: merge of tokens that are not there", "merge",
         vocab(letters, merges=["a b"]))
    case("vocab-merge-no-space.gguf", "tokenizer", "A: merge without its second part", "merge", vocab(letters, merges=["ab"]))
    case("vocab-empty.gguf", "tokenizer", "A: zero is a hostile value too", "tokenizer.ggml.tokens", vocab([]))
    case("vocab-piece-2g.gguf", "tokenizer", "A: piece length cut to 32 bits, CVE-2025-49847",
         "length of a string of an array is 4294967297",
         gguf([kv("tokenizer.ggml.model", STR, "gpt2"),
               text("tokenizer.ggml.tokens") + struct.pack("<IIQ", ARR, STR, 2) + text("a", (1 << 32) + 1) + text("b")]))
    case("vocab-byte-minus-1.gguf", "tokenizer", "A: byte token <0x-1> becomes index -1 (PLaMo-2)", "tokenizer",
         vocab(["<unk>", "<s>", "</s>", "<0x-1>", "a"], [2, 3, 3, 6, 1], name="plamo2"))
    case("vocab-model-unknown.gguf", "tokenizer", "A: null pointer for an unknown kind", "tokenizer.ggml.model",
         vocab(letters, name="\x1b[31mx"))
    case("vocab-pre-unknown.gguf", "tokenizer", "A: unknown kind taken for a known one", "pre-tokenizer",
         gguf([kv("tokenizer.ggml.model", STR, "gpt2"), kv("tokenizer.ggml.pre", STR, "nonsense"), kv("tokenizer.ggml.tokens", ARR, (STR, letters))]))


# ---- safetensors ----

def st(header, data=b"", length=None):
    h = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(h) if length is None else length) + h + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    p = "A: safetensors that is a second file at the same time (polyglot)"
    one = entry("F32", [1], 0, 4)
    case("header-length-max.safetensors", "open", "A: length believed before it is checked",
         "header length is 18446744073709551615", st("{}", length=MOST))
    case("header-length-100m.safetensors", "open", "A: unlimited allocation, CVE-2026-65315", "header length is 99999999",
         st("{}", length=99999999))
    case("polyglot-tail.safetensors", "open", p, "data after the last tensor is 22 bytes",
         st({"a": one}, bytes(4) + b"PK\5\6" + bytes(18)))
    case("polyglot-hole.safetensors", "open", p, "a hole",
         st({"a": one, "b": entry("F32", [1], 12, 16)}, bytes(4) + b"#!/bin/s" + bytes(4)))
    case("polyglot-json.safetensors", "open", p, "more after its end", st('{"a":%s}#!/bin/sh\n' % json.dumps(one), bytes(4)))
    case("overlap.safetensors", "open", "A: extents that overlap", "an overlap",
         st({"a": entry("F32", [2], 0, 8), "b": entry("F32", [1], 4, 8)}, bytes(8)))
    case("beyond-the-end.safetensors", "open", "A: extent beyond the file shows other memory, CVE-2026-7482",
         "its header says",
         st({"a": entry("F32", [1000], 0, 4000)}, bytes(4)))
    case("offsets-negative.safetensors", "open", "A: negative offset", "is -4", st({"a": entry("F32", [1], -4, 0)}, bytes(4)))
    case("offsets-fall.safetensors", "open", "A: length that becomes negative", "expected to rise",
         st({"a": entry("F32", [1], 4, 0)}, bytes(4)))
    case("shape-overflow.safetensors", "open", "A: sum or product of sizes overflows, CVE-2026-33298", "overflows",
         st({"a": entry("F32", [2 ** 32, 2 ** 32], 0, 0)}))
    case("shape-hidden-by-0.safetensors", "open", "A: sum or product of sizes overflows (a zero hides it)", "overflows",
         st({"a": entry("F32", [0, 2 ** 62, 4], 0, 0)}))
    case("shape-2-64.safetensors", "open", "A: number that does not fit", "is 18446744073709551616",
         st('{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}}'))
    case("shape-exponent.safetensors", "open", "A: lenient number parser", "is 1e3, which is not an integer",
         st('{"a":{"dtype":"U8","shape":[1e3],"data_offsets":[0,0]}}'))
    case("shape-plus.safetensors", "open", "A: lenient number parser", "is not an integer",
         st('{"a":{"dtype":"U8","shape":[+1],"data_offsets":[0,1]}}', b"x"))
    case("shape-octal.safetensors", "open", "A: lenient number parser", "begins with 0",
         st('{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', b"x"))
    case("shape-9.safetensors", "open", "A: more dimensions than the array has room for, CVE-2024-21802",
         "more than 8 elements", st({"a": entry("U8", [1] * 9, 0, 1)}, b"x"))
    case("tensor-twice.safetensors", "open", "A: the same tensor twice", "a second time",
         st('{"a":%s,"a":%s}' % (json.dumps(one), json.dumps(entry("F32", [1], 4, 8))), bytes(8)))
    case("key-twice.safetensors", "open", "A: the same key twice", "a second time",
         st('{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,4]}}', bytes(4)))
    case("name-nul.safetensors", "open", "A: name that ends early", "holds a NUL",
         st('{"a\\u0000b":%s}' % json.dumps(one), bytes(4)))
    case("name-surrogate.safetensors", "open", "A: name that is not Unicode", "a lone surrogate",
         st('{"\\ud800":%s}' % json.dumps(one), bytes(4)))
    case("dtype-escape.safetensors", "open", "I: error text that steers the terminal, CVE-2026-54236", 'dtype is "?[2J"',
         st('{"a":{"dtype":"\\u001b[2J","shape":[1],"data_offsets":[0,4]}}', bytes(4)))
    case("deep.safetensors", "open", "A: nesting without limit", "is not an object", st('{"a":' + "[" * 4000))
    case("metadata-object.safetensors", "open", "A: value of another type", "is not a string",
         st('{"__metadata__":{"a":{"b":1}}}'))


def make_pickles():
    r = "A: pickle runs code, "
    body = b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\5posix\x8c\4exit\x93\x94K\1\x85R."
    case("pickle-as.safetensors", "open", r + "CVE-2025-24357", "pickle is never read", body)
    case("pickle-as.gguf", "open", r + "CVE-2025-62164", "pickle is never read", body)
    case("zip-as.safetensors", "open", r + "CVE-2026-15976; G: archives, CVE-2024-45436", "pickle is never read",
         b"PK\3\4\x14\0\0\0\0\0" + bytes(16) + b"\x13\0\0\0../../evil/data.pkl")
    case("pytorch_model.bin", "folder", r + "CVE-2026-32444", "pickle is never read", body)
    case("model.pt", "folder", r + "CVE-2025-24357", "ask for safetensors", b"PK\3\4" + bytes(60))


def make_indexes():
    g = "G: path of another file, "

    def index(shard, tensor_name='"a"'):
        return '{"metadata":{},"weight_map":{%s:%s}}' % (tensor_name, json.dumps(shard) if not isinstance(shard, bytes) else shard.decode())

    for name, shard in (("parent", "../../../../etc/passwd.safetensors"), ("absolute", "/etc/x.safetensors"),
                        ("inside", "sub/../../x.safetensors"), ("backslash", "..\\x.safetensors"), ("drive", "C:x.safetensors"),
                        ("nul", "x.safetensors\0/../../etc/passwd"), ("option", "-rf.safetensors"), ("passwd", "passwd"),
                        ("escape", "\x1b[2Jx.safetensors"), ("turned", "x\u202esrotsnetefas.safetensors"), ("hidden", ".safetensors"),
                        ("long", "x" * 300 + ".safetensors")):
        case(f"index-{name}.json", "index", g + "CVE-2024-37032", "expected a plain file name", index(shard))
    case("index-missing-shard.json", "index", "G: a file that names others, one of them missing",
         "c.safetensors: shard is missing", index("c.safetensors"))
    case("index-wrong-shard.json", "index", "G: a file that names others, in the wrong one", "expected in b.safetensors",
         '{"weight_map":{"a":"b.safetensors","b":"b.safetensors","z":"a.safetensors"}}')
    case("index-no-map.json", "index", "A: null pointer for a missing key, CVE-2025-0312", "weight_map is missing", "{}")
    case("index-number.json", "index", "A: value of another type", "is not a string", index(b"7"))
    case("index-deep.json", "index", "A: nesting without limit, CVE-2025-66959", "nesting of JSON",
         '{"metadata":' + "[" * 4000)
    case("index-deep-objects.json", "index", "A: nesting without limit, CVE-2025-66959", "nesting of JSON",
         '{"metadata":' + '{"":' * 900)
    case("index-twice.json", "index", "A: the same key twice", "a second time",
         '{"weight_map":{"a":"a.safetensors","a":"a.safetensors"}}')


# ---- config.json ----

CONFIG = {"model_type": "llama", "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu"}


def config(**changes):
    c = dict(CONFIG)
    c.update(changes)
    return json.dumps(c)


def make_configs():
    z = "A: zero is a hostile value too (division), CVE-2024-8063"
    for key, low in (("num_attention_heads", z), ("num_key_value_heads", z), ("hidden_size", z), ("num_hidden_layers", z), ("vocab_size", z)):
        case(f"config-{key}-0.json", "config-json", low, f'"{key}" is 0', config(**{key: 0}))
    for key in ("hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings", "vocab_size"):
        words = 'warning: "max_position_embeddings"' if key[:3] == "max" else f'"{key}" is 1099511627776'
        case(f"config-{key}-2-40.json", "config-json", "A: unlimited allocation, CVE-2025-0315", words, config(**{key: 1 << 40}))
    case("config-negative.json", "config-json", "A: signed and unsigned mixed", '"vocab_size" is -1', config(vocab_size=-1))
    case("config-fraction.json", "config-json", "A: number of another type", '"hidden_size" is a number',
         config(hidden_size=32.5))
    case("config-text.json", "config-json", "A: number of another type, CVE-2024-8063", '"hidden_size" is a string',
         config(hidden_size="32"))
    case("config-2-64.json", "config-json", "A: number that does not fit", "is a number, expected an integer",
         config().replace("100", "18446744073709551616"))
    case("config-1e999.json", "config-json", "A: infinity where a number is needed, CVE-2026-54235",
         '"rms_norm_eps" is Infinity', config().replace("1e-05", "1e999"))
    case("config-nan.json", "config-json", "A: not a number where one is needed, CVE-2026-54235",
         '"rms_norm_eps" is NaN', config(rms_norm_eps=float("nan")))
    case("config-epsilon.json", "config-json", "A: division by zero", "rms_norm_eps", config(rms_norm_eps=0))
    case("config-heads-no-divisor.json", "config-json", "A: index beyond the heads", "num_key_value_heads",
         config(num_key_value_heads=3))
    case("config-twice.json", "config-json", "A: the same key twice", "warning: the last one counts",
         config()[:-1] + ', "hidden_size": 64}')
    case("config-deep.json", "config-json", "A: nesting without limit", "nested deeper", '{"a":' + "[" * 4000)
    case("config-utf8.json", "config-json", "A: bytes that are not Unicode", "not valid JSON",
         config().encode().replace(b"silu", b"si\xff"))
    case("config-code.json", "config-json", "A: code shipped with the model, CVE-2025-66448, CVE-2026-22807",
         '"model_type" is "custom"',
         config(model_type="custom", auto_map={"AutoConfig": "evil--repo--configuration.Evil"}))
    case("config-escape.json", "config-json", "I: error text that steers the terminal", '"model_type" is',
         config(model_type="\x1b[2J"))
    case("config-array.json", "config-json", "A: value of another type", "config.json", "[]")
    case("config-rope.json", "config-json", "A: value of another type", "rope", config(rope_scaling=[1]))
    case("config-quantised.json", "config-json", "A: kernel chosen by a file's word", "quant",
         config(quantization_config={"quant_method": "../../x"}))
    moe = {"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 9, "moe_intermediate_size": 32, "head_dim": 8}
    case("config-top-k.json", "config-json", "A: index beyond the experts", "num_experts_per_tok", config(**moe))


# ---- tokenizer.json ----

def tokenizer(**changes):
    letters = {chr(c): c - 33 for c in range(33, 127)}
    t = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
         "post_processor": None, "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": letters, "merges": []}}
    m = changes.pop("model", None)
    t.update(changes)
    if m:
        t["model"] = dict(t["model"], **m)
    return json.dumps(t)


def make_tokenizers():
    case("tokenizer-id-negative.json", "tokenizer-json", "A: negative index, CVE-2025-52566", "id",
         tokenizer(model={"vocab": {"a": -1}}))
    case("tokenizer-id-2-31.json", "tokenizer-json", "A: index cut to 32 bits, CVE-2025-49847", "id",
         tokenizer(model={"vocab": {"a": 1 << 31}}))
    case("tokenizer-id-2-32.json", "tokenizer-json", "A: index cut to 32 bits, CVE-2025-49847", "id",
         tokenizer(model={"vocab": {"a": 1 << 32}}))
    case("tokenizer-id-sparse.json", "tokenizer-json", "A: a file under 1 KB makes the loader allocate, CVE-2026-65315",
         "largest id is 1048575",
         tokenizer(added_tokens=[{"id": (1 << 20) - 1, "content": "x", "special": True}]))
    case("tokenizer-id-twice.json", "tokenizer-json", "A: two tokens in one place", "id",
         tokenizer(model={"vocab": {"a": 0, "b": 0}}))
    case("tokenizer-regex.json", "tokenizer-json", "A: regular expression of any cost, CVE-2025-48887", "pre-tokenizer",
         tokenizer(pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}]}))
    case("tokenizer-merge.json", "tokenizer-json", "A: merge of tokens that are not there", "merge",
         tokenizer(model={"merges": ["a b"]}))
    case("tokenizer-merge-half.json", "tokenizer-json", "A: merge without its second part", "merge",
         tokenizer(model={"merges": ["ab"]}))
    case("tokenizer-merge-number.json", "tokenizer-json", "A: value of another type", "merge",
         tokenizer(model={"merges": [7]}))
    case("tokenizer-vocab-array.json", "tokenizer-json", "A: value of another type", "vocab", tokenizer(model={"vocab": []}))
    case("tokenizer-model.json", "tokenizer-json", "A: unknown kind taken for a known one", "model",
         tokenizer(model={"type": "\x1b[2J"}))
    case("tokenizer-no-model.json", "tokenizer-json", "A: null pointer for a missing key, CVE-2025-0312", "model", "{}")
    case("tokenizer-post.json", "tokenizer-json", "A: token that is not there", "post-processor",
         tokenizer(post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<none>", "type_id": 0}}], "pair": [], "special_tokens": {}}))
    case("tokenizer-deep.json", "tokenizer-json", "A: nesting without limit", "nested deeper", '{"model":' + "[" * 4000)
    case("tokenizer-added-empty.json", "tokenizer-json", "A: empty token matches everywhere", "warning: added_tokens",
         tokenizer(added_tokens=[{"id": 94, "content": ""}]))


# ---- what training reads ----

def make_training():
    head = bytes([65, 75, 84, 79, 75, 0, 0, 1])

    def shard(token_bytes, voc, n, docs, body=b""):
        return head + struct.pack("<IIQQ", token_bytes, voc, n, docs) + bytes(32) + body

    case("tokens-max.shard", "shard", "A: count believed before it is checked", "offset 16", shard(2, 100, MOST, 1, bytes(16)))
    case("tokens-wrap.shard", "shard", "A: product of sizes overflows", "offset 16", shard(2, 100, 2 ** 63, 1, bytes(8)))
    case("token-beyond.shard", "shard", "A: index beyond the vocabulary", "offset 72: token 0 is 65535",
         shard(2, 100, 1, 1, bytes(8) + b"\xff\xff"))
    case("docs-not-rising.shard", "shard", "A: length that becomes negative", "document 1 starts at token 0",
         shard(2, 100, 2, 2, bytes(16) + bytes(4)))
    case("vocab-0.shard", "shard", "A: zero is a hostile value too", "vocabulary of 0", shard(2, 0, 1, 1, bytes(10)))
    # A zstd frame (RFC 8878) of 128 KiB blocks, each one byte repeated: 64 bytes of file, then 4 a block.
    block = struct.pack("<I", (1 << 17) << 3 | 1 << 1)[:3] + b"a"
    case("bomb.txt.zst", "docs", "A: decompression without limit, CVE-2026-54233", "longer than 67108864 bytes",
         b"\x28\xb5\x2f\xfd\0\x58" + block * 600)
    case("bomb-window.txt.zst", "docs", "A: memory that a header asks for", "bomb-window.txt.zst",
         b"\x28\xb5\x2f\xfd\0\xf8" + block[:3] + b"a")
    case("deep.jsonl", "docs", "A: nesting without limit", '"text" is not a string', '{"text":' + "[" * 4000)
    case("number.jsonl", "docs", "A: value of another type", "number.jsonl:2: ", '{"text":"a"}\n{"text":7}\n')
    case("steps-negative.recipe", "recipe", "A: negative count", "steps", "[train]\nsteps = -1\n")
    case("steps-2-64.recipe", "recipe", "A: number that does not fit", "steps", "[train]\nsteps = 18446744073709551616\n")
    case("rate-nan.recipe", "recipe", "A: not a number where one is needed", "lr", "[train]\nlr = nan\n")
    case("unknown-key.recipe", "recipe", "A: key that is skipped in silence", ":2: unknown key", "[train]\n__proto__ = 1\n")
    case("nul.recipe", "recipe", "A: text that ends early", "NUL", b"[train]\nsteps = 1\0\n")
    zero = "0" * 64
    g = "G: path of another file, CVE-2024-37032"
    case("sums-parent.SHA256SUMS", "checkpoint", g, "is not HASH  NAME", f"{zero}  ../../../../etc/passwd\n")
    case("sums-dots.SHA256SUMS", "checkpoint", g, "not a regular file", f"{zero}  ..\n")
    case("sums-short.SHA256SUMS", "checkpoint", "A: line shorter than what is read", "is not HASH  NAME", "0\n")
    case("sums-missing.SHA256SUMS", "checkpoint", "A: check that is skipped", "listed", "")


def main():
    global folder
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for make in (make_gguf_counts, make_gguf_sizes, make_gguf_parts, make_gguf_models, make_gguf_vocabs, make_safetensors, make_pickles,
                 make_indexes, make_configs, make_tokenizers, make_training):
        make()
    with open(os.path.join(folder, "cases.txt"), "w", encoding="utf-8") as f:
        f.write("# Made by tools/make_hostile_files.py: file, reader, class of weakness, words of the message\n")
        for row in table:
            f.write("\t".join(row) + "\n")
    print(len(table), "files")


if __name__ == "__main__":
    main()
