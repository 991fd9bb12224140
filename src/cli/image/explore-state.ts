import type { LayerView, TreeRow } from "../../formats/image-tree-view.ts";

/** What a person sees of an image at a moment, and where the cursor is. */
export interface ExploreState {
  /** Which list the arrow keys move in. */
  focus: "layers" | "files";
  layer: number;
  /** Undefined until the layer's files have come. */
  view: LayerView | undefined;
  open: Set<string>;
  row: number;
  filter: string;
  /** What is typed belongs to the filter. */
  isFiltering: boolean;
  changesOnly: boolean;
  /** A file that is being read; lines without what would command the terminal. */
  file: { path: string; lines: readonly string[]; top: number } | undefined;
}

/** What is to be done beyond the state. */
export type ExploreEffect =
  | { kind: "layer"; number: number }
  | { kind: "file"; path: string }
  | { kind: "quit" };

export interface ExploreKey {
  /** As Node's readline calls it. */
  name: string;
  /** What it types. */
  text: string;
  isControl: boolean;
}

export function startExploring(layer: number): ExploreState {
  return {
    ...{ focus: "layers", layer, view: undefined, open: new Set(), row: 0, filter: "" },
    ...{ isFiltering: false, changesOnly: false, file: undefined },
  };
}

export const shownRows = ({ view, open, filter, changesOnly }: ExploreState): TreeRow[] =>
  view?.rows({ open, filter, changesOnly }) ?? [];

/** @param page lines that fit on the screen @param layers how many there are. @returns what a key leads to, and changes the state */
export function press(
  state: ExploreState,
  key: ExploreKey,
  page: number,
  layers: number,
): ExploreEffect | undefined {
  if (key.isControl) return key.name === "c" ? { kind: "quit" } : undefined;
  if (state.isFiltering) return typeFilter(state, key);
  if (state.file) return scrollFile(state, state.file, key, page);
  const steps: Record<string, number> = { up: -1, k: -1, down: 1, j: 1, pageup: -page, pagedown: page };
  const step = key.name === "home" ? -Infinity : key.name === "end" ? Infinity : steps[key.name];
  if (step !== undefined)
    return state.focus === "layers" ? moveLayer(state, step, layers) : moveRow(state, step);
  switch (key.name) {
    case "q":
      return { kind: "quit" };
    case "tab":
      state.focus = state.focus === "layers" ? "files" : "layers";
      return undefined;
    case "u":
      state.changesOnly = !state.changesOnly;
      return moveRow(state, -Infinity);
    case "escape":
      state.filter = "";
      return moveRow(state, -Infinity);
    default:
      if (key.text === "/") {
        state.isFiltering = true;
        state.focus = "files";
        return undefined;
      }
      return state.focus === "files" ? openOrClose(state, key) : undefined;
  }
}

const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));

function moveLayer(state: ExploreState, step: number, layers: number): ExploreEffect | undefined {
  const number = within(state.layer + step, layers);
  if (number === state.layer) return undefined;
  state.layer = number;
  state.row = 0;
  return { kind: "layer", number };
}

function moveRow(state: ExploreState, step: number): undefined {
  state.row = within(state.row + step, shownRows(state).length);
}

function openOrClose(state: ExploreState, key: ExploreKey): ExploreEffect | undefined {
  const row = shownRows(state)[state.row];
  if (!row) return undefined;
  const isDirectory = row.entry.Kind === "directory";
  const wants = { right: true, l: true, left: false, h: false, return: !row.isOpen, space: !row.isOpen };
  const isWanted = wants[key.name as keyof typeof wants];
  if (isWanted === undefined) return undefined;
  if (!isDirectory) {
    const isRead = isWanted && row.change !== "removed";
    return isRead ? { kind: "file", path: row.path } : undefined;
  }
  if (isWanted) state.open.add(row.path);
  else state.open.delete(row.path);
  return undefined;
}

function typeFilter(state: ExploreState, { name, text }: ExploreKey): undefined {
  if (name === "return" || name === "escape") state.isFiltering = false;
  if (name === "escape") state.filter = "";
  else if (name === "backspace") state.filter = state.filter.slice(0, -1);
  else if (name !== "return" && text >= " ") state.filter += text;
  state.row = 0;
}

function scrollFile(
  state: ExploreState,
  file: NonNullable<ExploreState["file"]>,
  { name }: ExploreKey,
  page: number,
): undefined {
  const steps: Record<string, number> = { up: -1, k: -1, down: 1, j: 1, pageup: -page, pagedown: page };
  const step = name === "home" ? -Infinity : name === "end" ? Infinity : steps[name];
  if (step !== undefined) file.top = within(file.top + step, Math.max(1, file.lines.length - page + 1));
  if (name === "escape" || name === "q" || name === "left" || name === "h") state.file = undefined;
}
