#!/bin/sh
# 60-exact.sh [MODEL.gguf...]: published models as they are quantised, row by row against llama.cpp: perplexity, likeliest
# tokens, and how near the two were where they differ. Without names: all *.gguf in the folder that AUTARKY_MODELS names.
exec "$(dirname "$0")/../../tools/with-models.sh" tests/long/exact.py "$@"
