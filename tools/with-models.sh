#!/bin/sh
# tools/with-models.sh SCRIPT.py [MODEL.gguf...]: runs a comparison with other programs on published models. Without names:
# all *.gguf in the folder that AUTARKY_MODELS names.
script=$1
shift
for model; do # a name is relative to where the caller stands
    shift
    set -- "$@" "$(readlink -f "$model")"
done
cd "$(dirname "$0")/.." || exit 1
if [ $# = 0 ]; then
    for model in "${AUTARKY_MODELS:-/nonexistent}"/*.gguf; do
        if [ -f "$model" ]; then set -- "$@" "$model"; fi
    done
fi
if [ $# = 0 ]; then
    if [ -n "$AUTARKY_MODELS" ]; then echo "skipped: no *.gguf in the folder AUTARKY_MODELS=$AUTARKY_MODELS" >&2
    else echo "skipped: comparison on published models: AUTARKY_MODELS must name a folder of GGUF files" >&2; fi
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
python=$(tools/peer-python.sh) || exit 1
exec "$python" "$script" "${AUTARKY:-build/release/autarky}" "$@"
