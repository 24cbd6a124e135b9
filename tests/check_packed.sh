#!/bin/sh
# Files of packed weights from outside: where they lie, what is said of them, several starts at once, damage, what list, show,
# plan and rm know of them.
cd "$(dirname "$0")/.." || exit 1
a=$PWD/build/release/autarky
[ -x "$a" ] || { echo "skipped: the program is not built (make)" >&2; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
HOME=$dir XDG_DATA_HOME=$dir/data XDG_CACHE_HOME=$dir/cache NO_COLOR=1 AUTARKY_THREADS=1
export HOME XDG_DATA_HOME XDG_CACHE_HOME NO_COLOR AUTARKY_THREADS
unset AUTARKY_MODEL HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE OLLAMA_MODELS LLAMA_CACHE CLICOLOR_FORCE
out=$dir/out err=$dir/err own=$dir/data/autarky/models packed=$dir/cache/autarky/panels
hub=$dir/cache/huggingface/hub/models--org--big ollama=$dir/.ollama/models

. tests/shell.sh
# files FOLDER NAMES: what is in it, hidden files too
files() {
    found=$(cd "$1" && find . -mindepth 1 ! -type d | sed 's|^\./||' | LC_ALL=C sort | tr '\n' ' ')
    if [ "$found" = "$2" ]; then ok; else bad "$what: in $1 are $found, expected $2"; fi
}
answer() { t 0 run "$1" -n 4 --temp 0 --ignore-end Hello; }
same() { if cmp -s "$out" "$dir/right"; then ok; else bad "$what: another answer"; fi; }

# A model of one's own: beside it, and said with its size and place.
mkdir -p "$own"
build/release/tests/check_cli large "$own/m.gguf" >"$out" 2>"$err" || bad "no model"
answer m.gguf; cp "$out" "$dir/right"
has "$err" "packed weights, [0-9.]* MiB, are kept for the next start: $own/m.gguf.panels"; files "$own" 'm.gguf m.gguf.panels '
answer m.gguf; same; hasnt "$err" 'packed'
t 0 list; has "$out" 'PACKED'; has "$out" "m.gguf.*MB.*MB"; hasnt "$err" 'packed'
t 0 list --json; has "$out" '"packed_bytes":[1-9]'; has "$out" '"packed":\[\]'
t 0 plan m.gguf; has "$out" 'packed weights .* there already'
t 0 show "$own/m.gguf"; has "$out" "^  packed .* MiB: $own/m.gguf.panels"
answer m.gguf --no-panels; same

# Bytes that change are noticed, whatever the time of the file says.
printf 'xyz' | dd of="$own/m.gguf.panels" bs=1 seek=5000000 conv=notrunc 2>/dev/null
answer m.gguf; same; has "$err" 'made again: .* have changed'; has "$err" 'kept for the next start'
answer m.gguf; same; hasnt "$err" 'packed'

# Four starts at once, without, with damaged and with another model's packed weights: right answers, one file, nothing else.
at_once() {
    what="four at once, $1"
    for i in 1 2 3 4; do
        timeout 60 "$a" run m.gguf -n 4 --temp 0 --ignore-end Hello >"$dir/out$i" 2>"$dir/err$i" </dev/null &
    done
    wait
    for i in 1 2 3 4; do cp "$dir/out$i" "$out"; cp "$dir/err$i" "$err"; same; done
    files "$own" 'm.gguf m.gguf.panels '
    if [ "$(cat "$dir"/err[1-4] | grep -c 'kept for the next start')" = 1 ]; then ok; else bad "$what: packed more than once"; fi
}
rm "$own/m.gguf.panels"; at_once 'nothing packed'
printf 'xyz' | dd of="$own/m.gguf.panels" bs=1 seek=6000000 conv=notrunc 2>/dev/null; at_once 'damaged'
touch -d '2001-01-01' "$own/m.gguf"; at_once 'of another model'

# Killed at any moment: nothing but what belongs there.
for wait in 0.01 0.03 0.05 0.08 0.12; do
    rm -f "$own/m.gguf.panels"
    what="killed after $wait s"
    timeout -s KILL $wait "$a" run m.gguf -n 1 Hello >"$out" 2>"$err" </dev/null
    rm -f "$own/m.gguf.panels"
    files "$own" 'm.gguf '
done

# rm takes them with the model, and asks first.
answer m.gguf; same
t 2 rm m.gguf; has "$err" 'packed weights'; has "$err" 'say -y'; files "$own" 'm.gguf m.gguf.panels '
echo old >"$own/m.gguf.panels.123.tmp" # of an earlier version that was killed
echo mine >"$own/m.gguf.panels.notes"
t 0 rm --packed m.gguf -y; has "$err" '2 files of packed weights removed'; files "$own" 'm.gguf m.gguf.panels.notes '
rm "$own/m.gguf.panels.notes"
t 3 rm --packed m.gguf -y; has "$err" 'nothing is packed'
answer m.gguf; same
cp "$own/m.gguf" "$dir/kept.gguf"
t 0 rm m.gguf -y --json; has "$out" '"freed_bytes":[3-9]'; files "$own" ''

# The cache of the Hugging Face hub: one file for link and blob, none there.
mkdir -p "$hub/blobs" "$hub/snapshots/1234567890abcdef1234567890abcdef12345678" "$hub/refs"
printf 1234567890abcdef1234567890abcdef12345678 >"$hub/refs/main"
blob=$hub/blobs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
link=$hub/snapshots/1234567890abcdef1234567890abcdef12345678/big-Q8_0.gguf
cp "$dir/kept.gguf" "$blob"; ln -s ../../blobs/"${blob##*/}" "$link"
(cd "$hub" && find . | sort) >"$dir/before"
answer org/big:Q8_0; same; has "$err" "kept for the next start: $packed/"
answer "$link"; same; hasnt "$err" packed
answer "$blob"; same; hasnt "$err" packed
ln -s "$link" "$dir/link.gguf"
answer "$dir/link.gguf"; same; hasnt "$err" packed
(cd "$hub" && find . | sort) >"$dir/after"
what='the hub'"'"'s cache'; if cmp -s "$dir/before" "$dir/after"; then ok; else bad "$what: something was written there"; fi
if [ "$(find "$packed" -type f | wc -l)" = 1 ]; then ok; else bad "$what: not one file of packed weights"; fi
t 0 list; has "$out" 'org/big:Q8_0.* MB .* MB'
t 0 rm org/big -y; files "$packed" ''

# Ollama's: read where it lies, nothing is written there, and rm --packed takes only what is ours.
mkdir -p "$ollama/blobs" "$ollama/manifests/registry.ollama.ai/library/big"
mv "$dir/kept.gguf" "$ollama/blobs/sha256-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
echo '{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}]}' \
    >"$ollama/manifests/registry.ollama.ai/library/big/latest"
find "$ollama" | sort >"$dir/before"
answer big:latest; same; has "$err" "kept for the next start: $packed/sha256-bbb"
t 0 list; has "$out" 'big:latest.* MB .* MB'
t 0 rm --packed big:latest -y; files "$packed" ''
answer big:latest; same
find "$ollama" | sort >"$dir/after"
what="Ollama's folder"; if cmp -s "$dir/before" "$dir/after"; then ok; else bad "$what: something was written there"; fi

# A disk that is memory: what lies there is used already, and takes nothing more.
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && shm=$(mktemp -d /dev/shm/check-XXXXXX); then
    trap 'rm -rf "$dir" "$shm"' EXIT
    cp "$ollama"/blobs/sha256-* "$shm/m.gguf"
    t 0 plan "$shm/m.gguf" --json; before=$(sed 's/.*"total":\([0-9]*\).*"disk":.*"memory_free".*/\1/' "$out")
    answer "$shm/m.gguf"; same
    t 0 plan "$shm/m.gguf"; has "$out" 'in memory already'
    t 0 plan "$shm/m.gguf" --json; after=$(sed 's/.*"total":\([0-9]*\).*"disk":.*"memory_free".*/\1/' "$out")
    if [ "$((before - after))" -gt 19000000 ]; then ok; else bad "$what: $before bytes before, $after after"; fi
    answer "$shm/m.gguf" --memory 18M; same
fi

# A model that is gone, and what earlier versions left when they were killed: told, and removed.
rm -r "$ollama"
echo old >"$own/x.gguf.panels.4711.tmp"; echo old >"$own/y.gguf.panels"; echo kept >"$own/notes.panels.txt"
t 0 list; has "$err" '3 files, .* autarky rm --packed'
t 0 list --json; has "$out" '"stale":true'
t 2 rm --packed; has "$err" 'say -y'
t 0 rm --packed -y; has "$err" '3 files'; files "$packed" ''; files "$own" 'notes.panels.txt '
t 0 rm --packed -y; has "$err" '0 files'

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
