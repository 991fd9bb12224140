#!/bin/sh
# Installs what the tests need and runs them: all of them, or the files named.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
# shellcheck disable=SC2046 # a list of names
ensure_packages $(engine_packages) \
  runc iptables busybox-static skopeo xz-utils bzip2 zstd tini curl mmdebstrap docker.io faketime \
  docker-registry umoci apache2-utils openssl
ensure_build
[ $# -gt 0 ] || set -- 'test/**/*.test.ts'
summary=$(mktemp)
trap 'cat "$summary"; rm -f "$summary"' EXIT
"$NODE" --test --test-concurrency=2 --test-timeout=300000 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./scripts/summary.ts --test-reporter-destination="$summary" "$@"
