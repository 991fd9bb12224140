#!/bin/sh
# Types, lint and format, layering, lengths, names and words, dead code.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
step() { printf '%s\n' "check: $1"; shift; "$@"; }
bin=node_modules/.bin
step types "$bin/tsc"
step "the page's types" "$bin/tsc" -p ui
step 'lint and format' "$bin/biome" check --error-on-warnings .
step structure "$NODE" scripts/check-structure.ts
step sizes "$NODE" scripts/check-sizes.ts
step words "$NODE" scripts/check-words.ts
step scope "$NODE" scripts/scope.ts --check
step compatibility "$NODE" scripts/compatibility.ts --check
step 'dead code' "$NODE" node_modules/knip/bin/knip.js
