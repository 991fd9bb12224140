import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, test } from "node:test";
import { serve, type TestServer } from "../client/server.ts";
import { home, runBerth, startBerth } from "./berth.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

for (const words of [
  ["save", "busybox"],
  ["export", "web"],
  ["volume", "export", "data"],
]) {
  test(`the file of ${words.join(" ")} is its owner's alone, also one that was open to others`, async () => {
    server = await serve((_request, response) => response.writeHead(200).end("content"));
    const folder = mkdtempSync(path.join(home, "owner-"));
    const file = path.join(folder, "file.tar");
    for (const mode of [undefined, 0o644]) {
      if (mode !== undefined) writeFileSync(file, "old", { mode });
      const { code, stderr } = await runBerth(server.host, [...words, "-o", file]);
      assert.equal(code, 0, stderr);
      assert.equal(readFileSync(file, "utf8"), "content");
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(folder), ["file.tar"]);
    }
  });
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal} leaves no part of a file`, async () => {
    server = await serve((_request, response) => void response.writeHead(200).write("the first half"));
    const folder = mkdtempSync(path.join(home, "part-"));
    const watcher = watch(folder);
    const child = startBerth(server.host, ["save", "-o", path.join(folder, "file.tar"), "busybox"]);
    const ended = once(child, "exit");
    await once(watcher, "change");
    watcher.close();
    assert.match(readdirSync(folder).join(), /^\.file\.tar\..*\.part$/);
    child.kill(signal);
    assert.deepEqual(await ended, [code, null]);
    assert.deepEqual(readdirSync(folder), []);
  });
}

for (const verb of ["create", "run"]) {
  test(`a ${verb} that a signal ends leaves no file for the id`, async () => {
    const asked = Promise.withResolvers<void>();
    server = await serve((request, response) => {
      if (request.url?.includes("/containers/create")) asked.resolve();
      else response.writeHead(200).end();
    });
    const folder = mkdtempSync(path.join(home, "id-"));
    const child = startBerth(server.host, [verb, "--cidfile", path.join(folder, "id"), "busybox"]);
    const ended = once(child, "exit");
    await asked.promise;
    assert.deepEqual(readdirSync(folder), ["id"]);
    child.kill("SIGINT");
    assert.deepEqual(await ended, [130, null]);
    assert.deepEqual(readdirSync(folder), []);
  });
}
