"""Constrained decoding against the package "jsonschema": 65-schemas.sh tells what is compared.

schemas.py PROGRAM MODEL...            walks over the vocabulary of each model, the first with all schemas, the others with every fifth;
                                       then every fifth schema is asked of the server with the first, and all of them with the second
schemas.py --serve PROGRAM N MODEL...  only the server, with N schemas and each model"""
import concurrent.futures
import decimal
import json
import os
import random
import re
import subprocess
import sys
import urllib.error
import urllib.request

import jsonschema

decimal.getcontext().prec = 100
PROGRAM = "build/release/tests/check_grammar_tokens"
MADE, WALKS, CHANGES = 470, 6, 12
passed = failed = 0


def check(good, what):
    global passed, failed
    if good:
        passed += 1
        return
    failed += 1
    if failed <= 40:
        print("FAILED:", what if len(what) < 900 else what[:400] + " ... " + what[-400:], file=sys.stderr)


# ---- schemas ----

PATTERNS = ["^[a-z]{2,5}$", "^[A-Z]{3}-[0-9]{2,4}$", "a+b?", "^x|y$", "^(foo|bar|ba[zr])+$", "[0-9]", "^\\w+\\s\\d*$", "^[^\"\\\\]{0,6}$",
            "^.{1,4}$", "\\.[a-z]+$", "^(a|ab)(c|bcd)$", "^[\\u00e0-\\u00ff]+$", "^\\$\\d+\\.\\d{2}$"]
FORMATS = ["date", "time", "date-time", "email", "hostname", "ipv4", "ipv6", "uuid"]
WORDS = ["name", "id", "a", "b", "key with \"marks\"", "é", "x-1", "x-2", "value", "n"]


