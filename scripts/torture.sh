#!/bin/sh
# Kills daemon and supervisor at random moments under a random workload: sh scripts/torture.sh --kills 1000 --seed 7
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
# shellcheck disable=SC2046 # a list of names
ensure_packages $(engine_packages) busybox-static
ensure_build
exec "$NODE" test/torture/main.ts "$@"
