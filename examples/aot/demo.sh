#!/usr/bin/env bash
# Saves a function from C++, compiles it ahead of time, links it into a C program and runs that. usage: demo.sh BUILD_FOLDER
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}") build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$build/bin/example_aot_save" "$work/predict.burin" "$work/expected"
# The graph as it was recorded, then what became of it: the kernels, with the lines that went into each.
"$build/bin/burin-inspect" "$work/predict.burin" --graph --remarks
echo
# The same function as an object, a static and a shared library: a program links each in the same way.
for kind in o a so; do
  "$build/bin/burinc" "$work/predict.burin" -o "$work/predict.$kind"
  cc -std=c11 -O2 -Wall -Werror ${CFLAGS:-} -I "$here/../../runtime/include" -I "$work" "$here/main.c" "$work/predict.$kind" \
     -o "$work/predict" -L "$build/lib" -lburin_rt -lm -Wl,-rpath,"$build/lib" -Wl,-rpath,"$work"
  "$work/predict" "$work/expected"
done
