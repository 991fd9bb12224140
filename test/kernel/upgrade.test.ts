import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Client, createClient } from "../../src/client/client.ts";
import { oldestProtocol, protocolVersion } from "../../src/supervisor-protocol/protocol.ts";
import { eventually, supervisorOf, useEngine } from "../engine.ts";
import { converse, readNumbers } from "./crowd.ts";

const root = join(import.meta.dirname, "../..");

/** Changes text in a file, where it must be found. */
function edit(path: string, pattern: RegExp, replacement: string): void {
  const text = readFileSync(path, "utf8");
  assert.match(text, pattern);
  writeFileSync(path, text.replace(pattern, replacement));
}

interface BuildOptions {
  /** What its supervisor says its number is, and its daemon wants. */
  protocol: number;
  /** Whether its supervisor says besides what it can do. */
  tellsMethods: boolean;
}

/** A copy of the build in `folder`, made into one of another version: with the methods and options of that. */
function makeBuild(folder: string, { protocol, tellsMethods }: BuildOptions): string {
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const supervisor = join(folder, "dist/supervisor/main.js");
  for (const path of [supervisor, join(folder, "dist/daemon/main.js")]) {
    edit(path, /^var protocolVersion = \d+;$/m, `var protocolVersion = ${protocol};`);
    edit(path, /^var oldestProtocol = \d+;$/m, `var oldestProtocol = ${protocol};`);
  }
  if (!tellsMethods) {
    edit(supervisor, /(const welcome = \{ ok: .*), methods \};/, "$1 };");
    // Nor does it tell an error's kind.
    edit(supervisor, /error: encodeError\(error\)/, "error: { message: messageOf(error) }");
  }
  if (protocol < 2) edit(supervisor, /^ +abort: \(.*\) => .*$/m, "");
  if (protocol < 3) edit(supervisor, /^ +if \(client\) await .*whenAttached\(.*$/m, "");
  return join(folder, "dist");
}

describe("an upgrade of the daemon under running containers", () => {
  const { engine, berth } = useEngine(/the supervisor was lost/);
  const folders: string[] = [];
  let client: Client;
  before(async () => {
    client = await createClient({ host: engine.host });
  });
  after(() => folders.forEach((folder) => void rmSync(folder, { recursive: true })));

  const makeFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), "upgrade-"));
    folders.push(folder);
    return folder;
  };

  /** Ends daemon and supervisor; nothing may run. */
  function endAll(): void {
    process.kill(engine.pid(), "SIGKILL");
    process.kill(supervisorOf(engine), "SIGKILL");
  }

  const counting = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done";

  async function startSome(): Promise<void> {
    await berth("run", "-d", "--name", "counter", "-p", "127.0.0.1:0:80", "busybox", "sh", "-c", counting);
    await berth("run", "-d", "-t", "-i", "--name", "terminal", "busybox", "sh");
    await berth("run", "-d", "-i", "--name", "reader", "busybox", "cat");
  }

  const pidsOf = () =>
    berth("inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "counter", "terminal", "reader");

  // The first and the last that told their number alone, and a released version's, to try the real thing.
  const given = process.env.BERTH_PREVIOUS_DIST;
  const earlier: [string, () => string][] = [
    ["that tells its number alone, 1", () => makeBuild(makeFolder(), { protocol: 1, tellsMethods: false })],
    ["that tells its number alone, 3", () => makeBuild(makeFolder(), { protocol: 3, tellsMethods: false })],
    ...(given ? [["of BERTH_PREVIOUS_DIST", () => given] satisfies [string, () => string]] : []),
  ];

  for (const [which, build] of earlier) {
    it(`goes on with a supervisor ${which}`, async () => {
      const old = build();
      endAll();
      await engine.restart("SIGKILL", join(old, "daemon/main.js"));
      const supervisor = supervisorOf(engine);
      await startSome();
      const pids = await pidsOf();
      await engine.restart("SIGTERM");
      assert.equal(supervisorOf(engine), supervisor, "the old one is still in place");
      assert.equal(await pidsOf(), pids);
      assert.equal(await berth("exec", "counter", "echo", "in"), "in");
      await converse(client, "terminal", "echo seen$((1+1))\n", /seen2/);
      await converse(client, "reader", "to and fro\n", /to and fro/);
      await client.containers.resize("terminal", { rows: 11, columns: 77 });
      await converse(client, "terminal", "stty size\n", /11 77/);
      assert.equal(await berth("run", "--rm", "busybox", "echo", "new"), "new");
      const quiet = ["--log-driver", "none", "busybox", "echo", "quiet"];
      assert.equal(await berth("run", "--rm", ...quiet), "quiet");
      await berth("pause", "counter");
      await berth("unpause", "counter");
      const missing = await engine.berth(["run", "--rm", "busybox", "nosuch"]);
      assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
      const shared = makeFolder();
      execFileSync("mount", ["-t", "tmpfs", "shared", shared]);
      execFileSync("mount", ["--make-shared", shared]);
      const sharing = await engine.berth(["run", "--rm", "-v", `${shared}:/d:rshared`, "busybox", "true"]);
      execFileSync("umount", [shared]);
      assert.match(sharing.stderr, /shared mounts are not supported by the running supervisor/);
      await berth("stop", "-t", "0", "counter");
      assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "counter"), "137");
      const lines = await readNumbers(client, "counter");
      assert.deepEqual(
        lines,
        lines.map((_, n) => n + 1),
      );
      assert.deepEqual(await client.check(), []);

      process.kill(supervisor, "SIGKILL");
      await eventually(
        () => engine.berth(["exec", "terminal", "echo", "in"]),
        ({ code }) => code === 0,
      );
      await converse(client, "terminal", "echo seen$((1+1))\n", /seen2/);
      await converse(client, "reader", "to and fro\n", /to and fro/);
      await berth("rm", "-f", "counter", "terminal", "reader");
    });
  }

  it("is refused by a supervisor of too different a version, and touches nothing", async () => {
    const far = makeBuild(makeFolder(), { protocol: protocolVersion + 1000, tellsMethods: true });
    endAll();
    await engine.restart("SIGKILL", join(far, "daemon/main.js"));
    const supervisor = supervisorOf(engine);
    await startSome();
    const pids = await pidsOf();
    const publishing = ["-p", "127.0.0.1:0:80", "busybox", "httpd", "-f", "-h", "/etc"];
    await berth("run", "-d", "--name", "web", ...publishing);
    const port = (await berth("port", "web", "80")).split(":").at(-1);
    const ask = async () => (await fetch(`http://127.0.0.1:${port}/passwd`)).text();
    assert.match(await ask(), /root/);
    const refusal = new RegExp(
      `running supervisor uses protocol ${protocolVersion + 1000} but this engine supports ${oldestProtocol}-${protocolVersion}: ` +
        "stop all containers with the previous version first",
    );
    await assert.rejects(engine.restart("SIGTERM"), refusal);
    assert.match(await ask(), /root/);
    await engine.restart("SIGKILL", join(far, "daemon/main.js"));
    assert.equal(supervisorOf(engine), supervisor);
    assert.equal(await pidsOf(), pids);
    assert.match(await ask(), /root/);
    await converse(client, "reader", "to and fro\n", /to and fro/);
    await berth("rm", "-f", "counter", "terminal", "reader", "web");
  });
});
