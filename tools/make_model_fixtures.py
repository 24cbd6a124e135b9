#!/usr/bin/env python3
"""Makes tests/fixtures/models: tiny random models with what PyTorch and transformers compute from them. DeepSeek V3 comes
first, in MODELS; the other architectures are OTHERS, as small as they can be.

    make_model_fixtures.py [tests/fixtures/models [NAME...]]      needs torch, transformers, safetensors

Each folder holds config.json and model.safetensors, as released models do, and expect.safetensors:
    ids (B, T) i32, logits (B, T, V)
for those of OTHERS that are told so loss and grad.NAME, and for the model with an MTP layer also
    mtp_logits (B, T - 1, V)        row i predicts token i + 2
    loss, mtp_loss, total_loss      mean cross-entropies over (B, T - 1) and (B, T - 2) rows; loss + LAMBDA * mtp_loss
    grad.NAME, total_grad.NAME      of loss, of total_loss; stacks of experts as one tensor, named with %d
    adamw.NAME                      the weights after STEPS steps of AdamW on loss
Weights are normal with a deviation that keeps every part of the network at work, norms uniform in [0.5, 1.5], the
router's selection bias and the biases of linear maps uniform in [-0.3, 0.3]: zeros and ones would hide errors. Seeds are tried in turn until no
choice of the router hangs on less than MARGIN, so that rounding cannot change it.
"""
import copy
import json
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
import transformers
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3DecoderLayer, DeepseekV3RMSNorm

MARGIN, LAMBDA, STEPS = 3e-4, 0.3, 3
ADAMW = dict(lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)

BASE = dict(
    vocab_size=256, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, q_lora_rank=24,
    kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, first_k_dense_replace=1, intermediate_size=96,
    n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=1, moe_intermediate_size=16, n_group=1, topk_group=1,
    norm_topk_prob=True, routed_scaling_factor=2.5, max_position_embeddings=128, tie_word_embeddings=False,
    rms_norm_eps=1e-6, num_nextn_predict_layers=0, bos_token_id=0, eos_token_id=1, rope_theta=10000.0, rope_scaling=None)


def yarn(factor, original, mscale, mscale_all_dim, fast=32):
    return dict(type="yarn", factor=factor, original_max_position_embeddings=original, mscale=mscale,
                mscale_all_dim=mscale_all_dim, beta_fast=fast, beta_slow=1)


# name, changes to BASE, length of the two sequences, number type in model.safetensors
MODELS = [
    # everything at once: q_lora, groups, a dense layer, YaRN with a sequence longer than the original context
    ("full", dict(
        num_hidden_layers=3, n_routed_experts=16, num_experts_per_tok=4, n_group=4, topk_group=2, max_position_embeddings=64,
        rope_scaling=yarn(4.0, 16, 1.0, 1.0)), 40, torch.float32),
    # V2-Lite's attention; weights of the experts not normalised; two shared experts; a head width that is no multiple of 8;
    # experts whose rows are whole blocks of Q8_0
    ("plain-q", dict(
        q_lora_rank=None, moe_intermediate_size=32, norm_topk_prob=False, routed_scaling_factor=1.0, n_shared_experts=2,
        num_experts_per_tok=3, v_head_dim=12, qk_nope_head_dim=20), 24, torch.float32),
    # no dense layer, tied head, a YaRN ramp with several pairs on it, a width that is no multiple of 32
    ("all-moe-tied", dict(
        first_k_dense_replace=0, tie_word_embeddings=True, hidden_size=40, qk_rope_head_dim=16, rope_theta=100.0, n_group=2,
        topk_group=1, max_position_embeddings=256, rope_scaling=yarn(4.0, 64, 0.707, 0.707)), 80, torch.float32),
    # no experts at all, numbers stored as bf16
    ("dense-bf16", dict(
        hidden_size=64, first_k_dense_replace=2, n_routed_experts=0, num_experts_per_tok=0, n_shared_experts=0,
        moe_intermediate_size=0, vocab_size=250), 24, torch.bfloat16),
    # cos and sin are multiplied: mscale differs from mscale_all_dim; an unusual beta_fast
    ("yarn-magnitude", dict(
        num_hidden_layers=1, first_k_dense_replace=0, n_routed_experts=4, max_position_embeddings=512, rope_theta=20.0,
        rope_scaling=yarn(8.0, 64, 1.0, 0.5, fast=4)), 24, torch.float32),
    # the MTP layer, gradients, AdamW
    ("mtp", dict(
        vocab_size=64, num_attention_heads=2, num_key_value_heads=2, q_lora_rank=12, kv_lora_rank=16, qk_nope_head_dim=8,
        qk_rope_head_dim=4, v_head_dim=8, intermediate_size=48, n_group=4, topk_group=2, num_nextn_predict_layers=1),
     24, torch.float32),
]


