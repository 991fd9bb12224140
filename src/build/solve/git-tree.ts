import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { invalid, messageOf, unavailable } from "../../errors.ts";
import { redactAddresses, splitCredentials } from "../../formats/redact-address.ts";
import type { ClientSession } from "../client-session.ts";
import type { GitNode } from "../graph/nodes.ts";
import { reportWork } from "../progress.ts";
import { openAgentSocket } from "./agent-socket.ts";
import { type GitPlace, gitUser, runGit } from "./run-git.ts";
import { type FetchedSource, type Outcome, type Solving, vertexOf } from "./solving.ts";

/** Fetches a git repository's tree. */
export function fetchGitNode(solving: Omit<Solving, "file">, node: GitNode): Promise<Outcome> {
  return reportWork(solving.report, vertexOf(node), async () => {
    const path = await fetchGitTree(solving, node);
    return { kind: "tree", source: { kind: "folder", path } };
  });
}

/** @returns a directory that is there until the build is over @throws EngineError in BuildKit's words */
export async function fetchGitTree(
  { rooms, signal, onClose, session, fetched }: Omit<Solving, "file">,
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
    const { address, credentials } = splitCredentials(node.remote);
    const header = await findHeader(client, address, credentials);
    const hasAgent = client !== undefined && (await openAgent(client, work.path, closers));
    await withTimeout(signal, async (inTime) => {
      const { proxies } = rooms.images.registries.settings;
      const place = { folder: work.path, signal: inTime, hasAgent, proxies, ...(header && { header }) };
      // What git writes down of the address has no credentials in it, nor have its arguments.
      const commit = await checkOut(place, { ...node, remote: address });
      noteCommit(fetched, node, commit);
    });
    await gather(rooms.files, { node, repository, target: result.path }, signal);
    return result.path;
  } finally {
    for (const close of closers.reverse()) close();
  }
}

function noteCommit(
  fetched: FetchedSource[],
  { remote, ref, subdir, address }: GitNode,
  commit: string,
): void {
  const part = `${ref}${subdir && `:${subdir}`}`;
  const uri = redactAddresses(address ?? `${remote}${part && `#${part}`}`);
  if (!fetched.some((one) => one.uri === uri)) fetched.push({ uri, digest: { sha1: commit } });
}

/** @returns the commit */
async function checkOut(place: GitPlace, { remote, ref, checksum, hasSubmodules }: GitNode): Promise<string> {
  await runGit(place, "init", "-q");
  await runGit(place, "remote", "add", "--", "origin", remote);
  try {
    await fetchRef(place, ref || "HEAD");
  } catch (error) {
    place.signal.throwIfAborted();
    throw unavailable(`failed to fetch remote ${redactAddresses(remote)}: ${messageOf(error)}`, error);
  }
  const commit = (await runGit(place, "rev-parse", "HEAD")).trim();
  if (checksum !== undefined && !commit.startsWith(checksum))
    throw invalid(`expected checksum to match ${checksum}, got ${commit}`);
  const submodules = ["submodule", "update", "--init", "--recursive", "-q"];
  if (hasSubmodules) await shallowOrWhole((depth) => runGit(place, ...submodules, ...depth));
  return commit;
}

/** One commit alone, where the server gives that; a commit by its id may need all of the history. */
async function fetchRef(place: GitPlace, ref: string): Promise<void> {
  const fetchIt = ["fetch", "-q", "--no-tags"];
  try {
    await shallowOrWhole((depth) => runGit(place, ...fetchIt, ...depth, "origin", ref));
    await runGit(place, "checkout", "-q", "--force", "FETCH_HEAD");
  } catch (error) {
    if (!/^[0-9a-f]{7,64}$/.test(ref)) throw error;
    await runGit(place, "fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*");
    await runGit(place, "checkout", "-q", "--force", ref);
  }
}

/** Servers that only hand out files have no part of a history. */
async function shallowOrWhole(run: (depth: string[]) => Promise<unknown>): Promise<void> {
  try {
    await run(["--depth=1"]);
  } catch (error) {
    if (!/shallow/i.test(messageOf(error))) throw error;
    await run([]);
  }
}

/** For a whole repository, by whichever way it comes: a server may send a little for ever. */
const patienceMilliseconds = 30 * 60_000;

async function withTimeout<R>(signal: AbortSignal, work: (inTime: AbortSignal) => Promise<R>): Promise<R> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(unavailable("the repository was not fetched in time")),
    patienceMilliseconds,
  );
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
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

/** A token or a header that the client has for the host, or what the address had. */
async function findHeader(
  client: ClientSession | undefined,
  remote: string,
  credentials: string | undefined,
): Promise<GitPlace["header"]> {
  if (!/^https?:\/\//i.test(remote)) return undefined;
  const { host, origin } = new URL(remote);
  const find = async (name: string) =>
    ((await client?.findSecret(`${name}.${host}`)) ?? (await client?.findSecret(name)))?.toString().trim();
  const header = await find("GIT_AUTH_HEADER");
  const token = header === undefined ? await find("GIT_AUTH_TOKEN") : undefined;
  const user = token ? `x-access-token:${token}` : credentials;
  const basic = user && `basic ${Buffer.from(user).toString("base64")}`;
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
