import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { decodeLinkLoss, type LinkLoss, linkGroups, lossFilter } from "../sys/link-notices.ts";
import { netlinkProtocol } from "../sys/netlink.ts";
import { listenToNetlink } from "../sys/netlink-listener.ts";
import { checkMachine, type MachineNeeds } from "./check-machine.ts";
import { createSettledWork } from "./settled-work.ts";

/** Notices when another program takes away what the networks need on this machine, and has it put right. */
export interface MachineWatch {
  stop(): void;
}

interface MachineWatchOptions extends MachineNeeds {
  logger: Logger;
  /** The links that the networks need. */
  isNeeded(link: string): boolean;
  repair(): Promise<void>;
}

/** One change is announced many times, and a network's own end announces much. */
const settleMilliseconds = 50;

export function watchMachine(options: MachineWatchOptions): MachineWatch {
  const { logger, isNeeded, repair } = options;
  async function putRight(): Promise<void> {
    const findings = (await checkMachine(options)).filter(({ isForeign }) => !isForeign);
    if (findings.length === 0) return;
    const problems = findings.map(({ subject, problem }) => `${subject}: ${problem}`);
    logger.warn({ problems }, "another program has changed what the networks need; it is put right");
    await repair();
  }

  const look = createSettledWork(settleMilliseconds, () =>
    putRight().catch((error: unknown) =>
      logger.warn({ reason: messageOf(error) }, "what the networks need could not be put right"),
    ),
  );

  /** A container's end takes links and addresses away as well; those of bridges are few. */
  const isSuspicious = (loss: LinkLoss) => !("link" in loss) || isNeeded(loss.link);

  const listener = listenToNetlink(
    netlinkProtocol.route,
    linkGroups,
    (announcement) => {
      const losses = announcement?.messages.flatMap((message) => decodeLinkLoss(message) ?? []);
      if (losses && !losses.some(isSuspicious)) return;
      look.callFor();
    },
    lossFilter,
  );

  return {
    stop() {
      listener.close();
      look.stop();
    },
  };
}
