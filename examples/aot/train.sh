#!/usr/bin/env bash
# Saves a step of training from C++, compiles it so that the object owns its state, and trains in C, with the shared and the
# static runtime. usage: train.sh BUILD_FOLDER
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}") build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$build/bin/example_aot_save_step" "$work/step.burin" "$work/losses"
# Where state goes is for the user to say.
if "$build/bin/burinc" "$work/step.burin" -o "$work/step.o" 2>"$work/refusal"; then exit 1; fi
grep -q -- "--state=arguments.*--state=owned" "$work/refusal"
# As arguments: five Variables and the generator's counter beside the rate.
"$build/bin/burinc" "$work/step.burin" --state=arguments -o "$work/step.o"
grep -q "step_num_arguments = 7" "$work/step.h"
grep -q "w1: f32\[2,16\], a Variable, overwritten by the call" "$work/step.h"
"$build/bin/burinc" "$work/step.burin" --state=owned -o "$work/step.o"
for runtime in "-lburin_rt -Wl,-rpath,$build/lib" "-lburin_rt_static -lstdc++ -lpthread"; do
  # shellcheck disable=SC2086  # flags are words
  cc -std=c11 -O2 -Wall -Werror ${CFLAGS:-} -I "$here/../../runtime/include" -I "$work" "$here/train.c" "$work/step.o" \
     -o "$work/train" -L "$build/lib" $runtime -lm
  "$work/train" "$work/losses" "$work/checkpoint"
done
