/* Chat templates: which bytes of a result are the template's; bounds; the interface; memory that runs out. */
#include "base/checked.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "tests/template_render.h"

static json_t *parsed(const char *text)
{
    json_t *j;
    struct err e;
    CHECK_OK(json_parse(&j, text, strlen(text), "variables", &e), &e);
    return j;
}

/* ---- marks ---- */

/* The result with what is from outside in < >, and what is in a generation block in ( ). */
static void shown(const struct template_output *out, struct buf *b)
{
    bool inside = false;
    for (size_t i = 0; i < out->n_pieces; i++) {
        const struct template_piece *p = &out->pieces[i];
        if (p->generation != inside) buf_add_byte(b, inside ? ')' : '(');
        inside = p->generation;
        if (!p->trusted) buf_add_byte(b, '<');
        buf_add(b, p->text, p->len);
        if (!p->trusted) buf_add_byte(b, '>');
    }
    if (inside) buf_add_byte(b, ')');
    buf_add(b, "", 0);
}

static const char variables_text[] = "{\"s\": \"Ab c\", \"n\": 7, \"d\": {\"k\": \"v\", \"b\": true}, \"l\": "
                                     "[\"x\", 2], \"e\": \"\", \"z\": null,"
                                     " \"p\": [{\"r\": \"u\"}, {\"r\": \"a\"}], \"x\": 2.5, \"i\": \"7\", \"f\": \"%+d%3s\", \"g\": \"+\"}";

