#!/bin/sh
# Runs test/vm/*.vm.ts, or the files named, in a throw-away machine (vm.sh), from a copy of this checkout.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
ensure_build
there=/opt/berth

# It leaves a machine running, which is not to hold the lock.
vm() { sh scripts/vm.sh "$@" 9>&-; }

# The build is bundled, but for its native modules.
copy() {
  git ls-files -z --cached --others --exclude-standard |
    tar -c --null --ignore-failed-read --files-from=- dist node_modules/koffi node_modules/@koromix
}

copy_all() {
  copy | vm push $there
  tar -ch .tools/node | vm push $there
  # So that nothing is found to be older than its sources.
  vm run "cd $there && touch -d '+1 year' node_modules/.package-lock.json dist/.built"
}

# There is one machine in a checkout, and to start it ends the one before.
mkdir -p .tools/vm
exec 9>.tools/vm/lock
flock -n 9 || { say 'waiting for the tests that have the machine'; flock 9; }
vm build
trap 'vm stop' EXIT
trap 'exit 130' INT TERM
vm start
timed 'copying the checkout' copy_all
[ $# -gt 0 ] || set -- 'test/vm/*.vm.ts'
vm run "cd $there && NODE_COMPILE_CACHE=$there/.tools/cache exec .tools/node --test --test-concurrency=1 --test-reporter=spec $*"
