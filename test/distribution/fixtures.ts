import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "../../src/distribution/connection.ts";
import { defaultRegistrySettings, type RegistrySettings } from "../../src/distribution/settings.ts";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { eventually } from "../engine.ts";
import { findFreePort } from "../free-port.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on a free port of loopback, which may lie as it likes. */
export interface TestServer extends AsyncDisposable {
  /** "127.0.0.1:PORT". */
  host: string;
  origin: string;
  /** "METHOD path" of all that was asked for. */
  requests: string[];
  /** What answers from now on. */
  handle: Handler;
}

export async function startServer(handle: Handler, tls?: ServerOptions): Promise<TestServer> {
  const listener: Handler = (input, output) => {
    server.requests.push(`${input.method} ${input.url}`);
    server.handle(input, output);
  };
  const http = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  const server: TestServer = {
    host,
    origin: `${tls ? "https" : "http"}://${host}`,
    requests: [],
    handle,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return server;
}

/** What a read-only registry has: documents and blobs by digest, and what tags stand for. */
export interface Content {
  blobs: Map<Digest, Buffer>;
  manifests: Map<Digest, { mediaType: string; text: string }>;
  tags: Record<string, Digest>;
}

export function createContent(): Content {
  return { blobs: new Map(), manifests: new Map(), tags: {} };
}

export function addBlob(content: Content, bytes: Buffer | string): { digest: Digest; size: number } {
  const blob = Buffer.from(bytes as string);
  const digest = digestOf(blob);
  content.blobs.set(digest, blob);
  return { digest, size: blob.length };
}

export function addManifest(content: Content, tag: string, mediaType: string, document: object): Digest {
  const text = JSON.stringify({ schemaVersion: 2, mediaType, ...document });
  const digest = digestOf(text);
  content.manifests.set(digest, { mediaType, text });
  if (tag) content.tags[tag] = digest;
  return digest;
}

/** Answers as the specification has it, with ranges. */
export function serveContent(content: Content): Handler {
  return (input, output) => {
    const path = (input.url ?? "").split("?")[0] ?? "";
    if (path === "/v2/") return void output.end("{}");
    if (path.endsWith("/tags/list"))
      return void output.end(JSON.stringify({ name: "x", tags: Object.keys(content.tags) }));
    const [, kind, reference = ""] = /\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    const digest = (content.tags[reference] ?? reference) as Digest;
    const manifest = kind === "manifests" ? content.manifests.get(digest) : undefined;
    const blob = manifest ? Buffer.from(manifest.text) : content.blobs.get(digest);
    if (!blob) return refuse(output, 404, kind === "manifests" ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN");
    if (manifest) output.setHeader("Content-Type", manifest.mediaType);
    output.setHeader("Docker-Content-Digest", digest);
    sendBytes(input, output, blob);
  };
}

export function sendBytes(input: IncomingMessage, output: ServerResponse, bytes: Buffer): void {
  const first = Number(/^bytes=(\d+)-$/.exec(input.headers.range ?? "")?.[1] ?? 0);
  if (first > 0) {
    output.statusCode = 206;
    output.setHeader("Content-Range", `bytes ${first}-${bytes.length - 1}/${bytes.length}`);
  }
  const part = bytes.subarray(first);
  output.setHeader("Content-Length", part.length);
  output.end(input.method === "HEAD" ? undefined : part);
}

export function refuse(output: ServerResponse, status: number, code: string, message = ""): void {
  output.writeHead(status, { "Content-Type": "application/json" });
  output.end(
    JSON.stringify({ errors: [{ code, message: message || code.toLowerCase().replaceAll("_", " ") }] }),
  );
}

export function makeFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "berth-distribution-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const quickSettings = (changes: Partial<RegistrySettings> = {}): RegistrySettings => ({
  ...defaultRegistrySettings,
  certificateFolders: [],
  patienceSeconds: 2,
  ...changes,
});

export function plainConnection(origin: string, patienceSeconds = 2): Connection {
  const tls = { isVerified: true, authorities: [] };
  return { origin, tls, proxies: { exceptions: [] }, patienceSeconds, attempts: 5, downloadAttempts: 5 };
}

/** A certificate of its own for 127.0.0.1, and localhost. @param days negative for one that has run out */
export function makeCertificate(folder: string, days = 10): { cert: string; key: string } {
  const [cert, key] = [join(folder, "own.pem"), join(folder, "own.key")];
  const now = Date.now();
  const time = (milliseconds: number) =>
    `${new Date(milliseconds).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  execFileSync("openssl", ["genrsa", "-out", key, "2048"], { stdio: "ignore" });
  execFileSync("openssl", ["req", "-new", "-key", key, "-subj", "/CN=berth test", "-out", `${cert}.csr`], {
    stdio: "ignore",
  });
  writeFileSync(`${cert}.ext`, "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:TRUE\n");
  const [begin, end] =
    days < 0
      ? [now + (days - 10) * 86_400_000, now + days * 86_400_000]
      : [now - 3600_000, now + days * 86_400_000];
  writeFileSync(join(folder, "index.txt"), "");
  const settings = `[ca]\ndefault_ca=d\n[d]\ndatabase=${folder}/index.txt\nnew_certs_dir=${folder}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nemail_in_dn=no\n[p]\ncommonName=supplied\n`;
  writeFileSync(join(folder, "ca.cnf"), settings);
  execFileSync(
    "openssl",
    [
      ...[
        "ca",
        "-batch",
        "-selfsign",
        "-config",
        join(folder, "ca.cnf"),
        "-keyfile",
        key,
        "-in",
        `${cert}.csr`,
      ],
      ...[
        "-out",
        cert,
        "-notext",
        "-startdate",
        time(begin),
        "-enddate",
        time(end),
        "-extfile",
        `${cert}.ext`,
      ],
    ],
    { stdio: "ignore" },
  );
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** Debian's docker-registry. @param settings further lines of its configuration */
export async function startDockerRegistry(
  settings: { http?: object; auth?: object; scheme?: "http" | "https" } = {},
): Promise<{ host: string; folder: string } & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const port = await findFreePort();
  const configuration = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, ...settings.http },
    ...(settings.auth && { auth: settings.auth }),
  };
  const path = join(folder, "config.yml");
  writeFileSync(path, JSON.stringify(configuration));
  const server = spawn("docker-registry", ["serve", path], { stdio: "ignore" });
  const host = `127.0.0.1:${port}`;
  const isUp = () =>
    new Promise<boolean>((resolve) =>
      request({ host: "127.0.0.1", port, path: "/" }, (answer) => {
        answer.resume();
        resolve(true);
      })
        .on("error", (error) => resolve(!("code" in error && error.code === "ECONNREFUSED")))
        .end(),
    );
  await eventually(isUp, Boolean);
  return {
    host,
    folder,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