class Mtp(torch.nn.Module):
    """DeepSeek V3 technical report, section 2.2, depth 1. h: the trunk's states after its final norm (B, T, D)."""

    def __init__(self, config):
        super().__init__()
        d, eps = config.hidden_size, config.rms_norm_eps
        self.enorm, self.hnorm, self.norm = (DeepseekV3RMSNorm(d, eps) for _ in range(3))
        self.eh_proj = torch.nn.Linear(2 * d, d, bias=False)
        self.layer = DeepseekV3DecoderLayer(config, config.num_hidden_layers)

    def forward(self, model, h, ids):
        h, following = h[:, :-1], ids[:, 1:]
        u = self.eh_proj(torch.cat([self.enorm(model.model.embed_tokens(following)), self.hnorm(h)], -1))
        t = u.shape[1]
        pos = torch.arange(t)[None]
        mask = torch.full((t, t), float("-inf")).triu(1)[None, None]
        x = self.layer(u, attention_mask=mask, position_ids=pos, position_embeddings=model.model.rotary_emb(u, pos))
        return model.lm_head(self.norm(x))


def randomise(tensors, gen):
    for name, t in tensors:
        with torch.no_grad():
            if "e_score_correction_bias" in name:
                t.uniform_(-0.3, 0.3, generator=gen)
            elif t.dim() == 1:
                t.uniform_(0.5, 1.5, generator=gen)
            else:
                t.normal_(0, 0.12 if "embed" not in name else 0.5, generator=gen)


def margin(config, router_inputs):
    """The smallest difference that decided which group or expert was taken."""
    least = 1.0
    for gate, x in router_inputs:
        c = torch.sigmoid(x.flatten(0, -2) @ gate.weight.T) + gate.e_score_correction_bias
        if config.n_group > 1:
            groups = c.view(len(c), config.n_group, -1)
            best = groups.topk(2, -1)[0].sum(-1)
            s = best.sort(-1, descending=True)[0]
            least = min(least, (s[:, config.topk_group - 1] - s[:, config.topk_group]).min().item())
            keep = best >= s[:, config.topk_group - 1:config.topk_group]
            c = groups.masked_fill(~keep[..., None], float("-inf")).flatten(1)
        s = c.sort(-1, descending=True)[0]
        k = config.num_experts_per_tok
        gap = s[:, k - 1] - s[:, k]
        least = min(least, gap[gap.isfinite()].min().item())
    return least


def entries(prefix, tensors):
    """Names as in released files, with experts as stacks named with %d."""
    for name, t in tensors:
        name = prefix + name
        if name.endswith("experts.gate_up_proj"):
            f = t.shape[1] // 2
            yield name.replace("gate_up_proj", "%d.gate_proj.weight"), t[:, :f]
            yield name.replace("gate_up_proj", "%d.up_proj.weight"), t[:, f:]
        elif name.endswith("experts.down_proj"):
            yield name.replace("down_proj", "%d.down_proj.weight"), t
        else:
            yield name, t


def mtp_name(config, name):
    layer = f"model.layers.{config.num_hidden_layers}."
    if name.startswith("layer."):
        return layer + name[len("layer."):]
    return layer + ("shared_head." + name if name.startswith("norm") else name)


