const headerBytes = 44;

/**
 * The abbreviation ("CET") of the zone file's (RFC 8536) latest rule with that offset; undefined when it has none, or is no
 * zone file. JavaScript knows offsets, but names only in the reader's own language.
 */
export function findZoneAbbreviation(file: Buffer, offsetSeconds: number): string | undefined {
  if (file.length < headerBytes || file.toString("latin1", 0, 4) !== "TZif") return undefined;
  const [timeCount, typeCount, nameBytes] = [32, 36, 40].map((at) => file.readUInt32BE(at)) as [
    number,
    number,
    number,
  ];
  const indexAt = headerBytes + timeCount * 4;
  const typeAt = indexAt + timeCount;
  const nameAt = typeAt + typeCount * 6;
  if (file.length < nameAt + nameBytes) return undefined;
  const nameOf = (type: number) => {
    const start = nameAt + file.readUInt8(typeAt + type * 6 + 5);
    return file.toString("latin1", start, file.indexOf(0, start));
  };
  const hasOffset = (type: number) =>
    type < typeCount && file.readInt32BE(typeAt + type * 6) === offsetSeconds;
  for (let index = timeCount - 1; index >= 0; index--) {
    const type = file.readUInt8(indexAt + index);
    if (hasOffset(type)) return nameOf(type);
  }
  for (let type = 0; type < typeCount; type++) if (hasOffset(type)) return nameOf(type);
  return undefined;
}
