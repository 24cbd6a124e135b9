#!/usr/bin/env python3
"""What llama.cpp (llama-cpp-python) makes of a GGUF model, as JSON on stdout.

    peer_llama.py MODEL.gguf [PROMPTS [TEXT]] [--tokens 64] [--window 512] [--threads 2] [--ids FILE] [--time]

PROMPTS has one prompt per line. "answers" holds for each TOKENS greedy tokens: {"prompt", "prompt_ids", "ids", "text"};
prompt_ids begin with the begin token if the model has one, ids are those of the continuation. "perplexity" is that of
TEXT, as `autarky perplexity` computes it: windows of WINDOW - 1 tokens that do not overlap, each after the begin token;
without such a token all but the first of each window of WINDOW. --ids: a safetensors file with ids (B, T) and logits
(B, T, V); "error" is the greatest difference over the greatest magnitude (for models without a tokenizer). --time:
tokens per second of a prompt of 256 and an answer of 64, medians of 5.

Keys and values are kept as f32, so that differences are those of the weights and of rounding.
"""
import argparse
import json
import math
import statistics
import time

import llama_cpp
import numpy as np

F32 = 0  # ggml type of the cache


def begin_token(model):
    """-1 when the model has none or does not want it."""
    meta = model.metadata
    if "tokenizer.ggml.bos_token_id" not in meta or meta.get("tokenizer.ggml.add_bos_token") == "false":
        return -1
    return int(meta["tokenizer.ggml.bos_token_id"])


def feed(model, ids):
    """Logits (len(ids), V) of ids from an empty cache."""
    model.reset()
    model.eval(ids)
    return np.array(model.scores[:len(ids)], dtype=np.float64)


def answer(model, prompt, count):
    bos = begin_token(model)
    ids = ([bos] if bos >= 0 else []) + model.tokenize(prompt.encode(), add_bos=False, special=False)
    out, row = [], feed(model, ids)[-1]
    while len(out) < count and len(ids) + len(out) < model.n_ctx():
        out.append(int(row.argmax()))
        model.eval(out[-1:])
        row = np.array(model.scores[model.n_tokens - 1])
    return dict(prompt=prompt, prompt_ids=ids, ids=out, text=model.detokenize(out).decode("utf-8", "replace"))


def nats(rows, targets):
    top = rows.max(-1, keepdims=True)
    norm = top[:, 0] + np.log(np.exp(rows - top).sum(-1))
    return norm - rows[np.arange(len(targets)), targets]


def perplexity(model, path, window):
    with open(path, "rb") as f:
        data = f.read()
    ids, bos = model.tokenize(data, add_bos=False, special=False), begin_token(model)
    step, losses, windows = window - (bos >= 0), [], 0
    for at in range(0, len(ids), step):
        row = ([bos] if bos >= 0 else []) + ids[at:at + step]
        if len(row) < 2:
            continue
        losses.extend(nats(feed(model, row[:-1]), row[1:]))
        windows += 1
    mean = float(np.mean(losses))
    return dict(tokens=len(losses), windows=windows, window=window, nats_per_token=mean, perplexity=math.exp(mean))


def compare(model, path):
    from safetensors.numpy import load_file
    x = load_file(path)
    worst = 0.0
    for ids, want in zip(x["ids"], x["logits"]):
        got = feed(model, ids.tolist())
        worst = max(worst, float(np.abs(got - want).max() / np.abs(want).max()))
    return worst


def speed(model, prompt=256, tokens=64):
    ids = [(i * 7919 + 13) % model.n_vocab() for i in range(prompt)]
    fill, say = [], []
    for round_ in range(6):  # the first warms up
        model.reset()
        t0 = time.perf_counter()
        model.eval(ids)
        t1 = time.perf_counter()
        for i in range(tokens):
            model.eval([ids[i]])
        t2 = time.perf_counter()
        if round_:
            fill.append(prompt / (t1 - t0))
            say.append(tokens / (t2 - t1))
    return dict(prompt_tokens_per_second=statistics.median(fill), tokens_per_second=statistics.median(say))


def open_model(a, all_logits):
    return llama_cpp.Llama(a.model, n_ctx=a.window, n_batch=a.window, n_threads=a.threads, n_threads_batch=a.threads,
                           verbose=False, logits_all=all_logits, flash_attn=False, type_k=F32, type_v=F32)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("prompts", nargs="?")
    p.add_argument("text", nargs="?")
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--window", type=int, default=512)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--ids")
    p.add_argument("--time", action="store_true")
    a = p.parse_args()
    model = open_model(a, True)
    out = dict(peer="llama.cpp", version=llama_cpp.__version__, model=a.model, threads=a.threads)
    if a.prompts:
        with open(a.prompts, encoding="utf-8") as f:
            out["answers"] = [answer(model, line, a.tokens) for line in f.read().splitlines()]
    if a.text:
        out.update(perplexity(model, a.text, a.window))
    if a.ids:
        out["error"] = compare(model, a.ids)
    if a.time:
        out.update(speed(open_model(a, False)))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
