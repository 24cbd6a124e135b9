#!/bin/sh
# 70-chats.sh [MODEL.gguf...]: published models answer as chats with no option: greedy answers against llama.cpp's, which
# renders the template with jinja2. Without names: all *.gguf in the folder that AUTARKY_MODELS names.
exec "$(dirname "$0")/../../tools/with-models.sh" tests/long/chats.py "$@"
