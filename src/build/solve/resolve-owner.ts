import { checkIdRange, resolveUser, UnknownNameError } from "../../launch/user.ts";
import type { FileOwner } from "./copy-action.ts";

/**
 * Whose files become that a step makes, of "user", "user:group" or ids: in the base's own files, as BuildKit has it. A number alone is
 * also the group's, a name's group is its own; a user that is not known is root, and a group that is not known does not count.
 * @param lower the base's layers, topmost first
 * @param warn gets what is not known, and who it is instead
 * @throws EngineError invalid
 */
export async function resolveOwner(
  lower: string[],
  text: string,
  warn: (reason: string, instead: FileOwner) => void,
): Promise<FileOwner> {
  const [user = "", group = ""] = text.split(":", 2);
  const reasons: string[] = [];
  const find = async (name: string, otherwise: FileOwner): Promise<FileOwner> => {
    try {
      const { uid, gid } = await resolveUser(lower, name, []);
      return { uid, gid };
    } catch (error) {
      // Where there is no base there is nothing to look into, and BuildKit refuses it as well.
      if (lower.length === 0 || !(error instanceof UnknownNameError)) throw error;
      reasons.push(error.message);
      return otherwise;
    }
  };
  const root = { uid: 0, gid: 0 };
  const owner = user === "" ? root : isNumber(user) ? ownerByNumber(user) : await find(user, root);
  const { gid } = group === "" ? owner : await find(`0:${group}`, owner);
  const resolved = { uid: owner.uid, gid };
  if (reasons.length > 0) warn(reasons.join("; "), resolved);
  return resolved;
}

const isNumber = (user: string) => /^\d+$/.test(user);

/** @throws EngineError invalid */
function ownerByNumber(user: string): FileOwner {
  const id = Number(user);
  checkIdRange(id);
  return { uid: id, gid: id };
}
