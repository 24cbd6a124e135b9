#!/usr/bin/env python3
"""Compares llama.cpp with the fixtures of every family (tests/fixtures/models): each that GGUF can hold is converted by
autarky, and llama.cpp must compute from that file the logits that transformers computed from the folder.

    families.py AUTARKY [NAME...]     needs the packages of requirements.txt

Ends with the line "N passed, N failed, N skipped".
"""
import ctypes
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np
from safetensors.numpy import load_file

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures/models"
TOLERANCE = 2e-5  # of the greatest logit: llama.cpp's cache is f32 here
COARSE = {"gemma3-nested": 5e-3}  # its GELU is a table in f16
ROWS = {"mistral": 7, "ministral3-plain": 7}  # those before the window begins to hide keys: it knows none there
OTHERWISE = {"deepseek-v2": "it counts groups by their two best experts"}  # what it computes otherwise


def logits(path, rows):
    """One array per sequence, each evaluated alone."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        return None
    n, v = rows.shape[1], llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    c = llama_cpp.llama_context_default_params()
    c.n_ctx, c.n_batch, c.n_ubatch, c.n_threads = 256, n, n, 1
    c.type_k = c.type_v = 0  # f32
    c.flash_attn_type = 0    # off
    out = []
    for ids in rows:
        ctx = llama_cpp.llama_init_from_model(model, c)
        batch = llama_cpp.llama_batch_init(n, 0, 1)
        batch.n_tokens = n
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = int(token), i, 1, 0, 1
        if llama_cpp.llama_decode(ctx, batch):
            return None
        out.append(np.stack([np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(ctx, i), (v,)).copy() for i in range(n)]))
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(ctx)
    llama_cpp.llama_model_free(model)
    return np.stack(out)


@llama_cpp.llama_log_callback
def silent(level, text, data):
    pass


def main():
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    autarky, wanted = sys.argv[1], sys.argv[2:]
    passed = failed = skipped = 0
    for folder in sorted(FIXTURES.iterdir()):
        if not (folder / "expect.safetensors").exists() or (wanted and folder.name not in wanted):
            continue
        expect = load_file(folder / "expect.safetensors")
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp) / "model.gguf"
            r = subprocess.run([autarky, "convert", str(folder), str(path), "--to", "f32", "-q"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if r.returncode:
                skipped += 1
                print(f"skipped: {folder.name}: {r.stderr.decode().strip()}")
                continue
            got, want, rows = logits(path, expect["ids"]), expect["logits"], ROWS.get(folder.name)
        got, want = got[:, :rows] if got is not None else None, want[:, :rows]
        off = abs(got - want).max() / abs(want).max() if got is not None else float("inf")
        if folder.name in OTHERWISE:
            skipped += 1
            print(f"skipped: {folder.name}: {OTHERWISE[folder.name]} (off by {off:.1e})")
            continue
        good = off <= COARSE.get(folder.name, TOLERANCE)
        passed, failed = passed + good, failed + (not good)
        print("ok    " if good else "FAILED", f"{folder.name}: logits differ by {off:.1e} of the greatest", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


main()
