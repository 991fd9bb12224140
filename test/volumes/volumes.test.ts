import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createEvents, type EngineEvent } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type State } from "../../src/state/state.ts";
import {
  createVolumes,
  type MountInput,
  type ResolvedMount,
  type Volumes,
} from "../../src/volumes/volumes.ts";
import { eventually } from "../engine.ts";

const nothing: MountInput = {
  user: "",
  volumePaths: [],
  volumesFrom: [],
  binds: [],
  mounts: [],
  tmpfs: {},
  volumeDriver: "",
  leavesBelow: false,
};

/** As for a container that is made at once. */
async function settle(volumes: Volumes, input: MountInput): Promise<ResolvedMount[]> {
  const { mounts, volumes: held } = await volumes.resolveMounts(input);
  held.free();
  return mounts;
}

describe("volumes", () => {
  let root: string;
  let state: State;
  let volumes: Volumes;
  const log: EngineEvent[] = [];

  function open(): Volumes {
    const events = createEvents();
    events.subscribe((event) => void log.push(event));
    return createVolumes({ root, state, events, logger: createLogger("silent") });
  }
  before(() => {
    root = mkdtempSync(join(tmpdir(), "berth-volumes-"));
    state = openState(join(root, "state.db"), createLogger("silent"));
    volumes = open();
  });
  after(async () => {
    await volumes.close();
    state.close();
    rmSync(root, { recursive: true });
  });

  test("a limited one that cannot be made touches no directory that has its name", async () => {
    mkdirSync(join(root, "volumes/foreign"), { recursive: true });
    writeFileSync(join(root, "volumes/foreign/file"), "kept");
    assert.throws(() => volumes.create({ Name: "foreign", DriverOpts: { size: "1m" } }));
    assert.equal(volumes.findVolume("foreign"), undefined);
    assert.equal(readFileSync(join(root, "volumes/foreign/file"), "utf8"), "kept");
    rmSync(join(root, "volumes/foreign"), { recursive: true });
  });

  test("a volume is known to be free once nothing holds it", async () => {
    const { name } = volumes.create({ Name: "error" });
    const copying = volumes.copyUp(name, [root], "/nothing-there");
    assert.equal(volumes.isHeld(name), true);
    const order: string[] = [];
    const free = volumes.whenFree(name).then(() => order.push("free"));
    await copying;
    await free;
    assert.deepEqual([volumes.isHeld(name), order], [false, ["free"]]);
    await volumes.whenFree(name);
    await volumes.remove(name, { force: false, usedBy: [] });
  });

  test("are made once by name, and kept over a restart", () => {
    log.length = 0;
    const record = volumes.create({ Name: "data", Labels: { a: "b" } });
    assert.equal(volumes.create({ Name: "data", Labels: { other: "" } }), record);
    assert.deepEqual(
      log.map(({ Action, Actor }) => [Action, Actor]),
      [["create", { ID: "data", Attributes: { driver: "local" } }]],
    );
    const { CreatedAt, ...rest } = volumes.inspect(record);
    assert.match(CreatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const Mountpoint = join(root, "volumes/data/_data");
    const expected = {
      Name: "data",
      Driver: "local",
      Mountpoint,
      Labels: { a: "b" },
      Scope: "local",
      Options: null,
    };
    assert.deepEqual(rest, expected);
    assert.ok(statSync(Mountpoint).isDirectory());
    assert.equal(statSync(join(root, "volumes")).mode & 0o777, 0o701);
    assert.deepEqual(open().getVolume("data"), record);
    assert.throws(() => volumes.getVolume("nope"), { kind: "notFound", message: "get nope: no such volume" });
  });

  test("show their files one by one, and no link or device leads out of them", async () => {
    const record = volumes.create({ Name: "looked" });
    const place = volumes.directoryOf(record);
    mkdirSync(join(place, "sub"));
    writeFileSync(join(place, "sub/file"), "content");
    symlinkSync("/sub", join(place, "inner"));
    symlinkSync("../../../../../../etc/passwd", join(place, "outer"));
    symlinkSync("loop", join(place, "loop"));
    execFileSync("mkfifo", [join(place, "pipe")]);
    const { Path, Entries, More } = await volumes.listFiles("looked", "/");
    assert.deepEqual([Path, More], ["/", 0]);
    assert.deepEqual(
      Entries.map(({ Name, Kind }) => `${Name} ${Kind}`),
      ["inner link", "loop link", "outer link", "pipe fifo", "sub directory"],
    );
    assert.deepEqual((await volumes.listFiles("looked", "/inner")).Entries[0]?.Size, 7);
    const read = async (path: string) => (await volumes.readFile("looked", path)).toArray();
    assert.equal(Buffer.concat(await read("inner/file")).toString(), "content");
    for (const [path, kind] of [
      ["outer", "notFound"],
      ["/none", "notFound"],
      ["loop", "invalid"],
      ["pipe", "invalid"],
      ["sub", "invalid"],
      ["sub/file/x", "invalid"],
    ] as const)
      await assert.rejects(read(path), { kind }, path);
    await assert.rejects(volumes.listFiles("looked", "sub/file"), { kind: "invalid" });
    await assert.rejects(volumes.listFiles("absent", "/"), { kind: "notFound" });
    await volumes.remove("looked", { force: false, usedBy: [] });
  });

  test("without a name are 64 digits long and marked as anonymous", () => {
    const record = volumes.create({});
    assert.match(record.name, /^[0-9a-f]{64}$/);
    assert.deepEqual(record.labels, { "com.docker.volume.anonymous": "" });
  });

  test("that make no sense are refused and leave nothing", () => {
    const before = readdirSync(join(root, "volumes"));
    const wrong: [object, object][] = [
      [{ Name: "../x" }, { kind: "invalid", message: /includes invalid characters for a local volume name/ }],
      [{ Name: "a" }, { kind: "invalid" }],
      [
        { Name: "vol", Driver: "nope" },
        { kind: "notFound", message: /plugin "nope" not found/ },
      ],
      [
        { Name: "vol", DriverOpts: { what: "x" } },
        { kind: "invalid", message: 'create vol: invalid option: "what"' },
      ],
      [
        { Name: "vol", DriverOpts: { type: "tmpfs" } },
        { message: 'create vol: missing required option: "device"' },
      ],
      [
        { Name: "vol", DriverOpts: { device: "tmpfs" } },
        { message: 'create vol: missing required option: "type"' },
      ],
      [
        { Name: "vol", DriverOpts: { size: "foo" } },
        { kind: "invalid", message: "create vol: invalid size: 'foo'" },
      ],
      [{ Name: "vol", DriverOpts: { type: "none", device: "rel", o: "bind" } }, { kind: "invalid" }],
    ];
    for (const [body, error] of wrong) assert.throws(() => volumes.create(body), error, JSON.stringify(body));
    assert.deepEqual(readdirSync(join(root, "volumes")), before);
  });

  test("in use stay, others go with their content and nothing outside it", async () => {
    const outside = join(root, "outside");
    writeFileSync(outside, "");
    const { name } = volumes.create({ Name: "going" });
    symlinkSync(outside, join(root, "volumes/going/_data/link"));
    await assert.rejects(volumes.remove(name, { force: true, usedBy: ["c1", "c2"] }), {
      kind: "conflict",
      message: "remove going: volume is in use - [c1, c2]",
    });
    await volumes.remove(name, { force: false, usedBy: [] });
    assert.ok(existsSync(outside));
    assert.ok(!existsSync(join(root, "volumes/going")));
    assert.equal(open().findVolume("going"), undefined);
    await volumes.remove(name, { force: true, usedBy: [] });
    await assert.rejects(volumes.remove(name, { force: false, usedBy: [] }), { kind: "notFound" });
  });

  test("whose removal was cut off are cleared away at the next start", async () => {
    mkdirSync(join(root, "volumes/.removed-0011/_data"), { recursive: true });
    writeFileSync(join(root, "volumes/.removed-0011/_data/file"), "");
    open();
    await eventually(
      () => existsSync(join(root, "volumes/.removed-0011")),
      (exists) => !exists,
    );
    assert.ok(existsSync(join(root, "volumes/data")));
  });

  const isListed = (source: string) => readFileSync("/proc/self/mountinfo", "utf8").includes(` ${source} `);

  test("of type tmpfs are mounted as long as someone uses them", async () => {
    const Options = { type: "tmpfs", device: "tmpfs", o: "size=1m,noexec,mode=0700" };
    const fast = {
      Type: "volume",
      Source: "fast",
      Target: "/fast",
      VolumeOptions: { DriverConfig: { Options } },
    };
    const mounts = await settle(volumes, { ...nothing, mounts: [fast] });
    const source = mounts[0]?.source ?? "";
    assert.ok(!isListed(source));
    for (const user of ["one", "one", "two"]) await volumes.prepareSources(mounts, user);
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    assert.match(lines.filter((line) => line.includes(source)).join(), /^[^,]*,noexec.*size=1024k,mode=700$/);
    assert.deepEqual(volumes.mountedDirectories(), [source]);
    await volumes.copyUp("fast", ["/"], "/etc");
    assert.deepEqual(readdirSync(source), []);
    await volumes.release(mounts, "one");
    assert.ok(isListed(source));
    await Promise.all([volumes.release(mounts, "two"), volumes.prepareSources(mounts, "three")]);
    assert.ok(isListed(source));
    await volumes.release(mounts, "three");
    assert.ok(!isListed(source));
    await volumes.remove("fast", { force: false, usedBy: [] });
  });

  test("of a bind are its device while they are mounted, which no removal touches", async () => {
    const device = join(root, "device");
    mkdirSync(device);
    writeFileSync(join(device, "file"), "");
    volumes.create({ Name: "bound", DriverOpts: { type: "none", o: "bind,ro", device } });
    const mounts = await settle(volumes, { ...nothing, binds: ["bound:/x"] });
    const source = mounts[0]?.source ?? "";
    assert.equal(source, join(root, "volumes/bound/_data"));
    await volumes.prepareSources(mounts, "one");
    assert.deepEqual(readdirSync(source), ["file"]);
    assert.throws(() => writeFileSync(join(source, "new"), ""), { code: "EROFS" });
    await volumes.remove("bound", { force: false, usedBy: [] });
    assert.ok(existsSync(join(device, "file")));
    assert.ok(!existsSync(join(root, "volumes/bound")));
  });

  test("that an earlier daemon mounted are unmounted when no container runs with them", async () => {
    const DriverOpts = { type: "tmpfs", device: "tmpfs" };
    for (const Name of ["kept", "left"]) volumes.create({ Name, DriverOpts });
    const mounts = await settle(volumes, { ...nothing, binds: ["kept:/k", "left:/l"] });
    await volumes.prepareSources(mounts, "one");
    const next = open();
    next.adopt(mounts.slice(0, 1), "one");
    await next.unmountUnused();
    assert.deepEqual(
      mounts.map(({ source }) => isListed(source)),
      [true, false],
    );
    await next.release(mounts, "one");
    assert.ok(!isListed(mounts[0]?.source ?? ""));
    await next.close();
    await volumes.release(mounts, "one");
    for (const name of ["kept", "left"]) await volumes.remove(name, { force: false, usedBy: [] });
  });

  test("that cannot be mounted say why, without the password", async () => {
    const refuse = async (DriverOpts: Record<string, string>, message: RegExp) => {
      volumes.create({ Name: "bad", DriverOpts });
      const mounts = await settle(volumes, { ...nothing, binds: ["bad:/x"] });
      await assert.rejects(volumes.prepareSources(mounts, "one"), { kind: "internal", message });
      await volumes.remove("bad", { force: false, usedBy: [] });
    };
    const at = `${root}/volumes/bad/_data`;
    const prefix = `^error while mounting volume '${at}': failed to mount local volume: mount`;
    await refuse(
      { type: "none", o: "bind", device: "/nonexistent" },
      new RegExp(`${prefix} /nonexistent:${at}, flags: 0x1000: no such file or directory$`),
    );
    await refuse(
      { type: "nosuchfs", o: "password=secret,user=x", device: "/dev/x" },
      new RegExp(
        `${prefix} /dev/x:${at}, data: password=\\*{8},user=x: no such device: this kernel has no file system "nosuchfs"$`,
      ),
    );
    await refuse({ type: "none", device: "" }, /missing device in volume options$/);
    await refuse(
      { type: "nfs", o: "addr=nosuch.invalid", device: ":/x" },
      /error resolving passed in network volume address: lookup nosuch\.invalid: no such host$/,
    );
  });
});

describe("the mounts of a container", () => {
  let root: string;
  let state: State;
  let volumes: Volumes;
  before(() => {
    root = mkdtempSync(join(tmpdir(), "berth-mounts-"));
    const logger = createLogger("silent");
    state = openState(join(root, "state.db"), logger);
    volumes = createVolumes({ root, state, events: createEvents(), logger });
  });
  after(async () => {
    await volumes.close();
    state.close();
    rmSync(root, { recursive: true });
  });

  const resolve = (input: Partial<MountInput>) => settle(volumes, { ...nothing, ...input });

  test("keep volumes of other containers from the first moment on, and none that has gone", async () => {
    const [other] = await resolve({ binds: ["taken:/taken"] });
    assert.ok(other);
    const making = volumes.resolveMounts({ ...nothing, user: "new", volumesFrom: [other] });
    const remove = () => volumes.remove("taken", { force: true, usedBy: [] });
    await assert.rejects(remove(), /volume is in use - \[new\]/);
    (await making).volumes.free();
    await remove();
    await assert.rejects(resolve({ volumesFrom: [other] }), /get taken: no such volume/);
    assert.ok(!volumes.isHeld("taken"));
  });

  test("come in order of depth; later kinds win over volumes of the image and of other containers", async () => {
    const [other] = await resolve({ binds: ["shared:/a/b"] });
    assert.ok(other);
    const mounts = await resolve({
      volumePaths: ["/a/b", "/z", "/a", "/t"],
      volumesFrom: [other, { ...other, destination: "/from" }],
      binds: ["named:/a/b/c:ro", `${root}/host:/a/b`],
      mounts: [{ Type: "tmpfs", Target: "/m/n", TmpfsOptions: { SizeBytes: 1024, Mode: 0o1777 } }],
      tmpfs: { "/t/": "size=1m" },
    });
    const shown = mounts.map(({ type, destination, name }) => [destination, type, name ?? ""]);
    assert.deepEqual(
      shown.map(
        ([destination, type, name]) => `${destination} ${type} ${name?.length === 64 ? "anonymous" : name}`,
      ),
      [
        "/a volume anonymous",
        "/from volume shared",
        "/t tmpfs ",
        "/z volume anonymous",
        "/a/b bind ",
        "/m/n tmpfs ",
        "/a/b/c volume named",
      ],
    );
    const [, from, , , bind, tmpfs, named] = mounts;
    assert.equal(from?.copyUp, false);
    assert.deepEqual([bind?.propagation, bind?.mode, bind?.copyUp], ["rslave", "", false]);
    assert.deepEqual([tmpfs?.tmpfsOptions, tmpfs?.isListed], ["size=1024,mode=1777", true]);
    assert.deepEqual(
      [named?.readOnly, named?.mode, named?.isAnonymous, named?.copyUp],
      [true, "ro", false, true],
    );
    assert.equal(named?.source, join(root, "volumes/named/_data"));
    assert.deepEqual(
      mounts.map(({ isAnonymous }) => isAnonymous),
      [true, false, false, true, false, false, false],
    );
    assert.equal(mounts.find(({ destination }) => destination === "/t")?.isListed, false);
  });

  test("make missing sources of -v, at create and again at start, but not those of --mount", async () => {
    const source = join(root, "made/deep");
    const mounts = await resolve({ binds: [`${source}:/x`] });
    assert.ok(statSync(source).isDirectory());
    rmSync(join(root, "made"), { recursive: true });
    await volumes.prepareSources(mounts, "one");
    assert.ok(statSync(source).isDirectory());
    const missing = join(root, "missing");
    await assert.rejects(resolve({ mounts: [{ Type: "bind", Source: missing, Target: "/x" }] }), {
      kind: "invalid",
      message: `invalid mount config for type "bind": bind source path does not exist: ${missing}`,
    });
    const [made] = await resolve({
      mounts: [{ Type: "bind", Source: missing, Target: "/x", BindOptions: { CreateMountpoint: true } }],
    });
    assert.ok(made && existsSync(missing));
    writeFileSync(join(root, "file"), "");
    await resolve({ binds: [`${root}/file:/etc/file:ro`] });
    await assert.rejects(resolve({ binds: [`${root}/file/below:/x`] }), { kind: "invalid" });
  });

  test("that cannot be leave no volume behind, but those with names that were made by then", async () => {
    const before = volumes.list().length;
    const wrong: [Partial<MountInput>, RegExp][] = [
      [{ binds: ["new1:/x", "new2:/x"] }, /^Duplicate mount point: \/x$/],
      [{ binds: ["new1:/x"], mounts: [{ Type: "tmpfs", Target: "/x/" }] }, /^Duplicate mount point: \/x$/],
      [{ binds: ["new1:/x"], tmpfs: { "/x": "" } }, /^Duplicate mount point: \/x$/],
      [{ volumePaths: ["/x"], binds: ["./rel:/y"] }, /includes invalid characters for a local volume name/],
      [{ volumePaths: ["/x"], binds: [`${root}/file/y:/y`] }, /error while creating mount source path/],
      [
        {
          mounts: [
            { Type: "volume", Target: "/x" },
            { Type: "volume", Source: "a", Target: "/y" },
          ],
        },
        /too short/,
      ],
      [{ mounts: [{ Type: "bind", Source: "rel", Target: "/x" }] }, /'rel' mount path must be absolute/],
      [{ mounts: [{ Type: "bind", Target: "/x" }] }, /field Source must not be empty/],
      [{ mounts: [{ Type: "tmpfs", Source: "x", Target: "/x" }] }, /field Source must not be specified/],
      [{ mounts: [{ Type: "tmpfs", Target: "/x", BindOptions: {} }] }, /BindOptions must not be specified/],
      [{ mounts: [{ Type: "volume", Target: "" }] }, /field Target must not be empty/],
      [{ mounts: [{ Type: "npipe", Target: "/x" }] }, /mount type unknown/],
      [{ volumePaths: ["/"] }, /destination can't be '\/'/],
      [{ tmpfs: { rel: "" } }, /mount path must be absolute/],
    ];
    for (const [input, message] of wrong) await assert.rejects(resolve(input), { kind: "invalid", message });
    assert.equal(volumes.list().length, before);
    const folders = () => readdirSync(join(root, "volumes")).filter((name) => name.startsWith("new"));
    assert.deepEqual(folders(), []);
    await assert.rejects(resolve({ volumePaths: ["/z"], binds: ["new1:/x", `${root}/file/y:/y`] }));
    assert.deepEqual(folders(), ["new1"]);
    assert.equal(volumes.list().length, before + 1);
    await volumes.remove("new1", { force: false, usedBy: [] });
  });

  test("that are removed are gone also while the disk is full, and may be made again", async () => {
    let isFull = false;
    const records: State["records"] = (kind) => {
      const real = state.records(kind);
      return {
        ...real,
        delete(key) {
          if (isFull) throw new Error("database or disk is full");
          real.delete(key);
        },
      };
    };
    const place = join(root, "full");
    const own = createVolumes({
      ...{ root: place, state: { ...state, records }, events: createEvents() },
      logger: createLogger("silent"),
    });
    own.create({ Name: "kept" });
    const data = join(place, "volumes/kept/_data");
    writeFileSync(join(data, "file"), "content");
    isFull = true;
    await own.remove("kept", { force: false, usedBy: [] });
    assert.ok(!existsSync(data));
    own.create({ Name: "kept" });
    assert.deepEqual(readdirSync(data), []);
    isFull = false;
    await own.remove("kept", { force: false, usedBy: [] });
    await own.close();
  });
});
