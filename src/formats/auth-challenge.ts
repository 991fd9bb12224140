/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case: "bearer", "basic". */
  scheme: string;
  /** Names in lower case. */
  parameters: Record<string, string>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const schemePattern = new RegExp(`(${token})`, "y");
const parameterPattern = new RegExp(`(${token})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`, "y");
const separator = /[ \t,]*/y;

/**
 * Reads one header or several joined by commas. A comma separates parameters as well as challenges; a word that is not followed
 * by "=" begins a challenge. What cannot be read ends it: the challenges before that count.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(separator);
    const parameter = challenges.length > 0 ? take(parameterPattern) : null;
    if (parameter) {
      const [, name = "", quoted, plain = ""] = parameter;
      const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, "$1");
      challenges.at(-1)!.parameters[name.toLowerCase()] ??= value;
      continue;
    }
    const scheme = take(schemePattern)?.[1];
    if (!scheme) return challenges;
    challenges.push({ scheme: scheme.toLowerCase(), parameters: Object.create(null) });
  }
}