static const struct {
    const char *source, *want;
} marks[] = {
    {"a{{ 'b' }}{{ 3 }}", "ab3"},
    {"{{ t }}{{ t|upper }}", "<|t|><|T|>"}, /* trusted by the caller: the brackets are its own */
    {"{{ s }}", "<Ab c>"},
    {"x{{ 'y' ~ s ~ 'z' }}", "xy<Ab c>z"},
    {"{{ 'y' + s + 'z' }}", "y<Ab c>z"},
    {"{{ s }}{{ s }}", "<Ab cAb c>"},
    {"{{ s|upper }}{{ s|lower }}{{ s|title }}{{ s|capitalize }}{{ s.swapcase() }}", "<AB Cab cAb CAb caB C>"},
    {"{{ ('x' ~ s)|upper }}", "X<AB C>"},
    {"{{ s.replace('b', '-') }}", "<A>-< c>"},
    {"{{ 'a-b'.replace('-', s) }}", "a<Ab c>b"},
    {"{{ 'a-b'|replace(s, 'x') }}", "a-b"},
    {"{{ s|trim }}{{ s.strip('A') }}{{ s[1:3] }}{{ s[::-1] }}{{ s|reverse }}{{ s[0] }}", "<Ab cb cb c bAc bAA>"},
    {"{{ (s ~ 'x')[-1] }}{{ (s ~ 'x')[:2] }}{{ ('x' ~ s)[::-1] }}", "x<Abc bA>x"},
    {"{{ s|list|join('+') }}", "<A>+<b>+< >+<c>"},
    {"{{ ['x', s]|join(s) }}", "x<Ab cAb c>"},
    {"{{ s.join(['x', 'y']) }}", "x<Ab c>y"},
    {"{{ s.split(' ')|last }}{{ s.split() }}{{ 'a b'.split() }}", "<c['Ab', 'c']>['a', 'b']"},
    {"{{ s.partition(' ')|join('/') }}{{ (s ~ '\n').splitlines()|first }}", "<Ab>/< >/<cAb c>"},
    {"{{ [s, 'x'] }}{{ (s,) }}{{ {s: 1} }}", "[<'Ab c'>, 'x'](<'Ab c'>,){<'Ab c'>: 1}"},
    {"{{ d }}{{ d.items() }}{{ l }}{{ p|map(attribute='r')|list }}",
     "<{'k': 'v', 'b': True}dict_items([('k', 'v'), ('b', True)])['x', 2]['u', 'a']>"},
    {"{{ d|tojson }}{{ l|tojson(indent=1) }}", "<{\"k\": \"v\", \"b\": true}[\n \"x\",\n 2\n]>"},
    {"{{ {'a': s, 'b': [1, n]}|tojson }}", "{\"a\": <\"Ab c\">, \"b\": [1, <7>]}"},
    {"{{ ('\"' ~ s)|tojson }}{{ (s ~ '\n')|tojson }}", "<\">\\\"<Ab c\"\"Ab c>\\n<\">"},
    {"{{ n }}{{ n + 1 }}{{ -n }}{{ n|string }}{{ n ~ '' }}{{ n|float }}{{ x|round }}{{ n|abs }}{{ 2 * n }}", "<78-7777.02.0714>"},
    {"{{ i|int }}{{ '7'|int }}{{ s|int(5) }}{{ i|float }}", "<7>75<7.0>"},
    {"{{ s|length }}{{ l|length }}{{ s|wordcount }}{{ s.find('c') }}{{ s.count('b') }}{{ 'ab'|length }}", "<42231>2"},
    {"{{ l|sum(start=0) if false else p|length }}{{ [1, n]|sum }}{{ [n, 9]|max }}", "<28>9"},
    {"{% for q in p %}{{ loop.index }}{{ q.r }}{% endfor %}", "1<u>2<a>"},
    {"{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", "<kvbTrue>"},
    {"{{ d.b }}{{ z }}{{ true }}{{ none }}{{ s == 'Ab c' }}{{ s is string }}{{ not d.b }}", "<TrueNone>TrueNoneTrueTrueFalse"},
    {"{{ 'x' if d.b else 'y' }}{{ 'abc'[n - 6] }}{{ d.q|default('z') }}{{ e or 'w' }}", "xbzw"},
    {"{{ '%s=%d' % (s, n) }}{{ '%5d|%-3d' % (n, n) }}{{ '%r' % s }}{{ '%%' % () }}", "<Ab c>=<7>    <7>|<7>  <'Ab c'>%"},
    {"{{ '{}:{:>6}'.format(s, s) }}{{ '{0[k]}'.format(d) }}{{ '{:{}}'.format('a', n) }}", "<Ab c>:  <Ab cva      >"},
    {"{{ (s ~ '%s') % 'x' }}{{ s.format() }}{{ s % () }}", "<Ab c>x<Ab cAb c>"},
    {"{{ f % (5, 'x') }}{{ '{:{}}'.format(5, g) }}{{ g.join(['{:', '}']).format(5) }}", "<+5  x+5+5>"},
    {"{{ '%s'|format(s) }}{{ s|center(8) }}{{ s * 2 }}{{ s.ljust(6, '.') }}", "<Ab c>  <Ab c>  <Ab cAb cAb c>.."},
    {"{{ s|e }}{{ '<'|e }}{{ ('&' ~ s)|e }}{{ s|safe }}{{ ('<'|safe) + '<' }}", "<Ab c>&lt;&amp;<Ab cAb c><&lt;"},
    {"{{ (s ~ '\n' ~ s)|indent(1) }}", "<Ab c>\n <Ab c>"},
    {"{{ ('x ' ~ s)|wordwrap(4) }}", "x <Ab>\n<c>"},
    {"{{ s|truncate(3, true, '.', 0) }}{{ s|urlencode }}{{ 'a b'|urlencode }}", "<Ab>.<Ab%20c>a%20b"},
    {"{{ [s, 'a']|sort|join }}{{ [s, 'a']|unique|list|first }}{{ [s]|map('upper')|first }}", "a<Ab cAb cAB C>"},
    {"{{ (p|groupby('r')|first).grouper }}{{ p|map(attribute='r')|sort|join('-') }}", "<aa>-<u>"},
    {"{{ d|dictsort }}{{ {'q': s}|dictsort }}", "<[('b', True), ('k', 'v')]>[('q', <'Ab c'>)]"},
    {"{% set q %}a{{ s }}{% endset %}{{ q }}{% set ns = namespace(v=s) %}{{ ns.v }}{% set ns.v = ns.v ~ '!' %}{{ ns.v }}",
     "a<Ab cAb cAb c>!"},
    {"{% macro m(v, w='d') %}[{{ v }}{{ w }}{{ kwargs }}]{% endmacro %}{{ m(s) }}{{ m('x', k=s) }}", "[<Ab c>d{}][xd{'k': <'Ab c'>}]"},
    {"{% macro m() %}({{ caller(s) }}){% endmacro %}{% call(q) m() %}{{ q }}.{% endcall %}", "(<Ab c>.)"},
    {"{% filter upper %}a{{ s }}{% endfilter %}{% with q = s %}{{ q }}{% endwith %}", "A<AB CAb c>"},
    {"{% generation %}a{{ s }}{% endgeneration %}b", "(a<Ab c>)b"},
    {"x{% set q %}{% generation %}a{{ s }}{% endgeneration %}{% endset %}{{ q }}{{ q|upper }}{{ q[1:3] }}", "x(a<Ab c>A<AB CAb>)"},
    {"{% for q in p %}{% generation %}{{ q.r }}{% endgeneration %},{% endfor %}", "(<u>),(<a>),"},
    {"{{ strftime_now(s) }}{{ strftime_now('%Y') }}", "<Ab c>2024"},
    {"{{ dict(a=s) }}{{ dict(d) }}{{ range(n)|list|length }}{{ range(2)|list }}", "{'a': <'Ab c'>}<{'k': 'v', 'b': True}7>[0, 1]"},
    {"{{ s ~ loop }}{{ undefined_name }}{{ s[9] }}", "<Ab c>"},
};

