import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { eventually } from "../engine.ts";
import { makeBlob, pushBlob, startRegistry, type TestRegistry } from "./fixtures.ts";
import { startServer } from "./server.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry({ idleSeconds: 1 });
});
after(() => registry.close());

/** A request with its path as it is, which fetch would tidy up. */
function raw(method: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const [host, port] = registry.host.split(":");
    const call = request({ host, port, method, path }, async (answer) => {
      let body = "";
      for await (const chunk of answer) body += chunk;
      resolve({ status: answer.statusCode ?? 0, body });
    });
    call.on("error", reject).end();
  });
}

async function open(head: string): Promise<Socket> {
  const [host = "", port] = registry.host.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(head.replaceAll("\n", "\r\n"));
  return socket;
}

it("names that are none are refused, and lead nowhere", async () => {
  const { digest } = makeBlob();
  for (const name of [
    "Capital",
    "..",
    "a/../b",
    "a//b",
    "%2e%2e/%2e%2e/etc",
    "..%2f..%2fetc",
    "a%00b",
    "a%0ab",
    "-a",
    "a-",
    "_manifests",
    "a/_layers",
    "a".repeat(256),
  ]) {
    for (const [method, path] of [
      ["GET", `blobs/${digest}`],
      ["GET", "manifests/v1"],
      ["PUT", "manifests/v1"],
      ["POST", "blobs/uploads/"],
      ["GET", "tags/list"],
    ] as const) {
      const { status, body } = await raw(method, `/v2/${name}/${path}`);
      assert.equal(status, 400, `${method} ${name} ${path}: ${body}`);
      assert.match(body, /"NAME_INVALID"/);
    }
  }
  const { body } = await raw("GET", "/v2/a%zz/tags/list");
  assert.match(body, /"NAME_INVALID"/);
});

it("digests and ids that are none are refused, and lead nowhere", async () => {
  for (const digest of ["sha256:0", "md5:00", "..", "%2e%2e%2f%2e%2e", `sha256:${"G".repeat(64)}`]) {
    const { status } = await raw("GET", `/v2/app/blobs/${digest}`);
    assert.equal(status, 400, digest);
  }
  for (const id of ["..", "%2e%2e%2f..", "x", "00000000-0000-0000-0000-000000000000"]) {
    const { status } = await raw("GET", `/v2/app/blobs/uploads/${id}`);
    assert.equal(status, 404, id);
  }
  assert.equal((await raw("PUT", "/v2/app/blobs/uploads/x")).status, 400, "no digest");
  assert.equal((await raw("GET", "/v2/app/manifests/%2e%2e%2f")).status, 404);
  assert.equal((await raw("GET", "/elsewhere")).status, 404);
  assert.equal((await raw("POST", "/v2/app/tags/list")).status, 405);
});

it("a client that stops sending is let go, and what it has sent stays", async () => {
  const begun = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: "POST" });
  const path = begun.headers.get("location") ?? "";
  const socket = await open(`PATCH ${path} HTTP/1.1\nHost: x\nContent-Length: 1000\n\n0123456789`);
  await once(socket, "close");
  const range = async () => (await fetch(registry.url + path)).headers.get("range");
  await eventually(range, (text) => text === "0-9");
});

it("who goes on sending an upload that has been completed does not get into the blob", async () => {
  // The registry writes a megabyte or more at a time. With less than three, what comes after the second waits for the end.
  const content = randomBytes((3 << 20) - 1);
  const begun = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: "POST" });
  const path = begun.headers.get("location") ?? "";
  const socket = await open(`PATCH ${path} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n`);
  const send = (part: Buffer) => {
    socket.write(`${part.length.toString(16)}\r\n`);
    socket.write(part);
    return new Promise<void>((resolve) => socket.write("\r\n", () => resolve()));
  };
  await send(content);
  const stored = async () => Number((await fetch(registry.url + path)).headers.get("range")?.slice(2)) + 1;
  const size = await eventually(stored, (bytes) => bytes >= 2 << 20);
  const blob = makeBlob(content.subarray(0, size));
  const done = await fetch(`${registry.url}${path}?digest=${blob.digest}`, { method: "PUT" });
  assert.equal(done.status, 201, await done.text());
  await send(randomBytes(3 << 20));
  let isAnswered = false;
  socket.once("data", () => {
    isAnswered = true;
  });
  socket.write("0\r\n\r\n");
  // On a slow machine it may have been let go before, as one that has stopped sending.
  await eventually(() => isAnswered || socket.destroyed, Boolean);
  socket.destroy();
  const found = await fetch(`${registry.url}/v2/app/blobs/${blob.digest}`);
  assert.equal(makeBlob(Buffer.from(await found.arrayBuffer())).digest, blob.digest);
});

