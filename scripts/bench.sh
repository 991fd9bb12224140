#!/bin/sh
# Installs what the comparison needs and measures berth beside dockerd (and podman, when it is installed).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
ensure_packages crun iproute2 nftables iptables procps busybox-static tini mmdebstrap docker.io docker-registry skopeo curl
ensure_build
exec "$NODE" bench/main.ts "$@"
