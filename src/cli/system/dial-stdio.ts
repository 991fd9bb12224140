import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { HostAddress } from "../../client/host.ts";
import { connectSsh } from "../../client/ssh.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run({ cli }) {
    const client = await cli.client();
    const socket = await open(client.transport.endpoint);
    const sent = pipeline(cli.stdin, socket, { end: true }).catch(() => undefined);
    await pipeline(socket, cli.stdout, { end: false });
    await Promise.race([sent, new Promise((resolve) => setImmediate(resolve))]);
  },
});

async function open(endpoint: HostAddress): Promise<Duplex> {
  if (endpoint.kind === "ssh") return connectSsh(endpoint.address);
  if (endpoint.kind === "tcp" && endpoint.tls !== undefined) {
    const { host, port, tls } = endpoint;
    const { connect: connectTls } = await import("node:tls");
    const options = { host, port, ...tls, rejectUnauthorized: tls.isVerified, allowHalfOpen: true };
    return connectTls(options);
  }
  const target =
    endpoint.kind === "unix" ? { path: endpoint.socketPath } : { host: endpoint.host, port: endpoint.port };
  return connect({ ...target, allowHalfOpen: true });
}
