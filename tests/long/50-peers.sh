#!/bin/sh
# The model that ships in llama.cpp and in transformers: the same 64 greedy tokens, the same perplexity, in f32.
cd "$(dirname "$0")/../.." || exit 1
python=$(tools/peer-python.sh) || exit 1
exec "$python" tests/long/peers.py build/release/autarky models/first/first.gguf
