/** Arrows move the focus from row to row. @returns whether the key was one of these */
export function moveFocus(event: KeyboardEvent): boolean {
  const row = event.currentTarget as HTMLElement;
  if (event.target !== row) return false;
  const table = row.closest<HTMLElement>(".table");
  const rows = [...(row.parentElement?.querySelectorAll<HTMLElement>(":scope > .row") ?? [])];
  const at = rows.indexOf(row);
  const edges: Record<string, number> = { Home: 0, End: Number.MAX_SAFE_INTEGER };
  const edge = edges[event.key];
  if (edge !== undefined && table) {
    event.preventDefault();
    table.scrollTop = edge;
    requestAnimationFrame(() => requestAnimationFrame(() => focusEdge(table, edge > 0)));
    return true;
  }
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return false;
  event.preventDefault();
  const next = rows[at + step];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

function focusEdge(table: HTMLElement, isLast: boolean): void {
  const rows = table.querySelectorAll<HTMLElement>(".table-body > .row");
  rows[isLast ? rows.length - 1 : 0]?.focus({ preventScroll: true });
}
