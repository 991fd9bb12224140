import { plainText } from "./ansi.ts";
import { parseFieldFilter, parseFields } from "./fields.ts";
import type { LogLine } from "./line-store.ts";

/** Which lines are shown, and which of them match the search. */
export interface LogQuery {
  search: string;
  isOnlyMatches: boolean;
  fields: string;
}

export interface LineTest {
  isShown(line: LogLine): boolean;
  isMatch(line: LogLine): boolean;
  /** Finds what is searched for within a text; undefined without a search. */
  pattern: RegExp | undefined;
}

export function testOf({ search, isOnlyMatches, fields }: LogQuery): LineTest {
  const pattern =
    search === "" ? undefined : new RegExp(search.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gi");
  const fieldTest = fields.trim() === "" ? undefined : parseFieldFilter(fields);
  const isMatch = ({ text }: LogLine) => {
    if (!pattern) return false;
    pattern.lastIndex = 0;
    return pattern.test(text.includes("\x1b") ? plainText(text) : text);
  };
  const fits = ({ text }: LogLine) => {
    if (!fieldTest) return true;
    const found = parseFields(text);
    return found !== undefined && fieldTest(found);
  };
  return {
    pattern,
    isMatch,
    isShown: (line) => fits(line) && (!isOnlyMatches || !pattern || isMatch(line)),
  };
}

/** What a view of a log draws: its lines, and which of them match. */
export interface LogSelection {
  lines: readonly LogLine[];
  /** Places in `lines`. */
  matches: readonly number[];
}

const linesPerSlice = 4000;

/**
 * Goes through all lines a slice at a time, so that the page stays quick while a hundred thousand are searched.
 * @param onFailure called before an error of the test's is thrown: nothing follows then
 * @returns what ends it
 */
export function selectLines(
  lines: readonly LogLine[],
  test: LineTest,
  onReady: (found: LogSelection) => void,
  onFailure = () => {},
): () => void {
  const shown: LogLine[] = [];
  const matches: number[] = [];
  let at = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const takeSlice = () => {
    for (const line of lines.slice(at, at + linesPerSlice)) {
      if (!test.isShown(line)) continue;
      if (test.pattern && test.isMatch(line)) matches.push(shown.length);
      shown.push(line);
    }
    at += linesPerSlice;
  };
  const goOn = () => {
    try {
      takeSlice();
    } catch (error) {
      onFailure();
      throw error;
    }
    if (at < lines.length) timer = setTimeout(goOn);
    else onReady({ lines: shown, matches });
  };
  goOn();
  return () => clearTimeout(timer);
}

/** Selects as often as it is asked to. A pass that runs is finished first unless the test is another, however often it is asked meanwhile. */
export interface Selecting {
  select(lines: () => readonly LogLine[], test: LineTest): void;
  stop(): void;
}

export function createSelecting(onReady: (found: LogSelection) => void): Selecting {
  let running: LineTest | undefined;
  let isStale = false;
  let stopPass = () => {};
  const stop = () => {
    stopPass();
    running = undefined;
  };
  const begin = (lines: () => readonly LogLine[], test: LineTest) => {
    running = test;
    isStale = false;
    const take = (found: LogSelection) => {
      running = undefined;
      onReady(found);
      if (isStale) begin(lines, test);
    };
    stopPass = selectLines(lines(), test, take, () => {
      running = undefined;
    });
  };
  return {
    stop,
    select(lines, test) {
      if (running === test) {
        isStale = true;
        return;
      }
      stop();
      begin(lines, test);
    },
  };
}
