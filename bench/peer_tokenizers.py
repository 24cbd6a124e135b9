#!/usr/bin/env python3
"""Speed of our tokenizer and of the "tokenizers" library on the same texts, one thread each, in turn.

    python3 bench/peer_tokenizers.py PROGRAM TOKENIZER.json FILE...

Prints one line for each file: megabytes of text per second of processor time, best of the rounds, and their ratio.
"""
import json
import os
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

ROUNDS = 3


def ours(program, path, name):
    r = subprocess.run([program, "bench", "tokenizer", path, "--text", name, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(r.stdout)["texts"][0]["mb_per_second"]


def theirs(tokenizer, data):
    text = data.decode("utf8", "replace")
    start = time.process_time()
    tokenizer.encode(text, add_special_tokens=False)
    return len(data) / (time.process_time() - start) / 1e6


def main():
    program, path, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    tokenizer = Tokenizer.from_file(path)
    for name in names:
        with open(name, "rb") as f:
            data = f.read()
        a = b = 0
        for _ in range(ROUNDS):
            a, b = max(a, ours(program, path, name)), max(b, theirs(tokenizer, data))
        print(f"{os.path.basename(name):24} ours {a:7.1f} MB/s   tokenizers {b:6.1f} MB/s   ratio {a / b:6.1f}", flush=True)


main()
