#!/bin/sh
# sshd.sh FOLDER: Debian's SSH server, unpacked there for tests. It is not installed: nothing of the machine begins to serve.
set -eu
folder=$1
[ ! -x "$folder/root/usr/sbin/sshd" ] || exit 0
mkdir -p "$folder"
cd "$folder"
apt-get download openssh-server libwrap0 >apt.log 2>&1 || { cat apt.log >&2; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" new; done
rm -f -- *.deb
rm -rf root
mv new root
