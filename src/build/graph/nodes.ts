import { createHash } from "node:crypto";
import type { Range } from "../../dockerfile/instructions.ts";
import type { Ulimit } from "../../formats/docker-api/docker-api.ts";
import type { StepLimits } from "../options.ts";
import type { SourceRef } from "../solve/copy-action.ts";
import type { Selection } from "../solve/select-sources.ts";

/*
 * The steps of a build and what each needs, as data. A node says nothing of how it is done, and knows nothing of the build that it is
 * in but its session, so that equal nodes of several builds are one.
 */

interface NodeBase {
  /** As progress shows it; "" for what is not shown. */
  name: string;
  /** Where in the Dockerfile it comes from. */
  range?: Range;
  /** It is done even where it has been done before. */
  ignoresCache?: boolean;
}

/** An empty root file system. */
export interface ScratchNode extends NodeBase {
  kind: "scratch";
}

/** An image's root file system. */
export interface ImageNode extends NodeBase {
  kind: "image";
  /** chainIDs, base first. */
  layers: string[];
}

/** What a client's directory holds. */
export interface DirectoryNode extends NodeBase {
  kind: "directory";
  session: string;
  directory: string;
  /** The paths that are needed; all when undefined. Grows while a build is planned. */
  paths: Set<string> | undefined;
  excludePatterns: readonly string[];
}

/** Has a client's directory send what is at that path, below its root. */
export function notePath(node: Node, path: string): void {
  if (node.kind !== "directory" || node.paths === undefined) return;
  if (path === "" || path === "/") node.paths = undefined;
  else node.paths.add(path.replace(/\/\.\//, "/"));
}

/** A directory of the client's that a step works on, or that comes out of a build, is needed with all that it holds. */
export const noteWhole = (node: Node) => notePath(node, "");

/** Files that the Dockerfile holds itself. */
export interface InlineNode extends NodeBase {
  kind: "inline";
  files: { name: string; content: string; mode?: number }[];
}

/** A file that is fetched. */
export interface HttpNode extends NodeBase {
  kind: "http";
  url: string;
  /** What it is called where it is copied to. */
  filename: string;
  checksum?: string;
}

/** A working tree of a git repository. */
export interface GitNode extends NodeBase {
  kind: "git";
  /** As it was written, where it is the context. */
  address?: string;
  remote: string;
  ref: string;
  subdir: string;
  keepsGitDir: boolean;
  hasSubmodules: boolean;
  checksum?: string;
}

/** A tree that is there for this build alone: of an archive, or of a repository. */
export interface GivenTreeNode extends NodeBase {
  kind: "tree";
  source: SourceRef;
}

export interface CopyPart {
  from: Node;
  selections: Selection[];
  unpack: "never" | "archives";
}

export interface CopyNode extends NodeBase {
  kind: "copy";
  base: Node;
  parts: CopyPart[];
  destination: string;
  /** Looked up in the base's own files. */
  chown?: string;
  chmod?: string;
  exclude: readonly string[];
  parents: boolean;
  /** Nothing of the base is read, so that the layer is the same on any other. */
  isLinked?: boolean;
}

export interface WorkdirNode extends NodeBase {
  kind: "workdir";
  base: Node;
  path: string;
  /** Whose it becomes. */
  user: string;
}

export type RunMountNode =
  | { type: "bind"; target: string; from: Node; source: string; isWritable: boolean }
  | {
      type: "cache";
      target: string;
      id: string;
      sharing: "shared" | "private" | "locked";
      from: Node | undefined;
      source: string;
      isReadOnly: boolean;
      mode: number;
      uid: number;
      gid: number;
    }
  | { type: "tmpfs"; target: string; sizeBytes: number | undefined }
  | {
      type: "secret";
      id: string;
      /** Undefined: only in the environment. */
      target: string | undefined;
      env: string | undefined;
      isRequired: boolean;
      mode: number;
      uid: number;
      gid: number;
    }
  | {
      type: "ssh";
      id: string;
      /** Undefined: the first that is free of /run/buildkit/ssh_agent.N. */
      target: string | undefined;
      isRequired: boolean;
      mode: number;
      uid: number;
      gid: number;
    };

export interface RunNode extends NodeBase {
  kind: "run";
  base: Node;
  args: string[];
  /** "NAME=VALUE". */
  env: string[];
  /** The same, but no part of what it depends on. */
  proxyEnv: string[];
  user: string;
  workingDir: string;
  hostname: string;
  network: "default" | "host" | "none";
  isInsecure: boolean;
  mounts: RunMountNode[];
  extraHosts: readonly string[];
  ulimits: readonly Ulimit[];
  shmSizeBytes: number | undefined;
  /** No part of what it depends on. */
  limits: StepLimits;
  cgroupParent: string;
  /** Full names of CDI devices. */
  devices?: readonly string[];
}

/** What a build starts from, or a step of it. */
export type Node =
  | ScratchNode
  | ImageNode
  | DirectoryNode
  | InlineNode
  | HttpNode
  | GitNode
  | GivenTreeNode
  | CopyNode
  | WorkdirNode
  | RunNode;

/** What a node needs before it can be done. */
export function inputsOf(node: Node): Node[] {
  switch (node.kind) {
    case "copy":
      return [node.base, ...node.parts.map(({ from }) => from)];
    case "workdir":
      return [node.base];
    case "run":
      return [
        node.base,
        ...node.mounts.flatMap((mount) => ("from" in mount && mount.from !== undefined ? [mount.from] : [])),
      ];
    default:
      return [];
  }
}

const digests = new WeakMap<Node, string>();

/** What progress knows a node by: equal for equal work. Ask only when the plan is complete. */
export function digestOfNode(node: Node): string {
  // From the far end on: a way through all stages may be longer than the stack is deep.
  for (const one of digests.has(node) ? [] : nodesOf(node))
    if (!digests.has(one)) digests.set(one, digestOf(one));
  return digests.get(node) as string;
}

/** Of a node whose inputs have theirs. */
function digestOf(node: Node): string {
  const { range: _, ...said } = node;
  const text = JSON.stringify(said, (_key, value: unknown) => {
    if (value instanceof Set) return [...value].sort();
    return isNode(value) && value !== said ? digests.get(value) : value;
  });
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

const kinds = new Set<unknown>([
  ...["scratch", "image", "directory", "inline", "http", "git", "tree", "copy", "workdir", "run"],
]);

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "kind" in value && kinds.has(value.kind);
}

/** All nodes that one needs, itself last, each once. */
export function nodesOf(target: Node): Node[] {
  const found = new Set<Node>();
  const way = [{ node: target, inputs: inputsOf(target).values() }];
  for (let last = way.at(-1); last; last = way.at(-1)) {
    const { value: input, done } = last.inputs.next();
    if (done) {
      found.add(last.node);
      way.pop();
    } else if (!found.has(input)) way.push({ node: input, inputs: inputsOf(input).values() });
  }
  return [...found];
}
