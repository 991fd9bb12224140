import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, it } from "node:test";
import { hexOf } from "../../src/formats/digest.ts";
import { eventually } from "../engine.ts";
import { makeLayout, skopeo, startRegistry, type TestRegistry } from "./fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-registry-"));
const root = join(folder, "data");
let ours: TestRegistry | undefined;
let theirs: ChildProcess | undefined;

/** Debian's docker-registry (distribution 2.8) on a folder. */
async function startTheirs(): Promise<string> {
  const config = join(folder, "config.yml");
  const storage = `storage: {filesystem: {rootdirectory: ${root}}, delete: {enabled: true}}`;
  writeFileSync(config, `version: 0.1\n${storage}\nhttp: {addr: "127.0.0.1:0"}\n`);
  const child = spawn("docker-registry", ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  theirs = child;
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const findHost = () => /listening on (127\.0\.0\.1:\d+)/.exec(said)?.[1];
  return (await eventually(findHost, (host) => host !== undefined)) ?? "";
}

afterEach(async () => {
  await ours?.close();
  ours = undefined;
  if (!theirs) return;
  const gone = once(theirs, "exit");
  theirs.kill();
  await gone;
  theirs = undefined;
});
before(() => makeLayout(join(folder, "image"), [100_000, 2_000_000]));
after(() => rmSync(folder, { recursive: true }));

const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
const push = (host: string, name: string) =>
  skopeo("copy", "--dest-tls-verify=false", `oci:${folder}/image:made`, `docker://${host}/${name}`);

/** Pulls, and compares each byte with what was pushed. */
async function verify(host: string, name: string): Promise<void> {
  const back = mkdtempSync(join(folder, "back-"));
  await skopeo("copy", "--src-tls-verify=false", `docker://${host}/${name}`, `oci:${back}:made`);
  const index = JSON.parse(readFileSync(join(folder, "image/index.json"), "utf8"));
  const { digest } = index.manifests[0];
  const read = (layout: string, blob: string) => readFileSync(join(layout, "blobs/sha256", hexOf(blob)));
  assert.deepEqual(read(back, digest), read(join(folder, "image"), digest));
  for (const layer of JSON.parse(read(back, digest).toString()).layers) {
    assert.deepEqual(read(back, layer.digest), read(join(folder, "image"), layer.digest));
  }
}

it("an image goes from here to docker-registry and back and is the same", async () => {
  const host = await startTheirs();
  ours = await startRegistry();
  await push(ours.host, "a/first:1");
  await skopeo("copy", ...insecure, `docker://${ours.host}/a/first:1`, `docker://${host}/b/second:2`);
  await skopeo("copy", ...insecure, `docker://${host}/b/second:2`, `docker://${ours.host}/c/third:3`);
  await verify(ours.host, "c/third:3");
  const list = await (await fetch(`${ours.url}/v2/_catalog`)).json();
  assert.deepEqual(list, { repositories: ["a/first", "c/third"] });
});

it("the folder of docker-registry is served here, and what is pushed here is served there", async () => {
  const before = await startTheirs();
  await push(before, "team/theirs:v1");
  theirs?.kill();
  ours = await startRegistry({ root });
  await verify(ours.host, "team/theirs:v1");
  await push(ours.host, "team/ours:v1");
  await ours.close();
  ours = undefined;
  const host = await startTheirs();
  await verify(host, "team/ours:v1");
  await verify(host, "team/theirs:v1");
  const list = (await (await fetch(`http://${host}/v2/_catalog`)).json()) as { repositories: string[] };
  assert.deepEqual(
    list.repositories.filter((name) => name.startsWith("team/")),
    ["team/ours", "team/theirs"],
  );
});
