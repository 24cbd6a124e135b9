#!/bin/sh
# Proves "two commands on a fresh system": makes a bare Debian in a folder, copies this tree into it, and runs there
# ./test and ./run as a newcomer would. Needs root and debootstrap; the folder is removed afterwards.
# tools/try-bare.sh [-k] [SUITE [MIRROR]]     default: bookworm, debootstrap's own mirror; -k keeps the folder
cd "$(dirname "$0")/.." || exit 1
keep=
if [ "$1" = -k ]; then keep=1; shift; fi
suite=${1:-bookworm}
[ "$(id -u)" = 0 ] || { echo "debootstrap and chroot need root" >&2; exit 1; }
bare=$(mktemp -d) || exit 1
end() {
    umount "$bare/proc" 2>/dev/null
    if [ -n "$keep" ]; then echo "kept: $bare"; else rm -rf --one-file-system "$bare"; fi
}
trap end EXIT
trap 'exit 130' INT TERM

# timed NAME COMMAND...: prints the seconds and the exit status
timed() {
    name=$1; shift
    start=$(date +%s)
    "$@"
    status=$?
    echo "== $name: $(($(date +%s) - start)) s, exit status $status"
    return $status
}
inside() { chroot "$bare" /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null; }

# shellcheck disable=SC2086  # an absent mirror is no argument
timed debootstrap debootstrap --variant=minbase "$suite" "$bare" $2 >"$bare.log" 2>&1 || { tail "$bare.log"; exit 1; }
rm -f "$bare.log"
for f in /etc/resolv.conf /etc/hosts; do [ -e "$f" ] && cp -L "$f" "$bare$f"; done
apt-config dump 2>/dev/null | grep -i '::proxy ' >"$bare/etc/apt/apt.conf.d/90proxy"
mount -t proc proc "$bare/proc" || exit 1
mkdir "$bare/root/autarky"
git ls-files -coz --exclude-standard | tar --null -T - -cf - | tar -C "$bare/root/autarky" -xf - || exit 1

rc=0
timed "./run (install, build, first answer)" inside sh -c \
    'cd /root/autarky && ./run -y run "Tell me a story about a fox" --seed 1' || rc=1
timed "./run again" inside sh -c 'cd / && /root/autarky/run run "Hello" --seed 1' || rc=1
timed "./test" inside CI=true sh -c 'cd /root/autarky && ./test -y' || rc=1
exit $rc
