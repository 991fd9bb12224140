import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { unavailable } from "../errors.ts";
import { closedHeaders } from "./answer.ts";

/** The files of the page, as the build made them. All are in memory: no request names a file of the machine. */
export interface PageFiles {
  /** False when the path is none of the page's. */
  serve(input: IncomingMessage, output: ServerResponse, path: string): boolean;
}

interface Asset {
  type: string;
  etag: string;
  isHashed: boolean;
  /** By encoding; "identity" is always there. */
  bodies: Map<string, Buffer>;
}

const types: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Addresses that the page itself makes sense of. */
const views = /^\/(?:(?:containers|projects|images|networks|volumes|registry|engine|run|login)(?:\/.*)?)?$/;

/** @throws EngineError unavailable when the page has not been built */
export function loadPage(folder = findFolder()): PageFiles {
  const assets = new Map(readdirSync(folder).flatMap((name) => readAsset(folder, name)));
  const index = assets.get("index.html");
  if (!index) throw unavailable("run 'npm run build' first: the page is served as it was built");
  return {
    serve(input, output, path) {
      const asset = assets.get(path.slice(1)) ?? (views.test(path) ? index : undefined);
      if (!asset || (input.method !== "GET" && input.method !== "HEAD")) return false;
      send(input, output, asset);
      return true;
    },
  };
}

/** Beside the bundle that is running. */
function findFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const found = [join(here, "../ui"), join(here, "../../dist/ui")].find((one) =>
    existsSync(join(one, "index.html")),
  );
  if (!found) throw unavailable("run 'npm run build' first: the page is served as it was built");
  return found;
}

function readAsset(folder: string, name: string): [string, Asset][] {
  const type = types[name.split(".").at(-1) ?? ""];
  if (!type) return [];
  const plain = readFileSync(join(folder, name));
  const bodies = new Map([["identity", plain]]);
  for (const [encoding, suffix] of [
    ["br", ".br"],
    ["gzip", ".gz"],
  ] as const) {
    const path = join(folder, name + suffix);
    if (existsSync(path)) bodies.set(encoding, readFileSync(path));
  }
  const etag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
  return [[name, { type, etag, isHashed: /-[A-Z0-9]{8}\.\w+$/.test(name), bodies }]];
}

function send({ method, headers }: IncomingMessage, output: ServerResponse, asset: Asset): void {
  const accepted = String(headers["accept-encoding"] ?? "").split(/[\s,;]+/);
  const encoding =
    ["br", "gzip"].find((one) => accepted.includes(one) && asset.bodies.has(one)) ?? "identity";
  const body = asset.bodies.get(encoding) ?? Buffer.alloc(0);
  // Each encoding is a representation of its own.
  const etag = encoding === "identity" ? asset.etag : asset.etag.replace(/"$/, `-${encoding}"`);
  const isKnown = headers["if-none-match"]?.split(/\s*,\s*/).includes(etag) ?? false;
  output.writeHead(isKnown ? 304 : 200, {
    ...closedHeaders,
    "Content-Security-Policy": policy,
    "Cache-Control": asset.isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    ETag: etag,
    Vary: "Accept-Encoding",
    ...(!isKnown && {
      "Content-Type": asset.type,
      "Content-Length": body.length,
      ...(encoding !== "identity" && { "Content-Encoding": encoding }),
    }),
  });
  output.end(isKnown || method === "HEAD" ? undefined : body);
}
