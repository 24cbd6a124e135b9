#!/bin/sh
# The commands about models from outside: check_hub.sh PART PROGRAM HUB FOLDER (called by check_hub.c, whose server is
# HUB). PART is pull, token or local, in this order on one FOLDER. Writes "passed failed" into FOLDER/counts.
part=$1 a=$2 dir=$4
HF_ENDPOINT=$3 MODELSCOPE_ENDPOINT=$3 HOME=$dir/home XDG_DATA_HOME=$dir/data NO_COLOR=1
export HF_ENDPOINT MODELSCOPE_ENDPOINT HOME XDG_DATA_HOME NO_COLOR
unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_TOKEN_PATH HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HUB_OFFLINE XDG_CACHE_HOME \
    OLLAMA_MODELS LLAMA_CACHE MODELSCOPE_API_TOKEN http_proxy all_proxy ALL_PROXY no_proxy NO_PROXY CLICOLOR_FORCE
mkdir -p "$HOME"
out=$dir/out err=$dir/err
cache=$HOME/.cache/huggingface/hub snapshot=snapshots/1234567890abcdef1234567890abcdef12345678

. tests/shell.sh

check_pull() {
    t 2 pull; has "$err" 'expected one model'
    t 0 pull -h; has "$out" 'HF_ENDPOINT'
    t 2 pull 'a b'; has "$err" 'no name of a'
    t 2 pull org/tiny --from nowhere
    t 2 pull org/tiny --sha256 00
    t 0 pull org/tiny --dry-run; has "$out" 'to fetch *model.safetensors'
    if [ -e "$cache" ]; then bad "$what: the cache was made"; else ok; fi
    t 0 pull org/tiny; has "$out" "^$cache/models--org--tiny/$snapshot\$"; has "$err" 'every hash is right'
    is -L "$cache/models--org--tiny/$snapshot/model.safetensors"
    t 0 pull org/tiny -q; empty "$err"
    t 0 pull org/tiny --json; has "$out" '"fetched_bytes":0'; has "$out" '"state":"cached"'
    t 2 pull org/quants; has "$err" 'Q4_K_M *5.00 kB  m-Q4_K_M.gguf'; empty "$out"
    t 0 pull org/quants:Q4_K_M; has "$out" 'm-Q4_K_M.gguf$'
    t 0 pull --from modelscope org/quants:Q8_0; has "$out" 'm-Q8_0.gguf$'
    t 3 pull no/such; has "$err" 'no such model'; empty "$out"
    t 3 pull org/tiny --revision nope; has "$err" 'no such revision'
    t 5 pull gated/model; has "$err" 'set HF_TOKEN'
    t 2 pull org/vast; has "$err" 'say -y'
    t 3 pull org/vast -y; has "$err" 'vast-Q8_0.gguf'
    t 0 pull "$HF_ENDPOINT/file/m-Q4_K_M.gguf"; has "$out" "^$XDG_DATA_HOME/autarky/models/m-Q4_K_M.gguf\$"
    t 6 pull "$HF_ENDPOINT/file/m-Q8_0.gguf" --sha256 0000000000000000000000000000000000000000000000000000000000000000
    has "$err" 'the file is deleted'
    HF_HUB_CACHE=$dir/other; export HF_HUB_CACHE
    t 0 pull org/tiny; has "$out" "^$dir/other/models--org--tiny/$snapshot"
    unset HF_HUB_CACHE
}

check_token() { # two requests with a token in each of three runs: the commit and the list
    HF_TOKEN='  hf_x
'; export HF_TOKEN
    t 2 pull org/tiny; has "$err" 'HF_TOKEN holds a character that no token has'
    HF_TOKEN=hf_x; t 0 pull org/tiny
    unset HF_TOKEN
    printf 'hf_y\n' >"$dir/token"
    HF_TOKEN_PATH=$dir/token; export HF_TOKEN_PATH
    t 0 pull org/tiny
    unset HF_TOKEN_PATH
    printf 'hf_z' >"$HOME/.cache/huggingface/token"
    t 0 pull org/tiny
    rm "$HOME/.cache/huggingface/token"
}

check_local() {
    t 0 list
    for k in 'org/tiny *300 kB  safetensors  hugging face' 'org/quants:Q4_K_M *5.00 kB  gguf' 'm-Q4_K_M.gguf .*autarky'; do has "$out" "$k"; done
    t 0 list QUANTS --json; has "$out" '"name":"org/quants'; has "$out" '"bytes":5000'
    t 0 ls no-such-word; empty "$out"; has "$err" 'no models'
    t 0 cp org/tiny "$dir/copy"; has "$out" "^$dir/copy\$"; is -f "$dir/copy/model.safetensors"
    t 0 cp org/tiny "$dir/copy"; has "$out" "^$dir/copy/tiny\$"
    t 2 cp org/tiny "$dir/copy"; has "$err" 'exists'
    t 0 cp org/quants:Q4_K_M "$dir/q4.gguf" --json; has "$out" "\"path\":\"$dir/q4.gguf\""
    t 3 cp no/such "$dir/x"
    t 2 rm org/tiny; has "$err" 'say -y'; is -d "$cache/models--org--tiny"
    t 0 rm -y org/tiny; has "$err" '300 kB freed'; if [ -e "$cache/models--org--tiny" ]; then bad "$what: it is still there"; else ok; fi
    t 3 rm -y org/tiny
    t 0 rm -y m-Q4_K_M.gguf --json; has "$out" '"freed_bytes":5000'
    HF_HUB_OFFLINE=1; export HF_HUB_OFFLINE
    t 5 pull org/tiny; has "$err" HF_HUB_OFFLINE
}

"check_$part"
echo "$passed $failed" >"$dir/counts"
[ "$failed" -lt 100 ] || failed=100
exit "$failed"
