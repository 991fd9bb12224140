import { parseDetachKeys as parseKeys } from "../formats/detach-keys.ts";

/** The keys of `--detach-keys`. A wrong text gives the default ones: the daemon has refused it by then. */
export function readDetachKeys(text: string): Buffer {
  return Buffer.from(parseKeys(text) ?? parseKeys("") ?? []);
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
