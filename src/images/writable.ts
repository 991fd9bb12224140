import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";

/** The two directories that an overlay's mount needs to be written to. */
export interface Writable {
  upper: string;
  work: string;
}

export function writableIn(folder: string): Writable {
  return { upper: `${folder}/upper`, work: `${folder}/work` };
}

/**
 * Makes them, with the folder for both. The upper one has the mode and owner of the topmost layer's root, which is what is seen as "/".
 * @throws an error with `code`
 */
export function makeWritable(folder: string, top: string | undefined): Writable {
  const { upper, work } = writableIn(folder);
  mkdirSync(upper, { recursive: true, mode: 0o755 });
  mkdirSync(work, { mode: 0o700 });
  chmodSync(folder, 0o710);
  if (top === undefined) return { upper, work };
  const { uid, gid, mode } = statSync(top);
  chownSync(upper, uid, gid);
  chmodSync(upper, mode & 0o7777);
  return { upper, work };
}
