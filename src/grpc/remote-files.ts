import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http2";
import { posix } from "node:path";
import { type FileRange, readFolderFile } from "../build/context/folders.ts";
import { gitNode } from "../build/graph/git-address.ts";
import type { GitNode, HttpNode } from "../build/graph/nodes.ts";
import { isHttpAddress } from "../build/graph/plan-remote.ts";
import {
  type BridgeSolveRequest,
  type Result,
  readFileRequest,
  readFileResponse,
  statFileRequest,
  statFileResponse,
} from "../buildkit/messages/gateway.ts";
import type { Given } from "../buildkit/wire/message.ts";
import { type Method, unary } from "../buildkit/wire/server.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import { redactAddresses } from "../formats/redact-address.ts";
import type { Door } from "./door.ts";
import { describeFailure } from "./errors.ts";
import type { Job } from "./jobs.ts";
import { findHead } from "./result-definition.ts";

/*
 * Files that buildx looks into before it builds: a Dockerfile at an address (`-f https://…`), and bake files elsewhere. It defines a
 * source of its own, has it fetched, and reads from it.
 */

/** Capabilities that a client's definition of such a source may want. */
export const sourceCaps = [
  ...["source.http", "source.http.checksum"],
  ...[
    "source.git",
    "source.git.fullurl",
    "source.git.subdir",
    "source.git.keepgitdir",
    "source.git.httpauth",
  ],
  ...[
    "source.git.checksum",
    "source.git.skipsubmodules",
    "source.git.mountsshsock",
    "source.git.knownsshhosts",
  ],
];

/** Fetches what a definition names: one repository, or one file of the web. @throws GrpcError for anything else; EngineError */
export async function solveDefinition(
  door: Door,
  job: Job,
  { definition }: BridgeSolveRequest,
): Promise<Given<Result>> {
  const node = definition && sourceNode(definition);
  if (!node)
    throw new GrpcError(code.unknown, "only a repository or a file of the web can be defined by a client");
  const { request, events, signal } = job;
  const asked = { sessionId: request.session, session: door.sessions.get, report: events.report, signal };
  const tree = await door.builder.fetch(asked, node);
  if (job.isEnded) {
    tree.close();
    throw new Error("context canceled");
  }
  const id = randomUUID();
  job.trees.set(id, tree);
  return { ref: { id } };
}

function sourceNode(
  definition: NonNullable<BridgeSolveRequest["definition"]>,
): HttpNode | GitNode | undefined {
  const head = findHead(definition);
  if (!head) return undefined;
  const { identifier, attrs, name } = head;
  const isSet = (key: string) => attrs.get(key) === "true";
  const sum = (key: string) => attrs.get(key) || undefined;
  if (isHttpAddress(identifier)) {
    const filename = attrs.get("http.filename") || "download";
    if (posix.basename(filename) !== filename || /^\.{0,2}$|\0/.test(filename)) return undefined;
    const checksum = sum("http.checksum");
    return {
      kind: "http",
      name: name ?? redactAddresses(identifier),
      url: identifier,
      filename,
      ...(checksum && { checksum }),
    };
  }
  if (!identifier.startsWith("git://")) return undefined;
  const [, fragment = ""] = /^[^#]*(#.*)?$/s.exec(identifier) ?? [];
  const address = attrs.has("git.fullurl") ? `${attrs.get("git.fullurl")}${fragment}` : identifier;
  const more = { checksum: sum("git.checksum"), keepsGitDir: isSet("git.keepgitdir") };
  const node = gitNode(address, more);
  return {
    ...node,
    ...(name !== undefined && { name }),
    hasSubmodules: node.hasSubmodules && !isSet("git.skipsubmodules"),
  };
}

/** The methods of LLBBridge by which a client reads what was fetched. */
export function fileMethods(jobOf: (headers: IncomingHttpHeaders) => Promise<Job>): [string, Method][] {
  return [
    [
      "ReadFile",
      unary(readFileRequest, readFileResponse, async ({ ref, path, range }, { headers }) => {
        return { data: readFetched(await jobOf(headers), ref, path, range).bytes };
      }),
    ],
    [
      "StatFile",
      unary(statFileRequest, statFileResponse, async ({ ref, path }, { headers }) => {
        const { size } = readFetched(await jobOf(headers), ref, path, { offset: 0, length: 0 });
        return { stat: { path, mode: 0o644, size } };
      }),
    ],
  ];
}

/** A part of a file of what was fetched. @throws GrpcError for a file that is not there, or a part that is too large */
function readFetched(job: Job, ref: string, path: string, range: FileRange | undefined) {
  const tree = job.trees.get(ref);
  if (!tree) throw new GrpcError(code.notFound, `no such ref ${ref}`);
  try {
    const file = readFolderFile(tree.path, path, range);
    if (file) return file;
  } catch (error) {
    throw describeFailure(error);
  }
  throw new GrpcError(code.unknown, `lstat ${path}: no such file or directory`);
}
