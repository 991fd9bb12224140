import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { eventually, type TestEngine, useEngine } from "../engine.ts";

const root = join(import.meta.dirname, "../..");

/** `berth ui` as users start it, on a port of its own. */
export interface UiServer {
  /** "http://127.0.0.1:41234", without a slash at its end. */
  origin: string;
  port: number;
  /** The newest token. */
  token(): string;
  /** One that was not given out here before: the server prints the next when one has been used. */
  freshToken(): Promise<string>;
  output(): string;
  stop(): Promise<void>;
}

export async function startUi(host: string, flags: string[] = []): Promise<UiServer> {
  const state = mkdtempSync(join(tmpdir(), "berth-ui-"));
  const words = ["ui", "--listen", "127.0.0.1:0", "--no-browser", "--state", state, ...flags];
  const server = spawn(process.execPath, [join(root, "dist/cli/main.js"), "-H", host, ...words]);
  let text = "";
  for (const stream of [server.stdout, server.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk;
    });
  const ended = once(server, "exit");
  const shows = eventually(
    () => text,
    (all) => all.includes("Open http"),
  );
  await Promise.race([shows, ended]);
  const [, port] = /Open https?:\/\/[^/]*:(\d+)\//.exec(text) ?? [];
  if (!port) {
    shows.catch(() => {});
    rmSync(state, { recursive: true, force: true });
    throw new Error(`berth ui did not start: ${text}`);
  }
  const token = () => [...text.matchAll(/#([\w-]+)/g)].at(-1)?.[1] ?? "";
  const used = new Set<string>();
  return {
    origin: `http://127.0.0.1:${port}`,
    port: Number(port),
    token,
    async freshToken() {
      const fresh = await eventually(token, (one) => !used.has(one));
      used.add(fresh);
      return fresh;
    },
    output: () => text,
    async stop() {
      await end(server);
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** A server with each of these sets of flags, before an engine of their own. */
export function useUi(
  flagSets: (engine: TestEngine) => string[][] | Promise<string[][]> = () => [[]],
  ...engineOptions: Parameters<typeof useEngine>
) {
  const servers: UiServer[] = [];
  // They go before the engine does.
  after(async () => {
    for (const server of servers) await server.stop();
  });
  const used = useEngine(...engineOptions);
  before(async () => {
    for (const flags of await flagSets(used.engine)) servers.push(await startUi(used.engine.host, flags));
  });
  return { ...used, ui: (index = 0) => servers[index] ?? raise() };
}

function raise(): never {
  throw new Error("the server has not been started");
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, "exit");
  server.kill("SIGTERM");
  await gone;
}

export interface UiAnswer {
  status: number;
  body: string;
  headers: NodeJS.Dict<string | string[]>;
}

export interface UiRequest {
  headers?: Record<string, string>;
  body?: string;
  /** Bytes as they are, where Node's client would correct them. */
  path?: string;
}

/** One request, as a browser on the page's own origin sends it unless `headers` say otherwise. */
export function ask(
  server: UiServer,
  method: string,
  path: string,
  options: UiRequest = {},
): Promise<UiAnswer> {
  const { body } = options;
  const headers: Record<string, string> = {
    Host: `127.0.0.1:${server.port}`,
    ...(method !== "GET" && method !== "HEAD" && { Origin: server.origin }),
    ...(body !== undefined && {
      "Content-Type": "application/json",
      "Content-Length": String(Buffer.byteLength(body)),
    }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const call = request(
      { host: "127.0.0.1", port: server.port, method, path, headers, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            headers: answer.headers,
          }),
        );
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

/** What a browser has after its login. */
export interface Visitor {
  cookie: string;
  key: string;
  headers: Record<string, string>;
}

export async function logIn(server: UiServer, before: Record<string, string> = {}): Promise<Visitor> {
  const token = await server.freshToken();
  const answer = await ask(server, "POST", "/ui/login", {
    body: JSON.stringify({ token }),
    headers: before,
  });
  if (answer.status !== 200) throw new Error(`the login was refused: ${answer.status} ${answer.body}`);
  const cookie = String(answer.headers["set-cookie"]).split(";")[0] ?? "";
  const { key } = JSON.parse(answer.body);
  return { cookie, key, headers: { Cookie: cookie, "X-Berth-Key": key } };
}

/** A connection on which a test says every byte itself. */
export function openRawUi(server: UiServer, bytes: string): { received(): string; closed: Promise<string> } {
  const socket = connect(server.port, "127.0.0.1");
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => {});
  socket.write(bytes, "latin1");
  return { received: () => text, closed: once(socket, "close").then(() => text) };
}

/** Sends bytes as they are and gives all that comes back until the server closes. */
export const sendRaw = (server: UiServer, bytes: string) => openRawUi(server, bytes).closed;
