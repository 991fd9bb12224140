import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";

describe("system check", () => {
  const { engine, berth } = useEngine();
  const check = async (...flags: string[]) => {
    const { code, stdout } = await engine.berth(["system", "check", ...flags]);
    const lines = stdout.trim().split("\n");
    return { code, lines: lines.filter((line) => !line.startsWith("To repair ")) };
  };
  const table = () => (engine.execRoot.split("/").at(-2) ?? "").replace(/-.*/, "");

  it("finds nothing on a healthy engine with running, stopped and created containers", async () => {
    await berth("run", "-d", "--name", "web", "-p", "127.0.0.1:0:80", "busybox", "sleep", "1000");
    await berth("run", "--name", "done", "-v", "data:/data", "busybox", "true");
    await berth("create", "--name", "made", "busybox", "true");
    assert.deepEqual(await check(), {
      code: 0,
      lines: ["Records, processes, networks, mounts and files agree."],
    });
  });

  interface Fault {
    what: string;
    make(): void;
    problem: RegExp;
    /** Where the engine puts it right by itself at some time, this tells that it has. */
    isGone?(): boolean;
  }
  /** In one transaction: the engine puts right at once what is taken away. */
  const changeTable = () =>
    execFileSync("nft", ["-f", "-"], {
      input: [
        `flush map inet ${table()} published`,
        `add element inet ${table()} published_any { tcp . 9 : 10.0.0.9 . 9 }`,
        `flush set inet ${table()} bridges`,
        `insert rule inet ${table()} into_nat accept\n`,
      ].join("\n"),
    });
  const none = () => {};
  const faults: Fault[] = [
    {
      what: "published ports taken out of the table",
      make: changeTable,
      problem: /^published ports: .* is missing/,
    },
    {
      what: "a published port that belongs to nobody",
      make: none,
      problem: /^published ports: tcp \. 9 : .* belongs to no container/,
    },
    {
      what: "bridges taken out of the rules",
      make: none,
      problem: /^packet filter: set bridges is empty/,
    },
    {
      what: "a rule that lets everything in",
      make: none,
      problem: /^packet filter: chain into_nat has 1 rules that are not of this engine/,
    },
    {
      what: "a link on the bridge",
      make: () => {
        execFileSync("ip", [
          ..."link add".split(" "),
          `${table()}x`,
          ..."type veth peer name".split(" "),
          `${table()}y`,
        ]);
        execFileSync("ip", ["link", "set", `${table()}x`, "master", table()]);
      },
      problem: /^link bt.*x: it belongs to no running container/,
      isGone: () => !existsSync(`/sys/class/net/${table()}x`),
    },
    {
      what: "a layer folder",
      make: () => void mkdirSync(join(engine.root, "layers", "4711")),
      problem: /^layer folder 4711: there is no record of it/,
    },
    {
      what: "a blob",
      make: () => writeFileSync(join(engine.root, "blobs", "sha256", "0".repeat(64)), "stray"),
      problem: /^blob sha256:0{64}: no image needs it/,
    },
    {
      what: "a container's folder",
      make: () =>
        void mkdirSync(join(engine.root, "containers", "f".repeat(64), "upper"), { recursive: true }),
      problem: /^container folder .*: there is no record of it/,
    },
    {
      what: "a bundle",
      make: () => void mkdirSync(join(engine.execRoot, "bundles", "f".repeat(64))),
      problem: /bundles\/f{64}: no process has use for it/,
    },
    {
      what: "a cgroup",
      make: () => void mkdirSync(join(cgroupRoot(), table(), "f".repeat(64))),
      problem: /^cgroup .*: no running container is in it/,
    },
    {
      what: "a mount",
      make: () => {
        mkdirSync(join(engine.execRoot, "stray"));
        execFileSync("mount", ["-t", "tmpfs", "none", join(engine.execRoot, "stray")]);
      },
      problem: /^mount .*\/stray: nothing of it should be mounted here/,
    },
    {
      what: "a volume's directory that is missing",
      make: () => rmSync(join(engine.root, "volumes", "data"), { recursive: true }),
      problem: /^volume data: its directory .* is missing/,
    },
  ];
  const strayBridge: Fault = {
    what: "a bridge of a network that was removed",
    make: () => {
      execFileSync("ip", ["link", "add", `${table()}b`, "type", "bridge"]);
      execFileSync("ip", ["link", "set", `${table()}b`, "alias", `berth ${table()}`]);
    },
    problem: /^bridge bt.*b: its network no longer exists/,
    isGone: () => !existsSync(`/sys/class/net/${table()}b`),
  };

  async function repair(group: Fault[], found: Awaited<ReturnType<typeof check>>): Promise<void> {
    assert.equal(found.code, 1);
    const isFound = ({ problem }: Fault) => found.lines.some((line) => problem.test(line));
    // It looks at links and bridges whenever any program takes an address away, and other tests do.
    const unseen = group.filter((fault) => !isFound(fault) && !fault.isGone?.()).map(({ what }) => what);
    assert.deepEqual(unseen, [], found.lines.join("\n"));
    const strange = found.lines.filter((line) => !group.some(({ problem }) => problem.test(line)));
    assert.deepEqual(strange, []);
    const repaired = await check("--repair");
    assert.equal(repaired.code, 0, repaired.lines.join("\n"));
    const isRepaired = (line: string) => /\(repaired\)$/.test(line);
    const left = repaired.lines.filter((line) => !isRepaired(line) && !/^Records, .* agree\.$/.test(line));
    assert.deepEqual(left, []);
    const byItself = group.filter(({ isGone }) => isGone !== undefined);
    assert.ok(repaired.lines.filter(isRepaired).length >= found.lines.length - byItself.length);
    assert.equal((await check()).code, 0);
  }

  it("leaves a stray link to the engine's own sweep, which comes after a container has ended", async () => {
    faults.find(({ what }) => what === "a link on the bridge")?.make();
    await berth("run", "--rm", "busybox", "true");
    await eventually(
      async () => existsSync(`/sys/class/net/${table()}x`),
      (isThere) => !isThere,
    );
    assert.equal((await check()).code, 0);
  });

  it(`finds and repairs ${faults.map(({ what }) => what).join("; ")}`, async () => {
    for (const { make } of faults) make();
    await repair(faults, await check());
  });

  it(`finds and repairs ${strayBridge.what}, if the engine has not done so by itself`, async () => {
    strayBridge.make();
    const found = await check();
    if (found.code === 0) assert.ok(strayBridge.isGone?.());
    else await repair([strayBridge], found);
  });

  it("tells of a table of rules that was taken away until that is acknowledged, though the engine has put it right", async () => {
    const before = execFileSync("nft", ["list", "table", "inet", table()], { encoding: "utf8" });
    const list = () =>
      execFileSync("sh", ["-c", `nft list table inet ${table()} 2>&1 || :`], { encoding: "utf8" });
    for (const [verb, problem] of [
      ["delete", /^packet filter: table inet bt\w+ is missing: another program did it/],
      ["flush", /^packet filter: chain \w+ is empty: another program did it/],
    ] as const) {
      execFileSync("nft", [verb, "table", "inet", table()]);
      await eventually(list, (text) => text === before);
      const found = await check();
      assert.equal(found.code, 1);
      assert.match(found.lines[0] ?? "", problem);
      assert.equal((await check("--repair")).code, 0);
      assert.equal((await check()).code, 0);
    }
  });

  it("tells of what only a person can make right, and leaves it", async () => {
    const blobs = join(engine.root, "blobs", "sha256");
    const blob = join(blobs, readdirSync(blobs)[0] ?? "");
    renameSync(blob, `${engine.folder}/kept`);
    const found = await check("--repair");
    renameSync(`${engine.folder}/kept`, blob);
    assert.equal(found.code, 1);
    assert.match(
      found.lines[0] ?? "",
      /^image sha256:.*: blob .* not found; remove the image and load it again$/,
    );
    assert.equal((await check()).code, 0);
  });
});

const cgroupRoot = () => (existsSync("/sys/fs/cgroup/memory") ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup");