static void check_marks(void)
{
    json_t *variables = parsed(variables_text);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        struct rendered d;
        struct buf b = {0};
        render(&d, marks[i].source, strlen(marks[i].source), variables, "<|t|>");
        if (!d.rc) shown(&d.out, &b);
        CHECK(!d.rc && strcmp(b.data, marks[i].want) == 0, "%s\n gives %s\n not   %s", marks[i].source,
              d.rc ? d.e.msg : b.data, marks[i].want);
        buf_free(&b);
        rendered_free(&d);
    }
    json_decref(variables);
}

/* ---- templates drawn at random ---- */

/* Pieces of a grammar: % stands for another expression, drawn in turn. */
static const char *const leaves[] = {"s", "w",    "m[0].c",    "d",    "d.k", "m",    "'lit'", "3",
                                     "n", "m[1]", "d.items()", "ns.a", "q",   "none", "''",    "'a,b'"};
static const char *const forms[] = {
    "(% ~ %)", "(% + %)", "%|upper", "%|lower", "%|title", "%|trim", "%|string", "%|list", "%|join('-')",
    "[%, %]", "(%, %)", "{'k': % }", "{ % : % }", "%|tojson", "%|tojson(indent=1)", "%|tojson(ensure_ascii=true)",
    "%|replace('l', %)", "%|string|replace(%|string, 'r')", "%|string|list|sort|join", "%|first", "%|last",
    "%|reverse", "%|length", "%|int(9)", "%|default(%, true)", "'%%s:%%s' %% (%, %)", "'{}{!r}'.format(%, %)",
    "%|string|center(9)", "%|indent", "%|string|truncate(4, true, '~', 0)", "%|e", "%|safe",
    "%|string|urlencode", "(% if % else %)", "(% or %)", "(% and %)", "(%)[1:]", "(%)[::-1]", "(%)[0]",
    "%|map('upper')|list", "%|map('string')|join(%|string)", "(%|string).split()", "(%|string).split(%|string)",
    "(%|string).strip('l')", "(%|string).partition('a')", "%|string|wordcount", "(% * 2)", "%|items|list",
    "%|dictsort", "%|unique|list", "%|batch(2)|list", "f(%)", "f(%, %)", "(%|string).join(['x', %|string])",
    "(%|string).upper()", "(%|string).rsplit('a', 1)", "(%|string).splitlines()",
    "(%|string).replace('a', 'b', 1)", "dict(a=%)", "(%|string).zfill(7)", "(%|string).removeprefix('l')",
    "%|groupby(0)|list", "% == %", "% in [%]",
};
static const char *const statements[] = {
    "{{ % }}", "t{{ % }}", "{% set q = % %}", "{% set q %}x{{ % }}{% endset %}",
    "{% for q in % %}{{ q }}{{ % }}{% endfor %}", "{% if % %}{{ % }}{% endif %}", "{% set ns.a = % %}",
    "{% filter upper %}{{ % }}l{% endfilter %}", "{% call f(%) %}{{ % }}{% endcall %}",
    "{% with q = % %}{{ q }}{% endwith %}", "{% generation %}{{ % }}{% endgeneration %}",
};

