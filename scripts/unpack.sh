#!/bin/sh
# unpack.sh FOLDER PROGRAM PACKAGE...: a server of Debian's, unpacked in FOLDER/root for tests. It is not installed: nothing of the
# machine begins to serve. A package with "?" behind its name is left out where the release does not have it.
set -eu
folder=$1 program=$2
shift 2
[ ! -x "$folder/root/$program" ] || exit 0
for package; do
  shift
  case $package in
    *\?) package=${package%\?}; apt-cache show "$package" >/dev/null 2>&1 || continue ;;
  esac
  set -- "$@" "$package"
done
mkdir -p "$folder"
cd "$folder"
apt-get download "$@" >apt.log 2>&1 || { cat apt.log >&2; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" new; done
rm -f -- *.deb
rm -rf root
mv new root
