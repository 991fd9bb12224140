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
  let entry: PasswdEntry | undefined;
  await readLines(files, "passwd", ([name = "", , uid, gid, , home = ""]) => {
    const line = { name, uid: Number(uid) || 0, gid: Number(gid) || 0, home };
    if (gid !== undefined && !entry && isWanted(line)) entry = line;
  });
  const uid = entry?.uid ?? wantedUid;
  if (uid === undefined)
    throw new UnknownNameError(`unable to find user ${userPart}: no matching entries in passwd file`);
  const groups = await resolveGroups(files, { groupPart, userName: entry?.name, groupAdd });
  const gid = groups.gid ?? entry?.gid ?? 0;
  const additionalGids = [...new Set([gid, ...groups.memberships, ...groups.added])];
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
  const memberships: number[] = [];
  let named: number | undefined;
  await readLines(files, "group", ([name = "", , id, members = ""]) => {
    if (id === undefined) return;
    const group: GroupEntry = { name, gid: Number(id) || 0, members: `,${members},` };
    if (name === groupPart) named ??= group.gid;
    for (const wanted of groupAdd)
      if ((wanted === name || wanted === String(group.gid)) && !added.has(wanted))
        added.set(wanted, group.gid);
    if (groupPart === "" && isMember(group, userName)) memberships.push(group.gid);
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

const isMember = ({ members }: GroupEntry, userName: string | undefined) =>
  userName !== undefined && userName !== "" && !userName.includes(",") && members.includes(`,${userName},`);

/** As Go's Atoi reads it. */
function parseInteger(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

const mostId = 2_147_483_647;

/** @throws EngineError invalid */
export function checkIdRange(id: number): void {
  if (id < 0 || id > mostId) throw invalid(`uids and gids must be in range 0-${mostId}`);
}

const readAsync = promisify(read);
const chunkBytes = 64 * 1024;
const firstChunk = Buffer.alloc(chunkBytes);
const longestLine = 1 << 20;
const longestFileBytes = 64 << 20;

/**
 * Calls `take` with the fields of each line of a file; with none when there is no such file. In pieces, since it may be of any size. @throws invalid for one that is too large
 */
async function readLines(files: Files, name: keyof Files, take: (fields: string[]) => void): Promise<void> {
  const fd = files[name];
  if (fd === undefined) return;
  const takeLine = (line: string) => {
    const text = line.trim();
    if (text !== "" && !text.startsWith("#")) take(text.split(":", mostFields));
  };
  const decoder = new TextDecoder();
  let [total, rest] = [0, ""];
  const takeBytes = (bytes: Buffer) => {
    total += bytes.length;
    if (total > longestFileBytes) throw invalid(`/etc/${name} is too large`);
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) takeLine(line);
    if (rest.length > longestLine) throw invalid(`/etc/${name} has a line that is too long`);
  };
  // Nearly every file ends here: to have a thread read so little would take longer.
  const first = readSync(fd, firstChunk, 0, chunkBytes, null);
  takeBytes(firstChunk.subarray(0, first));
  if (first === chunkBytes) {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await readAsync(fd, buffer, 0, chunkBytes, null);
      if (bytesRead === 0) break;
      takeBytes(buffer.subarray(0, bytesRead));
    }
  }
  takeLine(rest);
}
