import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { internal, messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { Logger } from "../logger.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { migrate } from "./migrations.ts";
import { createUnsaved } from "./unsaved.ts";

/**
 * The engine's durable state: JSON records by kind and key in one SQLite file.
 * Rooms keep their records in memory and write through; a read never touches the disk.
 */
export interface State {
  /** The records of one kind. Ask once and keep it. */
  records<T>(kind: Kind<T>): Records<T>;
  /** Runs `change` so that all it writes is stored, or none of it. Must not be async. */
  transaction<R>(change: () => R): R;
  /** What is not as it should be in the file itself. */
  check(): Finding[];
  close(): void;
}

/** What one kind of record is called in the file, and how a stored value becomes one. */
export interface Kind<T> {
  readonly name: string;
  /** @throws EngineError invalid for what is no such record */
  readonly read: (value: unknown) => T;
}

export interface Records<T> {
  /** Every record by key. A row that cannot be read, or is not of the kind, is moved to the table `quarantine` and logged, never returned. */
  load(): Map<string, T>;
  /** Keys of the rows that were ever moved to `quarantine`: what belongs to them may still be wanted. */
  setAside(): string[];
  /** @throws EngineError internal when the disk is full */
  put(key: string, value: T): void;
  delete(key: string): void;
  /**
   * For what has happened and cannot be refused any more, such as a process's end: tried again until it is stored. `value`
   * is read again each time.
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
 * last transactions but never consistency. What waits for the disk is a thread's (`checkpoints.ts`).
 */
export function openState(path: string, logger: Logger): State {
  const database = openDatabase(path);
  const checkpoints = createCheckpoints(path, logger);
  database.exec(schema);
  try {
    migrate(database, path, logger);
  } catch (error) {
    database.close();
    throw error;
  }
  const select = database.prepare("SELECT key, value FROM records WHERE kind = ?");
  const upsert = database.prepare(
    "INSERT INTO records (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  const remove = database.prepare("DELETE FROM records WHERE kind = ? AND key = ?");
  const selectSetAside = database.prepare("SELECT DISTINCT key FROM quarantine WHERE kind = ?");
  const setAside = database.prepare(
    "INSERT INTO quarantine SELECT kind, key, value, ? FROM records WHERE kind = ? AND key = ?",
  );

  function load<T>(kind: Kind<T>): Map<string, T> {
    const { records, unreadable } = readRows(select.iterate(kind.name), kind);
    for (const { key, reason } of unreadable) {
      logger.error({ kind: kind.name, key, reason }, "unreadable record set aside in table quarantine");
      setAside.run(new Date().toISOString(), kind.name, key);
      remove.run(kind.name, key);
    }
    return records;
  }

  const unsaved = createUnsaved(logger);

  function commit(change: () => unknown): void {
    orTellFull(change);
    checkpoints.committed();
  }

  function recordsOf<T>(kind: Kind<T>): Records<T> {
    const { name } = kind;
    const put = (key: string, value: T) => commit(() => upsert.run(name, key, JSON.stringify(value)));
    const drop = (key: string) => commit(() => remove.run(name, key));
    return {
      load: () => load(kind),
      setAside: () => selectSetAside.all(name).map(({ key }) => String(key)),
      put(key, value) {
        put(key, value);
        unsaved.drop(`${name} ${key}`);
      },
      delete(key) {
        drop(key);
        unsaved.drop(`${name} ${key}`);
      },
      putSoon: (key, value) => unsaved.attempt(`${name} ${key}`, () => put(key, value)),
      deleteSoon: (key) => unsaved.attempt(`${name} ${key}`, () => drop(key)),
    };
  }

  return {
    records: recordsOf,
    transaction(change) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = change();
        // What is written ahead meets a full disk here.
        orTellFull(() => database.exec("COMMIT"));
        return result;
      } catch (error) {
        // SQLite has done so itself when it could not write.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
    check: () => checkDatabase(database, path),
    close() {
      unsaved.close();
      database.close();
    },
  };
}

function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o710 });
  // Environment variables of containers are in it. SQLite gives its other files the same mode.
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;");
  // SQLite's own checkpoint would wait for the disk within a commit: at 64 MiB of log, for when ours does not keep up.
  database.exec("PRAGMA wal_autocheckpoint=16384;");
  return database;
}

function checkDatabase(database: DatabaseSync, path: string): Finding[] {
  const problems = database.prepare("PRAGMA quick_check").all();
  const [count] = database.prepare("SELECT count(*) AS rows FROM quarantine").all();
  const texts = problems.map((row) => String(row.quick_check)).filter((text) => text !== "ok");
  const rows = Number(count?.rows);
  if (rows > 0) texts.push(`${rows} records could not be read and are in its table "quarantine"`);
  return texts.map((problem) => ({ subject: `state ${path}`, problem }));
}

/** One row after the other: thousands of them at once would weigh as much again. */
function readRows<T>(rows: Iterable<Record<string, unknown>>, kind: Kind<T>) {
  const records = new Map<string, T>();
  const unreadable: { key: string; reason: string }[] = [];
  for (const row of rows) {
    const key = String(row.key);
    try {
      records.set(key, kind.read(JSON.parse(String(row.value))));
    } catch (error) {
      unreadable.push({ key, reason: messageOf(error) });
    }
  }
  return { records, unreadable };
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
