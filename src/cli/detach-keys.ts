const defaultKeys = Buffer.from([0x10, 0x11]);

/** Parses `ctrl-p,ctrl-q` or `a,b`; an empty or wrong text gives the default, ctrl-p ctrl-q. */
export function parseDetachKeys(text: string): Buffer {
  if (text === "") return defaultKeys;
  const bytes: number[] = [];
  for (const key of text.split(",")) {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key);
    if (control !== null) bytes.push(control[1]!.toUpperCase().charCodeAt(0) & 0x1f);
    else if (key.length === 1) bytes.push(key.charCodeAt(0));
    else return defaultKeys;
  }
  return Buffer.from(bytes);
}

/** Holds a beginning of the sequence back until it is complete, or turns out to be something else. */
export function createEscapeDetector(keys: Buffer) {
  let matched = 0;
  return {
    push(chunk: Buffer): { bytes: Buffer; isDetach: boolean } {
      const output: number[] = [];
      for (const byte of chunk) {
        if (byte === keys[matched]) {
          matched++;
          if (matched < keys.length) continue;
          matched = 0;
          return { bytes: Buffer.from(output), isDetach: true };
        }
        output.push(...keys.subarray(0, matched));
        matched = byte === keys[0] ? 1 : 0;
        if (matched === 0) output.push(byte);
      }
      return { bytes: Buffer.from(output), isDetach: false };
    },
  };
}
