#!/bin/sh
# A real docker to compare with, out of Debian's packages and without installing any.
#
#   peers.sh get FOLDER [SUITE]    command line, plugins, dockerd and containerd of that suite (sid, trixie or bookworm)
#   peers.sh get-cli FOLDER SUITE  the command line with buildx and compose alone (sid or trixie)
#   peers.sh up FOLDER [FLAG...]   its dockerd on unix://FOLDER/docker.sock, in a network namespace of its own
#   peers.sh down FOLDER           ends it; its images stay in the folder
#
# FOLDER/docker is the command line, with a configuration of its own. Needs root, apt, iproute2, iptables and runc.
set -eu

usage() {
  sed -n '4,9s/^# *//p' "$0" >&2
  exit 2
}

[ $# -ge 2 ] || usage
. "$(dirname -- "$0")/mirror.sh"
verb=$1
mkdir -p "$2"
folder=$(CDPATH='' cd -- "$2" && pwd)
shift 2
namespace=berth-peer-$(printf %s "$folder" | cksum | cut -d' ' -f1)
say() { printf 'peers: %s\n' "$*" >&2; }

# apt with lists and a cache of its own, from the place this machine gets its own packages from, which may lag behind.
suite_apt() {
  apt-get -q -o Acquire::Check-Valid-Until=false -o Dir::Etc::SourceList="$folder/apt/sources" -o Dir::Etc::SourceParts=- -o Dir::Cache="$folder/apt" \
    -o Dir::State::Lists="$folder/apt/lists" -o Dir::State::Status="$folder/apt/status" -o APT::Sandbox::User=root "$@"
}

get() {
  suite=${1:-sid}
  packages='docker-cli docker.io docker-buildx docker-compose containerd'
  [ "$suite" != bookworm ] || packages='docker.io containerd'
  fetch "$suite" "$packages"
}

# fetch SUITE PACKAGES: unpacks them, unless that has been done
fetch() {
  suite=$1 packages=$2
  [ "$(cat "$folder/suite" 2>/dev/null)" != "$suite $packages" ] || return 0
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
  : >"$folder/apt/status"
  place=$(debian_mirror)
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  printf 'deb [signed-by=%s] %s %s main\n' "$key" "$place" "$suite" >"$folder/apt/sources"
  say "fetching docker of $suite"
  # shellcheck disable=SC2086 # a list of names
  { suite_apt update && (cd "$folder/apt" && suite_apt download $packages); } >"$folder/apt.log" 2>&1 || {
    tail -n 5 "$folder/apt.log" >&2
    exit 1
  }
  rm -rf "$folder/root"
  for package in "$folder"/apt/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
    rm "$package"
  done
  mkdir -p "$folder/config/cli-plugins"
  for plugin in "$folder"/root/usr/libexec/docker/cli-plugins/*; do
    [ ! -e "$plugin" ] || ln -sfn "$plugin" "$folder/config/cli-plugins/"
  done
  printf '#!/bin/sh\nexec "%s/root/usr/bin/docker" --config "%s/config" "$@"\n' "$folder" "$folder" >"$folder/docker"
  chmod +x "$folder/docker"
  echo "$suite $packages" >"$folder/suite"
}

up() {
  runs || rm -f "$folder/pid"
  [ -x "$folder/docker" ] || { say "nothing in $folder yet: first peers.sh get"; exit 1; }
  ip netns list | grep -q "^$namespace\\b" || ip netns add "$namespace"
  # Not by `ip netns exec`, whose own /sys has no cgroups in it.
  inside="nsenter --net=/var/run/netns/$namespace"
  $inside ip link set lo up
  PATH=$folder/root/usr/bin:$folder/root/usr/sbin:$PATH setsid $inside "$folder/root/usr/sbin/dockerd" "$@" \
    -H "unix://$folder/docker.sock" --data-root "$folder/data" --exec-root "$folder/run" --pidfile "$folder/pid" \
    --bip 172.31.0.1/16 >"$folder/dockerd.log" 2>&1 &
  tries=150
  until DOCKER_HOST=unix://$folder/docker.sock "$folder/docker" version >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { tail -n 5 "$folder/dockerd.log" >&2; exit 1; }
    sleep 0.2
  done
}

# Whether the dockerd runs whose number is in its file, which is in $pid then. A file that was left takes no other process for it.
runs() {
  pid=$(cat "$folder/pid" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -e "$folder/pid"
}

down() {
  tries=300
  while runs; do
    [ $tries -lt 300 ] || kill "$pid" 2>/dev/null || :
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { say "the dockerd with process id $pid does not end"; exit 1; }
    sleep 0.2
  done
  rm -f "$folder/pid"
  ip netns del "$namespace" 2>/dev/null || :
}

case $verb in
  get) get "$@" ;;
  get-cli) fetch "$1" "docker-cli docker-buildx docker-compose" ;;
  up) up "$@" ;;
  down) down ;;
  *) usage ;;
esac
