import { listNftTable, type NftObject, tryNftTable } from "../sys/nftables.ts";
import { mapWithPauses } from "../sys/pauses.ts";
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
  return compareListings(found, wanted, hasAllPorts);
}

/** The same for two tables as nft lists them. */
export async function compareListings(
  found: readonly NftObject[],
  wanted: readonly NftObject[],
  hasAllPorts: boolean,
): Promise<Difference[]> {
  const [present, expected] = [await describe(found), await describe(wanted)];
  const differences: Difference[] = [];
  for (const name of new Set([...expected.keys(), ...present.keys()])) {
    const [want, have] = [expected.get(name), present.get(name)];
    const isOfPublished = want && have && isOfPorts(name);
    if (isOfPublished && !hasAllPorts) continue;
    const problems = isOfPublished ? await comparePorts(want, have) : await compareParts(name, want, have);
    const subject = isOfPublished ? "published ports" : "packet filter";
    for (const problem of problems) differences.push({ subject, problem });
  }
  return differences;
}

function isOfPorts(name: string): boolean {
  const [kind, rest = ""] = name.split(" ");
  return Object.hasOwn(kind === "map" ? publishedMaps : openedSets, rest);
}

/** By "chain forward" or "map published": what it is, then its rules in their order or its elements, as text. */
async function describe(objects: readonly NftObject[]): Promise<Map<string, string[]>> {
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
      named.set(`${kind} ${subject}`, [
        JSON.stringify(rest),
        ...(await mapWithPauses(elements, formatElement)).sort(),
      ]);
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

async function comparePorts([, ...wanted]: string[], [, ...found]: string[]): Promise<string[]> {
  return [
    ...(await without(wanted, found)).map((port) => `${port} is missing`),
    ...(await without(found, wanted)).map((port) => `${port} belongs to no container`),
  ];
}

/** There can be ten thousands of either. */
async function without(parts: readonly string[], others: readonly string[]): Promise<string[]> {
  const known = new Set(others);
  return (await mapWithPauses(parts, (part) => (known.has(part) ? [] : [part]))).flat();
}

async function compareParts(
  name: string,
  expected: string[] | undefined,
  present: string[] | undefined,
): Promise<string[]> {
  if (!present) return [`${name} is missing`];
  if (!expected) return [`${name} is not of this engine`];
  const [[want, ...wanted], [have, ...found]] = [expected, present];
  if (want !== have) return [`${name} is of another make`];
  if (JSON.stringify(wanted) === JSON.stringify(found)) return [];
  if (found.length === 0) return [`${name} is empty`];
  const lost = (await without(wanted, found)).length;
  const strange = (await without(found, wanted)).length;
  if (lost + strange === 0) return [`${name} is in another order`];
  const what = name.startsWith("chain") ? "rules" : "elements";
  return [`${name} has ${strange} ${what} that are not of this engine and lacks ${lost} of its own`];
}
