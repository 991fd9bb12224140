import type { Logger } from "../logger.ts";
import { listNftTable, type NftObject } from "../sys/nftables.ts";
import { administratorChain, formatRemoval, isAdministrators, ownObjects } from "./ruleset.ts";

interface TableOptions {
  /** "inet berth" */
  table: string;
  run(script: string): Promise<string>;
  logger: Logger;
}

/**
 * Makes the table what the script makes of it in one step, whatever it is now; what the administrator has put there stays.
 * @param script adds what is missing and empties what is ours before it fills it
 */
export async function writeTable({ table, run, logger }: TableOptions, script: string): Promise<void> {
  try {
    await run(script);
  } catch (error) {
    // A table of an older make can have chains or maps of another type.
    const kept = await readAdministrators(table, run);
    logger.info({ error }, "the nftables table is made from scratch");
    await run(formatRemoval(table) + script + kept);
  }
  const strays = findStrays((await listNftTable(table)) ?? []);
  if (strays.length === 0) return;
  const chains = strays.filter(({ kind }) => kind === "chain");
  await run(
    [
      ...chains.map(({ name }) => `flush chain ${table} ${name}\n`),
      ...chains.map(({ name }) => `delete chain ${table} ${name}\n`),
      ...strays
        .filter(({ kind }) => kind !== "chain")
        .map(({ kind, name }) => `delete ${kind} ${table} ${name}\n`),
    ].join(""),
  );
}

interface NamedObject {
  kind: string;
  name: string;
}

function namedObjects(objects: readonly NftObject[]): NamedObject[] {
  return objects.flatMap((object) =>
    Object.entries(object).flatMap(([kind, { name }]) =>
      name !== undefined && ["chain", "set", "map"].includes(kind) ? [{ kind, name }] : [],
    ),
  );
}

/** What is neither the engine's nor the administrator's. */
function findStrays(objects: readonly NftObject[]): NamedObject[] {
  const own: Record<string, string[]> = ownObjects;
  return namedObjects(objects).filter(
    ({ kind, name }) => !own[kind]?.includes(name) && !isAdministrators(name),
  );
}

/** As a script that puts it into a table that has none of it. */
async function readAdministrators(table: string, run: TableOptions["run"]): Promise<string> {
  const objects = namedObjects((await listNftTable(table)) ?? []).filter(({ name }) =>
    isAdministrators(name),
  );
  // The rules of chains name sets and other chains.
  const place = ({ kind, name }: NamedObject) => (kind !== "chain" ? 0 : name === administratorChain ? 2 : 1);
  const texts: string[] = [];
  for (const { kind, name } of objects.toSorted((a, b) => place(a) - place(b)))
    texts.push(await run(`list ${kind} ${table} ${name}\n`));
  return texts.join("");
}
