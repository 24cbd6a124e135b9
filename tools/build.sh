#!/bin/sh
# Installs what is missing from tools/packages.txt, then builds the make targets given. Used by ./run and ./test.
# tools/build.sh [-y] [-p LIST] TARGET...     -y: do not ask before installing; -p: one more list of packages
cd "$(dirname "$0")/.." || exit 1
yes='' lists=tools/packages.txt
if [ "$1" = -y ]; then yes=1; shift; fi
if [ "$1" = -p ]; then lists="$lists $2"; shift 2; fi

say() { printf '%s\n' "$*" >&2; }

present() {
    case $1 in
    cmd:*)    command -v "${1#cmd:}" ;;
    header:*) echo "#include <${1#header:}>" | cc -E - ;;
    pc:*)     pkg-config --exists "${1#pc:}" ;;
    links:*)  echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang -x c "${1#links:}" -o /dev/null - ;;
    module:*) python3 -c "import ${1#module:}" ;;
    esac >/dev/null 2>&1
}

missing() {
    # shellcheck disable=SC2086  # a list of files
    cat $lists | while read -r package check why; do
        case $package in ''|'#'*) continue ;; esac
        present "$check" || printf '%s %s\n' "$package" "$why"
    done
}

# Asks on the terminal; without one, only -y, CI=true or being root lets the installation go on.
agreed() {
    if [ -n "$yes" ] || [ "$CI" = true ]; then return 0; fi
    if ! [ -t 0 ]; then
        [ "$(id -u)" = 0 ] && return 0
        say "There is no terminal to ask on; -y installs them."
        return 1
    fi
    printf 'Install them now? [y/N] ' >&2
    read -r answer
    case $answer in [yY]*) return 0 ;; *) return 1 ;; esac
}

quietly() { # quietly LOG COMMAND...: the output is shown only when the command fails
    log=$1; shift
    "$@" >"$log" 2>&1 </dev/null && return 0
    cat "$log" >&2
    return 1
}

need=$(missing)
if [ -n "$need" ]; then
    say "autarky needs these packages of the distribution:"
    printf '%s\n' "$need" | sed 's/^\([^ ]*\) */  \1: /' >&2
    packages=$(printf '%s\n' "$need" | cut -d' ' -f1 | paste -sd' ')
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    if ! command -v apt-get >/dev/null; then
        say "This is not a Debian or Ubuntu; install their equivalents and start again."
        exit 1
    fi
    say "The command is: ${sudo:+sudo }apt-get install --no-install-recommends $packages"
    agreed || exit 1
    [ -z "$sudo" ] || sudo -v || { say "Without sudo, run the command above as root and start again."; exit 1; }
    say "Installing ..."
    mkdir -p build
    # A stale or missing package list is refreshed; when that fails (offline), the install itself will tell.
    quietly build/install.log $sudo apt-get update
    # shellcheck disable=SC2086  # $sudo and $packages are lists
    quietly build/install.log $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $packages || exit 1
    need=$(missing)
    [ -z "$need" ] || { say "Still missing after the installation: $need"; exit 1; }
fi

mkdir -p build
jobs=$(nproc 2>/dev/null || echo 1)
todo=$(make -n "$@" 2>/dev/null | grep -c ' -c -o ')
[ "$todo" = 0 ] || say "Building $todo files with $jobs jobs ..."
: > build/started
make -s -j"$jobs" "$@" >build/build.log 2>&1 &
make_pid=$!
trap 'kill $make_pid 2>/dev/null; exit 130' INT TERM
if [ -t 2 ] && [ "$todo" != 0 ]; then
    while kill -0 $make_pid 2>/dev/null; do
        printf '\r%s of %s ' "$(find build -name '*.o' -newer build/started | wc -l)" "$todo" >&2
        sleep 1
    done
    printf '\r                \r' >&2
fi
wait $make_pid && exit 0
cat build/build.log >&2
say "The build failed; the messages above are in build/build.log."
exit 1
