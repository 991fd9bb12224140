import type { Add } from "../../dockerfile/instructions.ts";
import { invalid } from "../../errors.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { gitNode, isGitAddress } from "./git-address.ts";
import type { CopyPart, HttpNode } from "./nodes.ts";

export function isHttpAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** A source of ADD that is elsewhere; undefined for one of the context. */
export function planRemote(
  { keepGitDir, unpack }: Add,
  source: string,
  checksum: string | undefined,
): CopyPart | undefined {
  if (isGitAddress(source)) {
    const node = gitNode(source, { checksum, keepsGitDir: keepGitDir });
    return { from: node, selections: [{ pattern: "", hasWildcards: false }], unpack: "never" };
  }
  if (!isHttpAddress(source)) return undefined;
  const node = httpNode(source, checksum);
  return {
    from: node,
    selections: [{ pattern: node.filename, hasWildcards: false }],
    unpack: unpack === true ? "archives" : "never",
  };
}

/** A tree of one file, which is called as its address ends. @throws EngineError invalid */
export function httpNode(address: string, checksum?: string): HttpNode {
  return {
    kind: "http",
    name: redactAddresses(address),
    url: address,
    filename: nameOf(address),
    ...(checksum !== undefined && { checksum }),
  };
}

/** The last part of an address's path, as the file is called. @throws EngineError invalid */
function nameOf(address: string): string {
  let path: string;
  try {
    path = new URL(address).pathname;
  } catch (error) {
    throw invalid(`failed to parse ${redactAddresses(address)}: invalid URL`, error);
  }
  return decodeName(path.slice(path.lastIndexOf("/") + 1)) || "download";
}

function decodeName(name: string): string {
  try {
    const decoded = decodeURIComponent(name);
    return /[/\0]/.test(decoded) || decoded === "." || decoded === ".." ? "" : decoded;
  } catch {
    return name;
  }
}
