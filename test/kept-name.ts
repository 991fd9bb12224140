import { createServer } from "node:net";

/**
 * Tests run side by side in several processes, so the kernel keeps the list of what each has taken for itself: a socket of the
 * abstract name space stands for each, and goes with its process.
 * @returns what gives the name back, or undefined when another process has it already
 */
export function keepName(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(`\0${name}`, () => {
      server.unref();
      resolve(() => void server.close());
    });
  });
}
