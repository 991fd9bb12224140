import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode, messageOf } from "../../errors.ts";
import { decode, flag, mapOf, optional, struct, text, textOf } from "../../formats/shape.ts";
import { defaultContext } from "./choose.ts";

/* Docker's contexts, in its own files: `contexts/meta/<sha256 of the name>/meta.json`, and beside them their TLS material. */

const contextShape = struct("Context", {
  Name: textOf(255),
  Metadata: struct("Metadata", { Description: optional(text) }),
  Endpoints: mapOf(struct("Endpoint", { Host: textOf(4096), SkipTLSVerify: flag })),
});

export interface Context {
  name: string;
  description: string;
  /** "" in one that says nothing of a Docker. */
  host: string;
  skipsTlsVerify: boolean;
  /** What others have written into it, which stays. */
  rest?: { metadata: object; endpoints: object };
}

/** By file name: "ca.pem", "cert.pem", "key.pem". */
export type TlsMaterial = Record<string, Buffer>;

export const tlsFileNames = ["ca.pem", "cert.pem", "key.pem"] as const;
const endpoint = "docker";
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

/** @throws Error in Docker's words */
export function checkContextName(name: string): void {
  if (name === "") throw new Error("context name cannot be empty");
  if (name === defaultContext) throw new Error('"default" is a reserved context name');
  checkStoredName(name);
}

function checkStoredName(name: string): void {
  if (!namePattern.test(name))
    throw new Error(
      `context name ${JSON.stringify(name)} is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
    );
}

const idOf = (name: string) => createHash("sha256").update(name).digest("hex");
export const metadataFolder = (folder: string, name: string) => join(folder, "contexts", "meta", idOf(name));
export const tlsFolder = (folder: string, name: string) => join(folder, "contexts", "tls", idOf(name));

/** @param folder of the client's configuration. @throws Error in Docker's words for one that is not there, or is damaged */
export function getContext(folder: string, name: string): Context {
  checkStoredName(name);
  const file = join(metadataFolder(folder, name), "meta.json");
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw new Error(
      `context ${JSON.stringify(name)}: context not found: open ${file}: no such file or directory`,
    );
  }
  try {
    return decodeContext(content, name);
  } catch (error) {
    throw new Error(`context ${JSON.stringify(name)}: parsing ${file}: ${messageOf(error)}`);
  }
}

export function hasContext(folder: string, name: string): boolean {
  try {
    getContext(folder, name);
    return true;
  } catch {
    return false;
  }
}

/** @throws Error for what is no context */
export function decodeContext(content: string, name?: string): Context {
  const value = JSON.parse(content);
  const { Name, Metadata, Endpoints } = decode(contextShape, value);
  const docker = Endpoints?.[endpoint];
  return {
    name: name ?? Name,
    description: Metadata.Description ?? "",
    host: docker?.Host ?? "",
    skipsTlsVerify: docker?.SkipTLSVerify ?? false,
    rest: {
      metadata: without("Description", value.Metadata),
      endpoints: without(endpoint, value.Endpoints),
    },
  };
}

const without = (name: string, members: object | null | undefined): object =>
  Object.fromEntries(Object.entries(members ?? {}).filter(([key]) => key !== name));

export const encodeContext = (context: Context) => JSON.stringify(membersOf(context));

/** As Docker's file has it. */
export function membersOf({ name, description, host, skipsTlsVerify, rest }: Context) {
  return {
    Name: name,
    Metadata: { ...(description !== "" && { Description: description }), ...rest?.metadata },
    Endpoints: { [endpoint]: { Host: host, SkipTLSVerify: skipsTlsVerify }, ...rest?.endpoints },
  };
}

/** All that can be read, by name. */
export function listContexts(folder: string): Context[] {
  const meta = join(folder, "contexts", "meta");
  const all = readFolder(meta).flatMap((id) => {
    try {
      return decodeContext(readFileSync(join(meta, id, "meta.json"), "utf8"));
    } catch {
      return [];
    }
  });
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param tls of Docker's endpoint; undefined leaves what there is */
export function putContext(folder: string, context: Context, tls: TlsMaterial | undefined): void {
  const target = metadataFolder(folder, context.name);
  mkdirSync(target, { recursive: true, mode: 0o755 });
  if (tls) {
    const files = join(tlsFolder(folder, context.name), endpoint);
    rmSync(files, { recursive: true, force: true });
    if (Object.keys(tls).length > 0) mkdirSync(files, { recursive: true, mode: 0o700 });
    for (const [name, content] of Object.entries(tls))
      writeFileSync(join(files, name), content, { mode: 0o600 });
  }
  const fresh = join(target, `.meta.${process.pid}`);
  writeFileSync(fresh, encodeContext(context), { mode: 0o644 });
  renameSync(fresh, join(target, "meta.json"));
}

export function removeContext(folder: string, name: string): void {
  rmSync(metadataFolder(folder, name), { recursive: true, force: true });
  rmSync(tlsFolder(folder, name), { recursive: true, force: true });
}

export function readTlsMaterial(folder: string, name: string): TlsMaterial {
  const files = join(tlsFolder(folder, name), endpoint);
  const known = readFolder(files).filter((file) => tlsFileNames.some((one) => one === file));
  return Object.fromEntries(known.sort().map((file) => [file, readFileSync(join(files, file))]));
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
