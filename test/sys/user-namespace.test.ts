import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tryLock } from "../../src/sys/file-lock.ts";
import { makeNetnsIn, makeUserNamespace } from "../../src/sys/user-namespace.ts";
import { eventually } from "../engine.ts";

const ids = [{ inside: 0, outside: 1_000_000, size: 10 }];

test("a user namespace, and network namespaces that belong to it, are there without a process", () => {
  const { userFd, netFd } = makeUserNamespace({ uids: ids, gids: ids });
  const inside = makeNetnsIn(`/proc/${process.pid}/fd/${userFd}`);
  const links = [userFd, netFd, inside].map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
  assert.match(links[0] ?? "", /^user:/);
  for (const link of links.slice(1)) assert.match(link, /^net:/);
  assert.equal(new Set(links).size, 3);
  for (const fd of [userFd, netFd, inside]) closeSync(fd);
  assert.throws(() => makeNetnsIn("/nowhere"), /no network namespace could be made in \/nowhere/);
});

test("who is killed while it makes one leaves no process, and no lock", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-userns-"));
  try {
    const [pidFile, lock] = [join(folder, "pid"), join(folder, "lock")];
    // Enters one, and never comes to say so.
    writeFileSync(
      join(folder, "unshare"),
      `#!/bin/sh\necho $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; while read -r line; do :; done\n`,
      { mode: 0o755 },
    );
    const maker = spawn(process.execPath, [join(import.meta.dirname, "user-namespace-fixture.ts"), lock], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      stdio: "ignore",
    });
    await eventually(
      () => existsSync(pidFile),
      (isThere) => isThere,
    );
    const pid = Number(readFileSync(pidFile, "latin1"));
    assert.deepEqual(
      readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) < 10),
      ["0", "1", "2"],
    );
    maker.kill("SIGKILL");
    await once(maker, "exit");
    const fd = openSync(lock, "a");
    assert.ok(tryLock(fd), "the lock is free at once");
    closeSync(fd);
    await eventually(
      () => existsSync(`/proc/${pid}`),
      (isThere) => !isThere,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
