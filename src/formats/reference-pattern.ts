/**
 * Whether a familiar name ("busybox:latest") fits one of the patterns of a `reference` filter: shell patterns (*, ?, [a-z])
 * for the name with or without its tag; a star does not cross a slash.
 */
export function matchesPattern(name: string, patterns: readonly string[]): boolean {
  const repository = name.replace(/:[^:/]*$/, "");
  return patterns.some((pattern) => {
    const expression = compile(pattern);
    return expression.test(name) || expression.test(repository);
  });
}

function compile(pattern: string): RegExp {
  const source = pattern.replace(/\[[^\]]+\]|[*?]|[.+^${}()|\\[\]]/g, (part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    return part.length > 1 ? part : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}
