import { closeSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { EngineError, invalid } from "../errors.ts";
import type { User } from "../runtime/process.ts";
import { type MergedRoot, openMergedRoot } from "../trees/merged.ts";

/** Of a line: its fields, as far as anything here looks at them. */
interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}
interface GroupEntry {
  name: string;
  gid: number;
  /** With a comma before and after each. */
  members: string;
}

/** More of a line has no meaning, and an image may have any number of them. */
const mostFields = 7;

/** A user or a group is not in the files that say who there is. */
export class UnknownNameError extends EngineError {
  constructor(message: string) {
    super("invalid", message);
  }
}

/**
 * Resolves `--user` ("", "name", "uid", "name:group", "uid:gid") in the container's own /etc/passwd and /etc/group, as Docker does:
 * a number is an id and never a name, and the first line that fits counts.
 * @param layers directories of the root file system, topmost first
 * @param groupAdd `--group-add`: names or ids
 * @throws EngineError invalid when a name is not there
 */
export async function resolveUser(layers: string[], user: string, groupAdd: string[]): Promise<User> {
  const files = openFiles(layers);
  try {
    return await resolveIn(files, user, groupAdd);
  } finally {
    for (const fd of Object.values(files)) if (fd !== undefined) closeSync(fd);
  }
}

/** Open, as far as they are there. */
interface Files {
  passwd: number | undefined;
  group: number | undefined;
}

function openFiles(layers: string[]): Files {
  const root = openMergedRoot(layers);
  try {
    return { passwd: findFile(root, "etc/passwd"), group: findFile(root, "etc/group") };
  } finally {
    root.close();
  }
}

/** One that cannot be opened is not there. */
function findFile(root: MergedRoot, path: string): number | undefined {
  try {
    return root.findFile(path);
  } catch {
    return undefined;
  }
}

async function resolveIn(files: Files, user: string, groupAdd: string[]): Promise<User> {
  const [userPart = "", groupPart = ""] = user.split(":", 2);
  const wantedUid = userPart === "" ? 0 : parseInteger(userPart);
  const isWanted = ({ name, uid }: PasswdEntry) =>
    wantedUid === undefined ? name === userPart : uid === wantedUid;
  const wanted = wantedUid === undefined ? { names: [userPart] } : { ids: [wantedUid] };
  let entry: PasswdEntry | undefined;
  await readLines(files, "passwd", findLines(wanted), ([name = "", , uid = "", gid, , home = ""]) => {
    const line = { name, uid: parseId(uid), gid: parseId(gid ?? ""), home };
    if (gid !== undefined && isWanted(line)) entry = line;
    return entry !== undefined;
  });
  const uid = entry?.uid ?? wantedUid;
  if (uid === undefined)
    throw new UnknownNameError(`unable to find user ${userPart}: no matching entries in passwd file`);
  const groups = await resolveGroups(files, { groupPart, userName: entry?.name, groupAdd });
  const gid = groups.gid ?? entry?.gid ?? 0;
  const additionalGids = [...new Set([gid, ...groups.memberships, ...groups.added])];
  if (additionalGids.length > mostGroups) throw invalid(`user ${userPart} is in too many groups`);
  for (const id of [uid, ...additionalGids]) checkIdRange(id);
  return { uid, gid, additionalGids, home: entry?.home || "/" };
}

/** One reading of the group file for all that is asked of it. */
async function resolveGroups(
  files: Files,
  { groupPart, userName, groupAdd }: { groupPart: string; userName: string | undefined; groupAdd: string[] },
) {
  const wantedGid = parseInteger(groupPart);
  const added = new Map<string, number>();
  const memberships = new Set<number>();
  let named: number | undefined;
  const asked = [...new Set(groupPart === "" ? groupAdd : [groupPart, ...groupAdd])];
  const pattern = findLines({
    names: asked,
    ids: groupAdd.map(parseInteger).filter((id) => id !== undefined),
    member: groupPart === "" ? userName : undefined,
  });
  await readLines(files, "group", pattern, ([name = "", , id, members = ""]) => {
    if (id === undefined) return false;
    const group: GroupEntry = { name, gid: parseId(id), members: `,${members},` };
    if (name === groupPart) named ??= group.gid;
    for (const wanted of groupAdd)
      if ((wanted === name || wanted === String(group.gid)) && !added.has(wanted))
        added.set(wanted, group.gid);
    if (groupPart === "" && isMember(group, userName)) memberships.add(group.gid);
    // The kernel takes no more.
    return memberships.size > mostGroups;
  });
  const gid = groupPart === "" ? undefined : (wantedGid ?? named);
  if (groupPart !== "" && gid === undefined)
    throw new UnknownNameError(`unable to find group ${groupPart}: no matching entries in group file`);
  return {
    gid,
    memberships,
    added: groupAdd.map((wanted) => {
      const found = added.get(wanted) ?? parseInteger(wanted);
      if (found === undefined)
        throw new UnknownNameError(`unable to find group ${wanted}: no matching entries in group file`);
      return found;
    }),
  };
}

