#!/usr/bin/env python3
"""Renders every template of folders or files over many conversations in Python (jinja2 as transformers sets it up) and
with this program, and compares them to the byte. Both failing counts as equal.

    tools/template_parity.py [-v] PATH...       PATH: a folder with *.jinja, or a file

Needs jinja2 and build/release/tests/check_template (make tests)."""
import datetime
import json
import os
import subprocess
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DRIVER = os.path.join(ROOT, "build/release/tests/check_template")
NOW = datetime.datetime(2024, 7, 26, 13, 5, 9)


class Raised(jinja2.exceptions.TemplateError):
    pass


class Generation(jinja2.ext.Extension):
    """{% generation %}, a call block as in transformers."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_generation"), [], [], body).set_lineno(lineno)

    @jinja2.pass_eval_context
    def _generation(self, context, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise Raised(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


# ---- conversations ----

def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, number=0):
    return {"id": "call%05d" % number, "type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a place.\nToday's.",
    "parameters": {"type": "object", "properties": {
        "place": {"type": "string", "description": "A town <&> \"quoted\""},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}}, "required": ["place"]}}}
NESTED = {"type": "function", "function": {
    "name": "plan", "description": "Pl\u00e4ne \u4e2d\u6587",
    "parameters": {"type": "object", "properties": {
        "steps": {"type": "array", "items": {"type": "object", "properties": {
            "name": {"type": "string"}, "weight": {"type": "number", "minimum": 0.5, "maximum": 1e20}}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "flag": {"type": "boolean", "nullable": True},
        "either": {"oneOf": [{"type": "string", "description": "a"}, {"type": "integer", "default": 3}]},
        "any": {"type": ["string", "null"]}}, "required": ["steps", "flag"]},
    "return": {"type": "string", "description": "the plan"}}}
BARE = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {
    "type": "object", "properties": {}, "required": []}}}
SWITCHES = [{"enable_thinking": True}, {"enable_thinking": False}, {"thinking": True}, {"thinking": False},
            {"reasoning_effort": "low"}, {"reasoning_effort": "high"}, {"reasoning_effort": "none"},
            {"date_string": "26 Jul 2024"}, {"tools_in_user_message": False}, {"tools_in_user_message": True},
            {"builtin_tools": ["wolfram_alpha", "code_interpreter"]}, {"add_bos": True}, {"custom_tools": [WEATHER]},
            {"keep_past_thinking": True}, {"preserve_thinking": True}, {"clear_thinking": False}, {"xml_tools": ["<a>"]},
            {"python_tools": ["f()"]}, {"documents": [{"title": "T", "text": "D \u00e9", "contents": "c"}]},
            {"reasoning": True}, {"citation_options": "accurate"}, {"skip_think": True}, {"model_identity": "You are X."},
            {"add_vision_id": True}, {"thinking_mode": "on"}, {"enable_citations": True}, {"truncate_history_thinking": False}]


def bodies():
    """Lists of messages, tools or None."""
    system, user, answer = message("system", "Be brief."), message("user", "Hello?"), message("assistant", "Hi.")
    again = message("user", "And then?")
    yield [user], None
    yield [system, user], None
    yield [message("developer", "Be good."), user], None
    yield [system, message("developer", "Be good."), user], None
    yield [user, answer, again], None
    yield [system, user, answer, again, answer, message("user", "End.")], None
    yield [user, answer], None
    yield [system], None
    yield [], None
    yield [message("user", "")], None
    yield [message("system", ""), message("user", ""), message("assistant", ""), message("user", "")], None
    yield [message("user", "\u4f60\u597d \U0001f600 \u00e9\u0301 \u200d \u0130\u00df")], None
    yield [message("user", "  leading and trailing \n\n")], None
    yield [message("system", " s \n"), message("user", "\tu\n"), message("assistant", " a \n"), message("user", "\n")], None
    yield [user, message("assistant", None), again], None
    yield [message("user", [{"type": "text", "text": "Part one."}, {"type": "text", "text": " Part two."}])], None
    yield [message("system", [{"type": "text", "text": "System part."}]), user], None
    yield [user, message("assistant", [{"type": "text", "text": "Answer part."}]), again], None
    yield [message("user", [{"type": "image"}, {"type": "text", "text": "See."}])], None
    yield [message("user", [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "See."}])], None
    yield [message("user", [])], None
    yield [user, message("assistant", "So.", reasoning_content="I think."), again], None
    yield [user, message("assistant", "So.", reasoning="I think."), again], None
    yield [user, message("assistant", "So.", thinking="I think."), again], None
    yield [user, message("assistant", "<think>\nHm.\n</think>\n\nSo."), again], None
    yield [user, message("assistant", "Hm.</think>So."), again], None
    yield [user, message("assistant", "<think>\nHm.\n</think>\n\nSo.")], None
    yield [user, message("assistant", "[THINK]Hm.[/THINK]So."), again], None
    yield [user, user], None
    yield [answer, user], None
    yield [user, system, again], None
    yield [message("tool", "orphan", tool_call_id="call00000")], None
    yield [message("alien", "?")], None
    yield [{"role": "user"}], None
    yield [message("user", "<|im_end|> [INST] <|eot_id|> {{ x }} {% y %}")], None
    yield [message("user", "'single' \"double\" \\ back / slash \x7f \x1b tab\t")], None
    for arguments in ({"place": "Paris"}, "{\"place\": \"Paris\"}", {}, {"n": 1, "x": 1.5, "l": [1, "a", None, True], "d": {"k": "v"}},
                      {"text": "line\nbreak \u00e9 \"q\" <tag> & '", "empty": ""}):
        yield [user, message("assistant", "", tool_calls=[call("get_weather", arguments)]),
               message("tool", "{\"t\": 20}", tool_call_id="call00000", name="get_weather"), message("assistant", "Warm."), again], [WEATHER]
    two = [call("get_weather", {"place": "Rome"}, 1), call("plan", {"steps": [{"name": "a", "weight": 0.1}]}, 2)]
    results = [message("tool", "hot", tool_call_id="call00001", name="get_weather"),
               message("tool", "done", tool_call_id="call00002", name="plan")]
    yield [system, user, message("assistant", None, tool_calls=two)] + results, [WEATHER, NESTED]
    yield [system, user, message("assistant", "Let me see.", tool_calls=two)] + results + [message("assistant", "Well."), again], [WEATHER, NESTED, BARE]
    yield [user, message("assistant", "x", tool_calls=two[:1], reasoning_content="Need it.")] + results[:1], [NESTED]
    yield [user, {"role": "assistant", "tool_calls": two[:1]}] + results[:1] + [answer, again], [WEATHER]
    yield [user, message("assistant", "", tool_calls=two[:1]), message("tool", {"t": 20, "ok": True}, tool_call_id="call00001")], [WEATHER]
    yield [user, message("assistant", "", tool_calls=two[:1]),
           message("tool", [{"type": "text", "text": "hot"}], tool_call_id="call00001")], [WEATHER]
    yield [user, message("assistant", "", tool_calls=two[:1])], [WEATHER]
    yield [user, message("assistant", "", tool_calls=[{"type": "function", "function": {"name": "f", "arguments": "not json"}}])], [WEATHER]
    yield [user, message("assistant", "", tool_calls=[{"id": "abc", "type": "function", "function": {"name": "f", "arguments": {}}}])], [WEATHER]
    yield [user, message("assistant", "", tool_calls=[{"name": "get_weather", "arguments": {"place": "Oslo"}}])], [WEATHER]
    yield [system, user], [WEATHER]
    yield [user], [WEATHER, NESTED, BARE]
    yield [user], [NESTED]
    yield [system, user, answer, again], [BARE]
    yield [user], [{"name": "flat", "description": "Not wrapped.", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}]
    yield [user], [{"type": "function", "function": {"name": "poor"}}]
    yield [user], []
    yield [message("user", "long " * 200), message("assistant", "word " * 100), message("user", "a\nb\r\nc\x0bd\u2028e")], None
    yield [user, message("assistant", "Begun", prefix=True)], None
    yield [user, {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}}], None
    yield [message("user", "q"), message("assistant", {"blocks": [{"type": "thoughts", "text": "t"}, {"type": "response", "text": "r"}]})], None


def conversations():
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    plain = list(bodies())
    for messages, tools in plain:
        for prompt in (True, False):
            v = {"messages": messages, "add_generation_prompt": prompt, **special}
            if tools is not None:
                v["tools"] = tools
            yield v
    for switch in SWITCHES:
        for messages, tools in (plain[1], plain[5], plain[21], plain[24], plain[36], plain[42], plain[43], plain[52]):
            yield {"messages": messages, "tools": tools, "add_generation_prompt": True, **special, **switch}
    yield {"messages": plain[1][0]}
    yield {}


# ---- comparing ----

def python_results(env, source, lines):
    try:
        template = env.from_string(source)
    except Exception as e:  # noqa: BLE001 - whatever a template does wrong
        return [{"error": repr(e)}] * len(lines)
    out = []
    for line in lines:
        try:
            out.append({"text": template.render(**json.loads(line)).encode().decode()})
        except Exception as e:  # noqa: BLE001
            out.append({"error": "%s: %s" % (type(e).__name__, e)})
    return out


def our_results(path, lines):
    run = subprocess.run([DRIVER, "--render", path], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.split("\n") if line]


def compare(env, path, lines, verbose):
    with open(path, newline="", encoding="utf-8") as f:
        source = f.read()
    theirs, ours = python_results(env, source, lines), our_results(path, lines)
    different = 0
    for i, (a, b) in enumerate(zip(theirs, ours)):
        if a.get("text") == b.get("text"):
            continue
        different += 1
        if verbose or different == 1:
            print("%s, conversation %d\n  python %r\n  ours   %r\n  %s" % (path, i, a, b, lines[i][:400]))
    texts = sum("text" in a for a in theirs)
    print("%-60s %4d texts, %3d errors, %d different" % (os.path.basename(path), texts, len(lines) - texts, different), flush=True)
    return texts, len(lines) - texts, different


def main():
    paths, verbose = sys.argv[1:], False
    if paths and paths[0] == "-v":
        paths, verbose = paths[1:], True
    files = []
    for p in paths:
        files += sorted(os.path.join(p, f) for f in os.listdir(p) if f.endswith(".jinja")) if os.path.isdir(p) else [p]
    if not files:
        sys.exit(__doc__)
    env = environment()
    lines = [json.dumps(v, ensure_ascii=False) for v in conversations()]
    totals = [compare(env, f, lines, verbose) for f in files]
    texts, errors, different = (sum(t[i] for t in totals) for i in range(3))
    print("%d templates, %d conversations: %d texts and %d errors in jinja2, %d different" %
          (len(files), len(lines), texts, errors, different))
    return different > 0


if __name__ == "__main__":
    sys.exit(main())
