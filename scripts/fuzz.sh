#!/bin/sh
# Gives what takes input from strangers any input: sh scripts/fuzz.sh --target tar --count 1000000 --seed 7
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
ensure_build
exec "$NODE" test/fuzz/main.ts "$@"
