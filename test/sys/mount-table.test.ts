import assert from "node:assert/strict";
import { test } from "node:test";
import { findMount, parseMountTable } from "../../src/sys/mount-table.ts";

test("the mount that a path is in is found, with its flags and its propagation", () => {
  const table = parseMountTable(
    [
      "20 1 0:20 / / rw,relatime shared:1 - ext4 /dev/a rw",
      "21 20 0:21 / /mnt rw - tmpfs a rw",
      "22 21 0:22 / /mnt/with\\040blank rw,nosuid master:3 - tmpfs b rw",
      "23 20 0:23 / /mnt ro shared:7 - tmpfs over rw",
      "",
    ].join("\n"),
  );
  const root = { mountpoint: "/", type: "ext4", options: ["rw", "relatime"], isShared: true, isSlave: false };
  assert.deepEqual(findMount("/", table), root);
  assert.deepEqual(findMount("/mntx", table), root);
  assert.deepEqual(findMount("/mnt/x", table), {
    mountpoint: "/mnt",
    type: "tmpfs",
    options: ["ro"],
    isShared: true,
    isSlave: false,
  });
  assert.deepEqual(findMount("/mnt/with blank/x", table), {
    mountpoint: "/mnt/with blank",
    type: "tmpfs",
    options: ["rw", "nosuid"],
    isShared: false,
    isSlave: true,
  });
});
