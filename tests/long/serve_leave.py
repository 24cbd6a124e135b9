#!/usr/bin/env python3
"""Clients that go away: serve_leave.py AUTARKY MODEL.gguf... [--clients 1000]

So many clients begin a stream and leave at a random moment, eight at a time, while another asks the same question over and over: its
answer must not change. In the end nothing runs and nothing waits. Ends with "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import json
import random
import re
import socket
import sys
import threading
import time
import urllib.request

from serve_bits import Server

QUESTION = {"messages": [{"role": "user", "content": "Tell me about the sea."}], "seed": 3, "temperature": 0.8}


def leave(port, number):
    r = random.Random(number)
    text = "word " * r.choice([5, 50, 500])
    body = json.dumps({"messages": [{"role": "user", "content": f"{number} {text}"}], "max_tokens": 400, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                  + str(len(body)).encode() + b"\r\n\r\n" + body[: len(body) if number % 7 else 20])
        s.settimeout(r.random())
        try:
            while s.recv(4096) and r.random() < 0.9:
                pass
        except TimeoutError:
            pass


def check(a, model):
    server = Server(a.autarky, model, "--ctx", "1024")
    want = server.ask(QUESTION, 60)
    wrong, asked, over = [], [0], threading.Event()

    def ask_again():
        while not over.is_set():
            got = server.ask(QUESTION, 60)
            asked[0] += 1
            if got != want:
                wrong.append(got[0])

    other = threading.Thread(target=ask_again)
    other.start()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: leave(server.port, i), range(a.clients)))
    over.set()
    other.join()
    for _ in range(100):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as r:
            metrics = r.read().decode()
        busy = [float(x) for x in re.findall(r"^llamacpp:requests_(?:processing|deferred)\{.*\} (\S+)$", metrics, re.M)]
        if busy and not any(busy):
            break
        time.sleep(0.5)
    server.close()
    print(f"{model}: {a.clients} clients left, {asked[0]} answers beside them, {len(wrong)} of them other ones; at the end {busy} run and wait")
    good = [not wrong, bool(busy) and not any(busy), asked[0] > 0]
    return sum(good), len(good) - sum(good)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("autarky")
    p.add_argument("models", nargs="+")
    p.add_argument("--clients", type=int, default=1000)
    a = p.parse_args()
    sums = [0, 0]
    for model in a.models:
        sums = [x + y for x, y in zip(sums, check(a, model))]
    print(f"{sums[0]} passed, {sums[1]} failed, 0 skipped")
    sys.exit(sums[1] > 0)


if __name__ == "__main__":
    main()
