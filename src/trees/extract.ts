import { EngineError, hasCode, internal, messageOf } from "../errors.ts";
import type { ByteString, TarEntry } from "../formats/tar/tar-entry.ts";
import type { TarEvent } from "../formats/tar/tar-reader.ts";
import type { Owner } from "./extract-attributes.ts";
import { makeEntry, quote, type Target } from "./extract-entry.ts";
import { abandonFile, finishFile, type OpenFile, writeFile } from "./extract-file.ts";
import { createNameMemory } from "./extract-memory.ts";
import { createParents } from "./extract-parents.ts";
import { createDirectoryTimes } from "./extract-times.ts";
import { createWhiteouts } from "./extract-whiteouts.ts";

export interface ExtractOptions {
  /** Open directory that no name and no link leads out of. Stays the caller's to close. */
  rootFd: number;
  /** Where in the root the archive's names start: "" or "a/b", which exists. */
  base: ByteString;
  /** Turns the archive's whiteouts into overlay's: for layers. Else they are files like any other. */
  whiteouts: boolean;
  /** Long runs of zeros are left out of files: archives rarely say what was a hole. */
  makesHoles?: boolean;
  /** An entry for the root itself sets its attributes; by default only with `whiteouts`. */
  setsRoot?: boolean;
  /** Instead of the owners in the archive. */
  owner?: Owner;
  /** Refuse to put a file where a directory is, or the other way round. */
  keepTypes?: boolean;
  /** Called before something that the archive brought, or was there, makes way for what it brings later; may throw. */
  onReplace?: () => void;
}

export interface Extraction {
  take(event: TarEvent): void;
  /** Sets what had to wait until all entries were there. */
  finish(): void;
  /** Closes descriptors. Call it in any case. */
  close(): void;
  /** Bytes of file content so far. */
  readonly sizeBytes: number;
  /** Something the archive brought was replaced by what it brought later, and is not there any more. */
  readonly hasReplaced: boolean;
}

/**
 * Writes the entries of an archive into a directory tree: owners, modes with setuid, extended attributes, times,
 * links, devices. Synchronous, for a worker thread.
 * @throws invalid for an entry that leads outside; internal when the file system refuses
 */
export function createExtraction(options: ExtractOptions): Extraction {
  const memory = createNameMemory();
  const parents = createParents(options.rootFd, options.base);
  const directoryTimes = createDirectoryTimes(parents, memory);
  const whiteouts = options.whiteouts ? createWhiteouts(options.rootFd, memory) : undefined;
  let file: OpenFile | undefined;
  let current: TarEntry | undefined;
  let sizeBytes = 0;
  let hasReplaced = false;
  const target: Target = {
    rootFd: options.rootFd,
    ...{ parents, directoryTimes, whiteouts },
    ownerOf: (entry) => options.owner ?? entry,
    keepsTypes: options.keepTypes ?? false,
    setsRoot: options.setsRoot ?? options.whiteouts,
    makesHoles: options.makesHoles ?? false,
    onReplace() {
      options.onReplace?.();
      hasReplaced = true;
    },
  };

  function takeEvent(event: TarEvent): void {
    switch (event.kind) {
      case "entry":
        current = event.entry;
        file = makeEntry(target, event.entry);
        break;
      case "data":
        if (file) writeFile(file, event.data);
        sizeBytes += event.data.length;
        break;
      case "hole":
        if (file) file.at += event.lengthBytes;
        break;
      default: {
        const finished = file;
        file = undefined;
        if (finished) finishFile(finished);
      }
    }
  }

  return {
    take(event) {
      try {
        takeEvent(event);
      } catch (error) {
        throw explain(error, current);
      }
    },
    finish() {
      try {
        whiteouts?.apply();
        directoryTimes.apply();
      } catch (error) {
        throw explain(error, undefined);
      }
    },
    close() {
      if (file) abandonFile(file);
      file = undefined;
      parents.close();
    },
    get sizeBytes() {
      return sizeBytes;
    },
    get hasReplaced() {
      return hasReplaced;
    },
  };
}

/** Names the entry instead of the descriptor that a system error names. */
function explain(error: unknown, entry: TarEntry | undefined): unknown {
  if (error instanceof EngineError) return error;
  const where = entry ? ` ${quote(entry.name)}` : "";
  if (hasCode(error, "ENOSPC")) return internal(`failed to extract${where}: no space left on device`, error);
  if (hasCode(error, "EDQUOT")) return internal(`failed to extract${where}: disk quota exceeded`, error);
  const reason = messageOf(error).replace(/\s*'?\/proc\/self\/fd\/.*$/s, "");
  return internal(`failed to extract${where}: ${reason}`, error);
}
