#!/usr/bin/env python3
"""Speed of `autarky serve` beside llama-server: the same file, the same machine, in turn.

    bench/serve.py MODEL.gguf [--autarky build/release/autarky] [--peer LLAMA_SERVER] [--streams 1,4,16] [--tokens 128]
                   [--rounds 5] [--threads N]

Every round starts each server once, warms it, and measures for each number of streams: all begin at once with prompts of their own,
stream so many tokens greedily without an end, and the time from the first request to the last token counts. Prints medians: tokens a
second, the 95th percentile of the time between tokens of one stream, the time to the first token, and ratios. Needs nothing beside Python.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit(f"a server ended with status {process.returncode}")
        try:
            body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4, "stream": False}).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as r:
                if r.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server does not answer")


def start(kind, program, more, model, threads, streams):
    port = free_port()
    if kind == "autarky":
        words = [program, "serve", model, "--port", str(port), "--quiet", "--threads", str(threads), "--parallel", str(max(16, streams))]
    else:
        words = [program, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-np", str(max(16, streams)), "-t", str(threads),
                 "-c", str(1024 * max(16, streams)), "--no-webui", *more]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(port, process)
    return process, port


class Stream(threading.Thread):
    """One streamed answer; notes when each token came."""

    def __init__(self, port, number, tokens):
        super().__init__()
        self.port, self.number, self.tokens, self.times = port, number, tokens, []

    def run(self):
        body = json.dumps({"messages": [{"role": "user", "content": f"Tell me story number {self.number} about a town, at length."}],
                           "max_tokens": self.tokens, "temperature": 0, "stream": True, "ignore_eos": True, "cache_prompt": False})
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode())
            self.begun = time.perf_counter()
            rest = b""
            while True:
                data = s.recv(65536)
                now = time.perf_counter()
                if not data:
                    break
                rest += data
                lines = rest.split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line.startswith(b"data: {"):
                        choices = json.loads(line[6:]).get("choices")
                        if choices and choices[0]["delta"].get("content"):
                            self.times.append(now)


def measure(port, streams, tokens, first):
    threads = [Stream(port, first + i, tokens) for i in range(streams)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    begun = min(t.begun for t in threads)
    ended = max(t.times[-1] for t in threads)
    gaps = sorted(b - a for t in threads for a, b in zip(t.times, t.times[1:]))
    firsts = [t.times[0] - t.begun for t in threads]
    return streams * tokens / (ended - begun), gaps[int(0.95 * len(gaps))], statistics.median(firsts)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--autarky", default="build/release/autarky")
    p.add_argument("--peer")
    p.add_argument("--peer-args", default="", help="more words for it, as --no-repack")
    p.add_argument("--streams", default="1,4,16")
    p.add_argument("--tokens", type=int, default=128)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    a = p.parse_args()
    counts = [int(x) for x in a.streams.split(",")]
    servers = [("autarky", a.autarky)] + ([("peer", a.peer)] if a.peer else [])
    results = {}
    for round_ in range(a.rounds):
        for kind, program in servers:
            process, port = start(kind, program, a.peer_args.split(), a.model, a.threads, max(counts))
            try:
                measure(port, max(counts), 8, 1000)
                for n in counts:
                    results.setdefault((kind, n), []).append(measure(port, n, a.tokens, 100 * round_))
            finally:
                process.terminate()
                process.wait()
        print(f"round {round_ + 1} of {a.rounds}", file=sys.stderr)
    rate = {}
    for kind, _ in servers:
        for n in counts:
            rows = results[kind, n]
            rate[kind, n] = statistics.median(r[0] for r in rows)
            print(f"{kind:8} {n:3} streams  {rate[kind, n]:8.1f} tokens/s   p95 between tokens "
                  f"{1000 * statistics.median(r[1] for r in rows):7.1f} ms   first token {1000 * statistics.median(r[2] for r in rows):8.1f} ms")
        print(f"{kind:8} {counts[-1]} streams to {counts[0]}: {rate[kind, counts[-1]] / rate[kind, counts[0]]:.2f} times the tokens")
    if a.peer:
        for n in counts:
            print(f"{n:3} streams: {rate['autarky', n] / rate['peer', n]:.2f} times the peer")


if __name__ == "__main__":
    main()
