#!/bin/sh
# Prints a Python interpreter that has the packages of tests/long/requirements.txt: the one that AUTARKY_PYTHON names, or
# one in build/peers, where they are installed when they are missing.
cd "$(dirname "$0")/.." || exit 1
if [ -z "$AUTARKY_PYTHON" ]; then
    AUTARKY_PYTHON=$PWD/build/peers/bin/python
    if ! "$AUTARKY_PYTHON" -c 'import gguf, jsonschema, llama_cpp, numpy, safetensors, torch, transformers' 2>/dev/null; then
        echo "installing the packages of tests/long/requirements.txt into build/peers ..." >&2
        mkdir -p build
        python3 -m venv build/peers && "$AUTARKY_PYTHON" -m pip install -q -r tests/long/requirements.txt >&2 || exit 1
    fi
fi
echo "$AUTARKY_PYTHON"
