import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { netlinkProtocol } from "../sys/netlink.ts";
import { listenToNetlink } from "../sys/netlink-listener.ts";
import { decodeNftNotice, type NftNotice, nftGroup } from "../sys/nftables-message.ts";
import type { Firewall } from "./firewall.ts";
import { firewalldTable } from "./firewalld.ts";
import type { ForeignFirewall } from "./foreign-firewall.ts";
import { createSettledWork } from "./settled-work.ts";

/**
 * Notices when another program takes something away from the engine's nftables table, and when another firewall comes or changes
 * what it lets pass.
 */
export interface TableWatch {
  /** Changes by this process are our own. */
  expect(pid: number): void;
  stop(): void;
}

/** Between two repairs, so that two programs at odds do not keep the machine busy. */
const pauseMilliseconds = 1000;
const rememberedProcesses = 64;

/** Such a firewall changes many chains at once. */
const settleMilliseconds = 200;

interface TableWatchOptions {
  tableName: string;
  logger: Logger;
  firewall: Pick<Firewall, "distrust" | "restore">;
  foreignFirewall: Pick<ForeignFirewall, "forget">;
  /** Has other firewalls accept our bridges. Throws nothing. */
  acceptBridges(): Promise<void>;
}

export function watchTable(options: TableWatchOptions): TableWatch {
  const { tableName, logger, firewall, foreignFirewall, acceptBridges } = options;
  const own = new Set<number>();
  let isRepairing = false;
  let isLost = false;
  let pause: NodeJS.Timeout | undefined;

  const complain = (error: unknown) =>
    logger.warn({ reason: messageOf(error) }, "the nftables table could not be written again");

  async function repair(): Promise<void> {
    isRepairing = true;
    isLost = false;
    try {
      await firewall.restore();
    } catch (error) {
      complain(error);
    }
    pause = setTimeout(() => {
      isRepairing = false;
      if (isLost) void repair();
    }, pauseMilliseconds);
    pause.unref();
  }

  const accepting = createSettledWork(settleMilliseconds, acceptBridges);
  const isLoss = ({ family, table, isRemoval }: NftNotice) =>
    family === "inet" && table === tableName && isRemoval;

  function lose(): void {
    isLost = true;
    firewall.distrust().catch(complain);
    if (!isRepairing) void repair();
  }

  const listener = listenToNetlink(netlinkProtocol.netfilter, [nftGroup], (announcement) => {
    if (announcement && own.has(announcement.port)) return;
    const notices = announcement?.messages.flatMap((message) => decodeNftNotice(message) ?? []);
    if (!notices || notices.some(isLoss)) lose();
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
      clearTimeout(pause);
      accepting.stop();
      isRepairing = true;
    },
  };
}

const isOfFirewalld = ({ isNewChain, table }: NftNotice) => isNewChain && table === firewalldTable;

/** Those of iptables have the names that it gives them. */
const isOfAnotherFirewall = (notice: NftNotice) =>
  isOfFirewalld(notice) || (notice.isNewChain && notice.family.startsWith("ip") && notice.table === "filter");
