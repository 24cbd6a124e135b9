#!/usr/bin/env python3
"""Writes tests/fixtures/chat/template.jsonl: variables in the first line, then small templates with what jinja2 (as
transformers sets it up) makes of them: {"template", "text"} or {"template", "error"}, the latter with words of our own.

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

# Templates, one per line; variables are V.
PLAIN = r'''
{{ 1 + 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }}
{{ 1.5 + 1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 1e3 }} {{ 1.0 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }}
{{ 1e15 }} {{ 123456789012345680.0 }} {{ 1.5e300 }} {{ 0.0001 }} {{ 0.00001 }} {{ 5e-324 }} {{ 1e22 }} {{ 1.0e+5 }} {{ 3.14E2 }} {{ 1_0.5_0 }}
{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }} {{ true + true }} {{ true * 3 }} {{ -true }} {{ +x }} {{ - n }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }} {{ 'a' in 'abc' }} {{ 2 not in l }} {{ 'b' in d }} {{ not t }} {{ 1 != 2 }} {{ 'a' < 'b' }}
{{ [1, 2] < [1, 3] }} {{ (1, 2) == (1, 2) }} {{ [1] == (1,) }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ none == false }} {{ '' == none }} {{ 1 == '1' }}
{{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }} {{ 1 in [1.0] }} {{ none in [none] }} {{ 'x' in {} }}
{{ t and n }} {{ e or 'x' }} {{ n and e }} {{ none or 0 }} {{ 'yes' if t else 'no' }} {{ 'yes' if e }} {{ ('yes' if e) is defined }}
{{ 1 if t else 2 if e else 3 }} {{ (1 if e else 2) if t else 3 }} {{ not e and not none }} {{ not (t and e) }} {{ not not t }}
{{ s ~ n ~ none ~ x ~ t ~ l ~ d }} {{ 1 ~ 2 * 3 }} {{ 'a' ~ 1 * 2 }}
{{ 'a' 'b' "c" }} {{ "q\"q" }} {{ 'l\nm\t\x41\u00e9\101' }} {{ '\q' }} {{ 'it\'s' }} {{ '\\' }} {{ "\U0001f600" }}
{{ s[0] }} {{ s[-1] }} {{ s[2:5] }} {{ s[::-1] }} {{ s[5:2:-1] }} {{ s[:-3] }} {{ u[5:7] }} {{ l[::2] }} {{ l[1:] }} {{ s[99] }}{{ l[9] }} {{ u[::-1] }} {{ u[::2] }}
{{ l[-2:] }} {{ l[:0] }} {{ l[::-1] }} {{ (1, 2, 3)[1:] }} {{ range(10)[2:8:3] }} {{ range(10)[::-2]|list }} {{ s[3:1] }} {{ s[-99:99] }} {{ s[none:2] }} {{ l[5:] }}
{{ messages[1].role }} {{ messages[1]['content'] }} {{ messages[2].d.k }} {{ messages.0.role }} {{ messages[-1].n }} {{ messages[2]['list'][1] }}
{{ messages }} {{ (1,) }} {{ (1, 2) }} {{ () }} {{ [none, true, 1.5, 'x', "it's", 'a"b', "'\""] }} {{ {'a': [1], 2: 'b'} }} {{ [[], {}, ''] }}
{{ ['\n\t\r\\', '\x00\x1f\x7f', 'é', '\u200b', '\U000e0001', '\xad', '\u3000'] }} {{ {'k': none}.k }} {{ [missing] }}
{{ 1, 2 }} {{ 1, }} {{ [1, 2,] }} {{ {'a': 1,} }} {{ (1) }} {{ {1: 'a', 1.0: 'b', true: 'c'} }}
{{ [1, 2] + [3] }} {{ (1,) + (2,) }} {{ [0] * 3 }} {{ 2 * 'ab' }} {{ 'ab' * 0 }} {{ 'ab' * -1 }} {{ (1, 2) * 2 }} {{ 'a' + 'b' }}
{{ d['b'] }} {{ d.b }} {{ d['zz'] }}{{ d.zz }}{{ d.get('a') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d.keys()|list }} {{ d.values()|list }} {{ d.items()|list }}
{{ d.keys() }} {{ d.values() }} {{ d.items() }} {{ d|length }} {{ d.items()|length }} {{ 'a' in d.keys() }} {{ 1 in d.values() }} {{ d.copy() }}
{{ {'items': 1}['items'] }} {{ {'items': 1}.items is callable }} {{ {'x': {'get': 2}}.x['get'] }} {{ none.x is defined }} {{ n.x is defined }} {{ s.foo is defined }}
{{ l.index(1) }} {{ l.count(3) }} {{ (1, 2, 1).count(1) }} {{ (5, 6).index(6) }} {{ l.copy() }} {{ range(3) }} {{ range(1, 9, 3) }} {{ range(5, 0, -2)|list }} {{ range(0)|list }} {{ range(3).count(1) }} {{ range(2, 9).index(4) }}
{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ m.role }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }}{{ loop.revindex }};{% endfor %}
{% for a, b in d.items() %}{{ a }}={{ b }} {% else %}none{% endfor %}
{% for x in [] %}{{ x }}{% else %}empty{% endfor %}{% for x in missing %}{{ x }}{% else %}undefined{% endfor %}{% for x in {} %}{% else %}d{% endfor %}
{% for i in range(10) if i % 2 %}{{ i }}{{ loop.index }}{% if i > 6 %}{% break %}{% endif %}{% endfor %}
{% for i in range(5) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% else %}E{% endfor %}
{% for i in [1] %}{% break %}{% else %}E{% endfor %}{% for i in [1, 2] %}{% continue %}{% else %}F{% endfor %}{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{% else %}G{% endfor %}
{% for i in range(3) %}{% set y = i %}{{ y }}{% endfor %}{{ y is defined }}
{% set y = 9 %}{% for i in range(3) %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}
{% for i in range(3) %}{{ n }}{% set n = i %}{{ n }};{% endfor %}{{ n }}
{% for i in range(2) %}{% if i == 0 %}{% set n = 'a' %}{% endif %}{{ n }}{% endfor %}
{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }} {{ ns }} {{ ns.zz is defined }} {{ ns['a'] }}
{% set ns = namespace({'k': 1}, j=2) %}{{ ns.k }}{{ ns.j }}{% set ns.l = [1] %}{{ ns.l }}
{% if t %}{% set q = 1 %}{% endif %}{{ q }}{% if e %}{% set z = 1 %}{% endif %}{{ z is defined }}
{% if e %}a{% elif n == 7 %}b{% else %}c{% endif %}{% if e %}a{% elif none %}b{% else %}c{% endif %}{% if e %}{% elif t %}{% endif %}
{% if s %}1{% endif %}{% if l %}2{% endif %}{% if {} %}3{% endif %}{% if 0.0 %}4{% endif %}{% if none %}5{% endif %}{% if missing %}6{% endif %}{% if range(0) %}7{% endif %}{% if ' ' %}8{% endif %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set (f, (g, h)) = (1, (2, 3)) %}{{ f }}{{ g }}{{ h }}
{% set a, b = 'xy' %}{{ a }}{{ b }}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}{{ a }}
{% set x2 %}  block {{ n }}  {% endset %}[{{ x2 }}]{% set y2 | upper | trim %} abc {% endset %}[{{ y2 }}]{% set z2 | replace('a', 'o') %}banana{% endset %}{{ z2 }}
{% set n = 1 %}{% set b %}{% set n = 2 %}{{ n }}{% endset %}{{ b }}{{ n }}
{% set ns = namespace() %}{% set ns.t %}in {{ n }}{% endset %}{{ ns.t }}
{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(1, 3, 4, z=5) }}{{ m(b=1, a=0) }}{{ m() }}
{% macro m(a, b=a, c=b ~ 'x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m.name }} {{ m }}
{% macro m() %}{{ n }}{{ q9 is defined }}{% endmacro %}{% set q9 = 1 %}{{ m() }}
{% macro m() %}{{ later }}{% endmacro %}{{ m() }}|{% set later = 5 %}{{ m() }}
{% macro m() %}{% set n = 3 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}
{% macro f(k) %}{% if k > 0 %}{{ k }}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro m() %}<{{ caller('x') }}>{% endmacro %}{% call(v) m() %}{{ v }}{{ n }}!{% endcall %}
{% macro m(a) %}<{{ a }}{{ caller() }}>{% endmacro %}{% for i in range(2) %}{% call m(i) %}{{ i }}{% endcall %}{% endfor %}
{% macro m() %}{{ caller is defined }}{% if caller %}{{ caller() }}{% endif %}{% endmacro %}{{ m() }}{% call m() %}c{% endcall %}
{% macro a() %}{% macro b() %}B{% endmacro %}{{ b() }}{{ b() }}{% endmacro %}{{ a() }}{% for i in [1, 2] %}{% macro c() %}{{ i }}{% endmacro %}{{ c() }}{% endfor %}
{% macro m(x) %}{% for x in x %}{{ x }}{% endfor %}{{ x }}{% endmacro %}{{ m([1, 2]) }}{{ m(*[[3]]) }}{{ m(**{'x': [4]}) }}
{% macro m() %}{{ varargs|length }}{{ kwargs|dictsort }}{% endmacro %}{{ m(1, *[2, 3], a=4, **{'b': 5}) }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}{% with %}{% set w = 1 %}{{ w }}{% endwith %}{{ w is defined }}{% with n = n + 1 %}{{ n }}{% endwith %}{{ n }}
{% filter upper %}abc {{ s }}{% endfilter %} {% filter replace('l', 'L')|trim %} hello {% endfilter %}!
{% generation %}a{{ n }}{% set g = 1 %}{% endgeneration %}{{ g is defined }}{% for i in [1, 2] %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}
{% print n, s %}{% print 'x' %}
{% for i in [[1, [2, [3]]], [4]] recursive %}{% if i is iterable %}({{ loop(i) }}){% else %}{{ i }}@{{ loop.depth }}{% endif %}{% endfor %}
{% for i in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ loop.depth0 }}{{ i.n }}{{ loop.index }}{{ loop(i.c) }}{% else %}.{% endfor %}
{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }}{{ loop.cycle('a', 'b') }}{% endfor %}
{% for i in [1, 2, 3] %}{{ loop.previtem }}-{{ i }}-{{ loop.nextitem }}{{ loop.previtem is defined }};{% endfor %}
{% for i in l if i > 1 %}{{ loop.length }}{{ loop.last }}{{ loop.nextitem }}{{ i }}{% endfor %}{% for i in l|select('gt', 1) %}{{ loop.revindex }}{{ i }}{% endfor %}
{% set ns = namespace(stop=false) %}{% for i in range(5) if not ns.stop %}{{ i }}{% if i == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}{% for i in [1] %}{{ loop }}{% endfor %}
{% for i in range(2) %}{% set outer = loop %}{% for j in range(2) %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% for c in 'aé你' %}{{ c }}.{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for x in (1, 2) %}{{ x }}{% endfor %}{% for i in range(2) %}{{ loop.first }}{% endfor %}
{% set j = joiner(', ') %}{{ j() }}a{{ j() }}b{{ j() }}{% set c = cycler('x', 'y') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ dict(a=1, b=2) }}{{ dict({'x': 1}, y=2) }}
{{ l|sort|join(',') }} {{ words|sort|join(' ') }} {{ words|sort(case_sensitive=true)|join(' ') }} {{ l|sort(reverse=true) }} {{ people|sort(attribute='age')|map(attribute='name')|list }}
{{ people|sort(attribute='age,name')|map(attribute='name')|join }} {{ people|sort(reverse=true, attribute='age')|map(attribute='name')|list }} {{ 'hello'|sort }} {{ [none, none]|sort }} {{ people|sort(attribute='nope')|length }} {{ d|sort }}
{{ people|map(attribute='name')|list }} {{ people|map(attribute='city.name', default='?')|list }} {{ words|map('upper')|list }} {{ words|map('replace', 'e', 'E')|join }} {{ l|map('string')|list }}
{{ people|selectattr('age', 'gt', 26)|map(attribute='name')|list }} {{ people|rejectattr('age', 'eq', 30)|list|length }} {{ people|selectattr('city')|list|length }} {{ people|selectattr('city', 'defined')|list|length }} {{ people|selectattr('city', 'undefined')|map(attribute='name')|list }}
{{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ [0, 1, '', 'a', none]|select|list }} {{ [0, 1]|reject|list }} {{ l|select('in', [1, 2])|list }} {{ words|select('equalto', 'fig')|list }} {{ l|select('divisibleby', 3)|list }}
{{ s|upper|replace('O', '0') }} {{ s|replace('l', 'L', 1) }} {{ s|replace('', '-') }} {{ 'aaa'|replace('a', 'b', 2) }} {{ n|replace(7, 8) }} {{ s|replace('zz', 'y') }}
{{ d|tojson }} {{ messages|tojson(indent=2) }} {{ u|tojson(ensure_ascii=true) }} {{ d|dictsort }} {{ d|dictsort(true) }} {{ d|dictsort(false, 'value') }} {{ d|dictsort(reverse=true) }}
{{ [1, 1.5, true, none, 'a"b\\c/\n\t\x01\x7fé\u2028', [], {}, [[]], {'a': {}}]|tojson }} {{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }} {{ l|tojson(indent=0) }} {{ (1, 2)|tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}
{{ {'a': [1, {'b': 2}], 'c': []}|tojson(indent=4) }} {{ [1]|tojson(indent='--') }} {{ 1e16|tojson }} {{ 1e400|tojson }} {{ '\U0001f600'|tojson(true) }} {{ s|tojson }} {{ none|tojson }} {{ {}|tojson(indent=2) }} {{ [1, 2]|tojson(indent=2, separators=('; ', '=')) }}
{{ missing }}{{ missing is defined }}{{ missing|default('x') }}{{ missing|length }}{{ missing|list }}{{ missing ~ 'a' }}{{ missing|upper }}{{ missing == missing2 }}{{ missing|first }}{{ missing|join }}
{{ e|default('x') }}{{ e|default('x', true) }}{{ none|default('x') }}{{ none|d('x', boolean=true) }}{{ 0|d(1, true) }}{{ d.q|default('dq') }}{{ missing|default }}|{{ missing|d(none) }}
{{ '3.7'|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ '0x1f'|int(0, 16) }} {{ '1f'|int(base=16) }} {{ 3.9|int }} {{ -3.9|int }} {{ true|int }} {{ ' 12 '|int }} {{ '1_000'|int }} {{ '-5'|int }} {{ none|int }} {{ '1e3'|int }} {{ '0b11'|int(0, 2) }} {{ '07'|int }} {{ 'inf'|int }}
{{ '3.7'|float }} {{ 'x'|float }} {{ 'x'|float(1.5) }} {{ 3|float }} {{ '1e3'|float }} {{ 'nan'|float }} {{ '-inf'|float }} {{ true|float }} {{ ' 2 '|float }} {{ none|float }} {{ '1_0.5'|float }}
{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 42.55|round(1, 'floor') }} {{ 42.55|round(1, 'ceil') }} {{ -2.5|round }} {{ 7|round }} {{ 1234|round(-2) }} {{ 1250.0|round(-2) }} {{ 5|round(1, 'ceil') }} {{ 150|round(-2) }} {{ 250|round(-2) }}
{{ -5|abs }} {{ 2.5|abs }} {{ (-2.5)|abs }} {{ l|max }} {{ l|min }} {{ words|max }} {{ words|min }} {{ people|max(attribute='age') }} {{ []|max }}{{ l|sum }} {{ people|sum(attribute='age') }} {{ [1.5, 2]|sum }} {{ l|sum(start=10) }} {{ [[1], [2]]|sum(start=[]) }}
{{ l|first }} {{ l|last }} {{ []|first }}{{ []|last }}{{ s|first }} {{ s|last }} {{ d|first }} {{ d|last }} {{ u|last }} {{ range(3)|last }}
{{ s|length }} {{ u|length }} {{ l|count }} {{ ''|length }} {{ s|list }} {{ d|list }} {{ u|list }} {{ range(4)|list }} {{ (1, 2)|list }}
{{ s|title }} {{ "it's a-b (c) d_e 2x ÉCOLE"|title }} {{ s|capitalize }} {{ 'ÀB cD'|capitalize }} {{ s|lower }} {{ 'ß ﬁ ŉ'|upper }} {{ 'ΑΣ ΣΑΣ. Σ'|lower }} {{ 'İ'|lower }} {{ 'ǆ'|capitalize }} {{ 'ᾳ ﬓ ὒ'|upper }} {{ 'ᾳ ﬓ ὒ'.title() }} {{ n|upper }} {{ none|lower }}
{{ '  a b  '|trim }}| {{ 'xxaxx'|trim('x') }} {{ ' \u3000a\xa0\n'|trim }} {{ n|trim }} {{ 'abcba'|trim('ab') }}
{{ 'a\nb\n\nc'|indent }} {{ 'a\nb'|indent(2, true) }} {{ 'a\n\nb'|indent(1, blank=true) }} {{ 'a\nb\n'|indent('> ') }}| {{ ''|indent }}| {{ '\n'|indent(2) }}| {{ 'a\r\nb'|indent(2) }} {{ ''|indent(2, true) }}|
{{ s|center(21) }}| {{ s|center(3) }} {{ 'ab'|center(5) }}| {{ 'abc'|center(6) }}| {{ 'Hello World, how are you'|truncate(12) }} {{ 'Hello World, how'|truncate(9, true) }} {{ 'Hello World how are'|truncate(9, false, '!', 0) }} {{ s|truncate(11) }} {{ s|truncate(6, leeway=5) }} {{ 'abcdefghijkl'|truncate(5, leeway=0) }} {{ missing|truncate(5) }} {{ l|truncate }} {{ 'x' % missing }}
{{ s|wordcount }} {{ u|wordcount }} {{ "a-b c_d  e'f"|wordcount }} {{ ''|wordcount }}
{{ 'the quick brown fox jumps'|wordwrap(10) }} {{ 'a  b   c'|wordwrap(3) }}| {{ 'aaaaaaaaaaaa bb'|wordwrap(5) }} {{ 'aaaaaaaaaaaa bb'|wordwrap(5, false) }} {{ 'well-known semi-auto-matic x--y don\'t'|wordwrap(8) }} {{ 'well-known words'|wordwrap(6, break_on_hyphens=false) }} {{ 'one two\n\nthree four five'|wordwrap(9, wrapstring='<br>') }} {{ '  lead and trail  '|wordwrap(6) }}| {{ 'a-b-c-d ---- e--f -g h-'|wordwrap(4) }} {{ 'éééé 你好你好 été'|wordwrap(4) }} {{ ''|wordwrap }}| {{ 'x'|wordwrap }} {{ '\n\na'|wordwrap }}| {{ '   \nb'|wordwrap(2) }}| {{ 'foo-bar-baz-qux-quux'|wordwrap(7) }} {{ 'aa-bb-cc--dd ee--ff'|wordwrap(3) }} {{ '----------'|wordwrap(4) }} {{ 'a\tb c'|wordwrap(3) }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, 'x')|list }} {{ [1, 2, 3, 4, 5]|slice(3)|list }} {{ [1, 2, 3, 4]|slice(3, 'x')|list }} {{ []|batch(2)|list }} {{ 'abc'|batch(2)|list }}
{{ [1, 2, 1, 'a', 'A', 1.0]|unique|list }} {{ words|unique|join }} {{ ['a', 'A']|unique(true)|list }} {{ people|unique(attribute='age')|map(attribute='name')|list }}
{% for g in people|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join('+') }} {% endfor %}{% for a, b in people|groupby('city.name', default='none') %}{{ a }}{{ b|length }}{% endfor %} {{ ['b', 'A', 'a']|groupby(0)|list }}
{{ l|reverse|list }} {{ s|reverse }} {{ d|reverse|list }} {{ range(3)|reverse|list }} {{ (1, 2)|reverse|list }} {{ u|reverse }} {{ d.items()|reverse|list }}
{{ d|items|list }} {{ missing|items|list }} {% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}
{{ h|e }} {{ h|escape|e }} {{ h|safe }} {{ h|safe|e }} {{ (h|e) is escaped }} {{ h is escaped }} {{ n|e }} {{ h|e|forceescape }} {{ [h|safe] }} {{ (h|safe) ~ h }} {{ ('<'|safe) + '<' }} {{ '<' + ('<'|safe) }} {{ ('<'|safe)|upper + '&' }} {{ none|e }}
{{ 'a b/c?d=é&~'|urlencode }} {{ {'a b': 1, 'c/': 'd e'}|urlencode }} {{ [('k', 'v')]|urlencode }} {{ n|urlencode }}
{{ s|string|length }} {{ n|string ~ 1 }} {{ [1]|string }} {{ none|string }} {{ 1000|filesizeformat }} {{ 1|filesizeformat }} {{ 123456789|filesizeformat }} {{ 2048|filesizeformat(true) }} {{ 999|filesizeformat }}
{{ d|attr('items') is callable }} {{ d|attr('a') is defined }} {{ s|attr('upper')() }} {{ people[0]|attr('name') is defined }}
{{ '%s and %s' % ('a', 1) }} {{ '%d|%5d|%-5d|%05d|%+d|% d' % (1, 2, 3, 4, 5, 6) }} {{ '%x %X %#x %o %#o' % (255, 255, 255, 8, 8) }} {{ '%.2f|%8.3f|%-8.1f|%08.2f|%e|%g|%G' % (1.234, 2.5, 3.25, -4.5, 12345.678, 0.0001, 1e20) }}
{{ '%5s|%-5s|%.2s|%5.1s' % ('ab', 'ab', 'abc', 'xyz') }} {{ '%r %s' % ("it's", none) }} {{ '%c%c' % (65, 'b') }} {{ '100%%' % () }} {{ '%(a)s-%(b)d' % d }} {{ '%s' % [1, 2] }} {{ '%s' % d }} {{ '%*d' % (5, 3) }} {{ '%d' % 3.99 }} {{ '%s' % 'é你' }} {{ '%5s' % '你' }} {{ '%d' % true }} {{ '%.0f' % 2.5 }} {{ '%i%u' % (1, 2) }}
{{ '%s-%s'|format(1, 'b') }} {{ '%(x)s'|format(x=3) }} {{ 'no'|format }} {{ '%#.3g|%.3g' % (1.0, 1.0) }} {{ '%5.1f%%' % 12.345 }} {{ '%05s' % 'a' }} {{ '%+.1e' % 12345.0 }}
{{ '{} {}'.format(1, 'a') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{x}'.format(x=5) }} {{ '{{}}'.format() }} {{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }} {{ '{:5d}|{:05d}|{:+d}|{:x}|{:#x}|{:b}|{:,}'.format(1, 2, 3, 255, 255, 5, 1234567) }}
{{ '{:.2f}|{:8.3f}|{:e}|{:g}|{:%}|{:.1%}'.format(1.234, 2.5, 12345.678, 0.5, 0.25, 0.123) }} {{ '{!r:>6}'.format('a') }} {{ '{!s}'.format(none) }} {{ '{0.role} {0[content]}'.format(messages[0]) }} {{ '{0[1]}'.format(l) }} {{ '{:{}}|'.format('a', 4) }} {{ '{:.2}'.format('abc') }} {{ '{}'.format(1.0) }} {{ '{:_}'.format(1234567) }} {{ '{:=+6d}'.format(5) }} {{ '{:<6}|{:>6}'.format(5, 2.5) }} {{ '{}'.format([1, 'a']) }} {{ '{:,.2f}'.format(1234567.891) }}
{{ ' a b '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'xxaxx'.strip('x') }} {{ 'abc'.lstrip('ba') }} {{ 'a\n'.rstrip('\n') }} {{ ' a '.strip(none) }}
{{ 'a b  c'.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b c '.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'abc'.split('abc') }} {{ 'a</think>b</think>c'.split('</think>')[-1] }} {{ 'a--b'.rsplit('--') }} {{ 'aXbXc'.split(sep='X', maxsplit=1) }} {{ 'a b c'.split(maxsplit=1) }}
{{ 'a\nb\r\nc\rd\x0be\x85f\u2028g\n'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }} {{ ''.splitlines() }} {{ '\n'.splitlines() }} {{ 'a\r\nb'.splitlines(keepends=true) }}
{{ s.startswith('He') }} {{ s.startswith(('x', 'H')) }} {{ s.endswith('ld') }} {{ s.endswith(('a', 'd')) }} {{ s.startswith('l', 2) }} {{ s.endswith('o', 0, 5) }} {{ ''.startswith('') }} {{ 'a'.startswith('', 2) }} {{ s.startswith(()) }}
{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('z') }} {{ s.find('o', 5) }} {{ s.find('o', -4) }} {{ s.index('W') }} {{ s.rindex('l') }} {{ u.find('好') }} {{ s.count('l') }} {{ 'aaaa'.count('aa') }} {{ 'ab'.count('') }} {{ s.find('') }} {{ s.rfind('') }} {{ s.count('l', 4) }} {{ s.rfind('l', 0, 5) }} {{ u.rfind(' ') }}
{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 2) }} {{ 'aé'.replace('', '.') }} {{ s.replace('o', '') }} {{ ''.replace('', 'x') }} {{ 'aaa'.replace('a', 'b', 0) }} {{ ''.replace('a', 'b') }}
{{ s.upper() }} {{ s.lower() }} {{ 'hello wORLD it\'s'.title() }} {{ 'hELLO'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'ß'.upper() }} {{ 'straße'.title() }}
{{ 'abc'.removeprefix('ab') }} {{ 'abc'.removeprefix('x') }} {{ 'abc'.removesuffix('bc') }} {{ 'abc'.removesuffix('') }} {{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}
{{ '5'.zfill(3) }} {{ '-5'.zfill(4) }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '.') }} {{ 'a'.center(4, '*') }} {{ 'ab'.center(5, '*') }} {{ 'abc'.center(6, '*') }} {{ 'abc'.ljust(2) }} {{ 'a\tb'.expandtabs(4) }} {{ ','.join(['a', 'b']) }} {{ '-'.join('abc') }} {{ ''.join([]) }} {{ ', '.join(d) }}
{{ 'abc'.isalpha() }}{{ 'a1'.isalpha() }}{{ 'a1'.isalnum() }}{{ '12'.isdigit() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ '½'.isnumeric() }}{{ ' \n'.isspace() }}{{ 'AB'.isupper() }}{{ 'ab1'.islower() }}{{ 'Ab Cd'.istitle() }}{{ ''.isalpha() }}{{ ''.isascii() }}{{ 'é'.isascii() }}{{ 'é'.isalpha() }}{{ '你'.isalpha() }}{{ '你'.islower() }}{{ 'a b'.isprintable() }}{{ '\n'.isprintable() }}{{ '٣'.isdigit() }}{{ 'AbC'.istitle() }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ n is number }} {{ x is number }} {{ t is number }} {{ n is integer }} {{ t is integer }} {{ x is float }} {{ t is boolean }} {{ n is boolean }} {{ t is true }} {{ e is false }} {{ false is false }}
{{ s is string }} {{ n is string }} {{ d is mapping }} {{ l is mapping }} {{ l is iterable }} {{ n is iterable }} {{ s is iterable }} {{ missing is iterable }} {{ l is sequence }} {{ s is sequence }} {{ d is sequence }} {{ n is sequence }} {{ range(2) is sequence }} {{ d.items() is sequence }} {{ (l|map('abs')) is iterable }} {{ (l|map('abs')) is sequence }} {{ none is iterable }} {{ missing is sequence }}
{{ none is none }} {{ e is none }} {{ missing is none }} {{ missing is undefined }} {{ s is undefined }} {{ s is not defined }} {{ not s is defined }} {{ range is callable }} {{ s.upper is callable }} {{ s is callable }} {{ s is lower }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ n is lower }}
{{ n is eq 7 }} {{ n is eq(7) }} {{ n is ne 7 }} {{ n is gt 6 }} {{ n is ge(7) }} {{ n is lt 8 }} {{ n is le 6 }} {{ n is equalto 7 }} {{ n is greaterthan 1 }} {{ n is lessthan 1 }} {{ n is in [7] }} {{ 'a' is in 'abc' }} {{ n is not in [7] }} {{ none is sameas none }} {{ 1 is sameas true }} {{ l is sameas l }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }}
{{ n is defined and n > 5 }} {{ n is odd or missing }} {{ (n is odd) == true }} {{ 'a' if n is defined else 'b' }} {{ n is number and s is string }} {{ [n is odd, n is even] }} {{ n + 1 is odd }} {{ -1 is odd }} {{ n is odd ~ 'x' }}
{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%A %B %H:%M:%S %p %j %%') }} {{ strftime_now('') }}|{{ strftime_now('%B %d, %Y') }}
{{ s|map('upper')|join('-') }} {{ words|join(', ') }} {{ l|join }} {{ people|join('/', attribute='name') }} {{ [1, none, missing, 's']|join(',') }} {{ [[1], [2]]|map('first')|list }} {{ [[3, 1], [2]]|map('sort')|map('join', '+')|list }} {{ l|join(1) }}
{{ messages|map(attribute='role')|unique|list|tojson }} {{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|first }} {{ messages|selectattr('role', 'in', ['user', 'assistant'])|list|length }} {{ (messages|last).role }} {{ messages[:2]|map(attribute='content')|map('length')|sum }}
{%- set m = {'a': 1} -%}{%- set m2 = dict(m, b=2) -%}{{ m2 }}{{ dict(m.items()) }}{{ dict([('x', 1)]) }}{{ namespace is callable }}
{{ true }} {{ True }} {{ none }} {{ None }} {{ False }} {{ [true, none] }} {{ 'true' }}
{{ (1, 2)|length }} {{ (1, 2)[0] }} {{ ('a') }} {{ ((1, 2), 3) }} {{ (l)[0] }} {{ (s).upper() }} {{ [1, 2][1] }} {{ {'a': {'b': [5]}}.a.b[0] }} {{ 'abc'[1] }} {{ 'abc'.upper()[0] }} {{ [s][0][0] }}
{{ d.items()|list|length }} {{ d.items()|first }} {% for k in d.keys() %}{{ k }}{% endfor %}{% for v in d.values() %}{{ v }}{% endfor %} {{ d.keys() == d.keys() }} {{ d|dictsort|first|first }}
{{ 5 in range(10) }} {{ 11 in range(10) }} {{ 'll' in s }} {{ '' in s }} {{ none in l }} {{ [1] in [[1]] }} {{ (1, 2) in {(1, 2): 3} }} {{ {(1, 2): 3}[1, 2] }} {{ 'x' not in s }} {{ missing in l }} {{ 'a' in missing }} {{ 1 in d }}
{% raw %}{{ not }} {% run %}{# this #}{% endraw %}|{% raw -%}  x  {%- endraw %}|{%- raw %} y {% endraw -%}  |
{# comment #}a{#- comment -#}  b {# multi {{ x }} {% y %} #}c{##}d
{{- 'a' -}}   b   {{- 'c' }} {{ 'd' -}} e
{{+ 'a' }}{{-1 }}{{- 1 }}
{% for ä in [1] %}{{ ä }}{% endfor %}{% set größe = 3 %}{{ größe }}
{{ l|map('nope')|list if e else 'unreached' }}{% if e %}{{ l|nope }}{{ l is nope }}{% endif %}
{{ [l, d, s]|map('length')|list }} {{ [3, 1]|map('abs')|sort|list }} {{ ['1', '2']|map('int')|sum }} {{ [1, 2]|map('float')|list }} {{ ['a']|map('center', 3)|list }} {{ ['a b']|map('title')|first }} {{ [[1, 2]]|map('last')|list }} {{ ['x']|map('default', 'y')|list }} {{ [d]|map('dictsort')|list }} {{ [' a ']|map('trim')|list }} {{ [d]|map('tojson')|list }} {{ [1.25]|map('round', 1)|list }} {{ ['a']|map('attr', 'upper')|first is callable }}
{{ s if s is string and s|length > 3 else none }} {{ (n > 5) | string }} {{ n | string | length + 1 }} {{ -n | abs }} {{ 2 * n | string | int }} {{ not n | string }} {{ 'a' ~ n | string ~ 'b' }} {{ n == 7 | int }} {{ 'a' in s | lower }}
'''

# The same, each with what the error must say; jinja2 fails, too.
ERRORS = [
    ("{{ missing.a }}", "1:11: 'missing' is undefined"),
    ("{{ missing['a'] }}", "'missing' is undefined"),
    ("{{ d.q.r }}", "'dict' object has no attribute 'q'"),
    ("{{ nothing() }}", "'nothing' is undefined"),
    ("{{ d.nothing() }}", "'dict' object has no attribute 'nothing'"),
    ("{{ s.nothing() }}", "'str' object has no attribute 'nothing'"),
    ("{{ s + 1 }}", "can only concatenate str (not \"int\") to str"),
    ("{{ 1 + s }}", "unsupported operand types for +: 'int' and 'str'"),
    ("{{ s + none }}", "NoneType"),
    ("{{ s + missing }}", "'missing' is undefined"),
    ("{{ missing + s }}", "'missing' is undefined"),
    ("{{ l + 'a' }}", "unsupported operand"),
    ("{{ l + (1,) }}", "unsupported operand"),
    ("{{ d - 1 }}", "unsupported operand"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ 1 // 0 }}", "division by zero"),
    ("{{ 1 % 0 }}", "division by zero"),
    ("{{ 1.5 % 0 }}", "division by zero"),
    ("{{ 1 < 'a' }}", "'<' not supported between instances of 'int' and 'str'"),
    ("{{ none < 1 }}", "not supported"),
    ("{{ missing < 1 }}", "'missing' is undefined"),
    ("{{ d < d }}", "not supported"),
    ("{{ [1, 'a']|sort }}", "not supported"),
    ("{{ 1 in 'a' }}", "requires string"),
    ("{{ 1 in n }}", "not iterable"),
    ("{{ n|length }}", "has no length"),
    ("{{ none|length }}", "has no length"),
    ("{{ l|map('upper')|length }}", "has no length"),
    ("{{ l|map('upper')|last }}", "not reversible"),
    ("{% for a in n %}{% endfor %}", "'int' object is not iterable"),
    ("{% for a in none %}{% endfor %}", "'NoneType' object is not iterable"),
    ("{% for a, b in l %}{% endfor %}", "cannot unpack"),
    ("{% for a, b in ['abc'] %}{% endfor %}", "too many values"),
    ("{% set a, b = [1] %}", "not enough values"),
    ("{{ l.append(1) }}", "access to attribute 'append' of 'list' object is unsafe"),
    ("{{ d.update({}) }}", "unsafe"),
    ("{{ d.pop('a') }}", "unsafe"),
    ("{{ s() }}", "'str' object is not callable"),
    ("{{ {[]: 1} }}", "unhashable type: 'list'"),
    ("{{ d.get([]) }}", "unhashable"),
    ("{{ l[1:2:0] }}", "slice step cannot be zero"),
    ("{{ l['a':] }}", "slice indices"),
    ("{{ d[1:] }}", "cannot be sliced"),
    ("{{ missing[1:] }}", "'missing' is undefined"),
    ("{{ -s }}", "bad operand type for unary -"),
    ("{{ -missing }}", "'missing' is undefined"),
    ("{{ missing|tojson }}", "is not JSON serializable"),
    ("{{ range|tojson }}", "is not JSON serializable"),
    ("{{ l|map('upper')|tojson }}", "is not JSON serializable"),
    ("{{ {(1, 2): 1}|tojson }}", "keys must be"),
    ("{{ s.index('zz') }}", "substring not found"),
    ("{{ l.index(99) }}", "not in the list"),
    ("{{ s.split('') }}", "empty separator"),
    ("{{ s.upper(1) }}", "takes at most 0 arguments"),
    ("{{ s.replace('a') }}", "needs the argument 'new'"),
    ("{{ s.startswith(1) }}", "takes a string or a tuple"),
    ("{{ ','.join([1]) }}", "expected str instance, int found"),
    ("{{ ','.join(1) }}", "not iterable"),
    ("{{ 'abc'.center('x') }}", "expected an integer"),
    ("{{ range(1000000) }}", "a range of more than 100000"),
    ("{{ range(1, 2, 0) }}", "must not be zero"),
    ("{{ range('a') }}", "expected an integer"),
    ("{{ raise_exception('no ' ~ n) }}", "the template refuses the conversation: no 7"),
    ("a\n  {{ raise_exception('x') }}", "fixture:2:21: the template refuses"),
    ("{{ s|nope }}", "1:6: the filter \"nope\" is not known"),
    ("{{ s is nope }}", "1:9: the test \"nope\" is not known"),
    ("{% if t %}{{ s|nope }}{% endif %}", "\"nope\" is not known"),
    ("{% if e %}{% for a in l %}{{ s|nope }}{% endfor %}{% endif %}", "\"nope\" is not known"),
    ("{{ l|map('nope')|list }}", "\"nope\" is not known"),
    ("{{ l|map|list }}", "map requires"),
    ("{{ l|selectattr|list }}", "missing parameter"),
    ("{{ s|default(1, 2, 3) }}", "takes at most 2 arguments"),
    ("{{ s|default(nope=1) }}", "an unknown argument 'nope'"),
    ("{{ s|replace('a') }}", "needs the argument"),
    ("{{ s|truncate(1) }}", "expected length >= 3"),
    ("{{ s|wordwrap(0) }}", "invalid width 0"),
    ("{{ n|wordwrap }}", "expected a string"),
    ("{{ l|batch }}", "needs the argument"),
    ("{{ l|slice(0)|list }}", "division by zero"),
    ("{{ s|round }}", "cannot be rounded"),
    ("{{ 1|round(1, 'x') }}", "must be common, ceil or floor"),
    ("{{ s|abs }}", "bad operand type"),
    ("{{ missing|abs }}", "'missing' is undefined"),
    ("{{ missing|int }}", "'missing' is undefined"),
    ("{{ words|sum }}", "unsupported operand"),
    ("{{ l|sum(start='a') }}", "can't sum strings"),
    ("{{ n|items|list }}", "from a mapping"),
    ("{{ l|dictsort }}", "no attribute 'items'"),
    ("{{ d|dictsort(by='x') }}", "either"),
    ("{{ '%d' % 'a' }}", "a number is required, not str"),
    ("{{ '%s %s' % 'a' }}", "not enough arguments"),
    ("{{ '%s' % (1, 2) }}", "not all arguments converted"),
    ("{{ 'x' % 1 }}", "not all arguments converted"),
    ("{{ '%y' % 1 }}", "unsupported format character"),
    ("{{ '%' % 1 }}", "incomplete format"),
    ("{{ '%(a)s' % 1 }}", "requires a mapping"),
    ("{{ '%(zz)s' % d }}", "the mapping does not have"),
    ("{{ '{}'.format() }}", "out of range"),
    ("{{ '{x}'.format(y=1) }}", "no argument of the name"),
    ("{{ '{'.format(1) }}", "expected '}'"),
    ("{{ '}'.format(1) }}", "single '}'"),
    ("{{ '{:d}'.format('a') }}", "unknown format code"),
    ("{{ '{} {0}'.format(1) }}", "cannot switch"),
    ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "not more than 1 arguments"),
    ("{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "no keyword argument 'b'"),
    ("{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "No caller defined"),
    ("{% set d.x = 1 %}", "non-namespace"),
    ("{% set nn.x = 1 %}", "non-namespace"),
    ("{% for i in l %}{{ loop(i) }}{% endfor %}", "'recursive' marker"),
    ("{% for i in l %}{{ loop.cycle() }}{% endfor %}", "no items for cycling"),
    ("{{ cycler() }}", "at least one item"),
    ("{{ s is divisibleby 2 }}", "not all arguments"),
    ("{{ dict(missing) }}", "'missing' is undefined"),
    ("{{ dict(1) }}", "not iterable"),
    ("{% if %}x{% endif %}", "expected an expression"),
    ("{% if t %}x", "1:4: {% if %}: the end of the template found, expected {% endif %}"),
    ("{% for a in l %}x{% endif %}", "\"endif\" found, expected {% endfor %}"),
    ("{% endif %}", "\"endif\" without its beginning"),
    ("x{% else %}", "\"else\" without its beginning"),
    ("{% frob %}", "\"frob\" without its beginning"),
    ("{{ 1 + }}", "\"}}\" found, expected an expression"),
    ("{{ }}", "expected an expression"),
    ("{{ (1 }}", "\"}\" found, expected \")\""),
    ("{{ 'a }}", "a string without its closing quote"),
    ("{{ a b }}", "\"b\" found, expected \"}}\""),
    ("{{ a.}}", "expected a name or a number"),
    ("{{ a ? b }}", "the character \"?\" has no meaning"),
    ("{{ a", "the end of the template found, expected \"}}\""),
    ("{# a", "a comment without"),
    ("{% raw %}x", "without {% endraw %}"),
    ("{% set 1 = 2 %}", "expected a name to assign to"),
    ("{% set a.b.c = 2 %}", "expected"),
    ("{% for 1 in l %}{% endfor %}", "expected a name to assign to"),
    ("{% for loop in l %}{% endfor %}", "\"loop\""),
    ("{% for a in l %}{% set loop = 1 %}{% endfor %}", "\"loop\" is assigned"),
    ("{% break %}", "outside of a loop"),
    ("{% macro m(a=1, b) %}{% endmacro %}", "without a default"),
    ("{% macro m(caller) %}{{ caller }}{% endmacro %}", "\"caller\" without a default"),
    ("{% call 1 %}{% endcall %}", "expected a call"),
    ("{{ f(a=1, 2) }}", "wrong order"),
    ("{{ x is odd is even }}", "chained"),
    ("{{ '\\x4' }}", "truncated escape"),
    ("{{ a } }}", "without an opening bracket"),
    ("{{ [1) }}", "\")\" found, expected \"]\""),
    ("{% include 'a' %}", "{% include %} is refused"),
    ("{% import 'a' as b %}", "{% import %} is refused"),
    ("{% from 'a' import b %}", "{% from %} is refused"),
    ("{% extends 'a' %}", "{% extends %} is refused"),
]

# White space: sources as they are, with trim_blocks and lstrip_blocks.
SPACES = [
    "a\n", "a\n\n", "\n", "", "a\r\nb\r\n", "a\rb\r", "  {% if t %}\n  x\n  {% endif %}\n  y\n", "{% if t %}\n\n\nx{% endif %}", "a {% if t %} b {% endif %} c",
    "  {%- if t %}  x  {%- endif %}  ", "  {%+ if t %}x{%+ endif %}\n", "{% if t +%}\nx{% endif +%}\ny", "{% if t -%}\n\n  x\n\n  {%- endif -%}\n\n y",
    "a\n  {# c #}\nb", "a\n  {#- c -#}\n  b", "a {# c #}\nb", "a\n  {#+ c +#}\nb", "x {{ n }}\ny", "  {{ n }}\n", "  {{- n -}}\n  z", "a\n\t {% set q = 1 %}\t\nb",
    "{% for i in l %}\n  {{ i }}\n{% endfor %}\n", "{% for i in l -%}\n  {{ i }}\n{%- endfor %}\n", "{%- for i in l -%}{{ i }},{%- endfor -%}\n", "{% macro m() %}\n a\n{% endmacro %}\n[{{ m() }}]",
    "a\n  {% raw %}\n b {% endraw %}\nc", "a {%- raw -%}  {{ x }}  {%- endraw -%}  c", "{% raw %}\n{% endraw %}\n\n", "{% set a %}\n x\n{% endset %}\n[{{ a }}]", "\u3000{%- if t %}x{% endif -%}\u2003y\u00a0",
    "{{ 'a' }}\n{{ 'b' }}\n\n", "{{ 'a' -}}\n\n{{ 'b' }}", "{%if t%}x{%endif%}", "{%-if t-%} x {%-endif-%}", "{{n}}{{-n-}} {{n}}", "a{{ '\n' }}b", "a\n {% if t %}{% if t %}\n b\n {% endif %}{% endif %}\n c", " {% if t %} {% endif %} \n x",
    "{% if t %}a{% endif %}\n{% if t %}b{% endif %}\n\n", "a\x0b{%- if t %}b{% endif %}", "a\n\x0c {% if t %}b{% endif %}", "{{\nn\n}}", "{%\nif\nt\n%}x{%\nendif\n%}", "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}", "{{ {'a': {'b': 1}}}}", "{{ {} }}{{ {'a': 1}['a'] }}",
    "{ { } } {% if t %}{ % }{% endif %}{", "a {{ n }} b\n  {%- set z = 1 %}\n\n  c", "  \n  {% if t %}\n\n x {% endif %}", "{% generation %}\n a\n{% endgeneration %}\nb\n", "{% call m() %}\nx\n{% endcall %}{# #}" if False else "{#\n#}\nx",
]


def pieces(line):
    """The line, and each of its expressions alone when that renders: a difference is then seen where it is."""
    yield line
    if "{%" in line or "{#" in line or "{{-" in line or "{{+" in line:
        return
    for part in line.replace("}} {{", "}}\n{{").replace("}}{{", "}}\n{{").replace("}}| {{", "}}\n{{").split("\n"):
        yield part


def cases():
    seen = set()
    for line in PLAIN.strip("\n").split("\n"):
        for source in pieces(line):
            if source not in seen:
                seen.add(source)
                yield source, None
    for source in SPACES + ["{{ 'a\\\nb' }}"]:
        yield source, None
    yield from ERRORS


def main():
    env = environment()
    path = os.path.join(ROOT, "tests/fixtures/chat/template.jsonl")
    count = 0
    with open(path, "w", encoding="utf-8") as f:
        f.write(json.dumps(V, ensure_ascii=False, separators=(",", ":")) + "\n")
        for source, error in cases():
            case = {"template": source}
            try:
                case["text"] = env.from_string(source).render(**V)
                if error is not None:
                    print("jinja2 renders %r, expected %r" % (source, error))
            except Exception as e:  # noqa: BLE001 - whatever a template does wrong
                case["error"] = error or ""
                if error is None:
                    print("%s: %s\n    %r" % (type(e).__name__, e, source))
            f.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    print("%d cases" % count)


if __name__ == "__main__":
    main()
