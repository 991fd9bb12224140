import { invalid } from "../../errors.ts";
import { blockBytes, type TarEntry } from "./tar-entry.ts";
import { createTarExtensions, isExtension } from "./tar-extensions.ts";
import { decodeHeader, readNumber, type TarHeader } from "./tar-header.ts";
import type { PaxRecords } from "./tar-pax.ts";
import { readGnuContinuation, readGnuHeader, readPaxSparse } from "./tar-sparse.ts";
import type { SparseContent } from "./tar-sparse-body.ts";

/** An entry of which all is known but its body. */
export interface StartedEntry {
  entry: TarEntry;
  /** Of the body, without the padding. */
  storedBytes: number;
  sparse?: SparseContent;
}

/** Reads all that comes before an entry's body: header blocks, extensions, and the map of GNU's old sparse format. */
export interface StartReader {
  /** How large the next part is: a block, or the body of an extension. */
  readonly nextBytes: number;
  /** @returns undefined when more belongs to the entry; "archiveEnd" for a block of zeros. @throws invalid */
  take(part: Buffer): StartedEntry | "archiveEnd" | undefined;
  /** More must come. */
  readonly isInside: boolean;
}

const gnuSparseFlag = "S";
/** Numbers in the map of a sparse file. */
const longestMap = 2 * 65_536;

/** @param limitBytes of one extension */
export function createStartReader(limitBytes: number): StartReader {
  const extensions = createTarExtensions();
  let extension: TarHeader | undefined;
  let continued: { header: TarHeader; sizeBytes: number; numbers: number[] } | undefined;

  function start(header: TarHeader, gnu?: SparseContent): StartedEntry {
    const { entry, pax } = extensions.apply(header);
    return describe(entry, pax, gnu);
  }

  function readHeader(block: Buffer) {
    const header = decodeHeader(block);
    if (!header) return "archiveEnd";
    if (isExtension(header, limitBytes)) {
      if (header.sizeBytes > 0) extension = header;
      return undefined;
    }
    if (header.typeFlag !== gnuSparseFlag) return start(header);
    const { isContinued, ...gnu } = readGnuHeader(block, readNumber);
    if (!isContinued) return start(header, gnu);
    continued = { header, ...gnu };
    return undefined;
  }

  function continueMap(block: Buffer, { header, ...gnu }: NonNullable<typeof continued>) {
    const { numbers, isContinued } = readGnuContinuation(block, readNumber);
    gnu.numbers.push(...numbers);
    if (gnu.numbers.length > longestMap) throw invalid("invalid tar header: its extension is too large");
    if (isContinued) return undefined;
    continued = undefined;
    return start(header, gnu);
  }

  return {
    get nextBytes() {
      return extension?.sizeBytes ?? blockBytes;
    },
    take(part) {
      if (extension) {
        extensions.take(extension.typeFlag, part);
        extension = undefined;
        return undefined;
      }
      return continued ? continueMap(part, continued) : readHeader(part);
    },
    get isInside() {
      return Boolean(extension || continued) || extensions.isWaiting;
    },
  };
}

function describe(
  entry: TarEntry,
  pax: PaxRecords | undefined,
  gnu: SparseContent | undefined,
): StartedEntry {
  const storedBytes = entry.sizeBytes;
  const told = pax && readPaxSparse(pax);
  const sparse = gnu ?? (entry.type === "file" ? told : undefined);
  if (!sparse) return { entry, storedBytes };
  if (told?.name) entry.name = told.name;
  entry.sizeBytes = sparse.sizeBytes;
  entry.isSparse = true;
  return { entry, storedBytes, sparse };
}
