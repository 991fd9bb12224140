import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { statDestination, statSource } from "../../src/cli/container/cp-local.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { serve, type TestServer } from "../client/server.ts";
import { runBerth } from "./berth.ts";

let root = "";
let server: TestServer | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-cp-"));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(root, { recursive: true });
});

const inside = (...names: string[]) => join(root, ...names);
const modeDevice = 2 ** 26;

const file = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1, nanoseconds: 0 } } as const;
const archive = Buffer.concat([
  encodeEntry({ ...file, name: "f", sizeBytes: 3 }),
  Buffer.from("new".padEnd(512, "\0")),
  archiveEnd,
]);

/** A daemon that has one file, whatever it is asked for, and takes every archive. */
const serveFile = (mode: number) =>
  serve((request, response) => {
    const stat = { name: "f", size: 3, mode, mtime: "2026-01-01T00:00:00Z", linkTarget: "" };
    response.setHeader("X-Docker-Container-Path-Stat", Buffer.from(JSON.stringify(stat)).toString("base64"));
    response.end(request.method === "GET" ? archive : "");
  });

test("a link is written through, also to what is not there yet", async () => {
  server = await serveFile(0o644);
  mkdirSync(inside("sub"));
  writeFileSync(inside("sub/there"), "old");
  symlinkSync("sub/there", inside("link"));
  symlinkSync(inside("link"), inside("again"));
  symlinkSync("sub/fresh", inside("early"));
  for (const [link, target] of [
    ["again", "sub/there"],
    ["early", "sub/fresh"],
  ] as const) {
    const { code, stderr } = await runBerth(server.host, ["cp", "c:/f", inside(link)]);
    assert.equal(code, 0, stderr);
    assert.ok(lstatSync(inside(link)).isSymbolicLink());
    assert.equal(readFileSync(inside(target), "utf8"), "new");
  }
});

test("a device is no place for a copy, here or in a container", async () => {
  server = await serveFile(modeDevice);
  const device = inside("null");
  execFileSync("mknod", [device, "c", "1", "3"]);
  symlinkSync("null", inside("link"));
  writeFileSync(inside("f"), "content");
  for (const place of [device, inside("link")]) {
    const { code, stderr } = await runBerth(server.host, ["cp", "c:/f", place]);
    assert.equal(
      stderr,
      `invalid output path: ${JSON.stringify(place)} must be a directory or a regular file: got a device\n`,
    );
    assert.equal(code, 1);
    assert.ok(lstatSync(device).isCharacterDevice());
  }
  const { code, stderr } = await runBerth(server.host, ["cp", inside("f"), "c:/dev/null"]);
  assert.equal(stderr, 'destination "c:/dev/null" must be a directory or a regular file: got a device\n');
  assert.equal(code, 1);
  assert.deepEqual(
    server.requests.filter(({ method }) => method === "PUT"),
    [],
  );
});

test("a place without a folder is refused, also behind a link", () => {
  symlinkSync("none/f", inside("link"));
  for (const place of ["none/f", "link"])
    assert.throws(() => statDestination(inside(place)), {
      message: `invalid output path: directory ${JSON.stringify(inside("none"))} does not exist`,
    });
  symlinkSync("loop", inside("loop"));
  assert.throws(() => statDestination(inside("loop")), { code: "ELOOP" });
});

test("the way behind a link is the kernel's", () => {
  mkdirSync(inside("deep/er"), { recursive: true });
  symlinkSync("deep/er", inside("short"));
  symlinkSync("../fresh", inside("deep/er/link"));
  const { path } = statDestination(inside("short/link"));
  writeFileSync(path, "content");
  assert.equal(readFileSync(inside("deep/fresh"), "utf8"), "content");
});

test("a link that is followed keeps its name", () => {
  mkdirSync(inside("real"));
  symlinkSync("real", inside("link"));
  for (const given of [inside("link"), `${inside("link")}/`])
    assert.deepEqual(statSource(given, true), { path: inside("real"), isFolder: true, name: "link" });
  assert.deepEqual(statSource(`${inside("link")}/.`, true), { path: `${inside("real")}/.`, isFolder: true });
  assert.deepEqual(statSource(inside("link"), false), {
    path: inside("link"),
    isFolder: false,
    name: "link",
  });
});

test("cp -L gives the copy the name of the link", async () => {
  server = await serve((request, response) => {
    const isLink = request.url?.endsWith("link");
    const [mode, linkTarget] = isLink ? [2 ** 27, "/f"] : [0o644, ""];
    const stat = { name: "f", size: 3, mode, mtime: "2026-01-01T00:00:00Z", linkTarget };
    response.setHeader("X-Docker-Container-Path-Stat", Buffer.from(JSON.stringify(stat)).toString("base64"));
    response.end(request.method === "GET" ? archive : "");
  });
  const { code, stderr } = await runBerth(server.host, ["cp", "-L", "c:/link", root]);
  assert.equal(code, 0, stderr);
  assert.equal(readFileSync(inside("link"), "utf8"), "new");
});
