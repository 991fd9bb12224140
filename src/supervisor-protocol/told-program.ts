import { Socket } from "node:net";
import { encodeError } from "../errors.ts";
import { trimMemoryAtRest } from "../sys/trim-memory.ts";
import { readLines } from "./lines.ts";

/** A request to a child of the supervisor, on a line of its own. */
export interface ToldRequest {
  id: number;
  method: string;
  parameters: unknown;
}

type Told = Record<string, (parameters: never) => Promise<void>>;

/**
 * The life of a child of the supervisor, which tells it what there is, line by line on its standard input; each is answered on its
 * standard output, in order. It ends with its parent, and whatever ends it alone, the parent starts another.
 * @param title what `ps` shows
 */
export function serveSupervisor(title: string, methods: Told): void {
  process.title = title;
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE"] as const) process.on(signal, () => {});
  // An error with one query or container must not end what all others need.
  process.on("uncaughtException", (error) => console.error(error));
  process.on("unhandledRejection", (error) => console.error(error));
  trimMemoryAtRest();
  const input = new Socket({ fd: 0, readable: true, writable: false });
  const output = new Socket({ fd: 1, readable: false, writable: true });
  let last: Promise<void> = Promise.resolve();

  async function answer({ id, method, parameters }: ToldRequest): Promise<void> {
    let error: unknown;
    try {
      if (!Object.hasOwn(methods, method)) throw new Error(`unknown method ${method}`);
      await methods[method]?.(parameters as never);
    } catch (thrown) {
      error = thrown;
    }
    output.write(`${JSON.stringify({ id, ...(error !== undefined && { error: encodeError(error) }) })}\n`);
  }

  readLines(input, (line) => {
    const request: ToldRequest = JSON.parse(line);
    last = last.then(() => answer(request));
    return false;
  });
  input.once("close", () => process.exit(0));
  output.on("error", () => process.exit(0));
}
