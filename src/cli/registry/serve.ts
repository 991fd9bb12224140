import { readFileSync } from "node:fs";
import { parseDuration } from "../../formats/units.ts";
import type { CacheLimits } from "../../registry/mirror-cache.ts";
import type { Registry } from "../../registry/registry.ts";
import type { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { bool, bytes, type FlagValues, string } from "../flag.ts";
import { openStorage, storageFlags } from "./storage-flags.ts";

const flags = {
  ...storageFlags,
  listen: string("", "Address and port to listen on", "127.0.0.1:5000", "address"),
  auth: string("", "Require login; htpasswd file (bcrypt), reloaded on change", "", "file"),
  "allow-plain-http": bool(
    "",
    "Take passwords unencrypted from other machines, as behind a proxy that encrypts",
  ),
  "tls-cert": string("", "Certificate of the server, with its chain; re-read on SIGHUP", "", "file"),
  "tls-key": string("", "Key of the certificate", "", "file"),
  mirror: string("", "Mirror this registry: fetch from it what is missing, and keep it", "", "url"),
  "mirror-ttl": string(
    "",
    "Remove from a mirror what was not pulled for this long (0: remove nothing)",
    "168h",
    "duration",
  ),
  "mirror-max-size": bytes("", "Maximum cache size, least recently used removed first (0 = unlimited)"),
  debug: bool("D", "Log each request to standard error"),
};

export const command = defineCommand({
  usage: "[OPTIONS]",
  description: `It runs in the foreground until SIGTERM or SIGINT. All it keeps is in its folder or bucket.
A mirror gives $BERTH_MIRROR_USERNAME and $BERTH_MIRROR_PASSWORD to the registry it mirrors.`,
  arity: [0, 0],
  flags,
  async run({ cli, flags: given }) {
    const { createRegistry } = await import("../../registry/registry.ts");
    const tls = readTls(given);
    const { host, port } = parseAddress(given.listen);
    if (given.auth !== "" && !tls && !given["allow-plain-http"] && !isLoopback(host))
      throw plainPasswords(host);
    const storage = await openStorage(given, cli.env);
    const passwords = await openPasswords(given.auth);
    const upstream = await openMirrored(given.mirror, cli.env);
    const registry = createRegistry({
      storage,
      logLevel: given.debug ? "debug" : "info",
      ...(tls && { tls }),
      ...(upstream && { upstream, limits: readLimits(given) }),
      ...(passwords && { checkPassword: passwords.check }),
    });
    const address = `${host.includes(":") ? `[${host}]` : host}:${await registry.listen({ host, port })}`;
    const isOpen = !passwords && !isLoopback(host);
    cli.print(`Registry listening on ${tls ? "https" : "http"}://${address}, data in ${storage.description}`);
    if (isOpen)
      cli.warn(
        "WARNING: Anyone who can reach this address can push and delete images: see --auth and --tls-cert",
      );
    // One request's trouble is not the others'.
    process.on("unhandledRejection", (error) =>
      cli.warn(`BUG: ${error instanceof Error ? error.stack : error}`),
    );
    if (tls) renewOnHangup(cli, registry, given);
    await untilStopped();
    await registry.close(10);
    await Promise.all([passwords?.close(), upstream?.close()]);
    return 0;
  },
});

function plainPasswords(host: string): Error {
  return new Error(
    `--auth without --tls-cert would send passwords unencrypted to ${host}: give a certificate, listen on 127.0.0.1, ` +
      "or pass --allow-plain-http where a proxy encrypts",
  );
}

type Flags = FlagValues<typeof flags>;

async function openPasswords(path: string) {
  if (path === "") return undefined;
  const { openPasswordFile } = await import("../../registry/htpasswd.ts");
  return openPasswordFile(path);
}

/** Credentials for the mirrored registry come from the environment, which other users do not see. */
async function openMirrored(url: string, env: Cli["env"]) {
  if (url === "") return undefined;
  const { openUpstream } = await import("../../registry/upstream.ts");
  const [username, password] = [env.BERTH_MIRROR_USERNAME, env.BERTH_MIRROR_PASSWORD];
  return openUpstream({ url, ...(username && { username }), ...(password && { password }) });
}

function readLimits(given: Flags): CacheLimits {
  const lifeMilliseconds = parseDuration(given["mirror-ttl"]) / 1e6;
  if (lifeMilliseconds < 0) throw new Error("--mirror-ttl must not be negative");
  return { lifeMilliseconds, mostBytes: given["mirror-max-size"] || undefined };
}

function readTls(given: Flags): { cert: Buffer; key: Buffer } | undefined {
  const [cert, key] = [given["tls-cert"], given["tls-key"]];
  if (cert === "" && key === "") return undefined;
  if (cert === "" || key === "") throw new Error("--tls-cert and --tls-key go together");
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function renewOnHangup(cli: Cli, registry: Registry, given: Flags): void {
  process.on("SIGHUP", () => {
    try {
      const tls = readTls(given);
      if (tls) registry.setCertificate(tls);
    } catch (error) {
      cli.warn(`The certificate stays as it was: ${error instanceof Error ? error.message : error}`);
    }
  });
}

/** "5000", ":5000", "127.0.0.1:5000", "[::1]:5000". */
function parseAddress(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[?([^\]]*?)\]?:)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new Error(`invalid address "${text}": use ADDRESS:PORT`);
  return { host: host || "0.0.0.0", port: Number(port) };
}

const isLoopback = (host: string) => host === "localhost" || host === "::1" || host.startsWith("127.");

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