class Maker:
    """Random schemas. exact: the grammar is to accept all that is valid (written plainly and in order)."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.exact = True
        self.defs = {}

    def maybe(self, p=0.5):
        return self.r.random() < p

    def string(self):
        s = {"type": "string"}
        kind = self.r.randrange(6)
        if kind == 0:
            s["pattern"] = self.r.choice(PATTERNS)
            if "\\w" in s["pattern"] or "\\d" in s["pattern"] or "." in s["pattern"]:
                self.exact = False
        if kind == 1:
            s["format"] = self.r.choice(FORMATS)
            self.exact = False
        if kind in (2, 3):
            low = self.r.randrange(5)
            if self.maybe():
                s["minLength"] = low
            if self.maybe():
                s["maxLength"] = low + self.r.choice([0, 1, 3, 30, 200])
        return s

    def number(self):
        s = {"type": self.r.choice(["integer", "number"])}
        low = self.r.choice([-1000, -17, -1, 0, 0, 3, 12, 99, 1000000])
        width = self.r.choice([0, 1, 9, 10, 57, 1000, 123456])
        if s["type"] == "number":
            low = decimal.Decimal(low) + decimal.Decimal(self.r.choice(["0", "0.5", "-0.25", "0.001", "0.999"]))
            width = decimal.Decimal(width) + decimal.Decimal(self.r.choice(["0", "0.5", "0.01"]))
        if self.maybe():
            s[self.r.choice(["minimum", "exclusiveMinimum"])] = low
        if self.maybe():
            s[self.r.choice(["maximum", "exclusiveMaximum"])] = low + width + 1
        if self.maybe(0.2):
            s["multipleOf"] = self.r.choice([1, 2, 3, 5, 7, 10, 60] if s["type"] == "integer" else
                                            [decimal.Decimal(x) for x in ("0.01", "0.5", "0.25", "1.5", "3")])
        return s

    def array(self, depth):
        s = {"type": "array"}
        if self.maybe(0.3):
            s["prefixItems"] = [self.any(depth - 1) for _ in range(self.r.randrange(1, 4))]
        s["items"] = False if "prefixItems" in s and self.maybe(0.3) else self.any(depth - 1)
        if self.maybe(0.4):
            s["minItems"] = self.r.randrange(3)
        if self.maybe(0.6):
            s["maxItems"] = s.get("minItems", 0) + self.r.randrange(4)
        if s["items"] is False and s.get("minItems", 0) > len(s["prefixItems"]):
            s["minItems"] = 0
        return s

    def object(self, depth):
        s = {"type": "object"}
        names = self.r.sample(WORDS, self.r.randrange(5))
        if names or self.maybe():
            s["properties"] = {n: self.any(depth - 1) for n in names}
            s["required"] = [n for n in names if self.maybe(0.6)]
        s["additionalProperties"] = False if self.maybe(0.6) else self.any(depth - 1)
        if self.maybe(0.15):
            s["patternProperties"] = {"^x-": self.any(depth - 1)}
        if self.maybe(0.15):
            s["propertyNames"] = {"maxLength": 20}
        if self.maybe(0.2):
            s["maxProperties"] = len(s.get("required", [])) + self.r.randrange(1, 3)
        if self.maybe(0.2) and (s["additionalProperties"] is not False or names):
            s["minProperties"] = 1
        return s

    def any(self, depth):
        kind = self.r.randrange(12 if depth > 0 else 7)
        if kind < 2:
            return self.string()
        if kind < 4:
            return self.number()
        if kind == 4:
            return {"type": self.r.choice(["boolean", "null"])}
        if kind == 5:
            return {"enum": self.r.sample(["red", "gre\"en", "", 1, 2, -7, True, None, [1, "a"], {"k": "v"}], self.r.randrange(1, 5))}
        if kind == 6:
            return {"type": self.r.sample(["string", "integer", "null", "boolean"], self.r.randrange(1, 4))}
        if kind < 9:
            return self.object(depth)
        if kind == 9:
            return self.array(depth)
        if kind == 10:
            return {"anyOf": [self.any(depth - 1) for _ in range(self.r.randrange(1, 4))]}
        return self.logic(depth)

    def logic(self, depth):
        kind = self.r.randrange(4)
        if kind == 0:
            low = self.number()
            low["type"] = "integer"
            low.pop("multipleOf", None)
            return {"allOf": [low, {"maximum": 2000000}]}
        if kind == 1:
            self.defs["d"] = {"type": "object", "properties": {"v": self.string(), "next": {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]}},
                              "required": ["v", "next"], "additionalProperties": False}
            return {"$ref": "#/$defs/d"}
        if kind == 2:
            return {"oneOf": [{"type": "object", "properties": {"kind": {"const": k}, "of": self.any(depth - 1)}, "required": ["kind", "of"],
                               "additionalProperties": False} for k in "abc"[:self.r.randrange(2, 4)]] + [{"type": "null"}]}
        return {"type": "object", "properties": {"p": self.string(), "q": self.number()}, "additionalProperties": False,
                "anyOf": [{"required": ["p"]}, {"required": ["q"]}]}


COLLECTED = [
    {"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "object", "properties": {
        "explanation": {"type": "string"}, "output": {"type": "string"}}, "required": ["explanation", "output"], "additionalProperties": False}},
        "final_answer": {"type": "string"}}, "required": ["steps", "final_answer"], "additionalProperties": False},
    {"$defs": {"Address": {"title": "Address", "type": "object", "properties": {"street": {"title": "Street", "type": "string"}, "zip": {
        "anyOf": [{"type": "string", "pattern": "^[0-9]{5}$"}, {"type": "null"}], "default": None, "title": "Zip"}}, "required": ["street"]}},
     "title": "User", "type": "object", "properties": {"name": {"title": "Name", "type": "string"}, "home": {"$ref": "#/$defs/Address"}},
     "required": ["name", "home"]},
    {"type": "object", "properties": {"type": {"type": "string", "enum": ["div", "button", "field"]}, "label": {"type": "string"}, "children": {
        "type": "array", "items": {"$ref": "#"}}, "attributes": {"type": "array", "items": {"type": "object", "properties": {
            "name": {"type": "string"}, "value": {"type": "string"}}, "additionalProperties": False, "required": ["name", "value"]}}},
     "required": ["type", "label", "children", "attributes"], "additionalProperties": False},
    {"type": "object", "properties": {"location": {"type": "string", "description": "City"}, "unit": {"type": ["string", "null"], "enum": ["C", "F", None]}},
     "required": ["location", "unit"], "additionalProperties": False},
    {"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}], "discriminator": {"propertyName": "kind"}, "$defs": {
        "cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["kind"]},
        "dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "breed": {"type": "string", "maxLength": 20}}, "required": ["kind"]}}},
    {"type": "array", "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}, "minItems": 1},
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
    {"type": "object", "properties": {"start": {"type": "string", "format": "date"}, "at": {"type": "string", "format": "time"},
                                      "stamp": {"type": "string", "format": "date-time"}}, "required": ["start", "at", "stamp"]},
    {"type": "object", "properties": {"host": {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"},
                                                         {"type": "string", "format": "hostname"}]}, "port": {"type": "integer", "minimum": 1, "maximum": 65535}},
     "required": ["host", "port"]},
    {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"pos": {"type": "number", "exclusiveMinimum": 0}}, "type": "object",
     "properties": {"price": {"$ref": "#/definitions/pos"}, "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 5}},
     "required": ["price"], "additionalProperties": False},
    {"type": "object", "properties": {"rating": {"type": "number", "minimum": 0, "maximum": 5, "multipleOf": decimal.Decimal("0.5")},
                                      "review": {"type": "string", "minLength": 10, "maxLength": 400}}, "required": ["rating", "review"]},
    {"$ref": "#/$defs/expr", "$defs": {"expr": {"anyOf": [{"type": "number"}, {"type": "object", "properties": {
        "op": {"enum": ["+", "-", "*"]}, "left": {"$ref": "#/$defs/expr"}, "right": {"$ref": "#/$defs/expr"}}, "required": ["op", "left", "right"],
        "additionalProperties": False}]}}},
    {"type": ["object", "array", "string", "number", "boolean", "null"]},
    {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}, "email": {"type": "string", "format": "email"}}, "required": ["id", "email"]},
    {"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"extra": {"type": "boolean"}}, "required": ["extra"]}], "$defs": {
        "base": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}}},
    {"type": "string", "enum": ["positive", "negative", "neutral"]},
    {"type": "object", "properties": {"path": {"type": "string", "pattern": "^(/[^/]+)+$"}, "mode": {"type": "string", "pattern": "^0[0-7]{3}$"}},
     "required": ["path", "mode"]},
    {"type": "object", "patternProperties": {"^[a-z]+$": {"type": "integer"}, "^[A-Z]+$": {"type": "string"}}, "additionalProperties": False},
    {"type": "object", "minProperties": 2, "maxProperties": 3, "properties": {k: {"type": "integer"} for k in "abcd"}, "additionalProperties": False},
    {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer", "default": 10}, "filters": {
        "type": "object", "additionalProperties": {"type": "string"}}}, "required": ["query"]},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "items": {"type": "boolean"}, "minItems": 3, "maxItems": 5},
    {"type": "integer", "minimum": -9223372036854775807, "maximum": 9223372036854775807},
    {"const": {"version": 1, "ok": True, "list": [1, 2, {"deep": None}]}},
    {"type": "object", "properties": {"command": {"type": "string"}, "args": {"type": "array", "items": {"type": "string"}}, "cwd": {"type": "string"},
                                      "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000}}, "required": ["command"], "additionalProperties": False},
    {"type": "object", "properties": {"file": {"type": "string"}, "edits": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {
        "old": {"type": "string"}, "new": {"type": "string"}, "all": {"type": "boolean"}}, "required": ["old", "new"], "additionalProperties": False}}},
     "required": ["file", "edits"], "additionalProperties": False},
    {"type": "object", "properties": {"entities": {"type": "array", "items": {"anyOf": [
        {"type": "object", "properties": {"person": {"type": "string"}}, "required": ["person"], "additionalProperties": False},
        {"type": "object", "properties": {"place": {"type": "string"}, "lat": {"type": "number", "minimum": -90, "maximum": 90}}, "required": ["place"],
         "additionalProperties": False}]}}}, "required": ["entities"], "additionalProperties": False},
    {"type": "string", "minLength": 3, "maxLength": 3},
    {"type": "string", "maxLength": 5000},
    {"type": "object", "propertyNames": {"pattern": "^[a-z_]{1,12}$"}, "additionalProperties": {"type": "boolean"}},
    {"anyOf": [{"type": "string", "const": "auto"}, {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}]},
]


def plain(v):
    """JSON with decimals as they are."""
    if isinstance(v, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + plain(x) for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(plain, v)) + "]"
    return format(v, "f") if isinstance(v, decimal.Decimal) else json.dumps(v, ensure_ascii=False)


def read(text):
    return json.loads(text, parse_float=decimal.Decimal)


# ---- documents ----

def change(r, v):
    """v with something in it changed."""
    if isinstance(v, dict) and v and r.random() < 0.7:
        k = r.choice(list(v))
        if r.random() < 0.3:
            return {x: y for x, y in v.items() if x != k}
        if r.random() < 0.15:
            return {**v, r.choice(WORDS): r.choice([1, "a", None])}
        return {x: change(r, y) if x == k else y for x, y in v.items()}
    if isinstance(v, list) and v and r.random() < 0.7:
        i = r.randrange(len(v))
        return r.choice([v[:i] + v[i + 1:], v + [v[i]], v[:i] + [change(r, v[i])] + v[i + 1:]])
    if isinstance(v, str):
        return r.choice([v[:-1], v + r.choice("azAZ09é\"\n "), v[::-1], "", "foo", "abc", 1, None, "ABC-123", "x", "aab"])
    if isinstance(v, (int, decimal.Decimal)) and not isinstance(v, bool):
        return r.choice([v + 1, v - 1, v * 2, -v, 0, 7, decimal.Decimal(v) + decimal.Decimal("0.5"), "1", 1000, v // 10 if isinstance(v, int) else v])
    return r.choice([1, 0, -1, "a", None, True, False, [], {}, "red", 12, decimal.Decimal("0.5")])


def is_plain(v):
    """Written in the way that grammars write: short numbers, members in an order that is looked at elsewhere."""
    if isinstance(v, dict):
        return all(map(is_plain, v.values())) and "\0" not in "".join(v)
    if isinstance(v, list):
        return all(map(is_plain, v))
    if isinstance(v, decimal.Decimal):
        return v == v.quantize(decimal.Decimal("0.000001")) and v != v.to_integral_value() and abs(v) < 10**12
    if isinstance(v, str):
        return not v.endswith("\n")  # before which $ matches, too, in Python
    return not isinstance(v, int) or abs(v) < 10**12


def in_order(schema, v):
    """Members come as the grammar wants them, wherever that can be seen without following logic."""
    text = json.dumps(schema, default=str)
    if isinstance(v, dict) and isinstance(schema, dict):
        names = list(schema.get("properties", {}))
        at = [names.index(k) if k in names else len(names) for k in v]
        return at == sorted(at) and all(in_order(schema.get("properties", {}).get(k, schema.get("additionalProperties")), x) for k, x in v.items())
    if isinstance(v, list) and isinstance(schema, dict):
        first = schema.get("prefixItems", [])
        return all(in_order(first[i] if i < len(first) else schema.get("items"), x) for i, x in enumerate(v))
    return "anyOf" not in text and "oneOf" not in text and "allOf" not in text and "$ref" not in text or not isinstance(v, (dict, list))


class Program:
    def __init__(self, model):
        self.p = subprocess.Popen([PROGRAM, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, schema, walks, texts):
        self.p.stdin.write('{"schema":%s,"walks":%d,"texts":%s}\n' % (plain(schema), walks, json.dumps(texts, ensure_ascii=False)))
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        return json.loads(line) if line else {"error": "the program ended"}


def is_valid(validator, text):
    try:
        return validator.is_valid(read(text))
    except (json.JSONDecodeError, decimal.InvalidOperation):
        return False


def run(model, schemas):
    program, r, count = Program(model), random.Random(7), dict.fromkeys(["texts", "cut", "changed", "both ways", "refused"], 0)
    for number, (schema, exact) in enumerate(schemas):
        validator = jsonschema.Draft202012Validator(read(plain(schema)), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        got = program.ask(schema, WALKS, [])
        if "error" in got:
            count["refused"] += 1
            known = "contradicts" in got["error"] or "keywords that look into it" in got["error"]
            check(known and count["refused"] <= len(schemas) // 40, f"schema {number} {plain(schema)}: {got['error']}")
            continue
        count["texts"] += len(got["texts"])
        count["cut"] += got["cut"]
        for text in got["texts"]:
            check(is_valid(validator, text), f"schema {number} {plain(schema)}: invalid: {text}")
        values = [read(t) for t in got["texts"] if len(t) < 2000]
        changed = []
        for _ in range(CHANGES if values else 0):
            v = r.choice(values)
            for _ in range(r.randrange(1, 3)):
                v = change(r, v)
            changed.append(v)
        texts = [plain(v) for v in changed]
        matches = program.ask(schema, 0, texts)["matches"]
        for v, text, m in zip(changed, texts, matches):
            valid = is_valid(validator, text)
            count["changed"] += 1
            check(valid or not m, f"schema {number} {plain(schema)}: matches and is invalid: {text}")
            if exact and is_plain(v) and in_order(schema, v):
                count["both ways"] += 1
                check(m or not valid, f"schema {number} {plain(schema)}: valid and refused: {text}")
    print(f"{model}: {len(schemas)} schemas:", ", ".join(f"{n} {what}" for what, n in count.items()), file=sys.stderr)
    program.p.stdin.close()
    program.p.wait()


# ---- the server ----

PROMPTS = ["Answer as JSON: tell me about a town.", "Give me an example.", "Fill in the form for a person you know.", "Be brief."]
TOKENS = 160


def request(base, number, schema):
    """The body of the answer, or None and the error."""
    body = {"messages": [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}], "temperature": 1, "seed": number, "max_tokens": TOKENS}
    text = plain(body)
    if schema is not None:
        text = text[:-1] + ',"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":' + plain(schema) + "}}}"
    r = urllib.request.Request(base + "/v1/chat/completions", text.encode(), {"Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(r, timeout=600)), None
    except urllib.error.HTTPError as e:
        return None, e.read().decode()


def processor_time(pid):
    """Seconds of a process and those that it started."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    family, seconds = {pid}, 0
    for line in listed.splitlines():
        one, parent = map(int, line.split())
        if parent in family:
            family.add(one)
    for one in family:
        with open(f"/proc/{one}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        seconds += int(fields[11]) + int(fields[12])
    return seconds / os.sysconf("SC_CLK_TCK")


def speed(pid, base, schema, n):
    """Milliseconds of processor time a token, over n answers one after another: other programs do not count."""
    start, tokens = processor_time(pid), 0
    for i in range(n):
        answer, error = request(base, i, schema)
        check(answer is not None, f"{error}")
        tokens += answer["usage"]["completion_tokens"] if answer else 0
    return 1000 * (processor_time(pid) - start) / max(tokens, 1)


def serve(program, model, schemas):
    server = subprocess.Popen([program, "serve", model, "--port", "0", "-c", "1024", "-q", "-t", "1"], stderr=subprocess.PIPE, text=True)
    base = None
    for line in server.stderr:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        base = found.group() if found else base
        if "loaded" in line:
            break
        if "http://" not in line and "offers" not in line:
            check(False, line)
            server.terminate()
            return
    done, cut, refused = 0, 0, 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda x: request(base, x[0], x[1][0]), enumerate(schemas)))
    for number, ((schema, _), (answer, error)) in enumerate(zip(schemas, answers)):
        if answer is None:
            refused += 1
            check(("contradicts" in error or "keywords that look into it" in error) and refused <= 1 + len(schemas) // 40,
                  f"schema {number} {plain(schema)}: {error}")
            continue
        choice = answer["choices"][0]
        if choice["finish_reason"] == "length":
            cut += 1
            continue
        done += 1
        validator = jsonschema.Draft202012Validator(read(plain(schema)), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        check(is_valid(validator, choice["message"]["content"]), f"schema {number} {plain(schema)}: invalid: {choice['message']['content']}")
    # Any text as one JSON string costs as many tokens as text without a grammar.
    text = {"type": "string", "minLength": 4 * TOKENS}
    speed(server.pid, base, text, 1)
    turns = [(speed(server.pid, base, None, 3), speed(server.pid, base, text, 3)) for _ in range(5)]
    free, held = (sorted(x)[len(turns) // 2] for x in zip(*turns))
    print(f"{model}: served {len(schemas)} schemas: {done} answers ended, {cut} cut, {refused} refused; "
          f"processor time {free:.2f} ms a token, with a schema {held:.2f} ({100 * (held / free - 1):+.1f} %)", file=sys.stderr)
    server.terminate()
    for _ in server.stderr:
        pass
    server.wait()


def main():
    schemas = [(s, False) for s in COLLECTED]
    for seed in range(MADE):
        maker = Maker(seed)
        s = maker.any(3)
        if maker.defs:
            s = {**s, "$defs": maker.defs}
        schemas.append((s, maker.exact))
    if sys.argv[1:2] == ["--serve"]:
        step = max(1, len(schemas) // int(sys.argv[3]))
        for model in sys.argv[4:]:
            serve(sys.argv[2], model, schemas[::step])
    else:
        for i, model in enumerate(sys.argv[2:]):
            run(model, schemas if i == 0 else schemas[::5])
        for i, model in enumerate(sys.argv[2:4]):
            serve(sys.argv[1], model, schemas[::5] if i == 0 else schemas)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


main()
