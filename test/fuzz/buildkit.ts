import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { createEntryCheck } from "../../src/build/context/check-entry.ts";
import { solveRequest, statusResponse } from "../../src/buildkit/messages/control.ts";
import { failedStepInput } from "../../src/buildkit/messages/failed-step.ts";
import { packet, packetType } from "../../src/buildkit/messages/filesync.ts";
import { bridgeSolveRequest, returnRequest } from "../../src/buildkit/messages/gateway.ts";
import type { GrpcClient } from "../../src/buildkit/wire/client.ts";
import { decodeFrames, encodeMessageFrame } from "../../src/buildkit/wire/frames.ts";
import { decodeTrailers } from "../../src/buildkit/wire/status.ts";
import { readDirectory } from "../../src/grpc/file-sync.ts";
import type { Random } from "../random.ts";
import { mutateBytes } from "./mutate.ts";
import type { Target } from "./target.ts";

/** BuildKit's messages, their frames, and directories as a client's session lists them. */
export const buildkit: Target = {
  name: "buildkit",
  smallCount: 4000,
  mostMilliseconds: 2000,
  open: () => ({
    attempt: (random) => (random.next() < 0.5 ? readMessages(random) : receiveDirectory(random)),
  }),
};

const text = new Map([["key", "value"]]);
const ref = { id: "one" };
const examples = [
  solveRequest.encode({ ref: "r", frontendAttrs: text, exporters: [{ type: "moby", attrs: text }] }),
  statusResponse.encode({
    vertexes: [{ digest: "d", inputs: ["a", "b"], started: { seconds: 1, nanos: 2 } }],
  }),
  bridgeSolveRequest.encode({ frontend: "dockerfile.v0", frontendOpt: text, evaluate: true }),
  returnRequest.encode({ result: { ref, refs: { refs: new Map([["p", { ...ref, def: undefined }]]) } } }),
  packet.encode({ type: packetType.data, id: 1, data: Buffer.from("data") }),
  failedStepInput.encode({ rows: 24, columns: 80, input: Buffer.from("ls") }),
];
const types = [solveRequest, statusResponse, bridgeSolveRequest, returnRequest, packet, failedStepInput];

async function readMessages(random: Random): Promise<void> {
  const messages = Array.from({ length: random.between(1, 4) }, () =>
    mutateBytes(random, random.pick(examples)),
  );
  const whole = Buffer.concat(messages.map(encodeMessageFrame));
  decodeTrailers({ "grpc-status": "2", "grpc-status-details-bin": messages[0]?.toString("base64") });
  const frames = decodeFrames(
    Readable.from(cut(random, random.next() < 0.5 ? whole : mutateBytes(random, whole))),
  );
  for await (const frame of frames) random.pick(types).decode(frame);
}

function cut(random: Random, bytes: Buffer): Buffer[] {
  const at = random.between(0, bytes.length);
  return [bytes.subarray(0, at), bytes.subarray(at)].filter(({ length }) => length > 0);
}

const names = [
  "a",
  "b",
  "..",
  ".",
  "",
  "a/b",
  "a/../b",
  "/a",
  "a\0",
  "ä",
  "a/b/c",
  "\ufffd",
  "n".repeat(300),
];
const modes = [0o644, 2 ** 31 + 0o755, 2 ** 27 + 0o777, 2 ** 25, 2 ** 26, 2 ** 24, 2 ** 32 - 1];

/** What a check lets through leads nowhere but down. */
async function receiveDirectory(random: Random): Promise<void> {
  const check = createEntryCheck();
  const seen = new Set<string>();
  const replies = Readable.from(packets(random).map((bytes) => packet.decode(bytes)));
  const call = { replies, send: async () => {}, end: () => undefined, cancel() {} };
  const client = { open: () => call } as unknown as GrpcClient;
  const visitor = {
    entry(entry: Parameters<typeof check>[0]) {
      check(entry);
      const { path, type, mtime } = entry;
      assert.ok(!seen.has(path), "a name came twice");
      const parent = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
      assert.ok(parent === "" ? !path.startsWith("/") : seen.has(parent), "it has no parent");
      assert.ok(!path.split("/").some((name) => name === "" || name === "." || name === ".."));
      assert.ok(mtime.nanoseconds >= 0 && mtime.nanoseconds < 1e9 && Number.isInteger(mtime.seconds));
      seen.add(path);
      return type === "file";
    },
    data: () => undefined,
    end: () => undefined,
  };
  await readDirectory(client, { name: "context" }, visitor, new AbortController().signal);
}

function packets(random: Random): Buffer[] {
  const stats = Array.from({ length: random.between(0, 5) }, () => {
    const linkname = random.next() < 0.2 ? random.pick(names) : "";
    const stat = {
      ...{ path: random.pick(names), mode: random.pick(modes), linkname },
      ...{
        size: random.pick([0, 1, -1, 2 ** 53]),
        modTime: random.pick([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]),
      },
    };
    return packet.encode({ type: packetType.stat, stat });
  });
  const rest = [
    packet.encode({ type: packetType.stat }),
    packet.encode({ type: packetType.data, id: random.between(0, 3), data: Buffer.from("x") }),
    packet.encode({ type: packetType.data, id: random.between(0, 3) }),
    packet.encode({ type: packetType.fin }),
  ];
  const all = [...stats, ...rest.filter(() => random.next() < 0.8)];
  return random.next() < 0.7 ? all : all.map((bytes) => mutateBytes(random, bytes));
}
