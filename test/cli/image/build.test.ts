import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { solveRequest, solveResponse } from "../../../src/buildkit/messages/control.ts";
import { serveGrpc, unary } from "../../../src/buildkit/wire/server.ts";
import { GrpcError, code as status } from "../../../src/buildkit/wire/status.ts";
import { serve, type TestServer } from "../../client/server.ts";
import { home, runBerth, startBerth } from "../berth.ts";

let server: TestServer | undefined;
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(home, "build-"));
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** An engine that refuses each build, and says what was asked for. */
async function refuseBuilds() {
  const asked: ReadonlyMap<string, string>[] = [];
  const solve = unary(solveRequest, solveResponse, ({ frontendAttrs }) => {
    asked.push(frontendAttrs);
    throw new GrpcError(status.unknown, "not today");
  });
  server = await serve(
    (_request, response) => response.writeHead(404).end(),
    (request, socket) => {
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
      if (request.url?.endsWith("/grpc"))
        serveGrpc(socket, new Map([["/moby.buildkit.v1.Control/Solve", solve]]));
    },
  );
  return { asked, build: (...words: string[]) => runBerth(server?.host ?? "", ["build", ...words, folder]) };
}

test("a label without a value has an empty one; what has no name, or no place, is refused", async () => {
  const { asked, build } = await refuseBuilds();
  await build("--label", "bare", "--label", "a=b=c");
  assert.equal(asked[0]?.get("label:bare"), "");
  assert.equal(asked[0]?.get("label:a"), "b=c");
  for (const [words, message] of [
    [["--label", "=x"], 'invalid key-value pair "=x": empty key'],
    [["--build-arg", "=x"], 'invalid key-value pair "=x": empty key'],
    [["--build-context", "base"], "invalid context value: base, expected key=value"],
  ] as const) {
    const { code, stderr } = await build(...words);
    assert.deepEqual([code, stderr], [1, `${message}\n`]);
  }
  assert.equal(asked.length, 1);
});

test("the id of an earlier image does not outlive a build that fails, and what is no file stays", async () => {
  const { build } = await refuseBuilds();
  writeFileSync(join(folder, "id"), "sha256:old");
  writeFileSync(join(folder, "target"), "sha256:old");
  symlinkSync("target", join(folder, "link"));
  for (const name of ["id", "link"]) {
    const { code, stderr } = await build("--iidfile", join(folder, name));
    assert.match(stderr, /not today/);
    assert.equal(code, 1);
  }
  assert.deepEqual(readdirSync(folder).sort(), ["Dockerfile", "link"]);
  mkdirSync(join(folder, "id"));
  await build("--iidfile", join(folder, "id"));
  assert.ok(existsSync(join(folder, "id")));
});

test("a Dockerfile of the standard input leaves nothing, whatever is wrong", async () => {
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  server = await serve(
    (_request, response) => response.writeHead(404).end(),
    (_request, socket) => socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
  );
  for (const words of [[], ["--call", "nonsense"], ["--progress", "nonsense"], ["--secret", "nonsense"]]) {
    const { code } = await runBerth(server.host, ["build", "-f", "-", ...words, folder], {
      TMPDIR: temporary,
    });
    assert.equal(code, 1);
    assert.deepEqual(readdirSync(temporary), []);
  }
});

test("nor does it when a signal ends the build", async () => {
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const asked = Promise.withResolvers<void>();
  server = await serve(
    (_request, response) => response.writeHead(404).end(),
    () => asked.resolve(),
  );
  const child = startBerth(server.host, ["build", "-f", "-", folder], { TMPDIR: temporary });
  const ended = once(child, "exit");
  child.stdin.end("FROM scratch\n");
  await asked.promise;
  assert.equal(readdirSync(temporary).length, 1);
  child.kill("SIGINT");
  assert.deepEqual(await ended, [130, null]);
  assert.deepEqual(readdirSync(temporary), []);
});
