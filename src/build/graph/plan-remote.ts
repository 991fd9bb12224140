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

/** The last part of an address's path that says something, as Go's `path.Base` finds it. @throws EngineError invalid */
function nameOf(address: string): string {
  try {
    new URL(address);
  } catch (error) {
    throw invalid(`failed to parse ${redactAddresses(address)}: invalid URL`, error);
  }
  // As it is written: what is parsed has no `..` any more.
  const [, path = ""] = /^https?:\/\/[^/?#]*([^?#]*)/i.exec(address) ?? [];
  const name =
    decode(path)
      .split("/")
      .findLast((part) => part !== "") ?? ".";
  if (name === ".") return "__unnamed__";
  return name === ".." || name.includes("\0") ? "download" : name;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
