import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

describe("system check of the builder", () => {
  const { engine, berth } = useEngine();
  const { context, run } = useDocker(engine);
  const clients = new Set<ChildProcess>();
  after(() => {
    for (const client of clients) client.kill("SIGKILL");
  });
  before(() => berth("image", "make", "busybox"));
  const check = async (...flags: string[]) => {
    const { code, stdout } = await engine.berth(["system", "check", ...flags]);
    return { code, lines: stdout.trim().split("\n") };
  };
  const healthy = ["Records, processes, networks, mounts and files agree."];
  const place = (...names: string[]) => join(engine.root, "build", ...names);

  it("finds nothing while a build uses all that there is", async () => {
    const folder = context("busy", {
      Dockerfile: `FROM busybox AS other
RUN echo 1 > /file
FROM busybox
RUN --mount=type=cache,target=/c --mount=from=other,target=/o,rw --mount=target=/s \\
    --mount=type=secret,id=s,required=false touch /c/x /o/x && echo and ready; sleep 1000
`,
    });
    const archive = spawn("tar", ["-c", "-C", folder, "."], { stdio: ["ignore", "pipe", "ignore"] });
    const client = spawn(newestDocker, ["build", "--progress", "plain", "-"], {
      env: { ...process.env, DOCKER_HOST: engine.host },
    });
    clients.add(client);
    archive.stdout.pipe(client.stdin);
    let output = "";
    client.stderr.on("data", (text: string) => (output += text));
    const ended = new Promise((resolve) => client.once("exit", resolve));
    await eventually(
      () => output,
      (text) => /\d and ready/.test(text),
      300,
    );
    assert.deepEqual(await check(), { code: 0, lines: healthy });
    client.kill("SIGINT");
    await ended;
    const after = await eventually(check, ({ code }) => code === 0, 100);
    assert.deepEqual(after.lines, healthy);
  });

  const faults: { what: string; make: () => void; problem: RegExp }[] = [
    {
      what: "a cache mount's directory without a record",
      make: () => mkdirSync(place("mounts", "stray")),
      problem: /^cache mount stray: there is no record of it/,
    },
    {
      what: "a cache mount without its directory",
      make: () => {
        const [name = ""] = readdirSync(place("mounts")).filter((one) => one !== "stray");
        rmSync(place("mounts", name), { recursive: true });
      },
      problem: /^cache mount [a-z0-9]{25}: its directory is missing/,
    },
    {
      what: "a folder of no build",
      make: () => mkdirSync(place("folders", "stray", "tree"), { recursive: true }),
      problem: /^folder of a build stray: there is no record of it/,
    },
    {
      what: "contexts of another boot",
      make: () => mkdirSync(place("contexts", "stray")),
      problem: /^build contexts stray: there is no record of it/,
    },
    {
      what: "a file below what stands on nothing",
      make: () => {
        mkdirSync(place("empty"), { recursive: true });
        writeFileSync(place("empty", "file"), "");
      },
      problem: /^directory .*\/build\/empty: it is not empty/,
    },
  ];
  it(`finds and repairs: ${faults.map(({ what }) => what).join("; ")}`, async () => {
    for (const { make } of faults) make();
    const found = await check();
    assert.equal(found.code, 1);
    for (const { problem } of faults)
      assert.equal(found.lines.filter((line) => problem.test(line)).length, 1, found.lines.join("\n"));
    const repaired = await check("--repair");
    assert.equal(repaired.code, 0, repaired.lines.join("\n"));
    assert.equal(repaired.lines.filter((line) => line.endsWith("(repaired)")).length, faults.length);
    assert.equal((await check()).code, 0);
  });

  it("builds go on after it", async () => {
    const folder = context("after", {
      Dockerfile: "FROM busybox\nRUN --mount=type=cache,target=/c touch /c/x\n",
    });
    const built = await run("build", folder);
    assert.equal(built.code, 0, built.stderr);
  });
});
