import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { netlinkProtocol } from "../sys/netlink.ts";
import { listenToNetlink } from "../sys/netlink-listener.ts";
import type { NetlinkMessage } from "../sys/netlink-message.ts";
import { decodeNftNotice, nftGroup } from "../sys/nftables-message.ts";
import type { Firewall } from "./firewall.ts";

/** Notices when another program takes something away from the engine's nftables table. */
export interface TableWatch {
  /** Changes by this process are our own. */
  expect(pid: number): void;
  stop(): void;
}

/** Between two repairs, so that two programs at odds do not keep the machine busy. */
const pauseMilliseconds = 1000;
const rememberedProcesses = 64;

export function watchTable(
  tableName: string,
  logger: Logger,
  { distrust, restore }: Pick<Firewall, "distrust" | "restore">,
): TableWatch {
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
      await restore();
    } catch (error) {
      complain(error);
    }
    pause = setTimeout(() => {
      isRepairing = false;
      if (isLost) void repair();
    }, pauseMilliseconds);
    pause.unref();
  }

  function isLoss(message: NetlinkMessage): boolean {
    const notice = decodeNftNotice(message);
    return notice?.table === tableName && notice.isRemoval;
  }

  const listener = listenToNetlink(netlinkProtocol.netfilter, [nftGroup], (announcement) => {
    if (announcement && (own.has(announcement.port) || !announcement.messages.some(isLoss))) return;
    isLost = true;
    distrust().catch(complain);
    if (!isRepairing) void repair();
  });

  return {
    expect(pid) {
      own.add(pid);
      for (const old of own) if (own.size > rememberedProcesses) own.delete(old);
    },
    stop() {
      listener.close();
      clearTimeout(pause);
      isRepairing = true;
    },
  };
}
