import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import type { ContainerFiles } from "../../src/containers/archive/archive-job.ts";
import { startTicks } from "../../src/sys/process.ts";
import { makeTar, readStream } from "../images/fixtures.ts";

import { archives, entriesOf, makeRootfs, namesOf, type Rootfs, write } from "./rootfs-fixture.ts";

describe("a running container", () => {
  let rootfs: Rootfs;
  let process_: ChildProcess;
  let files: ContainerFiles;

  before(async () => {
    rootfs = makeRootfs();
    // A root of its own in a mount namespace of its own: what the daemon sees of any runtime's container.
    const { lower, upper, work } = rootfs.files;
    const script = `set -e
      mount -t overlay overlay -o lowerdir=${lower[0]},upperdir=${upper},workdir=${work} ${upper}
      mkdir -p ${upper}/data && chown 7:8 ${upper}/data && echo below >${upper}/data/below
      mount --bind ${rootfs.path}/volume ${upper}/data
      mount -t proc proc ${upper}/proc
      mkdir -p ${upper}/bin && cp /bin/busybox ${upper}/bin/busybox
      cd ${upper} && pivot_root . tmp && cd / && exec /bin/busybox sh -c '
        /bin/busybox umount -l /tmp && /bin/busybox --install -s /bin && mknod /dev/null c 1 3
        echo ready
        while read command; do eval "$command"; echo done; done'`;
    process_ = spawn("unshare", ["-m", "sh", "-c", script], {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    await once(process_.stdout as Readable, "data");
    files = {
      ...rootfs.files,
      process: { pid: process_.pid as number, startTicks: startTicks(process_.pid as number) ?? 0 },
      lower: [],
      upper: "/nonexistent",
      work: "/nonexistent",
    };
  });

  after(() => {
    // With all that it left in the background.
    process.kill(-(process_.pid as number), "SIGKILL");
    rootfs[Symbol.dispose]();
  });

  async function inside(command: string): Promise<void> {
    process_.stdin?.write(`${command}\n`);
    await once(process_.stdout as Readable, "data");
  }

  test("is read and written through its own root and mounts", async () => {
    assert.deepEqual(await namesOf(files, "/abs/motd"), ["motd"]);
    assert.deepEqual(await namesOf(files, "/data"), ["data/", "data/inside"]);
    await write(files, "/data", makeTar([{ name: "w", data: "new" }]));
    assert.equal(readFileSync(join(rootfs.path, "volume/w"), "utf8"), "new");
    await inside("echo live > /etc/live");
    assert.equal((await archives.stat(files, "/etc/live")).size, 5);
    const all = await namesOf(files, "/");
    assert.ok(
      all.includes("/proc/") && !all.some((name) => name.startsWith("/proc/1")),
      "not the kernel's files",
    );
  });

  test("is exported without its mounts, and with what they lie on", async () => {
    await inside("echo live > /etc/live");
    const exported = entriesOf(await readStream(await archives.export(files))).map(({ entry }) => entry);
    const names = exported.map(({ name }) => name);
    assert.ok(names.includes("etc/live") && names.includes("proc/"));
    assert.deepEqual(
      names.filter((name) => /^(?:data|proc)\/./.test(name)),
      ["data/below"],
    );
    const { uid, gid } = exported.find(({ name }) => name === "data/") ?? {};
    assert.deepEqual([uid, gid], [7, 8]);
  });

  test("lists a directory, without following what is in it", async () => {
    await inside("mkdir /listed; echo 12345 > /listed/file; ln -s /etc /listed/away; mkfifo /listed/pipe");
    const { Path, Entries, More } = await archives.list(files, "/listed");
    assert.deepEqual([Path, More], ["/listed", 0]);
    assert.deepEqual(
      Entries.map(({ Name, Kind, Size, Target }) => [Name, Kind, Size, Target]),
      [
        ["away", "link", 0, "/etc"],
        ["file", "file", 6, undefined],
        ["pipe", "fifo", 0, undefined],
      ],
    );
    assert.equal((await archives.list(files, "/listed/away")).Path, "/etc");
    await assert.rejects(archives.list(files, "/listed/file"), { kind: "invalid" });
    await assert.rejects(archives.list(files, "/listed/none"), { kind: "notFound" });
  });

  test("leads nowhere outside by any link", async () => {
    await inside(
      `ln -sfn ${rootfs.victim} /escape; ln -sfn /proc/1/root/etc /magic; ln -sfn ../../../..${rootfs.victim} /etc/dots`,
    );
    const archive = makeTar([{ name: "evil", data: "x" }]);
    for (const path of ["/escape", "/etc/dots"])
      await assert.rejects(archives.list(files, path), { kind: "notFound" }, path);
    for (const path of ["/escape", "/etc/dots", `/escape/../${rootfs.victim}`, "/magic"]) {
      await assert.rejects(
        write(files, path, archive),
        (error: Error) => /EngineError|ELOOP/.test(String(error)),
        path,
      );
    }
    for (const path of ["/escape/secret", "/etc/dots/secret"])
      await assert.rejects(archives.read(files, path), { kind: "notFound" });
    await assert.rejects(
      write(files, "/", makeTar([{ name: "escape/evil", data: "x" }])),
      /failed to extract/,
    );
    assert.deepEqual(readdirSync(rootfs.victim), ["secret"]);
  });

  test("that swaps directories for links all the time still leads nowhere outside", async () => {
    const { victim } = rootfs;
    await inside(
      `mkdir -p /race/real; (while true; do ln -sfn ${victim} /race/l; rm -rf /race/d; ln -s ${victim} /race/d; rm -f /race/d; mkdir -p /race/d; done) 2>/dev/null &`,
    );
    const archive = makeTar([
      { name: "d/", mode: 0o700 },
      { name: "d/sub/", mode: 0o700 },
      { name: "d/secret", data: "overwritten", mode: 0o600 },
      { name: "d/evil", data: "x" },
    ]);
    for (let round = 0; round < 60; round++) {
      await write(files, "/race", archive).catch(() => {});
      await archives
        .read(files, "/race/d/secret")
        .then(({ stream }) => readStream(stream))
        .then((bytes) =>
          assert.ok(
            !bytes.includes("secret\0\0\0secret") && !entriesOf(bytes).some(({ data }) => data === "secret"),
          ),
        )
        .catch((error: unknown) => assert.ok(!(error instanceof assert.AssertionError), String(error)));
    }
    assert.deepEqual(readdirSync(victim), ["secret"]);
    assert.equal(readFileSync(join(victim, "secret"), "utf8"), "secret");
    assert.equal(lstatSync(victim).mode & 0o777, 0o755);
  });

  test("that has ended meanwhile is read as one that does not run, whoever has its number now", async () => {
    using stopped = makeRootfs();
    const stranger = spawn("sleep", ["60"]);
    const pid = stranger.pid as number;
    try {
      const ticks = startTicks(pid) ?? 0;
      for (const process of [
        { pid, startTicks: ticks },
        { pid, startTicks: ticks - 1 },
        { pid: process_.pid as number, startTicks: 1 },
        { pid: 2 ** 22 + 1, startTicks: 1 },
      ]) {
        const wrong = { ...stopped.files, process };
        assert.deepEqual(await namesOf(wrong, "/etc/motd"), ["motd"]);
        await assert.rejects(write(wrong, rootfs.victim, makeTar([{ name: "evil", data: "x" }])), {
          kind: "notFound",
        });
        assert.equal(existsSync(join(rootfs.victim, "evil")), false);
      }
    } finally {
      stranger.kill("SIGKILL");
    }
  });
});
