const padding = 3;

/**
 * Aligns tab-separated lines as Go's tabwriter does with Docker's settings: a column reaches over consecutive lines
 * that have it, is at least 10 wide, and has 3 spaces after its widest cell. The text after a line's last tab is free.
 */
export function formatColumns(text: string, { minWidth = 10 }: { minWidth?: number } = {}): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths: number[] = [];
  const output: string[] = [];

  const emit = (from: number, to: number) => {
    for (const cells of lines.slice(from, to)) {
      output.push(
        cells
          .map((cell, index) => (index < cells.length - 1 ? padCell(cell, widths[index] ?? 0) : cell))
          .join(""),
      );
    }
  };
  const layOut = (from: number, to: number) => {
    const column = widths.length;
    const hasColumn = (index: number) => column < (lines[index]?.length ?? 0) - 1;
    let done = from;
    for (let index = from; index < to; index++) {
      if (!hasColumn(index)) continue;
      emit(done, index);
      let width = minWidth;
      let end = index;
      for (; end < to && hasColumn(end); end++)
        width = Math.max(width, widthOf(lines[end]?.[column] ?? "") + padding);
      widths.push(width);
      layOut(index, end);
      widths.pop();
      done = end;
      index = end - 1;
    }
    emit(done, to);
  };
  layOut(0, lines.length);
  return output.join("\n");
}

const firstOfPair = /[\ud800-\udbff]/;

/** In characters. */
function widthOf(text: string): number {
  if (!firstOfPair.test(text)) return text.length;
  let pairs = 0;
  for (let at = 0; at < text.length - 1; at++) if (isPair(text, at)) pairs++;
  return text.length - pairs;
}

/** Whether one character begins there that JavaScript has as two. */
function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}

const padCell = (cell: string, width: number) => cell + " ".repeat(Math.max(0, width - widthOf(cell)));
