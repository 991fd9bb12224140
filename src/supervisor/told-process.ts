import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { decodeError, type EncodedError, unavailable } from "../errors.ts";
import { readLines } from "../supervisor-protocol/lines.ts";
import type { ToldRequest } from "../supervisor-protocol/told-program.ts";
import { makePipe } from "../sys/pipe.ts";
import { spawnProcess } from "../sys/spawn.ts";
import type { Children } from "./children.ts";

/** The programs that the supervisor tells what there is. */
export type ToldProgram = "resolver" | "relay";

/** A process that knows what this one tells it: one of its lives. */
export interface ToldProcess {
  /** @throws the process's error; EngineError unavailable when it has ended */
  request(method: string, parameters: unknown): Promise<void>;
  /** Ends it. */
  close(): void;
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** @throws SyscallError when it cannot be started */
export function startTold(
  program: ToldProgram,
  children: Children,
  execRoot: string,
  onExit: () => void,
): ToldProcess {
  const { pid, input, output } = spawnTold(program, execRoot);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let hasEnded = false;

  function end(): void {
    if (hasEnded) return;
    hasEnded = true;
    input.destroy();
    output.destroy();
    for (const { reject } of waiting.values()) reject(unavailable(`the ${program} has ended`));
    waiting.clear();
    onExit();
  }
  children.onExit(pid, end);
  // Its exit is what counts.
  input.on("error", () => {});
  output.on("error", () => {});
  readLines(output, (line) => {
    const { id, error }: { id: number; error?: EncodedError } = JSON.parse(line);
    const request = waiting.get(id);
    waiting.delete(id);
    if (error) request?.reject(decodeError(error));
    else request?.resolve();
    return false;
  });

  return {
    request(method, parameters) {
      if (hasEnded) return Promise.reject(unavailable(`the ${program} has ended`));
      return new Promise((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        input.write(`${JSON.stringify({ id, method, parameters } satisfies ToldRequest)}\n`);
      });
    },
    close: () => void input.destroy(),
  };
}

/** Its input closes with this process, however that ends. */
function spawnTold(program: ToldProgram, execRoot: string): { pid: number; input: Socket; output: Socket } {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const main = fileURLToPath(new URL(`../${program}/main${extension}`, import.meta.url));
  const toIt = makePipe();
  const fromIt = makePipe();
  const input = new Socket({ fd: toIt.writeFd, readable: false, writable: true });
  const output = new Socket({ fd: fromIt.readFd, readable: true, writable: false });
  try {
    const words = ["--max-semi-space-size=1", main, execRoot];
    return { pid: spawnProcess(process.execPath, words, [toIt.readFd, fromIt.writeFd, 2]), input, output };
  } catch (error) {
    input.destroy();
    output.destroy();
    throw error;
  } finally {
    closeSync(toIt.readFd);
    closeSync(fromIt.writeFd);
  }
}
