#!/bin/sh
# The style gate: what a machine can see of the rules in CONTRIBUTING.md. Prints file:line: what, and fails.
# tools/check-style.sh [FILE...]     default: every source, script and document of the tree
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C
export LC_ALL
# What git tracks, or in a copy without git everything but what is built. What others leave in the tree is not looked at.
list_files() {
    git ls-files -- '*.[ch]' '*.sh' '*.py' '*.md' '*.recipe' 2>/dev/null && return
    find . \( -path ./build -o -path ./runs -o -path ./.git \) -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.md' -o -name '*.recipe' \) -print | sed 's|^\./||'
}

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046  # no name in this tree has blanks
    set -- Makefile run test .ci/run $(list_files | grep -vE '^(fuzz/corpora|tests/fixtures)/' | sort -u)
fi
awk '
function bad(what) { print FILENAME ":" FNR ": " what; failures++ }

# The homes: pattern of files that may use a name, "" for none. Everything else may not.
function banned(names, home, scope,    n, list, i) {
    n = split(names, list, " ")
    for (i = 1; i <= n; i++) { homes[list[i]] = home; scopes[list[i]] = scope }
}
BEGIN {
    banned("strcat sprintf vsprintf strtok atoi atol atof gets system popen alloca rand srand", "^$", ".")
    banned("strcpy", "^src/sys/cpu\\.c$", ".")
    banned("malloc calloc realloc aligned_alloc posix_memalign strdup strndup asprintf", "^src/base/mem\\.c$", ".")
    banned("free", "^src/base/mem\\.c$|^src/cli/talk/line\\.c$", ".")    # libedit hands out malloc memory
    banned("abort", "^src/base/(mem|arena)\\.c$", "^src/")
    banned("exit getenv", "^src/cli/", "^src/")
    for (w in homes) words = words (words == "" ? "" : "|") w
    words = "(^|[^A-Za-z0-9_])(" words ")[ ]*\\("
    unfinished = "(^|[^A-Za-z])(TO" "DO|FIX" "ME|XX" "X)([^A-Za-z]|$)"    # in two parts: this file is checked too
}

# The code of a line: strings and comments are taken out; in_comment lives across lines.
function code_of(s,    at) {
    if (s !~ /["\047\/*]/) return in_comment ? "" : s
    gsub(/\\./, "", s)                                 # escapes inside strings
    gsub(/\047"\047/, "", s)                           # the character constant of a quotation mark
    if (!in_comment) gsub(/"[^"]*"/, "\"\"", s)
    for (;;) {
        if (in_comment) {
            if (!(at = index(s, "*/"))) return ""
            s = substr(s, at + 2)
            in_comment = 0
        }
        if (at = index(s, "//")) if (!index(s, "/*") || at < index(s, "/*")) return substr(s, 1, at - 1)
        if (!(at = index(s, "/*"))) return s
        rest = substr(s, at + 2)
        if (index(rest, "*/")) s = substr(s, 1, at - 1) " " substr(rest, index(rest, "*/") + 2)
        else { in_comment = 1; return substr(s, 1, at - 1) }
    }
}

function close_file() {
    if (file == "") return
    if (lines > 1000 && file !~ /\.md$/) { print file ":" lines ": more than 1000 lines"; failures++ }
    if (in_function) { print file ": a function without its closing brace in column 1"; failures++ }
}

FNR == 1 {
    close_file()
    file = FILENAME
    is_c = FILENAME ~ /\.[ch]$/
    in_comment = in_function = 0
}
{ lines = FNR }
/[ \t\r]$/ { bad("blank at the end of the line") }
$0 ~ unfinished { bad("a word of unfinished work") }
!is_c { next }
/\t/ { bad("tab") }
/[\200-\377]/ { bad("a character that is not ASCII") }
length($0) > 130 && !/^ *\{?"/ { bad("line of " length($0) " columns, at most 130") }    # rows of a table of texts may be long
/^\{/ { in_function = FNR }
/^\}/ {
    if (in_function && FNR - in_function - 1 > 80) bad("function of " FNR - in_function - 1 " lines, at most 80")
    in_function = 0
}
{
    code = code_of($0)
    while (match(code, words)) {
        word = substr(code, RSTART, RLENGTH)
        code = substr(code, RSTART + RLENGTH)
        gsub(/[^A-Za-z_]/, "", word)
        if (FILENAME ~ scopes[word] && FILENAME !~ homes[word]) bad(word "() has no home here")
    }
}
/^ *switch \(.*dtype/ && FILENAME !~ /^src\/(format|kernel)\// { bad("switch over a number format: use a row in format/format.c") }
/^# *include <(pthread\.h|unistd\.h|sys\/|fcntl\.h|dirent\.h)/ && FILENAME ~ /^src\// && FILENAME !~ /^src\/(sys|cli)\// {
    bad("a header of the operating system outside sys/ and cli/") }
/^# *include <immintrin\.h>/ && FILENAME !~ /^src\/kernel\/x86\// { bad("intrinsics outside kernel/x86/") }
/^# *include <arm_neon\.h>/ && FILENAME !~ /^src\/kernel\/arm\// { bad("intrinsics outside kernel/arm/") }
END { close_file(); exit failures > 0 }' "$@" || rc=1
for f; do
    [ -z "$(tail -c 1 "$f")" ] || { echo "$f: no newline at the end"; rc=1; }
done
exit "${rc:-0}"
