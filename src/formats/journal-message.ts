/** A message to journald in its native protocol (systemd's JOURNAL_NATIVE_PROTOCOL.md). */
export function encodeJournal(fields: Record<string, string>): Buffer {
  return Buffer.concat(Object.entries(fields).map(([name, value]) => encodeField(name, value)));
}

function encodeField(name: string, value: string): Buffer {
  if (!value.includes("\n")) return Buffer.from(`${name}=${value}\n`);
  const text = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, text, Buffer.from("\n")]);
}

/** Capital letters, digits and underscores, a letter first; undefined where nothing is left. */
export function journalName(text: string): string | undefined {
  const name = text
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/^[_0-9]+/, "");
  return name === "" ? undefined : name.slice(0, 64);
}
