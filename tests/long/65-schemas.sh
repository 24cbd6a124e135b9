#!/bin/sh
# 65-schemas.sh [MODEL.gguf...]: constrained decoding against the Python package "jsonschema": 500 schemas, made and collected; every
# random walk of allowed tokens is valid, and texts that are changed match where they are valid. With the toy model's
# vocabulary, and those of the models named, by default of all *.gguf in the folder that AUTARKY_MODELS names. Then the server answers
# at temperature 1 with the toy model and the first of the others: every answer that ends is valid; and what it costs.
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
python=$(tools/peer-python.sh) || exit 1
exec "$python" tests/long/schemas.py "${AUTARKY:-build/release/autarky}" models/first/first.gguf "$@"
