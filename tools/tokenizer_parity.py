#!/usr/bin/env python3
"""Compares our ids with those of the "tokenizers" library, or of llama.cpp for GGUF files, on strings made to be hard.

    python3 tools/tokenizer_parity.py PROGRAM [--count N] [--seed S] FILE...

FILE is a tokenizer.json (reference: tokenizers) or a GGUF file (reference: llama-cpp-python). In both, special tokens
that text spells out stay text; so do, with us, added tokens that look like markers of a chat form, and for the
comparison the reference forgets those. The last line says how many strings differ; the exit status is 1 if any does.
Strings: characters of all categories and scripts, emoji sequences, runs of white space and of marks, code, numbers,
every special token of the vocabulary, pieces of tokens of the vocabulary. Bytes that are not UTF-8 are not compared,
since no reference takes them; tests/check_text.c sees to it that they come back as they were.
"""
import argparse
import json
import random
import re
import subprocess
import sys
import unicodedata

FRAGMENTS = [
    "'s", "'LL", "don't", "I'VE", "'\u017f", " hello", "World", "  ", "\r\n", "\n\n", "\n", "\t", "\t\t", " \n ", "123", "3.14",
    "1,000,000", "...", "==", "(x)", "a->b", "/* c */", "#include <stdio.h>\n", "def f(x):\n    return x\n", "{\"k\": [1, null]}",
    "https://example.org/a?b=c&d=%20", "user@example.org", "\\n", "<div class='a'>", "</p>", "$x^2$", "\u4f60\u597d\uff0c\u4e16\u754c\u3002",
    "\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059", "\u30ab\u30bf\u30ab\u30ca\u30fb\u30fc", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05c1\u05dc\u05d5\u05dd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1eb\U0001f1f7", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "e\u0301", "a\u0323\u0302",
    "\u1100\u1161\u11a8", "\u212b", "\u03a9", "\u2126", "\ufb01", "\u2581", "\u2581\u2581", "\u3000", "\u00a0", "\u2003", "\u2028", "\x85",
    "\u180e", "\u200b", "\ufeff", "\x00", "\x01", "\x1b[31m", "\x7f", "\u00fc", "\u00f6", "\u00c0", "\u0966\u0967", "\u0661", "\u2167", "\u00bd",
    "\u3007", "<0x0A>", "<0xE4>", "<s>", "</s>", "<unk>", "[INST]", "[PAD100015]", "<think>", "</think>",
]