static const char *drawn(struct rng *r, const char *const *list, size_t n) { return list[rng_next_below(r, n)]; }

/* "% " and "%|" and the like are holes; "%}" and "{%" belong to tags, "%%" is a percent sign. */
static void expand(struct rng *r, const char *form, int depth, struct buf *out)
{
    for (const char *p = form; *p; p++) {
        bool tag = *p == '%' && (p[1] == '}' || (p > form && p[-1] == '{' && p[1] == ' ' && p[2] >= 'a' && p[2] <= 'z'));
        if (*p == '%' && p[1] == '%') buf_add_byte(out, *p++);
        else if (*p != '%' || tag) buf_add_byte(out, *p);
        else if (depth <= 0 || rng_next_below(r, 3) == 0) buf_add_str(out, drawn(r, leaves, ARRAY_LEN(leaves)));
        else expand(r, drawn(r, forms, ARRAY_LEN(forms)), depth - 1, out);
    }
}

/* All letters from outside are Cyrillic; the templates are ASCII. So whatever is not ASCII, or an escape of it, came from
 * outside, and no way through the template may hide that. */
static void check_random(void)
{
    json_t *variables = parsed("{\"s\": \"\xd0\xb0\xd0\x91 \xd0\xb2\xd1\x86\", \"w\": \" "
                               "\xd1\x84,\\n\xd1\x8b \", \"n\": 3, \"d\": {\"k\": \"\xd0\xb6\", "
                               "\"\xd0\xb7\": [\"\xd0\xb8\", 1.5, null]}, \"m\": [{\"c\": \"\xd0\xb9\", "
                               "\"\xd0\xba\": \"\xd0\xbb\\\"\"}, \"\xd0\xbc\"]}");
    struct rng r = {.seed = 7};
    int texts = 0, with_outside = 0;
    for (int i = 0; i < 6000; i++) {
        struct rendered d;
        struct buf b = {0};
        buf_add_str(&b, "{% set ns = namespace(a=s) %}{% macro f(q, p=1) %}<{{ q }}{{ p }}>{% if caller %}{{ "
                        "caller() }}{% endif %}{% endmacro %}");
        for (int k = 0; k < 3; k++) expand(&r, drawn(&r, statements, ARRAY_LEN(statements)), 3, &b);
        render(&d, b.data, b.len, variables, NULL);
        for (size_t p = 0; !d.rc && p < d.out.n_pieces; p++) {
            const struct template_piece *piece = &d.out.pieces[p];
            bool ascii = true;
            for (size_t c = 0; c < piece->len; c++) ascii = ascii && !((uint8_t)piece->text[c] & 0x80);
            with_outside += !ascii;
            bool hidden = piece->trusted && (!ascii || memmem(piece->text, piece->len, "\\u04", 4) ||
                                             memmem(piece->text, piece->len, "%D", 2));
            CHECK(!hidden, "%s\n has %.*s as its own", b.data, (int)piece->len, piece->text);
        }
        texts += !d.rc;
        buf_free(&b);
        rendered_free(&d);
    }
    CHECK(texts > 2000 && with_outside > 1000,
          "only %d of 6000 templates gave a text, %d pieces from outside", texts, with_outside);
    json_decref(variables);
}

/* ---- bounds ---- */

