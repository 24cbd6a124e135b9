#!/usr/bin/env python3
"""Writes the first inputs of the fuzz targets `gguf`, `parts`, `folder`, `config`, `model`, `state` and `kv` into fuzz/corpora (deterministic).

    make_fuzz_seeds.py FOLDER       FOLDER/parts, FOLDER/folder, ...
"""
import json
import os
import struct
import sys

from make_hostile_files import (ARR, BOOL, CONFIG, F32, I32, LLAMA, STR, U16, U32, entry, gguf, kv, st, tensor)


def write(folder, target, name, data):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    with open(os.path.join(folder, target, name), "wb") as f:
        f.write(data)


def joined(files):
    return b"".join(struct.pack("<H", len(x)) + x for x in files[:-1]) + files[-1]


def part(no, count, total, names, align=None):
    keys = [kv("split.no", U16, no), kv("split.count", U16, count), kv("split.tensors.count", I32, total)]
    if align:
        keys.append(kv("general.alignment", U32, align))
    step = align or 32
    return gguf(keys, [tensor(x, [2], 0, i * step) for i, x in enumerate(names)], bytes(len(names) * step), align=step)


def make_parts(folder):
    write(folder, "parts", "one", b"\0" + part(0, 1, 1, ["a"]))
    for which in (0, 3):
        write(folder, "parts", f"two-{which}", bytes([1 + which]) + joined([part(0, 2, 2, ["a"]), part(1, 2, 2, ["b"])]))
    three = [part(0, 3, 3, []), part(1, 3, 3, ["a", "b"], 64), part(2, 3, 3, ["c"])]
    for which in (0, 3, 6):
        write(folder, "parts", f"three-{which}", bytes([2 + which]) + joined(three))


def make_gguf(folder):
    """Types that programs disagree about: only the next tensor, or the end of the file, tells their bytes."""
    types = [(0, 8, 32), (31, 64, 64), (40, 64, 64), (40, 64, 32), (42, 64, 32), (43, 256, 288), (144, 256, 160), (77, 8, 32), (40, 64, 36)]
    at, tensors = 0, []
    for i, (kind, row, room) in enumerate(types):
        tensors.append(tensor("abcdefghi"[i], [row], kind, at))
        at += room
    write(folder, "gguf", "types", gguf(tensors=tensors, data=bytes(at)))
    write(folder, "gguf", "types-same-place", gguf(tensors=[tensor("b", [64], 40, 32), tensor("a", [64], 40), tensor("c", [64], 144)],
                                                   data=bytes(68)))


def make_folder(folder):
    index = {"metadata": {"total_size": 12}, "weight_map": {"x": "a.safetensors", "y.weight": "b.safetensors"}}
    a = st({"__metadata__": {"format": "pt"}, "x": entry("F32", [1], 0, 4)}, bytes(4))
    b = st({"y.weight": entry("F8_E4M3", [2, 2], 0, 4), "y.weight_scale_inv": entry("F32", [1, 1], 4, 8)}, bytes(8))
    write(folder, "folder", "two", joined([json.dumps(index).encode(), a, b]))
    index["weight_map"] = {"x": "a.safetensors", "y\u00e9\n": "a.safetensors"}
    a = st({"x": entry("BF16", [2, 1], 0, 4), "y\u00e9\n": entry("I64", [], 4, 12)}, bytes(12))
    write(folder, "folder", "escapes", joined([json.dumps(index).encode(), a, st({}, b"")]))


ROPE = {"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                            "original_max_position_embeddings": 32}}
YARN = {"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
                         "original_max_position_embeddings": 16}}
MLA = {"q_lora_rank": None, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "num_key_value_heads": 4,
       "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 16, "first_k_dense_replace": 1,
       "n_group": 2, "topk_group": 1, "routed_scaling_factor": 2.5, "moe_layer_freq": 1, "attention_bias": False}
