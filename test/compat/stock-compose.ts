import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from "node:child_process";
import { eventually } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

export interface StockCompose {
  /** "trixie/docker compose 2.26.1-4", "docker-compose 1.29.2" */
  title: string;
  /** The program and the words before a verb. */
  words: readonly [program: string, ...prefix: string[]];
  /** 1 for the one in Python, 2 for the plugin. */
  generation: 1 | 2;
  /** 40 of 2.40.3 */
  minor: number;
}

/** Compose of version 2, a plugin of the command lines that have it, and docker-compose 1.29, where it is packaged. */
export function findComposes(): StockCompose[] {
  const plugins = stockDockers
    .map((docker) => findOne([docker, "compose"]))
    .filter((found) => found !== undefined);
  assert.ok(plugins.length > 0, "no docker with compose: run scripts/test.sh, which fetches some");
  const python = findOne(["docker-compose"]);
  return [...plugins, ...(python?.generation === 1 ? [python] : [])];
}

function findOne(words: StockCompose["words"]): StockCompose | undefined {
  const [program, ...prefix] = words;
  const { status, stdout } = spawnSync(program, [...prefix, "version", "--short"], { encoding: "utf8" });
  const [, generation, minor] = /^v?([12])\.(\d+)/.exec(stdout ?? "") ?? [];
  if (status !== 0 || !generation) return undefined;
  return {
    title: `${words.join(" ").replace(/^.*\.tools\/peers\//, "")} ${stdout.trim()}`,
    ...{ words, generation: generation === "1" ? 1 : 2, minor: Number(minor) },
  };
}

/** Where compose is called, and for which project. */
export interface ProjectPlace {
  folder: string;
  project: string;
  /** Of the engine: known only when its suite has begun. */
  host(): string;
}

function environment({ folder, project, host }: ProjectPlace): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DOCKER_HOST: host(),
    COMPOSE_PROJECT_NAME: project,
    // Its watch keeps a lock there.
    HOME: folder,
    NO_COLOR: "1",
  };
}

/** The output of one command of compose, which must succeed. */
export function callCompose(compose: StockCompose, place: ProjectPlace, verb: string[]): Promise<string> {
  const [program, ...prefix] = compose.words;
  const options = { cwd: place.folder, env: environment(place), timeout: 120_000 };
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...prefix, ...verb], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${verb.join(" ")}: ${stdout}${stderr}`, { cause: error }));
      else resolve(stdout);
    });
    child.stdin?.end();
  });
}

/** A command of compose that goes on until it is told to end. */
export class FollowedCompose {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  /** What it has said so far, on both outputs. */
  text = "";

  constructor(compose: StockCompose, place: ProjectPlace, verb: string[]) {
    const [program, ...prefix] = compose.words;
    this.child = spawn(program, [...prefix, ...verb], { cwd: place.folder, env: environment(place) });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on("data", (chunk) => {
        this.text += chunk;
      });
    this.ended = new Promise((resolve) => this.child.once("close", resolve));
  }

  shows(pattern: RegExp): Promise<string> {
    return eventually(
      () => this.text,
      (text) => pattern.test(text),
    );
  }

  /** @returns its exit code; null when the signal ended it */
  end(): Promise<number | null> {
    if (this.child.exitCode === null) this.child.kill("SIGINT");
    return this.ended;
  }
}
