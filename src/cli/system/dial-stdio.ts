import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type HostAddress, parseHost } from "../../client/host.ts";
import { connectSsh } from "../../client/ssh.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run({ cli }) {
    const client = await cli.client();
    const endpoint = parseHost(client.host);
    const socket = open(endpoint);
    const sent = pipeline(cli.stdin, socket, { end: true }).catch(() => undefined);
    await pipeline(socket, cli.stdout, { end: false });
    await Promise.race([sent, new Promise((resolve) => setImmediate(resolve))]);
  },
});

function open(endpoint: HostAddress): Duplex {
  if (endpoint.kind === "ssh") return connectSsh(endpoint.address);
  const target =
    endpoint.kind === "unix" ? { path: endpoint.socketPath } : { host: endpoint.host, port: endpoint.port };
  return connect({ ...target, allowHalfOpen: true });
}
