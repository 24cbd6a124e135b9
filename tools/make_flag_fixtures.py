#!/usr/bin/env python3
"""Makes tests/fixtures/text/flags.json: what the "tokenizers" library makes of added tokens with flags ("lstrip", "rstrip",
"single_word", "normalized") in small tokenizers of every kind, for tests/check_added.c. Needs that library; the test itself
needs only the result.

    python3 tools/make_flag_fixtures.py       from the root of the tree; deterministic

The file is a list of objects: name, tokenizer (a tokenizer.json), cases (a text, then its ids).
"""
import json
import random

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel

OUT = "tests/fixtures/text/flags.json"
CONTENTS = ["foo", "foo bar", "fo", "bar", "\u00e9t\u00e9", "e\u0301t", "\n\n", "x_y", "7up"]
PIECES = CONTENTS + [" ", "  ", "\t", "\n", "\u00a0", "\u3000", "a", "B", "_", "9", ".", "-", "\u0301", "\u00e9", "e\u0301", "\u4e2d",
                     "\u200d", "\u24b6", "\u00b2", "foobar", " foo ", "\u2581"]
CASES = 60


def flags(rng):
    return {"single_word": rng.random() < 0.4, "lstrip": rng.random() < 0.4, "rstrip": rng.random() < 0.4,
            "normalized": rng.random() < 0.5, "special": False}


def byte_tokenizer(nfc):
    vocab = {c: i for i, c in enumerate(sorted(ByteLevel.alphabet()))}
    t = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    if nfc:
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=True)
    t.decoder = decoders.ByteLevel()
    return t


def spm_tokenizer(kind):
    vocab = {"<unk>": 0}
    for i in range(256):
        vocab[f"<0x{i:02X}>"] = len(vocab)
    for c in "\u2581abfouertxy79B._-":
        vocab[c] = len(vocab)
    merges = [("\u2581", "f"), ("\u2581f", "o"), ("o", "o"), ("\u2581", "a")]
    for a, b in merges:
        vocab[a + b] = len(vocab)
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", "\u2581")
    strip = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    if kind == "prepend":
        t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), replace])
        strip.append(decoders.Strip(content=" ", left=1, right=0))
    elif kind == "replace":
        t.normalizer = replace
    else:
        t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme=kind, split=False)
        strip.append(decoders.Strip(content=" ", left=1, right=0))
    t.decoder = decoders.Sequence(strip)
    return t


def with_added(t, rng, n):
    """The library takes tokens from a file with whatever flags they have there."""
    j = json.loads(t.to_str())
    first = max(j["model"]["vocab"].values()) + 1
    picked = rng.sample(CONTENTS, n)
    j["added_tokens"] = [{"id": first + i, "content": c, **flags(rng)} for i, c in enumerate(picked)]
    return j


def main():
    rng = random.Random(20261130)
    kinds = [("bytes", lambda: byte_tokenizer(False)), ("bytes-nfc", lambda: byte_tokenizer(True))]
    kinds += [("spm-" + k, lambda k=k: spm_tokenizer(k)) for k in ("prepend", "replace", "first", "always")]
    out = []
    for name, make in kinds:
        for turn in range(2):
            j = with_added(make(), rng, 5)
            t = Tokenizer.from_str(json.dumps(j))
            cases = []
            for _ in range(CASES):
                text = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
                cases.append([text] + t.encode(text, add_special_tokens=False).ids)
            out.append({"name": f"{name}-{turn}", "tokenizer": j, "cases": cases})
    with open(OUT, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(x, separators=(",", ":")) for x in out) + "\n]\n")


if __name__ == "__main__":
    main()
