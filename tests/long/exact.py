#!/usr/bin/env python3
"""Compares autarky with llama.cpp on published, quantised models, row by row over the same tokens of a text.

    exact.py AUTARKY MODEL.gguf... [--tokens 2000] [--window 500]     needs the packages of requirements.txt

Both feed the same windows (`autarky perplexity`) and keep the logits of every row. Programs that round activations to 8
bits differ, and where the two likeliest tokens are nearly as likely the likeliest one changes. How often that happens by
rounding alone is measured too: llama.cpp against itself, its cache in f32 instead of f16; we may differ little more than
that. On the same weights written as f32, where neither side rounds, hardly anything may differ. Ends with the line "N passed, N failed, N skipped".
"""
import argparse
import json
import pathlib
import re
import sys
import tempfile

import llama_cpp
import numpy as np
from peers import run, some_text

F32, F16 = 0, 1  # ggml types of the cache
PERPLEXITY = 0.002  # relative
SELF_SLACK = 0.01  # share of equal likeliest tokens that may be lost against llama.cpp with itself
TIE_MOST, TIE_MANY = 1.0, 0.35  # in logits, where the likeliest tokens differ: above all gaps, and above most of them
TIE_SLACK = 0.05  # share of gaps above TIE_MANY that may be had beyond llama.cpp with itself
F32_MOST = 4 << 30  # bytes of a file written as f32


class Results:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, good, what):
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print("ok    " if good else "FAILED", what, flush=True)

    def skip(self, what):
        self.skipped += 1
        print(f"skipped: {what}", file=sys.stderr, flush=True)


def open_llama(path, a, cache):
    return llama_cpp.Llama(str(path), n_ctx=a.window, n_batch=a.window, n_gpu_layers=0, verbose=False, logits_all=True,
                           flash_attn=False, type_k=cache, type_v=cache)


def begin_token(model):
    """The token that llama.cpp would put first: -1 when it would put none."""
    vocab = llama_cpp.llama_model_get_vocab(model.model)
    return llama_cpp.llama_vocab_bos(vocab) if llama_cpp.llama_vocab_get_add_bos(vocab) else -1


def cut(ids, bos, window):
    """[(row, targets)], as `autarky perplexity` cuts a text."""
    parts = [ids[i:i + window] for i in range(0, len(ids), window)]
    return [([bos] + p[:-1], p) if bos >= 0 else (p[:-1], p[1:]) for p in parts if bos >= 0 or len(p) > 1]


def theirs(path, out, text, a, cache):
    """Writes llama.cpp's logits; returns what was fed."""
    model = open_llama(path, a, cache)
    ids, bos = model.tokenize(text, add_bos=False, special=False)[:a.tokens], begin_token(model)
    if len(ids) < a.tokens:
        sys.exit(f"{path}: the text has {len(ids)} tokens, expected {a.tokens}")
    windows = cut(ids, bos, a.window)
    with open(out, "wb") as f:
        for row, _ in windows:
            model.reset()
            model.eval(row)
            np.asarray(model.scores[:len(row)], dtype=np.float32).tofile(f)
    fed = dict(ids=ids, bos=bos, targets=[t for _, targets in windows for t in targets], vocab=model.n_vocab(),
               weights=llama_cpp.llama_model_n_params(model.model))
    model.close()
    return fed


def ours(path, out, text, fed, a, compute, r):
    """Writes our logits; checks that the same was fed."""
    window = a.window + (fed["bos"] >= 0)
    got = json.loads(run(a.autarky, "perplexity", path, text, "--ctx", window, "--limit", a.tokens, "--compute", compute,
                         "--no-panels", "--logits", out, "--json"))
    same = (got["tokens"], got["begin_token"], got["vocab"]) == (len(fed["targets"]), fed["bos"] >= 0, fed["vocab"])
    if not same:
        r.check(False, f"ours: {got['tokens']} tokens, begin token {got['begin_token']}, {got['vocab']} ids")
    return got["perplexity"] if same else None


def rows_of(path, fed):
    return np.memmap(path, np.float32, "r").reshape(-1, fed["vocab"])


