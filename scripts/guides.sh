#!/bin/sh
# Builds the images of well-known guides with berth and with a real docker, compares them file by file, and runs them on both.
#   npm run guides [-- [--peer FOLDER] [--only PART-OF-A-NAME]]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
. "$root/scripts/mirror.sh"
cd "$root"
ensure_node
ensure_modules
# shellcheck disable=SC2046 # a list of names
ensure_packages $(engine_packages) runc iptables mmdebstrap
ensure_build
peer=$root/.tools/peer only=''
while [ $# -gt 0 ]; do
  case $1 in
    --peer) peer=$2 ;;
    --only) only=$2 ;;
    *) echo "guides: unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
folder=$root/.tools/guides
mkdir -p "$folder"

# The base of all guides: a Debian with what they compile and run with.
if [ ! -s "$folder/base.tar" ]; then
  timed 'making a Debian with compiler, Ruby, Node and Java' mmdebstrap --variant=minbase --format=tar \
    --include=gcc,make,libc6-dev,libpcre2-dev,zlib1g-dev,ruby-sinatra,ruby-webrick,nodejs,openjdk-17-jre-headless,tomcat10,wget \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$folder/base.tar.part"
  mv "$folder/base.tar.part" "$folder/base.tar"
fi
if [ ! -d "$folder/tree" ]; then
  mkdir "$folder/tree.part"
  tar -xf "$folder/base.tar" -C "$folder/tree.part" ./usr/lib/jvm ./usr/share/tomcat10 ./usr/share/java ./etc/tomcat10 ./etc/java-17-openjdk
  mv "$folder/tree.part" "$folder/tree"
fi
if [ ! -s "$folder/nginx.tar.gz" ]; then
  mkdir -p "$folder/source/lists/partial"
  place=$(debian_mirror)
  printf 'deb-src %s bookworm main\n' "$place" >"$folder/source/list"
  (
    cd "$folder/source"
    set -- -q -o "Dir::Etc::SourceList=$PWD/list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$PWD/lists" -o APT::Sandbox::User=root
    apt-get "$@" update >apt.log 2>&1 && apt-get "$@" source --download-only nginx >>apt.log 2>&1
  )
  mv "$folder"/source/nginx_*.orig.tar.gz "$folder/nginx.tar.gz"
  rm -r "$folder/source"
fi
[ -s "$folder/npm.tgz" ] || (cd "$folder" && npm pack --silent npm@10.9.4 >/dev/null && mv npm-10.9.4.tgz npm.tgz)

sh scripts/peers.sh get "$peer" sid
trap 'sh scripts/peers.sh down "$peer"' EXIT
sh scripts/peers.sh up "$peer"
"$NODE" test/guides/main.ts "$peer" "$folder/base.tar" "$folder/tree" "$folder/nginx.tar.gz" "$folder/npm.tgz" "$only"
