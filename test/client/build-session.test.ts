import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bytesMessage } from "../../src/buildkit/messages/control.ts";
import { packet, packetType } from "../../src/buildkit/messages/filesync.ts";
import { connectGrpc, type GrpcClient } from "../../src/buildkit/wire/client.ts";
import { openBuildSession, type SessionOffers } from "../../src/client/build/session.ts";
import type { ApiTransport } from "../../src/client/transport.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-session-"));
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

async function listen(onConnection: (socket: Socket) => void, path?: string): Promise<Server> {
  const server = createServer(onConnection);
  servers.push(server);
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  return server;
}

/** Has `use` ask a client as a builder does. */
async function asBuilder(
  offers: Partial<SessionOffers>,
  use: (builder: GrpcClient) => Promise<void>,
): Promise<void> {
  const taken = Promise.withResolvers<Socket>();
  const server = await listen(taken.resolve);
  const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
  const transport = { hijack: async () => ({ socket }) } as unknown as ApiTransport;
  const session = await openBuildSession(transport, {
    ...{ directories: new Map(), agents: new Map(), sharedKey: "" },
    ...{ findSecret: async () => undefined, findCredentials: async () => undefined },
    ...offers,
  });
  const builder = connectGrpc(await taken.promise);
  try {
    await use(builder);
  } finally {
    builder.close();
    session.close();
  }
}

const forward = (builder: GrpcClient) =>
  builder.open("/moby.sshforward.v1.SSH/ForwardAgent", bytesMessage, bytesMessage, {
    "buildkit.ssh.id": "default",
  });

test("an agent that is not there any more fails what asks it, and not the client", () =>
  asBuilder({ agents: new Map([["default", join(folder, "stale.sock")]]) }, async (builder) => {
    const call = forward(builder);
    await assert.rejects(async () => {
      for await (const _ of call.replies);
    }, /failed to connect to the SSH agent: .*ENOENT/);
  }));

test("an agent answers, and may hang up while it is asked", async () => {
  const path = join(folder, "agent.sock");
  await listen((socket) => socket.on("data", (data) => socket.end(data)).on("error", () => {}), path);
  await asBuilder({ agents: new Map([["default", path]]) }, async (builder) => {
    const call = forward(builder);
    await call.send({ data: Buffer.from("asked") });
    const answers: string[] = [];
    for await (const { data } of call.replies) answers.push(Buffer.from(data).toString());
    assert.deepEqual(answers, ["asked"]);
  });
});

test("paths come encoded as parts of a query are", () => {
  for (const name of ["é blank", "a+b"]) writeFileSync(join(folder, name), "");
  return asBuilder({ directories: new Map([["context", folder]]) }, async (builder) => {
    const call = builder.open("/moby.filesync.v1.FileSync/DiffCopy", packet, packet, {
      ...{ "dir-name": "context", followpaths: "%C3%A9+blank, a%2Bb", "followpaths-encoded": "1" },
    });
    const names: string[] = [];
    for await (const { type, stat } of call.replies) {
      if (type === packetType.stat && stat?.path) names.push(stat.path);
      else if (type === packetType.stat) await call.send({ type: packetType.fin });
    }
    assert.deepEqual(names, ["a+b", "é blank"]);
  });
});

/** Asks for one file of a directory. @returns what comes of it, once its end has come */
async function fetchFile(builder: GrpcClient, name: string): Promise<string> {
  const call = builder.open("/moby.filesync.v1.FileSync/DiffCopy", packet, packet, {
    ...{ "dir-name": "context", followpaths: name },
  });
  const parts: Uint8Array[] = [];
  for await (const { type, stat, data } of call.replies) {
    if (type === packetType.stat && stat?.path === name) {
      rmSync(join(folder, "gone"), { force: true });
      await call.send({ type: packetType.request, id: 0 });
    } else if (type === packetType.data && data.length === 0) await call.send({ type: packetType.fin });
    else if (type === packetType.data) parts.push(data);
  }
  return Buffer.concat(parts).toString();
}

test("a file that cannot be read to its end fails the transfer", () =>
  // It can be opened; the page at its beginning is never there.
  asBuilder({ directories: new Map([["context", "/proc/self"]]) }, (builder) =>
    assert.rejects(fetchFile(builder, "mem"), /mem cannot be read: EIO/),
  ));

test("a file that is gone before it is opened comes as an empty one", () => {
  writeFileSync(join(folder, "gone"), "content");
  return asBuilder({ directories: new Map([["context", folder]]) }, async (builder) => {
    assert.equal(await fetchFile(builder, "gone"), "");
  });
});
