import { createHmac, randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { invalid, messageOf } from "../errors.ts";
import { createJobRunner } from "../sys/jobs.ts";
import type { CheckPassword } from "./authenticate.ts";
import { RegistryError } from "./errors.ts";
import { createLoginQueue } from "./login-queue.ts";
import type { PasswordJob } from "./password.worker.ts";

/** Passwords as `htpasswd -B` keeps them. */
export interface PasswordFile {
  check: CheckPassword;
  close(): Promise<void>;
}

const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** A hash that no password matches. */
const unmatchable = (cost: number) =>
  `$2b$${String(cost).padStart(2, "0")}$${"x".repeat(22)}${"y".repeat(31)}`;
/** The lowest and the highest that bcrypt has. */
const [lowestCost, highestCost] = [4, 31];
const defaultCost = 10;
/** One processor is left for the registry's own work. */
const threads = Math.max(1, Math.min(4, availableParallelism() - 1));
const mostRemembered = 10_000;

interface Users {
  hashes: Map<string, string>;
  /** Of the dearest hash: every check takes as long as that one, so that time does not tell who is there. */
  cost: number;
  version: string;
}

/**
 * Reads the file again whenever it has changed; while it cannot be read, no login succeeds.
 * @throws EngineError invalid when it cannot be read now, or has a password that is not bcrypt's
 */
export async function openPasswordFile(path: string): Promise<PasswordFile> {
  const jobs = createJobRunner<PasswordJob, boolean>("registry/password.worker", threads);
  const queue = createLoginQueue(threads);
  let users = await readUsers(path);
  /** Passwords that were right, so that a client with a hundred requests is checked once; only as a hash with a secret key. */
  const right = new Set<string>();
  const secret = randomBytes(32);

  async function current(): Promise<Users> {
    if ((await versionOf(path)) !== users.version) {
      users = await readUsers(path).catch((error: unknown) => {
        throw new RegistryError("UNAVAILABLE", "the password file cannot be read", {
          cause: error,
        });
      });
      right.clear();
    }
    return users;
  }

  return {
    async check(user, password, { address, signal }) {
      const { hashes, cost } = await current();
      const hash = hashes.get(user);
      const key = createHmac("sha256", secret).update(`${hash}\0${password}`).digest("base64");
      if (hash !== undefined && right.has(key)) return true;
      const job = { password, hash: hash ?? unmatchable(cost), others: fillersOf(hash, cost) };
      const isRight = await queue.run({ address, user, signal }, () => jobs.run(job));
      if (!isRight || hash === undefined) return false;
      if (right.size >= mostRemembered) right.clear();
      right.add(key);
      return true;
    },
    close: () => jobs.close(),
  };
}

const costOf = (hash: string) => Number(hash.slice(4, 6));

/** A cost takes twice as long as the one below it: with these a cheaper hash takes exactly as long as the dearest. */
export function fillersOf(hash: string | undefined, cost: number): string[] {
  const own = hash === undefined ? cost : costOf(hash);
  return Array.from({ length: cost - own }, (_, index) => unmatchable(own + index));
}

async function versionOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found ? [found.ino, found.size, found.mtimeNs].join(" ") : "";
}

async function readUsers(path: string): Promise<Users> {
  const version = await versionOf(path);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw invalid(`cannot read the password file: ${messageOf(error)}`, error);
  });
  const hashes = new Map<string, string>();
  for (const [at, line] of text
    .split("\n")
    .map((one) => one.trim())
    .entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const [user, hash] = [line.slice(0, colon), line.slice(colon + 1)];
    if (colon < 1 || !bcryptHash.test(hash) || costOf(hash) < lowestCost || costOf(hash) > highestCost) {
      throw invalid(
        `${path}, line ${at + 1}: want USER:HASH with a hash of bcrypt's, as htpasswd -B makes them`,
      );
    }
    hashes.set(user, hash);
  }
  const costs = [...hashes.values()].map(costOf);
  return { hashes, cost: costs.length > 0 ? Math.max(...costs) : defaultCost, version };
}
