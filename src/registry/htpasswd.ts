import { createHmac, randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { invalid, messageOf } from "../errors.ts";
import { createJobRunner } from "../sys/jobs.ts";
import type { CheckPassword } from "./authenticate.ts";
import { RegistryError } from "./errors.ts";
import type { PasswordJob } from "./password.worker.ts";

/** Passwords as `htpasswd -B` keeps them. */
export interface PasswordFile {
  check: CheckPassword;
  close(): Promise<void>;
}

const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** Of nobody's password. */
const nobody = (cost: string) => `$2b$${cost}$${"x".repeat(22)}${"y".repeat(31)}`;
const mostWaiting = 64;
const mostRemembered = 10_000;

interface Users {
  hashes: Map<string, string>;
  /** Who is not there takes as long as who is. */
  nobody: string;
  version: string;
}

/**
 * Reads the file again whenever it has changed; one that cannot be read then lets nobody in.
 * @throws EngineError invalid when it cannot be read now, or has a password that is not bcrypt's
 */
export async function openPasswordFile(path: string): Promise<PasswordFile> {
  const jobs = createJobRunner<PasswordJob, boolean>("registry/password.worker", 1);
  let users = await readUsers(path);
  /** Passwords that were right, so that a client with a hundred requests is checked once; only as a hash with a secret key. */
  const right = new Set<string>();
  const secret = randomBytes(32);
  let waiting = 0;

  async function current(): Promise<Users> {
    if ((await versionOf(path)) !== users.version) {
      users = await readUsers(path).catch((error: unknown) => {
        throw new RegistryError("UNAVAILABLE", "the registry cannot read its password file", {
          cause: error,
        });
      });
      right.clear();
    }
    return users;
  }

  return {
    async check(user, password) {
      const { hashes, nobody: none } = await current();
      const hash = hashes.get(user);
      const key = createHmac("sha256", secret).update(`${hash}\0${password}`).digest("base64");
      if (hash !== undefined && right.has(key)) return true;
      if (waiting >= mostWaiting) {
        throw new RegistryError("TOOMANYREQUESTS", "too many logins at once: try again in a moment", {
          headers: { "Retry-After": "1" },
        });
      }
      waiting++;
      try {
        const isRight = await jobs.run({ password, hash: hash ?? none });
        if (!isRight || hash === undefined) return false;
        if (right.size >= mostRemembered) right.clear();
        right.add(key);
        return true;
      } finally {
        waiting--;
      }
    },
    close: () => jobs.close(),
  };
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
    if (colon < 1 || !bcryptHash.test(hash)) {
      throw invalid(
        `${path}, line ${at + 1}: want USER:HASH with a hash of bcrypt's, as htpasswd -B makes them`,
      );
    }
    hashes.set(user, hash);
  }
  const costs = [...hashes.values()].map((hash) => hash.slice(4, 6)).sort();
  return { hashes, nobody: nobody(costs.at(-1) ?? "10"), version };
}
