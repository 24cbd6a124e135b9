/* Templates of ours, each with one of the ways in which published ones write calls of tools, and a vocabulary for them. */
#ifndef TESTS_CHAT_SHAPES_H
#define TESTS_CHAT_SHAPES_H

#include <string.h>
#include "base/buf.h"

#define TURNS                                                                                                          \
    "{%- for m in messages %}{%- if m.role == 'tool' %}<|im_start|>tool\n{{ m.content }}<|im_end|>\n"                  \
    "{%- elif m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content or '' }}%s<|im_end|>\n"                      \
    "{%- else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{%- endif %}{%- endfor %}"                        \
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define TOOLS "{%- if tools %}<|im_start|>system\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}<|im_end|>\n{%- endif %}"

/* What stands for %s of TURNS, and what is derived. */
static const struct shape {
    const char *name, *calls, *want;
} shapes[] = {
    {"objects in tags",
     "{% for c in m.tool_calls %}<tool_call>\n{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}\n</tool_call>"
     "{% if not loop.last %}\n{% endif %}{% endfor %}",
     "<tool_call>{\"name\": NAME, \"arguments\": {...}}</tool_call>"},
    {"objects in a list",
     "{% if m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"arguments\": "
     "{{ c.function.arguments | tojson }}, \"id\": \"{{ c.id }}\"}{% if not loop.last %}, {% endif %}{% endfor %}]{% endif %}",
     "[TOOL_CALLS]{\"name\": NAME, \"arguments\": {...}}"},
    {"objects with other keys, a list between marks",
     "{% if m.tool_calls %}<|START_ACTION|>[{% for c in m.tool_calls %}\n    {\"tool_call_id\": \"{{ loop.index0 }}\", \"tool_name\": "
     "\"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}{% if not loop.last %},{% endif %}{% endfor %}\n]"
     "<|END_ACTION|>{% endif %}",
     "<|START_ACTION|>{\"tool_name\": NAME, \"parameters\": {...}}<|END_ACTION|>"},
    {"names as keys",
     "{% if m.tool_calls %}<|tools|>[{% for c in m.tool_calls %}{\"{{ c.function.name }}\": {{ c.function.arguments | tojson }}}"
     "{% if not loop.last %}, {% endif %}{% endfor %}]<|tools_end|>{% endif %}",
     "<|tools|>{NAME: {...}}<|tools_end|>"},
    {"a name, a mark, an object",
     "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}",
     "[TOOL_CALLS]NAME[ARGS]{...}"},
    {"sections, names with numbers",
     "{% if m.tool_calls %}<|section|>{% for c in m.tool_calls %}<|call|>functions.{{ c.function.name }}:{{ loop.index0 }}<|args|>"
     "{{ c.function.arguments | tojson }}<|call_end|>{% endfor %}<|section_end|>{% endif %}",
     "<|section|><|call|>functions.NAME:0<|args|>{...}<|call_end|><|section_end|>"},
    {"an id between name and arguments",
     "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[CALL_ID]{{ c.id }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}",
     "[TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...}"},
    {"an id before the name",
     "{% for c in m.tool_calls %}<|call|>{{ c.id }}<|name|>{{ c.function.name }}<|args|>{{ c.function.arguments | tojson }}<|call_end|>{% endfor %}",
     "<|call|>ID<|name|>NAME<|args|>{...}<|call_end|>"},
    {"a tag that holds the name",
     "{% for c in m.tool_calls %}<function={{ c.function.name }}>{{ c.function.arguments | tojson }}</function>{% endfor %}",
     "<function=NAME>{...}</function>"},
    {"text arguments in a fence",
     "{% for c in m.tool_calls %}<|call|>function<|args|>{{ c.function.name + '\n```json\n' + c.function.arguments + '\n```' }}<|call_end|>"
     "{% endfor %}",
     "<|call|>function<|args|>NAME```json{...}```<|call_end|>"},
    {"parameters in tags",
     "{% for c in m.tool_calls %}\n<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments|items %}"
     "<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}",
     "<tool_call><function=NAME><parameter=KEY>\\nVALUE\\n</parameter></function></tool_call>"},
    {"keys and values in tags",
     "{% for c in m.tool_calls %}<tool_call>{{ c.function.name }}{% for k, v in c.function.arguments|items %}<arg_key>{{ k }}</arg_key>"
     "<arg_value>{{ v if v is string else v | tojson }}</arg_value>{% endfor %}</tool_call>{% endfor %}",
     "<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>"},
    {"elements with attributes",
     "{% if m.tool_calls %}<invokes>\n{% for c in m.tool_calls %}<invoke name=\"{{ c.function.name }}\">\n{% for k, v in "
     "c.function.arguments|items %}<parameter name=\"{{ k }}\">{{ v if v is string else v | tojson }}</parameter>\n{% endfor %}</invoke>\n"
     "{% endfor %}</invokes>{% endif %}",
     "<invokes><invoke name=\"NAME\"><parameter name=\"KEY\">VALUE</parameter></invoke></invokes>"},
    {"an object alone",
     "{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}{% endfor %}",
     "{\"name\": NAME, \"parameters\": {...}}"},
    {"a call as Python writes it",
     "{% for c in m.tool_calls %}<|call|>[{{ c.function.name }}({% for k, v in c.function.arguments|items %}{{ k }}=\"{{ v }}\""
     "{% if not loop.last %}, {% endif %}{% endfor %})]<|call_end|>{% endfor %}",
     NULL},
    {"values between quotes of their own",
     "{% for c in m.tool_calls %}<|call|>{{ c.function.name }}{% for k, v in c.function.arguments|items %}<arg>{{ k }}</arg>"
     "{% if v is string %}<q>{{ v }}</q>{% else %}{{ v }}{% endif %}</end>{% endfor %}<|call_end|>{% endfor %}",
     NULL},
    {"no calls", "", NULL},
};

static const char *const shape_markers[] = {"<|im_start|>",   "<|im_end|>",      "<|endoftext|>",
                                         "<tool_call>",    "</tool_call>",    "[TOOL_CALLS]",
                                         "[ARGS]",         "[CALL_ID]",       "<|name|>",
                                         "<|section|>",    "<|section_end|>", "<|call|>",
                                         "<|call_end|>",   "<|args|>",        "<|START_ACTION|>",
                                         "<|END_ACTION|>", "<think>",         "</think>",
                                         "[THINK]",        "[/THINK]",        "<|tools|>",
                                         "<|tools_end|>",  "<arg_key>",       "</arg_key>",
                                         "<arg_value>",    "</arg_value>",    NULL};

static inline void make_source(struct buf *b, const char *calls)
{
    const char *turns = TURNS, *at = strstr(turns, "%s");
    buf_clear(b);
    buf_add_str(b, TOOLS);
    buf_add(b, turns, (size_t)(at - turns));
    buf_add_str(b, calls);
    buf_add_str(b, at + 2);
}

#endif
