import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { EngineError } from "../../src/errors.ts";
import { createRandom } from "../random.ts";
import type { Session, Target } from "./target.ts";

export interface FuzzOptions {
  count: number;
  /** Of the first input; the next one's is one more, so that `--count 1 --seed N` tries input N again. */
  seed: number;
  report(line: string): void;
}

export interface Fallen {
  seed: number;
  error: unknown;
}

export interface FuzzResult {
  refused: number;
  seconds: number;
  fallen: Fallen[];
}

const mostFallen = 20;
const mostGrowthBytes = 64 * 1024 * 1024;
const hangSeconds = 60;

/** Tries `count` inputs. Ends early when too many have fallen; a hang ends the process, and says at which seed. */
export async function fuzz(target: Target, { count, seed, report }: FuzzOptions): Promise<FuzzResult> {
  const session = await target.open();
  const watchdog = startWatchdog(target.name);
  const result: FuzzResult = { refused: 0, seconds: 0, fallen: [] };
  const fall = (word: string, at: string, seed: number, error: unknown) => {
    result.fallen.push({ seed, error });
    report(`${word}: --target ${target.name} --seed ${at}: ${describe(error)}`);
  };
  const begun = performance.now();
  let usedBytes: number | undefined;
  try {
    for (let n = 0; n < count && result.fallen.length < mostFallen; n++) {
      watchdog.at(seed + n);
      const error = await attempt(target, session, seed + n);
      if (error instanceof EngineError) result.refused++;
      else if (error !== undefined) fall("fell", `${seed + n} --count 1`, seed + n, error);
      // What is loaded and compiled with the first inputs stays.
      if (n === Math.floor(count / 10)) usedBytes = measureMemory();
    }
  } finally {
    await watchdog.close();
    try {
      await session.close?.();
    } catch (error) {
      // What has been found so far is worth its summary.
      fall("ended badly", `${seed}`, seed, error);
    }
  }
  result.seconds = (performance.now() - begun) / 1000;
  const grownBytes = measureMemory() - (usedBytes ?? 0);
  if (usedBytes !== undefined && grownBytes > mostGrowthBytes) {
    const megabytes = Math.round(grownBytes / 1e6);
    fall("grew", `${seed}`, seed, `${megabytes} MB more are in use than after a tenth of the inputs`);
  }
  return result;
}

/** @returns what it threw, or undefined */
async function attempt({ mostMilliseconds }: Target, session: Session, seed: number): Promise<unknown> {
  const once = async () => {
    const begun = performance.now();
    let thrown: unknown;
    try {
      await session.attempt(createRandom(seed));
    } catch (error) {
      thrown = error ?? new Error("nothing was thrown");
    }
    return { thrown, milliseconds: performance.now() - begun };
  };
  const first = await once();
  if (first.milliseconds <= mostMilliseconds) return first.thrown;
  // A busy machine is no fault of the input's: one that is slow is so again.
  let least = first.milliseconds;
  for (let tries = 0; tries < 4 && least > mostMilliseconds; tries++)
    least = Math.min(least, (await once()).milliseconds);
  return least > mostMilliseconds ? new Error(`it took ${Math.round(least)} ms`) : first.thrown;
}

function describe(error: unknown): string {
  return error instanceof Error
    ? (error.stack ?? error.message).split("\n").slice(0, 4).join("\n    ")
    : String(error);
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function measureMemory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** On a thread of its own: whoever hangs does not look at a clock. */
function startWatchdog(name: string) {
  const current = new Float64Array(new SharedArrayBuffer(8));
  const source = `
    const { workerData: { current, name, hangSeconds } } = require("node:worker_threads");
    let last = NaN;
    setInterval(() => {
      if (current[0] === last) {
        require("node:fs").writeSync(2, "hung: --target " + name + " --seed " + last + " --count 1\\n");
        process.kill(process.pid, "SIGKILL");
      }
      last = current[0];
    }, hangSeconds * 1000);`;
  const worker = new Worker(source, { eval: true, workerData: { current, name, hangSeconds } });
  worker.unref();
  return {
    at(seed: number) {
      current[0] = seed;
    },
    close: () => worker.terminate(),
  };
}
