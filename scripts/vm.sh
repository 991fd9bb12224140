#!/bin/sh
# A throw-away Debian machine under qemu: its own kernel and systemd, pure cgroup v2, AppArmor. What it writes is forgotten.
#
#   vm.sh build           makes its disk, unless it has been made (as root; minutes)
#   vm.sh start           boots it; ends the one that an interrupted run has left
#   vm.sh push FOLDER     unpacks a tar, from standard input, in one of its folders
#   vm.sh run COMMAND     has its shell run that as root; output and exit code are the command's
#   vm.sh stop            ends it
#
# VM_SUITE chooses the Debian (bookworm, or trixie), VM_MEMORY its memory (2048, in MiB). The disks are in .tools/vm.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
. "$root/scripts/mirror.sh"
suite=${VM_SUITE:-bookworm}
folder=$root/.tools/vm/$suite
mac=52:54:00:12:34:56
# A path that is short enough for a socket.
control=/tmp/berth-vm-$(printf %s "$folder" | cksum | cut -d' ' -f1)

# What its kernel, its servers, an engine and the tests need. Nothing is installed in it later: it has no way out.
packages=systemd-sysv,udev,dbus,kmod,linux-image-cloud-amd64,openssh-server,iproute2,nftables,procps,crun,runc,git,apparmor,libatomic1
packages=$packages,busybox-static,tini,curl,socat,nfs-kernel-server,nfs-common,samba,cifs-utils,xfsprogs,e2fsprogs,qemu-user-static

fail() { say "vm: $*"; exit 1; }

# The suite's packages, from where this machine gets its own.
source_line() {
  place=$(debian_mirror)
  [ -n "$place" ] || fail 'apt knows no place to get packages from'
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$place" "$suite"
}

# write_settings FOLDER: the files of the machine that differ from a new one's
write_settings() {
  mkdir -p "$1/etc/ssh/sshd_config.d" "$1/etc/systemd/network" "$1/root/.ssh"
  cp "$folder/key.pub" "$1/root/.ssh/authorized_keys"
  chmod 700 "$1/root" "$1/root/.ssh"
  printf 'UseDNS no\nMaxSessions 50\n' >"$1/etc/ssh/sshd_config.d/vm.conf"
  printf '[Match]\nMACAddress=%s\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n' $mac >"$1/etc/systemd/network/10-first.network"
  printf '/dev/vda / ext4 noatime 0 1\n' >"$1/etc/fstab"
  printf '127.0.0.1 localhost vm\n' >"$1/etc/hosts"
  echo vm >"$1/etc/hostname"
  echo 'nameserver 10.0.2.3' >"$1/etc/resolv.conf"
}

make_disk() {
  tree=$folder/tree
  rm -rf --one-file-system "$tree" "$folder/settings" "$folder/foreign"
  write_settings "$folder/settings"
  source_line >"$folder/sources"
  apt-config dump | grep -E '^Acquire::(Check|https?|Retries)' >"$folder/apt.conf" || :
  # A program of another machine, and of all emulators the one that runs it.
  mmdebstrap --mode=root --variant=extract --architectures=arm64 --aptopt="$folder/apt.conf" --include=busybox-static \
    "$suite" "$folder/foreign" "$folder/sources"
  # Newer suites have all programs below /usr.
  foreign=$(find "$folder/foreign" -path "*/bin/busybox" -type f -print -quit)
  # Servers are started by the tests that want them, and nothing else is to wake up in between.
  idle='nfs-server smbd nmbd samba-ad-dc rpcbind.service rpcbind.socket apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd'
  mmdebstrap --mode=root --variant=minbase --aptopt="$folder/apt.conf" --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/bin/qemu-*' --dpkgopt='path-include=/usr/bin/qemu-aarch64*' \
    --dpkgopt='path-exclude=/usr/lib/binfmt.d/qemu-*' --dpkgopt='path-include=/usr/lib/binfmt.d/qemu-aarch64*' \
    --customize-hook="mkdir -p \"\$1/opt/foreign\" && cp '$foreign' \"\$1/opt/foreign/\"" \
    --customize-hook="cp -rT '$folder/settings' \"\$1\" && chown -R root:root \"\$1/root\"" \
    --customize-hook='chroot "$1" systemctl -q enable systemd-networkd ssh' \
    --customize-hook="for unit in $idle; do chroot \"\$1\" systemctl -q disable \$unit 2>/dev/null || :; done" \
    "$suite" "$tree" "$folder/sources"
  cp "$(ls -v "$tree"/boot/vmlinuz-* | tail -n 1)" "$folder/kernel"
  cp "$(ls -v "$tree"/boot/initrd.img-* | tail -n 1)" "$folder/initrd"
  rm -f "$folder/disk.new"
  truncate -s 6G "$folder/disk.new"
  mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -d "$tree" "$folder/disk.new"
  mv "$folder/disk.new" "$folder/disk"
  rm -rf --one-file-system "$tree" "$folder/settings"
}

