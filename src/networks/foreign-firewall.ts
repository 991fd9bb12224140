import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { BridgeRecord } from "./records.ts";

/**
 * Somebody else's packet filter (Docker, ufw) that drops what is forwarded by default. A drop there wins over an accept in
 * our table, so the traffic of our bridges is accepted there too; what of it is let in, our table has decided.
 */
interface ForeignFirewall {
  /** Makes our rules there exactly those of these bridges. Logs what it cannot do, and throws nothing. */
  accept(bridges: BridgeRecord[]): Promise<void>;
}

const run = promisify(execFile);
/** Docker's chain for rules that go before its own. */
const userChain = "DOCKER-USER";

/** `mark` is the comment our rules bear; one per engine on a machine. */
export function createForeignFirewall(mark: string, logger: Logger): ForeignFirewall {
  async function adapt(program: string, bridges: BridgeRecord[]): Promise<void> {
    const { stdout } = await run(program, ["-w", "-S"]);
    const lines = stdout.split("\n");
    const present = lines.filter((line) => line.startsWith("-A ") && isMarked(line));
    const chain = findChain(lines);
    const wanted = chain
      ? bridges.flatMap(({ link }) => [formatRule(chain, "-i", link), formatRule(chain, "-o", link)])
      : [];
    for (const line of present.filter((rule) => !wanted.includes(rule)))
      await run(program, ["-w", "-D", ...line.split(" ").slice(1)]);
    const missing = wanted.filter((rule) => !present.includes(rule));
    for (const rule of missing) await run(program, ["-w", "-I", ...rule.split(" ").slice(1)]);
    if (missing.length > 0)
      logger.info({ program, chain }, "accepted our bridges in a firewall that drops forwarded packets");
  }

  const isMarked = (line: string) => line.includes(` --comment ${mark} `);
  const formatRule = (chain: string, side: "-i" | "-o", link: string) =>
    `-A ${chain} ${side} ${link} -m comment --comment ${mark} -j ACCEPT`;

  return {
    async accept(bridges) {
      for (const program of findPrograms()) {
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

/** The old one only where it is in use: to ask it would put its tables in place. */
function findPrograms(): string[] {
  return ["iptables-nft", ...(isLegacyInUse() ? ["iptables-legacy"] : [])];
}

function isLegacyInUse(): boolean {
  try {
    return readFileSync("/proc/thread-self/net/ip_tables_names", "utf8").split("\n").includes("filter");
  } catch {
    return false;
  }
}
