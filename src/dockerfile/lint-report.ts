import type { LintWarning, Range } from "./instructions.ts";
import { isWanted, type LintOptions } from "./lint-options.ts";
import { type LintRule, lintRules } from "./lint-rules.ts";
import { linesRange } from "./parse-error.ts";
import { type Comparisons, newComparisons } from "./suggest.ts";

/** A word of a rule's text that is found when the text is written. */
export type LateWord = (comparisons: Comparisons) => string;

/** @param words what the rule's text is about, in its order */
export type Report = (rule: LintRule, range: Range, ...words: (string | LateWord)[]) => void;

const mostWarnings = 1000;

/** Collects what the options ask for. */
export function openReport(options: LintOptions): { warnings: LintWarning[]; report: Report } {
  const warnings: LintWarning[] = [];
  const comparisons = newComparisons();
  const report: Report = (rule, range, ...words) => {
    if (warnings.length >= mostWarnings || !isWanted(rule, options)) return;
    const { description, detail } = lintRules[rule] as {
      description: string;
      detail: (...words: string[]) => string;
    };
    warnings.push({
      rule,
      description,
      url: urlOf(rule),
      detail: detail(...words.map((word) => (typeof word === "string" ? word : word(comparisons)))),
      ranges: lineRanges(range),
    });
  };
  return { warnings, report };
}

function urlOf(rule: LintRule): string {
  const words = rule.split(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/);
  return `https://docs.docker.com/go/dockerfile/rule/${words.join("-").toLowerCase()}/`;
}

/** More of them, and they are one range. */
const mostLines = 100;

/** A range for each line, as BuildKit has them. */
export function lineRanges({ start, end }: Range): Range[] {
  const count = end.line - start.line + 1;
  if (count > mostLines) return [{ start, end }];
  return Array.from({ length: count }, (_, at) => linesRange(start.line + at, start.line + at));
}

/** As progress shows it. */
export function lintSummary({ rule, detail, ranges }: LintWarning): string {
  const line = ranges[0]?.start.line ?? 0;
  return `${rule}: ${detail}${line > 0 ? ` (line ${line})` : ""}`;
}

/** What a build fails with when the options say that warnings are errors; undefined without warnings. */
export function lintError(warnings: readonly LintWarning[], { isError }: LintOptions): string | undefined {
  if (!isError || warnings.length === 0) return undefined;
  const rules = [...new Set(warnings.map(({ rule }) => rule))].toSorted();
  return `lint violation found for rules: ${rules.join(", ")}`;
}
