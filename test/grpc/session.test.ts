import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import type { ClientSession } from "../../src/build/client-session.ts";
import { credentialsRequest, credentialsResponse } from "../../src/buildkit/messages/filesync.ts";
import { connectGrpc } from "../../src/buildkit/wire/client.ts";
import { serveGrpc, unary } from "../../src/buildkit/wire/server.ts";
import { createClientSession } from "../../src/grpc/session.ts";

const credentials = "/moby.filesync.v1.Auth/Credentials";

/** The session of a client that has these logins, by the names of hosts that it knows. */
async function withLogins(
  logins: Record<string, { username?: string; secret?: string }>,
  use: (session: ClientSession) => Promise<void>,
): Promise<void> {
  const answer = unary(credentialsRequest, credentialsResponse, ({ host }) => logins[host] ?? {});
  const server = createServer((socket) => serveGrpc(socket, new Map([[credentials, answer]])));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connectGrpc(connect((server.address() as { port: number }).port, "127.0.0.1"));
  const methods = new Set([credentials.toLowerCase()]);
  try {
    await use(createClientSession({ id: "s", sharedKey: "", methods }, client));
  } finally {
    client.close();
    server.close();
  }
}

test("a client is asked for Docker Hub's login by the name that stock clients know", () =>
  withLogins({ "registry-1.docker.io": { username: "anna", secret: "s3cret" } }, async (session) => {
    assert.deepEqual(await session.findCredentials("docker.io"), { username: "anna", password: "s3cret" });
    assert.equal(await session.findCredentials("registry.example"), undefined);
  }));

test("a secret without a user is an identity token", () =>
  withLogins({ "registry.example:5000": { secret: "token" } }, async (session) =>
    assert.deepEqual(await session.findCredentials("registry.example:5000"), { identityToken: "token" }),
  ));
