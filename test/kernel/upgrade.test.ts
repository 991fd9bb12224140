import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Client, createClient } from "../../src/client/client.ts";
import { methodSince, oldestProtocol, protocolVersion } from "../../src/supervisor/protocol.ts";
import { eventually, supervisorOf, useEngine } from "../engine.ts";
import { converse, readNumbers } from "./crowd.ts";

const root = join(import.meta.dirname, "../..");

/** Changes text in a file, where it must be found. */
function edit(path: string, pattern: RegExp, replacement: string): void {
  const text = readFileSync(path, "utf8");
  assert.match(text, pattern);
  writeFileSync(path, text.replace(pattern, replacement));
}

/** A copy of the build in `folder` that speaks another version of the supervisor's protocol and knows none of the later methods. */
function makeBuild(folder: string, protocol: number): string {
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const program of ["daemon", "supervisor"]) {
    const path = join(folder, "dist", program, "main.js");
    edit(path, /^var protocolVersion = \d+;$/m, `var protocolVersion = ${protocol};`);
    edit(path, /^var oldestProtocol = \d+;$/m, `var oldestProtocol = ${protocol};`);
  }
  const later = Object.entries(methodSince).filter(([, since]) => since > protocol);
  for (const [method] of later)
    edit(join(folder, "dist/supervisor/main.js"), new RegExp(`^ +${method}: \\(.*\\) => .*$`, "m"), "");
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

  it(`goes on with a supervisor of protocol ${protocolVersion - 1}`, async () => {
    // Or with a build of a released version, to try the real thing.
    const old = process.env.BERTH_PREVIOUS_DIST ?? makeBuild(makeFolder(), protocolVersion - 1);
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
    await berth("pause", "counter");
    await berth("unpause", "counter");
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

  it("is refused by a supervisor of too different a version, and touches nothing", async () => {
    const far = makeBuild(makeFolder(), protocolVersion + 1000);
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
      `the running supervisor speaks protocol ${protocolVersion + 1000}, and this engine ${oldestProtocol} to ${protocolVersion}: ` +
        "stop all containers with the engine of before, then start this one",
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
