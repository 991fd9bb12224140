import { existsSync, mkdirSync } from "node:fs";
import { messageOf } from "../../src/errors.ts";
import { declare } from "../../src/sys/libc.ts";
import { MS, mount } from "../../src/sys/mount.ts";
import { CLONE, inPrivateMounts, unshare } from "../../src/sys/namespaces.ts";

// As in a chroot environment: with a /proc, on a host that knows nothing of it.
const [, , folder = ""] = process.argv;
unshare(CLONE.NEWNS);
mount("none", "/", "none", MS.PRIVATE | MS.REC, null);
mkdirSync(`${folder}/proc`);
mount("proc", `${folder}/proc`, "proc", 0, null);
if (declare("int chroot(const char *path)")(folder) !== 0) throw new Error("chroot");
process.chdir("/");
let failure = "";
try {
  inPrivateMounts(() => {});
} catch (error) {
  failure = messageOf(error);
}
process.stdout.write(JSON.stringify({ failure, isHome: existsSync("/marker") }));
