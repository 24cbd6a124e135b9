#!/bin/sh
# The official Python packages `gguf` and `safetensors` read what our writers wrote: names, shapes, types, metadata, bytes.
cd "$(dirname "$0")/../.." || exit 1
python=$(tools/peer-python.sh) || exit 1
make -s build/release/tests/check_io || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
build/release/tests/check_io "$tmp" >/dev/null || exit 1
"$python" tools/make_io_fixtures.py check "$tmp"
