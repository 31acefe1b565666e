#!/usr/bin/env bash
# by_hand.sh lburin|pkgconfig|static COMPILER PREFIX FOLDER [FLAG...]: builds and runs the C++ consumer without CMake; static: the
# C consumer, with the archive of burin_rt.
set -euo pipefail
how=$1 compiler=$2 prefix=$3 folder=$4
shift 4
mkdir -p "$folder"
source="$(dirname "${BASH_SOURCE[0]}")/cpp/main.cpp"
library=$(dirname "$(find "$prefix" -name libburin.so)")
if [ "$how" = static ]; then
  read -r -a flags < <(PKG_CONFIG_PATH="$library/pkgconfig" pkg-config --cflags --libs burin_rt_static)
  cc "$@" "$(dirname "${BASH_SOURCE[0]}")/c/main.c" "${flags[@]}" -o "$folder/consumer"
  "$folder/consumer"
  if readelf -d "$folder/consumer" | grep -i "NEEDED.*burin"; then echo "a shared library is needed"; exit 1; fi
  exit 0
fi
case $how in
  lburin) flags=(-std=c++20 "-I$prefix/include" "-L$library" -lburin) ;;
  pkgconfig) read -r -a flags < <(PKG_CONFIG_PATH="$library/pkgconfig" pkg-config --cflags --libs burin) ;;
esac
"$compiler" "$@" "$source" "${flags[@]}" "-Wl,-rpath,$library" -o "$folder/consumer"
"$folder/consumer"
for page in README.md LICENSE docs/architecture.md docs/numerics.md; do
  [ -s "$prefix/share/doc/burin/$page" ] || { echo "not installed: $page"; exit 1; }
done
