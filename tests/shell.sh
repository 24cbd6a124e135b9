# What the tests of the program from outside share: sourced. $a is the program, $out and $err are files for what it writes.
# shellcheck shell=sh disable=SC2154
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $1" >&2
    head -c 600 "$out" "$err" >&2
}
# t STATUS ARGUMENTS...: runs the program without stdin; $out and $err hold what it wrote
t() {
    want=$1
    shift
    what="autarky $*"
    timeout 60 "$a" "$@" >"$out" 2>"$err" </dev/null
    rc=$?
    if [ $rc = "$want" ]; then ok; else bad "$what: status $rc, expected $want"; fi
}
# p STATUS INPUT ARGUMENTS...: the same with INPUT piped in
p() {
    want=$1 input=$2
    shift 2
    what="autarky $* (piped)"
    printf %b "$input" | timeout 60 "$a" "$@" >"$out" 2>"$err"
    rc=$?
    if [ $rc = "$want" ]; then ok; else bad "$what: status $rc, expected $want"; fi
}
has() { if grep -q -- "$2" "$1"; then ok; else bad "$what: \"$2\" not in ${1##*/}"; fi; }
hasnt() { if grep -q -- "$2" "$1"; then bad "$what: \"$2\" in ${1##*/}"; else ok; fi; }
empty() { if [ -s "$1" ]; then bad "$what: ${1##*/} is not empty"; else ok; fi; }
same() { if cmp -s "$1" "$2"; then ok; else bad "$what: differs from $3"; fi; }
is() { if [ "$1" "$2" ]; then ok; else bad "$what: not $1 $2"; fi; }
