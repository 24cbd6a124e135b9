#!/bin/sh
# A tiny model of every family, as GGUF written by this program: llama.cpp computes from it what transformers computes.
cd "$(dirname "$0")/../.." || exit 1
python=$(tools/peer-python.sh) || exit 1
exec "$python" tests/long/families.py build/release/autarky
