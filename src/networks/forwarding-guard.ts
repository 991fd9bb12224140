import { runNft } from "../sys/nftables.ts";
import type { Kernel } from "./kernel.ts";

/** What keeps a machine that forwards for its containers from being a router between all of its links. */
export interface ForwardingGuard {
  /** Sees what an engine before this one, or another one, has put in place. */
  look(): Promise<void>;
  /** From then on only what comes from a bridge or goes to one is forwarded. */
  put(family: 4 | 6): Promise<void>;
  /** Once more what was there, after another program has taken all tables away. */
  putBack(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * One table for all engines of a machine. It is there where an engine has switched forwarding on, and like the setting it outlives
 * the engine. A user's rules in it stay: it is written only where it is missing.
 */
export const guardTable = "berth-forwarding";
const tableFamily = { 4: "ip", 6: "ip6" } as const;
const families = [4, 6] as const;

/**
 * Bridges of every program pass, by their kind: one that starts later finds forwarding on, and takes it for the administrator's. A rule
 * that asks for another kind would not do: it says nothing of the machine's network cards, which have none.
 */
function formatGuard(family: 4 | 6): string {
  const table = `${tableFamily[family]} ${guardTable}`;
  return [
    `add table ${table}`,
    `add chain ${table} forward { type filter hook forward priority filter; policy drop; }`,
    `flush chain ${table} forward`,
    `add rule ${table} forward meta iifkind "bridge" accept`,
    `add rule ${table} forward meta oifkind "bridge" accept`,
    // Answers to what a user's rule lets pass.
    `add rule ${table} forward ct state established,related accept\n`,
  ].join("\n");
}

export function createForwardingGuard(kernel: Pick<Kernel, "listChains">): ForwardingGuard {
  const known = new Set<4 | 6>();

  async function listThere(): Promise<(4 | 6)[]> {
    const chains = (await kernel.listChains()).filter(({ table }) => table === guardTable);
    return families.filter((one) => chains.some(({ family }) => family === tableFamily[one]));
  }

  async function put(family: 4 | 6): Promise<void> {
    if (!(await listThere()).includes(family)) await runNft(formatGuard(family));
    known.add(family);
  }

  return {
    async look() {
      for (const family of await listThere()) known.add(family);
    },
    put,
    async putBack() {
      for (const family of known) await put(family);
    },
    async remove() {
      known.clear();
      for (const family of await listThere()) {
        const table = `${tableFamily[family]} ${guardTable}`;
        await runNft(`add table ${table}\ndelete table ${table}\n`);
      }
    },
  };
}
