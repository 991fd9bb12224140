import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { isLegacyInUse } from "../sys/iptables.ts";
import { netlinkProtocol } from "../sys/netlink.ts";
import { listenToNetlink } from "../sys/netlink-listener.ts";
import { decodeNftNotice, type NftNotice, nftGroup } from "../sys/nftables-message.ts";
import type { Firewall } from "./firewall.ts";
import { firewalldTable } from "./firewalld.ts";
import { type ForeignFirewall, userChain } from "./foreign-firewall.ts";
import { guardTable } from "./forwarding-guard.ts";
import { administratorChain, isAdministrators, refusedSets } from "./ruleset.ts";
import { createSettledWork } from "./settled-work.ts";

/**
 * Notices when another program changes the engine's nftables table, and when another firewall comes or changes what it lets pass.
 */
export interface TableWatch {
  /** Changes by this process are our own. */
  expect(pid: number): void;
  stop(): void;
}

const rememberedProcesses = 64;

/** Such a firewall changes many chains at once. */
const settleMilliseconds = 200;

/** Of changes by the old kind of iptables there are no notices. */
const legacyMilliseconds = 5000;

interface TableWatchOptions {
  tableName: string;
  /** Its changes of elements are our own. */
  ownPort: number;
  logger: Logger;
  firewall: Pick<Firewall, "distrust" | "restore">;
  foreignFirewall: Pick<ForeignFirewall, "forget">;
  /** Has other firewalls accept our bridges. Throws nothing. */
  acceptBridges(): Promise<void>;
}

export function watchTable(options: TableWatchOptions): TableWatch {
  const { tableName, ownPort, logger, firewall, foreignFirewall, acceptBridges } = options;
  const own = new Set<number>();
  const complain = (error: unknown) =>
    logger.warn({ reason: messageOf(error) }, "the nftables table could not be written again");

  const repairing = createSettledWork(0, () => firewall.restore().catch(complain));
  const accepting = createSettledWork(settleMilliseconds, acceptBridges);
  const isHarm = (notice: NftNotice) =>
    notice.family === "inet" && notice.table === tableName && !isOthers(notice);

  function lose(): void {
    firewall.distrust().catch(complain);
    repairing.callFor();
  }

  const looking = setInterval(() => {
    if (isLegacyInUse(4) || isLegacyInUse(6)) accepting.callFor();
  }, legacyMilliseconds).unref();

  const listener = listenToNetlink(netlinkProtocol.netfilter, [nftGroup], (announcement) => {
    if (announcement && (announcement.port === ownPort || own.has(announcement.port))) return;
    const notices = announcement?.messages.flatMap((message) => decodeNftNotice(message) ?? []);
    if (!notices || notices.some(isHarm)) lose();
    else if (notices.some(isOfGuard)) repairing.callFor();
    if (!notices || notices.some(isOfFirewalld)) foreignFirewall.forget();
    if (!notices || notices.some(isOfAnotherFirewall)) accepting.callFor();
  });

  return {
    expect(pid) {
      own.add(pid);
      for (const old of own) if (own.size > rememberedProcesses) own.delete(old);
    },
    stop() {
      listener.close();
      clearInterval(looking);
      repairing.stop();
      accepting.stop();
    },
  };
}

/** As the kernel names the sets and maps that are written out in a rule. They change only with it, and it is announced itself. */
const anonymousSet = /^__(set|map)\d+$/;

/** What comes and goes without the engine. */
function isOthers({ kind, isRemoval, name }: NftNotice): boolean {
  if (kind === "table") return !isRemoval;
  if ((kind === "set" || kind === "element") && anonymousSet.test(name)) return true;
  if (kind === "chain" && isRemoval && name === administratorChain) return false;
  return isAdministrators(name) || (kind === "element" && Object.hasOwn(refusedSets, name));
}

/** It is seen with the engine's own whether that is the administrator's wish. */
const isOfGuard = ({ kind, isRemoval, table }: NftNotice) =>
  isRemoval && table === guardTable && kind !== "element";

const isNewChain = ({ kind, isRemoval }: NftNotice) => kind === "chain" && !isRemoval;

const isOfFirewalld = (notice: NftNotice) => isNewChain(notice) && notice.table === firewalldTable;

/** Those of iptables have the names that it gives them. Of rules only those count among which there are some of ours. */
function isOfAnotherFirewall(notice: NftNotice): boolean {
  const { kind, family, table, name } = notice;
  const isRule = kind === "rule" && ["FORWARD", userChain].includes(name);
  const isOfIptables = family.startsWith("ip") && table === "filter" && (isRule || isNewChain(notice));
  return isOfIptables || isOfFirewalld(notice);
}
