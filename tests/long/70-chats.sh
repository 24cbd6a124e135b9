#!/bin/sh
# 70-chats.sh [MODEL.gguf...]: published models answer as chats with no option: greedy answers against llama.cpp's, which
# renders the template with jinja2. Without names: all *.gguf in the folder that AUTARKY_MODELS names.
for model; do # a name is relative to where the caller stands
    shift
    set -- "$@" "$(readlink -f "$model")"
done
cd "$(dirname "$0")/../.." || exit 1
if [ $# = 0 ]; then
    for model in "${AUTARKY_MODELS:-/nonexistent}"/*.gguf; do
        if [ -f "$model" ]; then set -- "$@" "$model"; fi
    done
fi
if [ $# = 0 ]; then
    echo "skipped: chats with published models: AUTARKY_MODELS must name a folder of GGUF files" >&2
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
python=$(tools/peer-python.sh) || exit 1
exec "$python" tests/long/chats.py "${AUTARKY:-build/release/autarky}" "$@"
