import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Client } from "../client/client.ts";
import { certFolderFiles, defaultHost, readTlsFiles, type TlsFiles, usualHost } from "../client/host.ts";
import { parseCsvLine } from "../formats/csv.ts";
import { type CliConfig, readCliConfig } from "./config.ts";
import { type Choice, chooseContext, defaultContext } from "./context/choose.ts";
import { bool, commaList, type FlagValues, string } from "./flag.ts";
import { guardOutput } from "./standard-output.ts";

/** What a command works with. The client is made on first use, so that `--help` needs no daemon. */
export interface Cli {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: Writable & { isTTY?: boolean };
  env: Record<string, string | undefined>;
  config: CliConfig;
  configFolder: string;
  /** `--debug`, or DEBUG of the environment, as Docker's client has it. */
  isDebug: boolean;
  /** @param startEngine false to leave an engine that does not run as it is */
  client(startEngine?: boolean): Promise<Client>;
  /** Which context counts. @throws Error for a command line that says two things */
  choice(): Choice;
  /** One line on stdout. */
  print: (line: string) => void;
  /** One line on stderr. */
  warn: (line: string) => void;
  /** The command that runs, as far as its line has been read: for what comes after it. */
  invoked?: Invoked;
  /** Whether one of our commands is called so. */
  isCommand(name: string): boolean;
}

export interface Invoked {
  /** Docker's name of it, without "docker", or a plugin's words. */
  words: readonly string[];
  isPlugin: boolean;
  /** Undefined for a plugin's, and until it has been read. */
  line?: {
    values: Readonly<Record<string, unknown>>;
    given: ReadonlySet<string>;
    args: readonly string[];
  };
}

const home = (file: string) => path.join(os.homedir(), ".docker", file);

export const globalFlags = {
  config: string("", "Location of client config files", home("").replace(/\/$/, "")),
  context: string(
    "c",
    'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "berth context use")',
  ),
  debug: bool("D", "Enable debug mode"),
  host: commaList("H", "Daemon socket to connect to", "list"),
  "log-level": string("l", 'Set the logging level ("debug", "info", "warn", "error", "fatal")', "info"),
  tls: bool("", "Use TLS; implied by --tlsverify"),
  tlscacert: string("", "Trust certs signed only by this CA", home("ca.pem")),
  tlscert: string("", "Path to TLS certificate file", home("cert.pem")),
  tlskey: string("", "Path to TLS key file", home("key.pem")),
  tlsverify: bool("", "Use TLS and verify the remote"),
  version: bool("v", "Print version information and quit"),
  help: bool("h", "Print usage"),
};

export type GlobalFlags = FlagValues<typeof globalFlags>;

export function createCli(
  flags: GlobalFlags,
  given: ReadonlySet<string>,
  streams: Pick<Cli, "stdin" | "stdout" | "stderr" | "env">,
  isCommand: Cli["isCommand"],
): Cli {
  const { env } = streams;
  const configFolder = given.has("config") ? flags.config : env.DOCKER_CONFIG || flags.config;
  let config: CliConfig | undefined;
  let client: Promise<Client> | undefined;
  // Each stream is opened by Node when it is first asked for: most commands need one of the three.
  const cli: Cli = {
    get stdin() {
      return streams.stdin;
    },
    get stdout() {
      return guardOutput(streams.stdout, "stdout");
    },
    get stderr() {
      return guardOutput(streams.stderr, "stderr");
    },
    env,
    configFolder,
    isDebug: flags.debug || Boolean(env.DEBUG),
    get config() {
      config ??= readCliConfig(configFolder, cli.warn);
      return config;
    },
    client(startEngine = true) {
      client ??= connect(cli, flags, given, startEngine);
      return client;
    },
    choice: () => chooseContext(cli, flags),
    isCommand,
    print: (line) => streams.stdout.write(`${line}\n`),
    warn: (line) => streams.stderr.write(`${line}\n`),
  };
  return cli;
}

async function connect(
  cli: Cli,
  flags: GlobalFlags,
  given: ReadonlySet<string>,
  startEngine: boolean,
): Promise<Client> {
  const { env } = cli;
  if (flags.host.length > 1) throw new Error("specify only one -H");
  const { context } = cli.choice();
  if (context !== defaultContext) {
    const { findEndpoint } = await import("./context/current.ts");
    return clientOf(cli, findEndpoint(cli, context));
  }
  const host = flags.host[0] || env.BERTH_HOST || env.DOCKER_HOST || usualHost(env);
  const isVerified = given.has("tlsverify") ? flags.tlsverify : Boolean(env.DOCKER_TLS_VERIFY);
  const isTls = isVerified || flags.tls || Boolean(env.DOCKER_TLS);
  if (host === defaultHost && env.BERTH_LAUNCHER && startEngine) {
    const { startEngineIfNone } = await import("./start-engine.ts");
    await startEngineIfNone(defaultHost.slice("unix://".length), env.BERTH_LAUNCHER);
  }
  return clientOf(cli, {
    host: host.includes("://") ? host : host.startsWith("/") ? `unix://${host}` : `tcp://${host}`,
    ...(isTls && { tls: readTlsFiles({ ...tlsPaths(cli, flags, given), isVerified }) }),
  });
}

async function clientOf({ env, config }: Cli, endpoint: { host: string; tls?: TlsFiles }): Promise<Client> {
  const { createClient } = await import("../client/client.ts");
  return createClient({
    ...endpoint,
    ...customHeaders(env, config),
    ...(env.DOCKER_API_VERSION && { version: env.DOCKER_API_VERSION.replace(/^v/, "") }),
  });
}

/** With each request; those of the environment count alone. @throws Error in Docker's words */
function customHeaders({ DOCKER_CUSTOM_HEADERS: given }: Cli["env"], { HttpHeaders }: CliConfig) {
  if (!given) return HttpHeaders === undefined ? {} : { headers: HttpHeaders };
  const pairs = parseCsvLine(given).map((field) => {
    const [, name = "", value = ""] = /^\s*([^=\s][^=]*?)\s*=(.*)$/s.exec(field) ?? [];
    if (name === "")
      throw new Error(
        `failed to parse custom headers from DOCKER_CUSTOM_HEADERS environment variable: missing "=" in "${field}"`,
      );
    return [name, value] as const;
  });
  return { headers: Object.fromEntries(pairs) };
}

/** A file that was not asked for by name is used when it exists, as Docker does. */
function tlsPaths(cli: Cli, flags: GlobalFlags, given: ReadonlySet<string>) {
  const folder = certFolderFiles(cli.env.DOCKER_CERT_PATH || cli.configFolder);
  const exists = (file: string) => {
    try {
      readFileSync(file);
      return true;
    } catch {
      return false;
    }
  };
  const choose = (name: "tlscacert" | "tlscert" | "tlskey", fallback: string) => {
    const file = given.has(name) ? flags[name] : fallback;
    return given.has(name) || exists(file) ? file : undefined;
  };
  const [ca, cert, key] = [
    choose("tlscacert", folder.ca),
    choose("tlscert", folder.cert),
    choose("tlskey", folder.key),
  ];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