def all_tensors(config, model, mtp, what):
    """what(parameter) for every parameter, and the buffers too when what is the parameter itself."""
    pairs = list(model.named_parameters()) + [(mtp_name(config, n), p) for n, p in (mtp.named_parameters() if mtp else [])]
    out = dict(entries("", [(n, what(p)) for n, p in pairs if what(p) is not None]))
    out.pop("lm_head.weight", None) if config.tie_word_embeddings else None
    return {n: t.detach().contiguous().clone() for n, t in out.items()}


def weights(config, model, mtp):
    out = all_tensors(config, model, mtp, lambda p: p)
    buffers = list(model.named_buffers()) + [(mtp_name(config, n), b) for n, b in (mtp.named_buffers() if mtp else [])]
    out.update({n: b.clone() for n, b in buffers if n.endswith("e_score_correction_bias")})
    return out


def released(tensors, dtype):
    out = {}
    for name, t in tensors.items():
        keep = name.endswith("e_score_correction_bias")
        for i, x in enumerate(t) if "%d" in name else [(0, t)]:
            out[name.replace("%d", str(i))] = (x if keep else x.to(dtype)).contiguous()
    return out


def build(config, seed, length, dtype):
    gen = torch.Generator().manual_seed(seed)
    model = DeepseekV3ForCausalLM._from_config(config, attn_implementation="eager").float().eval()
    mtp = Mtp(model.config).float().eval() if config.num_nextn_predict_layers else None
    tensors = list(model.named_parameters()) + [x for x in model.named_buffers() if "bias" in x[0]]
    if mtp:
        tensors += list(mtp.named_parameters()) + [x for x in mtp.named_buffers() if "bias" in x[0]]
    randomise(tensors, gen)
    if dtype != torch.float32:
        for _, t in tensors:
            t.data.copy_(t.data.to(dtype).float())
    ids = torch.randint(0, config.vocab_size, (2, length), generator=gen)
    return model, mtp, ids


def losses(model, mtp, ids):
    h = model.model(ids).last_hidden_state
    logits = model.lm_head(h)
    main = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    if not mtp:
        return logits, None, main, None
    deep = mtp(model, h, ids)
    return logits, deep, main, F.cross_entropy(deep[:, :-1].flatten(0, 1), ids[:, 2:].flatten())


def margin_of(config, model, mtp, ids):
    seen, hooks = [], []
    for m in list(model.modules()) + (list(mtp.modules()) if mtp else []):
        if type(m).__name__ == "DeepseekV3TopkRouter":
            hooks.append(m.register_forward_hook(lambda mod, args, out: seen.append((mod, args[0].detach()))))
    with torch.no_grad():
        losses(model, mtp, ids)
    for h in hooks:
        h.remove()
    return margin(config, seen)


def gradients(config, model, mtp, loss):
    model.zero_grad()
    if mtp:
        mtp.zero_grad()
    loss.backward()
    return all_tensors(config, model, mtp, lambda p: p.grad)


def train_expectations(config, model, mtp, ids):
    out = {}
    _, deep, main, second = losses(model, mtp, ids)
    total = main + LAMBDA * second
    out.update(mtp_logits=deep.detach(), loss=main.detach(), mtp_loss=second.detach(), total_loss=total.detach())
    out.update({"total_grad." + n: g for n, g in gradients(config, model, mtp, total).items()})
    grads = gradients(config, model, None, losses(model, None, ids)[2])
    out.update({"grad." + n: g for n, g in grads.items()})
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() == 1]
    opt = torch.optim.AdamW([dict(params=decay), dict(params=rest, weight_decay=0.0)], **ADAMW)
    for _ in range(STEPS):
        opt.zero_grad()
        losses(model, None, ids)[2].backward()
        opt.step()
    out.update({"adamw." + n: w for n, w in all_tensors(config, model, None, lambda p: p).items()})
    return out


