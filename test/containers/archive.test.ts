import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  type ContainerFiles,
  exportRootfs,
  readArchive,
  statPath,
  upperSizeBytes,
  writeArchive,
} from "../../src/containers/archive.ts";
import type { TarEntry } from "../../src/formats/tar-entry.ts";
import { createTarReader } from "../../src/formats/tar-reader.ts";
import { makeTar, readStream } from "../images/fixtures.ts";

interface Rootfs extends Disposable {
  path: string;
  files: ContainerFiles;
  /** A file of the host that nothing may touch. */
  victim: string;
}

function makeRootfs(): Rootfs {
  const path = mkdtempSync(join(tmpdir(), "berth-files-"));
  const at = (...parts: string[]) => join(path, ...parts);
  for (const name of ["lower", "upper", "work", "volume", "ro", "victim"]) mkdirSync(at(name));
  for (const name of ["etc", "tmp", "data", "dev", "proc"]) mkdirSync(at("lower", name));
  writeFileSync(at("lower/etc/motd"), "hello");
  symlinkSync("motd", at("lower/etc/link"));
  symlinkSync("/etc", at("lower/abs"));
  symlinkSync("/nowhere/x", at("lower/dangling"));
  symlinkSync("../../../../../../etc/motd", at("lower/etc/up"));
  mkdirSync(at("upper/new"));
  writeFileSync(at("upper/new/file"), "12345");
  writeFileSync(at("volume/inside"), "volume");
  writeFileSync(at("victim/secret"), "secret");
  const mounts = [
    { source: at("volume"), destination: "/data", readOnly: false },
    { source: at("ro"), destination: "/mnt/ro", readOnly: true },
  ];
  return {
    path,
    victim: at("victim"),
    files: { id: "c1", lower: [at("lower")], upper: at("upper"), work: at("work"), mounts },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

function entriesOf(archive: Buffer): { entry: TarEntry; data: string }[] {
  const reader = createTarReader();
  const found: { entry: TarEntry; data: string }[] = [];
  for (const event of reader.push(archive)) {
    if (event.kind === "entry") found.push({ entry: event.entry, data: "" });
    const last = found.at(-1);
    if (event.kind === "data" && last) last.data += event.data.toString();
  }
  reader.finish();
  return found;
}

async function namesOf(files: ContainerFiles, path: string): Promise<string[]> {
  const { stream } = await readArchive(files, path);
  return entriesOf(await readStream(stream)).map(({ entry }) => entry.name);
}

const write = (files: ContainerFiles, path: string, archive: Buffer, options = {}) =>
  writeArchive(files, path, Readable.from([archive]), {
    noOverwriteDirNonDir: false,
    copyUidGid: false,
    ...options,
  });

test("a path of a stopped container is described as docker does", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  chmodSync(join(rootfs.path, "lower/tmp"), 0o1777);
  const motd = await statPath(files, "/etc/motd");
  assert.deepEqual([motd.name, motd.size, motd.mode, motd.linkTarget], ["motd", 5, 0o644, ""]);
  assert.match(motd.mtime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.equal((await statPath(files, "/tmp")).mode, 2 ** 31 + 2 ** 20 + 0o777);
  const link = await statPath(files, "etc/link");
  assert.deepEqual([link.name, link.mode, link.linkTarget], ["link", 2 ** 27 + 0o777, "/etc/motd"]);
  assert.equal((await statPath(files, "/etc/up")).linkTarget, "/etc/motd");
  assert.equal((await statPath(files, "/dangling")).linkTarget, "/nowhere/x");
  assert.equal((await statPath(files, "/abs/motd")).name, "motd");
  assert.equal((await statPath(files, "/abs/")).mode, 2 ** 31 + 0o755);
  assert.equal((await statPath(files, "/../../abs/.")).name, ".");
  assert.equal((await statPath(files, "/")).name, "/");
  assert.equal((await statPath(files, "/data/inside")).size, 6);
  await assert.rejects(statPath(files, "/no/such"), {
    kind: "notFound",
    message: "Could not find the file /no/such in container c1",
  });
  await assert.rejects(statPath(files, "/dangling/"), { kind: "notFound" });
  await assert.rejects(statPath(files, "/etc/motd/"), {
    kind: "invalid",
    message: "/etc/motd/: not a directory",
  });
});

test("an archive's names start with what was asked for", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  assert.deepEqual(await namesOf(files, "/etc/motd"), ["motd"]);
  assert.deepEqual(await namesOf(files, "/abs"), ["abs"]);
  assert.deepEqual(await namesOf(files, "/new"), ["new/", "new/file"]);
  assert.deepEqual(await namesOf(files, "/new/"), ["new/", "new/file"]);
  assert.deepEqual(await namesOf(files, "/new/."), ["./", "./file"]);
  assert.deepEqual(await namesOf(files, "/data"), ["data/", "data/inside"]);
  const all = await namesOf(files, "/");
  assert.ok(all.includes("/") && all.includes("/etc/motd") && all.includes("/data/inside"), all.join());
});

test("export holds the files and not the volumes", async () => {
  using rootfs = makeRootfs();
  const names = entriesOf(await readStream(await exportRootfs(rootfs.files))).map(({ entry }) => entry.name);
  assert.ok(
    names.includes("etc/motd") && names.includes("new/file") && names.includes("data/"),
    names.join(),
  );
  assert.ok(!names.includes("data/inside"));
});

test("what is written arrives with owners and modes, compressed or not, in the layer or the volume", async () => {
  using rootfs = makeRootfs();
  const { files, path } = rootfs;
  const archive = makeTar([
    { name: "d/", uid: 7 },
    { name: "d/f", data: "x", uid: 1000, gid: 1001, mode: 0o4750 },
  ]);
  await write(files, "/abs", gzipSync(archive));
  const { mode, uid, gid } = lstatSync(join(path, "upper/etc/d/f"));
  assert.deepEqual([mode & 0o7777, uid, gid], [0o4750, 1000, 1001]);
  await write(files, "/data", archive);
  assert.equal(readFileSync(join(path, "volume/d/f"), "utf8"), "x");
  await write({ ...files, user: { uid: 5, gid: 6 } }, "/tmp", archive, { copyUidGid: true });
  assert.deepEqual(
    [lstatSync(join(path, "upper/tmp/d/f")).uid, lstatSync(join(path, "upper/tmp/d")).gid],
    [5, 6],
  );
  assert.equal(await upperSizeBytes(files), 7);
});

test("what cannot be written to is refused in docker's words", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  const archive = makeTar([{ name: "f", data: "x" }]);
  await assert.rejects(write(files, "/no/such", archive), {
    kind: "notFound",
    message: "Could not find the file /no/such in container c1",
  });
  await assert.rejects(write(files, "/etc/motd", archive), {
    kind: "invalid",
    message: "extraction point is not a directory",
  });
  await assert.rejects(write(files, "/mnt/ro", archive), {
    kind: "forbidden",
    message: "mounted volume is marked read-only",
  });
  const sealed = { ...files, readOnlyRootfs: true };
  await assert.rejects(write(sealed, "/etc", archive), {
    kind: "forbidden",
    message: "container rootfs is marked read-only",
  });
  await write(sealed, "/data", archive);
  symlinkSync("/etc", join(rootfs.path, "volume/out"));
  await assert.rejects(write(sealed, "/data", makeTar([{ name: "out/f", data: "x" }])), {
    kind: "forbidden",
  });
  const keep = { noOverwriteDirNonDir: true };
  await assert.rejects(
    write(files, "/", makeTar([{ name: "etc", data: "x" }]), keep),
    /cannot overwrite directory "etc" with non-directory/,
  );
  await assert.rejects(
    write(files, "/etc", makeTar([{ name: "motd/" }]), keep),
    /cannot overwrite non-directory "motd" with directory/,
  );
  await assert.rejects(write(files, "/etc", Buffer.from("garbage".repeat(200))), {
    kind: "invalid",
    message: "invalid tar header",
  });
  await assert.rejects(write(files, "/etc", archive.subarray(0, 512)), {
    kind: "invalid",
    message: /unexpected EOF/,
  });
  await assert.rejects(write(files, "/etc", gzipSync(archive).subarray(0, 40)), {
    kind: "invalid",
    message: /invalid gzip data/,
  });
});

