#!/bin/sh
# Ten million inputs over all fuzz targets, most of them for the readers of model files, with AddressSanitizer and
# UndefinedBehaviorSanitizer (clang, libFuzzer). RUNS=N gives every target N. A crash, leak or an input that takes ten
# seconds is kept in build/fuzz/. Prints inputs and inputs a second of each target.
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0 total=0
for t in fuzz/fuzz_*.c; do
    t=${t#fuzz/fuzz_}
    t=${t%.c}
    case $t in
    gguf | safetensors | parts | folder | config | model) runs=1500000 ;;
    *) runs=250000 ;;
    esac
    mkdir -p build/fuzz
    if tools/fuzz.sh "$t" "${RUNS:-$runs}" >"build/fuzz/$t.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -n 60 "build/fuzz/$t.log"
    fi
    n=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$t.log" | tail -n 1)
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "build/fuzz/$t.log" | tail -n 1)
    printf '%-12s %9s inputs %7s a second\n' "$t" "${n:-0}" "${speed:-0}"
    total=$((total + ${n:-0}))
done
echo "all targets  $total inputs"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
