#!/usr/bin/env python3
"""Plays the trace of a coding agent against a server with Anthropic's interface, and prints for every turn how many tokens the
prompt had, how many of them were reused, and the time to the first token.

    bench/agent_trace.py --name NAME -- COMMAND...     starts the server (its port as {port}) and plays
    bench/agent_trace.py --name NAME --url URL         plays against one that runs

The trace is made by rule: the same for every server. Each turn the agent resends everything: a system prompt whose first line
changes (x-anthropic-billing-header), tools, all answers so far as a client prints them again (calls of tools with their keys
sorted), results of tools that make the prompt grow to about --tokens. Every tenth turn an older result is edited; --restart N
starts the server anew before turn N. An answer is what the server said, so its later rendering is put to the test.

A full evaluation is a turn that reuses less than nine tenths of what stands before its first change. Exit status 1: there was
one.
"""
import argparse
import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

WORDS = ("buffer index token table parse node value count length offset reader writer state error result line block page cache "
         "key list entry header field frame queue order next first last size limit check open close read write").split()
TOOLS = [{"name": "read_file", "description": "Reads a file of the project.",
          "input_schema": {"type": "object", "properties": {"path": {"type": "string"}, "from_line": {"type": "integer"}},
                           "required": ["path"]}},
         {"name": "edit_file", "description": "Replaces a text in a file.",
          "input_schema": {"type": "object", "properties": {"path": {"type": "string"}, "old": {"type": "string"},
                                                            "new": {"type": "string"}}, "required": ["path", "old", "new"]}}]


def code(r, lines):
    """Something that looks like a source file."""
    out = []
    for _ in range(lines):
        a, b, c = r.choice(WORDS), r.choice(WORDS), r.choice(WORDS)
        out.append(r.choice((f"int {a}_{b}(struct {c} *{c[0]}, int {a});", f"    if ({a}->{b} > {r.randrange(999)}) return {c};",
                             f"    {a}->{b} = {c}[{r.randrange(64)}];", f"/* The {a} of a {b}, without {c}. */", "}")))
    return "\n".join(out)


def text_of(content):
    return json.dumps(content, sort_keys=True)


class Agent:
    """What the client knows: messages, and where the last change lies."""

    def __init__(self, turns, tokens, seed):
        self.r = random.Random(seed)
        self.turns, self.lines = turns, max(4, tokens // turns // 13)
        self.head = "You are a coding agent. Work in small steps.\n" + code(random.Random(seed + 1), 30)
        self.messages = []
        self.calls = 0

    def system(self):
        bill = "x-anthropic-billing-header: cc_version=2.1.9; cch=%08x;\n" % self.r.randrange(1 << 32)
        return [{"type": "text", "text": bill + self.head, "cache_control": {"type": "ephemeral"}}]

    def ask(self, turn):
        """The next message of the user; returns the share of the conversation that stands before the first change."""
        before, change = len(text_of(self.messages)), None
        last = self.messages[-1]["content"] if self.messages else []
        results = [{"type": "tool_result", "tool_use_id": b["id"], "content": code(self.r, self.lines)}
                   for b in last if b["type"] == "tool_use"]
        if not results:
            results = [{"type": "text", "text": f"Look at part {turn} and name one function in it.\n" + code(self.r, self.lines)}]
        if turn % 10 == 9:
            change = 2 * (len(self.messages) // 4)
            for b in self.messages[change]["content"]:
                b["content" if b["type"] == "tool_result" else "text"] = "(this result was taken away to save room)"
        for m in self.messages:
            for b in m["content"]:
                b.pop("cache_control", None)
        results[-1]["cache_control"] = {"type": "ephemeral"}
        self.messages.append({"role": "user", "content": results})
        return 1.0 if change is None else len(text_of(self.messages[:change])) / max(1, before)

    def take(self, blocks):
        """The answer, as a client keeps it: calls are parsed, and will be printed again with sorted keys."""
        self.messages.append({"role": "assistant", "content": json.loads(text_of(blocks or [{"type": "text", "text": "."}]))})


class Turn:
    """One streamed request."""

    def __init__(self, url, body, headers):
        u = urllib.parse.urlsplit(url)
        self.blocks, self.first, self.usage = [], None, {}
        begin = time.monotonic()
        c = http.client.HTTPConnection(u.hostname, u.port, timeout=3600)
        c.request("POST", "/v1/messages", json.dumps(body), {"Content-Type": "application/json", **headers})
        answer = c.getresponse()
        if answer.status != 200:
            raise SystemExit(f"status {answer.status}: {answer.read()[:500]}")
        for line in answer:
            if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
                self.event(json.loads(line[6:]), begin)
        self.all = time.monotonic() - begin
        c.close()

    def event(self, ev, begin):
        kind = ev.get("type")
        if kind == "message_start":
            self.usage.update(ev["message"]["usage"])
        elif kind == "message_delta":
            self.usage.update({k: v for k, v in ev.get("usage", {}).items() if v is not None})
        elif kind == "content_block_start":
            self.first = self.first or time.monotonic() - begin
            self.blocks.append(dict(ev["content_block"], **({"input": ""} if ev["content_block"]["type"] == "tool_use" else {})))
        elif kind == "content_block_delta":
            d, b = ev["delta"], self.blocks[-1]
            self.first = self.first or time.monotonic() - begin
            if d["type"] == "text_delta":
                b["text"] += d["text"]
            elif d["type"] == "input_json_delta":
                b["input"] += d["partial_json"]
        elif kind == "error":
            raise SystemExit(f"error: {ev}")

    def answer(self):
        out = []
        for b in self.blocks:
            if b["type"] == "text" and b["text"]:
                out.append({"type": "text", "text": b["text"]})
            elif b["type"] == "tool_use":
                try:
                    out.append({"type": "tool_use", "id": b["id"], "name": b["name"], "input": json.loads(b["input"] or "{}")})
                except ValueError:
                    out.append({"type": "text", "text": b["input"]})
        return out


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, command, url):
        self.command, self.url, self.process = command, url, None
        self.port = free_port() if command else None

    def start(self):
        if not self.command:
            return
        self.url = f"http://127.0.0.1:{self.port}"
        words = [w.replace("{port}", str(self.port)) for w in self.command]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1200):
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                c.request("GET", "/health")
                if c.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise SystemExit(f"{words[0]} ended with {self.process.returncode}")
            time.sleep(0.1)
        raise SystemExit("the server does not become ready")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


