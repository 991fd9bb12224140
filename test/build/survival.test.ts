import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, supervisorOf, useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

const program = fileURLToPath(new URL("../../berth", import.meta.url));

describe("a build whose daemon or supervisor is killed", () => {
  const { engine, berth } = useEngine(/supervisor/);
  const folder = mkdtempSync(join(tmpdir(), "berth-build-survival-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  /** Begins a build, and waits until its command runs. */
  async function begin(mark: string) {
    const context = writeFiles(join(folder, mark), {
      Dockerfile: `FROM busybox\nRUN echo first > /first\nRUN --mount=type=cache,target=/c echo ${mark}; sleep 1000\n`,
    });
    const child = spawn(program, ["build", context], { env: { ...process.env, BERTH_HOST: engine.host } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
    await eventually(
      () => output,
      (text) => new RegExp(`\\d ${mark}`).test(text),
      300,
    );
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    return { ended, output: () => output };
  }

  /** Nothing of the step is left, and what was done before it is had again. */
  async function assertCleared() {
    await eventually(
      () => readdirSync(join(engine.execRoot, "bundles")),
      (bundles) => bundles.length === 0,
      300,
    );
    const check = await engine.berth(["system", "check"]);
    assert.equal(check.code, 0, check.stdout + check.stderr);
    assert.deepEqual(snapshotsWithoutRecord(), []);
    const context = writeFiles(join(folder, "again"), {
      Dockerfile: "FROM busybox\nRUN echo first > /first\nRUN cat /first > /second\n",
    });
    const again = await engine.berth(["build", "--progress", "plain", context]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /RUN echo first > \/first\n#\d+ CACHED/);
  }

  function snapshotsWithoutRecord(): string[] {
    const database = new DatabaseSync(join(engine.root, "berth.db"), { readOnly: true });
    try {
      const keys = (kind: string) =>
        database
          .prepare("SELECT key FROM records WHERE kind = ?")
          .all(kind)
          .map(({ key }) => String(key));
      const cached = new Set(keys("buildCache").map((id) => `snapshot/build-${id}`));
      return keys("imageHolds").filter((key) => key.startsWith("snapshot/build-") && !cached.has(key));
    } finally {
      database.close();
    }
  }

  it("ends with the daemon; the next one clears away what it left", async () => {
    const { ended } = await begin("daemon");
    await engine.restart("SIGKILL");
    assert.notEqual(await ended, 0);
    await assertCleared();
  });

  it("leaves nothing of a context that was coming when the daemon was killed", async () => {
    const context = writeFiles(join(folder, "archive"), {
      Dockerfile: "FROM busybox\nCOPY large /large\nRUN wc -c /large\n",
      large: "x".repeat(4_000_000),
    });
    const archive = spawnSync("tar", ["-c", "-C", context, "."], { maxBuffer: 1 << 24 }).stdout;
    const build = (body: Buffer | undefined) => {
      const socketPath = engine.host.replace("unix://", "");
      const sent = request({ socketPath, method: "POST", path: "/build?t=archived" });
      if (body) sent.end(body);
      else sent.write(archive.subarray(0, 3_000_000));
      return sent;
    };
    const files = () =>
      readdirSync(join(engine.root, "build/contexts"), { recursive: true, withFileTypes: true })
        .filter((one) => one.isFile())
        .map(({ name }) => name.split("-")[0]);
    const broken = build(undefined);
    // It fails where the daemon has not yet begun to answer.
    const gone = new Promise((resolve) => broken.on("error", () => {}).once("close", resolve));
    await eventually(files, (names) => names.includes("pack"), 300);
    await engine.restart("SIGKILL");
    await gone;
    assert.deepEqual(new Set(files()), new Set(["pack"]));
    const whole = build(archive);
    const [answer] = (await once(whole, "response")) as [IncomingMessage];
    assert.match(await text(answer), /4000000 \/large[\s\S]*Successfully tagged archived:latest/);
    // What came whole is kept for the next one.
    await eventually(files, (names) => names.toSorted().join() === "pack,pack,tree", 300);
    assert.equal((await engine.berth(["system", "check"])).code, 0);
  });

  it("ends with a daemon that has to end", async () => {
    const { ended } = await begin("stopped");
    await engine.restart("SIGTERM");
    assert.notEqual(await ended, 0);
    await assertCleared();
  });

  it("says that the supervisor was lost, and leaves nothing", async () => {
    const { ended, output } = await begin("supervisor");
    process.kill(supervisorOf(engine), "SIGKILL");
    assert.notEqual(await ended, 0);
    assert.match(output(), /the supervisor was lost while the command ran/);
    await assertCleared();
  });
});
