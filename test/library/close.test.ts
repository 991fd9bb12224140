import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { linkSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";

const { createEngine } = await import(new URL("../../dist/library/library.js", import.meta.url).href);
const name = `bt${randomBytes(3).toString("hex")}`;
const folder = mkdtempSync(join(tmpdir(), `${name}-`));
after(() => rmSync(folder, { recursive: true }));

it("an engine whose socket cannot be opened is closed, and one that is closed takes upgraded connections with it", async () => {
  const execRoot = join(folder, "run");
  const config = {
    root: join(folder, "data"),
    execRoot,
    bridgeName: "none",
    tableName: name,
    logLevel: "error",
  };
  mkdirSync(join(execRoot, `embedded-${process.pid}-0.sock`), { recursive: true });
  await assert.rejects(createEngine(config), /EISDIR/);
  const engine = await createEngine(config);
  const { socket } = await engine.transport.hijack("/grpc", { headers: { Upgrade: "h2c" } });
  const closed = once(socket.resume(), "close");
  await engine.close({ stopContainers: true });
  await closed;
});

it("an engine that does not come up gives back its data root, and one that does takes over what is given to it later", async () => {
  const config = {
    root: join(folder, "refused"),
    execRoot: join(folder, "refused-run"),
    tableName: `${name}r`,
    logLevel: "error",
  };
  await assert.rejects(createEngine({ ...config, bridgeName: "lo" }), /lo/);
  const dns = { servers: ["192.0.2.1"], search: [], options: [] };
  const engine = await createEngine({ ...config, bridgeName: "none", dns });
  engine.reload({ labels: ["a=b"] });
  assert.deepEqual([engine.config.labels, engine.config.dns], [["a=b"], dns], "what is not given stays");
  await engine.close({ stopContainers: true });
});

it("an engine opens beside the socket of a killed process of the same number, and keeps its own socket to itself", async () => {
  const execRoot = join(folder, "again-run");
  const config = {
    root: join(folder, "again"),
    execRoot,
    bridgeName: "none",
    tableName: `${name}a`,
    logLevel: "error",
  };
  const nextSocket = () => join(execRoot, `embedded-${process.pid}-3.sock`);
  mkdirSync(execRoot);
  const killed = createServer();
  await new Promise<void>((resolve) => killed.listen(join(folder, "left.sock"), resolve));
  // A name that its end does not take away.
  linkSync(join(folder, "left.sock"), nextSocket());
  killed.close();
  const before = process.umask(0);
  const engine = await createEngine(config).finally(() => process.umask(before));
  try {
    assert.equal(statSync(nextSocket()).mode & 0o777, 0o600);
    const headers = { "X-Registry-Config": "a".repeat(100_000) };
    assert.equal((await engine.transport.head("/_ping", { headers })).statusCode, 200);
  } finally {
    await Promise.all([engine.close({ stopContainers: true }), engine.close()]);
  }
});
