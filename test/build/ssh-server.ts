import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findFreePort } from "../free-port.ts";

/* An SSH server with a key of its own on loopback. Debian's package is unpacked and not installed: nothing of the machine serves. */

const unpacked = join(import.meta.dirname, "../../.tools/sshd/root");

/** The server's program; undefined when there is none. */
export const sshd = [join(unpacked, "usr/sbin/sshd"), "/usr/sbin/sshd"].find((path) => existsSync(path));

export interface SshServer extends AsyncDisposable {
  port: number;
  /** Of an agent that has the key. */
  agentSocket: string;
}

/** @param folder for its files */
export async function startSshServer(folder: string): Promise<SshServer> {
  const port = await findFreePort();
  for (const name of ["host", "key"])
    assert.equal(
      spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]).status,
      0,
    );
  copyFileSync(join(folder, "key.pub"), join(folder, "authorized"));
  chmodSync(join(folder, "authorized"), 0o600);
  const passwd = readFileSync("/etc/passwd", "utf8");
  const own = "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n";
  writeFileSync(join(folder, "passwd"), /^sshd:/m.test(passwd) ? passwd : passwd + own);
  const settings = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${folder}/host`],
    ...[`AuthorizedKeysFile ${folder}/authorized`, "StrictModes no", "UsePAM no", "PermitRootLogin yes"],
    ...["PasswordAuthentication no", "PidFile none"],
    ...findParts(),
  ];
  writeFileSync(join(folder, "settings"), `${settings.join("\n")}\n`);
  // It wants a user of its own, and a folder in /run: both are there for it alone.
  const script = `mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount --bind "$1/passwd" /etc/passwd && exec "$0" -D -e -f "$1/settings"`;
  const libraries = join(unpacked, `usr/lib/${process.arch === "x64" ? "x86_64" : "aarch64"}-linux-gnu`);
  const server = spawn("unshare", ["-m", "sh", "-c", script, sshd as string, folder], {
    env: { ...process.env, LD_LIBRARY_PATH: libraries },
    stdio: ["ignore", "ignore", "pipe"],
  });
  await says(server, /Server listening/);
  const agentSocket = join(folder, "agent.sock");
  const agent = spawn("ssh-agent", ["-D", "-a", agentSocket], { stdio: ["ignore", "pipe", "ignore"] });
  await says(agent, /SSH_AUTH_SOCK/, "stdout");
  const env = { ...process.env, SSH_AUTH_SOCK: agentSocket };
  const added = spawnSync("ssh-add", [join(folder, "key")], { env, encoding: "utf8" });
  assert.equal(added.status, 0, added.stderr);
  return {
    ...{ port, agentSocket },
    async [Symbol.asyncDispose]() {
      for (const child of [server, agent]) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        await ended;
      }
    },
  };
}

/** Where a newer server finds the programs that it is made of; an older one is a single program and knows no such setting. */
function findParts(): string[] {
  const parts = { SshdSessionPath: "sshd-session", SshdAuthPath: "sshd-auth" };
  return Object.entries(parts)
    .map(([setting, name]) => [setting, join(dirname(dirname(sshd as string)), "lib/openssh", name)] as const)
    .filter(([, path]) => existsSync(path))
    .map((words) => words.join(" "));
}

function says(child: ChildProcess, pattern: RegExp, stream: "stdout" | "stderr" = "stderr"): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    child[stream]?.on("data", (chunk) => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
    child.once("exit", () => reject(new Error(`it ended: ${text}`)));
  });
}
