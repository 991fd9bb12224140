import { Socket } from "node:net";
import { encodeError } from "../errors.ts";
import { readLines } from "../supervisor-protocol/lines.ts";
import type { ResolverRequest } from "../supervisor-protocol/names.ts";
import { trimMemoryAtRest } from "../sys/trim-memory.ts";
import { createResolver } from "./resolver.ts";

/**
 * The resolver: answers the names that containers look up, on 127.0.0.11 in their own network namespaces. A child of the supervisor,
 * which tells it what there is, line by line on its standard input; each is answered on its standard output. It ends with its parent,
 * and whatever ends it alone, the parent starts another.
 */
process.title = `berth-resolver ${process.argv[2] ?? ""}`;
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE"] as const) process.on(signal, () => {});
// An error with one query or container must not end the answers to all others.
process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));

trimMemoryAtRest();
const resolver = createResolver();
const input = new Socket({ fd: 0, readable: true, writable: false });
const output = new Socket({ fd: 1, readable: false, writable: true });
let last: Promise<void> = Promise.resolve();

async function answer({ id, method, parameters }: ResolverRequest): Promise<void> {
  let error: unknown;
  try {
    await resolver[method](parameters as never);
  } catch (thrown) {
    error = thrown;
  }
  output.write(`${JSON.stringify({ id, ...(error !== undefined && { error: encodeError(error) }) })}\n`);
}

readLines(input, (line) => {
  const request: ResolverRequest = JSON.parse(line);
  last = last.then(() => answer(request));
  return false;
});
input.once("close", () => process.exit(0));
output.on("error", () => process.exit(0));
