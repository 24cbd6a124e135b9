#!/bin/sh
# 85-serve-bits.sh [MODEL.gguf...]: the server's answers are the same bits whatever it is doing. Without names: all *.gguf in the
# folder that AUTARKY_MODELS names.
exec "$(dirname "$0")/../../tools/with-models.sh" tests/long/serve_bits.py "$@"
