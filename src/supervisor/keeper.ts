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

/** Starts that may fail in a row, each a while after the one before. */
const mostTries = 5;
const retryMilliseconds = 100;
/** One that has lived as long was well. */
const settledMilliseconds = 5000;
const idleMilliseconds = 10_000;

export function createKeeper(options: KeeperOptions): Keeper {
  const { program, children, execRoot, isNeeded, all } = options;
  let current: ToldProcess | undefined;
  /** The start of another one, that knows all. */
  let replacing: Promise<void> | undefined;
  let idleTimer: NodeJS.Timeout | undefined;

  async function start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const startedAt = performance.now();
        const started = startTold(program, children, execRoot, () => {
          if (current === started) current = undefined;
          const isSettled = performance.now() - startedAt > settledMilliseconds;
          if (isNeeded() && !replacing) void replace(isSettled ? 0 : retryMilliseconds).catch(console.error);
        });
        current = started;
        const { method, parameters } = all();
        return await started.request(method, parameters);
      } catch (error) {
        if (tries === mostTries) throw internal(`the ${program} does not start; see supervisor.log`, error);
        await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      }
    }
  }

  function replace(afterMilliseconds: number): Promise<void> {
    replacing ??= new Promise((resolve) => setTimeout(resolve, afterMilliseconds)).then(start).finally(() => {
      replacing = undefined;
    });
    return replacing;
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
