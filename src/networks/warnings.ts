import { decodeIpAddress, formatIpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import { guardTable } from "./forwarding-guard.ts";
import type { Kernel } from "./kernel.ts";
import { refusedSets } from "./ruleset.ts";

interface WarningsOptions {
  tableName: string;
  kernel: Kernel;
  logger: Logger;
}

/** What `info` says of packets that do not arrive. Never throws. */
export async function listNetworkWarnings(options: WarningsOptions): Promise<string[]> {
  const parts = [findRefusals(options), findForeignPolicies(options)].map((part) =>
    part.catch((error: unknown) => {
      options.logger.debug({ error }, "the packet filter cannot be read");
      return [];
    }),
  );
  return (await Promise.all(parts)).flat();
}

/** Other hosts that route a network's subnet to this machine, and are not let in. */
async function findRefusals({ kernel, tableName: table }: WarningsOptions): Promise<string[]> {
  const lists = await Promise.all(Object.keys(refusedSets).map((set) => kernel.listKeys({ table, set })));
  const tries = lists.flat().map(describeTry);
  if (tries.length === 0) return [];
  const others = tries.length > 1 ? `, and ${tries.length - 1} more like it` : "";
  return [
    `${tries[0]} was refused${others}: "allow-direct-routing": true in daemon.json lets other hosts reach published ports at the containers' own addresses`,
  ];
}

/** Source, destination and port, each from a word of four bytes on. */
function describeTry(bytes: Uint8Array): string {
  const key = Buffer.from(bytes);
  const length = (key.length - 4) / 2;
  const [from, to] = [key.subarray(0, length), key.subarray(length, 2 * length)].map((address) =>
    formatIpAddress(decodeIpAddress(address)),
  );
  return `a connection of ${from} to port ${key.readUInt16BE(2 * length)} of ${to}`;
}

/** Another program's chain that lets nothing be forwarded: a drop there wins over whatever this engine accepts. */
async function findForeignPolicies({ kernel, tableName }: WarningsOptions): Promise<string[]> {
  return (await kernel.listChains())
    .filter(({ isForward, dropsTheRest, family }) => isForward && dropsTheRest && family !== "bridge")
    .filter(({ table, name }) => table !== tableName && table !== guardTable && !isOfIptables(table, name))
    .map(
      ({ family, table, name }) =>
        `chain ${name} of the nftables table ${family} ${table} drops what it does not accept itself: containers and published ports are cut off unless it accepts them`,
    );
}

/** Its policy is met by rules of ours there (`foreign-firewall.ts`). */
const isOfIptables = (table: string, name: string) => table === "filter" && name === "FORWARD";
