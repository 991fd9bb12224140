import type { FrameEncoder } from "../formats/archive-frame.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import type { TarEvent } from "../formats/tar/tar-reader.ts";
import { splitPath } from "../sys/safe-path.ts";
import { whiteoutPrefix } from "./whiteouts.ts";

/** Follows a layer's archive while it is read, and keeps all of it but the files' content. */
export interface FrameRecorder {
  /** The parts of the archive that no event reports. */
  framing(bytes: Buffer): void;
  take(event: TarEvent): void;
}

export function createFrameRecorder(encoder: Pick<FrameEncoder, "bytes" | "content">): FrameRecorder {
  /** Undefined where what the archive holds makes no file. */
  let path: ByteString | undefined;
  let at = 0;
  return {
    framing: encoder.bytes,
    take(event) {
      if (event.kind === "entry") {
        const parts = splitPath(event.entry.name);
        const isFile = event.entry.type === "file" && !parts?.at(-1)?.startsWith(whiteoutPrefix);
        path = isFile ? parts?.join("/") || undefined : undefined;
        at = 0;
      } else if (event.kind === "hole") {
        at += event.lengthBytes;
      } else if (event.kind === "data") {
        const { length } = event.data;
        if (path === undefined || !encoder.content(path, at, length)) encoder.bytes(event.data);
        at += length;
      }
    },
  };
}
