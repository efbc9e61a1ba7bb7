#!/bin/bash
# Installs a build somewhere, builds the example project against it and runs both.
#   test_package.sh BUILD SOURCE
set -e
build=$1 source=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "$build" --prefix "$place/installed" >"$place/log" || { cat "$place/log"; exit 1; }
cmake -S "$source/tests/package" -B "$place/example" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$place/installed" >"$place/log" 2>&1 || { cat "$place/log"; exit 1; }
cmake --build "$place/example" >"$place/log" 2>&1 || { cat "$place/log"; exit 1; }
"$place/example/pendel_example" "$source/data/cif/Au.cif" | tee "$place/printed"
[ "$(sed -n 2p "$place/printed")" = 4 ]
"$place/example/pendel_first" "$source/data/cif/SrTiO3.cif" | grep -q '^0 0 0  0\.'
ls "$place/installed/share/bash-completion/completions/pendel" "$place/installed/share/man/man1/pendel.1"
# the installed command finds what ships with it
cd "$place"
"$place/installed/bin/pendel" new pattern >study.yaml
grep -q "$place/installed/share/pendel/data" study.yaml
"$place/installed/bin/pendel" run study.yaml --quiet
"$place/installed/bin/pendel" plot study.h5 -o figures
ls figures/*.png
