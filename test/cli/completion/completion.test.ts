import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { json, serve, type TestServer } from "../../client/server.ts";

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "berth-completion-"));
const planted = path.join(folder, "planted");
let server: TestServer;

const answers: Record<string, unknown> = {
  "/containers/json": [
    { Names: ["/web", "/other/alias"] },
    { Names: ["/worker"] },
    { Names: ["/w$(id>planted)"] },
    { Names: ["/w\u001b[2J", "/w\nx"] },
  ],
  "/images/json": [{ RepoTags: ["busybox:latest", "busybox:1.36", "localhost:5000/team/app:1"] }, {}],
  "/networks": [{ Name: "bridge" }, { Name: "backend" }],
  "/volumes": { Volumes: [{ Name: "data" }] },
};

before(async () => {
  server = await serve((request, response) => {
    const [place = ""] = (request.url ?? "").replace(/^\/v[0-9.]+/, "").split("?");
    json(response, place in answers ? 200 : 404, answers[place] ?? { message: "none" });
  });
  writeFileSync(path.join(folder, "berth"), `#!/bin/sh\nexec '${process.execPath}' -- '${main}' "$@"\n`);
  chmodSync(path.join(folder, "berth"), 0o755);
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function run(
  program: string,
  args: string[],
  host = server.host,
): Promise<{ code: number | null; lines: string[] }> {
  const env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, BERTH_HOST: host };
  const child = spawn(program, args, { env, cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) =>
    child.on("close", (code) => resolve({ code, lines: text.split("\n").filter(Boolean) })),
  );
}
const complete = async (...words: string[]) => (await run("berth", ["__complete", "--", ...words])).lines;

test("commands, those of a group, and flags come from the tables", async () => {
  assert.deepEqual(await complete("im"), ["image", "images", "import"]);
  assert.deepEqual(await complete("network", "c"), ["connect", "create"]);
  assert.deepEqual(await complete("run", "--na"), ["--name"]);
  assert.deepEqual(await complete("--tlsc"), ["--tlscacert", "--tlscert"]);
  assert.deepEqual(await complete("__com"), []);
  assert.deepEqual(await complete("nosuch", ""), []);
});

test("names come from the engine, as the usage line and the flags say", async () => {
  assert.deepEqual(await complete("rm", "-f", "web", "wo"), ["worker"]);
  assert.deepEqual(await complete("run", "-it", "--name", "x", "busybox:1"), ["busybox:1.36"]);
  assert.deepEqual(await complete("run", "--network", "b"), ["backend", "bridge"]);
  assert.deepEqual(await complete("run", "--name", "b"), []);
  assert.deepEqual(await complete("run", "busybox", "b"), []);
  assert.deepEqual(await complete("network", "connect", "backend", "web"), ["web"]);
  assert.deepEqual(await complete("volume", "rm", ""), ["data"]);
  assert.deepEqual(await complete("-H", "unix:///nowhere", "volume", "rm", ""), []);
});

test("an engine that does not answer is no error, and names that would steer a terminal are left out", async () => {
  assert.deepEqual(await run("berth", ["__complete", "--", "rm", ""], "unix:///nowhere"), {
    code: 0,
    lines: [],
  });
  assert.deepEqual(await complete("rm", "w"), ["web", "worker", "w$(id>planted)"].sort());
});

const bash = (line: string) => {
  const script = `source <(berth completion bash); COMP_LINE=$1; COMP_POINT=\${#1}; _berth; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run("bash", ["-c", script, "bash", line]);
};

test("bash completes with it, across colons, and runs nothing that a name says", async () => {
  assert.deepEqual((await bash("berth volume rm ")).lines, ["data"]);
  assert.deepEqual((await bash("berth run busybox:")).lines, ["1.36", "latest"]);
  assert.deepEqual((await bash("berth run localhost:5000/")).lines, ["5000/team/app:1"]);
  assert.equal((await bash("berth rm w")).lines.length, 3);
  assert.equal((await run("ls", [planted])).code, 2);
});

test("a shell that there is no script for is refused", async () => {
  assert.equal((await run("berth", ["completion", "constructor"])).code, 1);
});
