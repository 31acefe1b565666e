#!/usr/bin/env bash
# Saves a function from C++, compiles it ahead of time, links it into a C program and runs that. usage: demo.sh BUILD_FOLDER
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}") build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$build/bin/example_aot_save" "$work/predict.burin" "$work/expected"
"$build/bin/burinc" "$work/predict.burin" -o "$work/predict.o"
cc -std=c11 -O2 -Wall -Werror ${CFLAGS:-} -I "$here/../../runtime/include" -I "$work" "$here/main.c" "$work/predict.o" \
   -o "$work/predict" -L "$build/lib" -lburin_rt -lm -Wl,-rpath,"$build/lib"
"$work/predict" "$work/expected"