def make(root, name, changes, length, dtype):
    config = DeepseekV3Config(**copy.deepcopy({**BASE, **changes}))
    for seed in range(1000):
        model, mtp, ids = build(config, seed, length, dtype)
        least = margin_of(config, model, mtp, ids) if config.n_routed_experts else 1.0
        if least > MARGIN:
            break
    else:
        sys.exit(f"{name}: no seed keeps the router's choices apart")
    folder = os.path.join(root, name)
    os.makedirs(folder, exist_ok=True)
    with torch.no_grad():
        logits = losses(model, mtp, ids)[0]
    expect = dict(ids=ids.int(), logits=logits)
    stored = released(weights(config, model, mtp), dtype)
    save_file(stored, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    if name == "full":  # the form of the released models, older than rope_parameters
        old = {**BASE, **changes, "model_type": "deepseek_v3", "hidden_act": "silu", "attention_bias": False,
               "scoring_func": "sigmoid", "topk_method": "noaux_tc", "moe_layer_freq": 1, "torch_dtype": "float32",
               "architectures": ["DeepseekV3ForCausalLM"], "ep_size": 1}
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(old, f, indent=2)
            f.write("\n")
    else:
        model.config.save_pretrained(folder)
    if not mtp:  # the files mean to transformers what this script meant
        again = DeepseekV3ForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        with torch.no_grad():
            assert torch.equal(again(ids).logits, logits), f"{name}: transformers reads the folder differently"
    if mtp:
        expect.update(train_expectations(config, model, mtp, ids))
    save_file({k: v.contiguous() for k, v in expect.items()}, os.path.join(folder, "expect.safetensors"))
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{name}: seed {seed}, margin {least:.1e}, {sum(t.numel() for t in stored.values())} numbers, {size} bytes")


# ---- the other architectures ----

SMALL = dict(vocab_size=48, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=6,
             intermediate_size=24, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False, bos_token_id=0,
             eos_token_id=1, pad_token_id=None)  # torch keeps the gradient of a padding token from its embedding
SMALL_MOE = dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=8, decoder_sparse_step=1, mlp_only_layers=[])
SMALL_MLA = dict(
    vocab_size=48, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, q_lora_rank=None,
    kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=8, first_k_dense_replace=1, intermediate_size=24,
    n_routed_experts=6, num_experts_per_tok=3, n_shared_experts=2, moe_intermediate_size=8, n_group=1, topk_group=1,
    topk_method="greedy", norm_topk_prob=False, routed_scaling_factor=1.0, max_position_embeddings=128, rms_norm_eps=1e-6,
    tie_word_embeddings=False, bos_token_id=0, eos_token_id=1)


def rope(kind="default", theta=10000.0, **more):
    return dict(rope_type=kind, rope_theta=theta, **more)