static const struct {
    const char *source, *words;
} bounds[] = {
    {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "1:55: more than 1000000 steps"},
    {"{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}", "steps"},
    {"{% set ns = namespace(x='ab') %}\n{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "2:44: more than 64 MiB of memory"},
    {"{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "MiB of memory"},
    {"{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}", "steps"},
    {"{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == [ns.x[0], ns.x[1]] }}", "steps"},
    {"{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "nested too deep"},
    {"{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|tojson }}", "nested too deep"},
    {"{% set ns = namespace(x=1, y=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
     "nested too deep"},
    {"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "nested too deep"},
    {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "1:16: more than 1000 levels"},
    {"{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('ab') }}", "more than"},
    {"{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}", "more than 1000 levels"},
    {"{{ 'a' * 1000000000 }}", "1:8: more than 1000000 steps"},
    {"{{ 'a' * 9223372036854775807 }}", "more than"},
    {"{{ [1] * 9223372036854775807 }}", "more than"},
    {"{{ [1]|tojson(indent=1000000000) }}", "more than"},
    {"{{ 'a'|center(1000000000) }}{{ 'a'.zfill(9) }}", "more than"},
    {"{{ 'a'.ljust(9223372036854775807) }}", "more than"},
    {"{{ '5'.zfill(1000000000) }}", "more than"},
    {"{{ 'a\tb'.expandtabs(1000000000) }}", "more than"},
    {"{{ '%1000000000d' % 1 }}", "more than"},
    {"{{ '%*d' % (1000000000, 1) }}", "more than"},
    {"{{ '%.1000000000f' % 1.5 }}", "a precision of more than"},
    {"{{ '{:1000000000}'.format('a') }}", "more than"},
    {"{{ 'a\na'|indent(1000000000) }}", "more than"},
    {"{{ ('a' * 100000).replace('', 'b' * 100000) }}", "more than"},
    {"{{ range(100000)|join('x' * 10000) }}", "more than"},
    {"{{ ('a' * 30000)|list|map('replace', 'a', 'b' * 10000)|list }}", "more than"},
    {"{{ [1]|batch(1000000000, 'x')|list }}", "more than"},
    {"{{ [1]|slice(1000000000)|list }}", "more than"},
    {"{{ range(100001) }}", "a range of more than 100000"},
    {"{{ range(-9223372036854775807, 9223372036854775807) }}", "a range of more than 100000"},
    {"{{ 10 ** 100 }}", "an integer of more than 64 bits"},
    {"{{ 9223372036854775807 + 1 }}", "an integer of more than 64 bits"},
    {"{{ 9223372036854775808 }}", "an integer of more than 64 bits"},
    {"{{ ('a' * 2000000)|wordwrap(1) }}", "more than"},
    {"{{ ('a' * 1000000).strip('a' * 1000000) }}", "steps"},
    {"{% for i in range(9999) %}{% if 'b' in 'a' * 100000 %}{% endif %}{% endfor %}", "more than"},
    {"{{ ('ab' * 100000).split('a')|length }}{{ ('a' * 1000000)|upper|length }}{{ ('a' * 3000000)|wordcount }}{% for i in range(99) %}"
     "{{ ('a' * 3000000).rfind('b' ~ 'a' * 1000) }}{% endfor %}",
     "more than"},
    {"{{ raise_exception('x' * 1000) }}", "the template refuses"},
};

static void check_bounds(void)
{
    json_t *none = parsed("{}");
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct rendered d;
        render(&d, bounds[i].source, strlen(bounds[i].source), none, NULL);
        CHECK(d.rc && strstr(d.e.msg, bounds[i].words), "%s\n gives %s\n not an error with %s", bounds[i].source,
              d.rc ? d.e.msg : "a text", bounds[i].words);
        rendered_free(&d);
    }
    json_decref(none);
}

/* `times` times `part`, between `before` and `after`. */
static void check_repeated(const char *before, const char *part, int times, const char *after, const char *words)
{
    struct buf b = {0};
    json_t *none = parsed("{}");
    struct rendered d;
    buf_add_str(&b, before);
    for (int i = 0; i < times; i++) buf_add_str(&b, part);
    buf_add_str(&b, after);
    render(&d, b.data, b.len, none, NULL);
    if (words)
        CHECK(d.rc && strstr(d.e.msg, words), "%d times %s gives %s, not an error with %s", times, part,
              d.rc ? d.e.msg : "a text", words);
    else CHECK(!d.rc, "%d times %s: %s", times, part, d.e.msg);
    rendered_free(&d);
    json_decref(none);
    buf_free(&b);
}

static void check_sources(void)
{
    check_repeated("{{ ", "(", 300, "", "nested deeper than 200");
    check_repeated("{{ ", "[", 100000, "", "nested deeper than 200");
    check_repeated("{{ ", "-", 100000, "1 }}", "nested deeper than 200 levels");
    check_repeated("{{ ", "not ", 100000, "1 }}", "nested deeper than 200 levels");
    check_repeated("{{ ", "1 if 1 else ", 10000, "1 }}", "nested deeper than 200 levels");
    check_repeated("", "{% if 1 %}", 10000, "", "nested deeper than 200 levels");
    check_repeated("", "{% for a in b %}", 10000, "", "nested deeper than 200 levels");
    check_repeated("", "{% macro m() %}", 10000, "", "nested deeper than 200 levels");
    check_repeated("{{ 1", " + 1", 10000, " }}", "a chain of more than 400 operations");
    check_repeated("{{ a", ".b", 10000, " }}", "a chain of more than 400 operations");
    check_repeated("{{ 'a'", "|upper", 10000, " }}", "a chain of more than 400 operations");
    check_repeated("{{ 1", " < 2", 10000, " }}", "more than 63 comparisons");
    check_repeated("{{ [['a']]|map(", "'map', ", 5000, "'upper')|list }}", "more than");
    check_repeated("{{ 1", " ~ 1", 10000, " }}", NULL);
    check_repeated("{{ [", "1, ", 10000, "] }}", NULL);
    check_repeated("", "{{ 1 }}", 10000, "", NULL);
    check_repeated("{% if 0 %}", "{% elif 0 %}x", 10000, "{% endif %}", NULL);
    check_repeated("{{ '", "a", TEMPLATE_MAX_SOURCE, "' }}", "expected at most 1048576");
    check_repeated("", "\n", TEMPLATE_MAX_SOURCE / 2, "{{ x.y }}", "fixture:524289:5: 'x' is undefined");
}

/* ---- the interface ---- */

static void check_reads(void)
{
    static const char source[] = "{% if enable_thinking is defined %}{% endif %}{% for m in messages %}{{ "
                                 "m.tools }}{{ loop.index }}{% endfor %}"
                                 "{% set own = 1 %}{{ own }}{% macro f(a) %}{{ a }}{{ inner }}{% endmacro "
                                 "%}{{ range(2) }}{% if x %}{% set y = 1 %}{% endif %}{{ y }}";
    static const char *const reads[] = {"enable_thinking", "messages", "inner", "x", "y"},
                             *const not [] = {"m", "own", "a", "tools", "loop", "f", "thinking"};
    struct template *t;
    struct err e;
    CHECK_OK(template_parse(&t, "t", source, strlen(source), &e), &e);
    size_t n = 0;
    while (template_variable(t, n)) n++;
    CHECK(n == ARRAY_LEN(reads), "%zu variables are read", n);
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) CHECK(template_reads(t, reads[i]), "%s is read", reads[i]);
    for (size_t i = 0; i < ARRAY_LEN(not); i++) CHECK(!template_reads(t, not[i]), "%s is not read", not[i]);
    template_free(t);
    template_free(NULL);
    template_run_free(NULL);
}

/* One run, several renders: variables stay, and may be changed in between. */
static void check_runs(void)
{
    static const char source[] = "{{ name }}{% for i in list %}<{{ i }}>{% endfor %}{{ d.k }}{{ x }}";
    struct template *t;
    struct template_run *r;
    struct template_output out;
    struct err e;
    CHECK_OK(template_parse(&t, "t", source, strlen(source), &e), &e);
    CHECK_OK(template_run_new(&r, &e), &e);
    struct value *list = template_list(r), *d = template_dict(r);
    template_append(r, list, template_int(r, 1));
    template_append(r, list, template_float(r, 2.5));
    template_append(r, list, template_bool(r, true));
    template_append(r, list, template_none(r));
    template_put(r, d, "k", template_string(r, "v", 1, TEMPLATE_OUTSIDE));
    template_set(r, "list", list);
    template_set(r, "d", d);
    for (int i = 0; i < 100; i++) {
        char name[16], want[64];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(want, sizeof want, "n%d<1><2.5><True><None>v", i);
        template_set(r, "name", template_string(r, name, strlen(name), TEMPLATE_OURS));
        CHECK_OK(template_render(r, t, &out, &e), &e);
        CHECK(strcmp(out.text, want) == 0 && out.n_pieces > 5 && out.pieces[0].trusted, "%s, not %s", out.text, want);
    }
    CHECK(!template_string(r, "\xff", 1, TEMPLATE_OUTSIDE), "a text that is not UTF-8");
    CHECK(template_render(r, t, &out, &e) == ERR_FORMAT && strstr(e.msg, "not UTF-8"), "%s", e.msg);
    template_run_free(r);
    template_free(t);
}

/* What the model said is told from what others said, and both from the template's. */
static void check_origins(void)
{
    static const char source[] = "{{ t }}{{ s }}{{ a }}{{ a|upper }}{{ [a] }}{{ j|tojson }}{{ a ~ s }}";
    static const struct {
        const char *text;
        bool trusted, answer;
    } want[] = {{"<|t|>", true, false}, {"s", false, false}, {"aA", false, true},  {"[", true, false}, {"'a'", false, true},
                {"]", true, false},     {"{\"k\": 1}a", false, true}, {"s", false, false}};
    struct template *t;
    struct template_run *r;
    struct template_output out;
    struct err e;
    json_t *j = parsed("{\"k\": 1}");
    CHECK_OK(template_parse(&t, "t", source, strlen(source), &e), &e);
    CHECK_OK(template_run_new(&r, &e), &e);
    template_set(r, "t", template_string(r, "<|t|>", 5, TEMPLATE_OURS));
    template_set(r, "s", template_string(r, "s", 1, TEMPLATE_OUTSIDE));
    template_set(r, "a", template_string(r, "a", 1, TEMPLATE_ANSWER));
    template_set(r, "j", template_json(r, j, TEMPLATE_ANSWER));
    CHECK_OK(template_render(r, t, &out, &e), &e);
    CHECK(out.n_pieces == ARRAY_LEN(want), "%zu pieces of %s", out.n_pieces, out.text);
    for (size_t i = 0; i < out.n_pieces && i < ARRAY_LEN(want); i++) {
        const struct template_piece *p = &out.pieces[i];
        bool same = p->len == strlen(want[i].text) && memcmp(p->text, want[i].text, p->len) == 0;
        CHECK(same && p->trusted == want[i].trusted && p->answer == want[i].answer, "piece %zu is %.*s, %d, %d", i, (int)p->len,
              p->text, p->trusted, p->answer);
    }
    template_run_free(r);
    template_free(t);
    json_decref(j);
}

static void check_raised(void)
{
    json_t *none = parsed("{}");
    struct rendered d;
    static const char source[] = "{{ raise_exception('roles must alternate \xc3\xa9') }}",
                      no_clock[] = "{{ strftime_now('%Y') }}";
    render(&d, source, strlen(source), none, NULL);
    CHECK(d.rc == ERR_USAGE && d.out.raised && strcmp(d.out.raised, "roles must alternate \xc3\xa9") == 0, "%s", d.e.msg);
    rendered_free(&d);
    CHECK_OK(template_parse(&d.t, "t", no_clock, strlen(no_clock), &d.e), &d.e);
    CHECK_OK(template_run_new(&d.r, &d.e), &d.e);
    CHECK(template_render(d.r, d.t, &d.out, &d.e) && strstr(d.e.msg, "no clock"), "%s", d.e.msg);
    CHECK(template_render(d.r, d.t, &d.out, NULL) && !d.out.raised, "without a place for the error");
    rendered_free(&d);
    json_decref(none);
}

/* Every allocation fails once: an error, no leak, no crash. */
static void check_memory(void)
{
    static const char source[] = "{% macro f(a) %}{{ a|upper }}{{ ('x' * 70000)|length }}{% endmacro %}{% "
                                 "for k in d %}{{ f(k) }}{% endfor %}{{ d|tojson }}";
    json_t *variables = parsed(variables_text);
    struct rendered d;
    int64_t live = mem_live();
    bool failed = true;
    for (uint64_t k = 1; failed && k < 200; k++) {
        mem_fail_at(k);
        render(&d, source, strlen(source), variables, NULL);
        mem_fail_at(0);
        failed = d.rc != 0;
        if (failed) CHECK(strstr(d.e.msg, "memory"), "allocation %llu fails: %s", (unsigned long long)k, d.e.msg);
        else CHECK(k > 5, "only %llu allocations", (unsigned long long)k);
        rendered_free(&d);
        CHECK(mem_live() == live, "allocation %llu fails: a leak", (unsigned long long)k);
    }
    CHECK(!failed, "more than 200 allocations");
    json_decref(variables);
}

int main(void)
{
    check_marks();
    check_random();
    check_bounds();
    check_sources();
    check_reads();
    check_runs();
    check_origins();
    check_raised();
    check_memory();
    return test_end();
}
