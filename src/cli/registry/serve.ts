import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { openStorage, storageFlags } from "./storage-flags.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  description: "It runs in the foreground until SIGTERM or SIGINT. All it keeps is in its folder or bucket.",
  arity: [0, 0],
  flags: {
    ...storageFlags,
    listen: string("", "Address and port to listen on", "127.0.0.1:5000", "address"),
    debug: bool("D", "Log each request to standard error"),
  },
  async run({ cli, flags }) {
    const { createRegistry } = await import("../../registry/registry.ts");
    const storage = await openStorage(flags);
    const registry = createRegistry({ storage, logLevel: flags.debug ? "debug" : "info" });
    const { host, port } = parseAddress(flags.listen);
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${await registry.listen({ host, port })}`;
    cli.print(`Registry listening on ${url}, data in ${storage.description}`);
    await untilStopped();
    await registry.close(10);
    return 0;
  },
});

/** "5000", ":5000", "127.0.0.1:5000", "[::1]:5000". */
function parseAddress(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[?([^\]]*?)\]?:)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new Error(`invalid address "${text}": use ADDRESS:PORT`);
  return { host: host || "0.0.0.0", port: Number(port) };
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
