/** What a login's form sends. A token is pasted, often with a line's end; a password counts to its last blank. */
export const loginFields = (entries: Iterable<readonly [string, unknown]>): Record<string, string> =>
  Object.fromEntries(
    [...entries].map(([name, value]) => [name, name === "password" ? String(value) : String(value).trim()]),
  );
