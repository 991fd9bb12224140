import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import type { ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { afterEach, before, describe, it } from "node:test";
import {
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
} from "../../src/buildkit/messages/control.ts";
import { packetType } from "../../src/buildkit/messages/filesync.ts";
import { returnRequest } from "../../src/buildkit/messages/gateway.ts";
import { empty } from "../../src/buildkit/messages/pb.ts";
import { type Method, writeFrame } from "../../src/buildkit/wire/server.ts";
import { newBuildId } from "../../src/client/build/session.ts";
import { messageOf } from "../../src/errors.ts";
import { eventually, useEngine } from "../engine.ts";
import {
  answerFin,
  attempt,
  bridge,
  control,
  dataOf,
  directoryMode,
  endOfList,
  fileSyncOf,
  fileSyncPath,
  fin,
  frameOf,
  openClient,
  openSession,
  type Script,
  type Stat,
  statOf,
} from "./hostile-client.ts";

const copyAll = "FROM busybox\nCOPY . /x\n";

describe("a hostile client of the builder", () => {
  const { engine } = useEngine();
  let idle = 0;

  /** Has the engine build with a client whose context comes by the script. @returns the error, "" for none */
  async function build(context: Script, dockerfile = copyAll, attributes: Record<string, string> = {}) {
    const client = await openClient(engine.host);
    const session = await openSession(engine.host, fileSyncOf(dockerfile, context));
    try {
      return await attempt(client, { sessionId: session.id, attributes });
    } finally {
      session.close();
      client.close();
    }
  }

  /** Sends all of it at once, and ends properly if it gets so far. */
  const say =
    (...packets: Buffer[]): Script =>
    (stream) => {
      stream.on("error", () => {});
      for (const one of packets) stream.write(one);
      answerFin(stream);
    };
  const good = say(statOf("a", { size: 1 }), endOfList, dataOf(0, "1"), dataOf(0));

  const countOpen = () => readdirSync(`/proc/${engine.pid()}/fd`).length;
  const filesOf = (folder: string) =>
    readdirSync(join(engine.root, "build", folder), { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    );

  before(async () => {
    assert.equal(await build(good), "");
    await eventually(
      () => filesOf("contexts").length,
      (count) => count === 0,
    );
    idle = countOpen();
  });
  afterEach(async () => {
    for (const folder of ["contexts", "folders"])
      await eventually(
        () => filesOf(folder).map(({ name }) => name),
        (names) => names.length === 0,
      );
    // The thread that copies, and what it has open, stay for the next job.
    await eventually(countOpen, (count) => count <= idle + 8);
    assert.equal(await build(good), "");
  });

  const entries: [string, Buffer[], RegExp][] = [
    ["..", [statOf("..", { mode: directoryMode })], /"\.\.": invalid path/],
    [".. in the middle", [statOf("a", { mode: directoryMode }), statOf("a/../b")], /invalid path/],
    ["an absolute path", [statOf("/etc/passwd")], /invalid path/],
    ["a doubled slash", [statOf("a", { mode: directoryMode }), statOf("a//b")], /invalid path/],
    ["a slash at the end", [statOf("a/", { mode: directoryMode })], /invalid path/],
    ["a dot", [statOf("./a")], /invalid path/],
    ["no name", [statOf("", { mode: directoryMode })], /invalid path/],
    ["a NUL", [statOf("a\0b")], /invalid path/],
    ["a long path", [statOf("a".repeat(5000))], /invalid path/],
    ["the wrong order", [statOf("b"), statOf("a")], /out of order/],
    ["a name twice", [statOf("a"), statOf("a")], /out of order/],
    ["no parent", [statOf("a/b")], /its directory did not come before/],
    ["a file as parent", [statOf("a"), statOf("a/b")], /its directory did not come before/],
    [
      "a symlink as parent",
      [statOf("a", { mode: 2 ** 27 + 0o777, linkname: "/etc" }), statOf("a/b")],
      /its directory did not come before/,
    ],
    [
      "an entry beside its parent",
      [statOf("a", { mode: directoryMode }), statOf("b"), statOf("a/c")],
      /its directory did not come before/,
    ],
    [
      "a hard link to nothing",
      [statOf("a", { linkname: "b" })],
      /hard link to a file that did not come before/,
    ],
    ["a hard link outside", [statOf("a", { linkname: "/etc/passwd" })], /hard link to a file/],
    ["a negative size", [statOf("a", { size: -1 })], /invalid size/],
    ["a NUL in a link's text", [statOf("a", { mode: 2 ** 27 + 0o777, linkname: "b\0c" })], /invalid link/],
    [
      "a link's text that is too long",
      [statOf("a", { mode: 2 ** 27, linkname: "b".repeat(5000) })],
      /invalid link/,
    ],
    [
      "many attributes",
      [
        statOf("a", {
          xattrs: new Map(Array.from({ length: 70 }, (_, n) => [`user.${n}`, Buffer.alloc(1)])),
        }),
      ],
      /too many extended attributes/,
    ],
    [
      "data that was not asked for",
      [endOfList, dataOf(7, "x")],
      /content of entry 7, which was not asked for/,
    ],
    [
      "data after a file's end",
      [statOf("a", { size: 1 }), statOf("b"), endOfList, dataOf(0, "1"), dataOf(0), dataOf(0, "2")],
      /content of entry 0, which was not asked for/,
    ],
    ["an entry after the list's end", [statOf("a"), endOfList, statOf("b")], /after the end of its list/],
    ["an early end", [statOf("a"), endOfList, fin], /ended the transfer before all had come/],
    ["an unknown packet", [frameOf({ type: 9 })], /unknown packet type 9/],
    ["an error", [frameOf({ type: packetType.error, data: Buffer.from("no!") })], /error from sender: no!/],
    ["a compressed frame", [Buffer.from([1, 0, 0, 0, 0])], /compressed messages are not supported/],
    [
      "an oversized frame",
      [Buffer.from([0, 0xff, 0xff, 0xff, 0xff])],
      /message of 4294967295 bytes is too large/,
    ],
    ["a message that is cut off", [Buffer.from([0, 0, 0, 0, 2, 0x12, 0x7f])], /invalid message/],
    ["a field of another type", [Buffer.from([0, 0, 0, 0, 2, 0x10, 1])], /a field is of another type/],
  ];
  for (const [name, packets, expected] of entries)
    it(`sends ${name}`, async () => assert.match(await build(say(...packets, endOfList)), expected));

  it("sends entries without end", async () => {
    const long = "n".repeat(3900);
    const message = await build(async (stream) => {
      stream.on("error", () => {});
      answerFin(stream);
      for (let number = 0; !stream.destroyed && !stream.writableEnded; number++) {
        const path = `${String(number).padStart(9, "0")}${long}`;
        await writeFrame(stream, statOf(path, { mode: directoryMode }));
      }
    });
    assert.match(message, /the build context's list is larger than/);
  });

  it("lies about sizes: what comes counts", async () => {
    const lie: Stat = { size: 2 ** 50 };
    const check = `FROM busybox\nCOPY . /x\nRUN test "$(cat /x/a)" = 12\n`;
    assert.equal(await build(say(statOf("a", lie), endOfList, dataOf(0, "12"), dataOf(0)), check), "");
  });

  it("sends a Dockerfile of endless size", async () => {
    const client = await openClient(engine.host);
    for (const packets of [
      [statOf("Dockerfile", { size: 2 ** 40 })],
      [statOf("Dockerfile"), ...Array.from({ length: 20 }, () => dataOf(0, "#".repeat(1 << 20)))],
    ]) {
      const method: Method = {
        async handle(stream) {
          say(...packets)(stream);
          await new Promise((resolve) => stream.once("close", resolve));
        },
      };
      const session = await openSession(engine.host, new Map([[fileSyncPath, method]]));
      assert.match(await attempt(client, { sessionId: session.id }), /too large/);
      session.close();
    }
    client.close();
  });

  it("breaks its session off in the middle of a file", async () => {
    const cut: Script = (stream) => {
      say(statOf("a", { size: 1 << 20 }), endOfList, dataOf(0, "x".repeat(1 << 20)))(stream);
      stream.on("data", () => stream.session?.destroy());
    };
    assert.match(await build(cut), /session|transfer|closed|Premature/i);
  });

  it("ends the call in the middle, with details that are none", async () => {
    const client = await openClient(engine.host);
    const method: Method = {
      async handle(stream: ServerHttp2Stream) {
        stream.removeAllListeners("wantTrailers");
        stream.once("wantTrailers", () =>
          stream.sendTrailers({
            "grpc-status": "2",
            "grpc-message": "%ff no",
            "grpc-status-details-bin": Buffer.from([0x1a, 0x7f, 1]).toString("base64"),
          }),
        );
      },
    };
    const session = await openSession(engine.host, new Map([[fileSyncPath, method]]));
    assert.match(await attempt(client, { sessionId: session.id }), /%ff no/);
    session.close();
    client.close();
  });

  it("makes errors of text that no header holds", async () => {
    const odd = 'FROM busybox\nCOPY ["\\ud800", "/"]\n';
    assert.match(await build(say(endOfList), odd), /not found/);
    const target = "t".repeat(2 << 20);
    assert.match(await build(say(endOfList), copyAll, { target }), /^target stage "t+/);
    const large = `${"# a line\n".repeat(20_000)}FROM busybox\nRUN exit 3\n`;
    assert.match(await build(good, large), /did not complete successfully: exit code: 3/);
  });

  it("opens a session twice", async () => {
    const first = await openSession(engine.host, new Map());
    await assert.rejects(openSession(engine.host, new Map(), first.id), /session ID already exists/);
    assert.equal(first.isClosed(), false);
    first.close();
  });

  it("has no session, or one that offers nothing", async () => {
    const client = await openClient(engine.host);
    assert.match(await attempt(client, { sessionId: newBuildId() }), /no active session for/);
    const session = await openSession(engine.host, new Map());
    assert.match(await attempt(client, { sessionId: session.id }), /is not supported by the client/);
    session.close();
    client.close();
  });

  it("asks for what is not there, and twice for the same", async () => {
    const client = await openClient(engine.host);
    const call = client.open(`${control}/Status`, statusRequest, statusResponse);
    await call.send({ ref: "unknown" });
    call.end();
    await assert.rejects(call.replies[Symbol.asyncIterator]().next(), /no such job unknown/);
    const ref = newBuildId();
    const solving = client.unary(`${control}/Solve`, solveRequest, solveResponse, { ref }).catch(messageOf);
    const again = client.unary(`${control}/Solve`, solveRequest, solveResponse, { ref });
    await assert.rejects(again, new RegExp(`job ID ${ref} exists`));
    const metadata = { "buildkit-controlapi-buildid": ref };
    const result = { ref: { id: "none" } };
    const returned = client.unary(`${bridge}/Return`, returnRequest, empty, { result }, metadata);
    await assert.rejects(returned, /no such ref none/);
    const details = [{ typeUrl: "a/b", value: Buffer.from("no JSON") }];
    const error = { code: 2, message: "mine", details };
    await client.unary(`${bridge}/Return`, returnRequest, empty, { error }, metadata);
    assert.equal(await solving, "mine");
    await assert.rejects(client.unary(`${control}/Nothing`, empty, empty, {}), /unknown method/);
    client.close();
  });

  it("never reads what it asks for", async () => {
    const client = await openClient(engine.host);
    const loud = `FROM busybox\nRUN for i in $(seq 200000); do echo "line $i of the output"; done\n`;
    const ref = newBuildId();
    const session = await openSession(engine.host, fileSyncOf(loud, good));
    const building = attempt(client, { sessionId: session.id, ref });
    const deaf = await openClient(engine.host);
    const call = deaf.open(`${control}/Status`, statusRequest, statusResponse);
    await call.send({ ref });
    assert.equal(await building, "");
    deaf.close();
    session.close();
    client.close();
  });
});
