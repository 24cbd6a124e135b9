#!/bin/sh
# Runs test programs one after another and adds up their closing lines ("N passed, N failed, N skipped").
# tools/run-tests.sh [long | PROGRAM...]    default: everything that is quick; gate:PROGRAM is one check, by its status
# A program that prints no closing line, fails without saying so, or runs over its time is itself one failure.
cd "$(dirname "$0")/.." || exit 1
if [ $# -eq 0 ] || [ "$1" = long ]; then
    long=$1
    set -- gate:tools/check-layers.sh gate:tools/check-style.sh gate:tools/check-headers.sh gate:tools/check-docs.sh
    for t in tests/check_*.c; do t=${t#tests/}; set -- "$@" "build/release/tests/${t%.c}"; done
    for t in tests/*.sh; do if [ -x "$t" ]; then set -- "$@" "$t"; fi; done
    for t in fuzz/fuzz_*.c; do
        if [ -e "$t" ]; then t=${t#fuzz/fuzz_}; set -- "$@" "build/release/fuzz/replay_${t%.c}"; fi
    done
    if [ -n "$long" ]; then for t in tests/long/*.sh; do set -- "$@" "$t"; done; fi
fi
passed=0 failed=0 skipped=0 bad=
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

for arg; do
    program=${arg#gate:}
    limit=${LIMIT:-300}
    case $program in tests/long/*) limit=43200 ;; esac
    start=$(date +%s)
    timeout "$limit" "$program" >"$tmp/out" 2>"$tmp/err" </dev/null
    rc=$?
    seconds=$(($(date +%s) - start))
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$tmp/out" | tail -n 1)
    if [ "$arg" != "$program" ]; then
        line='1 passed, 0 failed, 0 skipped'
        [ $rc = 0 ] || line='0 passed, 1 failed, 0 skipped'
    elif [ -z "$line" ]; then
        line='0 passed, 1 failed, 0 skipped'
        echo "no closing line; exit status $rc" >>"$tmp/err"
    fi
    # shellcheck disable=SC2086  # the line is split into its words
    set -- $line
    p=$1 f=$3 s=$5
    if [ $rc != 0 ] && [ "$f" = 0 ]; then
        f=1
        echo "every check passed, but the exit status is $rc" >>"$tmp/err"
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-32s %6d passed %4d failed %4d skipped %5d s\n' "${program##*/}" "$p" "$f" "$s" "$seconds"
    sed -n 's/^faults: /    /p' "$tmp/out"
    if [ "$f" != 0 ]; then
        bad="$bad ${program##*/}"
        tail -n 100 "$tmp/out" "$tmp/err"
    elif [ "$s" != 0 ]; then
        grep '^skipped: ' "$tmp/err" | sort | uniq -c | sed 's/^/    /'
    fi
done
[ -z "$bad" ] || echo "failed:$bad"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
