import type { ImageAnalysis } from "../../formats/docker-api/docker-api-layers.ts";
import { formatSize } from "../../formats/units.ts";
import { ellipsis } from "../output.ts";

const shownPaths = 20;
const widest = 80;

/** The analysis as a person reads it. */
export function formatAnalysis(analysis: ImageAnalysis): string[] {
  const { Layers, Wasted, WastedFiles } = analysis;
  const rows = Layers.map(({ Number: number, Size, Added, Modified, Removed, CreatedBy }) => [
    String(number),
    formatSize(Size, 3),
    `+${Added}`,
    `~${Modified}`,
    `-${Removed}`,
    ellipsis(printable(CreatedBy), widest),
  ]);
  const wasted = Wasted.slice(0, shownPaths).map(({ Path, Copies, Bytes }) => [
    formatSize(Bytes, 3),
    String(Copies),
    `/${printable(Path)}`,
  ]);
  return [
    ...alignColumns([["LAYER", "SIZE", "ADDED", "MODIFIED", "REMOVED", "CREATED BY"], ...rows]),
    "",
    summarizeAnalysis(analysis),
    ...(wasted.length > 0 ? ["", ...alignColumns([["WASTED", "COPIES", "PATH"], ...wasted])] : []),
    ...(WastedFiles > wasted.length ? [`and ${WastedFiles - wasted.length} more`] : []),
  ];
}

export function summarizeAnalysis({ Size, WastedBytes, Efficiency }: ImageAnalysis): string {
  return `${formatSize(Size)} in files, ${formatSize(WastedBytes)} of them wasted: efficiency ${(Efficiency * 100).toFixed(1)} %`;
}

function alignColumns(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("   ")
      .trimEnd(),
  );
}

/** What an image calls its files may hold anything; a terminal is to be sent none of its commands. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
