import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { afterEach, test } from "node:test";
import { promisify } from "node:util";
import { json, serve, type TestServer } from "../client/server.ts";
import { stockDockers } from "../stock-docker.ts";
import { runBerth } from "./berth.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

test("wait prints the code of a container, also where something else went wrong as well", async () => {
  server = await serve(({ url = "" }, response) => {
    if (!url.includes("/wait")) return json(response, 200, {});
    json(response, 200, { StatusCode: 137, Error: { Message: "it could not be removed" } });
  });
  const { host } = server;
  const { code, stdout, stderr } = await runBerth(host, ["wait", "one"]);
  assert.deepEqual([code, stdout, stderr], [0, "137\n", ""]);
  for (const docker of stockDockers) {
    const theirs = await promisify(execFile)(docker, ["-H", host, "wait", "one"]);
    assert.deepEqual([theirs.stdout, theirs.stderr], [stdout, stderr], docker);
  }
});
