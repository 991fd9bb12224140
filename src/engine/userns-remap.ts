import { execFile } from "node:child_process";
import { closeSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { invalid, messageOf, unavailable } from "../errors.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import { concatenateRanges, findFreeStart, findSubordinateRanges } from "../formats/subordinate-ids.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import type { Logger } from "../logger.ts";
import { checkMappable } from "../sys/idmapped-mount.ts";
import { makeUserNamespace } from "../sys/user-namespace.ts";

/** Of the user that "default" stands for. */
const defaultUser = "dockremap";
const defaultSize = 65_536;

/** Where users and their ranges are looked up, and how programs are run. */
export interface RemapSources {
  /** The folder of passwd, group, subuid and subgid. */
  etc: string;
  /** @returns what it writes. @throws Error when it fails */
  run(program: string, words: string[]): Promise<string>;
}

const ofThisMachine: RemapSources = {
  etc: "/etc",
  async run(program, words) {
    const { stdout } = await promisify(execFile)(program, words, { encoding: "utf8" });
    return stdout;
  },
};

/**
 * What `userns-remap` comes to on this machine: "default", "USER", "USER:GROUP", by name or id.
 * @returns undefined for none. @throws EngineError invalid in Docker's words
 */
export async function resolveRemap(
  given: string,
  logger: Pick<Logger, "warn" | "info">,
  sources = ofThisMachine,
): Promise<IdMapping | undefined> {
  if (given === "") return undefined;
  if (given === "default") await makeDefaultUser(logger, sources);
  const mapping = await findRemap(given, sources);
  if (!mapping) logger.warn("User namespaces: root cannot be remapped with itself; user namespaces are OFF");
  return mapping;
}

/** Looks up whether there are such a user and its ids, and makes none. @throws EngineError invalid in Docker's words */
export async function checkRemap(given: string, sources = ofThisMachine): Promise<void> {
  // The user that it stands for is made at the engine's start.
  if (given !== "" && given !== "default") await findRemap(given, sources);
}

/** @returns undefined for root, who cannot be remapped with itself */
async function findRemap(given: string, sources: RemapSources): Promise<IdMapping | undefined> {
  const [userPart = "", groupPart, ...others] = given.split(":");
  if (others.length > 0) throw invalid(`Invalid user/group specification in --userns-remap: "${given}"`);
  const user = await findEntry(sources, "passwd", given === "default" ? defaultUser : userPart);
  const group = groupPart === undefined ? user : await findEntry(sources, "group", groupPart);
  if (user.name === "root") return undefined;
  const ranges = (file: string) => findSubordinateRanges(readText(sources, file), { ...user, uid: user.id });
  const ofGroup = findSubordinateRanges(readText(sources, "subgid"), { ...group, uid: group.id });
  const [uids, gids] = [ranges("subuid"), ranges("subgid")];
  const missing = uids.length === 0 ? "subuid" : gids.length + ofGroup.length === 0 ? "subgid" : undefined;
  if (missing)
    throw invalid(
      `Can't create ID mappings: no ${missing} ranges found for user "${user.name}": add a line such as ` +
        `"${user.name}:100000:65536" to /etc/${missing}`,
    );
  return { uids: concatenateRanges(uids), gids: concatenateRanges(gids.length > 0 ? gids : ofGroup) };
}

interface Entry {
  name: string;
  id: number;
}

/** By name or id, in the file or wherever else the machine has its users. @throws EngineError invalid in Docker's words */
async function findEntry(sources: RemapSources, file: "passwd" | "group", wanted: string): Promise<Entry> {
  const isId = /^\d+$/.test(wanted);
  const find = (text: string) =>
    text
      .split("\n")
      .map((line) => line.split(":"))
      .find(([name, , id]) => (isId ? id === wanted : name === wanted && wanted !== ""));
  // One such as "-s" would be an option.
  const isAskable = wanted !== "" && !wanted.startsWith("-");
  const elsewhere = () => (isAskable ? sources.run("getent", [file, wanted]).catch(() => "") : "");
  const [name, , id] = find(readText(sources, file)) ?? find(await elsewhere()) ?? [];
  if (name && id) return { name, id: Number(id) };
  const reason = `getent unable to find entry "${wanted}" in ${file} database`;
  if (isId)
    throw invalid(`${file === "passwd" ? "Uid" : "Gid"} ${wanted} has no entry in /etc/${file}: ${reason}`);
  throw invalid(`Error during ${file === "passwd" ? "uid" : "groupname"} lookup for "${wanted}": ${reason}`);
}

function readText({ etc }: RemapSources, file: string): string {
  const path = join(etc, file);
  return existsSync(path) ? readFileSync(path, "latin1") : "";
}

/** As Docker: the user is made when it is missing, and gets ranges when it has none. @throws EngineError unavailable */
async function makeDefaultUser(logger: Pick<Logger, "info">, sources: RemapSources): Promise<void> {
  const find = () => findEntry(sources, "passwd", defaultUser).catch(() => undefined);
  try {
    if (!(await find())) {
      const shell = "/usr/sbin/nologin";
      await sources.run("useradd", [
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        shell,
        defaultUser,
      ]);
      logger.info({ user: defaultUser }, "the user for remapped containers was made");
    }
    const { id = -1 } = (await find()) ?? {};
    for (const [file, flag] of [
      ["subuid", "--add-subuids"],
      ["subgid", "--add-subgids"],
    ] as const) {
      const text = readText(sources, file);
      if (findSubordinateRanges(text, { name: defaultUser, uid: id }).length > 0) continue;
      const start = findFreeStart(text);
      await sources.run("usermod", [flag, `${start}-${start + defaultSize - 1}`, defaultUser]);
    }
  } catch (error) {
    throw unavailable(
      `could not make the user ${defaultUser} for userns-remap: ${messageOf(error).trim()}: make it by hand, or name another user`,
      error,
    );
  }
}

/** Overlays on mapped layers. */
const leastKernel = [5, 19] as const;

/** A user namespace that maps as those of containers do, for mounts that are made without a container. */
export interface HeldUserNamespace extends UserNamespaceChoice {
  close(): void;
}

/** Makes the folders that are checked. @throws EngineError invalid, unavailable */
export async function openRemap(
  { usernsRemap, root, execRoot }: { usernsRemap: string; root: string; execRoot: string },
  logger: Logger,
): Promise<HeldUserNamespace | undefined> {
  const mapping = await resolveRemap(usernsRemap, logger);
  if (!mapping) return undefined;
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const { userFd, netFd } = makeUserNamespace(mapping);
  closeSync(netFd);
  const close = () => closeSync(userFd);
  try {
    checkPlaces(userFd, root, execRoot);
  } catch (error) {
    close();
    throw error;
  }
  logger.info({ user: usernsRemap, ...mapping }, "containers run in user namespaces");
  return { path: `/proc/${process.pid}/fd/${userFd}`, mapping, close };
}

/**
 * Refuses what would fail each container's start: an old kernel, a file system without idmapped mounts, folders that are closed to the
 * containers' root. @throws EngineError unavailable
 */
function checkPlaces(userFd: number, root: string, execRoot: string): void {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (major < leastKernel[0] || (major === leastKernel[0] && minor < leastKernel[1]))
    throw unavailable(`userns-remap needs Linux ${leastKernel.join(".")} or later: this is ${release()}`);
  try {
    checkMappable(root, userFd);
  } catch (error) {
    throw unavailable(
      `userns-remap cannot be used with this data root: ${messageOf(error)}; move it to ext4, XFS or btrfs`,
      error,
    );
  }
  for (let path = execRoot; path !== "/"; path = dirname(path)) {
    const { mode } = statSync(path);
    if ((mode & 1) === 0)
      throw unavailable(
        `a directory in the path of exec-root (${path}) restricts access to the remapped root: allow 'o+x' on it`,
      );
  }
}
