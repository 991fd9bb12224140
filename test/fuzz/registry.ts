import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { registryRoutes } from "../../src/registry/routes.ts";
import { eventually } from "../engine.ts";
import type { Random } from "../random.ts";
import { startServer } from "../registry/server.ts";
import { mutateJson } from "./mutate.ts";
import type { Target } from "./target.ts";

const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const blob = "content of a blob";
const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  config: { mediaType: mediaTypes.config, digest: digestOf(blob), size: blob.length },
  layers: [{ mediaType: mediaTypes.layer, digest: digestOf(blob), size: blob.length }],
};

const names = [
  "a",
  "team/app",
  "a/b/c/d",
  "..",
  "%2e%2e",
  "a%2fb",
  "A",
  "_x",
  "",
  "a//b",
  "%00",
  "x".repeat(300),
  "a/blobs/uploads/b",
  "constructor",
];
const references = [
  "latest",
  "v1",
  digestOf(blob),
  digestOf(JSON.stringify(manifest)),
  "sha256:x",
  `sha512:${"a".repeat(128)}`,
  "..",
  "%ff",
  "x".repeat(200),
  "-",
  "",
];
const heads: Record<string, string>[] = [
  {},
  { Range: "bytes=0-3" },
  { Range: "bytes=5-1" },
  { Range: "bytes=-9999999999999" },
  { Range: "bytes=0-0,2-3,4-5" },
  { "Content-Range": "0-4" },
  { "Content-Range": "9-1" },
  { "Content-Range": "x" },
  { "Content-Type": mediaTypes.manifest },
  { "Content-Type": "text/plain" },
  { Accept: "*/*" },
  { Accept: "x".repeat(2000) },
  { Authorization: "Basic eDp5" },
  { Authorization: "Bearer x" },
  { Authorization: "Basic" },
];
const queries = [
  "",
  "n=5",
  "n=-1",
  "n=1e9",
  "n=5&last=a",
  "last=%ff",
  `digest=${digestOf(blob)}`,
  "digest=x",
  `mount=${digestOf(blob)}&from=a`,
  "mount=x&from=..",
  "artifactType=x",
  `digest=${digestOf("")}`,
];

/** Requests to a real registry server on a folder: any of its registryRoutes, odd names, heads and manifests. */
export const registry: Target = {
  name: "registry",
  smallCount: 3000,
  mostMilliseconds: 10_000,
  async open() {
    const root = mkdtempSync(join(tmpdir(), "berth-fuzz-registry-"));
    const server = await startServer(["--root", root]);
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
    const residentBytes = () =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) * 1024;
    const uploads: string[] = [];
    let before: { descriptors: number; residentBytes: number } | undefined;
    let count = 0;
    return {
      async attempt(random) {
        await send(server.host, agent, random, uploads);
        if (++count === 500) before = { descriptors: descriptors(), residentBytes: residentBytes() };
      },
      async close() {
        agent.destroy();
        const settled = before?.descriptors ?? Number.POSITIVE_INFINITY;
        await eventually(descriptors, (count) => count <= settled + 4);
        const after = { descriptors: descriptors(), residentBytes: residentBytes() };
        const said = server.log();
        assert.equal(await server.end(), 0);
        rmSync(root, { recursive: true });
        const told = `${JSON.stringify(before)} before, ${JSON.stringify(after)} after`;
        if (before) assert.ok(after.residentBytes - before.residentBytes < 100 << 20, told);
        assert.doesNotMatch(said, /"level":(50|60)/);
      },
    };
  },
};

async function send(host: string, agent: Agent, random: Random, uploads: string[]): Promise<void> {
  const [method, pattern] = random.pick(registryRoutes);
  const path = pattern
    .replace("*name", () => random.pick(names))
    .replace(":digest", () => random.pick(references))
    .replace(":reference", () => random.pick(references))
    .replace(":id", () =>
      uploads.length > 0 && random.next() < 0.7 ? random.pick(uploads) : random.pick(names),
    );
  const url = `${path}?${random.pick(queries)}`;
  const body = bodyOf(random, method, pattern);
  const [hostname, port] = host.split(":");
  const options = {
    hostname,
    port,
    agent,
    method: method === "GET" && random.next() < 0.2 ? "HEAD" : method,
    path: url,
    headers: random.pick(heads),
  };
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(options, (response) => {
      const [, id] = /uploads\/([^?/]+)/.exec(response.headers.location ?? "") ?? [];
      if (id && uploads.length < 50) uploads.push(id);
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    call.setTimeout(8000, () => call.destroy(new Error("no answer within 8 s")));
    call.on("error", (error) => reject(new Error(`${method} ${url}: ${error.message}`, { cause: error })));
    call.end(body);
  });
  const what =
    `${options.method} ${url} ${JSON.stringify(options.headers)} ${body ?? ""} => ${status} ${text}`.slice(
      0,
      1000,
    );
  assert.ok(status >= 200 && status < 500, what);
  if (status >= 400 && text !== "") assert.ok(Array.isArray(JSON.parse(text).errors), what);
}

function bodyOf(random: Random, method: string, pattern: string): string | undefined {
  if (method === "GET" || method === "DELETE") return undefined;
  if (pattern.includes("manifests"))
    return random.next() < 0.3 ? JSON.stringify(manifest) : mutateJson(random, manifest);
  return random.pick([undefined, "", blob, blob.slice(0, 5), "x".repeat(10_000)]);
}
