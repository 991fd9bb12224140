import assert from "node:assert/strict";
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createEvents } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type State } from "../../src/state/state.ts";
import { getXattr, setXattr } from "../../src/sys/xattr.ts";
import { volumeKind } from "../../src/volumes/volume.ts";
import { createVolumes, type ResolvedMount, type Volumes } from "../../src/volumes/volumes.ts";
import { makeSmallDisk } from "../small-disk.ts";

describe("copying image content into a volume", () => {
  let root: string;
  let state: State;
  let volumes: Volumes;
  let lower: string;
  let upper: string;
  let volumeNumber = 0;

  function newVolume(): { name: string; path: string } {
    const record = volumes.create({ Name: `volume${++volumeNumber}` });
    return { name: record.name, path: volumes.directoryOf(record) };
  }

  before(() => {
    root = mkdtempSync(join(tmpdir(), "berth-volumes-"));
    const logger = createLogger("silent");
    state = openState(join(root, "state.db"), logger);
    volumes = createVolumes({ root, state, events: createEvents(), logger });
    lower = join(root, "layer0");
    upper = join(root, "layer1");
    const data = join(lower, "srv/data");
    mkdirSync(join(data, "sub"), { recursive: true });
    writeFileSync(join(data, "file"), "base");
    chownSync(join(data, "file"), 1000, 1001);
    chmodSync(join(data, "file"), 0o4755);
    setXattr(join(data, "file"), "user.colour", Buffer.from("blue"));
    linkSync(join(data, "file"), join(data, "sub/same"));
    symlinkSync("/etc/passwd", join(data, "link"));
    execFileSync("mkfifo", ["-m", "640", join(data, "fifo")]);
    writeFileSync(join(data, "hidden"), "x");
    writeFileSync(Buffer.concat([Buffer.from(`${data}/`), Buffer.from([0xff, 0xfe])]), "bytes");
    utimesSync(join(data, "sub"), 1000, 1000);
    chownSync(data, 33, 34);
    chmodSync(data, 0o1770);
    symlinkSync("../srv", join(lower, "var"));
    mkdirSync(join(upper, "srv/data"), { recursive: true });
    chownSync(join(upper, "srv/data"), 33, 34);
    chmodSync(join(upper, "srv/data"), 0o1770);
    execFileSync("mknod", [join(upper, "srv/data/hidden"), "c", "0", "0"]);
    writeFileSync(join(upper, "srv/data/added"), "top");
  });
  after(async () => {
    await volumes.close();
    state.close();
    rmSync(root, { recursive: true });
  });

  test("keeps owners, modes, times, links, attributes and odd names, through the layers", async () => {
    const { name, path } = newVolume();
    await volumes.copyUp(name, [upper, lower], "/srv/data");
    const names = readdirSync(path, { encoding: "latin1" }).sort();
    assert.deepEqual(names, ["added", "fifo", "file", "link", "sub", "ÿþ"]);
    const own = lstatSync(path);
    assert.deepEqual([own.uid, own.gid, own.mode & 0o7777], [33, 34, 0o1770]);
    const file = lstatSync(join(path, "file"));
    assert.deepEqual([file.uid, file.gid, file.mode & 0o7777, file.nlink], [1000, 1001, 0o4755, 2]);
    assert.equal(file.ino, lstatSync(join(path, "sub/same")).ino);
    assert.equal(getXattr(join(path, "file"), "user.colour")?.toString(), "blue");
    assert.equal(readlinkSync(join(path, "link")), "/etc/passwd");
    assert.ok(lstatSync(join(path, "fifo")).isFIFO());
    assert.equal(lstatSync(join(path, "fifo")).mode & 0o777, 0o640);
    assert.equal(lstatSync(join(path, "sub")).mtimeMs, 1_000_000);
    assert.equal(readFileSync(join(path, "added"), "utf8"), "top");
  });

  test("follows links of the image inside the image only", async () => {
    const { name, path } = newVolume();
    await volumes.copyUp(name, [lower], "/var/data");
    assert.equal(readFileSync(join(path, "file"), "utf8"), "base");
    symlinkSync("/../../../../etc", join(lower, "escape"));
    const other = newVolume();
    await volumes.copyUp(other.name, [lower], "/escape");
    assert.deepEqual(readdirSync(other.path), []);
  });

  test("leaves a volume alone that has content, or when the image has nothing there", async () => {
    const { name, path } = newVolume();
    await volumes.copyUp(name, [lower], "/nothing");
    await volumes.copyUp(name, [lower], "/srv/data/file");
    assert.deepEqual(readdirSync(path), []);
    writeFileSync(join(path, "mine"), "");
    await volumes.copyUp(name, [lower], "/srv/data");
    assert.deepEqual(readdirSync(path), ["mine"]);
  });

  test("makes a copy that was cut off again", async () => {
    const { name, path } = newVolume();
    await volumes.copyUp(name, [lower], "/srv/data");
    const records = state.records(volumeKind);
    records.put(name, { ...volumes.getVolume(name), isPopulating: true });
    rmSync(join(path, "sub"), { recursive: true });
    // Not written: where fs.protected_regular is set, as by systemd, even root may not create over it in a sticky folder.
    truncateSync(join(path, "file"), 2);
    const logger = createLogger("silent");
    const restarted = createVolumes({ root, state, events: createEvents(), logger });
    await restarted.copyUp(name, [lower], "/srv/data");
    assert.equal(readFileSync(join(path, "file"), "utf8"), "base");
    assert.equal(lstatSync(join(path, "file")).ino, lstatSync(join(path, "sub/same")).ino);
    assert.equal(restarted.getVolume(name).isPopulating, false);
    await restarted.close();
  });

  test("that was cut off is made again from the same place of the same image alone, and over nothing that a container has", async () => {
    const { name, path } = newVolume();
    const populating = { image: "one", path: "/srv/data" };
    state.records(volumeKind).put(name, { ...volumes.getVolume(name), isPopulating: true, populating });
    writeFileSync(join(path, "file"), "part");
    const logger = createLogger("silent");
    const restarted = createVolumes({ root, state, events: createEvents(), logger });
    await restarted.copyUp(name, [lower], "/srv/data", { image: "other" });
    await restarted.copyUp(name, [lower], "/srv", { image: "one" });
    assert.deepEqual(readdirSync(path), ["file"]);
    assert.equal(restarted.wasCutOff(name), true);
    const source = restarted.directoryOf(restarted.getVolume(name));
    const mount = { type: "volume", name, source, destination: "/x" } as ResolvedMount;
    restarted.adopt([{ ...mount, readOnly: true }], "reader");
    await restarted.copyUp(name, [lower], "/srv/data", { image: "one" });
    assert.ok(readdirSync(path).includes("sub"));
    assert.equal(readFileSync(join(path, "file"), "utf8"), "base");
    assert.equal(restarted.wasCutOff(name), false);

    state.records(volumeKind).put(name, { ...volumes.getVolume(name), isPopulating: true, populating });
    writeFileSync(join(path, "hidden"), "mine");
    const next = createVolumes({ root, state, events: createEvents(), logger });
    next.adopt([{ ...mount, readOnly: false }], "writer");
    await next.copyUp(name, [lower], "/srv/data", { image: "one" });
    assert.equal(readFileSync(join(path, "hidden"), "utf8"), "mine");
    await Promise.all([restarted.close(), next.close()]);
  });

  test("leaves an empty volume when it fails, and is not made again over what is there by then", async () => {
    await using disk = makeSmallDisk(1);
    const layer = join(root, "large");
    mkdirSync(join(layer, "data/a"), { recursive: true });
    writeFileSync(join(layer, "data/a/small"), "small");
    writeFileSync(join(layer, "data/b"), Buffer.alloc(3 << 20));
    const small = createVolumes({
      ...{ root: disk.path, state, events: createEvents(), logger: createLogger("silent") },
    });
    const record = small.create({ Name: "small" });
    const path = small.directoryOf(record);
    await assert.rejects(small.copyUp("small", [layer], "/data"), { code: "ENOSPC" });
    assert.deepEqual(readdirSync(path), []);
    assert.equal(small.wasCutOff("small"), false);
    writeFileSync(join(path, "b"), "mine");
    await small.copyUp("small", [layer], "/data");
    assert.deepEqual(readdirSync(path), ["b"]);
    assert.equal(readFileSync(join(path, "b"), "utf8"), "mine");
    await small.remove("small", { force: false, usedBy: [] });
    const shared = small.directoryOf(small.create({ Name: "shared" }));
    const copying = small.copyUp("shared", [layer], "/data", {
      isShared() {
        writeFileSync(join(shared, "theirs"), "");
        return true;
      },
    });
    await assert.rejects(copying, { code: "ENOSPC" });
    assert.ok(readdirSync(shared).includes("theirs"), "what others have written");
    assert.equal(small.wasCutOff("shared"), false);
    await small.remove("shared", { force: false, usedBy: [] });
    await small.close();
  });

  test("follows no link that somebody put into the volume", async () => {
    const { name, path } = newVolume();
    const outside = join(root, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "victim"), "mine");
    symlinkSync(outside, join(path, "sub"));
    symlinkSync(join(outside, "victim"), join(path, "file"));
    state.records(volumeKind).put(name, { ...volumes.getVolume(name), isPopulating: true });
    const restarted = createVolumes({ root, state, events: createEvents(), logger: createLogger("silent") });
    await restarted.copyUp(name, [lower], "/srv/data");
    await restarted.close();
    assert.deepEqual(readdirSync(outside), ["victim"]);
    assert.equal(readFileSync(join(outside, "victim"), "utf8"), "mine");
    assert.equal(lstatSync(outside).uid, 0);
    assert.deepEqual(readdirSync(join(path, "sub")), ["same"]);
    assert.ok(lstatSync(join(path, "file")).isFile());
  });

  test("is made whole by the next daemon when this one is killed in the middle", async () => {
    const layer = join(root, "big");
    for (let folder = 0; folder < 60; folder++) {
      mkdirSync(join(layer, `data/${folder}`), { recursive: true });
      for (let file = 0; file < 50; file++)
        writeFileSync(join(layer, `data/${folder}/${file}`), `${folder} ${file}`);
    }
    const ownRoot = join(root, "killed");
    const child = fork(new URL("./killed-copy.ts", import.meta.url), [ownRoot, layer], { execArgv: [] });
    const ended = once(child, "exit");
    const data = join(ownRoot, "volumes/volume/_data");
    while (!existsSync(join(data, "0/0"))) await new Promise((resolve) => setImmediate(resolve));
    child.kill("SIGKILL");
    await ended;
    assert.ok(readdirSync(data).length < 60, "it was not killed in the middle");
    const logger = createLogger("silent");
    const ownState = openState(join(ownRoot, "state.db"), logger);
    const restarted = createVolumes({ root: ownRoot, state: ownState, events: createEvents(), logger });
    await restarted.copyUp("volume", [layer], "/data");
    await restarted.close();
    ownState.close();
    assert.equal(execFileSync("diff", ["-r", join(layer, "data"), data], { encoding: "utf8" }), "");
  });

  test("stays one that was cut off when the engine ends in the middle, also in a volume that others have", async () => {
    const layer = join(root, "big");
    const logger = createLogger("silent");
    const ending = createVolumes({ root, state, events: createEvents(), logger });
    const path = ending.directoryOf(ending.create({ Name: "ended" }));
    const copying = ending.copyUp("ended", [layer], "/data", { isShared: () => true });
    while (!existsSync(join(path, "0/0"))) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([assert.rejects(copying), ending.close()]);
    assert.ok(readdirSync(path).length < 60, "it was not ended in the middle");
    const restarted = createVolumes({ root, state, events: createEvents(), logger });
    assert.equal(restarted.wasCutOff("ended"), true);
    await restarted.close();
  });

  test("is made once when two containers ask at the same time", async () => {
    const { name, path } = newVolume();
    await Promise.all([
      volumes.copyUp(name, [upper, lower], "/srv/data"),
      volumes.copyUp(name, [lower], "/srv/data/sub"),
    ]);
    assert.equal(readFileSync(join(path, "added"), "utf8"), "top");
    assert.ok(!readdirSync(path).includes("same"));
  });

  test("keeps its volume from being removed while it goes on: the container that it is for may be given up meanwhile", async () => {
    const { name } = newVolume();
    const copying = volumes.copyUp(name, [lower], "/srv/data");
    await assert.rejects(volumes.remove(name, { force: false, usedBy: [] }), {
      message: /volume is being copied$/,
    });
    await copying;
    await volumes.remove(name, { force: false, usedBy: [] });
  });

  test("leaves no mount behind", () => {
    assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(upper));
  });
});
