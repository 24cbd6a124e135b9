#!/bin/sh
# Every command line that README, the documents and the help show is run here as it is written, in a folder where the files of
# the examples are the model that ships, and what it claims is looked at. A line that stands nowhere below is a failure.
# check_commands.sh [long]     long: also those that take minutes
cd "$(dirname "$0")/.." || exit 1
top=$PWD a=$top/build/release/autarky
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
out=$dir/out err=$dir/err list=$dir/list
HOME=$dir/home XDG_STATE_HOME=$dir/state XDG_DATA_HOME=$dir/data XDG_CACHE_HOME=$dir/cache NO_COLOR=1 HF_HUB_OFFLINE=1
export HOME XDG_STATE_HOME XDG_DATA_HOME XDG_CACHE_HOME NO_COLOR HF_HUB_OFFLINE
unset AUTARKY_MODEL HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE OLLAMA_MODELS LLAMA_CACHE CLICOLOR_FORCE

. tests/shell.sh

# ---- the lines ----

# Indented lines of the documents that begin with ./run or autarky, up to the explanation (three blanks); those of the help.
{
    for f in README.md docs/*.md; do
        sed -nE 's/^    +((\.\/run|autarky)( .*)?)$/\1/p' "$f"
    done
    "$a" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | while read -r c; do
        "$a" help "$c" | sed -nE 's/^  (autarky .*)$/\1/p'
    done
    sed -nE 's/^# +(autarky .*)$/\1/p' recipes/*.recipe
} | sed -E 's/   .*//; s/^\.\/run$/autarky chat/; s/^\.\/run/autarky/; s/ +$//' | sort -u >"$list"

# ---- the folder ----

m=$top/models/first/first.gguf
mkdir -p "$HOME" "$dir/work" "$dir/cache/huggingface/hub"
cd "$dir/work" || exit 1
for f in model MODEL big original FILE; do cp "$m" $f.gguf; done
cp "$m" MODEL
"$a" convert "$m" FOLDER -q 2>"$err" || bad "the folder of the examples"
"$a" quantize "$m" quantised.gguf --to q4_0 -q 2>"$err" || bad "the quantised file of the examples"
head -c 3000 "$top/README.md" >text.txt
cp text.txt wiki.txt
printf '[{"role": "user", "content": "Tell me a story"}]' >conversation.json
printf '[]' >tools.json
mkdir -p models/first recipes bench DIR
cp "$m" models/first/
cp -r "$top/bench/models" bench/
# A repository of the hub's cache, as pull leaves it.
repo=$XDG_CACHE_HOME/huggingface/hub/models--org--name commit=1234567890abcdef1234567890abcdef12345678
mkdir -p "$repo/blobs" "$repo/refs" "$repo/snapshots/$commit"
printf %s $commit >"$repo/refs/main"
hash=$(sha256sum "$m" | cut -d' ' -f1)
cp "$m" "$repo/blobs/$hash"
ln -s "../../blobs/$hash" "$repo/snapshots/$commit/name-Q4_K_M.gguf"
# The recipe of the model that ships takes hours: its first lines of text and a few steps stand for it.
mkdir -p models/first/texts
cp "$top"/models/first/texts/* models/first/texts/
sed -e 's/^steps = .*/steps = 3/; s/count=[0-9]*/count=20/; s/^megabytes = .*/megabytes = 0.2/; s/^vocab = .*/vocab = 300/' \
    -e 's/^batch_tokens = .*/batch_tokens = 64/; s/^seq_len = .*/seq_len = 32/; s/^micro_batch = .*/micro_batch = 2/' \
    -e '/^source = \(fairy\|tiny\|prat\|story\)/d; /^val = .*zst/d; /^warmup/d' "$top/recipes/first.recipe" >recipes/first.recipe

# ---- running them ----

# try STATUS 'LINE' [PATTERN...]: runs LINE; every PATTERN must be in what it wrote (stdout and stderr). Takes LINE off the list.
try() {
    want=$1 line=$2
    shift 2
    if grep -qxF -- "$line" "$list"; then
        grep -vxF -- "$line" "$list" >"$list.new"
        mv "$list.new" "$list"
    else
        bad "no document has the line: $line"
        return
    fi
    : >"$out" >"$err"
    printf '%s\n' 'autarky() { "$AUTARKY" "$@"; }' "$line" >line.sh
    AUTARKY=$a timeout 1800 sh line.sh >"$out" 2>"$err" </dev/null
    rc=$?
    if [ $rc = "$want" ]; then ok; else bad "$line: status $rc, expected $want"; fi
    for pattern; do
        if cat "$out" "$err" | grep -qE -- "$pattern"; then ok; else bad "$line: no \"$pattern\""; fi
    done
}
# serving 'LINE' [PATTERN...]: the same for a server: on ports that are free, until its model is loaded; told to end, it ends well.
serving() {
    line=$1
    shift
    if grep -qxF -- "$line" "$list"; then
        grep -vxF -- "$line" "$list" >"$list.new"
        mv "$list.new" "$list"
    else
        bad "no document has the line: $line"
        return
    fi
    : >"$out" >"$err"
    printf '%s\n' 'autarky() { shift; exec "$AUTARKY" serve --port 0 "$@"; }' "$line" | sed 's/--also-port [0-9]*//' >line.sh
    AUTARKY=$a sh line.sh >"$out" 2>"$err" </dev/null &
    server=$!
    tries=600
    while ! grep -q 'loaded in' "$err" && kill -0 $server 2>/dev/null && [ $tries -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    kill $server
    wait $server
    rc=$?
    if [ $rc = 0 ]; then ok; else bad "$line: status $rc, expected 0"; fi
    for pattern in 'loaded in' 'http://127.0.0.1:' "$@"; do
        if grep -qE -- "$pattern" "$err"; then ok; else bad "$line: no \"$pattern\""; fi
    done
}
# Takes minutes: run by "long" only.
slow() {
    if [ "$long" = long ]; then
        try "$@"
    else
        grep -vxF -- "$2" "$list" >"$list.new"
        mv "$list.new" "$list"
    fi
}
long=$1

# shellcheck source=/dev/null
. "$top/tests/commands.sh"

while read -r line; do bad "tests/commands.sh does not run: $line"; done <"$list"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
