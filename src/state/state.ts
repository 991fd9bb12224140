import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { internal } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { Logger } from "../logger.ts";
import { createUnsaved } from "./unsaved.ts";

/**
 * The engine's durable state: JSON records by kind and key in one SQLite file.
 * Rooms keep their records in memory and write through; a read never touches the disk.
 */
export interface State {
  /** The records of one kind. Ask once and keep it. */
  records<T>(kind: string): Records<T>;
  /** Runs `change` so that all it writes is stored, or none of it. Must not be async. */
  transaction<R>(change: () => R): R;
  /** What is not as it should be in the file itself. */
  check(): Finding[];
  close(): void;
}

export interface Records<T> {
  /** Every record by key. A row that cannot be read is moved to the table `quarantine` and logged, never returned. */
  load(): Map<string, T>;
  /** Keys of the rows that were ever moved to `quarantine`: what belongs to them may still be wanted. */
  setAside(): string[];
  /** @throws EngineError internal when the disk is full */
  put(key: string, value: T): void;
  delete(key: string): void;
  /**
   * For what has happened and cannot be refused any more, such as a process's end: tried again until it is stored. `value`
   * is read anew each time.
   */
  putSoon(key: string, value: T): void;
  deleteSoon(key: string): void;
}

const schema = `
  CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quarantine (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL
  ) STRICT;
`;

/**
 * Opens or makes the state file. WAL with synchronous=NORMAL: a killed process loses nothing, a power cut may lose the
 * last transactions but never consistency, and no commit waits for the disk.
 */
export function openState(path: string, logger: Logger): State {
  mkdirSync(dirname(path), { recursive: true, mode: 0o710 });
  // Environment variables of containers are in it. SQLite gives its other files the same mode.
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;");
  database.exec(schema);
  const select = database.prepare("SELECT key, value FROM records WHERE kind = ?");
  const upsert = database.prepare(
    "INSERT INTO records (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  const remove = database.prepare("DELETE FROM records WHERE kind = ? AND key = ?");
  const selectSetAside = database.prepare("SELECT DISTINCT key FROM quarantine WHERE kind = ?");
  const setAside = database.prepare(
    "INSERT INTO quarantine SELECT kind, key, value, ? FROM records WHERE kind = ? AND key = ?",
  );

  function load<T>(kind: string): Map<string, T> {
    const records = new Map<string, T>();
    for (const row of select.all(kind)) {
      const key = String(row.key);
      const value = parseRecord<T>(String(row.value));
      if (value) {
        records.set(key, value);
        continue;
      }
      logger.error({ kind, key }, "unreadable record set aside in table quarantine");
      setAside.run(new Date().toISOString(), kind, key);
      remove.run(kind, key);
    }
    return records;
  }

  const unsaved = createUnsaved(logger);

  function recordsOf<T>(kind: string): Records<T> {
    const put = (key: string, value: T) => orTellFull(() => upsert.run(kind, key, JSON.stringify(value)));
    const drop = (key: string) => orTellFull(() => remove.run(kind, key));
    return {
      load: () => load<T>(kind),
      setAside: () => selectSetAside.all(kind).map(({ key }) => String(key)),
      put,
      delete: drop,
      putSoon: (key, value) => unsaved.attempt(`${kind} ${key}`, () => put(key, value)),
      deleteSoon: (key) => unsaved.attempt(`${kind} ${key}`, () => drop(key)),
    };
  }

  return {
    records: recordsOf,
    transaction(change) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = change();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        // SQLite has done so itself when it could not write.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
    check() {
      const problems = database.prepare("PRAGMA quick_check").all();
      const [count] = database.prepare("SELECT count(*) AS rows FROM quarantine").all();
      const texts = problems.map((row) => String(row.quick_check)).filter((text) => text !== "ok");
      const rows = Number(count?.rows);
      if (rows > 0) texts.push(`${rows} records could not be read and are in its table "quarantine"`);
      return texts.map((problem) => ({ subject: `state ${path}`, problem }));
    },
    close() {
      unsaved.close();
      database.close();
    },
  };
}

const SQLITE_FULL = 13;

function orTellFull(change: () => unknown): void {
  try {
    change();
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL) {
      throw internal("no space left on device: the engine's state could not be stored", error);
    }
    throw error;
  }
}

function parseRecord<T>(text: string): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
