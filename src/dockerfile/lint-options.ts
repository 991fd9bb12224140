import { invalid } from "../errors.ts";
import { parseGoBool } from "../formats/go-bool.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { type LintRule, lintRules } from "./lint-rules.ts";

/** What `# check=` says, or the build argument BUILDKIT_DOCKERFILE_CHECK in its place. */
export interface LintOptions {
  skipped: ReadonlySet<string> | "all";
  experimental: ReadonlySet<string> | "all";
  /** What is found fails the build. */
  isError: boolean;
}

/** `skip=A,B;error=true;experimental=all`. @throws EngineError invalid, in BuildKit's words */
export function parseLintOptions(text: string): LintOptions {
  const options: LintOptions = { skipped: new Set(), experimental: new Set(), isError: false };
  for (const part of text.trim() === "" ? [] : text.split(";")) {
    const equals = part.indexOf("=");
    const [name, value] = [part.slice(0, equals).trim(), part.slice(equals + 1).trim()];
    if (equals < 0) throw wrong(`invalid check option ${quoteGo(part)}`);
    if (name === "skip") options.skipped = readRules(value);
    else if (name === "experimental") options.experimental = readRules(value);
    else if (name === "error") options.isError = readBoolean(part, value);
    else throw wrong(`invalid check option ${quoteGo(name)}`);
  }
  return options;
}

const wrong = (message: string) => invalid(`failed to parse check options: ${message}`);

function readRules(value: string): LintOptions["skipped"] {
  return value === "all" ? "all" : new Set(value.split(",").map((rule) => rule.trim()));
}

function readBoolean(part: string, value: string): boolean {
  const bool = parseGoBool(value);
  if (bool !== undefined) return bool;
  const parsing = `strconv.ParseBool: parsing ${quoteGo(value)}: invalid syntax`;
  throw wrong(`failed to parse check option ${quoteGo(part)}: ${parsing}`);
}

export function isWanted(rule: LintRule, { skipped, experimental }: LintOptions): boolean {
  const has = (rules: LintOptions["skipped"]) => rules === "all" || rules.has(rule);
  return "isExperimental" in lintRules[rule] ? has(experimental) : !has(skipped);
}
