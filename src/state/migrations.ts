import { renameSync, rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { conflict, internal, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { listNetworks, separateEndpoints } from "./separate-endpoints.ts";

/** One step to a newer schema. It runs in a transaction. */
export interface Migration {
  /** The version it leads to, one more than it starts from. */
  to: number;
  /** What changes, for the log. */
  what: string;
  migrate(database: DatabaseSync): void;
}

/**
 * All steps, in order. A member that is only added to a record needs none: its description says what it is when it is missing.
 * Whatever has another meaning, name or place than before does, and so does a new table.
 */
export const migrations: readonly Migration[] = [
  {
    to: 1,
    what: "the schema has a version",
    migrate() {},
  },
  {
    to: 2,
    what: "networks have address pools, sandboxes and endpoints records of their own",
    migrate: separateEndpoints,
  },
  {
    to: 3,
    what: "an image is known by the digest of its manifest or index",
    // Manifests that were never kept have to be made: the image store goes on from here when it is opened.
    migrate(database) {
      database.exec("UPDATE records SET kind = 'images-1' WHERE kind = 'images'");
    },
  },
  { to: 4, what: "containers list all networks that they are joined to", migrate: listNetworks },
];

/**
 * Brings an opened file to the newest schema. Before the first step the whole file is copied beside it, as `PATH.schema-N`, where N is
 * the version it has.
 * @throws EngineError conflict for the file of a newer engine; internal when a step fails, and then nothing has changed
 */
export function migrate(
  database: DatabaseSync,
  path: string,
  logger: Logger,
  steps: readonly Migration[] = migrations,
): void {
  const newest = steps.at(-1)?.to ?? 0;
  const present = readVersion(database);
  if (present > newest) {
    throw conflict(
      `${path} was written by a newer version (schema ${present}, this one knows up to ${newest}): ` +
        "start that version, or restore a copy that was made before its upgrade",
    );
  }
  const due = steps.filter(({ to }) => to > present);
  if (due.length === 0) return;
  if (!isEmpty(database)) keepCopy(database, `${path}.schema-${present}`);
  for (const { to, what, migrate: step } of due) {
    try {
      database.exec("BEGIN IMMEDIATE");
      step(database);
      database.exec(`PRAGMA user_version = ${to}`);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw internal(`${path} could not be brought to schema ${to} (${what}): ${messageOf(error)}`, error);
    }
    logger.info({ path, schema: to, what }, "state migrated");
  }
}

function readVersion(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version);
}

function isEmpty(database: DatabaseSync): boolean {
  return Number(database.prepare("SELECT count(*) AS rows FROM records").get()?.rows) === 0;
}

/** Private from its first moment, as environment variables are in it, and under its name only when it is whole. */
function keepCopy(database: DatabaseSync, path: string): void {
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  const mask = process.umask(0o177);
  try {
    database.prepare("VACUUM INTO ?").run(partial);
  } finally {
    process.umask(mask);
  }
  renameSync(partial, path);
}