# name, class, configuration, length of the two sequences, gradients too
OTHERS = [
    # four heads on two, a head width that is not hidden_size / heads; all three bands of frequencies, and positions
    # beyond the original context
    ("llama", "Llama", dict(SMALL, rope_parameters=rope(
        "llama3", 100.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)), 40, True),
    # another ramp, which GGUF can say as a tensor of factors only; a tied head
    ("llama-ramp", "Llama", dict(SMALL, tie_word_embeddings=True, num_key_value_heads=4, rope_parameters=rope(
        "llama3", 50.0, factor=8.0, low_freq_factor=0.5, high_freq_factor=3.0, original_max_position_embeddings=20)), 24, False),
    # a window shorter than the sequence in every layer, which the rotation of the whole model turns
    ("mistral", "Mistral", dict(SMALL, sliding_window=7, rope_parameters=rope("linear", 50.0, factor=2.0)), 24, True),
    # a stretched rotation whose magnitude is not 1, and queries that grow with the position: positions reach the third step
    ("ministral3", "Ministral3", dict(SMALL, rope_parameters=rope(
        "yarn", 100.0, factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=0.5, beta_fast=8.0, beta_slow=1.0,
        llama_4_scaling_beta=0.5)), 40, True),
    # the same architecture without all that, and with a window
    ("ministral3-plain", "Ministral3", dict(SMALL, sliding_window=7, rope_parameters=rope(
        theta=50.0, llama_4_scaling_beta=0.0, original_max_position_embeddings=16)), 24, False),
    # as released: inside one that sees pictures, weights in FP8 with one scale for each matrix and one for its input
    ("ministral3-nested", "Ministral3", dict(SMALL, hidden_size=12, intermediate_size=132, tie_word_embeddings=True, rope_parameters=rope(
        "yarn", 100.0, factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=1.0, beta_fast=32.0, beta_slow=1.0,
        llama_4_scaling_beta=0.1)), 20, False),
    # the fourth layer of five is not rotated
    ("smollm3", "SmolLM3", dict({k: v for k, v in SMALL.items() if k != "head_dim"}, num_hidden_layers=5, tie_word_embeddings=True,
                                rope_parameters=rope(theta=100.0)), 24, True),
    # another interval, which GGUF cannot say, and a longer list than there are layers
    ("smollm3-interval", "SmolLM3", dict({k: v for k, v in SMALL.items() if k != "head_dim"}, num_hidden_layers=3, no_rope_layers=[1, 0, 1, 0],
                                         rope_parameters=rope(theta=100.0)), 20, False),
    ("qwen2", "Qwen2", dict({k: v for k, v in SMALL.items() if k != "head_dim"}, num_key_value_heads=1, tie_word_embeddings=True,
                            rope_parameters=rope("linear", factor=2.0)), 24, False),
    ("qwen3", "Qwen3", dict(SMALL, head_dim=10, rope_parameters=rope(
        "yarn", 100.0, factor=4.0, original_max_position_embeddings=16)), 40, False),
    ("qwen3-moe", "Qwen3Moe", dict(SMALL, **SMALL_MOE, norm_topk_prob=True, rope_parameters=rope()), 24, True),
    ("qwen3-moe-raw", "Qwen3Moe", dict(SMALL, **SMALL_MOE, norm_topk_prob=False, rope_parameters=rope()), 24, False),
    # two layers with a window shorter than the sequence, one without; both rotary bases; its own softmax scale
    ("gemma3", "Gemma3", dict(SMALL, num_hidden_layers=3, sliding_window=7, sliding_window_pattern=3, query_pre_attn_scalar=11,
                              tie_word_embeddings=True, rope_parameters=dict(
                                  full_attention=rope("linear", 1000.0, factor=4.0), sliding_attention=rope(theta=50.0))), 24, True),
    # the language model inside one that sees pictures, as such files were first written
    ("gemma3-nested", "Gemma3", dict(SMALL, num_hidden_layers=6, hidden_size=12, sliding_window=5, query_pre_attn_scalar=6,
                                     tie_word_embeddings=True, rope_parameters=dict(
                                         full_attention=rope("linear", 1e6, factor=8.0), sliding_attention=rope())), 20, False),
    ("deepseek-v2-lite", "DeepseekV2", dict(SMALL_MLA, rope_parameters=rope(
        "yarn", factor=4.0, original_max_position_embeddings=32, mscale=0.707, mscale_all_dim=0.707, beta_fast=32, beta_slow=1)),
     48, False),
    ("deepseek-v2", "DeepseekV2", dict(
        SMALL_MLA, q_lora_rank=12, n_routed_experts=8, n_group=4, topk_group=2, topk_method="group_limited_greedy",
        routed_scaling_factor=16.0, rope_parameters=rope()), 24, False),
    # weights in FP8 with a scale for each block of 128 x 128
    ("deepseek-v3-fp8", "DeepseekV3", dict(
        SMALL_MLA, n_shared_experts=1, norm_topk_prob=True, topk_method="noaux_tc", intermediate_size=132, moe_intermediate_size=8, q_lora_rank=12,
        rope_parameters=rope()), 20, False),
]


