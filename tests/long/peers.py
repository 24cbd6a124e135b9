#!/usr/bin/env python3
"""Compares autarky with llama.cpp and transformers on one model in f32: greedy tokens and perplexity.

    peers.py AUTARKY MODEL [--tokens 64] [--window 256]     needs the packages of requirements.txt

MODEL is written anew as an f32 GGUF file for llama.cpp and as an f32 folder for transformers, so all three have the same
numbers. Each peer tokenizes by itself. Ends with the line "N passed, N failed, N skipped".
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPTS = [
    "Once upon a time",
    "Lily found a red ball in the garden.",
    "The old bear was hungry, so he",
    "\"Stop!\" said the fox.",
    "One day, 12 little birds",
    "Tom and his mother went to the beach. They",
    "The moon was bright and",
    "It's a cold morning; nobody wants to",
    "A caf\u00e9 in the forest",
    "She opened the box and",
]


def run(*command):
    r = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if r.returncode:
        sys.exit(f"{command[:2]}: exit status {r.returncode}")
    return r.stdout


def ours(autarky, gguf, text, a):
    def answer(prompt):
        return json.loads(run(autarky, "run", gguf, "--raw", "--temp", 0, "--repeat", 1, "--ignore-end", "--json", "--compute",
                              "f32", "-n", a.tokens, prompt))

    out = json.loads(run(autarky, "perplexity", gguf, text, "--ctx", a.window, "--compute", "f32", "--json"))
    out["answers"] = [answer(prompt) for prompt in PROMPTS]
    return out


def some_text():
    """About 20 kB that lie here anyway."""
    text = "".join(p.read_text("utf-8") for p in sorted(ROOT.glob("docs/*.md")))
    return text.encode()[:20000].decode("utf-8", "ignore")


def compare(we, they, check):
    for w, t in zip(we["answers"], they["answers"]):
        same = w["text"] == t["text"] and w["prompt_tokens"] == len(t["prompt_ids"])
        check(same, f"{they['peer']}: {len(t['ids'])} tokens after {t['prompt']!r}")
        if not same:
            print(f"    ours   {w['prompt_tokens']} {w['text']!r}\n    theirs {len(t['prompt_ids'])} {t['text']!r}")
    off = abs(they["perplexity"] / we["perplexity"] - 1)
    check(off <= 1e-3 and they["tokens"] == we["tokens"],
          f"{they['peer']}: perplexity {they['perplexity']:.6f} on {they['tokens']} tokens, {off:.1e} off")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("autarky")
    p.add_argument("model")
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--window", type=int, default=256)
    a = p.parse_args()
    results = []

    def check(good, what):
        results.append(bool(good))
        print("ok    " if good else "FAILED", what, flush=True)

    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        gguf, folder, prompts, text = tmp / "f32.gguf", tmp / "folder", tmp / "prompts.txt", tmp / "text.txt"
        prompts.write_text("\n".join(PROMPTS) + "\n", "utf-8")
        text.write_text(some_text(), "utf-8")
        run(a.autarky, "export", a.model, folder, "--to", "f32")
        run(a.autarky, "export", a.model, gguf, "--to", "f32")
        we = ours(a.autarky, gguf, text, a)
        print(f"autarky: perplexity {we['perplexity']:.6f} on {we['tokens']} tokens, kernels {we['level']}")
        for script, model in ((ROOT / "bench/peer_llama.py", gguf), (ROOT / "tests/long/peer_transformers.py", folder)):
            they = json.loads(run(sys.executable, script, model, prompts, text, "--tokens", a.tokens, "--window", a.window))
            compare(we, they, check)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed, 0 skipped")
    return not all(results)


if __name__ == "__main__":
    sys.exit(main())