class Maker:
    def __init__(self, seed, vocab, specials):
        self.rng = random.Random(seed)
        self.by_category = {}
        for c in range(0x110000):
            if not 0xD800 <= c < 0xE000:
                self.by_category.setdefault(unicodedata.category(chr(c)), []).append(chr(c))
        self.blocks = [b for b in range(0, 0x30000, 0x80) if not 0xD800 <= b < 0xE000 and unicodedata.category(chr(b + 0x40)) != "Cn"]
        self.categories = [c for c in self.by_category if c != "Cn"]
        self.vocab, self.specials = vocab, specials

    def part(self):
        r, k = self.rng, self.rng.random()
        if k < 0.25:
            return r.choice(FRAGMENTS)
        if k < 0.40:
            b = r.choice(self.blocks)
            return "".join(chr(r.randrange(b, b + 0x80)) for _ in range(r.randint(1, 8)))
        if k < 0.52:
            return r.choice(self.by_category[r.choice(self.categories)]) * r.choice([1, 1, 1, 2, 3])
        if k < 0.62:
            return r.choice([" ", "\n", "\t", "\r", "\u00a0", "\u3000"]) * r.randint(1, 5)
        if k < 0.80:
            return r.choice(self.vocab)
        if k < 0.86:
            s = r.choice(self.vocab)
            return s[r.randint(0, len(s)):] + s[:r.randint(0, len(s))]
        if k < 0.92 and self.specials:
            return r.choice(self.specials)
        if k < 0.96:
            return r.choice("abcxyz0 \n=-.'\u4e00") * r.randint(1, 70)
        return "".join(chr(r.randrange(32, 127)) for _ in range(r.randint(1, 12)))

    def string(self, i):
        if i < 2 * len(self.specials):  # each special token alone, and inside a text
            s = self.specials[i // 2]
            return s if i % 2 else f"a {s}b{s}{s} \n{s}"
        n = self.rng.choice([1, 2, 3, 4, 6, 9, 14]) if i % 500 else 400
        return "".join(self.part() for _ in range(n))


def is_marker(s, spm, vocab):
    """Added tokens that text never yields with us; as in src/text/user_tokens.c. In Gemma's vocabulary <s> is HTML."""
    edge = () if "<bos>" in vocab else ("<s>", "</s>", "<pad>")
    return "|" in s or "\uff5c" in s or s in edge or s in ("<bos>", "<eos>", "<pad>") or (not spm and ("<" in s or "[" in s))


def reference_json(path):
    from tokenizers import Tokenizer
    with open(path, encoding="utf8") as f:
        spec = json.load(f)
    spm = bool(spec["model"].get("byte_fallback"))
    specials = [a["content"] for a in spec["added_tokens"]]
    spec["added_tokens"] = [a for a in spec["added_tokens"] if not a["special"] and not is_marker(a["content"], spm, specials)]
    spec["post_processor"] = None
    t = Tokenizer.from_str(json.dumps(spec))
    vocab = [s for s in (t.decode([i]) for i in spec["model"]["vocab"].values()) if s and "\ufffd" not in s]
    return vocab, specials, lambda s: True, lambda s: t.encode(s, add_special_tokens=False).ids


def newest_characters():
    """What Unicode 15.1 and 16.0 have added, from the table of our own."""
    with open("src/text/unicode.c", encoding="ascii") as f:
        table = f.read().split("added[] = {")[1].split("};")[0]
    return "".join(f"{chr(int(a, 16))}-{chr(int(b, 16))}" for a, b in re.findall(r"\{(0x\w+), (0x\w+),", table))


def reference_gguf(path):
    import llama_cpp
    m = llama_cpp.Llama(path, vocab_only=True, verbose=False)
    spm = m.metadata["tokenizer.ggml.model"] == "llama"
    raw = [m.detokenize([i], special=True) for i in range(m.n_vocab())]
    vocab = [s for s in (b.decode("utf8", "replace") for b in raw) if s and "\ufffd" not in s]
    specials = [s for s in vocab if len(s) > 4 and s[0] in "<[" and s[-1] in ">]"][:3000]

    def encode(s):
        return m.tokenize(s.encode("utf8"), add_bos=False, special=False)

    # llama.cpp takes markers of type "user-defined" from text, and holds Gemma's HTML element </s> for an end of text.
    attr, model = llama_cpp.llama_vocab_get_attr, llama_cpp.llama_model_get_vocab(m.model)
    user = {raw[i].decode("utf8", "replace") for i in range(m.n_vocab()) if attr(model, i) & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED}
    out = [re.escape(s) for s in user if is_marker(s, spm, specials)] + ["</s>"] * ("<bos>" in specials)
    # Its tables know an older Unicode. In its rules for DeepSeek's first models, which cut out U+0800 to U+4E00, spaces
    # that are not ASCII stand for another one and stay. Where a vocabulary lacks a byte, its neighbours do not merge.
    out.append(f"[{newest_characters()}]")
    if m.metadata.get("tokenizer.ggml.pre") in ("deepseek-llm", "deepseek-coder"):
        out.append("[\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
    # Its rules for Mistral take letters beyond ASCII for such without a case, and no marks.
    if m.metadata.get("tokenizer.ggml.pre") == "tekken":
        cased = (chr(c) for c in range(128, 0x110000) if unicodedata.category(chr(c)) in ("Lu", "Lt", "Ll", "Mn", "Mc", "Me"))
        out.append("[" + "".join(cased) + "]")
    left_out = re.compile("|".join(out))
    writable = set(range(256)) if spm else {b[0] for b in raw if len(b) == 1}
    return vocab, specials, lambda s: not left_out.search(s) and writable.issuperset(s.encode()), encode


def ours(program, path, strings):
    text = "".join(json.dumps(s) + "\n" for s in strings)
    r = subprocess.run([program, "tokenizer", "encode", "--lines", path], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return [list(map(int, line.split())) for line in r.stdout.decode().split("\n")[:-1]]


def compare(program, path, count, seed):
    vocab, specials, fits, encode = (reference_json if path.endswith(".json") else reference_gguf)(path)
    maker = Maker(seed, vocab, specials)
    strings, i = [], 0
    while len(strings) < count:
        s = maker.string(i)
        i += 1
        if fits(s):
            strings.append(s)
    got = ours(program, path, strings)
    assert len(got) == len(strings), f"{len(got)} lines for {len(strings)} strings"
    differ = 0
    for s, ids in zip(strings, got):
        want = encode(s)
        if ids != want:
            differ += 1
            if differ <= 5:
                k = next((i for i, (a, b) in enumerate(zip(ids, want)) if a != b), min(len(ids), len(want)))
                print(f"  {ascii(s)[:200]}\n    at {k}: ours {ids[k:k + 6]} theirs {want[k:k + 6]}")
    print(f"{path}: {count} strings ({i - count} left out), {len(specials)} special tokens, {sum(map(len, got))} ids, {differ} differ", flush=True)
    return differ


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("files", nargs="+")
    p.add_argument("--count", type=int, default=100000)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    differ = sum(compare(a.program, f, a.count, a.seed) for f in a.files)
    print(f"{differ} strings differ")
    sys.exit(differ > 0)


main()
