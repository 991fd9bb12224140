const defaultKeys = "ctrl-p,ctrl-q";

/** Parses "ctrl-a,x" into the bytes typed; the default ones for "". @returns undefined for what is no keys */
export function parseDetachKeys(text: string): number[] | undefined {
  const codes = (text || defaultKeys).split(",").map(codeOf);
  return codes.every((code) => code !== undefined) ? codes : undefined;
}

function codeOf(key: string): number | undefined {
  if (Buffer.byteLength(key) === 1) return key.charCodeAt(0);
  if (key === "DEL") return 127;
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  return control === undefined ? undefined : control.toUpperCase().charCodeAt(0) & 0x1f;
}

/**
 * Looks for the keys in what is typed. Bytes that may be their beginning are held back until they are known not to be.
 * @returns for each chunk what goes on to the container, and whether the keys are complete: what follows them is dropped
 */
export function createDetachFilter(keys: number[]): (chunk: Buffer) => { output: Buffer; detached: boolean } {
  let matched = 0;
  return (chunk) => {
    const output: number[] = [];
    for (const byte of chunk) {
      if (byte !== keys[matched]) {
        output.push(...keys.slice(0, matched));
        matched = 0;
      }
      if (byte === keys[matched]) matched++;
      else output.push(byte);
      if (matched === keys.length) return { output: Buffer.from(output), detached: true };
    }
    return { output: Buffer.from(output), detached: false };
  };
}