/** Whether the kernel has a connection in which both sides take part, as the side with `port` sees it. */
function isEstablished(port: number, remotePort: number): boolean {
  const toHex = (number: number) => number.toString(16).toUpperCase().padStart(4, "0");
  const connection = new RegExp(`:${toHex(port)} [0-9A-F]{8}:${toHex(remotePort)} 01 `);
  return connection.test(readFileSync("/proc/net/tcp", "latin1"));
}

it("a client that stops reading is let go", async () => {
  const blob = makeBlob(Buffer.alloc(32 << 20));
  await pushBlob(registry.url, "app", blob);
  const socket = await open(`GET /v2/app/blobs/${blob.digest} HTTP/1.1\nHost: x\n\n`);
  let received = 0;
  socket.pause();
  await eventually(
    () => isEstablished(Number(registry.host.split(":")[1]), socket.localPort ?? 0),
    (established) => !established,
  );
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  const closed = once(socket, "close");
  socket.resume();
  await closed;
  assert.ok(received < blob.content.length, "the rest was not kept for it");
});

it("a manifest that does not end, and bytes that nobody asked for, are not read to the end", async () => {
  for (const path of ["/v2/app/manifests/v1", "/v2/CAPITAL/blobs/uploads/"]) {
    const method = path.includes("manifests") ? "PUT" : "POST";
    const socket = await open(`${method} ${path} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n`);
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    let sent = 0;
    let isClosed = false;
    const closed = new Promise<void>((resolve) =>
      socket.once("close", () => {
        isClosed = true;
        resolve();
      }),
    );
    while (!isClosed && sent < 256 << 20) {
      sent += chunk.length;
      if (socket.write(chunk)) continue;
      await Promise.race([new Promise<void>((resolve) => socket.once("drain", resolve)), closed]);
    }
    assert.ok(isClosed, "still reading");
    assert.match(answer, /^HTTP\/1.1 4\d\d /);
  }
});

it("a big push and pull do not grow the server", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const server = await startServer(["--root", root]);
  try {
    const peak = () =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) >> 10;
    const url = `http://${server.host}/v2/big/blobs/uploads/`;
    const before = peak();
    const begun = await fetch(url, { method: "POST" });
    const location = `http://${server.host}${begun.headers.get("location")}`;
    const piece = Buffer.alloc(1 << 20, 7);
    const pieces = async function* () {
      for (let count = 0; count < 300; count++) yield piece;
    };
    const sent = await fetch(location, { method: "PATCH", body: pieces(), duplex: "half" } as RequestInit);
    assert.equal(sent.status, 202);
    const { digest } = makeBlob(Buffer.alloc(300 << 20, 7));
    assert.equal((await fetch(`${location}?digest=${digest}`, { method: "PUT" })).status, 201);
    const found = await fetch(`http://${server.host}/v2/big/blobs/${digest}`);
    let bytes = 0;
    for await (const part of found.body ?? []) bytes += part.length;
    assert.equal(bytes, 300 << 20);
    // What has gone by waits for the collector, up to 85 MiB of it; a server that keeps the blob grows by 300.
    assert.ok(peak() - before < 150, `${before} MiB before, ${peak()} MiB at the peak`);
  } finally {
    await server.end("SIGKILL");
    rmSync(root, { recursive: true });
  }
});
