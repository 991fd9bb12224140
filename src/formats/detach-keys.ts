import { invalid } from "../errors.ts";

const defaultKeys = "ctrl-p,ctrl-q";

/** Parses "ctrl-a,x" into the bytes typed. @throws EngineError invalid */
export function parseDetachKeys(text: string): number[] {
  return (text || defaultKeys).split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (!control) throw invalid(`Invalid detach keys (${text}) provided: Unknown character: '${key}'`);
    return control.toUpperCase().charCodeAt(0) & 0x1f;
  });
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