test("no mount, no descriptor and no thread is left behind", async () => {
  using rootfs = makeRootfs();
  const mounts = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(rootfs.path));
  await namesOf(rootfs.files, "/etc");
  // A worker thread has a pipe of its own, both ends open; one end alone is one of ours.
  const open = () => {
    const targets = readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    const isLeft = (target: string) =>
      target.includes(rootfs.path) ||
      (target.startsWith("pipe:") && targets.filter((other) => other === target).length === 1);
    return targets.filter(isLeft).sort();
  };
  const count = open();
  for (let round = 0; round < 5; round++) {
    await namesOf(rootfs.files, "/etc");
    await write(rootfs.files, "/etc", makeTar([{ name: "f", data: "x" }]));
    const { stream } = await readArchive(rootfs.files, "/");
    stream.destroy();
    await assert.rejects(statPath(rootfs.files, "/none"));
  }
  await statPath(rootfs.files, "/");
  assert.deepEqual(mounts(), []);
  assert.deepEqual(open(), count, "descriptors stay");
});

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
      pid: process_.pid as number,
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
    assert.equal((await statPath(files, "/etc/live")).size, 5);
    const all = await namesOf(files, "/");
    assert.ok(
      all.includes("/proc/") && !all.some((name) => name.startsWith("/proc/1")),
      "not the kernel's files",
    );
    const exported = entriesOf(await readStream(await exportRootfs(files))).map(({ entry }) => entry.name);
    assert.ok(
      exported.includes("etc/live") && exported.includes("data/") && !exported.includes("data/inside"),
    );
  });

  test("leads nowhere outside by any link", async () => {
    await inside(
      `ln -sfn ${rootfs.victim} /escape; ln -sfn /proc/1/root/etc /magic; ln -sfn ../../../..${rootfs.victim} /etc/dots`,
    );
    const archive = makeTar([{ name: "evil", data: "x" }]);
    for (const path of ["/escape", "/etc/dots", `/escape/../${rootfs.victim}`, "/magic"]) {
      await assert.rejects(
        write(files, path, archive),
        (error: Error) => /EngineError|ELOOP/.test(String(error)),
        path,
      );
    }
    for (const path of ["/escape/secret", "/etc/dots/secret"])
      await assert.rejects(readArchive(files, path), { kind: "notFound" });
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
      await readArchive(files, "/race/d/secret")
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

  test("whose number belongs to a process of the host is refused", async () => {
    const stranger = spawn("sleep", ["60"]);
    try {
      const wrong = { ...files, pid: stranger.pid as number };
      await assert.rejects(write(wrong, rootfs.victim, makeTar([{ name: "evil", data: "x" }])), {
        kind: "conflict",
      });
      assert.equal(existsSync(join(rootfs.victim, "evil")), false);
    } finally {
      stranger.kill("SIGKILL");
    }
  });
});

test("a directory that is replaced while it is read is left out", async () => {
  using rootfs = makeRootfs();
  chownSync(join(rootfs.path, "upper/new/file"), 3, 4);
  unlinkSync(join(rootfs.path, "upper/new/file"));
  assert.deepEqual(await namesOf(rootfs.files, "/new"), ["new/"]);
});
