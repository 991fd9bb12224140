import type { ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import type { ProxySettings } from "../../distribution/connection.ts";
import { hasCode, internal, unavailable } from "../../errors.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { startProgram } from "../../sys/start-program.ts";

/** Where git works, and what it is given. */
export interface GitPlace {
  /** It belongs to git's user, as the directory "repository" in it does, where git works. */
  folder: string;
  /** Headers for the remote, which no one sees among the arguments. */
  header?: { origin: string; value: string };
  /** The folder has the socket "agent", of one that has keys. */
  hasAgent: boolean;
  /** The daemon's. */
  proxies: ProxySettings;
  signal: AbortSignal;
}

/** Has no rights and owns nothing else: the overflow user of every kernel. */
export const gitUser = 65534;

/** Of what a server says when it refuses. */
const largestComplaint = 4096;
const largestOutput = 64 * 1024;

/*
 * A repository is a stranger's. No hook and no helper runs, nothing of the user's or the machine's configuration counts, no protocol
 * leads to local files or programs, and nothing is asked.
 */
const settings = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "credential.helper": "",
  "protocol.allow": "never",
  "protocol.http.allow": "always",
  "protocol.https.allow": "always",
  "protocol.git.allow": "always",
  "protocol.ssh.allow": "always",
  "http.lowSpeedLimit": "1000",
  "http.lowSpeedTime": "60",
  "advice.detachedHead": "false",
  "init.defaultBranch": "main",
  "gc.auto": "0",
};

function environmentOf({ header, hasAgent, proxies }: GitPlace): NodeJS.ProcessEnv {
  const all: [string, string][] = Object.entries(settings);
  if (header) all.push([`http.${header.origin}/.extraheader`, header.value]);
  const given = all.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  const ssh =
    "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/dev/null";
  return {
    PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: mountpoint,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    GIT_SSH_COMMAND: hasAgent ? ssh : "/bin/false",
    GIT_ALLOW_PROTOCOL: "http:https:git:ssh",
    ...describeProxies(proxies),
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(given),
    ...(hasAgent && { SSH_AUTH_SOCK: `${mountpoint}/agent` }),
  };
}

/** curl reads some in small letters only. The last one has no setting. */
function describeProxies({ http, https, exceptions }: ProxySettings): NodeJS.ProcessEnv {
  const { ALL_PROXY, all_proxy = ALL_PROXY } = process.env;
  const not = exceptions.join(",") || undefined;
  const all = { HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: not, ALL_PROXY: all_proxy };
  const found = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const, [name.toLowerCase(), value] as const],
  );
  return Object.fromEntries(found);
}

/** Of this program alone: the folder may be where only root can go. */
const mountpoint = "/mnt";
const script = `mount --bind "$1" ${mountpoint} && shift && cd ${mountpoint}/repository && exec setpriv --reuid ${gitUser} \\
  --regid ${gitUser} --clear-groups --no-new-privs --inh-caps -all --bounding-set -all -- git "$@"`;
const notFoundStatus = 127;

/** @returns what it prints @throws EngineError with what it complains of */
export async function runGit(place: GitPlace, ...words: string[]): Promise<string> {
  const { folder, signal } = place;
  signal.throwIfAborted();
  const isolated = ["--mount", "--propagation", "private", "--", "sh", "-c", script, "sh", folder];
  const child = await startProgram<ChildProcessByStdio<null, Readable, Readable>>(
    "unshare",
    [...isolated, ...words],
    {
      ...{ cwd: "/", env: environmentOf(place), detached: true },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let [output, complaint] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(0, largestOutput);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-largestComplaint);
  });
  // It has helpers, which are of its group.
  const stop = () => child.pid !== undefined && killGroup(child.pid);
  signal.addEventListener("abort", stop, { once: true });
  return new Promise<string>((resolve, reject) => {
    child.once("close", (code) => {
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve(output);
      else if (code === notFoundStatus) reject(internal("git is not installed on this machine"));
      else
        reject(unavailable(`git ${words[0]}: ${redactAddresses(complaint.trim()) || `exit status ${code}`}`));
    });
  }).finally(() => signal.removeEventListener("abort", stop));
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}
