import assert from "node:assert/strict";
import { test } from "node:test";
import { listMountpoints } from "../../src/sys/mount-table.ts";
import { isLocal } from "../../src/volumes/local-types.ts";

test("a file system is local when its type is known to be", () => {
  for (const type of ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "proc", "cgroup2"])
    assert.ok(isLocal(type), type);
  const served = ["nfs4", "cifs", "9p", "virtiofs", "autofs", "fuse", "fuse.sshfs", "fuseblk"];
  for (const type of [...served, "vboxsf", "prl_fs", "vmhgfs", "unheard-of", ""])
    assert.ok(!isLocal(type), type);
});

test("what this machine has of its own is local", () => {
  const others = listMountpoints((type) => !isLocal(type));
  for (const place of ["/proc", "/sys", "/dev"]) assert.ok(!others.includes(place), place);
});
