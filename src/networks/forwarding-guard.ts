import { items, kindOf } from "../formats/record-shape.ts";
import { flag, integer, optional, struct, text } from "../formats/shape.ts";
import type { State } from "../state/state.ts";
import { runNft } from "../sys/nftables.ts";
import type { NftChain } from "../sys/nftables-chains.ts";
import { bootId } from "../sys/process.ts";
import type { Kernel } from "./kernel.ts";

/** What keeps a machine that forwards for its containers from being a router between all of its links. */
export interface ForwardingGuard {
  /** Sees what an engine before this one, or another one, has put in place. */
  look(): Promise<void>;
  /** From then on only what comes from a bridge or goes to one is forwarded. */
  put(family: 4 | 6): Promise<void>;
  /**
   * Puts back what another program has taken away together with all other tables. What is gone alone was taken away on purpose.
   * @param chains all that there were when the engine's own table was last looked at
   * @param isGone that one was gone, too
   */
  follow(chains: readonly NftChain[], isGone: boolean): Promise<void>;
  remove(): Promise<void>;
  /** Remembers that the engine's own table is about to go with its containers, also where all tables go after it. */
  noteTakeDown(): Promise<void>;
}

/**
 * One table for all engines of a machine. It is there where an engine has switched forwarding on, and like the setting it outlives
 * the engine. A user's rules in it stay: it is written only where it is missing.
 */
export const guardTable = "berth-forwarding";
/** Who was dropped lately, and on the way to whom: a few are kept. */
export const droppedSet = "dropped";
export const guardFamilies = { 4: "ip", 6: "ip6" } as const;
const families = [4, 6] as const;

/**
 * Bridges of every program pass, by their kind: one that starts later finds forwarding on, and takes it for the administrator's. A rule
 * that asks for another kind would not do: it says nothing of the machine's network cards, which have none.
 */
function formatGuard(family: 4 | 6): string {
  const ip = guardFamilies[family];
  const table = `${ip} ${guardTable}`;
  return [
    `add table ${table}`,
    `add set ${table} ${droppedSet} { type ipv${family}_addr . ipv${family}_addr; flags dynamic, timeout; size 32; timeout 1h; }`,
    // A chain of its own, so that a rule which a user adds at its end comes before the drop.
    `add chain ${table} forward`,
    `flush chain ${table} forward`,
    `add rule ${table} forward meta iifkind "bridge" accept`,
    `add rule ${table} forward meta oifkind "bridge" accept`,
    // Answers to what a user's rule lets pass.
    `add rule ${table} forward ct state established,related accept`,
    `add chain ${table} guard { type filter hook forward priority filter; policy drop; }`,
    `flush chain ${table} guard`,
    `add rule ${table} guard jump forward`,
    `add rule ${table} guard update @${droppedSet} { ${ip} saddr . ${ip} daddr }`,
    `add rule ${table} guard counter drop\n`,
  ].join("\n");
}

const guardedKind = kindOf(
  "forwarding",
  struct("Forwarding", {
    /** The kernel's run that it was switched on in: with the next it is off again. */
    bootId: text,
    /** 4, 6 */
    families: items(integer("int")),
    /** The engine's own table went on purpose, with its containers: that it is gone means no flush. */
    isTakenDown: optional(flag),
  }),
);
const recordKey = "guarded";

/** A table without effect, which a flush takes away and who deletes a guard does not: it has a chain for each engine taken down. */
const witnessFamily = "inet";
/** Engines that never come back leave theirs. Without one, a guard that is missing is put back. */
const mostWitnesses = 16;

interface ForwardingGuardOptions {
  /** The engine's own. */
  tableName: string;
  kernel: Pick<Kernel, "listChains">;
  state: State;
  /** This engine switches forwarding on, and is to guard it. */
  isWanted: boolean;
  /** Whether this machine forwards. */
  isOn(family: 4 | 6): Promise<boolean>;
}

export function createForwardingGuard(options: ForwardingGuardOptions): ForwardingGuard {
  const { kernel, state, tableName, isWanted, isOn } = options;
  const witness = `down-${tableName}`;
  const records = state.records(guardedKind);
  const stored = records.load().get(recordKey);
  /** What is guarded for this engine. It is stored: all tables may go while no daemon runs. */
  const known = new Set(
    families.filter((one) => stored?.bootId === bootId() && stored.families.includes(one)),
  );

  let isTakenDown = known.size > 0 && stored?.isTakenDown === true;

  function store(): void {
    if (known.size === 0) records.deleteSoon(recordKey);
    else records.putSoon(recordKey, { bootId: bootId(), families: [...known], isTakenDown });
  }

  async function put(family: 4 | 6): Promise<void> {
    known.add(family);
    store();
    if (!listGuarded(await kernel.listChains()).includes(family)) await runNft(formatGuard(family));
  }

  /** @returns whether it was there */
  async function takeWitness(chains: readonly NftChain[]): Promise<boolean> {
    const all = listWitnesses(chains);
    if (!all.some(({ name }) => name === witness)) return false;
    const table = `${witnessFamily} ${guardTable}`;
    await runNft(all.length === 1 ? `delete table ${table}\n` : `delete chain ${table} ${witness}\n`);
    return true;
  }

  return {
    async look() {
      for (const family of listGuarded(await kernel.listChains())) known.add(family);
      store();
    },
    put,
    async follow(chains, isGone) {
      if (!isWanted) return;
      const isFlushed = isGone && !(isTakenDown && (await takeWitness(chains)));
      if (isTakenDown) {
        isTakenDown = false;
        store();
      }
      const there = listGuarded(chains);
      for (const family of [...known]) {
        if (there.includes(family)) continue;
        if (isFlushed && (await isOn(family))) await put(family);
        if (isFlushed) continue;
        known.delete(family);
        store();
      }
    },
    async noteTakeDown() {
      if (known.size === 0) return;
      isTakenDown = true;
      store();
      const table = `${witnessFamily} ${guardTable}`;
      const isFull = listWitnesses(await kernel.listChains()).length >= mostWitnesses;
      const emptied = isFull ? `delete table ${table}\n` : "";
      await runNft(`${emptied}add table ${table}\nadd chain ${table} ${witness}\n`);
    },
    async remove() {
      known.clear();
      store();
      const chains = await kernel.listChains();
      const guards: string[] = listGuarded(chains).map((family) => guardFamilies[family]);
      for (const family of listWitnesses(chains).length > 0 ? [...guards, witnessFamily] : guards) {
        const table = `${family} ${guardTable}`;
        await runNft(`add table ${table}\ndelete table ${table}\n`);
      }
    },
  };
}

const listWitnesses = (chains: readonly NftChain[]) =>
  chains.filter(({ family, table }) => family === witnessFamily && table === guardTable);

function listGuarded(chains: readonly NftChain[]): (4 | 6)[] {
  const own = chains.filter(({ table }) => table === guardTable);
  return families.filter((one) => own.some(({ family }) => family === guardFamilies[one]));
}
