export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const magics: [Compression, number[]][] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];

/** The bytes `detectCompression` needs to see. */
export const magicBytes = 6;

/** Tells how a stream is compressed from its first bytes. */
export function detectCompression(start: Uint8Array): Compression {
  const found = magics.find(([, magic]) => magic.every((byte, index) => start[index] === byte));
  return found ? found[0] : "none";
}
