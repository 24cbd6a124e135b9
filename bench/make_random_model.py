#!/usr/bin/env python3
"""Writes a GGUF file with random weights in the shape of a published model, to measure speed with where the model itself
cannot be had. What it says is noise; what a token must read and multiply is that of the model.

    make_random_model.py SHAPE FORMAT OUT.gguf [--seed N] [--expert-width N]

SHAPE: r1-distill-qwen-1.5b, v2-lite. FORMAT: Q4_K or Q8_0. As llama-quantize does, the head is stored in Q6_K when the
rest is in Q4_K, and rows that are no whole superblocks of 256 in Q5_0. With experts also IQ2_XXS (gate and up, with Q2_K
for down) and IQ3_XXS (all three), the rest in Q8_0: the mixes in which the largest models are passed on. Their experts
have rows of whole superblocks, those of V2-Lite (1408) have not: --expert-width 1536 is the nearest that has. The
package gguf is needed.
"""
import argparse
import sys

import gguf
import numpy as np

Q = gguf.GGMLQuantizationType
STD = 0.02  # of the weights, about
CHUNK = 1 << 16  # blocks at once


def f16(x):
    return np.frombuffer(np.float16(x).tobytes(), dtype=np.uint8)


def q8_0(rng, n):
    b = rng.integers(0, 256, (n, 34), dtype=np.uint8)
    b[:, 0:2] = f16(STD / 74)
    return b


def q5_0(rng, n):
    b = rng.integers(0, 256, (n, 22), dtype=np.uint8)
    b[:, 0:2] = f16(STD / 9.2)
    return b


def q4_k(rng, n):
    b = rng.integers(0, 256, (n, 144), dtype=np.uint8)
    b[:, 0:2], b[:, 2:4] = f16(STD / 200), f16(STD / 200 * 7.5)
    return b


def q6_k(rng, n):
    b = rng.integers(0, 256, (n, 210), dtype=np.uint8)
    b[:, 192:208] = rng.integers(4, 16, (n, 16), dtype=np.uint8)
    b[:, 208:210] = f16(STD / 185)
    return b


def measured(kind, size, factors):
    """Random bytes with f16 factors, {offset: ratio}, of the size that gives the deviation STD."""
    def make(rng, n, d=None):
        b = rng.integers(0, 256, (n, size), dtype=np.uint8)
        for at, ratio in factors.items():
            b[:, at : at + 2] = f16(ratio * (d or make.d))
        return b

    sample = make(np.random.default_rng(0), 1000, 1)
    make.d = STD / gguf.quants.dequantize(sample, kind).std()
    return make


BLOCKS = {Q.Q8_0: (32, 34, q8_0), Q.Q5_0: (32, 22, q5_0), Q.Q4_K: (256, 144, q4_k), Q.Q6_K: (256, 210, q6_k),
          Q.Q2_K: (256, 84, measured(Q.Q2_K, 84, {80: 1, 82: 1.5})),
          Q.IQ2_XXS: (256, 66, measured(Q.IQ2_XXS, 66, {0: 1})),
          Q.IQ3_XXS: (256, 98, measured(Q.IQ3_XXS, 98, {0: 1}))}


def qwen_1_5b():
    d, ff, layers, heads, kv, width, vocab = 1536, 8960, 28, 12, 2, 128, 151936
    keys = {"context_length": 131072, "embedding_length": d, "block_count": layers, "feed_forward_length": ff,
            "attention.head_count": heads, "attention.head_count_kv": kv, "rope.freq_base": 10000.0,
            "attention.layer_norm_rms_epsilon": 1e-6}
    t = [("token_embd.weight", (vocab, d)), ("output_norm.weight", (d,)), ("output.weight", (vocab, d))]
    for i in range(layers):
        t += [(f"blk.{i}.{n}", s) for n, s in (
            ("attn_norm.weight", (d,)), ("attn_q.weight", (heads * width, d)), ("attn_q.bias", (heads * width,)),
            ("attn_k.weight", (kv * width, d)), ("attn_k.bias", (kv * width,)), ("attn_v.weight", (kv * width, d)),
            ("attn_v.bias", (kv * width,)), ("attn_output.weight", (d, heads * width)), ("ffn_norm.weight", (d,)),
            ("ffn_gate.weight", (ff, d)), ("ffn_up.weight", (ff, d)), ("ffn_down.weight", (d, ff)))]
    return "qwen2", "qwen2", vocab, keys, t


