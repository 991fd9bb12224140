/** One alone, or several as the points of a list, those of a list within it further to the right. */
export function joinReasons(reasons: readonly string[]): string {
  if (reasons.length === 1) return reasons[0] ?? "";
  return reasons.map((reason) => `* ${reason.replaceAll("\n", "\n\t")}`).join("\n");
}
