#!/usr/bin/env python3
"""Writes tests/fixtures/chat/template.jsonl: small templates, variables, and what jinja2 (as transformers sets it up)
makes of them: {"template", "variables", "text"} or {"template", "variables", "error"}.

    tools/make_template_fixtures.py"""
import json
import os

from template_parity import ROOT, environment

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi \u00e9\u4f60"},
            {"role": "assistant", "content": None, "n": 3, "x": 1.5, "ok": True, "list": [1, "a"], "d": {"k": "v"}}]
V = {"messages": MESSAGES, "s": "Hello World", "e": "", "n": 7, "x": 2.5, "t": True, "none": None, "l": [3, 1, 2],
     "d": {"b": 2, "a": 1, "C": 3}, "words": ["pear", "Apple", "fig"], "u": "\u00dcber \u4f60\u597d \U0001f600", "h": "<a & \"b\" 'c'>",
     "people": [{"name": "Bo", "age": 30, "city": {"name": "X"}}, {"name": "al", "age": 25, "city": {"name": "y"}},
                {"name": "Cy", "age": 30}]}

# Templates, one per line: most need nothing but V.
PLAIN = r'''
{{ 1 + 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }}
{{ 1.5 + 1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1e3 }} {{ 1.0 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }} {{ 'a' in 'abc' }} {{ 2 not in l }} {{ 'b' in d }} {{ not t }}
{{ t and n }} {{ e or 'x' }} {{ n and e }} {{ none or 0 }} {{ 'yes' if t else 'no' }} {{ 'yes' if e }} {{ ('yes' if e) is defined }}
{{ s ~ n ~ none ~ x ~ t ~ l ~ d }}
{{ 'a' 'b' "c" }} {{ "q\"q" }} {{ 'l\nm\t\x41\u00e9\101' }} {{ '\q' }}
{{ s[0] }} {{ s[-1] }} {{ s[2:5] }} {{ s[::-1] }} {{ s[5:2:-1] }} {{ s[:-3] }} {{ u[5:7] }} {{ l[::2] }} {{ l[1:] }} {{ s[99] }}{{ l[9] }}
{{ messages[1].role }} {{ messages[1]['content'] }} {{ messages[2].d.k }} {{ messages.0.role }}
{{ messages }} {{ (1,) }} {{ (1, 2) }} {{ () }} {{ [none, true, 1.5, 'x', "it's", 'a"b', "'\""] }} {{ {'a': [1], 2: 'b'} }}
{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ m.role }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }};{% endfor %}
{% for a, b in d.items() %}{{ a }}={{ b }} {% else %}none{% endfor %}
{% for x in [] %}{{ x }}{% else %}empty{% endfor %}
{% for i in range(10) if i % 2 %}{{ i }}{{ loop.index }}{% if i > 6 %}{% break %}{% endif %}{% endfor %}
{% for i in range(3) %}{% set y = i %}{{ y }}{% endfor %}{{ y is defined }}
{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}
{% if t %}{% set q = 1 %}{% endif %}{{ q }}
{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(1, 3, 4, z=5) }}
{% macro m() %}<{{ caller('x') }}>{% endmacro %}{% call(v) m() %}{{ v }}!{% endcall %}
{{ l|sort|join(',') }} {{ words|sort|join(' ') }} {{ people|map(attribute='name')|list }} {{ s|upper|replace('O', '0') }}
{{ d|tojson }} {{ messages|tojson(indent=2) }} {{ u|tojson(ensure_ascii=true) }} {{ d|dictsort }}
{{ missing }}{{ missing is defined }}{{ missing|default('x') }}{{ missing|length }}
{{ missing.a }}
{{ s + 1 }}
{{ nothing() }}
{{ l.append(1) }}
{{ raise_exception('no') }}
'''


def cases():
    for line in PLAIN.strip("\n").split("\n"):
        yield line, V


def main():
    env = environment()
    path = os.path.join(ROOT, "tests/fixtures/chat/template.jsonl")
    with open(path, "w", encoding="utf-8") as f:
        for source, variables in cases():
            case = {"template": source, "variables": variables}
            try:
                case["text"] = env.from_string(source).render(**variables)
            except Exception as e:  # noqa: BLE001 - whatever a template does wrong
                case["error"] = ""
                print("%s: %s\n    %r" % (type(e).__name__, e, source))
            f.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
