import type { Add } from "../../dockerfile/instructions.ts";
import { invalid } from "../../errors.ts";
import type { CopyPart, GitNode, HttpNode } from "./nodes.ts";

export function isHttpAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** As BuildKit tells them: by their scheme, by `git@`, or by an http address that ends in .git. */
export function isGitAddress(text: string): boolean {
  if (/^(?:git|ssh):\/\//i.test(text) || /^[A-Za-z0-9_.-]+@[^/:]+:/.test(text)) return true;
  const [address = ""] = text.split(/[#?]/, 1);
  return isHttpAddress(text) && address.endsWith(".git");
}

/** A source of ADD that is elsewhere; undefined for one of the context. */
export function planRemote(instruction: Add, source: string): CopyPart | undefined {
  const { checksum, keepGitDir, unpack } = instruction;
  if (isGitAddress(source)) {
    const node: GitNode = { ...gitNode(source, checksum), keepsGitDir: keepGitDir };
    return { from: node, selections: [{ pattern: "", hasWildcards: false }], unpack: "never" };
  }
  if (!isHttpAddress(source)) return undefined;
  const filename = nameOf(source);
  const node: HttpNode = {
    kind: "http",
    name: source,
    url: source,
    filename,
    ...(checksum !== undefined && { checksum }),
  };
  return {
    from: node,
    selections: [{ pattern: filename, hasWildcards: false }],
    unpack: unpack === true ? "archives" : "never",
  };
}

/** @throws EngineError invalid */
export function gitNode(address: string, checksum?: string): GitNode {
  const hash = address.indexOf("#");
  const [remote, fragment] = hash < 0 ? [address, ""] : [address.slice(0, hash), address.slice(hash + 1)];
  const colon = fragment.indexOf(":");
  const [ref, subdir] = colon < 0 ? [fragment, ""] : [fragment.slice(0, colon), fragment.slice(colon + 1)];
  return {
    kind: "git",
    name: `[internal] load git source ${address}`,
    remote,
    ref,
    subdir,
    keepsGitDir: false,
    ...(checksum !== undefined && { checksum }),
  };
}

/** The last part of an address's path, as the file is called. @throws EngineError invalid */
function nameOf(address: string): string {
  let path: string;
  try {
    path = new URL(address).pathname;
  } catch (error) {
    throw invalid(`failed to parse ${address}: invalid URL`, error);
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
