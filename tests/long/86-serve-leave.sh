#!/bin/sh
# 86-serve-leave.sh [MODEL.gguf...]: a thousand clients that go away in the middle. Without names: all *.gguf in the folder that
# AUTARKY_MODELS names.
exec "$(dirname "$0")/../../tools/with-models.sh" tests/long/serve_leave.py "$@"
