#!/bin/sh
# Every #include "module/file.h" must be allowed by tools/layers.txt ("tensor: base sys format kernel comm").
cd "$(dirname "$0")/.." || exit 1
awk 'FNR==NR { m=$1; sub(":","",m); ok[m,m]=1; for (i=2;i<=NF;i++) ok[m,$i]=1; next }
     match($0, /^#include "[a-z]+\//) {
         split(FILENAME,p,"/"); m = p[1]=="src" ? p[2] : p[1]
         t=$0; sub(/^#include "/,"",t); sub(/\/.*/,"",t)
         if (!((m,t) in ok)) { print FILENAME ":" FNR ": " m " may not include " t; bad=1 } }
     END { exit bad }' tools/layers.txt $(find src tests bench fuzz -name '*.[ch]')
