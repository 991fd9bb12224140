import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { keepName } from "./kept-name.ts";

/** Below those that the kernel gives to sockets that ask for any. */
const [first, end] = [20_000, 32_000];

/** A TCP port that is free at every address and that no other test of this machine gets while this process lives. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const port = randomInt(first, end);
    if ((await keepName(`port-of-a-test-${port}`)) && (await isFree(port))) return port;
  }
  throw new Error("no port is free");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
