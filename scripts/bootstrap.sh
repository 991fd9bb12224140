# Sourced by the launcher and the scripts; needs $root. Sets NODE.
# ensure_packages PACKAGE...   ensure_node   ensure_modules

node_version=26.10.0

say() { printf '%s\n' "berth: $*" >&2; }

# timed TEXT COMMAND...: says what it does, then how long it took
timed() {
  say "$1"
  begun=$(date +%s)
  shift
  "$@"
  say "  done in $(($(date +%s) - begun)) s"
}

# Installs the Debian packages that are missing.
ensure_packages() {
  missing=''
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || { say "these packages are missing:$missing; install them as root"; return 1; }
  # shellcheck disable=SC2086 # a list of names
  timed "installing packages:$missing" install_packages $missing
}

# By default Node lets short-lived objects fill 48 MB before it gives any of that back, and then keeps it.
daemon_flags='--max-semi-space-size=2'
# A list of ten thousand containers is a quarter of a second's work, of which collecting garbage in small steps was a third.
cli_flags='--min-semi-space-size=16'

# What an engine runs with. The profile of containers needs AppArmor's parser where the kernel has AppArmor on.
engine_packages() {
  printf 'crun git iproute2 nftables procps'
  [ ! -d /sys/kernel/security/apparmor ] || printf ' apparmor'
}

# The stock docker with its command line, which is a package of its own since Debian 13.
docker_packages() {
  printf 'docker.io'
  # Compose in Python, the version 1.29 that many scripts still call. Later suites have none.
  [ "$(. /etc/os-release && echo "${VERSION_ID:-99}")" -ge 13 ] || printf ' docker-compose'
  [ "$(. /etc/os-release && echo "${VERSION_ID:-99}")" -lt 13 ] || printf ' docker-cli'
}

install_packages() {
  log=$(mktemp)
  if ! { DEBIAN_FRONTEND=noninteractive apt-get update -q && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    say "the packages could not be installed; see above, then try: apt-get install $*"
    return 1
  fi
  rm -f "$log"
}

is_current() { [ "$("$1" -p 'process.versions.node.split(".")[0] >= 24' 2>/dev/null)" = true ]; }

# The choice is kept as a link, since asking a Node for its version takes as long as a whole command may.
ensure_node() {
  NODE=$root/.tools/node
  if [ -x "$NODE" ]; then return 0; fi
  mkdir -p "$root/.tools"
  own=$(command -v node || :)
  if [ -n "$own" ] && is_current "$own"; then
    ln -sfn "$own" "$NODE"
    return 0
  fi
  command -v npm >/dev/null || ensure_packages nodejs npm
  timed "installing Node $node_version into .tools (the machine's own is missing or older than 24)" \
    run_npm "$root/.tools" install --prefix "$root/.tools" --no-save "node@$node_version"
  # It is linked with a library that a small Debian does not have.
  "$root/.tools/node_modules/node/bin/node" --version >/dev/null 2>&1 || ensure_packages libatomic1
  ln -sfn node_modules/node/bin/node "$NODE"
}

ensure_modules() {
  if [ "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ]; then return 0; fi
  # Not `npm ci`: it refuses the lock file where a registry does not carry the binaries of other platforms.
  timed 'installing Node modules' run_npm "$root" install --no-save --prefix "$root"
  touch "$root/node_modules/.package-lock.json"
}

# run_npm FOLDER ARGUMENT...: quiet unless it fails
run_npm() {
  mkdir -p "$1"
  log=$(mktemp)
  shift
  if ! npm --no-audit --no-fund --loglevel=error "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say 'npm failed; see above, then run the same command again'
    return 1
  fi
  rm -f "$log"
}

# Bundles the sources when any is newer than the last build.
ensure_build() {
  if [ -f "$root/dist/.built" ] &&
    [ -z "$(find "$root/src" "$root/ui" "$root/scripts/build.ts" "$root/scripts/build-ui.ts" "$root/package-lock.json" -newer "$root/dist/.built" -print -quit)" ]; then
    return 0
  fi
  timed 'building' "$NODE" "$root/scripts/build.ts"
}

socket=/run/berth/berth.sock

is_answering() {
  [ -S "$socket" ] && "$NODE" -e '
    require("net").connect(process.argv[1], () => process.exit(0)).on("error", () => process.exit(1))' "$socket"
}

# Whether a daemon has the default data root: one that is still starting does not answer yet.
is_claimed() {
  [ -e /var/lib/berth/lock ] && grep -q "FLOCK .*:$(stat -c %i /var/lib/berth/lock) " /proc/locks
}

# In the background, on the default socket.
start_engine() {
  # shellcheck disable=SC2046 # a list of names
  ensure_packages $(engine_packages)
  if is_claimed; then
    say 'an engine is starting; waiting for it'
  else
    say "no engine is running; starting one in the background (log: /var/log/berth.log; stop it with: $root/berth system stop)"
    # shellcheck disable=SC2086 # a list of flags
    setsid "$NODE" $daemon_flags "$root/dist/daemon/main.js" </dev/null >>/var/log/berth.log 2>&1 &
    daemon=$!
  fi
  tries=0
  until is_answering; do
    tries=$((tries + 1))
    # Of two that start at the same time one gives way.
    if [ $tries -gt 300 ] || { ! kill -0 "${daemon:-0}" 2>/dev/null && ! is_claimed; }; then
      tail -n 5 /var/log/berth.log >&2
      say 'the engine did not start; see above and /var/log/berth.log'
      return 1
    fi
    sleep 0.1
  done
}
