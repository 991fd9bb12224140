import { plainText } from "./ansi.ts";
import type { OutputName } from "./frames.ts";

export interface LogLine {
  /** Counted from the first that came, those that are no longer kept included. */
  number: number;
  /** Which of the view's containers has printed it. */
  source: number;
  stream: OutputName;
  /** RFC 3339, as the engine has it. */
  time: string;
  /** With its escapes. */
  text: string;
  /** Columns that it takes, without escapes. */
  width: number;
}

/** The last lines of some logs. What is kept is bounded in lines and in characters, and a line in its length. */
export interface LineStore {
  lines: LogLine[];
  /** How many were dropped at the front. */
  dropped: number;
  add(source: number, stream: OutputName, time: string, text: string): void;
  clear(): void;
}

export const mostLines = 100_000;
const mostCharacters = 64 << 20;
const longestLine = 10_000;

export function createLineStore(): LineStore {
  let characters = 0;
  let sequence = 0;
  const store: LineStore = {
    lines: [],
    dropped: 0,
    add(source, stream, time, whole) {
      const text =
        whole.length > longestLine ? `${whole.slice(0, longestLine)}… +${whole.length - longestLine}` : whole;
      store.lines.push({ number: sequence++, source, stream, time, text, width: widthOf(text) });
      characters += text.length;
      // A tenth at once, since each removal at the front moves all others.
      if (store.lines.length > mostLines) drop(mostLines / 10);
      else if (characters > mostCharacters) drop(Math.ceil(store.lines.length / 10));
    },
    clear() {
      store.lines = [];
      store.dropped = 0;
      characters = 0;
    },
  };
  function drop(count: number): void {
    for (const { text } of store.lines.slice(0, count)) characters -= text.length;
    store.lines = store.lines.slice(count);
    store.dropped += count;
  }
  return store;
}

/** East Asian characters and pictures take two columns. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\ud800-\udbff][\udc00-\udfff]/g;
const plain = /^[\x20-\x7e]*$/;

function widthOf(text: string): number {
  if (plain.test(text)) return text.length;
  const shown = plainText(text).replaceAll("\t", "        ");
  return shown.length + (shown.match(wide)?.filter((one) => one.length === 1).length ?? 0);
}
