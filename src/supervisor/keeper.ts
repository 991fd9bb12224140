import { internal } from "../errors.ts";
import type { Children } from "./children.ts";
import { startTold, type ToldProcess, type ToldProgram } from "./told-process.ts";

interface KeeperOptions {
  program: ToldProgram;
  children: Children;
  execRoot: string;
  /** There is something for it to do. */
  isNeeded(): boolean;
  /** All that is to be known, for one that has just started. */
  all(): { method: string; parameters: unknown };
}

/** Keeps a process running that knows only what this one tells it, so that another can take its place at any moment. */
export interface Keeper {
  /** Tells it something. When this resolves it is in effect, and so is all from before. Without need for it none is started. */
  tell(method: string, parameters: unknown): Promise<void>;
}

/** Starts that may fail in a row, each a while after the one before, until those who wait for one get an error. */
const mostTries = 5;
const retryMilliseconds = 100;
/** Then they go on without any who wait, at first after as long, and less and less often. */
const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 60_000;
/** One that has lived as long was well. */
const settledMilliseconds = 5000;
const idleMilliseconds = 10_000;

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param startOne for tests */
export function createKeeper(options: KeeperOptions, startOne = startTold): Keeper {
  const { program, children, execRoot, isNeeded, all } = options;
  /** One that has been told all. */
  let current: ToldProcess | undefined;
  /** The start of another one, that knows all. */
  let replacing: Promise<void> | undefined;
  let idleTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let pause = firstPauseMilliseconds;

  async function start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      let started: ToldProcess | undefined;
      try {
        const startedAt = performance.now();
        started = startOne(program, children, execRoot, () => {
          // One that has never answered is replaced below, or after a pause.
          if (current !== started) return;
          current = undefined;
          replaceIfNeeded(performance.now() - startedAt > settledMilliseconds ? 0 : retryMilliseconds);
        });
        const { method, parameters } = all();
        await started.request(method, parameters);
        current = started;
        pause = firstPauseMilliseconds;
        return;
      } catch (error) {
        started?.close();
        if (tries === mostTries) throw internal(`the ${program} does not start; see supervisor.log`, error);
        await sleep(retryMilliseconds);
      }
    }
  }

  function replace(afterMilliseconds: number): Promise<void> {
    replacing ??= sleep(afterMilliseconds)
      .then(start)
      .catch((error: unknown) => {
        replaceLater();
        throw error;
      })
      .finally(() => {
        replacing = undefined;
      });
    return replacing;
  }

  function replaceIfNeeded(afterMilliseconds: number): void {
    if (isNeeded() && !current && !replacing) void replace(afterMilliseconds).catch(console.error);
  }

  function replaceLater(): void {
    clearTimeout(retryTimer);
    retryTimer = setTimeout(replaceIfNeeded, pause, 0).unref();
    pause = Math.min(2 * pause, longestPauseMilliseconds);
  }

  function endIfIdle(): void {
    if (isNeeded()) return;
    current?.close();
    current = undefined;
  }

  return {
    async tell(method, parameters) {
      clearTimeout(idleTimer);
      idleTimer = setTimeout(endIfIdle, idleMilliseconds).unref();
      if (!current && !replacing) {
        if (isNeeded()) await replace(0);
        return;
      }
      // What it has heard at its start may be what there was before this.
      if (replacing) await replacing;
      await current?.request(method, parameters).catch(async (error: unknown) => {
        if (!replacing) throw error;
        await replacing;
      });
    },
  };
}
