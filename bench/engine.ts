import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeCgroups } from "./cgroups.ts";
import { childOf } from "./processes.ts";

/** An engine that is measured, behind a socket of its own, always through the same stock docker client. */
export interface BenchEngine {
  name: string;
  version: string;
  host: string;
  /** First process of the engine's PID namespace. */
  initPid: number;
  /** Standard error of the engine. */
  log: string;
  /** Ends all its processes and containers at once. */
  halt(): Promise<void>;
  /** The same, and deletes its files. */
  stop(): Promise<void>;
}

export interface CommandOptions {
  timeoutSeconds?: number;
  input?: string;
  /** Absent: returned as text. */
  discardOutput?: boolean;
  environment?: Record<string, string>;
}

/** Runs a program to its end. @returns what it printed. @throws Error when it fails or takes too long */
export function runCommand(program: string, words: string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      stdio: ["ignore", options.discardOutput ? "ignore" : "pipe", "pipe"],
      env: { ...process.env, ...options.environment },
      timeout: (options.timeoutSeconds ?? 120) * 1000,
      killSignal: "SIGKILL",
    });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(output).toString().trim());
      const how = `${program} ${words.join(" ")} ended with ${code ?? signal}`;
      reject(new Error(`${how}: ${Buffer.concat(errors).toString().trim()}`));
    });
  });
}

/** The stock docker client against one engine. */
export function docker(engine: BenchEngine, words: string[], options: CommandOptions = {}): Promise<string> {
  const environment = { DOCKER_HOST: engine.host, DOCKER_CONFIG: "/nonexistent" };
  return runCommand("docker", words, { ...options, environment });
}

export interface Launch {
  name: string;
  version: string;
  folder: string;
  /** Shell words that end in the engine's program, to be exec'd. */
  script: string;
  cgroupParent: string;
  /** On the files of one that was halted. */
  isAgain?: boolean;
}

/**
 * Starts an engine in network, mount and PID namespaces of its own: bridges, firewall rules and mounts of one cannot slow the
 * other down, and all goes with the first process of the namespace.
 * The socket must be `<folder>/engine.sock`; `<folder>/run` is for run-time files and in memory, as /run is.
 */
export async function launch(options: Launch): Promise<BenchEngine> {
  const { name, version, folder, script, cgroupParent } = options;
  if (!options.isAgain) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const scriptFile = join(folder, "start.sh");
  const log = join(folder, "engine.log");
  mkdirSync(join(folder, "run"), { recursive: true });
  const prepare = `ip link set lo up\nmount -t tmpfs -o mode=711 run ${folder}/run`;
  writeFileSync(scriptFile, `set -e\n${prepare}\nexec ${script}\n`);
  const output = openSync(log, "a");
  const flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const child = spawn("unshare", [...flags, "tini-static", "--", "sh", scriptFile], {
    stdio: ["ignore", output, output],
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const host = `unix://${folder}/engine.sock`;
  const engine: BenchEngine = {
    name,
    version,
    host,
    log,
    initPid: 0,
    async halt() {
      child.kill("SIGKILL");
      await gone;
      await removeCgroups(cgroupParent);
    },
    async stop() {
      await engine.halt();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  for (let tries = 0; ; tries++) {
    try {
      await docker(engine, ["version"], { timeoutSeconds: 5 });
      break;
    } catch (error) {
      if (tries < 100 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 100));
      else throw new Error(`${name} did not start: ${readFileSync(log, "utf8")}`, { cause: error });
    }
  }
  engine.initPid = childOf(child.pid ?? 0);
  return engine;
}
