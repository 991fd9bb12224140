import { listNftTable, type NftObject, tryNftTable } from "../sys/nftables.ts";
import { administratorChain, isAdministrators, openedSets, publishedMaps, refusedSets } from "./ruleset.ts";

export interface Difference {
  subject: "published ports" | "packet filter";
  problem: string;
}

/**
 * How a table differs from what a script makes, in words. What it makes is asked of nft and the kernel themselves, in an empty
 * network namespace, so that every chain, rule, set and element counts, in whatever form this machine lists them.
 * @param hasAllPorts false while the published ports are not known, which then are not compared
 */
export async function compareTable(
  table: string,
  script: string,
  hasAllPorts: boolean,
): Promise<Difference[]> {
  const [found, wanted] = await Promise.all([listNftTable(table), tryNftTable(table, script)]);
  if (!found) return [{ subject: "packet filter", problem: `table ${table} is missing` }];
  const [present, expected] = [describe(found), describe(wanted)];
  return [...new Set([...expected.keys(), ...present.keys()])].flatMap((name): Difference[] => {
    const [want, have] = [expected.get(name), present.get(name)];
    if (want && have && isOfPorts(name))
      return hasAllPorts
        ? comparePorts(want, have).map((problem) => ({ subject: "published ports", problem }))
        : [];
    return compareParts(name, want, have).map((problem) => ({ subject: "packet filter", problem }));
  });
}

function isOfPorts(name: string): boolean {
  const [kind, rest = ""] = name.split(" ");
  return Object.hasOwn(kind === "map" ? publishedMaps : openedSets, rest);
}

/** By "chain forward" or "map published": what it is, then its rules in their order or its elements, as text. */
function describe(objects: NftObject[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const object of objects) {
    const [[kind, value] = []] = Object.entries(object);
    if (!kind || !value || kind === "metainfo" || kind === "table") continue;
    const { handle: _, elem = [], expr, chain, ...rest } = value;
    const subject = kind === "rule" ? (chain ?? "") : (value.name ?? "");
    if (isAdministrators(subject)) {
      // Its rules are not ours, but without it the administrator's would be lost.
      if (kind === "chain" && subject === administratorChain) named.set(`chain ${subject}`, [""]);
      continue;
    }
    if (kind === "rule") named.get(`chain ${chain}`)?.push(JSON.stringify(expr));
    else {
      // Packets put these there.
      const elements = Object.hasOwn(refusedSets, subject) ? [] : elem;
      named.set(`${kind} ${subject}`, [JSON.stringify(rest), ...elements.map(formatElement).sort()]);
    }
  }
  return named;
}

function formatElement(element: unknown): string {
  if (!Array.isArray(element)) return formatValue(element);
  return element.map(formatValue).join(" : ");
}

function formatValue(value: unknown): string {
  const parts = typeof value === "object" && value !== null && "concat" in value && value.concat;
  if (Array.isArray(parts))
    return parts.map((part) => (typeof part === "object" ? JSON.stringify(part) : part)).join(" . ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function comparePorts([, ...wanted]: string[], [, ...found]: string[]): string[] {
  return [
    ...wanted.filter((port) => !found.includes(port)).map((port) => `${port} is missing`),
    ...found.filter((port) => !wanted.includes(port)).map((port) => `${port} belongs to no container`),
  ];
}

function compareParts(name: string, expected: string[] | undefined, present: string[] | undefined): string[] {
  if (!present) return [`${name} is missing`];
  if (!expected) return [`${name} is not of this engine`];
  const [[want, ...wanted], [have, ...found]] = [expected, present];
  if (want !== have) return [`${name} is of another make`];
  if (JSON.stringify(wanted) === JSON.stringify(found)) return [];
  if (found.length === 0) return [`${name} is empty`];
  const lost = wanted.filter((part) => !found.includes(part)).length;
  const strange = found.filter((part) => !wanted.includes(part)).length;
  if (lost + strange === 0) return [`${name} is in another order`];
  const what = name.startsWith("chain") ? "rules" : "elements";
  return [`${name} has ${strange} ${what} that are not of this engine and lacks ${lost} of its own`];
}
