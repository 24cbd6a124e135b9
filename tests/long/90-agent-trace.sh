#!/bin/sh
# The trace of a coding agent, 50 turns up to 30,000 tokens, against `autarky serve`, with a restart in the middle; where LLAMA_SERVER
# names one, beside it. No turn may be evaluated whole. MODEL is a GGUF with a context of 32,768 (qwen2.5-coder-0.5b).
cd "$(dirname "$0")/../.." || exit 1
if [ -z "$MODEL" ]; then
    echo "0 passed, 0 failed, 1 skipped"
    echo "skipped: MODEL is not set" >&2
    exit 0
fi
kv=$(mktemp -d) || exit 1
trap 'rm -rf "$kv"' EXIT
id=$(basename "$MODEL" .gguf)
failed=0
bench/agent_trace.py --name autarky --model "$id" --restart 30 -- \
    build/release/autarky serve "$MODEL" --port '{port}' --kv-cache "$kv" --quiet || failed=1
if [ -n "$LLAMA_SERVER" ]; then
    bench/agent_trace.py --name llama-server --restart 30 -- "$LLAMA_SERVER" -m "$MODEL" --port '{port}' -c 32768 -np 1 --jinja
fi
echo "$((1 - failed)) passed, $failed failed, 0 skipped"
exit "$failed"
