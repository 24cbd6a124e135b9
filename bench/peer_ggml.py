#!/usr/bin/env python3
"""Times llama.cpp or ik_llama.cpp on a GGUF model, one request at a time, for `autarky bench --peer`.

    peer_ggml.py llama.cpp|ik_llama.cpp MODEL.gguf THREADS CONTEXT

The packages are llama-cpp-python and ik-llama-cpp-python. Answers on stdout, one JSON object a line: first
{"ready": versions and flags}, then for each line of stdin
    pp N          {"seconds": ..}: N tokens read from an empty cache
    tg N DEPTH    {"seconds": ..}: N tokens one by one after DEPTH tokens (read before, not timed)
Tokens are pseudo-random; no sampling is timed, logits of the last row are computed. For pp and for tg the best of several
settings (flash attention on and off, with and without repacking at load; ik: fused operations on) is found first by short
trials, and kept. Each way of loading is tried in a process of its own: llama.cpp's repacking ends the process for the
three-dimensional Q8_0 matrices of DeepSeek's attention (0.3.36 on a processor with AMX).
"""
import ctypes
import json
import os
import sys
import time

RULES = {
    "llama.cpp": dict(package="llama_cpp", contexts=[dict(flash_attn_type=0), dict(flash_attn_type=1)],
                      models=[dict(), dict(use_extra_bufts=False)]),
    "ik_llama.cpp": dict(package="ik_llama_cpp._ctypes_api",
                         contexts=[dict(flash_attn=True, mla_attn=3, fused_moe_up_gate=True, fused_up_gate=True),
                                   dict(flash_attn=False, mla_attn=3, fused_moe_up_gate=True, fused_up_gate=True)],
                         models=[dict(mla=3, repack_tensors=False), dict(mla=3, repack_tensors=True, use_mmap=False)]),
}
BATCH = 512


def token(i, vocab):
    return (i * 2654435761 + 12345) % (2 ** 32) % (vocab - 300) + 256


class Peer:
    def __init__(self, lib, model, vocab, threads, n_ctx, flags):
        self.lib, self.vocab, self.n = lib, vocab, 0
        p = lib.llama_context_default_params()
        p.n_ctx, p.n_batch, p.n_ubatch, p.n_threads, p.n_threads_batch = n_ctx, BATCH, BATCH, threads, threads
        for key, value in flags.items():
            setattr(p, key, value)
        self.ctx = lib.llama_init_from_model(model, p)
        if not self.ctx:
            raise SystemExit("the peer could not make a context")
        self.batch = lib.llama_batch_init(BATCH, 0, 1)

    def rewind(self, n):
        if n >= self.n:
            return
        lib = self.lib
        if hasattr(lib, "llama_memory_seq_rm"):
            lib.llama_memory_seq_rm(lib.llama_get_memory(self.ctx), 0, n, -1)
        elif n == 0:
            lib.llama_kv_cache_clear(self.ctx)
        else:
            remove = lib._lib.llama_kv_cache_seq_rm
            remove.argtypes, remove.restype = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32], ctypes.c_bool
            remove(self.ctx, 0, n, -1)
        self.n = n

    def feed(self, count, step):
        b = self.batch
        end = self.n + count
        while self.n < end:
            m = min(step, end - self.n)
            b.n_tokens = m
            for i in range(m):
                b.token[i], b.pos[i], b.n_seq_id[i] = token(self.n + i, self.vocab), self.n + i, 1
                b.seq_id[i][0], b.logits[i] = 0, self.n + i + 1 == end or step == 1
            if self.lib.llama_decode(self.ctx, b):
                raise SystemExit("the peer failed to decode")
            self.lib.llama_get_logits_ith(self.ctx, m - 1)
            self.n += m

    def pp(self, n):
        self.rewind(0)
        t = time.perf_counter()
        self.feed(n, BATCH)
        return time.perf_counter() - t

    def tg(self, n, depth):
        self.rewind(depth)
        self.feed(depth - self.n, BATCH)
        t = time.perf_counter()
        self.feed(n, 1)
        return time.perf_counter() - t


def open_model(lib, path, flags):
    p = lib.llama_model_default_params()
    p.n_gpu_layers = 0
    for key, value in flags.items():
        setattr(p, key, value)
    model = lib.llama_model_load_from_file(path.encode(), p)
    if not model:
        raise SystemExit("the peer could not load " + path)
    return model, lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))


def trial(lib, rules, path, threads, m):
    """Seconds of short runs with the model loaded in this way and every context."""
    times = []
    model, vocab = open_model(lib, path, m)
    for c in rules["contexts"]:
        try:
            p = Peer(lib, model, vocab, threads, 512, c)
        except SystemExit:
            continue
        p.pp(16)
        pp = min(p.pp(128) for _ in range(2))
        times.append((pp, min(p.tg(8, 64) for _ in range(3)), m, c))
        lib.llama_free(p.ctx)
    free = getattr(lib, "llama_model_free", None) or lib.llama_free_model
    free(model)
    return times


def in_child(work):
    """What work() returns, found by a process of its own; [] when that does not end well."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            with os.fdopen(write, "w") as f:
                json.dump(work(), f)
            os._exit(0)
        except BaseException:  # also SystemExit: the parent must not run twice
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    return json.loads(text) if os.waitpid(child, 0)[1] == 0 else []


def best(lib, rules, path, threads, n_ctx):
    """The fastest for pp and for tg. Flags of the model are those that tg wants: two models need not fit."""
    times = [t for m in rules["models"] for t in in_child(lambda m=m: trial(lib, rules, path, threads, m))]
    if not times:
        raise SystemExit("the peer can run the model in no way")
    tg = min(times, key=lambda t: t[1])
    pp = min((t for t in times if t[2] == tg[2]), key=lambda t: t[0])
    model, vocab = open_model(lib, path, tg[2])
    fast_tg = Peer(lib, model, vocab, threads, n_ctx, tg[3]), {**tg[2], **tg[3]}
    fast_pp = fast_tg if pp is tg else (Peer(lib, model, vocab, threads, n_ctx, pp[3]), {**pp[2], **pp[3]})
    return fast_pp, fast_tg


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the libraries print to stdout what they like
    rules = RULES[sys.argv[1]]
    path, threads, n_ctx = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    lib = __import__(rules["package"], fromlist=["x"])
    if "llama_cpp" == rules["package"]:
        quiet = lib.llama_log_callback(lambda *a: None)
        lib.llama_log_set(quiet, None)
    lib.llama_backend_init()
    fast_pp, fast_tg = best(lib, rules, path, threads, n_ctx)
    print(json.dumps(dict(ready=dict(pp=str(fast_pp[1]), tg=str(fast_tg[1])))), file=out, flush=True)
    for line in sys.stdin:
        word = line.split()
        if word[0] == "pp":
            print(json.dumps(dict(seconds=fast_pp[0].pp(int(word[1])))), file=out, flush=True)
        elif word[0] == "tg":
            print(json.dumps(dict(seconds=fast_tg[0].tg(int(word[1]), int(word[2])))), file=out, flush=True)
        else:
            break


main()
