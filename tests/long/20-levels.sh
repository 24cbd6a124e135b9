#!/bin/sh
# Every level of kernels, also those that this processor lacks: a build that emulates AVX-512 (with VNNI and BF16)
# through SIMDe runs all test programs; the ones about kernels go through all levels themselves.
cd "$(dirname "$0")/../.." || exit 1
[ "$(uname -m)" = x86_64 ] || { echo "skipped: levels are of x86-64" >&2; echo "0 passed, 0 failed, 1 skipped"; exit; }
make -s -j"$(nproc)" SIMDE=1 tests || exit 1
set --
for t in tests/check_*.c; do
    t=${t#tests/}
    set -- "$@" "build/release-simde/tests/${t%.c}"
done
LIMIT=7200
export LIMIT
exec tools/run-tests.sh "$@"
