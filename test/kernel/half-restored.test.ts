import assert from "node:assert/strict";
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";

/** Needs the network before and after a wait, and gives up after half a minute at the earliest. */
const step = [
  "get() { printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' $1 | nc -w 2 $server 80 | grep -q ' 200 '; }",
  "get begun || exit 1",
  "for i in $(seq 150); do get over && exit; sleep 0.2; done",
  "exit 1",
].join("; ");

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

describe("a container that cannot be restored", () => {
  const { engine, berth } = useEngine();
  const failures = () =>
    readFileSync(join(engine.folder, "daemon.log"), "utf8").split(
      "could not be restored, and is tried again",
    );
  const steps = () =>
    globSync("/proc/[0-9]*/cmdline").filter((path) => readIfThere(path).endsWith(`${step}\0`)).length;
  const stateOf = (name: string) => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

  /** A step of a build runs while the container is tried again, and keeps its network. */
  async function build(server: string): Promise<void> {
    const context = join(engine.folder, "context");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), `FROM busybox\nARG server\nRUN ${step}\n`);
    const building = engine.berth(["build", "--build-arg", `server=${server}`, context]);
    await eventually(steps, (found) => found > 0);
    const before = failures().length;
    await eventually(
      () => failures().length,
      (now) => now > before,
    );
    await berth("exec", "running", "sh", "-c", "echo >/w/over");
    const { code, stderr } = await building;
    assert.equal(code, 0, stderr);
  }

  it("keeps neither the daemon from starting nor the others from being restored, and is tried again alone", async () => {
    const id = await berth("run", "-d", "--name", "broken", "busybox", "sleep", "1000");
    await berth("run", "-d", "--name", "ending", "busybox", "sleep", "1000");
    const serve = "mkdir /w; echo >/w/begun; exec httpd -f -h /w -p 80";
    await berth("run", "-d", "--name", "running", "busybox", "sh", "-c", serve);
    const server = await berth("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "running");
    const [pipe] = globSync(join(engine.execRoot, "**", id, "stdout"));
    assert.ok(pipe);
    const folder = dirname(pipe);
    const ending = Number(await berth("inspect", "-f", "{{.State.Pid}}", "ending"));
    process.kill(engine.pid(), "SIGKILL");
    process.kill(supervisorOf(engine), "SIGKILL");
    process.kill(ending, "SIGKILL");
    renameSync(folder, `${folder}-away`);
    await engine.restart("SIGKILL");
    assert.match(await stateOf("ending"), /^exited/);
    assert.equal(await berth("exec", "running", "echo", "works"), "works");
    assert.equal(await stateOf("broken"), "running 0");
    await build(server).finally(() => renameSync(`${folder}-away`, folder));
    const { body } = await eventually(
      () => engine.api("GET", "/berth/system/check"),
      ({ body }) => !body.includes(id.slice(0, 12)),
    );
    assert.deepEqual(JSON.parse(body), []);
    await berth("kill", "broken");
    await eventually(
      () => stateOf("broken"),
      (state) => state === "exited 137",
    );
    await berth("rm", "-f", "broken", "ending", "running");
  });
});
