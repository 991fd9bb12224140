import { decodeIpAddress, formatIpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import { droppedSet, guardFamilies, guardTable } from "./forwarding-guard.ts";
import type { Kernel } from "./kernel.ts";
import { refusedSets } from "./ruleset.ts";

interface WarningsOptions {
  tableName: string;
  kernel: Kernel;
  logger: Logger;
}

/** What `info` says of packets that do not arrive. Never throws. */
export async function listNetworkWarnings(options: WarningsOptions): Promise<string[]> {
  const parts = [findRefusals(options), findDrops(options), findForeignPolicies(options)].map((part) =>
    part.catch((error: unknown) => {
      options.logger.debug({ error }, "the packet filter cannot be read");
      return [];
    }),
  );
  return (await Promise.all(parts)).flat();
}

/** Other hosts that route a network's subnet to this machine, and are not let in. */
async function findRefusals({ kernel, tableName: table }: WarningsOptions): Promise<string[]> {
  const lists = await Promise.all(
    Object.keys(refusedSets).map((set) => kernel.listKeys({ family: "inet", table, set })),
  );
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
  const [from, to] = decodeAddresses(key.subarray(0, 2 * length));
  return `a connection of ${from} to port ${key.readUInt16BE(2 * length)} of ${to}`;
}

/** Two of the same length, one after the other. */
function decodeAddresses(bytes: Uint8Array): string[] {
  const length = bytes.length / 2;
  return [bytes.subarray(0, length), bytes.subarray(length)].map((address) =>
    formatIpAddress(decodeIpAddress(address)),
  );
}

/** What came from one link that is no bridge, and was to leave by another. */
async function findDrops({ kernel }: WarningsOptions): Promise<string[]> {
  const guarded = (await kernel.listChains()).filter(
    ({ table, name }) => table === guardTable && name === "guard",
  );
  const warnings = Object.values(guardFamilies)
    .filter((one) => guarded.some(({ family }) => family === one))
    .map(async (family) => {
      const keys = await kernel.listKeys({ family, table: guardTable, set: droppedSet });
      if (keys.length === 0) return [];
      const [from, to] = decodeAddresses(keys[0] ?? new Uint8Array());
      const others = keys.length > 1 ? `, and between ${keys.length - 1} more such pairs,` : "";
      return [
        `packets from ${from} to ${to}${others} were dropped by the table ${family} ${guardTable}: this machine forwards for its bridges alone, unless "ip-forward-no-drop": true in daemon.json makes it a router, or a rule in that table's chain "forward" accepts them`,
      ];
    });
  return (await Promise.all(warnings)).flat();
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
