import { type EngineError, internal } from "../errors.ts";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { listDirectory } from "../sys/safe-path.ts";
import { createDescent } from "./descent.ts";

/** For a path longer than `longestPathBytes`. */
export function tooLong(path: ByteString): EngineError {
  return internal(`file name too long: ${textOfBytes(path.slice(0, 64))}...`);
}

export interface WalkedEntry {
  /** The directory it is in, open until the walk goes on. */
  readonly directoryFd: number;
  readonly name: ByteString;
  /** From the root of the walk. */
  readonly path: ByteString;
  /** Has the walk go into it once its siblings have been given. Nothing happens when it is no directory by then. */
  enter(): void;
}

/**
 * All below an open directory, by descriptor, however deep, and even while others change it: the entries of a directory, then those
 * of the entered ones among them. Synchronous, for a worker thread.
 * @param list gives the names in an open directory: in order, or `eachName`, which does not hold all of them
 * @throws SyscallError; internal when directories are moved about below it
 */
export function* walkTree(
  rootFd: number,
  list: (fd: number) => Iterable<ByteString> = listDirectory,
): Generator<WalkedEntry> {
  const descent = createDescent(rootFd);
  const levels: { path: ByteString; entered: ByteString[] }[] = [];

  function* giveAll(path: ByteString): Generator<WalkedEntry> {
    const entered: ByteString[] = [];
    for (const name of list(descent.fd)) {
      const enter = () => void entered.push(name);
      yield { directoryFd: descent.fd, name, path: path === "" ? name : `${path}/${name}`, enter };
    }
    levels.push({ path, entered: entered.reverse() });
  }

  try {
    yield* giveAll("");
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const name = level.entered.pop();
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0) descent.leave();
      } else if (descent.enter(name)) yield* giveAll(level.path === "" ? name : `${level.path}/${name}`);
    }
  } finally {
    descent.close();
  }
}
