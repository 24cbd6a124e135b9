#!/usr/bin/env python3
"""Compares calls of tools that autarky and llama-server read out of a model's answers, greedy, the same file.

    calls.py AUTARKY LLAMA_SERVER MODEL.gguf [--prompts 20] [--tokens 128]

Both get the same conversation and three tools; names and arguments (as JSON) must be equal, or both find no call. Ends with
the line "N passed, N failed, N skipped".
"""
import argparse
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request


def tool(name, description, properties, required):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {
        "type": "object", "properties": properties, "required": required}}}


TEXT = {"type": "string"}
TOOLS = [
    tool("get_weather", "Get the current weather of a city", {"city": TEXT, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
         ["city"]),
    tool("send_email", "Send an email to a person", {"to": TEXT, "subject": TEXT, "body": TEXT}, ["to", "subject", "body"]),
    tool("calculate", "Evaluate an arithmetic expression", {"expression": TEXT}, ["expression"]),
]
PROMPTS = [
    "What is the weather in Paris?", "What is 23 * 19?", "Send Ann an email that the meeting is at noon.", "Weather in Oslo in celsius, please.",
    "Compute (3 + 4) * 12.", "Is it raining in Lima?", "Mail bob@example.org: subject Lunch, body See you at one.", "What is 2 to the power of 10?",
    "Tell me the weather in Cairo and in Rome.", "How much is 1024 / 16?", "Hello!", "Who wrote Faust?", "What is the weather like in Z\u00fcrich?",
    "Email carol@example.org that the build is green.", "What is 15 % of 80?", "Weather in S\u00e3o Paulo in fahrenheit?", "Add 17 and 25 and then double it.",
    "Write to dan@example.org with the subject \"Trip\" and the text \"We leave at 8:00\".", "What is the square root of 144?", "Give me the weather in New York.",
]


def start(server, model):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen([server, "-m", model, "--jinja", "--host", "127.0.0.1", "--port", str(port), "-c", "4096", "-np", "1",
                                "-t", str(os.cpu_count()), "--no-repack"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as r:
                if r.status == 200:
                    return process, port
        except OSError:
            time.sleep(0.5)
    process.kill()
    raise SystemExit("llama-server does not answer")


def theirs(port, prompt, tokens):
    body = {"messages": [{"role": "user", "content": prompt}], "tools": TOOLS, "temperature": 0, "repeat_penalty": 1.0, "max_tokens": tokens,
            "top_k": 1}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as r:
        message = json.load(r)["choices"][0]["message"]
    calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or []]
    return calls, message.get("content") or ""


def ours(program, model, prompt, tools, tokens):
    out = subprocess.run([program, "run", model, prompt, "--tools", tools, "--json", "--temp", "0", "--repeat", "1", "-n", str(tokens), "--ctx",
                          "4096"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    answer = json.loads(out.stdout)
    return [(c["name"], c["arguments"]) for c in answer.get("tool_calls", [])], answer["text"]


def plain(calls):
    return [(name, json.loads(args)) for name, args in calls]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("autarky")
    p.add_argument("server")
    p.add_argument("model")
    p.add_argument("--prompts", type=int, default=20)
    p.add_argument("--tokens", type=int, default=128)
    a = p.parse_args()
    passed = failed = 0
    process, port = start(a.server, a.model)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(TOOLS, f)
            f.flush()
            for prompt in PROMPTS[:a.prompts]:
                their_calls, their_text = theirs(port, prompt, a.tokens)
                our_calls, our_text = ours(a.autarky, a.model, prompt, f.name, a.tokens)
                equal = plain(our_calls) == plain(their_calls)
                passed, failed = passed + equal, failed + (not equal)
                print("ok    " if equal else "FAILED", repr(prompt), our_calls, "" if equal else f"for {their_calls}; text {our_text!r} for {their_text!r}",
                      flush=True)
    finally:
        process.terminate()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())
