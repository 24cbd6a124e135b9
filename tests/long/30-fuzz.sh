#!/bin/sh
# One million inputs for each fuzz target, with AddressSanitizer and UndefinedBehaviorSanitizer (clang, libFuzzer).
# RUNS=N changes the number. A crash, leak or an input that takes ten seconds is kept in build/fuzz/.
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
for t in fuzz/fuzz_*.c; do
    t=${t#fuzz/fuzz_}
    t=${t%.c}
    mkdir -p build/fuzz
    if tools/fuzz.sh "$t" "${RUNS:-1000000}" >"build/fuzz/$t.log" 2>&1; then
        passed=$((passed + 1))
        echo "$t: $(grep -E '^Done|number_of_executed_units' "build/fuzz/$t.log" | tail -n 1)"
    else
        failed=$((failed + 1))
        tail -n 60 "build/fuzz/$t.log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
