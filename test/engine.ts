import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { request } from "node:http";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { checkGone, takeFootprint } from "./footprint.ts";
import { reserveSubnet } from "./subnets.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

export interface CommandResult {
  stdout: string;
  stderr: string;
  code: number;
}

/** Runs one command line of a docker-like program. */
export type Cli = (
  words: string[],
  options?: { input?: string; timeoutSeconds?: number },
) => Promise<CommandResult>;

/** An engine with roots, bridge and table of its own, run as users run it: the bundled daemon behind a unix socket. */
export interface TestEngine {
  host: string;
  root: string;
  execRoot: string;
  folder: string;
  pid(): number;
  /** Where it listens on TCP, for an engine that was started with `-H tcp://127.0.0.1:0`. */
  tcpPort(): Promise<number>;
  /** Our own command line. */
  berth: Cli;
  /** Any other program that speaks to $DOCKER_HOST. */
  cli(program: string): Cli;
  /** An API request by hand. */
  api(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }>;
  /**
   * Ends the daemon and starts another on the same roots.
   * @param signal SIGKILL for a crash
   * @param program of another build, for this one time
   */
  restart(signal: NodeJS.Signals, program?: string): Promise<void>;
  /** Kills the daemon, starts another, and kills that one after so many milliseconds. */
  crashAtStart(afterMilliseconds: number): Promise<void>;
  /**
   * Removes every container, ends all processes, deletes the roots, and checks that nothing is left on the machine and that
   * the daemon logged no error but those `expected`.
   */
  stop(expected?: RegExp): Promise<void>;
}

/** @param flags further flags of the daemon */
export async function startEngine(flags: string[] = []): Promise<TestEngine> {
  const before = takeFootprint();
  const name = `bt${randomBytes(3).toString("hex")}`;
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  // As /run and /var/lib are: the root of a user namespace finds its way through.
  chmodSync(folder, 0o711);
  const paths = { root: join(folder, "data"), execRoot: join(folder, "run") };
  const host = `unix://${paths.execRoot}/berth.sock`;
  const subnet = await reserveSubnet();
  const words = [join(root, "dist/daemon/main.js"), "--data-root", paths.root, "--exec-root", paths.execRoot];
  if (!flags.includes("--bridge")) words.push("--bridge", name, "--bip", subnet.address);
  words.push("--nft-table", name, "--cgroup-parent", `/${name}`, "-H", host, ...flags);
  const log = join(folder, "daemon.log");
  let daemon = await launch(words, log, paths.execRoot);
  const cli = (program: string, before: string[] = []): Cli => {
    return (given, options) => run(program, [...before, ...given], host, options ?? {});
  };
  const berth = cli(process.execPath, [join(root, "dist/cli/main.js")]);

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill(signal);
    await gone;
  }

  /** Ends it with all it has. @returns what its own check found before */
  async function takeAway(): Promise<unknown[]> {
    const findings = await readCheck(paths.execRoot);
    const { stdout } = await berth(["ps", "-aq"]);
    const ids = stdout.split("\n").filter(Boolean);
    if (ids.length > 0) await berth(["rm", "-f", "-v", ...ids]);
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGUSR2");
    await gone;
    return findings;
  }

  return {
    host,
    folder,
    ...paths,
    pid: () => daemon.pid ?? 0,
    async tcpPort() {
      const find = () => /"host":"tcp:\/\/127\.0\.0\.1:(\d+)"/.exec(readFileSync(log, "utf8"));
      const [, port] = (await eventually(find, (found) => found !== null)) ?? [];
      return Number(port);
    },
    berth,
    cli: (program) => cli(program),
    api: (method, path, body) => callApi(join(paths.execRoot, "berth.sock"), method, path, body),
    async restart(signal, program = words[0]!) {
      await end(signal);
      daemon = await launch([program, ...words.slice(1)], log, paths.execRoot);
    },
    async crashAtStart(afterMilliseconds) {
      await end("SIGKILL");
      daemon = spawnDaemon(words, log);
      await sleep(afterMilliseconds);
      await end("SIGKILL");
    },
    async stop(expected) {
      // Said here, since an error that a test threw before is hidden by what its clean-up throws.
      const ended = daemon.exitCode !== null || daemon.signalCode !== null;
      if (ended) throw new Error(`the daemon has ended:\n${readFileSync(log, "utf8").slice(-5000)}`);
      const findings = await takeAway().finally(() => end("SIGKILL"));
      const complaints = readFileSync(log, "utf8")
        .split("\n")
        // Beside its own errors, what Node says of a program: "(node:123) [DEP0169] DeprecationWarning: …".
        .filter((line) => /"level":(50|60)|^\(node:\d+\)/.test(line) && !expected?.test(line));
      await checkGone(before, name);
      subnet.release();
      rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(findings, [], "the engine's own check");
      assert.deepEqual(complaints, [], "the daemon logged errors");
    },
  };
}

