import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { invalid, messageOf, unavailable } from "../../errors.ts";
import type { ClientSession } from "../client-session.ts";
import type { GitNode } from "../graph/nodes.ts";
import { reportWork } from "../progress.ts";
import { openAgentSocket } from "./agent-socket.ts";
import { type GitPlace, gitUser, runGit } from "./run-git.ts";
import { type Outcome, type Solving, vertexOf } from "./solving.ts";

/** Fetches a git repository's tree. */
export function fetchGitNode(solving: Omit<Solving, "file">, node: GitNode): Promise<Outcome> {
  return reportWork(solving.report, vertexOf(node), async () => {
    const path = await fetchGitTree(solving, node);
    return { kind: "tree", source: { kind: "folder", path } };
  });
}

/** @returns a directory that is there until the build is over @throws EngineError in BuildKit's words */
export async function fetchGitTree(
  { rooms, signal, onClose, session }: Omit<Solving, "file">,
  node: GitNode,
): Promise<string> {
  const [work, result] = [rooms.folders.make(), rooms.folders.make()];
  onClose(result.release);
  const closers = [work.release];
  try {
    const repository = join(work.path, "repository");
    mkdirSync(repository, { mode: 0o700 });
    for (const path of [work.path, repository]) chownSync(path, gitUser, gitUser);
    const client = await session("").catch(() => undefined);
    const header = client && (await findHeader(client, node.remote));
    const hasAgent = client !== undefined && (await openAgent(client, work.path, closers));
    const place = { folder: work.path, signal, hasAgent, ...(header && { header }) };
    await checkOut(place, node);
    await gather(rooms.files, { node, repository, target: result.path }, signal);
    return result.path;
  } finally {
    for (const close of closers.reverse()) close();
  }
}

async function checkOut(place: GitPlace, { remote, ref, checksum, hasSubmodules }: GitNode): Promise<void> {
  await runGit(place, "init", "-q");
  await runGit(place, "remote", "add", "--", "origin", remote);
  try {
    await fetchRef(place, ref || "HEAD");
  } catch (error) {
    place.signal.throwIfAborted();
    throw unavailable(`failed to fetch remote ${remote}: ${messageOf(error)}`, error);
  }
  const commit = (await runGit(place, "rev-parse", "HEAD")).trim();
  if (checksum !== undefined && !commit.startsWith(checksum))
    throw invalid(`expected checksum to match ${checksum}, got ${commit}`);
  if (hasSubmodules) await runGit(place, "submodule", "update", "--init", "--recursive", "--depth=1", "-q");
}

/** One commit alone, where the server gives that; a commit by its id may need all of the history. */
async function fetchRef(place: GitPlace, ref: string): Promise<void> {
  const shallow = ["fetch", "-q", "--depth=1", "--no-tags", "origin"];
  try {
    await runGit(place, ...shallow, ref);
    await runGit(place, "checkout", "-q", "--force", "FETCH_HEAD");
  } catch (error) {
    if (!/^[0-9a-f]{7,64}$/.test(ref)) throw error;
    await runGit(place, "fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*");
    await runGit(place, "checkout", "-q", "--force", ref);
  }
}

interface Gathering {
  node: GitNode;
  repository: string;
  target: string;
}

/** What was checked out becomes root's, as if root had. */
async function gather(
  files: Solving["rooms"]["files"],
  { node, repository, target }: Gathering,
  signal: AbortSignal,
): Promise<void> {
  const subdir = node.subdir
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/");
  const exclude = node.keepsGitDir ? [] : ["**/.git"];
  await files.run({ kind: "gather", source: repository, part: subdir, target, exclude }, signal);
}

/** A token or a header that the client has for the host. */
async function findHeader(client: ClientSession, remote: string): Promise<GitPlace["header"]> {
  if (!/^https?:\/\//i.test(remote)) return undefined;
  const { host, origin } = new URL(remote);
  const find = async (name: string) =>
    ((await client.findSecret(`${name}.${host}`)) ?? (await client.findSecret(name)))?.toString().trim();
  const header = await find("GIT_AUTH_HEADER");
  const token = header === undefined ? await find("GIT_AUTH_TOKEN") : undefined;
  const basic = token && `basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  const value = header ?? basic;
  return value === undefined ? undefined : { origin, value: `Authorization: ${value}` };
}

async function openAgent(client: ClientSession, folder: string, closers: (() => void)[]): Promise<boolean> {
  if (!(await client.hasAgent("default"))) return false;
  const owner = { mode: 0o600, uid: gitUser, gid: gitUser };
  const socket = await openAgentSocket(join(folder, "agent"), owner, () => client.openAgent("default"));
  closers.push(socket.close);
  return true;
}
