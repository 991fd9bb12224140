import { readFileSync } from "node:fs";
import { createServer } from "node:net";

export interface Subnet {
  /** Of the bridge: "10.117.0.1/24". */
  address: string;
  release(): void;
}

/**
 * A subnet that no other test engine of this machine has. Tests run side by side in several processes, so the kernel keeps the
 * list: a socket of the abstract name space stands for each, and goes with its process.
 */
export async function reserveSubnet(): Promise<Subnet> {
  for (let number = 0; number < 25_600; number++) {
    const address = `10.${100 + (number % 100)}.${Math.floor(number / 100)}.1`;
    // An engine whose test was killed may have left its bridge.
    if (readFileSync("/proc/net/fib_trie", "latin1").includes(` ${address}\n`)) continue;
    const release = await reserve(`\0subnet-of-a-test-${number}`);
    if (release) return { address: `${address}/24`, release };
  }
  throw new Error("no subnet is free");
}

/** @returns undefined when somebody has that name already */
function reserve(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(name, () => {
      server.unref();
      resolve(() => void server.close());
    });
  });
}
