import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { solveRequest, solveResponse } from "../../src/buildkit/messages/control.ts";
import {
  bridgeSolveRequest,
  bridgeSolveResponse,
  returnRequest,
} from "../../src/buildkit/messages/gateway.ts";
import { empty } from "../../src/buildkit/messages/pb.ts";
import { type Method, serveGrpc, unary } from "../../src/buildkit/wire/server.ts";
import { code, GrpcError } from "../../src/buildkit/wire/status.ts";
import { requestBuild } from "../../src/client/build/build.ts";
import type { ApiTransport } from "../../src/client/transport.ts";

/** Has a builder of these methods build. */
async function build(methods: Record<string, Method>): Promise<unknown> {
  const served = new Map(
    Object.entries(methods).map(([name, method]) => [`/moby.buildkit.v1.${name}`, method]),
  );
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    // The first is the client's, the second its session.
    if (sockets.length === 1) serveGrpc(socket, served);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const hijack = async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return { socket };
  };
  try {
    return await requestBuild({ hijack } as unknown as ApiTransport, {
      attributes: new Map(),
      exporters: [],
      entitlements: ["security.insecure"],
      caches: { imports: [], exports: [], tags: new Map() },
      layouts: new Map(),
      offers: {
        ...{ directories: new Map(), agents: new Map(), sharedKey: "" },
        ...{ findSecret: async () => undefined, findCredentials: async () => undefined },
      },
      onStatus() {},
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const bridge = "frontend.LLBBridge";
const noJob = () => new GrpcError(code.notFound, "no such job");

test("a build that is refused at once says why, whatever is said of it afterwards", async () => {
  for (const isSilent of [false, true]) {
    const refused = Promise.withResolvers<void>();
    const outcome = build({
      "Control/Solve": unary(solveRequest, solveResponse, () => {
        refused.resolve();
        throw new GrpcError(code.unknown, "granting entitlement security.insecure is not allowed");
      }),
      [`${bridge}/Solve`]: unary(bridgeSolveRequest, bridgeSolveResponse, async () => {
        await refused.promise;
        if (isSilent) await new Promise(() => {});
        throw noJob();
      }),
      [`${bridge}/Return`]: unary(returnRequest, empty, () => {
        throw noJob();
      }),
    });
    await assert.rejects(outcome, { message: "granting entitlement security.insecure is not allowed" });
  }
});

test("what is wrong with the Dockerfile says more than the end of the build", async () => {
  const returned = Promise.withResolvers<void>();
  const outcome = build({
    "Control/Solve": unary(solveRequest, solveResponse, async () => {
      await returned.promise;
      throw new GrpcError(code.unknown, "no result");
    }),
    [`${bridge}/Solve`]: unary(bridgeSolveRequest, bridgeSolveResponse, () => {
      throw new GrpcError(code.unknown, "dockerfile parse error");
    }),
    [`${bridge}/Return`]: unary(returnRequest, empty, () => {
      returned.resolve();
      return {};
    }),
  });
  await assert.rejects(outcome, { message: "dockerfile parse error" });
});
