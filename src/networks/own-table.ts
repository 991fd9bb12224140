import type { Logger } from "../logger.ts";
import { runNft } from "../sys/nftables.ts";
import type { NftChain } from "../sys/nftables-chains.ts";
import type { Bridge } from "./bridge.ts";
import { compareTable, type Difference } from "./compare-table.ts";
import type { Kernel } from "./kernel.ts";
import type { KnownPublications } from "./known-publications.ts";
import { createLoopbackRoutes, type LoopbackRoutes } from "./loopback.ts";
import { createLoopbackGuard } from "./loopback-guard.ts";
import { formatAdditions } from "./published-elements.ts";
import { formatPortFlush, formatRemoval, formatTable } from "./ruleset.ts";
import { writeTable } from "./write-table.ts";

export interface FirewallOptions {
  tableName: string;
  kernel: Kernel;
  logger: Logger;
  /** Other hosts may reach published ports at the containers' own addresses. */
  allowsDirectRouting: boolean;
  /** Called with the process that is about to change the table for us. */
  onScript?: (pid: number) => void;
  /** Called with what there was when the table was looked at. Where all of it was gone, all others of this machine may be, too. */
  onSight?: (chains: readonly NftChain[], isGone: boolean) => Promise<void>;
}

/** What was put into the table, and all of it written at once. Calls come one after the other. */
export interface OwnTable {
  readonly bridges: readonly Bridge[];
  setBridges(bridges: readonly Bridge[]): void;
  /** Undefined until the running containers are known: till then those of the daemon before stay. */
  published: KnownPublications | undefined;
  /** How often another program has changed the table. */
  losses: number;
  /** What another program had changed, by what it was. */
  putRight: Map<string, Difference>;
  loopback: LoopbackRoutes;
  /** A script of nft(8) that this engine answers for. */
  run(script: string): Promise<string>;
  /** Makes the published ports those that are known. */
  formatPorts(): string;
  install(bridges: readonly Bridge[]): Promise<void>;
  rewrite(reason: string): Promise<void>;
  compare(): Promise<Difference[]>;
  restore(): Promise<void>;
  /** Has bridges route loopback that need it, while the table is as it was left. */
  followPorts(): Promise<void>;
  destroy(): Promise<void>;
}

export function createOwnTable(options: FirewallOptions): OwnTable {
  const { tableName, kernel, logger, onScript, onSight, allowsDirectRouting } = options;
  const table = `inet ${tableName}`;
  const run = (script: string) => runNft(script, onScript);
  const guard = createLoopbackGuard({ tableName, kernel, logger, runScript: run });
  /** How many of the losses have been mended. */
  let mended = 0;
  const isOwn = (chain: NftChain) => chain.family === "inet" && chain.table === tableName;
  const publications = () => own.published?.list() ?? [];
  const whole = () =>
    formatTable(table, own.bridges, allowsDirectRouting) + (own.published ? own.formatPorts() : "");

  async function see(write?: () => Promise<void>): Promise<void> {
    const chains = await kernel.listChains();
    await write?.();
    await onSight?.(chains, !chains.some(isOwn));
  }
  const write = () => see(() => writeTable({ table, run, logger }, whole()));

  let bridges: readonly Bridge[] = [];
  const own: OwnTable = {
    get bridges() {
      return bridges;
    },
    setBridges(list) {
      bridges = [...list];
      own.published?.setBridges(bridges);
    },
    published: undefined,
    losses: 0,
    putRight: new Map(),
    loopback: createLoopbackRoutes(kernel, () => guard.ensure()),
    run,
    formatPorts: () => formatPortFlush(table) + formatAdditions(table, publications()),
    async install(list) {
      own.setBridges(list);
      own.putRight.clear();
      own.loopback.forget();
      await write();
      await own.followPorts();
    },
    async rewrite(reason) {
      const seen = own.losses;
      logger.warn({ reason }, "the nftables table is written again");
      try {
        await write();
      } catch (error) {
        await own.loopback.close(own.bridges);
        throw error;
      }
      mended = seen;
      own.loopback.forget();
    },
    compare: () => compareTable(table, whole(), own.published !== undefined),
    async restore() {
      const seen = own.losses;
      const differences = await own.compare();
      for (const { subject, problem } of differences)
        own.putRight.set(problem, {
          subject,
          problem: `${problem}: another program did it; it was put right at once`,
        });
      if (differences.length > 0) await own.rewrite(differences.map(({ problem }) => problem).join("; "));
      else {
        mended = seen;
        await see();
      }
      await own.followPorts();
    },
    async followPorts() {
      if (own.published && mended === own.losses) await own.loopback.follow(own.bridges, own.published);
    },
    async destroy() {
      await own.loopback.close(own.bridges);
      await run(formatRemoval(table));
      await guard.remove();
    },
  };
  return own;
}
