#!/usr/bin/env python3
"""Compares greedy answers of autarky and llama.cpp on published chat models, the same file, no option but temperature 0.

    chats.py AUTARKY MODEL.gguf... [--prompts 20] [--tokens 64]     needs the packages of requirements.txt

llama.cpp's answer comes from create_chat_completion, whose template is rendered by jinja2. Programs that round activations
to 8 bits part where two tokens are nearly as likely: at the first difference the gap between the two likeliest, as
llama.cpp sees it, is shown, and is a failure above TIE. Models without a chat template must be refused by `chat`. Ends with
the line "N passed, N failed, N skipped".
"""
import argparse
import json
import os
import subprocess
import tempfile

import llama_cpp

TIE = 0.5  # in log-probability
PROMPTS = [
    "Write a Python function that adds two numbers.",
    "What is the capital of France?",
    "Explain in one sentence what a hash table is.",
    "Translate to German: The weather is nice today.",
    "Give me three names for a cat.",
    "Write a SQL query that counts the rows of a table named users.",
    "What does the command ls -la do?",
    "Why is the sky blue?",
    "Write a haiku about rain.",
    "How do I reverse a string in C?",
    "List the first five prime numbers.",
    "What is 17 times 23?",
    "Write a regular expression that matches an email address.",
    "Summarise: The fox jumped over the dog. The dog slept.",
    "\u4f60\u597d\uff0c\u4f60\u662f\u8c01\uff1f",
    "Quelle est la diff\u00e9rence entre une pile et une file ?",
    "Write an HTML page with a heading and a paragraph.",
    "What is the difference between TCP and UDP?",
    "Write a JavaScript function that returns the largest of an array.",
    "Tell me a short story about a lighthouse.",
]
SYSTEM = "You are a careful assistant. Answer briefly."


def ours(program, model, messages, tokens):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(messages, f)
        f.flush()
        out = subprocess.run([program, "run", model, "--messages", f.name, "--json", "--temp", "0", "--repeat", "1", "-n",
                              str(tokens), "--ctx", "2048"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if out.returncode:
        return None, out.stderr.strip()
    answer = json.loads(out.stdout)
    return answer.get("reasoning", "") + answer["text"], ""


def theirs(peer, messages, tokens):
    """The text, and for every token its text and the two likeliest log-probabilities."""
    reply = peer.create_chat_completion(messages, temperature=0, repeat_penalty=1.0, max_tokens=tokens, logprobs=True,
                                        top_logprobs=2)["choices"][0]
    return reply["message"]["content"] or "", (reply["logprobs"] or {}).get("content") or []


def gap_at(steps, place):
    """The gap of the likeliest two at the token that covers this place of the text, and of the one before."""
    gaps, at = [], 0
    for step in steps:
        top = sorted((t["logprob"] for t in step["top_logprobs"]), reverse=True)
        gaps.append(top[0] - top[1] if len(top) > 1 else 99)
        at += len(step["token"])
        if at > place:
            break
    return min(gaps[-2:]) if gaps else 99


def without_repacking():
    """llama.cpp's repacked matrices end the process on processors with AMX (0.3.36)."""
    plain = llama_cpp.llama_cpp.llama_model_default_params

    def params():
        p = plain()
        p.use_extra_bufts = False
        return p

    llama_cpp.llama_cpp.llama_model_default_params = params


def compare(program, path, prompts, tokens):
    peer = llama_cpp.Llama(path, n_ctx=2048, n_threads=os.cpu_count(), logits_all=True, verbose=False)
    counts = {"equal": 0, "tie": 0, "differs": 0}
    has_template = "tokenizer.chat_template" in peer.metadata
    if not has_template:
        chat = subprocess.run([program, "chat", path, "-n", "16"], input="Hello\n", capture_output=True, text=True, check=False)
        good = "--template" in chat.stderr  # refused, or in the form whose markers the vocabulary has: both are said
        print("ok    " if good else "FAILED", f"{os.path.basename(path)}: no template: {chat.stderr.strip()[:160]}", flush=True)
        return int(good), int(not good)
    for i, prompt in enumerate(PROMPTS[:prompts]):
        messages = [{"role": "user", "content": prompt}]
        if i % 4 == 3:
            messages.insert(0, {"role": "system", "content": SYSTEM})
        mine, error = ours(program, path, messages, tokens)
        text, steps = theirs(peer, messages, tokens)
        # Incomplete characters at the cut are dropped by one and replaced by the other.
        a, b = (mine or "").rstrip("\ufffd"), text.rstrip("\ufffd")
        cut = abs(len(a) - len(b)) <= 2 and (a.startswith(b) or b.startswith(a))
        if mine is not None and (a == b or cut):
            counts["equal"] += 1
            continue
        place = next((k for k, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        gap = gap_at(steps, place)
        kind = "tie" if mine is not None and gap < TIE else "differs"
        counts[kind] += 1
        print(f"{'near-tie' if kind == 'tie' else 'FAILED'} {os.path.basename(path)}: {prompt[:40]!r} at character {place}, gap {gap:.3f}: "
              f"{a[place:place + 30]!r} for {b[place:place + 30]!r} {error}", flush=True)
    print(f"{os.path.basename(path)}: {counts['equal']} equal, {counts['tie']} parted at a near-tie, {counts['differs']} differ", flush=True)
    return counts["equal"] + counts["tie"], counts["differs"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("autarky")
    p.add_argument("models", nargs="+")
    p.add_argument("--prompts", type=int, default=20)
    p.add_argument("--tokens", type=int, default=64)
    a = p.parse_args()
    without_repacking()
    passed = failed = 0
    for path in a.models:
        good, bad = compare(a.autarky, path, a.prompts, a.tokens)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())
