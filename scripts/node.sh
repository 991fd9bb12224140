#!/bin/sh
# Runs a file with a current Node: the machine's own when it is 24 or newer, else the one from the npm package `node`.
# Installs what is missing, says so, and is silent otherwise. Usage: node.sh FILE [ARGUMENT...]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
ensure_node
ensure_modules
exec "$NODE" "$@"
