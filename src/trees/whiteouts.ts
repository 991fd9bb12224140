import type { BigIntStats, Stats } from "node:fs";
import { hasCode } from "../errors.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { getXattr } from "../sys/xattr.ts";

/*
 * Deletions: in a layer's archive `.wh.NAME` says NAME is gone, `.wh..wh..opq` that all below the directory is (OCI image
 * spec, layer.md); in an overlay's upper directory a character device 0/0 and the attribute below say the same.
 */
export const whiteoutPrefix: ByteString = ".wh.";
export const opaqueMarker: ByteString = ".wh..wh..opq";
export const opaqueXattr: ByteString = "trusted.overlay.opaque";

/** Overlay's own attributes say how layers join: never taken from an archive, never put into one. */
export function isOverlayXattr(name: ByteString): boolean {
  return name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.");
}

export function isWhiteout(stats: BigIntStats | Stats): boolean {
  return Number(stats.rdev) === 0 && stats.isCharacterDevice();
}

/** False for what has gone meanwhile. */
export function isOpaque(path: string | Buffer): boolean {
  try {
    return getXattr(path, opaqueXattr)?.toString() === "y";
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return false;
    throw error;
  }
}
