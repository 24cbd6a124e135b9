#!/bin/sh
# The documents name only what exists: links, files, functions (`file:function`), test programs, commands, options.
# tools/check-docs.sh [FILE...]     default: the documents at the top and in docs/
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C
export LC_ALL
[ $# -gt 0 ] || set -- README.md CONTRIBUTING.md SECURITY.md docs/*.md
files=$(find . -path ./.git -prune -o -path ./build -prune -o -type f -print | sed 's|^\./||')
# A function begins its line, with its type before it; tables, macros and structs do so, too.
names=$(grep -ronE '^[a-z#][^;(=]*' src include --include='*.[ch]' | sed 's/:[0-9]*:/ /')
commands=$(sed -n 's/^    {"\([a-z]*\)", .*cmd_.*/\1/p' src/cli/main.c)
options=$(grep -rhoE "opts_(flag|choice)\([^\"]*\"[a-z0-9-]+\"|\"[a-z0-9-]+\", ('.'|0), OPT_" src/cli | cut -d'"' -f2 | sed 's/^/--/')
# Those of other programs that are understood, too.
others=$(sed -nE 's/^    (\{| )*"( [a-z -]+ )".*/\2/p; s/^     "([a-z -]+ )".*/\1/p' src/cli/options_other.c | tr ' ' '\n' | sed -n 's/^./--&/p')
options="--help
$options
$others"
printf '%s\n' "$files" '@names' "$names" '@commands' "$commands" '@options' "$options" | awk '
function bad(what) { print FILENAME ":" FNR ": " what; failures++ }
function has_file(p) {
    sub(/\/$/, "", p)
    return p in paths || ("src/" p) in paths || ("tests/" p) in paths || (folder p) in paths || p in bases
}
# A name in a file of that name: the page leaves out src/ and sometimes the folder.
function has_name(file, name,    f, n, i, list) {
    n = split(homes[file], list, " ")
    for (i = 1; i <= n; i++) if ((list[i], name) in defined) return 1
    return 0
}
FILENAME == "-" && /^@[a-z]+$/ { part = $0; next }
FILENAME == "-" && part == "" {
    n = split($0, p, "/")
    path = ""
    bases[p[n]] = 1
    for (i = 1; i <= n; i++) { path = path (i > 1 ? "/" : "") p[i]; paths[path] = 1 }
    for (i = n; i >= 1; i--) { tail = i == n ? p[n] : p[i] "/" tail; homes[tail] = homes[tail] " " $0 }
    next
}
FILENAME == "-" && part == "@names" {
    file = $1
    $1 = ""
    n = split($0, w, /[^A-Za-z0-9_]+/)
    for (i = 1; i <= n; i++) defined[file, w[i]] = 1
    next
}
FILENAME == "-" { if (part == "@commands") commands[$1] = 1; else options[$1] = 1; next }
FNR == 1 { folder = FILENAME; if (!sub(/[^\/]*$/, "", folder)) folder = "" }
{
    for (s = $0; match(s, /\]\([^)#:]+[)#]/); s = substr(s, RSTART + RLENGTH)) {
        to = folder substr(s, RSTART + 2, RLENGTH - 3)
        sub(/\/$/, "", to)
        if (!(to in paths)) bad("no file " to)
    }
    for (s = $0; match(s, /`[^`]+`/); s = substr(s, RSTART + RLENGTH)) {
        code = substr(s, RSTART + 1, RLENGTH - 2)
        if (code ~ /^[a-z0-9_\/.-]+\.[ch]:( struct)? ?[a-z0-9_]+(\.[a-z]+)?$/) {
            split(code, half, /: ?/)
            sub(/^struct /, "", half[2])
            if (!has_name(half[1], half[2])) bad("no " half[2] " in " half[1])
        } else if (code ~ /^[a-z0-9_\/.-]+\.(c|h|sh|py|recipe)( .*)?$/) {
            sub(/ .*/, "", code)
            if (!has_file(code)) bad("no file " code)
        } else if (code ~ /^check_[a-z_]+$/ && !has_file("tests/" code ".c")) {
            bad("no test program " code)
        }
    }
    # A command and its options: in code, or on an indented line up to the explanation.
    for (s = $0; match(s, /(^    |`|\$\()(\.\/run|autarky) [^`)]+/); s = substr(s, RSTART + RLENGTH)) {
        code = substr(s, RSTART, RLENGTH)
        sub(/^[^a-z.]*/, "", code)
        sub(/   .*/, "", code)
        n = split(code, w, " ")
        if (n > 1 && w[2] ~ /^[a-z]+$/ && w[2] !~ /^installs$/ && !(w[2] in commands)) bad("no command " w[2])
        for (i = 2; i <= n; i++)
            if (w[i] ~ /^--[a-z]/) {
                gsub(/_/, "-", w[i])
                sub(/[^a-z0-9-].*/, "", w[i])
                if (!(w[i] in options)) bad("no option " w[i])
            }
    }
    for (s = $0; match(s, /`--[a-z0-9_-]+/); s = substr(s, RSTART + RLENGTH)) {
        code = substr(s, RSTART + 1, RLENGTH - 1)
        gsub(/_/, "-", code)
        if (!(code in options)) bad("no option " code)
    }
}
END { exit failures > 0 }' - "$@"
