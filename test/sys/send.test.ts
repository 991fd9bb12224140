import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { sendTo } from "../../src/sys/send.ts";
import { readStream } from "../images/fixtures.ts";

describe("sending to somebody who may leave", () => {
  /** What sending came to, how many pieces were asked for, and whether the source was closed. */
  async function answer(read: (response: IncomingMessage) => void, count: number, failure?: Error) {
    const asked = { pieces: 0, isClosed: false };
    const buffer = Buffer.alloc(256 * 1024);
    async function* source() {
      try {
        for (; asked.pieces < count; asked.pieces++) yield buffer.fill(asked.pieces);
        if (failure) throw failure;
      } finally {
        asked.isClosed = true;
      }
    }
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const call = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", agent: false }, read);
    call.on("error", () => {});
    try {
      const [, output] = (await once(server, "request")) as [IncomingMessage, ServerResponse];
      const taken = await sendTo(output, source()).finally(() => output.destroy());
      return { taken, ...asked };
    } finally {
      server.close();
    }
  }

  it("gives every byte, one buffer for all", async () => {
    const received = Promise.withResolvers<Buffer>();
    const sent = await answer((response) => received.resolve(readStream(response)), 20);
    assert.deepEqual(sent, { taken: true, pieces: 20, isClosed: true });
    const whole = await received.promise;
    assert.equal(whole.length, 20 * 256 * 1024);
    for (let n = 0; n < 20; n++) assert.equal(whole[n * 256 * 1024 + 1000], n);
  });

  for (const leave of ["destroy", "resetAndDestroy"] as const) {
    it(`ends without an error when they leave while a piece is on its way (${leave})`, async () => {
      const { taken, isClosed } = await answer((response) => {
        response.on("error", () => {});
        setTimeout(() => response.socket[leave](), 20);
      }, 10_000);
      assert.deepEqual({ taken, isClosed }, { taken: false, isClosed: true });
    });
  }

  it("says what the source fails with", async () => {
    const failure = new Error("the disk is gone");
    await assert.rejects(
      answer((response) => response.on("error", () => {}).resume(), 3, failure),
      failure,
    );
  });

  it("closes the source of one who was gone before", async () => {
    const output = new PassThrough();
    output.destroy();
    let isClosed = false;
    async function* source() {
      try {
        yield Buffer.from("x");
      } finally {
        isClosed = true;
      }
    }
    assert.equal(await sendTo(output, source()), false);
    assert.ok(isClosed);
  });
});
