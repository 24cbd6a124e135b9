#!/usr/bin/env python3
"""What transformers makes of a model folder, as JSON on stdout: the same as bench/peer_llama.py, which see.

    peer_transformers.py FOLDER PROMPTS TEXT [--tokens 64] [--window 512]
"""
import argparse
import json
import math

import torch
import transformers


def answer(tok, model, prompt, count):
    ids = tok(prompt)["input_ids"]
    out, cache, feed = [], None, ids
    for _ in range(count):
        r = model(input_ids=torch.tensor([feed]), past_key_values=cache, use_cache=True)
        cache = r.past_key_values
        feed = [int(r.logits[0, -1].argmax())]
        out += feed
    return dict(prompt=prompt, prompt_ids=ids, ids=out, text=tok.decode(out, skip_special_tokens=True))


def perplexity(tok, model, path, window):
    with open(path, encoding="utf-8") as f:
        ids = tok(f.read(), add_special_tokens=False)["input_ids"]
    total = 0.0
    for at in range(0, len(ids), window - 1):
        part = ids[at:at + window - 1]
        logits = model(input_ids=torch.tensor([[tok.bos_token_id] + part])).logits[0, :-1].double()
        total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(part), reduction="sum"))
    return dict(tokens=len(ids), window=window, nats_per_token=total / len(ids), perplexity=math.exp(total / len(ids)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("prompts")
    p.add_argument("text")
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--window", type=int, default=512)
    a = p.parse_args()
    tok = transformers.AutoTokenizer.from_pretrained(a.model)
    model = transformers.AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
    out = dict(peer="transformers", version=transformers.__version__, model=a.model)
    with torch.no_grad(), open(a.prompts, encoding="utf-8") as f:
        out["answers"] = [answer(tok, model, line, a.tokens) for line in f.read().splitlines()]
        out.update(perplexity(tok, model, a.text, a.window))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
