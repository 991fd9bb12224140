import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, it } from "node:test";
import { isLong, sendElements, sendLong } from "../../src/api/send-json.ts";
import { eventually } from "../engine.ts";

async function serve(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    get: async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      return { length: answer.headers.get("content-length"), text: await answer.text() };
    },
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const thing = (number: number) => ({ Id: `é${number}`, Missing: undefined, Labels: { a: '"' }, Size: null });
const things = (count: number) => Array.from({ length: count }, (_, number) => thing(number));

async function* made(count: number) {
  yield [];
  for (const one of things(count)) yield [one];
  yield [];
}

describe("a long answer", () => {
  for (const [what, body] of [
    ["a list", things(5000)],
    [
      "lists in an object",
      { A: 1, Lost: undefined, Long: things(5000), Short: [], None: null, B: { c: [1] } },
    ],
    ["a list with holes", [...things(200), undefined, () => {}, null]],
  ] as const) {
    it(`is the JSON it would be in one go: ${what}`, async () => {
      assert.ok(isLong(body));
      using server = await serve((_, output) => void sendLong(output, body));
      const { text } = await server.get();
      assert.equal(text, `${JSON.stringify(body)}\n`);
    });
  }

  it("is none when it is short, or no list", () => {
    for (const body of [
      undefined,
      null,
      "text",
      1,
      things(100),
      {},
      { a: things(100) },
      { a: { b: things(1000) } },
    ])
      assert.equal(isLong(body), false);
  });

  it("may be made while it is sent, and a short one has its length", async () => {
    for (const count of [0, 1, 5000]) {
      using server = await serve((_, output) => void sendElements(output, made(count)));
      const { text, length } = await server.get();
      assert.equal(text, `${JSON.stringify(things(count))}\n`);
      assert.equal(length, count > 1 ? null : String(Buffer.byteLength(text)));
    }
  });

  it("may have members that are made while it is sent", async () => {
    const body = (members: (count: number) => unknown) => ({
      A: 1,
      Long: members(300),
      Short: members(1),
      B: null,
    });
    assert.ok(isLong(body(made)));
    using server = await serve((_, output) => void sendLong(output, body(made)));
    assert.equal((await server.get()).text, `${JSON.stringify(body(things))}\n`);
  });

  it("lets others have the thread", async () => {
    let turns = 0;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    let isOver = false;
    using server = await serve(async (_, output) => {
      setImmediate(count);
      await sendLong(output, things(100_000));
      isOver = true;
    });
    await server.get();
    assert.ok(turns > 5, `${turns} turns`);
  });

  it("waits for a client that does not read, and ends with it", async () => {
    let asked = 0;
    let isOver = false;
    async function* endless() {
      for (;;) yield [thing(asked++)];
    }
    using server = await serve(async (_, output) => {
      await sendElements(output, endless());
      isOver = true;
    });
    const socket = connect(server.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    socket.pause();
    let before = -1;
    await eventually(
      () => asked,
      (now) => {
        const isStill = now > 0 && now === before;
        before = now;
        return isStill;
      },
    );
    assert.equal(isOver, false);
    socket.destroy();
    await eventually(
      () => isOver,
      (over) => over,
    );
  });
});
