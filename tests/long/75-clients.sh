#!/bin/sh
# 75-clients.sh [CLIENT...]: programs that people use, unmodified, against the server with a worker whose answers are scripted
# (tests/scripted_server.c). They are installed into build/clients, the newest versions that the registries give, once; a folder
# that is there is used as it is. Prints a line for each client with its version. Without the registries everything is skipped.
cd "$(dirname "$0")/../.." || exit 1
at=$PWD/build/clients port=$((20000 + $$ % 20000)) passed=0 failed=0 skipped=0
python_clients='openai anthropic ollama litellm langchain-openai langchain-deepseek schemathesis'
eval_clients='lm-eval inspect-ai tenacity openai' # programs that want versions of their own, by the folders they go to
aider_clients=aider-chat
node_clients='openai @anthropic-ai/sdk ollama ai'
agents='@openai/codex @anthropic-ai/claude-code opencode-ai @qwen-code/qwen-code @earendil-works/pi-coding-agent'
base=http://127.0.0.1:$port

venv() {
    folder=$1
    shift
    { [ -x "$at/$folder/bin/python" ] || python3 -m venv "$at/$folder"; } && "$at/$folder/bin/pip" -q install "$@"
}
install() {
    mkdir -p "$at" || return
    # shellcheck disable=SC2086  # lists of names
    venv py $python_clients && venv eval $eval_clients && venv aider $aider_clients &&
        (cd "$at" && npm install --silent $node_clients @ai-sdk/openai @ai-sdk/anthropic @ai-sdk/deepseek @ai-sdk/openai-compatible $agents)
}
if [ ! -e "$at/done" ]; then
    if ! install >"$at.log" 2>&1; then
        echo "skipped: clients cannot be installed: $(tail -n 1 "$at.log")" >&2
        echo '0 passed, 0 failed, 1 skipped'
        exit 0
    fi
    touch "$at/done"
fi
make -s build/release/tests/scripted_server || exit 1

work=$(mktemp -d) || exit 1
build/release/tests/scripted_server "$port" 2>"$work/server" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for _ in 1 2 3 4 5 6 7 8 9 10; do grep -q loaded "$work/server" && break; sleep 0.5; done

wanted=" $* "
# client NAME VERSION COMMAND...: one line, and a count
client() {
    name=$1 version=$2
    shift 2
    case $wanted in "  " | *" $name "*) ;; *) return ;; esac
    if timeout 180 "$@" >"$work/out" 2>&1 </dev/null; then
        passed=$((passed + 1))
        printf 'ok   %-28s %s\n' "$name" "$version"
    else
        failed=$((failed + 1))
        printf 'BAD  %-28s %s\n' "$name" "$version"
        tail -n 20 "$work/out"
    fi
}
pip_version() { "$at/$1/bin/python" -c "import importlib.metadata as m; print(m.version('$2'), '(PyPI)')"; }
npm_version() { sed -n 's/^[[:space:]]*"version": "\([^"]*\)".*/\1/p' "$at/node_modules/$1/package.json" | head -n 1; }

for name in $python_clients; do
    set -- "$at/py/bin/python" tests/long/clients.py "$base" "$name"
    # Any request that openapi.json allows, and others: no 5xx, only statuses and shapes that it tells.
    [ "$name" = schemathesis ] && set -- "$at/py/bin/schemathesis" run "$base/openapi.json" --phases fuzzing --max-examples 5 --no-color \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
    client "$name" "$(pip_version py "$name")" "$@"
done

# Scores of multiple choices, with the server's tokenizer; another program's own task; an editor of code.
cat >"$work/tiny.yaml" <<END
task: tiny
dataset_path: json
dataset_kwargs: {data_files: $work/tiny.jsonl}
test_split: train
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: "{{c}}"
doc_to_target: "{{a}}"
metric_list: [{metric: acc}]
END
echo '{"q": "The sky is", "c": ["blue", "made of soup"], "a": 0}' >"$work/tiny.jsonl"
cat >"$work/hello.py" <<END
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

@task
def hello():
    return Task(dataset=[Sample(input="hi", target="script")], solver=[generate()], scorer=includes())
