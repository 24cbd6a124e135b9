#!/bin/sh
# Builds for AArch64 on another machine: tools/cross-arm.sh MAKE-TARGET...
# Needs the cross compiler (Debian: gcc-aarch64-linux-gnu). The libraries are the distribution's own packages, unpacked into
# build/arm64-root; nothing is installed, root is not needed. What is built is in build/release-aarch64 and runs here by
#   qemu-aarch64-static -L build/arm64-root PROGRAM...
# Exit status 3: the compiler or the packages are not to be had here.
cd "$(dirname "$0")/.." || exit 1
cross=aarch64-linux-gnu-
root=$PWD/build/arm64-root state=$PWD/build/arm64-apt

say() { printf '%s\n' "$*" >&2; }

# apt with lists and a state of its own, as if this were an empty arm64 machine.
apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= -o Dir::State="$state" \
        -o Dir::State::status="$state/status" -o Dir::State::lists="$state/lists" -o Dir::Cache="$state" \
        -o Dir::Cache::archives="$state/archives" "$@" >>"$state/log" 2>&1
}

fetch_libraries() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        say "There is no apt here, from which the libraries for arm64 could come."
        return 1
    fi
    rm -rf "$state" "$root.new"
    mkdir -p "$state/lists/partial" "$state/archives/partial" "$root.new"
    : >"$state/status"
    packages="libc6-dev $(awk '$2 ~ /^pc:/ { print $1 }' tools/packages.txt | paste -sd' ')"
    say "Fetching for arm64, into build/arm64-root: $packages"
    # shellcheck disable=SC2086  # a list of packages
    if ! apt update || ! apt install -y --no-install-recommends --download-only $packages; then
        tail -n 5 "$state/log" >&2
        say "The packages cannot be fetched for arm64."
        return 1
    fi
    for deb in "$state"/archives/*.deb; do dpkg -x "$deb" "$root.new" || return 1; done
    rm -rf "$state" "$root"
    mv "$root.new" "$root"
}

command -v ${cross}gcc >/dev/null || { say "${cross}gcc is missing (package gcc-aarch64-linux-gnu)"; exit 3; }
[ -d "$root" ] || fetch_libraries || exit 3
exec make -s -j"${JOBS:-$(nproc)}" CROSS=$cross SYSROOT="$root" "$@"
