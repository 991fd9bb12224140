import { connect } from "node:net";
import { pipeline } from "node:stream/promises";
import { parseHost } from "../../client/host.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run({ cli }) {
    const client = await cli.client();
    const endpoint = parseHost(client.host);
    const socket =
      endpoint.kind === "unix"
        ? connect({ path: endpoint.socketPath, allowHalfOpen: true })
        : connect({ host: endpoint.host, port: endpoint.port, allowHalfOpen: true });
    const sent = pipeline(cli.stdin, socket, { end: true }).catch(() => undefined);
    await pipeline(socket, cli.stdout, { end: false });
    await Promise.race([sent, new Promise((resolve) => setImmediate(resolve))]);
  },
});
