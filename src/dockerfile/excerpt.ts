import type { Range } from "./instructions.ts";

/** Of what is marked. */
const mostLines = 200;

/**
 * The lines of a file that ranges mark, with two lines around one, and one around several, as BuildKit's clients print them.
 * @returns undefined when the file has no such lines
 */
export function formatExcerpt(
  file: string,
  lines: readonly string[],
  ranges: readonly Range[],
): string | undefined {
  const first = Math.min(...ranges.map(({ start }) => start.line));
  const end = Math.max(...ranges.map(({ end }) => end.line));
  const last = Math.min(end, lines.length, first + mostLines - 1);
  if (ranges.length === 0 || first > lines.length || first < 1) return undefined;
  let [from, to] = [first, last];
  const wanted = first === last ? 4 : 2;
  for (let added = 0; added < wanted; added++) {
    if (from > 1) {
      from--;
      added++;
    }
    if (to < lines.length) {
      to++;
      added++;
    }
  }
  const isMarked = (line: number) => ranges.some(({ start, end }) => start.line <= line && line <= end.line);
  const rule = "-".repeat(20);
  const shown = lines.slice(from - 1, to).map((line, at) => {
    const number = from + at;
    return ` ${String(number).padStart(3)} | ${isMarked(number) ? ">>>" : "   "} ${line}`;
  });
  return [`${file}:${first}`, rule, ...shown, rule, ""].join("\n");
}