function spawnDaemon(words: string[], log: string) {
  const output = openSync(log, "a");
  const daemon = spawn(process.execPath, ["--max-semi-space-size=2", ...words], {
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  return daemon;
}

async function launch(words: string[], log: string, execRoot: string) {
  const daemon = spawnDaemon(words, log);
  // A slow machine takes its time; only one that hangs reaches the end.
  for (let tries = 0; tries < 2000; tries++) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) break;
    try {
      await callApi(join(execRoot, "berth.sock"), "GET", "/_ping");
      return daemon;
    } catch {
      await sleep(50);
    }
  }
  // Left alone it would hold up the end of the tests.
  daemon.kill("SIGKILL");
  throw new Error(`the daemon did not start:\n${readFileSync(log, "utf8")}`);
}

/** The pid of an engine's supervisor. @throws Error when there is none */
export function supervisorOf({ execRoot }: TestEngine): number {
  const [pid] = findTitled(`berth-supervisor ${execRoot}`);
  if (!pid) throw new Error(`no supervisor of ${execRoot} is running`);
  return pid;
}

/** Kills an engine's supervisor, and waits for the one that takes its place. */
export async function killSupervisor(engine: TestEngine): Promise<void> {
  const pid = supervisorOf(engine);
  process.kill(pid, "SIGKILL");
  await eventually(
    () => findTitled(`berth-supervisor ${engine.execRoot}`),
    ([found]) => found !== undefined && found !== pid,
  );
}

/** The pids of its resolver: one, or none when no container asks for names. */
export const resolversOf = ({ execRoot }: TestEngine) => findTitled(`berth-resolver ${execRoot}`);

/** The pids of its relay: one, or none while no port needs it. */
export const relaysOf = ({ execRoot }: TestEngine) => findTitled(`berth-relay ${execRoot}`);

function findTitled(title: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readTitle(pid).startsWith(title)).map(Number);
}

function readTitle(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** What `berth system check` finds, but for records that a test has made unreadable. */
async function readCheck(execRoot: string): Promise<unknown[]> {
  const { body } = await callApi(join(execRoot, "berth.sock"), "GET", "/berth/system/check");
  return JSON.parse(body).filter(({ Problem }: { Problem: string }) => !/could not be read/.test(Problem));
}

function run(
  program: string,
  words: string[],
  host: string,
  { input, timeoutSeconds = 180 }: { input?: string; timeoutSeconds?: number },
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      DOCKER_HOST: host,
      BERTH_HOST: host,
      DOCKER_CONFIG: "/nonexistent",
      DOCKER_BUILDKIT: "0",
    };
    const options = {
      env,
      timeout: timeoutSeconds * 1000,
      killSignal: "SIGKILL" as const,
      maxBuffer: 256 << 20,
    };
    const child = execFile(program, words, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") {
        reject(
          new Error(
            `${program} ${words.join(" ")} did not end within ${timeoutSeconds} s: ${stdout}${stderr}`,
            { cause: error },
          ),
        );
      } else resolve({ stdout, stderr, code: error ? Number(error.code) : 0 });
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}

function callApi(socketPath: string, method: string, path: string, body?: unknown) {
  return new Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      const headers =
        text === undefined
          ? {}
          : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
      // One that is kept open may be closed by the daemon in the moment it is used again.
      const call = request({ socketPath, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            headers: response.headers,
          }),
        );
      });
      call.on("error", reject);
      call.end(text);
    },
  );
}

/**
 * An engine with a busybox image for the tests of the suite this is called in, started before them and stopped after.
 * @param expected errors that the daemon may log
 */
export function useEngine(expected?: RegExp, flags: string[] = []) {
  const engine = {} as TestEngine;
  const berth = (...words: string[]) => output(engine.berth, words);
  before(async () => {
    Object.assign(engine, await startEngine(flags));
    await berth("image", "make", "busybox");
  });
  after(() => engine.stop(expected));
  return {
    /** Usable in tests and hooks only. */
    engine,
    /** Output of our command line, which must succeed. */
    berth,
  };
}

/** Output of a command that must succeed, without the last line feed. */
export async function output(cli: Cli, words: string[], input?: string): Promise<string> {
  const result = await cli(words, input === undefined ? {} : { input });
  assert.equal(
    result.code,
    0,
    `${words.join(" ")} ended with ${result.code}: ${result.stderr}${result.stdout}`,
  );
  return result.stdout.replace(/\n$/, "");
}

/** Whether the kernel tells the exit code of a process that is no child of the one who asks (PIDFD_GET_INFO, since 6.15). */
export const tellsExits = (() => {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 15);
})();

/** Asks again until the answer is as wanted, for what takes a moment, and much longer on a busy machine. Gives up after a minute at the earliest. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  isWanted: (answer: T) => boolean,
  mostTries = 600,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (tries === mostTries) assert.fail(`still ${JSON.stringify(answer)}`);
    // Most of it takes a few milliseconds.
    await sleep(Math.min(100, 5 * 2 ** tries));
  }
}
