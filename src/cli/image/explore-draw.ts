import type { ImageAnalysis } from "../../formats/docker-api/docker-api-layers.ts";
import type { TreeRow } from "../../formats/image-tree-view.ts";
import { formatSize } from "../../formats/units.ts";
import { printable, summarizeAnalysis } from "./explore-report.ts";
import { type ExploreState, shownRows } from "./explore-state.ts";

const frameLines = 4;
const colors = { added: 32, modified: 33, removed: 31, unchanged: 0 };
const signs = { added: "+", modified: "~", removed: "-", unchanged: " " };
const keys = "tab: other list   enter: open   /: filter   u: changes only   q: quit";

/** Lines of the lists that fit. */
export const pageOf = (rows: number) => Math.max(3, rows - frameLines);

/** The whole screen as lines, none wider than it. */
export function drawExplorer(
  state: ExploreState,
  { name, analysis }: { name: string; analysis: ImageAnalysis },
  { rows, columns, hasColors }: { rows: number; columns: number; hasColors: boolean },
): string[] {
  const page = pageOf(rows);
  const head = `${printable(name)}: ${summarizeAnalysis(analysis)}`;
  if (state.file) {
    const { path, lines, top } = state.file;
    const shown = lines.slice(top, top + page).map((line) => fit(line, columns));
    return [bold(fit(`/${printable(path)}`, columns)), "", ...fill(shown, page), fit("q: back", columns)];
  }
  const left = Math.max(20, Math.floor(columns * 0.4));
  const right = Math.max(20, columns - left - 3);
  const layers = drawLayers(state, analysis, left);
  const files = drawFiles(state, right, hasColors);
  const layerLines = scrollTo(layers, state.layer, page, " ".repeat(left));
  const fileLines = scrollTo(files, state.row, page, "");
  const titles = `${bold(fit("LAYERS", left).padEnd(left))} │ ${bold(fit(titleOf(state), right))}`;
  const body = layerLines.map((line, at) => `${line} │ ${fileLines[at] ?? ""}`);
  const foot = state.isFiltering || state.filter ? `filter: ${printable(state.filter)}` : keys;
  return [bold(fit(head, columns)), titles, ...body, fit(foot, columns)];
}

const titleOf = ({ layer, changesOnly }: ExploreState) =>
  changesOnly ? `CHANGES OF LAYER ${layer}` : `FILES UP TO LAYER ${layer}`;

function drawLayers(state: ExploreState, { Layers }: ImageAnalysis, width: number): string[] {
  return Layers.map(({ Number: number, Size, CreatedBy }) => {
    const size = formatSize(Size, 3).padStart(8);
    const text = fit(`${String(number).padStart(3)} ${size}  ${printable(CreatedBy)}`, width).padEnd(width);
    return number === state.layer ? mark(text, state.focus === "layers") : text;
  });
}

function drawFiles(state: ExploreState, width: number, hasColors: boolean): string[] {
  if (!state.view) return ["reading the layer…"];
  const rows = shownRows(state);
  if (rows.length === 0) return [state.filter ? "nothing has this in its path" : "nothing"];
  return rows.map((row, at) => {
    const text = fit(describe(row), width);
    if (at === state.row) return mark(text.padEnd(width), state.focus === "files");
    return row.change === "unchanged" || !hasColors ? text : `\u001b[${colors[row.change]}m${text}\u001b[0m`;
  });
}

function describe({ entry, name, depth, change, sizeBytes, isOpen }: TreeRow): string {
  const mode = entry.Mode.toString(8).padStart(4, "0");
  const owner = `${entry.UID}:${entry.GID}`.padEnd(9);
  const size = formatSize(sizeBytes, 3).padStart(8);
  const folder = entry.Kind === "directory" ? (isOpen ? "▾ " : "▸ ") : "  ";
  const target = entry.Target === undefined ? "" : ` → ${entry.Target}`;
  return `${signs[change]} ${mode} ${owner} ${size}  ${"  ".repeat(Math.min(depth, 40))}${folder}${printable(name + target)}`;
}

/** The part of a list that has the cursor's line in it. */
function scrollTo(lines: readonly string[], cursor: number, page: number, blank: string): string[] {
  const top = Math.max(0, Math.min(cursor - Math.floor(page / 2), lines.length - page));
  return fill(lines.slice(top, top + page), page, blank);
}

const fill = (lines: readonly string[], page: number, blank = "") =>
  Array.from({ length: page }, (_, at) => lines[at] ?? blank);

function fit(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

const bold = (text: string) => `\u001b[1m${text}\u001b[0m`;
const mark = (text: string, hasFocus: boolean) => `\u001b[${hasFocus ? 7 : 4}m${text}\u001b[0m`;
