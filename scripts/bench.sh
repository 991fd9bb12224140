#!/bin/sh
# Installs what the comparison needs and measures berth beside a current dockerd (and podman, when it is installed).
# BENCH_PEER='' measures the machine's own dockerd instead.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
ensure_packages crun iproute2 nftables iptables procps busybox-static tini mmdebstrap $(docker_packages) docker-registry skopeo curl dnsperf iperf3 apache2-utils buildah
ensure_build
if [ "${BENCH_PEER-set}" = set ]; then
  BENCH_PEER=$root/.tools/peer
  sh scripts/peers.sh get "$BENCH_PEER" sid
fi
[ -z "$BENCH_PEER" ] || export BENCH_PEER
exec "$NODE" bench/main.ts "$@"
