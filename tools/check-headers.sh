#!/bin/sh
# Every header compiles alone, and the public one needs nothing but the standard integer types.
cd "$(dirname "$0")/.." || exit 1
libs=$(pkg-config --cflags jansson libutf8proc libcrypto libssl libzstd libedit libcurl libevent libevent_openssl)
simd='' others='/(x86|arm)/'
case $(cc -dumpmachine) in
x86_64-*) simd='-mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512bf16' others=/arm/ ;;
aarch64-*) others=/x86/ ;;
esac
flags="-std=c11 -D_GNU_SOURCE -Isrc -Iinclude -I. $libs $simd -Wall -Wextra -Werror -Wno-unused"
find src include tests -name '*.h' | grep -Ev "$others" |
    xargs -P "$(nproc)" -n 8 sh -c '
        flags=$1 bad=0
        shift
        for h; do
            cc $flags -fsyntax-only -include "$h" -x c /dev/null || { echo "$h does not compile alone"; bad=1; }
        done
        exit $bad' sh "$flags" || exit 1
public=$(grep -Hn '^ *# *include' include/*.h 2>/dev/null | grep -vE '<std(def|int|bool)\.h>')
[ -z "$public" ] || { echo "$public"; echo "a public header may include stddef.h, stdint.h and stdbool.h only"; exit 1; }
