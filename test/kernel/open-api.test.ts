import assert from "node:assert/strict";
import { request } from "node:http";
import { hostname } from "node:os";
import { it } from "node:test";
import { startEngine } from "../engine.ts";

it("an API on TCP without TLS is warned of, and closed to web pages of other sites", async () => {
  const engine = await startEngine(["-H", "tcp://127.0.0.1:0"]);
  const port = await engine.tcpPort();
  const ask = (headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const options = { host: "127.0.0.1", port, method: "POST", path: "/volumes/create" };
      const call = request({ ...options, headers: { "Content-Type": "application/json", ...headers } });
      call.on("response", (response) => resolve(response.resume().statusCode ?? 0)).on("error", reject);
      call.on("upgrade", (response, socket) => resolve(socket.destroy() && (response.statusCode ?? 0)));
      call.end('{"Name":"page"}');
    });
  assert.equal(await ask({ Origin: "http://example.com" }), 403);
  const rebound = { Host: "rebound.example.com", "Accept-Language": "en" };
  assert.equal(await ask(rebound), 403);
  assert.equal(await ask({ ...rebound, Connection: "Upgrade", Upgrade: "tcp" }), 403);
  assert.equal(
    await ask({ ...rebound, Host: `${hostname().split(".")[0]}.rebound.example.com:${port}` }),
    403,
  );
  assert.equal(await ask({ "Content-Type": "text/plain" }), 400);
  assert.equal(await engine.berth(["volume", "ls", "-q"]).then(({ stdout }) => stdout), "");
  assert.equal(await ask({}), 201);
  assert.equal(await ask({ Host: "alias.example.com" }), 201);
  const { stderr } = await engine.berth(["info"]);
  assert.match(
    stderr,
    new RegExp(`WARNING: API is accessible on http://127.0.0.1:${port} without encryption`),
  );
  await engine.berth(["volume", "rm", "page"]);
  await engine.stop();
});
