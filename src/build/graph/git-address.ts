import { invalid } from "../../errors.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import type { GitNode } from "./nodes.ts";

/** By their scheme, by `user@host:`, or by an http address whose path ends in .git, as BuildKit tells them. */
export function isGitAddress(text: string): boolean {
  if (/^(?:git|ssh):\/\//i.test(text) || /^[A-Za-z0-9_.-]+@[^/:]+:/.test(text)) return true;
  const [address = ""] = text.split(/[#?]/, 1);
  return /^https?:\/\//i.test(text) && address.endsWith(".git");
}

/** The repository that a context is, if it is one. Without a scheme "github.com/…" is one too, which in a Dockerfile is a path. */
export function findGitContext(text: string): string | undefined {
  if (text.startsWith("github.com/")) return `https://${text}`;
  return isGitAddress(text) ? text : undefined;
}

/**
 * "REMOTE#REF:SUBDIR", or "REMOTE?ref=…&subdir=…". What is said twice must be the same.
 * @param more what an instruction says besides
 * @throws EngineError invalid
 */
export function gitNode(
  address: string,
  more: { checksum?: string | undefined; keepsGitDir?: boolean } = {},
): GitNode {
  const [place = "", fragment = ""] = splitAt(address, "#");
  const [remote, query] = splitAt(place, "?");
  const given = readQuery(query, address);
  const [fragmentRef, subdir] = splitAt(fragment, ":");
  const ref = agree("ref", fragmentRef, given.ref);
  if (more.checksum && given.checksum && more.checksum !== given.checksum)
    throw invalid(`checksum mismatch ${JSON.stringify(more.checksum)} != ${JSON.stringify(given.checksum)}`);
  const checksum = more.checksum || given.checksum;
  const node: GitNode = {
    kind: "git",
    name: `[internal] load git source ${redactAddresses(address)}`,
    remote,
    // A commit that is named alone is the one that is meant.
    ref: ref || given.checksum,
    subdir: agree("subdir", subdir, given.subdir),
    keepsGitDir: more.keepsGitDir === true || given.keepsGitDir,
    hasSubmodules: given.hasSubmodules,
    ...(checksum && { checksum }),
  };
  checkNode(node, address);
  return node;
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}

/** As Go's ParseBool reads it; named alone it is meant. @throws EngineError invalid */
function isOn(name: string, value: string): boolean {
  if (["", "1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw invalid(`invalid ${name} value: ${JSON.stringify(value)}`);
}

/** @throws EngineError invalid where both say something, and not the same */
function agree(what: string, one: string, other: string): string {
  if (one && other && one !== other)
    throw invalid(`${what} conflicts: ${JSON.stringify(one)} vs ${JSON.stringify(other)}`);
  return one || other;
}

const withPrefix = (prefix: string, name: string) => (name.startsWith(prefix) ? name : prefix + name);

const switches = new Set(["keep-git-dir", "submodules"]);

function readQuery(query: string, address: string) {
  const found = { ref: "", subdir: "", checksum: "", keepsGitDir: false, hasSubmodules: true };
  const seen = new Set<string>();
  const refs: string[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) throw invalid(`query ${JSON.stringify(name)} has multiple values`);
    seen.add(name);
    if (value === "" && !switches.has(name)) throw invalid(`query ${JSON.stringify(name)} has no value`);
    if (name === "ref") refs.unshift(value);
    else if (name === "branch") refs.push(withPrefix("refs/heads/", value));
    else if (name === "tag") refs.push(withPrefix("refs/tags/", value));
    else if (name === "subdir") found.subdir = value;
    else if (name === "checksum" || name === "commit") found.checksum = value;
    else if (name === "keep-git-dir") found.keepsGitDir = isOn(name, value);
    else if (name === "submodules") found.hasSubmodules = isOn(name, value);
    else throw invalid(`unexpected query ${JSON.stringify(name)} in git address ${quote(address)}`);
  }
  if (seen.has("tag") && seen.has("branch")) throw invalid("branch conflicts with tag");
  found.ref = refs.reduce((ref, other) => agree("ref", ref, other), "");
  return found;
}

/** They become arguments of a program: none may look like one of its options, or name two things. */
function checkNode({ remote, ref, checksum }: GitNode, address: string): void {
  const hasControls = [...remote].some((character) => character <= " ");
  if (hasControls || remote.startsWith("-") || /^[\w+.-]+::/.test(remote))
    throw invalid(`invalid git address ${quote(address)}`);
  if (ref !== "" && !isRefName(ref)) throw invalid(`invalid git ref ${JSON.stringify(ref)}`);
  if (checksum !== undefined && !/^[0-9a-f]{7,64}$/.test(checksum))
    throw invalid(`invalid checksum ${JSON.stringify(checksum)}: expected the id of a commit`);
}

/** By the rules of `git check-ref-format`, and without the marks that a fetch would take for its own. */
function isRefName(ref: string): boolean {
  if (/^[-+]|[ ~^:?*[\\]|\.\.|@\{|\.$/.test(ref) || ref === "@") return false;
  if ([...ref].some((character) => character < " " || character === "\x7f")) return false;
  return ref.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"));
}

const quote = (address: string) => JSON.stringify(redactAddresses(address));
