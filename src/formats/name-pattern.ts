import { RE2JS } from "re2js";
import { invalid } from "../errors.ts";

/** Characters that mean something in a regular expression. */
const meta = /[\\^$.|?*+()[\]{}]/;
/** Compiling takes some microseconds for each instruction, so that this is a few milliseconds. */
const largest = { characters: 512, instructions: 4000 };

/**
 * Compiles a name filter of the API: a regular expression of Go's syntax that matches anywhere in the name. The test takes
 * time in proportion to the name. As in Docker, what is not a regular expression matches nothing.
 * @throws EngineError invalid for one that is too large
 */
export function compileNamePattern(text: string): (name: string) => boolean {
  if (!meta.test(text)) return (name) => name.includes(text);
  if (text.length > largest.characters || estimateInstructions(text) > largest.instructions) {
    throw invalid(`invalid filter 'name=${text.slice(0, 64)}': expression is too large`);
  }
  const pattern = compile(text);
  return (name) => pattern?.matcher(name).find() ?? false;
}

function compile(text: string): RE2JS | undefined {
  try {
    return RE2JS.compile(text);
  } catch {
    return undefined;
  }
}

/** Not less than the size of the compiled expression, counted repeats being written out: `x{9}` is nine times x. */
function estimateInstructions(text: string): number {
  let sum = 1;
  let product = 1;
  for (const [, before, low = "1", high = ""] of text.matchAll(/(^|.)\{(\d{1,6})(?:,(\d{0,6}))?\}/gs)) {
    const count = Math.max(Number(low), Number(high), 1);
    if (before === ")") product *= count;
    else sum += count;
  }
  return text.length * sum * product;
}