build() {
  ensure_packages qemu-system-x86 mmdebstrap e2fsprogs openssh-client
  recipe=$(sed -n '/^packages=/,/^build()/p' "$0" | cksum)
  [ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ] || return 0
  mkdir -p "$folder"
  [ -f "$folder/key" ] || ssh-keygen -q -t ed25519 -N '' -C vm -f "$folder/key"
  say "making a disk with Debian $suite: some minutes"
  # Under a condition the shell would go on after what fails.
  make_disk >"$folder/build.log" 2>&1 &
  if ! wait $!; then
    tail -n 15 "$folder/build.log" >&2
    fail "no disk could be made ($folder/build.log)"
  fi
  echo "$recipe" >"$folder/recipe"
}

# The process id that qemu wrote, if that is still this qemu.
find_machine() {
  pid=$(cat "$folder/pid" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "-pidfile $folder/pid "
}

through_ssh() {
  ssh -F none -i "$folder/key" -p "$(cat "$folder/port")" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=10 \
    -o ControlPath="$control" "$@"
}

# A /dev/kvm can be there and be of no use: where the processor has none of it.
accelerator() {
  if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then echo '-accel kvm -cpu host'; else echo '-accel tcg,thread=multi,tb-size=512 -cpu max'; fi
}

start() {
  [ -f "$folder/disk" ] || fail 'it has no disk yet: first vm.sh build'
  stop
  ensure_node
  "$NODE" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })' >"$folder/port"
  # shellcheck disable=SC2046 # flags
  TMPDIR=$folder qemu-system-x86_64 -machine q35 $(accelerator) -smp 2 -m "${VM_MEMORY:-2048}" -nodefaults -no-user-config \
    -display none -monitor none -serial "file:$folder/console.log" -kernel "$folder/kernel" -initrd "$folder/initrd" \
    -append 'root=/dev/vda rw console=ttyS0 quiet' -device virtio-rng-pci \
    -drive "file=$folder/disk,format=raw,if=virtio,cache=unsafe,snapshot=on" \
    -netdev "user,id=first,restrict=on,hostfwd=tcp:127.0.0.1:$(cat "$folder/port")-:22" \
    -device "virtio-net-pci,netdev=first,mac=$mac,romfile=" -pidfile "$folder/pid" -daemonize
  timed "starting Debian $suite under $(accelerator | cut -d' ' -f2 | cut -d, -f1)" await_machine
}

# Until it lets us in. The connection stays for all that follows, since a new one takes seconds.
await_machine() {
  until=$(($(date +%s) + 900))
  until through_ssh -M -N -f -n -o ControlPersist=yes root@127.0.0.1 >/dev/null 2>&1; do
    find_machine || { tail -n 20 "$folder/console.log" >&2; fail 'it has ended'; }
    [ "$(date +%s)" -lt "$until" ] || { tail -n 20 "$folder/console.log" >&2; fail 'it does not answer'; }
    sleep 1
  done
}

stop() {
  rm -f "$control"
  find_machine || return 0
  kill "$pid"
  tries=50
  while find_machine; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || kill -9 "$pid"
    sleep 0.2
  done
}

verb=${1:-}
case $verb in
  build | start | stop) "$verb" ;;
  push) through_ssh root@127.0.0.1 "mkdir -p '$2' && tar -x --no-same-owner -C '$2'" ;;
  run) through_ssh -n root@127.0.0.1 "$2" ;;
  *)
    sed -n '4,8s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