/**
 * Finds the lines that may be asked for, by a line feed and what comes after it. Only those are taken apart: the file is the
 * container's, who may make it large, and it is read for each health check.
 * @returns undefined when none is asked for
 */
function findLines(wanted: {
  names?: string[];
  ids?: number[];
  member?: string | undefined;
}): RegExp | undefined {
  const { names = [], ids = [], member = "" } = wanted;
  const field = "[^:\n]*:";
  const blanks = String.raw`[^\S\n]*`;
  const zero = String.raw`(?:[+-]?0+|(?![+-]?\d+[:\n])[^:\n]*)`;
  const isId = (id: number) => (id === 0 ? zero : `[+-]?0*${Math.abs(id)}`);
  const ways = [
    ...names.map((name) => `${blanks}${RegExp.escape(name)}:`),
    ...ids.map((id) => `${field}${field}${isId(id)}${blanks}[:\n]`),
    ...(member === ""
      ? []
      : [`${field}${field}${field}(?:[^:\n]*,)?${RegExp.escape(member)}${blanks}[,:\n]`]),
  ];
  return ways.length > 0 ? new RegExp(`\n(?:${ways.join("|")})`, "g") : undefined;
}

const isMember = ({ members }: GroupEntry, userName: string | undefined) =>
  userName !== undefined && userName !== "" && !userName.includes(",") && members.includes(`,${userName},`);

/** As Go's Atoi reads it. */
function parseInteger(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

/** As Docker: what is no number counts as 0; one that is too large for an id stays so, and is refused. */
const parseId = (text: string) => (/^[+-]?\d+$/.test(text) ? Number(text) : 0);

const mostId = 2_147_483_647;
/** The kernel's (NGROUPS_MAX). */
const mostGroups = 65_536;

/** @throws EngineError invalid */
export function checkIdRange(id: number): void {
  if (id < 0 || id > mostId) throw invalid(`uids and gids must be in range 0-${mostId}`);
}

const readAsync = promisify(read);
const chunkBytes = 64 * 1024;
const firstChunk = Buffer.alloc(chunkBytes);
const longestLine = 1 << 20;
const longestFileBytes = 16 << 20;

/**
 * Calls `take` with the fields of each line that the pattern finds, until it returns true; with none when there is no such file. In
 * pieces, since it may be of any size. @throws invalid for one that is too large
 */
async function readLines(
  files: Files,
  name: keyof Files,
  pattern: RegExp | undefined,
  take: (fields: string[]) => boolean,
): Promise<void> {
  const fd = files[name];
  if (fd === undefined || !pattern) return;
  const decoder = new TextDecoder();
  let [total, rest] = [0, "\n"];
  /** @returns true when no more is wanted */
  const takeBytes = (bytes: Buffer) => {
    total += bytes.length;
    if (total > longestFileBytes) throw invalid(`/etc/${name} is too large`);
    const text = rest + decoder.decode(bytes, { stream: true });
    const end = text.lastIndexOf("\n");
    rest = text.slice(end);
    if (rest.length > longestLine) throw invalid(`/etc/${name} has a line that is too long`);
    return takeFound(text.slice(0, end + 1), pattern, take);
  };
  // Nearly every file ends here: to have a thread read so little would take longer.
  const first = readSync(fd, firstChunk, 0, chunkBytes, null);
  if (takeBytes(firstChunk.subarray(0, first))) return;
  if (first === chunkBytes) {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await readAsync(fd, buffer, 0, chunkBytes, null);
      if (bytesRead === 0) break;
      if (takeBytes(buffer.subarray(0, bytesRead))) return;
    }
  }
  takeFound(`${rest}\n`, pattern, take);
}

/** @param text whole lines, between line feeds. @returns true when no more is wanted */
function takeFound(text: string, pattern: RegExp, take: (fields: string[]) => boolean): boolean {
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const end = text.indexOf("\n", found.index + 1);
    const line = text.slice(found.index + 1, end).trim();
    if (!line.startsWith("#") && take(line.split(":", mostFields))) return true;
    pattern.lastIndex = end;
  }
  return false;
}
