import type { Link } from "../sys/link-message.ts";
import type { BridgeRecord } from "./records.ts";

/** The alias that the bridges of one engine bear. */
export const bridgeMark = (tableName: string) => `berth ${tableName}`;

/**
 * This engine's bridges of networks that are no more: one was being removed when the daemon was killed. One that is in use stays,
 * since its record may only be unreadable.
 */
export function findStrayBridges(links: Link[], known: BridgeRecord[], tableName: string): string[] {
  const names = new Set(known.map(({ link }) => link));
  const used = new Set(links.map(({ master }) => master));
  return links
    .filter(({ name, alias, index }) => {
      return alias === bridgeMark(tableName) && !names.has(name) && !used.has(index);
    })
    .map(({ name }) => name);
}
