#!/bin/sh
# Fuzzing with clang's libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer.
# tools/fuzz.sh TARGET [N]      N inputs (default 100000) for fuzz/fuzz_TARGET.c, starting from fuzz/corpora/TARGET
# tools/fuzz.sh min TARGET      writes the fewest inputs that reach the same code to build/fuzz/minimal/TARGET
# New inputs go to build/fuzz/found/TARGET, crashes to build/fuzz/crash-TARGET-*. JOBS=2 sets make's -j, MAX_LEN=N the
# longest input (default 8192 bytes).
cd "$(dirname "$0")/.." || exit 1
B=build/fuzz
min=
if [ "$1" = min ]; then
    min=1
    shift
fi
target=$1
if [ ! -f "fuzz/fuzz_$target.c" ]; then
    echo "usage: tools/fuzz.sh [min] TARGET [N], with TARGET one of:" fuzz/fuzz_*.c >&2
    exit 2
fi
make -s -j"${JOBS:-2}" B=$B CC=clang SAN=address,undefined CFLAGS=-fsanitize=fuzzer-no-link FUZZ_LDFLAGS=-fsanitize=fuzzer \
    "$B/fuzz/fuzz_$target" || exit 1
found=$B/found/$target
mkdir -p "$found"
ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export ASAN_OPTIONS UBSAN_OPTIONS
if [ -n "$min" ]; then
    rm -rf "$B/minimal/$target"
    mkdir -p "$B/minimal/$target"
    exec "$B/fuzz/fuzz_$target" -set_cover_merge=1 -use_counters=0 "$B/minimal/$target" "fuzz/corpora/$target" "$found"
fi
set -- -runs="${2:-100000}" -timeout=10 -rss_limit_mb=2048 -max_len="${MAX_LEN:-8192}" -print_final_stats=1
if [ -f "fuzz/$target.dict" ]; then set -- "$@" -dict="fuzz/$target.dict"; fi
exec "$B/fuzz/fuzz_$target" "$@" -artifact_prefix="$B/crash-$target-" "$found" "fuzz/corpora/$target"
