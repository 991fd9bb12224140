import assert from "node:assert/strict";
import { once } from "node:events";
import { fstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createFrameDecoder, encodeFrame, streams } from "../../src/formats/stdcopy.ts";
import { OutputQueue } from "../../src/supervisor/output-queue.ts";

const folder = mkdtempSync(join(tmpdir(), "queue-"));
const path = join(folder, "sock");
let accept: (socket: Socket) => void = () => {};
const server = createServer((socket) => accept(socket));
before(() => new Promise<void>((resolve) => server.listen(path, resolve)));
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function openPair(): Promise<{ near: Socket; far: Socket }> {
  const far = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  return { near: connect(path), far: await far };
}

it("gives a client that reads late everything, in order, through a file that has no name", async () => {
  const { near, far } = await openPair();
  const queue = new OutputQueue(far, folder, false);
  const sent: Buffer[] = [];
  for (let n = 0; n < 400; n++) {
    const chunk = Buffer.alloc(20_000, n % 251);
    sent.push(chunk);
    queue.push(chunk);
  }
  queue.end();
  assert.deepEqual(readdirSync(folder), ["sock"]);
  const received: Buffer[] = [];
  near.on("data", (chunk: Buffer) => received.push(chunk));
  await new Promise((resolve) => near.once("end", resolve));
  assert.ok(Buffer.concat(received).equals(Buffer.concat(sent)));
});

it("needs no more room on disk than what is yet to be read, however long that goes on", async () => {
  const { near, far } = await openPair();
  const queue = new OutputQueue(far, folder, false);
  const [behind, total] = [6 << 20, 64 << 20];
  let [pushed, received] = [0, 0];
  const sentAt = (position: number) => Math.floor(position / 65_536) % 251;
  while (pushed < total) {
    for (; pushed - received < behind; pushed += 65_536) queue.push(Buffer.alloc(65_536, sentAt(pushed)));
    const chunk: Buffer | null = near.read();
    if (!chunk) {
      await once(near, "readable");
      continue;
    }
    assert.equal(chunk[0], sentAt(received));
    received += chunk.length;
  }
  const { blocks } = fstatSync(findSpool());
  assert.ok(blocks * 512 < 16 << 20, `${blocks} blocks`);
  queue.end();
  near.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(near, "end");
  assert.equal(received, pushed);
});

/** The descriptor of the file that has no name. */
function findSpool(): number {
  const fds = readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(folder, "spool-"));
    } catch {
      return false;
    }
  });
  assert.equal(fds.length, 1);
  return Number(fds[0]);
}

it("forgets a client that has gone", async () => {
  const { near, far } = await openPair();
  far.on("error", () => {});
  const queue = new OutputQueue(far, folder, false);
  for (let n = 0; n < 200; n++) queue.push(Buffer.alloc(20_000));
  near.destroy();
  await new Promise((resolve) => far.once("close", resolve));
  queue.push(Buffer.alloc(10));
  queue.end();
  assert.equal(far.destroyed, true);
});

it("tells a client that fell too far behind after a whole frame, wherever it was in what it had yet to read", async () => {
  const { near, far } = await openPair();
  const queue = new OutputQueue(far, folder, true, 4 << 20);
  let pushed = 0;
  const push = () => queue.push(encodeFrame(streams.stdout, Buffer.alloc(20_000, pushed++ % 251)));
  for (let n = 0; n < 200; n++) push();
  const received: Buffer[] = [];
  near.on("data", (chunk: Buffer) => received.push(chunk));
  // Some of it is read, so that the rest begins somewhere in the file.
  while (Buffer.concat(received).length < 1_500_000) await setTimeout(1);
  near.pause();
  while (!far.writableEnded) push();
  near.resume();
  await new Promise((resolve) => near.once("end", resolve));
  let length = 0;
  const frames = createFrameDecoder((_, chunk) => {
    for (const byte of chunk) assert.equal(byte, Math.floor(length++ / 20_000) % 251);
  });
  assert.throws(
    () => frames.push(Buffer.concat(received)),
    /error from daemon in stream: attach: this client was disc/,
  );
  assert.equal(length % 20_000, 0);
});

it("tells a client whose output cannot be kept", async () => {
  const { near, far } = await openPair();
  const queue = new OutputQueue(far, join(folder, "none"), true);
  for (let n = 0; n < 100; n++) queue.push(encodeFrame(streams.stdout, Buffer.alloc(20_000)));
  const received: Buffer[] = [];
  near.on("data", (chunk: Buffer) => received.push(chunk));
  await new Promise((resolve) => near.once("end", resolve));
  const frames = createFrameDecoder(() => {});
  assert.throws(() => frames.push(Buffer.concat(received)), /its output could not be kept/);
});
