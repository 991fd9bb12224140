import { hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { findIptables, type IptablesProgram, runIptables } from "../sys/iptables.ts";
import type { BridgeRecord } from "./records.ts";

/**
 * Somebody else's packet filter (Docker, ufw) that drops what is forwarded by default. A drop there wins over an accept in
 * our table, so the traffic of our bridges is accepted there too; what of it is let in, our table has decided.
 */
interface ForeignFirewall {
  /** Makes our rules there exactly those of these bridges. Logs what it cannot do, and throws nothing. */
  accept(bridges: BridgeRecord[]): Promise<void>;
}

/** Docker's chain for rules that go before its own. */
const userChain = "DOCKER-USER";

/** `mark` is the comment our rules bear; one per engine on a machine. */
export function createForeignFirewall(mark: string, logger: Logger): ForeignFirewall {
  async function adapt(program: IptablesProgram, bridges: BridgeRecord[]): Promise<void> {
    const lines = (await runIptables(program, ["-S"])).split("\n");
    const present = lines.filter((line) => line.startsWith("-A ") && isMarked(line));
    const chain = findChain(lines);
    const wanted = chain
      ? bridges.flatMap(({ link }) => [formatRule(chain, "-i", link), formatRule(chain, "-o", link)])
      : [];
    for (const line of present.filter((rule) => !wanted.includes(rule)))
      await runIptables(program, ["-D", ...line.split(" ").slice(1)]);
    const missing = wanted.filter((rule) => !present.includes(rule));
    for (const rule of missing) await runIptables(program, ["-I", ...rule.split(" ").slice(1)]);
    if (missing.length > 0)
      logger.info({ program, chain }, "accepted our bridges in a firewall that drops forwarded packets");
  }

  const isMarked = (line: string) => line.includes(` --comment ${mark} `);
  const formatRule = (chain: string, side: "-i" | "-o", link: string) =>
    `-A ${chain} ${side} ${link} -m comment --comment ${mark} -j ACCEPT`;

  return {
    async accept(bridges) {
      for (const program of findIptables()) {
        try {
          await adapt(program, bridges);
        } catch (error) {
          if (hasCode(error, "ENOENT")) continue;
          logger.warn(
            { program, reason: messageOf(error) },
            "another firewall may drop our bridges' packets",
          );
        }
      }
    },
  };
}

function findChain(lines: string[]): string | undefined {
  if (lines.includes(`-N ${userChain}`)) return userChain;
  return lines.includes("-P FORWARD DROP") ? "FORWARD" : undefined;
}