def random_other(model, gen, gemma):
    for name, t in list(model.named_parameters()) + [x for x in model.named_buffers() if "bias" in x[0]]:
        with torch.no_grad():
            if name.endswith("bias"):
                t.uniform_(-0.3, 0.3, generator=gen)
            elif t.dim() == 1:
                t.uniform_(-0.5 if gemma else 0.5, 0.5 if gemma else 1.5, generator=gen)
            else:
                t.normal_(0, 0.25 if "embed" not in name else 0.5, generator=gen)


def router_margin(config, model, ids):
    """The smallest difference of scores that decided about an expert or a group; and the choice must not be empty."""
    least, hooks = [1.0], []

    def look(mod, args, out):
        c = (args[0].detach().flatten(0, -2) @ mod.weight.T)
        if hasattr(mod, "e_score_correction_bias"):
            c = torch.sigmoid(c) + mod.e_score_correction_bias
        else:
            c = c.softmax(-1)
        if getattr(config, "topk_method", "") == "group_limited_greedy":
            best = c.view(len(c), config.n_group, -1).max(-1)[0]
            s = best.sort(-1, descending=True)[0]
            least.append((s[:, config.topk_group - 1] - s[:, config.topk_group]).min().item())
            keep = best >= s[:, config.topk_group - 1:config.topk_group]
            c = c.view(len(c), config.n_group, -1).masked_fill(~keep[..., None], -1.0).flatten(1)
        s, k = c.sort(-1, descending=True)[0], config.num_experts_per_tok
        least.append((s[:, k - 1] - s[:, k]).min().item())

    for m in model.modules():
        if type(m).__name__.endswith("TopKRouter") or type(m).__name__.endswith("TopkRouter"):
            hooks.append(m.register_forward_hook(look))
    with torch.no_grad():
        model(ids)
    for h in hooks:
        h.remove()
    return min(least)


def to_fp8(stored):
    """Matrices of layers as E4M3 and weight_scale_inv, in blocks of 128 x 128; also gives what they mean as f32."""
    out, meant = {}, {}
    for name, t in stored.items():
        if t.dim() != 2 or "proj" not in name:
            out[name] = meant[name] = t
            continue
        n, k = t.shape
        scale = torch.zeros((n + 127) // 128, (k + 127) // 128)
        q, m = torch.zeros(n, k, dtype=torch.float8_e4m3fn), torch.zeros(n, k)
        for i in range(scale.shape[0]):
            for j in range(scale.shape[1]):
                at = (slice(i * 128, i * 128 + 128), slice(j * 128, j * 128 + 128))
                scale[i, j] = t[at].abs().max() / 448
                q[at] = (t[at] / scale[i, j]).to(torch.float8_e4m3fn)
                m[at] = q[at].float() * scale[i, j]
        out[name], out[name + "_scale_inv"], meant[name] = q, scale, m
    return out, meant


def to_fp8_whole(stored):
    """Matrices of layers as E4M3 with one scale each, and one that was meant for their inputs; also what they mean as f32."""
    out, meant = {}, {}
    for name, t in stored.items():
        if t.dim() != 2 or "proj" not in name:
            out[name] = meant[name] = t
            continue
        scale = (t.abs().max() / 448).bfloat16()
        q = (t / scale.float()).to(torch.float8_e4m3fn)
        out[name], out[name + "_scale_inv"], meant[name] = q, scale, q.float() * scale.float()
        out[name.replace(".weight", ".activation_scale")] = torch.tensor(0.5, dtype=torch.bfloat16)
    return out, meant


def put_back(model, meant):
    """Sets the parameters to what a file with these tensors means."""
    for name, t in list(model.named_parameters()) + list(model.named_buffers()):
        with torch.no_grad():
            if name in meant:
                t.copy_(meant[name])
            elif name.endswith("experts.gate_up_proj"):
                for i in range(t.shape[0]):
                    t[i] = torch.cat([meant[name.replace("gate_up_proj", f"{i}.{x}_proj.weight")] for x in ("gate", "up")])
            elif name.endswith("experts.down_proj"):
                for i in range(t.shape[0]):
                    t[i] = meant[name.replace("down_proj", f"{i}.down_proj.weight")]


def write_config(folder, name, config, extra):
    config.save_pretrained(folder)
    path = os.path.join(folder, "config.json")
    with open(path) as f:
        made = json.load(f)
    made.update(extra)
    if name == "ministral3-nested":
        drop = ("architectures", "quantization_config", "transformers_version", "dtype")
        text = {k: v for k, v in made.items() if k not in drop}
        made = dict(architectures=["Mistral3ForConditionalGeneration"], model_type="mistral3", text_config=text,
                    quantization_config=extra["quantization_config"], vision_config=dict(hidden_size=8, model_type="pixtral"))
    if name == "gemma3-nested":
        full = config.rope_parameters["full_attention"]
        keep = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size",
                "sliding_window", "query_pre_attn_scalar", "vocab_size", "max_position_embeddings")
        text = dict({k: made[k] for k in keep}, model_type="gemma3_text",
                    rope_scaling=dict(factor=full["factor"], rope_type="linear"))
        made = dict(architectures=["Gemma3ForConditionalGeneration"], model_type="gemma3", eos_token_id=[1, 2], text_config=text,
                    vision_config=dict(hidden_size=8))
    with open(path, "w") as f:
        json.dump(made, f, indent=2)
        f.write("\n")