END
client lm-eval "$(pip_version eval lm-eval)" env OPENAI_API_KEY=x HF_HOME="$work/hf" HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 sh -c \
    '"$0" "$@" | tee /dev/stderr | grep -q "acc.*1"' "$at/eval/bin/lm_eval" --model local-completions --model_args \
    "model=scripted,base_url=$base/v1/completions,tokenizer_backend=remote,num_concurrent=1,max_retries=1" --tasks tiny --include_path "$work"
client inspect-ai "$(pip_version eval inspect-ai)" env OPENAI_API_KEY=x OPENAI_BASE_URL="$base/v1" sh -c \
    'cd "$0" && "$@" | tee /dev/stderr | grep -q "accuracy *1"' "$work" "$at/eval/bin/inspect" eval hello.py --model openai/scripted \
    --display plain
mkdir -p "$work/empty"
client aider-chat "$(pip_version aider aider-chat)" env HOME="$work/empty" OPENAI_API_BASE="$base/v1" OPENAI_API_KEY=x \
    LITELLM_LOCAL_MODEL_COST_MAP=True sh -c 'cd "$0" && "$@" | tee /dev/stderr | grep -q "Hello from the script"' "$work/empty" \
    "$at/aider/bin/aider" --model openai/scripted --message hi --yes-always --no-git --no-check-update --no-show-model-warnings \
    --analytics-disable --no-show-release-notes
cp tests/long/clients.mjs "$at/" || exit 1
for name in $node_clients; do client "$name" "$(npm_version "$name") (npm)" node "$at/clients.mjs" "$base" "$name"; done

# Agents: in an empty home, asked to write a file; the script lets them call the tool that runs commands.
agent() {
    name=$1
    shift
    rm -rf "$work/home" "$work/there"
    mkdir -p "$work/home/.codex" "$work/there"
    cat >"$work/home/.codex/config.toml" <<END
model = "scripted"
model_provider = "autarky"
[model_providers.autarky]
name = "autarky"
base_url = "$base/v1"
wire_api = "responses"
END
    mkdir -p "$work/home/.pi/agent"
    cat >"$work/home/.pi/agent/models.json" <<END
{"providers": {"autarky": {"baseUrl": "$base/v1", "apiKey": "x", "api": "openai-completions", "models": [{"id": "scripted", "name":
 "scripted", "reasoning": false, "input": ["text"], "contextWindow": 100000, "maxTokens": 4096,
 "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}]}}}
END
    cat >"$work/there/opencode.json" <<END
{"model": "autarky/scripted", "small_model": "autarky/scripted", "autoupdate": false, "share": "disabled", "provider": {"autarky":
 {"npm": "@ai-sdk/openai-compatible", "name": "autarky", "options": {"baseURL": "$base/v1", "apiKey": "x"},
  "models": {"scripted": {"name": "scripted"}}}}}
END
    client "$name" "$(npm_version "$name") (npm)" env HOME="$work/home" OPENAI_BASE_URL="$base/v1" OPENAI_API_KEY=x OPENAI_MODEL=scripted \
        ANTHROPIC_BASE_URL="$base" ANTHROPIC_API_KEY=x ANTHROPIC_MODEL=scripted CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
        IS_SANDBOX=1 PI_OFFLINE=1 OPENCODE_DISABLE_MODELS_FETCH=1 CODEX_HOME="$work/home/.codex" \
        sh -c 'cd "$0" && "$@" && [ "$(cat out.txt)" = hi ]' "$work/there" "$@"
}
bin=$at/node_modules/.bin
agent @openai/codex "$bin/codex" exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox 'write hi to out.txt'
agent @anthropic-ai/claude-code "$bin/claude" -p 'write hi to out.txt' --dangerously-skip-permissions
agent opencode-ai "$bin/opencode" run 'write hi to out.txt'
agent @qwen-code/qwen-code "$bin/qwen" -y -p 'write hi to out.txt' --auth-type openai
agent @earendil-works/pi-coding-agent "$bin/pi" --provider autarky --model scripted -p 'write hi to out.txt'

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