def v2_lite(eff=1408):
    d, ff, layers, heads, vocab = 2048, 10944, 27, 16, 102400
    experts, used, shared, rank, nope, rope, v = 64, 6, 2, 512, 128, 64, 128
    keys = {"context_length": 163840, "embedding_length": d, "block_count": layers, "feed_forward_length": ff,
            "attention.head_count": heads, "attention.head_count_kv": 1, "attention.key_length": rank + rope,
            "attention.value_length": rank, "attention.key_length_mla": nope + rope, "attention.value_length_mla": v,
            "attention.kv_lora_rank": rank, "rope.dimension_count": rope, "rope.freq_base": 10000.0,
            "attention.layer_norm_rms_epsilon": 1e-6, "vocab_size": vocab, "leading_dense_block_count": 1,
            "expert_count": experts, "expert_used_count": used, "expert_shared_count": shared,
            "expert_feed_forward_length": eff, "expert_weights_scale": 1.0, "expert_weights_norm": False,
            "expert_gating_func": 1, "rope.scaling.type": "yarn", "rope.scaling.factor": 40.0,
            "rope.scaling.original_context_length": 4096, "rope.scaling.yarn_log_multiplier": 0.0707}
    t = [("token_embd.weight", (vocab, d)), ("output_norm.weight", (d,)), ("output.weight", (vocab, d))]
    for i in range(layers):
        rows = [("attn_norm.weight", (d,)), ("attn_q.weight", (heads * (nope + rope), d)),
                ("attn_kv_a_mqa.weight", (rank + rope, d)), ("attn_kv_a_norm.weight", (rank,)),
                ("attn_k_b.weight", (heads, rank, nope)), ("attn_v_b.weight", (heads, v, rank)),
                ("attn_output.weight", (d, heads * v)), ("ffn_norm.weight", (d,))]
        if i == 0:
            rows += [("ffn_gate.weight", (ff, d)), ("ffn_up.weight", (ff, d)), ("ffn_down.weight", (d, ff))]
        else:
            rows += [("ffn_gate_inp.weight", (experts, d)), ("ffn_gate_exps.weight", (experts, eff, d)),
                     ("ffn_up_exps.weight", (experts, eff, d)), ("ffn_down_exps.weight", (experts, d, eff)),
                     ("ffn_gate_shexp.weight", (shared * eff, d)), ("ffn_up_shexp.weight", (shared * eff, d)),
                     ("ffn_down_shexp.weight", (d, shared * eff))]
        t += [(f"blk.{i}.{n}", s) for n, s in rows]
    return "deepseek2", "deepseek-llm", vocab, keys, t


SHAPES = {"r1-distill-qwen-1.5b": qwen_1_5b, "v2-lite": v2_lite}


def type_of(name, shape, wanted):
    if len(shape) == 1 or "ffn_gate_inp" in name:
        return None
    if wanted in (Q.IQ2_XXS, Q.IQ3_XXS):
        if "_exps" not in name:
            return Q.Q8_0
        return Q.Q2_K if wanted == Q.IQ2_XXS and "ffn_down" in name else wanted
    if wanted == Q.Q4_K and shape[-1] % 256:
        return Q.Q5_0
    return Q.Q6_K if wanted == Q.Q4_K and name == "output.weight" else wanted


def add_tokenizer(w, pre, vocab):
    """Bytes, some pairs of letters, and fillers that no text reaches."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    letters = "etaoinshrdlu"
    tokens = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]
    merges = [f"{a} {b}" for a in letters for b in letters]
    tokens += [m.replace(" ", "") for m in merges]
    tokens += [f"filler{i}" for i in range(vocab - len(tokens) - 2)] + ["<|begin|>", "<|end|>"]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types([1] * (vocab - 2) + [3, 3])
    w.add_token_merges(merges)
    w.add_bos_token_id(vocab - 2)
    w.add_eos_token_id(vocab - 1)


def add_keys(w, arch, keys):
    for key, v in keys.items():
        add = {bool: w.add_bool, int: w.add_uint32, float: w.add_float32, str: w.add_string}[type(v)]
        add(f"{arch}.{key}", v)


def numbers(rng, name, shape, kind):
    """Pieces of the tensor's bytes, in order."""
    count = int(np.prod(shape))
    if kind is None:
        yield (np.ones if "norm" in name else rng.standard_normal)(count).astype(np.float32) * (1 if "norm" in name else STD)
        return
    per, _, make = BLOCKS[kind]
    for at in range(0, count // per, CHUNK):
        yield make(rng, min(CHUNK, count // per - at))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("shape", choices=SHAPES)
    a.add_argument("format", choices=["Q4_K", "Q8_0", "IQ2_XXS", "IQ3_XXS"])
    a.add_argument("out")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--expert-width", type=int)
    args = a.parse_args()
    if args.expert_width and args.shape != "v2-lite":
        a.error("only v2-lite has experts")
    arch, pre, vocab, keys, tensors = SHAPES[args.shape](*[args.expert_width] if args.expert_width else [])
    w = gguf.GGUFWriter(args.out, arch)
    w.add_name(f"random {args.shape} {args.format}")
    add_keys(w, arch, keys)
    add_tokenizer(w, pre, vocab)
    rng = np.random.default_rng(args.seed)
    kinds = {}
    for name, shape in tensors:
        kind = kinds[name] = type_of(name, shape, Q[args.format])
        if kind is None:
            w.add_tensor_info(name, shape, np.dtype(np.float32), int(np.prod(shape)) * 4)
        else:
            per, size, _ = BLOCKS[kind]
            if shape[-1] % per:
                a.error(f"rows of {name} are {shape[-1]} numbers, expected whole blocks of {per} for {kind.name}")
            stored = (*shape[:-1], shape[-1] // per * size)
            w.add_tensor_info(name, stored, np.dtype(np.uint8), int(np.prod(stored)), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_ti_data_to_file()
    f = w.fout[0]
    for i, (name, shape) in enumerate(tensors):
        w.write_padding(f, f.tell())
        for piece in numbers(rng, name, shape, kinds[name]):
            f.write(piece.tobytes())
        w.write_padding(f, f.tell())
        print(f"\r{i + 1} of {len(tensors)} tensors, {f.tell() / 1e9:.2f} GB", end="", file=sys.stderr)
    print(file=sys.stderr)
    w.close()


if __name__ == "__main__":
    main()
