#!/bin/sh
# The build for AArch64, made by a cross compiler and run by qemu: the kernels at each of their levels against C, the other
# test programs at the highest, and answers of the repository's model that are those of this machine's build, to the bit.
cd "$(dirname "$0")/../.." || exit 1
skip() { echo "skipped: $*" >&2; echo "0 passed, 0 failed, 1 skipped"; exit; }

[ "$(uname -m)" != aarch64 ] || skip "this machine is an Arm one, ./test has tested its own level"
command -v qemu-aarch64-static >/dev/null || skip "no qemu-aarch64-static (package qemu-user-static)"
make -s -j"$(nproc)" all || exit 1
tools/cross-arm.sh all tests
case $? in
0) ;;
3) skip "no cross compiler, or no libraries for arm64" ;;
*) exit 1 ;;
esac
passed=0 failed=0 skipped=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

arm() { # arm CPU PROGRAM ARGUMENT...
    cpu=$1 program=$2
    shift 2
    qemu-aarch64-static -cpu "$cpu" -L build/arm64-root "build/release-aarch64/$program" "$@"
}

check() { # check COMPLAINT STATUS
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1" >&2; fi
}

program() { # program CPU TEST: its own counts are added
    arm "$1" "tests/$2" >"$tmp/out" 2>"$tmp/err"
    rc=$?
    # shellcheck disable=SC2046  # the line is split into its words
    set -- "$1" "$2" $(tail -n 1 "$tmp/out" | tr -d ,)
    [ $# = 8 ] || { check "$2 on $1 ended with status $rc" 1; tail -n 5 "$tmp/err" >&2; return; }
    passed=$((passed + $3)) failed=$((failed + $5)) skipped=$((skipped + $7))
    [ "$5" = 0 ] || tail -n 20 "$tmp/err" >&2
    [ "$rc" = 0 ] || [ "$5" != 0 ] || check "$2 on $1 ended with status $rc" 1
    echo "$1 $2: $3 passed, $5 failed, $7 skipped" >&2
}

text() { sed -n 's/^{"text":\(.*\),"stop":.*/\1/p'; }
nats() { sed -n 's/.*"nats_per_token":\([-0-9.e]*\),.*/\1/p'; }

# What the model says and how well it predicts a text, here and there. bf16 is left out: it may depend on the level.
# shellcheck disable=SC2086  # lists of options
same_answers() { # same_answers CPU LEVEL
    arm "$1" autarky doctor --json | grep -q "\"kernel_level\":\"$2\""
    check "doctor on $1 does not name $2" $?
    for compute in f32 int8; do
        run="run $model --compute $compute --temp 0 --raw -n 48 --json Once"
        here=$(build/release/autarky $run | text) there=$(arm "$1" autarky $run | text)
        [ -n "$here" ] && [ "$here" = "$there" ]
        check "$1, $compute: the answer is $there, here it is $here" $?
        measure="perplexity $model README.md --compute $compute -n 96 --json"
        here=$(build/release/autarky $measure | nats) there=$(arm "$1" autarky $measure | nats)
        [ -n "$here" ] && [ "$here" = "$there" ]
        check "$1, $compute: nats per token are $there, here $here" $?
        echo "$1, level $2, $compute: $there nats per token" >&2
    done
}

model=models/first/first.gguf
for pair in cortex-a72=neon neoverse-n1=neon-dotprod max=neon-i8mm; do
    program "${pair%=*}" check_kernel
    program "${pair%=*}" check_qmul
    same_answers "${pair%=*}" "${pair#*=}"
done
# Not those that start the program by its name, or kill a writer after milliseconds: an emulated one has not begun by then.
for t in base format io text gemm attention op op_arch op_forward net oracle model_files infer; do program max check_$t; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
