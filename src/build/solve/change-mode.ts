import { invalid } from "../../errors.ts";

/*
 * Of COPY and ADD --chmod: an octal number, or clauses as chmod(1) has them, "u=rwX,go-w".
 */

const classes: Record<string, { shift: number; special: number }> = {
  u: { shift: 6, special: 0o4000 },
  g: { shift: 3, special: 0o2000 },
  o: { shift: 0, special: 0o1000 },
};

interface Clause {
  who: string[];
  operator: string;
  permissions: string;
}

/** What a mode becomes. @throws EngineError invalid, in BuildKit's words */
export function changeMode(mode: number, change: string, isDirectory: boolean): number {
  if (/^[0-7]+$/.test(change)) {
    const octal = Number.parseInt(change, 8);
    if (octal > 0o7777) throw refuse(change);
    return octal;
  }
  return parseClauses(change).reduce((before, clause) => applyClause(before, clause, isDirectory), mode);
}

function parseClauses(change: string): Clause[] {
  return change.split(",").flatMap((text) => {
    const [, who = "", actions = ""] = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/.exec(text) ?? [];
    if (actions === "") throw refuse(change);
    const all = who === "" || who.includes("a") ? "ugo" : who;
    return [...actions.matchAll(/([-+=])([rwxXst]*)/g)].map(([, operator = "", permissions = ""]) => ({
      who: [...all],
      operator,
      permissions,
    }));
  });
}

function applyClause(mode: number, { who, operator, permissions }: Clause, isDirectory: boolean): number {
  const bits = who.reduce((sum, name) => sum | bitsOf(name, permissions, mode, isDirectory), 0);
  if (operator === "+") return mode | bits;
  if (operator === "-") return mode & ~bits;
  const mask = who.reduce((sum, name) => {
    const { shift, special } = classes[name] as { shift: number; special: number };
    return sum | (0o7 << shift) | special;
  }, 0);
  return (mode & ~mask) | bits;
}

function bitsOf(name: string, permissions: string, mode: number, isDirectory: boolean): number {
  const { shift, special } = classes[name] as { shift: number; special: number };
  let bits = 0;
  for (const permission of permissions) {
    if (permission === "r") bits |= 0o4 << shift;
    else if (permission === "w") bits |= 0o2 << shift;
    else if (permission === "x") bits |= 0o1 << shift;
    else if (permission === "X" && (isDirectory || (mode & 0o111) !== 0)) bits |= 0o1 << shift;
    else if (permission === "s" && name !== "o") bits |= special;
    else if (permission === "t" && name === "o") bits |= special;
  }
  return bits;
}

function refuse(change: string): Error {
  return invalid(
    `invalid chmod parameter: '${change.slice(0, 200)}'. it should be octal string and between 0 and 07777`,
  );
}
