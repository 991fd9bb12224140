import { formatSize } from "./units.ts";

/**
 * The bar and figures that Docker's daemon writes beside the bare numbers, for clients that show them as they are:
 * `[=====>      ]  1.2MB/3.4MB`. "" when there is nothing to show.
 */
export function formatProgressBar({ current = 0, total = 0 }: { current?: number; total?: number }): string {
  if (current <= 0 && total <= 0) return "";
  const done = formatSize(current).padStart(8);
  if (total <= 0) return done;
  const filled = Math.min(50, Math.trunc((current / total) * 50));
  const bar = `[${"=".repeat(filled)}>${" ".repeat(50 - filled)}] `;
  return bar + (current > total ? done : `${done}/${formatSize(total)}`);
}
