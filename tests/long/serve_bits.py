#!/usr/bin/env python3
"""Same bits from the server, whatever it is doing: serve_bits.py AUTARKY MODEL.gguf... [--prompts 200] [--tokens 32]

Every prompt is asked with a seed and with log-probabilities. The first answers, one at a time, are what the others must equal, text and
numbers: beside fifteen others; again, when its beginning is kept; after a restart; with passes of 64 and of 512 rows; without guesses;
with a cache so small that jobs give pages up. One in ten is asked of `autarky run`, too. Ends with "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import json
import random
import subprocess
import sys
import urllib.request

WORDS = ("cat house river stone night city music letter winter garden road captain island question answer machine paper bird light fire "
         "teacher market glass window story ocean green silver quiet early").split()


def prompts(n):
    r = random.Random(5)
    for i in range(n):
        text = " ".join(r.choice(WORDS) for _ in range(r.choice([3, 10, 40, 150, 400])))
        yield {"messages": [{"role": "user", "content": f"Write about: {text}."}], "seed": i, "temperature": [0, 0.7, 1.0][i % 3]}


class Server:
    def __init__(self, program, model, *options):
        words = [program, "serve", model, "--port", "0", "--quiet", *options]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stderr:
            if "http://127.0.0.1:" in line:
                self.port = int(line.split("http://127.0.0.1:")[1].split()[0].strip(",/"))
            if "loaded in" in line:
                break
        if not self.port:
            raise SystemExit("the server did not start")

    def ask(self, prompt, tokens):
        body = dict(prompt, max_tokens=tokens, logprobs=True, top_logprobs=2)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as r:
            choice = json.load(r)["choices"][0]
        return choice["message"]["content"], choice["finish_reason"], json.dumps(choice["logprobs"])

    def close(self):
        self.process.terminate()
        self.process.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("autarky")
    p.add_argument("models", nargs="+")
    p.add_argument("--prompts", type=int, default=200)
    p.add_argument("--tokens", type=int, default=32)
    a = p.parse_args()
    sums = [0, 0]
    for model in a.models:
        print(model)
        a.model = model
        sums = [x + y for x, y in zip(sums, check(a))]
    print(f"{sums[0]} passed, {sums[1]} failed, 0 skipped")
    sys.exit(sums[1] > 0)


def check(a):
    asked = list(prompts(a.prompts))
    passed = failed = 0

    def compare(what, got):
        nonlocal passed, failed
        wrong = [i for i in range(len(asked)) if got[i] != want[i]]
        passed += len(asked) - len(wrong)
        failed += len(wrong)
        print(f"{what}: {len(asked) - len(wrong)} of {len(asked)} equal", flush=True)
        for i in wrong[:3]:
            print(f"  prompt {i}: {got[i][0]!r}, expected {want[i][0]!r}", file=sys.stderr)

    base = ["--ctx", "2048"]
    server = Server(a.autarky, a.model, *base)
    want = [server.ask(x, a.tokens) for x in asked]
    compare("again, with what was kept", [server.ask(x, a.tokens) for x in asked])
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        compare("beside fifteen others", list(pool.map(lambda x: server.ask(x, a.tokens), asked)))
    server.close()
    ways = [("after a restart", []), ("passes of 64 rows", ["--chunk", "64"]), ("passes of 512 rows", ["--chunk", "512"]),
            ("without guesses", ["--no-guesses"]), ("few pages", ["--cache-tokens", "3072"])]
    for what, options in ways:
        server = Server(a.autarky, a.model, *base, *options)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            compare(what, list(pool.map(lambda x: server.ask(x, a.tokens), asked)))
        server.close()
    for i in range(0, len(asked), 10):
        x = asked[i]
        words = [a.autarky, "run", a.model, x["messages"][0]["content"], "--seed", str(i), "--temp", str(x["temperature"]), "-n",
                 str(a.tokens), "--ctx", "2048", "--json"]
        text = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["text"]
        good = text == want[i][0]
        passed += good
        failed += not good
        if not good:
            print(f"autarky run, prompt {i}: {text!r}, the server {want[i][0]!r}", file=sys.stderr)
    return passed, failed


if __name__ == "__main__":
    main()
