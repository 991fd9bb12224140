/** What is another each time, or a matter of the program's name, made the same. */
const replacements: readonly [RegExp, string][] = [
  [/\bberth\b/g, "docker"],
  [/\bBerth\b/g, "Docker"],
  [/unix:\/\/\S+\.sock/g, "SOCKET"],
  [/\b(sha256:)?[0-9a-f]{64}\b/g, "ID"],
  [/\b[0-9a-f]{12}\b/g, "ID"],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d( [A-Z]+)?)?/g, "TIME"],
  [/time="[^"]*" /g, ""],
  [/\b(About )?(an?|\d+|Less than a) (second|minute|hour)s?( ago)?\b/g, "AGE"],
  [/\b\d+(\.\d+)? ?([kMG]?B)\b/g, "SIZE"],
  [/\b(10|172)\.\d+\.\d+\.\d+\b/g, "ADDRESS"],
  [/\b[a-z]+_[a-z]+\d?\b(?=\s|$)/g, "NAME"],
  [/^(\S+\s+)?\d{3,7}\s+(\d+\s+)?/gm, "$1PID "],
  [/[ \t]+/g, " "],
  [/ $/gm, ""],
];

export function normalize(text: string, line: string): string {
  // Where help is broken into lines is a matter of taste.
  const joined = line.includes("--help") ? text.replace(/\s+/g, " ") : text;
  return replacements.reduce((result, [pattern, by]) => result.replace(pattern, by), joined).trim();
}
