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

# The build is bundled, but for its native modules.
copy() {
  git ls-files -z --cached --others --exclude-standard |
    tar -c --null --ignore-failed-read --files-from=- dist node_modules/koffi node_modules/@koromix
}

copy_all() {
  copy | sh scripts/vm.sh push $there
  tar -ch .tools/node | sh scripts/vm.sh push $there
  # So that nothing is found to be older than its sources.
  sh scripts/vm.sh run "cd $there && touch -d '+1 year' node_modules/.package-lock.json dist/.built"
}

sh scripts/vm.sh build
trap 'sh scripts/vm.sh stop' EXIT
trap 'exit 130' INT TERM
sh scripts/vm.sh start
timed 'copying the checkout' copy_all
[ $# -gt 0 ] || set -- 'test/vm/*.vm.ts'
sh scripts/vm.sh run "cd $there && NODE_COMPILE_CACHE=$there/.tools/cache exec .tools/node --test --test-concurrency=1 --test-reporter=spec $*"