def play(a):
    agent, server, full, rows = Agent(a.turns, a.tokens, a.seed), Server(a.command, a.url), 0, []
    server.start()
    previous = rate = 0
    print(f"{a.name}: turn, prompt, reused, new, first token s, of them for new tokens s, note")
    for turn in range(a.turns):
        if turn and turn == a.restart:
            time.sleep(a.settle)
            server.stop()
            server.start()
        share = agent.ask(turn)
        body = {"model": a.model, "max_tokens": a.answer, "temperature": 0, "stream": True, "system": agent.system(),
                "tools": TOOLS, "messages": agent.messages}
        t = Turn(server.url, body, {"x-api-key": a.key} if a.key else {})
        agent.take(t.answer())
        cached = t.usage.get("cache_read_input_tokens") or 0
        new = t.usage.get("input_tokens") or 0
        prompt = cached + new
        is_full = turn > 0 and cached < 0.9 * previous * min(share, 1.0) - 64
        full += is_full
        if turn == 0:
            rate = t.first / max(1, new)
        notes = [n for n, yes in (("edited", share < 1), ("restarted", turn and turn == a.restart), ("FULL", is_full),
                                  ("call", any(b["type"] == "tool_use" for b in t.blocks))) if yes]
        print(f"{turn:3} {prompt:6} {cached:6} {new:6} {t.first or t.all:8.3f} {rate * new:8.3f}  {' '.join(notes)}", flush=True)
        rows.append((prompt, cached, t.first or t.all))
        previous = prompt
    server.stop()
    print(f"{a.name}: {full} full evaluations; {sum(r[0] - r[1] for r in rows)} of {sum(r[0] for r in rows)} tokens evaluated; "
          f"first tokens together {sum(r[2] for r in rows):.1f} s, worst {max(r[2] for r in rows):.3f} s")
    return 1 if full else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--name", default="server")
    p.add_argument("--url", help="of a server that runs")
    p.add_argument("--model", default="model", help="its name, as requests call it")
    p.add_argument("--key")
    p.add_argument("--turns", type=int, default=50)
    p.add_argument("--tokens", type=int, default=30000, help="of the last prompt, about")
    p.add_argument("--answer", type=int, default=48, help="most tokens of an answer")
    p.add_argument("--restart", type=int, default=0, help="the server is started anew before this turn")
    p.add_argument("--settle", type=float, default=1, help="seconds before that")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("command", nargs="*", help="the server, {port} in it")
    a = p.parse_args()
    if not a.url and not a.command:
        p.error("a server is needed: --url, or a command")
    return play(a)


if __name__ == "__main__":
    sys.exit(main())