def make_other(root, name, kind, settings, length, grads):
    text = "Gemma3TextConfig" if kind == "Gemma3" else kind + "Config"
    config = getattr(transformers, text)(**copy.deepcopy(settings))
    for seed in range(1000):
        gen = torch.Generator().manual_seed(seed)
        model = getattr(transformers, kind + "ForCausalLM")._from_config(config, attn_implementation="eager").float().eval()
        random_other(model, gen, kind == "Gemma3")
        stored, extra = released(weights(config, model, None), torch.float32), {}
        if name == "ministral3-nested":
            stored, meant = to_fp8_whole(stored)
            put_back(model, meant)
            extra = dict(quantization_config=dict(activation_scheme="static", dequantize=False, quant_method="fp8",
                                                  modules_to_not_convert=["model.vision_tower", "lm_head"], weight_block_size=None))
        if name.endswith("fp8"):
            stored, meant = to_fp8(stored)
            put_back(model, meant)
            extra = dict(quantization_config=dict(activation_scheme="dynamic", fmt="e4m3", quant_method="fp8",
                                                  weight_block_size=[128, 128]))
        ids = torch.randint(0, config.vocab_size, (2, length), generator=gen)
        least = router_margin(config, model, ids)
        if least > MARGIN:
            break
    else:
        sys.exit(f"{name}: no seed keeps the router's choices apart")
    folder = os.path.join(root, name)
    os.makedirs(folder, exist_ok=True)
    logits, _, loss, _ = losses(model, None, ids)
    expect = dict(ids=ids.int(), logits=logits.detach())
    if grads:
        expect["loss"] = loss.detach()
        expect.update({"grad." + n: g for n, g in gradients(config, model, None, loss).items()})
    if name.endswith("-nested"):
        stored = {"language_model." + n: t for n, t in stored.items()}
        stored["vision_tower.embeddings.weight"] = torch.ones(2, 2)
    save_file(stored, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    write_config(folder, name, model.config, extra)
    if not name.endswith(("-nested", "-fp8")):
        again = getattr(transformers, kind + "ForCausalLM").from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32).eval()
        with torch.no_grad():
            assert torch.equal(again(ids).logits, logits), f"{name}: transformers reads the folder differently"
    save_file({k: v.contiguous() for k, v in expect.items()}, os.path.join(folder, "expect.safetensors"))
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{name}: seed {seed}, margin {least:.1e}, {sum(t.numel() for t in stored.values())} numbers, {size} bytes")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/models"
    wanted = sys.argv[2:]
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for args in MODELS:
        if not wanted or args[0] in wanted:
            make(root, *args)
    for args in OTHERS:
        if not wanted or args[0] in wanted:
            make_other(root, *args)


if __name__ == "__main__":
    main()
