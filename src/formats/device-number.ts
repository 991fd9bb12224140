/** A device number as stat(2) gives it (makedev(3)), in its two parts. */
export function decodeDevice(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn)),
  };
}

export function encodeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return (b & 0xffn) | ((a & 0xfffn) << 8n) | ((b & ~0xffn & 0xffffffffn) << 12n) | ((a & ~0xfffn) << 32n);
}