def measure(path, ref, fed):
    """Logits in the file `path` against those in `ref`: likeliest tokens, and the gaps where they differ."""
    x, y, gaps, nats = rows_of(path, fed), rows_of(ref, fed), [], np.zeros(2)
    if not len(x) == len(y) == len(fed["targets"]):
        sys.exit(f"{path}: {len(x)} rows, {ref}: {len(y)} rows, expected {len(fed['targets'])}")
    for a, b, target in zip(x, y, fed["targets"]):
        i, j = int(a.argmax()), int(b.argmax())
        if i != j:
            gaps.append(max(a[i] - a[j], b[j] - b[i]))
        for k, row in enumerate((a, b)):
            top = float(row.max())
            nats[k] += top + np.log(np.exp(row.astype(np.float64) - top).sum()) - float(row[target])
    n, equal = len(x), 1 - len(gaps) / len(x)
    gaps = np.array(gaps or [0.0])
    return dict(equal=equal, perplexity=float(np.exp(nats[0] / n)), of_ref=float(np.exp(nats[1] / n)),
                ratio=float(np.exp((nats[0] - nats[1]) / n)), most=float(gaps.max()), median=float(np.median(gaps)),
                near=float(np.mean(gaps < TIE_MANY)))


def tell(name, m):
    print(f"       {name}: perplexity {m['perplexity']:.4f}, theirs {m['of_ref']:.4f} ({m['ratio'] - 1:+.3%}); likeliest "
          f"tokens equal {m['equal']:.2%}; gaps of the rest: median {m['median']:.3f}, {m['near']:.1%} below {TIE_MANY}, "
          f"largest {m['most']:.3f}", flush=True)


def check(r, name, m, ratio, equal, near):
    tell(name, m)
    r.check(abs(m["ratio"] - 1) <= ratio, f"{name}: perplexity within {ratio:.2%}")
    r.check(m["equal"] >= equal, f"{name}: likeliest tokens equal {m['equal']:.2%}, expected {equal:.2%}")
    r.check(m["most"] < TIE_MOST and m["near"] >= near, f"{name}: where they differ both are nearly as likely")


def as_it_is(path, text, tmp, a, r):
    """The quantised file; returns what was fed."""
    ref, out = tmp / "reference", tmp / "logits"
    fed = theirs(path, ref, text.read_bytes(), a, F16)
    ids = run(a.autarky, "tokenize", path, "--ids", text.read_text("utf-8")).split()
    r.check([int(i) for i in ids[:a.tokens]] == fed["ids"], f"the same {a.tokens} tokens, begin token {fed['bos']}")
    theirs(path, out, text.read_bytes(), a, F32)
    own = measure(out, ref, fed)
    tell("llama.cpp, its cache in f32 instead of f16", own)
    for compute in ("int8", "f32"):
        if ours(path, out, text, fed, a, compute, r):
            check(r, f"ours, {compute} products", measure(out, ref, fed), PERPLEXITY,
                  own["equal"] - SELF_SLACK, own["near"] - TIE_SLACK)
    return fed


def as_f32(path, text, tmp, a, r):
    ref, out, wide = tmp / "reference", tmp / "logits", tmp / "f32.gguf"
    run(a.autarky, "convert", path, wide, "--to", "f32")
    fed = theirs(wide, ref, text.read_bytes(), a, F32)
    if ours(wide, out, text, fed, a, "f32", r):
        check(r, "the same weights as f32, all in f32", measure(out, ref, fed), 0.001, 0.98, 0.9)
    wide.unlink()


def both(path, text, tmp, a, r):
    fed = as_it_is(path, text, tmp, a, r)
    if 4 * fed["weights"] <= F32_MOST:
        as_f32(path, text, tmp, a, r)
    else:
        r.skip(f"{path.name} as f32: more than {F32_MOST >> 30} GB")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("autarky")
    p.add_argument("models", nargs="+", type=pathlib.Path)
    p.add_argument("--tokens", type=int, default=2000)
    p.add_argument("--window", type=int, default=500)
    a = p.parse_args()
    r = Results()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        text = tmp / "text.txt"
        text.write_text(some_text(), "utf-8")
        for path in a.models:
            part = re.search(r"-(\d{5})-of-\d{5}\.gguf$", path.name)
            if part and int(part[1]) > 1:
                continue  # read with its first part
            print(f"{path.name}:", flush=True)
            try:
                both(path, text, tmp, a, r)
            except (Exception, SystemExit) as problem:  # of one file: the others are still compared
                r.check(False, f"{path.name}: {problem}")
    print(f"{r.passed} passed, {r.failed} failed, {r.skipped} skipped")
    return r.failed > 0


if __name__ == "__main__":
    sys.exit(main())
