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
  runc iptables xfsprogs btrfs-progs e2fsprogs busybox-static skopeo xz-utils bzip2 zstd tini curl mmdebstrap $(docker_packages) faketime \
  docker-registry python3-docker umoci openssh-client apache2-utils openssl dnsmasq-base chromium
ensure_build
# Stock command lines newer than the machine's own. That of sid comes and goes with its archive.
for suite in trixie sid; do
  sh scripts/peers.sh get-cli ".tools/peers/$suite" "$suite" ||
    if [ "$suite" = sid ]; then say 'no docker of sid can be had: the tests run without it'
    else say "no docker of $suite can be had, which the tests need: see above"; exit 1; fi
done
# Servers that are not installed.
sh scripts/unpack.sh .tools/sshd usr/sbin/sshd openssh-server libwrap0 'libwtmpdb0?' ||
  say 'no sshd can be had: the tests run without it'
sh scripts/unpack.sh .tools/rsyslog usr/sbin/rsyslogd rsyslog rsyslog-gnutls libestr0 libfastjson4 liblognorm5 ||
  say 'no rsyslogd can be had: the tests run without it'
exec "$NODE" scripts/run-tests.ts "$@"
