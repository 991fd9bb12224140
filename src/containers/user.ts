import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { invalid } from "../errors.ts";
import type { User } from "../runtime/spec.ts";
import { openInRoot } from "../sys/safe-path.ts";

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
}
interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

/**
 * Resolves `--user` ("", "name", "uid", "name:group", "uid:gid") in the container's own /etc/passwd and /etc/group, as Docker does.
 * @param layers directories of the root file system, topmost first
 * @param groupAdd `--group-add`: names or ids
 * @throws EngineError invalid when a name is not there
 */
export function resolveUser(layers: string[], user: string, groupAdd: string[]): User {
  const passwd = parsePasswd(readFromLayers(layers, "etc/passwd"));
  const groups = parseGroup(readFromLayers(layers, "etc/group"));
  const [userPart = "", groupPart = ""] = user.split(":", 2);
  const entry = findUser(passwd, userPart || "0");
  const uid = entry?.uid ?? parseId(userPart || "0");
  if (uid === undefined) throw invalid(`unable to find user ${userPart}: no matching entries in passwd file`);
  const gid = groupPart ? resolveGroup(groups, groupPart) : (entry?.gid ?? 0);
  const memberships =
    groupPart || !entry
      ? []
      : groups.filter(({ members }) => members.includes(entry.name)).map((group) => group.gid);
  const added = groupAdd.map((group) => resolveGroup(groups, group));
  return { uid, gid, additionalGids: [...new Set([gid, ...memberships, ...added])] };
}

function findUser(entries: PasswdEntry[], name: string): PasswdEntry | undefined {
  return entries.find((entry) => entry.name === name) ?? entries.find((entry) => String(entry.uid) === name);
}

function resolveGroup(groups: GroupEntry[], name: string): number {
  const gid = groups.find((group) => group.name === name)?.gid ?? parseId(name);
  if (gid === undefined) throw invalid(`unable to find group ${name}: no matching entries in group file`);
  return gid;
}

function parseId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= 0x7fffffff ? Number(text) : undefined;
}

function parsePasswd(text: string): PasswdEntry[] {
  return parseLines(text, 4).map(([name = "", , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

function parseGroup(text: string): GroupEntry[] {
  return parseLines(text, 3).map(([name = "", , gid, members = ""]) => {
    return { name, gid: Number(gid), members: members.split(",").filter((member) => member !== "") };
  });
}

function parseLines(text: string, fields: number): string[][] {
  const lines = text.split("\n").map((line) => line.trim().split(":"));
  return lines.filter((line) => line.length >= fields && line[0] !== "" && !line[0]?.startsWith("#"));
}

const largestFileBytes = 1 << 20;

/** The text of a small file in the topmost layer that has it; "" when none has. No link leads out of a layer. */
function readFromLayers(layers: string[], path: string): string {
  for (const layer of layers) {
    const root = openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const fd = openInRoot(root, path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const stat = fstatSync(fd);
        if (stat.isCharacterDevice()) return "";
        if (stat.isFile() && stat.size <= largestFileBytes) return readFileSync(fd, "utf8");
      } finally {
        closeSync(fd);
      }
    } catch {
      // Not in this layer.
    } finally {
      closeSync(root);
    }
  }
  return "";
}
