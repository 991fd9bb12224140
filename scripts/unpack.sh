#!/bin/sh
# unpack.sh FOLDER PROGRAM PACKAGE...: a server of Debian's, unpacked in FOLDER/root for tests. It is not installed: nothing of the
# machine begins to serve.
set -eu
folder=$1 program=$2
shift 2
[ ! -x "$folder/root/$program" ] || exit 0
mkdir -p "$folder"
cd "$folder"
apt-get download "$@" >apt.log 2>&1 || { cat apt.log >&2; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" new; done
rm -f -- *.deb
rm -rf root
mv new root
