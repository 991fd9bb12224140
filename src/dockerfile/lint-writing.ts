import type { Dockerfile } from "./instructions.ts";
import type { Report } from "./lint-report.ts";
import { linesRange } from "./parse-error.ts";
import type { Statement } from "./statements.ts";

/* What is wrong with how a Dockerfile is written, whatever its variables are. */

export function lintContinuations(statements: readonly Statement[], report: Report): void {
  for (const { hasGap, lastLine } of statements)
    if (hasGap) report("NoEmptyContinuation", linesRange(lastLine, lastLine));
}

/** FROM, MAINTAINER, and what comments say of names. */
export function lintStatements(statements: readonly Statement[], report: Report): void {
  for (const statement of statements) {
    const keyword = statement.keyword.toUpperCase();
    if (keyword === "FROM") lintFromWords(statement, report);
    else if (keyword === "MAINTAINER") report("MaintainerDeprecated", statement.range);
    else if (keyword === "ARG") {
      const names = statement.args.map((word) => word.split("=")[0]!);
      lintComment("ARG", names, statement, report);
    }
  }
}

function lintFromWords(statement: Statement, report: Report): void {
  const { keyword, args, range } = statement;
  const [, as, alias] = args;
  if (as === undefined || alias === undefined) return;
  if (alias !== alias.toLowerCase()) report("StageNameCasing", range, alias);
  const isLower = keyword === keyword.toLowerCase();
  const expected = isLower ? as.toLowerCase() : as.toUpperCase();
  if ((isLower || keyword === keyword.toUpperCase()) && as !== expected)
    report("FromAsCasing", range, keyword, as);
  lintComment("FROM", [alias.toLowerCase()], statement, report);
}

function lintComment(keyword: string, names: string[], { comments, range }: Statement, report: Report): void {
  const last = comments.at(-1);
  if (last === undefined || names.includes(last.split(" ")[0]!)) return;
  const example = names.length === 1 ? names[0]! : "<arg_key>";
  report("InvalidDefinitionDescription", range, keyword, example);
}

export function lintStageNames({ stages }: Dockerfile, report: Report): void {
  const names = new Set<string>();
  for (const { name, from } of stages) {
    if (name === undefined) continue;
    if (name === "context" || name === "scratch") report("ReservedStageName", from.range, name);
    if (names.has(name)) report("DuplicateStageName", from.range, name);
    names.add(name);
  }
}

/** Of the instructions from the first FROM on. */
export function lintCasing(statements: readonly Statement[], report: Report): void {
  const first = statements.findIndex(({ keyword }) => keyword.toUpperCase() === "FROM");
  const inStages = statements.slice(first);
  const isLower = (keyword: string) => keyword === keyword.toLowerCase();
  const isUpper = (keyword: string) => keyword === keyword.toUpperCase();
  const lower = inStages.filter(({ keyword }) => isLower(keyword)).length;
  const upper = inStages.filter(({ keyword }) => isUpper(keyword)).length;
  const [fits, casing] = lower > upper ? [isLower, "lowercase"] : [isUpper, "uppercase"];
  for (const { keyword, range } of inStages)
    if (!fits(keyword)) report("ConsistentInstructionCasing", range, keyword, casing);
}
