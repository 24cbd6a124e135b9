#!/bin/sh
# Every test program and every corpus under AddressSanitizer and UndefinedBehaviorSanitizer; those that use threads
# under ThreadSanitizer.
cd "$(dirname "$0")/../.." || exit 1
jobs=$(nproc)
make -s -j"$jobs" SAN=address,undefined all tests replay && make -s -j"$jobs" SAN=thread all tests || exit 1
set --
for t in tests/check_*.c; do
    t=${t#tests/}
    set -- "$@" "build/release-address-undefined/tests/${t%.c}" "build/release-thread/tests/${t%.c}"
done
for t in fuzz/fuzz_*.c; do
    t=${t#fuzz/fuzz_}
    set -- "$@" "build/release-address-undefined/fuzz/replay_${t%.c}"
done
# A size that cannot be had is an answer of NULL, as without a sanitizer: tests ask for such sizes. A test forks a server
# that starts threads.
ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
TSAN_OPTIONS=allocator_may_return_null=1:halt_on_error=1:die_after_fork=0
UBSAN_OPTIONS=print_stacktrace=1
LIMIT=7200
export ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS LIMIT
exec tools/run-tests.sh "$@"
