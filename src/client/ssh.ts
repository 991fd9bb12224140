import { type ChildProcess, spawn } from "node:child_process";
import { Duplex } from "node:stream";

/** A daemon behind `ssh://[USER@]HOST[:PORT][/SOCKET]`. */
export interface SshAddress {
  user: string;
  host: string;
  /** "" for ssh's own choice. */
  port: string;
  /** The socket there; "" for the default of the command that is found there. */
  path: string;
}

/** @throws Error in Docker's words */
export function parseSshAddress(text: string): SshAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const refuse = (why: string) => new Error(`invalid SSH URL: ${why}`);
  if (!url?.hostname) throw refuse("no host specified");
  if (url.password) throw refuse("plain-text password is not supported");
  if (url.search) throw refuse(`extra query after the host: ${JSON.stringify(url.search.slice(1))}`);
  if (url.hash) throw refuse(`extra fragment after the host: ${JSON.stringify(url.hash.slice(1))}`);
  const path = url.pathname.replace(/^\/$/, "");
  if (!/^[\w./-]*$/.test(path)) throw refuse(`path of a socket expected: ${JSON.stringify(path)}`);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { user: decodeURIComponent(url.username), host, port: url.port, path };
}

/** What ssh is called with. A word that begins with a dash is never taken for one of its options. */
export function sshArguments({ user, host, port, path }: SshAddress): string[] {
  const flags = path === "" ? "" : `--host unix://${path} `;
  const dial = (program: string) => `exec ${program} ${flags}system dial-stdio`;
  const script = `command -v berth >/dev/null 2>&1 && ${dial("berth")}; ${dial("docker")}`;
  return [
    ...["-o", "ConnectTimeout=30", "-T"],
    ...(user ? ["-l", user] : []),
    ...(port ? ["-p", port] : []),
    ...["--", host, `sh -c '${script}'`],
  ];
}

const mostErrorCharacters = 2000;

/** Those of this process. They end with it. */
const running = new Set<ChildProcess>();

function keepUntilExit(child: ChildProcess): void {
  if (running.size === 0) process.on("exit", endAll);
  running.add(child);
  child.once("close", () => {
    running.delete(child);
    if (running.size === 0) process.off("exit", endAll);
  });
}

function endAll(): void {
  for (const child of running) child.kill();
}

/** A connection of its own to that daemon. It fails with what ssh says, which cannot ask anything at the terminal. */
export function connectSsh(address: SshAddress): Duplex {
  // A session of its own: what is typed to end a container would end ssh as well, and first.
  const child = spawn("ssh", sshArguments(address), { stdio: "pipe", detached: true });
  keepUntilExit(child);
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = (complaint + chunk).slice(-mostErrorCharacters);
  });
  // What cannot be written any more is explained by how ssh ends.
  child.stdin.on("error", () => {});
  const connection = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk: Buffer, _, done) => void child.stdin.write(chunk, () => done()),
    final: (done) => void child.stdin.end(() => done()),
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  child.stdout.on("data", (chunk: Buffer) => void (connection.push(chunk) || child.stdout.pause()));
  child.on("error", (error) => connection.destroy(new Error(`ssh could not be started: ${error.message}`)));
  child.on("close", (code) => {
    if (code === 0) connection.push(null);
    else connection.destroy(new Error(explainEnd(address, code, complaint)));
  });
  return connection;
}

function explainEnd({ host }: SshAddress, code: number | null, complaint: string): string {
  const advice = "make sure the URL is valid, and that berth or docker is installed on the remote host";
  return `command [ssh ${host}] has exited with exit status ${code}, ${advice}: stderr=${complaint.trim()}`;
}
