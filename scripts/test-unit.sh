#!/bin/sh
# The tests that need neither root nor packages nor a build: seconds, and part of `npm test` as well.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/bootstrap.sh"
cd "$root"
ensure_node
ensure_modules
exec "$NODE" --test --test-reporter=dot \
  'test/{client,daemon,dockerfile,formats}/*.test.ts' test/runtime/spec.test.ts test/runtime/seccomp.test.ts test/state/migrations.test.ts test/fuzz/fuzz.test.ts test/api/turns.test.ts \
  'test/cli/{cp-path,create-body,detach-keys,local-unpack,parse-flags,progress,rows,time-flag}.test.ts' \
  'test/containers/{attach,phase}.test.ts' test/networks/ipam.test.ts 'test/supervisor/{channel,log-file,output-queue}.test.ts' \
  test/supervisor-client/client.test.ts test/launch/prepare.test.ts \
  'test/sys/{growing-file,jobs,listen,netlink-message,safe-path}.test.ts'
