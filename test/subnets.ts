import { readFileSync } from "node:fs";
import { keepName } from "./kept-name.ts";

export interface Subnet {
  /** Of the bridge: "10.117.0.1/24". */
  address: string;
  release(): void;
}

/** A subnet that no other test engine of this machine has. */
export async function reserveSubnet(): Promise<Subnet> {
  for (let number = 0; number < 25_600; number++) {
    const address = `10.${100 + (number % 100)}.${Math.floor(number / 100)}.1`;
    // An engine whose test was killed may have left its bridge.
    if (readFileSync("/proc/net/fib_trie", "latin1").includes(` ${address}\n`)) continue;
    const release = await keepName(`subnet-of-a-test-${number}`);
    if (release) return { address: `${address}/24`, release };
  }
  throw new Error("no subnet is free");
}
