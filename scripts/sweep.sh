#!/bin/sh
# Gives the same command lines to berth and to a real docker, and tells where they differ.
#   npm run sweep -- [--only TEXT] [--peer FOLDER] [--list FILE]
# --list writes every difference with its reason, as JSON.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
# shellcheck disable=SC2046 # a list of names
ensure_packages $(engine_packages) runc iptables busybox-static
ensure_build
peer=$root/.tools/peer only='' listing=''
while [ $# -gt 0 ]; do
  case $1 in
    --peer) peer=$2 ;;
    --only) only=$2 ;;
    --list) listing=$2 ;;
    *) echo "sweep: unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
sh scripts/peers.sh get "$peer" sid
trap 'sh scripts/peers.sh down "$peer"' EXIT
sh scripts/peers.sh up "$peer"
"$NODE" test/sweep/main.ts "$peer" "$only" "$listing"
