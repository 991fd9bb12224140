const lengthBytes = 2;

/** A message as it goes over TCP, RFC 1035 4.2.2. */
export function frameMessage(message: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** The inverse for a stream that comes in pieces of any size. It keeps one message at most, and copies each byte twice at most. */
export function createMessageReader(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  let gathered = 0;
  /** Bytes until there is something to read: the length, then the message. */
  let wanted = lengthBytes;

  return (chunk) => {
    pending.push(chunk);
    gathered += chunk.length;
    while (gathered >= wanted) {
      const bytes = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
      const end = lengthBytes + bytes.readUInt16BE(0);
      const isWhole = gathered >= end;
      const rest = isWhole ? bytes.subarray(end) : bytes;
      pending = rest.length > 0 ? [rest] : [];
      gathered = rest.length;
      wanted = isWhole ? lengthBytes : end;
      if (isWhole) onMessage(bytes.subarray(lengthBytes, end));
    }
  };
}