CONFIGS = {
    "llama": ROPE,
    "qwen2": {"use_sliding_window": False, "eos_token_id": [7, 8], "tie_word_embeddings": True},
    "qwen3": dict(YARN, head_dim=8),
    "qwen3_moe": {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8, "norm_topk_prob": True,
                  "decoder_sparse_step": 1, "mlp_only_layers": []},
    "gemma3_text": {"hidden_act": None, "hidden_activation": "gelu_pytorch_tanh", "head_dim": 8, "sliding_window": 16,
                    "query_pre_attn_scalar": 8, "rope_local_base_freq": 10000.0, "layer_types": ["sliding_attention", "full_attention"]},
    "mistral": {"sliding_window": 16, "head_dim": 8},
    "ministral3": {"sliding_window": None, "head_dim": 8, "rope_parameters": dict(
        rope_type="yarn", rope_theta=1e6, factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=1.0,
        beta_fast=32.0, beta_slow=1.0, llama_4_scaling_beta=0.1)},
    "smollm3": {"no_rope_layers": [1, 0], "no_rope_layer_interval": 4, "use_sliding_window": False, "tie_word_embeddings": True},
    "deepseek_v2": dict(MLA, topk_method="group_limited_greedy", scoring_func="softmax", norm_topk_prob=False, **YARN),
    "deepseek_v3": dict(MLA, topk_method="noaux_tc", scoring_func="sigmoid", norm_topk_prob=True, num_nextn_predict_layers=1,
                        quantization_config={"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}, **YARN),
}


def make_config(folder):
    for name, more in CONFIGS.items():
        write(folder, "config", name, json.dumps(dict(CONFIG, model_type=name, **more)).encode())
    write(folder, "config", "gemma3",
          json.dumps({"model_type": "gemma3", "text_config": dict(CONFIG, **CONFIGS["gemma3_text"])}).encode())
    write(folder, "config", "mistral3", json.dumps(
        {"model_type": "mistral3", "text_config": dict(CONFIG, model_type="ministral3", **CONFIGS["ministral3"]),
         "quantization_config": {"quant_method": "fp8", "weight_block_size": None}}).encode())


def make_model(folder):
    letters = [chr(c) for c in range(97, 105)] + ["ab", "<s>"]
    vocab = [kv("tokenizer.ggml.model", STR, "gpt2"), kv("tokenizer.ggml.pre", STR, "gpt-2"),
                kv("tokenizer.ggml.tokens", ARR, (STR, letters)),
             kv("tokenizer.ggml.token_type", ARR, (I32, [1] * 9 + [3])), kv("tokenizer.ggml.merges", ARR, (STR, ["a b"])),
             kv("tokenizer.ggml.bos_token_id", U32, 9), kv("tokenizer.ggml.add_bos_token", BOOL, 1)]
    model = [kv(k, *v) for k, v in LLAMA.items()]
    write(folder, "model", "llama", gguf(model + vocab))
    for name in ("mistral3", "smollm3", "qwen2", "qwen3", "qwen3moe", "gemma3", "deepseek2"):
        keys = {k.replace("llama", name): (STR, name) if k == "general.architecture" else v for k, v in LLAMA.items()}
        keys[name + ".attention.key_length"] = (U32, 8)
        keys[name + ".rope.scaling.type"] = (STR, "yarn")
        keys[name + ".rope.scaling.factor"] = (F32, 4.0)
        if name == "mistral3":
            keys.update({name + "." + k: (F32, v) for k, v in (("attention.temperature_scale", 0.1), ("rope.scaling.yarn_log_multiplier", 1.0))})
        if name == "gemma3":
            keys[name + ".attention.sliding_window"] = (U32, 16)
        if name in ("qwen3moe", "deepseek2"):
            keys.update({name + "." + k: (U32, v) for k, v in (("expert_count", 8), ("expert_used_count", 2), ("expert_feed_forward_length", 16))})
        if name == "deepseek2":
            for k, v in (("attention.kv_lora_rank", 16), ("rope.dimension_count", 4), ("attention.key_length_mla", 12),
                         ("attention.value_length_mla", 8), ("expert_shared_count", 1), ("leading_dense_block_count", 1)):
                keys[name + "." + k] = (U32, v)
            keys[name + ".rope.scaling.yarn_log_multiplier"] = (F32, 0.1)
        write(folder, "model", name, gguf([kv(k, *v) for k, v in keys.items()]))
    spm = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)] + ["\u2581", "a", "b", "ab", "\u2581a"]
    write(folder, "model", "spm", gguf([kv("tokenizer.ggml.model", STR, "llama"), kv("tokenizer.ggml.tokens", ARR, (STR, spm)),
                                        kv("tokenizer.ggml.scores", ARR, (F32, [float(-i) for i in range(len(spm))])),
                                        kv("tokenizer.ggml.token_type", ARR, (I32, [2, 3, 3] + [6] * 256 + [1] * 5)),
                                        kv("tokenizer.ggml.bos_token_id", U32, 1), kv("tokenizer.ggml.eos_token_id", U32, 2)]))


def make_state(folder):
    """The network of fuzz_state.c; its hashes are put in there."""
    layers, row_bytes, vocab = 2, 68, 16
    for name, rows, logits in (("empty", 0, 0), ("three", 3, vocab), ("two-pages", 260, 0)):
        head = b"autarky state 1".ljust(144, b"\0") + struct.pack("<4Q", rows, logits, layers, row_bytes)
        ids = b"".join(struct.pack("<i", i % vocab) for i in range(rows))
        write(folder, "state", name, head + ids + bytes(4 * logits + layers * rows * row_bytes) + bytes(64))
    write(folder, "state", "unmended", b"-" + bytes(300))


def make_kv(folder):
    """Records of a store (fuzz_kv.c, which puts the hashes in): used, rows, depth; parent: the number of a record, 255 the tenant."""
    def record(used, rows, depth, parent):
        return (struct.pack("<4Q", used, rows, depth, 0) + bytes(64) + bytes([parent]) + bytes(63) +
                b"".join(struct.pack("<i", (3 * i + depth) % 16) for i in range(256)) + bytes(64))
    for name, records in (("one", [record(1, 256, 0, 255)]), ("cut", [record(4, 200, 0, 255)]),
                          ("chain", [record(7, 256, 0, 255), record(6, 256, 1, 0), record(5, 88, 2, 1)]),
                          ("twice", [record(7, 256, 0, 255)] * 2 + [record(9, 100, 1, 0), record(3, 256, 2, 5)])):
        write(folder, "kv", name, b"+" + bytes([len(records)]) + b"".join(records) + bytes(range(256)) * 4)
    write(folder, "kv", "one-unmended", b"-\1" + record(1, 256, 0, 255))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (make_gguf, make_parts, make_folder, make_config, make_model, make_state, make_kv):
        make(sys.argv[1])


if __name__ == "__main__":
    main()
