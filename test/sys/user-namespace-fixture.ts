import { openSync } from "node:fs";
import { tryLock } from "../../src/sys/file-lock.ts";
import { makeUserNamespace } from "../../src/sys/user-namespace.ts";

// As the daemon: with the lock of its root.
const [, , lock = ""] = process.argv;
if (!tryLock(openSync(lock, "a"))) throw new Error("the lock is held");
const ids = [{ inside: 0, outside: 1_000_000, size: 10 }];
makeUserNamespace({ uids: ids, gids: ids });
